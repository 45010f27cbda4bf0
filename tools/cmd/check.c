/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu check: random guests on all backends and the oracle in lock step, until there is a
 * difference.
 * Not here: what guests do (check/gen.c) and what is compared (check/judge.c, check/compare.c).
 * Invariant: the operations that are printed after a difference are those that --replay does
 * again.
 */
#include "base/base.h"
#include "cmd.h"
#include "check/gen.h"
#include "help.h"
#include "check/ops.h"
#include "options.h"
#include "check/race.h"
#include "check/small.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define WORLD_OPS 10000u

struct check {
	const struct check_options *o;
	struct progress progress;
	struct gen_mix mix;
	uint64_t left;	 /* operations still to do */
	bool shortening; /* a difference was found, so the time limit does not count any more */
	double start;
	uint64_t worlds, ops, backend_ops;
	uint64_t ok, fault, mmio, legal[NR_LEGAL];
	uint64_t seen[VMMU_NR_EVENTS][NR_MODES];
	uint64_t raced[WORLD_POINTS];
};

static void add_up(struct check *c, const struct world *w)
{
	unsigned i, m;

	c->worlds++;
	c->ops += w->seq;
	c->backend_ops += w->seq * w->nr_vms;
	c->ok += w->count_ok;
	c->fault += w->count_fault;
	c->mmio += w->count_mmio;
	for (i = 0; i < NR_LEGAL; i++)
		c->legal[i] += w->legal[i];
	for (i = 0; i < VMMU_NR_EVENTS; i++)
		for (m = 0; m < NR_MODES; m++)
			c->seen[i][m] += w->seen[i][m];
	for (i = 0; i < WORLD_POINTS; i++)
		c->raced[i] += w->raced[i];
}

static int over(const struct check *c)
{
	return !c->shortening && c->o->seconds && clock_now() - c->start >= (double)c->o->seconds;
}

static void show_progress(struct check *c, const struct world *w)
{
	double done = (double)(c->ops + w->seq) / (double)c->o->ops;

	if (c->o->seconds)
		done = (clock_now() - c->start) / (double)c->o->seconds;
	progress_at(&c->progress, done);
}

/* How many operations there are between two checks of everything. */
#define WHOLE 4096u

/* Runs one world and records what it does.  Returns 1 if it failed. */
static int run_world(struct check *c, const struct world_cfg *cfg, struct ops *done,
		     unsigned *backend)
{
	struct world *w = world_new(cfg);
	uint64_t most = c->left < WORLD_OPS ? c->left : WORLD_OPS, next = WHOLE;
	struct gen g;
	int failed;

	w->record = done;
	w->quiet = true;
	gen_begin(&g, w, &c->mix);
	while (w->seq < most && !w->failed[0] && !over(c)) {
		gen_one(&g);
		world_check(w, w->seq >= next);
		if (w->seq >= next)
			next = w->seq + WHOLE;
		if (w->seq % 256 == 0 && !c->shortening)
			show_progress(c, w);
	}
	world_check(w, true);
	failed = w->failed[0] != 0;
	*backend = w->failed_backend;
	c->left -= w->seq < c->left ? w->seq : c->left;
	add_up(c, w);
	world_free(w);
	return failed;
}

/* What is known of a failure. */
struct find {
	struct world_cfg cfg;
	struct ops ops;
	unsigned backend; /* which backend alone fails (WORLD_*); 0 if none alone does */
};

static size_t length(const struct find *f)
{
	const char *preset;

	return ops_count(&f->ops, &preset);
}

/* Returns 0 if the same operations do not fail again. */
static bool shorten(struct find *f)
{
	struct world_cfg alone = f->cfg;

	/* Fewer backends make it faster. */
	alone.backends = f->backend;
	if (f->backend && ops_run(&alone, &f->ops, false) >= 0)
		f->cfg = alone;
	else if (ops_run(&f->cfg, &f->ops, false) < 0)
		return false;
	ops_shrink(&f->cfg, &f->ops);
	return true;
}

/* Prints the operations as text for --replay, with C code in its comments. */
static void tell(const struct find *f)
{
	const char *preset;
	size_t nr = ops_count(&f->ops, &preset);

	ops_run(&f->cfg, &f->ops, true);
	printf("# %zu operations%s%s; vmmu check --replay does them again\n", nr,
	       preset ? " after preset " : "", preset ? preset : "");
	ops_write(stdout, &f->cfg, &f->ops);
	ops_write_c(stdout, &f->cfg, &f->ops);
}

