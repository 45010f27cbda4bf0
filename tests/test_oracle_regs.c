/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle against the manuals: reserved bits, PDPTEs, register writes, accesses that cross a
 * page.  Every expected value is a literal worked out by hand from them.
 * Not a test of the library.
 * Invariant: each test states one architectural fact and fails if the oracle gets it wrong.
 */
#include "oracle_rig.h"

/* Section 4: reserved bits.  One bit at a time, and the neighbour that is none. */

static unsigned rsvd_32(uint64_t pde)
{
	struct or_result res;

	put4(PDE2, pde);
	res = tr(VA2, OR_READ, 0);
	return res.kind == OR_PF && (res.error & OR_PF_RSVD);
}

Test(rsvd, two_level_without_pse_has_none)
{
	setup_32();
	put4(PDE2, 0x4000 | PS | 0xe00 | PWU);
	put4(PTE2, 0x7000 | 0xf80 | PWU);
	t_ok(tr(VA2, OR_READ, 0), 0x7123);
}

Test(rsvd, four_meg_leaf_at_40_bits)
{
	setup_32();
	r.cr4 = OR_CR4_PSE;
	t_true(rsvd_32(1u << 21 | PS | PWU));
	t_true(!rsvd_32(1u << 20 | PS | PWU));
	t_true(!rsvd_32(1u << 13 | PS | PWU));
}

Test(rsvd, four_meg_leaf_at_36_bits)
{
	setup_32();
	r.cr4 = OR_CR4_PSE;
	p.maxphyaddr = 36;
	t_true(rsvd_32(1u << 17 | PS | PWU));
	t_true(rsvd_32(1u << 21 | PS | PWU));
	t_true(!rsvd_32(1u << 16 | PS | PWU));
}

Test(rsvd, four_meg_leaf_without_pse36)
{
	setup_32();
	r.cr4 = OR_CR4_PSE;
	p.has_pse36 = false;
	t_true(rsvd_32(1u << 13 | PS | PWU));
	t_true(rsvd_32(1u << 21 | PS | PWU));
	t_true(!rsvd_32(1u << 12 | PS | PWU));
}

/* Sets bit in the entry at pa and asks whether that faults as reserved. */
static bool rsvd_bit(uint64_t gva, uint64_t pa, uint64_t base, unsigned bit)
{
	struct or_result res;
	uint64_t old = get8(pa);

	put8(pa, base | UINT64_C(1) << bit);
	res = tr(gva, OR_READ, NO_AD);
	put8(pa, old);
	return res.kind == OR_PF && (res.error & OR_PF_RSVD);
}

static uint64_t rsvd_bits(uint64_t gva, uint64_t pa, uint64_t base)
{
	uint64_t found = 0;
	unsigned bit;

	for (bit = 0; bit < 64; bit++)
		if (!(base >> bit & 1) && rsvd_bit(gva, pa, base, bit))
			found |= UINT64_C(1) << bit;
	return found;
}

Test(rsvd, long_mode_pte_is_maxphyaddr_to_51)
{
	setup_long();
	t_eq(rsvd_bits(VA, PTE, 0x7000 | PWU), UINT64_C(0x000fc00000000000)); /* 46..51 */
}

Test(rsvd, long_mode_pte_with_52_bits_has_none)
{
	setup_long();
	p.maxphyaddr = 52;
	t_eq(rsvd_bits(VA, PTE, 0x7000 | PWU), 0);
}

Test(rsvd, nx_without_nxe)
{
	setup_long();
	r.efer &= ~OR_EFER_NXE;
	t_eq(rsvd_bits(VA, PTE, 0x7000 | PWU), UINT64_C(0x800fc00000000000));
}

Test(rsvd, pde_2m)
{
	setup_long();
	t_eq(rsvd_bits(VA, PDE, PS | PWU), UINT64_C(0x000fc000001fe000)); /* and 20:13 */
}

Test(rsvd, pdpte_1g)
{
	setup_long();
	t_eq(rsvd_bits(VA, PDPTE, PS | PWU), UINT64_C(0x000fc0003fffe000)); /* and 29:13 */
}

Test(rsvd, pdpte_ps_without_1g)
{
	setup_long();
	p.has_1g = false;
	t_eq(rsvd_bits(VA, PDPTE, 0x3000 | PWU), UINT64_C(0x000fc00000000080));
}

