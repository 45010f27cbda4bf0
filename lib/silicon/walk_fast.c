/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk that goes well: every entry present and good, every right there, no
 * A or D bit to set, memory in the bus's main range.  Instances by format.
 * Not here: all other walks.  The general walk (walk.c) makes them, from the start.
 * Keeps: this walk stores nothing, so another may start from the beginning, and references are
 * counted once.
 *
 * With constant formats this compiles to a straight line: a load, a mask, a
 * test, the next load.  No local's address may escape to a function that is
 * not inlined, or the state leaves its registers.
 */
#include "fmt_const.h"
#include "memo.h"
#include "walk_priv.h"

/* Two words, which a function returns in registers. */
struct found {
	uint64_t hpa; /* NO_HPA: the general walk has to be made */
	uint64_t refs;
};

struct fast_nested {
	struct found (*table)(const struct vmmu_hw *hw, struct memo *memo, uint64_t gpa);
	struct found (*final)(const struct vmmu_hw *hw, struct memo *memo, uint64_t gpa,
			      uint32_t access, struct vmmu_walk *out);
};

struct path {
	uint64_t all, any, entry, hpa;
	uint64_t refs;
	unsigned level;
};

/* One level, a constant.  1: a leaf, 0: a link, -1: the general walk has to be made. */
static always_inline int fast_level(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				    const struct vmmu_hw *hw, const struct fast_nested *nested,
				    struct memo *memo, uint64_t ia, unsigned level, uint64_t *table,
				    struct path *p)
{
	uint64_t index = (uint64_t)entry_index(f, level, ia) * f->entry_bytes;
	uint64_t pa = *table + index, late = *table, absent;
	uintptr_t at = (uintptr_t)hw->bus.base + index;
	struct found t;

	if (nested) {
		const struct memo_page *known = memo ? memo_page(memo, pa) : NULL;

		if (known && likely(known->tag == memo_page_tag(memo, pa))) {
			t.hpa = (known->hpa & PAGE_MASK) | (pa & ~PAGE_MASK);
			t.refs = known->hpa & ~PAGE_MASK;
		} else {
			t = nested->table(hw, memo, pa);
		}
		if (unlikely(t.hpa == NO_HPA))
			return -1;
		p->refs += t.refs;
		pa = late = t.hpa;
		at = (uintptr_t)hw->bus.base;
	}
	if (unlikely(pa - hw->bus.lo >= hw->bus.size))
		return -1;
	/*
	 * The index is known early, the table's address only when the entry before is loaded.  The
	 * two are added in the load, so that between two loads there is only the mask.
	 */
	hide(at);
	p->entry = entry_load((const void *)(at + (uintptr_t)late), f->entry_bytes);
	p->refs++;
	p->level = level;
	p->hpa = pa;
	absent = entry_absent(f, level, entry_is_leaf(f, level, p->entry));
	p->all &= p->entry | absent;
	p->any |= p->entry & ~absent;
	*table = entry_table(f, p->entry);
	if (entry_is_leaf(f, level, p->entry))
		return likely(is_good(f, pg, p->entry, level, 1)) ? 1 : -1;
	return likely(is_good(f, pg, p->entry, level, 0)) ? 0 : -1;
}

/* 1: the walk came to a leaf, and *p has it. */
static always_inline int fast_descend(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				      const struct vmmu_hw *hw, const struct fast_nested *nested,
				      struct memo *memo, uint64_t ia, struct path *p)
{
	uint64_t table = pg->root, e;
	unsigned from = f->top;

	p->all = ~0ull;
	p->any = p->refs = 0;
	if (f->lv[f->top].cached && (pg->ctl & VMMU_PG_PDPTES)) {
		e = pg->pdpte[ia >> f->lv[f->top].shift & 3];
		if (unlikely(!(e & f->present)))
			return 0;
		table = entry_table(f, e);
		from--;
	}
#define LEVEL(n)                                                                                   \
	if (from >= (n)) {                                                                         \
		int end = fast_level(f, pg, hw, nested, memo, ia, n, &table, p);                   \
                                                                                                   \
		if (end)                                                                           \
			return end > 0;                                                            \
	}
	LEVEL(5)
	LEVEL(4)
	LEVEL(3)
	LEVEL(2)
	LEVEL(1)
#undef LEVEL
	return 0;
}

static always_inline uint64_t path_acc(const struct vmmu_fmt *f, const struct path *p)
{
	return (p->all & ~f->invert) | (~p->any & f->invert);
}

