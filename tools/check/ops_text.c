/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations as text, one line for each; ops.h has the format.
 * Not here: files (ops_file.c).  Of a library it needs no more than snprintf() and string.h: it is
 * built into kernels as well.
 * Keeps: what is written and read again is done again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops.h"

size_t ops_count(const struct ops *ops, const char **preset)
{
	bool has = ops->nr && ops->op[0].what == OP_PRESET;

	*preset = has ? world_preset_name(ops->op[0].how) : NULL;
	return ops->nr - has;
}

/* ---- writing ------------------------------------------------------------------------ */

static int write_regs(char *to, size_t size, const struct world_op *op)
{
	const struct or_regs *r = &op->regs;

	return snprintf(to, size,
			"all %u %u 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64
			" 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64
			" 0x%x 0x%x",
			op->cpu, op->how, r->cr0, r->cr2, r->cr3, r->cr4, r->efer, r->pdpte[0],
			r->pdpte[1], r->pdpte[2], r->pdpte[3], r->pkru, r->pkrs);
}

static int write_store(char *to, size_t size, const struct world_op *op)
{
	int n = snprintf(to, size, "store %u 0x%" PRIx64 " %u ", op->cpu, op->at, op->how);
	unsigned i;

	for (i = 0; i < op->size && n >= 0 && (size_t)n < size; i++)
		n += snprintf(to + n, size - (size_t)n, "%02x", op->bytes[i]);
	return n;
}

static int write_access(char *to, size_t size, const struct world_op *op)
{
	int n = snprintf(to, size, "access %u 0x%" PRIx64 " %u 0x%x", op->cpu, op->at, op->size,
			 op->access);

	if (op->has_value && n >= 0 && (size_t)n < size)
		n += snprintf(to + n, size - (size_t)n, " 0x%" PRIx64, op->value);
	return n;
}

int op_format(char *to, size_t size, const struct world_op *op)
{
	switch (op->what) {
	case OP_POKE:
		return snprintf(to, size, "poke 0x%" PRIx64 " 0x%" PRIx64, op->at, op->value);
	case OP_STORE:
		return write_store(to, size, op);
	case OP_ACCESS:
		return write_access(to, size, op);
	case OP_SPAN:
		return snprintf(to, size, "span %u 0x%" PRIx64 " %u 0x%x", op->cpu, op->at,
				op->size, op->access);
	case OP_SET:
		return snprintf(to, size, "set %u %u 0x%" PRIx64, op->cpu, op->how, op->value);
	case OP_ALL:
		return write_regs(to, size, op);
	case OP_RESET:
		return snprintf(to, size, "reset %u", op->cpu);
	case OP_INVLPG:
		return snprintf(to, size, "invlpg %u 0x%" PRIx64, op->cpu, op->at);
	case OP_INVPCID:
		return snprintf(to, size, "invpcid %u %u %u 0x%" PRIx64, op->cpu, op->how, op->size,
				op->at);
	case OP_FLUSH:
		return snprintf(to, size, "flush %u %u 0x%" PRIx64, op->cpu, op->how, op->at);
	case OP_HOST:
		return snprintf(to, size, "host %u %u", op->how, op->size);
	case OP_RACE:
		return snprintf(to, size, "race %u %u %u", op->size, op->how, op->access);
	default:
		return snprintf(to, size, "preset %s", world_preset_name(op->how));
	}
}

int world_format(char *to, size_t size, const struct world_cfg *cfg)
{
	return snprintf(to, size, "world %" PRIu64 " %u %u %u %u", cfg->seed, cfg->nr_cpus,
			cfg->kind, cfg->profile, cfg->backends);
}

/* ---- reading ------------------------------------------------------------------------- */

/* What is left of a line; `bad` once something was missing. */
struct scan {
	const char *s;
	bool bad;
};

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

static void skip_blanks(struct scan *c)
{
	while (*c->s == ' ' || *c->s == '\t')
		c->s++;
}

static uint64_t number(struct scan *c, unsigned base)
{
	uint64_t v = 0;

	skip_blanks(c);
	if (base == 16 && c->s[0] == '0' && (c->s[1] | 0x20) == 'x')
		c->s += 2;
	c->bad |= digit(*c->s) >= base;
	for (; digit(*c->s) < base; c->s++)
		v = v * base + digit(*c->s);
	return v;
}

static uint8_t small(struct scan *c)
{
	return (uint8_t)number(c, 10);
}

static uint64_t hex(struct scan *c)
{
	return number(c, 16);
}

static bool at_end(struct scan *c)
{
	skip_blanks(c);
	return !*c->s || *c->s == '\n' || *c->s == '\r';
}