static void summary(const struct check *c)
{
	double seconds = clock_now() - c->start;
	char n[32];
	unsigned i;

	format_count(n, sizeof(n), c->worlds);
	printf("worlds      %15s\n", n);
	format_count(n, sizeof(n), c->ops);
	printf("operations  %15s  each on every backend and the oracle\n", n);
	format_count(n, sizeof(n), (uint64_t)((double)c->backend_ops / seconds));
	printf("speed       %15s  operations of backends a second\n", n);
	format_count(n, sizeof(n), c->ok);
	printf("accesses    %15s  done,\n", n);
	format_count(n, sizeof(n), c->fault);
	printf("            %15s  faults,\n", n);
	format_count(n, sizeof(n), c->mmio);
	printf("            %15s  outside memory\n", n);
	puts("legally different:");
	for (i = 0; i < NR_LEGAL; i++) {
		format_count(n, sizeof(n), c->legal[i]);
		printf("            %15s  %s\n", n, legal_name(i));
	}
	puts("operations inside another:");
	for (i = 0; i < WORLD_POINTS; i++) {
		if (!race_point_name(i))
			continue;
		format_count(n, sizeof(n), c->raced[i]);
		printf("            %15s  %s\n", n, race_point_name(i));
	}
	puts("differences               0");
}

/* Prints how often each event was seen in each mode of the guest, on all backends together. */
static void coverage(const struct check *c)
{
	unsigned i, m;
	char n[32];

	printf("\n%-14s", "event");
	for (m = 0; m < NR_MODES; m++)
		printf("%14s", mode_name(m));
	putchar('\n');
	for (i = 0; i < VMMU_NR_EVENTS; i++) {
		printf("%-14s", vmmu_event_key(i));
		for (m = 0; m < NR_MODES; m++) {
			format_count(n, sizeof(n), c->seen[i][m]);
			printf("%14s", n);
		}
		putchar('\n');
	}
}

/* Prepares a world. */
static void choose_mix(struct check *c, struct world_cfg *cfg)
{
	c->mix = (struct gen_mix){ .mix = c->o->mix, .mode = -1 };
	if (c->o->mix == MIX_RARE)
		gen_rare(&c->mix, c->seen, cfg->seed);
	if (c->mix.mix == MIX_HOST)
		cfg->kind = WORLD_HOST;
	if (c->mix.mix == MIX_SMP && cfg->nr_cpus < 2 && !c->o->vcpus)
		cfg->nr_cpus = 2 + (unsigned)(cfg->seed % (WORLD_CPUS - 1));
}

/* Runs the world of a seed.  Returns whether it failed. */
static bool look(struct check *c, uint64_t seed, struct find *f)
{
	*f = (struct find){ .cfg = world_cfg_of(seed, c->o->vcpus, c->o->profile) };
	f->cfg.backends = c->o->backends;
	choose_mix(c, &f->cfg);
	return run_world(c, &f->cfg, &f->ops, &f->backend);
}

/* A long sequence is hard to read, so more worlds are run that may fail with a shorter one. */
#define SHORT_ENOUGH 12u
#define WORLDS_MORE 48u
/* An effort as ops_effort() counts it, of half a minute or less. */
#define EFFORT_MORE 5000000u

static void look_for_shorter(struct check *c, uint64_t seed, struct find *f)
{
	uint64_t end = seed + WORLDS_MORE, most = ops_effort() + EFFORT_MORE;
	struct find other;

	c->shortening = true;
	for (; seed < end && length(f) > SHORT_ENOUGH && ops_effort() < most; seed++) {
		c->left = WORLD_OPS;
		if (look(c, seed, &other) && shorten(&other) && length(&other) < length(f)) {
			ops_free(&f->ops);
			*f = other;
		} else {
			ops_free(&other.ops);
		}
	}
}

static int found(struct check *c, uint64_t seed, struct find *f)
{
	progress_end(&c->progress);
	say("a difference after %" PRIu64 " operations, %.1f s", c->ops, clock_now() - c->start);
	say("making it shorter");
	if (shorten(f)) {
		look_for_shorter(c, seed + 1, f);
		tell(f);
	} else {
		say("the same operations do not show it again");
	}
	ops_free(&f->ops);
	return STATUS_MISMATCH;
}

static int run_all(struct check *c)
{
	struct find f;
	uint64_t seed;

	c->left = c->o->seconds ? UINT64_MAX : c->o->ops;
	c->start = clock_now();
	progress_begin(&c->progress, 1);
	progress_step(&c->progress, 0, "checking");
	for (seed = c->o->seed; c->left && !over(c); seed++) {
		if (look(c, seed, &f))
			return found(c, seed, &f);
		ops_free(&f.ops);
	}
	progress_end(&c->progress);
	summary(c);
	coverage(c);
	return STATUS_OK;
}

