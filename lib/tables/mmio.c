/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries that remember "no memory here": silicon stops at them, and the generation in their
 * address field says until which change of slots that is true.
 */
#include "entry.h"

/* An MMIO mark with the generation in its address field. */
static uint64_t mmio_mark(const struct vmmu_pt *pt, uint64_t generation)
{
	uint64_t addr = pt->fmt->addr;

	return pt->fmt->mmio | (generation * (addr & -addr) & addr);
}

int vmmu_pt_mmio(struct vmmu_pt *pt, uint64_t ia)
{
	uint64_t generation = slot_generation(pt->vm);
	struct vmmu_table *t;
	int answer = 0;
	unsigned index;
	uint64_t old;

	if (!pt->fmt->mmio || generation == NO_GENERATION)
		return 0;
	t = pt_descend_to(pt, ia, 1, &answer);
	if (!t)
		return VMMU_ENOMEM;
	index = index_of(pt, 1, ia);
	old = read_entry(pt, t, index);
	if (!is_present(pt, old))
		pt_set_entry(pt, t, index, old, mmio_mark(pt, generation));
	return answer;
}

int vmmu_pt_is_mmio(const struct vmmu_pt *pt, uint64_t entry)
{
	uint64_t generation = slot_generation(pt->vm);

	return pt->fmt->mmio && generation != NO_GENERATION && entry == mmio_mark(pt, generation);
}

void vmmu_table_mmio(struct vmmu_table *t, unsigned index, uint64_t gpa, uint16_t note)
{
	uint64_t generation = slot_generation(t->pt->vm), old;

	if (generation == NO_GENERATION)
		return;
	*gpa_at(t, index) = (gpa & PAGE_MASK) | note;
	do {
		old = read_entry(t->pt, t, index);
	} while (!pt_set_entry(t->pt, t, index, old, mmio_mark(t->pt, generation)));
}

int vmmu_table_is_mmio(struct vmmu_table *t, unsigned index, uint64_t *gpa, uint16_t *note)
{
	*gpa = *gpa_at(t, index) & PAGE_MASK;
	*note = *gpa_at(t, index) & ~PAGE_MASK;
	return vmmu_pt_is_mmio(t->pt, read_entry(t->pt, t, index));
}
