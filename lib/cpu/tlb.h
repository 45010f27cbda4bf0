/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU caches of walks: TLBs, page-walk cache, nested TLB.  They are one
 * structure, a set-associative cache, and differ in what the key's page number
 * counts and which fields of an entry they fill.
 * Keeps: nothing is cached from a walk that failed or whose A bit was clear.
 */
#ifndef VMMU_LIB_TLB_H
#define VMMU_LIB_TLB_H

#include <stdint.h>

#include <vmmu/hw.h>

#include "../util.h"

struct cache_entry {
	uint64_t page;	/* input address >> shift */
	uint64_t out;	/* hpa of the page; page-walk cache: of the table */
	uint64_t gpa;	/* of the page, or of the table */
	uint64_t acc;	/* page-walk cache: entries so far */
	uint32_t tag;	/* ASID and PCID */
	uint32_t stamp; /* of the last use */
	uint32_t epoch; /* the cache's, or the entry is free */
	uint16_t note;	/* see vmmu_be_note() */
	uint8_t shift;	/* log2 of what the entry covers */
	uint8_t level;	/* page-walk cache: of the table */
	uint8_t rights, nrights, pkey, global, dirty;
	uint8_t guest_shift; /* of the first dimension's leaf */
};

struct cache {
	struct cache_entry *entry; /* sets * ways; NULL: no such cache */
	uint32_t sets, ways, clock;
	uint32_t epoch;	 /* moved on, all entries are free */
	uint64_t shifts; /* bitmap: which sizes may be present */
	int fragments;	 /* some may be parts of a larger guest page */
};

static inline uint32_t cache_tag(unsigned asid, unsigned pcid)
{
	return (uint32_t)asid << 12 | pcid;
}

/* The entry that covers ia for this tag (or a global one), or NULL. */
struct cache_entry *cache_find(struct cache *c, uint64_t ia, uint32_t tag);
/*
 * Makes room for an entry that covers ia and fills in its key; the caller
 * fills in the rest.  An entry with the same key is replaced.
 */
struct cache_entry *cache_make(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			       int global);

static inline int cache_used(const struct cache *c, const struct cache_entry *e)
{
	return e->epoch == c->epoch;
}

/* What to drop: entries that match every field that is asked for. */
#define DROP_PAGE 1u /* cover ia, or are part of a guest page that does */
#define DROP_TAG 2u  /* have this ASID and PCID; globals: this ASID */
#define DROP_ASID 4u /* have this ASID */
#define KEEP_GLOBAL 8u
#define DROP_EXACT 16u /* with DROP_PAGE: cover ia themselves */
void cache_drop(struct cache *c, unsigned what, uint64_t ia, uint32_t tag);

/* The caches that a walk itself uses. */
struct caches {
	struct cache pwc, nested;
	/* The path of the walk in progress; kept when it succeeds. */
	struct cache_entry path[VMMU_LEVELS];
	unsigned depth;
};

#endif
