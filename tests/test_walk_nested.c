/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu_walk2() in two dimensions and vmmu_walk_nested() against the oracle, and against literals;
 * and a format of entries that only this file knows.
 * Not here: one dimension (test_walk.c); vCPUs, caches, backends.
 * Keeps: each walk runs on its own copy of the same memory, which must be the same afterwards.
 */
#include "walk_rig.h"

#define EPT_RWX 7u
#define EPT_WB (6u << 3)
#define EPT_A BIT(8)
#define EPT_D BIT(9)
#define NESTED(level) ((uint64_t)(8 + (level)) << 12)
static struct or_ncfg ncfg;
/* ---- two dimensions -------------------------------------------------------------------- */

struct nested_kind {
	const struct vmmu_fmt *fmt;
	enum or_nkind kind;
	unsigned levels;
};

static const struct nested_kind kinds[] = {
	{ &vmmu_fmt_npt, OR_NPT, 4 },
	{ &vmmu_fmt_npt5, OR_NPT, 5 },
	{ &vmmu_fmt_ept, OR_EPT, 4 },
	{ &vmmu_fmt_ept5, OR_EPT, 5 },
};

#define NPT (&kinds[0])
#define NPT5 (&kinds[1])
#define EPT (&kinds[2])
#define EPT5 (&kinds[3])
#define NR_KINDS 4

static uint64_t nested_link(const struct nested_kind *k)
{
	return k->kind == OR_NPT ? PWU | A : EPT_RWX | EPT_A;
}

static uint64_t nested_leaf(const struct nested_kind *k)
{
	return k->kind == OR_NPT ? PWU | A | D : EPT_RWX | EPT_WB | EPT_A | EPT_D;
}

/* The entry of this level on the way to a gpa below 2M. */
static uint64_t nested_pa(unsigned level, uint64_t gpa)
{
	return NESTED(level) + (level == 1 ? gpa >> 12 << 3 : 0);
}

static void build_nested(const struct nested_kind *k)
{
	unsigned level, i;

	for (level = k->levels; level > 1; level--)
		put8(nested_pa(level, 0), NESTED(level - 1) | nested_link(k));
	for (i = 0; i < 512; i++)
		put8(NESTED(1) + 8 * i, (uint64_t)i << 12 | nested_leaf(k));
}

static void use_nested(const struct nested_kind *k, unsigned maxphyaddr, uint32_t ctl)
{
	vmmu_paging_host(&hw.n, k->fmt, NESTED(k->levels), maxphyaddr, ctl);
	ncfg = (struct or_ncfg){
		.kind = k->kind,
		.levels = k->levels,
		.root = NESTED(k->levels),
		.maxphyaddr = maxphyaddr,
		.ad_enabled = ctl & VMMU_PG_AD,
		.exec_only = ctl & VMMU_PG_XONLY,
		.nxe = ctl & VMMU_PG_NXE,
		.has_1g = true,
		.mem = &or_memory,
	};
}

static void same_nested_fault(const struct vmmu_walk *w, const struct or_nres *n, unsigned table)
{
	t_check(w->dim == 2 && w->table == table, "%s: dim %u table %u, not %u", describe(), w->dim,
		w->table, table);
	t_check(w->gpa.v == n->gpa && w->nlevel == n->level,
		"%s: gpa 0x%" PRIx64 " level %u, not 0x%" PRIx64 " level %u", describe(), w->gpa.v,
		w->nlevel, n->gpa, n->level);
	t_check((w->status == VMMU_WALK_MISCONFIG) == (n->fault == OR_N_MISCONFIG),
		"%s: status %u, fault %d", describe(), w->status, n->fault);
	t_check(!((w->info ^ n->info) & n->info_valid), "%s: info 0x%" PRIx64 ", not 0x%" PRIx64,
		describe(), w->info, n->info);
}

