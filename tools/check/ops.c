/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on a world as data.
 * Not here: what they do (world.c), which are tried (gen.c).
 * Keeps: a list and its world_cfg say all: what is written and read again is done again.
 */
#include "ops.h"

#include "race.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ops_add(struct ops *ops, const struct world_op *op)
{
	if (ops->nr == ops->room) {
		ops->room = ops->room ? 2 * ops->room : 1024;
		ops->op = realloc(ops->op, ops->room * sizeof(*op));
		if (!ops->op)
			abort();
	}
	ops->op[ops->nr++] = *op;
}

void ops_free(struct ops *ops)
{
	free(ops->op);
	*ops = (struct ops){ 0 };
}

/* What is kept of a race, until all three are there. */
static void add_to_race(struct world *w, const struct world_op *op)
{
	struct world_op all[3];

	ops_add(&w->pair, op);
	if (w->pair.nr < 3)
		return;
	memcpy(all, w->pair.op, sizeof(all));
	w->pair.nr = 0;
	race_run(w, &all[0], &all[1], &all[2]);
}

void op_apply(struct world *w, const struct world_op *op)
{
	unsigned cpu = op->cpu % w->cfg.nr_cpus;

	if (w->pair.nr || op->what == OP_RACE) {
		if (op->what == OP_RACE)
			w->pair.nr = 0;
		add_to_race(w, op);
		return;
	}

	switch (op->what) {
	case OP_POKE:
		world_poke(w, op->at, op->value);
		break;
	case OP_STORE:
		world_store(w, cpu, op->at, op->bytes, op->size, (enum world_store)op->how);
		break;
	case OP_ACCESS:
		world_access(w, cpu, op->at, op->size, op->access,
			     op->has_value ? &op->value : NULL);
		break;
	case OP_SPAN:
		world_span(w, cpu, op->at, op->size, op->access);
		break;
	case OP_SET:
		world_set(w, cpu, (enum world_reg)op->how, op->value);
		break;
	case OP_ALL:
		world_set_all(w, cpu, &op->regs, op->how);
		break;
	case OP_RESET:
		world_reset(w, cpu);
		break;
	case OP_INVLPG:
		world_invlpg(w, cpu, op->at);
		break;
	case OP_INVPCID:
		world_invpcid(w, cpu, op->how, op->size, op->at);
		break;
	case OP_FLUSH:
		world_hw_flush(w, cpu, op->how, op->at);
		break;
	case OP_HOST:
		world_host(w, op->how, op->size);
		break;
	case OP_PRESET:
		world_preset(w, op->how);
		break;
	}
}

/* ---- doing them ------------------------------------------------------------------- */

#define SHORT 200u
/* What making a world costs, in operations. */
#define WORLD_COSTS 100u

static uint64_t effort;

uint64_t ops_effort(void)
{
	return effort;
}

long ops_run(const struct world_cfg *cfg, const struct ops *ops, bool report)
{
	struct world *w = world_new(cfg);
	long failed = -1;
	size_t i;

	for (i = 0; i < ops->nr && !w->failed[0]; i++) {
		op_apply(w, &ops->op[i]);
		/* Memory may be poked only before anything looks at it. */
		if (ops->op[i].what != OP_POKE)
			world_check(w, ops->nr < SHORT || i % 97 == 0);
	}
	if (!w->failed[0])
		world_check(w, true);
	if (w->failed[0]) {
		failed = (long)i;
		if (report)
			world_report(w);
	}
	effort += i + WORLD_COSTS;
	world_free(w);
	return failed;
}

/* ---- making them fewer --------------------------------------------------------------- */

/* `less` instead, if it fails, too; its own memory goes in any case. */
static bool take_if_fails(const struct world_cfg *cfg, struct ops *ops, struct ops *less)
{
	long end = ops_run(cfg, less, false);

	if (end >= 0) {
		ops_free(ops);
		*ops = *less;
		ops->nr = (size_t)end;
		return true;
	}
	ops_free(less);
	return false;
}

