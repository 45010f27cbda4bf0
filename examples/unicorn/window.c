/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles accesses that do not go directly to memory: trapped stores to RAM, and devices.
 * Unicorn calls these functions for TLB entries that fill() in mmu.c has pointed at WINDOW.
 * Invariant: between vmmu_write_begin() and vmmu_write_end() no other function of the library is
 * called.
 */
#include "run.h"

#include <string.h>

/* After this many trapped stores in a row to one page, its TLB entry is dropped. */
#define RUN_STORES 64u

void mmu_end_store(struct run *r, uint64_t gpa, size_t n)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++)
		vmmu_write_end(r->mmu.view[i].vm, r->mmu.view[i].cpu, vmmu_gpa(gpa), n);
	if (r->check)
		check_store(r, gpa, n);
	if (r->trace)
		trace_store(r, gpa, (unsigned)n);
}

/* If the library refuses the store, the run ends. */
int mmu_begin_store(struct run *r, uint64_t gpa, size_t n)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++) {
		void *p;
		int st = vmmu_write_begin(r->mmu.view[i].vm, vmmu_gpa(gpa), n, &p);

		if (st != VMMU_OK) {
			run_end(r, END_DIFFERENT, "%s: store to gpa 0x%llx: %s: %s",
				r->mmu.view[i].name, (unsigned long long)gpa, vmmu_strerror(st),
				vmmu_reason(r->mmu.view[i].vm));
			return -1;
		}
	}
	return 0;
}

void mmu_finish_store(struct run *r)
{
	if (r->mmu.half != HALF_NONE) {
		mmu_end_store(r, r->mmu.half, 8);
		r->mmu.half = HALF_NONE;
	}
}

/*
 * A guest that clears a frame which was a table stores to it over and over.  The library may have
 * stopped tracking the frame by then, but does not report it.  So the entry is dropped now and
 * then, and the next fill finds out.
 */
static void recheck_tracking(struct run *r, uint64_t gpa)
{
	if (PAGE_OF(gpa) != r->mmu.run_page)
		r->mmu.run_stores = 0;
	r->mmu.run_page = PAGE_OF(gpa);
	r->mmu.flush_late |= ++r->mmu.run_stores % RUN_STORES == 0;
}

/*
 * A store of 8 bytes arrives as two stores of 4, the lower half first.  The library must see one
 * store: the first half begins it and the second half ends it.  Anything else that happens in
 * between ends it, too.
 */
static void store_ram(struct run *r, uint64_t gpa, unsigned n, uint64_t value)
{
	int second = r->mmu.half != HALF_NONE && n == 4 && gpa == r->mmu.half + 4;
	int first = !second && n == 4 && !(gpa & 7) && r->mmu.wide;

	recheck_tracking(r, gpa);
	if (!second) {
		mmu_finish_store(r);
		r->mmu.stores++;
		if (mmu_begin_store(r, gpa, first ? 8 : n) < 0)
			return;
	}
	memcpy(r->ram.base + gpa, &value, n);
	if (first) {
		r->mmu.half = gpa;
	} else if (second) {
		mmu_finish_store(r);
	} else {
		mmu_end_store(r, gpa, n);
	}
	/* Unicorn did not see this store, so code that it translated from the frame may be wrong.
	 * Translations can be dropped only while none of them executes: the next fill for a fetch
	 * fails, and loop.c drops them. */
	if (r->mmu.frame[gpa >> 12] & FRAME_FETCHED)
		r->mmu.code_stale = r->mmu.flush_late = 1;
}

static void flush_if_late(struct run *r)
{
	if (r->mmu.flush_late)
		mmu_flush_tlb(r);
}

void mmu_window_write(uc_engine *uc, uint64_t gpa, unsigned n, uint64_t value, void *ctx)
{
	struct run *r = ctx;

	(void)uc;
	if (is_ram(r, gpa, n)) {
		store_ram(r, gpa, n, value);
	} else {
		mmu_finish_store(r);
		device_write(r, gpa, n, value);
	}
	flush_if_late(r);
}

uint64_t mmu_window_read(uc_engine *uc, uint64_t gpa, unsigned n, void *ctx)
{
	struct run *r = ctx;
	uint64_t value = 0;

	(void)uc;
	if (!is_ram(r, gpa, n))
		return device_read(r, gpa, n);
	memcpy(&value, r->ram.base + gpa, n);
	return value;
}
