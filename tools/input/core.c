/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an ELF core with libelf: program headers and QEMU's notes.
 * e_ehsize and the section headers are not looked at: QEMU writes odd ones.
 * Invariant: every offset is checked against the file's size before use.
 */
#include "core.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define CORE_MOST ((size_t)64 << 30)
/* QEMUCPUState, version 1 */
#define NOTE_VERSION 1u
#define NOTE_CR_OFFSET 392u
#define NOTE_BYTES (NOTE_CR_OFFSET + 5 * 8)

struct reader {
	struct core *core;
	Elf *elf;
	const char *path;
	struct err *err;
	uint64_t note_bytes; /* of all headers so far */
};

static int check_magic(const struct bytes *image, const char *path, struct err *err)
{
	const uint8_t *m = image->data;

	if (image->size < SELFMAG)
		return err_input(err, "%s: truncated: %zu bytes, too few for an ELF core", path,
				 image->size);
	if (memcmp(m, ELFMAG, SELFMAG) != 0)
		return err_input(err,
				 "%s: wrong magic at byte 0: %02x %02x %02x %02x is not an ELF "
				 "core's 7f 45 4c 46",
				 path, m[0], m[1], m[2], m[3]);
	if (image->size < sizeof(Elf32_Ehdr) ||
	    (m[EI_CLASS] == ELFCLASS64 && image->size < sizeof(Elf64_Ehdr)))
		return err_input(err, "%s: truncated within the ELF header, at byte %zu", path,
				 image->size);
	if (m[EI_DATA] != ELFDATA2LSB)
		return err_input(err, "%s: byte 5: not a little-endian core", path);
	return 0;
}

static int check_header(struct reader *r)
{
	uint64_t size = r->core->image.size;
	GElf_Ehdr eh;

	if (elf_kind(r->elf) != ELF_K_ELF || !gelf_getehdr(r->elf, &eh))
		return err_input(r->err, "%s: bad ELF header: %s", r->path, elf_errmsg(-1));
	if (eh.e_type != ET_CORE)
		return err_input(r->err, "%s: byte 16: ELF type %u, not a core (4)", r->path,
				 eh.e_type);
	if (eh.e_machine != EM_X86_64 && eh.e_machine != EM_386)
		return err_input(r->err, "%s: byte 18: machine %u is not x86", r->path,
				 eh.e_machine);
	r->core->long_mode = eh.e_machine == EM_X86_64;
	if (eh.e_phnum == PN_XNUM) /* the number is in section header 0 */
		return 0;
	if (eh.e_phoff > size || (uint64_t)eh.e_phnum * eh.e_phentsize > size - eh.e_phoff)
		return err_input(r->err,
				 "%s: truncated: %u program headers at byte 0x%llx, the "
				 "file has 0x%llx",
				 r->path, eh.e_phnum, (unsigned long long)eh.e_phoff,
				 (unsigned long long)size);
	return 0;
}

static int within_file(struct reader *r, size_t index, const GElf_Phdr *ph)
{
	uint64_t size = r->core->image.size;

	if (ph->p_offset <= size && ph->p_filesz <= size - ph->p_offset)
		return 0;
	return err_input(r->err,
			 "%s: truncated: program header %zu wants 0x%llx bytes at byte 0x%llx, "
			 "the file has 0x%llx",
			 r->path, index, (unsigned long long)ph->p_filesz,
			 (unsigned long long)ph->p_offset, (unsigned long long)size);
}

