/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of a VM, on every backend that has one: pages that come from a callback, jumps
 * out of callbacks, the cap on tables.
 * Not here: slots, dirty log, notifiers (test_events.c); the guest's side (test_random.c).
 * Keeps: what events_rig.h says.
 */
#include "events_rig.h"

/* ---- pages from a callback -------------------------------------------------------------- */

EACH(asked, page_comes_when_it_is_touched)
{
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	t_is(touch(0, ASKED_GPA + 0x2345, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 0x345);
	t_is(host.asked, 1);
	t_is(touch(1, ASKED_GPA + 0x2345, VMMU_WRITE, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 0x345);
	t_is(host.asked, 1);
	close_vm();
}

EACH(asked, probe_asks_for_nothing)
{
	struct vmmu_xlat x;

	open_asking(CACHES_NONE);
	t_is(touch(0, ASKED_GPA, VMMU_WRITE | VMMU_PROBE, &x), VMMU_OK);
	t_true(!x.host);
	t_is(host.asked, 0);
	close_vm();
}

/* What a probe cannot know, a crossing access has to find out before it says whose fault it is. */
EACH(asked, first_page_of_a_crossing_faults_through_a_table_that_is_not_there)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_asking(CACHES_NONE);
	memset(mem + POOL, 0, 4096);
	long_mode(P_ALL);
	put(L2, ASKED_GPA | P_ALL);
	t_is(vmmu_translate_span(cpu[0], vmmu_gva(2 * MIB - 1), 6, VMMU_READ | VMMU_PROBE, x,
				 &first),
	     VMMU_AGAIN);
	t_is(host.asked, 0);
	t_is(vmmu_translate_span(cpu[0], vmmu_gva(2 * MIB - 1), 6, VMMU_READ, x, &first),
	     VMMU_FAULT);
	t_is(x[0].fault.cr2, 2 * MIB - 1);
	close_vm();
}

EACH(asked, crossing_that_is_not_canonical_leaves_cr2)
{
	struct vmmu_xlat x[2];
	struct vmmu_regs r;
	unsigned first;

	open_asking(CACHES_NONE);
	memset(mem + POOL, 0, 4096);
	long_mode(P_ALL);
	put(L4 + 255 * 8, ASKED_GPA | P_ALL);
	t_is(vmmu_translate_span(cpu[0], vmmu_gva(0x7fffffffffff), 2, VMMU_READ, x, &first),
	     VMMU_FAULT);
	t_is(x[0].fault.vector, 13);
	/* It is judged before anything is walked. */
	t_is(host.asked, 0);
	vmmu_get_regs(cpu[0], &r);
	t_is(r.cr2, 0);
	close_vm();
}

/* The second page's tables are asked for; to the page nothing has happened. */
EACH(asked, crossing_that_faults_has_not_written_the_other_page)
{
	struct vmmu_xlat x[2];
	uint64_t dirty[16];
	unsigned first;

	open_asking(CACHES_NONE);
	memset(mem + POOL, 0, 4096);
	long_mode(P_ALL);
	put(L1 + 8 * 511, 0);
	put(L2 + 8, ASKED_GPA | P_ALL);
	memcpy(mem + POOL, &(uint64_t){ (8 * MIB) | P_ALL }, 8);
	t_is(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
	t_is(vmmu_translate_span(cpu[0], vmmu_gva(2 * MIB - 4), 8, VMMU_WRITE, x, &first),
	     VMMU_FAULT);
	t_is(x[0].fault.cr2, 2 * MIB - 4);
	t_is(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 0, 1024, dirty), VMMU_OK);
	t_is(dirty[0], 0);
	close_vm();
}

/* SDM, INVLPG: of an address that is not canonical it is a NOP. */
EACH(asked, invlpg_of_no_address_leaves_what_looks_like_it)
{
	struct vmmu_host_page page = { .pointer = mem + POOL + 4096, .size = 4096, .writable = 1 };
	struct vmmu_xlat x;

	open_asking(CACHES_TLB);
	page.pointer = mem + POOL + 4096;
	long_mode(P_ALL);
	put(L1 + 8 * 17, ASKED_GPA | P_ALL);
	t_is(touch(0, 0x11000, VMMU_READ, &x), VMMU_OK);
	t_is(vmmu_invlpg(cpu[0], vmmu_gva(1ull << 48 | 0x11000)), VMMU_OK);
	t_is(vmmu_change_pte(vm, vmmu_gpa(ASKED_GPA), &page), VMMU_OK);
	t_is(vmmu_check(vm), VMMU_OK);
	t_is(touch(0, 0x11000, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 4096);
	close_vm();
}

EACH(asked, store_to_a_shared_page_asks_again)
{
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	host.readonly = true;
	t_is(touch(0, ASKED_GPA, VMMU_READ, &x), VMMU_OK);
	t_is(x.rights & VMMU_W, 0);
	t_is(touch(1, ASKED_GPA, VMMU_READ, NULL), VMMU_OK);
	host.page = 7;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, &x), VMMU_OK);
	t_is(host.asked_to_write, 1);
	t_true(x.host == mem + POOL + 7 * 4096);
	/* The copy is everybody's page now. */
	t_is(touch(1, ASKED_GPA, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 7 * 4096);
	close_vm();
}

EACH(asked, copy_is_seen_by_each_address_space)
{
	struct vmmu_xlat x;
	unsigned c;

	open_asking(CACHES_ALL);
	long_mode(P_ALL);
	put(L1 + 8 * 16, ASKED_GPA | P_ALL);
	put(L1 + 8 * 17, ASKED_GPA | P_ALL);
	host.readonly = true;
	for (c = 0; c < 2; c++) {
		t_is(touch(c, 0x10000, VMMU_READ, NULL), VMMU_OK);
		t_is(touch(c, 0x11000, VMMU_READ, NULL), VMMU_OK);
	}
	host.page = 7;
	t_is(touch(0, 0x10000, VMMU_WRITE, NULL), VMMU_OK);
	for (c = 0; c < 2; c++) {
		t_is(touch(c, 0x10000, VMMU_READ, &x), VMMU_OK);
		t_true(x.host == mem + POOL + 7 * 4096);
		t_is(touch(c, 0x11000, VMMU_READ, &x), VMMU_OK);
		t_true(x.host == mem + POOL + 7 * 4096);
	}
	close_vm();
}

EACH(asked, embedders_store_to_a_shared_page_is_seen_by_the_guest)
{
	struct vmmu_xlat x;
	uint64_t v = 1;

	open_asking(CACHES_ALL);
	host.readonly = true;
	t_is(touch(0, ASKED_GPA, VMMU_READ, &x), VMMU_OK);
	host.page = 9;
	t_is(vmmu_write(vm, NULL, vmmu_gpa(ASKED_GPA), &v, 8, NULL), VMMU_OK);
	t_is(touch(0, ASKED_GPA, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 9 * 4096);
	close_vm();
}

EACH(asked, host_that_fails_fails_the_access)
{
	open_asking(CACHES_ALL);
	host.fail = 1;
	t_is(touch(0, ASKED_GPA, VMMU_READ, NULL), VMMU_EHOST);
	t_true(vmmu_reason(vm)[0]);
	host.fail = 0;
	t_is(touch(0, ASKED_GPA, VMMU_READ, NULL), VMMU_OK);
	close_vm();
}

static void spoil_size(uint64_t gpa)
{
	(void)gpa;
	host.size = 123;
}

EACH(asked, bad_answer_is_refused)
{
	open_asking(CACHES_NONE);
	host.size = 8192;
	t_is(touch(0, ASKED_GPA, VMMU_READ, NULL), VMMU_EINVAL);
	host.size = 4096;
	host.within = spoil_size;
	t_is(touch(0, ASKED_GPA + 0x1000, VMMU_READ, NULL), VMMU_OK);
	host.within = NULL;
	t_is(touch(0, ASKED_GPA + 0x2000, VMMU_READ, NULL), VMMU_EINVAL);
	close_vm();
}

EACH(asked, large_answer_makes_a_large_leaf)
{
	struct vmmu_xlat x;

	open_asking(CACHES_NONE);
	host.size = 2 * MIB;
	host.page = 5;
	t_is(touch(0, ASKED_GPA + 0x5000, VMMU_READ, &x), VMMU_OK);
	t_is(x.shift, 21);
	t_is(touch(0, ASKED_GPA + 0x9000, VMMU_WRITE, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 0x9000);
	t_is(host.asked, 1);
	close_vm();
}

EACH(asked, guest_table_that_is_not_there_yet)
{
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG,
			       .cr3 = ASKED_GPA,
			       .cr4 = VMMU_CR4_PAE,
			       .efer = VMMU_EFER_LME | VMMU_EFER_LMA };
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	memset(mem + POOL, 0, 4096);
	put(POOL, ASKED_GPA | 7);
	put(POOL + 8, (8 * MIB) | 7);
	t_is(vmmu_set_regs(cpu[0], &r, 1), VMMU_OK);
	t_is(touch(0, 0x1000, VMMU_WRITE | VMMU_PROBE, &x), VMMU_AGAIN);
	t_is(touch(0, 0x1000, VMMU_WRITE, &x), VMMU_OK);
	t_is(x.gpa.v, 8 * MIB);
	/* Self-mapped: the first entry is the table of each level. */
	t_is(mem[POOL] & 0x20, 0x20);
	t_is(mem[POOL + 8] & 0x60, 0x60);
	close_vm();
}

EACH(asked, changed_page_is_used_by_all)
{
	struct vmmu_host_page page = { .size = 4096, .writable = 1 };
	struct vmmu_xlat x;
	unsigned c;

	open_asking(CACHES_FRONT);
	for (c = 0; c < 2; c++)
		t_is(touch(c, ASKED_GPA, VMMU_WRITE, NULL), VMMU_OK);
	page.pointer = mem + POOL + 0x8000;
	t_is(vmmu_change_pte(vm, vmmu_gpa(ASKED_GPA), &page), VMMU_OK);
	for (c = 0; c < 2; c++) {
		t_true(!front(c, ASKED_GPA, VMMU_READ));
		t_is(touch(c, ASKED_GPA, VMMU_READ, &x), VMMU_OK);
		t_true(x.host == mem + POOL + 0x8000);
	}
	t_is(host.asked, 1);
	t_is(vmmu_change_pte(vm, vmmu_gpa(0), &page), VMMU_EINVAL);
	t_is(vmmu_change_pte(vm, vmmu_gpa(16 * MIB), &page), VMMU_ENOENT);
	page.size = 2 * MIB;
	t_is(vmmu_change_pte(vm, vmmu_gpa(ASKED_GPA), &page), VMMU_EINVAL);
	page.size = 4096;
	page.pointer = mem + POOL + 8;
	t_is(vmmu_change_pte(vm, vmmu_gpa(ASKED_GPA), &page), VMMU_EINVAL);
	close_vm();
}

EACH(asked, changed_page_within_a_large_one)
{
	struct vmmu_host_page page = { .size = 4096, .writable = 1 };
	struct vmmu_xlat x;

	open_asking(CACHES_ALL);
	host.size = 2 * MIB;
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, &x), VMMU_OK);
	page.pointer = mem + 8 * MIB;
	t_is(vmmu_change_pte(vm, vmmu_gpa(ASKED_GPA + 0x3000), &page), VMMU_OK);
	t_is(touch(0, ASKED_GPA + 0x3000, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + 8 * MIB);
	t_is(touch(0, ASKED_GPA + 0x4000, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + POOL + 0x4000);
	close_vm();
}

EACH(asked, page_that_became_read_only_traps_the_other_vcpu)
{
	struct vmmu_host_page page = { .size = 4096, .writable = 0 };

	open_asking(CACHES_FRONT);
	t_is(touch(1, ASKED_GPA, VMMU_WRITE, NULL), VMMU_OK);
	t_true(front(1, ASKED_GPA, VMMU_WRITE));
	page.pointer = mem + POOL;
	t_is(vmmu_change_pte(vm, vmmu_gpa(ASKED_GPA), &page), VMMU_OK);
	t_true(!front(1, ASKED_GPA, VMMU_WRITE));
	t_is(host.asked_to_write, 1);
	t_is(touch(1, ASKED_GPA, VMMU_WRITE, NULL), VMMU_OK);
	t_is(host.asked_to_write, 2);
	close_vm();
}

/* ---- jumping out of callbacks ------------------------------------ */

EACH(jump, out_of_the_hosts_answer)
{
	struct vmmu_xlat x;
	jmp_buf back;

	open_asking(CACHES_ALL);
	host.jump = &back;
	if (!setjmp(back)) {
		touch(0, ASKED_GPA, VMMU_WRITE, NULL);
		t_true(!"came back");
	}
	host.jump = NULL;
	t_is(vmmu_check(vm), VMMU_OK);
	t_is(touch(0, ASKED_GPA, VMMU_WRITE, &x), VMMU_OK);
	t_true(x.host == mem + POOL);
	close_vm();
}

/* At the smallest cap: a table that a jump loses would soon be missed. */
EACH(jump, again_and_again_at_the_smallest_cap)
{
	volatile unsigned n;
	jmp_buf back;

	memset(&host, 0, sizeof(host));
	host.size = 4096;
	open_with((struct guest_cfg){
		.caches = CACHES_ALL, .cap = true, .cb = { .host_page = host_page } });
	t_is(add(ASKED_GPA, 4 * MIB, NULL, 0), VMMU_OK);
	long_mode(7);
	put(L1 + 8 * 16, ASKED_GPA | 7);
	for (n = 0; n < 100; n++) {
		host.jump = &back;
		if (!setjmp(back)) {
			touch(n & 1, 0x10000, VMMU_WRITE, NULL);
			t_true(!"came back");
		}
		host.jump = NULL;
		t_is(vmmu_check(vm), VMMU_OK);
		t_is(touch(n & 1, 0x11000, VMMU_WRITE, NULL), VMMU_OK);
	}
	t_is(touch(0, 0x10000, VMMU_WRITE, NULL), VMMU_OK);
	close_vm();
}

/* ---- the cap on tables ------------------------------------------- */

EACH(cap, below_the_minimum_is_refused)
{
	struct guest_cfg g = { .backend = backend, .nr_cpus = 2, .page_size = 4096 };
	struct guest_keep keep;
	struct vmmu_config cfg;

	guest_config(&g, mem_arena(1), &keep, &cfg);
	cfg.max_tables = vmmu_min_tables(&cfg) - 1;
	t_eq(vmmu_create(&cfg, &vm), VMMU_EINVAL);
	t_true(!vm);
	cfg.max_tables++;
	t_eq(vmmu_create(&cfg, &vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

/* Five guest tables and the page, each where no other is near. */
EACH(cap, at_the_minimum_every_access_completes)
{
	static const uint64_t at[] = { 0x10000, 8 * MIB + 0x3000, GIB,
				       4 * GIB, GIB + 512 * MIB,  ROM_GPA };
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG,
			       .cr3 = 0x10000,
			       .cr4 = VMMU_CR4_PAE | VMMU_CR4_LA57,
			       .efer = VMMU_EFER_LME | VMMU_EFER_LMA };
	struct vmmu_xlat x;
	unsigned i, c, n;

	open_with((struct guest_cfg){ .cap = true, .nested = { .levels = 5 } });
	for (i = 0; i < 5; i++) {
		memset(mem + at[i], 0, 4096);
		put(at[i] + 8 * (i + 1), at[i + 1] | 7);
		put(at[i] + 8 * (i + 2), at[i + 1] | 7);
	}
	for (c = 0; c < 2; c++)
		t_is(vmmu_set_regs(cpu[c], &r, 1), VMMU_OK);
	for (n = 0; n < 64; n++) {
		uint64_t gva = 0;

		for (i = 0; i < 5; i++)
			gva |= (uint64_t)(i + 1 + (n >> i & 1)) << (48 - 9 * i);
		for (c = 0; c < 2; c++) {
			t_is(touch(c, gva, n & 1 ? VMMU_WRITE : VMMU_FETCH, &x), VMMU_OK);
			t_is(x.gpa.v, ROM_GPA);
			t_is(vmmu_check(vm), VMMU_OK);
		}
	}
	close_vm();
}

/* More upper tables than there may be: with what they led to, they go. */
EACH(cap, empty_upper_tables_make_room)
{
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG,
			       .cr3 = L4,
			       .cr4 = VMMU_CR4_PAE,
			       .efer = VMMU_EFER_LME | VMMU_EFER_LMA };
	struct vmmu_xlat x;
	uint64_t i;

	open_with((struct guest_cfg){ .cap = true });
	memset(mem + L4, 0, 2 * 4096);
	put(L4, L3 | P_ALL);
	for (i = 0; i < 128; i++) {
		put(L3 + 8 * i, i * GIB | P_ALL | 0x80);
		if (i >= 64)
			t_is(add(i * GIB, 4096, mem + 0x10000 + 4096 * i, 4096), VMMU_OK);
	}
	t_is(vmmu_set_regs(cpu[0], &r, 1), VMMU_OK);
	for (i = 0; i < 128; i++) {
		t_is(touch(0, (64 + i % 64) * GIB, VMMU_WRITE, &x), VMMU_OK);
		t_is(x.gpa.v, (64 + i % 64) * GIB);
	}
	close_vm();
}

EACH(cap, paging_off_and_on_at_the_minimum)
{
	unsigned n;

	open_with((struct guest_cfg){ .cap = true });
	for (n = 0; n < 20; n++) {
		struct vmmu_xlat x;

		long_mode(P_ALL);
		t_is(touch(0, 0x10000, VMMU_WRITE, &x), VMMU_OK);
		t_is(vmmu_reset(cpu[0]), VMMU_OK);
		t_is(touch(0, GIB + 0x200000ull * n, VMMU_READ, &x), VMMU_OK);
		t_is(touch(0, 0x10000, VMMU_WRITE, &x), VMMU_OK);
		t_is(touch(1, 0x20000, VMMU_WRITE, &x), VMMU_OK);
	}
	close_vm();
}
