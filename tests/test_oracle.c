/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle against the manuals: modes, error codes, rights, accessed and dirty.  Every expected
 * value is a literal worked out by hand from them.
 * Not a test of the library.
 * Invariant: each test states one architectural fact and fails if the oracle gets it wrong.
 */
#include "oracle_rig.h"

static uint64_t get4(uint64_t pa)
{
	uint64_t v;

	rd(NULL, pa, 4, &v);
	return v;
}

/* Modes. */

Test(mode, paging_off_is_identity)
{
	setup_common();
	t_ok(tr(0x12345678, OR_WRITE, 0), 0x12345678);
}

Test(mode, paging_off_uses_32_bits)
{
	setup_common();
	t_ok(tr(UINT64_C(0x100005678), OR_READ, 0), 0x5678);
}

Test(mode, paging_off_reads_no_entry_and_grants_all)
{
	struct or_result res;

	setup_common();
	res = tr(0x5678, OR_READ, USER);
	t_eq(res.refs, 0);
	t_eq(res.shift, 12);
	t_eq(res.rights, OR_R | OR_W | OR_X | OR_U);
}

Test(mode, two_level_4k)
{
	struct or_result res;

	setup_32();
	res = tr(VA2, OR_READ, 0);
	t_ok(res, 0x7123);
	t_eq(res.shift, 12);
	t_eq(res.refs, 2);
}

Test(mode, two_level_ignores_high_half_of_gva)
{
	setup_32();
	t_ok(tr(UINT64_C(0xffff000000000000) | VA2, OR_READ, 0), 0x7123);
}

Test(mode, two_level_uses_the_high_half_of_nothing_in_cr3)
{
	setup_32();
	r.cr3 = UINT64_C(0x500001000);
	t_ok(tr(VA2, OR_READ, 0), 0x7123);
}

Test(mode, two_level_4m)
{
	struct or_result res;

	setup_32();
	r.cr4 = OR_CR4_PSE;
	put4(PDE2, 0x12400000 | PS | PWU);
	res = tr(VA2, OR_READ, 0);
	t_ok(res, 0x12404123);
	t_eq(res.shift, 22);
	t_eq(res.refs, 1);
}

Test(mode, pse36_4m_above_4g)
{
	setup_32();
	r.cr4 = OR_CR4_PSE;
	put4(PDE2, 0x12400000 | 5 << 13 | PS | PWU); /* bits 20:13 are address bits 39:32 */
	t_ok(tr(VA2, OR_READ, 0), UINT64_C(0x512404123));
}

Test(mode, pae_4k_with_cached_pdptes)
{
	struct or_result res;

	setup_pae();
	res = tr(VAP, OR_READ, 0);
	t_ok(res, 0x7123);
	t_eq(res.refs, 2);
}

Test(mode, pae_2m)
{
	struct or_result res;

	setup_pae();
	put8(PDE, UINT64_C(0x300200000) | PS | PWU);
	res = tr(VAP, OR_READ, 0);
	t_ok(res, UINT64_C(0x300204123));
	t_eq(res.shift, 21);
	t_eq(res.refs, 1);
}

Test(mode, pae_2m_needs_no_pse)
{
	setup_pae();
	r.cr4 &= ~OR_CR4_PSE;
	put8(PDE, 0x200000 | PS | PWU);
	t_eq(tr(VAP, OR_READ, 0).shift, 21);
}

Test(mode, pae_walked_reads_pdpte_from_memory)
{
	struct or_result res;

	setup_pae();
	p.pdpte_walk = true;
	r.pdpte[2] = 0;
	put8(0x1030, 0x3000 | P); /* 0x1020 + 2 * 8 */
	res = tr(VAP, OR_READ, 0);
	t_ok(res, 0x7123);
	t_eq(res.refs, 3);
}

Test(mode, four_level_4k)
{
	struct or_result res;

	setup_long();
	res = tr(VA, OR_READ, 0);
	t_ok(res, 0x7123);
	t_eq(res.shift, 12);
	t_eq(res.refs, 4);
}

