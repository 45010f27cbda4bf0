/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads kernel images: multiboot ones (ELF of either class, or with addresses in the header), and
 * flat ones, which begin at 0x7c00 in real mode as a boot sector does.
 * Not here: modules, video modes, compressed images.
 *
 * Invariant: nothing is written outside RAM, and nothing is read outside the file.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x1badb002u
#define BOOTED 0x2badb002u
#define HEADER_WITHIN 8192u
#define HAS_ADDRESSES (1u << 16)
#define FLAT_AT 0x7c00u
#define LOW_END 0x9f000u
#define IMAGE_MOST (256u << 20)

struct image {
	struct run *r;
	const char *path;
	uint8_t *data;
	size_t size;
	uint64_t entry;
	uint64_t low_end; /* end of what was loaded below 640K */
};

static int bad(struct image *m, const char *what)
{
	run_end(m->r, END_INPUT, "%s: %s", m->path, what);
	return -1;
}

static int read_file(struct image *m)
{
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return bad(m, strerror(errno));
	m->data = malloc(IMAGE_MOST);
	while (m->data && m->size < IMAGE_MOST &&
	       (n = read(fd, m->data + m->size, IMAGE_MOST - m->size)) > 0)
		m->size += (size_t)n;
	if (n < 0 && m->data)
		n = -errno;
	close(fd);
	if (!m->data)
		return bad(m, "out of memory");
	if (n < 0)
		return bad(m, strerror((int)-n));
	if (n > 0)
		return bad(m, "larger than 256 MiB");
	return m->size ? 0 : bad(m, "empty");
}

/* Copies [from, from + bytes) of the file to gpa, and fills up to `room` bytes with zeroes. */
static int place(struct image *m, uint64_t gpa, uint64_t from, uint64_t bytes, uint64_t room)
{
	if (from > m->size || bytes > m->size - from) {
		run_end(m->r, END_INPUT,
			"%s: truncated: 0x%llx bytes are wanted at byte 0x%llx, the file has "
			"0x%llx",
			m->path, (unsigned long long)bytes, (unsigned long long)from,
			(unsigned long long)m->size);
		return -1;
	}
	if (room < bytes)
		room = bytes;
	if (!room)
		return 0;
	if (!is_ram(m->r, gpa, room)) {
		run_end(m->r, END_INPUT,
			"%s: 0x%llx bytes to be loaded at 0x%llx are not in the 0x%llx bytes of "
			"RAM",
			m->path, (unsigned long long)room, (unsigned long long)gpa,
			(unsigned long long)m->r->ram.bytes);
		return -1;
	}
	memcpy(m->r->ram.base + gpa, m->data + from, bytes);
	if (gpa < LOW_END && gpa + room > m->low_end)
		m->low_end = gpa + room;
	return 0;
}

static uint32_t get32(const struct image *m, size_t at)
{
	const uint8_t *p = m->data + at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The offset of the multiboot header, or -1. */
static long find_header(const struct image *m)
{
	for (size_t at = 0; at + 12 <= m->size && at < HEADER_WITHIN; at += 4)
		if (get32(m, at) == MAGIC && !(get32(m, at) + get32(m, at + 4) + get32(m, at + 8)))
			return (long)at;
	return -1;
}

static int load_by_header(struct image *m, size_t at)
{
	uint32_t header, load, load_end, bss_end, skip;

	if (at + 32 > m->size)
		return bad(m, "truncated within the multiboot header");
	header = get32(m, at + 12);
	load = get32(m, at + 16);
	load_end = get32(m, at + 20);
	bss_end = get32(m, at + 24);
	m->entry = get32(m, at + 28);
	skip = header - load;
	if (header < load || skip > at)
		return bad(m, "the multiboot header's addresses are not in order");
	if (!load_end)
		load_end = load + (uint32_t)(m->size - (at - skip));
	if (load_end < load || (bss_end && bss_end < load_end))
		return bad(m, "the multiboot header's addresses are not in order");
	return place(m, load, at - skip, load_end - load, bss_end ? bss_end - load : 0);
}

static int load_segments(struct image *m, Elf *elf)
{
	GElf_Ehdr eh;
	size_t nr;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) || elf_getphdrnum(elf, &nr) < 0)
		return bad(m, elf_errmsg(-1));
	if (eh.e_machine != EM_386 && eh.e_machine != EM_X86_64)
		return bad(m, "an ELF file for another machine than x86");
	m->entry = eh.e_entry;
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph))
			return bad(m, elf_errmsg(-1));
		if (ph.p_type != PT_LOAD)
			continue;
		/* The entry point of an ELF64 kernel is a virtual address. */
		if (eh.e_entry >= ph.p_vaddr && eh.e_entry - ph.p_vaddr < ph.p_memsz)
			m->entry = ph.p_paddr + (eh.e_entry - ph.p_vaddr);
		if (place(m, ph.p_paddr, ph.p_offset, ph.p_filesz, ph.p_memsz) < 0)
			return -1;
	}
	return 0;
}

static int load_elf(struct image *m)
{
	Elf *elf;
	int ret;

	(void)elf_version(EV_CURRENT);
	elf = elf_memory((char *)m->data, m->size);
	if (!elf)
		return bad(m, elf_errmsg(-1));
	ret = load_segments(m, elf);
	elf_end(elf);
	return ret;
}

/* ---- the state at the entry ---- */

