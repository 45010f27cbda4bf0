/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing all that a tree maps in a range: zap, write-protect, age.
 * Keeps: a large leaf is split before a part of it is protected, or zapped where
 * no table is left for that.
 */
#include "entry.h"

static uint64_t zap_entry(struct vmmu_pt_iter *it)
{
	uint64_t old = pt_take_entry(it->pt, it->table, it->index);

	if (is_leaf(it->pt, it->level, old))
		return 1;
	it->descend = 0;
	return pt_retire_tree(it->pt, child_of(it->pt, old));
}

static uint64_t wrprot_large(struct vmmu_pt_iter *it)
{
	if (!has(it->pt->fmt, it->entry, it->pt->fmt->w))
		return 0;
	/* The iterator goes down into the parts next. */
	if (pt_split(it->pt, it->table, it->index, it->entry))
		return 1;
	return zap_entry(it);
}

/* Without A bits, what was not used is what is not mapped. */
static int keeps_ages(const struct vmmu_pt *pt)
{
	return pt->fmt->accessed && !(pt->flags & VMMU_PT_NO_AD);
}

static uint64_t age_large(struct vmmu_pt_iter *it, int clear)
{
	if (!keeps_ages(it->pt))
		return clear ? zap_entry(it) : 1;
	return (uint64_t)pt_age_leaf(it->pt, it->table, it->index, clear);
}

/* An entry of the lowest level; a mark goes with the leaves. */
static int change_small(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
			enum vmmu_change how)
{
	if (how == VMMU_CHANGE_ZAP)
		return is_present(pt, pt_take_entry(pt, t, index));
	if (!is_present(pt, read_entry(pt, t, index)))
		return 0;
	if (how == VMMU_CHANGE_WRPROT)
		return pt_wrprot_leaf(pt, t, index);
	if (keeps_ages(pt))
		return pt_age_leaf(pt, t, index, how == VMMU_CHANGE_AGE);
	if (how == VMMU_CHANGE_AGE)
		pt_take_entry(pt, t, index);
	return 1;
}

/* All that the range has in a table of the lowest level; the iterator moves to the last. */
static uint64_t change_rest(struct vmmu_pt_iter *it, enum vmmu_change how)
{
	unsigned shift = span_shift(it->pt, 1), last = nr_entries(it->pt, 1) - 1, i;
	uint64_t nr = 0, size = (uint64_t)(last + 1) << shift, base = it->ia & ~(size - 1);

	if (it->end - base < size)
		last = index_of(it->pt, 1, it->end);
	for (i = it->index; (i = pt_used_from(it->pt, it->table, i)) <= last; i++)
		nr += (uint64_t)change_small(it->pt, it->table, i, how);
	it->ia = base + ((uint64_t)last << shift);
	it->index = last;
	return nr;
}

/* Whether the link lies in the range whole and may be broken. */
static int zaps_link(const struct vmmu_pt_iter *it, uint64_t first)
{
	uint64_t low = it->ia & ~(span(it->pt, it->level) - 1);

	return !it->pt->fmt->lv[it->level].cached && low >= first &&
	       (low | (span(it->pt, it->level) - 1)) <= it->end;
}

uint64_t vmmu_pt_change(struct vmmu_pt *pt, uint64_t ia, uint64_t len, enum vmmu_change how)
{
	struct vmmu_pt_iter it;
	uint64_t nr = 0, first = ia & last_ia(pt);

	if (!pt->root || !len)
		return 0;
	vmmu_pt_first(&it, pt, ia, len == VMMU_ALL ? ~0ull : ia + len - 1);
	for (; it.table; vmmu_pt_next_used(&it)) {
		if (it.level == 1) {
			nr += change_rest(&it, how);
			continue;
		}
		if (!it.present)
			continue;
		if (!it.leaf && !child_of(pt, it.entry)->live) {
			/* Nothing to do below; the table itself may go. */
			it.descend = 0;
		}
		if (how == VMMU_CHANGE_ZAP) {
			if (it.leaf || zaps_link(&it, first))
				nr += zap_entry(&it);
		} else if (it.leaf) {
			nr += how == VMMU_CHANGE_WRPROT ? wrprot_large(&it)
							: age_large(&it, how == VMMU_CHANGE_AGE);
		}
	}
	return nr;
}