Test(mode, four_level_2m)
{
	struct or_result res;

	setup_long();
	put8(PDE, 0x40200000 | PS | PWU);
	res = tr(VA, OR_READ, 0);
	t_ok(res, 0x40204123);
	t_eq(res.shift, 21);
	t_eq(res.refs, 3);
}

Test(mode, four_level_1g)
{
	struct or_result res;

	setup_long();
	put8(PDPTE, 0x80000000 | PS | PWU);
	res = tr(VA, OR_READ, 0);
	t_ok(res, 0x80604123);
	t_eq(res.shift, 30);
	t_eq(res.refs, 2);
}

Test(mode, bit_12_of_a_large_leaf_is_pat_not_address)
{
	setup_long();
	put8(PDE, 0x40200000 | 0x1000 | PS | PWU);
	t_ok(tr(VA, OR_READ, 0), 0x40204123);
}

Test(mode, five_level_4k)
{
	struct or_result res;

	setup_5level();
	res = tr(VA5, OR_READ, 0);
	t_ok(res, 0x7123);
	t_eq(res.refs, 5);
}

Test(mode, ignored_bits_of_a_long_mode_entry_are_ignored)
{
	setup_long();
	put8(PTE, UINT64_C(0x7ff0000000007e00) | PWU); /* 62:52 and 11:9 */
	t_ok(tr(VA, OR_READ, 0), 0x7123);
}

/* Section 1: canonical addresses and the error code. */

Test(canonical, bit_47_alone_is_gp)
{
	setup_long();
	t_eq(tr(UINT64_C(0x0000800000000000), OR_READ, 0).kind, OR_GP);
}

Test(canonical, stack_access_is_ss)
{
	setup_long();
	t_eq(tr(UINT64_C(0x0000800000000000), OR_READ, STACK).kind, OR_SS);
}

Test(canonical, checked_before_any_walk)
{
	setup_long();
	t_eq(tr(UINT64_C(0xffff000000000000), OR_READ, USER).refs, 0);
}

Test(canonical, sign_extended_address_walks)
{
	setup_long();
	t_fault(tr(UINT64_C(0xffff800000000000), OR_READ, 0), 0);
}

Test(canonical, la57_takes_57_bits)
{
	setup_5level();
	t_ok(tr(VA5, OR_READ, 0), 0x7123);
	t_eq(tr(UINT64_C(0x0100000000000000), OR_READ, 0).kind, OR_GP);
}

Test(error, not_present_read_is_zero)
{
	setup_long();
	put8(PTE, 0);
	t_fault(tr(VA, OR_READ, 0), 0);
}

Test(error, not_present_reports_write_and_user)
{
	setup_long();
	put8(PDPTE, 0);
	t_fault(tr(VA, OR_WRITE, USER), 6);
}

Test(error, not_present_entry_may_hold_anything)
{
	setup_long();
	put8(PDE, UINT64_MAX - 1);
	t_fault(tr(VA, OR_READ, 0), 0);
}

Test(error, cr2_is_the_address)
{
	setup_long();
	put8(PTE, 0);
	t_eq(tr(VA, OR_READ, 0).cr2, VA);
}

Test(error, cr2_outside_long_mode_has_32_bits)
{
	setup_32();
	put4(PTE2, 0);
	t_eq(tr(UINT64_C(0x700000000) | VA2, OR_READ, 0).cr2, VA2);
}

Test(error, user_write_to_readonly_is_7)
{
	setup_long();
	put8(PTE, 0x7000 | PU);
	t_fault(tr(VA, OR_WRITE, USER), 7);
}

Test(error, user_read_of_supervisor_is_5)
{
	setup_long();
	put8(PTE, 0x7000 | PW);
	t_fault(tr(VA, OR_READ, USER), 5);
}

Test(error, reserved_is_p_and_rsvd)
{
	setup_long();
	put8(PTE, UINT64_C(1) << 51 | 0x7000 | PWU);
	t_fault(tr(VA, OR_WRITE, 0), 0xb);
}

