/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging: what each technique is for, and what must not go wrong with it.
 * Not here: that its answers are right in general (test_random.c, the recorded guests).
 * Keeps: every test ends with vmmu_check(), and `agree` compares with a walk in software.
 *
 * The guest: two address spaces A and B, each with a table of its own at each level, and a
 * map of low memory that both share.
 *
 *	GVA 0          2M, 4K pages from A_DATA or B_DATA on
 *	    1G         low memory, at KERNEL + gpa
 */
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/explain.h>

#include "t.h"
#include "world.h"

#define A4 0x1000ull
#define A3 0x2000ull
#define A2 0x3000ull
#define A1 0x4000ull
#define B4 0x5000ull
#define B3 0x6000ull
#define B2 0x7000ull
#define B1 0x8000ull
#define K2 0x9000ull
#define K1 0xa000ull
#define SPARE 0xb000ull /* frames from here to 0x20000 are nobody's */
#define A_DATA 0x20000ull
#define B_DATA 0x80000ull
#define KERNEL 0x40000000ull
#define LARGE (8 * MIB) /* where a page of 2M may lie */

#define P_ALL 0x67ull /* present, writable, user, A, D */
#define P_RO 0x65ull
#define P_PS 0x80ull
#define NX (1ull << 63)

static struct vmmu *vm;
static struct vmmu_cpu *cpu;
static uint8_t *mem;

/* ---- the rig -------------------------------------------------------------------------- */

static void put(uint64_t gpa, uint64_t e)
{
	memcpy(mem + gpa, &e, 8);
}

static uint64_t get(uint64_t gpa)
{
	uint64_t e;

	memcpy(&e, mem + gpa, 8);
	return e;
}

static void make_tables(void)
{
	uint64_t i;

	memset(mem, 0, 2 * MIB);
	put(A4, A3 | P_ALL);
	put(A3, A2 | P_ALL);
	put(A2, A1 | P_ALL);
	put(B4, B3 | P_ALL);
	put(B3, B2 | P_ALL);
	put(B2, B1 | P_ALL);
	put(A3 + 8, K2 | P_ALL);
	put(B3 + 8, K2 | P_ALL);
	put(K2, K1 | P_ALL);
	for (i = 0; i < 64; i++) {
		put(A1 + 8 * i, (A_DATA + (i << 12)) | P_ALL);
		put(B1 + 8 * i, (B_DATA + (i << 12)) | P_ALL);
	}
	for (i = 0; i < 512; i++)
		put(K1 + 8 * i, i << 12 | P_ALL);
}

static void long_mode(struct vmmu_cpu *c, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	const struct vmmu_regs r = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | cr0,
		.cr3 = A4,
		.cr4 = VMMU_CR4_PAE | cr4,
		.efer = VMMU_EFER_LME | VMMU_EFER_LMA | efer,
	};

	t_eq(vmmu_set_regs(c, &r, 0), VMMU_OK);
}

