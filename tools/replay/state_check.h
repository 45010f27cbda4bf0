/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking a machine what a recorded guest translated to, and comparing: with
 * QEMU's own answers where the sidecar has them, else with native's.
 * Neither makes machines nor prints.
 * Invariant: a check of nothing is an error.
 */
#ifndef TOOLS_REPLAY_STATE_CHECK_H
#define TOOLS_REPLAY_STATE_CHECK_H

#include "input/input.h"
#include "leaves.h"
#include "base/base.h"
#include "machine/machine.h"

/* One answer of native to a read with AC=1. */
struct leaf_answer {
	uint64_t gpa;
	uint32_t code;
	uint8_t status, shift, rights, vector;
};

struct state_check {
	const struct state *state;
	const char *name;	    /* of the input, for errors */
	struct golden *golden;	    /* one for each context of the sidecar; or NULL */
	struct leaves leaves;	    /* without contexts: what to read ... */
	struct leaf_answer *answer; /* ... and what native said; NULL: not yet asked */
	struct progress *progress;  /* or NULL */
};

/* Loads the goldens that lie beside `json`; NULL: the sidecar's are not used. */
int state_check_open(struct state_check *c, const struct state *s, const char *json,
		     struct err *err);
void state_check_close(struct state_check *c);

/* All of it.  The first machine must be native if there are no contexts. */
int state_check_run(struct state_check *c, struct machine *m, struct result *res, struct err *err);

#endif
