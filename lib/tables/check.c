/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invariants of trees and tables, for vmmu_check().
 */
#include "entry.h"

static int check_link(const struct vmmu_pt_iter *it)
{
	struct vmmu_table *child = child_of(it->pt, it->entry);

	if (child->level != it->level - 1 || child->parent != it->table ||
	    child->index != it->index)
		return vmmu_be_broken(it->pt->vm,
				      "%s: level %u link at 0x%llx: table 0x%llx is not its child",
				      it->pt->fmt->name, it->level, (unsigned long long)it->ia,
				      (unsigned long long)table_hpa(it->pt->vm, child));
	if ((it->entry ^ link_to(it->pt, it->level, child)) & ~it->pt->fmt->accessed)
		return vmmu_be_broken(it->pt->vm, "%s: level %u link at 0x%llx: bits 0x%llx",
				      it->pt->fmt->name, it->level, (unsigned long long)it->ia,
				      (unsigned long long)it->entry);
	return VMMU_OK;
}

int vmmu_pt_check(const struct vmmu_pt *pt, struct vmmu_cursor *at, unsigned budget,
		  int (*check_leaf)(void *ctx, const struct vmmu_pt *pt,
				    const struct vmmu_leaf *leaf),
		  void *ctx)
{
	struct vmmu_pt_iter it;
	struct vmmu_leaf leaf;
	int st = VMMU_OK;

	for (vmmu_pt_first(&it, pt, at->ia, ~0ull); it.table; vmmu_pt_next_used(&it)) {
		at->ia = it.ia;
		if (!budget--)
			return VMMU_OK;
		if (!it.present) {
			if (it.entry && !is_mmio(pt, it.entry))
				st = vmmu_be_broken(pt->vm, "%s: absent entry 0x%llx at 0x%llx",
						    pt->fmt->name, (unsigned long long)it.entry,
						    (unsigned long long)it.ia);
		} else if (it.leaf) {
			vmmu_pt_leaf(&it, &leaf);
			st = check_leaf(ctx, pt, &leaf);
		} else {
			st = check_link(&it);
		}
		if (st)
			return st;
	}
	at->tree++;
	at->ia = 0;
	return VMMU_OK;
}

static uint64_t any_bits(const char *block)
{
	uint64_t any = 0;
	unsigned i;

	for (i = 0; i < TABLE_BLOCK; i += 8)
		any |= entry_load(block + i, 8);
	return any;
}

static unsigned present_in(const struct vmmu_pt *pt, const char *block)
{
	unsigned n = 0, i;

	for (i = 0; i < TABLE_BLOCK; i += pt->fmt->entry_bytes)
		n += (unsigned)is_present(pt, entry_load(block + i, pt->fmt->entry_bytes));
	return n;
}

/* Reads every entry of a table, and compares with what its descriptor says of them. */
static int check_table(struct vmmu *vm, struct vmmu_table *t)
{
	const char *table = table_entries(t);
	unsigned at, live = 0;

	for (at = 0; at < VMMU_PAGE_SIZE; at += TABLE_BLOCK) {
		if (t->used & used_bit(at))
			live += present_in(t->pt, table + at);
		else if (any_bits(table + at))
			return vmmu_be_broken(vm, "table at hpa 0x%llx: what is at 0x%x is passed",
					      (unsigned long long)table_hpa(vm, t), at);
	}
	if (live == t->live)
		return VMMU_OK;
	return vmmu_be_broken(vm, "table at hpa 0x%llx: %u entries are present, %u counted",
			      (unsigned long long)table_hpa(vm, t), live, t->live);
}

int pt_check_tables(struct vmmu *vm)
{
	struct vmmu_table *t;
	int st = VMMU_OK;

	TAILQ_FOREACH (t, &pool_of(vm)->used, link)
		if ((st = check_table(vm, t)))
			break;
	return st;
}
