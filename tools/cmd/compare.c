/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu compare: every input on every backend, side by side.
 * The engines are replay/run.c and replay/state_check.c, the output report/report.c's.
 * Invariant: every input gets the same runs in the same order, native first.
 */
#include "cmd.h"
#include "guest_file.h"
#include "help.h"
#include "options.h"
#include "replay/replay.h"
#include "report/report.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plan {
	const char *backend;
	uint64_t host_page; /* native: its pages bound its TLB entries */
	const struct strategy *strategy;
	unsigned share; /* percent on 2M pages, in --host-2m's order; 0 with host_page 4K */
};

/* Native has no host pages: let nothing bound its TLB entries. */
static const struct plan usual[] = {
	{ .backend = "native", .host_page = 1ull << 30 },
	{ .backend = "shadow", .host_page = 4096 },
	{ .backend = "shadow", .host_page = 2ull << 20 },
	{ .backend = "nested-npt", .host_page = 4096 },
	{ .backend = "nested-npt", .host_page = 2ull << 20 },
	{ .backend = "nested-ept", .host_page = 4096 },
	{ .backend = "nested-ept", .host_page = 2ull << 20 },
};

/* On a modelled CPU, whose vendor has one of the two ways of nested paging. */
static const struct plan modelled[] = {
	{ .backend = "native", .host_page = 1ull << 30 },
	{ .backend = "shadow", .host_page = 4096 },
	{ .backend = "nested-ept", .host_page = 4096 },
	{ .backend = "nested-ept", .host_page = 2ull << 20 },
	{ .backend = "nested-ept", .host_page = 1ull << 30 },
};

#define RUNS_MOST (STRATEGIES_MOST + 1)
_Static_assert(RUNS_MOST <= RERUN_RUNS, "rerun.h has room for all runs");

