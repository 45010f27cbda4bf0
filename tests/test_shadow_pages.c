/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging: prefetch, large pages, CR0.WP=0, and the modes of the guest.
 * Not here: how stores to tables are followed (test_shadow.c), limits (test_shadow_limits.c).
 * Keeps: what shadow_rig.h says.
 */
#include "shadow_rig.h"

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

/* A table of 2-level paging has two shadows: a wide store may hit entries of both. */
Test(shadow, a_store_across_quadrants_is_seen_in_both)
{
	struct vmmu_regs legacy = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP, .cr3 = SPARE };
	const uint32_t pde = (uint32_t)(LARGE | P_ALL);
	const uint64_t gva = 0x1fe000; /* entry 510; the second shadow begins at 512 */
	unsigned how, from, i;
	uint32_t pte[4];

	for (how = 0; how < 2; how++) {
		for (from = 0; from < 4; from++) {
			open_without(how ? VMMU_SHADOW_UNSYNC | VMMU_SHADOW_FLOOD : 0);
			memcpy(mem + SPARE, &pde, 4);
			for (i = 0; i < 4; i++)
				pte[i] = (uint32_t)((A_DATA + 0x1000 * i) | P_ALL);
			memcpy(mem + LARGE + 4 * 510, pte, 16);
			t_eq(vmmu_set_regs(cpu, &legacy, 0), VMMU_OK);
			for (i = 0; i < 4; i++)
				reads(gva + 0x1000 * i, A_DATA + 0x1000 * i);
			for (i = 0; i < 4; i++)
				pte[i] = (uint32_t)((B_DATA + 0x1000 * i) | P_ALL);
			t_eq(vmmu_write(vm, cpu, vmmu_gpa(LARGE + 4 * (510 + from)), pte + from,
					16 - 4 * from, NULL),
			     VMMU_OK);
			check();
			for (i = from; i < 4; i++) {
				vmmu_invlpg(cpu, vmmu_gva(gva + 0x1000 * i));
				reads(gva + 0x1000 * i, B_DATA + 0x1000 * i);
			}
			close_vm();
		}
	}
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