static void open_as(struct guest_cfg g)
{
	g.backend = &vmmu_shadow;
	g.shadow.size = sizeof(g.shadow);
	g.nr_cpus = 2;
	g.page_size = g.page_size ? g.page_size : 4096;
	mem = mem_arena(1);
	make_tables();
	t_eq(guest_open(&g, mem, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
	long_mode(cpu, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
}

static void open_without(uint32_t off)
{
	open_as((struct guest_cfg){ .shadow = { .off = off } });
}

static void check(void)
{
	t_check(!vmmu_check(vm), "%s", vmmu_reason(vm));
}

static void close_vm(void)
{
	check();
	vmmu_destroy(vm);
	vm = NULL;
}

static struct vmmu_xlat x;

static int touch(uint64_t gva, uint32_t access)
{
	return vmmu_translate(cpu, vmmu_gva(gva), 1, access, &x);
}

static void reads(uint64_t gva, uint64_t gpa)
{
	t_eq(touch(gva, VMMU_READ), VMMU_OK);
	t_eq(x.gpa.v, gpa);
}

/* As an instruction stores: translated, and by the library if it has to trap. */
static void store(uint64_t gpa, uint64_t e)
{
	t_eq(vmmu_translate(cpu, vmmu_gva(KERNEL + gpa), 8, VMMU_WRITE, &x), VMMU_OK);
	t_eq(x.gpa.v, gpa);
	if (x.trap)
		t_eq(vmmu_write(vm, cpu, x.gpa, &e, 8, NULL), VMMU_OK);
	else
		memcpy(x.host, &e, 8);
}

static void load(uint64_t root)
{
	t_eq(vmmu_set_cr3(cpu, root), VMMU_OK);
}

/* Events since the last restart(). */
static uint64_t seen(enum vmmu_event ev)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s.event[ev];
}

static uint64_t traps(void)
{
	return seen(VMMU_EV_EXIT_PT_WRITE);
}

static uint64_t misses(void)
{
	return seen(VMMU_EV_EXIT_SHADOW_MISS);
}

static void restart(void)
{
	vmmu_clear_stats(vm);
}

/* After INVLPG an access is answered as a walk of the guest's tables in software answers it. */
static void agree(uint64_t gva, uint32_t access)
{
	struct vmmu_xlat fresh;
	int st;

	vmmu_invlpg(cpu, vmmu_gva(gva));
	st = vmmu_translate(cpu, vmmu_gva(gva), 1, access | VMMU_PROBE, &fresh);
	t_check(touch(gva, access) == st, "0x%" PRIx64 ": not %s", gva, vmmu_strerror(st));
	if (st == VMMU_OK || st == VMMU_MMIO)
		t_eq(x.gpa.v, fresh.gpa.v);
	else
		t_eq(x.fault.code, fresh.fault.code);
	check();
}

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

/* ---- prefetch -----------------------------------------------------------------------------------
 */

Test(shadow, a_miss_fills_the_neighbours_that_are_ready)
{
	unsigned n;

	for (n = 1; n <= 64; n *= 2) {
		open_as((struct guest_cfg){ .shadow = { .prefetch = n } });
		restart();
		reads(0, A_DATA);
		t_eq(seen(VMMU_EV_MAP) > n, 1);
		restart();
		for (unsigned i = 0; i < 64; i++)
			reads((uint64_t)i << 12, A_DATA + ((uint64_t)i << 12));
		t_eq(misses(), 64 / n - 1);
		close_vm();
	}
}

Test(shadow, prefetch_touches_no_entry_that_was_not_accessed)
{
	open_without(0);
	put(A1 + 8 * 1, (A_DATA + 0x1000) | (P_ALL & ~0x60ull));
	put(A1 + 8 * 2, (A_DATA + 0x2000) | (P_ALL & ~0x40ull));
	reads(0, A_DATA);
	t_eq(get(A1 + 8 * 1) & 0x60, 0);
	t_eq(get(A1 + 8 * 2) & 0x60, 0x20);
	restart();
	reads(0x1000, A_DATA + 0x1000);
	t_eq(misses(), 1);
	reads(0x2000, A_DATA + 0x2000);
	t_eq(misses(), 1);
	/* D is set by the store that sets it, not before. */
	t_eq(get(A1 + 8 * 2) & 0x40, 0);
	t_eq(touch(0x2000, VMMU_WRITE), VMMU_OK);
	t_eq(get(A1 + 8 * 2) & 0x40, 0x40);
	close_vm();
}

/* What came along with a miss is as old as before. */
Test(shadow, prefetch_makes_nothing_young)
{
	open_without(0);
	put(A2 + 8, LARGE | P_ALL | P_PS);
	reads(2 * MIB, LARGE);
	reads(0, A_DATA);
	restart();
	reads(2 * MIB + 0x1000, LARGE + 0x1000);
	t_eq(misses(), 0);
	t_eq(vmmu_age(vm, vmmu_gpa(LARGE), 4096, 0), 1);
	t_eq(vmmu_age(vm, vmmu_gpa(LARGE + 0x1000), 4096, 0), 1);
	t_eq(vmmu_age(vm, vmmu_gpa(LARGE + 0x2000), 4096, 0), 0);
	t_eq(vmmu_age(vm, vmmu_gpa(A_DATA), 4096, 0), 1);
	t_eq(vmmu_age(vm, vmmu_gpa(A_DATA + 0x2000), 4096, 0), 0);
	close_vm();
}

/* A neighbour that is not good: NX while EFER.NXE is 0 (catalogue 12). */
Test(shadow, prefetch_leaves_reserved_bits_to_the_fault)
{
	open_without(0);
	long_mode(cpu, VMMU_CR0_WP, 0, 0);
	put(A1 + 8, (A_DATA + 0x1000) | P_ALL | NX);
	reads(0, A_DATA);
	t_eq(touch(0x1000, VMMU_READ), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_RSVD);
	close_vm();
}

/* ---- large pages ------------------------------------------------- */

Test(shadow, a_large_page_on_large_memory_is_one_leaf)
{
	uint32_t off;

	for (off = 0; off <= VMMU_SHADOW_LARGE; off += VMMU_SHADOW_LARGE) {
		open_as((struct guest_cfg){ .page_size = 2 * MIB, .shadow = { .off = off } });
		put(A2 + 8, LARGE | P_ALL | P_PS);
		reads(2 * MIB + 0x5123, LARGE + 0x5123);
		t_eq(x.shift, off ? 12 : 21);
		t_eq(x.guest_shift, 21);
		close_vm();
	}
}

/* A table inside has to be protected; without it the page is whole again. */
Test(shadow, a_table_in_a_large_page_makes_it_small)
{
	open_as((struct guest_cfg){ .page_size = 2 * MIB });
	put(A2 + 8, LARGE | P_ALL | P_PS);
	reads(2 * MIB, LARGE);
	t_eq(x.shift, 21);
	/* A1's work is done by a frame in there. */
	memcpy(mem + LARGE + 0x3000, mem + A1, 4096);
	store(A2 + 16, (LARGE + 0x3000) | P_ALL);
	reads(4 * MIB + 0x1000, A_DATA + 0x1000);
	reads(2 * MIB, LARGE);
	t_eq(x.shift, 12);
	restart();
	t_eq(vmmu_translate(cpu, vmmu_gva(2 * MIB + 0x3008), 8, VMMU_WRITE, &x), VMMU_OK);
	t_eq(traps(), 1);
	close_vm();
}

/* Two entries, one read-only, of one frame (catalogue 1); and by U, and by key. */
Test(shadow, one_large_frame_with_two_rights_has_two_shadows)
{
	open_without(0);
	put(A2 + 8, LARGE | P_RO | P_PS);
	put(A2 + 16, LARGE | P_ALL | P_PS);
	put(A2 + 24, LARGE | (P_ALL & ~4ull) | P_PS);
	reads(2 * MIB + 0x1000, LARGE + 0x1000);
	t_eq(touch(4 * MIB + 0x1000, VMMU_WRITE), VMMU_OK);
	t_eq(touch(2 * MIB + 0x1000, VMMU_WRITE), VMMU_FAULT);
	t_eq(touch(4 * MIB + 0x1000, VMMU_READ | VMMU_USER), VMMU_OK);
	t_eq(touch(6 * MIB + 0x1000, VMMU_READ), VMMU_OK);
	t_eq(touch(6 * MIB + 0x1000, VMMU_READ | VMMU_USER), VMMU_FAULT);
	close_vm();
}

/* The store that makes one mapping dirty makes no other writable (catalogue 3). */
Test(shadow, a_large_page_becoming_dirty_leaves_a_read_only_one_alone)
{
	open_without(0);
	put(A2 + 8, LARGE | (P_ALL & ~0x40ull) | P_PS);
	put(A2 + 16, LARGE | (P_RO & ~0x40ull) | P_PS);
	reads(2 * MIB, LARGE);
	reads(4 * MIB, LARGE);
	t_eq(touch(2 * MIB, VMMU_WRITE), VMMU_OK);
	t_eq(get(A2 + 8) & 0x40, 0x40);
	t_eq(touch(4 * MIB, VMMU_WRITE), VMMU_FAULT);
	t_eq(get(A2 + 16) & 0x40, 0);
	close_vm();
}

/* One store to the entry, one INVLPG, and no piece is left; also after a #PF elsewhere in it. */
Test(shadow, all_pieces_of_a_large_page_go_as_one)
{
	unsigned how, i;

	for (how = 0; how < 4; how++) {
		open_as((struct guest_cfg){ .caches = CACHES_ALL });
		put(A2 + 8, LARGE | P_ALL | P_PS);
		for (i = 0; i < 16; i++)
			reads(2 * MIB + ((uint64_t)i << 12), LARGE + ((uint64_t)i << 12));
		/* The entry itself, or one above it. */
		if (how & 1)
			store(A3, SPARE | P_ALL);
		else
			store(A2 + 8, 0);
		if (how & 2)
			vmmu_invlpg(cpu, vmmu_gva(2 * MIB));
		else
			t_eq(touch(2 * MIB + 0x100000, VMMU_READ), VMMU_FAULT);
		for (i = 0; i < 16; i++)
			t_eq(touch(2 * MIB + ((uint64_t)i << 12), VMMU_READ), VMMU_FAULT);
		close_vm();
	}
}

/* The same where the next access is no fault, which would flush by itself. */
Test(shadow, invlpg_drops_all_pieces_of_a_large_page)
{
	unsigned how, i;

	for (how = 0; how < 4; how++) {
		open_as((struct guest_cfg){ .caches = CACHES_TLB,
					    .shadow = { .off = how & 2 ? VMMU_SHADOW_ALL : 0 } });
		put(A2 + 8, LARGE | P_ALL | P_PS);
		/* A second mapping of the same pieces, so that they stay. */
		put(A2 + 16, LARGE | P_ALL | P_PS);
		put(SPARE + 8, (LARGE + 2 * MIB) | P_ALL | P_PS);
		for (i = 0; i < 16; i++) {
			reads(2 * MIB + ((uint64_t)i << 12), LARGE + ((uint64_t)i << 12));
			reads(4 * MIB + ((uint64_t)i << 12), LARGE + ((uint64_t)i << 12));
		}
		if (how & 1)
			store(A3, SPARE | P_ALL);
		else
			store(A2 + 8, (LARGE + 2 * MIB) | P_ALL | P_PS);
		vmmu_invlpg(cpu, vmmu_gva(2 * MIB));
		for (i = 0; i < 16; i++)
			reads(2 * MIB + ((uint64_t)i << 12), LARGE + 2 * MIB + ((uint64_t)i << 12));
		close_vm();
	}
}

/* All of a large entry that a role has: its rights, its key, its size. */
Test(shadow, large_entries_that_differ_have_two_shadows)
{
	struct vmmu_regs r;

	open_without(0);
	long_mode(cpu, VMMU_CR0_WP, VMMU_CR4_PKE, VMMU_EFER_NXE);
	put(A2 + 8, LARGE | P_ALL | P_PS);
	put(A2 + 16, LARGE | P_ALL | P_PS | 5ull << 59);
	/* 1G over the same memory: the size is the guest's to see. */
	put(A3 + 16, GIB | P_ALL | P_PS);
	put(A2 + 24, GIB | P_ALL | P_PS);
	reads(2 * GIB, GIB);
	t_eq(x.guest_shift, 30);
	reads(6 * MIB, GIB);
	t_eq(x.guest_shift, 21);
	reads(2 * GIB + 0x1000, GIB + 0x1000);
	t_eq(x.guest_shift, 30);
	reads(2 * MIB, LARGE);
	reads(4 * MIB, LARGE);
	vmmu_set_pkru(cpu, 3u << 10);
	reads(2 * MIB, LARGE);
	t_eq(touch(4 * MIB, VMMU_READ), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_PK);
	vmmu_get_regs(cpu, &r);
	t_eq(r.pkru, 3u << 10);
	close_vm();
}

/* ---- CR0.WP=0 ---------------------------------------------------- */

static void store_without_wp(uint64_t cr4, uint32_t off)
{
	open_without(off);
	long_mode(cpu, 0, cr4, VMMU_EFER_NXE);
	put(A1 + 8, (A_DATA + 0x1000) | (P_RO & ~0x40ull));
	t_eq(touch(0x1000, VMMU_READ | VMMU_USER), VMMU_OK);
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_AC), VMMU_OK);
	t_eq(get(A1 + 8) & 0x40, 0x40);
	t_eq(x.once, cr4 & (VMMU_CR4_SMAP | VMMU_CR4_PKE) || off ? 1 : 0);
	t_eq(touch(0x1000, VMMU_READ | VMMU_USER), VMMU_OK);
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_USER), VMMU_FAULT);
	/* The supervisor may fetch what is not the user's alone. */
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_AC), VMMU_OK);
	t_eq(touch(0x1000, VMMU_FETCH), cr4 & VMMU_CR4_SMEP ? VMMU_FAULT : VMMU_OK);
	check();
	/* With WP=1 nothing of it is left. */
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_AC), VMMU_OK);
	t_eq(vmmu_set_cr0(cpu, VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP), VMMU_OK);
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_AC), VMMU_FAULT);
	t_eq(touch(0x1000, VMMU_READ | VMMU_USER), VMMU_OK);
	t_eq(vmmu_set_cr0(cpu, VMMU_CR0_PE | VMMU_CR0_PG), VMMU_OK);
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_AC), VMMU_OK);
	close_vm();
}