/* Without [at, at + nr). */
static bool leave_out(const struct world_cfg *cfg, struct ops *ops, size_t at, size_t nr)
{
	struct ops less = { 0 };
	size_t i;

	for (i = 0; i < ops->nr; i++)
		if (i < at || i >= at + nr)
			ops_add(&less, &ops->op[i]);
	return take_if_fails(cfg, ops, &less);
}

static bool leave_out_all(const struct world_cfg *cfg, struct ops *ops, size_t chunk)
{
	bool any = false;
	size_t at;

	/* From the end: what comes last needs least of what is before it. */
	for (at = ops->nr; at > 0;) {
		size_t from = at > chunk ? at - chunk : 0;

		if (leave_out(cfg, ops, from, at - from))
			any = true;
		at = from < ops->nr ? from : ops->nr;
	}
	return any;
}

/* What the host does and later takes back: alone neither can go. */
static bool leave_out_twins(const struct world_cfg *cfg, struct ops *ops)
{
	size_t at, other, i;

	for (at = 0; at < ops->nr; at++) {
		for (other = at + 1; other < ops->nr; other++) {
			struct ops less = { 0 };

			if (ops->op[at].what != OP_HOST ||
			    memcmp(&ops->op[at], &ops->op[other], sizeof(ops->op[at])) != 0)
				continue;
			for (i = 0; i < ops->nr; i++)
				if (i != at && i != other)
					ops_add(&less, &ops->op[i]);
			if (take_if_fails(cfg, ops, &less))
				return true;
			break;
		}
	}
	return false;
}

static bool keep_if_fails(const struct world_cfg *cfg, struct ops *ops, size_t at,
			  const struct world_op *simpler)
{
	struct world_op was = ops->op[at];

	if (!memcmp(&was, simpler, sizeof(was)))
		return false;
	ops->op[at] = *simpler;
	if (ops_run(cfg, ops, false) >= 0)
		return true;
	ops->op[at] = was;
	return false;
}

/* Simpler values of one operation, one by one. */
static void simplify(const struct world_cfg *cfg, struct ops *ops, size_t at)
{
	struct world_op op = ops->op[at];
	unsigned bit;

	if (op.what == OP_ACCESS || op.what == OP_SPAN) {
		for (bit = 2; bit < 8; bit++) {
			op = ops->op[at];
			op.access &= ~(1u << bit);
			keep_if_fails(cfg, ops, at, &op);
		}
		op = ops->op[at];
		op.access &= ~VMMU_TYPE_MASK;
		keep_if_fails(cfg, ops, at, &op);
	}
	if (op.what == OP_ACCESS || op.what == OP_INVLPG) {
		op = ops->op[at];
		op.at &= ~0xfffull;
		keep_if_fails(cfg, ops, at, &op);
	}
	if (op.what == OP_STORE) {
		op = ops->op[at];
		op.how = STORE_CPU;
		keep_if_fails(cfg, ops, at, &op);
	}
	if (op.what == OP_POKE || op.what == OP_SET) {
		for (bit = 0; bit < 64; bit++) {
			op = ops->op[at];
			op.value &= ~(1ull << bit);
			keep_if_fails(cfg, ops, at, &op);
		}
	}
	op = ops->op[at];
	op.cpu = 0;
	keep_if_fails(cfg, ops, at, &op);
}

/* All of a vCPU's registers at once, as the MOVs up to this one leave them. */
static bool set_at_once(const struct world_cfg *cfg, struct ops *ops, size_t at)
{
	struct world_op all = { .what = OP_ALL, .cpu = ops->op[at].cpu, .how = 1 };
	struct world *w = world_new(cfg);
	struct ops less = { 0 };
	size_t i;

	w->quiet = true;
	for (i = 0; i <= at; i++)
		op_apply(w, &ops->op[i]);
	all.regs = *world_regs(w, all.cpu % cfg->nr_cpus);
	world_free(w);
	for (i = 0; i < ops->nr; i++) {
		const struct world_op *op = &ops->op[i];

		if (i == at)
			ops_add(&less, &all);
		else if (i > at || op->what != OP_SET || op->cpu != all.cpu)
			ops_add(&less, op);
	}
	if (less.nr < ops->nr)
		return take_if_fails(cfg, ops, &less);
	ops_free(&less);
	return false;
}

