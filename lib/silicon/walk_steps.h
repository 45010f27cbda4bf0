/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of the walk, written once: walk.c makes the general walk of them, by
 * run-time descriptors, and walk_modelled.c walks of modelled silicon by constant ones.
 * Not here: setting A and D, and why a walk stopped, which cost a call (walk.c, stop.c).
 * Keeps: all of these walks look at and fill caches, and count, in the same order.
 */
#ifndef VMMU_LIB_WALK_STEPS_H
#define VMMU_LIB_WALK_STEPS_H

#include "links.h"
#include "timing.h"
#include "walk_priv.h"

/* ---- memory, hooks ------------------------------------------------------- */

static never_inline unsigned load_ops(const struct vmmu_mem_ops *ops, uint64_t pa, unsigned bytes,
				      uint64_t *e)
{
	switch (ops->read(ops->ctx, pa, bytes, e)) {
	case VMMU_MEM_OK:
		return VMMU_WALK_OK;
	case VMMU_MEM_ABSENT:
		return VMMU_WALK_ABSENT;
	default:
		return VMMU_WALK_NOMEM;
	}
}

static never_inline void tell_step(const struct env *env, const struct vmmu_fmt *f, unsigned dim,
				   uint64_t ia, const struct reach *r)
{
	struct vmmu_step s = {
		.fmt = f,
		.dim = (uint8_t)dim,
		.level = (uint8_t)r->level,
		.table = dim == 2 ? env->table : 0,
		.leaf = (uint8_t)r->leaf,
		.ia = ia,
		.pa = r->ipa,
		.entry = r->entry,
	};

	env->o->step(env->o->step_ctx, &s);
}

/* Reads an entry; answers a walk status. */
static always_inline unsigned load(const struct dimension *d, struct env *env, uint64_t pa,
				   uint64_t *e)
{
	const struct vmmu_bus *bus = &env->hw->bus;
	const void *p = at_hpa(bus->base, pa);

	if (!d->lean && unlikely(env->o->ops != NULL))
		return load_ops(env->o->ops, pa, d->fmt->entry_bytes, e);
	if (unlikely(pa - bus->lo >= bus->size))
		p = bus_at(bus, pa);
	if (unlikely(!p))
		return VMMU_WALK_NOMEM;
	*e = entry_load(p, d->fmt->entry_bytes);
	return VMMU_WALK_OK;
}

static always_inline struct caches *caches_of(const struct dimension *d, const struct env *env)
{
	struct caches *c = env->o->caches;

	/* Says to the compiler what it cannot know. */
	if (d->lean && !c)
		__builtin_unreachable();
	return c;
}

/* ---- down the tables of one dimension -------------------------------------- */

/* What is wrong with an entry that is not good: SDM 4.7, 28.3.3.1. */
static always_inline unsigned judge(const struct vmmu_fmt *f, uint64_t e)
{
	if (!(e & f->present))
		return VMMU_WALK_NP;
	return f->style == VMMU_STYLE_EPT ? VMMU_WALK_MISCONFIG : VMMU_WALK_RSVD;
}

/* Where a descent begins: the root, the cached PDPTEs, or a cached link. */
static always_inline uint64_t start(const struct dimension *d, struct env *env, struct caches *all,
				    uint64_t ia, struct reach *r, uint64_t *table_hpa)
{
	const struct vmmu_fmt *f = d->fmt;
	const struct vmmu_paging *pg = paging_of(d, env);
	const struct cache_entry *c;

	r->level = f->top;
	r->acc = ~0ull;
	*table_hpa = NO_HPA;
	c = all ? links_find(d, env, all, ia) : NULL;
	if (c) {
		r->level = c->level;
		r->acc = c->acc;
		*table_hpa = c->out;
		return c->gpa;
	}
	if (f->lv[f->top].cached && (pg->ctl & VMMU_PG_PDPTES)) {
		r->entry = pg->pdpte[ia >> f->lv[f->top].shift & 3];
		if (!(r->entry & f->present))
			r->status = VMMU_WALK_NP;
		else
			r->level--;
		return entry_table(f, r->entry);
	}
	return pg->root;
}

/* Where the entry lies in the host, in the table of a cached link or another; 1: the nested
 * dimension stopped. */
static always_inline int find_entry(const struct dimension *d, struct env *env, uint64_t table,
				    uint64_t index, uint64_t *table_hpa, struct reach *r)
{
	r->ipa = r->hpa = table + index;
	if (*table_hpa != NO_HPA) {
		r->hpa = *table_hpa + index;
	} else if (d->nested) {
		env->table = (uint8_t)r->level;
		r->hpa = d->nested->table(env, r->ipa);
		if (unlikely(r->hpa == NO_HPA)) {
			r->status = env->n.status;
			return 1;
		}
	}
	return 0;
}

