/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set-associative cache of translations.
 * Not here: when to look and what to drop (translate.c, regs.c).
 * Keeps: at most one entry per key; `shifts` covers every entry's size; free
 * entries are the oldest of their set; chains hold used entries alone.
 */
#include <string.h>

#include "tlb.h"

static unsigned hash_bits(uint32_t entries)
{
	unsigned bits = 2;

	/* Chains are short: what is not there is mostly found out at the head. */
	while ((1u << bits) < 8 * entries && bits < 16)
		bits++;
	return bits;
}

size_t cache_bytes(uint32_t sets, uint32_t ways)
{
	uint32_t n = sets * ways;

	if (ways <= FEW_WAYS)
		return n * sizeof(struct cache_entry) + sets * sizeof(struct cache_set);
	return n * (sizeof(struct cache_entry) + sizeof(struct cache_age)) +
	       (sizeof(uint16_t) << hash_bits(n)) + sets * sizeof(uint16_t);
}

static void no_marks(struct cache *c)
{
	uint32_t i;

	for (i = 0; i < c->sets; i++)
		memset(c->set[i].mark, 0, sizeof(c->set[i].mark));
}

static void start_few(struct cache *c)
{
	uint32_t i;

	c->set = (struct cache_set *)(void *)(c->entry + cache_entries(c));
	no_marks(c);
	for (i = 0; i < c->sets; i++)
		c->set[i].order = 0xfedcba9876543210ull;
}

static void no_chains(struct cache *c)
{
	memset(c->head, 0xff, sizeof(*c->head) << (64 - c->hash_shift));
}

static void start_many(struct cache *c)
{
	unsigned bits = hash_bits(cache_entries(c));
	uint32_t set, i;

	c->hash_shift = (uint8_t)(64 - bits);
	c->head = (uint16_t *)(void *)(c->entry + cache_entries(c));
	c->age = (struct cache_age *)(void *)(c->head + (1u << bits));
	c->newest = (uint16_t *)(void *)(c->age + cache_entries(c));
	no_chains(c);
	for (set = 0; set < c->sets; set++) {
		uint32_t first = set * c->ways;

		for (i = 0; i < c->ways; i++) {
			c->age[first + i].newer = (uint16_t)(first + (i + c->ways - 1) % c->ways);
			c->age[first + i].older = (uint16_t)(first + (i + 1) % c->ways);
		}
		c->newest[set] = (uint16_t)first;
	}
}

void cache_start(struct cache *c, void *memory, uint32_t sets, uint32_t ways)
{
	c->sets = sets;
	c->ways = ways;
	c->many = ways > FEW_WAYS;
	c->rng = 1;
	c->entry = memory;
	memset(c->entry, 0, cache_entries(c) * sizeof(*c->entry));
	if (c->many)
		start_many(c);
	else
		start_few(c);
}

/* ---- finding ---------------------------------------------------------------- */

#define BYTES 0x0101010101010101ull /* one in each byte */

/* Of eight bytes: bit 7 of those that are 0, and perhaps of some above such a one that are 1. */
static inline uint64_t zeros(uint64_t bytes)
{
	return (bytes - BYTES) & ~bytes & BYTES << 7;
}

struct cache_entry *cache_peek_marked(const struct cache *c, uint64_t page, uint64_t key)
{
	uint32_t set = (uint32_t)page & (c->sets - 1), first;
	uint8_t mark = cache_mark(cache_hash(page, key));
	struct cache_entry *e;
	uint64_t marks, todo;

	for (first = 0; first < FEW_WAYS; first += 8) {
		memcpy(&marks, &c->set[set].mark[first], 8);
		for (todo = zeros(le64(marks) ^ mark * BYTES); todo; todo &= todo - 1) {
			e = &c->entry[set * c->ways + first + (unsigned)__builtin_ctzll(todo) / 8];
			if (likely(cache_is(e, page, key)))
				return e;
		}
	}
	return NULL;
}

