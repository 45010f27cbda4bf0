/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle against the manuals: every expected value is a literal worked out by hand from them.
 * Not a test of the library, and never a value one part of the oracle computed for another.
 * Invariant: each test states one architectural fact and fails if the oracle gets it wrong.
 */
#include <string.h>

#include "t.h"
#include <vmmu-oracle/oracle.h>

/* Low memory is real; above it RAM reads as zero.  0xa0000-0xbffff is no RAM. */
static uint8_t ram[0x40000];
static uint64_t readonly_page;
static struct or_regs r;
static struct or_profile p;

static int is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa >> 46 == 0 && !(pa >= 0xa0000 && pa < 0xc0000);
}

static int is_readonly(void *ctx, uint64_t pa)
{
	(void)ctx;
	return readonly_page && pa >> 12 == readonly_page >> 12;
}

static int rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = 0;
	if (pa < sizeof(ram))
		memcpy(val, ram + pa, bytes);
	return 0;
}

static int wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	if (pa < sizeof(ram))
		memcpy(ram + pa, &val, bytes);
	return 0;
}

static const struct or_mem mem = { NULL, is_ram, is_readonly, rd, wr };

static void put8(uint64_t pa, uint64_t v)
{
	wr(NULL, pa, 8, v);
}

static uint64_t get8(uint64_t pa)
{
	uint64_t v;

	rd(NULL, pa, 8, &v);
	return v;
}

static void put4(uint64_t pa, uint64_t v)
{
	wr(NULL, pa, 4, v);
}

static uint64_t get4(uint64_t pa)
{
	uint64_t v;

	rd(NULL, pa, 4, &v);
	return v;
}

#define P 1u
#define PW 3u
#define PU 5u
#define PWU 7u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define NX (UINT64_C(1) << 63)

#define PROTECTED (OR_CR0_PE | OR_CR0_ET | OR_CR0_WP)

static void setup_common(void)
{
	memset(ram, 0, sizeof(ram));
	readonly_page = 0;
	r = (struct or_regs){ .cr0 = PROTECTED };
	p = (struct or_profile){
		.maxphyaddr = 46,
		.has_1g = true,
		.has_pse36 = true,
		.cr4_valid = 0x1f79fff,
		.efer_valid = 0x901,
	};
}

/*
 * 4 levels.  VA is entry 1 of the PML4 at 0x1000, entry 2 of 0x2000, 3 of 0x3000, 4 of 0x4000, byte
 * 0x123 of the page at 0x7000.
 */
#define VA UINT64_C(0x8080604123)
#define PML4E 0x1008
#define PDPTE 0x2010
#define PDE 0x3018
#define PTE 0x4020

static void setup_long(void)
{
	setup_common();
	r.cr0 |= OR_CR0_PG;
	r.cr3 = 0x1000;
	r.cr4 = OR_CR4_PAE;
	r.efer = OR_EFER_LME | OR_EFER_LMA | OR_EFER_NXE;
	put8(PML4E, 0x2000 | PWU);
	put8(PDPTE, 0x3000 | PWU);
	put8(PDE, 0x4000 | PWU);
	put8(PTE, 0x7000 | PWU);
}

/* The PML5 is at 0x8000; VA5 takes its entry 5. */
#define VA5 (UINT64_C(5) << 48 | VA)

static void setup_5level(void)
{
	setup_long();
	r.cr4 |= OR_CR4_LA57;
	r.cr3 = 0x8000;
	put8(0x8028, 0x1000 | PWU);
}

/* PAE.  VAP: PDPTE 2 at 0x1020, entry 3 of 0x3000, entry 4 of 0x4000. */
#define VAP UINT64_C(0x80604123)

static void setup_pae(void)
{
	setup_common();
	r.cr0 |= OR_CR0_PG;
	r.cr3 = 0x1020;
	r.cr4 = OR_CR4_PAE;
	r.efer = OR_EFER_NXE;
	r.pdpte[2] = 0x3000 | P;
	put8(PDE, 0x4000 | PWU);
	put8(PTE, 0x7000 | PWU);
}

/* 2 levels.  VA2: entry 3 of 0x1000 (at 0x100c), entry 4 of 0x4000 (at 0x4010). */
#define VA2 UINT64_C(0x00c04123)
#define PDE2 0x100c
#define PTE2 0x4010

