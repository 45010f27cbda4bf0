/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging where memory is short, under the host's changes, with many vCPUs; and its check.
 * Not here: how stores to tables are followed (test_shadow.c), large pages (test_shadow_pages.c).
 * Keeps: what shadow_rig.h says.
 */
#include "shadow_rig.h"

/* ---- no memory --------------------------------------------------- */

#define NOWHERE (64 * MIB)

static uint64_t walked_by_software(void)
{
	return seen(VMMU_EV_SW_WALK);
}

static void add_memory_nowhere(void)
{
	const struct vmmu_slot_info s = {
		.gpa = { NOWHERE }, .size = 4096, .pointer = mem + LARGE, .page_size = 4096
	};

	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
}

Test(shadow, an_address_without_memory_is_remembered_until_slots_change)
{
	open_without(0);
	put(A1, NOWHERE | (P_ALL & ~0x40ull));
	t_eq(touch(0x10, VMMU_READ), VMMU_MMIO);
	restart();
	t_eq(touch(0x18, VMMU_READ | VMMU_USER), VMMU_MMIO);
	t_eq(x.gpa.v, NOWHERE + 0x18);
	t_eq(walked_by_software(), 0);
	t_eq(seen(VMMU_EV_EXIT_MMIO), 1);
	/* D is the store's to set, so that is no hit. */
	t_eq(touch(0x10, VMMU_WRITE), VMMU_MMIO);
	t_eq(get(A1) & 0x40, 0x40);
	/* Catalogue 47: it becomes memory, and is none again. */
	add_memory_nowhere();
	reads(0x10, NOWHERE + 0x10);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(NOWHERE)), VMMU_OK);
	t_eq(touch(0x10, VMMU_READ), VMMU_MMIO);
	/* The guest maps something else there: of this page, and of one before no leaf. */
	store(A1, A_DATA | P_ALL);
	load(A4);
	reads(0x10, A_DATA + 0x10);
	close_vm();
}

/* The entry's rights judge, as they would have in a walk. */
Test(shadow, what_is_remembered_of_no_memory_has_its_rights)
{
	open_without(0);
	put(A1, NOWHERE | (P_RO & ~4ull) | NX);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	t_eq(touch(0, VMMU_WRITE), VMMU_FAULT);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	t_eq(touch(0, VMMU_READ | VMMU_USER), VMMU_FAULT);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	t_eq(touch(0, VMMU_FETCH), VMMU_FAULT);
	close_vm();
}

Test(shadow, what_is_remembered_of_no_memory_has_its_key)
{
	open_without(0);
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PKE, VMMU_EFER_NXE);
	put(A1, NOWHERE | P_ALL | 5ull << 59);
	t_eq(touch(0, VMMU_READ | VMMU_USER), VMMU_MMIO);
	vmmu_set_pkru(cpu, 1u << 10);
	t_eq(touch(0, VMMU_READ | VMMU_USER), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_U | VMMU_PF_PK);
	close_vm();
}

Test(shadow, a_store_where_no_memory_is_is_remembered_with_d)
{
	open_without(0);
	put(A1, NOWHERE | P_ALL);
	t_eq(touch(0, VMMU_WRITE), VMMU_MMIO);
	restart();
	t_eq(touch(8, VMMU_WRITE), VMMU_MMIO);
	t_eq(x.gpa.v, NOWHERE + 8);
	t_eq(walked_by_software(), 0);
	close_vm();
}

/* Two read-only large entries of one frame, one of them clean, and CR0.WP=0. */
Test(shadow, a_store_where_no_memory_is_sets_its_own_d)
{
	open_without(0);
	long_mode(cpu, 0, 0, VMMU_EFER_NXE);
	put(A2 + 8, NOWHERE | P_RO | P_PS);
	put(A2 + 16, NOWHERE | (P_RO & ~0x40ull) | P_PS);
	t_eq(touch(2 * MIB + 0x1000, VMMU_READ), VMMU_MMIO);
	t_eq(touch(4 * MIB, VMMU_READ), VMMU_MMIO);
	t_eq(touch(4 * MIB + 0x1000, VMMU_WRITE), VMMU_MMIO);
	t_eq(get(A2 + 16) & 0x40, 0x40);
	close_vm();
}

static unsigned maps;

static void count_maps(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx, (void)c, (void)b;
	maps += ev == VMMU_EV_MAP && a < 1ull << 48;
}