Test(error, implicit_access_reports_supervisor)
{
	setup_long();
	put8(PTE, 0);
	t_fault(tr(VA, OR_READ, USER | IMPL), 0);
}

Test(error, implicit_access_may_use_supervisor_page)
{
	setup_long();
	put8(PTE, 0x7000 | PW);
	t_ok(tr(VA, OR_READ, USER | IMPL), 0x7123);
}

Test(error, fetch_told_with_nx)
{
	setup_long();
	put8(PTE, 0);
	t_fault(tr(VA, OR_FETCH, USER), 0x14);
}

Test(error, fetch_not_told_without_nx_and_smep)
{
	setup_long();
	r.efer &= ~OR_EFER_NXE;
	put8(PTE, 0);
	t_fault(tr(VA, OR_FETCH, USER), 4);
}

Test(error, fetch_told_with_smep_alone)
{
	setup_long();
	r.efer &= ~OR_EFER_NXE;
	r.cr4 |= OR_CR4_SMEP;
	put8(PTE, 0);
	t_fault(tr(VA, OR_FETCH, USER), 0x14);
}

Test(error, fetch_not_told_by_nxe_under_two_level)
{
	setup_32();
	r.efer |= OR_EFER_NXE;
	put4(PTE2, 0);
	t_fault(tr(VA2, OR_FETCH, 0), 0);
}

Test(error, walk_stops_at_first_not_present)
{
	struct or_result res;

	setup_long();
	put8(PDPTE, 0);
	put8(PTE, UINT64_C(1) << 51 | P);
	res = tr(VA, OR_READ, 0);
	t_fault(res, 0);
	t_eq(res.level, 3);
	t_eq(res.refs, 2);
}

Test(error, walk_stops_at_first_reserved)
{
	struct or_result res;

	setup_long();
	put8(PML4E, 0x2000 | PS | PWU);
	put8(PTE, 0);
	res = tr(VA, OR_READ, 0);
	t_fault(res, 9);
	t_eq(res.level, 4);
}

Test(error, permission_is_judged_at_the_leaf_only)
{
	setup_long();
	put8(PML4E, 0x2000 | P); /* no user, no write: and yet the lower hole is reported */
	put8(PTE, 0);
	t_fault(tr(VA, OR_WRITE, USER), 6);
}

Test(error, permission_fault_names_the_leaf_level)
{
	setup_long();
	put8(PML4E, 0x2000 | PU);
	t_eq(tr(VA, OR_WRITE, USER).level, 1);
}

/* Section 2: rights. */

Test(rights, write_is_the_and_of_all_levels)
{
	setup_long();
	put8(PDPTE, 0x3000 | PU);
	t_fault(tr(VA, OR_WRITE, USER), 7);
	t_eq(tr(VA, OR_READ, USER).rights, OR_R | OR_X | OR_U);
}

Test(rights, user_is_the_and_of_all_levels)
{
	setup_long();
	put8(PDE, 0x4000 | PW);
	t_fault(tr(VA, OR_READ, USER), 5);
	t_eq(tr(VA, OR_READ, 0).rights, OR_R | OR_W | OR_X);
}

Test(rights, nx_of_any_level_forbids_fetch)
{
	setup_long();
	put8(PML4E, NX | 0x2000 | PWU);
	t_fault(tr(VA, OR_FETCH, USER), 0x15);
	t_eq(tr(VA, OR_READ, 0).rights, OR_R | OR_W | OR_U);
}

Test(rights, pae_pdpte_takes_no_part)
{
	setup_pae(); /* its PDPTE has neither W nor U */
	t_ok(tr(VAP, OR_WRITE, USER), 0x7123);
}

Test(rights, pae_nx_forbids_fetch)
{
	setup_pae();
	put8(PTE, NX | 0x7000 | PWU);
	t_fault(tr(VAP, OR_FETCH, 0), 0x11);
}