/* The links that are remembered for gpa, and the leaf below them.  0: nothing, or no leaf there. */
static always_inline int memo_leaf(const struct vmmu_fmt *f, const struct vmmu_paging *pg,
				   const struct vmmu_hw *hw, const struct memo_link *e,
				   uint64_t gpa, struct path *p)
{
	uint64_t table = MEMO_TABLE(e);

	p->all = e->acc;
	p->any = ~e->acc & f->invert;
	p->refs = MEMO_REFS(e);
	if (likely(MEMO_LEVEL(e) == 1))
		return fast_level(f, pg, hw, NULL, NULL, gpa, 1, &table, p) > 0;
	return fast_level(f, pg, hw, NULL, NULL, gpa, 2, &table, p) > 0;
}

/*
 * fast_descend() in the nested dimension, which remembers where the leaf's table is.  Links in
 * which A has still to be set are not remembered.
 */
static always_inline int nested_descend(const struct vmmu_fmt *f, const struct vmmu_hw *hw,
					struct memo *memo, uint64_t gpa, struct path *p)
{
	const struct vmmu_paging *pg = &hw->n;
	struct memo_link *e = memo ? memo_link(memo, gpa) : NULL;
	uint64_t table = pg->root;
	struct path above;

	if (!e)
		return fast_descend(f, pg, hw, NULL, NULL, gpa, p);
	if (likely(e->tag == memo_link_tag(memo, gpa)) && likely(memo_leaf(f, pg, hw, e, gpa, p)))
		return 1;
	p->all = ~0ull;
	p->any = p->refs = 0;
#define LEVEL(n)                                                                                   \
	if (f->top >= (n)) {                                                                       \
		int end;                                                                           \
                                                                                                   \
		above = *p;                                                                        \
		end = fast_level(f, pg, hw, NULL, NULL, gpa, n, &table, p);                        \
		if (end > 0 && (n) <= 2 && !(pg->ad[VMMU_READ] & ~above.all))                      \
			*e = (struct memo_link){ memo_link_tag(memo, gpa),                         \
						 (p->hpa & PAGE_MASK) | (above.refs << 4) | (n),   \
						 path_acc(f, &above) };                            \
		if (end)                                                                           \
			return end > 0;                                                            \
	}
	LEVEL(5)
	LEVEL(4)
	LEVEL(3)
	LEVEL(2)
	LEVEL(1)
#undef LEVEL
	return 0;
}

static always_inline int beyond(const struct vmmu_fmt *f, uint64_t gpa)
{
	return gpa >> (f->lv[f->top].shift + f->lv[f->top].bits) != 0;
}

/* (Only fetches need a bit that forbids to be clear; for reads and writes `all` is enough.) */
static always_inline struct found fast_table(const struct vmmu_fmt *f, const struct vmmu_hw *hw,
					     struct memo *memo, uint64_t gpa)
{
	const struct found none = { NO_HPA, 0 };
	const struct vmmu_paging *pg = &hw->n;
	uint32_t type = table_type(f, pg);
	struct found t;
	struct path p;

	if (unlikely(beyond(f, gpa)) || !nested_descend(f, hw, memo, gpa, &p))
		return none;
	if (unlikely((p.all & pg->need[type]) != pg->need[type] ||
		     ad_missing(f, p.all, p.entry, pg->ad[type])))
		return none;
	t.hpa = entry_output(f, p.level, p.entry, gpa);
	t.refs = p.refs;
	if (memo)
		*memo_page(memo, gpa) = (struct memo_page){ memo_page_tag(memo, gpa),
							    (t.hpa & PAGE_MASK) | p.refs };
	return t;
}

static always_inline struct found fast_final(const struct vmmu_fmt *f, const struct vmmu_hw *hw,
					     struct memo *memo, uint64_t gpa, uint32_t access,
					     struct vmmu_walk *out)
{
	const struct found none = { NO_HPA, 0 };
	const struct vmmu_paging *pg = &hw->n;
	unsigned type = access & VMMU_TYPE_MASK;
	uint64_t acc;
	struct found t;
	struct path p;

	if (unlikely(beyond(f, gpa)) || !nested_descend(f, hw, memo, gpa, &p))
		return none;
	acc = path_acc(f, &p);
	if (unlikely((acc & pg->need[type]) != pg->need[type] ||
		     ad_missing(f, p.all, p.entry, pg->ad[type])))
		return none;
	out->nlevel = (uint8_t)p.level;
	out->nshift = f->lv[p.level].shift;
	out->nrights = (uint8_t)entry_rights(f, acc);
	if (pg->ad[VMMU_WRITE] & f->dirty & ~p.entry)
		out->dirty = 0;
	t.hpa = entry_output(f, p.level, p.entry, gpa);
	t.refs = p.refs;
	return t;
}