Test(shadow, the_supervisor_stores_to_read_only_pages_without_wp)
{
	store_without_wp(0, 0);
	store_without_wp(VMMU_CR4_SMEP, 0);
	store_without_wp(VMMU_CR4_SMAP, 0);
	store_without_wp(VMMU_CR4_SMEP | VMMU_CR4_SMAP, 0);
	store_without_wp(VMMU_CR4_PKE, 0);
	store_without_wp(0, VMMU_SHADOW_WP0);
}

/* SMAP comes on while a leaf lets the supervisor write what is a user's page. */
Test(shadow, smap_judges_a_page_that_was_written_without_wp)
{
	open_without(0);
	long_mode(cpu, 0, 0, VMMU_EFER_NXE);
	put(A1 + 8, (A_DATA + 0x1000) | P_RO);
	t_eq(touch(0x1000, VMMU_WRITE), VMMU_OK);
	t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_SMAP), VMMU_OK);
	t_eq(touch(0x1000, VMMU_WRITE), VMMU_FAULT);
	t_eq(touch(0x1000, VMMU_WRITE | VMMU_AC), VMMU_OK);
	close_vm();
}

/* ---- modes ------------------------------------------------------- */

/* Two vCPUs read the same frames as tables of two kinds (catalogue 51). */
Test(shadow, vcpus_in_two_modes_share_frames)
{
	struct vmmu_regs legacy = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP,
		.cr3 = A2,
	};
	struct vmmu_cpu *other;
	struct vmmu_xlat y;
	unsigned i;

	open_without(0);
	other = vmmu_cpu(vm, 1);
	/* As 4-byte entries: A2[0] leads to A1, whose entry 2 is the low half of its second. */
	t_eq(vmmu_set_regs(other, &legacy, 0), VMMU_OK);
	for (i = 0; i < 4; i++) {
		reads(0x1000, A_DATA + 0x1000);
		t_eq(vmmu_translate(other, vmmu_gva(0x2000), 1, VMMU_READ, &y), VMMU_OK);
		t_eq(y.gpa.v, A_DATA + 0x1000);
		t_eq(vmmu_translate(other, vmmu_gva(0x3000), 1, VMMU_READ, &y), VMMU_FAULT);
		check();
	}
	store(A1 + 8, (B_DATA + 0x2000) | P_ALL);
	vmmu_invlpg(other, vmmu_gva(0x2000));
	t_eq(vmmu_translate(other, vmmu_gva(0x2000), 1, VMMU_READ, &y), VMMU_OK);
	t_eq(y.gpa.v, B_DATA + 0x2000);
	agree(0x1000, VMMU_READ);
	close_vm();
}

