/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set-associative cache of translations, least recently used out first.
 * Not here: when to look and what to drop (mmu.c, regs.c).
 * Keeps: at most one entry per key; `shifts` covers every entry's size.
 */
#include <string.h>

#include "tlb.h"

static struct cache_entry *set_of(const struct cache *c, uint64_t page)
{
	return c->entry + (page & (c->sets - 1)) * c->ways;
}

static int same_space(const struct cache_entry *e, uint32_t tag)
{
	return e->tag == tag || (e->global && e->tag >> 12 == tag >> 12);
}

struct cache_entry *cache_find(struct cache *c, uint64_t ia, uint32_t tag)
{
	uint64_t todo;

	/* The smallest size first: of a page-walk cache, the deepest level. */
	for (todo = c->shifts; todo; todo &= todo - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(todo);
		struct cache_entry *e = set_of(c, ia >> shift), *end = e + c->ways;

		for (; e < end; e++) {
			if (e->page == ia >> shift && e->shift == shift && cache_used(c, e) &&
			    same_space(e, tag)) {
				e->stamp = ++c->clock;
				return e;
			}
		}
	}
	return NULL;
}

struct cache_entry *cache_make(struct cache *c, uint64_t ia, unsigned shift, uint32_t tag,
			       int global)
{
	uint64_t page = ia >> shift;
	struct cache_entry *e = set_of(c, page), *end = e + c->ways, *victim = e;

	for (; e < end; e++) {
		if (!cache_used(c, e)) {
			if (cache_used(c, victim))
				victim = e;
			continue;
		}
		if (e->page == page && e->shift == shift && same_space(e, tag)) {
			victim = e;
			break;
		}
		/* A free one first; the clock may wrap, differences do not. */
		if (cache_used(c, victim) && c->clock - e->stamp > c->clock - victim->stamp)
			victim = e;
	}
	memset(victim, 0, sizeof(*victim));
	victim->page = page;
	victim->shift = (uint8_t)shift;
	victim->tag = tag;
	victim->global = (uint8_t)global;
	victim->stamp = ++c->clock;
	victim->epoch = c->epoch;
	c->shifts |= 1ull << shift;
	return victim;
}

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

static void drop_in(const struct cache *c, struct cache_entry *e, uint32_t n, unsigned what,
		    uint64_t ia, uint32_t tag)
{
	for (; n--; e++)
		if (cache_used(c, e) && matches(e, what, ia, tag))
			e->epoch--;
}

static void drop_all(struct cache *c)
{
	c->shifts = 0;
	c->fragments = 0;
	c->epoch++;
	/* Once in 2^32 an old epoch would come back. */
	if (c->epoch == 1)
		memset(c->entry, 0, (size_t)c->sets * c->ways * sizeof(*c->entry));
	if (!c->epoch)
		drop_all(c);
}

void cache_drop(struct cache *c, unsigned what, uint64_t ia, uint32_t tag)
{
	uint64_t todo;

	if (!c->entry || !c->shifts)
		return;
	if (!what) {
		drop_all(c);
		return;
	}
	if (!(what & DROP_PAGE) || (c->fragments && !(what & DROP_EXACT))) {
		drop_in(c, c->entry, c->sets * c->ways, what, ia, tag);
		return;
	}
	for (todo = c->shifts; todo; todo &= todo - 1)
		drop_in(c, set_of(c, ia >> __builtin_ctzll(todo)), c->ways, what, ia, tag);
}