Test(rights, two_level_always_grants_x)
{
	setup_32();
	t_eq(tr(VA2, OR_FETCH, USER).rights, OR_R | OR_W | OR_X | OR_U);
}

Test(rights, supervisor_write_to_readonly_faults_with_wp)
{
	setup_long();
	put8(PTE, 0x7000 | PU);
	t_fault(tr(VA, OR_WRITE, 0), 3);
}

Test(rights, supervisor_write_to_readonly_passes_without_wp)
{
	setup_long();
	r.cr0 &= ~OR_CR0_WP;
	put8(PTE, 0x7000 | PU);
	t_ok(tr(VA, OR_WRITE, 0), 0x7123);
	t_eq(get8(PTE), 0x7000 | PU | A | D);
}

Test(rights, wp_clear_does_not_show_in_rights)
{
	setup_long();
	r.cr0 &= ~OR_CR0_WP;
	put8(PTE, 0x7000 | PU);
	t_eq(tr(VA, OR_WRITE, 0).rights, OR_R | OR_X | OR_U);
}

Test(rights, user_write_to_readonly_faults_without_wp)
{
	setup_long();
	r.cr0 &= ~OR_CR0_WP;
	put8(PTE, 0x7000 | PU);
	t_fault(tr(VA, OR_WRITE, USER), 7);
}

Test(smep, supervisor_fetch_of_user_page_faults)
{
	setup_long();
	r.cr4 |= OR_CR4_SMEP;
	t_fault(tr(VA, OR_FETCH, 0), 0x11);
}

Test(smep, supervisor_fetch_of_supervisor_page_passes)
{
	setup_long();
	r.cr4 |= OR_CR4_SMEP;
	put8(PDE, 0x4000 | PW);
	t_ok(tr(VA, OR_FETCH, 0), 0x7123);
}

Test(smep, user_fetch_passes)
{
	setup_long();
	r.cr4 |= OR_CR4_SMEP;
	t_ok(tr(VA, OR_FETCH, USER), 0x7123);
}

Test(smep, works_under_two_level)
{
	setup_32();
	r.cr4 |= OR_CR4_SMEP;
	t_fault(tr(VA2, OR_FETCH, 0), 0x11);
}

Test(smap, supervisor_read_of_user_page_faults)
{
	setup_long();
	r.cr4 |= OR_CR4_SMAP;
	t_fault(tr(VA, OR_READ, 0), 1);
}

Test(smap, ac_lets_it_pass)
{
	setup_long();
	r.cr4 |= OR_CR4_SMAP;
	t_ok(tr(VA, OR_WRITE, AC), 0x7123);
}

Test(smap, ac_does_not_help_an_implicit_access)
{
	setup_long();
	r.cr4 |= OR_CR4_SMAP;
	t_fault(tr(VA, OR_READ, USER | IMPL | AC), 1);
}

Test(smap, leaves_fetches_alone)
{
	setup_long();
	r.cr4 |= OR_CR4_SMAP;
	t_ok(tr(VA, OR_FETCH, 0), 0x7123);
}

Test(smap, leaves_user_accesses_alone)
{
	setup_long();
	r.cr4 |= OR_CR4_SMAP;
	t_ok(tr(VA, OR_READ, USER), 0x7123);
}

Test(smap, not_excused_by_wp_clear)
{
	setup_long();
	r.cr4 |= OR_CR4_SMAP;
	r.cr0 &= ~OR_CR0_WP;
	t_fault(tr(VA, OR_WRITE, 0), 3);
}

#define KEY(k) (UINT64_C(k) << 59)

static void setup_key(unsigned key, uint64_t low)
{
	setup_long();
	r.cr4 |= OR_CR4_PKE;
	put8(PTE, (uint64_t)key << 59 | 0x7000 | low);
}

Test(pku, access_disable_forbids_user_read)
{
	setup_key(3, PWU);
	r.pkru = 1u << 6;
	t_fault(tr(VA, OR_READ, USER), 0x25);
}

