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
	uint64_t page;	/* input address >> shift */
	uint32_t tag;	/* ASID and PCID */
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
};

#define NO_ENTRY 0xffffu
#define CACHE_MOST 0xffffu /* entries */

/* Of an entry, by number: its neighbours in the set's circle. */
struct cache_age {
	uint16_t newer, older;
};

/*
 * Sets of few ways are searched key by key, and a stamp tells the oldest.  Of many,
 * entries are found by hash, and the ages of a set are a circle.
 */
#define FEW_WAYS 16u

struct cache {
	struct cache_entry *entry; /* sets * ways; NULL: no such cache */
	union {
		uint64_t *key;	/* few: of each entry, 0: free */
		uint32_t *head; /* many, per hash: the first entry and a part of its hash */
	};
	union {
		uint32_t *stamp; /* few: when it was used last */
		struct cache_age *age;
	};
	uint16_t *newest; /* many, per set; its `newer` is the oldest */
	uint32_t sets, ways;
	uint32_t clock; /* few: the newest stamp */
	uint32_t rng;	/* VMMU_REPLACE_RANDOM's */
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

/* No page number of 8 bytes and more reaches the bits of the shift; 0 is no key. */
static inline uint64_t cache_key(uint64_t page, unsigned shift)
{
	return page ^ (uint64_t)shift << 58;
}

struct cache_entry *cache_search(const struct cache *c, uint64_t page, unsigned shift,
				 uint32_t tag);

/* The entry with this key; it gets no younger. */
static inline struct cache_entry *cache_peek(const struct cache *c, uint64_t page, unsigned shift,
					     uint32_t tag)
{
	uint64_t key = cache_key(page, shift);
	uint32_t i, end;

	if (unlikely(c->many))
		return cache_search(c, page, shift, tag);
	i = (uint32_t)(page & (c->sets - 1)) * c->ways;
	for (end = i + c->ways; i < end; i++)
		if (c->key[i] == key && cache_same_space(&c->entry[i], tag))
			return &c->entry[i];
	return NULL;
}

/* Many ways: the entry is the youngest of its circle. */
void cache_renew(struct cache *c, const struct cache_entry *e);

/* The entry was used. */
static inline void cache_touch(struct cache *c, const struct cache_entry *e)
{
	if (unlikely(c->policy != VMMU_REPLACE_LRU))
		return;
	if (likely(!c->many))
		c->stamp[e - c->entry] = ++c->clock;
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
/* What to drop: entries that match every field that is asked for. */
#define DROP_PAGE 1u /* cover ia, or are part of a guest page that does */
#define DROP_TAG 2u  /* have this ASID and PCID; globals: this ASID */
#define DROP_ASID 4u /* have this ASID */
#define KEEP_GLOBAL 8u
#define DROP_EXACT 16u /* with DROP_PAGE: cover ia themselves */
void cache_drop(struct cache *c, unsigned what, uint64_t ia, uint32_t tag);

#endif
