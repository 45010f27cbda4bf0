/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door to silicon: all that one vCPU's CPU does by itself.  It walks tables, judges
 * accesses, sets A and D, and caches translations.
 * It knows no VM and no slots: it obeys its struct vmmu_hw, and reads memory by the bus or
 * by callbacks.  This folder is a library of its own.
 */
#ifndef VMMU_SILICON_SILICON_H
#define VMMU_SILICON_SILICON_H

#include <vmmu/silicon.h>

#include "../util.h"
#include "caches.h"
#include "memo.h"
#include "walk.h"

/* Memory for what the silicon holds: zeroed, aligned to `align`; NULL: there is none. */
struct silicon_memory {
	void *(*get)(void *ctx, size_t size, size_t align);
	void (*put)(void *ctx, void *p, size_t size);
	void *ctx;
};

/*
 * Where a first-level TLB has a page: a short cut to its entry, good while the
 * entry is still this page's and the front's generation is the same.
 */
#define HITS 256u

struct hit {
	uint64_t tag; /* page | generation */
	struct cache_entry *entry;
	struct cache_set
		*set; /* in which the entry becomes the newest; NULL: a search has to do that */
	uint64_t gpa_minus_gva, host_minus_gva;
	uint32_t written; /* the entry's `written` when the hit was noted */
	uint32_t rights;  /* that let an access pass as it is: four bits for each of HIT_BY */
	uint8_t reserved, guest_rights, guest_shift, shift; /* as in struct vmmu_xlat */
	uint8_t tlb, way;
	uint8_t fill[10]; /* to a line of the host's */
};

/* The flags of an access that decide on its rights, beside its type. */
#define HIT_BY (VMMU_USER | VMMU_AC | VMMU_IMPLICIT)

/*
 * Which TLBs are filled with a page, those of level 1 first, and the log2 size of the pieces
 * that level 1 gets; 0: the whole page.
 */
struct fill_plan {
	uint8_t nr, nr_first, shift;
	uint8_t tlbs, tlbs_first; /* bitmaps of them */
	struct cache *tlb[VMMU_TLBS];
};

struct silicon {
	struct vmmu_front front; /* first: vmmu_host() */
	struct vmmu_hw hw;	 /* what it is programmed with */
	const struct vmmu_silicon *model;
	uint8_t modelled;	/* has a TLB, walk cache or nested TLB to look at */
	uint8_t unfronted;	/* the front stays empty: the model sees every access */
	uint8_t missed;		/* TLBs in which the access in progress found nothing: a bitmap */
	struct walk_opts plain; /* of walks without modelled caches */
	walk_fn *walk;		/* the instance for hw ... */
	walk_fn *modelled_walk; /* ... and that with walk caches ... */
	struct walk_opts with_caches;
	const struct walk_opts *modelled_opts; /* ... and these; NULL: there are none */
	struct tlb_fill found; /* by the last such walk, unless struct vmmu_walk tells */
	struct cache tlb[VMMU_TLBS];
	struct cache *
		order[2][VMMU_TLBS + 1]; /* by code: in which they are looked at, NULL at the end */
	struct hit *hit;		 /* HITS of them, if there are TLBs */
	const struct hit *last_hit;	 /* of the last access, if nothing aged since; or NULL */
	struct fill_plan plan[2][3];	 /* by code, and size of the page */
	struct caches caches;
	struct memo memo; /* of the nested dimension, for walks without modelled caches */
};

/* ---- silicon.c ---- */
/*
 * The model stays the caller's.  `walks`: walks have caches to look at, or are counted.
 * `whole`: the model was given as a struct vmmu_silicon, and must see every access.
 * `front` has front_entries entries, all zero.  0, or -1: no memory; silicon_fini() frees what
 * there is either way.
 */
int silicon_init(struct silicon *s, const struct vmmu_silicon *model, int walks, int whole,
		 const struct silicon_memory *memory);
void silicon_fini(struct silicon *s, const struct silicon_memory *memory);
/* After a change of s->hw: picks the walks for its formats. */
void silicon_program(struct silicon *s);
void front_wipe(struct silicon *s);
/* Drops translations and walk-cache entries; `what` as in tlb.h, 0: all. */
void silicon_drop(struct silicon *s, unsigned what, uint64_t ia, uint32_t tag);
void silicon_drop_nested(struct silicon *s);
/* After a fault: what was cached for this address may be the reason. */
void silicon_drop_faulting(struct silicon *s, uint64_t gva, const struct vmmu_walk *w);

/* each.c: every entry of what is found by input address; see vmmu_each_cached(). */
void silicon_each(const struct silicon *s, vmmu_cached_fn *fn, void *ctx);
/* 0; or -1: what is remembered of the nested dimension is not so, at *gpa. */
int silicon_check(const struct silicon *s, uint64_t *gpa);

static inline uint32_t silicon_tag(const struct silicon *s)
{
	return cache_tag(s->hw.asid, s->hw.pcid);
}

/* ---- lookup.c ---- */
/*
 * An entry that lets the access pass with nothing left to set, and all kinds that it lets pass;
 * or NULL, and s->missed says which TLBs have no entry.
 */
struct cache_entry *silicon_lookup(struct silicon *s, uint64_t gva, unsigned kind, unsigned *kinds);

/*
 * Fills the TLBs with what a walk for this kind of access found; in those of s->missed
 * there is no entry for it.
 */
void silicon_fill(struct silicon *s, uint64_t gva, unsigned kind, const struct tlb_fill *f);

/* ---- hits ---- */

/* Half of them are for code. */
static inline struct hit *hit_of(const struct silicon *s, uint64_t gva, uint32_t access)
{
	return &s->hit[(gva >> VMMU_PAGE_SHIFT & (HITS / 2 - 1)) | (access & 2) * (HITS / 4)];
}

/* What the hit lets an access with these flags do: VMMU_RWX in the lowest bits. */
static inline unsigned hit_rights(const struct hit *h, uint32_t access)
{
	return h->rights >> (access & HIT_BY);
}

/* Whether the hit is of this page, still good, and lets an access of `size` bytes pass. */
static inline int hit_serves(const struct silicon *s, const struct hit *h, uint64_t gva,
			     unsigned size, uint32_t access)
{
	return h->tag == (((gva + size - 1) & PAGE_MASK) | s->front.generation) &&
	       (hit_rights(h, access) >> (access & VMMU_TYPE_MASK) & 1) &&
	       h->entry->written == h->written;
}

/* ---- kinds and rights ---- */

/* The kinds of one mode, as rights. */
static inline uint8_t rights_in_mode(unsigned kinds, uint32_t access)
{
	kinds >>= vmmu_mode(access);
	return (uint8_t)((kinds & 1) | (kinds >> 3 & 2) | (kinds >> 6 & 4));
}

#endif