Test(shadow, events_are_told_of_shared_tables_too)
{
	open_as((struct guest_cfg){ .cb = { .event = count_maps } });
	maps = 0;
	reads(0x1000, A_DATA + 0x1000);
	load(B4);
	reads(0x1000, B_DATA + 0x1000);
	t_eq(maps, seen(VMMU_EV_MAP));
	t_true(maps > 6);
	close_vm();
}

/* A mark behind the last leaf of a table that goes out of step and is compared. */
Test(shadow, a_sync_reaches_what_is_no_memory)
{
	open_without(VMMU_SHADOW_PREFETCH);
	put(A1 + 8 * 63, NOWHERE | P_ALL);
	reads(0, A_DATA);
	t_eq(touch(0x3f000, VMMU_READ), VMMU_MMIO);
	store(A1 + 8 * 63, B_DATA | P_ALL);
	load(A4);
	reads(0x3f000, B_DATA);
	close_vm();
}

/* What was used without paging is nobody's with it, whichever PCID was current before. */
Test(shadow, a_reset_leaves_no_pcid_behind)
{
	open_as((struct guest_cfg){ .caches = CACHES_TLB });
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	load(A4 | 5);
	reads(0x5000, A_DATA + 0x5000);
	t_eq(vmmu_reset(cpu), VMMU_OK);
	reads(0x5000, 0x5000);
	t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE), VMMU_OK);
	t_eq(vmmu_set_efer(cpu, VMMU_EFER_LME | VMMU_EFER_NXE), VMMU_OK);
	load(A4);
	t_eq(vmmu_set_cr0(cpu, VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP), VMMU_OK);
	t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_PCIDE), VMMU_OK);
	load(A4 | 5 | 1ull << 63);
	reads(0x5000, A_DATA + 0x5000);
	close_vm();
}

/* After 65,536 changes the generations come round, and nothing may have the same (catalogue 19). */
Test(shadow, generations_come_round)
{
	unsigned i;

	open_without(0);
	put(A1, NOWHERE | P_ALL);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	add_memory_nowhere();
	for (i = 0; i < 65534; i++)
		t_eq(vmmu_slot_flags(vm, vmmu_gpa(NOWHERE), 0), VMMU_OK);
	/* With the next change the generation of the mark is the current one. */
	t_eq(vmmu_slot_flags(vm, vmmu_gpa(NOWHERE), 0), VMMU_OK);
	reads(0, NOWHERE);
	/* And on they go. */
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(NOWHERE)), VMMU_OK);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	add_memory_nowhere();
	reads(0, NOWHERE);
	close_vm();
}

static void nested_mmio(const struct vmmu_backend *be, int on, enum vmmu_event second)
{
	struct guest_cfg g = {
		.backend = be, .page_size = 4096, .nr_cpus = 1, .nested = { .mmio = on }
	};

	mem = mem_arena(1);
	make_tables();
	put(A1, NOWHERE | P_ALL);
	t_eq(guest_open(&g, mem, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
	long_mode(cpu, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	t_eq(seen(VMMU_EV_EXIT_MMIO), 1);
	restart();
	t_eq(touch(8, VMMU_WRITE), VMMU_MMIO);
	t_eq(x.gpa.v, NOWHERE + 8);
	t_eq(seen(second), 1);
	t_eq(seen(VMMU_EV_EXIT_MMIO) + seen(VMMU_EV_EXIT_EPT_MISCONFIG), 1);
	add_memory_nowhere();
	reads(0, NOWHERE);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(NOWHERE)), VMMU_OK);
	t_eq(touch(0, VMMU_READ), VMMU_MMIO);
	close_vm();
}

Test(shadow, nested_paging_remembers_no_memory_by_the_same_code)
{
	nested_mmio(&vmmu_nested_ept, 1, VMMU_EV_EXIT_EPT_MISCONFIG);
	nested_mmio(&vmmu_nested_ept, 0, VMMU_EV_EXIT_MMIO);
	nested_mmio(&vmmu_nested_npt, 1, VMMU_EV_EXIT_MMIO);
	nested_mmio(&vmmu_nested_npt, 0, VMMU_EV_EXIT_MMIO);
}

/* ---- the host, and many vCPUs ------------------------------------ */

/* What a table holds after the host had it is what it holds (its memory may be new). */
Test(shadow, a_table_that_the_host_took_is_read_again)
{
	open_without(0);
	reads(0x1000, A_DATA + 0x1000);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(A1), 4096), VMMU_OK);
	put(A1 + 8, (B_DATA + 0x1000) | P_ALL);
	t_eq(vmmu_notify_end(vm, vmmu_gpa(A1), 4096), VMMU_OK);
	reads(0x1000, B_DATA + 0x1000);
	close_vm();
}