struct comparison {
	const struct options *o;
	struct plan plan[RUNS_MOST];
	unsigned nr_runs;
	struct report report;
	struct progress progress;
	struct cpu_profile profile; /* with --profile */
	struct cpu_model cpu;
	char label[SHARES_MOST][12]; /* of --host-2m's runs */
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

/* The usual seven; or native and a run for each strategy. */
static void make_plan(struct comparison *c)
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

/* What run number i is made with, and its result's name. */
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
	if (check->leaves.cut)
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
	if (s.note[0])
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

/* Of the first input only: it takes a run for each size. */
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

static int compare_input(struct comparison *c, const char *path, struct err *err)
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

static void tell_mismatches(const struct report_input *in)
{
	for (unsigned i = 0; i < in->nr_runs; i++) {
		const struct result *r = &in->run[i];

		for (unsigned k = 0; k < result_shown(r); k++)
			say("%s on %s %s: %s", in->name, r->strategy ? r->strategy : r->backend,
			    r->host_page ? r->host_page : "", r->first[k].text);
	}
}

static void print_table(const struct comparison *c, const struct report_input *in)
{
	if (c->o->strategies.nr)
		report_strategies(stdout, in, wants_colour(STDOUT_FILENO));
	else
		report_table(stdout, in, c->report.cpu, wants_colour(STDOUT_FILENO));
	if (in->sensitivity)
		report_sensitivity(stdout, in);
}

static int wants_stdout(const struct options *o)
{
	return (o->json && strcmp(o->json, "-") == 0) || (o->csv && strcmp(o->csv, "-") == 0) ||
	       (o->html && strcmp(o->html, "-") == 0);
}

static int compare_all(struct comparison *c, char **paths, unsigned nr, struct err *err)
{
	int table = !wants_stdout(c->o);

	progress_begin(&c->progress, nr * c->nr_runs);
	for (unsigned i = 0; i < nr; i++) {
		int ret = compare_input(c, paths[i], err);

		progress_end(&c->progress);
		if (ret < 0)
			return -1;
		if (table)
			print_table(c, &c->report.input[i]);
		fflush(stdout);
		tell_mismatches(&c->report.input[i]);
	}
	if (table)
		report_legend(stdout, c->o->strategies.nr != 0);
	if ((c->o->json && report_json(&c->report, c->o->json, err) < 0) ||
	    (c->o->csv && report_csv(&c->report, c->o->csv, err) < 0) ||
	    (c->o->html && report_html(&c->report, c->o->html, err) < 0))
		return -1;
	return report_mismatches(&c->report) ? STATUS_MISMATCH : STATUS_OK;
}

static void free_report(struct report *r)
{
	for (unsigned i = 0; i < r->nr_inputs; i++) {
		free(r->input[i].name);
		free(r->input[i].run);
		free(r->input[i].op_unit);
		if (r->input[i].sensitivity)
			sensitivity_free(r->input[i].sensitivity);
		free(r->input[i].sensitivity);
		free(r->input[i].sweep);
	}
	free(r->input);
}

static int build_profile(struct comparison *c, struct err *err)
{
	const struct options *o = c->o;

	for (unsigned i = 0; i < o->nr_set; i++)
		if (cpu_profile_set(&c->profile, o->set[i], err) < 0)
			return -1;
	c->report.profile = o->profile;
	c->report.cpu = &c->cpu;
	return cpu_profile_build(&c->profile, &c->cpu, err);
}

static int read_profile(struct comparison *c, struct err *err)
{
	const struct options *o = c->o;

	if (!o->profile && o->nr_set)
		return err_set(err, STATUS_USAGE, "--set is for --profile");
	if (!o->profile)
		return o->sensitivity ? err_set(err, STATUS_USAGE, "--sensitivity is for --profile")
				      : 0;
	if (o->machine.pwc || o->machine.nested_tlb)
		return err_set(err, STATUS_USAGE,
			       "--pwc and --nested-tlb are for runs without --profile");
	if (cpu_profile_open(&c->profile, o->profile, err) < 0)
		return -1;
	if (build_profile(c, err) == 0)
		return 0;
	cpu_profile_close(&c->profile);
	return -1;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTIONS_MACHINE,
					       OPTION("host-page", OPT_HOST_PAGE),
					       FLAG("per-op", OPT_PER_OP),
					       OPTION("regs", OPT_REGS),
					       OPTION("ram", OPT_RAM),
					       OPTION("check", OPT_CHECK),
					       OPTION("json", OPT_JSON),
					       OPTION("csv", OPT_CSV),
					       OPTION("html", OPT_HTML),
					       FLAG("sweep", OPT_SWEEP),
					       FLAG("sensitivity", OPT_SENSITIVITY),
					       OPTION("profile", OPT_MODEL),
					       OPTION("set", OPT_SET),
					       OPTION("host-2m", OPT_HOST_2M),
					       OPTIONS_END };
	struct options o;
	struct comparison c = { .o = &o };
	int first = options_parse(argc, argv, table, &o, err), ret;

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_compare);
	if (first == argc)
		return err_set(err, STATUS_USAGE, "no INPUT is given");
	if (o.sweep && !o.html && !o.json)
		return err_set(err, STATUS_USAGE, "--sweep is for --html or --json");
	if (o.per_op && !o.strategies.nr)
		return err_set(err, STATUS_USAGE, "--per-op is for --shadow");
	if (read_profile(&c, err) < 0)
		return -1;
	if (o.nr_shares && (!c.report.cpu || o.strategies.nr))
		return err_set(err, STATUS_USAGE, "--host-2m is for --profile without --shadow");
	make_plan(&c);
	c.report.input = calloc((size_t)(argc - first), sizeof(*c.report.input));
	ret = c.report.input ? compare_all(&c, argv + first, (unsigned)(argc - first), err)
			     : err_input(err, "out of memory");
	free_report(&c.report);
	cpu_profile_close(&c.profile);
	return ret;
}

const struct command command_compare = {
	"compare",
	"run guests on all backends and show the costs side by side",
	"INPUT... [OPTION]...\n\n"
	"Each INPUT is an event trace, a memory dump or the JSON beside it.  It runs\n"
	"natively, with shadow paging and with nested paging (AMD's NPT, Intel's EPT), on 4K\n"
	"and 2M host pages.  Every answer that the files record is checked; a dump without\n"
	"recorded answers has every mapped page checked against native.\n\n"
	"  --shadow LIST        instead, native and shadow paging with these strategies, one\n"
	"                       row each: names with commas between, or all-strategies\n"
	"  --host-page SIZE     of these: 4K (default), 2M or 1G\n"
	"  --profile CPU        count cycles on this CPU (`vmmu cpus` lists them) or file\n"
	"  --set KEY=VALUE      with this number of the profile's instead\n"
	"  --host-2m LIST       with --profile: nested paging with 0, 25, ... percent of the\n"
	"                       guest's memory on 2M pages of the host's\n"
	"  --per-op             exits for each operation of a recorded workload\n"
	"  --json FILE          write all numbers as JSON (- is standard output)\n"
	"  --csv FILE           the same as CSV\n"
	"  --html FILE          a page with charts, complete in itself\n"
	"  --sweep              in both, the first input again with walk caches of other sizes\n"
	"  --sensitivity        what changes if the profile's assumed numbers are halved or\n"
	"                       doubled, and where two columns swap places\n"
	"  --regs FILE          registers and RAM of a dump, if not in the JSON beside it\n"
	"  --ram SIZE           RAM from 0 of a dump\n"
	"  --check N            check invariants after each of a trace's first N "
	"records\n" HELP_MACHINE HELP_END,
	run,
};
