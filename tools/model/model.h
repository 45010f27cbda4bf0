/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of model/: CPUs as profiles, and what runs cost on them.
 *
 * profile.h      a profile, and the modelled CPU that it describes
 * cost.h         cycles of a run
 * rerun.h        how the two below run an input again
 * sensitivity.h  how much depends on the numbers that a profile assumes
 * sweep.h        references per walk with caches of different sizes
 */
#ifndef TOOLS_MODEL_MODEL_H
#define TOOLS_MODEL_MODEL_H

#include "cost.h"
#include "profile.h"
#include "rerun.h"
#include "sensitivity.h"
#include "sweep.h"

#endif
