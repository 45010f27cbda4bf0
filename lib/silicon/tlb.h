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
	uint64_t key;		    /* see cache_key(); 0: free */
	/* From here on what was found, all of it the caller's. */
	union {
		uint64_t info; /* all of these, to be copied in one; see INFO_LEVEL */
		struct {
			uint8_t level; /* page-walk cache: of the table */
			uint8_t rights, nrights, pkey, dirty;
			uint8_t guest_shift; /* of the first dimension's leaf */
			uint8_t note[2];     /* see vmmu_be_note() */
		};
	};
	uint64_t out;	  /* hpa of the page; page-walk cache: of the table */
	uint64_t gpa;	  /* of the page, or of the table */
	uint64_t acc;	  /* page-walk cache: entries so far */
	uint32_t written; /* how often it was made or dropped */
	uint16_t bucket;  /* of many ways: which chain it is in ... */
	uint16_t chain;	  /* ... and the number of the next there, or NO_ENTRY */
};

/* Where each is in `info`, as le64() of it has them. */
#define INFO_LEVEL 0
#define INFO_RIGHTS 8
#define INFO_NRIGHTS 16
#define INFO_PKEY 24
#define INFO_DIRTY 32
#define INFO_GUEST_SHIFT 40
#define INFO_NOTE 48

static inline unsigned info_byte(uint64_t info, unsigned at)
{
	return le64(info) >> at & 0xff;
}

static inline uint16_t info_note(uint64_t info)
{
	return (uint16_t)(le64(info) >> INFO_NOTE);
}

/* Of a nested TLB's entry. */
static inline uint64_t nested_info(unsigned level, unsigned rights, unsigned dirty)
{
	return le64((uint64_t)level << INFO_LEVEL | (uint64_t)rights << INFO_NRIGHTS |
		    (uint64_t)dirty << INFO_DIRTY);
}

/* Of a link's. */
static inline uint64_t link_info(unsigned level)
{
	return le64((uint64_t)level << INFO_LEVEL);
}

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
	_Alignas(32) uint8_t mark[FEW_WAYS]; /* by way; 0: it is free.  A set is in one line */
	uint64_t order; /* four bits per way: the newest lowest; behind the oldest, anything */
};

struct cache {
	struct cache_entry *entry; /* sets * ways; NULL: no such cache */
	union {
		struct cache_set *set; /* few */
		uint16_t *head;	       /* many, per bucket: the first entry's number, or NO_ENTRY */
	};
	struct cache_age *age; /* many */
	uint16_t *newest;      /* many, per set; its `newer` is the oldest */
	uint32_t sets, ways;
	uint32_t rng; /* VMMU_REPLACE_RANDOM's */
	uint8_t hash_shift, policy;
	uint8_t many;
	uint8_t fragments; /* some may be parts of a larger guest page */
	uint8_t nr;	   /* the caller's */
	/*
	 * The one size that may be present, of few ways or of many; 0: there are others or none,
	 * or VMMU_REPLACE_RANDOM says who makes room.
	 */
	uint8_t few_of, many_of;
	uint64_t shifts; /* bitmap: which sizes may be present */
};

static inline uint32_t cache_tag(unsigned asid, unsigned pcid)
{
	return (uint32_t)asid << 12 | pcid;
}

/* ---- keys: what an entry is for, beside its page ---- */

#define CACHE_USED (1ull << 40)
#define CACHE_GLOBAL (1ull << 41)

/* Of a tag and the log2 of what the entry covers. */
static inline uint64_t cache_key(unsigned shift, uint32_t tag)
{
	return CACHE_USED | (uint64_t)shift << 32 | tag;
}

static inline unsigned cache_shift(uint64_t key)
{
	return key >> 32 & 0xff;
}

