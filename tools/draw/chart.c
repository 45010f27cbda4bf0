/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drawing charts.
 * Not here: where the numbers come from (report/).
 * Invariant: see chart.h; nothing is drawn outside the picture.
 */
#include "chart.h"
#include "svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 370.0
#define LABEL_W 106.0
#define VALUE_W 74.0
#define MARKED_W 90.0 /* "27.4 to 57.9" */
#define ROW 20.0
#define BAR_H 13.0
#define TOP 26.0

struct chart_bar *chart_add(struct chart *c, const char *label)
{
	struct chart_bar *more = reallocarray(c->bar, c->nr + 1, sizeof(*more));

	if (!more)
		return NULL;
	c->bar = more;
	more += c->nr++;
	memset(more, 0, sizeof(*more));
	(void)snprintf(more->label, sizeof(more->label), "%s", label);
	return more;
}

void chart_bar(struct chart *c, const char *label, const char *class, double value,
	       const char *text)
{
	struct chart_bar *b = chart_add(c, label);

	if (!b)
		return;
	b->nr_parts = 1;
	b->part[0].value = value;
	b->part[0].class = class;
	(void)snprintf(b->part[0].tip, sizeof(b->part[0].tip), "%.60s: %.60s", label, text);
	(void)snprintf(b->text, sizeof(b->text), "%s", text);
}

static double sum_of(const struct chart_bar *b)
{
	double sum = 0;

	for (unsigned i = 0; i < b->nr_parts; i++)
		sum += b->part[i].value;
	return sum;
}

static double most_of(const struct chart *c)
{
	double most = c->most;

	for (unsigned i = 0; i < c->nr && c->most <= 0; i++)
		most = fmax(most, sum_of(&c->bar[i]));
	return most;
}

static double left_of(const struct chart *c)
{
	return c->label_w > 0 ? c->label_w : LABEL_W;
}

static double room_of(const struct chart *c)
{
	return WIDTH - left_of(c) - (c->mark > 0 ? MARKED_W : VALUE_W);
}

/* On a logarithmic scale 1 is at a tenth of the width, so that a single exit can be seen. */
static double part_of(const struct chart *c, double most, double value)
{
	if (most <= 0 || value <= 0)
		return 0;
	if (c->log)
		value = fmin(1, (1 + log10(fmax(value, 1))) / (1 + log10(fmax(most, 1))));
	else
		value = fmin(1, value / most);
	return value * room_of(c);
}

/* Shortens a label to the room that there is. */
static void put_label(FILE *f, const struct chart *c, const char *label, double y)
{
	const size_t room = (size_t)(left_of(c) / 6.2);
	char text[96];
	size_t n = strlen(label);

	if (n <= room)
		(void)snprintf(text, sizeof(text), "%s", label);
	else
		(void)snprintf(text, sizeof(text), "%.*s\xe2\x80\xa6", (int)room - 2, label);
	svg_text(f, (struct svg_at){ left_of(c) - 6, y }, "e", "%s", text);
}

static void draw_bar(FILE *f, const struct chart *c, const struct chart_bar *b, double most,
		     double y)
{
	double x = left_of(c);

	if (b->head) {
		svg_text(f, (struct svg_at){ 2, y + 12 }, "b", "%s", b->label);
		return;
	}
	put_label(f, c, b->label, y + 12);
	for (unsigned i = 0; i < b->nr_parts; i++) {
		double w = part_of(c, most, b->part[i].value);

		if (w <= 0)
			continue;
		svg_rect(f, (struct svg_box){ x, y + 2, w, BAR_H }, b->part[i].class,
			 b->part[i].tip);
		x += w;
	}
	svg_text(f, (struct svg_at){ x + 5, y + 12 }, "", "%s", b->text);
}

static void draw_quarters(FILE *f, const struct chart *c, double bottom)
{
	for (unsigned i = 0; i <= 4; i++) {
		double x = left_of(c) + i * room_of(c) / 4;

		svg_line(f, (struct svg_at){ x, TOP - 2 }, (struct svg_at){ x, bottom }, "rule");
	}
}

void chart_draw(FILE *f, struct chart *c)
{
	double most = most_of(c), y = TOP, bottom = TOP + c->nr * ROW;

	svg_begin(f, WIDTH, bottom + 6, c->title);
	svg_text(f, (struct svg_at){ 2, 15 }, "b", "%s", c->title);
	if (c->log)
		svg_text(f, (struct svg_at){ WIDTH - 2, 15 }, "e small dim", "logarithmic");
	if (c->percent)
		draw_quarters(f, c, bottom);
	for (unsigned i = 0; i < c->nr; i++, y += ROW)
		draw_bar(f, c, &c->bar[i], most, y);
	if (c->mark > 0) {
		double x = left_of(c) + part_of(c, most, c->mark);

		svg_line(f, (struct svg_at){ x, TOP - 2 }, (struct svg_at){ x, bottom }, "");
	}
	svg_end(f);
}