/* One level of a descent.  1: it ends here. */
static always_inline int descend_level(const struct dimension *d, struct env *env, struct caches *c,
				       uint64_t ia, uint64_t *table, uint64_t *table_hpa,
				       struct reach *r)
{
	const struct vmmu_fmt *f = d->fmt;
	uint64_t index = (uint64_t)entry_index(f, r->level, ia) * f->entry_bytes;
	int linked = *table_hpa != NO_HPA;

	if (find_entry(d, env, *table, index, table_hpa, r))
		return 1;
	r->status = load(d, env, r->hpa, &r->entry);
	if (unlikely(r->status))
		return 1;
	r->refs++;
	r->leaf = entry_is_leaf(f, r->level, r->entry);
	if (c) {
		timing_ref(d, env, c, r->level, r->hpa);
		if (!linked)
			links_note(d, env, c, r, *table, r->hpa - index);
	}
	if (!d->lean && env->o->step)
		tell_step(env, f, d->nr, ia, r);
	if (unlikely(!is_good(f, paging_of(d, env), r->entry, r->level, r->leaf))) {
		r->status = judge(f, r->entry);
		return 1;
	}
	r->acc &= entry_granted(f, r->level, r->leaf, r->entry);
	*table = entry_table(f, r->entry);
	*table_hpa = NO_HPA;
	return (int)r->leaf;
}

/* Down the tables of one dimension to a leaf or a reason to stop. */
static always_inline void descend(const struct dimension *d, struct env *env, uint64_t ia,
				  struct reach *r)
{
	struct caches *c = caches_of(d, env);
	uint64_t table, table_hpa;

	r->status = VMMU_WALK_OK;
	r->leaf = r->refs = 0;
	r->entry = r->ipa = r->hpa = 0;
	table = start(d, env, c, ia, r, &table_hpa);
	if (r->status)
		return;
	while (!d->lean) {
		if (descend_level(d, env, c, ia, &table, &table_hpa, r))
			return;
		r->level--;
	}
	/* With constant levels the shifts are in the code, too. */
#define LEVEL(n)                                                                                   \
	if ((n) <= d->fmt->top && r->level >= (n)) {                                               \
		r->level = (n);                                                                    \
		if (descend_level(d, env, c, ia, &table, &table_hpa, r))                           \
			return;                                                                    \
	}
	LEVEL(5)
	LEVEL(4)
	LEVEL(3)
	LEVEL(2)
	LEVEL(1)
#undef LEVEL
}

/* Whether a later write needs no D of this leaf. */
static always_inline int is_dirty(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				  const struct reach *r, uint64_t ad)
{
	return !(pg->ad[VMMU_WRITE] & f->dirty) || ((r->entry | ad) & f->dirty);
}

/* ---- the nested dimension ---------------------------------------------- */

/* `access` is a type, and whether it is NO_AD is in env. */
static always_inline uint64_t nested_walk(const struct dimension *d, struct env *env, uint64_t gpa,
					  uint32_t type, struct reach *r)
{
	const struct vmmu_fmt *f = d->fmt;
	const struct vmmu_paging *pg = &env->hw->n;
	struct caches *c = caches_of(d, env);
	uint64_t need = pg->need[type], ad = unlikely(env->no_ad) ? 0 : pg->ad[type], acc;
	unsigned status;

	/* A GPA wider than the table translates is mapped by nothing: SDM 28.3.2. */
	if (unlikely(gpa >> (f->lv[f->top].shift + f->lv[f->top].bits))) {
		*r = (struct reach){ .level = f->top };
		return nested_stop(env, f->top, 0, 0, VMMU_WALK_NP);
	}
	if (c)
		c->depth[1] = 0;
	descend(d, env, gpa, r);
	env->refs += r->refs;
	acc = r->acc;
	if (unlikely(r->status))
		return nested_stop(env, r->level, r->entry, acc, r->status);
	if (unlikely((acc & need) != need))
		return nested_stop(env, r->level, r->entry, acc, VMMU_WALK_PERM);
	if (unlikely(ad_missing(f, r->acc, r->entry, ad))) {
		status = nested_set_ad(env, f, gpa, type);
		if (status)
			return nested_stop(env, r->level, r->entry, acc, status);
		r->entry |= ad;
	}
	if (c)
		links_commit(d, env, c, gpa);
	return entry_output(f, r->level, r->entry, gpa);
}

