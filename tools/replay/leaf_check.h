/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a dump without recorded answers: every present leaf is read with AC=1, and every
 * backend must give the result that native gave.
 * A part of state_check.c.
 * Invariant: native is asked first, and its results are kept for the others.
 */
#ifndef TOOLS_REPLAY_LEAF_CHECK_H
#define TOOLS_REPLAY_LEAF_CHECK_H

#include "state_check.h"

int leaf_check(struct state_check *c, struct machine *m, struct result *res, struct err *err);

#endif
