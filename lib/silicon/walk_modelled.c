/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks of modelled silicon, by constant formats: the general walk's own steps, with
 * nothing to decide about formats and hooks; and of the nested dimension, which most
 * references are in, a straight line for what goes well.
 * Not here: what the steps are (walk_steps.h).
 * Keeps: each does what walk_any() would.  The straight line caches and counts nothing
 * before all is known to be well, so the general steps from the start are right where it ends.
 */
#include "fmt_const.h"
#include "walk_steps.h"

/* ---- the nested dimension, when all goes well ----------------------------------- */

/* How far a quick walk came. */
struct quick {
	uint64_t acc;	/* of the entries: what all of them grant */
	uint64_t entry; /* the leaf */
	unsigned level;
};

/*
 * Down to a leaf, in the main range of memory.  0: not for here, as is a link of any level
 * with what is reserved in one of the highest, or without a right.
 */
static always_inline int quick_descend(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				       const struct vmmu_bus *bus, uint64_t ia, unsigned from,
				       uint64_t table, struct seen *seen, struct quick *q)
{
	uint64_t pa, e, wrong = pg->wrong[f->top - 1][0] | f->present;

#define LEVEL(n)                                                                                   \
	if ((n) <= f->top && from >= (n)) {                                                        \
		pa = table + (ia >> f->lv[n].shift & ((1u << f->lv[n].bits) - 1)) * 8;             \
		if (unlikely(pa - bus->lo >= bus->size))                                           \
			return 0;                                                                  \
		e = entry_load(at_hpa(bus->base, pa), 8);                                          \
		if (seen) {                                                                        \
			seen->at[n] = pa;                                                          \
			seen->acc[n] = q->acc;                                                     \
		}                                                                                  \
		q->acc &= e ^ f->invert;                                                           \
		if (entry_is_leaf(f, n, e)) {                                                      \
			q->level = (n);                                                            \
			q->entry = e;                                                              \
			return is_good(f, pg, e, n, 1);                                            \
		}                                                                                  \
		if (unlikely((e ^ f->present) & wrong))                                            \
			return 0;                                                                  \
		table = entry_table(f, e);                                                         \
	}
	LEVEL(4)
	LEVEL(3)
	LEVEL(2)
	LEVEL(1)
#undef LEVEL
	return 0;
}

/* The entries from level `from` to the leaf were read. */
static always_inline void count_nested(const struct dimension *d, struct env *env, struct caches *c,
				       unsigned from, unsigned leaf)
{
	struct vmmu_walk_cell *cell = c->stats.cell[env->table];

	env->refs += from + 1 - leaf;
	if (likely(c->bare)) {
		c->nested_refs->walks[env->table][from][leaf]++;
		return;
	}
#define LEVEL(n)                                                                                   \
	if ((n) <= d->fmt->top && from >= (n) && leaf <= (n)) {                                    \
		cell[n].refs++;                                                                    \
		timing_held(c, &cell[n], 2, n, env->seen.at[n]);                                   \
	}
	LEVEL(4)
	LEVEL(3)
	LEVEL(2)
	LEVEL(1)
#undef LEVEL
}

/* The links to tables below level `from` are new.  (All A bits are set, as they have to be.) */
static always_inline void keep_nested_links(const struct dimension *d, const struct env *env,
					    struct caches *c, uint64_t gpa, unsigned from,
					    unsigned leaf)
{
	uint32_t tag = links_tag(d, env);
	unsigned n;

	for (n = from - 1; n >= leaf; n--) {
		unsigned shift = d->fmt->lv[n + 1].shift;
		struct cache_entry *e;

		if (!(c->links[1] & (1u | 1u << n)))
			continue;
		e = cache_put(link_cache(c, 2, n), gpa >> shift, cache_key(shift, tag),
			      link_info(n), env->seen.at[n] & ~4095ull);
		e->gpa = e->out;
		e->acc = env->seen.acc[n];
	}
}

/* What the nested dimension found for a gpa. */
struct nested_found {
	uint64_t hpa; /* NO_HPA: it is not for here, or in env->n why not */
	uint64_t info;
	unsigned shift;
};

