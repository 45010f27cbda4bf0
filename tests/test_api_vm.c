/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedder's calls that make a VM and change it, and its callbacks, one promise of
 * <vmmu/vmmu.h> each.
 * Not here: looking addresses up (test_api.c), the host's changes of memory (test_events.c).
 * Keeps: every expectation is a sentence of the header.
 */
#include <vmmu/backend.h>

#include "api_rig.h"

/* ---- creating ---------------------------------------------------- */

static int create(struct vmmu_config *c)
{
	struct vmmu *v = (struct vmmu *)&x;
	int st;

	c->size = c->size ? c->size : sizeof(*c);
	st = vmmu_create(c, &v);
	if (st)
		t_true(!v);
	vmmu_destroy(v);
	return st;
}

Test(api, a_config_is_checked)
{
	const struct vmmu_backend *be = &vmmu_nested_npt;
	static struct vmmu_profile narrow;

	t_eq(create(&(struct vmmu_config){ .backend = be }), VMMU_OK);
	t_eq(create(&(struct vmmu_config){ .backend = NULL }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .host_maxphyaddr = 31 }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .host_maxphyaddr = 53 }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .front_entries = 3 }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .l1 = { 3, 4 } }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .l2 = { 12, 4 } }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .base = (void *)2048 }), VMMU_EINVAL);
	narrow = vmmu_profile_max;
	narrow.maxphyaddr = 31;
	t_eq(create(&(struct vmmu_config){ .backend = be, .profile = &narrow }), VMMU_EINVAL);
	narrow.maxphyaddr = 53;
	t_eq(create(&(struct vmmu_config){ .backend = be, .profile = &narrow }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = &vmmu_native }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = &vmmu_shadow, .backend_config = &narrow }),
	     VMMU_EINVAL);
}

Test(api, a_config_of_another_size_has_zeroes_for_the_rest)
{
	struct {
		struct vmmu_config c;
		uint8_t later[64];
	} newer = { .c = { .size = sizeof(newer), .backend = &vmmu_nested_npt } };
	struct vmmu_config c = { .size = offsetof(struct vmmu_config, nr_cpus),
				 .backend = &vmmu_nested_npt,
				 .nr_cpus = 7,
				 .front_entries = 3 };
	struct vmmu *v;

	t_eq(vmmu_create(&c, &v), VMMU_OK);
	t_true(vmmu_cpu(v, 0) != NULL);
	t_true(!vmmu_cpu(v, 1));
	vmmu_destroy(v);
	memset(newer.later, 0, sizeof(newer.later));
	t_eq(vmmu_create(&newer.c, &v), VMMU_OK);
	vmmu_destroy(v);
	/* What a later version would understand, this one cannot do. */
	newer.later[63] = 1;
	t_eq(create(&newer.c), VMMU_EINVAL);
	t_eq(vmmu_min_tables(&newer.c), 0);
	newer.later[63] = 0;
	newer.later[0] = 1;
	t_eq(create(&newer.c), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .size = 8, .backend = &vmmu_nested_npt }), VMMU_EINVAL);
}

/* A config of this version, with the first or the last byte of reserved room set. */
static void expect_reserved(struct vmmu_config *c, void *room, size_t len)
{
	uint8_t *b = room;
	size_t i;

	for (i = 0; i < len; i += len - 1) {
		b[i] = 1;
		t_eq(create(c), VMMU_EINVAL);
		b[i] = 0;
		t_eq(create(c), VMMU_OK);
	}
}

