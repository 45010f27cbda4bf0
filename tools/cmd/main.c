/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command vmmu: chooses the subcommand, prints its error, and exits.
 * All other files are in a library, the toolkit, which tests can link.
 * Invariant: an error is printed once, here, and decides the exit status.
 */
#include "cmd.h"

#include <stdio.h>
#include <string.h>
#include <vmmu/vmmu.h>

static const struct command *const commands[] = {
	&command_translate, &command_walk,     &command_replay, &command_compare,
	&command_check,	    &command_workload, &command_cpus,	&command_run,
	&command_step,	    &command_course,   &command_metal,
};

static const struct command *find(const char *name)
{
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void usage(FILE *out)
{
	fputs("usage: vmmu COMMAND [OPTION]...\n\n"
	      "Translates x86 guest addresses with shadow paging, nested paging or neither.\n\n",
	      out);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`vmmu COMMAND --help` says more; so does vmmu(1).\n"
	      "Exit status: 0 all right, 1 answers differ, 2 wrong usage, 3 bad input.\n",
	      out);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct err err = { .status = STATUS_MISMATCH };
	int status = c->run(argc, argv, &err);

	/* The disk is full or the pipe is closed, so the data are not all there. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status >= 0) {
		say("standard output: cannot write");
		return STATUS_INPUT;
	}
	if (status >= 0)
		return status;
	say("%s", err.text);
	if (err.hint[0])
		say("%s", err.hint);
	if (err.status == STATUS_USAGE)
		fprintf(stderr, "Try `vmmu %s --help`.\n", c->name);
	return err.status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *c;

	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("vmmu " VMMU_VERSION);
		return STATUS_OK;
	}
	if (strcmp(name, "help") == 0 && argc > 2 && (c = find(argv[2])))
		return command_help(c);
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		usage(stdout);
		return STATUS_OK;
	}
	c = find(name);
	if (c)
		return run(c, argc - 1, argv + 1);
	if (*name)
		say("unknown command %s", name);
	usage(stderr);
	return STATUS_USAGE;
}