static void setup_32(void)
{
	setup_common();
	r.cr0 |= OR_CR0_PG;
	r.cr3 = 0x1000;
	put4(PDE2, 0x4000 | PWU);
	put4(PTE2, 0x7000 | PWU);
}

enum { USER = 1, IMPL = 2, AC = 4, STACK = 8, NO_AD = 16 };

static struct or_access access_of(uint64_t gva, enum or_op op, int how)
{
	return (struct or_access){
		.gva = gva,
		.op = op,
		.user = how & USER,
		.implicit = how & IMPL,
		.ac = how & AC,
		.stack = how & STACK,
		.no_ad = how & NO_AD,
	};
}

static struct or_result tr(uint64_t gva, enum or_op op, int how)
{
	struct or_access acc = access_of(gva, op, how);
	struct or_result res;

	or_translate(&r, &p, &mem, &acc, &res);
	return res;
}

#define t_fault(res, err)                                                                          \
	do {                                                                                       \
		struct or_result t_r = (res);                                                      \
		t_eq(t_r.kind, OR_PF);                                                             \
		t_eq(t_r.error, (err));                                                            \
	} while (0)

#define t_ok(res, gpa_)                                                                            \
	do {                                                                                       \
		struct or_result t_r = (res);                                                      \
		t_eq(t_r.kind, OR_OK);                                                             \
		t_eq(t_r.gpa, (gpa_));                                                             \
	} while (0)

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

/* Section 7: the nested dimension. */

static struct or_ncfg nc;
static struct or_nres nr;

#define E_RWX 7u
#define E_LEAF (7u | 6u << 3) /* write back */
#define GPA UINT64_C(0x8080604123)

/*
 * The nested tables are at 0x21000..0x24000 and take GPA apart as VA is: entries at 0x21008,
 * 0x22010, 0x23018 and 0x24020; the page is at 0x27000.
 */
#define N4 0x21008
#define N3 0x22010
#define N2 0x23018
#define N1 0x24020

static void setup_ept(void)
{
	setup_common();
	nc = (struct or_ncfg){
		.kind = OR_EPT,
		.levels = 4,
		.root = 0x21000,
		.maxphyaddr = 46,
		.has_1g = true,
		.mem = &mem,
	};
	put8(N4, 0x22000 | E_RWX);
	put8(N3, 0x23000 | E_RWX);
	put8(N2, 0x24000 | E_RWX);
	put8(N1, 0x27000 | E_LEAF);
}

static void setup_npt(void)
{
	setup_ept();
	nc.kind = OR_NPT;
	nc.nxe = true;
	put8(N4, 0x22000 | PWU);
	put8(N3, 0x23000 | PWU);
	put8(N2, 0x24000 | PWU);
	put8(N1, 0x27000 | PWU);
}

enum { TABLE = 1, UPDATE = 2, LOAD = 4, NO_GVA = 8 };

static enum or_nfault nest(enum or_op op, int how)
{
	struct or_nacc acc = {
		.gpa = GPA,
		.op = op,
		.is_table = how & TABLE,
		.ad_update = how & UPDATE,
		.is_pdpte_load = how & LOAD,
		.gva_valid = !(how & NO_GVA),
	};

	or_nested(&nc, &acc, &nr);
	return nr.fault;
}

Test(ept, translates_4k)
{
	setup_ept();
	t_eq(nest(OR_WRITE, 0), OR_N_OK);
	t_eq(nr.hpa, 0x27123);
	t_eq(nr.shift, 12);
	t_eq(nr.rights, OR_R | OR_W | OR_X);
	t_eq(nr.refs, 4);
}

Test(ept, translates_2m_and_1g)
{
	setup_ept();
	put8(N2, 0x40200000 | PS | E_LEAF);
	nest(OR_READ, 0);
	t_eq(nr.hpa, 0x40204123);
	t_eq(nr.refs, 3);
	put8(N3, 0x80000000 | PS | E_LEAF);
	nest(OR_READ, 0);
	t_eq(nr.hpa, 0x80604123);
	t_eq(nr.shift, 30);
}

Test(ept, five_levels)
{
	setup_ept();
	nc.levels = 5;
	nc.root = 0x20000;
	put8(0x20000, 0x21000 | E_RWX);
	t_eq(nest(OR_READ, 0), OR_N_OK);
	t_eq(nr.hpa, 0x27123);
	t_eq(nr.refs, 5);
}