static void read_bytes(struct scan *c, struct world_op *op)
{
	skip_blanks(c);
	for (; op->size < OP_BYTES && digit(c->s[0]) < 16 && digit(c->s[1]) < 16; c->s += 2)
		op->bytes[op->size++] = (uint8_t)(digit(c->s[0]) << 4 | digit(c->s[1]));
	c->bad |= !op->size || !at_end(c);
}

static void read_regs(struct scan *c, struct world_op *op)
{
	struct or_regs *r = &op->regs;
	unsigned i;

	op->cpu = small(c);
	op->how = small(c);
	r->cr0 = hex(c);
	r->cr2 = hex(c);
	r->cr3 = hex(c);
	r->cr4 = hex(c);
	r->efer = hex(c);
	for (i = 0; i < 4; i++)
		r->pdpte[i] = hex(c);
	r->pkru = (uint32_t)hex(c);
	r->pkrs = (uint32_t)hex(c);
}

static void read_access(struct scan *c, struct world_op *op)
{
	op->cpu = small(c);
	op->at = hex(c);
	op->size = (uint32_t)number(c, 10);
	op->access = (uint32_t)hex(c);
	op->has_value = !at_end(c);
	if (op->has_value)
		op->value = hex(c);
}

static void read_preset(struct scan *c, struct world_op *op)
{
	size_t n = strcspn(c->s, " \t\r\n");

	for (op->how = 0; op->how < NR_PRESETS; op->how++)
		if (strlen(world_preset_name(op->how)) == n &&
		    !strncmp(c->s, world_preset_name(op->how), n))
			return;
	c->bad = true;
}

/* What follows the name of the operation. */
static void read_rest(unsigned what, struct scan *c, struct world_op *op)
{
	switch (what) {
	case OP_POKE:
		op->at = hex(c);
		op->value = hex(c);
		break;
	case OP_STORE:
		op->cpu = small(c);
		op->at = hex(c);
		op->how = small(c);
		c->bad |= op->how > STORE_BEGIN_END;
		read_bytes(c, op);
		break;
	case OP_ACCESS:
	case OP_SPAN:
		read_access(c, op);
		break;
	case OP_SET:
		op->cpu = small(c);
		op->how = small(c);
		op->value = hex(c);
		c->bad |= op->how > SET_PKRS;
		break;
	case OP_ALL:
		read_regs(c, op);
		break;
	case OP_RESET:
		op->cpu = small(c);
		break;
	case OP_INVLPG:
		op->cpu = small(c);
		op->at = hex(c);
		break;
	case OP_INVPCID:
		op->cpu = small(c);
		op->how = small(c);
		op->size = (uint32_t)number(c, 10);
		op->at = hex(c);
		break;
	case OP_FLUSH:
		op->cpu = small(c);
		op->how = small(c);
		op->at = hex(c);
		break;
	case OP_RACE:
		op->size = (uint32_t)number(c, 10);
		op->how = small(c);
		op->access = (uint32_t)number(c, 10);
		break;
	case OP_PRESET:
		read_preset(c, op);
		break;
	default:
		op->how = small(c);
		op->size = (uint32_t)number(c, 10);
	}
}

bool op_parse(const char *line, struct world_op *op)
{
	static const char *const name[NR_OP_KINDS] = {
		"poke ",   "store ",   "access ", "span ", "set ",  "all ",    "reset ",
		"invlpg ", "invpcid ", "flush ",  "host ", "race ", "preset ",
	};
	unsigned what;

	memset(op, 0, sizeof(*op));
	for (what = 0; what < NR_OP_KINDS; what++) {
		struct scan c = { .s = line + strlen(name[what]) };

		if (strncmp(line, name[what], strlen(name[what])) != 0)
			continue;
		op->what = (uint8_t)what;
		read_rest(what, &c, op);
		return !c.bad;
	}
	return false;
}

bool world_parse(const char *line, struct world_cfg *cfg)
{
	struct scan c = { .s = line + 6 };

	memset(cfg, 0, sizeof(*cfg));
	if (strncmp(line, "world ", 6) != 0)
		return false;
	cfg->seed = number(&c, 10);
	cfg->nr_cpus = (unsigned)number(&c, 10);
	cfg->kind = (unsigned)number(&c, 10);
	cfg->profile = (unsigned)number(&c, 10);
	cfg->backends = (unsigned)number(&c, 10);
	return !c.bad && cfg->nr_cpus && cfg->nr_cpus <= WORLD_CPUS && cfg->kind <= WORLD_SMALL &&
	       cfg->profile < world_profiles();
}
