/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page's tables: every number of the JSON of the same run, under the same keys and not
 * rounded.
 * Invariant: the attribute data-key is the path of keys in the JSON's run.
 */
#include "page.h"
#include "draw/draw.h"
#include "base/base.h"

typedef uint64_t number_fn(const struct result *run, unsigned i);

static void row(FILE *f, const struct report_input *in, const char *key, number_fn *get, unsigned i)
{
	fprintf(f, "<tr data-key=\"%s\"><th>%s</th>", key, key);
	for (unsigned k = 0; k < in->nr_runs; k++) {
		char n[32];

		format_exact(n, sizeof(n), get(&in->run[k], i));
		fprintf(f, "<td>%s</td>", n);
	}
	fputs("</tr>\n", f);
}

static uint64_t plain(const struct result *run, unsigned i)
{
	const uint64_t v[] = { run->accesses,	      run->faults,
			       run->mismatches,	      run->stats.event[VMMU_EV_WALK],
			       run->stats.walk_refs,  run->stats.sw_refs,
			       run->stats.table_peak, run->stats.meta_peak,
			       run->instructions,     run->touched_bytes,
			       run->backed_bytes };

	return v[i];
}

static uint64_t event(const struct result *run, unsigned i)
{
	return run->stats.event[i];
}

static uint64_t all_exits(const struct result *run, unsigned i)
{
	(void)i;
	return report_exits(run);
}

static void plain_rows(FILE *f, const struct report_input *in)
{
	static const char *const keys[] = { "accesses",	     "faults",	    "mismatches",
					    "walks",	     "walk_refs",   "sw_refs",
					    "table_bytes",   "meta_bytes",  "instructions",
					    "touched_bytes", "backed_bytes" };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		row(f, in, keys[i], plain, i);
}

static void event_rows(FILE *f, const struct report_input *in)
{
	char key[64];

	row(f, in, "exits.total", all_exits, 0);
	for (unsigned i = 0; i < VMMU_NR_EVENTS; i++) {
		(void)snprintf(key, sizeof(key), "%s.%s", i < VMMU_NR_EXITS ? "exits" : "events",
			       vmmu_event_key(i));
		row(f, in, key, event, i);
	}
}

static void cycle_row(FILE *f, const struct report *r, const struct report_input *in, unsigned part)
{
	const char *key = part < COST_NR ? cost_key(part) : "total";

	fprintf(f, "<tr data-key=\"cycles.%s\"><th>cycles.%s</th>", key, key);
	for (unsigned k = 0; k < in->nr_runs; k++) {
		struct cost cost;
		char n[32];

		cost_of(r->cpu, &in->run[k], &cost);
		format_exact(n, sizeof(n),
			     (uint64_t)((part < COST_NR ? cost.part[part] : cost.total) + .5));
		fprintf(f, "<td>%s</td>", n);
	}
	fputs("</tr>\n", f);
}

/* ---- silicon ------------------------------------------------------------------------- */

#define LIST(name, field, nr)                                                                      \
	static uint64_t name(const struct result *run, unsigned i)                                 \
	{                                                                                          \
		return run->silicon.field[i];                                                      \
	}                                                                                          \
	enum { name##_nr = nr };

LIST(tlb_hits, tlb_hits, VMMU_TLBS)
LIST(walks, walks, 2)
LIST(link_hits, link_hits, VMMU_LEVELS)
LIST(nested_link_hits, nested_link_hits, VMMU_LEVELS)
LIST(nested_looks, nested_looks, VMMU_LEVELS + 1)
LIST(nested_hits, nested_hits, VMMU_LEVELS + 1)
LIST(cache_hits, cache_hits, VMMU_DATA_CACHES)

static uint64_t silicon(const struct result *run, unsigned i)
{
	const struct vmmu_silicon_stats *s = &run->silicon;
	const uint64_t v[] = { s->tlb_misses, s->walk_cycles, s->memory, s->data_refs, s->flushes };

	return v[i];
}

static uint64_t cell(const struct result *run, unsigned i)
{
	const struct vmmu_walk_cell *c =
		&run->silicon.cell[i / 3 / (VMMU_LEVELS + 1)][i / 3 % (VMMU_LEVELS + 1)];
	const uint64_t v[] = { c->refs, c->near, c->cycles };

	return v[i % 3];
}

static void list_rows(FILE *f, const struct report_input *in)
{
	static const struct {
		const char *key;
		number_fn *get;
		unsigned nr;
	} lists[] = {
		{ "tlb_hits", tlb_hits, tlb_hits_nr },
		{ "walks", walks, walks_nr },
		{ "link_hits", link_hits, link_hits_nr },
		{ "nested_link_hits", nested_link_hits, nested_link_hits_nr },
		{ "nested_looks", nested_looks, nested_looks_nr },
		{ "nested_hits", nested_hits, nested_hits_nr },
		{ "cache_hits", cache_hits, cache_hits_nr },
	};
	char key[64];

	for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (unsigned k = 0; k < lists[i].nr; k++) {
			(void)snprintf(key, sizeof(key), "silicon.%s.%u", lists[i].key, k);
			row(f, in, key, lists[i].get, k);
		}
}

static int any_in_cell(const struct report_input *in, unsigned i)
{
	for (unsigned k = 0; k < in->nr_runs; k++)
		if (cell(&in->run[k], i))
			return 1;
	return 0;
}

static void silicon_rows(FILE *f, const struct report_input *in)
{
	static const char *const keys[] = { "tlb_misses", "walk_cycles", "memory", "data_refs",
					    "flushes" };
	char key[64];

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		(void)snprintf(key, sizeof(key), "silicon.%s", keys[i]);
		row(f, in, key, silicon, i);
	}
	list_rows(f, in);
	for (unsigned i = 0; i < 3 * (VMMU_LEVELS + 1) * (VMMU_LEVELS + 1); i++) {
		unsigned at = i / 3;

		if (!any_in_cell(in, at * 3))
			continue;
		(void)snprintf(key, sizeof(key), "silicon.cells.%u.%u.%u", at / (VMMU_LEVELS + 1),
			       at % (VMMU_LEVELS + 1), i % 3);
		row(f, in, key, cell, i);
	}
}

static void table(FILE *f, const struct report *r, const struct report_input *in)
{
	fputs("<details>\n<summary>", f);
	xml_put(f, in->name);
	fputs("</summary>\n<div class=\"scroll\"><table>\n<tr><th></th>", f);
	for (unsigned k = 0; k < in->nr_runs; k++) {
		char label[RUN_LABEL];

		page_run_label(label, r, &in->run[k]);
		fputs("<th>", f);
		xml_put(f, label);
		fputs("</th>", f);
	}
	fputs("</tr>\n", f);
	plain_rows(f, in);
	event_rows(f, in);
	for (unsigned part = 0; r->cpu && part <= COST_NR; part++)
		cycle_row(f, r, in, part);
	if (r->cpu)
		silicon_rows(f, in);
	fputs("</table></div>\n</details>\n", f);
}

void page_numbers_section(FILE *f, const struct report *r)
{
	page_section(f, "All numbers");
	fputs("<p>Keys as in the output of <code>--json</code>.</p>\n", f);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		table(f, r, &r->input[i]);
	fputs("</section>\n", f);
}
