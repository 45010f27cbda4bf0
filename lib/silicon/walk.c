/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page walk: one dimension or two, checks, A and D bits.
 * Not here: what a CPU caches (tlb.c), the hypervisor's part (vm/exit.c).
 * Keeps: an entry is read once and judged on that copy; a dimension that fails
 * has set no A or D bit of its own.
 *
 * This is the general walk: any format, by its run-time descriptor, memory by
 * pointer or by callbacks, step hooks, walk caches, every way to fail.  Its steps are
 * in walk_steps.h.
 * walk_fast.c has walks that succeed at once and use no caches, for each pair of formats;
 * walk_modelled.c has these steps compiled for the common formats, with caches.
 */
#include "walk_steps.h"

#define MAX_RACES 64

/* ---- A and D ----------------------------------------------------------- */

struct ad_walk {
	uint64_t ia;
	uint32_t access;
	struct dimension d;
	const struct vmmu_paging *pg;
};

static int swap_entry(struct env *env, uint64_t hpa, unsigned bytes, uint64_t old, uint64_t e)
{
	const struct vmmu_mem_ops *ops = env->o->ops;

	if (ops)
		return ops->cmpxchg(ops->ctx, hpa, bytes, old, e);
	return entry_cmpxchg(bus_at(&env->hw->bus, hpa), bytes, old, e) ? VMMU_MEM_OK
									: VMMU_MEM_CHANGED;
}

