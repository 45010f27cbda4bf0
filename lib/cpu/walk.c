/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page walk: one dimension or two, checks, A and D bits.
 * Not here: what a CPU caches of it (tlb.c), who repairs what it finds (mmu.c).
 * Keeps: an entry is read once and judged on that copy; a dimension that fails
 * has set no A or D bit of its own.
 *
 * descend() is written once, over a format.  With a constant format it
 * compiles to a straight line of loads (the instances at the end); with the
 * run-time descriptor it serves every other format, callbacks, step hooks and
 * walk caches (the constant `full`).
 */
#include <string.h>

#include "../util.h"
#include "fmt.h"
#include "tlb.h"
#include "walk.h"

#define NO_HPA (~0ull)
#define MAX_RACES 64

/* Outcome of the nested dimension for one GPA. */
struct nres {
	uint8_t status, level, shift, rights, dirty;
	uint64_t entry, acc;
};

struct env {
	const struct vmmu_hw *hw;
	const struct walk_opts *o; /* used when full */
	struct nres n;
	unsigned refs;
	uint8_t table; /* guest level whose table the nested dimension looks for */
};

typedef uint64_t nested_fn(struct env *env, uint64_t gpa, uint32_t access);

/* How far one dimension came. */
struct reach {
	unsigned status, level, leaf;
	uint64_t acc;	/* AND of the entries, inverted bits set right */
	uint64_t entry; /* the last */
	uint64_t ipa;	/* where it lies: in this dimension's output space ... */
	uint64_t hpa;	/* ... and in the host */
};

static cold_path void *bus_more(const struct vmmu_bus *bus, uint64_t pa)
{
	unsigned i;

	for (i = 0; i < bus->nr_more; i++)
		if (pa >= bus->more[i].lo && pa < bus->more[i].hi)
			return bus->base + pa;
	return NULL;
}

static always_inline void *bus_ptr(const struct vmmu_bus *bus, uint64_t pa)
{
	if (likely(pa >= bus->ram.lo && pa < bus->ram.hi))
		return bus->base + pa;
	return bus_more(bus, pa);
}

void *bus_at(const struct vmmu_bus *bus, uint64_t pa)
{
	return bus_ptr(bus, pa);
}

int bus_covers(const struct vmmu_bus *bus, uint64_t pa, uint64_t size)
{
	unsigned i;

	if (pa >= bus->ram.lo && pa < bus->ram.hi)
		return size <= bus->ram.hi - pa;
	for (i = 0; i < bus->nr_more; i++)
		if (pa >= bus->more[i].lo && pa < bus->more[i].hi)
			return size <= bus->more[i].hi - pa;
	return 0;
}

/* Answers a walk status. */
static always_inline unsigned load(struct env *env, uint64_t pa, unsigned bytes, uint64_t *e,
				   int full)
{
	const void *p;

	if (full && env->o->ops) {
		switch (env->o->ops->read(env->o->ops->ctx, pa, bytes, e)) {
		case VMMU_MEM_OK:
			return VMMU_WALK_OK;
		case VMMU_MEM_ABSENT:
			return VMMU_WALK_ABSENT;
		default:
			return VMMU_WALK_NOMEM;
		}
	}
	p = bus_ptr(&env->hw->bus, pa);
	if (unlikely(!p))
		return VMMU_WALK_NOMEM;
	*e = entry_load(p, bytes);
	return VMMU_WALK_OK;
}