Test(ept, not_present_read_violates)
{
	setup_ept();
	put8(N2, 0);
	t_eq(nest(OR_READ, 0), OR_N_VIOLATION);
	t_eq(nr.info, 0x181); /* read, no rights, linear address, final */
	t_eq(nr.level, 2);
	t_eq(nr.refs, 3);
}

Test(ept, write_to_readonly_violates)
{
	setup_ept();
	put8(N2, 0x24000 | 5);
	t_eq(nest(OR_WRITE, 0), OR_N_VIOLATION);
	t_eq(nr.info, 0x1aa); /* write; R and X granted; linear address, final */
	t_eq(nr.level, 1);
}

Test(ept, fetch_of_no_x_violates)
{
	setup_ept();
	put8(N1, 0x27000 | 3 | 6 << 3);
	t_eq(nest(OR_FETCH, 0), OR_N_VIOLATION);
	t_eq(nr.info, 0x19c);
}

Test(ept, without_linear_address_bits_7_and_8_are_clear)
{
	setup_ept();
	put8(N1, 0);
	nest(OR_READ, NO_GVA);
	t_eq(nr.info, 1);
}

Test(ept, exec_only_where_supported)
{
	setup_ept();
	nc.exec_only = true;
	put8(N1, 0x27000 | 4 | 6 << 3);
	t_eq(nest(OR_FETCH, 0), OR_N_OK);
	t_eq(nest(OR_READ, 0), OR_N_VIOLATION);
	t_eq(nr.info, 0x1a1);
}

Test(ept, exec_only_elsewhere_is_misconfig)
{
	setup_ept();
	put8(N1, 0x27000 | 4 | 6 << 3);
	t_eq(nest(OR_FETCH, 0), OR_N_MISCONFIG);
}

Test(ept, write_without_read_is_misconfig)
{
	setup_ept();
	put8(N4, 0x22000 | 2);
	t_eq(nest(OR_WRITE, 0), OR_N_MISCONFIG);
	put8(N4, 0x22000 | 6);
	t_eq(nest(OR_WRITE, 0), OR_N_MISCONFIG);
}

Test(ept, misconfig_beats_violation)
{
	setup_ept();
	put8(N4, 0x22000 | 1); /* no write anywhere below */
	put8(N1, 0x27000 | 7 | 2 << 3);
	t_eq(nest(OR_WRITE, 0), OR_N_MISCONFIG);
	t_eq(nr.info, 0);
	t_eq(nr.level, 1);
}

Test(ept, hole_above_hides_a_misconfig)
{
	setup_ept();
	put8(N2, 0);
	put8(N1, 0x27000 | 2);
	t_eq(nest(OR_READ, 0), OR_N_VIOLATION);
}

Test(ept, memory_types)
{
	unsigned type, bad = 0;

	setup_ept();
	for (type = 0; type < 8; type++) {
		put8(N1, 0x27000 | 7 | type << 3);
		if (nest(OR_READ, 0) == OR_N_MISCONFIG)
			bad |= 1u << type;
	}
	t_eq(bad, 1u << 2 | 1u << 3 | 1u << 7);
}

static uint64_t misconfig_bits(uint64_t pa, uint64_t base)
{
	uint64_t found = 0;
	unsigned bit;

	for (bit = 3; bit < 64; bit++) {
		if (base >> bit & 1)
			continue;
		put8(pa, base | UINT64_C(1) << bit);
		if (nest(OR_READ, 0) == OR_N_MISCONFIG)
			found |= UINT64_C(1) << bit;
	}
	return found;
}

Test(ept, reserved_bits_of_pml4e)
{
	setup_ept();
	t_eq(misconfig_bits(N4, 0x22000 | E_RWX), UINT64_C(0x000fc000000000f8));
}

Test(ept, reserved_bits_of_pml5e)
{
	setup_ept();
	nc.levels = 5;
	nc.root = 0x20000;
	t_eq(misconfig_bits(0x20000, 0x21000 | E_RWX), UINT64_C(0x000fc000000000f8));
}

Test(ept, reserved_bits_of_pdpte_without_1g)
{
	setup_ept();
	nc.has_1g = false;
	t_eq(misconfig_bits(N3, 0x23000 | E_RWX), UINT64_C(0x000fc000000000f8));
}

