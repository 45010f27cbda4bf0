/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map of guest memory: nested paging's only tables, and shadow paging's for a guest
 * without paging.
 * Not here: what the host does to memory under it (test_events.c).
 * Keeps: the guest is as after reset, so a GVA is a GPA.
 */
#include <string.h>

#include <vmmu/explain.h>

#include "t.h"
#include "world.h"

static const struct vmmu_backend *const backends[] = {
	&vmmu_nested_npt,
	&vmmu_nested_ept,
	&vmmu_shadow,
};

static struct vmmu *vm;
static struct vmmu_cpu *cpu;
static int64_t tables; /* made and not freed */
static unsigned exits;

static void count(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx, (void)c, (void)a, (void)b;
	tables += (ev == VMMU_EV_TABLE_ALLOC) - (ev == VMMU_EV_TABLE_FREE);
	exits += ev == VMMU_EV_EXIT_NPF || ev == VMMU_EV_EXIT_EPT_VIOLATION;
}

static void open_as(struct guest_cfg g)
{
	if (!g.page_size)
		g.page_size = 4096;
	g.nr_cpus = 1;
	g.cb.event = count;
	tables = 0;
	exits = 0;
	t_eq(guest_open(&g, mem_arena(1), &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static void open_on(unsigned b)
{
	open_as((struct guest_cfg){ .backend = backends[b] });
}

static int touch(uint64_t gpa, uint32_t access)
{
	struct vmmu_xlat x;

	return vmmu_translate(cpu, vmmu_gva(gpa), 1, access, &x);
}

static void last_entry(void *at, const struct vmmu_step *step)
{
	*(uint64_t *)at = step->pa;
}

/* The entry that maps gpa. */
static uint64_t *leaf_of(uint64_t gpa)
{
	struct vmmu_walk w;
	uint64_t at = 0;

	t_eq(vmmu_explain(cpu, vmmu_gva(gpa), VMMU_READ, VMMU_EXPLAIN_HW, last_entry, &at, &w),
	     VMMU_WALK_OK);
	return (uint64_t *)((uintptr_t)vmmu_be_hw(cpu)->bus.base + at);
}

/* An entry changed behind the library's back, and then as it was. */
static void is_found(unsigned b, uint64_t *entry, uint64_t e, const char *what)
{
	uint64_t was = *entry;

	t_eq(vmmu_check(vm), VMMU_OK);
	*entry = e;
	t_check(vmmu_check(vm) == VMMU_EBROKEN, "%s: %s is not found", backends[b]->name, what);
	*entry = was;
	t_eq(vmmu_check(vm), VMMU_OK);
}

Test(direct, check_finds_a_leaf_to_other_memory)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		uint64_t *leaf;

		open_on(b);
		t_eq(touch(0x5000, VMMU_WRITE), VMMU_OK);
		leaf = leaf_of(0x5000);
		is_found(b, leaf, *leaf ^ 0x1000, "other memory");
		vmmu_destroy(vm);
	}
}

Test(direct, check_finds_a_leaf_that_lets_stores_pass_untold)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		uint64_t *leaf, may;

		open_on(b);
		t_eq(touch(0x5000, VMMU_WRITE), VMMU_OK);
		leaf = leaf_of(0x5000);
		may = *leaf;
		t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
		is_found(b, leaf, may, "a store that is not logged");
		vmmu_destroy(vm);
	}
}

static int page_for_reading(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	(void)ctx, (void)write;
	*page = (struct vmmu_host_page){ .pointer = mem_arena(1) + gpa.v, .size = 4096 };
	return 0;
}

/* A leaf for reading becomes one for writing by itself. */
static void let_write(unsigned b, uint64_t gpa, const char *why)
{
	uint64_t *leaf = leaf_of(gpa);

	is_found(b, leaf, *leaf | 2, why);
	vmmu_destroy(vm);
}

Test(direct, check_finds_a_writable_leaf_that_has_a_reason_not_to_be)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		open_as((struct guest_cfg){ .backend = backends[b], .rom = true });
		t_eq(touch(ROM_GPA, VMMU_READ), VMMU_OK);
		let_write(b, ROM_GPA, "of a read-only slot");

		open_on(b);
		t_eq(vmmu_be_track(vm, vmmu_gpa(0x5000)), VMMU_OK);
		t_eq(touch(0x5000, VMMU_READ), VMMU_OK);
		let_write(b, 0x5000, "of a tracked page");

		open_as((struct guest_cfg){
			.backend = backends[b], .ask = true, .cb.host_page = page_for_reading });
		t_eq(touch(0x5000, VMMU_READ), VMMU_OK);
		let_write(b, 0x5000, "of a page that the host shares");
	}
}

