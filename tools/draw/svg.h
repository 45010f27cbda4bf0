/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drawing as SVG, and text as XML: all that the pictures of the command are
 * made of.  Knows nothing of what is drawn.
 * Lengths are pixels; a class is one of svg_style()'s.
 * Invariant: what is written is well-formed UTF-8 XML, whatever bytes the
 * text has; what is no character comes out as U+FFFD.
 */
#ifndef TOOLS_DRAW_SVG_H
#define TOOLS_DRAW_SVG_H

#include <stdio.h>

struct svg_at {
	double x, y;
};

struct svg_box {
	double x, y, w, h;
};

/* Text, as the content of an element or of an attribute in double quotes. */
void xml_put(FILE *f, const char *text);
/* The same of at most 511 bytes. */
void xml_print(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Colours, in light and dark, and fonts; for a <style>. */
void svg_style(FILE *f);

/* A picture in a page; `title` is what it is called to who cannot see it. */
void svg_begin(FILE *f, double w, double h, const char *title);
/* A picture in a file of its own, with its style and a ground. */
void svg_begin_file(FILE *f, double w, double h, const char *title);
void svg_end(FILE *f);

/* `tip` is shown under the mouse; NULL: nothing is. */
void svg_rect(FILE *f, struct svg_box box, const char *class, const char *tip);
void svg_line(FILE *f, struct svg_at from, struct svg_at to, const char *class);
/* A line with a head at `to`. */
void svg_arrow(FILE *f, struct svg_at from, struct svg_at to, const char *class);
/* A line through `nr` points. */
void svg_path(FILE *f, const struct svg_at *at, unsigned nr, const char *class);
void svg_dot(FILE *f, struct svg_at at, double r, const char *class);
/* Its base line begins at `at`; with the class "m" its middle lies there, with "e" its end. */
void svg_text(FILE *f, struct svg_at at, const char *class, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* How wide a text of this many pixels' height will be, about; of an ordinary font. */
double svg_width(const char *text, double size);

#endif
