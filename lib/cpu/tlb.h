/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cache of translations: TLBs, page-walk caches and nested TLBs are all this
 * one structure, and differ in what the key's page number counts and in which
 * fields of an entry they fill.
 * Keeps: nothing is cached from a walk that failed or whose A bit was clear.
 */
#ifndef VMMU_LIB_TLB_H
#define VMMU_LIB_TLB_H

#include <stdint.h>

#include <vmmu/silicon.h>

#include "../util.h"

struct cache_entry {
	_Alignas(64) uint64_t page; /* input address >> shift; an entry is a line of the host's */
	uint32_t tag;		    /* ASID and PCID */
	uint16_t chain; /* of many ways: number of the next with this hash, or NO_ENTRY */
	uint8_t used;
	uint8_t shift; /* log2 of what the entry covers */
	uint8_t global;
	/* From here on what was found, all of it the caller's. */
	uint8_t level; /* page-walk cache: of the table */
	uint8_t rights, nrights, pkey, dirty;
	uint8_t guest_shift; /* of the first dimension's leaf */
	uint16_t note;	     /* see vmmu_be_note() */
	uint64_t out;	     /* hpa of the page; page-walk cache: of the table */
	uint64_t gpa;	     /* of the page, or of the table */
	uint64_t acc;	     /* page-walk cache: entries so far */
	uint32_t written;    /* how often it was made or dropped */
};

#define NO_ENTRY 0xffffu
#define CACHE_MOST 0xffffu /* entries */

/* Of an entry, by number: its neighbours in the set's circle. */
struct cache_age {
	uint16_t newer, older;
};

/*
 * Sets of few ways are searched, all ways at once, by a byte of each key's hash, and
 * their ages are the order of the ways.  Of many, entries are found by hash, and the
 * ages of a set are a circle.
 */
#define FEW_WAYS 16u

struct cache_set {
	uint64_t mark[2]; /* a byte per way, from the lowest: 0: free */
	uint64_t order;	  /* four bits per way: the newest lowest; behind the oldest, no ways */
};

struct cache {
	struct cache_entry *entry; /* sets * ways; NULL: no such cache */
	union {
		struct cache_set *set; /* few */
		uint32_t *head;	       /* many, per hash: the first entry and a part of its hash */
	};
	struct cache_age *age; /* many */
	uint16_t *newest;      /* many, per set; its `newer` is the oldest */
	uint32_t sets, ways;
	uint32_t rng; /* VMMU_REPLACE_RANDOM's */
	uint8_t hash_bits, policy;
	uint8_t many;
	uint8_t fragments; /* some may be parts of a larger guest page */
	uint64_t shifts;   /* bitmap: which sizes may be present */
};

static inline uint32_t cache_tag(unsigned asid, unsigned pcid)
{
	return (uint32_t)asid << 12 | pcid;
}

static inline uint32_t cache_entries(const struct cache *c)
{
	return c->sets * c->ways;
}

/* Bytes of the arrays of a cache with these sets and ways. */
size_t cache_bytes(uint32_t sets, uint32_t ways);
/* Takes so many bytes, aligned for an entry; everything empty. */
void cache_start(struct cache *c, void *memory, uint32_t sets, uint32_t ways);

/* ---- finding ---- */

static inline int cache_same_space(const struct cache_entry *e, uint32_t tag)
{
	return e->tag == tag || (e->global && e->tag >> 12 == tag >> 12);
}

static inline uint64_t cache_hash(uint64_t page, unsigned shift)
{
	return (page + ((uint64_t)shift << 56)) * 0x9e3779b97f4a7c15ull;
}

#define CACHE_BYTES 0x0101010101010101ull   /* one in each byte ... */
#define CACHE_NIBBLES 0x1111111111111111ull /* ... and in each four bits */

static inline unsigned cache_mark(uint64_t hash)
{
	return (unsigned)(hash >> 57) | 0x80;
}

/* Bit 7 of the bytes that are 0, and perhaps of some above such a one that are 1. */
static inline uint64_t cache_zeros(uint64_t bytes)
{
	return (bytes - CACHE_BYTES) & ~bytes & CACHE_BYTES << 7;
}

static inline int cache_is(const struct cache_entry *e, uint64_t page, unsigned shift, uint32_t tag)
{
	return e->page == page && e->shift == shift && cache_same_space(e, tag);
}