static cold_path void tell_step(const struct env *env, const struct vmmu_fmt *f, unsigned dim,
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

/* An entry of this style that no CPU accepts: reserved bits, EPT's combinations. */
static always_inline unsigned judge_entry(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
					  const struct reach *r)
{
	if (f->bad_rwx && unlikely(pg->bad_rwx >> (r->entry & 7) & 1))
		return VMMU_WALK_MISCONFIG;
	if (f->bad_memtype && r->leaf &&
	    unlikely(f->bad_memtype >> (r->entry >> f->memtype_shift & 7) & 1))
		return VMMU_WALK_MISCONFIG;
	if (unlikely(r->entry & pg->rsvd[r->level - 1][r->leaf]))
		return f->style == VMMU_STYLE_EPT ? VMMU_WALK_MISCONFIG : VMMU_WALK_RSVD;
	return VMMU_WALK_OK;
}

/* ---- the page-walk cache: links, by linear address ---------------------- */

static uint32_t hw_tag(const struct vmmu_hw *hw)
{
	return cache_tag(hw->asid, hw->pcid);
}

static cold_path const struct cache_entry *pwc_find(struct env *env, uint64_t ia)
{
	struct caches *c = env->o->caches;

	return c->pwc.entry ? cache_find(&c->pwc, ia, hw_tag(env->hw)) : NULL;
}

/*
 * The walk has come to the table at (gpa, hpa) of level r->level.  A link
 * whose A bit is clear may not be cached (SDM 4.10.3.1).
 */
static cold_path void pwc_note(struct env *env, const struct vmmu_fmt *f, const struct reach *r,
			  uint64_t gpa, uint64_t hpa)
{
	struct caches *c = env->o->caches;
	struct cache_entry *e = &c->path[c->depth];

	if (!c->pwc.entry || r->level == f->top || (f->accessed & ~r->acc))
		return;
	if (f->lv[r->level + 1].cached && (env->hw->g.ctl & VMMU_PG_PDPTES))
		return;
	e->level = (uint8_t)r->level;
	e->shift = f->lv[r->level + 1].shift;
	e->gpa = gpa;
	e->out = hpa;
	e->acc = r->acc;
	c->depth++;
}

static cold_path void pwc_commit(struct env *env, uint64_t ia)
{
	struct caches *c = env->o->caches;
	unsigned i;

	for (i = 0; i < c->depth; i++) {
		const struct cache_entry *from = &c->path[i];
		struct cache_entry *e =
			cache_make(&c->pwc, ia, from->shift, hw_tag(env->hw), 0);

		e->level = from->level;
		e->gpa = from->gpa;
		e->out = from->out;
		e->acc = from->acc;
	}
}

/* Where a descent begins: the root, the cached PDPTEs, or a page-walk cache. */
static always_inline uint64_t start(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				    struct env *env, unsigned dim, uint64_t ia, struct reach *r,
				    int full, uint64_t *table_hpa)
{
	r->level = f->top;
	r->acc = ~0ull;
	*table_hpa = NO_HPA;
	if (full && dim == 1 && env->o->caches) {
		const struct cache_entry *c = pwc_find(env, ia);

		if (c) {
			r->level = c->level;
			r->acc = c->acc;
			*table_hpa = c->out;
			return c->gpa;
		}
	}
	if (f->lv[f->top].cached && (pg->ctl & VMMU_PG_PDPTES)) {
		r->entry = pg->pdpte[ia >> f->lv[f->top].shift & 3];
		if (!(r->entry & f->present))
			r->status = VMMU_WALK_NP;
		r->level--;
		return r->entry & f->addr;
	}
	return pg->root;
}

/*
 * Down the tables of one dimension to a leaf or a reason to stop.
 * `nested` translates the address of each table, or is NULL.
 */
static always_inline void descend(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				  struct env *env, nested_fn *nested, unsigned dim, uint64_t ia,
				  struct reach *r, int full)
{
	uint64_t table, table_hpa;

	r->status = VMMU_WALK_OK;
	r->leaf = 0;
	r->entry = 0;
	table = start(f, pg, env, dim, ia, r, full, &table_hpa);
	if (unlikely(r->status)) {
		r->level = f->top;
		return;
	}
	UNROLL_LEVELS
	for (; r->level; r->level--) {
		const struct vmmu_fmt_level *lv = &f->lv[r->level];
		uint64_t index = (ia >> lv->shift & ((1u << lv->bits) - 1)) * f->entry_bytes;

		r->ipa = r->hpa = table + index;
		if (nested && full && table_hpa != NO_HPA) {
			r->hpa = table_hpa + index;
			table_hpa = NO_HPA;
		} else if (nested) {
			env->table = (uint8_t)r->level;
			r->hpa = nested(env, r->ipa, VMMU_TABLE);
			if (unlikely(r->hpa == NO_HPA)) {
				r->status = env->n.status;
				return;
			}
		}
		r->status = load(env, r->hpa, f->entry_bytes, &r->entry, full);
		if (unlikely(r->status))
			return;
		env->refs++;
		if (full && dim == 1 && env->o->caches)
			pwc_note(env, f, r, table, r->hpa - index);
		r->leaf = lv->leaf == VMMU_LEAF_ALWAYS ||
			  (lv->leaf == VMMU_LEAF_BIT && (r->entry & f->leaf_bit));
		if (full && env->o->step)
			tell_step(env, f, dim, ia, r);
		if (unlikely(!(r->entry & f->present))) {
			r->status = VMMU_WALK_NP;
			return;
		}
		r->status = judge_entry(f, pg, r);
		if (unlikely(r->status))
			return;
		r->acc &= (r->entry ^ f->invert) | lv->absent;
		if (r->leaf)
			return;
		table = r->entry & f->addr;
	}
}

static always_inline unsigned rights_of(const struct vmmu_fmt *f, uint64_t acc)
{
	return (!f->r || (acc & f->r) ? VMMU_R : 0) | (!f->w || (acc & f->w) ? VMMU_W : 0) |
	       (!f->x || (acc & f->x) ? VMMU_X : 0) | (!f->u || (acc & f->u) ? VMMU_U : 0);
}

static always_inline uint64_t leaf_oa(const struct vmmu_fmt *f, unsigned level, uint64_t e,
				      uint64_t ia)
{
	uint64_t mask = (1ull << f->lv[level].shift) - 1;
	uint64_t oa = (e & f->addr & ~mask) | (ia & mask);

	if (f->pse36 && level > 1)
		oa |= (e & f->pse36) / (f->pse36 & -f->pse36) << 32;
	return oa;
}

/* ---- A and D ----------------------------------------------------------- */

struct ad_walk {
	uint64_t ia;
	uint32_t access;
	unsigned dim;
	const struct vmmu_fmt *fmt;
	const struct vmmu_paging *pg;
	nested_fn *nested;
};

static int swap_entry(struct env *env, uint64_t hpa, unsigned bytes, uint64_t old, uint64_t e)
{
	const struct vmmu_mem_ops *ops = env->o ? env->o->ops : NULL;

	if (ops)
		return ops->cmpxchg(ops->ctx, hpa, bytes, old, e);
	return entry_cmpxchg(bus_at(&env->hw->bus, hpa), bytes, old, e) ? VMMU_MEM_OK :
									  VMMU_MEM_CHANGED;
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
	default:
		return VMMU_WALK_RACE;
	}
}

