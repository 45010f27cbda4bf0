/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling the grid with one walk.
 * Not here: what an entry's bits mean; the library tells that (vmmu/explain.h).
 * Invariant: a cell's row is the guest level that the reference serves, as in struct
 * vmmu_walk_cell, so that this picture has the same cells as the report's.
 */
#include "picture.h"
#include "draw/draw.h"

#include <stdlib.h>
#include <string.h>

#define MARGIN 16.0
#define CELL_W 164.0
#define CELL_H 92.0

/* Returns the guest's level that a reference serves; 0 for the address itself. */
static unsigned guest_level(const struct vmmu_step *s)
{
	return s->dim == 1 ? s->level : s->table;
}

static unsigned nested_level(const struct vmmu_step *s)
{
	return s->dim == 1 ? 0 : s->level;
}

/* Finds how many levels the walk has in each dimension. */
struct span {
	unsigned low, high;
};

static struct span span_of(const struct walk_record *w, int nested)
{
	struct span span = { VMMU_LEVELS, 0 };

	for (unsigned i = 0; i < w->nr; i++) {
		unsigned level = nested ? nested_level(&w->step[i]) : guest_level(&w->step[i]);

		if (nested && !level)
			continue;
		span.high = level > span.high ? level : span.high;
		span.low = level < span.low ? level : span.low;
	}
	return span;
}

/*
 * Splits a text such as "0x1d29000 P RW U A D NX" into the address and, on a line of its own, the
 * bits.
 */
static void entry_lines(struct grid_cell *c, const struct vmmu_step *s)
{
	char text[128], *bits;

	vmmu_explain_entry(s->fmt, s->level, s->entry, text, sizeof(text));
	bits = strncmp(text, "0x", 2) == 0 ? strchr(text, ' ') : NULL;
	if (bits)
		*bits++ = 0;
	snprintf(c->line[2], sizeof(c->line[2]), "%s%.40s", bits ? "holds " : "", text);
	snprintf(c->line[3], sizeof(c->line[3]), "%.47s", bits ? bits : "");
	c->nr_lines = 4;
}

/* Writes the address to which a leaf translates. */
static void target_line(struct grid_cell *c, const struct walk_record *w, unsigned i)
{
	const struct vmmu_step *s = &w->step[i];
	uint64_t in_page = (1ull << s->fmt->lv[s->level].shift) - 1;

	if (!s->leaf || walk_is_culprit(w, i) || (s->entry & s->fmt->pse36 & in_page))
		return;
	snprintf(c->line[4], sizeof(c->line[4]), "=> %s 0x%llx", s->dim == 2 ? "hpa" : w->target,
		 (unsigned long long)((s->entry & s->fmt->addr & ~in_page) | (s->ia & in_page)));
	c->nr_lines = 5;
}

static void fill_cell(struct grid_cell *c, const struct walk_record *w, unsigned i)
{
	const struct vmmu_step *s = &w->step[i];
	char name[32];

	walk_step_name(name, sizeof(name), s);
	c->class = walk_is_culprit(w, i) ? "stop"
		   : s->dim == 1	 ? "mixed"
		   : s->leaf		 ? "near"
					 : "skip";
	c->number = i + 1;
	c->wide = 1;
	snprintf(c->line[0], sizeof(c->line[0]), "%s", name);
	snprintf(c->line[1], sizeof(c->line[1]), "at %s 0x%llx", s->dim == 2 ? "hpa" : w->space,
		 (unsigned long long)s->pa);
	entry_lines(c, s);
	target_line(c, w, i);
	if (walk_is_culprit(w, i)) {
		snprintf(c->line[4], sizeof(c->line[4]), "the walk stops here");
		c->nr_lines = 5;
	}
}

static void label_row(struct grid *g, unsigned row, unsigned level, const struct vmmu_step *s)
{
	snprintf(g->row[row][0], sizeof(g->row[row][0]), level ? "gL%u" : "gPA", level);
	if (s->dim == 2)
		snprintf(g->row[row][1], sizeof(g->row[row][1]), "gpa 0x%llx",
			 (unsigned long long)s->ia);
}

