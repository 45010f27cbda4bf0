/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page walk: one dimension or two, checks, A and D bits.
 * Not here: what a CPU caches of it (tlb.c), who repairs what it finds (mmu.c).
 * Keeps: an entry is read once and judged on that copy; a dimension that fails
 * has set no A or D bit of its own.
 *
 * This is the general walk: any format, by its run-time descriptor, memory by
 * pointer or by callbacks, step hooks, walk caches, every way to fail.
 * walk_fast.c has what goes well, for the formats there are.
 */
#include "caches.h"
#include "fmt.h"
#include "walk_priv.h"

#define MAX_RACES 64

static unsigned load_ops(const struct vmmu_mem_ops *ops, uint64_t pa, unsigned bytes, uint64_t *e)
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

/* Reads an entry; answers a walk status. */
static inline unsigned load(struct env *env, uint64_t pa, unsigned bytes, uint64_t *e)
{
	const struct vmmu_bus *bus = &env->hw->bus;
	const void *p = bus->base + pa;

	if (unlikely(env->o->ops != NULL))
		return load_ops(env->o->ops, pa, bytes, e);
	if (unlikely(pa - bus->lo >= bus->size))
		p = bus_at(bus, pa);
	if (unlikely(!p))
		return VMMU_WALK_NOMEM;
	*e = entry_load(p, bytes);
	return VMMU_WALK_OK;
}

static void tell_step(const struct env *env, const struct vmmu_fmt *f, unsigned dim, uint64_t ia,
		      const struct reach *r)
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

/* What is wrong with an entry that is not good: SDM 4.7, 28.3.3.1. */
static unsigned judge(const struct vmmu_fmt *f, uint64_t e)
{
	if (!(e & f->present))
		return VMMU_WALK_NP;
	return f->style == VMMU_STYLE_EPT ? VMMU_WALK_MISCONFIG : VMMU_WALK_RSVD;
}

/* Where a descent begins: the root, the cached PDPTEs, or a cached link. */
static uint64_t start(const struct vmmu_fmt *f, const struct vmmu_paging *pg, struct env *env,
		      unsigned dim, uint64_t ia, struct reach *r, uint64_t *table_hpa)
{
	const struct cache_entry *c;

	r->level = f->top;
	r->all = ~0ull;
	r->any = 0;
	*table_hpa = NO_HPA;
	c = env->o->caches ? links_find(env, f, dim, ia) : NULL;
	if (c) {
		r->level = c->level;
		r->all = c->acc;
		r->any = ~c->acc & f->invert;
		*table_hpa = c->out;
		return c->gpa;
	}
	if (f->lv[f->top].cached && (pg->ctl & VMMU_PG_PDPTES)) {
		r->entry = pg->pdpte[ia >> f->lv[f->top].shift & 3];
		if (!(r->entry & f->present))
			r->status = VMMU_WALK_NP;
		else
			r->level--;
		return r->entry & f->addr;
	}
	return pg->root;
}

/* One level of a descent.  1: it ends here. */
static int descend_level(const struct vmmu_fmt *f, const struct vmmu_paging *pg, struct env *env,
			 const struct nested *nested, unsigned dim, uint64_t ia, uint64_t *table,
			 uint64_t *table_hpa, struct reach *r)
{
	const struct vmmu_fmt_level *lv = &f->lv[r->level];
	uint64_t index = (ia >> lv->shift & ((1u << lv->bits) - 1)) * f->entry_bytes;

	r->ipa = r->hpa = *table + index;
	if (nested && *table_hpa != NO_HPA) {
		r->hpa = *table_hpa + index;
		*table_hpa = NO_HPA;
	} else if (nested) {
		env->table = (uint8_t)r->level;
		r->hpa = nested->table(env, r->ipa);
		if (r->hpa == NO_HPA) {
			r->status = env->n.status;
			return 1;
		}
	}
	r->status = load(env, r->hpa, f->entry_bytes, &r->entry);
	if (r->status)
		return 1;
	r->refs++;
	r->leaf = is_leaf(f, r->level, r->entry);
	if (env->o->caches) {
		timing_ref(env, dim, r->level, r->hpa);
		links_note(env, f, dim, r, *table, r->hpa - index);
	}
	if (env->o->step)
		tell_step(env, f, dim, ia, r);
	if (!is_good(f, pg, r->entry, r->level, r->leaf)) {
		r->status = judge(f, r->entry);
		return 1;
	}
	r->all &= r->entry | lv->absent;
	r->any |= r->entry & ~lv->absent;
	*table = r->entry & f->addr;
	return (int)r->leaf;
}