/* A named guest to begin with, in the place of all that makes tables and sets registers. */
static bool preset_instead(const struct world_cfg *cfg, struct ops *ops, unsigned which)
{
	struct ops less = { 0 };
	size_t i;

	ops_add(&less, &(struct world_op){ .what = OP_PRESET, .how = (uint8_t)which });
	for (i = 0; i < ops->nr; i++) {
		unsigned what = ops->op[i].what;

		if (what != OP_POKE && what != OP_ALL && what != OP_SET && what != OP_PRESET)
			ops_add(&less, &ops->op[i]);
	}
	return take_if_fails(cfg, ops, &less);
}

size_t ops_count(const struct ops *ops, const char **preset)
{
	bool has = ops->nr && ops->op[0].what == OP_PRESET;

	*preset = has ? world_preset_name(ops->op[0].how) : NULL;
	return ops->nr - has;
}

void ops_shrink(const struct world_cfg *cfg, struct ops *ops)
{
	size_t chunk, i;
	unsigned which;
	bool again;

	for (which = 0; which < NR_PRESETS; which++)
		if (preset_instead(cfg, ops, which))
			break;
	for (chunk = ops->nr / 2; chunk; chunk /= 2)
		leave_out_all(cfg, ops, chunk);
	do {
		again = leave_out_all(cfg, ops, 1);
	} while (again || leave_out_twins(cfg, ops));
	for (i = ops->nr; i-- > 0;)
		if (i < ops->nr && ops->op[i].what == OP_SET && set_at_once(cfg, ops, i))
			break;
	for (i = 0; i < ops->nr; i++)
		simplify(cfg, ops, i);
	while (leave_out_all(cfg, ops, 1))
		;
}

/* ---- text ---------------------------------------------------------------------------- */

static void write_regs(FILE *to, const struct or_regs *r, const char *sep)
{
	fprintf(to,
		"0x%" PRIx64 "%s0x%" PRIx64 "%s0x%" PRIx64 "%s0x%" PRIx64 "%s0x%" PRIx64
		"%s0x%" PRIx64 "%s0x%" PRIx64 "%s0x%" PRIx64 "%s0x%" PRIx64 "%s0x%x%s0x%x",
		r->cr0, sep, r->cr2, sep, r->cr3, sep, r->cr4, sep, r->efer, sep, r->pdpte[0], sep,
		r->pdpte[1], sep, r->pdpte[2], sep, r->pdpte[3], sep, r->pkru, sep, r->pkrs);
}

