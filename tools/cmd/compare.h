/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between compare.c (the command, what it prints) and compare_runs.c (the runs).
 */
#ifndef TOOLS_CMD_COMPARE_H
#define TOOLS_CMD_COMPARE_H

#include "options.h"
#include "report/report.h"
#include "base/base.h"

struct plan {
	const char *backend;
	uint64_t host_page; /* native: its pages bound its TLB entries */
	const struct strategy *strategy;
	unsigned share; /* percent on 2M pages, in --host-2m's order; 0 with host_page 4K */
};

#define RUNS_MOST (STRATEGIES_MOST + 1)
_Static_assert(RUNS_MOST <= RERUN_RUNS, "rerun.h has room for all runs");

struct comparison {
	const struct options *o;
	struct plan plan[RUNS_MOST];
	unsigned nr_runs;
	struct report report;
	struct progress progress;
	int again;		    /* on another CPU: what there is to say has been said */
	struct cpu_profile profile; /* with --profile */
	struct cpu_model cpu;
	char label[SHARES_MOST][12]; /* of --host-2m's runs */
};

/* Which runs every input gets: the usual seven; or native and a run for each strategy. */
void compare_plan(struct comparison *c);
/* Runs the next input, report.input[report.nr_inputs], which counts from then on.  -1: *err. */
int compare_input(struct comparison *c, const char *path, struct err *err);

#endif