/* Sets A, and D in a leaf that is written to, in one entry of the path; a walk status. */
static unsigned set_ad_entry(struct env *env, const struct ad_walk *w, const struct reach *r)
{
	const struct vmmu_fmt *f = w->d.fmt;
	uint64_t e = r->entry | (f->accessed & ~entry_absent(f, r->level, r->leaf));

	if (r->leaf && (w->access & VMMU_TYPE_MASK) == VMMU_WRITE)
		e |= f->dirty;
	if (e == r->entry)
		return VMMU_WALK_OK;
	/* SDM 28.3.3.2: with EPT's A/D off, only this store is a write. */
	if (w->d.nested && !(env->n.rights & VMMU_W)) {
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
 * says at which entry.
 */
static unsigned set_ad(struct env *env, const struct ad_walk *w, struct reach *r)
{
	const struct vmmu_fmt *f = w->d.fmt;
	uint64_t table = w->pg->root;

	for (r->level = f->top; r->level; r->level--) {
		const struct vmmu_fmt_level *lv = &f->lv[r->level];

		r->leaf = 0;
		if (lv->cached && (w->pg->ctl & VMMU_PG_PDPTES)) {
			table = entry_table(f, w->pg->pdpte[w->ia >> lv->shift & 3]);
			continue;
		}
		r->ipa = r->hpa =
			table + (uint64_t)entry_index(f, r->level, w->ia) * f->entry_bytes;
		if (w->d.nested) {
			env->table = (uint8_t)r->level;
			/* The store needs the rights of the nested leaf, as an access to a final
			 * address does. */
			r->hpa = w->d.nested->final(env, r->ipa,
						    table_type(env->hw->n.fmt, &env->hw->n));
			if (r->hpa == NO_HPA)
				return env->n.status;
		}
		r->status = load(&w->d, env, r->hpa, &r->entry);
		if (r->status)
			return r->status;
		r->leaf = entry_is_leaf(f, r->level, r->entry);
		if (!is_good(f, w->pg, r->entry, r->level, r->leaf))
			return VMMU_WALK_RACE;
		r->status = set_ad_entry(env, w, r);
		if (r->status || r->leaf)
			return r->status;
		table = entry_table(f, r->entry);
	}
	return VMMU_WALK_RACE;
}

/* ---- the nested dimension ---------------------------------------------- */

uint64_t nested_stop(struct env *env, unsigned level, uint64_t entry, uint64_t acc, unsigned status)
{
	env->n.status = (uint8_t)status;
	env->n.level = (uint8_t)level;
	env->n.entry = entry;
	env->n.acc = acc;
	return NO_HPA;
}

unsigned nested_set_ad(struct env *env, const struct vmmu_fmt *f, uint64_t gpa, uint32_t access)
{
	struct ad_walk w = { gpa, access, { f, NULL, 2, 0 }, &env->hw->n };
	struct reach at;

	return set_ad(env, &w, &at);
}

static uint64_t nested_any(struct env *env, uint64_t gpa, uint32_t access)
{
	const struct dimension d = { env->hw->n.fmt, NULL, 2, 0 };

	return nested_full(&d, env, gpa, access);
}

static uint64_t nested_any_table(struct env *env, uint64_t gpa)
{
	const struct vmmu_paging *pg = &env->hw->n;

	return nested_any(env, gpa, table_type(pg->fmt, pg));
}

static const struct nested any_nested = { nested_any_table, nested_any };

/* The first dimension, by its run-time descriptor. */
static struct dimension any_dimension(const struct env *env)
{
	return (struct dimension){ env->hw->g.fmt, env->hw->n.fmt ? &any_nested : NULL, 1, 0 };
}

/* ---- both dimensions ----------------------------------------------------- */

/* A walk whose first dimension is off. */
static int walk_no_first(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	struct caches *c = env->o->caches;

	if (c) {
		c->stats.walks[env->hw->n.fmt != NULL]++;
		c->depth[0] = 0;
	}
	clear(out);
	out->rights = VMMU_RWXU;
	out->kinds = 0xfff;
	out->dirty = 1;
	return finish(any_dimension(env).nested, env, gva, access, out);
}

/* Returns what it was before. */
static int be_quiet(const struct walk_opts *o, int quiet)
{
	int was;

	if (!o->caches)
		return 0;
	was = o->caches->quiet;
	o->caches->quiet = (uint8_t)quiet;
	return was;
}

/* Sets A and D without counting or showing the reads: silicon still has the entries. */
static int set_quietly(struct env *env, const struct ad_walk *w, struct vmmu_walk *out)
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
	if (status && w->d.nested && status == VMMU_WALK_PERM)
		return stop_ad_store(env, &at, out);
	return status ? stop_first(env, at.level, at.entry, at.ipa, status, out) : VMMU_WALK_OK;
}

/*
 * A and D are set in the entries that the walk used.  If it began at a cached link, entries above
 * may have changed in memory since, so the walk begins again at the root.
 */
static int from_cached_link(const struct dimension *d, struct env *env, uint64_t gva,
			    struct vmmu_walk *out)
{
	struct caches *c = env->o->caches;
	int was;

	if (!c)
		return 0;
	was = be_quiet(env->o, 1);
	c->restart = links_find(d, env, c, gva) != NULL;
	be_quiet(env->o, was);
	if (!c->restart)
		return 0;
	links_drop(c, 1, DROP_PAGE | DROP_TAG, gva, hw_tag(env->hw));
	out->status = VMMU_WALK_RACE;
	return 1;
}

int set_first_ad(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	const struct ad_walk w = { gva, access, any_dimension(env), &env->hw->g };

	if (from_cached_link(&w.d, env, gva, out))
		return out->status;
	return set_quietly(env, &w, out);
}

static const struct walk_opts no_opts;

int walk_from_root(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	const struct dimension d = any_dimension(env);
	unsigned refs = env->refs;
	struct first g;
	int stopped;

	env->o->caches->restart = 0;
	env->o->caches->depth[0] = 0;
	be_quiet(env->o, 1);
	stopped = walk_guest(&d, env, gva, access, &g, out);
	be_quiet(env->o, 0);
	env->refs = refs;
	if (stopped) {
		out->refs = (uint16_t)refs;
		return out->status;
	}
	tell_first(d.fmt, &g, out);
	return finish(d.nested, env, g.gpa, access, out);
}

int walk_any(const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva, uint32_t access,
	     struct vmmu_walk *out)
{
	struct dimension d;
	struct env env;

	set_env(&env, hw, o ? o : &no_opts, access);
	if (!hw->g.fmt)
		return walk_no_first(&env, gva, access, out);
	d = any_dimension(&env);
	return walk_whole(&d, &env, gva, access, out);
}

int walk_again(walk_fn *fn, const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva,
	       uint32_t access, struct vmmu_walk *out)
{
	unsigned tries = 0;
	int status;

	do
		status = fn(hw, o, gva, access, out);
	while (status == VMMU_WALK_RACE && ++tries < MAX_RACES);
	return status;
}

int vmmu_walk_nested(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gpa_t gpa,
		     uint32_t access, struct vmmu_walk *out)
{
	struct walk_opts o = { .ops = ops };
	struct env env;

	set_env(&env, hw, &o, access);
	return walk_no_first(&env, gpa.v, access, out);
}
