/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the references of walks cost, as the walk counts them.
 * Not here: who holds what (timing.c).
 * Keeps: every reference is counted in exactly one cell and one level; a number that follows from
 * other counts is computed when statistics are read.
 */
#ifndef VMMU_LIB_TIMING_H
#define VMMU_LIB_TIMING_H

#include "caches.h"
#include "walk_priv.h"

/* The walk reads an entry of level `level` at hpa. */
static always_inline void timing_ref(const struct dimension *d, const struct env *env,
				     struct caches *c, unsigned level, uint64_t hpa)
{
	struct vmmu_walk_cell *cell;

	if (unlikely(c->quiet))
		return;
	cell = d->nr == 1 ? &c->stats.cell[level][0] : &c->stats.cell[env->table][level];
	cell->refs++;
	if (unlikely(!c->bare))
		timing_held(c, cell, d->nr, level, hpa);
}

/* The nested dimension is asked for a gpa; `hit`: the nested TLB had it. */
static always_inline void timing_nested(const struct env *env, struct caches *c, int hit)
{
	if (unlikely(c->quiet))
		return;
	c->stats.nested_looks[env->table]++;
	if (hit)
		c->stats.nested_hits[env->table]++;
}

#endif
