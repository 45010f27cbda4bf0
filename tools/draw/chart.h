/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Charts of horizontal bars, plain or stacked, and of lines.  They are small enough for a phone,
 * and several stand side by side on a large screen.
 * Invariant: each value stands beside its bar, in the caller's words.
 */
#ifndef TOOLS_DRAW_CHART_H
#define TOOLS_DRAW_CHART_H

#include "svg.h"

#include <stdint.h>

#define CHART_PARTS 8
#define CHART_POINTS 8

struct chart_part {
	double value;
	const char *class;
	char tip[128];
};

struct chart_bar {
	char label[96]; /* shortened where it is too long; the tip has all of it */
	int head;	/* a heading without a bar */
	struct chart_part part[CHART_PARTS];
	unsigned nr_parts;
	char text[48]; /* at the end of the bar */
};

struct chart {
	const char *title;
	struct chart_bar *bar; /* made by chart_add() */
	unsigned nr;
	double most;	/* the value of a bar of full width; 0: the largest value */
	int log;	/* a logarithmic scale; for plain bars only */
	int percent;	/* values are percentages: lines at quarters of `most` */
	double label_w; /* the labels' width; 0: the usual one */
	double mark;	/* where a line crosses all bars; 0: none */
};

/* Adds a bar, which is zeroed.  Returns NULL if out of memory. */
struct chart_bar *chart_add(struct chart *c, const char *label);
/* Adds a bar of one part.  `text` stands at its end, and is its tip. */
void chart_bar(struct chart *c, const char *label, const char *class, double value,
	       const char *text);
void chart_draw(FILE *f, struct chart *c);
/* Draws the chart in a <figure>, and frees the bars. */
void chart_put(FILE *f, struct chart *c);

struct chart_curve {
	const char *label, *class;
	double y[CHART_POINTS];
};

/* Lines over sizes; the sizes stand at equal distances. */
struct chart_lines {
	const char *title, *x_title;
	const unsigned *x;
	unsigned nr_x;
	const struct chart_curve *curve;
	unsigned nr_curves;
};

void chart_put_lines(FILE *f, const struct chart_lines *c);

#endif