static void compare2d(enum via via)
{
	unsigned mask = ncfg.kind == OR_EPT ? VMMU_RWX : VMMU_RWXU;
	struct or_result2d o;
	struct vmmu_walk w;

	walk_via(&hw, via, acc.gva, access_of(&acc), &w);
	or_walk2d(&r, &prof, &ncfg, &acc, &o);
	/* What is no memory reads as zero to the oracle: one entry more, not present. */
	if (w.status == VMMU_WALK_NOMEM) {
		t_check(w.refs + 1u == o.refs && o.guest.kind != OR_OK, "%s: no memory",
			describe());
		return;
	}
	t_check(w.refs == o.refs, "%s: %u references, not %u", describe(), w.refs, o.refs);
	if (o.guest.kind == OR_NFAULT) {
		same_nested_fault(&w, &o.nested, o.guest.level);
		return;
	}
	o.guest.refs = o.refs;
	same_result(&w, &o.guest);
	if (o.guest.kind != OR_OK)
		return;
	t_check(w.hpa.v == o.hpa, "%s: hpa 0x%" PRIx64 ", not 0x%" PRIx64, describe(), w.hpa.v,
		o.hpa);
	t_check(w.nshift == o.nested.shift && (w.nrights & mask) == o.nested.rights,
		"%s: nested 2^%u rights %x, not 2^%u %x", describe(), w.nshift, w.nrights & mask,
		o.nested.shift, o.nested.rights);
}

/* Every value of these bits in one entry of the nested table. */
static void one_entry(const struct nested_kind *k, uint64_t pa, uint64_t keep, uint64_t bits)
{
	uint64_t was = get8(pa), v = 0;
	unsigned n;

	do {
		for (n = 0; n < 3; n++) {
			memcpy(ram, image, BYTES);
			memcpy(other, image, BYTES);
			put8(pa, keep | v);
			acc.op = (enum or_op)n;
			compare2d(BUS);
			t_check(!memcmp(ram + GUEST(1), other + GUEST(1), 8 * 8) &&
					get8(pa) == *(uint64_t *)(void *)(other + pa),
				"%s %s: A/D, entry 0x%" PRIx64, k->fmt->name, describe(), keep | v);
		}
		v = (v - bits) & bits;
	} while (v);
	memcpy(ram, image, BYTES);
	memcpy(other, image, BYTES);
	put8(pa, was);
}

