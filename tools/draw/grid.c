/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drawing the grid, and filling it with the counts of a run's walks.
 * Not here: filling it with one walk (walk/picture.c).
 * Invariant: a cell's numbers are those of struct vmmu_walk_cell; rows and columns without
 * references have no cells.
 */
#include "grid.h"

#include <string.h>

#define HEAD 24.0
#define GAP 12.0
#define BAR 5.0

struct svg_box grid_size(const struct grid *g)
{
	return (struct svg_box){ 0, 0, g->left + g->cols * (g->cell_w + GAP) + 4,
				 HEAD + g->rows * (g->cell_h + GAP) + 4 };
}

static struct svg_box place(const struct grid *g, unsigned row, unsigned col, double y)
{
	return (struct svg_box){ g->left + col * (g->cell_w + GAP),
				 y + HEAD + row * (g->cell_h + GAP), g->cell_w, g->cell_h };
}

/* Draws a bar along the cell's lower edge: how many walks found the entry in which place. */
static void draw_share(FILE *f, const struct grid_cell *c, struct svg_box b)
{
	static const char *const class[] = { "p2", "p5", "p0" };
	double sum = c->share[0] + c->share[1] + c->share[2], x = b.x + 1;

	for (unsigned i = 0; i < 3 && sum > 0; i++) {
		double w = (b.w - 2) * c->share[i] / sum;

		svg_rect(f, (struct svg_box){ x, b.y + b.h - BAR - 1, w, BAR }, class[i], NULL);
		x += w;
	}
}

static void draw_lines(FILE *f, const struct grid_cell *c, struct svg_box b)
{
	double y = b.y + 15;

	if (c->number)
		svg_text(f, (struct svg_at){ b.x + 6, y }, "small dim", "%u", c->number);
	for (unsigned i = 0; i < c->nr_lines; i++) {
		if (c->wide && i)
			svg_text(f, (struct svg_at){ b.x + 6, y }, "mono", "%s", c->line[i]);
		else
			svg_text(f, (struct svg_at){ b.x + b.w / 2, y }, i ? "m small" : "m b",
				 "%s", c->line[i]);
		y += c->wide ? 13.5 : 14;
	}
}

static void draw_cell(FILE *f, const struct grid *g, unsigned row, unsigned col, double y)
{
	const struct grid_cell *c = &g->cell[row][col];
	struct svg_box b = place(g, row, col, y);

	if (!c->class)
		return;
	svg_rect(f, b, c->class, c->tip[0] ? c->tip : NULL);
	draw_lines(f, c, b);
	draw_share(f, c, b);
}

/* Draws an arrow to the next cell of the row that exists. */
static void draw_arrow(FILE *f, const struct grid *g, unsigned row, unsigned col, double y)
{
	struct svg_box from = place(g, row, col, y), to;
	double mid = from.y + from.h / 2;
	unsigned next = col + 1;

	while (next < g->cols && !g->cell[row][next].class)
		next++;
	if (!g->cell[row][col].class || next >= g->cols)
		return;
	to = place(g, row, next, y);
	svg_arrow(f, (struct svg_at){ from.x + from.w + 1, mid }, (struct svg_at){ to.x - 1, mid },
		  "");
}

/* In one dimension, draws an arrow to the cell below. */
static void draw_down(FILE *f, const struct grid *g, unsigned row, double y)
{
	struct svg_box b = place(g, row, 0, y);

	if (row + 1 < g->rows && g->cell[row][0].class && g->cell[row + 1][0].class)
		svg_arrow(f, (struct svg_at){ b.x + b.w / 2, b.y + b.h + 1 },
			  (struct svg_at){ b.x + b.w / 2, b.y + b.h + GAP - 1 }, "");
}

static void draw_row(FILE *f, const struct grid *g, unsigned row, double y)
{
	for (unsigned col = 0; col < g->cols; col++) {
		draw_cell(f, g, row, col, y);
		draw_arrow(f, g, row, col, y);
	}
	if (g->cols == 1)
		draw_down(f, g, row, y);
}

void grid_draw(FILE *f, const struct grid *g, double y)
{
	for (unsigned col = 0; col < g->cols; col++) {
		struct svg_box b = place(g, 0, col, y);

		svg_text(f, (struct svg_at){ b.x + b.w / 2, y + 16 }, "m dim", "%s", g->col[col]);
	}
	for (unsigned row = 0; row < g->rows; row++) {
		struct svg_box b = place(g, row, 0, y);
		double mid = b.y + b.h / 2 + (g->row[row][1][0] ? -3 : 4);

		svg_text(f, (struct svg_at){ g->left - 8, mid }, "e b", "%s", g->row[row][0]);
		svg_text(f, (struct svg_at){ g->left - 8, mid + 14 }, "e small dim", "%s",
			 g->row[row][1]);
		draw_row(f, g, row, y);
	}
}

/* ---- of a run ------------------------------------------------------------------------ */

/*
 * Returns the highest level with references, of the guest's or of the nested dimension; 0 if there
 * is none.
 */