static never_inline struct cache_entry *look_sizes(const struct cache *c, uint64_t ia, uint32_t tag)
{
	struct cache_entry *e = NULL;
	uint64_t todo;

	for (todo = c->shifts; todo && !e; todo &= todo - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(todo);

		e = cache_peek(c, ia >> shift, cache_key(shift, tag));
	}
	return e;
}

struct cache_entry *cache_look(const struct cache *c, uint64_t ia, uint32_t tag)
{
	uint64_t shifts = c->shifts;
	unsigned shift = (unsigned)__builtin_ctzll(shifts | 1ull << 63);

	if (unlikely(!one_bit(shifts)))
		return look_sizes(c, ia, tag);
	if (c->many)
		return cache_peek_many(c, ia >> shift, cache_key(shift, tag));
	return cache_peek_few(c, ia >> shift, cache_key(shift, tag));
}

/* ---- making ---------------------------------------------------------------- */

/* Entries of this size may be present from now on. */
static void add_size(struct cache *c, unsigned shift)
{
	unsigned only;

	c->shifts |= 1ull << shift;
	only = one_bit(c->shifts) && c->policy != VMMU_REPLACE_RANDOM ? shift : 0;
	c->few_of = (uint8_t)(c->many ? 0 : only);
	c->many_of = (uint8_t)(c->many ? only : 0);
}

/* The number of the entry that is the oldest of its set. */
static always_inline uint32_t oldest_many(const struct cache *c, uint32_t set)
{
	return c->age[c->newest[set]].newer;
}

/* Of a set, any entry in the place of the oldest, unless that is free. */
static uint32_t any_of(struct cache *c, uint32_t set, uint32_t oldest)
{
	if (!c->entry[oldest].key)
		return oldest;
	/* An xorshift: any sequence that is the same each time will do. */
	c->rng ^= c->rng << 13;
	c->rng ^= c->rng >> 17;
	c->rng ^= c->rng << 5;
	return set * c->ways + c->rng % c->ways;
}

/* With VMMU_REPLACE_RANDOM. */
static never_inline struct cache_entry *put_any(struct cache *c, uint64_t hash, uint64_t page,
						uint64_t key)
{
	uint32_t set = (uint32_t)page & (c->sets - 1), i;
	struct cache_entry *e;

	if (c->many) {
		i = any_of(c, set, oldest_many(c, set));
		e = cache_fill_many(c, i, hash, page, key);
		cache_renew(c, e);
	} else {
		i = any_of(c, set, set * c->ways + cache_oldest(c, &c->set[set])) - set * c->ways;
		e = cache_fill_few(c, &c->set[set], i, hash, page, key);
		cache_newest(&c->set[set], i);
	}
	return e;
}

struct cache_entry *cache_put(struct cache *c, uint64_t page, uint64_t key, uint64_t info,
			      uint64_t out)
{
	uint64_t hash = cache_hash(page, key);
	struct cache_entry *e;

	if (unlikely(!(c->shifts >> cache_shift(key) & 1)))
		add_size(c, cache_shift(key));
	if (likely(c->policy != VMMU_REPLACE_RANDOM))
		return c->many ? cache_put_many(c, hash, page, key, info, out)
			       : cache_put_few(c, hash, page, key, info, out);
	e = put_any(c, hash, page, key);
	e->info = info;
	e->out = out;
	return e;
}

struct cache_entry *cache_make(struct cache *c, uint64_t page, uint64_t key, uint64_t info,
			       uint64_t out)
{
	struct cache_entry *e = cache_peek(c, page, key & ~CACHE_GLOBAL);

	if (!e)
		return cache_put(c, page, key, info, out);
	e->written++;
	if (c->many)
		cache_renew(c, e);
	else
		cache_newest(cache_set_of(c, e), cache_way_of(c, e));
	e->key = key;
	e->info = info;
	e->out = out;
	return e;
}

/* ---- dropping -------------------------------------------------------------- */

