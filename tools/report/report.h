/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results for people (a table) and for programs (JSON, CSV).
 * Counts nothing itself.
 * Invariant: the exits' keys come from vmmu/event.h, so that no list differs.
 */
#ifndef TOOLS_REPORT_REPORT_H
#define TOOLS_REPORT_REPORT_H

#include "model/model.h"
#include "base/base.h"

#include <stdio.h>

/* One input: its runs side by side. */
struct report_input {
	char *name;
	char about[96]; /* "trace, 512 MiB of RAM" */
	struct result *run;
	unsigned nr_runs;
	uint64_t ops;  /* 0: exits are shown as they are; else for each of so many ... */
	char *op_unit; /* ... of these */
	/* malloced; NULL: not asked for */
	struct sensitivity *sensitivity;
	struct sweep *sweep;
};

struct report {
	struct report_input *input;
	unsigned nr_inputs;
	const char *profile;	     /* of a CPU; NULL: nothing was modelled */
	const struct cpu_model *cpu; /* NULL, too */
};

uint64_t report_mismatches(const struct report *r);
/* Exits of all reasons. */
uint64_t report_exits(const struct result *run);

/* `cpu` NULL: nothing was modelled. */
void report_table(FILE *out, const struct report_input *in, const struct cpu_model *cpu,
		  int colour);
/* Shadow strategies: a row for each run, what made it exit and what it did. */
void report_strategies(FILE *out, const struct report_input *in, int colour);
/* What the numbers mean; once. */
void report_legend(FILE *out, int strategies);

/* What hangs on the profile's assumptions, if that was asked for. */
void report_sensitivity(FILE *out, const struct report_input *in);

/* To a file, or to standard output for "-".  -1: *err. */
int report_json(const struct report *r, const char *path, struct err *err);
int report_csv(const struct report *r, const char *path, struct err *err);

/*
 * As a page: pictures, style and numbers in one file, well-formed XML that names no other
 * file or host.  -1: *err.
 */
int report_html(const struct report *r, const char *path, struct err *err);

#endif