static void write_op(FILE *to, const struct world_op *op)
{
	unsigned i;

	switch (op->what) {
	case OP_POKE:
		fprintf(to, "poke 0x%" PRIx64 " 0x%" PRIx64, op->at, op->value);
		break;
	case OP_STORE:
		fprintf(to, "store %u 0x%" PRIx64 " %u ", op->cpu, op->at, op->how);
		for (i = 0; i < op->size; i++)
			fprintf(to, "%02x", op->bytes[i]);
		break;
	case OP_ACCESS:
		fprintf(to, "access %u 0x%" PRIx64 " %u 0x%x", op->cpu, op->at, op->size,
			op->access);
		if (op->has_value)
			fprintf(to, " 0x%" PRIx64, op->value);
		break;
	case OP_SPAN:
		fprintf(to, "span %u 0x%" PRIx64 " %u 0x%x", op->cpu, op->at, op->size, op->access);
		break;
	case OP_SET:
		fprintf(to, "set %u %u 0x%" PRIx64, op->cpu, op->how, op->value);
		break;
	case OP_ALL:
		fprintf(to, "all %u %u ", op->cpu, op->how);
		write_regs(to, &op->regs, " ");
		break;
	case OP_RESET:
		fprintf(to, "reset %u", op->cpu);
		break;
	case OP_INVLPG:
		fprintf(to, "invlpg %u 0x%" PRIx64, op->cpu, op->at);
		break;
	case OP_INVPCID:
		fprintf(to, "invpcid %u %u %u 0x%" PRIx64, op->cpu, op->how, op->size, op->at);
		break;
	case OP_FLUSH:
		fprintf(to, "flush %u %u 0x%" PRIx64, op->cpu, op->how, op->at);
		break;
	case OP_HOST:
		fprintf(to, "host %u %u", op->how, op->size);
		break;
	case OP_RACE:
		fprintf(to, "race %u %u %u", op->size, op->how, op->access);
		break;
	case OP_PRESET:
		fprintf(to, "preset %s", world_preset_name(op->how));
		break;
	}
	fputc('\n', to);
}

void ops_write(FILE *to, const struct world_cfg *cfg, const struct ops *ops)
{
	size_t i;

	fprintf(to, "world %" PRIu64 " %u %u %u %u\n", cfg->seed, cfg->nr_cpus, cfg->kind,
		cfg->profile, cfg->backends);
	for (i = 0; i < ops->nr; i++)
		write_op(to, &ops->op[i]);
}

static int hex(const char *text, uint8_t *bytes)
{
	unsigned n = 0, v;

	for (; n < OP_BYTES && isxdigit((unsigned char)text[0]) &&
	       isxdigit((unsigned char)text[1]) && sscanf(text, "%2x", &v) == 1;
	     text += 2)
		bytes[n++] = (uint8_t)v;
	return *text && *text != '\n' ? 0 : (int)n;
}

static bool read_regs(const char *s, struct world_op *op)
{
	struct or_regs *r = &op->regs;

	return sscanf(s,
		      "%hhu %hhu %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		      " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %x %x",
		      &op->cpu, &op->how, &r->cr0, &r->cr2, &r->cr3, &r->cr4, &r->efer,
		      &r->pdpte[0], &r->pdpte[1], &r->pdpte[2], &r->pdpte[3], &r->pkru,
		      &r->pkrs) == 13;
}

static bool read_access(const char *s, struct world_op *op)
{
	int n = sscanf(s, "%hhu %" SCNx64 " %u %x %" SCNx64, &op->cpu, &op->at, &op->size,
		       &op->access, &op->value);

	op->has_value = n == 5;
	return n >= 4;
}

static bool read_store(const char *s, struct world_op *op)
{
	int at = 0;

	if (sscanf(s, "%hhu %" SCNx64 " %hhu %n", &op->cpu, &op->at, &op->how, &at) != 3 || !at ||
	    op->how > STORE_BEGIN_END)
		return false;
	op->size = (uint32_t)hex(s + at, op->bytes);
	return op->size > 0;
}

/* What follows the name of the operation. */
static bool read_preset(const char *s, struct world_op *op)
{
	size_t n = strcspn(s, " \t\r\n");

	for (op->how = 0; op->how < NR_PRESETS; op->how++)
		if (strlen(world_preset_name(op->how)) == n &&
		    !strncmp(s, world_preset_name(op->how), n))
			return true;
	return false;
}

