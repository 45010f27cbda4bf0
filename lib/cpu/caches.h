/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a walk finds cached of earlier ones, and what its references cost.
 * Not here: TLBs, which are looked at before there is a walk (silicon.c).
 */
#ifndef VMMU_LIB_CACHES_H
#define VMMU_LIB_CACHES_H

#include "tlb.h"
#include "walk.h"

struct env;
struct reach;

/* A data cache's lines by address, of each set the last used first; 0: none. */
struct lines {
	uint64_t *line; /* sets * ways; NULL: no such cache */
	uint32_t sets, ways;
};

/* A link that the walk in progress went along; kept when it succeeds. */
struct noted {
	uint64_t gpa, out, acc;
	uint8_t level, shift;
};

struct caches {
	const struct vmmu_silicon *model;
	struct cache link[2][VMMU_LEVELS]; /* by dimension and level; [0]: of all levels */
	struct cache nested;
	struct cache entries;
	struct lines lines[VMMU_DATA_CACHES];
	struct noted path[2][VMMU_LEVELS];
	unsigned depth[2];
	uint8_t links[2]; /* by dimension, levels that have a cache: a bitmap */
	uint8_t used;	  /* a walk has something to look at or to count */
	uint8_t quiet;	  /* what is read is in the silicon's hands already: uncounted */
	uint8_t restart;  /* a cached link was in the way of setting A or D */
	struct vmmu_silicon_stats stats;
};

/* The cache of links to tables of this level. */
static inline struct cache *link_cache(struct caches *c, unsigned dim, unsigned level)
{
	return &c->link[dim - 1][c->links[dim - 1] & 1 ? 0 : level];
}

/* ---- links.c: each for a dimension, 1 or 2 ---- */
/* The deepest link cached for ia, or NULL. */
const struct cache_entry *links_find(struct env *env, const struct vmmu_fmt *f, unsigned dim,
				     uint64_t ia);
/*
 * The walk has come to the table at (gpa, hpa) of level r->level.  A link
 * whose A bit is clear may not be cached (SDM 4.10.3.1).
 */
void links_note(struct env *env, const struct vmmu_fmt *f, unsigned dim, const struct reach *r,
		uint64_t gpa, uint64_t hpa);
/* The walk was good: what it noted is kept. */
void links_commit(struct env *env, unsigned dim, uint64_t ia);
void links_drop(struct caches *c, unsigned dim, unsigned what, uint64_t ia, uint32_t tag);

/* ---- timing.c ---- */
/* The walk reads an entry of dimension `dim` and level `level` at hpa. */
void timing_ref(struct env *env, unsigned dim, unsigned level, uint64_t hpa);
/* The nested dimension is asked for a gpa; `hit`: the nested TLB had it. */
void timing_nested(struct env *env, int hit);
/* The access itself, after its translation. */
void timing_data(struct caches *c, uint64_t hpa);

#endif
