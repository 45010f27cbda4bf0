/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of a VM, on every backend that has one: slots, dirty log, notifiers, aging,
 * flushes that are sent.
 * Not here: pages from a callback (test_events_pages.c); the guest's side (test_random.c).
 * Keeps: what events_rig.h says.
 */
#include "events_rig.h"

/* ---- slots ------------------------------------------------------------------------ */

EACH(slots, overlap_is_refused)
{
	open_with((struct guest_cfg){ 0 });
	t_is(add(0x1000, 0x1000, mem, 4096), VMMU_EEXIST);
	t_is(add(8 * MIB - 0x1000, 0x2000, mem, 4096), VMMU_EEXIST);
	t_true(strstr(vmmu_reason(vm), "overlap"));
	t_is(vmmu_slot_move(vm, vmmu_gpa(0), vmmu_gpa(8 * MIB)), VMMU_EEXIST);
	close_vm();
}

EACH(slots, misalignment_is_refused_with_a_reason)
{
	open_with((struct guest_cfg){ 0 });
	t_is(add(16 * MIB + 1, 0x1000, mem, 4096), VMMU_EINVAL);
	t_true(vmmu_reason(vm)[0]);
	t_is(add(16 * MIB, 0x1001, mem, 4096), VMMU_EINVAL);
	t_is(add(16 * MIB, 0, mem, 4096), VMMU_EINVAL);
	t_is(add(16 * MIB, 0x1000, mem + 8, 4096), VMMU_EINVAL);
	t_true(vmmu_reason(vm)[0]);
	t_is(add(16 * MIB, 0x1000, mem, 8192), VMMU_EINVAL);
	t_is(add(16 * MIB, 0x1000, NULL, 4096), VMMU_EINVAL);
	t_is(add(1ull << 52, 0x1000, mem, 4096), VMMU_EINVAL);
	t_is(add(~0xfffull, 0x1000, mem, 4096), VMMU_EINVAL);
	t_is(vmmu_slot_flags(vm, vmmu_gpa(0), 0x80), VMMU_EINVAL);
	t_true(vmmu_reason(vm)[0]);
	close_vm();
}

EACH(slots, only_their_beginning_names_them)
{
	struct vmmu_slot_info s;

	open_with((struct guest_cfg){ 0 });
	t_is(vmmu_slot_remove(vm, vmmu_gpa(0x1000)), VMMU_ENOENT);
	t_is(vmmu_slot_remove(vm, vmmu_gpa(16 * MIB)), VMMU_ENOENT);
	t_is(vmmu_slot_find(vm, vmmu_gpa(8 * MIB + 0x1234), &s), VMMU_OK);
	t_is(s.gpa.v, 8 * MIB);
	t_is(vmmu_slot_find(vm, vmmu_gpa(16 * MIB), &s), VMMU_ENOENT);
	close_vm();
}

