/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that several subcommands have.
 * Invariant: only help goes to standard output from here.
 */
#include "cmd.h"
#include "input/input.h"

#include <stdio.h>

void say(const char *fmt, ...)
{
	va_list args;

	fputs("vmmu: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void say_cleared(const char *name, const struct result *r)
{
	char words[200];

	if (!r->tcg_cleared)
		return;
	tcg_words(words, sizeof(words), r->tcg_cleared);
	say("%s: %s", name, words);
}

int command_help(const struct command *c)
{
	printf("usage: vmmu %s %s", c->name, c->help);
	return STATUS_OK;
}
