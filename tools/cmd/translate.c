/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu translate: reads addresses and prints a line for each.
 * Every line is a real access through the backend.
 * Invariant: the output is the same for all backends.
 */
#include "cmd.h"
#include "help.h"
#include "options.h"
#include "query.h"
#include "machine/machine.h"

#include <stdio.h>
#include <string.h>

static void print_ok(uint64_t gva, const struct vmmu_xlat *x)
{
	uint8_t r = x->guest_rights;

	printf("%016llx ok %016llx %s %c%c%c%c\n", (unsigned long long)gva,
	       (unsigned long long)x->gpa.v, page_size_name(1ull << x->guest_shift),
	       r & VMMU_R ? 'r' : '-', r & VMMU_W ? 'w' : '-', r & VMMU_X ? 'x' : '-',
	       r & VMMU_U ? 'u' : '-');
}

static int answer(struct machine *m, const struct query *q, struct err *err)
{
	struct vmmu_xlat x;
	int status = vmmu_translate(m->cpu, vmmu_gva(q->gva), 1, q->access, &x);

	if (status == VMMU_OK)
		print_ok(q->gva, &x);
	else if (status == VMMU_MMIO)
		printf("%016llx mmio %016llx\n", (unsigned long long)q->gva,
		       (unsigned long long)x.gpa.v);
	else if (status == VMMU_FAULT && x.fault.vector == 14)
		printf("%016llx pf %04x\n", (unsigned long long)q->gva, x.fault.code);
	else if (status == VMMU_FAULT)
		printf("%016llx gp\n", (unsigned long long)q->gva);
	else
		return err_set(err, STATUS_MISMATCH, "%llx: %s: %s", (unsigned long long)q->gva,
			       vmmu_strerror(status), vmmu_reason(m->vm));
	return 0;
}

static int answer_line(struct machine *m, struct lines *l, char *line, struct err *err)
{
	struct query q;
	char copy[64];

	line += strspn(line, " \t\r");
	if (*line == 0 || *line == '#')
		return 0;
	snprintf(copy, sizeof(copy), "%s", line);
	if (query_parse(line, &q) < 0) {
		err_input(err, "%s: line %llu: \"%s\" is not GVA [r|w|x] [u|s|a]",
			  input_name(l->in), (unsigned long long)l->number, copy);
		return err_hint(err,
				"For instance `ffffffff81000000 x s`: what to do there, and as "
				"whom; man vmmu says more.");
	}
	return answer(m, &q, err);
}

static int answer_all(struct machine *m, struct err *err)
{
	struct input *in = input_open("-", err);
	struct lines l;
	char *line;
	int got = 1;

	if (!in)
		return -1;
	got = lines_open(&l, in, err) < 0 ? -1 : 1;
	while (got > 0) {
		if (lines_would_wait(&l))
			fflush(stdout);
		got = lines_next(&l, &line, err);
		if (got > 0 && answer_line(m, &l, line, err) < 0)
			got = -1;
	}
	lines_close(&l);
	return got;
}

static int translate(struct options *o, struct err *err)
{
	struct state s;
	struct machine m;
	int ret;

	if (options_one_machine(o, err) < 0 || state_open(&s, &o->state, err) < 0)
		return -1;
	if (s.note[0])
		say("%s: %s", o->state.core, s.note);
	ret = state_machine(&s, &o->machine, &m, err);
	state_close(&s);
	if (ret < 0)
		return -1;
	ret = answer_all(&m, err);
	machine_close(&m);
	return ret;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTIONS_STATE, OPTIONS_BACKEND, OPTIONS_MACHINE,
					       OPTIONS_END };
	struct options o;
	int first = options_parse(argc, argv, table, &o, err);

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_translate);
	if (first < argc)
		return err_set(err, STATUS_USAGE, "%s: addresses come on standard input",
			       argv[first]);
	if (o.state.core && strcmp(o.state.core, "-") == 0)
		return err_set(err, STATUS_USAGE, "--core -: standard input is for addresses");
	return translate(&o, err);
}

const struct command command_translate = {
	"translate",
	"translate addresses of a guest's memory dump",
	"--core FILE --backend NAME [OPTION]... <ADDRESSES\n\n"
	"Reads lines GVA [r|w|x] [u|s|a] from standard input.  GVA is a hexadecimal guest-virtual\n"
	"address.  The access is a read (default), a write or a fetch (x), by a user, by the\n"
	"supervisor (default), or by the supervisor with EFLAGS.AC=1 (a).\n"
	"The answer to each line is one line:\n"
	"  GVA ok GPA SIZE RIGHTS   SIZE and RIGHTS (rwxu) of the guest's own page\n"
	"  GVA pf CODE              a page fault with this error code\n"
	"  GVA gp                   not a canonical address\n"
	"  GVA mmio GPA             GPA, or a table entry there, lies outside RAM\n\n" HELP_STATE
		HELP_BACKEND HELP_MACHINE HELP_END,
	run,
};