Test(api, configurations_with_reserved_room_in_use_are_refused)
{
	struct {
		struct vmmu_shadow_config c;
		uint8_t later[16];
	} shadow = { .c = { .size = sizeof(shadow) } };
	struct {
		struct vmmu_silicon c;
		uint8_t later[16];
	} silicon = { .c = { .size = sizeof(silicon) } };
	struct vmmu_nested_config nested = { .levels = 5 };
	struct vmmu_backend backend = vmmu_nested_npt;
	struct vmmu_profile profile = vmmu_profile_max;
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &backend,
				 .backend_config = &nested,
				 .profile = &profile };

	expect_reserved(&c, c.cb.reserved, sizeof(c.cb.reserved));
	expect_reserved(&c, profile.reserved, sizeof(profile.reserved));
	expect_reserved(&c, &backend.reserved_flags, sizeof(backend.reserved_flags));
	expect_reserved(&c, backend.reserved, sizeof(backend.reserved));
	expect_reserved(&c, nested.reserved, sizeof(nested.reserved));
	memset(silicon.later, 0, sizeof(silicon.later));
	c.silicon = &silicon.c;
	expect_reserved(&c, silicon.later, sizeof(silicon.later));
	c.silicon = NULL;
	memset(shadow.later, 0, sizeof(shadow.later));
	c.backend = &vmmu_shadow;
	c.backend_config = &shadow.c;
	expect_reserved(&c, shadow.later, sizeof(shadow.later));
}

Test(api, vcpus_are_numbered_and_know_their_vm)
{
	struct vmmu_config c = { .nr_cpus = 3 };
	unsigned i;

	start_bare(&vmmu_shadow, &c);
	for (i = 0; i < 3; i++) {
		t_eq(vmmu_cpu_number(vmmu_cpu(vm, i)), i);
		t_true(vmmu_cpu_vm(vmmu_cpu(vm, i)) == vm);
	}
	t_true(!vmmu_cpu(vm, 3));
	finish();
	vmmu_destroy(NULL);
}

Test(api, a_cap_below_the_minimum_is_refused_and_the_minimum_is_enough)
{
	static uint64_t gva;
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		struct vmmu_config c = { .size = sizeof(c), .backend = backends[b] };
		uint64_t min = vmmu_min_tables(&c);

		t_true(min > 0);
		c.max_tables = min - 1;
		t_eq(create(&c), VMMU_EINVAL);
		c.max_tables = min;
		start_with(backends[b], &c);
		for (gva = 0x1000; gva < 0x5000; gva += 0x1000)
			t_eq(translate(gva, VMMU_READ), VMMU_OK);
		/* The same tables seen from far apart addresses. */
		put8(0x4000 + 100 * 8, 0x5000 | PWUA);
		put8(0x5000 + 300 * 8, 0x6000 | PWUA);
		put8(0x6000 + 200 * 8, 0x8000 | PWUA);
		gva = UINT64_C(100) << 39 | UINT64_C(300) << 30 | 200u << 21;
		t_eq(translate(gva | 0x1000, VMMU_READ), VMMU_OK);
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		t_true(stats().table_peak <= min * 4096);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
	t_eq(vmmu_min_tables(&(struct vmmu_config){ .size = 8 }), 0);
}

/* A path below the root for each table of the guest's, five at most, and for the page. */
Test(api, the_minimum_is_what_one_access_can_need)
{
	struct vmmu_nested_config nested = { .levels = 4 };
	struct vmmu_shadow_config vtlb = { .size = sizeof(vtlb), .off = VMMU_SHADOW_CACHE };
	struct vmmu_config c = { .size = sizeof(c), .backend = &vmmu_nested_npt };

	t_eq(vmmu_min_tables(&c), 1 + 6 * 3);
	c.backend_config = &nested;
	t_eq(vmmu_min_tables(&c), 1 + 6 * 3);
	nested.levels = 5;
	t_eq(vmmu_min_tables(&c), 1 + 6 * 4);
	c.backend = &vmmu_nested_ept;
	t_eq(vmmu_min_tables(&c), 1 + 6 * 4);
	/* An empty table, a path of five, and PAE's five and one for guests without paging. */
	c.backend = &vmmu_shadow;
	c.backend_config = NULL;
	c.nr_cpus = 3;
	t_eq(vmmu_min_tables(&c), 1 + 5 + 6);
	/* For each vCPU PAE's five and two roots; one path. */
	c.backend_config = &vtlb;
	t_eq(vmmu_min_tables(&c), 3 * 7 + 4 + 6);
}

