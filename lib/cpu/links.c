/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-walk caches that hold links by input address, of either dimension.
 * Not here: the cache itself (tlb.c), what drops from it (regs.c).
 * Keeps: only links of walks that succeeded, with their A bits set.
 */
#include "caches.h"
#include "fmt.h"
#include "walk_priv.h"

static uint32_t tag_of(const struct env *env, unsigned dim)
{
	return dim == 1 ? hw_tag(env->hw) : cache_tag(env->hw->asid, 0);
}

const struct cache_entry *links_find(struct env *env, const struct vmmu_fmt *f, unsigned dim,
				     uint64_t ia)
{
	struct caches *c = env->o->caches;
	uint32_t tag = tag_of(env, dim);
	/* Bit 0: one cache has links of all levels. */
	unsigned levels = c->links[dim - 1] & 1 ? ~0u << 1 : c->links[dim - 1], level;

	for (levels &= (1u << f->top) - 1; levels; levels &= levels - 1) {
		const struct cache_entry *e;

		level = (unsigned)__builtin_ctz(levels);
		e = cache_find_size(link_cache(c, dim, level), ia, f->lv[level + 1].shift, tag);
		if (!e)
			continue;
		if (!c->quiet)
			(dim == 1 ? c->stats.link_hits : c->stats.nested_link_hits)[level]++;
		return e;
	}
	return NULL;
}

void links_note(struct env *env, const struct vmmu_fmt *f, unsigned dim, const struct reach *r,
		uint64_t gpa, uint64_t hpa)
{
	const struct vmmu_paging *pg = dim == 1 ? &env->hw->g : &env->hw->n;
	struct caches *c = env->o->caches;
	struct noted *to = &c->path[dim - 1][c->depth[dim - 1]];

	if (r->level == f->top || (pg->ad[VMMU_READ] & ~r->all) ||
	    !(c->links[dim - 1] & (1u | 1u << r->level)))
		return;
	if (f->lv[r->level + 1].cached && (pg->ctl & VMMU_PG_PDPTES))
		return;
	to->level = (uint8_t)r->level;
	to->shift = f->lv[r->level + 1].shift;
	to->gpa = gpa;
	to->out = hpa;
	to->acc = acc_of(f, r);
	c->depth[dim - 1]++;
}

void links_commit(struct env *env, unsigned dim, uint64_t ia)
{
	struct caches *c = env->o->caches;
	uint32_t tag = tag_of(env, dim);
	unsigned i;

	for (i = 0; i < c->depth[dim - 1]; i++) {
		const struct noted *from = &c->path[dim - 1][i];
		struct cache_entry *e =
			cache_make(link_cache(c, dim, from->level), ia, from->shift, tag, 0);

		e->level = from->level;
		e->gpa = from->gpa;
		e->out = from->out;
		e->acc = from->acc;
	}
}

void links_drop(struct caches *c, unsigned dim, unsigned what, uint64_t ia, uint32_t tag)
{
	unsigned levels;

	for (levels = c->links[dim - 1]; levels; levels &= levels - 1)
		cache_drop(&c->link[dim - 1][__builtin_ctz(levels)], what, ia, tag);
}
