/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest to begin with, by name: tables that map every address of the world, and the
 * registers of a mode.
 * Not here: what is done to it then (gen.c).
 *
 * One table of each level, which all addresses go through; what it leads to is memory that no
 * table is in.  Everything may be written and executed by everybody, and was.
 *
 *	CR3 -> frame 0 -> frame 1 -> ... -> one of the other frames
 *
 * An entry that was poked before stays.
 */
#include <string.h>

#include "world_priv.h"

#define OPEN 0x67ull /* present, writable, user, A, D */
#define PDPTE 0x1ull
#define MOST_LEVELS 5u

static const struct preset {
	const char *name;
	unsigned levels, bits, top_bits, entry_bytes; /* of an index; of the top level's */
	uint64_t cr4, efer;
} presets[NR_PRESETS] = {
	[PRESET_32] = { "32-bit", 2, 10, 10, 4, OR_CR4_PSE, 0 },
	[PRESET_PAE] = { "pae", 3, 9, 2, 8, OR_CR4_PAE, OR_EFER_NXE },
	[PRESET_LONG] = { "long", 4, 9, 9, 8, OR_CR4_PAE, OR_EFER_NXE | OR_EFER_LME | OR_EFER_LMA },
	[PRESET_LONG5] = { "5-level", 5, 9, 9, 8, OR_CR4_PAE | OR_CR4_LA57,
			   OR_EFER_NXE | OR_EFER_LME | OR_EFER_LMA },
};

const char *world_preset_name(unsigned which)
{
	return which < NR_PRESETS ? presets[which].name : NULL;
}

/* Frames that a 32-bit entry can name and whose A and D can be set. */
static unsigned plain_frames(const struct world *w, uint64_t frame[WORLD_FRAMES])
{
	unsigned f, nr = 0;

	for (f = 0; f < w->nr_frames; f++)
		if (w->frame[f] < 4 * GIB && !world_is_rom(w, w->frame[f]))
			frame[nr++] = w->frame[f];
	return nr;
}

static void put_where_empty(struct world *w, uint64_t gpa, unsigned bytes, uint64_t entry)
{
	uint64_t word = world_read(w, gpa & ~7ull, 8), shift = 8 * (gpa & 7);

	if (!world_read(w, gpa, bytes))
		world_poke(w, gpa & ~7ull, word | entry << shift);
}

static void map(struct world *w, const struct preset *p, uint64_t gva, const uint64_t *table,
		uint64_t data)
{
	unsigned level, shift = 12 + (p->levels - 1) * p->bits, bits = p->top_bits;

	for (level = 0; level < p->levels; level++) {
		uint64_t index = gva >> shift & ((1u << bits) - 1);
		bool leaf = level + 1 == p->levels;

		put_where_empty(w, table[level] + index * p->entry_bytes, p->entry_bytes,
				(leaf ? data : table[level + 1]) | (bits == 2 ? PDPTE : OPEN));
		shift -= p->bits;
		bits = p->bits;
	}
}

void world_preset(struct world *w, unsigned which)
{
	struct ops *record = w->record;
	const struct preset *p = &presets[which];
	uint64_t frame[WORLD_FRAMES];
	unsigned nr = plain_frames(w, frame), i;
	struct or_regs r = { .cr0 = OR_CR0_PE | OR_CR0_ET | OR_CR0_WP | OR_CR0_PG };

	if (!note(w, &(struct world_op){ .what = OP_PRESET, .how = (uint8_t)which }))
		return;
	if ((p->cr4 & ~w->orp.cr4_valid) & OR_CR4_LA57)
		p = &presets[PRESET_LONG];
	w->record = NULL;
	for (i = 0; i < w->nr_gvas; i++)
		map(w, p, w->gva[i], frame, frame[p->levels + i % (nr - p->levels)]);
	r.cr3 = frame[0];
	r.cr4 = p->cr4 & w->orp.cr4_valid;
	r.efer = p->efer & w->orp.efer_valid;
	for (i = 0; i < w->cfg.nr_cpus; i++)
		world_set_all(w, i, &r, true);
	w->record = record;
}