Test(api, memory_beyond_the_hosts_address_width_is_refused)
{
	struct vmmu_config c = { .host_maxphyaddr = 32, .base = get_ram() };
	struct vmmu_slot_info s = { .size = 4096, .page_size = 4096 };
	struct vmmu *v = NULL;
	int st;

	c.size = sizeof(c);
	c.backend = &vmmu_nested_npt;
	/* Its tables come from anywhere: they may be out of reach too. */
	st = vmmu_create(&c, &v);
	t_true(st == VMMU_OK || st == VMMU_ENOMEM);
	vmmu_destroy(v);
	c = (struct vmmu_config){ 0 };
	start_bare(&vmmu_nested_npt, &c);
	s.pointer = (void *)(uintptr_t)BIT(52);
	t_eq(vmmu_slot_add(vm, &s), VMMU_EINVAL);
	s.pointer = (void *)(uintptr_t)(BIT(52) - 4096);
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	finish();
}

Test(api, memory_below_the_base_is_refused)
{
	struct vmmu_range range = { 0x10000, RAM };
	struct vmmu_native_config nc = { &range, 1, 4096 };
	struct vmmu_config c = {
		.size = sizeof(c), .backend = &vmmu_native, .base = get_ram(), .backend_config = &nc
	};
	struct vmmu *v;

	t_eq(vmmu_create(&c, &v), VMMU_OK);
	vmmu_destroy(v);
	nc.page_size = 5;
	t_eq(vmmu_create(&c, &v), VMMU_EINVAL);
	t_true(!v);
}

/* ---- slots ------------------------------------------------------- */

Test(api, bad_slots_are_refused_with_a_reason)
{
	struct vmmu_config c = { .profile = &vmmu_profile_intel };
	struct vmmu_slot_info s = { .gpa = { 0x10000 }, .size = 0x10000, .page_size = 4096 }, bad;
	unsigned i;

	start_bare(&vmmu_nested_ept, &c);
	s.pointer = ram;
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	for (i = 0; i < 10; i++) {
		int want = VMMU_EINVAL;

		bad = s;
		bad.gpa.v = 0x100000;
		switch (i) {
		case 0:
			bad.gpa.v++;
			break;
		case 1:
			bad.size--;
			break;
		case 2:
			bad.size = 0;
			break;
		case 3:
			bad.gpa.v = BIT(46);
			break;
		case 4:
			bad.gpa.v = BIT(46) - 0x1000;
			break;
		case 5:
			bad.page_size = 8192;
			break;
		case 6:
			bad.pointer = NULL;
			break; /* and no callback */
		case 7:
			bad.flags = 2;
			break;
		case 8:
			bad.gpa.v = 0x1f000;
			want = VMMU_EEXIST;
			break;
		case 9:
			bad.pointer = ram + 1;
			break;
		}
		t_check(vmmu_slot_add(vm, &bad) == want, "slot %u", i);
		t_true(vmmu_reason(vm)[0]);
	}
	bad = s;
	bad.gpa.v = ~UINT64_C(0xfff);
	t_eq(vmmu_slot_add(vm, &bad), VMMU_EINVAL);
	bad.gpa.v = BIT(46) - 0x10000;
	t_eq(vmmu_slot_add(vm, &bad), VMMU_OK);
	finish();
}

