/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hundred stores to a table, and four kinds of shadow pager.  Change `often`: after how many
 * stores the guest flushes.
 */
#include "guest.h"

static void run(const char *name, uint32_t off)
{
	const struct vmmu_shadow_config c = { .size = sizeof(c), .off = off };
	const unsigned often = 10;
	unsigned i;

	start(&vmmu_shadow, (struct vmmu_config){ .backend_config = &c }, 4096);
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	exits(NULL);
	for (i = 0; i < 100; i++) {
		store(0x4000 + 8 * (i % 4 + 5), 0x44000 | P | U);
		if (i % often == often - 1) {
			vmmu_set_cr3(cpu, 0x1000);
			touch(PAGE, VMMU_READ | VMMU_USER, NULL);
		}
	}
	printf("%-28s %4u exits\n", name, exits(NULL));
}

int main(void)
{
	run("traps every store:", VMMU_SHADOW_UNSYNC | VMMU_SHADOW_FLOOD);
	run("gives up busy tables:", VMMU_SHADOW_UNSYNC);
	run("lets leaf tables run free:", 0);
	run("keeps nothing (virtual TLB):", VMMU_SHADOW_ALL);
	return 0;
}