/*
 * Down the tables of one dimension to a leaf or a reason to stop.
 * `nested` translates the address of each table, or is NULL.
 */
static void descend(const struct vmmu_fmt *f, const struct vmmu_paging *pg, struct env *env,
		    const struct nested *nested, unsigned dim, uint64_t ia, struct reach *r)
{
	uint64_t table, table_hpa;

	r->status = VMMU_WALK_OK;
	r->leaf = r->refs = 0;
	r->entry = r->ipa = r->hpa = 0;
	table = start(f, pg, env, dim, ia, r, &table_hpa);
	if (r->status)
		return;
	while (!descend_level(f, pg, env, nested, dim, ia, &table, &table_hpa, r))
		r->level--;
}

/* ---- A and D ----------------------------------------------------------- */

struct ad_walk {
	uint64_t ia;
	uint32_t access;
	unsigned dim;
	const struct vmmu_fmt *fmt;
	const struct vmmu_paging *pg;
	const struct nested *nested;
};

static int swap_entry(struct env *env, uint64_t hpa, unsigned bytes, uint64_t old, uint64_t e)
{
	const struct vmmu_mem_ops *ops = env->o->ops;

	if (ops)
		return ops->cmpxchg(ops->ctx, hpa, bytes, old, e);
	return entry_cmpxchg(bus_at(&env->hw->bus, hpa), bytes, old, e) ? VMMU_MEM_OK
									: VMMU_MEM_CHANGED;
}

/* One entry of the path; answers a walk status. */
static unsigned set_ad_entry(struct env *env, const struct ad_walk *w, const struct reach *r)
{
	const struct vmmu_fmt *f = w->fmt;
	uint64_t e = r->entry | (f->accessed & ~f->lv[r->level].absent);

	if (r->leaf && (w->access & VMMU_TYPE_MASK) == VMMU_WRITE)
		e |= f->dirty;
	if (e == r->entry)
		return VMMU_WALK_OK;
	/* SDM 28.3.3.2: with EPT's A/D off, only this store is a write. */
	if (w->nested && !(env->n.rights & VMMU_W)) {
		env->n.status = VMMU_WALK_PERM;
		return VMMU_WALK_PERM;
	}
	switch (swap_entry(env, r->hpa, f->entry_bytes, r->entry, e)) {
	case VMMU_MEM_OK:
	case VMMU_MEM_READONLY:
		return VMMU_WALK_OK;
	case VMMU_MEM_ABSENT:
		return VMMU_WALK_ABSENT;
	case VMMU_MEM_NONE:
		return VMMU_WALK_NOMEM;
	default:
		return VMMU_WALK_RACE;
	}
}

/*
 * Walks again, setting A on the path and D on the leaf of a write.  Reads are
 * not counted: silicon keeps the entries it has just read.  On failure *r
 * tells at which entry.
 */
static unsigned set_ad(struct env *env, const struct ad_walk *w, struct reach *r)
{
	const struct vmmu_fmt *f = w->fmt;
	uint64_t table = w->pg->root;

	for (r->level = f->top; r->level; r->level--) {
		const struct vmmu_fmt_level *lv = &f->lv[r->level];

		r->leaf = 0;
		if (lv->cached && (w->pg->ctl & VMMU_PG_PDPTES)) {
			table = w->pg->pdpte[w->ia >> lv->shift & 3] & f->addr;
			continue;
		}
		r->ipa = r->hpa =
			table + (w->ia >> lv->shift & ((1u << lv->bits) - 1)) * f->entry_bytes;
		if (w->nested) {
			env->table = (uint8_t)r->level;
			/* As to the final address: its rights are asked for. */
			r->hpa = w->nested->final(env, r->ipa,
						  table_type(env->hw->n.fmt, &env->hw->n));
			if (r->hpa == NO_HPA)
				return env->n.status;
		}
		r->status = load(env, r->hpa, f->entry_bytes, &r->entry);
		if (r->status)
			return r->status;
		r->leaf = is_leaf(f, r->level, r->entry);
		if (!is_good(f, w->pg, r->entry, r->level, r->leaf))
			return VMMU_WALK_RACE;
		r->status = set_ad_entry(env, w, r);
		if (r->status || r->leaf)
			return r->status;
		table = r->entry & f->addr;
	}
	return VMMU_WALK_RACE;
}