Test(api, slots_are_found_moved_and_removed)
{
	struct vmmu_slot_info s;
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start(backends[b]);
		t_eq(add(0x100000, 0x2000, ram + 0x30000, 0), VMMU_OK);
		put8(PTE(0x6000), 0x101000 | PWUA | D);
		t_eq(translate(0x6010, VMMU_WRITE), VMMU_OK);
		t_true(x.host == ram + 0x31010);
		t_eq(vmmu_slot_find(vm, vmmu_gpa(0x101fff), &s), VMMU_OK);
		t_eq(s.gpa.v, 0x100000);
		t_eq(vmmu_slot_find(vm, vmmu_gpa(0x102000), &s), VMMU_ENOENT);
		t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x101000)), 4096);
		t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x102000)), 0);
		t_eq(vmmu_slot_move(vm, vmmu_gpa(0x100000), vmmu_gpa(0x1000)), VMMU_EEXIST);
		t_eq(vmmu_slot_move(vm, vmmu_gpa(0x101000), vmmu_gpa(0x200000)), VMMU_ENOENT);
		t_eq(translate(0x6010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_slot_move(vm, vmmu_gpa(0x100000), vmmu_gpa(0x101000)), VMMU_OK);
		t_eq(translate(0x6010, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x30010);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x102000)), VMMU_ENOENT);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x101000)), VMMU_OK);
		t_eq(translate(0x6010, VMMU_READ), VMMU_MMIO);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
}

/* Where host leaves may be large: congruent, whole, in the slot. */
Test(api, slot_leaf_tells_where_large_pages_fit)
{
	struct vmmu_config c = { 0 };
	struct vmmu_slot_info s = { .gpa = { 0x100000 }, .size = 0x700000, .page_size = 2u << 20 };

	start_bare(&vmmu_nested_npt, &c);
	s.pointer = ram + 0x100000;
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x1ff000)), 4096);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x200000)), 2u << 20);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x7ff000)), 2u << 20);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x100000)), VMMU_OK);
	s.pointer = ram + 0x101000;
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x200000)), 4096);
	finish();
}

Test(api, what_would_change_fixed_memory_is_enotsup)
{
	struct vmmu_host_page page = { .pointer = ram, .size = 4096, .writable = 1 };

	start(&vmmu_native);
	t_eq(add(0x100000, 0x1000, ram + 0x30000, 0), VMMU_ENOTSUP);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(0)), VMMU_ENOTSUP);
	t_eq(vmmu_slot_move(vm, vmmu_gpa(0), vmmu_gpa(0x100000)), VMMU_ENOTSUP);
	t_eq(vmmu_slot_flags(vm, vmmu_gpa(0), VMMU_SLOT_READONLY), VMMU_ENOTSUP);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_ENOTSUP);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(0), 4096), VMMU_ENOTSUP);
	t_eq(vmmu_change_pte(vm, vmmu_gpa(0), &page), VMMU_ENOTSUP);
	t_eq(vmmu_age(vm, vmmu_gpa(0), 4096, 1), VMMU_ENOTSUP);
	t_eq(vmmu_check(vm), VMMU_OK);
	finish();
}

/* ---- callbacks --------------------------------------------------- */

static struct {
	unsigned asked, asked_to_write, flushes;
	int answer;
	uint32_t writable, reserved;
	struct vmmu_flush flush;
	enum vmmu_event order[4096];
	unsigned nr;
	size_t allocated, allocs;
} cb;

static int on_host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	t_true(ctx == &cb);
	t_eq(gpa.v & 4095, 0);
	cb.asked++;
	cb.asked_to_write += write != 0;
	page->pointer = ram + gpa.v;
	page->size = 4096;
	page->writable = cb.writable || write;
	page->reserved[4] = cb.reserved;
	return cb.answer;
}

static void on_flush(void *ctx, const struct vmmu_flush *what)
{
	t_true(ctx == &cb);
	cb.flushes++;
	cb.flush = *what;
}

static void on_event(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)c;
	(void)a;
	(void)b;
	t_true(ctx == &cb);
	if (cb.nr < 4096)
		cb.order[cb.nr++] = ev;
}

