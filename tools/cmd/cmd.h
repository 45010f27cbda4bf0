/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subcommands, as main.c sees them.
 * Data goes to standard output, words about it to standard error.
 * Invariant: a subcommand answers an enum status; main() prints *err.
 */
#ifndef TOOLS_CMD_CMD_H
#define TOOLS_CMD_CMD_H

#include "base/base.h"

struct command {
	const char *name, *summary, *help;
	/* argv[0] is the subcommand.  STATUS_OK or STATUS_MISMATCH, or -1: *err. */
	int (*run)(int argc, char **argv, struct err *err);
};

extern const struct command command_translate, command_walk, command_replay, command_compare,
	command_check, command_workload, command_cpus, command_run, command_step, command_course;

/* To standard error: "vmmu: ...". */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What of QEMU's was cleared in a trace, if anything was. */
void say_cleared(const char *name, const struct result *r);

/* Prints the help of a command to standard output; STATUS_OK. */
int command_help(const struct command *c);

#endif