/* Whether a later write needs no D of this leaf. */
static int is_dirty(const struct vmmu_fmt *f, const struct vmmu_paging *pg, const struct reach *r,
		    uint64_t ad)
{
	return !(pg->ad[VMMU_WRITE] & f->dirty) || ((r->entry | ad) & f->dirty);
}

/* ---- the nested dimension ---------------------------------------------- */

static uint64_t nested_stop(struct env *env, unsigned level, uint64_t entry, uint64_t acc,
			    unsigned status)
{
	env->n.status = (uint8_t)status;
	env->n.level = (uint8_t)level;
	env->n.entry = entry;
	env->n.acc = acc;
	return NO_HPA;
}

static unsigned nested_set_ad(struct env *env, const struct vmmu_fmt *f, uint64_t gpa,
			      uint32_t access)
{
	struct ad_walk w = { gpa, access, 2, f, &env->hw->n, NULL };
	uint8_t table = env->table;
	struct reach at;
	unsigned status = set_ad(env, &w, &at);

	env->table = table;
	return status;
}

/* `access` is a type, and whether it is NO_AD is in env. */
static uint64_t nested_walk(const struct vmmu_fmt *f, struct env *env, uint64_t gpa, uint32_t type,
			    struct reach *r)
{
	const struct vmmu_paging *pg = &env->hw->n;
	uint64_t need = pg->need[type], ad = unlikely(env->no_ad) ? 0 : pg->ad[type], acc;
	unsigned status;

	/* A GPA wider than the table translates is mapped by nothing: SDM 28.3.2. */
	if (unlikely(gpa >> (f->lv[f->top].shift + f->lv[f->top].bits))) {
		*r = (struct reach){ .level = f->top };
		return nested_stop(env, f->top, 0, 0, VMMU_WALK_NP);
	}
	if (env->o->caches)
		env->o->caches->depth[1] = 0;
	descend(f, pg, env, NULL, 2, gpa, r);
	env->refs += r->refs;
	acc = acc_of(f, r);
	if (unlikely(r->status))
		return nested_stop(env, r->level, r->entry, acc, r->status);
	if (unlikely((acc & need) != need))
		return nested_stop(env, r->level, r->entry, acc, VMMU_WALK_PERM);
	if (unlikely(ad_missing(f, r->all, r->entry, ad))) {
		status = nested_set_ad(env, f, gpa, type);
		if (status)
			return nested_stop(env, r->level, r->entry, acc, status);
		r->entry |= ad;
	}
	if (env->o->caches)
		links_commit(env, 2, gpa);
	return leaf_oa(f, r->level, r->entry, gpa);
}

static uint64_t nested_final(const struct vmmu_fmt *f, struct env *env, uint64_t gpa,
			     uint32_t access)
{
	struct reach r;
	uint64_t hpa = nested_walk(f, env, gpa, access & VMMU_TYPE_MASK, &r);

	if (unlikely(hpa == NO_HPA))
		return NO_HPA;
	env->n.level = (uint8_t)r.level;
	env->n.shift = f->lv[r.level].shift;
	env->n.rights = (uint8_t)rights_of(f, acc_of(f, &r));
	env->n.dirty = (uint8_t)is_dirty(f, &env->hw->n, &r, 0);
	return hpa;
}

/* The nested TLB, if it may hold what is asked for; else NULL. */
static struct cache *nested_tlb(const struct env *env)
{
	struct caches *c = env->o->caches;

	if (!c || !c->nested.entry || (!env->table && !c->model->nested_tlb_final))
		return NULL;
	return &c->nested;
}

/* Its entry for gpa if it serves such an access, for any format. */
static const struct cache_entry *nested_hit(struct env *env, struct cache *c, uint64_t gpa,
					    unsigned type)
{
	const struct vmmu_paging *pg = &env->hw->n;
	const struct cache_entry *e = cache_find(c, gpa, cache_tag(env->hw->asid, 0));

	if (!e || !(pg->kinds[e->nrights] >> (type * 4 + VMMU_MODE_USER) & 1) ||
	    (type == VMMU_WRITE && !e->dirty))
		return NULL;
	env->n.level = e->level;
	env->n.shift = e->shift;
	env->n.rights = e->nrights;
	env->n.dirty = e->dirty;
	return e;
}

