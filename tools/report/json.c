/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as JSON, with the keys that the manual page lists.
 * Invariant: every number that csv.c writes of a run is here, too.
 */
#include "report.h"
#include "base/base.h"

#include <json-c/json.h>
#include <string.h>

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

static struct json_object *numbers(const uint64_t *n, unsigned nr)
{
	struct json_object *a = json_object_new_array();

	for (unsigned i = 0; i < nr; i++)
		json_object_array_add(a, json_object_new_uint64(n[i]));
	return a;
}

static struct json_object *rounded(double cycles)
{
	return json_object_new_uint64((uint64_t)(cycles + 0.5));
}

static struct json_object *cycles_json(const struct cpu_model *cpu, const struct result *run)
{
	struct json_object *o = json_object_new_object();
	struct cost cost;

	cost_of(cpu, run, &cost);
	json_object_object_add(o, "total", rounded(cost.total));
	for (unsigned i = 0; i < COST_NR; i++)
		json_object_object_add(o, cost_key(i), rounded(cost.part[i]));
	return o;
}

/* "cells"[g][n]: [references, near, cycles]; vmmu/silicon.h says what g and n are. */
static struct json_object *cells_json(const struct vmmu_silicon_stats *s)
{
	struct json_object *rows = json_object_new_array();

	for (unsigned g = 0; g <= VMMU_LEVELS; g++) {
		struct json_object *row = json_object_new_array();

		for (unsigned n = 0; n <= VMMU_LEVELS; n++) {
			const struct vmmu_walk_cell *c = &s->cell[g][n];
			const uint64_t v[] = { c->refs, c->near, c->cycles };

			json_object_array_add(row, numbers(v, 3));
		}
		json_object_array_add(rows, row);
	}
	return rows;
}

static struct json_object *silicon_json(const struct vmmu_silicon_stats *s)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "tlb_hits", numbers(s->tlb_hits, VMMU_TLBS));
	put(o, "tlb_misses", s->tlb_misses);
	json_object_object_add(o, "walks", numbers(s->walks, 2));
	put(o, "walk_cycles", s->walk_cycles);
	json_object_object_add(o, "link_hits", numbers(s->link_hits, VMMU_LEVELS));
	json_object_object_add(o, "nested_link_hits", numbers(s->nested_link_hits, VMMU_LEVELS));
	json_object_object_add(o, "nested_looks", numbers(s->nested_looks, VMMU_LEVELS + 1));
	json_object_object_add(o, "nested_hits", numbers(s->nested_hits, VMMU_LEVELS + 1));
	json_object_object_add(o, "cache_hits", numbers(s->cache_hits, VMMU_DATA_CACHES));
	put(o, "memory", s->memory);
	put(o, "data_refs", s->data_refs);
	put(o, "flushes", s->flushes);
	json_object_object_add(o, "cells", cells_json(s));
	return o;
}

static struct json_object *run_json(const struct cpu_model *cpu, const struct result *run)
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
	put(o, "instructions", run->instructions);
	if (cpu) {
		json_object_object_add(o, "cycles", cycles_json(cpu, run));
		json_object_object_add(o, "silicon", silicon_json(&run->silicon));
	}
	put(o, "table_bytes", run->stats.table_peak);
	put(o, "meta_bytes", run->stats.meta_peak);
	put(o, "touched_bytes", run->touched_bytes);
	put(o, "backed_bytes", run->backed_bytes);
	snprintf(seconds, sizeof(seconds), "%.6f", run->seconds);
	json_object_object_add(o, "seconds", json_object_new_double_s(run->seconds, seconds));
	return o;
}

/* ---- what was asked for besides -------------------------------------------------- */

static struct json_object *share(double v)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.6f", v);
	return json_object_new_double_s(v, text);
}

static struct json_object *shares(const double *v, unsigned nr)
{
	struct json_object *a = json_object_new_array();