Test(rsvd, pml4e_bit_7_always)
{
	setup_long();
	t_eq(rsvd_bits(VA, PML4E, 0x2000 | PWU), UINT64_C(0x000fc00000000080));
}

Test(rsvd, pml4e_bit_8_where_g_is_reserved)
{
	setup_long();
	p.g_reserved = true;
	t_eq(rsvd_bits(VA, PML4E, 0x2000 | PWU), UINT64_C(0x000fc00000000180));
}

Test(rsvd, pml5e_bit_7_and_8)
{
	setup_5level();
	p.g_reserved = true;
	t_eq(rsvd_bits(VA5, 0x8028, 0x1000 | PWU), UINT64_C(0x000fc00000000180));
}

Test(rsvd, bit_8_of_lower_tables_is_free)
{
	setup_long();
	p.g_reserved = true;
	put8(PDPTE, 0x3000 | G | PWU);
	put8(PDE, 0x4000 | G | PWU);
	t_ok(tr(VA, OR_READ, 0), 0x7123);
}

Test(rsvd, pae_pte_is_maxphyaddr_to_62)
{
	setup_pae();
	t_eq(rsvd_bits(VAP, PTE, 0x7000 | PWU), UINT64_C(0x7fffc00000000000));
}

Test(rsvd, pae_pde_2m_without_nxe)
{
	setup_pae();
	r.efer = 0;
	t_eq(rsvd_bits(VAP, PDE, PS | PWU), UINT64_C(0xffffc000001fe000));
}

Test(rsvd, pae_pdpte_walked)
{
	setup_pae();
	p.pdpte_walk = true;
	t_eq(rsvd_bits(VAP, 0x1030, 0x3000 | P), UINT64_C(0xffffc000000001e6));
}

/* Section 5: PDPTEs. */

/* PAE on, paging still off, good PDPTEs in memory at 0x1020. */
static void setup_pdptes(void)
{
	setup_pae();
	memset(r.pdpte, 0, sizeof(r.pdpte));
	put8(0x1020, 0x2000 | P);
	put8(0x1028, 0);
	put8(0x1030, 0x3000 | P);
	put8(0x1038, UINT64_MAX - 1); /* not present: anything goes */
}

Test(pdpte, not_present_is_error_zero_at_level_3)
{
	struct or_result res;

	setup_pae();
	r.pdpte[2] = 0;
	res = tr(VAP, OR_READ, USER);
	t_fault(res, 4);
	t_eq(res.level, 3);
	t_eq(res.refs, 0);
}

Test(pdpte, mov_cr3_loads_all_four)
{
	setup_pdptes();
	t_eq(or_set_cr3(&r, &p, &mem, 0x103f), OR_OK); /* bits 4:0 are ignored */
	t_eq(r.pdpte[0], 0x2001);
	t_eq(r.pdpte[2], 0x3001);
	t_eq(r.pdpte[3], UINT64_MAX - 1);
	t_eq(r.cr3, 0x103f);
}

Test(pdpte, later_store_is_not_seen)
{
	setup_pdptes();
	or_set_cr3(&r, &p, &mem, 0x1020);
	put8(0x1030, 0);
	t_ok(tr(VAP, OR_READ, 0), 0x7123);
}

Test(pdpte, bad_one_makes_mov_cr3_gp)
{
	setup_pdptes();
	put8(0x1020, 0x2000 | 2 | P);
	t_eq(or_set_cr3(&r, &p, &mem, 0x1020), OR_GP);
}

Test(pdpte, failed_load_changes_nothing)
{
	setup_pdptes();
	r.cr3 = 0x5000;
	put8(0x1038, UINT64_C(1) << 63 | P);
	t_eq(or_set_cr3(&r, &p, &mem, 0x1020), OR_GP);
	t_eq(r.cr3, 0x5000);
	t_eq(r.pdpte[0], 0);
}

Test(pdpte, reserved_bits_of_a_load)
{
	uint64_t found = 0;
	unsigned bit;

	setup_pdptes();
	for (bit = 1; bit < 64; bit++) {
		put8(0x1020, UINT64_C(1) << bit | P);
		if (or_set_cr3(&r, &p, &mem, 0x1020) == OR_GP)
			found |= UINT64_C(1) << bit;
	}
	t_eq(found, UINT64_C(0xffffc000000001e6)); /* 2:1, 8:5, 63:46 */
}