/*
 * Walks again, setting A on the path and D on the leaf of a write.  Reads are
 * not counted: silicon keeps the entries it has just read.  On failure *r
 * tells at which entry.
 */
static cold_path unsigned set_ad(struct env *env, const struct ad_walk *w, struct reach *r)
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
			r->hpa = w->nested(env, r->ipa, VMMU_TABLE);
			if (r->hpa == NO_HPA)
				return env->n.status;
		}
		r->status = load(env, r->hpa, f->entry_bytes, &r->entry, env->o != NULL);
		if (r->status)
			return r->status;
		r->leaf = lv->leaf == VMMU_LEAF_ALWAYS ||
			  (lv->leaf == VMMU_LEAF_BIT && (r->entry & f->leaf_bit));
		if (!(r->entry & f->present) || judge_entry(f, w->pg, r))
			return VMMU_WALK_RACE;
		r->status = set_ad_entry(env, w, r);
		if (r->status || r->leaf)
			return r->status;
		table = r->entry & f->addr;
	}
	return VMMU_WALK_RACE;
}

/* Whether a walk that ended at r has A or D still to set for this access. */
static always_inline int wants_ad(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				  const struct reach *r, uint32_t access)
{
	if (!(pg->ctl & VMMU_PG_AD) || (access & (VMMU_PROBE | VMMU_NO_AD)))
		return 0;
	return (f->accessed & ~r->acc) ||
	       ((access & VMMU_TYPE_MASK) == VMMU_WRITE && (f->dirty & ~r->entry));
}

/* Whether a later write needs no D of this leaf. */
static always_inline int is_dirty(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				  const struct reach *r, uint32_t access)
{
	return !(pg->ctl & VMMU_PG_AD) || !f->dirty || (r->entry & f->dirty) ||
	       ((access & VMMU_TYPE_MASK) == VMMU_WRITE &&
		!(access & (VMMU_PROBE | VMMU_NO_AD)));
}

/* ---- the nested dimension ---------------------------------------------- */