Test(ept, reserved_bits_of_pde)
{
	setup_ept(); /* bit 7 makes it a leaf: 0x24000 then has address bits below 2M */
	t_eq(misconfig_bits(N2, 0x24000 | E_RWX), UINT64_C(0x000fc000000000f8));
}

Test(ept, reserved_bits_of_2m)
{
	setup_ept(); /* type 4 (write through), so one more type bit gives 5 or 6 */
	t_eq(misconfig_bits(N2, 4u << 3 | PS | E_RWX), UINT64_C(0x000fc000001ff000));
}

Test(ept, reserved_bits_of_1g)
{
	setup_ept();
	t_eq(misconfig_bits(N3, 4u << 3 | PS | E_RWX), UINT64_C(0x000fc0003ffff000));
}

Test(ept, reserved_bits_of_4k)
{
	setup_ept();
	t_eq(misconfig_bits(N1, 0x27000 | 4u << 3 | E_RWX), UINT64_C(0x000fc00000000000));
}

Test(ept, table_access_is_a_read_without_ad)
{
	setup_ept();
	put8(N1, 0x27000 | 1 | 6 << 3);
	t_eq(nest(OR_WRITE, TABLE), OR_N_OK);
}

Test(ept, table_violation_has_bit_8_clear)
{
	setup_ept();
	put8(N1, 0);
	t_eq(nest(OR_WRITE, TABLE), OR_N_VIOLATION);
	t_eq(nr.info, 0x81);
}

Test(ept, setting_guest_a_is_a_write_without_ad)
{
	setup_ept();
	put8(N1, 0x27000 | 1 | 6 << 3);
	t_eq(nest(OR_READ, TABLE | UPDATE), OR_N_VIOLATION);
	t_eq(nr.info & ~UINT64_C(1), 0x8a);
	t_eq(nr.info_valid & 1, 0);
}

Test(ept, table_access_is_a_write_with_ad)
{
	setup_ept();
	nc.ad_enabled = true;
	put8(N1, 0x27000 | 1 | 6 << 3);
	t_eq(nest(OR_READ, TABLE), OR_N_VIOLATION);
	t_eq(nr.info, 0x8b); /* bits 0 and 1, R granted, linear address */
}

Test(ept, without_ad_bits_8_and_9_stay)
{
	setup_ept();
	nest(OR_WRITE, 0);
	t_eq(get8(N1), 0x27000 | E_LEAF);
	t_eq(get8(N4), 0x22007);
}

Test(ept, ad_sets_8_everywhere_and_9_on_a_write)
{
	setup_ept();
	nc.ad_enabled = true;
	nest(OR_READ, 0);
	t_eq(get8(N4), 0x22107);
	t_eq(get8(N1), 0x27137);
	nest(OR_WRITE, 0);
	t_eq(get8(N2), 0x24107);
	t_eq(get8(N1), 0x27337);
}

Test(ept, ad_makes_a_walked_table_dirty)
{
	setup_ept();
	nc.ad_enabled = true;
	nest(OR_READ, TABLE);
	t_eq(get8(N1), 0x27337);
}

Test(ept, pdpte_load_is_a_read_without_linear_address)
{
	setup_ept();
	nc.ad_enabled = true;
	put8(N1, 0);
	t_eq(nest(OR_READ, LOAD), OR_N_VIOLATION);
	t_eq(nr.info, 1);
}

Test(ept, address_beyond_the_tables_is_not_mapped)
{
	struct or_nacc acc = { .gpa = UINT64_C(1) << 48, .gva_valid = true };

	setup_ept();
	or_nested(&nc, &acc, &nr);
	t_eq(nr.fault, OR_N_VIOLATION);
	t_eq(nr.info, 0x181);
	t_eq(nr.refs, 0);
}

Test(npt, translates_4k)
{
	setup_npt();
	t_eq(nest(OR_WRITE, 0), OR_N_OK);
	t_eq(nr.hpa, 0x27123);
	t_eq(nr.rights, OR_R | OR_W | OR_X | OR_U);
}

Test(npt, not_present_final)
{
	setup_npt();
	put8(N3, 0);
	t_eq(nest(OR_READ, 0), OR_N_NPF);
	t_eq(nr.info, UINT64_C(0x100000004));
	t_eq(nr.level, 3);
}

