/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two workloads and what they cost.  CYCLES_EXIT and CYCLES_REF are assumptions: change them, and
 * see where one way of virtualizing memory overtakes the other.
 */
#include "guest.h"

#define CYCLES_EXIT 1500u
#define CYCLES_REF 20u

/* A process that changes its tables, and one that only runs. */
static void run(const char *name, const struct vmmu_backend *backend, unsigned changes,
		unsigned misses)
{
	unsigned refs, n, i;

	start(backend, (struct vmmu_config){ .front_entries = 1 }, 4096);
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	exits(NULL);
	for (i = 0; i < changes; i++) {
		store(0x4028, (0x44000 + 0x1000 * (i % 8)) | P | U);
		vmmu_set_cr3(cpu, 0x1000);
		touch(PAGE + 0x1000, VMMU_READ | VMMU_USER, NULL);
	}
	for (i = 0; i < misses; i++) {
		vmmu_hw_flush(cpu);
		touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	}
	n = exits(&refs);
	printf("  %-8s %5u exits, %6u references: %8u cycles\n", name, n, refs,
	       n * CYCLES_EXIT + refs * CYCLES_REF);
}

int main(void)
{
	puts("a process that changes its tables 100 times:");
	run("shadow", &vmmu_shadow, 100, 0);
	run("nested", &vmmu_nested_npt, 100, 0);
	puts("a process that misses the TLB 1000 times:");
	run("shadow", &vmmu_shadow, 0, 1000);
	run("nested", &vmmu_nested_npt, 0, 1000);
	return 0;
}
