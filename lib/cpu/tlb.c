/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set-associative cache of translations.  Found by hash, so that many ways
 * cost no more than few; the age within a set is a circle.
 * Not here: when to look and what to drop (mmu.c, regs.c).
 * Keeps: at most one entry per key; `shifts` covers every entry's size; free
 * entries are the oldest of their set; chains hold used entries alone.
 */
#include <string.h>

#include "tlb.h"

/* A head: the number of the first entry, a part of its hash, and whether there are more. */
#define HEAD_MORE 0x10000u
#define HEAD_PART 0xfffe0000u
#define HEAD_NONE NO_ENTRY

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

	return n * (sizeof(struct cache_entry) + sizeof(struct cache_age)) +
	       sets * sizeof(uint16_t) + (sizeof(uint32_t) << hash_bits(n));
}

static void start_set(struct cache *c, uint32_t set)
{
	uint32_t first = set * c->ways, i;

	for (i = 0; i < c->ways; i++) {
		c->age[first + i].newer = (uint16_t)(first + (i + c->ways - 1) % c->ways);
		c->age[first + i].older = (uint16_t)(first + (i + 1) % c->ways);
	}
	c->newest[set] = (uint16_t)first;
}

static void no_chains(struct cache *c)
{
	uint32_t i;

	for (i = 0; i < 1u << c->hash_bits; i++)
		c->head[i] = HEAD_NONE;
}

void cache_start(struct cache *c, void *memory, uint32_t sets, uint32_t ways)
{
	uint32_t n = sets * ways, set;

	c->sets = sets;
	c->ways = ways;
	c->hash_bits = (uint8_t)hash_bits(n);
	c->rng = 1;
	c->entry = memory;
	c->age = (struct cache_age *)(void *)(c->entry + n);
	c->head = (uint32_t *)(void *)(c->age + n);
	c->newest = (uint16_t *)(void *)(c->head + (1u << c->hash_bits));
	memset(c->entry, 0, n * sizeof(*c->entry));
	no_chains(c);
	for (set = 0; set < sets; set++)
		start_set(c, set);
}

/* ---- chains ------------------------------------------------------------ */

static inline uint64_t hash_of(uint64_t page, unsigned shift)
{
	return (page + ((uint64_t)shift << 56)) * 0x9e3779b97f4a7c15ull;
}

static inline uint32_t *head_of(const struct cache *c, uint64_t hash)
{
	return &c->head[hash >> (64 - c->hash_bits)];
}

static inline uint32_t part_of(uint64_t hash)
{
	return (uint32_t)(hash >> 16) & HEAD_PART;
}

static inline int same_space(const struct cache_entry *e, uint32_t tag)
{
	return e->tag == tag || (e->global && e->tag >> 12 == tag >> 12);
}

static struct cache_entry *search(const struct cache *c, uint32_t i, uint64_t page, unsigned shift,
				  uint32_t tag)
{
	for (; i != NO_ENTRY; i = c->entry[i].chain) {
		struct cache_entry *e = &c->entry[i];

		if (e->page == page && e->shift == shift && same_space(e, tag))
			return e;
	}
	return NULL;
}

static inline struct cache_entry *find_size(const struct cache *c, uint64_t page, unsigned shift,
					    uint32_t tag)
{
	uint64_t hash = hash_of(page, shift);
	uint32_t head = *head_of(c, hash);

	if (likely(((head ^ part_of(hash)) & HEAD_PART) && !(head & HEAD_MORE)))
		return NULL;
	return search(c, head & NO_ENTRY, page, shift, tag);
}

/* Makes a chain's head tell of its first entry. */
static void set_head(struct cache *c, uint32_t *head, uint32_t first)
{
	const struct cache_entry *e = &c->entry[first];

	*head = HEAD_NONE;
	if (first != NO_ENTRY)
		*head = first | part_of(hash_of(e->page, e->shift)) |
			(e->chain != NO_ENTRY ? HEAD_MORE : 0);
}

