/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which cache holds an entry that a walk reads, and so what the reference costs: the entry cache,
 * data caches, memory.  They hold tags only, and do not decide what a walk reads.
 * Not here: what a walk counts of it (timing.h).
 */
#include <string.h>

#include "caches.h"

#define LINE_SHIFT 6

/* Looks for the line and puts it in; whether it was there. */
static int lines_use(struct lines *l, uint64_t hpa)
{
	uint64_t line = (hpa >> LINE_SHIFT) + 1, *set, before, now = line;
	uint32_t i;

	set = &l->line[(line & (l->sets - 1)) * l->ways];
	for (i = 0; i < l->ways; i++) {
		before = set[i];
		set[i] = now;
		if (before == line)
			return 1;
		now = before;
	}
	return 0;
}

/* Cycles of a reference that the data caches see from level `i` on, and who held it. */
static unsigned fetch(struct caches *c, unsigned i, uint64_t hpa, unsigned *held)
{
	const struct vmmu_silicon *m = c->model;

	for (; i < m->nr_caches; i++) {
		*held = i;
		if (lines_use(&c->lines[i], hpa))
			return m->cache[i].latency;
	}
	*held = m->nr_caches;
	return m->memory;
}

static int is_near(struct caches *c, unsigned dim, unsigned level, uint64_t hpa)
{
	const struct vmmu_entry_cache *m = &c->model->entries;
	unsigned lowest = dim == 1 ? m->guest : m->nested;
	unsigned shift;

	if (!c->entries.entry || !lowest || level < lowest)
		return 0;
	shift = (unsigned)__builtin_ctz(m->line);
	if (cache_find_size(&c->entries, hpa, shift, 0))
		return 1;
	cache_put(&c->entries, hpa >> shift, cache_key(shift, 0), 0, 0);
	return 0;
}

void timing_held(struct caches *c, struct vmmu_walk_cell *cell, unsigned dim, unsigned level,
		 uint64_t hpa)
{
	unsigned cycles, held;

	if (is_near(c, dim, level, hpa)) {
		cell->near++;
		cycles = c->model->entries.latency;
	} else {
		cycles = fetch(c, c->model->walk_from, hpa, &held);
		if (held < c->model->nr_caches)
			c->stats.cache_hits[held]++;
		else
			c->stats.memory++;
	}
	cell->cycles += cycles;
	c->stats.walk_cycles += cycles;
}

/* The references of nested walks that were counted whole. */
static void tell_nested(const struct caches *c, struct vmmu_silicon_stats *s)
{
	unsigned g, from, leaf, n;

	for (g = 0; c->nested_refs && g <= VMMU_LEVELS; g++)
		for (from = 1; from <= VMMU_LEVELS; from++)
			for (leaf = 1; leaf <= from; leaf++)
				for (n = leaf; n <= from; n++)
					s->cell[g][n].refs += c->nested_refs->walks[g][from][leaf];
}

/* Of the cells, where every reference goes to memory. */
static void tell_bare(const struct caches *c, struct vmmu_silicon_stats *s)
{
	unsigned g, n;

	for (g = 0; g <= VMMU_LEVELS; g++) {
		for (n = 0; n <= VMMU_LEVELS; n++) {
			s->cell[g][n].cycles = s->cell[g][n].refs * c->model->memory;
			s->memory += s->cell[g][n].refs;
			s->walk_cycles += s->cell[g][n].cycles;
		}
	}
}

void timing_tell(const struct caches *c, struct vmmu_silicon_stats *s)
{
	unsigned g;

	*s = c->stats;
	tell_nested(c, s);
	if (c->bare)
		tell_bare(c, s);
	for (g = 0; g <= VMMU_LEVELS; g++)
		s->walk_cycles += s->nested_hits[g] * c->model->nested_tlb_latency;
	for (g = 0; g < c->model->nr_tlbs; g++)
		s->tlb_cycles += s->tlb_hits[g] * c->model->tlb[g].latency;
}

void timing_clear(struct caches *c)
{
	memset(&c->stats, 0, sizeof(c->stats));
	if (c->nested_refs)
		memset(c->nested_refs, 0, sizeof(*c->nested_refs));
}

void timing_data(struct caches *c, uint64_t hpa)
{
	unsigned held;

	c->stats.data_refs++;
	c->stats.data_cycles += fetch(c, 0, hpa, &held);
}
