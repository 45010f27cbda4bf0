/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu replay: one trace on one backend, with every recorded answer checked.
 * Not here: replaying (replay/run.c).
 * Invariant: the exit status is 0 only if something was checked and all of it was right.
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

static void line(const char *label, uint64_t n, const char *what)
{
	char buf[32];

	format_exact(buf, sizeof(buf), n);
	printf("  %-16s %12s  %s\n", label, buf, what);
}

static void print_exits(const struct result *r)
{
	line("exits", report_exits(r), r->windowed ? "in the marked window" : "");
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		if (r->stats.event[i])
			line("", r->stats.event[i], vmmu_event_key(i));
}

static void print_checked(const struct result *r)
{
	line("records", r->records, "");
	line("accesses", r->accesses, "checked, of these");
	line("", r->gpas, "guest-physical addresses");
	line("", r->rights, "rights");
	line("", r->gpas, "MMIO flags");
	line("faults", r->faults, "checked: error code and CR2");
	line("self-checks", r->checks, "calls of vmmu_check()");
	line("mismatches", r->mismatches, "");
}

static void print_costs(const struct result *r)
{
	char tables[32], meta[32];
	uint64_t walks = r->stats.event[VMMU_EV_WALK];

	print_exits(r);
	line("walks", walks, "");
	line("references", r->stats.walk_refs, "by the CPU");
	line("", r->stats.sw_refs, "by the hypervisor");
	format_bytes(tables, sizeof(tables), r->stats.table_peak);
	format_bytes(meta, sizeof(meta), r->stats.meta_peak);
	printf("  %-16s %12s  tables, %s other\n", "memory", tables, meta);
	printf("  %-16s %12.2f  %.1f million records a second\n", "seconds", r->seconds,
	       r->seconds > 0 ? (double)r->records / r->seconds / 1e6 : 0);
}

static void print_result(const char *name, const struct result *r)
{
	printf("%s on %s%s%s%s%s\n", name, r->backend, r->strategy ? " " : "",
	       r->strategy ? r->strategy : "", r->host_page ? ", host pages " : "",
	       r->host_page ? r->host_page : "");
	print_checked(r);
	print_costs(r);
}

static void tell_mismatches(const struct result *r)
{
	for (unsigned i = 0; i < result_shown(r); i++)
		say("mismatch: %s", r->first[i].text);
	if (r->mismatches > result_shown(r))
		say("... and %llu more", (unsigned long long)(r->mismatches - result_shown(r)));
}

static int finish(const char *path, const struct options *o, struct result *r, struct err *err)
{
	struct report_input in = { .name = path_stem(path), .run = r, .nr_runs = 1 };
	struct report all = { .input = &in, .nr_inputs = 1 };
	int ret = r->mismatches ? STATUS_MISMATCH : STATUS_OK;

	if (!in.name)
		return err_input(err, "%s: out of memory", path);
	if (!o->json || strcmp(o->json, "-") != 0)
		print_result(in.name, r);
	fflush(stdout);
	say_cleared(in.name, r);
	tell_mismatches(r);
	if (o->json && report_json(&all, o->json, err) < 0)
		ret = -1;
	free(in.name);
	return ret;
}

static int replay(struct trace *t, const struct options *o, struct result *r, struct err *err)
{
	struct replay_options ro = { .check = o->check };
	struct progress progress;
	struct machine m;
	int ret;

	if (replay_machine(t, &o->machine, &m, err) < 0)
		return -1;
	progress_begin(&progress, 1);
	progress_step(&progress, 0, r->backend);
	t->progress = &progress;
	ret = replay_run(t, &m, &ro, r, err);
	progress_end(&progress);
	machine_close(&m);
	return ret;
}

static int replay_file(const char *path, const struct options *o, struct err *err)
{
	struct result r = { .backend = o->machine.backend->name };

	if (o->strategies.nr)
		r.strategy = o->strategies.s[0].name;
	struct input *in = guest_trace(path, err);
	struct trace t;
	int ret;

	if (o->machine.backend->hypervisor)
		r.host_page = page_size_name(o->machine.host_page);
	if (!in || trace_open(&t, in, err) < 0)
		return -1;
	ret = replay(&t, o, &r, err);
	trace_close(&t);
	return ret < 0 ? -1 : finish(path, o, &r, err);
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTIONS_BACKEND, OPTIONS_MACHINE,
					       OPTION("check", OPT_CHECK), OPTION("json", OPT_JSON),
					       OPTIONS_END };
	struct options o;
	int first = options_parse(argc, argv, table, &o, err);

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_replay);
	if (argc - first != 1)
		return err_set(err, STATUS_USAGE, "one TRACE is wanted, not %d", argc - first);
	if (options_one_machine(&o, err) < 0)
		return -1;
	return replay_file(argv[first], &o, err);
}

const struct command command_replay = {
	"replay",
	"replay an event trace and check every recorded answer",
	"TRACE --backend NAME [OPTION]...\n\n"
	"Does what the traced guest did, and compares each translation and fault with what\n"
	"the trace recorded.  Exit status: 0 all agree, 1 some differ.\n\n" HELP_BACKEND
		HELP_MACHINE
	"  --check N            check the library's invariants after each of the first N\n"
	"                       records, too, and not only at the end\n"
	"  --json FILE          write the numbers as `vmmu compare --json` does\n" HELP_END,
	run,
};
