/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder: one tree of tables in any format, ia -> oa.
 * Not here: what an address means (backends), when caches are flushed (callers).
 * Keeps: a table is filled before it is linked; a link is made and broken by
 * compare-exchange.
 */
#include <string.h>

#include "entry.h"

/* Links an empty table; the child, or NULL with nothing changed. */
static struct vmmu_table *link_new(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	struct vmmu_table *child = table_new(pt, t->level - 1u);

	if (!child)
		return NULL;
	child->parent = t;
	child->index = (uint16_t)index;
	if (!pt_set_entry(pt, t, index, 0, link_to(pt, t->level, child))) {
		table_retire(pt->vm, child);
		return child_of(pt, read_entry(pt, t, index));
	}
	return child;
}

/*
 * Puts a table of smaller leaves in the place of a large one, the same
 * translation.  The child, or NULL with nothing changed.
 */
static struct vmmu_table *split(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
				uint64_t old)
{
	const struct vmmu_fmt *f = pt->fmt;
	unsigned level = t->level - 1u, i;
	struct vmmu_table *child = table_new(pt, level);
	uint64_t e;

	if (!child)
		return NULL;
	if (t->gpas && table_gpas(pt->vm, child)) {
		table_retire(pt->vm, child);
		return NULL;
	}
	child->parent = t;
	child->index = (uint16_t)index;
	child->mark = t->mark;
	e = old & ~(f->lv[level].leaf == VMMU_LEAF_ALWAYS ? f->leaf_bit : 0);
	for (i = 0; i < nr_entries(pt, level); i++) {
		uint64_t part = e + ((uint64_t)i << span_shift(pt, level));

		entry_store(entry_at(pt, child, i), f->entry_bytes, part);
		child->used |= used_bit(i * f->entry_bytes);
		child->live++;
		if (child->gpas)
			*gpa_at(child, i) =
				*gpa_at(t, index) + ((uint64_t)i << span_shift(pt, level));
	}
	event(pt->vm, NULL, VMMU_EV_SPLIT, table_hpa(pt->vm, child), t->level);
	if (pt_set_entry(pt, t, index, old, link_to(pt, t->level, child)))
		return child;
	table_retire(pt->vm, child);
	return NULL;
}

/* ---- trees ---------------------------------------------------------------- */

int vmmu_pt_init(struct vmmu_pt *pt, struct vmmu *vm, const struct vmmu_fmt *fmt, uint32_t flags)
{
	unsigned i;

	pt->vm = vm;
	pt->fmt = fmt;
	pt->flags = flags;
	pt->root = table_new(pt, fmt->top);
	if (!pt->root)
		return VMMU_ENOMEM;
	if (!fmt->lv[fmt->top].cached)
		return VMMU_OK;
	for (i = 0; i < nr_entries(pt, fmt->top); i++) {
		if (!link_new(pt, pt->root, i)) {
			vmmu_pt_fini(pt);
			return VMMU_ENOMEM;
		}
	}
	return VMMU_OK;
}

void vmmu_pt_fini(struct vmmu_pt *pt)
{
	if (!pt->root)
		return;
	pt_retire_tree(pt, pt->root);
	pt->root = NULL;
	table_reap(pt->vm);
}

void vmmu_pt_paging(const struct vmmu_pt *pt, struct vmmu_paging *pg, uint32_t ctl)
{
	unsigned i;

	vmmu_paging_host(pg, pt->fmt, table_hpa(pt->vm, pt->root),
			 core_of(pt->vm)->cfg.host_maxphyaddr, ctl);
	if (!pt->fmt->lv[pt->fmt->top].cached)
		return;
	pg->ctl |= VMMU_PG_PDPTES;
	for (i = 0; i < ARRAY_SIZE(pg->pdpte); i++)
		pg->pdpte[i] = read_entry(pt, pt->root, i);
}

/* ---- map ------------------------------------------------------------------ */

/* The table of that level on the way to ia, made if missing; NULL: none left. */
struct vmmu_table *pt_descend_to(const struct vmmu_pt *pt, uint64_t ia, unsigned level, int *answer)
{
	struct vmmu_table *t = pt->root;

	while (t && t->level > level) {
		unsigned index = index_of(pt, t->level, ia);
		uint64_t e = read_entry(pt, t, index);

		if (!is_present(pt, e)) {
			t = link_new(pt, t, index);
		} else if (is_leaf(pt, t->level, e)) {
			*answer = VMMU_PT_FLUSH;
			t = split(pt, t, index, e);
		} else {
			t = child_of(pt, e);
		}
	}
	return t;
}

int vmmu_pt_map(struct vmmu_pt *pt, const struct vmmu_leaf *leaf)
{
	int answer = 0, put;
	struct vmmu_table *t = pt_descend_to(pt, leaf->ia, leaf->level, &answer);

	if (!t)
		return VMMU_ENOMEM;
	put = pt_put_leaf(pt, t, index_of(pt, leaf->level, leaf->ia), leaf);
	return put < 0 ? put : put | answer;
}

int vmmu_pt_lookup(const struct vmmu_pt *pt, uint64_t ia, struct vmmu_leaf *leaf)
{
	struct vmmu_table *t = pt->root;

	ia &= last_ia(pt);
	while (t) {
		unsigned index = index_of(pt, t->level, ia);
		uint64_t e = read_entry(pt, t, index);

		if (!is_present(pt, e))
			return 0;
		if (is_leaf(pt, t->level, e)) {
			pt_read_leaf(pt, t, index, ia, e, leaf);
			return 1;
		}
		t = child_of(pt, e);
	}
	return 0;
}
