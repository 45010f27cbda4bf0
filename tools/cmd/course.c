/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu course: the exercises of docs/course, and whether an answer is right.
 * No answer is written here: each is what the machines say after some commands.
 */
#include "cmd.h"

#include <errno.h>
#include <play.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAPTERS 10u
#define EXERCISES 3u

#define FOUR "preset four\n"
#define PAGE "0x8080604abc"
#define READ "access " PAGE " r u\n"

static const struct exercise {
	const char *ask, *commands, *number;
} exercises[CHAPTERS][EXERCISES] = {
	{ { "In the guest `four`, where in guest-physical memory is address 0x8080605123?",
	    FOUR "access 0x8080605123 r u", "native.gpa" },
	  { "And after the guest has loaded CR3 with 0x8000?",
	    FOUR "set cr3 0x8000\naccess 0x8080605123 r u", "native.gpa" },
	  { "How many entries does the CPU read to find it?", FOUR "access 0x8080605123 r u",
	    "native.refs" } },
	{ { "How many entries does a walk read in the guest `five`?",
	    "preset five\naccess 0x10100c0805abc r u", "native.refs" },
	  { "How many in the guest `four` for an address in its 2M page, 0x8080812345?",
	    FOUR "access 0x8080812345 r u", "native.refs" },
	  { "Where is 0x8080812345 in guest-physical memory?", FOUR "access 0x8080812345 r u",
	    "native.gpa" } },
	{ { "Which error code has the user's store to 0x8080605000, a page to be read only?",
	    FOUR "access 0x8080605000 w u", "native.code" },
	  { "Which one has the user's read of 0x8080606000, a page of the supervisor's?",
	    FOUR "access 0x8080606000 r u", "native.code" },
	  { "Which one has the user's instruction fetch from 0x8080607000, a page with NX?",
	    FOUR "access 0x8080607000 x u", "native.code" } },
	{ { "The TLB is on, " PAGE
	    " was read, and then the guest stored 0x47067 to the entry at 0x4020. "
	    "Which guest-physical address does a read reach?",
	    FOUR "machine tlb=on\n" READ "store 0x4020 0x47067\n" READ, "native.gpa" },
	  { "Which one after INVLPG?",
	    FOUR "machine tlb=on\n" READ "store 0x4020 0x47067\ninvlpg " PAGE "\n" READ,
	    "native.gpa" },
	  { "The TLB is on, and the page is read five times. How many of the reads does the TLB "
	    "serve?",
	    FOUR "machine tlb=on\n" READ READ READ READ READ, "native.allhits" } },
	{ { "A guest without paging, `real`, reads 0x7c00 twice. How many entries does the second "
	    "read need under nested paging?",
	    "preset real\naccess 0x7c00 r\naccess 0x7c00 r", "nested.refs" },
	  { "How many exits did the first read take under nested paging?",
	    "preset real\naccess 0x7c00 r", "nested.exits" },
	  { "How many exits does the second read take under shadow paging?",
	    "preset real\naccess 0x7c00 r\naccess 0x7c00 r", "shadow.exits" } },
	{ { "Shadow paging, all techniques: " PAGE
	    " was read. How many exits do three stores to entries at 0x4028, 0x4030 and 0x4038 "
	    "take together?",
	    FOUR READ "store 0x4028 0x46067\nstore 0x4030 0x47067\nstore 0x4038 0x48067",
	    "shadow.allpt_write" },
	  { "The same with `machine shadow=trap`, where every store to a guest table in use traps?",
	    FOUR "machine shadow=trap\n" READ
		 "store 0x4028 0x46067\nstore 0x4030 0x47067\nstore 0x4038 0x48067",
	    "shadow.allpt_write" },
	  { "How many entries does the CPU read for " PAGE " once the shadow is filled?",
	    FOUR READ READ, "shadow.refs" } },
	{ { "How many references does a walk take of four guest levels over four nested ones?",
	    FOUR READ READ, "nested.refs" },
	  { "And of five guest levels, in the guest `five`?",
	    "preset five\naccess 0x10100c0805abc r u\naccess 0x10100c0805abc r u", "nested.refs" },
	  { "And of two guest levels, in the guest `two`?",
	    "preset two\naccess 0x402abc r u\naccess 0x402abc r u", "nested.refs" } },
	{ { "With a nested TLB alone, how many references does the third read of a page take under "
	    "nested paging?",
	    FOUR "machine ntlb=on\n" READ READ READ, "nested.refs" },
	  { "With a page-walk cache alone, how many does the third read take natively?",
	    FOUR "machine pwc=on\n" READ READ READ, "native.refs" },
	  { "With both caches, how many under nested paging?",
	    FOUR "machine pwc=on ntlb=on\n" READ READ READ, "nested.refs" } },
	{ { "The page at guest-physical 0x40000 was in use, and the host takes it away. How often "
	    "does nested paging ask the host for a page when the guest reads " PAGE " again?",
	    FOUR READ "swap 0x40000\n" READ, "nested.host_ask" },
	  { "The host logs dirty pages, and the guest stores twice to the same page. How many "
	    "exits does the second store take under nested paging?",
	    FOUR "access " PAGE " w u\ndirty on\naccess " PAGE " w u\naccess " PAGE " w u",
	    "nested.exits" },
	  { "The host backs the guest with 2M pages. How many references does a walk take under "
	    "nested paging?",
	    FOUR "machine host=2M\n" READ READ, "nested.refs" } },
	{ { "A fork in the guest `four`, whose page " PAGE
	    " was written: how many exits does it take under shadow paging?",
	    FOUR "access " PAGE " w u\nfork", "shadow.exits" },
	  { "And under nested paging?", FOUR "access " PAGE " w u\nfork", "nested.exits" },
	  { "How many references do ten reads of a page take under nested paging in all, if "
	    "nothing is cached and the first one is not counted?",
	    FOUR READ READ, "nested.refs*10" } },
};

