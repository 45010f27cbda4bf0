/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as CSV: a line for each run.
 * Invariant: no cell but the input's name needs quotes.
 */
#include "report.h"
#include "base/base.h"

#include <string.h>

static void csv_text(FILE *f, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, f);
		return;
	}
	fputc('"', f);
	for (; *text; text++)
		fprintf(f, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', f);
}

static void csv_head(FILE *f, const struct cpu_model *cpu)
{
	fputs("input,backend,strategy,host_page,accesses,faults,mismatches,exits_total", f);
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		fprintf(f, ",exits_%s", vmmu_event_key(i));
	for (unsigned i = VMMU_NR_EXITS; i < VMMU_NR_EVENTS; i++)
		fprintf(f, ",%s", vmmu_event_key(i));
	fputs(",walks,walk_refs,sw_refs,table_bytes,meta_bytes,seconds,instructions", f);
	if (cpu)
		fputs(",cycles_total", f);
	for (unsigned i = 0; cpu && i < COST_NR; i++)
		fprintf(f, ",cycles_%s", cost_key(i));
	fputc('\n', f);
}

static void csv_cycles(FILE *f, const struct cpu_model *cpu, const struct result *run)
{
	struct cost cost;

	cost_of(cpu, run, &cost);
	fprintf(f, ",%.0f", cost.total);
	for (unsigned i = 0; i < COST_NR; i++)
		fprintf(f, ",%.0f", cost.part[i]);
}

static void csv_run(FILE *f, const char *name, const struct cpu_model *cpu,
		    const struct result *run)
{
	csv_text(f, name);
	fprintf(f, ",%s,%s,%s,%llu,%llu,%llu,%llu", run->backend,
		run->strategy ? run->strategy : "", run->host_page ? run->host_page : "",
		(unsigned long long)run->accesses, (unsigned long long)run->faults,
		(unsigned long long)run->mismatches, (unsigned long long)report_exits(run));
	for (unsigned i = 0; i < VMMU_NR_EVENTS; i++)
		fprintf(f, ",%llu", (unsigned long long)run->stats.event[i]);
	fprintf(f, ",%llu,%llu,%llu,%llu,%llu,%.6f,%llu",
		(unsigned long long)run->stats.event[VMMU_EV_WALK],
		(unsigned long long)run->stats.walk_refs, (unsigned long long)run->stats.sw_refs,
		(unsigned long long)run->stats.table_peak, (unsigned long long)run->stats.meta_peak,
		run->seconds, (unsigned long long)run->instructions);
	if (cpu)
		csv_cycles(f, cpu, run);
	fputc('\n', f);
}

int report_csv(const struct report *r, const char *path, struct err *err)
{
	FILE *f = output_text_open(path, err);

	if (!f)
		return -1;
	csv_head(f, r->cpu);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			csv_run(f, r->input[i].name, r->cpu, &r->input[i].run[k]);
	return output_text_close(f, path, err);
}