static void every_entry(const struct nested_kind *k, uint32_t ctl, uint64_t bits, uint64_t at_top)
{
	unsigned level;

	setup();
	set_profile(46, VMMU_CPU_1G | VMMU_CPU_PSE36);
	build(X64, 1);
	clear_ad();
	build_nested(k);
	use_mode(X64, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
	use_nested(k, 46, ctl);
	memcpy(image, ram, BYTES);
	/* The final page; the guest's level-2 table; both through each higher level. */
	one_entry(k, nested_pa(1, 0x7000), 0x7000, bits);
	one_entry(k, nested_pa(1, 0x2000), 0x2000, bits);
	for (level = 2; level <= k->levels; level++) {
		one_entry(k, nested_pa(level, 0), NESTED(level - 1), level > 3 ? at_top : bits);
		/* As a large leaf that maps the same. */
		one_entry(k, nested_pa(level, 0), 0, level > 3 ? at_top : bits);
	}
}

#define EPT_LOW UINT64_C(0xfff)
#define NPT_LOW (P | W | U | A | D | PS | G | NX | BIT(3))

Test(walk, every_ept_entry_answers_as_the_oracle)
{
	every_entry(EPT, VMMU_PG_AD | VMMU_PG_XONLY, EPT_LOW, EPT_LOW);
	every_entry(EPT5, VMMU_PG_AD, EPT_LOW & ~BIT(11), EPT_LOW & ~BIT(11));
}

Test(walk, every_ept_entry_without_ad_answers_as_the_oracle)
{
	every_entry(EPT, 0, EPT_LOW & ~BIT(10), EPT_LOW & ~BIT(10));
	every_entry(EPT, VMMU_PG_XONLY, EPT_LOW & ~BIT(10), EPT_LOW & ~BIT(10));
}

Test(walk, every_npt_entry_answers_as_the_oracle)
{
	every_entry(NPT, VMMU_PG_NXE, NPT_LOW, NPT_LOW & ~G);
	every_entry(NPT, 0, NPT_LOW, NPT_LOW & ~G);
	every_entry(NPT5, VMMU_PG_NXE, NPT_LOW, NPT_LOW & ~G);
}

/* APM 5.3.3 figure 5-20: bit 8 of a PML4E must be zero, and NPT entries are the same. */
Test(walk, npt_reserves_bit_8_of_the_upper_levels)
{
	every_entry(NPT, VMMU_PG_NXE, P | W | U, P | W | U | G);
}

static uint64_t random_nested(const struct nested_kind *k, unsigned level, unsigned leaf,
			      unsigned maxphyaddr)
{
	uint64_t e = level == leaf ? nested_leaf(k) : nested_link(k);

	if (level == leaf && leaf > 1)
		e |= PS;
	if (!pick(4))
		e ^= BIT(pick(12));
	if (!pick(4))
		e ^= BIT(pick(3));
	if (!pick(8))
		e |= NX;
	if (level > 3 && k->kind == OR_NPT)
		e &= ~G;
	e |= rnd() & sometimes(4, UINT64_C(0x7ff) << 52);
	if (level == leaf && leaf > 1)
		e |= sometimes(8, BIT(12 + pick(9 * (leaf - 1))));
	return e | (maxphyaddr < 52 ? sometimes(16, BIT(maxphyaddr + pick(52 - maxphyaddr))) : 0);
}

static void random_nested_tables(const struct nested_kind *k, unsigned maxphyaddr)
{
	unsigned leaf = pick(3) ? 1 : 2 + pick(2), level, i;

	for (level = k->levels; level > leaf; level--)
		put8(nested_pa(level, 0),
		     NESTED(level - 1) | random_nested(k, level, leaf, maxphyaddr));
	if (leaf > 1)
		put8(nested_pa(leaf, 0), random_nested(k, leaf, leaf, maxphyaddr));
	for (i = 0; leaf == 1 && i < PAGES; i++)
		put8(nested_pa(1, (uint64_t)i << 12),
		     (uint64_t)i << 12 | random_nested(k, 1, 1, maxphyaddr));
}

static void random_2d(const struct nested_kind *k, const struct mode *m, unsigned cases)
{
	static const uint8_t host_m[] = { 36, 40, 46, 52 };
	unsigned i, host;
	uint32_t ctl;

	setup();
	for (i = 0; i < cases; i++) {
		host = host_m[pick(4)];
		ctl = (pick(2) ? VMMU_PG_AD : 0) | (pick(2) ? VMMU_PG_XONLY : 0) |
		      (pick(3) ? VMMU_PG_NXE : 0);
		random_profile();
		use_mode(m, 0, 0, 0);
		random_regs();
		build_nested(k);
		if (pick(2)) {
			build(m, 1 + pick(top_leaf(m)));
			if (pick(2))
				put(entry_pa(m, 1), m->bytes, DATA | PWU);
		} else {
			random_tables(1 + pick(top_leaf(m)));
		}
		random_nested_tables(k, host);
		use_nested(k, host, ctl);
		random_access();
		acc.no_ad = false;
		memcpy(image, ram, BYTES);
		compare2d((enum via)pick(NR_VIA));
		same_memory();
	}
}

Test(walk, two_dimensions_walk_as_by_the_oracle)
{
	unsigned k, m;

	for (k = 0; k < NR_KINDS; k++)
		for (m = 0; m < NR_MODES; m++)
			random_2d(&kinds[k], &modes[m], 8000);
}

static void fresh_2d(const struct nested_kind *k, uint32_t ctl)
{
	fresh(X64, 1);
	build_nested(k);
	use_nested(k, 46, ctl);
}

static int walk2d(uint32_t access, struct vmmu_walk *w)
{
	return walk_via(&hw, BUS, X64->gva, access, w);
}

Test(walk, four_by_four_reads_24_entries_and_5_by_5_reads_35)
{
	struct vmmu_walk w;

	fresh_2d(NPT, VMMU_PG_NXE);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.refs, 24);
	t_eq(vmmu_walk_max_refs(&hw), 24);
	t_eq(w.hpa.v, 0x7128);
	fresh(LA57, 1);
	build_nested(EPT5);
	use_nested(EPT5, 46, VMMU_PG_AD);
	t_eq(walk_via(&hw, BUS, LA57->gva, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.refs, 35);
	t_eq(vmmu_walk_max_refs(&hw), 35);
}

/* APM 15.25.6 */
Test(walk, exitinfo1_tells_final_from_table)
{
	struct vmmu_walk w;

	fresh_2d(NPT, VMMU_PG_NXE);
	put8(nested_pa(1, 0x7000), 0);
	t_eq(walk2d(VMMU_FETCH, &w), VMMU_WALK_NP);
	t_eq(w.info, 0x100000014);
	t_eq(w.gpa.v, 0x7128);
	t_eq(w.table, 0);
	put8(nested_pa(1, 0x7000), nested_leaf(NPT) | 0x7000);
	put8(nested_pa(1, 0x3000), 0x3000 | P | U | A);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_PERM);
	t_eq(w.info, 0x200000007);
	t_eq(w.gpa.v, 0x3010);
	t_eq(w.table, 3);
	t_eq(w.dim, 2);
}