Test(pku, access_disable_forbids_supervisor_read)
{
	setup_key(3, PWU);
	r.pkru = 1u << 6;
	t_fault(tr(VA, OR_READ, 0), 0x21);
}

Test(pku, other_key_is_free)
{
	setup_key(3, PWU);
	r.pkru = 0xffffff3f;
	t_ok(tr(VA, OR_WRITE, USER), 0x7123);
}

Test(pku, write_disable_forbids_write_only)
{
	setup_key(15, PWU);
	r.pkru = 2u << 30;
	t_fault(tr(VA, OR_WRITE, USER), 0x27);
	t_ok(tr(VA, OR_READ, USER), 0x7123);
}

Test(pku, write_disable_ignored_for_supervisor_without_wp)
{
	setup_key(1, PWU);
	r.pkru = 2u << 2;
	t_fault(tr(VA, OR_WRITE, 0), 0x23);
	r.cr0 &= ~OR_CR0_WP;
	t_ok(tr(VA, OR_WRITE, 0), 0x7123);
}

Test(pku, write_disable_kept_for_user_without_wp)
{
	setup_key(1, PWU);
	r.pkru = 2u << 2;
	r.cr0 &= ~OR_CR0_WP;
	t_fault(tr(VA, OR_WRITE, USER), 0x27);
}

Test(pku, never_on_fetches)
{
	setup_key(3, PWU);
	r.pkru = UINT32_MAX;
	t_ok(tr(VA, OR_FETCH, USER), 0x7123);
}

Test(pku, keyed_on_accumulated_user)
{
	setup_key(3, PWU);
	put8(PDE, 0x4000 | PW); /* the page is a supervisor page, whatever its leaf says */
	r.pkru = UINT32_MAX;
	t_ok(tr(VA, OR_READ, 0), 0x7123);
}

Test(pku, pk_reported_beside_another_violation)
{
	setup_key(3, PU);
	r.pkru = 3u << 6;
	t_fault(tr(VA, OR_WRITE, USER), 0x27);
}

Test(pku, not_reported_when_the_key_permits)
{
	setup_key(3, PU);
	t_fault(tr(VA, OR_WRITE, USER), 7);
}

Test(pku, off_without_pke)
{
	setup_key(3, PWU);
	r.cr4 &= ~OR_CR4_PKE;
	r.pkru = UINT32_MAX;
	t_ok(tr(VA, OR_WRITE, USER), 0x7123);
}

Test(pku, off_outside_long_mode)
{
	setup_pae();
	r.cr4 |= OR_CR4_PKE;
	r.pkru = UINT32_MAX;
	t_ok(tr(VAP, OR_WRITE, USER), 0x7123);
}

Test(pku, two_meg_leaf_has_a_key)
{
	setup_key(0, PWU);
	put8(PDE, KEY(2) | 0x200000 | PS | PWU);
	r.pkru = 1u << 4;
	t_fault(tr(VA, OR_READ, USER), 0x25);
}

Test(pks, keyed_on_supervisor_pages)
{
	setup_key(3, PW);
	r.cr4 |= OR_CR4_PKS;
	r.pkrs = 1u << 6;
	t_fault(tr(VA, OR_READ, 0), 0x21);
}

Test(pks, leaves_user_pages_alone)
{
	setup_key(3, PWU);
	r.cr4 |= OR_CR4_PKS;
	r.pkrs = UINT32_MAX;
	t_ok(tr(VA, OR_READ, 0), 0x7123);
}

Test(pks, write_disable_needs_wp)
{
	setup_key(3, PW);
	r.cr4 |= OR_CR4_PKS;
	r.pkrs = 2u << 6;
	t_fault(tr(VA, OR_WRITE, 0), 0x23);
	r.cr0 &= ~OR_CR0_WP;
	t_ok(tr(VA, OR_WRITE, 0), 0x7123);
}

/* Section 3: accessed and dirty. */