/* Accesses to guest tables: APM 15.25.5, SDM 28.3.3.2. */
static always_inline uint32_t nested_access(const struct vmmu_fmt *f, const struct vmmu_paging *n,
					    uint32_t access)
{
	if (!(access & VMMU_TABLE))
		return access;
	return access | (f->style == VMMU_STYLE_NPT || (n->ctl & VMMU_PG_AD) ? VMMU_WRITE :
									       VMMU_READ);
}

static always_inline uint64_t nested_walk(const struct vmmu_fmt *f, struct env *env, uint64_t gpa,
					  uint32_t access, int full)
{
	const struct vmmu_paging *pg = &env->hw->n;
	struct reach r;
	unsigned rights;

	access = nested_access(f, pg, access);
	descend(f, pg, env, NULL, 2, gpa, &r, full);
	env->n.level = (uint8_t)r.level;
	env->n.entry = r.entry;
	env->n.acc = r.acc;
	if (unlikely(r.status)) {
		env->n.status = (uint8_t)r.status;
		return NO_HPA;
	}
	rights = rights_of(f, r.acc);
	env->n.rights = (uint8_t)rights;
	if (unlikely(!(pg->kinds[rights] >> ((access & VMMU_TYPE_MASK) * 4 + VMMU_MODE_USER) &
		       1))) {
		env->n.status = VMMU_WALK_PERM;
		return NO_HPA;
	}
	env->n.shift = f->lv[r.level].shift;
	env->n.dirty = (uint8_t)is_dirty(f, pg, &r, access);
	if (unlikely(wants_ad(f, pg, &r, access))) {
		struct ad_walk w = { gpa, access, 2, f, pg, NULL };
		uint8_t table = env->table;
		struct reach again;

		env->n.status = (uint8_t)set_ad(env, &w, &again);
		env->table = table;
		if (env->n.status)
			return NO_HPA;
	}
	return leaf_oa(f, r.level, r.entry, gpa);
}

static int nested_hit(const struct vmmu_paging *pg, const struct cache_entry *e, uint32_t judged)
{
	unsigned type = judged & VMMU_TYPE_MASK;

	return (pg->kinds[e->nrights] >> (type * 4 + VMMU_MODE_USER) & 1) &&
	       (type != VMMU_WRITE || e->dirty);
}

/* With the nested TLB, for any format. */
static uint64_t nested_full(struct env *env, uint64_t gpa, uint32_t access)
{
	const struct vmmu_paging *pg = &env->hw->n;
	struct cache *c = env->o->caches ? &env->o->caches->nested : NULL;
	uint32_t tag = cache_tag(env->hw->asid, 0);
	struct cache_entry *e;
	uint64_t hpa;

	if (!c || !c->entry)
		return nested_walk(pg->fmt, env, gpa, access, 1);
	e = cache_find(c, gpa, tag);
	if (e && nested_hit(pg, e, nested_access(pg->fmt, pg, access))) {
		env->n.rights = e->nrights;
		env->n.shift = e->shift;
		env->n.dirty = e->dirty;
		return e->out | (gpa & ((1ull << e->shift) - 1));
	}
	hpa = nested_walk(pg->fmt, env, gpa, access, 1);
	if (hpa == NO_HPA)
		return NO_HPA;
	e = cache_make(c, gpa, env->n.shift, tag, 0);
	e->out = hpa & ~((1ull << env->n.shift) - 1);
	e->nrights = env->n.rights;
	e->dirty = env->n.dirty;
	return hpa;
}

/* ---- reporting a stop --------------------------------------------------- */

/* SDM 4.7, APM 8.4.2 */
static cold_path uint32_t pf_code(const struct vmmu_paging *pg, unsigned status, uint32_t access,
			     unsigned rights, unsigned pkey)
{
	unsigned type = access & VMMU_TYPE_MASK, kind = vmmu_kind(access);
	uint32_t code = status == VMMU_WALK_NP ? 0 : VMMU_PF_P;

	if (type == VMMU_WRITE)
		code |= VMMU_PF_W;
	if (vmmu_mode(access) == VMMU_MODE_USER)
		code |= VMMU_PF_U;
	if (type == VMMU_FETCH && (pg->ctl & VMMU_PG_ID))
		code |= VMMU_PF_I;
	if (status == VMMU_WALK_RSVD)
		code |= VMMU_PF_RSVD;
	/* PK tells what the key alone says, another reason or not. */
	if (status == VMMU_WALK_PERM) {
		struct vmmu_paging key_only = *pg;

		key_only.kinds[rights] = 0xffff;
		if (!(vmmu_paging_kinds(&key_only, rights, pkey) >> kind & 1))
			code |= VMMU_PF_PK;
	}
	return code;
}

