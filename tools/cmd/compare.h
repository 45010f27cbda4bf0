/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What compare.c, the command and what it prints, and compare_runs.c, the runs, share.
 */
#ifndef TOOLS_CMD_COMPARE_H
#define TOOLS_CMD_COMPARE_H

#include "options.h"
#include "report/report.h"
#include "base/base.h"

struct plan {
	const char *backend;
	uint64_t host_page; /* for native, a TLB entry is no larger than that */
	const struct strategy *strategy;
	unsigned share; /* percent of RAM on 2M pages, from --host-2m */
};

#define RUNS_MOST (STRATEGIES_MOST + 1)
_Static_assert(RUNS_MOST <= RERUN_RUNS, "rerun.h has room for all runs");

struct comparison {
	const struct options *o;
	struct plan plan[RUNS_MOST];
	unsigned nr_runs;
	struct report report;
	struct progress progress;
	int again; /* this is a run on another CPU: notes about the input were printed before */
	struct cpu_profile profile; /* with --profile */
	struct cpu_model cpu;
	char label[SHARES_MOST][12]; /* of --host-2m's runs */
};

/* Decides which runs every input has: the usual seven, or native and a run for each strategy. */
void compare_plan(struct comparison *c);
/*
 * Runs the next input, report.input[report.nr_inputs], and counts it in nr_inputs.  Returns -1 on
 * failure: *err.
 */
int compare_input(struct comparison *c, const char *path, struct err *err);

#endif
