/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of base/: small helpers that know nothing of guests.
 *
 * err.h       one failure on its way up
 * text.h      numbers to and from text, names of files
 * ranges.h    which guest-physical addresses are RAM
 * output.h    files that are written
 * program.h   where this program lies
 * progress.h  how far a command is, on a terminal
 * clock.h     seconds
 * result.h    what one run of one input on one backend came to
 */
#ifndef TOOLS_BASE_BASE_H
#define TOOLS_BASE_BASE_H

#include "clock.h"
#include "err.h"
#include "output.h"
#include "program.h"
#include "progress.h"
#include "ranges.h"
#include "result.h"
#include "text.h"

#endif
