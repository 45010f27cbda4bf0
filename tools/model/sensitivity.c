/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Halving and doubling the numbers that a profile assumes.
 * Not here: showing the results (report/).
 * Invariant: the cycles for a linear number lie on the line through two points that cost.c gives,
 * at zero and at the profile's value.
 */
#include "sensitivity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cycles of all runs. */
struct totals {
	double of[RERUN_RUNS];
};

struct maker {
	struct sensitivity *s;
	const struct cpu_profile *profile;
	struct cpu_model base;
	const struct result *run;
	struct totals now;
	rerun_fn *again;
	void *ctx;
	struct err *err;
};

static struct totals totals_of(const struct maker *m, const struct cpu_model *cpu,
			       const struct result *run)
{
	struct totals t = { { 0 } };

	for (unsigned i = 0; i < m->s->nr_runs; i++) {
		struct cost cost;

		cost_of(cpu, &run[i], &cost);
		t.of[i] = cost.total;
	}
	return t;
}

/* Makes a CPU of the profile with `key` changed. */
static int changed(const struct maker *m, const char *key, double value, struct cpu_model *model,
		   struct err *err)
{
	struct cpu_profile p = *m->profile;
	char text[96];

	snprintf(text, sizeof(text), "%s=%.10g", key, value);
	if (cpu_profile_set(&p, text, err) < 0)
		return -1;
	return cpu_profile_build(&p, model, err);
}

static int ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

/* The library counts data accesses in cycles, so their latencies need another run. */
static int is_linear(const struct maker *m, const char *key)
{
	int data = strncmp(key, "cache.", 6) == 0 || strncmp(key, "memory.", 7) == 0;

	if (data && m->base.silicon.data_accesses)
		return 0;
	return strncmp(key, "cost.", 5) == 0 || strcmp(key, "clock") == 0 ||
	       ends_in(key, ".latency");
}

static void set_performance(const struct maker *m, struct sense_number *n, unsigned change,
			    const struct totals *t)
{
	double *to = n->performance[change];

	for (unsigned i = 0; i < m->s->nr_runs; i++) {
		to[i] = t->of[i] > 0 ? t->of[0] / t->of[i] : 0;
		n->swing = fmax(n->swing, fabs(to[i] - m->s->performance[i]));
		for (unsigned k = 0; k < m->s->nr_runs; k++)
			if (m->now.of[i] < m->now.of[k] && t->of[i] > t->of[k])
				n->reorders[change] = 1;
	}
}

/* ---- costs and latencies --------------------------------------------------------------- */

static void break_evens(const struct maker *m, struct sense_number *n, const struct totals *zero,
			const struct totals *slope)
{
	for (unsigned i = 0; i + 1 < m->s->nr_runs; i++) {
		unsigned a = m->s->order[i], b = m->s->order[i + 1];
		double steeper = slope->of[a] - slope->of[b], ahead = zero->of[b] - zero->of[a];

		n->even[i] = -1;
		/* A difference that comes from rounding is no crossing. */
		if (fabs(steeper) > 1e-9 * (fabs(slope->of[a]) + fabs(slope->of[b])))
			n->even[i] = ahead / steeper;
	}
}

static int vary_linear(const struct maker *m, struct sense_number *n)
{
	double at = n->value > 0 ? n->value : 1;
	struct totals zero, here = m->now, slope = { { 0 } };
	struct cpu_model model;

	if (changed(m, n->key, 0, &model, m->err) < 0)
		return -1;
	zero = totals_of(m, &model, m->run);
	if (n->value <= 0) {
		if (changed(m, n->key, 1, &model, m->err) < 0)
			return -1;
		here = totals_of(m, &model, m->run);
	}
	for (unsigned i = 0; i < m->s->nr_runs; i++)
		slope.of[i] = (here.of[i] - zero.of[i]) / at;
	for (unsigned change = 0; change < SENSE_CHANGES; change++) {
		double v = change == SENSE_HALVED ? n->value / 2 : n->value * 2;
		struct totals t = { { 0 } };

		for (unsigned i = 0; i < m->s->nr_runs; i++)
			t.of[i] = zero.of[i] + slope.of[i] * v;
		set_performance(m, n, change, &t);
	}
	break_evens(m, n, &zero, &slope);
	return 0;
}

