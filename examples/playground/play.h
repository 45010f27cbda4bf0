/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The playground's engine: one guest on three machines in lock step, native, shadow and nested,
 * driven by commands of one line and answered in JSON.  The browser's page, the terminal's
 * stepper and the tests are all made of it.
 * Not here: drawing.  What the library knows is asked of the library.
 * Invariant: the same commands give the same answers, on every host.
 */
#ifndef PLAY_H
#define PLAY_H

#include <stddef.h>
#include <stdint.h>

struct play;

struct play *play_new(void); /* NULL: no memory */
void play_free(struct play *p);

/*
 * Does one command and answers the state after it, as a JSON object, good until the next call.
 * "ok" is false and "error" a sentence for a command that is not one, or that the guest or a
 * machine refuses; then nothing has changed.  play.c lists the commands.
 */
const char *play_do(struct play *p, const char *command);

/* The same without an answer: 0, or -1 and play_error() says why; not of those that only answer. */
int play_attempt(struct play *p, const char *command);
const char *play_error(const struct play *p);

/* An ELF core of a guest becomes the guest; answered as by play_do().  The bytes stay the caller's.
 */
const char *play_core(struct play *p, const void *bytes, size_t size);

/* ---- stories ------------------------------------------------------------------------- */

struct story_scene {
	const char *say;      /* two sentences */
	const char *commands; /* a line each */
};

/*
 * A question at the end.  Its answer is a number of the state, "nested.refs" and so on, after the
 * commands of `proof`, if there are any; or the first of the options.
 */
struct story_question {
	const char *ask;
	const char *proof;     /* done when the answer is known; NULL: nothing */
	const char *number;    /* of play_number(); NULL: one of the options is right */
	const char *option[4]; /* the right one first; who shows them shuffles */
	const char *because;
};

struct story {
	const char *name, *title;
	struct story_scene scene[8];
	struct story_question question;
};

extern const struct story stories[];
extern const unsigned nr_stories;

/*
 * A number of the state by name, MACHINE.WHAT: native, shadow or nested; refs, walks, exits,
 * hits, sw (references in software) of the last command, or those with "all" before: allrefs ...;
 * or the key of an event.  -1: no such name.
 */
long long play_number(const struct play *p, const char *name);

#endif