/* Catalogue 18: a frame becomes a table while another vCPU can write it by its TLB. */
Test(shadow, protecting_a_table_reaches_every_tlb)
{
	struct vmmu_cpu *other;
	struct vmmu_xlat y;

	open_as((struct guest_cfg){ .caches = CACHES_TLB });
	other = vmmu_cpu(vm, 1);
	long_mode(other, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
	/* SPARE is data so far. */
	t_eq(vmmu_translate(other, vmmu_gva(KERNEL + SPARE), 8, VMMU_WRITE, &y), VMMU_OK);
	t_eq(y.trap, 0);
	store(SPARE, A1 | P_ALL);
	store(A2 + 8, SPARE | P_ALL);
	reads(2 * MIB, A1);
	/* An upper table, so that it stays protected. */
	store(A3 + 16, SPARE | P_ALL);
	reads(2 * GIB, A_DATA);
	t_eq(vmmu_translate(other, vmmu_gva(KERNEL + SPARE), 8, VMMU_WRITE, &y), VMMU_OK);
	t_eq(y.trap, 1);
	close_vm();
}

/* A trapped store empties an entry without a flush; then the host takes the page. */
Test(shadow, an_emptied_entry_still_owes_the_host_its_flush)
{
	open_as((struct guest_cfg){ .caches = CACHES_TLB,
				    .shadow = { .off = VMMU_SHADOW_UNSYNC } });
	reads(0x1000, A_DATA + 0x1000);
	store(A1 + 8, 0);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(A_DATA + 0x1000), 4096), VMMU_OK);
	/* Its TLB may not have it: the guest has not flushed, the host has. */
	t_eq(touch(0x1000, VMMU_READ), VMMU_FAULT);
	t_eq(vmmu_notify_end(vm, vmmu_gpa(A_DATA + 0x1000), 4096), VMMU_OK);
	close_vm();
}

/* A shadow page that is taken away takes what caches hold of it along: its leaves ... */
Test(shadow, a_zapped_page_leaves_nothing_in_a_tlb)
{
	open_as((struct guest_cfg){ .caches = CACHES_TLB });
	reads(0x1000, A_DATA + 0x1000);
	/* A device's, across entries. */
	t_eq(vmmu_write(vm, NULL, vmmu_gpa(A1 + 0x804), &(uint64_t){ 0 }, 8, NULL), VMMU_OK);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(A_DATA + 0x1000), 4096), VMMU_OK);
	t_eq(touch(0x1000, VMMU_READ), VMMU_AGAIN);
	t_eq(vmmu_notify_end(vm, vmmu_gpa(A_DATA + 0x1000), 4096), VMMU_OK);
	close_vm();
}

/* ... and the way to its table, which serves for another next (catalogue 45). */
Test(shadow, a_zapped_page_is_left_by_walk_caches_before_it_is_used_again)
{
	open_as((struct guest_cfg){ .caches = CACHES_ALL, .shadow = { .prefetch = 1 } });
	reads(0x1000, A_DATA + 0x1000);
	t_eq(vmmu_write(vm, NULL, vmmu_gpa(A1 + 0x804), &(uint64_t){ 0 }, 8, NULL), VMMU_OK);
	reads(KERNEL + 0x2000, 0x2000);
	reads(0x2000, A_DATA + 0x2000);
	close_vm();
}

/* Catalogue 9: made writable by a sync, written, read-only again: the log has it. */
Test(shadow, the_dirty_log_survives_a_sync)
{
	uint64_t bits[9] = { 0 };

	open_without(0);
	store(A1 + 8, (B_DATA + 0x1000) | P_RO);
	load(A4);
	reads(0x1000, B_DATA + 0x1000);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	store(A1 + 8, (B_DATA + 0x1000) | P_ALL);
	load(A4);
	t_eq(touch(0x1000, VMMU_WRITE), VMMU_OK);
	store(A1 + 8, (B_DATA + 0x1000) | P_RO);
	load(A4);
	t_eq(vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, 528, bits), VMMU_OK);
	t_eq(bits[(B_DATA + 0x1000) >> 18] >> ((B_DATA + 0x1000) >> 12 & 63) & 1, 1);
	close_vm();
}

