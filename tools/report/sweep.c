/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page's sections about other CPUs: walk caches of other sizes, and assumed numbers halved and
 * doubled.
 * Not here: the runs (model/sweep.c, model/sensitivity.c).
 * Invariant: both ends of a bar and its text are performances that were computed.
 */
#include "draw/draw.h"
#include "page.h"

#include <math.h>
#include <string.h>

#define TORNADO_BARS 14u

/* ---- sizes ------------------------------------------------------------------------------- */

static int is_nested(const struct result *run)
{
	return strncmp(run->backend, "nested", 6) == 0;
}

static void sweep_chart(FILE *f, const struct report *r, const struct report_input *in,
			unsigned what)
{
	struct chart_curve curve[CHART_PARTS];
	char label[CHART_PARTS][RUN_LABEL];
	struct chart_lines c = { .x = sweep_sizes, .nr_x = SWEEP_SIZES, .curve = curve };

	c.title = what == SWEEP_PWC ? "page-walk cache" : "nested TLB";
	c.x_title = "entries, fully associative";
	for (unsigned k = 0; k < in->nr_runs && c.nr_curves < CHART_PARTS; k++) {
		struct chart_curve *v = &curve[c.nr_curves];

		if (what == SWEEP_NESTED_TLB && !is_nested(&in->run[k]))
			continue;
		page_run_label(label[c.nr_curves], r, &in->run[k]);
		label[c.nr_curves][12] = 0;
		v->label = label[c.nr_curves++];
		v->class = page_run_class(&in->run[k]);
		memcpy(v->y, in->sweep->refs[what][k], sizeof(in->sweep->refs[what][k]));
	}
	if (c.nr_curves)
		chart_put_lines(f, &c);
}

void page_sweep_section(FILE *f, const struct report *r)
{
	const struct report_input *in = &r->input[0];

	if (!r->nr_inputs || !in->sweep)
		return;
	page_section(f, "References per walk, by size of the walk caches");
	fputs("<p>", f);
	xml_put(f, in->name);
	fputs(", once more for each size; all else stays as it is. Entries that the cache of "
	      "entries held are not counted as references here.</p>\n<div class=\"panels\">\n",
	      f);
	for (unsigned what = 0; what < SWEEP_NR; what++)
		sweep_chart(f, r, in, what);
	fputs("</div>\n</section>\n", f);
}

/* ---- assumptions --------------------------------------------------------------------------- */

/*
 * Finds the performances for a number that was halved and doubled; CPUs that cannot be are left
 * out.
 */
struct ends {
	double low, high;
	int low_is; /* enum sense_change */
};

static struct ends ends_of(const struct sense_number *n, unsigned run, double now)
{
	struct ends e = { now, now, SENSE_HALVED };

	for (unsigned change = 0; change < SENSE_CHANGES; change++) {
		double v = n->performance[change][run];

		if (n->impossible[change])
			continue;
		if (v < e.low)
			e.low_is = (int)change;
		e.low = fmin(e.low, v);
		e.high = fmax(e.high, v);
		if (v > now)
			e.low_is = change == SENSE_HALVED ? SENSE_DOUBLED : SENSE_HALVED;
	}
	return e;
}

static void part(struct chart_bar *b, double value, const char *class, const char *tip)
{
	struct chart_part *p = &b->part[b->nr_parts++];

	p->value = value;
	p->class = class;
	(void)snprintf(p->tip, sizeof(p->tip), "%s", tip);
}

static void tornado_bar(struct chart *c, const struct sense_number *n, const struct ends *e,
			double now, double from)
{
	struct chart_bar *b = chart_add(c, n->key);
	const char *const class[] = { "p1", "p6" };
	char tip[120];

	if (!b)
		return;
	(void)snprintf(tip, sizeof(tip), "%s, now %g: %.2f %% to %.2f %%", n->key, n->value,
		       100 * e->low, 100 * e->high);
	part(b, e->low - from, "clear", "");
	part(b, now - e->low, class[e->low_is], tip);
	part(b, e->high - now, class[!e->low_is], tip);
	(void)snprintf(b->text, sizeof(b->text), "%.1f to %.1f", 100 * e->low, 100 * e->high);
}

/*
 * Chooses the numbers that change this run's performance most, by a tenth of a per cent at least.
 */
static unsigned choose(const struct sensitivity *s, unsigned run,
		       const struct sense_number *chosen[TORNADO_BARS])
{
	unsigned nr = 0;

	for (unsigned i = 0; i < s->nr; i++) {
		struct ends e = ends_of(&s->number[i], run, s->performance[run]);
		double width = e.high - e.low;
		unsigned at = nr;

		if (width < .001)
			continue;
		for (; at; at--) {
			struct ends other = ends_of(chosen[at - 1], run, s->performance[run]);

			if (other.high - other.low >= width)
				break;
			if (at < TORNADO_BARS)
				chosen[at] = chosen[at - 1];
		}
		if (at < TORNADO_BARS)
			chosen[at] = &s->number[i];
		nr = nr < TORNADO_BARS ? nr + 1 : nr;
	}
	return nr;
}

