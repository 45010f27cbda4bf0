/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of draw/: pictures as SVG.
 *
 * svg.h    shapes and text
 * chart.h  charts of bars and of lines
 * grid.h   a walk as a grid of references
 */
#ifndef TOOLS_DRAW_DRAW_H
#define TOOLS_DRAW_DRAW_H

#include "chart.h"
#include "grid.h"
#include "svg.h"

#endif