/* The A bit of a 4-byte entry is bit 37 of an 8-byte one: a translation of long mode changes. */
Test(shadow, an_a_bit_of_a_small_entry_changes_a_large_one)
{
	struct vmmu_regs legacy = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP,
		.cr3 = A2,
	};
	struct vmmu_cpu *other;
	struct vmmu_xlat y;

	open_without(0);
	other = vmmu_cpu(vm, 1);
	/* High half 1: present, read-only, not accessed; GPA 4G and something. */
	put(A1 + 8, 4 * GIB | P_ALL);
	reads(0x1000, 4 * GIB);
	t_eq(vmmu_set_regs(other, &legacy, 0), VMMU_OK);
	t_eq(vmmu_translate(other, vmmu_gva(0x3000), 1, VMMU_READ, &y), VMMU_OK);
	t_eq(get(A1 + 8), 4 * GIB | P_ALL | 1ull << 37);
	check();
	vmmu_invlpg(cpu, vmmu_gva(0x1000));
	t_eq(touch(0x1000, VMMU_READ), VMMU_MMIO);
	t_eq(x.gpa.v, 4 * GIB | 1ull << 37);
	close_vm();
}

Test(shadow, bits_that_decide_what_is_a_leaf_or_reserved_are_in_the_role)
{
	const uint64_t pg = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP;
	struct vmmu_regs legacy = { .cr0 = pg, .cr3 = SPARE, .cr4 = VMMU_CR4_PSE };
	uint32_t pde = (uint32_t)(LARGE | P_ALL | P_PS), pte = (uint32_t)(B_DATA | P_ALL);

	open_without(0);
	memcpy(mem + SPARE, &pde, 4);
	memcpy(mem + LARGE, &pte, 4);
	t_eq(vmmu_set_regs(cpu, &legacy, 0), VMMU_OK);
	reads(0, LARGE);
	/* Without PSE it is a link, to a table at LARGE. */
	t_eq(vmmu_set_cr4(cpu, 0), VMMU_OK);
	reads(0, B_DATA);
	t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PSE), VMMU_OK);
	reads(0, LARGE);
	/* NXE: bit 63 is reserved, or a right. */
	long_mode(cpu, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
	put(A1, A_DATA | P_ALL | NX);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(A1), 4096), VMMU_OK);
	t_eq(vmmu_notify_end(vm, vmmu_gpa(A1), 4096), VMMU_OK);
	reads(0, A_DATA);
	t_eq(vmmu_set_efer(cpu, VMMU_EFER_LME | VMMU_EFER_LMA), VMMU_OK);
	t_eq(touch(0, VMMU_READ), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_RSVD);
	close_vm();
}