static void small_progress(void *ctx, double done)
{
	struct check *c = ctx;

	progress_at(&c->progress, done);
}

/* Runs every sequence of operations in a small world. */
static int run_small(struct check *c)
{
	struct small s = { .progress = small_progress, .ctx = c };
	char n[32];
	int st = STATUS_OK;

	c->start = clock_now();
	progress_begin(&c->progress, 1);
	progress_step(&c->progress, 0, "checking");
	small_run(&s, c->o->exhaustive);
	progress_end(&c->progress);
	c->ops = s.ops;
	if (s.failed.nr) {
		struct find f = { .cfg = s.cfg, .ops = s.failed };

		say("a difference after %" PRIu64 " operations", s.ops);
		if (shorten(&f))
			tell(&f);
		s.failed = f.ops;
		st = STATUS_MISMATCH;
	} else {
		format_count(n, sizeof(n), s.sequences);
		printf("sequences   %15s  every one of %u operations that ends with an access;\n",
		       n, c->o->exhaustive);
		puts("                             of two that differ only in the vCPUs' numbers, "
		     "one");
		if (s.races) {
			format_count(n, sizeof(n), s.races);
			printf("at once     %15s  with an operation inside another, at each "
			       "point\n",
			       n);
		}
		format_count(n, sizeof(n), s.ops);
		printf("operations  %15s\n", n);
		puts("differences               0");
	}
	ops_free(&s.failed);
	return st;
}

static int replay(const char *path, struct err *err)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	struct ops ops = { 0 };
	struct world_cfg cfg;
	unsigned line;
	long failed;

	if (!f)
		return err_input(err, "%s: %s", path, strerror(errno));
	line = ops_read(f, &cfg, &ops);
	if (f != stdin)
		fclose(f);
	if (line) {
		ops_free(&ops);
		return err_input(err, "%s:%u: not an operation, or no world before it", path, line);
	}
	failed = ops_run(&cfg, &ops, true);
	if (failed < 0)
		printf("%zu operations, no difference\n", ops.nr);
	ops_free(&ops);
	return failed < 0 ? STATUS_OK : STATUS_MISMATCH;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = {
		OPTION("seed", OPT_SEED),	OPTION("ops", OPT_OPS),
		OPTION("seconds", OPT_SECONDS), OPTION("vcpus", OPT_VCPUS),
		OPTION("profile", OPT_PROFILE), OPTION("backends", OPT_BACKENDS),
		OPTION("mix", OPT_MIX),		OPTION("exhaustive", OPT_EXHAUSTIVE),
		OPTION("replay", OPT_REPLAY),	OPTIONS_END
	};
	struct options o;
	struct check c = { .o = &o.check_options };
	int first = options_parse(argc, argv, table, &o, err);

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_check);
	if (first != argc)
		return err_set(err, STATUS_USAGE, "%s: no operand is wanted", argv[first]);
	if (o.check_options.replay)
		return replay(o.check_options.replay, err);
	return o.check_options.exhaustive ? run_small(&c) : run_all(&c);
}

const struct command command_check = {
	"check",
	"random guests on all backends, in lock step with the oracle",
	"[OPTION]...\n\n"
	"Runs random guests on all backends, in lock step with an oracle that shares no code\n"
	"with them: accesses, edits of tables, registers, TLB instructions and modes, on several\n"
	"vCPUs, while the host invalidates memory and logs writes.  Every answer has to be the\n"
	"oracle's, or an older one that a TLB may still give; memory has to be the same, and\n"
	"the library's invariants have to hold.  The first difference is made as short as\n"
	"possible and printed: as text for --replay, and as a test in C.\n"
	"Exit status: 0 no difference, 1 a difference.\n"
	"\n"
	"  --seed N             seed of the first guest (1); each further one has the next\n"
	"  --ops N              end after N operations (1000000)\n"
	"  --seconds N          end after N seconds instead\n"
	"  --vcpus N            1 to 4 vCPUs in each guest; default: by the seed\n"
	"  --profile NAME       CPU: max, intel, amd, small or pdpte-walk; default: by the seed\n"
	"  --backends LIST      only these of native, shadow, nested-npt, nested-ept\n"
	"  --mix NAME           more operations of one kind: tables, modes, tlb, host, smp\n"
	"                       (several vCPUs, operations inside others), or rare (what leads\n"
	"                       to the events that were seen least so far)\n"
	"  --exhaustive N       try every sequence of N operations, 1 to 8, in a small world of\n"
	"                       2 vCPUs, 2 addresses and 3 frames, instead of random guests\n"
	"  --replay FILE        do the operations that were printed at a difference again\n"
	"  --help\n",
	run,
};
