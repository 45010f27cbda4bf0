/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set-associative cache of translations.
 * Not here: when to look and what to drop (mmu.c, regs.c).
 * Keeps: at most one entry per key; `shifts` covers every entry's size; free
 * entries are the oldest of their set; chains hold used entries alone.
 */
#include <string.h>

#include "tlb.h"

/* A head: the number of the first entry, a part of its hash, and whether there are more. */
#define HEAD_MORE 0x10000u
#define HEAD_PART 0xfffe0000u

static unsigned hash_bits(uint32_t entries)
{
	unsigned bits = 2;

	/* Twice as many heads as entries: most lookups that miss end at the head. */
	while ((1u << bits) < 2 * entries)
		bits++;
	return bits;
}

size_t cache_bytes(uint32_t sets, uint32_t ways)
{
	uint32_t n = sets * ways;

	if (ways <= FEW_WAYS)
		return n * sizeof(struct cache_entry) + sets * sizeof(struct cache_set);
	return n * (sizeof(struct cache_entry) + sizeof(struct cache_age)) +
	       (sizeof(uint32_t) << hash_bits(n)) + sets * sizeof(uint16_t);
}

static void no_marks(struct cache *c)
{
	uint32_t i;

	for (i = 0; i < c->sets; i++)
		c->set[i].mark[0] = c->set[i].mark[1] = 0;
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
	memset(c->head, 0, sizeof(*c->head) << c->hash_bits);
}

static void start_many(struct cache *c)
{
	uint32_t set, i;

	c->hash_bits = (uint8_t)hash_bits(cache_entries(c));
	c->head = (uint32_t *)(void *)(c->entry + cache_entries(c));
	c->age = (struct cache_age *)(void *)(c->head + (1u << c->hash_bits));
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

/* ---- of many ways: chains ------------------------------------------------------- */

/* Heads hold numbers from 1, and 0 for none. */

static inline uint32_t *head_of(const struct cache *c, uint64_t hash)
{
	return &c->head[hash >> (64 - c->hash_bits)];
}

static inline uint32_t part_of(uint64_t hash)
{
	return (uint32_t)(hash >> 16) & HEAD_PART;
}

static inline uint32_t first_of(uint32_t head)
{
	return (head & 0xffff) - 1;
}

struct cache_entry *cache_search(const struct cache *c, uint64_t page, unsigned shift, uint32_t tag)
{
	uint64_t hash = cache_hash(page, shift);
	uint32_t head = *head_of(c, hash), i = first_of(head);

	if (((head ^ part_of(hash)) & HEAD_PART) && !(head & HEAD_MORE))
		return NULL;
	while (i < cache_entries(c)) {
		struct cache_entry *e = &c->entry[i];

		if (cache_is(e, page, shift, tag))
			return e;
		i = e->chain;
	}
	return NULL;
}

/* Makes a chain's head tell of its first entry. */
static void set_head(struct cache *c, uint32_t *head, uint32_t first)
{
	const struct cache_entry *e = &c->entry[first];

	*head = 0;
	if (first < cache_entries(c))
		*head = (first + 1) | part_of(cache_hash(e->page, e->shift)) |
			(e->chain != NO_ENTRY ? HEAD_MORE : 0);
}

static void chain(struct cache *c, struct cache_entry *e, uint64_t hash)
{
	uint32_t *head = head_of(c, hash), first = first_of(*head);

	e->chain = (uint16_t)first;
	*head = ((uint32_t)(e - c->entry) + 1) | part_of(hash) |
		(e->chain != NO_ENTRY ? HEAD_MORE : 0);
}

static void unchain(struct cache *c, const struct cache_entry *e)
{
	uint32_t *head = head_of(c, cache_hash(e->page, e->shift));
	struct cache_entry *before = &c->entry[first_of(*head)];

	if (before == e) {
		set_head(c, head, e->chain);
		return;
	}
	while (&c->entry[before->chain] != e)
		before = &c->entry[before->chain];
	before->chain = e->chain;
	set_head(c, head, first_of(*head));
}

/* ---- age ----------------------------------------------------------------- */

static inline uint16_t *newest_of(const struct cache *c, const struct cache_entry *e)
{
	return &c->newest[e->page & (c->sets - 1)];
}

/* Out of the circle, and in again between the newest and the oldest. */
static void move_to_seam(struct cache *c, uint32_t i, uint32_t newest)
{
	struct cache_age *age = c->age;
	uint16_t oldest;

	age[age[i].newer].older = age[i].older;
	age[age[i].older].newer = age[i].newer;
	oldest = age[newest].newer;
	age[i].newer = oldest;
	age[i].older = (uint16_t)newest;
	age[oldest].older = age[newest].newer = (uint16_t)i;
}

void cache_renew(struct cache *c, const struct cache_entry *e)
{
	uint16_t *newest = newest_of(c, e), i = (uint16_t)(e - c->entry);

	if (*newest == i)
		return;
	/* The oldest is beside the newest already: turning the circle will do. */
	if (c->age[*newest].newer != i)
		move_to_seam(c, i, *newest);
	*newest = i;
}

/* A way's byte of the marks; 0: it is free. */
static void set_mark(struct cache_set *s, uint32_t way, uint64_t mark)
{
	unsigned at = way % 8 * 8;

	s->mark[way / 8] = (s->mark[way / 8] & ~(0xffull << at)) | mark << at;
}

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

	e->used = 0;
	e->written++;
	if (!c->many) {
		set_mark(cache_set_of(c, e), cache_way_of(c, e), 0);
		set_oldest(cache_set_of(c, e), cache_way_of(c, e), c->ways);
		return;
	}
	unchain(c, e);
	newest = newest_of(c, e);
	if (*newest == i)
		*newest = c->age[i].older;
	else if (c->age[*newest].newer != i)
		move_to_seam(c, i, *newest);
}

