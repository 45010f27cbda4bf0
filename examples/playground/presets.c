/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests to begin with: small page tables in each mode, the same places at each level.
 * Not here: machines (world.c).
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define P 1ull
#define W 2ull
#define U 4ull
#define PS 0x80ull
#define NX (1ull << 63)

#define ROOT 0x1000ull
#define OTHER 0x8000ull /* a second address space of the same shape */
#define DATA 0x40000ull
#define LARGE 0x200000ull /* a 2M page; RAM ends with it */
#define FREE 0x10000ull	  /* frames that nobody uses */

struct preset {
	const char *name;
	struct vmmu_regs regs;
	unsigned levels; /* of the tables to be made; 0: none */
	unsigned entry_bytes;
	unsigned index[6]; /* by level: where the link or leaf lies */
	uint64_t link;	   /* of links to the second level in PAE: P alone */
	int large;	   /* a large leaf beside it */
};

static const struct preset presets[] = {
	{ "four",
	  { .cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x20, .efer = 0xd00 },
	  4,
	  8,
	  { 0, 4, 3, 2, 1 },
	  P | W | U,
	  1 },
	{ "five",
	  { .cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x1020, .efer = 0xd00 },
	  5,
	  8,
	  { 0, 5, 4, 3, 2, 1 },
	  P | W | U,
	  1 },
	{ "pae",
	  { .cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x20, .efer = 0x800 },
	  3,
	  8,
	  { 0, 3, 2, 1 },
	  P,
	  1 },
	{ "two", { .cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x10 }, 2, 4, { 0, 2, 1 }, P | W | U, 0 },
	{ "real", { .cr0 = 0x10 }, 0, 8, { 0 }, 0, 0 },
	{ "empty4",
	  { .cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x20, .efer = 0xd00 },
	  0,
	  8,
	  { 0 },
	  0,
	  0 },
	{ "empty2", { .cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x10 }, 0, 4, { 0 }, 0, 0 },
};

const char *preset_names(void)
{
	return "four, five, pae, two, real, empty4, empty2";
}

/* The pages of a leaf table: one to write, one to read, one of the supervisor's, one not to run. */
static void fill_leaves(struct play *p, const struct preset *s, uint64_t table, uint64_t data)
{
	static const uint64_t rights[] = { W | U, U, W, W | U | NX };
	unsigned first = s->index[1];

	for (unsigned i = 0; i < 4; i++) {
		uint64_t e = (data + i * VMMU_PAGE_SIZE) | P | rights[i];

		if (s->entry_bytes == 4)
			e &= UINT32_MAX;
		ram_poke(p, table + (first + i) * s->entry_bytes, e, s->entry_bytes);
	}
}

/* A tree with one table at each level, its tables in frames one after the other. */
static void fill_tree(struct play *p, const struct preset *s, uint64_t root, uint64_t data)
{
	uint64_t table = root;

	for (unsigned level = s->levels; level > 1; level--, table += VMMU_PAGE_SIZE) {
		uint64_t link = level == s->levels ? s->link : P | W | U;

		ram_poke(p, table + s->index[level] * s->entry_bytes,
			 (table + VMMU_PAGE_SIZE) | link, s->entry_bytes);
		if (level == 2 && s->large)
			ram_poke(p, table + (s->index[2] + 1) * s->entry_bytes,
				 LARGE | P | W | U | PS, s->entry_bytes);
	}
	fill_leaves(p, s, table, data);
}

/* An address within the first page of its leaf table. */
static uint64_t sample(const struct preset *s)
{
	uint64_t gva = s->levels ? 0xabc : 0x7c00;

	for (unsigned level = 1; level <= s->levels; level++)
		gva |= (uint64_t)s->index[level]
		       << (12 + (s->entry_bytes == 4 ? 10 : 9) * (level - 1));
	return gva;
}

int preset_make(struct play *p, const char *name)
{
	const struct preset *s;

	for (s = presets; s < presets + sizeof(presets) / sizeof(*presets); s++) {
		if (strcmp(s->name, name))
			continue;
		if (world_memory(p, PRESET_RAM))
			return -1;
		if (s->levels) {
			fill_tree(p, s, ROOT, DATA);
			fill_tree(p, s, OTHER, DATA + 0x10000);
		}
		p->with = (struct switches){ 0 };
		p->sample = sample(s);
		p->next_free = FREE;
		p->is_core = 0;
		trace_forget(p);
		snprintf(p->preset, sizeof(p->preset), "%s", name);
		return world_start(p, &s->regs);
	}
	return play_fail(p, "no preset is called '%.40s': there are %s", name, preset_names());
}