Test(pdpte, cr0_pg_set_loads)
{
	setup_pdptes();
	r.cr0 &= ~OR_CR0_PG;
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 | OR_CR0_PG), OR_OK);
	t_eq(r.pdpte[2], 0x3001);
}

Test(pdpte, cr0_cd_change_loads)
{
	setup_pdptes();
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 | OR_CR0_CD), OR_OK);
	t_eq(r.pdpte[2], 0x3001);
}

Test(pdpte, cr0_nw_change_loads)
{
	setup_pdptes();
	r.cr0 |= OR_CR0_CD;
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 | OR_CR0_NW), OR_OK);
	t_eq(r.pdpte[2], 0x3001);
}

Test(pdpte, cr0_wp_change_does_not_load)
{
	setup_pdptes();
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 & ~OR_CR0_WP), OR_OK);
	t_eq(r.pdpte[2], 0);
}

Test(pdpte, bad_one_makes_mov_cr0_gp)
{
	setup_pdptes();
	put8(0x1020, P | 1u << 5);
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 | OR_CR0_CD), OR_GP);
	t_eq(r.cr0, OR_CR0_PG | PROTECTED);
}

static bool cr4_change_loads(uint64_t bit)
{
	setup_pdptes();
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 ^ bit), OR_OK);
	return r.pdpte[2] == 0x3001;
}

Test(pdpte, cr4_pge_change_loads)
{
	t_true(cr4_change_loads(OR_CR4_PGE));
}

Test(pdpte, cr4_pse_change_loads)
{
	t_true(cr4_change_loads(OR_CR4_PSE));
}

Test(pdpte, cr4_smep_change_loads)
{
	t_true(cr4_change_loads(OR_CR4_SMEP));
}

Test(pdpte, cr4_smap_change_does_not_load)
{
	t_true(!cr4_change_loads(OR_CR4_SMAP));
}

Test(pdpte, cr4_pae_set_loads)
{
	setup_pdptes();
	r.cr4 = 0;
	t_eq(or_set_cr4(&r, &p, &mem, OR_CR4_PAE), OR_OK);
	t_eq(r.pdpte[2], 0x3001);
}

Test(pdpte, cr4_pae_clear_does_not_load)
{
	setup_pdptes();
	put8(0x1020, P | 2);
	t_eq(or_set_cr4(&r, &p, &mem, OR_CR4_PSE), OR_OK);
}

Test(pdpte, bad_one_makes_mov_cr4_gp)
{
	setup_pdptes();
	put8(0x1020, P | 2);
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_PGE), OR_GP);
	t_eq(r.cr4, OR_CR4_PAE);
}

Test(pdpte, long_mode_does_not_load)
{
	setup_long();
	put8(0x9000, P | 2);
	t_eq(or_set_cr3(&r, &p, &mem, 0x9000), OR_OK);
}

Test(pdpte, walking_profile_does_not_check_on_load)
{
	setup_pdptes();
	p.pdpte_walk = true;
	put8(0x1020, P | 2);
	t_eq(or_set_cr3(&r, &p, &mem, 0x1020), OR_OK);
}

Test(pdpte, walking_profile_faults_on_use)
{
	struct or_result res;

	setup_pdptes();
	p.pdpte_walk = true;
	put8(0x1030, 0x3000 | P | 2);
	res = tr(VAP, OR_READ, 0);
	t_fault(res, 9);
	t_eq(res.level, 3);
}

/* Register writes. */

Test(cr0, upper_half_is_gp)
{
	setup_long();
	t_eq(or_set_cr0(&r, &p, &mem, UINT64_C(1) << 32 | r.cr0), OR_GP);
}

Test(cr0, nw_without_cd_is_gp)
{
	setup_common();
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 | OR_CR0_NW), OR_GP);
}

Test(cr0, pg_without_pe_is_gp)
{
	setup_common();
	t_eq(or_set_cr0(&r, &p, &mem, OR_CR0_PG), OR_GP);
}