Test(walk, a_supervisor_npt_page_is_no_guest_page)
{
	struct vmmu_walk w;

	fresh_2d(NPT, VMMU_PG_NXE);
	put8(nested_pa(1, 0x7000), 0x7000 | P | W | A | D);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_PERM);
	t_eq(w.info, 0x100000005);
}

/* SDM table 28-7 */
Test(walk, ept_qualification_has_access_rights_and_stage)
{
	struct vmmu_walk w;

	fresh_2d(EPT, VMMU_PG_AD | VMMU_PG_XONLY);
	put8(nested_pa(1, 0x7000), 0x7000 | EPT_WB | 1);
	t_eq(walk2d(VMMU_WRITE, &w), VMMU_WALK_PERM);
	t_eq(w.info, 2 | 1 << 3 | 0x180);
	put8(nested_pa(1, 0x7000), 0);
	t_eq(walk2d(VMMU_FETCH, &w), VMMU_WALK_NP);
	t_eq(w.info, 4 | 0x180);
	put8(nested_pa(1, 0x2000), 0x2000 | EPT_WB | 5);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_PERM);
	t_eq(w.info, 3 | 5 << 3 | 0x80);
	t_eq(w.table, 2);
}

Test(walk, ept_misconfiguration_beats_a_violation_and_tells_nothing)
{
	struct vmmu_walk w;

	fresh_2d(EPT, VMMU_PG_AD);
	put8(nested_pa(1, 0x7000), 0x7000 | 7 << 3 | 1);
	t_eq(walk2d(VMMU_WRITE, &w), VMMU_WALK_MISCONFIG);
	t_eq(w.info, 0);
	put8(nested_pa(1, 0x7000), 0x7000 | EPT_WB | 2);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_MISCONFIG);
	put8(nested_pa(1, 0x7000), 0x7000 | EPT_WB | 4);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_MISCONFIG);
}

/* SDM 28.3.5: with A/D off the table is read, and only storing A or D writes it. */
Test(walk, read_only_ept_tables_serve_a_guest_with_a_and_d_set)
{
	struct vmmu_walk w;
	unsigned level;

	fresh_2d(EPT, 0);
	for (level = 1; level <= 4; level++)
		put8(nested_pa(1, GUEST(level)), GUEST(level) | EPT_WB | 1);
	t_eq(walk2d(VMMU_WRITE, &w), VMMU_WALK_OK);
	put8(entry_pa(X64, 1), DATA | PWU | A);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(walk2d(VMMU_WRITE, &w), VMMU_WALK_PERM);
	t_eq(w.info & ~1u, 2 | 1 << 3 | 0x80);
	t_eq(w.table, 1);
	t_eq(w.gpa.v, 0x1030);
	use_nested(EPT, 46, VMMU_PG_AD);
	t_eq(walk2d(VMMU_READ, &w), VMMU_WALK_PERM);
	t_eq(w.table, 4);
}

