/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loader says is to be done: worlds one after the other until something differs, or the
 * sequences of a module.  What differs is made short here, by the shrinker of `vmmu check`.
 *
 * The command line: seed=N ops=N seconds=N mix=NAME stop=N shrink=0|1 sabotage=N xchg=0|1.
 * A module has lines: "known NAME WORDS", and sequences as `vmmu check --replay` has them, each
 * with its own "world" line.
 *
 * Invariant: the last line is "end status=...", and what came before it can be read by a program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "check/gen.h"
#include "check/ops.h"

#define WORLD_OPS 3000u
#define MB1_BOOTED 0x2badb002u
#define MB2_BOOTED 0x36d76289u
#define GIB_END 0x40000000u
#define HEAP_END (96 * MIB)

struct settings {
	uint64_t seed, ops, seconds, stop, shrink, sabotage, xchg;
	unsigned mix;
};

static struct {
	uint64_t worlds, differences, start, last;
} run;

/* ---- what the loader says ----------------------------------------------------------------- */

struct boot {
	const char *line;
	const char *module;
	size_t module_size;
};

static const char *low(uint32_t pa)
{
	return pa && pa < GIB_END ? phys_pointer(pa) : NULL;
}

static void read_boot1(const uint32_t *info, struct boot *b)
{
	if (info[0] & 4)
		b->line = low(info[4]);
	if ((info[0] & 8) && info[5]) {
		const uint32_t *mod = (const void *)low(info[6]);

		b->module = low(mod[0]);
		b->module_size = mod[1] - mod[0];
	}
}

static void read_boot2(const uint8_t *info, struct boot *b)
{
	const uint8_t *end = info + *(const uint32_t *)(const void *)info;
	const uint32_t *tag;

	for (info += 8; info < end; info += (tag[1] + 7) & ~7u) {
		tag = (const void *)info;
		if (tag[0] == 0)
			break;
		if (tag[0] == 1)
			b->line = (const char *)(tag + 2);
		if (tag[0] == 3) {
			b->module = low(tag[2]);
			b->module_size = tag[3] - tag[2];
		}
	}
}

extern uint8_t image_end[];

/* The heap begins behind everything the loader has put there; then all is copied into it. */
static void take_over(uint32_t magic, uint32_t info, struct boot *b)
{
	uint8_t *heap = image_end;
	char *copy;
	size_t n;

	memset(b, 0, sizeof(*b));
	if (magic == MB1_BOOTED)
		read_boot1(phys_pointer(info), b);
	else if (magic == MB2_BOOTED)
		read_boot2(phys_pointer(info), b);
	n = b->line ? strlen(b->line) + 1 : 0;
	if ((const uint8_t *)b->line + n > heap)
		heap = (uint8_t *)(uintptr_t)b->line + n;
	if ((const uint8_t *)b->module + b->module_size > heap &&
	    (const uint8_t *)b->module < (uint8_t *)phys_pointer(HEAP_END))
		heap = (uint8_t *)(uintptr_t)b->module + b->module_size;
	heap += -(uintptr_t)heap & 4095;
	heap_setup(heap, phys_pointer(HEAP_END));
	if (b->line) {
		copy = malloc(n);
		b->line = memcpy(copy, b->line, n);
	}
	if (b->module) {
		copy = malloc(b->module_size + 1);
		b->module = memcpy(copy, b->module, b->module_size);
		copy[b->module_size] = '\0';
	}
}

static uint64_t number_of(const char *s)
{
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (unsigned)(*s - '0');
	return v;
}

static void set_option(struct settings *s, const char *word, size_t len)
{
	static const char *const name[] = { "seed=",   "ops=",	    "seconds=", "stop=",
					    "shrink=", "sabotage=", "xchg=" };
	uint64_t *const to[] = { &s->seed,   &s->ops,	   &s->seconds, &s->stop,
				 &s->shrink, &s->sabotage, &s->xchg };
	unsigned i;

	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (!strncmp(word, name[i], strlen(name[i])))
			*to[i] = number_of(word + strlen(name[i]));
	for (i = 0; gen_mix_name(i); i++)
		if (!strncmp(word, "mix=", 4) && strlen(gen_mix_name(i)) == len - 4 &&
		    !strncmp(word + 4, gen_mix_name(i), len - 4))
			s->mix = i;
}

static void read_line(struct settings *s, const char *line)
{
	*s = (struct settings){ .seed = 1, .ops = 1000000, .stop = 1, .shrink = 1, .xchg = 1 };
	while (line && *line) {
		size_t n = strcspn(line, " ");

		set_option(s, line, n);
		line += n;
		line += *line == ' ';
	}
	if (s->seconds)
		s->ops = UINT64_MAX;
}

/* ---- the CPU ------------------------------------------------------------------------------------
 */

static const char *if_has(bool has, const char *name)
{
	return has ? name : "";
}

static void tell_cpu(void)
{
	const struct or_profile *p = &cpu.profile;
	uint64_t c = p->cr4_valid;

	print("cpu %s, %u bits%s%s%s%s%s%s%s%s%s%s%s\n", cpu.vendor, p->maxphyaddr,
	      if_has(p->efer_valid & OR_EFER_NXE, ", NX"), if_has(p->has_1g, ", 1G pages"),
	      if_has(c & OR_CR4_PGE, ", PGE"), if_has(c & OR_CR4_PCIDE, ", PCID"),
	      if_has(cpu.invpcid, ", INVPCID"), if_has(c & OR_CR4_SMEP, ", SMEP"),
	      if_has(c & OR_CR4_SMAP, ", SMAP"), if_has(c & OR_CR4_PKE, ", PKU"),
	      if_has(c & OR_CR4_PKS, ", PKS"), if_has(c & OR_CR4_LA57, ", LA57"),
	      if_has(p->tce, ", TCE"));
}