static uint64_t npf_info(const struct vmmu_paging *pg, const struct vmmu_walk *w)
{
	uint64_t info = VMMU_PF_U | (w->table ? VMMU_NPF_TABLE : VMMU_NPF_FINAL);
	unsigned type = w->access & VMMU_TYPE_MASK;

	if (w->status != VMMU_WALK_NP)
		info |= VMMU_PF_P;
	if (w->status == VMMU_WALK_RSVD)
		info |= VMMU_PF_RSVD;
	if (type == VMMU_WRITE)
		info |= VMMU_PF_W;
	if (type == VMMU_FETCH && (pg->ctl & VMMU_PG_NXE))
		info |= VMMU_PF_I;
	return info;
}

/* SDM table 28-7 */
static uint64_t ept_info(const struct vmmu_paging *pg, const struct vmmu_walk *w)
{
	unsigned type = w->access & VMMU_TYPE_MASK;
	uint64_t info = 1u << type;

	if (w->status == VMMU_WALK_MISCONFIG)
		return 0;
	if (w->table && (pg->ctl & VMMU_PG_AD))
		info = VMMU_EPTQ_READ | VMMU_EPTQ_WRITE;
	if (w->status != VMMU_WALK_NP)
		info |= (uint64_t)(w->nrights & VMMU_RWX) << VMMU_EPTQ_RWX_SHIFT;
	if (!(w->access & VMMU_PDPTE_LOAD))
		info |= VMMU_EPTQ_GVA_VALID | (w->table ? 0 : VMMU_EPTQ_FINAL);
	return info;
}

/* The nested dimension, or memory behind it, stopped the translation of gpa. */
static cold_path int stop_nested(struct env *env, uint64_t gpa, uint32_t access, unsigned status,
			    struct vmmu_walk *out)
{
	const struct vmmu_paging *pg = &env->hw->n;

	out->status = (uint8_t)status;
	out->dim = 2;
	out->gpa = vmmu_gpa(gpa);
	out->nlevel = env->n.level;
	out->entry = env->n.entry;
	out->table = access & VMMU_TABLE ? env->table : 0;
	out->access = nested_access(pg->fmt, pg, access);
	out->nrights = (uint8_t)rights_of(pg->fmt, env->n.acc);
	out->refs = (uint16_t)env->refs;
	if (status == VMMU_WALK_RACE || status == VMMU_WALK_NOMEM || status == VMMU_WALK_ABSENT)
		return out->status;
	out->info = pg->fmt->style == VMMU_STYLE_NPT ? npf_info(pg, out) : ept_info(pg, out);
	return out->status;
}

/* The first dimension stopped at r. */
static cold_path int stop_first(struct env *env, const struct vmmu_paging *pg, const struct reach *r,
			   nested_fn *nested, unsigned status, uint32_t access,
			   struct vmmu_walk *out)
{
	if (nested && env->n.status)
		return stop_nested(env, r->ipa, access | VMMU_TABLE, status, out);
	out->status = (uint8_t)status;
	out->dim = 1;
	out->level = (uint8_t)r->level;
	out->entry = r->entry;
	out->refs = (uint16_t)env->refs;
	if (status == VMMU_WALK_NOMEM || status == VMMU_WALK_ABSENT) {
		out->gpa = vmmu_gpa(r->ipa);
		out->table = (uint8_t)r->level;
		return out->status;
	}
	out->code = pf_code(pg, status, access, out->rights, out->pkey);
	return out->status;
}

/*
 * EPT with A/D off: the access to the table was a read and passed, the store
 * of a guest A or D bit is a write and did not.
 */
static cold_path int stop_ad_store(struct env *env, const struct reach *r, struct vmmu_walk *out)
{
	stop_nested(env, r->ipa, VMMU_TABLE, VMMU_WALK_PERM, out);
	out->access |= VMMU_WRITE;
	out->info = ept_info(&env->hw->n, out);
	return out->status;
}

/* ---- both dimensions ----------------------------------------------------- */