static void start_lazy(const struct vmmu_backend *be)
{
	struct vmmu_config c = {
		.cb = { .host_page = on_host_page, .flush = on_flush, .ctx = &cb }
	};

	put_guest();
	memset(&cb, 0, sizeof(cb));
	cb.writable = 1;
	start_bare(be, &c);
	t_eq(add(0, RAM, NULL, 0), VMMU_OK);
	t_eq(vmmu_set_regs(cpu, &long_regs, 0), VMMU_OK);
}

Test(api, pages_come_from_the_host_once_each)
{
	unsigned b, asked;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x11010);
		t_eq(cb.asked, 5);
		asked = cb.asked;
		vmmu_hw_flush(cpu);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(cb.asked, asked);
		t_eq(stats().event[VMMU_EV_HOST_ASK], asked);
		finish();
	}
}

Test(api, a_host_that_has_no_page_is_ehost)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		cb.answer = 1;
		t_eq(translate(0x1010, VMMU_READ), VMMU_EHOST);
		t_true(vmmu_reason(vm)[0]);
		cb.answer = 0;
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		finish();
	}
}

Test(api, a_read_only_host_page_is_asked_for_again_to_be_written)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x2010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_notify_begin(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		cb.writable = 0;
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(!(x.rights & VMMU_W));
		cb.asked_to_write = 0;
		t_eq(translate(0x1010, VMMU_WRITE), VMMU_OK);
		t_eq(cb.asked_to_write, 1);
		t_true(x.rights & VMMU_W);
		finish();
	}
}

Test(api, a_probe_asks_the_host_for_nothing)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x1010, VMMU_READ | VMMU_PROBE), VMMU_AGAIN);
		t_eq(cb.asked, 0);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		cb.asked = 0;
		t_eq(translate(0x2010, VMMU_READ | VMMU_PROBE), VMMU_OK);
		t_true(!x.host);
		t_eq(x.gpa.v, 0x12010);
		t_eq(cb.asked, 0);
		finish();
	}
}

Test(api, an_access_during_an_invalidation_is_again)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start(backends[b]);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_notify_begin(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		t_true(!host(0x1010, 1, VMMU_READ));
		t_eq(translate(0x1010, VMMU_READ), VMMU_AGAIN);
		t_eq(translate(0x2010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x2000), VMMU_EINVAL);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		finish();
	}
}

Test(api, flush_names_the_pages_that_the_embedder_must_drop)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		cb.flushes = 0;
		t_eq(vmmu_notify_begin(vm, vmmu_gpa(0x11000), 0x2000), VMMU_OK);
		t_true(cb.flushes >= 1);
		t_eq(cb.flush.scope, VMMU_FLUSH_GPA);
		t_eq(cb.flush.start, 0x11000);
		t_eq(cb.flush.len, 0x2000);
		t_eq(cb.flush.cpus, 1);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x2000), VMMU_OK);
		finish();
	}
}

/* What the event says happened, in order: the exit's cause before its result. */
Test(api, events_are_told_in_order)
{
	struct vmmu_config c = { .cb = { .event = on_event, .ctx = &cb } };
	unsigned i, npf = 0, walks = 0, maps = 0;

	memset(&cb, 0, sizeof(cb));
	start_with(&vmmu_nested_npt, &c);
	cb.nr = 0;
	t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
	for (i = 0; i < cb.nr; i++) {
		npf += cb.order[i] == VMMU_EV_EXIT_NPF;
		walks += cb.order[i] == VMMU_EV_WALK;
		maps += cb.order[i] == VMMU_EV_MAP;
		t_true(npf <= walks);
	}
	t_eq(cb.order[0], VMMU_EV_WALK);
	t_eq(cb.order[cb.nr - 1], VMMU_EV_WALK);
	t_eq(npf, 5);
	t_eq(walks, 6);
	t_true(maps >= 5);
	t_eq(stats().event[VMMU_EV_WALK], 6);
	finish();
}

