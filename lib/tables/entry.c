/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry of a table: read, changed, and counted.
 * Not here: the tree that it is part of (build.c), ranges of entries (range.c).
 * Keeps: a table's `live` is how many of its entries are present, and what is not 0 lies
 * where its `used` says; every change by software goes through pt_set_entry().
 */
#include <string.h>

#include "entry.h"

/* The first entry from index on that is not 0; past the last if there is none. */
unsigned pt_used_from(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	unsigned bytes = pt->fmt->entry_bytes, end = nr_entries(pt, t->level) * bytes;
	const char *table = table_entries(t);
	unsigned at = index * bytes;
	uint64_t left;

	while (at < end) {
		left = t->used & -used_bit(at);
		if (!left)
			return end / bytes;
		if (!(left & used_bit(at)))
			at = (unsigned)__builtin_ctzll(left) * TABLE_BLOCK;
		do {
			if (entry_load(table + at, bytes))
				return at / bytes;
			at += bytes;
		} while (at % TABLE_BLOCK);
	}
	return at / bytes;
}

/* The first address that a table maps; 0 for one that several links share, which has none. */
static uint64_t table_ia(const struct vmmu_pt *pt, const struct vmmu_table *t)
{
	uint64_t ia = 0;

	if (pt->flags & VMMU_PT_SHARED)
		return 0;
	for (; t->parent; t = t->parent)
		ia |= (uint64_t)t->index << span_shift(pt, t->parent->level);
	return ia;
}

/* The bits of `mask` as they are set in an entry that grants the right, or does not. */
static uint64_t right(const struct vmmu_fmt *f, uint64_t mask, int granted)
{
	return granted == !(f->invert & mask) ? mask : 0;
}

static uint64_t make_leaf(const struct vmmu_pt *pt, const struct vmmu_leaf *l)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t e = right(f, f->r, (l->rights & VMMU_R) != 0) |
		     right(f, f->w, (l->rights & VMMU_W) != 0) |
		     right(f, f->x, (l->rights & VMMU_X) != 0) |
		     right(f, f->u, (l->rights & VMMU_U) != 0);

	if (l->accessed)
		e |= f->accessed;
	if (l->dirty)
		e |= f->dirty;
	e &= ~entry_absent(f, l->level, 1);
	e |= f->leaf_set | (l->oa & f->addr & ~(span(pt, l->level) - 1));
	if (f->lv[l->level].leaf == VMMU_LEAF_BIT)
		e |= f->leaf_bit;
	if (f->pkey_shift)
		e |= (uint64_t)l->pkey << f->pkey_shift;
	return e;
}

void pt_read_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, uint64_t ia,
		  uint64_t e, struct vmmu_leaf *l)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t low = ia & (span(pt, t->level) - 1);

	memset(l, 0, sizeof(*l));
	l->ia = ia;
	l->oa = entry_output(f, t->level, e, ia);
	l->gpa = t->gpas ? (*gpa_at(t, index) & PAGE_MASK) | low : 0;
	l->note = t->gpas ? *gpa_at(t, index) & ~PAGE_MASK : 0;
	l->level = t->level;
	l->rights = (uint8_t)entry_rights(f, granted_by(pt, t->level, e));
	l->pkey = (uint8_t)entry_pkey(f, e);
	l->dirty = (e & f->dirty) != 0;
	l->accessed = (e & f->accessed) != 0;
}

void pt_tell_change(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
		    enum vmmu_event ev, uint64_t new_entry)
{
	uint64_t ia = table_ia(pt, t) | (uint64_t)index << span_shift(pt, t->level);

	event(pt->vm, NULL, ev, ia, new_entry);
}

/* Empties an entry; returns what was there. */
uint64_t pt_take_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	uint64_t old;

	/* Silicon may set D at any moment: take what is there. */
	do {
		old = read_entry(pt, t, index);
	} while (old && !pt_set_entry(pt, t, index, old, 0));
	return old;
}

/* Whether a leaf was used since it was made old; `clear` makes it so. */
int pt_age_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, int clear)
{
	uint64_t old, a = pt->fmt->accessed;

	do {
		old = read_entry(pt, t, index);
		if (!clear || !(old & a))
			return (old & a) != 0;
	} while (!pt_set_entry(pt, t, index, old, old & ~a));
	return 1;
}

/* Retires a tree of tables that no link leads to any more; returns how many leaves and tables. */
uint64_t pt_retire_tree(const struct vmmu_pt *pt, struct vmmu_table *t)
{
	uint64_t nr = 1;
	unsigned i;

	for (i = 0; t->live && (i = pt_used_from(pt, t, i)) < nr_entries(pt, t->level); i++) {
		uint64_t e = read_entry(pt, t, i);

		if (!is_present(pt, e))
			continue;
		nr += is_leaf(pt, t->level, e) ? 1 : pt_retire_tree(pt, child_of(pt, e));
	}
	table_retire(pt->vm, t);
	return nr;
}

/* Whether a cache may hold what this change of an entry takes away. */
static int owes_flush(const struct vmmu_pt *pt, uint64_t old, uint64_t new_entry)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t rights = f->r | f->w | f->x | f->u;

	if (!is_present(pt, old))
		return 0;
	if ((old ^ new_entry) & ~(rights | f->accessed | f->dirty))
		return 1;
	return (((old ^ f->invert) & ~(new_entry ^ f->invert)) & (rights | f->dirty)) != 0;
}

int pt_put_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
		const struct vmmu_leaf *leaf)
{
	uint64_t new_entry = make_leaf(pt, leaf), old;
	int table_went;

	if ((pt->flags & VMMU_PT_GPAS) && table_gpas(pt->vm, t))
		return VMMU_ENOMEM;
	do {
		old = read_entry(pt, t, index);
		/* Silicon may have set more. */
		if (is_present(pt, old) && !((old ^ new_entry) & pt->fmt->addr))
			new_entry |= old & (pt->fmt->accessed | pt->fmt->dirty);
		if (old == new_entry)
			break;
	} while (!pt_set_entry(pt, t, index, old, new_entry));
	if (t->gpas)
		*gpa_at(t, index) = (leaf->gpa & ~(span(pt, leaf->level) - 1)) | leaf->note;
	if (old == new_entry)
		return 0;
	table_went = is_present(pt, old) && !is_leaf(pt, leaf->level, old);
	if (table_went)
		pt_retire_tree(pt, child_of(pt, old));
	return VMMU_PT_CHANGED | (table_went || owes_flush(pt, old, new_entry) ? VMMU_PT_FLUSH : 0);
}