Test(npt, needs_user)
{
	setup_npt();
	put8(N2, 0x24000 | PW);
	t_eq(nest(OR_READ, 0), OR_N_NPF);
	t_eq(nr.info, UINT64_C(0x100000005));
}

Test(npt, write_to_readonly_final)
{
	setup_npt();
	put8(N1, 0x27000 | PU);
	t_eq(nest(OR_WRITE, 0), OR_N_NPF);
	t_eq(nr.info, UINT64_C(0x100000007));
}

Test(npt, table_read_is_a_write)
{
	setup_npt();
	put8(N1, 0x27000 | PU);
	t_eq(nest(OR_READ, TABLE), OR_N_NPF);
	t_eq(nr.info, UINT64_C(0x200000007));
}

Test(npt, fetch_of_nx)
{
	setup_npt();
	put8(N1, NX | 0x27000 | PWU);
	t_eq(nest(OR_FETCH, 0), OR_N_NPF);
	t_eq(nr.info, UINT64_C(0x100000015));
	t_eq(nest(OR_READ, TABLE), OR_N_OK);
}

Test(npt, nx_without_host_nxe_is_reserved)
{
	setup_npt();
	nc.nxe = false;
	put8(N1, NX | 0x27000 | PWU);
	t_eq(nest(OR_READ, 0), OR_N_NPF);
	t_eq(nr.info, UINT64_C(0x10000000d));
}

Test(npt, fetch_not_told_without_host_nxe)
{
	setup_npt();
	nc.nxe = false;
	put8(N1, 0);
	nest(OR_FETCH, 0);
	t_eq(nr.info, UINT64_C(0x100000004));
}

Test(npt, table_access_for_a_fetch_is_a_data_write)
{
	setup_npt();
	put8(N1, 0);
	nest(OR_FETCH, TABLE);
	t_eq(nr.info, UINT64_C(0x200000006));
}

Test(npt, reserved_bits_of_pml4e)
{
	setup_npt();
	put8(N4, 0x22000 | G | PWU);
	nest(OR_READ, 0);
	t_eq(nr.info, UINT64_C(0x10000000d));
	put8(N4, 0x22000 | PS | PWU);
	nest(OR_READ, TABLE);
	t_eq(nr.info, UINT64_C(0x20000000f));
}

Test(npt, reserved_bits_of_2m)
{
	setup_npt();
	put8(N2, 0x202000 | PS | PWU);
	t_eq(nest(OR_READ, 0), OR_N_NPF);
	put8(N2, 0x201000 | PS | PWU); /* bit 12 is PAT */
	t_eq(nest(OR_READ, 0), OR_N_OK);
	t_eq(nr.hpa, 0x204123);
}

Test(npt, sets_a_and_d)
{
	setup_npt();
	nest(OR_READ, 0);
	t_eq(get8(N4), 0x22027);
	t_eq(get8(N1), 0x27027);
	nest(OR_READ, TABLE);
	t_eq(get8(N2), 0x24027);
	t_eq(get8(N1), 0x27067);
}

Test(npt, fault_sets_nothing)
{
	setup_npt();
	put8(N1, 0x27000 | PU);
	nest(OR_WRITE, 0);
	t_eq(get8(N4), 0x22007);
	t_eq(get8(N1), 0x27005);
}

/*
 * Two dimensions.  The guest is setup_long's, and GPA page n (below 0x10000) is HPA 0x30000 + n by
 * nested entries at 0x21000, 0x22000, 0x23000 and 0x24000 + 8 * n.
 */
#define H 0x30000
#define NLEAF(n) (0x24000 + 8 * (n))

static struct or_result2d w2;

static void move_up(void)
{
	memcpy(ram + H, ram, 0x10000);
	memset(ram, 0, 0x10000);
}

static void setup_2d_tables(enum or_nkind kind)
{
	unsigned n, npt = kind == OR_NPT;

	nc = (struct or_ncfg){
		.kind = kind,
		.levels = 4,
		.root = 0x21000,
		.maxphyaddr = 46,
		.nxe = true,
		.has_1g = true,
		.mem = &mem,
	};
	put8(0x20000, 0x21000 | PWU);
	put8(0x21000, 0x22000 | PWU);
	put8(0x22000, 0x23000 | PWU);
	put8(0x23000, 0x24000 | PWU);
	for (n = 0; n < 16; n++)
		put8(NLEAF(n), (H + n * 0x1000) | (npt ? PWU : E_LEAF));
}

