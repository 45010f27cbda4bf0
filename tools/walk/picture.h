/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk as a picture: the grid of draw/grid.h with every reference and the entry that it read.
 * Not here: making the walk; the caller gives the steps.
 * Invariant: references are numbered in the order in which they happened.
 */
#ifndef TOOLS_WALK_PICTURE_H
#define TOOLS_WALK_PICTURE_H

#include "text.h"

/* A walk in a picture.  Shadow paging has two of them; the guest's own stands above. */
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
	int failed;	    /* `result` tells of a failure */
};

/* Writes a picture as a file of its own. */
void walk_svg(FILE *f, const struct walk_picture *p);

#endif
