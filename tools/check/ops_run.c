/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations are done to a world, one by one.
 * Not here: what each does (acts.c, host.c, judge.c), which are tried (gen.c).
 * Keeps: a list and its world_cfg say all: the same list does the same again.
 */
#include <string.h>

#include "ops.h"
#include "race.h"

/* What is kept of a race, until all three are there. */
static void add_to_race(struct world *w, const struct world_op *op)
{
	struct world_op all[3];

	ops_add(&w->pair, op);
	if (w->pair.nr < 3)
		return;
	memcpy(all, w->pair.op, sizeof(all));
	w->pair.nr = 0;
	race_run(w, &all[0], &all[1], &all[2], op_apply);
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