/* Catalogue 48: what two vCPUs use is reclaimed. */
Test(shadow, reclaim_takes_a_space_that_another_vcpu_is_in)
{
	struct vmmu_cpu *other;
	struct vmmu_xlat y;
	unsigned i;

	open_as((struct guest_cfg){ .cap = true, .caches = CACHES_ALL });
	other = vmmu_cpu(vm, 1);
	long_mode(other, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
	for (i = 0; i < 200; i++) {
		load(i & 1 ? A4 : B4);
		reads((uint64_t)(i % 64) << 12,
		      (i & 1 ? A_DATA : B_DATA) + ((uint64_t)(i % 64) << 12));
		reads(KERNEL + 0x1000 * i, 0x1000 * i);
		t_eq(vmmu_translate(other, vmmu_gva((uint64_t)(i % 64) << 12), 1, VMMU_READ, &y),
		     VMMU_OK);
		t_eq(y.gpa.v, A_DATA + ((uint64_t)(i % 64) << 12));
		check();
	}
	t_eq(seen(VMMU_EV_RECLAIM) > 0, 1);
	close_vm();
}

/* Leaf tables in a loop, one of them in between each time: how often does it miss? */
static uint64_t misses_of_a_hot_table(uint32_t off)
{
	uint64_t i, k, nr = 0;

	open_as((struct guest_cfg){ .cap = true, .shadow = { .off = off } });
	/* 32 leaf tables that all map page 0, from 1G + 2M on. */
	for (i = 1; i < 32; i++) {
		put(SPARE + 0x1000 * (i % 16) + 8 * (i / 16), A_DATA | P_ALL);
		put(K2 + 8 * i, (SPARE + 0x1000 * (i % 16)) | (i < 16 ? P_ALL : P_RO));
	}
	for (k = 0; k < 20; k++) {
		for (i = 1; i < 32; i++) {
			touch(KERNEL + i * 2 * MIB, VMMU_READ);
			restart();
			reads(0, A_DATA);
			nr += misses();
		}
	}
	close_vm();
	return nr;
}

Test(shadow, what_is_used_is_not_reclaimed_first)
{
	uint64_t lru = misses_of_a_hot_table(0), fifo = misses_of_a_hot_table(VMMU_SHADOW_LRU);

	t_check(lru * 3 < fifo * 2, "%" PRIu64 " misses, first in first out %" PRIu64, lru, fifo);
}

/* ---- configuration ----------------------------------------------- */
/* ---- the self-check --------------------------------------------------------------------- */

/* Memory changed behind the library's back: what is shadowed is not what the guest says. */
static void is_found(uint64_t gpa, uint64_t e)
{
	uint64_t was = get(gpa);

	check();
	put(gpa, e);
	t_check(vmmu_check(vm) == VMMU_EBROKEN, "0x%" PRIx64 " at 0x%" PRIx64 " is not found", e,
		gpa);
	put(gpa, was);
	check();
}

Test(shadow, check_finds_a_leaf_that_the_guest_does_not_have)
{
	open_without(0);
	t_eq(touch(0, VMMU_WRITE), VMMU_OK);
	is_found(A1, 0);
	is_found(A1, B_DATA | P_ALL);
	is_found(A1, A_DATA | (P_ALL & ~0x20ull));
	is_found(A1, A_DATA | (P_ALL & ~0x40ull));
	is_found(A1, A_DATA | P_RO);
	is_found(A1, A_DATA | P_ALL | NX);
	is_found(A1, A_DATA | (P_ALL & ~4ull));
	close_vm();
}

Test(shadow, check_finds_a_link_that_the_guest_does_not_have)
{
	open_without(0);
	put(A2 + 8, LARGE | P_ALL | P_PS);
	t_eq(touch(0, VMMU_WRITE), VMMU_OK);
	t_eq(touch(2 * MIB, VMMU_WRITE), VMMU_OK);
	is_found(A2, 0);
	is_found(A2, B1 | P_ALL);
	is_found(A2, A1 | P_RO);
	is_found(A2, A1 | (P_ALL & ~0x20ull));
	is_found(A2, LARGE | P_ALL | P_PS);
	is_found(A2 + 8, LARGE | P_RO | P_PS);
	is_found(A2 + 8, LARGE | (P_ALL & ~0x40ull) | P_PS);
	is_found(A2 + 8, B1 | P_ALL);
	close_vm();
}

Test(shadow, check_finds_a_table_that_can_be_stored_to_untold)
{
	open_without(0);
	reads(0, A_DATA);
	vmmu_be_untrack(vm, vmmu_gpa(A1));
	t_eq(vmmu_check(vm), VMMU_EBROKEN);
	t_eq(vmmu_be_track(vm, vmmu_gpa(A1)), VMMU_OK);
	close_vm();
}

static void note_step(void *at, const struct vmmu_step *step)
{
	((uint64_t *)at)[step->level] = step->pa;
}

/* The shadow's entry of that level on the way to gva. */
static uint64_t *shadow_entry(uint64_t gva, unsigned level)
{
	uint64_t at[VMMU_LEVELS + 1] = { 0 };
	struct vmmu_walk w;

	t_eq(vmmu_explain(cpu, vmmu_gva(gva), VMMU_READ, VMMU_EXPLAIN_HW, note_step, at, &w),
	     VMMU_WALK_OK);
	return (uint64_t *)((uintptr_t)vmmu_be_hw(cpu)->bus.base + at[level]);
}

/* The shadow's memory changed: the check says what is wrong with it. */
static void is_told(uint64_t *entry, uint64_t e, const char *what)
{
	uint64_t was = *entry;

	check();
	*entry = e;
	t_eq(vmmu_check(vm), VMMU_EBROKEN);
	t_check(strstr(vmmu_reason(vm), what) != NULL, "%s, not %s", vmmu_reason(vm), what);
	*entry = was;
	check();
}

Test(shadow, check_tells_what_is_wrong_with_the_shadow)
{
	uint64_t *leaf, *link;

	open_without(VMMU_SHADOW_PREFETCH);
	put(A2 + 8, A1 | P_ALL);
	put(A1 + 8, A_DATA | P_ALL);
	put(A1 + 16, B_DATA | P_RO);
	reads(0, A_DATA);
	reads(0x2000, B_DATA);
	link = shadow_entry(0, 2);
	leaf = shadow_entry(0, 1);
	is_told(&link[1], link[0], "not once among its child's parents");
	is_told(&leaf[1], leaf[0], "not once in its reverse map");
	is_told(&leaf[2], leaf[2] | 2, "grants what the guest's tables do not");
	is_told(leaf, 0, "the count of its entries");
	is_told(link, 0, "the count of its entries");
	close_vm();
}

static int created(struct vmmu_shadow_config sc)
{
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &vmmu_shadow,
				 .backend_config = &sc };
	struct vmmu *v;
	int st = vmmu_create(&c, &v);

	vmmu_destroy(v);
	return st;
}

