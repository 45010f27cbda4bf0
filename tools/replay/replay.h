/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of replay/: guests that were recorded, on a machine.
 *
 * leaves.h       every present leaf of a guest's tables
 * run.h          a trace: what its guest did, and every answer that it recorded
 * state_check.h  a guest at one moment: what its addresses translate to
 */
#ifndef TOOLS_REPLAY_REPLAY_H
#define TOOLS_REPLAY_REPLAY_H

#include "leaves.h"
#include "run.h"
#include "state_check.h"

#endif