/* A quick walk was good, down to a leaf of this level, mostly a constant. */
static always_inline struct nested_found quick_found(const struct dimension *d, struct env *env,
						     struct caches *c, uint64_t gpa, unsigned from,
						     const struct quick *q, unsigned level)
{
	const struct vmmu_fmt *f = d->fmt;
	uint64_t d_bit = env->hw->n.ad[VMMU_WRITE] & f->dirty;

	count_nested(d, env, c, from, level);
	if (unlikely(c->links[1]))
		keep_nested_links(d, env, c, gpa, from, level);
	return (struct nested_found){
		entry_output(f, level, q->entry, gpa),
		nested_info(level, entry_rights(f, q->acc), !(d_bit & ~q->entry)),
		f->lv[level].shift,
	};
}

/*
 * nested_final() where every entry is good, no bit has to be set and memory is in the main
 * range.  NO_HPA: something is not so, and nothing has been counted or cached.
 */
static always_inline struct nested_found nested_quick(const struct dimension *d, struct env *env,
						      struct caches *c, uint64_t gpa, uint32_t type)
{
	const struct vmmu_fmt *f = d->fmt;
	const struct vmmu_paging *pg = &env->hw->n;
	const struct nested_found none = { NO_HPA, 0, 0 };
	const struct cache_entry *link = NULL;
	struct quick q = { ~0ull, 0, 0 };
	unsigned from = f->top;
	int ok;

	if (unlikely(gpa >> (f->lv[f->top].shift + f->lv[f->top].bits) || c->quiet || env->no_ad))
		return none;
	if (likely(c->bare && !c->links[1])) {
		ok = quick_descend(f, pg, &env->hw->bus, gpa, f->top, pg->root, NULL, &q);
	} else {
		link = links_peek(d, env, c, gpa);
		if (link) {
			from = link->level;
			q.acc = link->acc;
		}
		ok = quick_descend(f, pg, &env->hw->bus, gpa, from, link ? link->gpa : pg->root,
				   &env->seen, &q);
	}
	if (unlikely(!ok || (q.acc & pg->need[type]) != pg->need[type] ||
		     ad_missing(f, q.acc, q.entry, pg->ad[type])))
		return none;
	if (link)
		links_use(d, c, link);
	if (likely(from == f->top && q.level == 1))
		return quick_found(d, env, c, gpa, f->top, &q, 1);
	return quick_found(d, env, c, gpa, from, &q, q.level);
}

/* The same in any case. */
static never_inline struct nested_found nested_slow(const struct dimension *d, struct env *env,
						    uint64_t gpa, uint32_t access)
{
	struct nested_found r;

	r.hpa = nested_final(d, env, gpa, access);
	r.info = nested_info(env->n.level, env->n.rights, env->n.dirty);
	r.shift = env->n.shift;
	return r;
}

/* What the nested TLB is asked for: a gpa as part of a page of the one size that it holds. */
struct nested_wanted {
	uint64_t page, key, hash;
	unsigned shift; /* 0: it holds others, too */
};

static always_inline struct nested_wanted nested_want(const struct env *env, const struct cache *c,
						      uint64_t gpa)
{
	unsigned shift = c->many_of;
	uint64_t key = cache_key(shift, cache_tag(env->hw->asid, 0)), page = gpa >> shift;

	return (struct nested_wanted){ page, key, cache_hash(page, key), shift };
}

static never_inline void nested_keep_any(const struct env *env, struct cache *c, uint64_t gpa,
					 struct nested_found r, int seen)
{
	uint64_t key = cache_key(r.shift, cache_tag(env->hw->asid, 0)), page = gpa >> r.shift;
	uint64_t out = r.hpa & ~((1ull << r.shift) - 1);

	if (seen)
		cache_make(c, page, key, r.info, out);
	else
		cache_put(c, page, key, r.info, out);
}