static void tornado(FILE *f, const struct report *r, const struct report_input *in, unsigned run)
{
	const struct sensitivity *s = in->sensitivity;
	const struct sense_number *chosen[TORNADO_BARS];
	char label[RUN_LABEL], title[RUN_LABEL + 32];
	double now = s->performance[run], from = now, to = now;
	struct chart c = { .title = title, .label_w = 168 };
	unsigned nr = choose(s, run, chosen);

	page_run_label(label, r, &in->run[run]);
	(void)snprintf(title, sizeof(title), "%s: %.1f %%", label, 100 * now);
	for (unsigned i = 0; i < nr; i++) {
		struct ends e = ends_of(chosen[i], run, now);

		from = fmin(from, e.low);
		to = fmax(to, e.high);
	}
	c.most = to - from;
	c.mark = now - from;
	for (unsigned i = 0; i < nr; i++) {
		struct ends e = ends_of(chosen[i], run, now);

		tornado_bar(&c, chosen[i], &e, now, from);
	}
	if (nr)
		chart_put(f, &c);
}

static void put_share(FILE *f, const struct sense_number *n, unsigned change, unsigned run)
{
	fputs("<td>", f);
	if (n->impossible[change])
		fputs("\xe2\x80\x93", f);
	else
		fprintf(f, "%.2f", 100 * n->performance[change][run]);
	fputs("</td>", f);
}

static void sense_row(FILE *f, const struct report *r, const struct report_input *in,
		      const struct sense_number *n)
{
	const struct sensitivity *s = in->sensitivity;
	const char *between = "";

	fprintf(f, "<tr data-sense=\"");
	xml_put(f, n->key);
	fputs("\"><th>", f);
	xml_put(f, n->key);
	fprintf(f, "</th><td>%g</td>", n->value);
	for (unsigned k = 1; k < s->nr_runs; k++)
		for (unsigned change = 0; change < SENSE_CHANGES; change++)
			put_share(f, n, change, k);
	fprintf(f, "<td>%s</td><td>",
		n->reorders[SENSE_HALVED] || n->reorders[SENSE_DOUBLED] ? "changes" : "");
	for (unsigned i = 0; i + 1 < s->nr_runs; i++) {
		char a[RUN_LABEL], b[RUN_LABEL];

		if (n->even[i] < 0)
			continue;
		page_run_label(a, r, &in->run[s->order[i]]);
		page_run_label(b, r, &in->run[s->order[i + 1]]);
		xml_print(f, "%s%.6g (%s, %s)", between, n->even[i], a, b);
		between = "; ";
	}
	fputs("</td></tr>\n", f);
}

static void sense_table(FILE *f, const struct report *r, const struct report_input *in)
{
	const struct sensitivity *s = in->sensitivity;

	fputs("<details>\n<summary>All assumed numbers</summary>\n<div class=\"scroll\"><table>\n"
	      "<tr><th></th><th>value</th>",
	      f);
	for (unsigned k = 1; k < s->nr_runs; k++) {
		char label[RUN_LABEL];

		page_run_label(label, r, &in->run[k]);
		fputs("<th>", f);
		xml_print(f, "%s, halved", label);
		fputs("</th><th>doubled</th>", f);
	}
	fputs("<th>order</th><th>two swap places at</th></tr>\n", f);
	for (unsigned i = 0; i < s->nr; i++)
		sense_row(f, r, in, &s->number[i]);
	fputs("</table></div>\n</details>\n", f);
}

static void sense_words(FILE *f, const struct report_input *in)
{
	const struct sensitivity *s = in->sensitivity;
	unsigned nr = 0;

	for (unsigned i = 0; i < s->nr; i++)
		nr += s->number[i].reorders[SENSE_HALVED] || s->number[i].reorders[SENSE_DOUBLED];
	fputs("<p><b>", f);
	xml_put(f, in->name);
	fputs("</b>: ", f);
	if (nr)
		xml_print(f, "the order of the columns changes with %u of %u assumed numbers.", nr,
			  s->nr);
	else
		xml_print(f, "the order of the columns stays with all of %u assumed numbers.",
			  s->nr);
	fputs("</p>\n", f);
}

void page_sensitivity_section(FILE *f, const struct report *r)
{
	if (!r->nr_inputs || !r->input[0].sensitivity)
		return;
	page_section(f, "What hangs on the profile's assumptions");
	fputs("<p>Each number that the profile only assumes, halved (light blue) and doubled "
	      "(orange), and where that moves the performance in % of native; the line is where it "
	      "stands now.</p>\n",
	      f);
	for (unsigned i = 0; i < r->nr_inputs; i++) {
		const struct report_input *in = &r->input[i];

		if (!in->sensitivity)
			continue;
		sense_words(f, in);
		fputs("<div class=\"panels\">\n", f);
		for (unsigned k = 1; k < in->nr_runs; k++)
			tornado(f, r, in, k);
		fputs("</div>\n", f);
		sense_table(f, r, in);
	}
	fputs("</section>\n", f);
}
