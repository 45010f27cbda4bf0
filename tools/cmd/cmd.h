/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of cmd/: the subcommands, for main.c.
 * Data goes to standard output, messages to standard error.
 * Invariant: a subcommand returns an enum status, or -1 with *err, which main() prints.
 */
#ifndef TOOLS_CMD_CMD_H
#define TOOLS_CMD_CMD_H

#include "base/base.h"

struct command {
	const char *name, *summary, *help;
	/* argv[0] is the subcommand.  Returns STATUS_OK, STATUS_MISMATCH, or -1: *err. */
	int (*run)(int argc, char **argv, struct err *err);
};

extern const struct command command_translate, command_walk, command_replay, command_compare,
	command_check, command_workload, command_cpus, command_run, command_step, command_course,
	command_metal;

/* Prints a line "vmmu: ..." to standard error. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Tells in how many entries of a trace QEMU's mark was cleared, if in any. */
void say_cleared(const char *name, const struct result *r);

/* Prints the help of a command to standard output.  Returns STATUS_OK. */
int command_help(const struct command *c);

#endif