static uint64_t nested_full(struct env *env, uint64_t gpa, uint32_t access)
{
	const struct vmmu_paging *pg = &env->hw->n;
	struct cache *c = nested_tlb(env);
	const struct cache_entry *hit = c ? nested_hit(env, c, gpa, access & VMMU_TYPE_MASK) : NULL;
	struct cache_entry *e;
	uint64_t hpa;

	if (env->o->caches)
		timing_nested(env, hit != NULL);
	if (hit)
		return hit->out | (gpa & ((1ull << hit->shift) - 1));
	hpa = nested_final(pg->fmt, env, gpa, access);
	if (hpa == NO_HPA || !c)
		return hpa;
	e = cache_make(c, gpa, env->n.shift, cache_tag(env->hw->asid, 0), 0);
	e->out = hpa & ~((1ull << env->n.shift) - 1);
	e->level = env->n.level;
	e->nrights = env->n.rights;
	e->dirty = env->n.dirty;
	return hpa;
}

static uint64_t nested_full_table(struct env *env, uint64_t gpa)
{
	const struct vmmu_paging *pg = &env->hw->n;

	return nested_full(env, gpa, table_type(pg->fmt, pg));
}

static const struct nested any_nested = { nested_full_table, nested_full };

/* ---- both dimensions ----------------------------------------------------- */

/* The final address, through the nested dimension if there is one. */
static int finish(struct env *env, const struct nested *nested, uint64_t gpa, uint32_t access,
		  struct vmmu_walk *out)
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

static void clear(struct vmmu_walk *out)
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

/* A walk whose first dimension is off. */
static int walk_no_first(struct env *env, const struct nested *nested, uint64_t gva,
			 uint32_t access, struct vmmu_walk *out)
{
	clear(out);
	out->rights = VMMU_RWXU;
	out->kinds = 0xfff;
	out->dirty = 1;
	return finish(env, nested, gva, access, out);
}

/* Answers what it was. */
static int be_quiet(const struct walk_opts *o, int quiet)
{
	int was;

	if (!o->caches)
		return 0;
	was = o->caches->quiet;
	o->caches->quiet = (uint8_t)quiet;
	return was;
}

/* Neither counted nor shown: silicon has the entries in hand. */
static int set_first_ad(struct env *env, const struct ad_walk *w, struct vmmu_walk *out)
{
	const struct walk_opts *o = env->o;
	struct walk_opts quiet = *o;
	unsigned refs = env->refs, status;
	int was = be_quiet(o, 1);
	struct reach at;

	quiet.step = NULL;
	env->o = &quiet;
	status = set_ad(env, w, &at);
	be_quiet(o, was);
	env->o = o;
	env->refs = refs;
	if (status && w->nested && status == VMMU_WALK_PERM)
		return stop_ad_store(env, &at, out);
	return status ? stop_first(env, at.level, at.entry, at.ipa, status, out) : VMMU_WALK_OK;
}

/*
 * A and D belong to the entries that were used.  Those of a cached link may be
 * in memory no more: the walk begins again, at the root.
 */
static int from_cached_link(struct env *env, const struct vmmu_fmt *f, uint64_t gva,
			    struct vmmu_walk *out)
{
	struct caches *c = env->o->caches;
	int was;

	if (!c)
		return 0;
	was = be_quiet(env->o, 1);
	c->restart = links_find(env, f, 1, gva) != NULL;
	be_quiet(env->o, was);
	if (!c->restart)
		return 0;
	links_drop(c, 1, DROP_PAGE | DROP_TAG, gva, hw_tag(env->hw));
	out->status = VMMU_WALK_RACE;
	return 1;
}