/* The engine starts in 64-bit mode.  Only turning paging off leaves that mode. */
static void leave_long_mode(struct cpu *c)
{
	uc_x86_msr efer = { .rid = 0xc0000080, .value = 0 };

	cpu_set_reg(c, UC_X86_REG_CR4, VMMU_CR4_PAE);
	cpu_set_reg(c, UC_X86_REG_CR0, VMMU_CR0_PG | VMMU_CR0_PE);
	cpu_set_reg(c, UC_X86_REG_CR0, VMMU_CR0_PE | VMMU_CR0_ET);
	uc_reg_write(c->uc, UC_X86_REG_MSR, &efer);
	cpu_set_reg(c, UC_X86_REG_CR4, 0);
}

static void set_segments(struct cpu *c, const struct seg *code, const struct seg *data)
{
	cpu_get(c);
	for (unsigned s = 0; s < NR_SEGMENTS; s++)
		cpu_set_seg(c, (enum segment)s, s == SEG_CS ? code : data);
	cpu_set_mode(c, 0);
	cpu_clear_exception(c);
	cpu_put(c);
}

static void start_protected(struct cpu *c)
{
	const uint32_t flat = DESC_G | DESC_B | DESC_P | DESC_S | DESC_RW | DESC_A;
	const struct seg code = { 8, 0, UINT32_MAX, flat | DESC_CODE };
	const struct seg data = { 16, 0, UINT32_MAX, flat };

	leave_long_mode(c);
	set_segments(c, &code, &data);
}

static void start_real(struct run *r)
{
	const uint32_t flags = DESC_P | DESC_S | DESC_RW | DESC_A;
	const struct seg code = { 0, 0, UINT16_MAX, flags | DESC_CODE };
	const struct seg data = { 0, 0, UINT16_MAX, flags };
	uc_x86_mmr ivt = { .limit = 0x3ff };

	leave_long_mode(&r->cpu);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR0, VMMU_CR0_ET);
	uc_reg_write(r->uc, UC_X86_REG_IDTR, &ivt);
	set_segments(&r->cpu, &code, &data);
	mmu_set_register(r, 0, VMMU_CR0_ET);
	cpu_set_reg(&r->cpu, UC_X86_REG_RSP, FLAT_AT);
}

static void put32(struct run *r, uint64_t gpa, uint32_t v)
{
	memcpy(r->ram.base + gpa, &v, 4); /* host and guest are both little-endian */
}

/* Writes the multiboot information: flags, memory, command line, memory map (0.6.96, 3.3). */
static int write_info(struct image *m, const char *args, uint64_t *info)
{
	struct run *r = m->r;
	uint64_t at = (m->low_end + 0xfff) & ~0xfffull, map, line;

	if (at < 0x8000)
		at = 0x8000;
	map = at + 128;
	line = at + 256;
	if (line + strlen(m->path) + strlen(args) + 2 > LOW_END)
		return bad(m, "no room below 640K for the command line");
	*info = at;
	put32(r, at, 1 | 1u << 2 | 1u << 6);
	put32(r, at + 4, 640);
	put32(r, at + 8, (uint32_t)((r->ram.bytes >> 10) - 1024));
	put32(r, at + 16, (uint32_t)line);
	put32(r, at + 44, 48);
	put32(r, at + 48, (uint32_t)map);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t lo = i ? 1u << 20 : 0, hi = i ? r->ram.bytes : 0xa0000;

		put32(r, map + 24 * i, 20);
		put32(r, map + 24 * i + 4, (uint32_t)lo);
		put32(r, map + 24 * i + 12, (uint32_t)(hi - lo));
		put32(r, map + 24 * i + 20, 1);
	}
	(void)snprintf((char *)r->ram.base + line, LOW_END - line, "%s%s%s", m->path,
		       *args ? " " : "", args);
	return 0;
}

static int start(struct image *m, int multiboot, const char *args)
{
	uint64_t info = 0;
	struct run *r = m->r;

	if (!multiboot) {
		start_real(r);
		cpu_set_reg(&r->cpu, UC_X86_REG_RIP, FLAT_AT);
		return 0;
	}
	if (write_info(m, args, &info) < 0)
		return -1;
	start_protected(&r->cpu);
	cpu_set_reg(&r->cpu, UC_X86_REG_RAX, BOOTED);
	cpu_set_reg(&r->cpu, UC_X86_REG_RBX, info);
	cpu_set_reg(&r->cpu, UC_X86_REG_RIP, m->entry);
	return 0;
}

static int load(struct image *m, const char *args)
{
	long header = find_header(m);
	int is_elf = m->size > SELFMAG && memcmp(m->data, ELFMAG, SELFMAG) == 0, ret;

	if (header >= 0 && (get32(m, (size_t)header + 4) & HAS_ADDRESSES))
		ret = load_by_header(m, (size_t)header);
	else if (is_elf && header < 0)
		return bad(m, "an ELF file without a multiboot header in its first 8192 bytes");
	else if (is_elf)
		ret = load_elf(m);
	else if (header >= 0)
		return bad(m, "a multiboot header without addresses, and no ELF file");
	else
		ret = place(m, FLAT_AT, 0, m->size, 0);
	return ret < 0 ? -1 : start(m, header >= 0, args);
}

int load_kernel(struct run *r, const char *path, const char *args)
{
	struct image m = { .r = r, .path = path };
	int ret = read_file(&m);

	if (ret == 0)
		ret = load(&m, args);
	free(m.data);
	return ret;
}
