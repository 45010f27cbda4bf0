/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iterator over a tree, in order of addresses.
 * Keeps: it reads an entry again before it follows it down, for its user may have changed it.
 */
#include <string.h>

#include "entry.h"

static void load_entry(struct vmmu_pt_iter *it)
{
	it->entry = read_entry(it->pt, it->table, it->index);
	it->present = (uint8_t)is_present(it->pt, it->entry);
	it->leaf = it->present && is_leaf(it->pt, it->level, it->entry);
	it->descend = 1;
}

static void enter_table(struct vmmu_pt_iter *it, struct vmmu_table *t)
{
	it->table = t;
	it->level = t->level;
	it->path[t->level] = t;
	it->index = index_of(it->pt, t->level, it->ia);
	load_entry(it);
}

void vmmu_pt_first(struct vmmu_pt_iter *it, const struct vmmu_pt *pt, uint64_t first, uint64_t last)
{
	memset(it, 0, sizeof(*it));
	it->pt = pt;
	/* A linear address is sign-extended above what the tables index. */
	it->ia = first & last_ia(pt);
	it->end = last & last_ia(pt);
	if (pt->root && it->ia <= it->end)
		enter_table(it, pt->root);
}

void vmmu_pt_next(struct vmmu_pt_iter *it)
{
	unsigned level = it->level;
	uint64_t next, e;

	/* The user may have changed the entry, so it is read again before it is followed. */
	if (level > 1 && it->descend) {
		e = read_entry(it->pt, it->table, it->index);
		if (is_present(it->pt, e) && !is_leaf(it->pt, level, e)) {
			enter_table(it, child_of(it->pt, e));
			return;
		}
	}
	next = (it->ia | (span(it->pt, level) - 1)) + 1;
	if (!next || next > it->end) {
		it->table = NULL;
		return;
	}
	it->ia = next;
	if (index_of(it->pt, level, next)) {
		it->index++;
		load_entry(it);
		return;
	}
	while (level < it->pt->fmt->top && !index_of(it->pt, level, next))
		level++;
	enter_table(it, it->path[level]);
}

/* Goes on in this table to an entry that is not 0, or to the last one. */
static void pass_empty(struct vmmu_pt_iter *it)
{
	unsigned last = nr_entries(it->pt, it->level) - 1;
	unsigned index = pt_used_from(it->pt, it->table, it->index);
	unsigned shift = span_shift(it->pt, it->level);

	if (index > last)
		index = last;
	if (index == it->index)
		return;
	it->ia = ((it->ia >> shift) + (index - it->index)) << shift;
	it->index = index;
	if (it->ia > it->end)
		it->table = NULL;
	else
		load_entry(it);
}

void vmmu_pt_next_used(struct vmmu_pt_iter *it)
{
	do {
		vmmu_pt_next(it);
		if (it->table && !it->entry)
			pass_empty(it);
	} while (it->table && !it->entry);
}

void vmmu_pt_leaf(const struct vmmu_pt_iter *it, struct vmmu_leaf *leaf)
{
	pt_read_leaf(it->pt, it->table, it->index, it->ia, it->entry, leaf);
}