static void setup_2d(enum or_nkind kind)
{
	setup_long();
	move_up();
	setup_2d_tables(kind);
}

static enum or_kind walk2(uint64_t gva, enum or_op op, int how)
{
	struct or_access acc = access_of(gva, op, how);

	or_walk2d(&r, &p, &nc, &acc, &w2);
	return w2.guest.kind;
}

Test(walk2d, reaches_the_host_page)
{
	setup_2d(OR_EPT);
	t_eq(walk2(VA, OR_READ, 0), OR_OK);
	t_eq(w2.guest.gpa, 0x7123);
	t_eq(w2.hpa, 0x37123);
}

Test(walk2d, four_by_four_is_24)
{
	setup_2d(OR_NPT);
	walk2(VA, OR_READ, 0);
	t_eq(w2.refs, 24);
}

Test(walk2d, five_by_five_is_35)
{
	setup_5level();
	move_up();
	setup_2d_tables(OR_EPT);
	nc.levels = 5;
	nc.root = 0x20000;
	t_eq(walk2(VA5, OR_READ, 0), OR_OK);
	t_eq(w2.refs, 35);
}

Test(walk2d, guest_2m_is_19)
{
	setup_2d(OR_EPT);
	put8(H + PDE, PS | PWU);
	t_eq(walk2(VA, OR_READ, 0), OR_OK); /* GPA 0x4123 */
	t_eq(w2.refs, 19);		    /* 3 * 4 + 3 + 4 */
}

Test(walk2d, nested_2m_is_19)
{
	setup_2d(OR_EPT); /* one 2M page: GPA 0x30000 + n is then HPA 0x30000 + n */
	put8(0x23000, PS | E_LEAF);
	r.cr3 = H + 0x1000;
	put8(H + PML4E, (H + 0x2000) | PWU);
	put8(H + PDPTE, (H + 0x3000) | PWU);
	put8(H + PDE, (H + 0x4000) | PWU);
	t_eq(walk2(VA, OR_READ, 0), OR_OK);
	t_eq(w2.refs, 19); /* 4 * 3 + 4 + 3 */
}

Test(walk2d, mixed_nested_depths_add_up)
{
	setup_2d(OR_EPT); /* the data in a nested 2M page at GPA 2M, the tables in 4K ones */
	put8(0x23008, 0x200000 | PS | E_LEAF);
	put8(H + PTE, 0x207000 | PWU);
	t_eq(walk2(VA, OR_READ, 0), OR_OK);
	t_eq(w2.refs, 23); /* 4 * 5 + 3 */
}

Test(walk2d, paging_off_is_m)
{
	setup_2d(OR_EPT);
	r.cr0 &= ~OR_CR0_PG;
	r.efer = 0;
	t_eq(walk2(0x7123, OR_READ, 0), OR_OK);
	t_eq(w2.hpa, 0x37123);
	t_eq(w2.refs, 4);
}

Test(walk2d, two_level_is_14)
{
	setup_32();
	move_up();
	setup_2d_tables(OR_NPT);
	t_eq(walk2(VA2, OR_READ, 0), OR_OK);
	t_eq(w2.refs, 14);
}

Test(walk2d, pae_cached_is_14_and_walked_19)
{
	setup_pae();
	put8(0x1030, 0x3000 | P);
	move_up();
	setup_2d_tables(OR_NPT);
	t_eq(walk2(VAP, OR_READ, 0), OR_OK);
	t_eq(w2.refs, 14);
	p.pdpte_walk = true;
	t_eq(walk2(VAP, OR_READ, 0), OR_OK);
	t_eq(w2.refs, 19);
}

Test(walk2d, formula)
{
	const unsigned all4[] = { 4, 4, 4, 4, 4 }, all5[] = { 5, 5, 5, 5, 5, 5 }, off[] = { 4 };

	t_eq(or_refs(4, all4), 24);
	t_eq(or_refs(5, all5), 35);
	t_eq(or_refs(0, off), 4);
}

Test(walk2d, partial_walk_counts_what_it_read)
{
	setup_2d(OR_EPT);
	put8(H + PDE, 0);
	t_eq(walk2(VA, OR_READ, 0), OR_PF);
	t_eq(w2.refs, 15); /* three guest entries, five each */
	t_eq(w2.guest.error, 0);
}

