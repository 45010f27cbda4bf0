/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a walk finds in caches of earlier walks, and what its references cost.
 * Not here: TLBs, which are looked at before there is a walk (silicon.c).
 */
#ifndef VMMU_LIB_CACHES_H
#define VMMU_LIB_CACHES_H

#include "tlb.h"
#include "walk.h"

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

/* Nested walks for [g] that went from a table of level [from] to a leaf of [n], if `bare`. */
struct nested_refs {
	uint64_t walks[VMMU_LEVELS + 1][VMMU_LEVELS + 1][VMMU_LEVELS + 1];
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
	uint8_t quiet;	  /* references are not counted now: silicon has the entries already */
	uint8_t bare;	  /* nothing holds entries of tables: each reference goes to memory */
	uint8_t restart;  /* a cached link was in the way of setting A or D */
	struct vmmu_silicon_stats stats; /* less what timing_tell() works out ... */
	struct nested_refs *nested_refs; /* ... of these; if a walk has something to count */
};

/* The cache of links to tables of this level. */
static inline struct cache *link_cache(struct caches *c, unsigned dim, unsigned level)
{
	return &c->link[dim - 1][c->links[dim - 1] & 1 ? 0 : level];
}

/* links.c: drops links of a dimension, 1 or 2. */
void links_drop(struct caches *c, unsigned dim, unsigned what, uint64_t ia, uint32_t tag);

/* ---- timing.c ---- */
/* The walk reads an entry of dimension `dim` and level `level` at hpa: what that costs. */
void timing_held(struct caches *c, struct vmmu_walk_cell *cell, unsigned dim, unsigned level,
		 uint64_t hpa);
/* Fills *s with what was counted, and with what follows from it. */
void timing_tell(const struct caches *c, struct vmmu_silicon_stats *s);
void timing_clear(struct caches *c);
/* The guest's own access, after its translation. */
void timing_data(struct caches *c, uint64_t hpa);

#endif
