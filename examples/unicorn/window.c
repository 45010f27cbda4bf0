/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is not reached by pointer: stores to RAM that the library wants to see, and devices.
 * Unicorn comes here for entries that fill() in mmu.c has pointed at WINDOW.
 * Invariant: between the begin and the end of a store to RAM the library is asked nothing.
 */
#include "run.h"

#include <string.h>

/* After so many trapped stores in a row to one page, the page is asked for again. */
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

/* The library may refuse: then the run has ended. */
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

void mmu_settle(struct run *r)
{
	if (r->mmu.half != HALF_NONE) {
		mmu_end_store(r, r->mmu.half, 8);
		r->mmu.half = HALF_NONE;
	}
}

/*
 * The library may have stopped watching a page that is stored to over and over, as the guest does
 * that clears a frame which was a table.  Nothing says so, so the entry goes, and the fill asks.
 */
static void ask_again(struct run *r, uint64_t gpa)
{
	if (PAGE_OF(gpa) != r->mmu.run_page)
		r->mmu.run_stores = 0;
	r->mmu.run_page = PAGE_OF(gpa);
	r->mmu.flush_late |= ++r->mmu.run_stores % RUN_STORES == 0;
}

/*
 * A store of 8 bytes arrives as two of 4, the lower first.  To the library it is one: the first
 * half begins it, the second ends it, and so does whatever comes instead of that.
 */
static void store_ram(struct run *r, uint64_t gpa, unsigned n, uint64_t value)
{
	int second = r->mmu.half != HALF_NONE && n == 4 && gpa == r->mmu.half + 4;
	int first = !second && n == 4 && !(gpa & 7) && r->mmu.wide;

	ask_again(r, gpa);
	if (!second) {
		mmu_settle(r);
		r->mmu.stores++;
		if (mmu_begin_store(r, gpa, first ? 8 : n) < 0)
			return;
	}
	memcpy(r->ram.base + gpa, &value, n);
	if (first) {
		r->mmu.half = gpa;
	} else if (second) {
		mmu_settle(r);
	} else {
		mmu_end_store(r, gpa, n);
	}
	/* Unicorn has not seen the store: what it translated from there may be wrong.  That can be
	 * given up only while none of it executes: the next fill for a fetch stops it. */
	if (r->mmu.frame[gpa >> 12] & FRAME_FETCHED)
		r->mmu.code_stale = r->mmu.flush_late = 1;
}

static void after_once(struct run *r)
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
		mmu_settle(r);
		device_write(r, gpa, n, value);
	}
	after_once(r);
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
