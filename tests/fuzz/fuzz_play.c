/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the playground's engine.  An input that begins as ELF does is a dump, as a
 * trace does a trace, any other is commands, a line each; after the first two a little is done.
 * Invariant: whatever is asked, the machines keep theirs, and the answer is a JSON object.
 */
#include "fuzz.h"

#include <play.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COMMANDS 200u

static void holds_together(struct play *p)
{
	char guest[80];

	if (!play_guest(p, guest, sizeof(guest)))
		return;
	fuzz_holds(play_attempt(p, "check") == 0, play_error(p));
}

static void look_at(const char *answer)
{
	size_t n = strlen(answer);

	fuzz_holds(n > 1 && answer[0] == '{' && answer[n - 1] == '}', "the answer is an object");
}

static void walk_a_little(struct play *p)
{
	static const char *const commands[] = {
		"next 1000", "access 0x400000 r u", "access 0xffff888000001000 w s", "map", "fork",
		"state",
	};

	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		look_at(play_do(p, commands[i]));
}

static void obey(struct play *p, const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), *save = NULL;
	unsigned n = 0;

	fuzz_holds(text != NULL, "there is memory");
	memcpy(text, data, size);
	for (char *l = strtok_r(text, "\n", &save); l && n < MOST_COMMANDS;
	     l = strtok_r(NULL, "\n", &save), n++)
		if (n % 8)
			(void)play_attempt(p, l);
		else
			look_at(play_do(p, l));
	free(text);
}

/* One for all: what an engine has mapped for a guest it keeps. */
static struct play *p;

/* Some pointers lie in mapped memory, where a leak checker does not look at the end. */
static void forget(void)
{
	play_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!p) {
		p = play_new();
		atexit(forget);
	}
	fuzz_holds(p != NULL, "there is memory");
	if (size > 8 && (!memcmp(data, "\177ELF", 4) || !memcmp(data, "VMTRACE1", 8))) {
		look_at(play_core(p, data, size));
		walk_a_little(p);
	} else {
		play_attempt(p, "preset four");
		obey(p, data, size);
	}
	holds_together(p);
	return 0;
}