static int take_segment(struct reader *r, size_t index, const GElf_Phdr *ph)
{
	struct core *core = r->core;

	if (ph->p_filesz > ph->p_memsz)
		return err_input(r->err,
				 "%s: program header %zu: more bytes in the file than "
				 "in memory",
				 r->path, index);
	if (ph->p_paddr >= RAM_MOST || ph->p_memsz > RAM_MOST - ph->p_paddr)
		return err_input(r->err,
				 "%s: program header %zu: memory at 0x%llx, 0x%llx bytes, "
				 "ends above 0x%llx",
				 r->path, index, (unsigned long long)ph->p_paddr,
				 (unsigned long long)ph->p_memsz, RAM_MOST);
	core->segment[core->nr_segments++] = (struct core_segment){
		.gpa = ph->p_paddr,
		.bytes = ph->p_memsz,
		.data = core->image.data + ph->p_offset,
		.data_bytes = ph->p_filesz,
	};
	return 0;
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

/* One vCPU: u32 version, u32 size, ..., u64 cr[5] at offset 392. */
static int take_note(struct reader *r, const uint8_t *desc, size_t size)
{
	struct core *core = r->core;
	struct known_regs *cpu;
	uint64_t version = size >= 8 ? le64(desc) & UINT32_MAX : 0;

	if (size < NOTE_BYTES || version != NOTE_VERSION)
		return err_input(r->err,
				 "%s: QEMU note of vCPU %zu: %zu bytes, version %llu; "
				 "expected at least %u bytes, version %u",
				 r->path, core->nr_cpus, size, (unsigned long long)version,
				 NOTE_BYTES, NOTE_VERSION);
	cpu = realloc(core->cpu, (core->nr_cpus + 1) * sizeof(*cpu));
	if (!cpu)
		return err_input(r->err, "%s: out of memory", r->path);
	core->cpu = cpu;
	cpu += core->nr_cpus++;
	*cpu = (struct known_regs){ 0 };
	regs_set(cpu, REG_CR0, le64(desc + NOTE_CR_OFFSET));
	regs_set(cpu, REG_CR2, le64(desc + NOTE_CR_OFFSET + 16));
	regs_set(cpu, REG_CR3, le64(desc + NOTE_CR_OFFSET + 24));
	regs_set(cpu, REG_CR4, le64(desc + NOTE_CR_OFFSET + 32));
	return 0;
}

static int take_notes(struct reader *r, size_t index, const GElf_Phdr *ph)
{
	Elf_Data *data;
	GElf_Nhdr nh;
	size_t at = 0, name, desc;

	if (ph->p_filesz == 0)
		return 0;
	/* libelf may copy them for each header, so headers must not share them. */
	r->note_bytes += ph->p_filesz;
	if (r->note_bytes > r->core->image.size)
		return err_input(r->err,
				 "%s: program header %zu: its notes and those before it have more "
				 "bytes than the file",
				 r->path, index);
	data = elf_getdata_rawchunk(r->elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_NHDR);
	if (!data)
		return err_input(r->err, "%s: notes at byte 0x%llx: %s", r->path,
				 (unsigned long long)ph->p_offset, elf_errmsg(-1));
	while (at + sizeof(Elf32_Nhdr) <= data->d_size) {
		const char *bytes = data->d_buf;
		size_t next = gelf_getnote(data, at, &nh, &name, &desc);

		if (next == 0)
			return err_input(r->err, "%s: bad note at byte 0x%llx", r->path,
					 (unsigned long long)(ph->p_offset + at));
		if (nh.n_type == 0 && nh.n_namesz == 5 && memcmp(bytes + name, "QEMU", 5) == 0 &&
		    take_note(r, (const uint8_t *)bytes + desc, nh.n_descsz) < 0)
			return -1;
		at = next;
	}
	return 0;
}

static int take_headers(struct reader *r)
{
	struct core *core = r->core;
	size_t nr;

	if (elf_getphdrnum(r->elf, &nr) < 0 || nr == 0)
		return err_input(r->err, "%s: no program headers: %s", r->path,
				 nr ? elf_errmsg(-1) : "none in the ELF header");
	core->segment = calloc(nr, sizeof(*core->segment));
	if (!core->segment)
		return err_input(r->err, "%s: out of memory", r->path);
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(r->elf, (int)i, &ph))
			return err_input(r->err, "%s: truncated: program header %zu: %s", r->path,
					 i, elf_errmsg(-1));
		if (ph.p_type != PT_LOAD && ph.p_type != PT_NOTE)
			continue;
		if (within_file(r, i, &ph) < 0)
			return -1;
		if ((ph.p_type == PT_LOAD ? take_segment(r, i, &ph) : take_notes(r, i, &ph)) < 0)
			return -1;
	}
	return 0;
}

int core_open(struct core *core, const char *path, struct err *err)
{
	struct reader r = { .core = core, .path = path, .err = err };
	int ret = -1;

	*core = (struct core){ 0 };
	(void)elf_version(EV_CURRENT);
	if (input_slurp(path, CORE_MOST, &core->image, err) < 0)
		return -1;
	if (check_magic(&core->image, path, err) == 0) {
		r.elf = elf_memory((char *)core->image.data, core->image.size);
		ret = check_header(&r) < 0 || take_headers(&r) < 0 ? -1 : 0;
		elf_end(r.elf);
	}
	if (ret < 0)
		core_close(core);
	return ret;
}

void core_close(struct core *core)
{
	free(core->image.data);
	free(core->segment);
	free(core->cpu);
	*core = (struct core){ 0 };
}

size_t core_bytes(const struct core *core, uint64_t gpa, size_t len, uint8_t **bytes)
{
	for (size_t i = 0; i < core->nr_segments; i++) {
		const struct core_segment *s = &core->segment[i];

		if (gpa < s->gpa || gpa - s->gpa >= s->data_bytes)
			continue;
		*bytes = s->data + (gpa - s->gpa);
		return len < s->data_bytes - (gpa - s->gpa)
			       ? len
			       : (size_t)(s->data_bytes - (gpa - s->gpa));
	}
	return 0;
}

int core_ranges(const struct core *core, struct ranges *ram, const char *path, struct err *err)
{
	for (size_t i = 0; i < core->nr_segments; i++)
		if (ranges_add(ram, core->segment[i].gpa, core->segment[i].bytes, path, err) < 0)
			return -1;
	return 0;
}