EACH(slots, removed_memory_is_a_device)
{
	struct vmmu_xlat x;
	unsigned c;

	open_with((struct guest_cfg){ .caches = CACHES_FRONT, .page_size = 2 * MIB });
	for (c = 0; c < 2; c++)
		t_is(touch(c, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_slot_remove(vm, vmmu_gpa(8 * MIB)), VMMU_OK);
	for (c = 0; c < 2; c++) {
		t_true(!front(c, 8 * MIB, VMMU_READ));
		t_is(touch(c, 8 * MIB, VMMU_READ, &x), VMMU_MMIO);
		t_is(x.stage, VMMU_STAGE_GPA);
		t_is(x.gpa.v, 8 * MIB);
	}
	close_vm();
}

EACH(slots, device_becomes_memory)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(touch(0, 16 * MIB, VMMU_READ, NULL), VMMU_MMIO);
	t_is(add(16 * MIB, 0x1000, mem + 8 * MIB, 4096), VMMU_OK);
	t_is(touch(0, 16 * MIB, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + 8 * MIB);
	close_vm();
}

EACH(slots, other_memory_at_the_same_place)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(touch(1, 8 * MIB, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_slot_remove(vm, vmmu_gpa(8 * MIB)), VMMU_OK);
	t_is(add(8 * MIB, 0x1000, mem + 10 * MIB, 4096), VMMU_OK);
	t_is(touch(1, 8 * MIB, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + 10 * MIB);
	close_vm();
}

EACH(slots, moved_memory_keeps_its_contents)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .caches = CACHES_ALL, .page_size = 2 * MIB });
	t_is(touch(1, 8 * MIB + 5, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_slot_move(vm, vmmu_gpa(8 * MIB), vmmu_gpa(32 * MIB)), VMMU_OK);
	t_is(touch(1, 8 * MIB + 5, VMMU_READ, NULL), VMMU_MMIO);
	t_is(touch(1, 32 * MIB + 5, VMMU_WRITE, &x), VMMU_OK);
	t_true(x.host == mem + 8 * MIB + 5);
	close_vm();
}

EACH(slots, moved_onto_part_of_itself)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(touch(0, 8 * MIB, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_slot_move(vm, vmmu_gpa(8 * MIB), vmmu_gpa(8 * MIB - 0x1000)), VMMU_OK);
	t_is(touch(0, 8 * MIB, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + 8 * MIB + 0x1000);
	close_vm();
}

EACH(slots, read_only_memory_is_a_device_to_stores)
{
	struct vmmu_xlat x;
	uint64_t v = 1;
	size_t done;

	open_with((struct guest_cfg){ .caches = CACHES_FRONT });
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_slot_flags(vm, vmmu_gpa(8 * MIB), VMMU_SLOT_READONLY), VMMU_OK);
	t_true(!front(1, 8 * MIB, VMMU_WRITE));
	t_is(touch(1, 8 * MIB, VMMU_WRITE, &x), VMMU_MMIO);
	t_is(x.gpa.v, 8 * MIB);
	t_is(touch(1, 8 * MIB, VMMU_READ, &x), VMMU_OK);
	t_is(x.rights & VMMU_W, 0);
	t_is(vmmu_write(vm, NULL, vmmu_gpa(8 * MIB), &v, 8, &done), VMMU_MMIO);
	t_is(done, 0);
	t_is(vmmu_slot_flags(vm, vmmu_gpa(8 * MIB), 0), VMMU_OK);
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	close_vm();
}

EACH(slots, copies_stop_where_memory_ends)
{
	uint8_t buf[64];
	size_t done;

	open_with((struct guest_cfg){ 0 });
	t_is(vmmu_read(vm, vmmu_gpa(ROM_GPA + 2 * MIB - 16), buf, 64, &done), VMMU_MMIO);
	t_is(done, 16);
	t_is(vmmu_write(vm, NULL, vmmu_gpa(ROM_GPA - 8), buf, 16, &done), VMMU_OK);
	t_is(done, 16);
	close_vm();
}

static uint64_t small_pages;

static void count_small(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx;
	(void)c;
	(void)a;
	(void)b;
	small_pages += ev == VMMU_EV_SMALL_PAGE;
}

EACH(slots, large_leaves_where_pointer_and_gpa_agree)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .page_size = 2 * MIB, .cb = { .event = count_small } });
	t_is(vmmu_slot_leaf(vm, vmmu_gpa(8 * MIB)), 2 * MIB);
	t_is(vmmu_slot_leaf(vm, vmmu_gpa(2 * MIB)), 4096); /* the slot ends within */
	t_is(vmmu_slot_leaf(vm, vmmu_gpa(16 * MIB)), 0);
	small_pages = 0;
	t_is(touch(0, 8 * MIB + 0x3000, VMMU_READ, &x), VMMU_OK);
	t_is(x.shift, 21);
	t_is(small_pages, 0);
	close_vm();
}

