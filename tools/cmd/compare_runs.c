/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runs of vmmu compare: an input on every backend, and again on other CPUs.
 * Not here: the engines (replay/run.c, replay/state_check.c).
 * Invariant: every input has the same runs in the same order, native first.
 */
#include "cmd.h"
#include "compare.h"
#include "guest_file.h"
#include "replay/replay.h"

#include <stdlib.h>
#include <string.h>

/* Native has no host pages; 1G keeps them from limiting its TLB entries. */
static const struct plan usual[] = {
	{ .backend = "native", .host_page = 1ull << 30 },
	{ .backend = "shadow", .host_page = 4096 },
	{ .backend = "shadow", .host_page = 2ull << 20 },
	{ .backend = "nested-npt", .host_page = 4096 },
	{ .backend = "nested-npt", .host_page = 2ull << 20 },
	{ .backend = "nested-ept", .host_page = 4096 },
	{ .backend = "nested-ept", .host_page = 2ull << 20 },
};

/* The runs on a modelled CPU; its vendor has either NPT or EPT. */
static const struct plan modelled[] = {
	{ .backend = "native", .host_page = 1ull << 30 },
	{ .backend = "shadow", .host_page = 4096 },
	{ .backend = "nested-ept", .host_page = 4096 },
	{ .backend = "nested-ept", .host_page = 2ull << 20 },
	{ .backend = "nested-ept", .host_page = 1ull << 30 },
};

static void plan_shares(struct comparison *c)
{
	c->plan[c->nr_runs++] = usual[0];
	for (unsigned i = 0; i < c->o->nr_shares; i++) {
		snprintf(c->label[i], sizeof(c->label[i]), "%u%% 2M", c->o->share_2m[i]);
		c->plan[c->nr_runs++] = (struct plan){
			.backend = c->cpu.amd ? "nested-npt" : "nested-ept",
			.host_page = VMMU_PAGE_SIZE,
			.share = c->o->share_2m[i],
		};
	}
}

static void plan_modelled(struct comparison *c)
{
	memcpy(c->plan, modelled, sizeof(modelled));
	c->nr_runs = sizeof(modelled) / sizeof(*modelled);
	for (unsigned i = 2; i < c->nr_runs && c->cpu.amd; i++)
		c->plan[i].backend = "nested-npt";
}

void compare_plan(struct comparison *c)
{
	const struct strategies *all = &c->o->strategies;

	if (c->o->nr_shares) {
		plan_shares(c);
		return;
	}
	if (!all->nr && c->report.cpu) {
		plan_modelled(c);
		return;
	}
	if (!all->nr) {
		memcpy(c->plan, usual, sizeof(usual));
		c->nr_runs = sizeof(usual) / sizeof(*usual);
		return;
	}
	c->plan[c->nr_runs++] = usual[0];
	for (unsigned i = 0; i < all->nr; i++)
		c->plan[c->nr_runs++] = (struct plan){ .backend = "shadow",
						       .host_page = c->o->machine.host_page,
						       .strategy = &all->s[i] };
}

/* Returns what run number i is made with, and names its result. */
static struct machine_options options_of(const struct comparison *c, unsigned i, struct result *r)
{
	struct machine_options m = c->o->machine;
	const struct plan *plan = &c->plan[i];

	m.backend = backend_find(plan->backend);
	m.host_page = plan->host_page;
	m.cpu = c->report.cpu;
	if (!m.backend->hypervisor)
		m.table_pages = 0;
	*r = (struct result){ .backend = m.backend->name };
	if (m.backend->hypervisor)
		r->host_page = page_size_name(m.host_page);
	m.share_2m = plan->share;
	if (c->o->nr_shares && i)
		r->host_page = c->label[i - 1];
	if (plan->strategy) {
		m.shadow.off = plan->strategy->off;
		r->strategy = plan->strategy->name;
	}
	return m;
}