Test(cr0, et_reads_one)
{
	setup_common();
	t_eq(or_set_cr0(&r, &p, &mem, 0), OR_OK);
	t_eq(r.cr0, 0x10);
}

Test(cr0, reserved_low_bits_are_dropped)
{
	setup_common();
	t_eq(or_set_cr0(&r, &p, &mem, UINT64_C(0x1ffaffd1)), OR_OK);
	t_eq(r.cr0, 0x11); /* bits 28:19, 17 and 15:6 are reserved */
}

Test(cr0, pg_with_lme_sets_lma)
{
	setup_common();
	r.cr4 = OR_CR4_PAE;
	r.efer = OR_EFER_LME;
	t_eq(or_set_cr0(&r, &p, &mem, PROTECTED | OR_CR0_PG), OR_OK);
	t_eq(r.efer, 0x500);
}

Test(cr0, pg_with_lme_without_pae_is_gp)
{
	setup_common();
	r.efer = OR_EFER_LME;
	t_eq(or_set_cr0(&r, &p, &mem, PROTECTED | OR_CR0_PG), OR_GP);
	t_eq(r.efer, 0x100);
}

Test(cr0, pg_clear_clears_lma)
{
	setup_long();
	t_eq(or_set_cr0(&r, &p, &mem, PROTECTED), OR_OK);
	t_eq(r.efer, 0x900);
}

Test(cr0, pg_clear_with_pcide_is_gp)
{
	setup_long();
	r.cr4 |= OR_CR4_PCIDE;
	t_eq(or_set_cr0(&r, &p, &mem, PROTECTED), OR_GP);
	t_eq(r.efer, 0xd00);
}

Test(cr0, wp_clear_with_cet_is_gp)
{
	setup_long();
	r.cr4 |= OR_CR4_CET;
	t_eq(or_set_cr0(&r, &p, &mem, r.cr0 & ~OR_CR0_WP), OR_GP);
}

Test(cr3, has_32_bits_outside_long_mode)
{
	setup_32();
	t_eq(or_set_cr3(&r, &p, &mem, UINT64_C(0xffffffff00005000)), OR_OK);
	t_eq(r.cr3, 0x5000);
}

Test(cr3, reserved_from_maxphyaddr_up)
{
	setup_long();
	t_eq(or_set_cr3(&r, &p, &mem, UINT64_C(1) << 46), OR_GP);
	t_eq(or_set_cr3(&r, &p, &mem, UINT64_C(1) << 62), OR_GP);
	t_eq(or_set_cr3(&r, &p, &mem, UINT64_C(1) << 45), OR_OK);
}

Test(cr3, bit_63_without_pcide_is_gp)
{
	setup_long();
	t_eq(or_set_cr3(&r, &p, &mem, UINT64_C(1) << 63 | 0x5000), OR_GP);
}

Test(cr3, bit_63_with_pcide_is_not_kept)
{
	setup_long();
	r.cr4 |= OR_CR4_PCIDE;
	t_eq(or_set_cr3(&r, &p, &mem, UINT64_C(1) << 63 | 0x5007), OR_OK);
	t_eq(r.cr3, 0x5007);
}

Test(cr4, unknown_bit_is_gp)
{
	setup_common();
	t_eq(or_set_cr4(&r, &p, &mem, UINT64_C(1) << 31), OR_GP);
	t_eq(or_set_cr4(&r, &p, &mem, UINT64_C(1) << 32), OR_GP);
}

Test(cr4, pae_clear_in_long_mode_is_gp)
{
	setup_long();
	t_eq(or_set_cr4(&r, &p, &mem, 0), OR_GP);
}

Test(cr4, la57_change_in_long_mode_is_gp)
{
	setup_long();
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_LA57), OR_GP);
	setup_5level();
	t_eq(or_set_cr4(&r, &p, &mem, OR_CR4_PAE), OR_GP);
}

Test(cr4, la57_outside_long_mode_is_fine)
{
	setup_common();
	t_eq(or_set_cr4(&r, &p, &mem, OR_CR4_PAE | OR_CR4_LA57), OR_OK);
}

Test(cr4, pcide_outside_long_mode_is_gp)
{
	setup_pae();
	r.cr3 = 0x1000;
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_PCIDE), OR_GP);
}

