/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shapes as SVG and text as XML, of which all pictures of the command are made.
 * Lengths are in pixels; a class is one of svg_style()'s.
 * Invariant: the output is well-formed XML in UTF-8, whatever bytes a text has; bytes that are no
 * character become U+FFFD.
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

/* Writes text as the content of an element, or of an attribute in double quotes. */
void xml_put(FILE *f, const char *text);
/* The same for formatted text of at most 511 bytes. */
void xml_print(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes the content of a <style>: fonts, and colours for light and for dark screens. */
void svg_style(FILE *f);

/* Begins a picture in a page.  Screen readers read `title`. */
void svg_begin(FILE *f, double w, double h, const char *title);
/* Begins a picture in a file of its own, with its style and a background. */
void svg_begin_file(FILE *f, double w, double h, const char *title);
void svg_end(FILE *f);

/* `tip` is shown under the mouse; NULL: no tip. */
void svg_rect(FILE *f, struct svg_box box, const char *class, const char *tip);
void svg_line(FILE *f, struct svg_at from, struct svg_at to, const char *class);
/* A line with a head at `to`. */
void svg_arrow(FILE *f, struct svg_at from, struct svg_at to, const char *class);
/* A line through `nr` points. */
void svg_path(FILE *f, const struct svg_at *at, unsigned nr, const char *class);
void svg_dot(FILE *f, struct svg_at at, double r, const char *class);
/*
 * The text's base line begins at `at`.  With the class "m" the text's middle is there, with "e"
 * its end.
 */
void svg_text(FILE *f, struct svg_at at, const char *class, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Estimates how wide a text of this height is, in an ordinary font. */
double svg_width(const char *text, double size);

#endif
