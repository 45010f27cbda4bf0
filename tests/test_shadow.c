/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging: trapped stores, unsync pages, floods, and what loads of CR3 keep in step.
 * Not here: large pages and modes (test_shadow_pages.c), limits (test_shadow_limits.c); that
 * answers are right in general (test_random.c, the recorded guests).
 * Keeps: what shadow_rig.h says.
 */
#include "shadow_rig.h"

/* ---- trapped stores, unsync, flood ------------------------------------------------------ */

Test(shadow, a_leaf_table_traps_once_until_the_next_sync)
{
	unsigned i;

	open_without(0);
	reads(0, A_DATA);
	store(A_DATA, 0);
	restart();
	for (i = 0; i < 100; i++)
		store(A1 + 8 * (i % 64), (A_DATA + (i << 12)) | P_ALL);
	t_eq(traps(), 1);
	t_eq(seen(VMMU_EV_UNSYNC), 1);
	load(A4);
	t_eq(seen(VMMU_EV_SYNC), 1);
	for (i = 0; i < 100; i++)
		store(A1 + 8 * (i % 64), (B_DATA + (i << 12)) | P_ALL);
	t_eq(traps(), 2);
	agree(0x3000, VMMU_READ);
	close_vm();
}

/* What vmmu_shadow_each_page() tells, by the guest's table; the others are counted. */
struct told {
	unsigned nr, direct;
	struct vmmu_shadow_page root, leaf; /* of A's */
};

static void hear(void *ctx, const struct vmmu_shadow_page *page)
{
	struct told *t = ctx;

	t->nr++;
	t->direct += page->direct;
	if (page->gpa.v == A4)
		t->root = *page;
	if (page->gpa.v == A1)
		t->leaf = *page;
}

Test(shadow, its_pages_are_told_with_what_they_follow)
{
	struct told t = { 0 };

	open_without(0);
	vmmu_shadow_each_page(vm, hear, &t);
	t_eq(t.nr, 0);
	reads(0, A_DATA);
	vmmu_shadow_each_page(vm, hear, &t);
	t_eq(t.nr, 4);
	t_eq(t.direct, 0);
	t_eq(t.root.level, 4);
	t_eq(t.root.root, 1);
	t_eq(t.root.live, 1);
	t_eq(t.leaf.level, 1);
	t_eq(t.leaf.root, 0);
	t_eq(t.leaf.unsync, 0);
	t_eq(t.leaf.rights, VMMU_RWXU);
	t_true(t.leaf.live >= 1);
	t_true(t.leaf.hpa.v && t.leaf.hpa.v != t.root.hpa.v);
	store(A1, A_DATA | P_RO);
	vmmu_shadow_each_page(vm, hear, &t);
	t_eq(t.leaf.unsync, 1);
	load(A4);
	vmmu_shadow_each_page(vm, hear, &t);
	t_eq(t.leaf.unsync, 0);
	close_vm();
}

Test(shadow, without_unsync_every_store_to_a_leaf_table_traps)
{
	unsigned i;

	open_without(VMMU_SHADOW_UNSYNC | VMMU_SHADOW_FLOOD);
	reads(0, A_DATA);
	restart();
	for (i = 0; i < 100; i++)
		store(A1, (A_DATA + (i << 12)) | P_ALL);
	t_eq(traps(), 100);
	agree(0, VMMU_READ);
	close_vm();
}

/* A table in use that is stored to 2,000 times and not walked; how often it traps. */
static uint64_t stream(uint64_t table, uint32_t off, unsigned flood)
{
	uint64_t nr;
	unsigned i;

	open_as((struct guest_cfg){ .shadow = { .off = off, .flood = flood } });
	reads(0, A_DATA);
	store(A_DATA, 0);
	restart();
	for (i = 0; i < 2000; i++)
		t_eq(vmmu_write(vm, cpu, vmmu_gpa(table + 0x800 + 8 * (i % 256)), &(uint64_t){ 0 },
				8, NULL),
		     VMMU_OK);
	nr = traps();
	agree(0, VMMU_READ);
	close_vm();
	return nr;
}

