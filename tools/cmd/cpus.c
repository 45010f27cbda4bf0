/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu cpus: which CPU profiles there are, and where their numbers come from.
 * Not here: what the keys mean (model/keys.c).
 * Invariant: a number without a source is shown as assumed.
 */
#include "cmd.h"
#include "help.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

/* Whether the value is a name and no number. */
static int is_number(const struct cpu_param *param)
{
	return strcmp(param->key, "title") != 0 && strcmp(param->key, "vendor") != 0;
}

static void count(const struct cpu_profile *p, unsigned *sourced, unsigned *assumed)
{
	*sourced = *assumed = 0;
	for (unsigned i = 0; i < p->nr; i++)
		if (is_number(&p->param[i]))
			++*(p->param[i].assumed ? assumed : sourced);
}

/* Opens a profile and checks that it can be used.  After a failure there is nothing to close. */
static int open_built(struct cpu_profile *p, struct cpu_model *model, const char *name,
		      struct err *err)
{
	if (cpu_profile_open(p, name, err) < 0)
		return -1;
	if (cpu_profile_build(p, model, err) == 0)
		return 0;
	cpu_profile_close(p);
	return -1;
}

static int list(struct err *err)
{
	const char *name;

	printf("%-12s %-44s %8s %8s\n", "name", "CPU", "sources", "assumed");
	for (unsigned i = 0; (name = cpu_profile_name(i)); i++) {
		unsigned sourced, assumed;
		struct cpu_profile p;
		struct cpu_model model;

		if (open_built(&p, &model, name, err) < 0)
			return -1;
		count(&p, &sourced, &assumed);
		printf("%-12s %-44s %8u %8u\n", name, model.title, sourced, assumed);
		cpu_profile_close(&p);
	}
	return STATUS_OK;
}

/* Returns why a number is assumed, without the word "assumed". */
static const char *reason(const struct cpu_param *param)
{
	const char *text = param->source;

	if (!param->assumed)
		return text;
	if (!*text)
		return "no source is given";
	text += strlen("assumed");
	return text + strspn(text, ": ");
}

static void print_param(const struct cpu_param *param)
{
	printf("%-27s %9s %c %s\n", param->key, param->value, param->assumed ? '?' : ' ',
	       reason(param));
}

static int show(const char *name, struct err *err)
{
	unsigned sourced, assumed;
	struct cpu_profile p;
	struct cpu_model model;

	if (open_built(&p, &model, name, err) < 0)
		return -1;
	count(&p, &sourced, &assumed);
	printf("%s\nnested paging: %s; %u numbers with a source, %u assumed (?)\n\n", model.title,
	       model.amd ? "NPT" : "EPT", sourced, assumed);
	for (unsigned i = 0; i < p.nr; i++)
		if (is_number(&p.param[i]))
			print_param(&p.param[i]);
	cpu_profile_close(&p);
	return STATUS_OK;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTIONS_END };
	struct options o;
	int first = options_parse(argc, argv, table, &o, err);

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_cpus);
	if (argc - first > 1)
		return err_set(err, STATUS_USAGE, "%s: one CPU at a time", argv[first + 1]);
	return first == argc ? list(err) : show(argv[first], err);
}

const struct command command_cpus = {
	"cpus",
	"list the CPU profiles, or one with its sources",
	"[NAME]\n\n"
	"Without NAME, lists the CPU profiles for `vmmu compare --profile`, with how many of\n"
	"their numbers have a source and how many are assumed.  With NAME, prints the numbers\n"
	"of that profile, and where each is from; a ? marks those that are assumed, and the\n"
	"text beside it says why.  A NAME with a . or / in it is a file.\n\n"
	"  --help\n",
	run,
};
