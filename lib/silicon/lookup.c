/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TLBs of one vCPU: which have an entry for an access, and which get what a walk found.
 * Not here: one TLB as a cache (tlb.c), the walk itself (walk.c).
 * Keeps: an entry that a struct hit points to is found by it only while it is still
 * the entry of that page, and only for accesses that have nothing left to set.
 */
#include "silicon.h"

/* The kinds of access that an entry lets pass as it is. */
static unsigned entry_kinds(const struct silicon *s, const struct cache_entry *e)
{
	unsigned kinds = nested_kinds(e->nrights, e->dirty);

	if (s->hw.g.fmt)
		kinds &= vmmu_paging_kinds(&s->hw.g, e->rights, e->pkey);
	return kinds;
}

/* 0: 4K, 1: 2M or 4M, 2: 1G. */
static unsigned size_class(unsigned shift)
{
	return shift >= 30 ? 2 : shift > VMMU_PAGE_SHIFT;
}

/* All of it; `absent`: there is no entry for it yet. */
static always_inline void fill_whole(struct cache *c, uint64_t page, const struct tlb_fill *f,
				     unsigned absent)
{
	struct cache_entry *e;

	if (unlikely(!absent))
		e = cache_make(c, page, f->key, f->info, f->out);
	else if (unlikely(c->many || c->policy == VMMU_REPLACE_RANDOM))
		e = cache_put(c, page, f->key, f->info, f->out);
	else
		e = cache_put_few(c, page, f->key, f->info, f->out);
	e->gpa = f->gpa;
}

/* The piece around gva, of log2 size `piece`. */
static never_inline void fill_piece(struct cache *c, uint64_t gva, const struct tlb_fill *f,
				    unsigned piece)
{
	unsigned shift = cache_shift(f->key);
	uint64_t low = (gva & ((1ull << shift) - 1)) >> piece << piece;
	uint64_t key = cache_key(piece, (uint32_t)f->key) | (f->key & CACHE_GLOBAL);
	struct cache_entry *e = cache_make(c, gva >> piece, key, f->info, f->out + low);

	e->gpa = f->gpa + low;
	if (e->guest_shift < shift)
		e->guest_shift = (uint8_t)shift;
	c->fragments |= e->guest_shift > piece;
}

/* What some of the TLBs keep of it. */
static always_inline void fill_at(struct silicon *s, uint64_t gva, const struct fill_plan *plan,
				  unsigned nr, const struct tlb_fill *f)
{
	unsigned shift = cache_shift(f->key), i;
	int fragments = info_byte(f->info, INFO_GUEST_SHIFT) > shift;

	for (i = 0; i < nr; i++) {
		unsigned tlb = plan->tlb[i];

		if (unlikely(plan->shift && i < plan->nr_first)) {
			fill_piece(&s->tlb[tlb], gva, f, plan->shift);
			continue;
		}
		fill_whole(&s->tlb[tlb], gva >> shift, f, s->missed >> tlb & 1);
		if (unlikely(fragments))
			s->tlb[tlb].fragments = 1;
	}
}

/* An entry of a second-level TLB, for the first. */
static void fill_first_level(struct silicon *s, uint64_t gva, unsigned code,
			     const struct cache_entry *e)
{
	const struct tlb_fill f = { e->key, e->info, e->out, e->gpa, 0, 0 };
	const struct fill_plan *plan = &s->plan[code][size_class(cache_shift(e->key))];

	fill_at(s, gva, plan, plan->nr_first, &f);
}

/* Of kinds that pass, the rights of each access by what of it decides. */
static uint32_t rights_by_access(unsigned kinds)
{
	uint32_t by, rights = 0;

	for (by = 0; by <= HIT_BY; by += VMMU_USER)
		rights |= (uint32_t)rights_in_mode(kinds, by) << by;
	return rights;
}

/* What a level-1 hit found, for the next one to the page. */
static void note_hit(struct silicon *s, uint64_t gva, unsigned code, unsigned tlb,
		     struct cache_entry *e, unsigned kinds)
{
	const struct cache *c = &s->tlb[tlb];
	struct hit *h = hit_of(s, gva, code ? VMMU_FETCH : VMMU_READ);

	h->set = NULL;
	if (!c->many && c->policy == VMMU_REPLACE_LRU && !s->model->data_accesses)
		h->set = cache_set_of(c, e);
	h->way = (uint8_t)cache_way_of(c, e);
	h->tag = (gva & PAGE_MASK) | s->front.generation;
	h->entry = e;
	h->written = e->written;
	h->rights = rights_by_access(kinds);
	h->tlb = (uint8_t)tlb;
}

/* In the n-th TLB that is looked at there is an entry: whether it lets this access pass. */
static never_inline int found(struct silicon *s, uint64_t gva, unsigned kind, unsigned n,
			      struct cache_entry *e, unsigned *kinds)
{
	unsigned code = kind >> 2 == VMMU_FETCH, i = s->order[code][n];

	cache_touch(&s->tlb[i], e);
	*kinds = entry_kinds(s, e);
	if (!(*kinds >> kind & 1))
		return 0;
	s->caches.stats.tlb_hits[i]++;
	if (s->model->tlb[i].level == 2)
		fill_first_level(s, gva, code, e);
	else
		note_hit(s, gva, code, i, e, *kinds);
	return 1;
}

/* What is looked for: an address as part of a page of this size. */
struct wanted {
	uint64_t page;
	unsigned shift;
	uint8_t mark;
};

static always_inline struct wanted want(uint64_t gva, unsigned shift, uint32_t tag)
{
	uint64_t page = gva >> shift, hash = cache_hash(page, cache_key(shift, tag));

	return (struct wanted){ page, shift, cache_mark(hash) };
}

/* Whether there is surely no entry; 0: cache_look() knows. */
static always_inline int is_absent(const struct cache *c, uint64_t gva, uint32_t tag,
				   struct wanted *w)
{
	unsigned shift = (unsigned)__builtin_ctzll(c->shifts | 1ull << 63);

	if (unlikely(c->many || !one_bit(c->shifts)))
		return 0;
	/* Mostly it is a page of 4K in all of them. */
	if (unlikely(shift != w->shift))
		*w = want(gva, shift, tag);
	return !has_byte(c->set[w->page & (c->sets - 1)].mark, w->mark);
}

struct cache_entry *silicon_lookup(struct silicon *s, uint64_t gva, unsigned kind, unsigned *kinds)
{
	unsigned code = kind >> 2 == VMMU_FETCH, n;
	uint32_t tag = silicon_tag(s);
	struct wanted w = want(gva, VMMU_PAGE_SHIFT, tag);
	struct cache_entry *e;

	s->missed = 0;
	s->last_hit = NULL;
	for (n = 0; n < s->nr_order[code]; n++) {
		unsigned i = s->order[code][n];

		e = is_absent(&s->tlb[i], gva, tag, &w) ? NULL : cache_look(&s->tlb[i], gva, tag);
		if (likely(!e))
			s->missed |= (uint8_t)(1u << i);
		else if (found(s, gva, kind, n, e, kinds))
			return e;
	}
	s->caches.stats.tlb_misses++;
	return NULL;
}

void silicon_fill(struct silicon *s, uint64_t gva, unsigned kind, const struct tlb_fill *f)
{
	const struct fill_plan *plan =
		&s->plan[kind >> 2 == VMMU_FETCH][size_class(cache_shift(f->key))];

	s->last_hit = NULL;
	fill_at(s, gva, plan, plan->nr, f);
}