/* The way is the oldest of the set's `ways`. */
static void set_oldest(struct cache_set *s, uint64_t way, uint32_t ways)
{
	unsigned at = cache_place(s->order, way), last = (ways - 1) * 4;
	uint64_t newer = (1ull << at) - 1, others = (1ull << last) - 1;

	s->order = (s->order & newer) | (s->order >> 4 & others & ~newer) | way << last |
		   (s->order & ~((16ull << last) - 1));
}

/* The entry becomes free, and the oldest of its set. */
static void drop_one(struct cache *c, struct cache_entry *e)
{
	uint32_t i = (uint32_t)(e - c->entry);
	uint16_t *newest;

	e->key = 0;
	e->written++;
	if (!c->many) {
		cache_set_of(c, e)->mark[cache_way_of(c, e)] = 0;
		set_oldest(cache_set_of(c, e), cache_way_of(c, e), c->ways);
		return;
	}
	cache_unchain(c, e, i);
	newest = &c->newest[e->page & (c->sets - 1)];
	if (*newest == i)
		*newest = c->age[i].older;
	else if (c->age[*newest].newer != i)
		cache_to_seam(c, i, *newest);
}

/* A fragment of a large guest page goes with the whole of it: SDM 4.10.4.1. */
static int covers(const struct cache_entry *e, unsigned what, uint64_t ia)
{
	unsigned shift = cache_shift(e->key), from = shift;

	if (!(what & DROP_EXACT) && e->guest_shift > shift)
		shift = e->guest_shift;
	return !((e->page << from ^ ia) >> shift);
}

static int matches(const struct cache_entry *e, unsigned what, uint64_t ia, uint32_t tag)
{
	uint64_t other = (e->key ^ tag) & 0xffffffff;

	if ((what & KEEP_GLOBAL) && (e->key & CACHE_GLOBAL))
		return 0;
	if ((what & DROP_PAGE) && !covers(e, what, ia))
		return 0;
	if ((what & DROP_ASID) && other >> 12)
		return 0;
	return !(what & DROP_TAG) || !((e->key & CACHE_GLOBAL) ? other >> 12 : other);
}

static void drop_all(struct cache *c)
{
	uint32_t i;

	c->shifts = 0;
	c->few_of = c->many_of = 0;
	c->fragments = 0;
	if (c->many)
		no_chains(c);
	else
		no_marks(c);
	for (i = 0; i < cache_entries(c); i++) {
		c->entry[i].key = 0;
		c->entry[i].written++;
	}
}

static void drop_if(struct cache *c, struct cache_entry *e, unsigned what, uint64_t ia,
		    uint32_t tag)
{
	if (e->key && matches(e, what, ia, tag))
		drop_one(c, e);
}

/* All that may have this page number, whatever the tag. */
static void drop_page(struct cache *c, unsigned shift, unsigned what, uint64_t ia, uint32_t tag)
{
	uint64_t page = ia >> shift, hash = cache_hash(page, cache_key(shift, 0));
	uint32_t i, next, left;

	if (!c->many) {
		i = (uint32_t)(page & (c->sets - 1)) * c->ways;
		for (left = c->ways; left--; i++)
			drop_if(c, &c->entry[i], what, ia, tag);
		return;
	}
	for (i = c->head[hash >> c->hash_shift]; i != NO_ENTRY; i = next) {
		next = c->entry[i].chain;
		drop_if(c, &c->entry[i], what, ia, tag);
	}
}

void cache_drop(struct cache *c, unsigned what, uint64_t ia, uint32_t tag)
{
	uint64_t todo;
	uint32_t i;

	if (!c->entry || !c->shifts)
		return;
	if (!what) {
		drop_all(c);
		return;
	}
	if ((what & DROP_PAGE) && (!c->fragments || (what & DROP_EXACT))) {
		for (todo = c->shifts; todo; todo &= todo - 1)
			drop_page(c, (unsigned)__builtin_ctzll(todo), what, ia, tag);
		return;
	}
	for (i = 0; i < cache_entries(c); i++)
		drop_if(c, &c->entry[i], what, ia, tag);
}
