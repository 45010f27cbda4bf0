/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking what the addresses of a dumped guest translate to: against QEMU's own answers where the
 * JSON has them, else against native.
 * Not here: making machines and printing.
 * Invariant: it is an error if nothing was checked.
 */
#ifndef TOOLS_REPLAY_STATE_CHECK_H
#define TOOLS_REPLAY_STATE_CHECK_H

#include "input/input.h"
#include "leaves.h"
#include "base/base.h"
#include "machine/machine.h"

/* The result of a read with AC=1. */
struct leaf_answer {
	uint64_t gpa;
	uint32_t code;
	uint8_t status, shift, rights, vector;
};

struct state_check {
	const struct state *state;
	const char *name;	    /* of the input, for errors */
	struct golden *golden;	    /* one for each context of the JSON; or NULL */
	struct leaves leaves;	    /* without contexts: the addresses to read ... */
	struct leaf_answer *answer; /* ... and native's results; NULL before native was asked */
	struct progress *progress;  /* or NULL */
};

/* Loads the goldens that lie beside `json`; if that is NULL, goldens are not used. */
int state_check_open(struct state_check *c, const struct state *s, const char *json,
		     struct err *err);
void state_check_close(struct state_check *c);

/* Checks all of it.  Without contexts, the first machine must be native. */
int state_check_run(struct state_check *c, struct machine *m, struct result *res, struct err *err);

#endif
