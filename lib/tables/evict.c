/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making room: which table of a tree goes when there is a cap on table pages.
 */
#include "entry.h"

/* Breaks the link to t; returns how many leaves and tables went. */
static uint64_t unlink_table(struct vmmu_table *t)
{
	const struct vmmu_pt *pt = t->pt;
	uint64_t old;

	do {
		old = read_entry(pt, t->parent, t->index);
	} while (!pt_set_entry(pt, t->parent, t->index, old, 0));
	return pt_retire_tree(pt, t);
}

/* Whether t is empty and may be unlinked. */
static int may_go(const struct vmmu_table *t)
{
	return t->parent && !t->live && !t->pt->fmt->lv[t->parent->level].cached;
}

uint64_t pt_evict(struct vmmu *vm)
{
	struct vmmu_table *t, *parent;
	uint64_t nr = 0;

	/* The list of tables in use is in the order in which they were made. */
	TAILQ_FOREACH (t, &pool_of(vm)->used, link)
		if (!(t->pt->flags & VMMU_PT_SHARED) && t->parent && (t->level == 1 || may_go(t)))
			break;
	for (; t; t = may_go(parent) ? parent : NULL) {
		parent = t->parent;
		nr += unlink_table(t);
	}
	return nr;
}
