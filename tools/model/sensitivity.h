/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much a comparison depends on the numbers that its CPU profile only assumes.  Each of them is
 * halved and doubled.
 *
 * Costs and latencies change no count, and cycles are linear in each of them.  They need no new
 * run, and the value at which two columns swap places is known.  For geometry (entries, ways,
 * levels, sizes) the input runs again.
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
	/* Performance: native's cycles divided by the run's. */
	double performance[SENSE_CHANGES][RERUN_RUNS];
	/* NULL, or why there is no such CPU (malloced); then there is no performance. */
	char *impossible[SENSE_CHANGES];
	int reorders[SENSE_CHANGES]; /* whether some run becomes faster than another that it was
					slower than */
	/*
	 * Of a linear number: the value at which order[i] and order[i + 1] swap places; negative
	 * if there is none.
	 */
	double even[RERUN_RUNS];
	double swing; /* the largest change of any run's performance */
};

struct sensitivity {
	unsigned nr_runs, order[RERUN_RUNS]; /* the fastest first */
	double performance[RERUN_RUNS];
	struct sense_number *number; /* those with the largest swing first */
	unsigned nr, nr_words;	     /* words: how many assumed values are no numbers */
};

/* Returns zero, or -1: *err.  sensitivity_free() is to be called in both cases. */
int sensitivity_make(struct sensitivity *s, const struct cpu_profile *p, const struct result *run,
		     unsigned nr_runs, rerun_fn *again, void *ctx, struct err *err);
void sensitivity_free(struct sensitivity *s);

#endif