EACH(slots, falling_back_to_4k_is_visible)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .cb = { .event = count_small } });
	t_is(add(32 * MIB, 2 * MIB, mem + 8 * MIB + 0x1000, 2 * MIB), VMMU_OK);
	t_is(vmmu_slot_leaf(vm, vmmu_gpa(32 * MIB)), 4096);
	small_pages = 0;
	t_is(touch(0, 32 * MIB, VMMU_READ, &x), VMMU_OK);
	t_is(x.shift, 12);
	t_true(small_pages > 0);
	close_vm();
}

Test(slots, native_has_fixed_memory)
{
	struct vmmu_slot_info s = { .gpa = vmmu_gpa(16 * MIB), .size = 4096, .page_size = 4096 };
	struct vmmu_host_page page = { 0 };
	uint64_t bits[1];

	backend = &vmmu_native;
	open_with((struct guest_cfg){ 0 });
	s.pointer = mem;
	t_is(vmmu_slot_add(vm, &s), VMMU_ENOTSUP);
	t_is(vmmu_slot_remove(vm, vmmu_gpa(0)), VMMU_ENOTSUP);
	t_is(vmmu_slot_move(vm, vmmu_gpa(0), vmmu_gpa(16 * MIB)), VMMU_ENOTSUP);
	t_is(vmmu_slot_flags(vm, vmmu_gpa(0), VMMU_SLOT_READONLY), VMMU_ENOTSUP);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_ENOTSUP);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, 64, bits), VMMU_ENOTSUP);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(0), 4096), VMMU_ENOTSUP);
	t_is(vmmu_notify_end(vm, vmmu_gpa(0), 4096), VMMU_ENOTSUP);
	t_is(vmmu_change_pte(vm, vmmu_gpa(0), &page), VMMU_ENOTSUP);
	t_is(vmmu_age(vm, vmmu_gpa(0), 4096, 0), VMMU_ENOTSUP);
	close_vm();
}

/* ---- dirty log ------------------------------------------------------------------------ */

#define MID_PAGES (4 * MIB >> 12)

static uint64_t bits[MID_PAGES / 64];

static void harvest(void)
{
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 0, MID_PAGES, bits), VMMU_OK);
}

static bool reported(uint64_t gpa)
{
	uint64_t n = (gpa - 8 * MIB) >> 12;

	return bits[n / 64] >> (n & 63) & 1;
}

static unsigned nr_reported(void)
{
	unsigned i, n = 0;

	for (i = 0; i < MID_PAGES / 64; i++)
		n += (unsigned)__builtin_popcountll(bits[i]);
	return n;
}

static uint64_t log_exits(void)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s.event[VMMU_EV_EXIT_DIRTY_LOG];
}

EACH(dirty, store_is_reported_and_read_is_not)
{
	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(touch(0, 8 * MIB + 0x1000, VMMU_READ, NULL), VMMU_OK);
	t_is(touch(0, 8 * MIB + 0x5000, VMMU_WRITE, NULL), VMMU_OK);
	harvest();
	t_true(reported(8 * MIB + 0x5000));
	t_is(nr_reported(), 1);
	close_vm();
}