static always_inline uint64_t nested_final(const struct dimension *d, struct env *env, uint64_t gpa,
					   uint32_t access)
{
	const struct vmmu_fmt *f = d->fmt;
	struct reach r;
	uint64_t hpa = nested_walk(d, env, gpa, access & VMMU_TYPE_MASK, &r);

	if (unlikely(hpa == NO_HPA))
		return NO_HPA;
	env->n.level = (uint8_t)r.level;
	env->n.shift = f->lv[r.level].shift;
	env->n.rights = (uint8_t)entry_rights(f, r.acc);
	env->n.dirty = (uint8_t)is_dirty(f, &env->hw->n, &r, 0);
	return hpa;
}

/* The nested TLB, if it may hold what is asked for; else NULL. */
static always_inline struct cache *nested_tlb(const struct env *env, struct caches *c)
{
	if (!c || !c->nested.entry || (!env->table && !c->model->nested_tlb_final))
		return NULL;
	return &c->nested;
}

/* Whether an entry of the nested TLB serves such an access, for any format. */
static always_inline int nested_serves(const struct env *env, const struct cache_entry *e,
				       unsigned type)
{
	return (env->hw->n.kinds[e->nrights] >> (type * 4 + VMMU_MODE_USER) & 1) &&
	       (type != VMMU_WRITE || e->dirty);
}

/* What the nested dimension has found. */
static always_inline void tell_nested(struct env *env, uint64_t info, unsigned shift)
{
	env->n.level = (uint8_t)info_byte(info, INFO_LEVEL);
	env->n.shift = (uint8_t)shift;
	env->n.rights = (uint8_t)info_byte(info, INFO_NRIGHTS);
	env->n.dirty = (uint8_t)info_byte(info, INFO_DIRTY);
}

/* Keeps what a walk found; `seen`: some entry of that address was there. */
static always_inline void nested_keep(struct env *env, struct cache *c, uint64_t gpa, uint64_t hpa,
				      int seen)
{
	uint64_t key = cache_key(env->n.shift, cache_tag(env->hw->asid, 0));
	uint64_t page = gpa >> env->n.shift, out = hpa & ~((1ull << env->n.shift) - 1);
	uint64_t info = nested_info(env->n.level, env->n.rights, env->n.dirty);

	if (seen)
		cache_make(c, page, key, info, out);
	else
		cache_put(c, page, key, info, out);
}

static always_inline uint64_t nested_full(const struct dimension *d, struct env *env, uint64_t gpa,
					  uint32_t access)
{
	struct caches *all = caches_of(d, env);
	struct cache *c = nested_tlb(env, all);
	const struct cache_entry *e = c ? cache_look(c, gpa, cache_tag(env->hw->asid, 0)) : NULL;
	int hit = e && nested_serves(env, e, access & VMMU_TYPE_MASK);
	uint64_t hpa;

	if (e)
		cache_touch(c, e);
	if (all)
		timing_nested(env, all, hit);
	if (hit) {
		tell_nested(env, e->info, cache_shift(e->key));
		return e->out | (gpa & ((1ull << cache_shift(e->key)) - 1));
	}
	hpa = nested_final(d, env, gpa, access);
	if (likely(hpa != NO_HPA) && c)
		nested_keep(env, c, gpa, hpa, e != NULL);
	return hpa;
}

/* ---- both dimensions ----------------------------------------------------- */

/* The final address, through the nested dimension if there is one. */
static always_inline int finish(const struct nested *nested, struct env *env, uint64_t gpa,
				uint32_t access, struct vmmu_walk *out)
{
	uint64_t hpa = gpa;

	out->gpa = vmmu_gpa(gpa);
	if (nested) {
		env->table = 0;
		hpa = nested->final(env, gpa, access);
		if (unlikely(hpa == NO_HPA))
			return stop_nested(env, gpa, access, 0, out);
		out->nlevel = env->n.level;
		out->nshift = env->n.shift;
		out->nrights = env->n.rights;
		out->dirty &= env->n.dirty;
	}
	out->hpa = vmmu_hpa(hpa);
	out->refs = (uint16_t)env->refs;
	out->status = VMMU_WALK_OK;
	return VMMU_WALK_OK;
}

static always_inline void clear(struct vmmu_walk *out)
{
	out->status = out->dim = out->table = 0;
	out->nlevel = out->nshift = 0;
	out->nrights = VMMU_RWX;
	out->level = out->shift = 0;
	out->rights = out->pkey = out->global = out->dirty = 0;
	out->kinds = out->refs = 0;
	out->code = out->access = 0;
	out->info = out->entry = 0;
	out->gpa = vmmu_gpa(0);
	out->hpa = out->leaf = vmmu_hpa(0);
}

