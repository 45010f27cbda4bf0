/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TLB of 64 entries, and a kernel that forgets to tell it.  Make it one entry, { 1, 1 }, and read
 * PAGE + 0x1000 before the third look.
 */
#include "guest.h"

static void look(const char *when)
{
	unsigned refs;
	uint64_t gpa = touch(PAGE, VMMU_READ | VMMU_USER, NULL);

	exits(&refs);
	printf("%-24s 0x%" PRIx64 ", %u entries read\n", when, gpa, refs);
}

int main(void)
{
	start(&vmmu_native, (struct vmmu_config){ .l1 = { 16, 4 } }, 4096);
	look("at first:");
	look("again:");
	store(0x4020, 0x47000 | P | W | U);
	look("the entry has changed:");
	vmmu_invlpg(cpu, vmmu_gva(PAGE));
	look("after INVLPG:");
	return 0;
}