EACH(dirty, store_after_a_harvest_is_reported_again)
{
	unsigned i;

	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	for (i = 0; i < 3; i++) {
		uint64_t before = log_exits();

		t_is(touch(0, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
		t_is(log_exits() - before, i ? 1 : 0);
		harvest();
		t_is(nr_reported(), 1);
		harvest();
		t_is(nr_reported(), 0);
	}
	close_vm();
}

EACH(dirty, second_store_to_a_page_costs_no_exit)
{
	uint64_t before;

	open_with((struct guest_cfg){ .caches = CACHES_FRONT });
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(touch(0, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	before = log_exits();
	t_true(front(0, 8 * MIB, VMMU_WRITE));
	t_is(touch(0, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_is(log_exits(), before);
	close_vm();
}

EACH(dirty, other_vcpus_cached_store_is_seen)
{
	open_with((struct guest_cfg){ .caches = CACHES_FRONT });
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_true(front(1, 8 * MIB, VMMU_WRITE));
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_true(!front(1, 8 * MIB, VMMU_WRITE));
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	harvest();
	t_true(reported(8 * MIB));
	t_true(!front(1, 8 * MIB, VMMU_WRITE));
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	harvest();
	t_true(reported(8 * MIB));
	close_vm();
}

EACH(dirty, large_page_reports_only_what_was_written)
{
	struct vmmu_xlat x;

	open_with((struct guest_cfg){ .caches = CACHES_ALL, .page_size = 2 * MIB });
	t_is(touch(0, 8 * MIB, VMMU_WRITE, &x), VMMU_OK);
	t_is(x.shift, 21);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(vmmu_slot_leaf(vm, vmmu_gpa(8 * MIB)), 4096);
	t_is(touch(0, 8 * MIB + 0x7000, VMMU_WRITE, NULL), VMMU_OK);
	harvest();
	t_true(reported(8 * MIB + 0x7000));
	t_is(nr_reported(), 1);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 0), VMMU_OK);
	t_is(vmmu_slot_leaf(vm, vmmu_gpa(8 * MIB)), 2 * MIB);
	t_is(touch(0, 8 * MIB + 0x9000, VMMU_WRITE, NULL), VMMU_OK);
	close_vm();
}

EACH(dirty, embedders_stores_are_reported)
{
	uint64_t v = 0;
	void *p;

	open_with((struct guest_cfg){ 0 });
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(vmmu_write(vm, NULL, vmmu_gpa(8 * MIB + 0x1ffc), &v, 8, NULL), VMMU_OK);
	t_is(vmmu_write_begin(vm, vmmu_gpa(8 * MIB + 0x4000), 8, &p), VMMU_OK);
	t_is(vmmu_write_end(vm, NULL, vmmu_gpa(8 * MIB + 0x4000), 8), VMMU_OK);
	t_is(vmmu_write_gva(cpu[0], vmmu_gva(8 * MIB + 0x9000), &v, 8, VMMU_WRITE, NULL, NULL),
	     VMMU_OK);
	harvest();
	t_true(reported(8 * MIB + 0x1000) && reported(8 * MIB + 0x2000));
	t_true(reported(8 * MIB + 0x4000) && reported(8 * MIB + 0x9000));
	t_is(nr_reported(), 4);
	close_vm();
}

EACH(dirty, a_bits_that_a_walk_sets_are_reported)
{
	uint64_t low[(2 * MIB + 64 * 1024) / 4096 / 64 + 1];

	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	long_mode(7);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_is(touch(0, 0x10000, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, region[REGION_LOW].size >> 12, low), VMMU_OK);
	t_is(low[0] & 0x1e, 0x1e);
	t_is(low[0] & ~0x1eull, 0);
	close_vm();
}

EACH(dirty, bits_move_with_the_slot)
{
	open_with((struct guest_cfg){ 0 });
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(touch(0, 8 * MIB + 0x3000, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_slot_move(vm, vmmu_gpa(8 * MIB), vmmu_gpa(32 * MIB)), VMMU_OK);
	t_is(touch(0, 32 * MIB + 0x5000, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(32 * MIB), 0, MID_PAGES, bits), VMMU_OK);
	t_is(bits[0], 1 << 3 | 1 << 5);
	close_vm();
}

EACH(dirty, harvest_of_what_is_not_there_is_refused)
{
	open_with((struct guest_cfg){ 0 });
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 0, 64, bits), VMMU_EINVAL);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 1, 64, bits), VMMU_EINVAL);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 0, 63, bits), VMMU_EINVAL);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), MID_PAGES, 64, bits), VMMU_EINVAL);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), MID_PAGES, 0, bits), VMMU_EINVAL);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 64, MID_PAGES, bits), VMMU_EINVAL);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB + 4096), 0, 64, bits), VMMU_ENOENT);
	close_vm();
}