void chart_put(FILE *f, struct chart *c)
{
	fputs("<figure>\n", f);
	chart_draw(f, c);
	fputs("</figure>\n", f);
	free(c->bar);
	c->bar = NULL;
	c->nr = 0;
}

/* ---- lines -------------------------------------------------------------------------- */

#define PLOT_H 170.0
#define PLOT_LEFT 36.0
#define PLOT_RIGHT 270.0

/* Returns the next larger of 1, 2, 5, 10, 20 and so on. */
static double round_up(double v)
{
	double ten = pow(10, floor(log10(fmax(v, 1e-9))));

	return v <= ten ? ten : v <= 2 * ten ? 2 * ten : v <= 5 * ten ? 5 * ten : 10 * ten;
}

static double highest(const struct chart_lines *c)
{
	double most = 0;

	for (unsigned i = 0; i < c->nr_curves; i++)
		for (unsigned k = 0; k < c->nr_x; k++)
			most = fmax(most, c->curve[i].y[k]);
	return round_up(most);
}

static struct svg_at point(const struct chart_lines *c, unsigned k, double y, double most)
{
	double x = PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT - 12) * k / (c->nr_x > 1 ? c->nr_x - 1 : 1);

	return (struct svg_at){ x, TOP + PLOT_H * (1 - (most > 0 ? y / most : 0)) };
}

static void draw_axes(FILE *f, const struct chart_lines *c, double most)
{
	for (unsigned i = 0; i <= 4; i++) {
		double v = most * i / 4;
		struct svg_at at = point(c, 0, v, most);

		svg_line(f, at, (struct svg_at){ PLOT_RIGHT - 12, at.y }, "rule");
		svg_text(f, (struct svg_at){ PLOT_LEFT - 6, at.y + 4 }, "e small dim", "%g", v);
	}
	for (unsigned k = 0; k < c->nr_x; k++)
		svg_text(f, (struct svg_at){ point(c, k, 0, most).x, TOP + PLOT_H + 15 },
			 "m small dim", "%u", c->x[k]);
	svg_text(f, (struct svg_at){ (PLOT_LEFT + PLOT_RIGHT) / 2, TOP + PLOT_H + 31 }, "m small",
		 "%s", c->x_title);
}

/* Puts labels at the ends of lines, and moves them apart where they would overlap. */
static void place_labels(const struct chart_lines *c, double most, double *y)
{
	unsigned order[CHART_PARTS];

	for (unsigned i = 0; i < c->nr_curves; i++) {
		unsigned k = i;

		y[i] = point(c, 0, c->curve[i].y[c->nr_x - 1], most).y + 4;
		for (; k && y[order[k - 1]] > y[i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (unsigned i = 1; i < c->nr_curves; i++)
		y[order[i]] = fmax(y[order[i]], y[order[i - 1]] + 14);
	for (unsigned i = c->nr_curves; i-- > 0;) {
		double limit = i + 1 == c->nr_curves ? TOP + PLOT_H + 4 : y[order[i + 1]] - 14;

		y[order[i]] = fmin(y[order[i]], limit);
	}
}

static void draw_curve(FILE *f, const struct chart_lines *c, unsigned i, double most,
		       double label_y)
{
	const struct chart_curve *v = &c->curve[i];
	struct svg_at at[CHART_POINTS];

	for (unsigned k = 0; k < c->nr_x; k++)
		at[k] = point(c, k, v->y[k], most);
	svg_path(f, at, c->nr_x, v->class);
	for (unsigned k = 0; k < c->nr_x; k++)
		svg_dot(f, at[k], 3, v->class);
	svg_text(f, (struct svg_at){ PLOT_RIGHT, label_y }, "small", "%s %.2f", v->label,
		 v->y[c->nr_x - 1]);
}

void chart_put_lines(FILE *f, const struct chart_lines *c)
{
	double most = highest(c), label_y[CHART_PARTS];

	fputs("<figure>\n", f);
	svg_begin(f, WIDTH, TOP + PLOT_H + 40, c->title);
	svg_text(f, (struct svg_at){ 2, 13 }, "b", "%s", c->title);
	draw_axes(f, c, most);
	place_labels(c, most, label_y);
	for (unsigned i = 0; i < c->nr_curves; i++)
		draw_curve(f, c, i, most, label_y[i]);
	svg_end(f);
	fputs("</figure>\n", f);
}
