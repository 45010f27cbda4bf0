/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many references a walk takes with page-walk caches and nested TLBs of different sizes.  The
 * input runs again for each size.
 * Invariant: one size changes at a time, and the structure that it is of is fully associative.
 */
#ifndef TOOLS_MODEL_SWEEP_H
#define TOOLS_MODEL_SWEEP_H

#include "rerun.h"

#define SWEEP_SIZES 6u

enum sweep_what { SWEEP_PWC, SWEEP_NESTED_TLB, SWEEP_NR };

struct sweep {
	unsigned nr_runs;
	/* References per walk, without those that hit the entry cache. */
	double refs[SWEEP_NR][RERUN_RUNS][SWEEP_SIZES];
};

extern const unsigned sweep_sizes[SWEEP_SIZES];
/* "pwc", "nested_tlb" */
const char *sweep_key(unsigned what);

/* Returns zero, or -1: *err. */
int sweep_make(struct sweep *s, const struct cpu_model *cpu, unsigned nr_runs, rerun_fn *again,
	       void *ctx, struct err *err);

#endif
