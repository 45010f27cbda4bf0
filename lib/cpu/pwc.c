/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-walk cache: links of the first dimension, by linear address.
 * Not here: the cache itself (tlb.c), what drops from it (regs.c).
 * Keeps: only links of walks that succeeded, with their A bits set.
 */
#include "fmt.h"
#include "walk_priv.h"

const struct cache_entry *pwc_find(struct env *env, uint64_t ia)
{
	struct caches *c = env->o->caches;

	return c->pwc.entry ? cache_find(&c->pwc, ia, hw_tag(env->hw)) : NULL;
}

void pwc_note(struct env *env, const struct vmmu_fmt *f, const struct reach *r, uint64_t gpa,
	      uint64_t hpa)
{
	struct caches *c = env->o->caches;
	struct cache_entry *e = &c->path[c->depth];

	if (!c->pwc.entry || r->level == f->top || (f->accessed & ~r->all))
		return;
	if (f->lv[r->level + 1].cached && (env->hw->g.ctl & VMMU_PG_PDPTES))
		return;
	e->level = (uint8_t)r->level;
	e->shift = f->lv[r->level + 1].shift;
	e->gpa = gpa;
	e->out = hpa;
	e->acc = acc_of(f, r);
	c->depth++;
}

void pwc_commit(struct env *env, uint64_t ia)
{
	struct caches *c = env->o->caches;
	unsigned i;

	for (i = 0; i < c->depth; i++) {
		const struct cache_entry *from = &c->path[i];
		struct cache_entry *e = cache_make(&c->pwc, ia, from->shift, hw_tag(env->hw), 0);

		e->level = from->level;
		e->gpa = from->gpa;
		e->out = from->out;
		e->acc = from->acc;
	}
}
