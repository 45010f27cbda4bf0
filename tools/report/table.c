/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table on the terminal: a row for each number, a column for each run.  It is at most 95
 * columns wide for the usual seven runs.
 * Invariant: only rows of exits that no run had are left out.
 */
#include "report.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define LABEL "%-18s"
#define CELL "%11s"
#define CELL_BYTES 32

/* A row, with the function that fills a run's cell in it. */
struct row {
	const char *label;
	void (*cell)(char *buf, const struct result *run, unsigned exit);
	unsigned exit;
	int alarm; /* a value other than 0 is shown in red */
};

static void count(char *buf, uint64_t n)
{
	format_count(buf, CELL_BYTES, n);
}

static void cell_backend(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	snprintf(buf, CELL_BYTES, "%s", run->backend);
}

static void cell_page(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	snprintf(buf, CELL_BYTES, "%s", run->host_page ? run->host_page : "-");
}

static void cell_accesses(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, run->accesses);
}

static void cell_faults(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, run->faults);
}

static void cell_mismatches(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, run->mismatches);
}

static void cell_exits(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, report_exits(run));
}

static void cell_exit(char *buf, const struct result *run, unsigned exit)
{
	if (run->stats.event[exit])
		count(buf, run->stats.event[exit]);
	else
		snprintf(buf, CELL_BYTES, "-");
}

static void cell_walks(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, run->stats.event[VMMU_EV_WALK]);
}

static void cell_refs(char *buf, const struct result *run, unsigned exit)
{
	uint64_t walks = run->stats.event[VMMU_EV_WALK];

	(void)exit;
	if (walks)
		snprintf(buf, CELL_BYTES, "%.2f", (double)run->stats.walk_refs / (double)walks);
	else
		snprintf(buf, CELL_BYTES, "-");
}

static void cell_sw_refs(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, run->stats.sw_refs);
}

static void cell_tables(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	count(buf, run->stats.table_peak / 4096);
}

static void cell_table_bytes(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	format_bytes(buf, CELL_BYTES, run->stats.table_peak);
}

static void cell_meta_bytes(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	format_bytes(buf, CELL_BYTES, run->stats.meta_peak);
}

static void cell_touched(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	format_bytes(buf, CELL_BYTES, run->touched_bytes);
}

static void cell_backed(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	format_bytes(buf, CELL_BYTES, run->backed_bytes);
}

static void cell_seconds(char *buf, const struct result *run, unsigned exit)
{
	(void)exit;
	snprintf(buf, CELL_BYTES, "%.2f", run->seconds);
}

static void print_row(FILE *out, const struct report_input *in, const struct row *row, int colour)
{
	fprintf(out, LABEL, row->label);
	for (unsigned i = 0; i < in->nr_runs; i++) {
		char buf[CELL_BYTES];
		int red = colour && row->alarm && in->run[i].mismatches;

		row->cell(buf, &in->run[i], row->exit);
		fputs(red ? "\033[1;31m" : "", out);
		fprintf(out, CELL, buf);
		fputs(red ? "\033[0m" : "", out);
	}
	fputc('\n', out);
}

static int any_exit(const struct report_input *in, unsigned exit)
{
	for (unsigned i = 0; i < in->nr_runs; i++)
		if (in->run[i].stats.event[exit])
			return 1;
	return 0;
}

static void print_exits(FILE *out, const struct report_input *in, int colour)
{
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++) {
		char label[32];
		struct row row = { label, cell_exit, i, 0 };

		if (!any_exit(in, i))
			continue;
		snprintf(label, sizeof(label), "  %s", vmmu_event_key(i));
		print_row(out, in, &row, colour);
	}
}

static void print_rows(FILE *out, const struct report_input *in, const struct row *rows,
		       unsigned nr, int colour)
{
	for (unsigned i = 0; i < nr; i++)
		print_row(out, in, &rows[i], colour);
}

/* ---- cycles, on a modelled CPU ---------------------------------------------------- */

static void put_cycles(char *buf, double cycles)
{
	if (cycles < 0.5)
		snprintf(buf, CELL_BYTES, "-");
	else
		snprintf(buf, CELL_BYTES, "%.2f", cycles / 1e6);
}

