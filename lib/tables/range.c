/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing all that a tree maps in a range: zap, write-protect, age.
 * Keeps: a large leaf changes as a whole: one of which a part is to be protected loses the
 * right to write, and the store that faults there splits it.
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
	if (how == VMMU_CHANGE_WRPROT)
		return pt_wrprot_leaf(pt, t, index);
	if (!is_present(pt, read_entry(pt, t, index)))
		return 0;
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
			nr += how == VMMU_CHANGE_WRPROT
				      ? (uint64_t)pt_wrprot_leaf(pt, it.table, it.index)
				      : age_large(&it, how == VMMU_CHANGE_AGE);
		}
	}
	return nr;
}

/* ---- pages by a bitmap ------------------------------------------------------- */

/* Where the way to ia ends: at a leaf, at an entry that is none, or in a table of level 1. */
static struct vmmu_table *way_end(const struct vmmu_pt *pt, uint64_t ia)
{
	struct vmmu_table *t = pt->root;

	while (t->level > 1) {
		uint64_t e = read_entry(pt, t, index_of(pt, t->level, ia));

		if (!is_present(pt, e) || is_leaf(pt, t->level, e))
			break;
		t = child_of(pt, e);
	}
	return t;
}

/*
 * One descent for each table of leaves: what is asked of the pages that one entry of the last
 * table covers is done in that table.
 */
uint64_t vmmu_pt_wrprot_pages(struct vmmu_pt *pt, uint64_t ia, const uint64_t *pages, uint64_t nr)
{
	uint64_t n = vmmu_be_next_page(pages, 0, nr), changed = 0, at, end;

	while (pt->root && n < nr && (at = ia + (n << VMMU_PAGE_SHIFT)) <= last_ia(pt)) {
		struct vmmu_table *t = way_end(pt, at);
		unsigned level = t->level > 1 ? t->level : 2;
		uint64_t w = write_bits(pt, t->level);

		/* The first page behind what the entry, or the table of level 1, covers. */
		end = (((at | (span(pt, level) - 1)) - ia) >> VMMU_PAGE_SHIFT) + 1;
		for (; n < nr && n < end; n = vmmu_be_next_page(pages, n + 1, nr)) {
			at = ia + (n << VMMU_PAGE_SHIFT);
			changed += (uint64_t)pt_deny_write(pt, t, index_of(pt, t->level, at), w);
			/* One entry covers all of them. */
			if (t->level > 1) {
				n = vmmu_be_next_page(pages, end, nr);
				break;
			}
		}
	}
	return changed;
}