static void step(struct comparison *c, const char *name, unsigned run, const struct result *r)
{
	char what[128];
	unsigned done = (c->report.nr_inputs - 1) * c->nr_runs + run;

	snprintf(what, sizeof(what), "%.24s %s %s", name, r->strategy ? r->strategy : r->backend,
		 r->host_page ? r->host_page : "");
	progress_step(&c->progress, done, what);
}

static int replay_once(struct comparison *c, const char *path, const struct machine_options *opt,
		       struct report_input *in, struct result *r, struct err *err)
{
	struct replay_options ro = { .check = c->o->check };
	struct input *file = guest_trace(path, err);
	struct machine m;
	struct trace t;
	int ret = -1;

	if (!file || trace_open(&t, file, err) < 0)
		return -1;
	if (opt->share_2m || (opt->backend->hypervisor && opt->host_page > VMMU_PAGE_SIZE)) {
		ro.large = opt->share_2m ? 2ull << 20 : opt->host_page;
		ro.share_large = opt->share_2m ? opt->share_2m : 100;
	}
	t.progress = &c->progress;
	snprintf(in->about, sizeof(in->about), "trace, %llu MiB of RAM",
		 (unsigned long long)(t.ram_bytes >> 20));
	if (replay_machine(&t, opt, &m, err) == 0) {
		ret = replay_run(&t, &m, &ro, r, err);
		machine_close(&m);
	}
	trace_close(&t);
	return ret;
}

static int compare_trace(struct comparison *c, const char *path, struct report_input *in,
			 struct err *err)
{
	for (unsigned i = 0; i < c->nr_runs; i++) {
		struct machine_options opt = options_of(c, i, &in->run[i]);

		step(c, in->name, i, &in->run[i]);
		if (replay_once(c, path, &opt, in, &in->run[i], err) < 0)
			return -1;
		in->nr_runs = i + 1;
	}
	if (!c->again)
		say_cleared(in->name, &in->run[0]);
	return 0;
}

static int check_once(struct state_check *check, const struct machine_options *opt,
		      struct result *r, struct err *err)
{
	struct machine m;
	int ret;

	if (state_machine(check->state, opt, &m, err) < 0)
		return -1;
	ret = state_check_run(check, &m, r, err);
	machine_close(&m);
	return ret;
}

static int check_runs(struct comparison *c, struct state_check *check, struct report_input *in,
		      struct err *err)
{
	check->progress = &c->progress;
	for (unsigned i = 0; i < c->nr_runs; i++) {
		struct machine_options opt = options_of(c, i, &in->run[i]);

		step(c, in->name, i, &in->run[i]);
		if (check_once(check, &opt, &in->run[i], err) < 0)
			return -1;
		in->nr_runs = i + 1;
	}
	if (check->leaves.cut && !c->again)
		say("%s: only the first %zu leaves were read", in->name, check->leaves.nr);
	return 0;
}

static void describe(struct report_input *in, const struct state *s, int golden)
{
	if (golden)
		snprintf(in->about, sizeof(in->about),
			 "memory dump, %llu MiB of RAM, %zu address space%s recorded",
			 (unsigned long long)(ranges_bytes(&s->ram) >> 20), s->side.nr_contexts,
			 s->side.nr_contexts == 1 ? "" : "s");
	else
		snprintf(in->about, sizeof(in->about),
			 "memory dump, %llu MiB of RAM, every leaf against native",
			 (unsigned long long)(ranges_bytes(&s->ram) >> 20));
}

static int compare_files(struct comparison *c, const struct guest_files *f, struct report_input *in,
			 struct err *err)
{
	struct state_options o = c->o->state;
	struct state_check check;
	struct state s;
	int ret = -1;

	o.core = f->core;
	o.regs = o.regs ? o.regs : f->json;
	if (state_open(&s, &o, err) < 0)
		return -1;
	if (s.note[0] && !c->again)
		say("%s: %s", in->name, s.note);
	if (state_check_open(&check, &s, o.regs, err) == 0) {
		check.name = in->name;
		describe(in, &s, check.golden != NULL);
		ret = check_runs(c, &check, in, err);
		state_check_close(&check);
	}
	state_close(&s);
	return ret;
}

