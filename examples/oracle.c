/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judges a backend of your own with the oracle alone: what may a translation be after the guest has
 * changed an entry?  "Mine" is a TLB with one entry whose INVLPG may get lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu-oracle/oracle.h>

#define RAM_BYTES 0x8000u
#define LEAF 0x4000u
#define PRESENT_AD 0x67u /* present, writable, user, A, D */

static int is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa < RAM_BYTES;
}

static int read_ram(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	*val = 0;
	memcpy(val, (const uint8_t *)ctx + pa, bytes);
	return 0;
}

static int write_ram(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	memcpy((uint8_t *)ctx + pa, &val, bytes);
	return 0;
}

/* The backend that is tested.  It walks the tables when its one entry is empty. */
struct mine {
	const struct or_mem *mem;
	int full;
	uint64_t page;
};

static struct or_result answer(struct mine *m)
{
	struct or_result r;
	uint64_t leaf;

	memset(&r, 0, sizeof(r));
	if (!m->full) {
		m->mem->read(m->mem->ctx, LEAF, 8, &leaf);
		m->page = leaf & ~(uint64_t)0xfff;
		m->full = 1;
	}
	r.kind = OR_OK;
	r.gpa = m->page;
	return r;
}

static void judge(struct or_world *w, struct mine *m, const char *when)
{
	static const char *const verdict[] = { "WRONG", "right", "legal, from a TLB" };
	const struct or_access read = { .gva = 0, .op = OR_READ, .size = 1 };
	struct or_result seen = answer(m);
	int legal = or_legal(w, 0, &read, &seen);

	printf("%-28s gpa 0x%llx: %s\n", when, (unsigned long long)seen.gpa, verdict[legal]);
}

static void store(struct or_world *w, const struct or_mem *mem, uint64_t gpa, uint64_t value)
{
	mem->write(mem->ctx, gpa, 8, value);
	or_note_store(w, gpa, 8);
}

int main(void)
{
	const struct or_profile cpu = {
		.maxphyaddr = 46, .has_1g = true, .cr4_valid = 0x7ff, .efer_valid = 0xd01
	};
	const struct or_regs regs = {
		.cr0 = 0x80010011, .cr3 = 0x1000, .cr4 = 0x20, .efer = 0x500
	};
	uint8_t *ram = calloc(1, RAM_BYTES);
	const struct or_mem mem = { ram, is_ram, NULL, read_ram, write_ram };
	struct or_world *w = or_world_new(&cpu, &mem);
	struct mine mine = { .mem = &mem };

	if (!ram)
		return 1;
	or_vcpu_new(w, &regs);
	or_watch(w, 0);
	store(w, &mem, 0x1000, 0x2000 | PRESENT_AD);
	store(w, &mem, 0x2000, 0x3000 | PRESENT_AD);
	store(w, &mem, 0x3000, LEAF | PRESENT_AD);
	store(w, &mem, LEAF, 0x5000 | PRESENT_AD);
	judge(w, &mine, "mapped to 0x5000");
	store(w, &mem, LEAF, 0x6000 | PRESENT_AD);
	judge(w, &mine, "mapped to 0x6000, no INVLPG");
	or_note_invlpg(w, 0, 0);
	judge(w, &mine, "INVLPG, lost by mine");
	mine.full = 0;
	judge(w, &mine, "INVLPG, done by mine");
	or_world_free(w);
	free(ram);
	return 0;
}