/* Whether what has one key serves who asks by the other: the same, or global for the ASID. */
static inline int cache_serves(uint64_t key, uint64_t wanted)
{
	uint64_t differ = key ^ wanted;

	return !differ || ((key & CACHE_GLOBAL) && !((differ & ~CACHE_GLOBAL) >> 12));
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

static inline uint64_t cache_hash(uint64_t page, uint64_t key)
{
	return (page + (key >> 32 << 56)) * 0x9e3779b97f4a7c15ull;
}

#define CACHE_NIBBLES 0x1111111111111111ull /* one in each four bits */

static inline uint8_t cache_mark(uint64_t hash)
{
	return (uint8_t)(hash >> 57 | 0x80);
}

static inline int cache_is(const struct cache_entry *e, uint64_t page, uint64_t key)
{
	return e->page == page && cache_serves(e->key, key);
}

/* Of many ways, by the hash of page and key. */
static always_inline struct cache_entry *cache_peek_hash(const struct cache *c, uint64_t hash,
							 uint64_t page, uint64_t key)
{
	uint32_t i = c->head[hash >> c->hash_shift];
	struct cache_entry *e;

	for (; i != NO_ENTRY; i = e->chain) {
		e = &c->entry[bounded(i, cache_entries(c))];
		if (cache_is(e, page, key))
			return e;
	}
	return NULL;
}

static always_inline struct cache_entry *cache_peek_many(const struct cache *c, uint64_t page,
							 uint64_t key)
{
	return cache_peek_hash(c, cache_hash(page, key), page, key);
}

/* Of few ways: some are marked so, and one of them may be the entry. */
struct cache_entry *cache_peek_marked(const struct cache *c, uint64_t page, uint64_t key);

/* Of few ways: 0: there is surely no such entry.  (Free ways have no mark.) */
static always_inline int cache_may_have(const struct cache *c, uint64_t hash, uint64_t page)
{
	return has_byte(c->set[page & (c->sets - 1)].mark, cache_mark(hash));
}

/* The same of few ways. */
static always_inline struct cache_entry *cache_peek_few(const struct cache *c, uint64_t page,
							uint64_t key)
{
	/* Mostly there is none, which takes no register that has to be saved. */
	if (likely(!cache_may_have(c, cache_hash(page, key), page)))
		return NULL;
	return cache_peek_marked(c, page, key);
}

/* The entry with this key; it gets no younger. */
static always_inline struct cache_entry *cache_peek(const struct cache *c, uint64_t page,
						    uint64_t key)
{
	return c->many ? cache_peek_many(c, page, key) : cache_peek_few(c, page, key);
}

/* Many ways: out of the circle, and in again between the newest and the oldest. */
static inline void cache_to_seam(struct cache *c, uint32_t i, uint32_t newest)
{
	struct cache_age *age = c->age, at = age[i];
	uint16_t oldest;

	age[at.newer].older = at.older;
	age[at.older].newer = at.newer;
	oldest = age[newest].newer;
	age[i] = (struct cache_age){ oldest, (uint16_t)newest };
	age[oldest].older = age[newest].newer = (uint16_t)i;
}

/* The entry is the youngest of its circle. */
static inline void cache_renew(struct cache *c, const struct cache_entry *e)
{
	uint16_t *newest = &c->newest[e->page & (c->sets - 1)], i = (uint16_t)(e - c->entry);

	if (*newest == i)
		return;
	/* The oldest is beside the newest already: turning the circle will do. */
	if (c->age[*newest].newer != i)
		cache_to_seam(c, i, *newest);
	*newest = i;
}

/* Where a way is in the order, in bits. */
static inline unsigned cache_place(uint64_t order, uint64_t way)
{
	uint64_t at = order ^ way * CACHE_NIBBLES;

	/* The lowest 0 of it; what a borrow spoils is above, as are old ways. */
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
static always_inline struct cache_entry *cache_find_size(struct cache *c, uint64_t ia,
							 unsigned shift, uint32_t tag)
{
	struct cache_entry *e = cache_peek(c, ia >> shift, cache_key(shift, tag));

	if (e)
		cache_touch(c, e);
	return e;
}

/* The entry that covers ia for this tag, or NULL: the smallest.  It gets no younger. */
struct cache_entry *cache_look(const struct cache *c, uint64_t ia, uint32_t tag);

/* ---- making and dropping ---- */

/* Few ways: the oldest of the set. */
static inline uint32_t cache_oldest(const struct cache *c, const struct cache_set *s)
{
	return s->order >> (c->ways - 1) * 4 & 15;
}

static always_inline void cache_fill_key(struct cache_entry *e, uint64_t page, uint64_t key)
{
	e->page = page;
	e->key = key;
	e->written++;
}

/* Few ways: this one of the set has another entry now. */
static always_inline struct cache_entry *cache_fill_few(struct cache *c, struct cache_set *s,
							uint32_t way, uint64_t hash, uint64_t page,
							uint64_t key)
{
	struct cache_entry *e = &c->entry[((uint32_t)page & (c->sets - 1)) * c->ways + way];

	s->mark[way] = cache_mark(hash);
	cache_fill_key(e, page, key);
	return e;
}

static always_inline void cache_unchain(struct cache *c, const struct cache_entry *e, uint32_t i)
{
	uint16_t *at = &c->head[e->bucket];

	while (unlikely(*at != i))
		at = &c->entry[*at].chain;
	*at = e->chain;
}

/* Many ways: the entry of this number is another now. */
static always_inline struct cache_entry *cache_fill_many(struct cache *c, uint32_t i, uint64_t hash,
							 uint64_t page, uint64_t key)
{
	struct cache_entry *e = &c->entry[i];

	if (likely(e->key))
		cache_unchain(c, e, i);
	cache_fill_key(e, page, key);
	e->bucket = (uint16_t)(hash >> c->hash_shift);
	e->chain = c->head[e->bucket];
	c->head[e->bucket] = (uint16_t)i;
	return e;
}

/*
 * Makes room for an entry for this page and fills in key, info and out; the caller fills in
 * the rest.  No entry has that key: it was looked for and is not there.
 */
struct cache_entry *cache_put(struct cache *c, uint64_t page, uint64_t key, uint64_t info,
			      uint64_t out);
/* The same of few ways, with the hash: where c->few_of is this size, among others. */
static always_inline struct cache_entry *cache_put_few(struct cache *c, uint64_t hash,
						       uint64_t page, uint64_t key, uint64_t info,
						       uint64_t out)
{
	struct cache_set *s = &c->set[page & (c->sets - 1)];
	uint32_t way = cache_oldest(c, s);
	struct cache_entry *e;

	s->order = s->order << 4 | way;
	e = cache_fill_few(c, s, way, hash, page, key);
	e->info = info;
	e->out = out;
	return e;
}

/* The same of many.  The oldest becomes the newest, which is to turn the circle. */
static always_inline struct cache_entry *cache_put_many(struct cache *c, uint64_t hash,
							uint64_t page, uint64_t key, uint64_t info,
							uint64_t out)
{
	uint16_t *newest = &c->newest[page & (c->sets - 1)];
	struct cache_entry *e;

	*newest = c->age[*newest].newer;
	e = cache_fill_many(c, *newest, hash, page, key);
	e->info = info;
	e->out = out;
	return e;
}

/* The same where there may be such an entry, or a global one: it is replaced. */
struct cache_entry *cache_make(struct cache *c, uint64_t page, uint64_t key, uint64_t info,
			       uint64_t out);
/* What to drop: entries that match every field that is asked for. */
#define DROP_PAGE 1u /* cover ia, or are part of a guest page that does */
#define DROP_TAG 2u  /* have this ASID and PCID; globals: this ASID */
#define DROP_ASID 4u /* have this ASID */
#define KEEP_GLOBAL 8u
#define DROP_EXACT 16u /* with DROP_PAGE: cover ia themselves */
void cache_drop(struct cache *c, unsigned what, uint64_t ia, uint32_t tag);

#endif
