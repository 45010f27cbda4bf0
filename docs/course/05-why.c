/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the guest thinks that its page is, and where it is.  Give the guest more room: RAM_HPA. */
#include "guest.h"

#define RAM_HPA 0x1000000ull /* of the guest's first byte, for this host */

int main(void)
{
	struct vmmu_walk w;
	uint64_t gpa;

	start(&vmmu_native, (struct vmmu_config){ 0 }, 4096);
	gpa = touch(PAGE, VMMU_READ, NULL);
	printf("alone on the machine: 0x%" PRIx64 " is at 0x%" PRIx64 "\n", (uint64_t)PAGE, gpa);

	start(&vmmu_shadow, (struct vmmu_config){ .base = ram - RAM_HPA }, 4096);
	gpa = touch(PAGE, VMMU_READ, NULL);
	vmmu_explain(cpu, vmmu_gva(PAGE), VMMU_READ, VMMU_EXPLAIN_HW, NULL, NULL, &w);
	printf("as a guest:           0x%" PRIx64 " is at 0x%" PRIx64 ", so the guest believes;\n",
	       (uint64_t)PAGE, gpa);
	printf("                      the memory bus sees 0x%" PRIx64 "\n", w.hpa.v);
	return 0;
}