/* ---- geometry ---------------------------------------------------------------------------- */

static int vary_geometry(const struct maker *m, struct sense_number *n, unsigned change)
{
	double v = change == SENSE_HALVED ? floor(n->value / 2) : n->value * 2;
	struct result run[RERUN_RUNS];
	struct cpu_model model;
	struct rerun how = { .cpu = &model };
	struct totals t;
	struct err why;

	if (changed(m, n->key, v, &model, &why) < 0) {
		n->impossible[change] = strdup(why.text);
		return n->impossible[change] ? 0 : err_input(m->err, "out of memory");
	}
	memset(run, 0, sizeof(run));
	if (m->again(m->ctx, &how, run, m->err) < 0)
		return -1;
	t = totals_of(m, &model, run);
	set_performance(m, n, change, &t);
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------- */

static int vary(const struct maker *m, struct sense_number *n)
{
	for (unsigned i = 0; i < RERUN_RUNS; i++)
		n->even[i] = -1;
	n->linear = is_linear(m, n->key);
	if (n->linear)
		return vary_linear(m, n);
	for (unsigned change = 0; change < SENSE_CHANGES; change++)
		if (vary_geometry(m, n, change) < 0)
			return -1;
	return 0;
}

static void put_in_order(struct sensitivity *s, const struct totals *t)
{
	for (unsigned i = 0; i < s->nr_runs; i++) {
		unsigned k = i;

		for (; k && t->of[s->order[k - 1]] > t->of[i]; k--)
			s->order[k] = s->order[k - 1];
		s->order[k] = i;
	}
}

static int wider(const void *a, const void *b)
{
	const struct sense_number *x = a, *y = b;

	if (x->swing > y->swing || x->swing < y->swing)
		return x->swing > y->swing ? -1 : 1;
	return strcmp(x->key, y->key);
}

/* A word such as "full" cannot be halved. */
static int is_number(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && !*end;
}

static int vary_all(struct maker *m)
{
	struct sensitivity *s = m->s;

	for (unsigned i = 0; i < m->profile->nr; i++) {
		const struct cpu_param *p = &m->profile->param[i];
		struct sense_number *n = &s->number[s->nr];

		if (!p->assumed)
			continue;
		if (!is_number(p->value, &n->value)) {
			s->nr_words++;
			continue;
		}
		snprintf(n->key, sizeof(n->key), "%s", p->key);
		s->nr++;
		if (vary(m, n) < 0)
			return -1;
	}
	qsort(s->number, s->nr, sizeof(*s->number), wider);
	return 0;
}

int sensitivity_make(struct sensitivity *s, const struct cpu_profile *p, const struct result *run,
		     unsigned nr_runs, rerun_fn *again, void *ctx, struct err *err)
{
	struct maker m = {
		.s = s, .profile = p, .run = run, .again = again, .ctx = ctx, .err = err
	};

	*s = (struct sensitivity){ .nr_runs = nr_runs };
	if (cpu_profile_build(p, &m.base, err) < 0)
		return -1;
	s->number = calloc(p->nr ? p->nr : 1, sizeof(*s->number));
	if (!s->number)
		return err_input(err, "out of memory");
	m.now = totals_of(&m, &m.base, run);
	for (unsigned i = 0; i < nr_runs; i++)
		s->performance[i] = m.now.of[i] > 0 ? m.now.of[0] / m.now.of[i] : 0;
	put_in_order(s, &m.now);
	return vary_all(&m);
}

void sensitivity_free(struct sensitivity *s)
{
	for (unsigned i = 0; i < s->nr; i++)
		for (unsigned change = 0; change < SENSE_CHANGES; change++)
			free(s->number[i].impossible[change]);
	free(s->number);
	s->number = NULL;
	s->nr = 0;
}
