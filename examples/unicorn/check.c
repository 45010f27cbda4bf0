/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --check: all backends answer each access, and have to agree.
 * Not here yet: the oracle's opinion.
 * Invariant: a run without differences ends as it would without --check.
 */
#include "run.h"

void check_invariants(struct run *r)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++) {
		int st = vmmu_check(r->mmu.view[i].vm);

		if (st == VMMU_OK)
			continue;
		r->end = GOING;
		run_end(r, END_DIFFERENT, "%s: vmmu_check(): %s: %s", r->mmu.view[i].name,
			vmmu_strerror(st), vmmu_reason(r->mmu.view[i].vm));
	}
}

int check_open(struct run *r)
{
	run_end(r, END_USAGE, "--check is not there yet");
	return -1;
}

void check_close(struct run *r)
{
	(void)r;
}

void check_register(struct run *r, unsigned number, uint64_t value)
{
	(void)r;
	(void)number;
	(void)value;
}

void check_invlpg(struct run *r, uint64_t gva)
{
	(void)r;
	(void)gva;
}

void check_pkru(struct run *r, uint32_t value)
{
	(void)r;
	(void)value;
}