Test(shadow, a_stream_of_stores_to_an_upper_table_stops_trapping_at_the_third)
{
	static const uint64_t table[] = { A2, A3, A4 };
	unsigned i;

	for (i = 0; i < 3; i++) {
		t_eq(stream(table[i], 0, 0), 3);
		t_eq(stream(table[i], 0, 7), 7);
		t_eq(stream(table[i], VMMU_SHADOW_FLOOD, 0), 2000);
	}
}

Test(shadow, a_walk_between_the_stores_is_a_use)
{
	unsigned i;

	open_as((struct guest_cfg){ .shadow = { .prefetch = 1 } });
	reads(0, A_DATA);
	restart();
	for (i = 1; i < 20; i++) {
		t_eq(vmmu_write(vm, cpu, vmmu_gpa(A2 + 0x800), &(uint64_t){ i << 12 }, 8, NULL),
		     VMMU_OK);
		/* A miss, so a walk through A2. */
		reads((uint64_t)i << 12, A_DATA + ((uint64_t)i << 12));
	}
	t_eq(misses(), 19);
	t_eq(traps(), 19);
	t_eq(seen(VMMU_EV_FLOOD), 0);
	close_vm();
}

Test(shadow, a_leaf_table_that_nothing_leads_to_is_given_up)
{
	open_without(0);
	reads(0, A_DATA);
	store(A2, 0);
	restart();
	store(A1, 0);
	store(A1 + 8, 0);
	t_eq(traps(), 1);
	t_eq(seen(VMMU_EV_UNSYNC), 0);
	t_eq(seen(VMMU_EV_SHADOW_ZAP), 1);
	close_vm();
}

/* The leaf is read-only with or without W, for D is clear; what the guest grants is told. */
Test(shadow, a_sync_tells_the_guests_rights)
{
	open_without(0);
	put(A1 + 8, (A_DATA + 0x1000) | (P_ALL & ~0x40ull));
	reads(0x1000, A_DATA + 0x1000);
	t_eq(x.guest_rights, VMMU_RWXU);
	store(A1 + 8, (A_DATA + 0x1000) | (P_RO & ~0x40ull));
	vmmu_invlpg(cpu, vmmu_gva(0x1000));
	reads(0x1000, A_DATA + 0x1000);
	t_eq(x.guest_rights, VMMU_R | VMMU_X | VMMU_U);
	close_vm();
}

Test(shadow, a_root_that_nothing_uses_traps_once)
{
	unsigned i;

	open_without(0);
	reads(0, A_DATA);
	load(B4);
	reads(0, B_DATA);
	store(A_DATA, 0);
	restart();
	for (i = 0; i < 512; i++)
		store(A4 + 8 * i, 0);
	for (i = 0; i < 512; i++)
		store(A4 + 8 * i, i ? 0 : A3 | P_ALL);
	t_eq(traps(), 1);
	load(A4);
	agree(0, VMMU_READ);
	agree(KERNEL, VMMU_READ);
	close_vm();
}

Test(shadow, a_trapped_store_changes_the_entry_that_it_hit)
{
	unsigned i, off;

	for (off = 0; off < 2; off++) {
		open_without(VMMU_SHADOW_UNSYNC | VMMU_SHADOW_FLOOD |
			     (off ? VMMU_SHADOW_UPDATE : 0));
		for (i = 0; i < 64; i++)
			reads((uint64_t)i << 12, A_DATA + ((uint64_t)i << 12));
		store(A1 + 8 * 5, B_DATA | P_ALL);
		restart();
		for (i = 0; i < 64; i++)
			agree((uint64_t)i << 12, VMMU_READ);
		/* Its neighbours come with the first. */
		t_check(off ? misses() >= 8 : misses() == 1, "%" PRIu64 " misses", misses());
		close_vm();
	}
}

/* ---- stores of every shape -------------------------------------------------------------- */

struct shape {
	uint64_t table;
	unsigned at, len;
	uint64_t value;
};

