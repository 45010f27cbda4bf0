/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's page tables: 4 levels, in the model's own memory.  Every change is recorded.
 * Not here: flushing, which the caller does.
 * Invariant: after boot a reader of the records has the same tables, apart from A and D bits,
 * which only CPUs set.
 */
#include "os.h"

#include <string.h>

#define TABLE_LINK (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

static uint64_t entry_at(uint64_t table, uint64_t gva, unsigned level)
{
	return table + (gva >> pt_shift(level) & 511) * 8;
}

void pt_find(struct guest *g, uint64_t root, uint64_t gva, struct pt_found *f)
{
	uint64_t table = root;

	for (f->level = 4;; f->level--) {
		f->at = entry_at(table, gva, f->level);
		f->entry = *pt_slot(g, f->at);
		if (!(f->entry & PTE_P) || f->level == 1 || (f->entry & PTE_PS))
			return;
		table = f->entry & PTE_ADDR;
	}
}

uint64_t pt_make(struct guest *g, uint64_t root, uint64_t gva, unsigned level)
{
	uint64_t table = root;

	for (unsigned l = 4; l > level; l--) {
		uint64_t at = entry_at(table, gva, l), entry = *pt_slot(g, at);

		if (!(entry & PTE_P)) {
			table = pt_new(g, l - 1);
			if (!table)
				return 0;
			pt_set(g, at, table | TABLE_LINK);
		} else {
			table = entry & PTE_ADDR;
		}
	}
	return entry_at(table, gva, level);
}

void pt_set(struct guest *g, uint64_t at, uint64_t entry)
{
	*pt_slot(g, at) = entry;
	if (!g->booted)
		return;
	kernel_touch(g, at, VMMU_WRITE);
	guest_record(g, VMMU_TRACE_PTW, at, entry);
}

void pt_tell(struct guest *g, uint64_t pa, unsigned level)
{
	const uint64_t *entry = pt_slot(g, pa);
	uint64_t nr = 0;

	for (unsigned i = 0; i < 512; i++)
		nr += entry[i] != 0;
	guest_record(g, VMMU_TRACE_PTPAGE, pa, level | nr << 8);
	for (unsigned i = 0; i < 512; i++)
		if (entry[i])
			guest_record(g, VMMU_TRACE_PTE, i, entry[i]);
}

uint64_t pt_new(struct guest *g, unsigned level)
{
	uint64_t pa = phys_get(&g->phys, ORDER_4K);

	if (!pa) {
		guest_fail(g, "its memory is full: it needs more than ram=%lluM",
			   (unsigned long long)(g->config.ram >> 20));
		return 0;
	}
	memset(pt_slot(g, pa), 0, FRAME_BYTES);
	if (g->booted) {
		kernel_clear_page(g, pa);
		kernel_touch_frame(g, pa, VMMU_WRITE);
		pt_tell(g, pa, level);
	}
	return pa;
}

void pt_free(struct guest *g, uint64_t pa, unsigned level)
{
	kernel_touch_frame(g, pa, VMMU_WRITE);
	guest_record(g, VMMU_TRACE_PTDROP, pa, level);
	phys_put(&g->phys, pa, ORDER_4K);
}
