/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cycles of a run: its counts times the CPU's costs.
 * Not here: where the costs come from (build.c).
 * Invariant: the walks' part is what the library counted in walk_cycles.
 */
#include "cost.h"

static const struct {
	const char *key, *text;
} parts[COST_NR + 1] = {
#define X(sym, key, text) { key, text },
	COST_PARTS(X)
#undef X
		{ 0, 0 },
};

const char *cost_key(unsigned part)
{
	return parts[part].key;
}

const char *cost_text(unsigned part)
{
	return parts[part].text;
}

static double times(uint64_t n, double each)
{
	return (double)n * each;
}

static double walks(const struct vmmu_silicon *m, const struct vmmu_silicon_stats *s)
{
	uint64_t near = 0, nested = 0;
	double sum = times(s->memory, m->memory);

	for (unsigned g = 0; g <= VMMU_LEVELS; g++) {
		for (unsigned n = 0; n <= VMMU_LEVELS; n++)
			near += s->cell[g][n].near;
		nested += s->nested_hits[g];
	}
	for (unsigned i = 0; i < m->nr_caches; i++)
		sum += times(s->cache_hits[i], m->cache[i].latency);
	return sum + times(near, m->entries.latency) + times(nested, m->nested_tlb_latency);
}

static double tlbs(const struct vmmu_silicon *m, const struct vmmu_silicon_stats *s)
{
	double sum = 0;

	for (unsigned i = 0; i < m->nr_tlbs; i++)
		sum += times(s->tlb_hits[i], m->tlb[i].latency);
	return sum;
}

static double work(const struct cpu_costs *c, const struct vmmu_stats *s)
{
	static const enum vmmu_event writes[] = { VMMU_EV_MAP, VMMU_EV_ZAP, VMMU_EV_PROTECT };
	double sum = times(s->sw_refs, c->sw_ref) + times(s->event[VMMU_EV_TABLE_ALLOC], c->table);

	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		sum += times(s->event[i], c->handler[i]);
	for (unsigned i = 0; i < sizeof(writes) / sizeof(*writes); i++)
		sum += times(s->event[writes[i]], c->entry);
	return sum;
}

void cost_of(const struct cpu_model *cpu, const struct result *run, struct cost *cost)
{
	const struct cpu_costs *c = &cpu->costs;
	uint64_t exits = 0;

	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		exits += run->stats.event[i];
	cost->part[COST_GUEST] = times(run->instructions, c->instruction);
	cost->part[COST_DATA] = (double)run->silicon.data_cycles;
	cost->part[COST_TLB] = tlbs(&cpu->silicon, &run->silicon);
	cost->part[COST_WALK] = walks(&cpu->silicon, &run->silicon);
	cost->part[COST_FAULT] = times(run->stats.event[VMMU_EV_GUEST_FAULT], c->fault);
	cost->part[COST_EXIT] = times(exits, c->exit);
	cost->part[COST_WORK] = work(c, &run->stats);
	cost->total = 0;
	for (unsigned i = 0; i < COST_NR; i++)
		cost->total += cost->part[i];
}