/* ---- worlds
 * --------------------------------------------------------------------------------------- */

static uint64_t elapsed(void)
{
	uint64_t now = cpu_seconds();

	return now && run.start ? (now + 86400 - run.start) % 86400 : 0;
}

static void progress(const struct world *w)
{
	uint64_t now = elapsed();

	if (run.start ? now == run.last : (metal.ops + w->seq) % 65536 != 0)
		return;
	run.last = now;
	print("progress seconds=%" PRIu64 " ops=%" PRIu64 " worlds=%" PRIu64 " differences=%" PRIu64
	      "\n",
	      now, metal.ops + w->seq, run.worlds, run.differences);
}

static void tell_ops(const struct world_cfg *cfg, const struct ops *ops)
{
	char line[512];
	size_t i;

	world_format(line, sizeof(line), cfg);
	print("| %s\n", line);
	for (i = 0; i < ops->nr; i++) {
		op_format(line, sizeof(line), &ops->op[i]);
		print("| %s\n", line);
	}
}

static void tell(const struct settings *s, const struct world_cfg *cfg, struct ops *ops,
		 const char *what)
{
	const char *preset;

	run.differences++;
	metal.only = what;
	print("difference %" PRIu64 " seed=%" PRIu64 " what=%s\n", run.differences, cfg->seed,
	      what);
	if (ops_run(cfg, ops, false) < 0)
		print("note the same operations do not show it again\n");
	else if (s->shrink)
		ops_shrink(cfg, ops);
	tell_ops(cfg, ops);
	print("shown operations=%lu ", (unsigned long)ops_count(ops, &preset));
	if (ops_run(cfg, ops, true) < 0)
		print("what nothing\n");
	metal.only = NULL;
}

static bool over(const struct settings *s, const struct world *w)
{
	if (s->seconds && elapsed() >= s->seconds)
		return true;
	return metal.ops + (w ? w->seq : 0) >= s->ops || run.differences >= s->stop;
}

static void run_world(const struct settings *s, uint64_t seed)
{
	struct world_cfg cfg = { .seed = seed, .nr_cpus = 1, .kind = WORLD_PLAIN };
	const struct gen_mix mix = { .mix = s->mix, .mode = MODE_LONG };
	struct world *w = world_new(&cfg);
	struct ops done = { 0 };
	char what[200];
	struct gen g;
	uint64_t looked = 0;

	run.worlds++;
	w->record = &done;
	gen_begin(&g, w, &mix);
	while (w->seq < WORLD_OPS && !w->failed[0]) {
		gen_one(&g);
		world_check(w, false);
		if (w->seq - looked < 512)
			continue;
		looked = w->seq;
		progress(w);
		if (over(s, w))
			break;
	}
	if (!w->failed[0])
		world_check(w, true);
	snprintf(what, sizeof(what), "%s", w->failed);
	world_free(w);
	if (what[0]) {
		uint64_t ops = metal.ops;

		tell(s, &cfg, &done, what);
		metal.ops = ops; /* what shrinking does is not counted */
	}
	ops_free(&done);
}

/* ---- a module
 * -------------------------------------------------------------------------------------- */

static unsigned sequences;

static void run_sequence(const struct settings *s, const struct world_cfg *cfg, struct ops *ops)
{
	(void)s;
	print("sequence %u ", ++sequences);
	if (ops_run(cfg, ops, true) < 0)
		print("what nothing\n");
	else
		run.differences++;
	ops->nr = 0;
}

/* Known deviations, and sequences; how many lines were not understood. */
static void run_module(const struct settings *s, const char *text)
{
	struct ops ops = { 0 };
	struct world_cfg cfg;
	struct world_op op;
	bool begun = false;
	unsigned line = 0;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		line++;
		if (*text == '#' || *text == '\n' || *text == '\r')
			continue;
		if (!strncmp(text, "known ", 6) && known_rule(text + 6))
			continue;
		if (!strncmp(text, "world ", 6)) {
			if (begun)
				run_sequence(s, &cfg, &ops);
			begun = world_parse(text, &cfg);
			if (begun)
				continue;
		} else if (begun && op_parse(text, &op)) {
			ops_add(&ops, &op);
			continue;
		}
		panic("module, line %u: neither a known deviation nor an operation", line);
	}
	if (begun)
		run_sequence(s, &cfg, &ops);
	ops_free(&ops);
}

void main(uint32_t magic, uint32_t info);

void main(uint32_t magic, uint32_t info)
{
	struct settings s;
	struct boot boot;
	uint64_t seed;

	console_setup();
	print("vmmu-metal 1\n");
	take_over(magic, info, &boot);
	read_line(&s, boot.line);
	cpu_find();
	cpu_setup();
	tell_cpu();
	metal.sabotage = (unsigned)s.sabotage;
	metal.no_xchg = !s.xchg;
	run.start = cpu_seconds();
	if (boot.module)
		run_module(&s, boot.module);
	for (seed = s.seed; !sequences && !over(&s, NULL); seed++)
		run_world(&s, seed);
	known_report();
	print("end status=%s ops=%" PRIu64 " accesses=%" PRIu64 " faults=%" PRIu64
	      " worlds=%" PRIu64 " differences=%" PRIu64 " skipped=%" PRIu64 " seconds=%" PRIu64
	      "\n",
	      run.differences ? "different" : "same", metal.ops, metal.accesses, metal.faults,
	      run.worlds, run.differences, metal.skipped, elapsed());
	finish(run.differences ? METAL_DIFFERENT : METAL_SAME);
}
