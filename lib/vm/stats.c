/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics: what was counted, of the VM and of each vCPU's silicon.
 */
#include <string.h>

#include "vm.h"

static uint64_t tlb_hits(const struct vmmu *vm)
{
	uint64_t sum = 0;
	unsigned i, k;

	for (i = 0; i < vm->core.cfg.nr_cpus; i++)
		for (k = 0; k < VMMU_TLBS; k++)
			sum += vm->cpu[i]->silicon.caches.stats.tlb_hits[k];
	return sum;
}

void vmmu_get_stats(const struct vmmu *vm, struct vmmu_stats *stats)
{
	struct vmmu_stats s;
	size_t size = stats->size < sizeof(s) ? stats->size : sizeof(s);

	memset(&s, 0, sizeof(s));
	s.size = size;
	memcpy(s.event, vm->core.event, sizeof(vm->core.event));
	s.walk_refs = vm->walk_refs;
	s.sw_refs = vm->sw_refs;
	s.tlb_hits = tlb_hits(vm);
	s.table_bytes = vm->pool.nr * VMMU_PAGE_SIZE;
	s.table_peak = vm->pool.peak * VMMU_PAGE_SIZE;
	s.meta_bytes = vm->core.meta;
	s.meta_peak = vm->core.meta_peak;
	memcpy(stats, &s, size);
}

void vmmu_clear_stats(struct vmmu *vm)
{
	unsigned i;

	memset(vm->core.event, 0, sizeof(vm->core.event));
	vm->walk_refs = vm->sw_refs = 0;
	vm->pool.peak = vm->pool.nr;
	vm->core.meta_peak = vm->core.meta;
	for (i = 0; i < vm->core.cfg.nr_cpus; i++)
		timing_clear(&vm->cpu[i]->silicon.caches);
}

void vmmu_get_silicon(const struct vmmu_cpu *cpu, struct vmmu_silicon_stats *stats)
{
	size_t size = stats->size < sizeof(*stats) ? stats->size : sizeof(*stats);
	struct vmmu_silicon_stats all;

	timing_tell(&cpu->silicon.caches, &all);
	memcpy(stats, &all, size);
	stats->size = size;
}

void vmmu_each_cached(const struct vmmu_cpu *cpu, vmmu_cached_fn *fn, void *ctx)
{
	silicon_each(&cpu->silicon, fn, ctx);
}
