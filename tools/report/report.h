/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of report/: results for people (tables, a page) and for programs (JSON, CSV).
 * Not here: counting.
 * Invariant: the exits' names come from vmmu/event.h, so they are the same everywhere.
 */
#ifndef TOOLS_REPORT_REPORT_H
#define TOOLS_REPORT_REPORT_H

#include "model/model.h"
#include "base/base.h"

#include <stdio.h>

/* An input with its runs. */
struct report_input {
	char *name;
	char about[96]; /* "trace, 512 MiB of RAM" */
	struct result *run;
	unsigned nr_runs;
	uint64_t ops;  /* 0: exits are shown as they are; else divided by so many ... */
	char *op_unit; /* ... operations of this name */
	/* malloced; NULL if the user did not ask for them */
	struct sensitivity *sensitivity;
	struct sweep *sweep;
};

struct report {
	struct report_input *input;
	unsigned nr_inputs;
	const char *profile;	     /* the name of a CPU profile; NULL: no CPU was modelled */
	const struct cpu_model *cpu; /* the CPU; NULL in the same case */
};

uint64_t report_mismatches(const struct report *r);
/* Returns the sum of exits for all reasons. */
uint64_t report_exits(const struct result *run);

/* Prints the table of an input.  `cpu` is NULL if no CPU was modelled. */
void report_table(FILE *out, const struct report_input *in, const struct cpu_model *cpu,
		  int colour);
/* Prints a table with a row for each shadow strategy: its exits, and its work. */
void report_strategies(FILE *out, const struct report_input *in, int colour);
/* Prints what the numbers mean. */
void report_legend(FILE *out, int strategies);

/* Prints how much depends on the profile's assumptions, if the user asked for it. */
void report_sensitivity(FILE *out, const struct report_input *in);

/* Writes to a file, or to standard output for "-".  Returns -1 on failure: *err. */
int report_json(const struct report *r, const char *path, struct err *err);
int report_csv(const struct report *r, const char *path, struct err *err);

/*
 * Writes the page: pictures, style and numbers in one file of well-formed XML, which names no
 * other file or host.  Returns -1 on failure: *err.
 */
int report_html(const struct report *r, const char *path, struct err *err);

#endif
