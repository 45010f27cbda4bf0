/* SPDX-License-Identifier: BSD-2-Clause */
/* What is left of 24 references with caches.  Change their sizes: 8 is small, 1 is smaller. */
#include "guest.h"

static void run(const char *name, uint16_t walk_cache, uint16_t nested_tlb)
{
	unsigned refs, i;

	start(&vmmu_nested_npt,
	      (struct vmmu_config){
		      .pwc_entries = walk_cache, .nested_entries = nested_tlb, .front_entries = 1 },
	      4096);
	for (i = 0; i < 8; i++)
		touch(PAGE + 0x1000 * (i % 2), VMMU_READ | VMMU_USER, NULL);
	vmmu_clear_stats(vm);
	/* Two pages in turn: the library's own lookup is no model, and INVLPG empties it. */
	vmmu_invlpg(cpu, vmmu_gva(PAGE));
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	touch(PAGE + 0x1000, VMMU_READ | VMMU_USER, NULL);
	exits(&refs);
	printf("%-32s %2u references for two pages\n", name, refs);
}

int main(void)
{
	run("no cache:", 0, 0);
	run("a page-walk cache:", 8, 0);
	run("a nested TLB:", 0, 8);
	run("both:", 8, 8);
	return 0;
}