static void chain(struct cache *c, struct cache_entry *e)
{
	uint32_t *head = head_of(c, hash_of(e->page, e->shift));

	e->chain = (uint16_t)*head;
	set_head(c, head, (uint32_t)(e - c->entry));
}

static void unchain(struct cache *c, const struct cache_entry *e)
{
	uint32_t *head = head_of(c, hash_of(e->page, e->shift));
	struct cache_entry *before = &c->entry[*head & NO_ENTRY];

	if (before == e) {
		set_head(c, head, e->chain);
		return;
	}
	while (&c->entry[before->chain] != e)
		before = &c->entry[before->chain];
	before->chain = e->chain;
	set_head(c, head, *head & NO_ENTRY);
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

static inline void renew(struct cache *c, const struct cache_entry *e)
{
	uint16_t *newest = newest_of(c, e), i = (uint16_t)(e - c->entry);

	if (*newest == i)
		return;
	/* The oldest is beside the newest already: turning the circle will do. */
	if (c->age[*newest].newer != i)
		move_to_seam(c, i, *newest);
	*newest = i;
}

/* The entry becomes free, and the oldest of its set. */
static void drop_one(struct cache *c, struct cache_entry *e)
{
	uint16_t *newest = newest_of(c, e), i = (uint16_t)(e - c->entry);

	unchain(c, e);
	e->used = 0;
	if (*newest == i)
		*newest = c->age[i].older;
	else if (c->age[*newest].newer != i)
		move_to_seam(c, i, *newest);
}

/* ---- finding and making -------------------------------------------------- */

struct cache_entry *cache_find_size(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag)
{
	struct cache_entry *e = find_size(c, ia >> shift, shift, tag);

	if (e && c->policy == VMMU_REPLACE_LRU)
		renew(c, e);
	return e;
}

struct cache_entry *cache_find(struct cache *c, uint64_t ia, uint32_t tag)
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

/* The entry of a set that makes room: a free one, or what the policy says. */
static struct cache_entry *victim(struct cache *c, uint32_t set)
{
	struct cache_entry *oldest = &c->entry[c->age[c->newest[set]].newer];

	if (likely(c->policy != VMMU_REPLACE_RANDOM) || !oldest->used)
		return oldest;
	/* An xorshift: any sequence that is the same each time will do. */
	c->rng ^= c->rng << 13;
	c->rng ^= c->rng >> 17;
	c->rng ^= c->rng << 5;
	return &c->entry[set * c->ways + c->rng % c->ways];
}

struct cache_entry *cache_make(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			       int global)
{
	uint64_t page = ia >> shift;
	struct cache_entry *e = find_size(c, page, shift, tag);

	if (!e) {
		e = victim(c, (uint32_t)page & (c->sets - 1));
		if (e->used)
			unchain(c, e);
		e->page = page;
		e->shift = (uint8_t)shift;
		e->used = 1;
		chain(c, e);
	}
	renew(c, e);
	e->out = e->gpa = e->acc = 0;
	e->note = 0;
	e->level = e->rights = e->nrights = e->pkey = e->dirty = e->guest_shift = 0;
	e->tag = tag;
	e->global = (uint8_t)global;
	c->shifts |= 1ull << shift;
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
	return !(what & DROP_TAG) || same_space(e, tag);
}

static void drop_all(struct cache *c)
{
	uint32_t i;

	c->shifts = 0;
	c->fragments = 0;
	no_chains(c);
	for (i = 0; i < cache_entries(c); i++)
		c->entry[i].used = 0;
}

/* Every entry of one page number, whatever its tag. */
static void drop_page(struct cache *c, unsigned shift, unsigned what, uint64_t ia, uint32_t tag)
{
	uint32_t i = *head_of(c, hash_of(ia >> shift, shift)) & NO_ENTRY, next;

	for (; i != NO_ENTRY; i = next) {
		struct cache_entry *e = &c->entry[i];

		next = e->chain;
		if (e->page == ia >> shift && e->shift == shift && matches(e, what, ia, tag))
			drop_one(c, e);
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
		if (c->entry[i].used && matches(&c->entry[i], what, ia, tag))
			drop_one(c, &c->entry[i]);
}