static always_inline int canonical(const struct vmmu_fmt *f, uint64_t ia)
{
	unsigned up = 64u - f->canonical;

	return !f->canonical || (uint64_t)((int64_t)(ia << up) >> up) == ia;
}

/* The final address, through the nested dimension if there is one. */
static always_inline int finish(struct env *env, nested_fn *nested, uint64_t gpa, uint32_t access,
				struct vmmu_walk *out)
{
	uint64_t hpa = gpa;

	out->gpa = vmmu_gpa(gpa);
	if (nested) {
		env->n.status = VMMU_WALK_OK;
		env->table = 0;
		hpa = nested(env, gpa, access);
		if (unlikely(hpa == NO_HPA))
			return stop_nested(env, gpa, access, env->n.status, out);
		out->nlevel = env->n.level;
		out->nshift = env->n.shift;
		out->nrights = env->n.rights;
		out->dirty &= env->n.dirty;
	}
	out->hpa = vmmu_hpa(hpa);
	out->table = 0;
	out->refs = (uint16_t)env->refs;
	out->status = VMMU_WALK_OK;
	return VMMU_WALK_OK;
}

static void no_first(struct vmmu_walk *out)
{
	out->level = 0;
	out->shift = 0;
	out->rights = VMMU_RWXU;
	out->pkey = out->global = 0;
	out->dirty = 1;
	out->leaf = vmmu_hpa(0);
}

static always_inline void clear_nested(struct vmmu_walk *out)
{
	out->dim = 0;
	out->nlevel = 0;
	out->nshift = 0;
	out->nrights = VMMU_RWX;
	out->info = 0;
	out->access = 0;
	out->code = 0;
}

/* A walk whose first dimension has this format. */
static always_inline int walk_first(const struct vmmu_fmt *f, struct env *env, nested_fn *nested,
				    uint64_t gva, uint32_t access, struct vmmu_walk *out, int full)
{
	const struct vmmu_paging *pg = &env->hw->g;
	struct reach r;
	unsigned kind = vmmu_kind(access);

	clear_nested(out);
	out->rights = out->pkey = 0;
	env->n.status = VMMU_WALK_OK;
	if (unlikely(!canonical(f, gva))) {
		out->dim = 1;
		out->level = 0;
		out->refs = 0;
		out->status = VMMU_WALK_NONCANON;
		return VMMU_WALK_NONCANON;
	}
	descend(f, pg, env, nested, 1, gva, &r, full);
	if (unlikely(r.status))
		return stop_first(env, pg, &r, nested, r.status, access, out);
	out->rights = (uint8_t)rights_of(f, r.acc);
	out->pkey = f->pkey_shift ? r.entry >> f->pkey_shift & 15 : 0;
	if (unlikely(!(vmmu_paging_kinds(pg, out->rights, out->pkey) >> kind & 1)))
		return stop_first(env, pg, &r, NULL, VMMU_WALK_PERM, access, out);
	if (unlikely(wants_ad(f, pg, &r, access))) {
		struct ad_walk w = { gva, access, 1, f, pg, nested };
		struct reach at;
		unsigned status;

		status = set_ad(env, &w, &at);
		if (status == VMMU_WALK_PERM)
			return stop_ad_store(env, &at, out);
		if (status)
			return stop_first(env, pg, &at, nested, status, access, out);
	}
	out->level = (uint8_t)r.level;
	out->shift = f->lv[r.level].shift;
	out->global = (pg->ctl & VMMU_PG_GLOBAL) && (r.entry & f->global);
	out->dirty = (uint8_t)is_dirty(f, pg, &r, access);
	out->entry = r.entry;
	out->leaf = vmmu_hpa(r.hpa);
	return finish(env, nested, leaf_oa(f, r.level, r.entry, gva), access, out);
}

/* ---- instances ------------------------------------------------------------ */

/*
 * Every nested format that has an instance, and every guest format with each
 * of them.  A format that is in neither list walks through its descriptor.
 */
#define NESTED_FORMATS(X) X(npt) X(ept)
#define GUEST_FORMATS(X) X(legacy32) X(legacy32_nopse) X(pae) X(x64) X(x64_la57)