/* What the first dimension of a walk found. */
struct first {
	uint64_t gpa, entry, leaf; /* the leaf's entry, and where it lies in the host */
	unsigned level, rights, pkey, kinds, global, dirty;
};

/* A result that tells of rights alone. */
static always_inline void tell_rights(const struct first *g, struct vmmu_walk *out)
{
	clear(out);
	out->rights = (uint8_t)g->rights;
	out->pkey = (uint8_t)g->pkey;
	out->kinds = (uint16_t)g->kinds;
}

static always_inline void tell_first(const struct vmmu_fmt *f, const struct first *g,
				     struct vmmu_walk *out)
{
	tell_rights(g, out);
	out->level = (uint8_t)g->level;
	out->shift = f->lv[g->level].shift;
	out->global = (uint8_t)g->global;
	out->dirty = (uint8_t)g->dirty;
	out->entry = g->entry;
	out->leaf = vmmu_hpa(g->leaf);
	out->gpa = vmmu_gpa(g->gpa);
}

/* The descent was good, down to a leaf of this level, mostly a constant. */
static always_inline void found_leaf(const struct dimension *d, const struct env *env, uint64_t gva,
				     const struct reach *r, uint64_t ad, unsigned level,
				     struct first *g)
{
	const struct vmmu_paging *pg = &env->hw->g;

	g->level = level;
	g->global = (pg->ctl & VMMU_PG_GLOBAL) && (r->entry & d->fmt->global);
	g->dirty = (unsigned)is_dirty(d->fmt, pg, r, ad);
	g->entry = r->entry;
	g->leaf = r->hpa;
	g->gpa = entry_output(d->fmt, level, r->entry, gva);
}

/* The first dimension of a walk, with its A and D bits.  1: it stops, and *out says why. */
static always_inline int walk_guest(const struct dimension *d, struct env *env, uint64_t gva,
				    uint32_t access, struct first *g, struct vmmu_walk *out)
{
	const struct vmmu_fmt *f = d->fmt;
	const struct vmmu_paging *pg = &env->hw->g;
	struct reach r;
	uint64_t ad;

	if (unlikely(!canonical(f, gva))) {
		clear(out);
		out->dim = 1;
		out->status = VMMU_WALK_NONCANON;
		return 1;
	}
	descend(d, env, gva, &r);
	env->refs += r.refs;
	if (unlikely(r.status)) {
		clear(out);
		stop_first(env, r.level, r.entry, r.ipa, r.status, out);
		return 1;
	}
	g->rights = entry_rights(f, r.acc);
	g->pkey = entry_pkey(f, r.entry);
	g->kinds = paging_kinds(pg, g->rights, g->pkey);
	if (unlikely(!(g->kinds >> vmmu_kind(access) & 1))) {
		tell_rights(g, out);
		stop_first(env, r.level, r.entry, r.ipa, VMMU_WALK_PERM, out);
		return 1;
	}
	ad = unlikely(env->no_ad) ? 0 : pg->ad[access & VMMU_TYPE_MASK];
	if (unlikely(ad_missing(f, r.acc, r.entry, ad))) {
		tell_rights(g, out);
		if (set_first_ad(env, gva, access, out))
			return 1;
	}
	if (likely(r.level == 1))
		found_leaf(d, env, gva, &r, ad, 1, g);
	else
		found_leaf(d, env, gva, &r, ad, r.level, g);
	return 0;
}

static always_inline int walk_first(const struct dimension *d, struct env *env, uint64_t gva,
				    uint32_t access, struct vmmu_walk *out)
{
	struct first g;

	if (unlikely(walk_guest(d, env, gva, access, &g, out)))
		return out->status;
	tell_first(d->fmt, &g, out);
	return finish(d->nested, env, g.gpa, access, out);
}

static always_inline void set_env(struct env *env, const struct vmmu_hw *hw,
				  const struct walk_opts *o, uint32_t access)
{
	env->hw = hw;
	env->o = o;
	env->refs = 0;
	env->access = access;
	env->no_ad = access & (VMMU_PROBE | VMMU_NO_AD);
	env->n.status = VMMU_WALK_OK;
}

/* All of a walk with caches or without. */
static always_inline int walk_whole(const struct dimension *d, struct env *env, uint64_t gva,
				    uint32_t access, struct vmmu_walk *out)
{
	struct caches *c = caches_of(d, env);
	int status;

	if (c) {
		c->stats.walks[d->nested != NULL]++;
		c->depth[0] = 0;
	}
	status = walk_first(d, env, gva, access, out);
	if (c && unlikely(c->restart))
		status = walk_from_root(env, gva, access, out);
	if (c && likely(!status))
		links_commit(d, env, c, gva);
	return status;
}

#endif
