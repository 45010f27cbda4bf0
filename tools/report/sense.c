/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much depends on the profile's assumptions, as text.
 * Not here: the same on the page (sweep.c) and as JSON (json.c).
 * Invariant: every number that was varied has a line.
 */
#include "report.h"

#include <string.h>

#define CHANGED 15

static void name_of(char *buf, size_t len, const struct result *run)
{
	if (run->strategy)
		snprintf(buf, len, "%s", run->strategy);
	else
		snprintf(buf, len, "%s%s%s", run->backend, run->host_page ? " " : "",
			 run->host_page ? run->host_page : "");
}

static void print_change(FILE *out, const struct sense_number *n, unsigned run)
{
	char text[2][16], both[40];

	for (unsigned change = 0; change < SENSE_CHANGES; change++)
		if (n->impossible[change])
			snprintf(text[change], sizeof(text[0]), "-");
		else
			snprintf(text[change], sizeof(text[0]), "%.1f",
				 100 * n->performance[change][run]);
	snprintf(both, sizeof(both), "%s / %s", text[0], text[1]);
	fprintf(out, "%*s", CHANGED, both);
}

static void print_number(FILE *out, const struct sensitivity *s, const struct sense_number *n)
{
	fprintf(out, "  %-26s%8.6g", n->key, n->value);
	for (unsigned i = 1; i < s->nr_runs; i++)
		print_change(out, n, i);
	if (n->reorders[SENSE_HALVED] || n->reorders[SENSE_DOUBLED])
		fprintf(out, "  %s",
			n->reorders[SENSE_HALVED] && n->reorders[SENSE_DOUBLED]
				? "order changes with both"
			: n->reorders[SENSE_HALVED] ? "order changes if halved"
						    : "order changes if doubled");
	fputc('\n', out);
}

static void print_even(FILE *out, const struct report_input *in, const struct sense_number *n)
{
	const struct sensitivity *s = in->sensitivity;

	for (unsigned i = 0; i + 1 < s->nr_runs; i++) {
		char a[96], b[96];

		if (n->even[i] < 0)
			continue;
		name_of(a, sizeof(a), &in->run[s->order[i]]);
		name_of(b, sizeof(b), &in->run[s->order[i + 1]]);
		fprintf(out, "  %-26s%8.6g%12.6g  %s, %s\n", n->key, n->value, n->even[i], a, b);
	}
}

static int any_even(const struct sensitivity *s)
{
	for (unsigned i = 0; i < s->nr; i++)
		for (unsigned k = 0; k + 1 < s->nr_runs; k++)
			if (s->number[i].even[k] >= 0)
				return 1;
	return 0;
}

void report_sensitivity(FILE *out, const struct report_input *in)
{
	const struct sensitivity *s = in->sensitivity;

	fprintf(out, "%s: performance in %% if an assumed number is halved / doubled\n", in->name);
	fprintf(out, "  %-26s%8s", "", "value");
	for (unsigned i = 1; i < s->nr_runs; i++) {
		char name[96];

		name_of(name, sizeof(name), &in->run[i]);
		fprintf(out, "%*.*s", CHANGED, CHANGED - 1, name);
	}
	fputc('\n', out);
	for (unsigned i = 0; i < s->nr; i++)
		print_number(out, s, &s->number[i]);
	if (s->nr_words)
		fprintf(out, "  not varied, because they are words: %u\n", s->nr_words);
	if (any_even(s)) {
		fprintf(out, "  %-26s%8s%12s\n", "where two swap places", "value", "swap at");
		for (unsigned i = 0; i < s->nr; i++)
			print_even(out, in, &s->number[i]);
	}
	fputc('\n', out);
}
