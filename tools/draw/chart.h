/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Charts of horizontal bars, plain and stacked, and of lines: small enough for
 * a phone, several side by side on a desk.
 * Draws what it is told.
 * Invariant: each value is written beside its bar, as its caller wrote it.
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
	char label[96]; /* cut where it is too long; whole in the tip */
	int head;	/* a line of its own, without a bar */
	struct chart_part part[CHART_PARTS];
	unsigned nr_parts;
	char text[48]; /* at the end of the bar */
};

struct chart {
	const char *title;
	struct chart_bar *bar; /* malloced by chart_add() */
	unsigned nr;
	double most;	/* 0: the longest bar's */
	int log;	/* plain bars only */
	int percent;	/* lines at quarters of `most` */
	double label_w; /* 0: as usual */
	double mark;	/* a line across all bars, here; 0: none */
};

/* The next bar, zeroed; NULL: out of memory. */
struct chart_bar *chart_add(struct chart *c, const char *label);
/* A bar of one part; `text` is written at its end and is its tip. */
void chart_bar(struct chart *c, const char *label, const char *class, double value,
	       const char *text);
void chart_draw(FILE *f, struct chart *c);
/* Draws it in a <figure> and frees the bars. */
void chart_put(FILE *f, struct chart *c);

struct chart_curve {
	const char *label, *class;
	double y[CHART_POINTS];
};

/* Lines over sizes, which stand at equal distances. */
struct chart_lines {
	const char *title, *x_title;
	const unsigned *x;
	unsigned nr_x;
	const struct chart_curve *curve;
	unsigned nr_curves;
};

void chart_put_lines(FILE *f, const struct chart_lines *c);

#endif