Test(walk, a_walk_without_ad_changes_neither_dimension)
{
	static const uint32_t how[] = { VMMU_NO_AD, VMMU_PROBE };
	static uint8_t before[BYTES];
	struct vmmu_walk w;
	unsigned i, k, via;

	for (k = 0; k < NR_KINDS; k++) {
		fresh_2d(&kinds[k], VMMU_PG_AD | VMMU_PG_NXE);
		clear_ad();
		for (i = 1; i <= kinds[k].levels; i++)
			put8(nested_pa(i, 0),
			     get8(nested_pa(i, 0)) &
				     ~(kinds[k].kind == OR_NPT ? A | D : EPT_A | EPT_D));
		for (i = 0; i < 8; i++)
			put8(nested_pa(1, GUEST(i)),
			     get8(nested_pa(1, GUEST(i))) &
				     ~(kinds[k].kind == OR_NPT ? A | D : EPT_A | EPT_D));
		memcpy(before, ram, BYTES);
		for (i = 0; i < 2; i++) {
			for (via = 0; via < NR_VIA; via++) {
				t_eq(walk_via(&hw, (enum via)via, X64->gva, VMMU_WRITE | how[i],
					      &w),
				     VMMU_WALK_OK);
				t_check(!memcmp(before, ram, BYTES), "%s, %s: memory changed",
					kinds[k].fmt->name, i ? "probe" : "no A/D");
			}
		}
	}
}

/* Four levels index 48 bits: SDM 28.3.2, APM 15.25.5. */
Test(walk, a_gpa_beyond_the_nested_width_is_not_mapped)
{
	struct or_result2d o;
	struct vmmu_walk w;
	unsigned i;

	for (i = 0; i < NR_KINDS; i++) {
		fresh_2d(&kinds[i], VMMU_PG_AD | VMMU_PG_NXE);
		set_profile(52, VMMU_CPU_1G);
		use_nested(&kinds[i], 52, VMMU_PG_AD | VMMU_PG_NXE);
		put8(entry_pa(X64, 1), BIT(50) | DATA | PWU | A | D);
		use_regs();
		walk2d(VMMU_READ, &w);
		acc.op = OR_READ;
		or_walk2d(&r, &prof, &ncfg, &acc, &o);
		t_check(o.guest.kind == OR_NFAULT, "oracle");
		t_check(w.status == VMMU_WALK_NP, "%s: status %u, hpa 0x%" PRIx64,
			kinds[i].fmt->name, w.status, w.hpa.v);
		t_eq(w.dim, 2);
	}
}

/* ---- the nested dimension alone ---------------------------------------------------------- */

static void compare_nested(uint64_t gpa, uint32_t access, int pdpte)
{
	struct or_nacc na = { .gpa = gpa,
			      .op = (enum or_op)(access & 3),
			      .gva_valid = true,
			      .is_pdpte_load = pdpte,
			      .no_ad = access & VMMU_NO_AD };
	struct or_nres n;
	struct vmmu_walk w;

	memset(&w, 0xa5, sizeof(w));
	vmmu_walk_nested(&hw, &callbacks, vmmu_gpa(gpa), access | (pdpte ? VMMU_PDPTE_LOAD : 0),
			 &w);
	or_nested(&ncfg, &na, &n);
	if (w.status == VMMU_WALK_NOMEM) {
		t_eq(w.refs + 1u, n.refs);
		t_true(n.fault != OR_N_OK);
		return;
	}
	t_eq(w.refs, n.refs);
	if (n.fault != OR_N_OK) {
		same_nested_fault(&w, &n, 0);
		return;
	}
	t_eq(w.status, VMMU_WALK_OK);
	t_eq(w.hpa.v, n.hpa);
	t_eq(w.gpa.v, gpa);
	t_eq(w.nshift, n.shift);
}