Test(ad, read_sets_a_everywhere_and_d_nowhere)
{
	setup_long();
	tr(VA, OR_READ, 0);
	t_eq(get8(PML4E), 0x2027);
	t_eq(get8(PDPTE), 0x3027);
	t_eq(get8(PDE), 0x4027);
	t_eq(get8(PTE), 0x7027);
}

Test(ad, write_sets_d_in_the_leaf_alone)
{
	setup_long();
	tr(VA, OR_WRITE, 0);
	t_eq(get8(PML4E), 0x2027);
	t_eq(get8(PDE), 0x4027);
	t_eq(get8(PTE), 0x7067);
}

Test(ad, large_leaf_gets_d)
{
	setup_long();
	put8(PDE, 0x40200000 | PS | PWU);
	tr(VA, OR_WRITE, 0);
	t_eq(get8(PDE), 0x402000e7);
}

Test(ad, five_level_top_gets_a)
{
	setup_5level();
	tr(VA5, OR_READ, 0);
	t_eq(get8(0x8028), 0x1027);
}

Test(ad, refused_access_leaves_the_leaf)
{
	setup_long();
	put8(PTE, 0x7000 | PU);
	tr(VA, OR_WRITE, USER);
	t_eq(get8(PTE), 0x7005);
}

Test(ad, key_refusal_leaves_the_leaf)
{
	setup_key(3, PWU);
	r.pkru = 1u << 6;
	tr(VA, OR_READ, USER);
	t_eq(get8(PTE), KEY(3) | 0x7007);
}

Test(ad, two_level_writes_four_bytes)
{
	setup_32();
	put4(PTE2 + 4, 0xdeadbeef);
	tr(VA2, OR_WRITE, 0);
	t_eq(get4(PDE2), 0x4027);
	t_eq(get8(PTE2), UINT64_C(0xdeadbeef00007067));
}

Test(ad, pae_pdpte_has_none)
{
	setup_pae();
	p.pdpte_walk = true;
	put8(0x1030, 0x3000 | P);
	tr(VAP, OR_WRITE, 0);
	t_eq(get8(0x1030), 0x3001);
	t_eq(get8(PDE), 0x4027);
}

Test(ad, set_although_the_data_is_mmio)
{
	struct or_result res;

	setup_long();
	put8(PTE, 0xa0000 | PWU);
	res = tr(VA, OR_WRITE, 0);
	t_eq(res.kind, OR_MMIO);
	t_eq(res.stage, OR_FINAL);
	t_eq(res.gpa, 0xa0123);
	t_eq(get8(PTE), 0xa0067);
}

Test(ad, probe_sets_nothing)
{
	setup_long();
	tr(VA, OR_WRITE, NO_AD);
	t_eq(get8(PML4E), 0x2007);
	t_eq(get8(PTE), 0x7007);
}

Test(ad, store_to_readonly_table_is_dropped)
{
	setup_long();
	readonly_page = 0x4000;
	t_ok(tr(VA, OR_WRITE, 0), 0x7123);
	t_eq(get8(PTE), 0x7007);
	t_eq(get8(PDE), 0x4027);
}

Test(ad, self_mapping_entry_keeps_both_updates)
{
	setup_long();
	put8(0x1008, 0x1000 | PWU); /* entry 1 maps the PML4 itself: all four levels use it */
	t_ok(tr(UINT64_C(0x8040201008), OR_WRITE, 0), 0x1008);
	t_eq(get8(0x1008), 0x1067);
}

Test(mmio, table_outside_ram_names_the_entry)
{
	struct or_result res;

	setup_long();
	put8(PDE, 0xa0000 | PWU);
	res = tr(VA, OR_READ, 0);
	t_eq(res.kind, OR_MMIO);
	t_eq(res.stage, OR_TABLE);
	t_eq(res.gpa, 0xa0020);
	t_eq(res.level, 1);
}

Test(mmio, write_to_rom_is_told)
{
	setup_long();
	readonly_page = 0x7000;
	t_true(tr(VA, OR_WRITE, 0).readonly);
	t_true(!tr(VA, OR_READ, 0).readonly);
}
