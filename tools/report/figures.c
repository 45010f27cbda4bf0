/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page's figures: which numbers are drawn in which chart.
 * Not here: drawing (draw/chart.c, draw/grid.c).
 * Invariant: the bars of a section have one scale for all inputs, or one for each input.
 */
#include "draw/draw.h"
#include "page.h"
#include "base/base.h"

#include <string.h>

static void about(char *buf, size_t len, uint64_t n)
{
	format_exact(buf, len, n);
}

/* Writes a number in short form for the ends of bars: 3.25 k, 45.1 M. */
static void brief(char *buf, size_t len, double v)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = { { 1e9, " G" }, { 1e6, " M" }, { 1e3, " k" } };

	for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (v >= units[i].unit) {
			double n = v / units[i].unit;

			(void)snprintf(buf, len, "%.*f%s",
				       n < 10	 ? 2
				       : n < 100 ? 1
						 : 0,
				       n, units[i].name);
			return;
		}
	(void)snprintf(buf, len, "%.0f", v);
}

static void panels(FILE *f)
{
	fputs("<div class=\"panels\">\n", f);
}

static void end_panels(FILE *f)
{
	fputs("</div>\n", f);
}

/* ---- relative performance -------------------------------------------------------------- */

static double best_performance(const struct report *r)
{
	double most = 1;

	for (unsigned i = 0; i < r->nr_inputs; i++)
		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			if (page_performance(r, &r->input[i], k) > most)
				most = page_performance(r, &r->input[i], k);
	return most;
}

static void performance_chart(FILE *f, const struct report *r, const struct report_input *in,
			      double most)
{
	struct chart c = { .title = in->name, .most = most, .percent = 1 };

	for (unsigned k = 0; k < in->nr_runs; k++) {
		double v = page_performance(r, in, k);
		char label[RUN_LABEL], text[32];

		page_run_label(label, r, &in->run[k]);
		(void)snprintf(text, sizeof(text), "%.1f %%", 100 * v);
		chart_bar(&c, label, page_run_class(&in->run[k]), v, text);
	}
	chart_put(f, &c);
}

void page_performance_section(FILE *f, const struct report *r)
{
	double most = best_performance(r);

	page_section(f, "Performance, relative to native");
	fputs("<p>Cycles of the native run over those of each other run: longer is faster, and 100 "
	      "% is the same guest without a hypervisor.</p>\n",
	      f);
	panels(f);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		performance_chart(f, r, &r->input[i], most);
	end_panels(f);
	fputs("</section>\n", f);
}

/* ---- where the cycles go ------------------------------------------------------------------ */

static const char *const part_class[COST_NR] = { "p0", "p1", "p2", "p3", "p4", "p5", "p6" };

static void cycles_bar(const struct report *r, struct chart *c, const struct result *run)
{
	char label[RUN_LABEL], n[32];
	struct chart_bar *b;
	struct cost cost;

	page_run_label(label, r, run);
	b = chart_add(c, label);
	if (!b)
		return;
	cost_of(r->cpu, run, &cost);
	for (unsigned i = 0; i < COST_NR; i++) {
		struct chart_part *p = &b->part[b->nr_parts++];

		p->value = cost.part[i];
		p->class = part_class[i];
		about(n, sizeof(n), (uint64_t)(cost.part[i] + .5));
		(void)snprintf(p->tip, sizeof(p->tip), "%s: %s cycles", cost_key(i), n);
	}
	brief(b->text, sizeof(b->text), cost.total);
}

static void parts_legend(FILE *f)
{
	fputs("<p class=\"legend\">", f);
	for (unsigned i = 0; i < COST_NR; i++) {
		fprintf(f,
			"<span class=\"key\"><svg class=\"swatch\" viewBox=\"0 0 14 14\"><rect "
			"x=\"1\" y=\"1\" width=\"12\" height=\"12\" class=\"%s\"/></svg>",
			part_class[i]);
		fprintf(f, "<b>%s</b>&#160;", cost_key(i));
		xml_put(f, cost_text(i));
		fputs("</span>\n", f);
	}
	fputs("</p>\n", f);
}

void page_cycles_section(FILE *f, const struct report *r)
{
	page_section(f, "Where the cycles go");
	parts_legend(f);
	panels(f);
	for (unsigned i = 0; i < r->nr_inputs; i++) {
		struct chart c = { .title = r->input[i].name };

		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			cycles_bar(r, &c, &r->input[i].run[k]);
		chart_put(f, &c);
	}
	end_panels(f);
	fputs("</section>\n", f);
}

/* ---- exits ------------------------------------------------------------------------------- */

static void exits_of_run(const struct report *r, struct chart *c, const struct result *run)
{
	char label[RUN_LABEL + 32], n[32], name[RUN_LABEL];
	struct chart_bar *head;

	page_run_label(name, r, run);
	about(n, sizeof(n), report_exits(run));
	(void)snprintf(label, sizeof(label), "%.60s: %s", name, n);
	head = chart_add(c, label);
	if (head)
		head->head = 1;
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++) {
		if (!run->stats.event[i])
			continue;
		about(n, sizeof(n), run->stats.event[i]);
		chart_bar(c, vmmu_event_key(i), page_run_class(run), (double)run->stats.event[i],
			  n);
	}
}