Test(walk, nested_alone_answers_as_the_oracle)
{
	unsigned i, k;
	int pdpte;

	setup();
	for (k = 0; k < NR_KINDS; k++) {
		use_mode(X64, 0, 0, 0);
		for (i = 0; i < 10000; i++) {
			unsigned host = pick(2) ? 52 : 40;

			build_nested(&kinds[k]);
			random_nested_tables(&kinds[k], host);
			use_nested(&kinds[k], host,
				   (pick(2) ? VMMU_PG_AD : 0) | (pick(2) ? VMMU_PG_XONLY : 0) |
					   (pick(2) ? VMMU_PG_NXE : 0));
			pdpte = kinds[k].kind == OR_EPT && !pick(4);
			compare_nested(pick(PAGES) << 12 | 0x128,
				       (uint32_t)((pdpte ? 0 : pick(3)) | sometimes(4, VMMU_NO_AD)),
				       pdpte);
			same_memory();
		}
	}
}

/* SDM 28.2.1: bit 7 clear, and then bit 8 means nothing. */
Test(walk, a_pdpte_load_is_a_read_without_linear_address)
{
	struct vmmu_walk w;

	fresh_2d(EPT, VMMU_PG_AD | VMMU_PG_XONLY);
	put8(nested_pa(1, 0x3000), 0x3000 | EPT_WB | 4);
	t_eq(vmmu_walk_nested(&hw, NULL, vmmu_gpa(0x3000), VMMU_READ | VMMU_PDPTE_LOAD, &w),
	     VMMU_WALK_PERM);
	t_eq(w.info, 1 | 4 << 3);
	put8(nested_pa(1, 0x3000), 0x3000 | EPT_WB | 1);
	t_eq(vmmu_walk_nested(&hw, NULL, vmmu_gpa(0x3000), VMMU_READ | VMMU_PDPTE_LOAD, &w),
	     VMMU_WALK_OK);
	t_eq(w.hpa.v, 0x3000);
}

Test(walk, nested_alone_without_nested_table_is_the_identity)
{
	struct vmmu_walk w;

	fresh(X64, 1);
	t_eq(vmmu_walk_nested(&hw, NULL, vmmu_gpa(0x123456), VMMU_WRITE, &w), VMMU_WALK_OK);
	t_eq(w.hpa.v, 0x123456);
	t_eq(w.refs, 0);
}

/* Nested tables full of noise: by callbacks that answer zero outside, as the oracle reads. */
Test(walk, hostile_nested_tables_never_leave_memory)
{
	struct vmmu_walk w;
	unsigned i, at;

	setup();
	for (i = 0; i < 60000; i++) {
		const struct nested_kind *k = &kinds[pick(NR_KINDS)];

		if (!(i % 64))
			for (at = 0; at < BYTES; at += 8)
				put8(at, (rnd() & (pick(4) ? UINT64_C(0xffff) : ~UINT64_C(0))) |
						 (pick(8) ? 7 : 0));
		set_profile(52, VMMU_CPU_1G);
		use_mode(&modes[pick(NR_MODES)], 0, 0, 0);
		random_regs();
		use_nested(k, 52, VMMU_PG_AD | VMMU_PG_XONLY | VMMU_PG_NXE);
		hw.n.root = GUEST(pick(PAGES));
		random_access();
		walk_via(&hw, (enum via)pick(NR_VIA), acc.gva, access_of(&acc), &w);
		t_check(w.refs <= vmmu_walk_max_refs(&hw), "%u references", w.refs);
	}
}

/* ---- a format that the library has never seen ----------------------------------------------- */

/*
 * 5/7/3/9/2 index bits, sign-extended from bit 37.  Present is bit 1, R bit 50, W and U forbid by
 * bits 3 and 60, X bit 57, A bit 11, D bit 62, leaf bit 5, addresses in bits 47:12.
 */