struct cache_entry *cache_search(const struct cache *c, uint64_t page, unsigned shift,
				 uint32_t tag);

/* The entry with this key; it gets no younger. */
static inline struct cache_entry *cache_peek(const struct cache *c, uint64_t page, unsigned shift,
					     uint32_t tag)
{
	uint64_t marks = cache_mark(cache_hash(page, shift)) * CACHE_BYTES, todo;
	uint32_t set = (uint32_t)page & (c->sets - 1), way;

	if (c->many)
		return cache_search(c, page, shift, tag);
	for (way = 0; way < c->ways; way += 8) {
		todo = cache_zeros(c->set[set].mark[way / 8] ^ marks);
		for (; todo; todo &= todo - 1) {
			struct cache_entry *e = &c->entry[set * c->ways + way +
							  (unsigned)__builtin_ctzll(todo) / 8];

			if (likely(cache_is(e, page, shift, tag)))
				return e;
		}
	}
	return NULL;
}

/* Many ways: the entry is the youngest of its circle. */
void cache_renew(struct cache *c, const struct cache_entry *e);

/* Where a way is in the order, in bits. */
static inline unsigned cache_place(uint64_t order, uint64_t way)
{
	uint64_t at = order ^ way * CACHE_NIBBLES;

	/* The lowest 0 of it; what a borrow spoils is above. */
	return (unsigned)__builtin_ctzll((at - CACHE_NIBBLES) & ~at & CACHE_NIBBLES << 3) & ~3u;
}

/* Few ways: this one of the set is the youngest. */
static inline void cache_newest(struct cache_set *s, uint64_t way)
{
	unsigned at = cache_place(s->order, way);
	uint64_t newer = (1ull << at) - 1, up_to = (16ull << at) - 1;

	s->order = (s->order & ~up_to) | (s->order & newer) << 4 | way;
}

static inline struct cache_set *cache_set_of(const struct cache *c, const struct cache_entry *e)
{
	return &c->set[e->page & (c->sets - 1)];
}

static inline uint32_t cache_way_of(const struct cache *c, const struct cache_entry *e)
{
	return (uint32_t)(e - c->entry) - ((uint32_t)e->page & (c->sets - 1)) * c->ways;
}

/* The entry was used. */
static inline void cache_touch(struct cache *c, const struct cache_entry *e)
{
	if (unlikely(c->policy != VMMU_REPLACE_LRU))
		return;
	if (!c->many)
		cache_newest(cache_set_of(c, e), cache_way_of(c, e));
	else
		cache_renew(c, e);
}

/* The entry of this size that covers ia for this tag (or a global one), or NULL. */
static inline struct cache_entry *cache_find_size(struct cache *c, uint64_t ia, unsigned shift,
						  uint32_t tag)
{
	struct cache_entry *e = cache_peek(c, ia >> shift, shift, tag);

	if (e)
		cache_touch(c, e);
	return e;
}

/* The same of any size; the smallest first. */
static inline struct cache_entry *cache_find(struct cache *c, uint64_t ia, uint32_t tag)
{
	uint64_t todo;

	for (todo = c->shifts; todo; todo &= todo - 1) {
		struct cache_entry *e =
			cache_find_size(c, ia, (unsigned)__builtin_ctzll(todo), tag);

		if (e)
			return e;
	}
	return NULL;
}

/* ---- making and dropping ---- */
/*
 * Makes room for an entry that covers ia and fills in its key; the caller
 * fills in the rest.  An entry with the same key is replaced.
 */
struct cache_entry *cache_make(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			       int global);
/* The same where no entry has that key: what was looked for and is not there. */
struct cache_entry *cache_put(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			      int global);
/* What to drop: entries that match every field that is asked for. */
#define DROP_PAGE 1u /* cover ia, or are part of a guest page that does */
#define DROP_TAG 2u  /* have this ASID and PCID; globals: this ASID */
#define DROP_ASID 4u /* have this ASID */
#define KEEP_GLOBAL 8u
#define DROP_EXACT 16u /* with DROP_PAGE: cover ia themselves */
void cache_drop(struct cache *c, unsigned what, uint64_t ia, uint32_t tag);

#endif
