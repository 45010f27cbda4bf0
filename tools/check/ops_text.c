/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations as text, one line for each; ops.h has the format.
 * Keeps: what is written and read again is done again.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"
#include "race.h"

size_t ops_count(const struct ops *ops, const char **preset)
{
	bool has = ops->nr && ops->op[0].what == OP_PRESET;

	*preset = has ? world_preset_name(ops->op[0].how) : NULL;
	return ops->nr - has;
}

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
