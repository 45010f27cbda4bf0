/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-walk caches that hold links by input address, of either dimension, as a walk uses
 * them.
 * Not here: the cache itself (tlb.c), what drops from it (regs.c).
 * Keeps: only links of walks that succeeded, with their A bits set; what a walk did not
 * find when it began is not there when it ends.
 */
#ifndef VMMU_LIB_LINKS_H
#define VMMU_LIB_LINKS_H

#include "caches.h"
#include "walk_priv.h"

static always_inline uint32_t links_tag(const struct dimension *d, const struct env *env)
{
	return d->nr == 1 ? hw_tag(env->hw) : cache_tag(env->hw->asid, 0);
}

/* The link to a table of level n, a constant for most. */
static always_inline struct cache_entry *link_peek(const struct dimension *d, struct cache *c,
						   uint64_t ia, unsigned n, uint32_t tag)
{
	unsigned shift = d->fmt->lv[n + 1].shift;

	return cache_peek(c, ia >> shift, cache_key(shift, tag));
}

/* The deepest link cached for ia, or NULL; it gets no younger and is not counted. */
static always_inline struct cache_entry *
links_peek(const struct dimension *d, const struct env *env, struct caches *c, uint64_t ia)
{
	unsigned levels = c->links[d->nr - 1];
	struct cache *of_all = &c->link[d->nr - 1][0];
	struct cache_entry *e = NULL;
	uint32_t tag = links_tag(d, env);

#define LEVEL(n)                                                                                   \
	if ((n) < d->fmt->top && !e) {                                                             \
		if (levels & 1)                                                                    \
			e = link_peek(d, of_all, ia, n, tag);                                      \
		else if (levels >> (n)&1)                                                          \
			e = link_peek(d, of_all + (n), ia, n, tag);                                \
	}
	/* Bit 0: one cache has links of all levels. */
	if (levels) {
		LEVEL(1)
		LEVEL(2)
		LEVEL(3)
		LEVEL(4)
	}
#undef LEVEL
	return e;
}

/* A walk begins with this link. */
static always_inline void links_use(const struct dimension *d, struct caches *c,
				    const struct cache_entry *e)
{
	cache_touch(link_cache(c, d->nr, e->level), e);
	if (likely(!c->quiet))
		(d->nr == 1 ? c->stats.link_hits : c->stats.nested_link_hits)[e->level]++;
}

/* The deepest link cached for ia, or NULL. */
static always_inline const struct cache_entry *
links_find(const struct dimension *d, const struct env *env, struct caches *c, uint64_t ia)
{
	const struct cache_entry *e = links_peek(d, env, c, ia);

	if (e)
		links_use(d, c, e);
	return e;
}

/*
 * The walk has come to the table at (gpa, hpa) of level r->level, by no cached link.  A link
 * whose A bit is clear may not be cached (SDM 4.10.3.1).
 */
static always_inline void links_note(const struct dimension *d, const struct env *env,
				     struct caches *c, const struct reach *r, uint64_t gpa,
				     uint64_t hpa)
{
	const struct vmmu_paging *pg = paging_of(d, env);
	const struct vmmu_fmt *f = d->fmt;
	struct noted *to;

	if (!(c->links[d->nr - 1] & (1u | 1u << r->level)) || r->level == f->top ||
	    (pg->ad[VMMU_READ] & ~r->acc))
		return;
	if (f->lv[r->level + 1].cached && (pg->ctl & VMMU_PG_PDPTES))
		return;
	to = &c->path[d->nr - 1][c->depth[d->nr - 1]++];
	to->level = (uint8_t)r->level;
	to->shift = f->lv[r->level + 1].shift;
	to->gpa = gpa;
	to->out = hpa;
	to->acc = r->acc;
}

/* The walk was good: what it noted is kept. */
static always_inline void links_commit(const struct dimension *d, const struct env *env,
				       struct caches *c, uint64_t ia)
{
	const struct noted *from = c->path[d->nr - 1], *end = from + c->depth[d->nr - 1];
	uint32_t tag = links_tag(d, env);

	for (; from < end; from++) {
		struct cache_entry *e =
			cache_put(link_cache(c, d->nr, from->level), ia >> from->shift,
				  cache_key(from->shift, tag), link_info(from->level), from->out);

		e->gpa = from->gpa;
		e->acc = from->acc;
	}
}

#endif
