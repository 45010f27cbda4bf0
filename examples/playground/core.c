/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest from an ELF core as QEMU's dump-guest-memory writes it: program headers for memory,
 * the note "QEMU" for registers.
 * Not here: decompression, and files that say more (the command reads those).
 * Keeps: every offset is checked against the size before it is used.
 */
#include <string.h>

#include "world.h"

#define PT_LOAD 1u
#define PT_NOTE 4u
#define ET_CORE 4u
#define EM_386 3u
#define EM_X86_64 62u
#define RAM_MOST (512ull << 20)
#define RAM_UNIT (2ull << 20)
#define NOTE_CRS 392u /* of QEMUCPUState, version 1 */

struct reader {
	struct play *p;
	const uint8_t *bytes;
	uint64_t size;
	int wide;  /* ELF64 */
	int found; /* registers */
	struct vmmu_regs regs;
};

struct header {
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz;
};

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | at[bytes];
	return v;
}

static int check_head(struct reader *r)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };
	uint64_t machine;

	if (r->size < 64 || memcmp(r->bytes, magic, 4))
		return play_fail(r->p, "this is no ELF core: its first bytes are not 7f 45 4c 46");
	if (r->bytes[4] < 1 || r->bytes[4] > 2 || r->bytes[5] != 1)
		return play_fail(r->p, "this ELF file is of no x86: class %u, data %u", r->bytes[4],
				 r->bytes[5]);
	r->wide = r->bytes[4] == 2;
	machine = get(r->bytes + 18, 2);
	if (get(r->bytes + 16, 2) != ET_CORE || (machine != EM_386 && machine != EM_X86_64))
		return play_fail(r->p,
				 "this ELF file is no core of an x86 guest: type %u, machine %u",
				 (unsigned)get(r->bytes + 16, 2), (unsigned)machine);
	/* A core does not tell EFER: what QEMU's guests of this kind have. */
	if (machine == EM_X86_64)
		r->regs.efer = VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE;
	return 0;
}

/* Header number n of those at the file's e_phoff; 0, or -1 where it leaves the file. */
static int get_header(struct reader *r, unsigned n, struct header *h)
{
	uint64_t at = r->wide ? get(r->bytes + 32, 8) : get(r->bytes + 28, 4);
	unsigned bytes = r->wide ? 56 : 32;
	const uint8_t *b;

	if (at > r->size || (uint64_t)(n + 1) * bytes > r->size - at)
		return play_fail(r->p, "truncated: program header %u lies outside the file", n);
	b = r->bytes + at + (uint64_t)n * bytes;
	h->type = (uint32_t)get(b, 4);
	h->offset = r->wide ? get(b + 8, 8) : get(b + 4, 4);
	h->paddr = r->wide ? get(b + 24, 8) : get(b + 12, 4);
	h->filesz = r->wide ? get(b + 32, 8) : get(b + 16, 4);
	h->memsz = r->wide ? get(b + 40, 8) : get(b + 20, 4);
	if (h->type != PT_LOAD && h->type != PT_NOTE)
		return 0;
	if (h->offset > r->size || h->filesz > r->size - h->offset)
		return play_fail(
			r->p, "truncated: the bytes of program header %u lie outside the file", n);
	if (h->type == PT_LOAD &&
	    (h->filesz > h->memsz || h->paddr > RAM_MOST || h->memsz > RAM_MOST - h->paddr))
		return play_fail(
			r->p,
			"program header %u: memory at 0x%llx, 0x%llx bytes; this page takes "
			"guests of %llu MiB at most",
			n, (unsigned long long)h->paddr, (unsigned long long)h->memsz,
			RAM_MOST >> 20);
	return 0;
}

/* The first vCPU's. */
static void take_note(struct reader *r, const uint8_t *desc, uint64_t size)
{
	if (r->found || size < NOTE_CRS + 40 || get(desc, 4) != 1)
		return;
	r->found = 1;
	r->regs.cr0 = get(desc + NOTE_CRS, 8);
	r->regs.cr2 = get(desc + NOTE_CRS + 16, 8);
	r->regs.cr3 = get(desc + NOTE_CRS + 24, 8);
	r->regs.cr4 = get(desc + NOTE_CRS + 32, 8);
}

static void take_notes(struct reader *r, const struct header *h)
{
	const uint8_t *b = r->bytes + h->offset;
	uint64_t left = h->filesz;

	while (left >= 12) {
		uint64_t name = get(b, 4), desc = get(b + 4, 4);
		uint64_t name_room = (name + 3) & ~3ull,
			 all = 12 + name_room + ((desc + 3) & ~3ull);

		if (all > left)
			return;
		if (name == 5 && get(b + 8, 4) == 0 && !memcmp(b + 12, "QEMU", 5))
			take_note(r, b + 12 + name_room, desc);
		b += all;
		left -= all;
	}
}

static unsigned nr_headers(const struct reader *r)
{
	return (unsigned)get(r->bytes + (r->wide ? 56 : 44), 2);
}

/* Registers, and how much memory there is. */
static int survey(struct reader *r, uint64_t *end)
{
	struct header h;

	*end = 0;
	for (unsigned i = 0; i < nr_headers(r); i++) {
		if (get_header(r, i, &h))
			return -1;
		if (h.type == PT_NOTE)
			take_notes(r, &h);
		if (h.type == PT_LOAD && h.paddr + h.memsz > *end)
			*end = h.paddr + h.memsz;
	}
	if (!*end)
		return play_fail(r->p, "there is no memory in this core");
	if (!r->found)
		return play_fail(r->p, "there are no registers in this core: no note of QEMU's");
	return 0;
}

static int fill(struct reader *r)
{
	struct header h;

	for (unsigned i = 0; i < nr_headers(r); i++) {
		if (get_header(r, i, &h))
			return -1;
		for (unsigned n = 0; h.type == PT_LOAD && n < NR_MACHINES; n++)
			memcpy(r->p->machine[n].ram + h.paddr, r->bytes + h.offset, h.filesz);
	}
	return 0;
}

/*
 * QEMU's TCG marks PDPTEs accessed in memory, where that bit is reserved for a CPU (SDM 4.4.1).
 */
static void mend_pdptes(struct play *p, const struct vmmu_regs *regs)
{
	uint64_t table = regs->cr3 & 0xffffffe0;

	if (!(regs->cr0 & VMMU_CR0_PG) || !(regs->cr4 & VMMU_CR4_PAE) ||
	    (regs->efer & VMMU_EFER_LMA) || table + 32 > p->ram_bytes)
		return;
	for (unsigned i = 0; i < 4; i++)
		ram_poke(p, table + 8 * i, ram_entry(p, table + 8 * i, 8) & ~0x20ull, 8);
}

int core_load(struct play *p, const uint8_t *bytes, size_t size)
{
	struct reader r = { .p = p, .bytes = bytes, .size = size };
	uint64_t end;

	if (check_head(&r) || survey(&r, &end))
		return -1;
	if (!(r.regs.cr4 & VMMU_CR4_PAE))
		r.regs.efer = 0;
	else if (!r.regs.efer)
		r.regs.efer = VMMU_EFER_NXE;
	/* A core of page tables alone leaves memory out; tables seldom lie at its end. */
	end = (end + RAM_UNIT - 1) & ~(RAM_UNIT - 1);
	if (world_memory(p, end) || fill(&r))
		return -1;
	trace_forget(p);
	p->is_core = 1;
	p->next_free = end;
	p->sample = 0;
	memcpy(p->preset, "core", 5);
	mend_pdptes(p, &r.regs);
	if (!world_start(p, &r.regs))
		return 0;
	world_stop(p);
	return -1;
}