static struct {
	enum vmmu_event ev;
	uint64_t a, b;
} seen[64];

static unsigned nr_seen;

static void see_exit(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx;
	(void)c;
	if (ev >= VMMU_NR_EXITS || nr_seen == 64)
		return;
	seen[nr_seen].ev = ev;
	seen[nr_seen].a = a;
	seen[nr_seen++].b = b;
}

/* <vmmu/event.h>: EXIT_NPF is "gpa, EXITINFO1", EXIT_EPT_VIOLATION "gpa, qualification". */
Test(api, a_nested_exit_tells_gpa_and_info)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };
	unsigned b;

	for (b = 1; b < 3; b++) {
		nr_seen = 0;
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(nr_seen, 5);
		t_eq(seen[0].a & ~UINT64_C(0xfff), 0x4000);
		t_eq(seen[4].a, 0x11010);
		t_eq(seen[4].b, b == 1 ? 0x100000004 : 0x181);
		finish();
	}
}

/* The same header: "gva, error code", "gva, access", "gpa, access". */
Test(api, an_exit_tells_what_its_event_says)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };

	start_with(&vmmu_shadow, &c);
	nr_seen = 0;
	t_eq(translate(0x1010, VMMU_READ | VMMU_USER), VMMU_OK);
	t_eq(translate(0x5010, VMMU_WRITE), VMMU_FAULT);
	t_eq(translate(0x6010, VMMU_READ), VMMU_MMIO);
	t_eq(vmmu_set_cr3(cpu, 0x4000), VMMU_OK);
	t_eq(nr_seen, 4);
	t_eq(seen[0].ev, VMMU_EV_EXIT_SHADOW_MISS);
	t_eq(seen[0].a, 0x1010);
	t_eq(seen[0].b, VMMU_READ | VMMU_USER);
	t_eq(seen[1].ev, VMMU_EV_EXIT_GUEST_PF);
	t_eq(seen[1].a, 0x5010);
	t_eq(seen[1].b, VMMU_PF_W);
	t_eq(seen[2].ev, VMMU_EV_EXIT_MMIO);
	t_eq(seen[2].a, 0x1000010);
	t_eq(seen[2].b, VMMU_READ);
	t_eq(seen[3].ev, VMMU_EV_EXIT_CR_WRITE);
	t_eq(seen[3].a, 3);
	t_eq(seen[3].b, 0x4000);
	finish();
}

Test(api, a_dirty_log_exit_tells_its_gpa)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_WRITE), VMMU_OK);
		t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		nr_seen = 0;
		t_eq(translate(0x1010, VMMU_WRITE), VMMU_OK);
		t_true(nr_seen >= 1);
		t_eq(seen[nr_seen - 1].ev, VMMU_EV_EXIT_DIRTY_LOG);
		t_eq(seen[nr_seen - 1].a, 0x11010);
		t_eq(seen[nr_seen - 1].b, VMMU_WRITE);
		finish();
	}
}

/* Tables in ROM make the hypervisor finish the walk, and what it finds there is the exit's. */
Test(api, an_mmio_exit_tells_its_gpa_with_tables_in_rom_too)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_with(backends[b], &c);
		t_eq(vmmu_slot_flags(vm, vmmu_gpa(0), VMMU_SLOT_READONLY), VMMU_OK);
		nr_seen = 0;
		t_eq(translate(0x6128, VMMU_READ), VMMU_MMIO);
		t_eq(x.gpa.v, 0x1000128);
		t_eq(nr_seen, 1);
		t_eq(seen[0].ev, VMMU_EV_EXIT_MMIO);
		t_eq(seen[0].a, 0x1000128);
		t_eq(seen[0].b, VMMU_READ);
		finish();
	}
}

static void *on_alloc(void *ctx, size_t size, size_t align)
{
	void *p;

	t_true(ctx == &cb);
	t_true(align && !(align & (align - 1)));
	if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size))
		return NULL;
	memset(p, 0xee, size);
	cb.allocated += size;
	cb.allocs++;
	return p;
}