static void print_part(FILE *out, const struct report_input *in, const struct cost *cost,
		       unsigned part)
{
	double sum = 0;

	for (unsigned i = 0; i < in->nr_runs; i++)
		sum += cost[i].part[part];
	if (sum < 0.5)
		return;
	fprintf(out, "  %-16s", cost_key(part));
	for (unsigned i = 0; i < in->nr_runs; i++) {
		char buf[CELL_BYTES];

		put_cycles(buf, cost[i].part[part]);
		fprintf(out, CELL, buf);
	}
	fputc('\n', out);
}

/* The first run is native, to which the others are compared. */
static void print_costs(FILE *out, const struct report_input *in, const struct cpu_model *cpu)
{
	struct cost *cost = calloc(in->nr_runs, sizeof(*cost));

	if (!cost)
		return;
	fprintf(out, LABEL, "million cycles");
	for (unsigned i = 0; i < in->nr_runs; i++) {
		char buf[CELL_BYTES];

		cost_of(cpu, &in->run[i], &cost[i]);
		put_cycles(buf, cost[i].total);
		fprintf(out, CELL, buf);
	}
	fputc('\n', out);
	for (unsigned part = 0; part < COST_NR; part++)
		print_part(out, in, cost, part);
	fprintf(out, LABEL, "performance");
	for (unsigned i = 0; i < in->nr_runs; i++)
		fprintf(out, "%9.1f %%",
			cost[i].total > 0 ? 100 * cost[0].total / cost[i].total : 0);
	fputc('\n', out);
	free(cost);
}

void report_table(FILE *out, const struct report_input *in, const struct cpu_model *cpu, int colour)
{
	static const struct row head[] = {
		{ "", cell_backend, 0, 0 },
		{ "host pages", cell_page, 0, 0 },
		{ "accesses checked", cell_accesses, 0, 0 },
		{ "faults checked", cell_faults, 0, 0 },
		{ "mismatches", cell_mismatches, 0, 1 },
		{ "exits", cell_exits, 0, 0 },
	};
	static const struct row tail[] = {
		{ "walks", cell_walks, 0, 0 },
		{ "refs per walk", cell_refs, 0, 0 },
		{ "software refs", cell_sw_refs, 0, 0 },
		{ "tables", cell_tables, 0, 0 },
		{ "table memory", cell_table_bytes, 0, 0 },
		{ "other memory", cell_meta_bytes, 0, 0 },
		{ "seconds", cell_seconds, 0, 0 },
	};

	static const struct row memory[] = {
		{ "memory used", cell_touched, 0, 0 },
		{ "memory backed", cell_backed, 0, 0 },
	};

	fprintf(out, "%s%s%s: %s\n", colour ? "\033[1m" : "", in->name, colour ? "\033[0m" : "",
		in->about);
	print_rows(out, in, head, sizeof(head) / sizeof(*head), colour);
	print_exits(out, in, colour);
	print_rows(out, in, tail, sizeof(tail) / sizeof(*tail), colour);
	if (cpu)
		print_costs(out, in, cpu);
	if (in->run[0].touched_bytes)
		print_rows(out, in, memory, sizeof(memory) / sizeof(*memory), colour);
	fputc('\n', out);
}

static void strategies_legend(FILE *out)
{
	fputs("vtlb       nothing is kept: a virtual TLB     trap    pages are kept, every store "
	      "to a\n"
	      "all        every technique                           guest table traps\n"
	      "no-NAME    all but this one                  exits   of the hypervisor, by reason\n"
	      "unsyncs    tables let out of step            syncs   tables compared again\n"
	      "floods     tables that were none any more    zaps    shadow pages taken away\n"
	      "prefetch   times that neighbours were filled sw refs entries the hypervisor read\n"
	      "tables     most memory of shadow tables      other   what is kept beside them\n"
	      "wrong      answers that differ from those recorded: must be 0\n",
	      out);
}

void report_legend(FILE *out, int strategies)
{
	if (strategies) {
		strategies_legend(out);
		return;
	}
	fputs("mismatches     answers that differ from those recorded (or from native's): must be "
	      "0\n"
	      "exits          times the hypervisor had to step in, by reason below it\n"
	      "walks          times the CPU missed its TLB and walked tables; each entry it\n"
	      "               reads on the way is a ref\n"
	      "software refs  entries of guest tables that the hypervisor read itself\n"
	      "tables         most pages of shadow or nested tables at one time; other memory:\n"
	      "               what the hypervisor keeps beside them\n"
	      "memory used    pages that the guest's accesses touched; backed: what the host "
	      "needs\n"
	      "               for them, in pages of its size\n",
	      out);
}