/* What the machines say.  "*10" behind a number's name multiplies. */
static long long answer(struct play *p, const struct exercise *e)
{
	char commands[600], name[64], *save = NULL, *times;
	long long n;

	snprintf(commands, sizeof(commands), "%s", e->commands);
	for (char *l = strtok_r(commands, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (play_attempt(p, l) < 0)
			return -1;
	snprintf(name, sizeof(name), "%s", e->number);
	times = strchr(name, '*');
	if (times)
		*times++ = 0;
	n = play_number(p, name);
	return n < 0 ? n : times ? n * atoi(times) : n;
}

static int print_exercises(unsigned chapter)
{
	for (unsigned i = 0; i < EXERCISES; i++)
		printf("%u. %s\n", i + 1, exercises[chapter][i].ask);
	return STATUS_OK;
}

static int parse_answer(const char *text, long long *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 0);
	return !*text || *end || errno ? -1 : 0;
}

static int check(unsigned chapter, char **argv, struct err *err)
{
	struct play *p = play_new();
	unsigned right = 0;
	int ret = 0;

	if (!p)
		return err_input(err, "out of memory");
	for (unsigned i = 0; i < EXERCISES && !ret; i++) {
		long long given, truth = answer(p, &exercises[chapter][i]);

		if (parse_answer(argv[i], &given) < 0)
			ret = err_set(err, STATUS_USAGE, "'%s' is no number", argv[i]);
		else if (given == truth)
			right += (unsigned)printf("%u. right\n", i + 1) > 0;
		else
			printf("%u. %s is not what the machines say: try it with `vmmu step`, or "
			       "in the playground\n",
			       i + 1, argv[i]);
	}
	play_free(p);
	return ret ? ret : right == EXERCISES ? STATUS_OK : STATUS_MISMATCH;
}

static int run(int argc, char **argv, struct err *err)
{
	long long n;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return command_help(&command_course);
	if (argc < 3 || parse_answer(argv[2], &n) < 0 || n < 1 || n > (long long)CHAPTERS)
		return err_set(
			err, STATUS_USAGE,
			"exercises N, or check N ANSWER ANSWER ANSWER is wanted; N is 1 to %u",
			CHAPTERS);
	if (argc == 3 && !strcmp(argv[1], "exercises"))
		return print_exercises((unsigned)n - 1);
	if (argc == 3 + (int)EXERCISES && !strcmp(argv[1], "check"))
		return check((unsigned)n - 1, argv + 3, err);
	return err_set(err, STATUS_USAGE, "check %lld wants %u answers, numbers all", n, EXERCISES);
}

const struct command command_course = {
	"course",
	"the exercises of docs/course, and whether answers are right",
	"exercises N | check N ANSWER ANSWER ANSWER\n\n"
	"Chapter N of the course in docs/course has three exercises.  `exercises` writes them.\n"
	"Their answers are numbers, decimal or after 0x hexadecimal.  `check` tells which answers\n"
	"are right.  Exit status: 0 all are right, 1 some are wrong.\n",
	run,
};