/* The first dimension of a walk, in this format, with its A and D bits: to out->gpa. */
static int walk_guest(const struct vmmu_fmt *f, struct env *env, const struct nested *nested,
		      uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	const struct vmmu_paging *pg = &env->hw->g;
	uint64_t acc, ad;
	struct reach r;

	clear(out);
	if (unlikely(!canonical(f, gva))) {
		out->dim = 1;
		out->status = VMMU_WALK_NONCANON;
		return VMMU_WALK_NONCANON;
	}
	descend(f, pg, env, nested, 1, gva, &r);
	env->refs += r.refs;
	if (unlikely(r.status))
		return stop_first(env, r.level, r.entry, r.ipa, r.status, out);
	acc = acc_of(f, &r);
	out->rights = (uint8_t)rights_of(f, acc);
	out->pkey = (uint8_t)(f->pkey_shift ? r.entry >> f->pkey_shift & 15 : 0);
	out->kinds = (uint16_t)paging_kinds(pg, out->rights, out->pkey);
	if (unlikely(!(out->kinds >> vmmu_kind(access) & 1)))
		return stop_first(env, r.level, r.entry, r.ipa, VMMU_WALK_PERM, out);
	ad = unlikely(env->no_ad) ? 0 : pg->ad[access & VMMU_TYPE_MASK];
	if (unlikely(ad_missing(f, r.all, r.entry, ad))) {
		struct ad_walk w = { gva, access, 1, f, pg, nested };

		if (from_cached_link(env, f, gva, out))
			return out->status;
		if (set_first_ad(env, &w, out))
			return out->status;
	}
	out->level = (uint8_t)r.level;
	out->shift = f->lv[r.level].shift;
	out->global = (pg->ctl & VMMU_PG_GLOBAL) && (r.entry & f->global);
	out->dirty = (uint8_t)is_dirty(f, pg, &r, ad);
	out->entry = r.entry;
	out->leaf = vmmu_hpa(r.hpa);
	out->gpa = vmmu_gpa(leaf_oa(f, r.level, r.entry, gva));
	return VMMU_WALK_OK;
}

static int walk_first(const struct vmmu_fmt *f, struct env *env, const struct nested *nested,
		      uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	int status = walk_guest(f, env, nested, gva, access, out);

	return status ? status : finish(env, nested, out->gpa.v, access, out);
}

static const struct walk_opts no_opts;

static void set_env(struct env *env, const struct vmmu_hw *hw, const struct walk_opts *o,
		    uint32_t access)
{
	env->hw = hw;
	env->o = o;
	env->refs = 0;
	env->access = access;
	env->no_ad = access & (VMMU_PROBE | VMMU_NO_AD);
	env->n.status = VMMU_WALK_OK;
}

/* The guest's tables once more, from the root; what silicon has read it does not read again. */
static int walk_from_root(struct env *env, const struct nested *nested, uint64_t gva,
			  uint32_t access, struct vmmu_walk *out)
{
	unsigned refs = env->refs;
	int status;

	env->o->caches->restart = 0;
	env->o->caches->depth[0] = 0;
	be_quiet(env->o, 1);
	status = walk_guest(env->hw->g.fmt, env, nested, gva, access, out);
	be_quiet(env->o, 0);
	env->refs = refs;
	out->refs = (uint16_t)refs;
	return status ? status : finish(env, nested, out->gpa.v, access, out);
}

int walk_any(const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva, uint32_t access,
	     struct vmmu_walk *out)
{
	const struct nested *nested = hw->n.fmt ? &any_nested : NULL;
	struct caches *c = o ? o->caches : NULL;
	struct env env;
	int status;

	set_env(&env, hw, o ? o : &no_opts, access);
	if (c) {
		c->stats.walks[nested != NULL]++;
		c->depth[0] = 0;
	}
	if (!hw->g.fmt)
		return walk_no_first(&env, nested, gva, access, out);
	status = walk_first(hw->g.fmt, &env, nested, gva, access, out);
	if (c && c->restart)
		status = walk_from_root(&env, nested, gva, access, out);
	if (c && !status)
		links_commit(&env, 1, gva);
	return status;
}

int walk_again(walk_fn *fn, const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva,
	       uint32_t access, struct vmmu_walk *out)
{
	unsigned tries = 0;

	while (fn(hw, o, gva, access, out) == VMMU_WALK_RACE && ++tries < MAX_RACES)
		;
	return out->status;
}

int vmmu_walk2(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gva_t gva,
	       uint32_t access, vmmu_step_fn *step, void *step_ctx, struct vmmu_walk *out)
{
	struct walk_opts o = { ops, step, step_ctx, NULL };

	return walk(walk_pick(hw), hw, ops || step ? &o : NULL, gva.v, access, out);
}

int vmmu_walk_nested(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gpa_t gpa,
		     uint32_t access, struct vmmu_walk *out)
{
	struct walk_opts o = { ops, NULL, NULL, NULL };
	struct env env;

	set_env(&env, hw, &o, access);
	return walk_no_first(&env, hw->n.fmt ? &any_nested : NULL, gpa.v, access, out);
}

unsigned vmmu_walk_max_refs(const struct vmmu_hw *hw)
{
	unsigned n = 0, m = 0;

	if (hw->g.fmt)
		n = hw->g.fmt->top - (hw->g.ctl & VMMU_PG_PDPTES ? 1 : 0);
	if (hw->n.fmt)
		m = hw->n.fmt->top;
	return n * m + n + m;
}