/* One page of it is tracked: stores to that one would not be told. */
Test(direct, check_finds_a_large_leaf_that_should_be_small_ones)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		uint64_t *entry, large;

		open_as((struct guest_cfg){ .backend = backends[b], .page_size = 2 * MIB });
		t_eq(touch(8 * MIB, VMMU_WRITE), VMMU_OK);
		entry = leaf_of(8 * MIB);
		large = *entry;
		t_eq(vmmu_be_track(vm, vmmu_gpa(8 * MIB + 0x3000)), VMMU_OK);
		t_true(*entry != large);
		is_found(b, entry, large, "a large leaf");
		vmmu_destroy(vm);
	}
}

/* What a walk by software would pass, and silicon would not. */
Test(direct, check_finds_entries_that_nobody_counted)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		uint64_t *leaf;

		open_on(b);
		t_eq(touch(0x5000, VMMU_WRITE), VMMU_OK);
		leaf = leaf_of(0x5000);
		is_found(b, &leaf[256], *leaf, "one more");
		is_found(b, leaf, 0, "one less");
		vmmu_destroy(vm);
	}
}

static uint64_t protect_and_hide(struct vmmu *to, vmmu_gpa_t gpa, uint64_t len,
				 enum vmmu_change how)
{
	vmmu_nested_npt.protect(to, gpa, len, how);
	return 0;
}

/* The TLB of the first level is looked at first, and has lost it by then. */
Test(direct, check_finds_a_flush_that_the_second_tlb_missed)
{
	struct vmmu_backend liar = vmmu_nested_npt;
	uint64_t gpa;

	liar.protect = protect_and_hide;
	open_as((struct guest_cfg){ .backend = &liar, .caches = CACHES_TLB });
	t_eq(touch(8 * MIB, VMMU_READ), VMMU_OK);
	for (gpa = 0x4000; gpa <= 0x10000; gpa += 0x4000)
		t_eq(touch(gpa, VMMU_READ), VMMU_OK);
	t_eq(vmmu_check(vm), VMMU_OK);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(8 * MIB)), VMMU_OK);
	t_eq(vmmu_check(vm), VMMU_EBROKEN);
	vmmu_destroy(vm);
}

Test(direct, every_table_is_told_as_it_goes)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		open_on(b);
		t_eq(touch(0x5000, VMMU_WRITE), VMMU_OK);
		t_eq(touch(GIB, VMMU_READ), VMMU_OK);
		t_true(tables > 3);
		vmmu_destroy(vm);
		t_check(!tables, "%s: %d left", backends[b]->name, (int)tables);
	}
}

/* How many exits it takes to use a page again that was made old. */
static unsigned exits_after_aging(unsigned b, uint8_t no_ad)
{
	open_as((struct guest_cfg){ .backend = backends[b], .nested = { .no_ad = no_ad } });
	t_eq(touch(0x5000, VMMU_READ), VMMU_OK);
	t_eq(exits, 1);
	exits = 0;
	t_eq(vmmu_age(vm, vmmu_gpa(0x5000), 4096, 1), 1);
	t_eq(vmmu_age(vm, vmmu_gpa(0x5000), 4096, 0), 0);
	t_eq(touch(0x5000, VMMU_READ), VMMU_OK);
	t_eq(vmmu_age(vm, vmmu_gpa(0x5000), 4096, 0), 1);
	vmmu_destroy(vm);
	return exits;
}

Test(direct, without_a_bits_what_is_made_old_goes)
{
	unsigned b;

	for (b = 0; b < 2; b++) {
		t_eq(exits_after_aging(b, 0), 0);
		t_eq(exits_after_aging(b, 1), 1);
	}
}

static int created(const struct vmmu_backend *be, struct vmmu_nested_config nested)
{
	struct vmmu_config c = { .size = sizeof(c), .backend = be, .backend_config = &nested };
	struct vmmu *v;
	int st = vmmu_create(&c, &v);

	vmmu_destroy(v);
	return st;
}

Test(direct, a_nested_config_out_of_range_is_refused)
{
	unsigned b;

	for (b = 0; b < 2; b++) {
		const struct vmmu_backend *be = backends[b];

		t_eq(created(be, (struct vmmu_nested_config){ 0 }), VMMU_OK);
		t_eq(created(be, (struct vmmu_nested_config){ .levels = 4 }), VMMU_OK);
		t_eq(created(be, (struct vmmu_nested_config){ .levels = 5 }), VMMU_OK);
		t_eq(created(be, (struct vmmu_nested_config){ .levels = 1 }), VMMU_EINVAL);
		t_eq(created(be, (struct vmmu_nested_config){ .levels = 3 }), VMMU_EINVAL);
		t_eq(created(be, (struct vmmu_nested_config){ .levels = 6 }), VMMU_EINVAL);
		t_eq(created(be, (struct vmmu_nested_config){ .intercept = VMMU_ICPT_CR0 |
									   VMMU_ICPT_CR4 }),
		     VMMU_OK);
		t_eq(created(be, (struct vmmu_nested_config){ .intercept = VMMU_ICPT_CR3 }),
		     VMMU_EINVAL);
	}
}
