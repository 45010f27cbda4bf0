/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON and CSV, in the shape that counting in the manual page promises.
 * The table is in report_table.c.
 * Invariant: a number that JSON gets, CSV gets.
 */
#include "report.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

uint64_t report_exits(const struct result *run)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		sum += run->stats.event[i];
	return sum;
}

uint64_t report_mismatches(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->nr_inputs; i++)
		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			sum += r->input[i].run[k].mismatches;
	return sum;
}

static void put(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *exits_json(const struct result *run)
{
	struct json_object *o = json_object_new_object();

	put(o, "total", report_exits(run));
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		put(o, vmmu_event_key(i), run->stats.event[i]);
	return o;
}

/* What the hypervisor did: all events that are no exits. */
static struct json_object *events_json(const struct result *run)
{
	struct json_object *o = json_object_new_object();

	for (unsigned i = VMMU_NR_EXITS; i < VMMU_NR_EVENTS; i++)
		put(o, vmmu_event_key(i), run->stats.event[i]);
	return o;
}

static struct json_object *run_json(const struct result *run)
{
	struct json_object *o = json_object_new_object();
	char seconds[32];

	json_object_object_add(o, "backend", json_object_new_string(run->backend));
	json_object_object_add(o, "host_page",
			       run->host_page ? json_object_new_string(run->host_page) : NULL);
	if (run->strategy)
		json_object_object_add(o, "strategy", json_object_new_string(run->strategy));
	put(o, "accesses", run->accesses);
	put(o, "faults", run->faults);
	put(o, "mismatches", run->mismatches);
	json_object_object_add(o, "exits", exits_json(run));
	json_object_object_add(o, "events", events_json(run));
	put(o, "walks", run->stats.event[VMMU_EV_WALK]);
	put(o, "walk_refs", run->stats.walk_refs);
	put(o, "sw_refs", run->stats.sw_refs);
	put(o, "table_bytes", run->stats.table_peak);
	put(o, "meta_bytes", run->stats.meta_peak);
	snprintf(seconds, sizeof(seconds), "%.6f", run->seconds);
	json_object_object_add(o, "seconds", json_object_new_double_s(run->seconds, seconds));
	return o;
}

static struct json_object *input_json(const struct report_input *in)
{
	struct json_object *o = json_object_new_object(), *runs = json_object_new_array();

	json_object_object_add(o, "name", json_object_new_string(in->name));
	for (unsigned i = 0; i < in->nr_runs; i++)
		json_object_array_add(runs, run_json(&in->run[i]));
	json_object_object_add(o, "runs", runs);
	return o;
}

static FILE *open_out(const char *path, struct err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");

	if (!f)
		err_input(err, "%s: %s", path, strerror(errno));
	return f;
}

static int close_out(FILE *f, const char *path, struct err *err)
{
	int bad = ferror(f) | (f == stdout ? fflush(f) : fclose(f));

	return bad ? err_input(err, "%s: cannot write: %s", path, strerror(errno)) : 0;
}

int report_json(const struct report *r, const char *path, struct err *err)
{
	struct json_object *o = json_object_new_object(), *inputs = json_object_new_array();
	FILE *f = open_out(path, err);

	for (unsigned i = 0; i < r->nr_inputs; i++)
		json_object_array_add(inputs, input_json(&r->input[i]));
	json_object_object_add(o, "inputs", inputs);
	if (f)
		fprintf(f, "%s\n",
			json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_SPACED |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return f ? close_out(f, path, err) : -1;
}

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

static void csv_head(FILE *f)
{
	fputs("input,backend,strategy,host_page,accesses,faults,mismatches,exits_total", f);
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		fprintf(f, ",exits_%s", vmmu_event_key(i));
	for (unsigned i = VMMU_NR_EXITS; i < VMMU_NR_EVENTS; i++)
		fprintf(f, ",%s", vmmu_event_key(i));
	fputs(",walks,walk_refs,sw_refs,table_bytes,meta_bytes,seconds\n", f);
}

static void csv_run(FILE *f, const char *name, const struct result *run)
{
	csv_text(f, name);
	fprintf(f, ",%s,%s,%s,%llu,%llu,%llu,%llu", run->backend,
		run->strategy ? run->strategy : "", run->host_page ? run->host_page : "",
		(unsigned long long)run->accesses, (unsigned long long)run->faults,
		(unsigned long long)run->mismatches, (unsigned long long)report_exits(run));
	for (unsigned i = 0; i < VMMU_NR_EVENTS; i++)
		fprintf(f, ",%llu", (unsigned long long)run->stats.event[i]);
	fprintf(f, ",%llu,%llu,%llu,%llu,%llu,%.6f\n",
		(unsigned long long)run->stats.event[VMMU_EV_WALK],
		(unsigned long long)run->stats.walk_refs, (unsigned long long)run->stats.sw_refs,
		(unsigned long long)run->stats.table_peak, (unsigned long long)run->stats.meta_peak,
		run->seconds);
}

int report_csv(const struct report *r, const char *path, struct err *err)
{
	FILE *f = open_out(path, err);

	if (!f)
		return -1;
	csv_head(f);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			csv_run(f, r->input[i].name, &r->input[i].run[k]);
	return close_out(f, path, err);
}
