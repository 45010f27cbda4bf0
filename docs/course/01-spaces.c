/* SPDX-License-Identifier: BSD-2-Clause */
/* One address, two address spaces.  Change an entry of the second and run it again. */
#include "guest.h"

static void look(const char *who, uint64_t gva)
{
	printf("%s: 0x%" PRIx64 " is at 0x%" PRIx64 "\n", who, gva,
	       touch(gva, VMMU_READ | VMMU_USER, NULL));
}

int main(void)
{
	start(&vmmu_native, (struct vmmu_config){ 0 }, 4096);
	look("first process ", PAGE + 0xabc);
	look("first process ", PAGE + 0x1abc);
	vmmu_set_cr3(cpu, 0x8000);
	look("second process", PAGE + 0xabc);
	look("second process", PAGE + 0x1abc);
	return 0;
}
