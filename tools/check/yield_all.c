/* SPDX-License-Identifier: BSD-2-Clause */
/* A library built with -DVMMU_YIELDS. */
#include "yield.h"

#include <vmmu/yield.h>

static struct {
	yield_fn *fn;
	void *ctx;
} to;

static void pass_on(void *ctx, struct vmmu *vm, enum vmmu_yield where)
{
	(void)ctx;
	to.fn(to.ctx, vm, where, vmmu_yield_is_open(where));
}

void yield_to(yield_fn *fn, void *ctx)
{
	to.fn = fn;
	to.ctx = ctx;
	vmmu_yield_to(fn ? pass_on : NULL, NULL);
}

unsigned yield_kinds(void)
{
	return VMMU_NR_YIELDS;
}

const char *yield_name(unsigned where)
{
	return vmmu_yield_name((enum vmmu_yield)where);
}

int yield_silicon(struct vmmu_cpu *cpu, uint64_t gva, unsigned size, uint32_t access,
		  struct vmmu_xlat *out)
{
	return vmmu_yield_silicon(cpu, vmmu_gva(gva), size, access, out);
}
