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

#include <vmmu/explain.h>

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

/* An ELF core of a guest, or a trace of one, becomes the guest; answered as by play_do().  The
 * bytes stay the caller's.
 */
const char *play_core(struct play *p, const void *bytes, size_t size);

/* ---- the last command, for who draws without JSON ------------------------------------- */

enum { PLAY_NATIVE, PLAY_SHADOW, PLAY_NESTED, PLAY_MACHINES };
extern const char *const play_machine[PLAY_MACHINES]; /* their names */

/* The last walk of an access on one machine. */
struct play_walk {
	const struct vmmu_step *step;
	unsigned nr;   /* steps from its beginning */
	unsigned refs; /* of them that were read; the others a cache knew */
	const struct vmmu_walk *end;
	uint64_t known; /* bit n: step n was not read, a cache knew it; where that can be told */
};

/* 1, or 0: there was none, or it read nothing. */
int play_walk(const struct play *p, unsigned machine, struct play_walk *out);
/* Event number n in words, as snprintf(); 0 beyond the last. */
int play_event(const struct play *p, unsigned machine, unsigned n, char *buf, size_t len);
/* What became of the access in words, as snprintf(); 0: there was none. */
int play_outcome(const struct play *p, unsigned machine, char *buf, size_t len);
/* "4-level, CR3 0x1000", as snprintf(); 0: there is no guest. */
int play_guest(const struct play *p, char *buf, size_t len);
const char *play_presets(void); /* names, in a row */

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
 * gpa and error code of the last access; hits, sw (references in software) of the last command, or
 * those with "all" before: allrefs ...; or the key of an event.  -1: no such name.
 */
long long play_number(const struct play *p, const char *name);

#endif