/* Whether the shortest bar would be too short to see beside the longest one. */
static int wants_log(const struct report_input *in)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned k = 0; k < in->nr_runs; k++)
		for (unsigned i = 0; i < VMMU_NR_EXITS; i++) {
			uint64_t n = in->run[k].stats.event[i];

			least = n && n < least ? n : least;
			most = n > most ? n : most;
		}
	return most / 50 > least;
}

static void put_share(FILE *f, double share, const char *name)
{
	if (share >= 0)
		xml_print(f, "%.1f %%", 100 * share);
	else
		xml_print(f, "none, %.1f times as many", 1 - share);
	fputs("</b> ", f);
	xml_put(f, name);
	fputs("</div>\n", f);
}

/* Writes the share for all inputs together, if there are several, and for each of them. */
static void avoided(FILE *f, const struct report *r)
{
	uint64_t shadow = 0, nested = 0;
	unsigned nr = 0;

	for (unsigned i = 0; i < r->nr_inputs; i++)
		nr += page_exits(&r->input[i], &shadow, &nested) == 0;
	if (!shadow)
		return;
	fputs("<p>Of shadow paging's exits, nested paging avoids, both on 4K host pages:</p>\n"
	      "<div class=\"facts\">\n",
	      f);
	if (nr > 1) {
		fputs("<div class=\"fact all\" data-key=\"avoided\"><b>", f);
		put_share(f, 1 - (double)nested / (double)shadow, "of all, together");
	}
	for (unsigned i = 0; i < r->nr_inputs; i++) {
		shadow = nested = 0;
		if (page_exits(&r->input[i], &shadow, &nested) < 0 || !shadow)
			continue;
		fputs("<div class=\"fact\" data-key=\"avoided\"><b>", f);
		put_share(f, 1 - (double)nested / (double)shadow, r->input[i].name);
	}
	fputs("</div>\n<p>Lectures on EPT give 80 %.</p>\n", f);
}

static double most_exits(const struct report_input *in)
{
	uint64_t most = 0;

	for (unsigned k = 0; k < in->nr_runs; k++)
		for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
			if (in->run[k].stats.event[i] > most)
				most = in->run[k].stats.event[i];
	return (double)most;
}

/* Few runs share a panel, many have one each; the scale is the same. */
static void exits_of(FILE *f, const struct report *r, const struct report_input *in)
{
	struct chart c = { .title = in->name, .log = wants_log(in), .most = most_exits(in) };

	for (unsigned k = 0; k < in->nr_runs; k++) {
		if (!report_exits(&in->run[k]))
			continue;
		exits_of_run(r, &c, &in->run[k]);
		if (in->nr_runs > 7)
			chart_put(f, &c);
	}
	if (c.nr)
		chart_put(f, &c);
}

void page_exits_section(FILE *f, const struct report *r)
{
	page_section(f, "Exits to the hypervisor, by reason");
	avoided(f, r);
	panels(f);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		exits_of(f, r, &r->input[i]);
	end_panels(f);
	fputs("</section>\n", f);
}

/* ---- the grid ---------------------------------------------------------------------------- */

static void grid_figure(FILE *f, const struct report *r, const struct report_input *in,
			const struct result *run)
{
	char label[RUN_LABEL], title[RUN_LABEL + 80];
	struct svg_box size;
	struct grid g;

	if (!grid_of_run(&g, run))
		return;
	page_run_label(label, r, run);
	(void)snprintf(title, sizeof(title), "%.60s: references of walks, %.80s", in->name, label);
	size = grid_size(&g);
	fprintf(f, "<figure class=\"%s\" style=\"flex-basis:%.0fpx\">\n",
		g.cols > 1 ? "grid" : "column", g.cols > 1 ? 540 : size.w);
	svg_begin(f, size.w, size.h + 20, title);
	svg_text(f, (struct svg_at){ 2, 14 }, "b", "%s", label);
	grid_draw(f, &g, 20);
	svg_end(f);
	fputs("</figure>\n", f);
}

/* Native and one other run show walks of one dimension; all nested runs show theirs of two. */
static void grids_of(FILE *f, const struct report *r, unsigned i)
{
	const struct report_input *in = &r->input[i];

	fputs(i ? "<details>\n<summary>" : "<details open=\"open\">\n<summary>", f);
	xml_put(f, in->name);
	fputs("</summary>\n<div class=\"grids\">\n", f);
	for (unsigned k = 0; k < in->nr_runs; k++)
		grid_figure(f, r, in, &in->run[k]);
	fputs("</div>\n</details>\n", f);
}

void page_walks_section(FILE *f, const struct report *r)
{
	page_section(f, "What a page walk reads");
	fputs("<p>A row is a level of the guest's tables (gPA: the address itself), a column a "
	      "level of the nested table that says where the row's table lies; references happen "
	      "from left to right and from top to bottom, up to 24 where four levels stand on "
	      "four. In each: the share of walks that read it, and what it cost on average when "
	      "it was read. The strip below is, of all walks, green those that found it near, red "
	      "those that went further, grey those that skipped it.</p>\n",
	      f);
	grid_legend(f);
	for (unsigned i = 0; i < r->nr_inputs; i++)
		grids_of(f, r, i);
	fputs("</section>\n", f);
}

