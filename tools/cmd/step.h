/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vmmu step shows, for a terminal and for a stream of text.
 * Not here: guests and machines; those are the playground's engine.
 * Invariant: `done` gives the state that the engine is in.
 */
#ifndef TOOLS_CMD_STEP_H
#define TOOLS_CMD_STEP_H

#include "base/base.h"

#include <play.h>

#define STEP_DONE 512u

struct step {
	struct play *play;
	const struct story *story; /* NULL: none is told */
	unsigned scene;
	const uint8_t *core; /* the guest's, instead of a preset; NULL */
	size_t core_bytes;
	char *done[STEP_DONE]; /* commands so far */
	unsigned nr_done;
};

/* Does a command and remembers it; 0, or -1 and play_error(). */
int step_do(struct step *s, const char *command);
/* Remembers the first `from` commands alone. */
void step_forget(struct step *s, unsigned from);
/* The guest of s->core, if there is one, with no command done; 0, or -1. */
int step_core(struct step *s);
/* The guest anew, and all commands but the last `less`; 0, or -1. */
int step_again(struct step *s, unsigned less);
/* Scene number n of the story, from its beginning; 0, or -1. */
int step_scene(struct step *s, unsigned n);

/* One entry read: "14     nPTE[3]   0x4018  0x403000 P RW U A D". */
void step_line(const struct vmmu_step *v, unsigned nr, char *buf, size_t len);
/* "4 references, 0 exits; in all 8 and 0" */
void step_counts(const struct step *s, unsigned machine, char *buf, size_t len);

/* The last walk on one machine; 0, or -1 with *err. */
int step_svg(const struct step *s, unsigned machine, const char *path, struct err *err);

/* Until the user has had enough.  1: this build, or this terminal, cannot. */
int step_curses(struct step *s);

#endif
