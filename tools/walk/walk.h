/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of walk/: page walks shown to people.
 *
 * text.h     as lines of text
 * picture.h  as a picture
 */
#ifndef TOOLS_WALK_WALK_H
#define TOOLS_WALK_WALK_H

#include "picture.h"
#include "text.h"

#endif