/* nested_full(), which tries what is quick first. */
static always_inline struct nested_found nested_modelled(const struct dimension *d, struct env *env,
							 uint64_t gpa, uint32_t access)
{
	struct caches *all = caches_of(d, env);
	struct cache *c = nested_tlb(env, all);
	unsigned type = access & VMMU_TYPE_MASK;
	struct nested_wanted w = { 0, 0, 0, 0 };
	struct cache_entry *e = NULL;
	struct nested_found r;

	if (c) {
		w = nested_want(env, c, gpa);
		e = likely(w.shift) ? cache_peek_hash(c, w.hash, w.page, w.key)
				    : cache_look(c, gpa, cache_tag(env->hw->asid, 0));
	}
	if (e) {
		cache_touch(c, e);
		if (nested_serves(env, e, type)) {
			timing_nested(env, all, 1);
			r.shift = cache_shift(e->key);
			r.info = e->info;
			r.hpa = e->out | (gpa & ((1ull << r.shift) - 1));
			return r;
		}
	}
	timing_nested(env, all, 0);
	r = nested_quick(d, env, all, gpa, type);
	if (unlikely(r.hpa == NO_HPA))
		r = nested_slow(d, env, gpa, access);
	if (unlikely(r.hpa == NO_HPA) || !c)
		return r;
	if (likely(!e && r.shift == w.shift))
		cache_put_many(c, w.hash, w.page, w.key, r.info, r.hpa & ~((1ull << r.shift) - 1));
	else
		nested_keep_any(env, c, gpa, r, e != NULL);
	return r;
}

/* ---- both dimensions ---------------------------------------------------------------- */

/*
 * The whole of what a walk found, if the TLB holds it in one piece, whose log2 size and that of
 * the guest's page are mostly constants.  0: it is not for here.
 */
static always_inline int tell_piece(const struct env *env, const struct first *g,
				    const struct nested_found *n, unsigned shift,
				    unsigned guest_shift)
{
	const struct vmmu_bus *bus = &env->hw->bus;
	struct tlb_fill *to = env->o->found;
	uint64_t size = 1ull << shift, page = n->hpa & -size, at = page - bus->lo;
	unsigned nrights = info_byte(n->info, INFO_NRIGHTS);
	unsigned dirty = g->dirty & info_byte(n->info, INFO_DIRTY);

	if (unlikely(!to || at >= bus->size || size > bus->size - at))
		return 0;
	to->key = cache_key(shift, hw_tag(env->hw)) | (g->global ? CACHE_GLOBAL : 0);
	to->info = le64((uint64_t)g->rights << INFO_RIGHTS | (uint64_t)nrights << INFO_NRIGHTS |
			(uint64_t)g->pkey << INFO_PKEY | (uint64_t)dirty << INFO_DIRTY |
			(uint64_t)guest_shift << INFO_GUEST_SHIFT);
	to->out = page;
	to->gpa = g->gpa & -size;
	to->kinds = g->kinds & nested_kinds(nrights, dirty);
	to->refs = env->refs;
	return 1;
}

static always_inline int tell_found(const struct dimension *d, const struct env *env,
				    const struct first *g, const struct nested_found *n)
{
	unsigned shift = d->fmt->lv[g->level].shift;

	if (likely(g->level == 1 && (!d->nested || n->shift == VMMU_PAGE_SHIFT)))
		return tell_piece(env, g, n, VMMU_PAGE_SHIFT, VMMU_PAGE_SHIFT);
	return tell_piece(env, g, n, d->nested && n->shift < shift ? n->shift : shift, shift);
}

/* As finish() does it.  (By value: what has an address is not in registers.) */
static never_inline void tell_both(const struct dimension *d, const struct env *env, struct first g,
				   struct nested_found n, struct vmmu_walk *out)
{
	tell_first(d->fmt, &g, out);
	if (d->nested) {
		out->nlevel = (uint8_t)info_byte(n.info, INFO_LEVEL);
		out->nshift = (uint8_t)n.shift;
		out->nrights = (uint8_t)info_byte(n.info, INFO_NRIGHTS);
		out->dirty &= (uint8_t)info_byte(n.info, INFO_DIRTY);
	}
	out->hpa = vmmu_hpa(n.hpa);
	out->refs = (uint16_t)env->refs;
}

