/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of operations that fails, made shorter and simpler.
 * Keeps: the list fails before and after.
 */
#include <string.h>

#include "ops.h"

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
