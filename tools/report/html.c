/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page around its sections: its head, its style, and the results in words.
 * Not here: figures (figures.c) and tables (numbers.c).
 * Invariant: the page is well-formed XML; text from outside goes through xml_put().
 */
#include "base/base.h"
#include "page.h"
#include "draw/draw.h"

#include <string.h>

static const char layout[] =
	"body{font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
	"color:var(--fg);background:var(--bg);margin:0 auto;max-width:1180px;padding:0 16px 48px}\n"
	"h1{font-size:1.6rem;line-height:1.2;margin:28px 0 4px}\n"
	"h2{font-size:1.2rem;margin:40px 0 8px;padding-top:12px;border-top:1px solid var(--rule)}\n"
	"p{max-width:75ch;margin:8px 0}\n.sub{color:var(--dim)}\n"
	"ul.words{padding-left:1.2em}ul.words li{margin:8px "
	"0;max-width:80ch;overflow-wrap:anywhere}\n"
	".panels{display:grid;align-items:start;grid-template-columns:repeat(auto-fill,minmax(min("
	"340px,100%),1fr));"
	"gap:16px}\n"
	"figure{margin:0;min-width:0}\n"
	"figure.grid{flex:1 1 auto;max-width:700px;overflow-x:auto}figure.grid "
	"svg{min-width:540px}\n"
	"figure.column{flex:0 1 auto}\n"
	"svg.picture{width:100%;height:auto;display:block}\n"
	".panels figure{background:var(--soft);border-radius:8px;padding:8px}\n"
	".grids{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start;margin:12px 0}\n"
	".legend{font-size:.85rem;color:var(--dim);display:flex;flex-wrap:wrap;gap:4px 18px;"
	"max-width:none}\n"
	".legend b{color:var(--fg)}.key{display:inline-flex;align-items:center}\n"
	".swatch{width:14px;height:14px;margin-right:6px;flex:none}\n"
	".facts{display:flex;flex-wrap:wrap;gap:12px 32px;margin:8px 0 16px}\n"
	".fact{overflow-wrap:anywhere}.fact b{font-size:1.2rem;margin-right:4px}"
	".fact.all{flex-basis:100%}.fact.all b{font-size:2.2rem}\n"
	".alarm{color:var(--bad);font-weight:600}\n"
	"summary{cursor:pointer;padding:4px 0;font-weight:600;overflow-wrap:anywhere}\n"
	".scroll{overflow-x:auto}\ntable{border-collapse:collapse;font-size:.85rem}\n"
	"td,th{text-align:right;padding:2px 10px;white-space:nowrap;"
	"font-variant-numeric:tabular-nums}\n"
	"tr>th:first-child{text-align:left;font-weight:400}tr:first-child th{font-weight:600}\n"
	"table tr:nth-child(even){background:var(--soft)}\n"
	"@media print{body{max-width:none;font-size:11pt}figure{break-inside:avoid}"
	".panels{grid-template-columns:1fr 1fr}}\n";

/* ---- words --------------------------------------------------------------------------------- */

static void exact(FILE *f, uint64_t n)
{
	char buf[32];

	format_exact(buf, sizeof(buf), n);
	fputs(buf, f);
}

/* Names the kind of paging, once for all its host page sizes. */
static void words_run(FILE *f, const struct report *r, const struct report_input *in, unsigned k)
{
	const struct result *run = &in->run[k];
	char label[RUN_LABEL];

	if (k > 1)
		fputs(k + 1 == in->nr_runs ? " and " : ", ", f);
	if (run->strategy) {
		xml_print(f, "%s ", run->strategy);
		return;
	}
	page_run_label(label, r, run);
	label[strcspn(label, " ")] = 0;
	if (k == 1 || strcmp(run->backend, in->run[k - 1].backend) != 0)
		xml_print(f, "%s paging ", label);
}

static void words_performance(FILE *f, const struct report *r, const struct report_input *in)
{
	fputs(". Of native speed, ", f);
	for (unsigned k = 1; k < in->nr_runs; k++) {
		const struct result *run = &in->run[k];

		words_run(f, r, in, k);
		xml_print(f, "%.1f\xc2\xa0%%", 100 * page_performance(r, in, k));
		if (!run->strategy)
			xml_print(f, " on %s", run->host_page);
	}
	fputs(in->nr_runs > 1 && !in->run[1].strategy ? " host pages. " : ". ", f);
	if (in->nr_runs && !in->run[0].instructions)
		fputs("The input does not tell how many instructions the guest ran: these are the "
		      "cycles of translating alone. ",
		      f);
}

static void words_exits(FILE *f, const struct report *r, const struct report_input *in)
{
	fputs(". Exits to the hypervisor: ", f);
	for (unsigned k = 1; k < in->nr_runs; k++) {
		words_run(f, r, in, k);
		exact(f, report_exits(&in->run[k]));
		if (!in->run[k].strategy)
			xml_print(f, " on %s", in->run[k].host_page);
	}
	fputs(in->nr_runs > 1 && !in->run[1].strategy ? " host pages. " : ". ", f);
}

static void words_of(FILE *f, const struct report *r, const struct report_input *in)
{
	uint64_t wrong = 0;

	for (unsigned k = 0; k < in->nr_runs; k++)
		wrong += in->run[k].mismatches;
	fputs("<li><b>", f);
	xml_put(f, in->name);
	fputs("</b> (", f);
	xml_put(f, in->about);
	fputs(")", f);
	if (r->cpu)
		words_performance(f, r, in);
	else
		words_exits(f, r, in);
	if (wrong) {
		fputs("<span class=\"alarm\">", f);
		exact(f, wrong);
		fputs(" answers differ from those recorded.</span>", f);
	} else if (in->nr_runs) {
		fputs("Every answer is the recorded one: ", f);
		exact(f, in->run[0].accesses);
		fputs(" accesses and ", f);
		exact(f, in->run[0].faults);
		fputs(" faults in each run.", f);
	}
	fputs("</li>\n", f);
}

static void put_head(FILE *f, const struct report *r)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
	      "<title>vmmu compare: native, shadow and nested paging</title>\n<style>\n",
	      f);
	svg_style(f);
	fputs(layout, f);
	fputs("</style>\n</head>\n<body>\n<h1>Native, shadow and nested paging</h1>\n", f);
	fputs("<p class=\"sub\">", f);
	if (r->cpu) {
		fputs("On a model of: ", f);
		xml_put(f, r->cpu->title[0] ? r->cpu->title : r->profile);
		fputs(" (profile ", f);
		xml_put(f, r->profile);
		xml_print(f, "), %g MHz", r->cpu->costs.mhz);
	} else {
		fputs("No CPU was modelled (no --profile), so exits, walks and memory are counted, "
		      "and cycles are not: the charts that need them are left out.",
		      f);
	}
	fputs("</p>\n<ul class=\"words\">\n", f);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		words_of(f, r, &r->input[i]);
	fputs("</ul>\n", f);
}

/* ---- all of it ------------------------------------------------------------------------------ */

int report_html(const struct report *r, const char *path, struct err *err)
{
	FILE *f = output_text_open(path, err);

	if (!f)
		return -1;
	put_head(f, r);
	if (r->cpu) {
		page_performance_section(f, r);
		page_cycles_section(f, r);
	}
	page_exits_section(f, r);
	if (r->cpu) {
		page_walks_section(f, r);
		page_tlb_section(f, r);
	}
	page_memory_section(f, r);
	page_sweep_section(f, r);
	page_sensitivity_section(f, r);
	page_numbers_section(f, r);
	fputs("</body>\n</html>\n", f);
	return output_text_close(f, path, err);
}
