/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small live migration: the dirty log tells which pages have to be sent again.
 * The guest goes on writing while its memory is copied round by round.  The copy is complete when a
 * harvest returns no page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define PAGES 512u
#define BYTES (PAGES * 4096u)

static uint8_t *source, *copy;

/* The guest writes to `nr` pages.  It is in real mode, so a gva is a gpa. */
static int guest_writes(struct vmmu_cpu *cpu, unsigned round, unsigned nr)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		uint64_t gva = (uint64_t)((i * 37 + round * 101) % 256) << 12;
		uint32_t value = round << 16 | i;

		if (vmmu_write_gva(cpu, vmmu_gva(gva), &value, 4, VMMU_WRITE, NULL, NULL))
			return -1;
	}
	return 0;
}

static unsigned send_dirty(const uint64_t *bitmap)
{
	unsigned page, sent = 0;

	for (page = 0; page < PAGES; page++) {
		if (!(bitmap[page / 64] >> page % 64 & 1))
			continue;
		memcpy(copy + page * 4096, source + page * 4096, 4096);
		sent++;
	}
	return sent;
}

static int migrate(const struct vmmu_backend *backend, const char *name)
{
	const struct vmmu_config config = { .size = sizeof(config), .backend = backend };
	const struct vmmu_slot_info slot = {
		.gpa = { 0 }, .size = BYTES, .pointer = source, .page_size = 4096
	};
	uint64_t bitmap[PAGES / 64];
	unsigned round, nr = 64, sent;
	struct vmmu *vm;
	int ok;

	if (vmmu_create(&config, &vm) || vmmu_slot_add(vm, &slot))
		return -1;
	memset(source, 0, BYTES);
	guest_writes(vmmu_cpu(vm, 0), 0, 200);
	if (vmmu_dirty_log(vm, vmmu_gpa(0), 1))
		return -1;
	memcpy(copy, source, BYTES);
	printf("%s: all %u pages", name, PAGES);
	for (round = 1;; round++, nr /= 4) {
		guest_writes(vmmu_cpu(vm, 0), round, nr);
		if (vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, PAGES, bitmap))
			return -1;
		sent = send_dirty(bitmap);
		printf(", %u", sent);
		if (!sent)
			break;
	}
	ok = !memcmp(source, copy, BYTES);
	printf(": the copy is %s\n", ok ? "the same" : "WRONG");
	vmmu_destroy(vm);
	return ok ? 0 : -1;
}

int main(void)
{
	source = aligned_alloc(4096, BYTES);
	copy = malloc(BYTES);
	if (!source || !copy)
		return 1;
	if (migrate(&vmmu_shadow, "shadow") || migrate(&vmmu_nested_npt, "nested-npt") ||
	    migrate(&vmmu_nested_ept, "nested-ept"))
		return 1;
	free(source);
	free(copy);
	return 0;
}
