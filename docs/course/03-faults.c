/* SPDX-License-Identifier: BSD-2-Clause */
/* Four pages, six kinds of access: what passes, and the error code of what does not. */
#include "guest.h"

int main(void)
{
	static const char *const page[] = { "may be written", "read only", "supervisor's",
					    "no execution", "not there" };
	static const uint32_t kind[] = { VMMU_READ,  VMMU_READ | VMMU_USER,
					 VMMU_WRITE, VMMU_WRITE | VMMU_USER,
					 VMMU_FETCH, VMMU_FETCH | VMMU_USER };
	unsigned i, k;

	start(&vmmu_native, (struct vmmu_config){ 0 }, 4096);
	printf("%-16s read  by user  write  by user  fetch  by user\n", "");
	for (i = 0; i < 5; i++) {
		printf("%-16s", page[i]);
		for (k = 0; k < 6; k++) {
			uint32_t code = 0;
			uint64_t gpa = touch(PAGE + 0x1000 * i, kind[k], &code);

			if (gpa != ~0ull)
				printf("%s", k == 5 ? "ok" : "ok      ");
			else
				printf(k == 5 ? "0x%x" : "0x%-6x", code);
		}
		puts("");
	}
	return 0;
}