static const struct vmmu_fmt k_legacy32 = { VMMU_FMT_LEGACY32(VMMU_LEAF_BIT) };
static const struct vmmu_fmt k_legacy32_nopse = { VMMU_FMT_LEGACY32(VMMU_LEAF_NEVER) };
static const struct vmmu_fmt k_pae = { VMMU_FMT_PAE };
static const struct vmmu_fmt k_x64 = { VMMU_FMT_X64("x64", 4, 48, VMMU_STYLE_X86) };
static const struct vmmu_fmt k_x64_la57 = { VMMU_FMT_X64("x64-la57", 5, 57, VMMU_STYLE_X86) };
static const struct vmmu_fmt k_npt = { VMMU_FMT_X64("npt", 4, 0, VMMU_STYLE_NPT) };
static const struct vmmu_fmt k_ept = { VMMU_FMT_EPT("ept", 4) };

typedef int walk_fn(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out);

#define X(fmt_)                                                                                    \
	static uint64_t nested_##fmt_(struct env *env, uint64_t gpa, uint32_t access)              \
	{                                                                                          \
		return nested_walk(&k_##fmt_, env, gpa, access, 0);                 \
	}
NESTED_FORMATS(X)
#undef X

#define WALK_INSTANCE(fmt_, name_, nested_)                                                        \
	static never_inline int walk_##fmt_##_##name_(struct env *env, uint64_t gva, uint32_t access,  \
						  struct vmmu_walk *out)                           \
	{                                                                                          \
		return walk_first(&k_##fmt_, env, nested_, gva, access, out, 0);                   \
	}
#define X(fmt_)                                                                                    \
	WALK_INSTANCE(fmt_, flat, NULL)                                                            \
	WALK_INSTANCE(fmt_, npt, nested_npt)                                                       \
	WALK_INSTANCE(fmt_, ept, nested_ept)
GUEST_FORMATS(X)
#undef X

static walk_fn *pick(const struct vmmu_fmt *g, const struct vmmu_fmt *n)
{
#define X(fmt_)                                                                                    \
	if (g == &vmmu_fmt_##fmt_) {                                                               \
		if (!n)                                                                            \
			return walk_##fmt_##_flat;                                                 \
		if (n == &vmmu_fmt_npt)                                                            \
			return walk_##fmt_##_npt;                                                  \
		if (n == &vmmu_fmt_ept)                                                            \
			return walk_##fmt_##_ept;                                                  \
	}
	GUEST_FORMATS(X)
#undef X
	return NULL;
}

static never_inline int walk_any(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	nested_fn *nested = env->hw->n.fmt ? nested_full : NULL;
	struct caches *c = env->o->caches;
	int status;

	if (!env->hw->g.fmt) {
		clear_nested(out);
		no_first(out);
		out->entry = 0;
		return finish(env, nested, gva, access, out);
	}
	if (c)
		c->depth = 0;
	status = nested ? walk_first(env->hw->g.fmt, env, nested_full, gva, access, out, 1) :
			  walk_first(env->hw->g.fmt, env, NULL, gva, access, out, 1);
	if (c && !status)
		pwc_commit(env, gva);
	return status;
}

int walk(const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva, uint32_t access,
	 struct vmmu_walk *out)
{
	static const struct walk_opts none;
	walk_fn *fn = o ? NULL : pick(hw->g.fmt, hw->n.fmt);
	unsigned tries;

	for (tries = 0; tries < MAX_RACES; tries++) {
		struct env env;

		env.hw = hw;
		env.refs = 0;
		env.o = fn ? NULL : o ? o : &none;
		if (fn)
			fn(&env, gva, access, out);
		else
			walk_any(&env, gva, access, out);
		if (likely(out->status != VMMU_WALK_RACE))
			break;
	}
	return out->status;
}

int vmmu_walk2(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gva_t gva,
	       uint32_t access, vmmu_step_fn *step, void *step_ctx, struct vmmu_walk *out)
{
	struct walk_opts o = { ops, step, step_ctx, NULL };

	return walk(hw, ops || step ? &o : NULL, gva.v, access, out);
}

int vmmu_walk_nested(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gpa_t gpa,
		     uint32_t access, struct vmmu_walk *out)
{
	struct walk_opts o = { ops, NULL, NULL, NULL };
	struct env env = { .hw = hw, .o = &o };

	memset(out, 0, sizeof(*out));
	clear_nested(out);
	no_first(out);
	return finish(&env, hw->n.fmt ? nested_full : NULL, gpa.v, access, out);
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
