/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input once more, on another CPU: what sweep.c and sensitivity.c ask
 * cmd/compare.c to do.
 * Invariant: nothing else differs from the run before.
 */
#ifndef TOOLS_MODEL_RERUN_H
#define TOOLS_MODEL_RERUN_H

#include "profile.h"
#include "base/base.h"

/* Runs of one input at most: native, and STRATEGIES_MOST. */
#define RERUN_RUNS 25u

struct rerun {
	const struct cpu_model *cpu; /* NULL: none is modelled */
	unsigned pwc, nested_tlb;    /* without one */
};

/* Fills run[], as many as before, in the same order.  Zero, or -1 with *err. */
typedef int rerun_fn(void *ctx, const struct rerun *how, struct result *run, struct err *err);

#endif
