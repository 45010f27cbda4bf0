/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running an input with smaller and larger walk caches.
 * Not here: showing the results (report/).
 * Invariant: see sweep.h.
 */
#include "sweep.h"

#include <string.h>

const unsigned sweep_sizes[SWEEP_SIZES] = { 0, 8, 16, 32, 64, 128 };

const char *sweep_key(unsigned what)
{
	return what == SWEEP_PWC ? "pwc" : "nested_tlb";
}

static struct vmmu_cache_shape full(unsigned entries)
{
	return (struct vmmu_cache_shape){ entries != 0, (uint16_t)entries };
}

static void resize_links(struct vmmu_cache_shape *links, unsigned entries)
{
	for (unsigned i = 0; i < VMMU_LEVELS; i++)
		if (links[i].sets)
			links[i] = full(entries);
}

/*
 * Sets the size of the page-walk cache, whichever kind the CPU has; caches of links get it for
 * each level.
 */
static void resize_pwc(struct vmmu_silicon *s, unsigned entries)
{
	if (s->entries.shape.sets)
		s->entries.shape = full(entries);
	resize_links(s->links, entries);
	resize_links(s->nested_links, entries);
}

static double refs_per_walk(const struct result *run)
{
	uint64_t near = 0, walks = run->stats.event[VMMU_EV_WALK];

	for (unsigned g = 0; g <= VMMU_LEVELS; g++)
		for (unsigned n = 0; n <= VMMU_LEVELS; n++)
			near += run->silicon.cell[g][n].near;
	return walks ? (double)(run->stats.walk_refs - near) / (double)walks : 0;
}

static int one_size(struct sweep *s, unsigned what, unsigned size, const struct cpu_model *cpu,
		    rerun_fn *again, void *ctx, struct err *err)
{
	struct result run[RERUN_RUNS];
	struct rerun how = { .cpu = NULL };
	struct cpu_model model;

	if (cpu) {
		model = *cpu;
		how.cpu = &model;
		if (what == SWEEP_PWC)
			resize_pwc(&model.silicon, sweep_sizes[size]);
		else
			model.silicon.nested_tlb = full(sweep_sizes[size]);
	} else {
		how.pwc = what == SWEEP_PWC ? sweep_sizes[size] : 0;
		how.nested_tlb = what == SWEEP_NESTED_TLB ? sweep_sizes[size] : 0;
	}
	memset(run, 0, sizeof(run));
	if (again(ctx, &how, run, err) < 0)
		return -1;
	for (unsigned i = 0; i < s->nr_runs; i++)
		s->refs[what][i][size] = refs_per_walk(&run[i]);
	return 0;
}

int sweep_make(struct sweep *s, const struct cpu_model *cpu, unsigned nr_runs, rerun_fn *again,
	       void *ctx, struct err *err)
{
	s->nr_runs = nr_runs;
	for (unsigned what = 0; what < SWEEP_NR; what++)
		for (unsigned size = 0; size < SWEEP_SIZES; size++)
			if (one_size(s, what, size, cpu, again, ctx, err) < 0)
				return -1;
	return 0;
}