static bool read_rest(unsigned what, const char *s, struct world_op *op)
{
	unsigned a, b;

	switch (what) {
	case OP_POKE:
		return sscanf(s, "%" SCNx64 " %" SCNx64, &op->at, &op->value) == 2;
	case OP_STORE:
		return read_store(s, op);
	case OP_ACCESS:
	case OP_SPAN:
		return read_access(s, op);
	case OP_SET:
		return sscanf(s, "%hhu %hhu %" SCNx64, &op->cpu, &op->how, &op->value) == 3 &&
		       op->how <= SET_PKRS;
	case OP_ALL:
		return read_regs(s, op);
	case OP_RESET:
		return sscanf(s, "%hhu", &op->cpu) == 1;
	case OP_INVLPG:
		return sscanf(s, "%hhu %" SCNx64, &op->cpu, &op->at) == 2;
	case OP_INVPCID:
		return sscanf(s, "%hhu %hhu %u %" SCNx64, &op->cpu, &op->how, &op->size, &op->at) ==
		       4;
	case OP_FLUSH:
		return sscanf(s, "%hhu %hhu %" SCNx64, &op->cpu, &op->how, &op->at) == 3;
	case OP_RACE:
		return sscanf(s, "%u %hhu %u", &op->size, &op->how, &op->access) == 3;
	case OP_PRESET:
		return read_preset(s, op);
	default:
		if (sscanf(s, "%u %u", &a, &b) != 2)
			return false;
		op->how = (uint8_t)a;
		op->size = b;
		return true;
	}
}

static bool read_op(const char *line, struct world_op *op)
{
	static const char *const name[NR_OP_KINDS] = {
		"poke ",   "store ",   "access ", "span ", "set ",  "all ",    "reset ",
		"invlpg ", "invpcid ", "flush ",  "host ", "race ", "preset ",
	};
	unsigned what;

	memset(op, 0, sizeof(*op));
	for (what = 0; what < NR_OP_KINDS; what++) {
		size_t n = strlen(name[what]);

		if (!strncmp(line, name[what], n)) {
			op->what = (uint8_t)what;
			return read_rest(what, line + n, op);
		}
	}
	return false;
}

unsigned ops_read(FILE *from, struct world_cfg *cfg, struct ops *ops)
{
	unsigned line = 0;
	struct world_op op;
	char text[512];

	memset(cfg, 0, sizeof(*cfg));
	while (fgets(text, sizeof(text), from)) {
		line++;
		if (text[0] == '#' || text[0] == '\n')
			continue;
		if (!cfg->nr_cpus) {
			if (sscanf(text, "world %" SCNu64 " %u %u %u %u", &cfg->seed, &cfg->nr_cpus,
				   &cfg->kind, &cfg->profile, &cfg->backends) != 5 ||
			    !cfg->nr_cpus || cfg->nr_cpus > WORLD_CPUS || cfg->kind > WORLD_SMALL ||
			    cfg->profile >= world_profiles())
				return line;
		} else if (read_op(text, &op)) {
			ops_add(ops, &op);
		} else {
			return line;
		}
	}
	return cfg->nr_cpus ? 0 : line + 1;
}

/* ---- C ---------------------------------------------------------------------------------- */

