/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References per walk against the sizes of the page-walk cache and of the
 * nested TLB: an input again for each size.
 * Invariant: one size changes at a time; the swept structure is fully associative.
 */
#ifndef TOOLS_MODEL_SWEEP_H
#define TOOLS_MODEL_SWEEP_H

#include "rerun.h"

#define SWEEP_SIZES 6u

enum sweep_what { SWEEP_PWC, SWEEP_NESTED_TLB, SWEEP_NR };

struct sweep {
	unsigned nr_runs;
	/* Of a walk, without those that it found in the entry cache. */
	double refs[SWEEP_NR][RERUN_RUNS][SWEEP_SIZES];
};

extern const unsigned sweep_sizes[SWEEP_SIZES];
/* "pwc", "nested_tlb" */
const char *sweep_key(unsigned what);

/* Zero, or -1 with *err. */
int sweep_make(struct sweep *s, const struct cpu_model *cpu, unsigned nr_runs, rerun_fn *again,
	       void *ctx, struct err *err);

#endif