/* With begin and end, or in one call; by the vCPU, or by a device. */
static void store_shape(const struct shape *s, unsigned how)
{
	struct vmmu_cpu *by = how & 1 ? NULL : cpu;
	uint8_t bytes[64];
	void *p;
	unsigned i;

	for (i = 0; i < s->len; i++)
		bytes[i] = (uint8_t)(s->value >> 8 * (i % 8));
	if (!(how & 2)) {
		t_eq(vmmu_write(vm, by, vmmu_gpa(s->table + s->at), bytes, s->len, NULL), VMMU_OK);
		return;
	}
	t_eq(vmmu_write_begin(vm, vmmu_gpa(s->table + s->at), s->len, &p), VMMU_OK);
	memcpy(p, bytes, s->len);
	t_eq(vmmu_write_end(vm, by, vmmu_gpa(s->table + s->at), s->len), VMMU_OK);
}

Test(shadow, stores_of_every_size_and_place_are_seen)
{
	static const unsigned size[] = { 1, 2, 3, 4, 5, 8, 12, 16, 64 };
	static const uint64_t table[] = { A1, A2, A3, A4 };
	static const uint64_t value[] = { B_DATA | P_ALL, 0, SPARE | P_RO, 1ull << 51 | P_ALL };
	static const uint32_t off[] = { 0, VMMU_SHADOW_UNSYNC | VMMU_SHADOW_FLOOD,
					VMMU_SHADOW_UPDATE };
	unsigned o, t, s, at, how;

	for (o = 0; o < 3; o++) {
		open_without(off[o]);
		for (t = 0; t < 4; t++) {
			for (s = 0; s < sizeof(size) / sizeof(*size); s++) {
				for (at = 0; at < 24; at += 1 + s % 3) {
					struct shape shape = { table[t], at, size[s],
							       value[(at + s) % 4] };

					how = at + s + t;
					touch(0, VMMU_WRITE);
					touch(0x1000, VMMU_READ);
					store_shape(&shape, how);
					check();
					agree(0, VMMU_READ);
					agree(0x1000, VMMU_WRITE);
					agree(0x2000, VMMU_READ | VMMU_USER);
					make_tables();
					/* Behind its back; so it is told. */
					t_eq(vmmu_notify_begin(vm, vmmu_gpa(0), 2 * MIB), VMMU_OK);
					t_eq(vmmu_notify_end(vm, vmmu_gpa(0), 2 * MIB), VMMU_OK);
				}
			}
		}
		close_vm();
	}
}

/* Nobody edits a table so: it is none. */
Test(shadow, a_store_across_entries_ends_a_table)
{
	static const struct shape odd[] = {
		{ A2, 4, 8, 0 }, { A2, 0x801, 1, 0 }, { A2, 0x802, 2, 0 }, { A2, 0x804, 16, 0 }
	};
	static const struct shape even[] = {
		{ A2, 0x800, 8, 0 }, { A2, 0x804, 4, 0 }, { A2, 0x800, 1, 0 }, { A2, 0x800, 32, 0 }
	};
	unsigned i;

	for (i = 0; i < 4; i++) {
		open_without(0);
		reads(0, A_DATA);
		restart();
		store_shape(&even[i], 0);
		t_eq(seen(VMMU_EV_SHADOW_ZAP), 0);
		store_shape(&odd[i], 0);
		t_true(seen(VMMU_EV_SHADOW_ZAP) > 0);
		agree(0x1000, VMMU_READ);
		close_vm();
	}
}