static void write_c_op(FILE *to, const struct world_op *op)
{
	static const char *const store[] = { "STORE_CPU", "STORE_DEVICE", "STORE_BEGIN_END" };
	static const char *const reg[] = { "SET_CR0",  "SET_CR3",  "SET_CR4",
					   "SET_EFER", "SET_PKRU", "SET_PKRS" };
	unsigned i;

	switch (op->what) {
	case OP_POKE:
		fprintf(to, "world_poke(w, 0x%" PRIx64 ", 0x%" PRIx64 ")", op->at, op->value);
		break;
	case OP_STORE:
		fprintf(to, "world_store(w, %u, 0x%" PRIx64 ", (const uint8_t[]){ ", op->cpu,
			op->at);
		for (i = 0; i < op->size; i++)
			fprintf(to, "%s0x%02x", i ? ", " : "", op->bytes[i]);
		fprintf(to, " }, %u, %s)", op->size, store[op->how]);
		break;
	case OP_ACCESS:
		fprintf(to, "world_access(w, %u, 0x%" PRIx64 ", %u, 0x%x, ", op->cpu, op->at,
			op->size, op->access);
		if (op->has_value)
			fprintf(to, "&(uint64_t){ 0x%" PRIx64 " })", op->value);
		else
			fputs("NULL)", to);
		break;
	case OP_SPAN:
		fprintf(to, "world_span(w, %u, 0x%" PRIx64 ", %u, 0x%x)", op->cpu, op->at, op->size,
			op->access);
		break;
	case OP_SET:
		fprintf(to, "world_set(w, %u, %s, 0x%" PRIx64 ")", op->cpu, reg[op->how],
			op->value);
		break;
	case OP_ALL:
		fprintf(to, "world_set_all(w, %u, &(struct or_regs){ ", op->cpu);
		fprintf(to,
			"0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
			", { 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
			" }, 0x%x, 0x%x }, %s)",
			op->regs.cr0, op->regs.cr2, op->regs.cr3, op->regs.cr4, op->regs.efer,
			op->regs.pdpte[0], op->regs.pdpte[1], op->regs.pdpte[2], op->regs.pdpte[3],
			op->regs.pkru, op->regs.pkrs, op->how ? "true" : "false");
		break;
	case OP_RESET:
		fprintf(to, "world_reset(w, %u)", op->cpu);
		break;
	case OP_INVLPG:
		fprintf(to, "world_invlpg(w, %u, 0x%" PRIx64 ")", op->cpu, op->at);
		break;
	case OP_INVPCID:
		fprintf(to, "world_invpcid(w, %u, %u, %u, 0x%" PRIx64 ")", op->cpu, op->how,
			op->size, op->at);
		break;
	case OP_FLUSH:
		fprintf(to, "world_hw_flush(w, %u, %u, 0x%" PRIx64 ")", op->cpu, op->how, op->at);
		break;
	case OP_HOST:
		fprintf(to, "world_host(w, %u, %u)", op->how, op->size);
		break;
	case OP_PRESET:
		fprintf(to, "world_preset(w, %u)", op->how);
		break;
	}
	fputs(";\n", to);
}

/* One of a race's three, as data. */
static void write_c_part(FILE *to, const struct world_op *op)
{
	unsigned i;

	fprintf(to,
		"op_apply(w, &(struct world_op){ .what = %u, .cpu = %u, .how = %u, .has_value = "
		"%u, .size = %u, .access = 0x%x, .at = 0x%" PRIx64,
		op->what, op->cpu, op->how, op->has_value, op->size, op->access, op->at);
	if (op->what == OP_STORE) {
		fputs(", .bytes = { ", to);
		for (i = 0; i < op->size; i++)
			fprintf(to, "%s0x%02x", i ? ", " : "", op->bytes[i]);
		fputs(" }", to);
	} else if (op->what == OP_SET || op->has_value) {
		fprintf(to, ", .value = 0x%" PRIx64, op->value);
	}
	fputs(" });\n", to);
}

void ops_write_c(FILE *to, const struct world_cfg *cfg, const struct ops *ops)
{
	unsigned parts = 0;
	size_t i;

	fprintf(to,
		"# Test(found, sequence)\n# {\n# \tstruct world *w = world_new(&(struct "
		"world_cfg){ "
		".seed = %" PRIu64 ", .nr_cpus = %u, .kind = %u, .profile = %u, .backends = %u "
		"});\n#\n",
		cfg->seed, cfg->nr_cpus, cfg->kind, cfg->profile, cfg->backends);
	for (i = 0; i < ops->nr; i++) {
		fputs("# \t", to);
		if (ops->op[i].what == OP_RACE)
			parts = 3;
		if (parts && parts--)
			write_c_part(to, &ops->op[i]);
		else
			write_c_op(to, &ops->op[i]);
	}
	fputs("# \tworld_check(w, true);\n# \tt_check(!w->failed[0], \"%s\", w->failed);\n"
	      "# \tworld_free(w);\n# }\n",
	      to);
}