	for (unsigned i = 0; i < nr; i++)
		json_object_array_add(a, share(v[i]));
	return a;
}

/* null stands for a CPU that cannot be. */
static void change_json(struct json_object *o, const char *key, const struct sense_number *n,
			unsigned change, unsigned nr_runs)
{
	json_object_object_add(
		o, key, n->impossible[change] ? NULL : shares(n->performance[change], nr_runs));
}

static struct json_object *evens_json(const struct sensitivity *s, const struct sense_number *n)
{
	struct json_object *a = json_object_new_array();

	for (unsigned i = 0; i + 1 < s->nr_runs; i++) {
		const uint64_t runs[] = { s->order[i], s->order[i + 1] };
		struct json_object *o;

		if (n->even[i] < 0)
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "runs", numbers(runs, 2));
		json_object_object_add(o, "value", share(n->even[i]));
		json_object_array_add(a, o);
	}
	return a;
}

static struct json_object *sensitivity_json(const struct sensitivity *s)
{
	struct json_object *a = json_object_new_array();

	for (unsigned i = 0; i < s->nr; i++) {
		const struct sense_number *n = &s->number[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "key", json_object_new_string(n->key));
		json_object_object_add(o, "value", json_object_new_double(n->value));
		json_object_object_add(o, "linear", json_object_new_boolean(n->linear));
		change_json(o, "halved", n, SENSE_HALVED, s->nr_runs);
		change_json(o, "doubled", n, SENSE_DOUBLED, s->nr_runs);
		json_object_object_add(o, "reorders",
				       json_object_new_boolean(n->reorders[SENSE_HALVED] |
							       n->reorders[SENSE_DOUBLED]));
		json_object_object_add(o, "break_even", evens_json(s, n));
		json_object_array_add(a, o);
	}
	return a;
}

static struct json_object *sweep_json(const struct sweep *s)
{
	struct json_object *o = json_object_new_object(), *sizes = json_object_new_array();

	for (unsigned i = 0; i < SWEEP_SIZES; i++)
		json_object_array_add(sizes, json_object_new_uint64(sweep_sizes[i]));
	json_object_object_add(o, "entries", sizes);
	for (unsigned what = 0; what < SWEEP_NR; what++) {
		struct json_object *runs = json_object_new_array();

		for (unsigned i = 0; i < s->nr_runs; i++)
			json_object_array_add(runs, shares(s->refs[what][i], SWEEP_SIZES));
		json_object_object_add(o, sweep_key(what), runs);
	}
	return o;
}

static struct json_object *input_json(const struct cpu_model *cpu, const struct report_input *in)
{
	struct json_object *o = json_object_new_object(), *runs = json_object_new_array();

	json_object_object_add(o, "name", json_object_new_string(in->name));
	for (unsigned i = 0; i < in->nr_runs; i++)
		json_object_array_add(runs, run_json(cpu, &in->run[i]));
	json_object_object_add(o, "runs", runs);
	if (in->sensitivity)
		json_object_object_add(o, "sensitivity", sensitivity_json(in->sensitivity));
	if (in->sweep)
		json_object_object_add(o, "sweep", sweep_json(in->sweep));
	return o;
}

int report_json(const struct report *r, const char *path, struct err *err)
{
	struct json_object *o = json_object_new_object(), *inputs = json_object_new_array();
	FILE *f = output_text_open(path, err);

	for (unsigned i = 0; i < r->nr_inputs; i++)
		json_object_array_add(inputs, input_json(r->cpu, &r->input[i]));
	if (r->cpu) {
		json_object_object_add(o, "profile", json_object_new_string(r->profile));
		json_object_object_add(o, "cpu", json_object_new_string(r->cpu->title));
	}
	json_object_object_add(o, "inputs", inputs);
	if (f)
		fprintf(f, "%s\n",
			json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_SPACED |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return f ? output_text_close(f, path, err) : -1;
}
