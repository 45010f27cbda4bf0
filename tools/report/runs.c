/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names and colours of runs on the page, and which runs it compares.
 * Invariant: a run has one name and one colour in all sections.
 */
#include "page.h"
#include "draw/draw.h"

#include <string.h>

static int nested(const struct result *run)
{
	return strncmp(run->backend, "nested", 6) == 0;
}

void page_run_label(char buf[RUN_LABEL], const struct report *r, const struct result *run)
{
	int one_vendor = r->cpu != NULL;
	const char *name = nested(run) && one_vendor ? "nested" : run->backend;

	if (run->strategy)
		(void)snprintf(buf, RUN_LABEL, "%s", run->strategy);
	else
		(void)snprintf(buf, RUN_LABEL, "%s%s%s", name, run->host_page ? " " : "",
			       run->host_page ? run->host_page : "");
}

const char *page_run_class(const struct result *run)
{
	int large = run->host_page && strcmp(run->host_page, "4K") != 0;

	if (!run->host_page)
		return "k0";
	if (!nested(run))
		return large && !run->strategy ? "k5" : "k1";
	if (!large)
		return "k2";
	return strcmp(run->host_page, "1G") == 0 ? "k4" : "k3";
}

double page_performance(const struct report *r, const struct report_input *in, unsigned run)
{
	struct cost native, cost;

	if (!r->cpu || run >= in->nr_runs)
		return 0;
	cost_of(r->cpu, &in->run[0], &native);
	cost_of(r->cpu, &in->run[run], &cost);
	return cost.total > 0 ? native.total / cost.total : 0;
}

void page_section(FILE *f, const char *title)
{
	fputs("<section>\n<h2>", f);
	xml_put(f, title);
	fputs("</h2>\n", f);
}

static const struct result *find_run(const struct report_input *in, int is_nested, const char *page)
{
	for (unsigned k = 1; k < in->nr_runs; k++) {
		const struct result *run = &in->run[k];

		if (!run->strategy && run->host_page && nested(run) == is_nested &&
		    strcmp(run->host_page, page) == 0)
			return run;
	}
	return NULL;
}

int page_exits(const struct report_input *in, uint64_t *shadow, uint64_t *nested)
{
	const struct result *s = find_run(in, 0, "4K"), *n = find_run(in, 1, "4K");

	if (!s || !n)
		return -1;
	*shadow += report_exits(s);
	*nested += report_exits(n);
	return 0;
}
