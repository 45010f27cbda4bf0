/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One walk as a picture: every reference in the grid of draw/grid.h, with
 * the entry that was read there.
 * Makes no walk: it is told the steps.
 * Invariant: references are numbered in the order in which they happened.
 */
#ifndef TOOLS_WALK_PICTURE_H
#define TOOLS_WALK_PICTURE_H

#include "text.h"

/* One walk of a picture; shadow paging has two, the guest's own above. */
struct walk_figure {
	const char *head;
	const struct walk_record *walk;
};

struct walk_picture {
	char title[160], about[160]; /* lines at the top */
	char head[48];
	struct walk_figure part[2];
	unsigned nr_parts;
	const char *result; /* a line at the bottom */
	int failed;	    /* it is bad news */
};

/* A picture in a file of its own. */
void walk_svg(FILE *f, const struct walk_picture *p);

#endif
