/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations as C that can be pasted into a test.
 * Not here: the text that can be read again (ops_text.c).
 */
#include <inttypes.h>
#include <string.h>

#include "ops.h"
#include "race.h"

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