/* PAE with PDPTEs that are read on every walk: those of before do not outlive CR3. */
Test(shadow, walked_pdptes_are_read_again_after_a_load)
{
	static struct vmmu_profile walked;
	struct vmmu_regs pae = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP,
		.cr3 = SPARE,
		.cr4 = VMMU_CR4_PAE,
	};

	walked = vmmu_profile_max;
	walked.features |= VMMU_CPU_PDPTE_WALK;
	open_as((struct guest_cfg){ .profile = &walked });
	put(SPARE, A2 | 1);
	t_eq(vmmu_set_regs(cpu, &pae, 0), VMMU_OK);
	reads(0x1000, A_DATA + 0x1000);
	put(SPARE, B2 | 1);
	load(SPARE);
	reads(0x1000, B_DATA + 0x1000);
	put(SPARE, A2 | 1);
	vmmu_invlpg(cpu, vmmu_gva(0x1000));
	reads(0x1000, A_DATA + 0x1000);
	close_vm();
}

/* Two directories for the first 2G of A, the first of them for B, which lies at 0 itself. */
static void pae_spaces(uint32_t off)
{
	const struct vmmu_regs pae = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP,
		.cr3 = SPARE,
		.cr4 = VMMU_CR4_PAE,
	};

	open_without(off);
	put(SPARE, A2 | 1);
	put(SPARE + 8, B2 | 1);
	put(SPARE + 0x1000, 1);
	put(0, B1 | P_ALL);
	t_eq(vmmu_set_regs(cpu, &pae, 1), VMMU_OK);
}