/* Written <= reported <= written + the tables walked. */
static void dirty_at_random(const struct guest_cfg *g, uint64_t seed)
{
	struct rng r = { .s = seed };
	uint64_t low[9], written = 0, logged = 0;
	unsigned n;

	open_with(*g);
	long_mode(7);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	for (n = 0; n < 3000; n++) {
		unsigned c = rng_below(&r, 2), page = 16 + rng_below(&r, 48), what;
		uint64_t gva = (uint64_t)page << 12, v = 0;

		what = rng_below(&r, 100);
		if (what < 40) {
			t_is(touch(c, gva, VMMU_READ, NULL), VMMU_OK);
		} else if (what < 75) {
			t_is(touch(c, gva, VMMU_WRITE, NULL), VMMU_OK);
			written |= 1ull << page;
		} else if (what < 80) {
			t_is(vmmu_write(vm, NULL, vmmu_gpa(gva), &v, 8, NULL), VMMU_OK);
			written |= 1ull << page;
		} else if (what < 85) {
			v = gva | 7;
			t_is(vmmu_write(vm, NULL, vmmu_gpa(L1 + 8 * page), &v, 8, NULL), VMMU_OK);
			t_is(vmmu_invlpg(cpu[0], vmmu_gva(gva)), VMMU_OK);
			t_is(vmmu_invlpg(cpu[1], vmmu_gva(gva)), VMMU_OK);
			written |= 1ull << (L1 >> 12);
		} else if (what < 88) {
			t_is(vmmu_set_cr3(cpu[c], L4), VMMU_OK);
		} else if (what < 90) {
			vmmu_hw_flush(cpu[c]);
		} else {
			t_is(vmmu_dirty_harvest(vm, vmmu_gpa(0), 0, 512, low), VMMU_OK);
			logged = low[0];
			t_check(!(written & ~logged), "%s: written %" PRIx64 ", reported %" PRIx64,
				backend->name, written, logged);
			t_check(!(logged & ~written & ~0x1eull),
				"%s: reported %" PRIx64 ", written %" PRIx64, backend->name, logged,
				written);
			written = 0;
		}
		t_is(vmmu_check_some(vm, 64), VMMU_OK);
	}
	close_vm();
}

EACH(dirty, random_stores_are_all_reported)
{
	struct guest_cfg g = { 0 };
	uint64_t seed;

	for (seed = 0; seed < 8; seed++) {
		g.caches = (enum caches)(seed & 3);
		g.page_size = seed & 1 ? 2 * MIB : 4096;
		g.cap = seed & 4;
		g.nested.no_ad = seed & 2;
		dirty_at_random(&g, seed);
	}
}

/* ---- notifiers ---------------------------------------------------------------------------- */

EACH(notify, nothing_maps_the_range_until_its_end)
{
	open_with((struct guest_cfg){ .caches = CACHES_FRONT, .page_size = 2 * MIB });
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(8 * MIB), 0x2000), VMMU_OK);
	t_true(!front(1, 8 * MIB, VMMU_READ));
	t_is(touch(1, 8 * MIB, VMMU_READ, NULL), VMMU_AGAIN);
	t_is(touch(0, 8 * MIB + 0x1fff, VMMU_WRITE, NULL), VMMU_AGAIN);
	t_is(touch(0, 8 * MIB + 0x2000, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_check(vm), VMMU_OK);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 0x2000), VMMU_OK);
	t_is(touch(1, 8 * MIB, VMMU_READ, NULL), VMMU_OK);
	close_vm();
}

