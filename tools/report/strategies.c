/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of shadow strategies on the terminal: a row for each run, what made it exit and what
 * it did.
 * Invariant: the first run is native's, which exits for nothing.
 */
#include "report.h"
#include "base/base.h"

#include <string.h>

#define CELL_BYTES 32

struct column {
	const char *head;
	int width;
	enum vmmu_event ev;
};

static const struct column exit_columns[] = {
	{ "cr_write", 10, VMMU_EV_EXIT_CR_WRITE }, { "invlpg", 9, VMMU_EV_EXIT_INVLPG },
	{ "guest_pf", 10, VMMU_EV_EXIT_GUEST_PF }, { "shadow_miss", 13, VMMU_EV_EXIT_SHADOW_MISS },
	{ "pt_write", 10, VMMU_EV_EXIT_PT_WRITE }, { "mmio", 8, VMMU_EV_EXIT_MMIO },
};

static const struct column work_columns[] = {
	{ "unsyncs", 9, VMMU_EV_UNSYNC },     { "syncs", 8, VMMU_EV_SYNC },
	{ "floods", 8, VMMU_EV_FLOOD },	      { "zaps", 8, VMMU_EV_SHADOW_ZAP },
	{ "prefetch", 10, VMMU_EV_PREFETCH },
};

static const char *row_name(const struct result *run)
{
	return run->strategy ? run->strategy : run->backend;
}

/* Returns a width in which every name fits. */
static int name_width(const struct report_input *in)
{
	size_t most = 12;

	for (unsigned i = 0; i < in->nr_runs; i++) {
		size_t n = strlen(row_name(&in->run[i]));

		most = n > most ? n : most;
	}
	return (int)most;
}

/* Prints a count; if there are operations, divided by them and with two decimals. */
static void put_count(FILE *out, const struct report_input *in, uint64_t n, int width)
{
	char buf[CELL_BYTES];

	if (!n)
		snprintf(buf, sizeof(buf), "-");
	else if (in->ops)
		snprintf(buf, sizeof(buf), "%.2f", (double)n / (double)in->ops);
	else
		format_count(buf, sizeof(buf), n);
	fprintf(out, "%*s", width, buf);
}

static void print_heads(FILE *out, const struct column *c, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		fprintf(out, "%*s", c[i].width, c[i].head);
}

/* Returns the virtual TLB's exits, to which others are compared; 0 if it is not among the runs. */
static uint64_t vtlb_exits(const struct report_input *in)
{
	for (unsigned i = 0; i < in->nr_runs; i++)
		if (in->run[i].strategy && !strcmp(in->run[i].strategy, "vtlb"))
			return report_exits(&in->run[i]);
	return 0;
}

static void print_strategy_exits(FILE *out, const struct report_input *in)
{
	uint64_t vtlb = vtlb_exits(in);
	const unsigned nr = sizeof(exit_columns) / sizeof(*exit_columns);

	const int width = name_width(in);

	fprintf(out, "%-*s%11s%8s", width + 2, in->ops ? "exits per op" : "exits", "all",
		"of vtlb");
	print_heads(out, exit_columns, nr);
	fputc('\n', out);
	for (unsigned i = 1; i < in->nr_runs; i++) {
		uint64_t all = report_exits(&in->run[i]);

		fprintf(out, "  %-*s", width, row_name(&in->run[i]));
		put_count(out, in, all, 11);
		if (vtlb)
			fprintf(out, "%6.1f %%", 100 * (double)all / (double)vtlb);
		else
			fprintf(out, "%8s", "-");
		for (unsigned k = 0; k < nr; k++)
			put_count(out, in, in->run[i].stats.event[exit_columns[k].ev],
				  exit_columns[k].width);
		fputc('\n', out);
	}
}

static void print_strategy_work(FILE *out, const struct report_input *in, int colour)
{
	const unsigned nr = sizeof(work_columns) / sizeof(*work_columns);
	const struct report_input whole = { 0 };
	const int width = name_width(in);

	fprintf(out, "%-*s%10s%11s", width + 2, "work", "walks", "sw refs");
	print_heads(out, work_columns, nr);
	fprintf(out, "%9s%9s%8s  wrong\n", "tables", "other", "seconds");
	for (unsigned i = 0; i < in->nr_runs; i++) {
		const struct result *r = &in->run[i];
		char tables[CELL_BYTES], other[CELL_BYTES];

		fprintf(out, "  %-*s", width, row_name(r));
		put_count(out, &whole, r->stats.event[VMMU_EV_WALK], 10);
		put_count(out, &whole, r->stats.sw_refs, 11);
		for (unsigned k = 0; k < nr; k++)
			put_count(out, &whole, r->stats.event[work_columns[k].ev],
				  work_columns[k].width);
		format_bytes(tables, sizeof(tables), r->stats.table_peak);
		format_bytes(other, sizeof(other), r->stats.meta_peak);
		fprintf(out, "%9s%9s%8.2f%s%7llu%s\n", tables, other, r->seconds,
			colour && r->mismatches ? "\033[1;31m" : "",
			(unsigned long long)r->mismatches,
			colour && r->mismatches ? "\033[0m" : "");
	}
}

void report_strategies(FILE *out, const struct report_input *in, int colour)
{
	fprintf(out, "%s%s%s: %s\n", colour ? "\033[1m" : "", in->name, colour ? "\033[0m" : "",
		in->about);
	if (in->ops)
		fprintf(out, "%llu %s\n", (unsigned long long)in->ops, in->op_unit);
	print_strategy_exits(out, in);
	print_strategy_work(out, in, colour);
	fputc('\n', out);
}