Test(cr4, pcide_needs_clear_low_cr3)
{
	setup_long();
	r.cr3 = 0x1008;
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_PCIDE), OR_GP);
	r.cr3 = 0x1000;
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_PCIDE), OR_OK);
}

Test(cr4, pcide_kept_set_does_not_look_at_cr3)
{
	setup_long();
	r.cr3 = 0x1008;
	r.cr4 |= OR_CR4_PCIDE;
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_PGE), OR_OK);
}

Test(cr4, cet_without_wp_is_gp)
{
	setup_long();
	r.cr0 &= ~OR_CR0_WP;
	t_eq(or_set_cr4(&r, &p, &mem, r.cr4 | OR_CR4_CET), OR_GP);
}

Test(efer, lme_change_under_paging_is_gp)
{
	setup_long();
	t_eq(or_set_efer(&r, &p, &mem, 0x800), OR_GP);
	setup_pae();
	t_eq(or_set_efer(&r, &p, &mem, 0x900), OR_GP);
}

Test(efer, lma_is_not_writable)
{
	setup_long();
	t_eq(or_set_efer(&r, &p, &mem, 0x101), OR_OK);
	t_eq(r.efer, 0x501);
	setup_common();
	t_eq(or_set_efer(&r, &p, &mem, 0x500), OR_OK);
	t_eq(r.efer, 0x100);
}

Test(efer, unknown_bit_is_gp)
{
	setup_common();
	t_eq(or_set_efer(&r, &p, &mem, UINT64_C(1) << 15), OR_GP);
	p.efer_valid |= UINT64_C(1) << 15;
	t_eq(or_set_efer(&r, &p, &mem, UINT64_C(1) << 15), OR_OK);
}

/* Accesses that cross a page. */

static struct or_result part[2];

static unsigned span(uint64_t gva, unsigned size, enum or_op op)
{
	struct or_access acc = access_of(gva, op, USER);

	acc.size = size;
	return or_translate_span(&r, &p, &mem, &acc, part);
}

/* The page after VA's is at 0x9000. */
static void setup_span(void)
{
	setup_long();
	put8(PTE + 8, 0x9000 | PWU);
}

Test(span, last_byte_in_page_is_one)
{
	setup_span();
	t_eq(span(UINT64_C(0x8080604ff8), 8, OR_WRITE), 1);
	t_ok(part[0], 0x7ff8);
}

Test(span, crossing_gives_both)
{
	setup_span();
	t_eq(span(UINT64_C(0x8080604ffc), 8, OR_WRITE), 2);
	t_ok(part[0], 0x7ffc);
	t_ok(part[1], 0x9000);
	t_eq(get8(PTE + 8), 0x9067);
}

Test(span, second_page_fault_has_its_base)
{
	setup_span();
	put8(PTE + 8, 0x9000 | PU);
	t_eq(span(UINT64_C(0x8080604ffc), 8, OR_WRITE), 2);
	t_fault(part[1], 7);
	t_eq(part[1].cr2, UINT64_C(0x8080605000));
}

Test(span, second_page_fault_leaves_the_first)
{
	setup_span();
	put8(PTE + 8, 0);
	span(UINT64_C(0x8080604ffc), 8, OR_WRITE);
	t_eq(get8(PTE), 0x7007);
}

Test(span, first_page_fault_comes_first)
{
	setup_span();
	put8(PTE, 0);
	put8(PTE + 8, 0);
	t_eq(span(UINT64_C(0x8080604ffc), 8, OR_READ), 1);
	t_eq(part[0].cr2, UINT64_C(0x8080604ffc));
}

Test(span, end_beyond_canonical_is_gp)
{
	setup_span();
	t_eq(span(UINT64_C(0x00007ffffffffffc), 8, OR_READ), 1);
	t_eq(part[0].kind, OR_GP);
}

Test(span, wraps_at_4g_outside_long_mode)
{
	setup_32();
	put4(0x1ffc, 0x5000 | PWU); /* the last 4M and the first */
	put4(0x1000, 0x5000 | PWU);
	put4(0x5ffc, 0x7000 | PWU);
	put4(0x5000, 0x9000 | PWU);
	t_eq(span(0xfffffffe, 4, OR_READ), 2);
	t_ok(part[0], 0x7ffe);
	t_ok(part[1], 0x9000);
}