/* The second page's table is not there: nothing is done to the first. */
EACH(notify, a_crossing_that_has_to_wait_leaves_the_first_page_alone)
{
	struct vmmu_xlat x[2];
	uint64_t entry;
	unsigned first;

	open_with((struct guest_cfg){ 0 });
	long_mode(P_ALL);
	put(L1 + 8 * 511, 511ull << 12 | (P_ALL & ~0x60ull));
	put(L2 + 8, (8 * MIB) | P_ALL);
	put(8 * MIB, 0x20000 | P_ALL);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(8 * MIB), 0x1000), VMMU_OK);
	t_is(vmmu_translate_span(cpu[0], vmmu_gva(2 * MIB - 4), 8, VMMU_WRITE, x, &first),
	     VMMU_AGAIN);
	memcpy(&entry, mem + L1 + 8 * 511, 8);
	t_is(entry & 0x60, 0);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 0x1000), VMMU_OK);
	t_is(vmmu_translate_span(cpu[0], vmmu_gva(2 * MIB - 4), 8, VMMU_WRITE, x, &first), VMMU_OK);
	memcpy(&entry, mem + L1 + 8 * 511, 8);
	t_is(entry & 0x60, 0x60);
	close_vm();
}

EACH(notify, ranges_nest_and_overlap)
{
	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(vmmu_notify_begin(vm, vmmu_gpa(8 * MIB), 0x3000), VMMU_OK);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(8 * MIB + 0x2000), 0x3000), VMMU_OK);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(8 * MIB), 0x3000), VMMU_OK);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 0x3000), VMMU_OK);
	t_is(touch(0, 8 * MIB, VMMU_READ, NULL), VMMU_AGAIN);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 0x3000), VMMU_OK);
	t_is(touch(0, 8 * MIB, VMMU_READ, NULL), VMMU_OK);
	t_is(touch(0, 8 * MIB + 0x2000, VMMU_READ, NULL), VMMU_AGAIN);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB + 0x2000), 0x3000), VMMU_OK);
	t_is(touch(0, 8 * MIB + 0x2000, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 0x3000), VMMU_EINVAL);
	close_vm();
}

EACH(notify, too_many_at_once_change_nothing)
{
	unsigned i;

	open_with((struct guest_cfg){ 0 });
	for (i = 0; i < 1000; i++)
		if (vmmu_notify_begin(vm, vmmu_gpa(8 * MIB), 4096))
			break;
	t_true(i && i < 1000);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(0), 4096), VMMU_ENOMEM);
	t_is(touch(0, 0, VMMU_READ, NULL), VMMU_OK);
	while (i--)
		t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 4096), VMMU_OK);
	t_is(touch(0, 8 * MIB, VMMU_READ, NULL), VMMU_OK);
	close_vm();
}

EACH(notify, register_load_from_a_range_waits)
{
	struct vmmu_regs r;

	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	memset(mem + 8 * MIB, 0, 4096);
	t_is(vmmu_set_cr4(cpu[0], VMMU_CR4_PAE), VMMU_OK);
	t_is(vmmu_set_cr0(cpu[0], VMMU_CR0_PE), VMMU_OK);
	t_is(vmmu_set_cr3(cpu[0], 0), VMMU_OK);
	memset(mem, 0, 32);
	t_is(vmmu_set_cr0(cpu[0], VMMU_CR0_PE | VMMU_CR0_PG), VMMU_OK);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(8 * MIB), 4096), VMMU_OK);
	t_is(vmmu_set_cr3(cpu[0], 8 * MIB), VMMU_AGAIN);
	vmmu_get_regs(cpu[0], &r);
	t_is(r.cr3, 0);
	t_is(vmmu_notify_end(vm, vmmu_gpa(8 * MIB), 4096), VMMU_OK);
	t_is(vmmu_set_cr3(cpu[0], 8 * MIB), VMMU_OK);
	close_vm();
}