/* Why it stopped, after the guest's tables said where. */
static never_inline int stop_final(const struct dimension *d, struct env *env, struct first g,
				   uint32_t access, struct vmmu_walk *out)
{
	tell_first(d->fmt, &g, out);
	return stop_nested(env, g.gpa, access, 0, out);
}

/* walk_whole() for caches alone; `nested`: the nested dimension, or NULL. */
static always_inline int walk_both(const struct dimension *d, const struct dimension *nested,
				   struct env *env, uint64_t gva, uint32_t access,
				   struct vmmu_walk *out)
{
	struct caches *c = caches_of(d, env);
	struct nested_found n = { 0, nested_info(0, VMMU_RWX, 1), 0 };
	struct first g;
	int status;

	c->stats.walks[nested != NULL]++;
	c->depth[0] = 0;
	if (unlikely(walk_guest(d, env, gva, access, &g, out))) {
		status = c->restart ? walk_from_root(env, gva, access, out) : out->status;
		if (!status)
			links_commit(d, env, c, gva);
		return status;
	}
	n.hpa = g.gpa;
	if (nested) {
		env->table = 0;
		n = nested_modelled(nested, env, g.gpa, access);
		if (unlikely(n.hpa == NO_HPA))
			return stop_final(d, env, g, access, out);
	}
	links_commit(d, env, c, gva);
	if (unlikely(!tell_found(d, env, &g, &n)))
		tell_both(d, env, g, n, out);
	return VMMU_WALK_OK;
}

/* ---- instances -------------------------------------------------------------------- */

#define NESTED_FORMATS(X) X(npt) X(ept)
#define GUEST_FORMATS(X) X(x64) X(x64_la57)

/* Of tables, nobody asks for more than the address. */
#define X(fmt_)                                                                                    \
	static const struct dimension n_##fmt_ = { &k_##fmt_, NULL, 2, 1 };                        \
	static never_inline uint64_t table_##fmt_(struct env *env, uint64_t gpa)                   \
	{                                                                                          \
		uint32_t type = table_type(&k_##fmt_, &env->hw->n);                                \
                                                                                                   \
		return nested_modelled(&n_##fmt_, env, gpa, type).hpa;                             \
	}                                                                                          \
	static const struct nested nested_##fmt_ = { table_##fmt_, NULL };
NESTED_FORMATS(X)
#undef X

/* (A test may program a CPU by hand, with other formats than it was picked for.) */
#define WALK_INSTANCE(fmt_, name_, nested_, n_, nfmt_)                                             \
	static int walk_##fmt_##_##name_(const struct vmmu_hw *hw, const struct walk_opts *o,      \
					 uint64_t gva, uint32_t access, struct vmmu_walk *out)     \
	{                                                                                          \
		static const struct dimension d = { &k_##fmt_, nested_, 1, 1 };                    \
		struct env env;                                                                    \
                                                                                                   \
		if (unlikely(hw->g.fmt != &vmmu_fmt_##fmt_ || hw->n.fmt != (nfmt_)))               \
			return walk_any(hw, o, gva, access, out);                                  \
		set_env(&env, hw, o, access);                                                      \
		return walk_both(&d, n_, &env, gva, access, out);                                  \
	}
#define X(fmt_)                                                                                    \
	WALK_INSTANCE(fmt_, flat, NULL, NULL, NULL)                                                \
	WALK_INSTANCE(fmt_, npt, &nested_npt, &n_npt, &vmmu_fmt_npt)                               \
	WALK_INSTANCE(fmt_, ept, &nested_ept, &n_ept, &vmmu_fmt_ept)
GUEST_FORMATS(X)
#undef X

walk_fn *walk_pick_modelled(const struct vmmu_hw *hw)
{
	const struct vmmu_fmt *g = hw->g.fmt, *n = hw->n.fmt;

	GUEST_FORMATS(PICK_WALK)
	return walk_any;
}
