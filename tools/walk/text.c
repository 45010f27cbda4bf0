/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Laying out walks as text.
 * Not here: what an entry's bits mean; the library tells that (vmmu/explain.h).
 * Invariant: see text.h.
 */
#include "text.h"

#include <string.h>

#define TEXT 128

void walk_collect(void *ctx, const struct vmmu_step *step)
{
	struct walk_record *w = ctx;

	if (w->nr < WALK_STEPS)
		w->step[w->nr++] = *step;
}

static unsigned index_of(const struct vmmu_step *s)
{
	const struct vmmu_fmt_level *lv = &s->fmt->lv[s->level];

	return (unsigned)(s->ia >> lv->shift & ((1ull << lv->bits) - 1));
}

void walk_step_name(char *buf, size_t len, const struct vmmu_step *s)
{
	snprintf(buf, len, "%s[%u]", vmmu_explain_level(s->fmt, s->level), index_of(s));
}

static void entry_text(char *buf, size_t len, const struct vmmu_step *s)
{
	vmmu_explain_entry(s->fmt, s->level, s->entry, buf, len);
}

int walk_is_culprit(const struct walk_record *w, unsigned i)
{
	unsigned status = w->walk.status;

	return i + 1 == w->nr && (status == VMMU_WALK_NP || status == VMMU_WALK_RSVD ||
				  status == VMMU_WALK_MISCONFIG || status == VMMU_WALK_PERM);
}

static const char *colour_of(const struct walk_style *style, const struct walk_record *w,
			     unsigned i)
{
	if (!style->colour)
		return "";
	if (walk_is_culprit(w, i))
		return "\033[1;31m";
	return w->step[i].dim == 1 ? "\033[1m" : "";
}

/* Writes the address to which a leaf translates, as in "  => gpa 0x5710888". */
static void print_target(FILE *out, const struct walk_record *w, unsigned i)
{
	const struct vmmu_step *s = &w->step[i];
	uint64_t in_page = (1ull << s->fmt->lv[s->level].shift) - 1;
	int at_end = i + 1 == w->nr, bad = at_end && w->walk.status != VMMU_WALK_OK;

	if (!s->leaf || bad || (s->entry & s->fmt->pse36 & in_page))
		return;
	fprintf(out, "  => %s 0x%llx", s->dim == 2 ? "hpa" : w->target,
		(unsigned long long)((s->entry & s->fmt->addr & ~in_page) | (s->ia & in_page)));
}

static void print_step(const struct walk_style *style, const struct walk_record *w, unsigned i)
{
	const struct vmmu_step *s = &w->step[i];
	int nested = s->dim == 2;
	char name[32], entry[TEXT];

	walk_step_name(name, sizeof(name), s);
	entry_text(entry, sizeof(entry), s);
	fprintf(style->out, "%s%s%4u  %-14s at %s 0x%-10llx %s", colour_of(style, w, i),
		nested ? "      " : "", i + 1, name, nested ? "hpa" : w->space,
		(unsigned long long)s->pa, entry);
	print_target(style->out, w, i);
	fprintf(style->out, "%s%s\n", walk_is_culprit(w, i) ? "  <-- stops here" : "",
		style->colour ? "\033[0m" : "");
}

/* Writes what the nested references that follow are for. */
static void print_reason(const struct walk_style *style, const struct walk_record *w, unsigned i)
{
	const struct vmmu_step *s = &w->step[i];

	if (s->dim != 2 || (i && w->step[i - 1].dim == 2 && w->step[i - 1].ia == s->ia &&
			    w->step[i - 1].table == s->table && w->step[i - 1].level > s->level))
		return;
	if (s->table)
		fprintf(style->out, "      where is the guest's level-%u entry, gpa 0x%llx?\n",
			s->table, (unsigned long long)s->ia);
	else
		fprintf(style->out, "      where is the byte itself, gpa 0x%llx?\n",
			(unsigned long long)s->ia);
}

void walk_print(const struct walk_style *style, const struct walk_record *w)
{
	for (unsigned i = 0; i < w->nr; i++) {
		print_reason(style, w, i);
		print_step(style, w, i);
	}
}

/* Writes a walk of one dimension as cells, one for each level. */
struct column {
	char entry[VMMU_LEVELS + 1][TEXT];
	char where[VMMU_LEVELS + 1][TEXT];
	unsigned width;
};

static void fill_column(struct column *c, const struct walk_record *w)
{
	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < w->nr; i++) {
		const struct vmmu_step *s = &w->step[i];
		char name[32], entry[80], *cell = c->entry[s->level];
		size_t len;

		walk_step_name(name, sizeof(name), s);
		entry_text(entry, sizeof(entry), s);
		snprintf(cell, TEXT, "%u  %-11s %s%s", i + 1, name, entry,
			 walk_is_culprit(w, i) ? " <--" : "");
		snprintf(c->where[s->level], TEXT, "   at %s 0x%llx", w->space,
			 (unsigned long long)s->pa);
		len = strlen(cell);
		c->width = len > c->width ? (unsigned)len : c->width;
	}
}

static void print_row(const struct walk_style *style, const char *l, const char *r, unsigned width)
{
	fprintf(style->out, "  %-*s | %s\n", (int)width, l, r);
}

static void print_stacked(const struct walk_style *style, const struct walk_record *w,
			  const char *head)
{
	fprintf(style->out, "%s\n", head);
	walk_print(style, w);
}

void walk_print_both(const struct walk_style *style, const struct walk_record *left,
		     const char *left_head, const struct walk_record *right, const char *right_head)
{
	struct column l, r;
	unsigned width;

	fill_column(&l, left);
	fill_column(&r, right);
	width = l.width > strlen(left_head) ? l.width : (unsigned)strlen(left_head);
	if (2 + width + 3 + r.width > style->width) {
		print_stacked(style, left, left_head);
		print_stacked(style, right, right_head);
		return;
	}
	print_row(style, left_head, right_head, width);
	for (unsigned level = VMMU_LEVELS; level; level--) {
		if (!l.entry[level][0] && !r.entry[level][0])
			continue;
		print_row(style, l.entry[level], r.entry[level], width);
		print_row(style, l.where[level], r.where[level], width);
	}
}
