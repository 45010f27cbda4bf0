/* SPDX-License-Identifier: BSD-2-Clause */
/* The host gives pages one by one, takes one away, and asks what was written. */
#include "guest.h"

static unsigned asked;

static int give(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	(void)ctx;
	(void)write;
	asked++;
	page->pointer = ram + (gpa.v & ~0xfffull);
	page->size = 4096;
	page->writable = 1;
	return 0;
}

int main(void)
{
	uint64_t dirty[RAM_BYTES / 4096 / 64], page;

	start(&vmmu_nested_npt, (struct vmmu_config){ .cb = { .host_page = give } }, 4096);
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	printf("the first access: the host was asked for %u pages\n", asked);
	asked = 0;
	vmmu_notify_begin(vm, vmmu_gpa(0x40000), 4096);
	vmmu_notify_end(vm, vmmu_gpa(0x40000), 4096);
	touch(PAGE, VMMU_READ | VMMU_USER, NULL);
	printf("one page was taken away: asked for %u\n", asked);

	vmmu_dirty_log(vm, vmmu_gpa(0), 1);
	touch(PAGE, VMMU_WRITE | VMMU_USER, NULL);
	vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, RAM_BYTES / 4096, dirty);
	for (page = 0; page < RAM_BYTES / 4096; page++)
		if (dirty[page / 64] >> page % 64 & 1)
			printf("dirty: 0x%" PRIx64 "\n", page * 4096);
	return 0;
}
