/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of what a comparison says hangs on the numbers that its CPU
 * profile only assumes: each of them halved and doubled.
 *
 * Costs and latencies change no count, and cycles are linear in each of them:
 * they need no run, and the value at which two columns swap places is known.
 * For geometry (entries, ways, levels, sizes) the input runs again.
 * Invariant: one number changes at a time.
 */
#ifndef TOOLS_MODEL_SENSITIVITY_H
#define TOOLS_MODEL_SENSITIVITY_H

#include "cost.h"
#include "rerun.h"

enum sense_change { SENSE_HALVED, SENSE_DOUBLED, SENSE_CHANGES };

struct sense_number {
	char key[40];
	double value;
	int linear;
	/* Native's cycles over the run's. */
	double performance[SENSE_CHANGES][RERUN_RUNS];
	/* NULL, or malloced: why there is no such CPU; then there is no performance. */
	char *impossible[SENSE_CHANGES];
	int reorders[SENSE_CHANGES]; /* some run overtakes another */
	/* Linear: where order[i] and order[i + 1] swap places; negative: nowhere. */
	double even[RERUN_RUNS];
	double swing; /* the largest change of any run's performance */
};

struct sensitivity {
	unsigned nr_runs, order[RERUN_RUNS]; /* the fastest first */
	double performance[RERUN_RUNS];
	struct sense_number *number; /* those of the widest swing first */
	unsigned nr, nr_words;	     /* words: what is assumed and is no number */
};

/* Zero, or -1 with *err; sensitivity_free() in both cases. */
int sensitivity_make(struct sensitivity *s, const struct cpu_profile *p, const struct result *run,
		     unsigned nr_runs, rerun_fn *again, void *ctx, struct err *err);
void sensitivity_free(struct sensitivity *s);

#endif