#define ODD_P BIT(1)
#define ODD_R BIT(50)
#define ODD_NOT_W BIT(3)
#define ODD_X BIT(57)
#define ODD_NOT_U BIT(60)
#define ODD_A BIT(11)
#define ODD_D BIT(62)
#define ODD_LEAF BIT(5)
#define ODD_LINK (ODD_P | ODD_R | ODD_X | ODD_A)

static const struct vmmu_fmt odd = {
	.name = "odd", .top = 5, .entry_bytes = 8, .style = VMMU_STYLE_X86, .canonical = 38,
	.addr = UINT64_C(0xfffffffff000), .present = ODD_P, .r = ODD_R, .w = ODD_NOT_W,
	.x = ODD_X, .u = ODD_NOT_U, .invert = ODD_NOT_W | ODD_NOT_U, .accessed = ODD_A,
	.dirty = ODD_D, .leaf_bit = ODD_LEAF, .leaf_set = ODD_P,
	.lv = {
		[1] = { .shift = 12, .bits = 2, .leaf = VMMU_LEAF_ALWAYS },
		[2] = { .shift = 14, .bits = 9, .leaf = VMMU_LEAF_BIT, .link = ODD_LINK },
		[3] = { .shift = 23, .bits = 3, .leaf = VMMU_LEAF_BIT, .link = ODD_LINK },
		[4] = { .shift = 26, .bits = 7, .leaf = VMMU_LEAF_NEVER, .link = ODD_LINK },
		[5] = { .shift = 33, .bits = 5, .leaf = VMMU_LEAF_NEVER, .link = ODD_LINK },
	},
};

/* Indexes 3, 100, 5, 300, 2. */
#define ODD_IA (UINT64_C(3) << 33 | UINT64_C(100) << 26 | 5u << 23 | 300u << 14 | 2u << 12 | 0x9a8)

/* What is reserved in it, is for whoever invents a format to say: nothing. */
static void nothing_reserved(struct vmmu_paging *pg)
{
	unsigned i;

	for (i = 0; i < VMMU_LEVELS; i++)
		pg->wrong[i][0] = pg->wrong[i][1] = ODD_P;
}

static void odd_tables(void)
{
	setup();
	put8(GUEST(5) + 3 * 8, GUEST(4) | ODD_LINK);
	put8(GUEST(4) + 100 * 8, GUEST(3) | ODD_LINK);
	put8(GUEST(3) + 5 * 8, GUEST(2) | ODD_LINK);
	put8(GUEST(2) + 300 * 8, GUEST(1) | ODD_LINK);
	put8(GUEST(1) + 2 * 8, DATA | ODD_P | ODD_R | ODD_X);
	memset(&hw, 0, sizeof(hw));
	hw.bus = (struct vmmu_bus){ .base = ram, .lo = 0, .size = BYTES };
	vmmu_paging_host(&hw.g, &odd, GUEST(5), 52, VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE);
	nothing_reserved(&hw.g);
}

Test(walk, an_odd_format_walks_by_its_descriptor)
{
	struct vmmu_walk w;
	unsigned via;

	for (via = 0; via < NR_VIA; via++) {
		odd_tables();
		t_eq(walk_via(&hw, (enum via)via, ODD_IA, VMMU_WRITE | VMMU_USER, &w),
		     VMMU_WALK_OK);
		t_eq(w.gpa.v, 0x79a8);
		t_eq(w.refs, 5);
		t_eq(w.shift, 12);
		t_eq(w.rights, VMMU_RWXU);
		t_eq(get8(GUEST(1) + 16), DATA | ODD_P | ODD_R | ODD_X | ODD_A | ODD_D);
	}
}