static always_inline int fast_walk(const struct vmmu_fmt *f, const struct fast_nested *nested,
				   const struct vmmu_hw *hw, struct memo *memo, uint64_t gva,
				   uint32_t access, struct vmmu_walk *out)
{
	const struct vmmu_paging *pg = &hw->g;
	unsigned type = access & VMMU_TYPE_MASK, rights, pkey, kinds;
	uint64_t oa;
	struct found t = { 0, 0 };
	struct path p;

	if (unlikely(!canonical(f, gva) || (access & (VMMU_PROBE | VMMU_NO_AD))) ||
	    !fast_descend(f, pg, hw, nested, memo, gva, &p))
		return walk_any(hw, NULL, gva, access, out);
	rights = entry_rights(f, path_acc(f, &p));
	pkey = f->pkey_shift ? (unsigned)(p.entry >> f->pkey_shift) & 15 : 0;
	kinds = paging_kinds(pg, rights, pkey);
	if (unlikely(!(kinds >> vmmu_kind(access) & 1) ||
		     ad_missing(f, p.all, p.entry, pg->ad[type])))
		return walk_any(hw, NULL, gva, access, out);
	out->status = out->dim = out->table = out->nlevel = out->nshift = 0;
	out->nrights = VMMU_RWX;
	out->level = (uint8_t)p.level;
	out->shift = f->lv[p.level].shift;
	out->rights = (uint8_t)rights;
	out->pkey = (uint8_t)pkey;
	out->global = (pg->ctl & VMMU_PG_GLOBAL) && (p.entry & f->global);
	out->dirty = !(pg->ad[VMMU_WRITE] & f->dirty & ~p.entry);
	out->kinds = (uint16_t)kinds;
	out->code = out->access = 0;
	out->info = 0;
	out->entry = p.entry;
	out->leaf = vmmu_hpa(p.hpa);
	oa = entry_output(f, p.level, p.entry, gva);
	out->gpa = vmmu_gpa(oa);
	if (nested) {
		t = nested->final(hw, memo, oa, access, out);
		if (unlikely(t.hpa == NO_HPA))
			return walk_any(hw, NULL, gva, access, out);
		oa = t.hpa;
	}
	out->hpa = vmmu_hpa(oa);
	out->refs = (uint16_t)(p.refs + t.refs);
	return VMMU_WALK_OK;
}

/*
 * Every nested format that has an instance, and every guest format with each
 * of them.  A format that is in neither list walks through its descriptor.
 */
#define NESTED_FORMATS(X) X(npt) X(ept)
#define GUEST_FORMATS(X) X(legacy32) X(legacy32_nopse) X(pae) X(x64) X(x64_la57)

#define X(fmt_)                                                                                    \
	static struct found table_##fmt_(const struct vmmu_hw *hw, struct memo *memo,              \
					 uint64_t gpa)                                             \
	{                                                                                          \
		return fast_table(&k_##fmt_, hw, memo, gpa);                                       \
	}                                                                                          \
	static struct found final_##fmt_(const struct vmmu_hw *hw, struct memo *memo,              \
					 uint64_t gpa, uint32_t access, struct vmmu_walk *out)     \
	{                                                                                          \
		return fast_final(&k_##fmt_, hw, memo, gpa, access, out);                          \
	}                                                                                          \
	static const struct fast_nested nested_##fmt_ = { table_##fmt_, final_##fmt_ };
NESTED_FORMATS(X)
#undef X

#define WALK_INSTANCE(fmt_, name_, nested_, memo_)                                                 \
	static never_inline int walk_##fmt_##_##name_(const struct vmmu_hw *hw,                    \
						      const struct walk_opts *o, uint64_t gva,     \
						      uint32_t access, struct vmmu_walk *out)      \
	{                                                                                          \
		(void)o;                                                                           \
		return fast_walk(&k_##fmt_, nested_, hw, memo_, gva, access, out);                 \
	}
#define X(fmt_)                                                                                    \
	WALK_INSTANCE(fmt_, flat, NULL, NULL)                                                      \
	WALK_INSTANCE(fmt_, npt, &nested_npt, o ? o->memo : NULL)                                  \
	WALK_INSTANCE(fmt_, ept, &nested_ept, o ? o->memo : NULL)
GUEST_FORMATS(X)
#undef X

walk_fn *walk_pick(const struct vmmu_hw *hw)
{
	const struct vmmu_fmt *g = hw->g.fmt, *n = hw->n.fmt;

	GUEST_FORMATS(PICK_WALK)
	return walk_any;
}
