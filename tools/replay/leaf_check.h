/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A core that nobody recorded answers for: every present leaf is read with
 * AC=1, and every backend must say what native says.
 * Part of state_check.c.
 * Invariant: native is asked first, and its answers are kept.
 */
#ifndef TOOLS_REPLAY_LEAF_CHECK_H
#define TOOLS_REPLAY_LEAF_CHECK_H

#include "state_check.h"

int leaf_check(struct state_check *c, struct machine *m, struct result *res, struct err *err);

#endif
