/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an ELF core with libelf: program headers.
 * e_ehsize and the section headers are not looked at: QEMU writes odd ones.
 * Invariant: every offset is checked against the file's size before use.
 */
#include "dump.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct core *core;
	Elf *elf;
	const char *path;
	struct err *err;
	uint64_t note_bytes; /* bytes of notes of the headers so far */
};

static int check_ident(const struct bytes *image, const char *path, struct err *err)
{
	const uint8_t *m = image->data;

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
	if (eh.e_phnum ==
	    PN_XNUM) /* more than 65,534 headers: their number is in section header 0 */
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

static int take_notes(struct reader *r, size_t index, const GElf_Phdr *ph)
{
	const uint8_t *notes = r->core->image.data + ph->p_offset;

	/*
	 * Many headers with the same notes would make a small file take long: their notes must not
	 * overlap.
	 */
	r->note_bytes += ph->p_filesz;
	if (r->note_bytes > r->core->image.size)
		return err_input(r->err,
				 "%s: program header %zu: its notes and those before it have more "
				 "bytes than the file",
				 r->path, index);
	return notes_take(r->core, notes, ph->p_filesz, ph->p_offset, r->path, r->err);
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

int elf_read(struct core *core, struct input *in, const char *path, struct err *err)
{
	struct reader r = { .core = core, .path = path, .err = err };
	int ret = -1;

	(void)elf_version(EV_CURRENT);
	if (input_slurp_rest(in, DUMP_MOST, &core->image, err) < 0)
		return -1;
	if (check_ident(&core->image, path, err) == 0) {
		r.elf = elf_memory((char *)core->image.data, core->image.size);
		ret = check_header(&r) < 0 || take_headers(&r) < 0 ? -1 : 0;
		elf_end(r.elf);
	}
	return ret;
}