/* A walk of two dimensions: a row for each of the guest's tables, and one for the address. */
static void fill_grid(struct grid *g, const struct walk_record *w)
{
	struct span guest = span_of(w, 0), nested = span_of(w, 1);

	g->rows = guest.high - guest.low + 1;
	g->cols = nested.high - nested.low + 2;
	for (unsigned col = 0; col + 1 < g->cols; col++)
		snprintf(g->col[col], sizeof(g->col[col]), "nL%u", nested.high - col);
	if (guest.high)
		snprintf(g->col[g->cols - 1], sizeof(g->col[0]), "guest's entry");
	for (unsigned i = 0; i < w->nr; i++) {
		const struct vmmu_step *s = &w->step[i];
		unsigned row = guest.high - guest_level(s), level = nested_level(s);

		fill_cell(&g->cell[row][level ? nested.high - level : g->cols - 1], w, i);
		if (!g->row[row][0][0])
			label_row(g, row, guest_level(s), s);
	}
}

/* A walk of one dimension: a row for each level, from the top level down. */
static void fill_line(struct grid *g, const struct walk_record *w)
{
	g->rows = 1;
	for (unsigned i = 0; i < w->nr && i < GRID_SIDE; i++) {
		snprintf(g->col[i], sizeof(g->col[i]), "level %u", w->step[i].level);
		fill_cell(&g->cell[0][i], w, i);
		g->cols = i + 1;
	}
}

static void make_grid(struct grid *g, const struct walk_record *w)
{
	int two = span_of(w, 1).high != 0;

	*g = (struct grid){ .cell_w = CELL_W, .cell_h = CELL_H, .left = two ? 132 : MARGIN };
	if (two)
		fill_grid(g, w);
	else
		fill_line(g, w);
}

/* A walk without references, as when paging is off, takes only the room of its heading. */
static double draw_part(FILE *f, const struct walk_figure *p, const struct grid *g, double y)
{
	svg_text(f, (struct svg_at){ MARGIN, y + 14 }, "b", "%s", p->head);
	if (!p->walk->nr)
		return y + 24;
	grid_draw(f, g, y + 20);
	return y + 20 + grid_size(g).h + 6;
}

static double most(double a, double b)
{
	return a > b ? a : b;
}

static struct svg_box picture_size(const struct walk_picture *p, const struct grid *g)
{
	struct svg_box size = { 0, 0, svg_width(p->title, 16), 104 };

	size.w = most(size.w, svg_width(p->about, 12.5));
	size.w = most(size.w, svg_width(p->result, 12.5));
	for (unsigned i = 0; i < p->nr_parts; i++) {
		size.w = most(size.w, p->part[i].walk->nr ? grid_size(&g[i]).w : 0);
		size.h += p->part[i].walk->nr ? 26 + grid_size(&g[i]).h : 24;
	}
	size.w += 2 * MARGIN;
	return size;
}

void walk_svg(FILE *f, const struct walk_picture *p)
{
	struct grid g[2];
	struct svg_box size;
	double y = 62;

	for (unsigned i = 0; i < p->nr_parts; i++)
		make_grid(&g[i], p->part[i].walk);
	size = picture_size(p, g);
	svg_begin_file(f, size.w, size.h, p->title);
	svg_text(f, (struct svg_at){ MARGIN, 26 }, "big", "%s", p->title);
	svg_text(f, (struct svg_at){ MARGIN, 46 }, "dim", "%s", p->about);
	for (unsigned i = 0; i < p->nr_parts; i++)
		y = draw_part(f, &p->part[i], &g[i], y);
	svg_text(f, (struct svg_at){ MARGIN, y + 20 }, p->failed ? "bad" : "b", "%s", p->result);
	svg_end(f);
}
