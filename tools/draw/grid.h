/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk as a grid, as the manuals draw it: a row for each level of the
 * guest's and one for the address itself, a column for each nested level and
 * one for the guest's own entry.  One dimension is that column alone.
 * Draws what it is told; counting is the library's.
 */
#ifndef TOOLS_DRAW_GRID_H
#define TOOLS_DRAW_GRID_H

#include "base/base.h"
#include "svg.h"

#define GRID_LINES 5
#define GRID_SIDE (VMMU_LEVELS + 1)

struct grid_cell {
	const char *class; /* of svg_style(); NULL: there is none here */
	unsigned number;   /* in the order of the references; 0: not shown */
	double share[3];   /* of walks: near, elsewhere, skipped; all 0: no bar */
	char tip[192];	   /* "": none */
	char line[GRID_LINES][48];
	unsigned nr_lines;
	int wide; /* lines after the first are addresses and bits */
};

/* cell[0] is the row of the guest's top level; cells of a row in order. */
struct grid {
	const char *title;
	unsigned rows, cols;
	char row[GRID_SIDE][2][48]; /* two lines beside it */
	char col[GRID_SIDE][32];
	struct grid_cell cell[GRID_SIDE][GRID_SIDE];
	double cell_w, cell_h;
	double left; /* for the rows' labels */
};

struct svg_box grid_size(const struct grid *g);
/* At 0, `y` of the picture begun. */
void grid_draw(FILE *f, const struct grid *g, double y);

/* What a run's walks did; 0: it made none. */
int grid_of_run(struct grid *g, const struct result *run);
/* The colours, in words; a fragment of HTML. */
void grid_legend(FILE *f);

#endif
