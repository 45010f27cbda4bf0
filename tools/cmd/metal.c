/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu metal: a kernel that does what `vmmu check` does, on another MMU: an emulator's, a
 * hypervisor's, a CPU's.
 * What is tried and judged is the kernel's (metal/kernel); here it is started, and heard.
 * Invariant: a sequence that is printed is what --replay does again.
 */
#include "cmd.h"
#include "check/gen.h"
#include "metal/metal.h"
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct hearing {
	const struct metal_options *o;
	struct metal_known known;
	struct progress progress;
	double all; /* what ops= or seconds= says is to be done */
	int by_seconds, different, panic, missing;
};

static void hear_known(struct hearing *h, const char *line)
{
	char name[64], see[256], n[32];
	unsigned long long count;

	if (sscanf(line, "known %63s %llu", name, &count) != 2)
		return;
	metal_known_see(&h->known, name, see, sizeof(see));
	format_count(n, sizeof(n), count);
	printf("known       %15s  %s%s%s\n", n, name, see[0] ? ": " : "", see);
	h->missing += !count;
}

static void hear_end(struct hearing *h, const char *line)
{
	static const char *const key[] = { " ops=",    " accesses=",	" faults=",
					   " worlds=", " differences=", " skipped=" };
	static const char *const name[] = { "operations", "accesses",	 "faults",
					    "worlds",	  "differences", "skipped" };
	unsigned i;
	char n[32];

	if (strstr(line, "status=panic"))
		h->panic = 1;
	if (strstr(line, "status=different"))
		h->different = 1;
	for (i = 0; i < sizeof(key) / sizeof(key[0]) && !h->panic; i++) {
		format_count(n, sizeof(n), metal_number(line, key[i]));
		printf("%-12s%15s%s\n", name[i], n,
		       i == 5 ? "  what would have taken the kernel's ground away" : "");
	}
}

static void hear(void *ctx, const char *line)
{
	struct hearing *h = ctx;

	if (!strncmp(line, "progress ", 9)) {
		progress_at(&h->progress,
			    (double)metal_number(line, h->by_seconds ? " seconds=" : " ops=") /
				    h->all);
		return;
	}
	if (!strncmp(line, "known ", 6)) {
		hear_known(h, line);
		return;
	}
	progress_end(&h->progress);
	if (!strncmp(line, "end ", 4))
		hear_end(h, line);
	else if (line[0] == '|')
		puts(line + 2);
	else
		printf("# %s\n", line);
}

static int result(const struct hearing *h, const struct metal_session *s, const char *on,
		  struct err *err)
{
	if (h->panic)
		return err_set(err, STATUS_MISMATCH, "--on %s: the kernel gave up", on);
	if (s->hung)
		return err_set(err, STATUS_MISMATCH,
			       "--on %s: no word for a while, after %" PRIu64
			       " operations: the target hangs",
			       on, s->ops);
	if (!s->begun)
		return err_input(err, "--on %s: the kernel did not start", on);
	if (!s->ended)
		return err_set(err, STATUS_MISMATCH,
			       "--on %s: the target ended or reset after %" PRIu64
			       " operations and more",
			       on, s->ops);
	if (h->missing)
		say("%d known deviations did not occur", h->missing);
	return h->different ? STATUS_MISMATCH : STATUS_OK;
}

static int test(struct hearing *h, const struct options *o, struct metal_target *t, struct err *err)
{
	const struct check_options *c = &o->check_options;
	struct metal_session s = { .line = hear, .ctx = h };
	pid_t pid;
	int fd;

	snprintf(t->args, sizeof(t->args),
		 "seed=%" PRIu64 " ops=%" PRIu64 " seconds=%" PRIu64 " mix=%s stop=%" PRIu64
		 " sabotage=%" PRIu64 "%s",
		 c->seed, c->ops, c->seconds, gen_mix_name(c->mix),
		 o->metal.stop ? o->metal.stop : 1, o->metal.sabotage,
		 strcmp(t->on, "run") ? "" : " xchg=0");
	if (metal_target_module(t, &h->known, c->replay, err) < 0)
		return -1;
	pid = metal_target_start(t, &fd, err);
	if (pid < 0)
		return -1;
	/* A program that reads it gets it line by line. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	h->by_seconds = c->seconds != 0;
	h->all = c->seconds ? (double)c->seconds : (double)c->ops;
	progress_begin(&h->progress, 1);
	progress_step(&h->progress, 0, t->on);
	metal_session_run(&s, t, pid, fd);
	progress_end(&h->progress);
	return result(h, &s, t->on, err);
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTION("on", OPT_ON),
					       OPTION("seed", OPT_SEED),
					       OPTION("ops", OPT_OPS),
					       OPTION("seconds", OPT_SECONDS),
					       OPTION("mix", OPT_MIX),
					       OPTION("stop", OPT_STOP),
					       OPTION("known", OPT_KNOWN),
					       OPTION("replay", OPT_REPLAY),
					       OPTION("target-cpu", OPT_TARGET_CPU),
					       OPTION("sabotage", OPT_SABOTAGE),
					       OPTIONS_BACKEND,
					       OPTIONS_END };
	struct options o;
	struct hearing h = { .o = &o.metal };
	struct metal_target t = { .quiet_seconds = 60 };
	int first = options_parse(argc, argv, table, &o, err), status;

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_metal);
	if (first != argc)
		return err_set(err, STATUS_USAGE, "%s: no operand is wanted", argv[first]);
	if (!o.metal.on)
		return err_set(err, STATUS_USAGE, "--on is missing: qemu, kvm, run or command:...");
	t.on = o.metal.on;
	t.cpu = o.metal.cpu;
	t.backend = o.machine.backend ? o.machine.backend->name : NULL;
	if (metal_target_find(&t, err) < 0 ||
	    (o.metal.known && metal_known_read(&h.known, o.metal.known, err) < 0))
		return -1;
	status = test(&h, &o, &t, err);
	metal_target_end(&t);
	metal_known_free(&h.known);
	return status;
}

const struct command command_metal = {
	"metal",
	"the same on another MMU: QEMU's, KVM's, any emulator's, a CPU's",
	"--on TARGET [OPTION]...\n\n"
	"Boots a kernel on the target that runs random guests there, as `vmmu check` runs them\n"
	"on the library: accesses, edits of tables, registers, TLB instructions.  Every answer,\n"
	"error code, A and D bit has to be the oracle's, or what a TLB may still give.  What\n"
	"differs is made short by the kernel, and printed as text for --replay.\n"
	"Exit status 0: no difference, 1: one, or the target hung or reset, 3: it did not "
	"start.\n\n"
	"  --on TARGET          qemu (TCG), kvm (QEMU on /dev/kvm), run (`vmmu run`), or\n"
	"                       command:TEXT, a shell command whose output is the serial line;\n"
	"                       it finds $KERNEL (multiboot), $MODULE and $ARGS\n"
	"  --seed N             of the first world (1); the next has the next\n"
	"  --ops N              so many operations (1000000)\n"
	"  --seconds N          so long instead, by the target's clock\n"
	"  --mix NAME           more of tables, modes or tlb; else all\n"
	"  --stop N             end after so many differences (1)\n"
	"  --known FILE         deviations that are counted and passed over\n"
	"  --replay FILE        sequences of operations instead of random ones\n"
	"  --target-cpu NAME    of QEMU; else max\n"
	"  --backend NAME       of run; else native\n"
	"  --sabotage N         the kernel is wrong on purpose, in one of 8 ways: it must notice\n"
	"  --help\n",
	run,
};
