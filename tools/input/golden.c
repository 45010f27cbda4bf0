/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the text of QEMU's `info tlb` and `info mem`.
 * Not here: comparing with it.
 * Invariant: see golden.h.
 */
#include "golden.h"
#include "stream.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

struct list {
	void *data;
	size_t nr, cap, size;
};

typedef int parse_fn(char *line, void *out);

/* "VA: PA XGPDACTUW".  PAE addresses may carry NX in bit 63. */
static int parse_tlb(char *text, void *out)
{
	struct golden_line *line = out;
	char *save, *va = strtok_r(text, ": \t\r", &save), *pa = strtok_r(NULL, " \t\r", &save);
	char *flags = strtok_r(NULL, " \t\r", &save);

	if (!flags || strlen(flags) != 9 || parse_hex(va, &line->va) < 0 ||
	    parse_hex(pa, &line->pa) < 0)
		return -1;
	line->pa &= ~(1ull << 63);
	line->flags = (flags[0] == 'X' ? GOLDEN_NX : 0) | (flags[2] == 'P' ? GOLDEN_LARGE : 0);
	return 0;
}

/* "start-end size urw" */
static int parse_mem(char *text, void *out)
{
	struct golden_span *span = out;
	char *save, *start = strtok_r(text, "-", &save), *end = strtok_r(NULL, " \t\r", &save);
	char *size = strtok_r(NULL, " \t\r", &save), *flags = strtok_r(NULL, " \t\r", &save);

	if (!size || !flags || strlen(flags) != 3 || parse_hex(start, &span->start) < 0 ||
	    parse_hex(end, &span->end) < 0)
		return -1;
	span->user = flags[0] == 'u';
	span->write = flags[2] == 'w';
	return 0;
}

static void *append(struct list *l)
{
	if (l->nr == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 1024;
		void *data = realloc(l->data, cap * l->size);

		if (!data)
			return NULL;
		l->data = data;
		l->cap = cap;
	}
	return (char *)l->data + l->size * l->nr++;
}

static int load_line(struct lines *l, char *text, struct list *list, parse_fn *parse,
		     struct err *err)
{
	void *item;

	if (text[strspn(text, " \t\r")] == 0)
		return 1;
	item = append(list);
	if (!item)
		return err_input(err, "%s: out of memory", input_name(l->in));
	if (parse(text, item) < 0) {
		err_input(err, "%s: line %llu: not what QEMU prints", input_name(l->in),
			  (unsigned long long)l->number);
		return err_hint(
			err,
			"Save the monitor's `info tlb` or `info mem` again, without its prompt; "
			"or take the file's name out of the JSON's contexts[].");
	}
	return 1;
}

static int load(const char *path, struct list *list, parse_fn *parse, struct err *err)
{
	struct input *in = input_open(path, err);
	struct lines l;
	char *text;
	int got;

	if (!in)
		return -1;
	got = lines_open(&l, in, err) < 0 ? -1 : 1;
	while (got > 0) {
		got = lines_next(&l, &text, err);
		if (got > 0)
			got = load_line(&l, text, list, parse, err);
	}
	lines_close(&l);
	return got;
}

static int by_start(const void *a, const void *b)
{
	const struct golden_span *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int golden_load(struct golden *g, const char *tlb, const char *infomem, struct err *err)
{
	struct list lines = { .size = sizeof(struct golden_line) };
	struct list spans = { .size = sizeof(struct golden_span) };
	int ret = load(tlb, &lines, parse_tlb, err);

	if (ret == 0 && infomem)
		ret = load(infomem, &spans, parse_mem, err);
	*g = (struct golden){ lines.data, spans.data, lines.nr, spans.nr };
	if (g->nr_spans)
		qsort(g->span, g->nr_spans, sizeof(*g->span), by_start);
	if (ret < 0)
		golden_free(g);
	return ret;
}

void golden_free(struct golden *g)
{
	free(g->line);
	free(g->span);
	*g = (struct golden){ 0 };
}

const struct golden_span *golden_find(const struct golden *g, uint64_t va)
{
	size_t lo = 0, hi = g->nr_spans;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->span[mid].start <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && va < g->span[lo - 1].end ? &g->span[lo - 1] : NULL;
}
