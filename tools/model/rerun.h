/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running an input again on another CPU, which sweep.c and sensitivity.c ask their caller to do.
 * Invariant: nothing but the CPU differs from the run before.
 */
#ifndef TOOLS_MODEL_RERUN_H
#define TOOLS_MODEL_RERUN_H

#include "profile.h"
#include "base/base.h"

/* The most runs that an input can have: native and STRATEGIES_MOST. */
#define RERUN_RUNS 25u

struct rerun {
	const struct cpu_model *cpu; /* NULL: none is modelled */
	unsigned pwc, nested_tlb;    /* the sizes to use if `cpu` is NULL */
};

/* Fills run[] with as many results as before, in the same order.  Returns zero, or -1: *err. */
typedef int rerun_fn(void *ctx, const struct rerun *how, struct result *run, struct err *err);

#endif