/* An entry of 8 bytes as a 32-bit kernel under PAE writes it, in both orders. */
Test(shadow, torn_halves_are_seen)
{
	const uint64_t e = 4 * GIB | P_ALL;
	unsigned first;
	uint32_t half;

	for (first = 0; first < 2; first++) {
		open_without(VMMU_SHADOW_UNSYNC);
		reads(0, A_DATA);
		half = (uint32_t)(first ? e >> 32 : e);
		t_eq(vmmu_write(vm, cpu, vmmu_gpa(A1 + 4 * first), &half, 4, NULL), VMMU_OK);
		agree(0, VMMU_READ);
		half = (uint32_t)(first ? e : e >> 32);
		t_eq(vmmu_write(vm, cpu, vmmu_gpa(A1 + 4 * !first), &half, 4, NULL), VMMU_OK);
		agree(0, VMMU_READ);
		t_eq(x.gpa.v, 4 * GIB);
		close_vm();
	}
}

Test(shadow, a_store_across_two_tables_is_seen_in_both)
{
	const uint8_t bytes[8] = { 0 };

	open_without(0);
	reads(0, A_DATA);
	/* The end of A1's frame's neighbour below, and the first bytes of A1. */
	t_eq(vmmu_write(vm, cpu, vmmu_gpa(A1 - 4), bytes, 8, NULL), VMMU_OK);
	agree(0, VMMU_READ);
	t_eq(touch(0, VMMU_READ), VMMU_FAULT);
	close_vm();
}

/* ---- address spaces ------------------------------------------------------------------------ */

static uint64_t misses_of_rounds(uint32_t off)
{
	uint64_t nr;
	unsigned i, k;

	open_without(off);
	for (i = 0; i < 4; i++) {
		if (i == 1)
			restart();
		load(i & 1 ? B4 : A4);
		for (k = 0; k < 64; k++)
			reads((uint64_t)k << 12, (i & 1 ? B_DATA : A_DATA) + ((uint64_t)k << 12));
		if (i == 1)
			restart();
	}
	nr = misses();
	close_vm();
	return nr;
}

Test(shadow, a_switch_between_warm_spaces_refills_nothing)
{
	t_eq(misses_of_rounds(0), 0);
	t_eq(misses_of_rounds(VMMU_SHADOW_ROOTS), 0);
	t_eq(misses_of_rounds(VMMU_SHADOW_CACHE), 128);
}

#define KEEP (1ull << 63)

Test(shadow, a_kept_root_is_taken_up_without_comparing)
{
	open_without(0);
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	load(A4 | 1);
	reads(0, A_DATA);
	load(B4 | 2);
	reads(0, B_DATA);
	/* A1 is out of step now, and PCID 1 may go on as it was. */
	store(A1, (A_DATA + 0x5000) | P_ALL);
	restart();
	load(A4 | 1 | KEEP);
	t_eq(seen(VMMU_EV_SYNC), 0);
	t_eq(touch(0, VMMU_READ), VMMU_OK);
	agree(0, VMMU_READ);
	t_eq(x.gpa.v, A_DATA + 0x5000);
	close_vm();
}

Test(shadow, taking_up_a_kept_root_loses_no_other)
{
	open_as((struct guest_cfg){ .shadow = { .roots = 2 } });
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	put(SPARE, B3 | P_ALL);
	load(A4 | 1);
	reads(0, A_DATA);
	load(B4 | 2);
	reads(0, B_DATA);
	load(SPARE | 3);
	reads(0, B_DATA);
	store(A1, (A_DATA + 0x5000) | P_ALL);
	load(B4 | 2 | KEEP);
	restart();
	load(A4 | 1 | KEEP);
	t_eq(seen(VMMU_EV_SYNC), 0);
	close_vm();
}

/*
 * Two PCIDs on one root: what the other has filled and linked meanwhile was never this one's, and
 * stale it may not become this one's.
 */
Test(shadow, a_kept_root_has_nothing_of_another_pcid)
{
	unsigned how;

	for (how = 0; how < 2; how++) {
		open_as((struct guest_cfg){ .shadow = { .prefetch = 1 } });
		long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
		load(A4 | 2);
		if (how)
			reads(0, A_DATA);
		load(A4 | 1);
		reads(0x1000, A_DATA + 0x1000);
		store(A1 + 8, (A_DATA + 0x5000) | P_ALL);
		load(A4 | 2 | KEEP);
		reads(0x1000, A_DATA + 0x5000);
		close_vm();
	}
}

