/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Write-tracking of guest frames, counted for each page.
 * Keeps: a frame counts as tracked before its mappings lose the right to write.
 */
#include "slot.h"

int slot_is_tracked(struct slot *s, uint64_t gpa)
{
	struct block *b = block_of(s, gpa);

	return b->nr_tracked && b->track[page_in_block(gpa)];
}

int vmmu_be_track(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	struct block *b;
	uint16_t *n;

	if (!s)
		return VMMU_ENOENT;
	b = block_of(s, gpa.v);
	if (!b->track) {
		b->track = core_alloc(core_of(vm), BLOCK_PAGES * sizeof(*b->track), 0);
		if (!b->track)
			return VMMU_ENOMEM;
	}
	n = &b->track[page_in_block(gpa.v)];
	if (*n == UINT16_MAX)
		return VMMU_ENOMEM;
	if ((*n)++)
		return VMMU_OK;
	b->nr_tracked++;
	VMMU_YIELD(vm, TRACK);
	host_change(vm, gpa.v & PAGE_MASK, VMMU_PAGE_SIZE, VMMU_CHANGE_WRPROT);
	return VMMU_OK;
}

void vmmu_be_untrack(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	struct block *b = s ? block_of(s, gpa.v) : NULL;

	if (b && b->track && b->track[page_in_block(gpa.v)] && !--b->track[page_in_block(gpa.v)])
		b->nr_tracked--;
}