/* ---- making ---------------------------------------------------------------- */

/* The number of the entry of a set that makes room: a free one, or what the policy says. */
static uint32_t victim(struct cache *c, uint32_t set, uint32_t oldest)
{
	if (likely(c->policy != VMMU_REPLACE_RANDOM) || !c->entry[oldest].used)
		return oldest;
	/* An xorshift: any sequence that is the same each time will do. */
	c->rng ^= c->rng << 13;
	c->rng ^= c->rng >> 17;
	c->rng ^= c->rng << 5;
	return set * c->ways + c->rng % c->ways;
}

/* Room in a set, for what has this hash; it is the newest. */
static struct cache_entry *room_few(struct cache *c, uint32_t set, uint64_t hash)
{
	struct cache_set *s = &c->set[set];
	uint32_t first = set * c->ways, i;

	i = victim(c, set, first + (s->order >> (c->ways - 1) * 4 & 15));
	set_mark(s, i - first, cache_mark(hash));
	cache_newest(s, i - first);
	return &c->entry[i];
}

static struct cache_entry *room_many(struct cache *c, uint32_t set)
{
	struct cache_entry *e = &c->entry[victim(c, set, c->age[c->newest[set]].newer)];

	if (e->used)
		unchain(c, e);
	return e;
}

struct cache_entry *cache_put(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			      int global)
{
	uint64_t page = ia >> shift, hash = cache_hash(page, shift);
	uint32_t set = (uint32_t)page & (c->sets - 1);
	struct cache_entry *e = c->many ? room_many(c, set) : room_few(c, set, hash);

	e->page = page;
	e->shift = (uint8_t)shift;
	e->used = 1;
	e->written++;
	e->tag = tag;
	e->global = (uint8_t)global;
	c->shifts |= 1ull << shift;
	if (c->many) {
		chain(c, e, hash);
		cache_renew(c, e);
	}
	return e;
}

struct cache_entry *cache_make(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			       int global)
{
	struct cache_entry *e = cache_peek(c, ia >> shift, shift, tag);

	if (!e)
		return cache_put(c, ia, shift, tag, global);
	e->written++;
	if (c->many)
		cache_renew(c, e);
	else
		cache_newest(cache_set_of(c, e), cache_way_of(c, e));
	e->tag = tag;
	e->global = (uint8_t)global;
	return e;
}

/* ---- dropping -------------------------------------------------------------- */

/* A fragment of a large guest page goes with the whole of it: SDM 4.10.4.1. */
static int covers(const struct cache_entry *e, unsigned what, uint64_t ia)
{
	unsigned shift = e->shift;

	if (!(what & DROP_EXACT) && e->guest_shift > shift)
		shift = e->guest_shift;
	return !((e->page << e->shift ^ ia) >> shift);
}

static int matches(const struct cache_entry *e, unsigned what, uint64_t ia, uint32_t tag)
{
	if ((what & KEEP_GLOBAL) && e->global)
		return 0;
	if ((what & DROP_PAGE) && !covers(e, what, ia))
		return 0;
	if ((what & DROP_ASID) && e->tag >> 12 != tag >> 12)
		return 0;
	return !(what & DROP_TAG) || cache_same_space(e, tag);
}

static void drop_all(struct cache *c)
{
	uint32_t i;

	c->shifts = 0;
	c->fragments = 0;
	if (c->many)
		no_chains(c);
	else
		no_marks(c);
	for (i = 0; i < cache_entries(c); i++) {
		c->entry[i].used = 0;
		c->entry[i].written++;
	}
}

static void drop_if(struct cache *c, struct cache_entry *e, unsigned what, uint64_t ia,
		    uint32_t tag)
{
	if (e->used && matches(e, what, ia, tag))
		drop_one(c, e);
}

/* All that may have this page number, whatever the tag. */
static void drop_page(struct cache *c, unsigned shift, unsigned what, uint64_t ia, uint32_t tag)
{
	uint64_t page = ia >> shift;
	uint32_t i, next, left;

	if (!c->many) {
		i = (uint32_t)(page & (c->sets - 1)) * c->ways;
		for (left = c->ways; left--; i++)
			drop_if(c, &c->entry[i], what, ia, tag);
		return;
	}
	for (i = first_of(*head_of(c, cache_hash(page, shift))); i < cache_entries(c); i = next) {
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