/* A way to a table that was filled before is new as well. */
Test(shadow, a_kept_root_has_no_link_of_another_pcid)
{
	const uint64_t other = 2 * GIB;

	open_as((struct guest_cfg){ .shadow = { .prefetch = 1 } });
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	put(A3 + 16, A2 | P_ALL);
	put(A2 + 8, B1 | P_ALL);
	load(A4 | 2);
	reads(0x1000, A_DATA + 0x1000);
	load(A4 | 1);
	reads(other + 2 * MIB, B_DATA);
	store(A1 + 8, (A_DATA + 0x5000) | P_ALL);
	load(A4 | 2 | KEEP);
	reads(other + 0x1000, A_DATA + 0x5000);
	close_vm();
}

/* What ends what a kept root may still show. */
static void ends(unsigned how)
{
	open_without(0);
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	load(A4 | 1);
	reads(0x1000, A_DATA + 0x1000);
	load(B4 | 2);
	reads(0x1000, B_DATA + 0x1000);
	store(A1 + 8, (A_DATA + 0x5000) | P_ALL);
	switch (how) {
	case 0:
		t_eq(vmmu_invpcid(cpu, VMMU_INVPCID_ADDRESS, 1, vmmu_gva(0x1000)), VMMU_OK);
		break;
	case 1:
		t_eq(vmmu_invpcid(cpu, VMMU_INVPCID_SINGLE, 1, vmmu_gva(0)), VMMU_OK);
		break;
	case 2:
		t_eq(vmmu_invpcid(cpu, VMMU_INVPCID_ALL, 0, vmmu_gva(0)), VMMU_OK);
		break;
	case 3:
		/* A global page is every PCID's. */
		vmmu_invlpg(cpu, vmmu_gva(0x1000));
		break;
	case 4:
		/* Another root with that PCID, without bit 63. */
		load(B4 | 1);
		break;
	}
	load(A4 | 1 | KEEP);
	reads(0x1000, A_DATA + 0x5000);
	close_vm();
}

Test(shadow, what_invalidates_a_pcid_reaches_its_kept_root)
{
	unsigned how;

	for (how = 0; how < 5; how++)
		ends(how);
}

/* All registers change, and CR3 is that of a kept root: which was of another mode. */
Test(shadow, a_kept_root_is_of_its_mode)
{
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG,
			       .cr3 = A4 | 1,
			       .cr4 = VMMU_CR4_PAE | VMMU_CR4_PCIDE,
			       .efer = VMMU_EFER_LME | VMMU_EFER_LMA };

	open_without(0);
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	put(A1 + 8, (A_DATA + 0x1000) | P_ALL | NX);
	load(A4 | 1);
	reads(0x1000, A_DATA + 0x1000);
	load(B4 | 2);
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
	t_eq(touch(0x1000, VMMU_READ), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_RSVD);
	close_vm();
}

Test(shadow, more_spaces_than_roots_are_kept)
{
	unsigned i, round;

	open_as((struct guest_cfg){ .shadow = { .roots = 2 } });
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PCIDE, VMMU_EFER_NXE);
	for (round = 0; round < 3; round++) {
		for (i = 1; i < 8; i++) {
			load((i & 1 ? A4 : B4) | i | (round ? KEEP : 0));
			reads(0x3000, (i & 1 ? A_DATA : B_DATA) + 0x3000);
			check();
		}
	}
	close_vm();
}

/* ---- what is linked is in step --------------------------------------------------------------- */

/* A2 is linked at a place where nothing was; A1 below it is out of step (catalogue 6). */
Test(shadow, a_table_is_compared_before_a_new_link_leads_to_it)
{
	unsigned level;

	for (level = 1; level <= 2; level++) {
		open_without(0);
		reads(0x1000, A_DATA + 0x1000);
		store(A1 + 8, (B_DATA + 0x7000) | P_ALL);
		t_eq(seen(VMMU_EV_UNSYNC), 1);
		/* Never used, so no flush is due. */
		if (level == 1)
			store(A2 + 8 * 3, A1 | P_ALL);
		else
			store(A3 + 8 * 3, A2 | P_ALL);
		/* The miss that links it is at another entry. */
		reads(level == 1 ? 6 * MIB : 3 * GIB, A_DATA);
		reads((level == 1 ? 6 * MIB : 3 * GIB) + 0x1000, B_DATA + 0x7000);
		close_vm();
	}
}

