/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that is as it is installed: it never lets go. */
#include "yield.h"

void yield_to(yield_fn *fn, void *ctx)
{
	(void)fn;
	(void)ctx;
}

unsigned yield_kinds(void)
{
	return 0;
}

const char *yield_name(unsigned where)
{
	(void)where;
	return "";
}

int yield_silicon(struct vmmu_cpu *cpu, uint64_t gva, unsigned size, uint32_t access,
		  struct vmmu_xlat *out)
{
	(void)cpu;
	(void)gva;
	(void)size;
	(void)access;
	(void)out;
	return VMMU_AGAIN;
}
