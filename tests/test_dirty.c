/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dirty log, as far as it is the library's: what a harvest asks of a backend, and what
 * happens to large pages.
 * Not here: that every backend reports what was stored to (test_events.c, vmmu check).
 */
#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "t.h"

#define M2 (2ull << 20)
#define RAM (4 * M2)
#define PAGES (RAM / 4096)

static struct vmmu *vm;
static struct vmmu_cpu *cpu;
static uint8_t *mem;
static uint64_t bitmap[PAGES / 64];

static void start(const struct vmmu_backend *be, uint64_t page_size)
{
	struct vmmu_config config = { .size = sizeof(config), .backend = be };
	struct vmmu_slot_info slot = { .size = RAM, .page_size = page_size };

	mem = aligned_alloc(M2, RAM);
	t_true(mem != NULL);
	slot.pointer = mem;
	t_eq(vmmu_create(&config, &vm), VMMU_OK);
	t_eq(vmmu_slot_add(vm, &slot), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static void finish(void)
{
	t_check(!vmmu_check(vm), "%s", vmmu_reason(vm));
	vmmu_destroy(vm);
	free(mem);
}

static unsigned access(uint64_t gpa, uint32_t kind)
{
	struct vmmu_xlat x;

	t_eq(vmmu_translate(cpu, vmmu_gva(gpa), 1, kind, &x), VMMU_OK);
	t_true(x.host == mem + gpa);
	return x.shift;
}

static uint64_t count(enum vmmu_event ev)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s.event[ev];
}

static void harvest(void)
{
	memset(bitmap, 0xff, sizeof(bitmap));
	t_eq(vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, PAGES, bitmap), VMMU_OK);
}

/* A store to each page that the bitmap has is an exit again, and a store to another is none. */
static void stores_after_a_harvest(const struct vmmu_backend *be)
{
	uint64_t want[PAGES / 64] = { 0 }, n, exits;

	start(be, 4096);
	for (n = 0; n < PAGES; n++)
		access(n << 12, VMMU_WRITE);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	for (n = 0; n < PAGES; n++)
		access(n << 12, VMMU_WRITE);
	harvest();
	for (n = 0; n < PAGES / 64; n++)
		t_eq(bitmap[n], ~0ull);
	/* A run, single pages, the last. */
	for (n = 0; n < PAGES; n += n < 130 ? 1 : 97) {
		access(n << 12, VMMU_WRITE);
		want[n / 64] |= 1ull << (n & 63);
	}
	access((PAGES - 1) << 12, VMMU_WRITE);
	want[PAGES / 64 - 1] |= 1ull << 63;
	harvest();
	t_true(!memcmp(bitmap, want, sizeof(want)));
	/* Only these are dirty once more: who was not harvested was clean, and stays protected. */
	exits = count(VMMU_EV_EXIT_DIRTY_LOG);
	for (n = 0; n < PAGES; n++)
		access(n << 12, VMMU_WRITE);
	t_eq(count(VMMU_EV_EXIT_DIRTY_LOG) - exits, PAGES);
	harvest();
	for (n = 0; n < PAGES / 64; n++)
		t_eq(bitmap[n], ~0ull);
	finish();
}

Test(dirty, harvest_by_bitmap)
{
	stores_after_a_harvest(&vmmu_nested_npt);
	stores_after_a_harvest(&vmmu_nested_ept);
	stores_after_a_harvest(&vmmu_shadow);
}

static unsigned calls;
static uint64_t pages_asked;

static uint64_t count_protect(struct vmmu *v, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how)
{
	if (how == VMMU_CHANGE_WRPROT) {
		calls++;
		pages_asked += len >> 12;
	}
	return vmmu_nested_npt.protect(v, gpa, len, how);
}

Test(dirty, a_backend_without_protect_pages_is_asked_for_runs)
{
	struct vmmu_backend be = vmmu_nested_npt;
	uint64_t n;

	be.protect_pages = NULL;
	stores_after_a_harvest(&be);
	be.protect = count_protect;
	start(&be, 4096);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	for (n = 60; n < 200; n++)
		access(n << 12, VMMU_WRITE);
	access(0, VMMU_WRITE);
	calls = 0;
	pages_asked = 0;
	harvest();
	t_eq(calls, 2);
	t_eq(pages_asked, 141);
	finish();
}

static void lazily(const struct vmmu_backend *be)
{
	uint64_t splits, exits;

	start(be, M2);
	t_eq(access(0, VMMU_WRITE), 21);
	t_eq(access(M2, VMMU_WRITE), 21);
	splits = count(VMMU_EV_SPLIT);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_eq(access(0x5000, VMMU_READ), 21);
	t_eq(count(VMMU_EV_SPLIT), splits);
	/* The first store splits its page, and no other. */
	t_eq(access(0x5000, VMMU_WRITE), 12);
	t_eq(count(VMMU_EV_SPLIT), splits + 1);
	exits = count(VMMU_EV_EXIT_NPF) + count(VMMU_EV_EXIT_DIRTY_LOG);
	t_eq(access(0x6000, VMMU_READ), 12);
	t_eq(access(M2 + 0x5000, VMMU_READ), 21);
	t_eq(count(VMMU_EV_EXIT_NPF) + count(VMMU_EV_EXIT_DIRTY_LOG), exits);
	harvest();
	t_eq(bitmap[0], 1ull << 5);
	finish();
}

Test(dirty, a_large_page_is_split_by_the_first_store)
{
	lazily(&vmmu_nested_npt);
	lazily(&vmmu_nested_ept);
}
