/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables that several links share: made, filled and linked one by one, for a backend that
 * knows itself what links what.
 */
#include "entry.h"

struct vmmu_table *vmmu_table_new(const struct vmmu_pt *pt, unsigned level, void *owner)
{
	struct vmmu_table *t = table_new(pt, level);

	if (t && (pt->flags & VMMU_PT_GPAS) && table_gpas(pt->vm, t)) {
		table_retire(pt->vm, t);
		return NULL;
	}
	if (t)
		t->owner = owner;
	return t;
}

void vmmu_table_retire(struct vmmu_table *t)
{
	table_retire(t->pt->vm, t);
}

void *vmmu_table_owner(const struct vmmu_table *t)
{
	return t->owner;
}

struct vmmu_table *vmmu_table_at(struct vmmu *vm, vmmu_hpa_t hpa)
{
	return table_at(vm, hpa.v);
}

vmmu_hpa_t vmmu_table_hpa(struct vmmu_table *t)
{
	return vmmu_hpa(table_hpa(t->pt->vm, t));
}

unsigned vmmu_table_live(const struct vmmu_table *t)
{
	return t->live;
}

enum vmmu_entry_kind vmmu_table_kind(struct vmmu_table *t, unsigned index)
{
	uint64_t e = read_entry(t->pt, t, index);

	if (is_present(t->pt, e))
		return is_leaf(t->pt, t->level, e) ? VMMU_ENTRY_LEAF : VMMU_ENTRY_LINK;
	return is_mmio(t->pt, e) ? VMMU_ENTRY_MMIO : VMMU_ENTRY_NONE;
}

unsigned vmmu_table_used(struct vmmu_table *t, unsigned index)
{
	return pt_used_from(t->pt, t, index);
}

void vmmu_table_leaf(struct vmmu_table *t, unsigned index, struct vmmu_leaf *leaf)
{
	pt_read_leaf(t->pt, t, index, (uint64_t)index << span_shift(t->pt, t->level),
		     read_entry(t->pt, t, index), leaf);
}

struct vmmu_table *vmmu_table_child(struct vmmu_table *t, unsigned index)
{
	return child_of(t->pt, read_entry(t->pt, t, index));
}

int vmmu_table_put(struct vmmu_table *t, unsigned index, const struct vmmu_leaf *leaf)
{
	return pt_put_leaf(t->pt, t, index, leaf);
}

void vmmu_table_link(struct vmmu_table *t, unsigned index, struct vmmu_table *child)
{
	uint64_t old;

	do {
		old = read_entry(t->pt, t, index);
	} while (!pt_set_entry(t->pt, t, index, old, link_to(t->pt, t->level, child)));
}

void vmmu_table_clear(struct vmmu_table *t, unsigned index)
{
	pt_take_entry(t->pt, t, index);
}

int vmmu_table_wrprot(struct vmmu_table *t, unsigned index)
{
	return pt_wrprot_leaf(t->pt, t, index);
}

int vmmu_table_age(struct vmmu_table *t, unsigned index, int clear)
{
	return pt_age_leaf(t->pt, t, index, clear);
}