static int compare_state(struct comparison *c, int kind, const char *path, struct report_input *in,
			 struct err *err)
{
	struct guest_files files;
	int ret;

	if (guest_files(kind, path, &files, err) < 0)
		return -1;
	ret = compare_files(c, &files, in, err);
	guest_files_free(&files);
	return ret;
}

static int compare_kind(struct comparison *c, int kind, const char *path, struct report_input *in,
			struct err *err)
{
	return kind == GUEST_TRACE ? compare_trace(c, path, in, err)
				   : compare_state(c, kind, path, in, err);
}

/* ---- again, on other CPUs ---------------------------------------------------------- */

struct again {
	struct comparison *c;
	const char *path;
	int kind;
	char *name;
};

static int run_again(void *ctx, const struct rerun *how, struct result *run, struct err *err)
{
	struct again *a = ctx;
	struct options o = *a->c->o;
	struct comparison c = *a->c;
	struct report_input in = { .name = a->name, .run = run };
	int ret;

	o.machine.pwc = how->pwc;
	o.machine.nested_tlb = how->nested_tlb;
	c.o = &o;
	c.again = 1;
	c.report.cpu = how->cpu;
	ret = compare_kind(&c, a->kind, a->path, &in, err);
	a->c->progress = c.progress;
	for (unsigned i = 0; i < in.nr_runs && ret == 0; i++)
		if (run[i].mismatches)
			ret = err_set(err, STATUS_MISMATCH, "%s: on another CPU: %s", a->name,
				      run[i].first[0].text);
	return ret;
}

static int make_sensitivity(struct again *a, struct report_input *in, struct err *err)
{
	in->sensitivity = calloc(1, sizeof(*in->sensitivity));
	if (!in->sensitivity)
		return err_input(err, "%s: out of memory", a->path);
	return sensitivity_make(in->sensitivity, &a->c->profile, in->run, in->nr_runs, run_again, a,
				err);
}

/* Only the first input is swept, because that takes a run for each size. */
static int make_sweep(struct again *a, struct report_input *in, struct err *err)
{
	in->sweep = calloc(1, sizeof(*in->sweep));
	if (!in->sweep)
		return err_input(err, "%s: out of memory", a->path);
	return sweep_make(in->sweep, a->c->report.cpu, in->nr_runs, run_again, a, err);
}

static int compare_again(struct comparison *c, int kind, const char *path, struct report_input *in,
			 struct err *err)
{
	struct again a = { c, path, kind, in->name };

	if (c->o->sensitivity && make_sensitivity(&a, in, err) < 0)
		return -1;
	return c->o->sweep && c->report.nr_inputs == 1 ? make_sweep(&a, in, err) : 0;
}

static int compare_path(struct comparison *c, const char *path, struct report_input *in,
			struct err *err)
{
	int kind = guest_kind(path, err);

	if (kind < 0)
		return -1;
	in->run = calloc(c->nr_runs, sizeof(*in->run));
	if (!in->run)
		return err_input(err, "%s: out of memory", path);
	if (c->o->per_op && guest_ops(path, &in->ops, &in->op_unit, err) < 0)
		return -1;
	if (compare_kind(c, kind, path, in, err) < 0)
		return -1;
	return compare_again(c, kind, path, in, err);
}

int compare_input(struct comparison *c, const char *path, struct err *err)
{
	struct report_input *in = &c->report.input[c->report.nr_inputs++];
	int spooled = strcmp(path, "-") == 0, ret;
	char *copy = spooled ? guest_spool(err) : strdup(path);

	in->name = path_stem(path);
	if (!copy || !in->name) {
		if (!spooled || copy)
			err_input(err, "%s: out of memory", path);
		free(copy);
		return -1;
	}
	ret = compare_path(c, copy, in, err);
	free(copy);
	return ret;
}
