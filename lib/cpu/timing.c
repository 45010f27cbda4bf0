/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the references of walks cost: entries near the walker, data caches,
 * memory.  Tags alone; nothing here decides what a walk reads.
 * Keeps: every reference is counted in exactly one cell and one level.
 */
#include <string.h>

#include "caches.h"
#include "walk_priv.h"

#define LINE_SHIFT 6

/* Whether the line was there; it is now. */
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
	cache_make(&c->entries, hpa, shift, 0, 0);
	return 0;
}

void timing_ref(struct env *env, unsigned dim, unsigned level, uint64_t hpa)
{
	struct caches *c = env->o->caches;
	struct vmmu_walk_cell *cell;
	unsigned cycles, held;

	if (c->quiet)
		return;
	cell = dim == 1 ? &c->stats.cell[level][0] : &c->stats.cell[env->table][level];
	cell->refs++;
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

void timing_nested(struct env *env, int hit)
{
	struct caches *c = env->o->caches;

	if (c->quiet)
		return;
	c->stats.nested_looks[env->table]++;
	if (!hit)
		return;
	c->stats.nested_hits[env->table]++;
	c->stats.walk_cycles += c->model->nested_tlb_latency;
}

void timing_data(struct caches *c, uint64_t hpa)
{
	unsigned held;

	c->stats.data_refs++;
	c->stats.data_cycles += fetch(c, 0, hpa, &held);
}
