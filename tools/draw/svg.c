/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing SVG.
 * Not here: colours (style.c).
 * Invariant: see svg.h; all text goes through xml_put().
 */
#include "svg.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>

/* Returns how many bytes follow this first byte of a character; -1 if no character begins so. */
static int follow(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c >= 0xc2 && c < 0xe0)
		return 1;
	if (c >= 0xe0 && c < 0xf0)
		return 2;
	return c >= 0xf0 && c < 0xf5 ? 3 : -1;
}

/* Whether XML 1.0 allows the character in a document (section 2.2). */
static int allowed(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n';
	return !(c >= 0xd800 && c < 0xe000) && (c & 0xfffe) != 0xfffe && c < 0x110000 &&
	       !(c >= 0x7f && c < 0xa0);
}

/* Returns the length of the character at `text`, or 0 if there is no valid one. */
static unsigned character(const char *text)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	int n = follow((unsigned char)text[0]);
	uint32_t c;

	if (n < 0)
		return 0;
	c = (unsigned char)text[0] & (n ? 0x3fu >> n : 0x7fu);
	for (int i = 1; i <= n; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)text[i] & 0x3fu);
	}
	return c >= least[n] && allowed(c) ? (unsigned)n + 1 : 0;
}

static const char *special(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void xml_put(FILE *f, const char *text)
{
	while (*text) {
		const char *instead = special(*text);
		unsigned n = character(text);

		if (instead)
			fputs(instead, f);
		else if (n)
			fwrite(text, 1, n, f);
		else
			fputs("\xef\xbf\xbd", f);
		text += n ? n : 1;
	}
}

void xml_print(FILE *f, const char *fmt, ...)
{
	char buf[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	xml_put(f, buf);
}

static void head(FILE *f, const char *attributes, struct svg_box box, const char *title)
{
	fprintf(f, "<svg %s viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", attributes,
		box.w, box.h);
	xml_put(f, title);
	fputs("\">\n", f);
}

void svg_begin(FILE *f, double w, double h, const char *title)
{
	head(f, "class=\"picture\"", (struct svg_box){ 0, 0, w, h }, title);
}

void svg_begin_file(FILE *f, double w, double h, const char *title)
{
	char attributes[120];

	(void)snprintf(attributes, sizeof(attributes),
		       "xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\"", w, h);
	head(f, attributes, (struct svg_box){ 0, 0, w, h }, title);
	fputs("<title>", f);
	xml_put(f, title);
	fputs("</title>\n<style>\n", f);
	svg_style(f);
	fputs("</style>\n", f);
	svg_rect(f, (struct svg_box){ 0, 0, w, h }, "ground", NULL);
}

void svg_end(FILE *f)
{
	fputs("</svg>\n", f);
}

void svg_rect(FILE *f, struct svg_box b, const char *class, const char *tip)
{
	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" class=\"%s\"", b.x,
		b.y, b.w, b.h, class);
	if (!tip) {
		fputs("/>\n", f);
		return;
	}
	fputs("><title>", f);
	xml_put(f, tip);
	fputs("</title></rect>\n", f);
}

void svg_line(FILE *f, struct svg_at from, struct svg_at to, const char *class)
{
	fprintf(f, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n", from.x, from.y, to.x, to.y,
		class);
}

void svg_arrow(FILE *f, struct svg_at from, struct svg_at to, const char *class)
{
	double dx = to.x - from.x, dy = to.y - from.y, n = hypot(dx, dy);
	double ux = n > 0 ? 5 * dx / n : 0, uy = n > 0 ? 5 * dy / n : 0;

	fprintf(f,
		"<path d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n",
		from.x, from.y, to.x, to.y, to.x - ux - uy * .7, to.y - uy + ux * .7, to.x, to.y,
		to.x - ux + uy * .7, to.y - uy - ux * .7, class);
}

void svg_path(FILE *f, const struct svg_at *at, unsigned nr, const char *class)
{
	fputs("<path d=\"", f);
	for (unsigned i = 0; i < nr; i++)
		fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', at[i].x, at[i].y);
	fprintf(f, "\" class=\"%s\"/>\n", class);
}

void svg_dot(FILE *f, struct svg_at at, double r, const char *class)
{
	fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"/>\n", at.x, at.y, r,
		class);
}

void svg_text(FILE *f, struct svg_at at, const char *class, const char *fmt, ...)
{
	char buf[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", at.x, at.y, class);
	xml_put(f, buf);
	fputs("</text>\n", f);
}

double svg_width(const char *text, double size)
{
	double n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n * size * .56;
}
