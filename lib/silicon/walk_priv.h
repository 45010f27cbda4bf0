/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the walker share: the state of a walk, and functions for what happens seldom.
 */
#ifndef VMMU_LIB_WALK_PRIV_H
#define VMMU_LIB_WALK_PRIV_H

#include "../util.h"
#include "entry.h"
#include "tlb.h"
#include "walk.h"

#define NO_HPA (~0ull)

/*
 * Outcome of the nested dimension for one GPA: where it stopped, and of a
 * final access what it found.
 */
struct nres {
	uint8_t status, level, shift, rights, dirty;
	uint64_t entry, acc;
};

/* Of each level of a nested walk: where the entry lies, and the bits accumulated above it. */
struct seen {
	uint64_t at[VMMU_LEVELS + 1], acc[VMMU_LEVELS + 1];
};

struct env {
	const struct vmmu_hw *hw;
	const struct walk_opts *o;
	unsigned refs;
	uint32_t access;
	uint32_t no_ad; /* VMMU_PROBE and VMMU_NO_AD of it, which hold for its tables as well */
	uint8_t table;	/* guest level whose table the nested dimension looks for */
	struct nres n;
	struct seen seen;
};

/*
 * How the nested dimension is walked, to a guest table and to the final address.  NO_HPA: it
 * stopped, and env->n says why.
 */
struct nested {
	uint64_t (*table)(struct env *env, uint64_t gpa);
	uint64_t (*final)(struct env *env, uint64_t gpa, uint32_t access);
};

/* A dimension, as a walk sees it: often a constant. */
struct dimension {
	const struct vmmu_fmt *fmt;
	const struct nested *nested; /* how its tables are reached; NULL: they lie in the host */
	uint8_t nr;		     /* 1, 2 */
	uint8_t lean;		     /* there are caches, memory is the bus, and no step hook */
};

static always_inline const struct vmmu_paging *paging_of(const struct dimension *d,
							 const struct env *env)
{
	return d->nr == 1 ? &env->hw->g : &env->hw->n;
}

/* How far one dimension came. */
struct reach {
	unsigned status, level, leaf, refs;
	uint64_t acc;	/* of the entries: what all of them grant (entry.h) */
	uint64_t entry; /* the last */
	uint64_t ipa;	/* where it lies: in this dimension's output space ... */
	uint64_t hpa;	/* ... and in the host */
};

/* Accesses to guest tables: APM 15.25.5, SDM 28.3.3.2. */
static always_inline uint32_t table_type(const struct vmmu_fmt *f, const struct vmmu_paging *n)
{
	return f->style == VMMU_STYLE_NPT || (n->ctl & VMMU_PG_AD) ? VMMU_WRITE : VMMU_READ;
}

/* ---- entries ---- */
/* Whether silicon goes on with the entry: present, and nothing wrong with it. */
static always_inline int is_good(const struct vmmu_fmt *f, const struct vmmu_paging *pg, uint64_t e,
				 unsigned level, unsigned leaf)
{
	uint64_t wrong = pg->wrong[level - 1][leaf];

	/* With one present bit, one test sees that it is set and that no wrong bit is. */
	if (one_bit(f->present))
		return !((e ^ f->present) & wrong);
	if (!f->bad_rwx)
		return (e & f->present) && !(e & wrong);
	return !(pg->stop_rwx >> (e & 7) & 1) && !(e & wrong) &&
	       !(leaf && (f->bad_memtype >> (e >> f->memtype_shift & 7) & 1));
}

/* Which of the A and D bits that an access sets are still clear on the path and in the leaf. */
static always_inline uint64_t ad_missing(const struct vmmu_fmt *f, uint64_t all, uint64_t leaf,
					 uint64_t bits)
{
	return bits & ~((all & ~f->dirty) | (leaf & f->dirty));
}

static inline uint32_t hw_tag(const struct vmmu_hw *hw)
{
	return cache_tag(hw->asid, hw->pcid);
}

/* ---- walk.c ---- */
/* Notes in *env why the nested dimension stopped; returns NO_HPA. */
uint64_t nested_stop(struct env *env, unsigned level, uint64_t entry, uint64_t acc, unsigned status)
	__attribute__((__cold__));
/* Sets A and D on the way to a gpa; a walk status. */
unsigned nested_set_ad(struct env *env, const struct vmmu_fmt *f, uint64_t gpa, uint32_t access)
	__attribute__((__cold__));
/*
 * The same in the first dimension; 0, or out->status.  VMMU_WALK_RACE with
 * caches->restart: a cached link is in the way, and the walk begins again.
 */
int set_first_ad(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out)
	__attribute__((__cold__));
/* Walks the guest's tables again, from the root; entries that were read are not counted again. */
int walk_from_root(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out)
	__attribute__((__cold__));

/* ---- stop.c: why a walk stopped; each returns the walk's status ---- */
/*
 * The nested dimension, or memory behind it, stopped the translation of gpa;
 * `table`: of the guest's level-env->table table, whatever `access` says.
 */
int stop_nested(struct env *env, uint64_t gpa, uint32_t access, int table, struct vmmu_walk *out)
	__attribute__((__cold__));
/* The first dimension stopped at an entry that lies at ipa. */
int stop_first(struct env *env, unsigned level, uint64_t entry, uint64_t ipa, unsigned status,
	       struct vmmu_walk *out) __attribute__((__cold__));
/*
 * EPT with A/D off: the access to the table was a read and passed, the store
 * of a guest A or D bit is a write and did not.
 */
int stop_ad_store(struct env *env, const struct reach *r, struct vmmu_walk *out)
	__attribute__((__cold__));

#endif