Test(walk, an_odd_format_has_large_pages_and_rights_in_odd_places)
{
	struct vmmu_walk w;

	odd_tables();
	put8(GUEST(3) + 5 * 8, 0x1800000 | ODD_P | ODD_R | ODD_NOT_W | ODD_NOT_U | ODD_LEAF);
	t_eq(walk1(ODD_IA, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.shift, 23);
	t_eq(w.level, 3);
	t_eq(w.refs, 3);
	t_eq(w.gpa.v, 0x1800000 | (ODD_IA & 0x7fffff));
	t_eq(w.rights, VMMU_R);
	t_eq(walk1(ODD_IA, VMMU_WRITE, &w), VMMU_WALK_PERM);
	t_eq(walk1(ODD_IA, VMMU_FETCH, &w), VMMU_WALK_PERM);
	t_eq(walk1(ODD_IA, VMMU_READ | VMMU_USER, &w), VMMU_WALK_PERM);
	/* Bit 0, x86's present bit, means nothing here. */
	put8(GUEST(3) + 5 * 8, 0x1800000 | ODD_R | BIT(0) | ODD_LEAF);
	t_eq(walk1(ODD_IA, VMMU_READ, &w), VMMU_WALK_NP);
}

Test(walk, an_odd_format_is_sign_extended_where_it_says)
{
	struct vmmu_walk w;

	odd_tables();
	put8(GUEST(5) + 31 * 8, GUEST(4) | ODD_LINK);
	t_eq(walk1(ODD_IA | BIT(40), VMMU_READ, &w), VMMU_WALK_NONCANON);
	t_eq(walk1(~UINT64_C(0) << 38 | UINT64_C(31) << 33 | (ODD_IA & (BIT(33) - 1)), VMMU_READ,
		   &w),
	     VMMU_WALK_OK);
	t_eq(w.gpa.v, 0x79a8);
}

/* A format says where its bits are; what is reserved must not come from another format's. */
Test(walk, an_odd_format_has_no_reserved_bits_of_x86)
{
	struct vmmu_walk w;

	odd_tables();
	vmmu_paging_host(&hw.g, &odd, GUEST(5), 52, VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE);
	put8(GUEST(2) + 300 * 8, 0x1c000 | ODD_P | ODD_R | ODD_X | ODD_LEAF | ODD_A);
	t_eq(walk1(ODD_IA, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.gpa.v, 0x1c000 | (ODD_IA & 0x3fff));
}

/* "any of these set": a format may say present by more than one bit. */
Test(walk, a_format_with_several_present_bits_needs_one_of_them)
{
	struct vmmu_fmt two = odd;
	struct vmmu_walk w;

	two.present = ODD_P | BIT(2);
	two.leaf_set = BIT(2);
	odd_tables();
	vmmu_paging_host(&hw.g, &two, GUEST(5), 52, VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE);
	put8(GUEST(1) + 2 * 8, DATA | BIT(2) | ODD_R | ODD_X);
	t_eq(walk1(ODD_IA, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.gpa.v, 0x79a8);
	put8(GUEST(1) + 2 * 8, DATA | ODD_R | ODD_X);
	t_eq(walk1(ODD_IA, VMMU_READ, &w), VMMU_WALK_NP);
}

/* The same tables as a nested dimension: the guest's are reached through an odd format. */
Test(walk, an_odd_format_nests)
{
	struct vmmu_walk w;
	unsigned i;

	fresh(X64, 1);
	put8(NESTED(5), NESTED(4) | ODD_LINK);
	put8(NESTED(4), NESTED(3) | ODD_LINK);
	put8(NESTED(3), NESTED(2) | ODD_LINK);
	put8(NESTED(2), NESTED(1) | ODD_LINK);
	/* 4 entries of 4K, then 16K leaves: gpa 0x4000 and up. */
	for (i = 0; i < 4; i++)
		put8(NESTED(1) + 8 * i, i << 12 | ODD_LINK);
	put8(NESTED(2) + 8, 0x4000 | ODD_LINK | ODD_LEAF);
	vmmu_paging_host(&hw.n, &odd, NESTED(5), 52, VMMU_PG_AD | VMMU_PG_NXE);
	nothing_reserved(&hw.n);
	t_eq(walk1(X64->gva, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.hpa.v, 0x7128);
	/* Tables of level 1, 2 and 3 through 5 levels, of level 4 and the page through 4. */
	t_eq(w.refs, 3 * 6 + 5 + 4);
	t_eq(w.nshift, 14);
}