Test(walk2d, table_hole_stops_at_the_table)
{
	setup_2d(OR_EPT);
	put8(NLEAF(3), 0);
	t_eq(walk2(VA, OR_WRITE, USER), OR_NFAULT);
	t_eq(w2.guest.stage, OR_TABLE);
	t_eq(w2.guest.level, 2);
	t_eq(w2.nested.gpa, 0x3018);
	t_eq(w2.nested.info, 0x81);
	t_eq(w2.refs, 14); /* 5 + 5 + 4 */
}

Test(walk2d, npt_table_hole)
{
	setup_2d(OR_NPT);
	put8(NLEAF(3), 0);
	t_eq(walk2(VA, OR_FETCH, USER), OR_NFAULT);
	t_eq(w2.nested.info, UINT64_C(0x200000006));
}

Test(walk2d, final_hole_leaves_guest_ad_set)
{
	setup_2d(OR_EPT);
	put8(NLEAF(7), 0);
	t_eq(walk2(VA, OR_WRITE, 0), OR_NFAULT);
	t_eq(w2.guest.stage, OR_FINAL);
	t_eq(w2.nested.gpa, 0x7123);
	t_eq(w2.nested.info, 0x182);
	t_eq(get8(H + PTE), 0x7067);
	t_eq(w2.refs, 24);
}

Test(walk2d, npt_readonly_table_faults_on_a_read)
{
	setup_2d(OR_NPT);
	put8(NLEAF(1), (H + 0x1000) | PU);
	t_eq(walk2(VA, OR_READ, 0), OR_NFAULT);
	t_eq(w2.nested.info, UINT64_C(0x200000007));
}

Test(walk2d, ept_readonly_table_with_a_set_is_fine)
{
	setup_2d(OR_EPT);
	put8(NLEAF(4), (H + 0x4000) | 1 | 6 << 3);
	put8(H + PTE, 0x7000 | A | D | PWU);
	t_eq(walk2(VA, OR_WRITE, 0), OR_OK);
}

Test(walk2d, ept_readonly_table_with_a_clear_violates)
{
	setup_2d(OR_EPT);
	put8(NLEAF(4), (H + 0x4000) | 1 | 6 << 3);
	t_eq(walk2(VA, OR_READ, 0), OR_NFAULT);
	t_eq(w2.nested.info & ~UINT64_C(1), 0x8a);
	t_eq(w2.nested.gpa, 0x4020);
	t_eq(w2.guest.level, 1);
	t_eq(get8(H + PTE), 0x7007);
}

Test(walk2d, ept_ad_makes_every_table_dirty)
{
	setup_2d(OR_EPT);
	nc.ad_enabled = true;
	walk2(VA, OR_READ, 0);
	t_eq(get8(NLEAF(1)), 0x31337);
	t_eq(get8(NLEAF(4)), 0x34337);
	t_eq(get8(NLEAF(7)), 0x37137);
}

Test(walk2d, guest_fault_wins_over_the_final_hole)
{
	setup_2d(OR_EPT);
	put8(NLEAF(7), 0);
	put8(H + PTE, 0x7000 | PU);
	t_eq(walk2(VA, OR_WRITE, USER), OR_PF);
	t_eq(w2.guest.error, 7);
}

Test(walk2d, probe_touches_neither_dimension)
{
	setup_2d(OR_NPT);
	walk2(VA, OR_WRITE, NO_AD);
	t_eq(get8(H + PTE), 0x7007);
	t_eq(get8(NLEAF(7)), 0x37007);
}

Test(walk2d, pdpte_load_violates_as_a_plain_read)
{
	setup_pae();
	move_up();
	setup_2d_tables(OR_EPT);
	put8(NLEAF(1), 0);
	t_eq(or_load_pdptes2d(&r, &p, &nc, 0x1020, &nr), OR_NFAULT);
	t_eq(nr.info, 1);
}

Test(walk2d, pdpte_load_checks_reserved_bits)
{
	setup_pae();
	put8(0x1020, 0x5000 | P);
	move_up();
	setup_2d_tables(OR_EPT);
	t_eq(or_load_pdptes2d(&r, &p, &nc, 0x1020, &nr), OR_OK);
	t_eq(r.pdpte[0], 0x5001);
	put8(H + 0x1038, P | 2);
	t_eq(or_load_pdptes2d(&r, &p, &nc, 0x1020, &nr), OR_GP);
}