EACH(notify, asks_again_after_the_end)
{
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	t_is(touch(0, ASKED_GPA, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(ASKED_GPA), 4096), VMMU_OK);
	t_is(touch(0, ASKED_GPA, VMMU_READ, NULL), VMMU_AGAIN);
	t_is(host.asked, 1);
	t_is(vmmu_notify_end(vm, vmmu_gpa(ASKED_GPA), 4096), VMMU_OK);
	host.page = 3;
	t_is(touch(0, ASKED_GPA, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 3 * 4096);
	close_vm();
}

/* While it makes up its mind the host takes the page that it is about to answer. */
static void invalidate_meanwhile(uint64_t gpa)
{
	host.within = NULL;
	t_is(vmmu_notify_begin(vm, vmmu_gpa(gpa), 4096), VMMU_OK);
	host.page = 11;
	t_is(vmmu_notify_end(vm, vmmu_gpa(gpa), 4096), VMMU_OK);
}

EACH(notify, page_taken_during_the_answer_is_never_used)
{
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	host.within = invalidate_meanwhile;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, &x), VMMU_OK);
	t_is(host.asked, 2);
	t_true(x.host == mem + POOL + 11 * 4096);
	close_vm();
}

/* The host invalidates each time that it is asked. */
static void invalidate_always(uint64_t gpa)
{
	t_is(vmmu_notify_begin(vm, vmmu_gpa(gpa), 4096), VMMU_OK);
	t_is(vmmu_notify_end(vm, vmmu_gpa(gpa), 4096), VMMU_OK);
}

EACH(notify, an_access_that_always_loses_to_invalidations_comes_again)
{
	uint64_t value;

	open_asking(CACHES_ALL);
	host.within = invalidate_always;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, NULL), VMMU_AGAIN);
	t_true(strstr(vmmu_reason(vm), "invalidated memory") != NULL);
	t_is(vmmu_read(vm, vmmu_gpa(ASKED_GPA), &value, 8, NULL), VMMU_AGAIN);
	t_is(vmmu_check(vm), VMMU_OK);
	host.within = NULL;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, NULL), VMMU_OK);
	close_vm();
}

static void begin_meanwhile(uint64_t gpa)
{
	host.within = NULL;
	t_is(vmmu_notify_begin(vm, vmmu_gpa(gpa), 4096), VMMU_OK);
}

EACH(notify, range_that_begins_during_the_answer)
{
	open_asking(CACHES_ALL);
	host.within = begin_meanwhile;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, NULL), VMMU_AGAIN);
	t_is(vmmu_check(vm), VMMU_OK);
	t_is(vmmu_notify_end(vm, vmmu_gpa(ASKED_GPA), 4096), VMMU_OK);
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, NULL), VMMU_OK);
	close_vm();
}

/* A range that began before the question ends during the answer. */
static void end_meanwhile(uint64_t gpa)
{
	host.within = NULL;
	(void)gpa;
	host.page = 12;
	t_is(vmmu_notify_end(vm, vmmu_gpa(ASKED_GPA + 0x1000), 4096), VMMU_OK);
}

EACH(notify, any_end_during_the_answer_asks_again)
{
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(ASKED_GPA + 0x1000), 4096), VMMU_OK);
	host.within = end_meanwhile;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 12 * 4096);
	close_vm();
}

static void remove_meanwhile(uint64_t gpa)
{
	host.within = NULL;
	(void)gpa;
	t_is(vmmu_slot_remove(vm, vmmu_gpa(ASKED_GPA)), VMMU_OK);
}

EACH(notify, slot_removed_during_the_answer)
{
	open_asking(CACHES_ALL);
	host.within = remove_meanwhile;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, NULL), VMMU_MMIO);
	close_vm();
}

static void move_meanwhile(uint64_t gpa)
{
	host.within = NULL;
	(void)gpa;
	t_is(vmmu_slot_move(vm, vmmu_gpa(ASKED_GPA), vmmu_gpa(ASKED_GPA + 4 * MIB)), VMMU_OK);
}