Test(shadow, a_config_out_of_range_is_refused)
{
	const size_t size = sizeof(struct vmmu_shadow_config);

	t_eq(created((struct vmmu_shadow_config){ .size = size }), VMMU_OK);
	t_eq(created((struct vmmu_shadow_config){ .size = 0 }), VMMU_EINVAL);
	t_eq(created((struct vmmu_shadow_config){ .size = size, .off = 1u << 10 }), VMMU_EINVAL);
	t_eq(created((struct vmmu_shadow_config){ .size = size, .prefetch = 3 }), VMMU_EINVAL);
	t_eq(created((struct vmmu_shadow_config){ .size = size, .prefetch = 64 }), VMMU_OK);
	t_eq(created((struct vmmu_shadow_config){ .size = size, .prefetch = 128 }), VMMU_EINVAL);
	t_eq(created((struct vmmu_shadow_config){ .size = size, .roots = 16 }), VMMU_OK);
	t_eq(created((struct vmmu_shadow_config){ .size = size, .roots = 17 }), VMMU_EINVAL);
}

Test(shadow, every_technique_has_a_name)
{
	unsigned bit, other;

	for (bit = 0; 1u << bit < VMMU_SHADOW_ALL; bit++)
		for (other = 0; other < bit; other++)
			t_true(strcmp(vmmu_shadow_technique(bit), vmmu_shadow_technique(other)));
	t_true(!vmmu_shadow_technique(bit));
}