Test(shadow, a_load_of_cr3_finds_the_directories_that_are_shadowed)
{
	pae_spaces(VMMU_SHADOW_ROOTS);
	reads(0x1000, A_DATA + 0x1000);
	reads(KERNEL + 0x1000, B_DATA + 0x1000);
	load(SPARE + 0x1000);
	reads(0x1000, B_DATA + 0x1000);
	restart();
	load(SPARE);
	reads(0x1000, A_DATA + 0x1000);
	reads(KERNEL + 0x1000, B_DATA + 0x1000);
	t_eq(misses(), 0);
	close_vm();
}

Test(shadow, a_pdpte_that_is_not_present_is_no_directory_at_0)
{
	pae_spaces(VMMU_SHADOW_ROOTS);
	load(SPARE + 0x1000);
	reads(0x1000, B_DATA + 0x1000);
	load(SPARE);
	load(SPARE + 0x1000);
	t_eq(touch(KERNEL + 0x1000, VMMU_READ), VMMU_FAULT);
	t_eq(x.fault.code, 0);
	close_vm();
}

/* ---- no memory --------------------------------------------------- */

#define NOWHERE (64 * MIB)

static uint64_t walked_by_software(void)
{
	return seen(VMMU_EV_SW_WALK);
}

static void add_memory_nowhere(void)
{
	const struct vmmu_slot_info s = { { NOWHERE }, 4096, mem + LARGE, 4096, 0 };

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