static void on_free(void *ctx, void *p, size_t size)
{
	t_true(ctx == &cb);
	cb.allocated -= size;
	free(p);
}

Test(api, all_memory_comes_from_the_embedder_and_goes_back)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		struct vmmu_config c = { .cb = { .alloc = on_alloc, .free = on_free, .ctx = &cb },
					 .l1 = { 16, 4 },
					 .pwc_entries = 8,
					 .nested_entries = 8 };

		memset(&cb, 0, sizeof(cb));
		/* Tables must lie above the base, where this allocator need not put them. */
		if (backends[b] == &vmmu_native)
			continue;
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(cb.allocated > 0);
		t_true(stats().meta_bytes <= cb.allocated);
		finish();
		t_eq(cb.allocated, 0);
	}
}

/* ---- several VMs, resetting -------------------------------------- */

Test(api, vms_do_not_know_each_other)
{
	struct vmmu_config c = { .size = sizeof(c), .backend = &vmmu_shadow };
	struct vmmu_slot_info s = { .size = 0x10000, .page_size = 4096 };
	struct vmmu *v[3];
	struct vmmu_xlat y;
	unsigned i;

	get_ram();
	for (i = 0; i < 3; i++) {
		t_eq(vmmu_create(&c, &v[i]), VMMU_OK);
		s.pointer = ram + i * 0x10000;
		t_eq(vmmu_slot_add(v[i], &s), VMMU_OK);
	}
	for (i = 0; i < 3; i++) {
		t_eq(vmmu_translate(vmmu_cpu(v[i], 0), vmmu_gva(0x1234), 1, VMMU_READ, &y),
		     VMMU_OK);
		t_true(y.host == ram + i * 0x10000 + 0x1234);
	}
	vmmu_destroy(v[1]);
	t_eq(vmmu_slot_remove(v[0], vmmu_gpa(0)), VMMU_OK);
	t_eq(vmmu_translate(vmmu_cpu(v[0], 0), vmmu_gva(0x1234), 1, VMMU_READ, &y), VMMU_MMIO);
	t_eq(vmmu_translate(vmmu_cpu(v[2], 0), vmmu_gva(0x1234), 1, VMMU_READ, &y), VMMU_OK);
	vmmu_destroy(v[0]);
	vmmu_destroy(v[2]);
}

Test(api, vcpus_have_their_own_registers_and_share_memory)
{
	struct vmmu_config c = { .nr_cpus = 2 };
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x11010);
		t_eq(vmmu_translate(vmmu_cpu(vm, 1), vmmu_gva(0x1010), 1, VMMU_READ, &x), VMMU_OK);
		t_eq(x.gpa.v, 0x1010);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
}

Test(api, reset_goes_back_to_real_mode_and_drops_all)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x11010);
		t_eq(vmmu_reset(cpu), VMMU_OK);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x1010);
	}
}

/* ---- words and numbers ------------------------------------------- */

Test(api, every_status_has_a_name_of_its_own)
{
	int i, j;

	for (i = VMMU_EBROKEN; i <= VMMU_GP; i++) {
		t_true(vmmu_strerror(i) && vmmu_strerror(i)[0]);
		for (j = VMMU_EBROKEN; j < i; j++)
			t_true(strcmp(vmmu_strerror(i), vmmu_strerror(j)));
	}
	t_true(vmmu_strerror(12345) != NULL);
}

Test(api, every_event_has_a_key_of_its_own)
{
	unsigned i, j;

	for (i = 0; i < VMMU_NR_EVENTS; i++)
		for (j = 0; j < i; j++)
			t_true(strcmp(vmmu_event_key(i), vmmu_event_key(j)));
	t_true(!vmmu_event_key(VMMU_NR_EVENTS));
	t_true(!strcmp(vmmu_event_key(VMMU_EV_EXIT_NPF), "npf"));
	t_true(!strcmp(vmmu_event_key(VMMU_EV_EXIT_CR_WRITE), "cr_write"));
	t_eq(VMMU_NR_EXITS, 10);
}