/* The link of a tree that was no root's when CR3 was loaded. */
Test(shadow, all_below_a_new_link_is_compared)
{
	open_without(0);
	reads(0x1000, A_DATA + 0x1000);
	load(B4);
	store(A1 + 8, (B_DATA + 0x7000) | P_ALL);
	load(B4);
	store(B4 + 8, A3 | P_ALL);
	reads(1ull << 39, A_DATA);
	reads((1ull << 39) + 0x1000, B_DATA + 0x7000);
	close_vm();
}

/* Another CPU stores to a table out of step just when a walk has read it. */
static int stores_behind;

static void store_behind(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx, (void)c, (void)a, (void)b;
	if (ev != VMMU_EV_SW_WALK || !stores_behind)
		return;
	stores_behind = 0;
	put(A1 + 8, (A_DATA + 0x5000) | P_ALL);
}

Test(shadow, an_entry_that_changed_before_its_table_was_compared_is_read_again)
{
	stores_behind = 0;
	open_as((struct guest_cfg){ .cb = { .event = store_behind } });
	put(A2 + 8, A1 | P_ALL);
	reads(0, A_DATA);
	/* Out of step. */
	store(A1 + 16, (A_DATA + 0x7000) | P_ALL);
	stores_behind = 1;
	reads(2 * MIB + 0x1000, A_DATA + 0x5000);
	t_eq(stores_behind, 0);
	close_vm();
}

Test(shadow, a_frame_that_is_an_upper_table_too_stays_in_step)
{
	unsigned i;

	open_without(VMMU_SHADOW_FLOOD);
	/* A recursive map: A4 is its own table at every level. */
	store(A4 + 8 * 511, A4 | P_ALL);
	t_eq(touch(0xfffffffffffff000ull, VMMU_READ), VMMU_OK);
	t_eq(x.gpa.v, A4);
	restart();
	for (i = 0; i < 10; i++)
		store(A4 + 8 * 300, i << 12);
	t_eq(seen(VMMU_EV_UNSYNC), 0);
	t_eq(traps(), 10);
	agree(0xfffffffffffff000ull, VMMU_READ);
	close_vm();
}

Test(shadow, an_upper_use_ends_that_a_table_is_out_of_step)
{
	open_without(0);
	reads(0x1000, A_DATA + 0x1000);
	store(A1 + 8, B2 | P_ALL);
	t_eq(seen(VMMU_EV_UNSYNC), 1);
	/* A1 as a table of level 2, over B2 as one of level 1. */
	store(A3 + 8 * 5, A1 | P_ALL);
	t_eq(touch(5 * GIB + 2 * MIB, VMMU_READ), VMMU_OK);
	check();
	store(A1 + 8, B1 | P_ALL);
	agree(5 * GIB + 2 * MIB, VMMU_READ);
	close_vm();
}

/* Two uses of a leaf table, by their rights: one may be out of step, and the other comes. */
Test(shadow, a_second_use_as_a_leaf_table_leaves_one_out_of_step_alone)
{
	open_without(0);
	reads(0, A_DATA);
	reads(0x1000, A_DATA + 0x1000);
	store(A1 + 8 * 2, (A_DATA + 0x2000) | P_ALL);
	t_eq(seen(VMMU_EV_UNSYNC), 1);
	put(A2 + 8, A1 | P_RO);
	restart();
	reads(2 * MIB, A_DATA);
	t_eq(seen(VMMU_EV_SHADOW_ZAP), 0);
	restart();
	reads(0x1000, A_DATA + 0x1000);
	t_eq(misses(), 0);
	close_vm();
}
