/* SPDX-License-Identifier: BSD-2-Clause */
/* How long a walk in two dimensions is.  Try .levels = 5 in the nested configuration. */
#include "guest.h"

static void run(const char *name, const struct vmmu_backend *backend, uint64_t host_page)
{
	const struct vmmu_nested_config c = { .levels = 4 };
	struct vmmu_config config = { 0 };
	unsigned refs, n;

	if (backend == &vmmu_nested_npt)
		config.backend_config = &c;
	start(backend, config, host_page);
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	n = exits(NULL);
	/* Or the library would remember the page. */
	vmmu_hw_flush(cpu);
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	exits(&refs);
	printf("%-28s %2u references, after %u exits\n", name, refs, n);
}

int main(void)
{
	run("native:", &vmmu_native, 4096);
	run("shadow:", &vmmu_shadow, 4096);
	run("nested, 4K host pages:", &vmmu_nested_npt, 4096);
	run("nested, 2M host pages:", &vmmu_nested_npt, 2u << 20);
	return 0;
}