static unsigned top_level(const struct vmmu_silicon_stats *s, int nested)
{
	unsigned top = 0;

	for (unsigned g = 0; g <= VMMU_LEVELS; g++)
		for (unsigned n = 0; n <= VMMU_LEVELS; n++)
			if (s->cell[g][n].refs && (nested ? n : g) > top)
				top = nested ? n : g;
	return top;
}

static const char *class_of(const struct grid_cell *c)
{
	static const char *const class[] = { "near", "far", "skip" };

	for (unsigned i = 0; i < 3; i++)
		if (c->share[i] >= 2.0 / 3)
			return class[i];
	return "mixed";
}

static void fill_cell(struct grid_cell *c, const struct vmmu_walk_cell *from, uint64_t walks)
{
	double all = (double)walks, refs = (double)from->refs, near = (double)from->near;

	c->share[0] = near / all;
	c->share[1] = (refs - near) / all;
	c->share[2] = refs < all ? 1 - refs / all : 0;
	c->class = class_of(c);
	snprintf(c->line[0], sizeof(c->line[0]), "%.1f %%", 100 * refs / all);
	if (from->refs)
		snprintf(c->line[1], sizeof(c->line[1]), "%.1f cycles",
			 (double)from->cycles / refs);
	else
		snprintf(c->line[1], sizeof(c->line[1]), "never read");
	c->nr_lines = 2;
	snprintf(c->tip, sizeof(c->tip),
		 "%llu references in %llu walks, %llu of them found near, %llu cycles",
		 (unsigned long long)from->refs, (unsigned long long)walks,
		 (unsigned long long)from->near, (unsigned long long)from->cycles);
}

static int any_in_column(const struct vmmu_silicon_stats *s, unsigned n)
{
	for (unsigned g = 0; g <= VMMU_LEVELS; g++)
		if (s->cell[g][n].refs)
			return 1;
	return 0;
}

static int any_in_row(const struct vmmu_silicon_stats *s, unsigned g)
{
	for (unsigned n = 0; n <= VMMU_LEVELS; n++)
		if (s->cell[g][n].refs)
			return 1;
	return 0;
}

static void label_row(struct grid *g, unsigned row, unsigned level,
		      const struct vmmu_silicon_stats *s)
{
	uint64_t looks = s->nested_looks[level];

	snprintf(g->row[row][0], sizeof(g->row[row][0]), level ? "gL%u" : "gPA", level);
	if (looks && s->nested_hits[level])
		snprintf(g->row[row][1], sizeof(g->row[row][1]), "nested TLB %.1f %%",
			 100 * (double)s->nested_hits[level] / (double)looks);
}

static void fill_row(struct grid *g, unsigned row, unsigned level,
		     const struct vmmu_silicon_stats *s, uint64_t walks)
{
	unsigned number = row * g->cols;

	label_row(g, row, level, s);
	for (unsigned col = 0; col < g->cols; col++) {
		unsigned n = g->cols - 1 - col;
		struct grid_cell *c = &g->cell[row][col];

		if (!level && !n)
			continue;
		if (!any_in_row(s, level) || !any_in_column(s, n)) {
			*c = (struct grid_cell){ .class = "none", .nr_lines = 1 };
			snprintf(c->line[0], sizeof(c->line[0]), "\xe2\x80\x93");
			continue;
		}
		fill_cell(c, &s->cell[level][n], walks);
		c->number = number + col + 1;
	}
}

int grid_of_run(struct grid *g, const struct result *run)
{
	const struct vmmu_silicon_stats *s = &run->silicon;
	unsigned top = top_level(s, 0), nested = top_level(s, 1);
	uint64_t walks = s->walks[nested != 0];

	*g = (struct grid){ .cell_w = 94, .cell_h = 46, .left = 122 };
	if (!walks)
		return 0;
	g->rows = top + (nested != 0);
	g->cols = nested + 1;
	for (unsigned col = 0; col < nested; col++)
		snprintf(g->col[col], sizeof(g->col[col]), "nL%u", nested - col);
	snprintf(g->col[nested], sizeof(g->col[nested]), nested ? "guest's entry" : "entry");
	for (unsigned row = 0; row < g->rows; row++)
		fill_row(g, row, top - row, s, walks);
	return 1;
}

static void swatch(FILE *f, const char *class, const char *text)
{
	fprintf(f,
		"<span class=\"key\"><svg class=\"swatch\" viewBox=\"0 0 14 14\">"
		"<rect x=\"1\" y=\"1\" width=\"12\" height=\"12\" class=\"%s\"/></svg>",
		class);
	xml_put(f, text);
	fputs("</span>\n", f);
}

void grid_legend(FILE *f)
{
	fputs("<p class=\"legend\">", f);
	swatch(f, "near", "mostly found near, in the page-walk cache");
	swatch(f, "skip", "mostly skipped: the nested TLB knew, or the walk began lower");
	swatch(f, "mixed", "mixed");
	swatch(f, "far", "mostly read from the data caches or memory");
	swatch(f, "none", "no such level in these walks");
	fputs("</p>\n", f);
}