/* ---- TLBs --------------------------------------------------------------------------------- */

static void tlb_name(char *buf, size_t len, const struct vmmu_tlb_model *t)
{
	static const char *const serves[] = { "", "data", "code", "" };
	static const char *const sizes[] = { "4K", "2M", "1G" };
	size_t n = (size_t)snprintf(buf, len, "L%u %s", t->level, serves[t->serves & 3]);

	for (unsigned i = 0; i < 3; i++)
		if (t->sizes >> i & 1 && n < len)
			n += (size_t)snprintf(buf + n, len - n, " %s", sizes[i]);
}

static void tlb_bars(const struct report *r, struct chart *c, const struct result *run)
{
	const struct vmmu_silicon *m = &r->cpu->silicon;
	char label[RUN_LABEL], text[32];
	struct chart_bar *head;

	page_run_label(label, r, run);
	head = chart_add(c, label);
	if (head)
		head->head = 1;
	for (unsigned i = 0; i < m->nr_tlbs; i++) {
		tlb_name(label, sizeof(label), &m->tlb[i]);
		brief(text, sizeof(text), (double)run->silicon.tlb_hits[i]);
		chart_bar(c, label, "k0", (double)run->silicon.tlb_hits[i], text);
	}
	brief(text, sizeof(text), (double)run->silicon.tlb_misses);
	chart_bar(c, "misses", "p5", (double)run->silicon.tlb_misses, text);
}

static void misses_chart(FILE *f, const struct report *r, const struct report_input *in)
{
	struct chart c = { .title = in->name };

	for (unsigned k = 0; k < in->nr_runs; k++) {
		const struct result *run = &in->run[k];
		double v = 1000 * (double)run->silicon.tlb_misses / (double)run->instructions;
		char label[RUN_LABEL], text[32];

		page_run_label(label, r, run);
		(void)snprintf(text, sizeof(text), "%.3g", v);
		chart_bar(&c, label, page_run_class(run), v, text);
	}
	chart_put(f, &c);
}

static int any_instructions(const struct report *r)
{
	for (unsigned i = 0; i < r->nr_inputs; i++)
		if (r->input[i].nr_runs && r->input[i].run[0].instructions)
			return 1;
	return 0;
}

static void hits_of(FILE *f, const struct report *r, const struct report_input *in)
{
	fputs("<details>\n<summary>Hits by structure: ", f);
	xml_put(f, in->name);
	fputs("</summary>\n", f);
	panels(f);
	for (unsigned k = 0; k < in->nr_runs; k++) {
		struct chart c = { .title = "accesses served, by TLB", .log = 1, .label_w = 124 };

		tlb_bars(r, &c, &in->run[k]);
		chart_put(f, &c);
	}
	end_panels(f);
	fputs("</details>\n", f);
}

void page_tlb_section(FILE *f, const struct report *r)
{
	page_section(f, "TLB misses");
	if (any_instructions(r)) {
		fputs("<p>For each 1000 instructions of the guest's.</p>\n", f);
		panels(f);
		for (unsigned i = 0; i < r->nr_inputs; i++)
			if (r->input[i].nr_runs && r->input[i].run[0].instructions)
				misses_chart(f, r, &r->input[i]);
		end_panels(f);
	}
	for (unsigned i = 0; i < r->nr_inputs; i++)
		hits_of(f, r, &r->input[i]);
	fputs("</section>\n", f);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void memory_bar(const struct report *r, struct chart *c, const struct result *run)
{
	const uint64_t bytes[] = { run->stats.table_peak, run->stats.meta_peak };
	static const char *const names[] = { "tables", "beside them" }, *const class[] = { "p3",
											   "p4" };
	char label[RUN_LABEL];
	struct chart_bar *b;

	page_run_label(label, r, run);
	b = chart_add(c, label);
	if (!b)
		return;
	for (unsigned i = 0; i < 2; i++) {
		char n[32];

		b->part[i].value = (double)bytes[i];
		b->part[i].class = class[i];
		about(n, sizeof(n), bytes[i]);
		(void)snprintf(b->part[i].tip, sizeof(b->part[i].tip), "%s: %s bytes", names[i], n);
	}
	b->nr_parts = 2;
	format_bytes(b->text, sizeof(b->text), bytes[0] + bytes[1]);
}

void page_memory_section(FILE *f, const struct report *r)
{
	page_section(f, "Memory of the hypervisor's");
	fputs("<p>The most at one time: blue are tables in the hardware's format, yellow is what "
	      "is kept beside them.</p>\n",
	      f);
	panels(f);
	for (unsigned i = 0; i < r->nr_inputs; i++) {
		struct chart c = { .title = r->input[i].name };

		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			memory_bar(r, &c, &r->input[i].run[k]);
		chart_put(f, &c);
	}
	end_panels(f);
	fputs("</section>\n", f);
}