EACH(notify, slot_moved_during_the_answer)
{
	uint64_t v;

	open_asking(CACHES_ALL);
	host.within = move_meanwhile;
	t_is(vmmu_read(vm, vmmu_gpa(ASKED_GPA), &v, 8, NULL), VMMU_MMIO);
	t_is(touch(0, ASKED_GPA + 4 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	close_vm();
}

/* The other vCPU runs while this one waits for its page. */
static void run_other(uint64_t gpa)
{
	host.within = NULL;
	host.page = 20;
	t_is(touch(1, gpa, VMMU_WRITE, NULL), VMMU_OK);
	t_is(touch(1, gpa + 0x1000, VMMU_WRITE, NULL), VMMU_OK);
}

EACH(notify, other_vcpu_runs_during_the_answer)
{
	struct vmmu_xlat x, y;

	open_asking(CACHES_ALL);
	host.within = run_other;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, &x), VMMU_OK);
	t_is(touch(1, ASKED_GPA, VMMU_WRITE, &y), VMMU_OK);
	t_true(x.host == y.host);
	close_vm();
}

/* ---- aging ------------------------------------------------------------------------------------
 */

EACH(age, used_is_young_until_it_is_cleared)
{
	open_with((struct guest_cfg){ .caches = CACHES_ALL });
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4 * MIB, 0), 0);
	t_is(touch(1, 8 * MIB + 0x5000, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 0x5000, 0), 0);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4 * MIB, 0), 1);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4 * MIB, 1), 1);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4 * MIB, 1), 0);
	t_is(touch(1, 8 * MIB + 0x5000, VMMU_READ, NULL), VMMU_OK);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4 * MIB, 0), 1);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 5, 0), VMMU_EINVAL);
	close_vm();
}

EACH(age, without_an_accessed_bit_it_is_what_is_mapped)
{
	open_with((struct guest_cfg){ .caches = CACHES_ALL, .nested = { .no_ad = 1 } });
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4096, 1), 1);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4096, 0), 0);
	t_is(touch(1, 8 * MIB, VMMU_WRITE, NULL), VMMU_OK);
	t_is(vmmu_age(vm, vmmu_gpa(8 * MIB), 4096, 0), 1);
	close_vm();
}

/* ---- outgoing flushes ---------------------------------------------------------------------------
 */

static struct vmmu_flush flushed;
static unsigned nr_flushes;

static void note_flush(void *ctx, const struct vmmu_flush *f)
{
	(void)ctx;
	flushed = *f;
	nr_flushes++;
}

EACH(flush, embedder_is_told_of_every_page_that_is_protected)
{
	open_with((struct guest_cfg){ .cb = { .flush = note_flush } });
	nr_flushes = 0;
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(nr_flushes, 1);
	t_is(flushed.scope, VMMU_FLUSH_GPA);
	t_is(flushed.start, 8 * MIB);
	t_is(flushed.len, 4 * MIB);
	t_is(flushed.cpus, 3);
	t_is(vmmu_notify_begin(vm, vmmu_gpa(0), 0x2000), VMMU_OK);
	t_is(nr_flushes, 2);
	t_is(flushed.len, 0x2000);
	t_is(vmmu_notify_end(vm, vmmu_gpa(0), 0x2000), VMMU_OK);
	close_vm();
}

/* One bit a vCPU, as far as there are bits. */
EACH(flush, embedder_is_told_of_all_vcpus)
{
	static const struct {
		unsigned nr;
		uint64_t cpus;
	} some[] = { { 1, 1 }, { 63, ~0ull >> 1 }, { 64, ~0ull }, { 65, ~0ull } };
	unsigned i;

	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		open_with(
			(struct guest_cfg){ .nr_cpus = some[i].nr, .cb = { .flush = note_flush } });
		t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
		t_is(flushed.cpus, some[i].cpus);
		close_vm();
	}
}
