/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu compare: every input on every backend, side by side.
 * Not here: the runs (compare_runs.c) and the output (report/).
 * Invariant: a result that differs from a recorded answer is printed, and sets the exit status.
 */
#include "cmd.h"
#include "compare.h"
#include "help.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	compare_plan(&c);
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
	"and 2M host pages.  Every answer that the files record is checked.  If a dump has no\n"
	"recorded answers, every mapped page has to be answered as natively.\n"
	"\n"
	"  --shadow LIST        run only native and shadow paging, with a row for each of these\n"
	"                       strategies: names with commas between, or all-strategies\n"
	"  --host-page SIZE     with --shadow LIST: host pages of 4K (default), 2M or 1G\n"
	"  --profile CPU        model this CPU and count its cycles; a name that `vmmu cpus`\n"
	"                       lists, or a file\n"
	"  --set KEY=VALUE      change a number of the profile\n"
	"  --host-2m LIST       with --profile: nested paging with these percentages of the\n"
	"                       guest's memory on 2M host pages, as in 0,25,100\n"
	"  --per-op             with --shadow LIST: exits per operation of a recorded workload\n"
	"  --json FILE          write all numbers as JSON (- is standard output)\n"
	"  --csv FILE           write all numbers as CSV\n"
	"  --html FILE          write a page with charts, which needs no other file\n"
	"  --sweep              with --json or --html: run the first input again with walk caches\n"
	"                       of other sizes\n"
	"  --sensitivity        with --profile: report what changes if an assumed number is\n"
	"                       halved or doubled, and at which value two columns swap places\n"
	"  --regs FILE          registers and RAM of a dump, if not in the JSON beside it\n"
	"  --ram SIZE           how much RAM a dump has, from address 0 on\n"
	"  --check N            check the library's invariants after each of the first N records\n"
	"                       of a trace, too\n" HELP_CACHES HELP_TECHNIQUES HELP_END,
	run,
};
