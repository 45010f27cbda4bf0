/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle against the manuals: the nested dimension, alone and under the guest's.  Every
 * expected value is a literal worked out by hand from them.
 * Not a test of the library.
 * Invariant: each test states one architectural fact and fails if the oracle gets it wrong.
 */
#include "oracle_rig.h"

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