Test(api, statistics_have_a_size_and_can_be_cleared)
{
	struct {
		struct vmmu_stats s;
		uint64_t after;
	} old = { .after = 42 };

	start(&vmmu_nested_npt);
	t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
	t_true(stats().walk_refs > 24);
	t_true(stats().table_bytes >= 4 * 4096);
	t_true(stats().table_peak >= stats().table_bytes);
	vmmu_clear_stats(vm);
	t_eq(stats().walk_refs, 0);
	t_eq(stats().event[VMMU_EV_WALK], 0);
	t_eq(stats().table_peak, stats().table_bytes);
	/* A caller of an older version has less room. */
	old.s.size = offsetof(struct vmmu_stats, sw_refs);
	old.s.sw_refs = 77;
	vmmu_get_stats(vm, &old.s);
	t_eq(old.s.sw_refs, 77);
	t_eq(old.s.size, offsetof(struct vmmu_stats, sw_refs));
	/* One of a later version has more, and is told what this one has filled. */
	old.s.size = sizeof(old);
	vmmu_get_stats(vm, &old.s);
	t_eq(old.after, 42);
	t_eq(old.s.size, sizeof(old.s));
	t_true(VMMU_NR_EVENTS <= VMMU_MAX_EVENTS);
	t_eq(old.s.event[VMMU_MAX_EVENTS - 1], 0);
	finish();
}

Test(api, slots_pages_and_registers_with_reserved_room_in_use_are_refused)
{
	struct vmmu_slot_info slot = { .gpa = vmmu_gpa(BIT(30)), .size = 4096, .page_size = 4096 };
	struct vmmu_host_page page = { .size = 4096, .writable = 1 };
	struct vmmu_regs before, r;

	start_lazy(&vmmu_nested_npt);
	slot.pointer = page.pointer = ram;
	slot.reserved[6] = 1;
	t_eq(vmmu_slot_add(vm, &slot), VMMU_EINVAL);
	t_true(strstr(vmmu_reason(vm), "reserved"));
	slot.reserved[6] = 0;
	t_eq(vmmu_slot_add(vm, &slot), VMMU_OK);
	slot.reserved[0] = 7;
	t_eq(vmmu_slot_find(vm, vmmu_gpa(BIT(30)), &slot), VMMU_OK);
	t_eq(slot.reserved[0], 0);
	page.reserved[0] = 1;
	t_eq(vmmu_change_pte(vm, vmmu_gpa(0x1000), &page), VMMU_EINVAL);
	t_true(strstr(vmmu_reason(vm), "reserved"));
	page.reserved[0] = 0;
	t_eq(vmmu_change_pte(vm, vmmu_gpa(0x1000), &page), VMMU_OK);
	cb.reserved = 1;
	t_eq(translate(0x1010, VMMU_READ), VMMU_EINVAL);
	t_true(strstr(vmmu_reason(vm), "reserved"));
	cb.reserved = 0;
	t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
	vmmu_get_regs(cpu, &before);
	t_eq(before.reserved[0] | before.reserved[3], 0);
	r = before;
	r.cr0 ^= VMMU_CR0_WP;
	r.reserved[3] = 1;
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_EINVAL);
	t_true(strstr(vmmu_reason(vm), "reserved"));
	vmmu_get_regs(cpu, &r);
	t_eq(r.cr0, before.cr0);
	finish();
}

Test(api, reasons_are_sentences_and_success_has_none_to_add)
{
	start(&vmmu_nested_npt);
	t_eq(translate(0x1000, 3), VMMU_EINVAL);
	t_true(strlen(vmmu_reason(vm)) > 10);
	finish();
}
