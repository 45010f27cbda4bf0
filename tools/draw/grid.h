/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk as a grid, as the manuals draw it.  There is a row for each level of the guest's tables
 * and one for the address itself, and a column for each nested level and one for the guest's own
 * entry.  A walk of one dimension has only that last column.
 * Not here: counting, which the library does.
 */
#ifndef TOOLS_DRAW_GRID_H
#define TOOLS_DRAW_GRID_H

#include "base/base.h"
#include "svg.h"

#define GRID_LINES 5
#define GRID_SIDE (VMMU_LEVELS + 1)

struct grid_cell {
	const char *class; /* a class of svg_style(); NULL: there is no such cell */
	unsigned number;   /* in the order of the references; 0: not shown */
	double share[3]; /* how many walks found the entry near, found it elsewhere, skipped it; all
			    0: no bar */
	char tip[192];	 /* "": none */
	char line[GRID_LINES][48];
	unsigned nr_lines;
	int wide; /* lines after the first are addresses and bits */
};

/* cell[0] is the row of the guest's top level; the cells of a row are in the order of the walk. */
struct grid {
	const char *title;
	unsigned rows, cols;
	char row[GRID_SIDE][2][48]; /* two lines of text beside each row */
	char col[GRID_SIDE][32];
	struct grid_cell cell[GRID_SIDE][GRID_SIDE];
	double cell_w, cell_h;
	double left; /* for the rows' labels */
};

struct svg_box grid_size(const struct grid *g);
/* Draws the grid at 0, `y` of the picture that was begun. */
void grid_draw(FILE *f, const struct grid *g, double y);

/* Fills the grid with the counts of a run's walks.  Returns 0 if the run made none. */
int grid_of_run(struct grid *g, const struct result *run);
/* Writes what the colours mean, as a fragment of HTML. */
void grid_legend(FILE *f);

#endif
