/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dirty log: a bit for each page of a slot.
 * Keeps: a bit is cleared before the right to write is taken and all is flushed, so that a store
 * between the two sets it again.
 */
#include <string.h>

#include "slot.h"

int slot_is_dirty(const struct slot *s, uint64_t gpa)
{
	uint64_t n =
		bounded((gpa - s->info.gpa.v) >> VMMU_PAGE_SHIFT, s->info.size >> VMMU_PAGE_SHIFT);

	return s->dirty[n / 64] >> (n & 63) & 1;
}

void slot_mark_dirty(struct slot *s, uint64_t gpa)
{
	uint64_t n =
		bounded((gpa - s->info.gpa.v) >> VMMU_PAGE_SHIFT, s->info.size >> VMMU_PAGE_SHIFT);

	if (s->dirty)
		s->dirty[n / 64] |= 1ull << (n & 63);
}

int vmmu_dirty_log(struct vmmu *vm, vmmu_gpa_t slot, int on)
{
	int st;
	struct slot *s = slot_starting(vm, slot.v, &st);

	if (!s)
		return st;
	if (!on) {
		slot_free_dirty(vm, s);
		return VMMU_OK;
	}
	if (s->dirty) {
		memset(s->dirty, 0, slot_dirty_bytes(s));
	} else {
		s->dirty = core_alloc(core_of(vm), slot_dirty_bytes(s), 0);
		if (!s->dirty)
			return core_fail(vm, VMMU_ENOMEM, "no memory for a dirty bitmap");
	}
	VMMU_YIELD(vm, LOG);
	host_change(vm, slot.v, s->info.size, VMMU_CHANGE_WRPROT);
	return VMMU_OK;
}

/* Write-protects the pages of a bitmap; the caller flushes. */
static void protect_pages(struct vmmu *vm, uint64_t gpa, const uint64_t *pages, uint64_t nr)
{
	const struct vmmu_backend *be = core_of(vm)->be;
	uint64_t n, run;

	if (be->protect_pages) {
		be->protect_pages(vm, vmmu_gpa(gpa), pages, nr);
		return;
	}
	for (n = vmmu_be_next_page(pages, 0, nr); n < nr; n = vmmu_be_next_page(pages, n, nr)) {
		for (run = n; run < nr && (pages[run / 64] >> (run & 63) & 1);)
			run++;
		be->protect(vm, vmmu_gpa(gpa + (n << VMMU_PAGE_SHIFT)),
			    (run - n) << VMMU_PAGE_SHIFT, VMMU_CHANGE_WRPROT);
		n = run;
	}
}

int vmmu_dirty_harvest(struct vmmu *vm, vmmu_gpa_t slot, uint64_t first, uint64_t nr,
		       uint64_t *bitmap)
{
	int st;
	struct slot *s = slot_starting(vm, slot.v, &st);
	uint64_t pages, word, words;

	if (!s)
		return st;
	pages = s->info.size >> VMMU_PAGE_SHIFT;
	if (!s->dirty)
		return core_fail(vm, VMMU_EINVAL, "the dirty log of this slot is off");
	if ((first & 63) || first >= pages || nr > pages - first ||
	    ((nr & 63) && first + nr != pages))
		return core_fail(vm, VMMU_EINVAL, "pages %llu+%llu: not words of the slot's bitmap",
				 (unsigned long long)first, (unsigned long long)nr);
	/*
	 * First the bits are cleared, then the right to write is taken and all is flushed.  A store
	 * between the two sets its bit again or, if it was made by an old translation, is one that
	 * this harvest reports.
	 */
	words = (nr + 63) / 64;
	for (word = 0; word < words; word++) {
		bitmap[word] = s->dirty[first / 64 + word];
		s->dirty[first / 64 + word] = 0;
	}
	VMMU_YIELD(vm, LOG);
	protect_pages(vm, slot.v + (first << VMMU_PAGE_SHIFT), bitmap, nr);
	host_change(vm, slot.v + (first << VMMU_PAGE_SHIFT), nr << VMMU_PAGE_SHIFT,
		    VMMU_CHANGE_FLUSH);
	return VMMU_OK;
}
