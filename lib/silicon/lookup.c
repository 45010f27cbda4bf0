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

/* An address as part of a page of this size. */
struct wanted {
	uint64_t page, hash;
	unsigned shift;
};

static always_inline struct wanted want(uint64_t gva, unsigned shift)
{
	/* The hash is the same for all tags. */
	return (struct wanted){ gva >> shift, cache_hash(gva >> shift, cache_key(shift, 0)),
				shift };
}

/* All of it; `absent`: there is no entry for it yet. */
static void fill_whole(struct cache *c, uint64_t page, const struct tlb_fill *f, unsigned absent)
{
	struct cache_entry *e = absent ? cache_put(c, page, f->key, f->info, f->out)
				       : cache_make(c, page, f->key, f->info, f->out);

	e->gpa = f->gpa;
	if (e->guest_shift > cache_shift(f->key))
		c->fragments = 1;
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

/* What the TLBs of a plan keep of it, from number i on. */
static never_inline void fill_from(struct silicon *s, uint64_t gva, const struct fill_plan *plan,
				   unsigned i, unsigned nr, const struct tlb_fill *f)
{
	for (; i < nr; i++) {
		struct cache *c = plan->tlb[i];

		if (plan->shift && i < plan->nr_first)
			fill_piece(c, gva, f, plan->shift);
		else
			fill_whole(c, gva >> cache_shift(f->key), f, s->missed >> c->nr & 1);
	}
}

/*
 * What the first `nr` TLBs of a plan keep of it; `tlbs` is a bitmap of these.  The last call is
 * the only one, so no register has to be saved for what is quick.
 */
static always_inline void fill(struct silicon *s, uint64_t gva, const struct fill_plan *plan,
			       unsigned tlbs, unsigned nr, const struct tlb_fill *from)
{
	const struct tlb_fill f = *from;
	const struct wanted w = want(gva, cache_shift(f.key));
	unsigned i = 0;

	/* None has an entry, gets a piece, or has to know that this is a piece of the guest's. */
	if (likely(!(tlbs & ~(unsigned)s->missed) && !plan->shift &&
		   info_byte(f.info, INFO_GUEST_SHIFT) <= w.shift)) {
		for (; i < nr && likely(plan->tlb[i]->few_of == w.shift); i++)
			cache_put_few(plan->tlb[i], w.hash, w.page, f.key, f.info, f.out)->gpa =
				f.gpa;
		if (likely(i == nr))
			return;
	}
	fill_from(s, gva, plan, i, nr, from);
}

/* An entry of a second-level TLB, for the first. */
static void fill_first_level(struct silicon *s, uint64_t gva, unsigned code,
			     const struct cache_entry *e)
{
	const struct tlb_fill f = { e->key, e->info, e->out, e->gpa, 0, 0 };
	const struct fill_plan *plan = &s->plan[code][size_class(cache_shift(e->key))];

	fill(s, gva, plan, plan->tlbs_first, plan->nr_first, &f);
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
static void note_hit(struct silicon *s, uint64_t gva, unsigned code, const struct cache *c,
		     struct cache_entry *e, unsigned kinds)
{
	struct hit *h = hit_of(s, gva, code ? VMMU_FETCH : VMMU_READ);

	h->set = NULL;
	if (!c->many && c->policy == VMMU_REPLACE_LRU && !s->model->data_accesses)
		h->set = cache_set_of(c, e);
	h->way = (uint8_t)cache_way_of(c, e);
	h->tag = (gva & PAGE_MASK) | s->front.generation;
	h->entry = e;
	h->written = e->written;
	h->rights = rights_by_access(kinds);
	h->tlb = c->nr;
}

/* In a TLB there is an entry: whether it lets this access pass. */
static never_inline int found(struct silicon *s, uint64_t gva, unsigned kind, struct cache *c,
			      struct cache_entry *e, unsigned *kinds)
{
	unsigned code = kind >> 2 == VMMU_FETCH;

	cache_touch(c, e);
	*kinds = entry_kinds(s, e);
	if (!(*kinds >> kind & 1))
		return 0;
	s->caches.stats.tlb_hits[c->nr]++;
	if (s->model->tlb[c->nr].level == 2)
		fill_first_level(s, gva, code, e);
	else
		note_hit(s, gva, code, c, e, *kinds);
	return 1;
}

/* Looks at one TLB after the other. */
static never_inline struct cache_entry *lookup_each(struct silicon *s, uint64_t gva, unsigned kind,
						    unsigned *kinds)
{
	struct cache *const *next = s->order[kind >> 2 == VMMU_FETCH], *c;
	struct cache_entry *e;

	s->missed = 0;
	for (c = *next; c; c = *++next) {
		e = cache_look(c, gva, silicon_tag(s));
		if (!e)
			s->missed |= (uint8_t)(1u << c->nr);
		else if (found(s, gva, kind, c, e, kinds))
			return e;
	}
	s->caches.stats.tlb_misses++;
	return NULL;
}

/* Mostly all of them have pages of 4K alone, and none has this one. */
struct cache_entry *silicon_lookup(struct silicon *s, uint64_t gva, unsigned kind, unsigned *kinds)
{
	struct cache *const *next = s->order[kind >> 2 == VMMU_FETCH], *c;
	const struct wanted w = want(gva, VMMU_PAGE_SHIFT);
	unsigned missed = 0;

	s->last_hit = NULL;
	for (c = *next; c; c = *++next) {
		if (unlikely(c->few_of != VMMU_PAGE_SHIFT || cache_may_have(c, w.hash, w.page)))
			return lookup_each(s, gva, kind, kinds);
		missed |= 1u << c->nr;
	}
	s->missed = (uint8_t)missed;
	s->caches.stats.tlb_misses++;
	return NULL;
}

void silicon_fill(struct silicon *s, uint64_t gva, unsigned kind, const struct tlb_fill *f)
{
	const struct fill_plan *plan =
		&s->plan[kind >> 2 == VMMU_FETCH][size_class(cache_shift(f->key))];

	s->last_hit = NULL;
	fill(s, gva, plan, plan->tlbs, plan->nr, f);
}
