/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu_walk2() in one dimension against the oracle, bit by bit, and against literals.
 * Not here: two dimensions (test_walk_nested.c); vCPUs, caches, backends.
 * Keeps: each walk runs on its own copy of the same memory, which must be the same afterwards.
 */
#include "walk_rig.h"

#define LEGACY (&modes[1])

/* One dimension. */
static void compare(enum via via)
{
	struct vmmu_walk w;
	struct or_result o;

	walk_via(&hw, via, acc.gva, access_of(&acc), &w);
	or_translate(&r, &prof, &or_memory, &acc, &o);
	same_result(&w, &o);
	if (!w.status)
		t_eq(w.hpa.v, w.gpa.v);
}

/* ---- one dimension, exhaustively --------------------------------------------------- */

/* WP, SMEP, SMAP, PKE, PKS, NXE by the bits of n. */
static void use_cpu(const struct mode *m, unsigned n)
{
	use_mode(m, n & 1 ? VMMU_CR0_WP : 0,
		 (n & 2 ? VMMU_CR4_SMEP : 0) | (n & 4 ? VMMU_CR4_SMAP : 0) |
			 (n & 8 ? VMMU_CR4_PKE : 0) | (n & 16 ? VMMU_CR4_PKS : 0),
		 n & 32 ? VMMU_EFER_NXE : 0);
}

/* W, U, NX and A by the bits of n; NX is an ignored bit 31.. of nothing in 4-byte entries. */
static uint64_t bits_of(const struct mode *m, unsigned n)
{
	return P | (n & 1 ? W : 0) | (n & 2 ? U : 0) | (n & 4 && m->bytes == 8 ? NX : 0) |
	       (n & 8 ? A : 0);
}

/* Every right in the leaf and the link above it, for every CPU, access and key. */
static void all_rights(const struct mode *m, unsigned leaf)
{
	unsigned cpu, e, n, key, link_mask = leaf < m->top ? 15 : 0;
	uint64_t link_pa = leaf < m->top ? entry_pa(m, leaf + 1) : 0, leaf_pa = entry_pa(m, leaf);

	set_profile(46, VMMU_CPU_1G | VMMU_CPU_PSE36);
	setup();
	build(m, leaf);
	if (m == PAE && leaf == 2)
		link_mask = 0;
	for (cpu = 0; cpu < 64; cpu++) {
		unsigned keys = m->top > 3 && (cpu & 24) ? 4 : 1;

		use_cpu(m, cpu);
		for (key = 0; key < keys; key++) {
			r.pkru = key << 10;
			r.pkrs = (3 - key) << 10;
			use_regs();
			for (e = 0; e < 512; e++) {
				uint64_t link = bits_of(m, e & 15) | GUEST(leaf);
				uint64_t l = bits_of(m, e >> 4 & 15) | leaf_base(leaf) |
					     (e >> 8 & 1 ? D : 0) | (leaf > 1 ? PS : 0) |
					     (m->top > 3 ? UINT64_C(5) << 59 : 0);

				/* A shrunken link space is walked once. */
				if (e & 15 & ~link_mask)
					continue;
				for (n = 0; n < NR_ACCESSES; n++) {
					if (link_mask)
						put(link_pa, m->bytes, link);
					put(leaf_pa, m->bytes, l);
					set_access(n);
					compare(BUS);
					t_check(!memcmp(ram + leaf_pa, other + leaf_pa, m->bytes),
						"%s: A/D of the leaf", describe());
					t_check(!memcmp(ram + link_pa, other + link_pa, m->bytes),
						"%s: A of the link", describe());
				}
			}
		}
	}
}

Test(walk, rights_of_32_bit_4k_pages_are_judged_as_by_the_oracle)
{
	all_rights(NOPSE, 1);
	all_rights(LEGACY, 1);
}

Test(walk, rights_of_4m_pages_are_judged_as_by_the_oracle)
{
	all_rights(LEGACY, 2);
}

Test(walk, rights_of_pae_pages_are_judged_as_by_the_oracle)
{
	all_rights(PAE, 1);
	all_rights(PAE, 2);
}

Test(walk, rights_of_4_level_pages_are_judged_as_by_the_oracle)
{
	all_rights(X64, 1);
}

Test(walk, rights_of_5_level_large_pages_are_judged_as_by_the_oracle)
{
	all_rights(LA57, 3);
}

/* ---- one dimension, at random ---------------------------------------------------------- */

static void random_cases(const struct mode *m, unsigned cases, uint32_t features)
{
	unsigned i;

	setup();
	for (i = 0; i < cases; i++) {
		random_profile();
		vprof.features |= features;
		prof.pdpte_walk = vprof.features & VMMU_CPU_PDPTE_WALK;
		use_mode(m, 0, 0, 0);
		random_regs();
		random_tables(1 + pick(top_leaf(m)));
		random_access();
		memcpy(image, ram, BYTES);
		compare((enum via)pick(NR_VIA));
		same_memory();
	}
}

Test(walk, any_32_bit_entry_is_walked_as_by_the_oracle)
{
	random_cases(NOPSE, 60000, 0);
	random_cases(LEGACY, 60000, 0);
}

Test(walk, any_pae_entry_is_walked_as_by_the_oracle)
{
	random_cases(PAE, 80000, 0);
}

Test(walk, pdptes_that_are_walked_are_walked_as_by_the_oracle)
{
	random_cases(PAE, 60000, VMMU_CPU_PDPTE_WALK);
}

Test(walk, any_4_level_entry_is_walked_as_by_the_oracle)
{
	random_cases(X64, 100000, 0);
}

Test(walk, any_5_level_entry_is_walked_as_by_the_oracle)
{
	random_cases(LA57, 100000, 0);
}

/* Tables full of noise that mostly points back into them. */
static void hostile_cases(const struct mode *m, unsigned cases)
{
	unsigned i, at;

	for (i = 0; i < cases; i++) {
		if (!(i % 64)) {
			for (at = 0; at < BYTES; at += m->bytes) {
				uint64_t e = rnd() & ~(UINT64_C(0xfffff) << 32);

				e |= mostly(P);
				if (pick(8))
					e &= ~UINT64_C(0xffff0000) & ~NX;
				else if (m->bytes == 8)
					e |= BIT(32 + pick(32));
				put(at, m->bytes, e);
			}
		}
		random_profile();
		use_mode(m, 0, 0, 0);
		random_regs();
		r.cr3 = GUEST(pick(PAGES));
		if (!pick(16))
			r.cr3 = 0xfffff000;
		if (m == PAE)
			r.pdpte[pick(4)] = GUEST(pick(PAGES)) | P;
		use_regs();
		random_access();
		acc.gva = rnd();
		if (m->top < 4)
			acc.gva &= 0xffffffff;
		else if (pick(4))
			acc.gva = (uint64_t)((int64_t)acc.gva >> (m->top == 4 ? 17 : 8));
		memcpy(image, ram, BYTES);
		compare((enum via)pick(NR_VIA));
		same_memory();
	}
}

Test(walk, hostile_tables_never_leave_memory)
{
	unsigned i;

	setup();
	for (i = 0; i < NR_MODES; i++)
		hostile_cases(&modes[i], 20000);
}

/* ---- one dimension: literals --------------------------------------------------------- */

Test(walk, four_levels_read_four_entries)
{
	struct vmmu_walk w;

	fresh(X64, 1);
	t_eq(walk1(0x8080006128, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.refs, 4);
	t_eq(w.gpa.v, 0x7128);
	t_eq(w.rights, VMMU_RWXU);
	t_eq(w.shift, 12);
	t_eq(w.leaf.v, 0x1030);
}

Test(walk, no_paging_is_the_identity)
{
	struct vmmu_walk w;

	setup();
	memset(&hw, 0, sizeof(hw));
	hw.bus = (struct vmmu_bus){ .base = ram, .lo = 0, .size = BYTES };
	t_eq(walk1(0x6128, VMMU_WRITE | VMMU_USER, &w), VMMU_WALK_OK);
	t_eq(w.gpa.v, 0x6128);
	t_eq(w.hpa.v, 0x6128);
	t_eq(w.refs, 0);
	t_eq(w.rights, VMMU_RWXU);
	t_eq(w.shift, 0);
}

/* SDM 4.5: bits 63:47 equal, or 63:56. */
Test(walk, canonical_edges_of_4_levels)
{
	struct vmmu_walk w;

	fresh(X64, 1);
	t_eq(walk1(0x00007fffffffffff, VMMU_READ, &w), VMMU_WALK_NP);
	t_eq(walk1(0x0000800000000000, VMMU_READ, &w), VMMU_WALK_NONCANON);
	t_eq(w.refs, 0);
	t_eq(walk1(0xffff7fffffffffff, VMMU_READ, &w), VMMU_WALK_NONCANON);
	t_eq(walk1(0xffff800000000000, VMMU_READ, &w), VMMU_WALK_NP);
}

Test(walk, canonical_edges_of_5_levels)
{
	struct vmmu_walk w;

	fresh(LA57, 1);
	t_eq(walk1(0x00ffffffffffffff, VMMU_READ, &w), VMMU_WALK_NP);
	t_eq(walk1(0x0100000000000000, VMMU_READ, &w), VMMU_WALK_NONCANON);
	t_eq(walk1(0xfeffffffffffffff, VMMU_READ, &w), VMMU_WALK_NONCANON);
	t_eq(walk1(0xff00000000000000, VMMU_READ, &w), VMMU_WALK_NP);
}

/* SDM table 4-4: bits 20:13 of a 4M leaf are address bits 39:32. */
Test(walk, pse36_leaf_reaches_40_bits)
{
	struct vmmu_walk w;

	fresh(LEGACY, 2);
	put(entry_pa(LEGACY, 2), 4, 0x00400000 | 0xa5u << 13 | PWU | PS | A | D);
	t_eq(walk1(0x6128, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.gpa.v, 0xa500406128);
	t_eq(w.shift, 22);
	t_eq(w.refs, 1);
}

Test(walk, pse36_is_limited_by_maxphyaddr)
{
	struct vmmu_walk w;

	fresh(LEGACY, 2);
	set_profile(36, VMMU_CPU_PSE36);
	use_regs();
	put(entry_pa(LEGACY, 2), 4, BIT(17) | PWU | PS | A | D);
	t_eq(walk1(0x6128, VMMU_READ, &w), VMMU_WALK_RSVD);
	t_eq(w.code, VMMU_PF_P | VMMU_PF_RSVD);
	put(entry_pa(LEGACY, 2), 4, BIT(16) | PWU | PS | A | D);
	t_eq(walk1(0x6128, VMMU_READ, &w), VMMU_WALK_OK);
	t_eq(w.gpa.v, 0x800006128);
}

Test(walk, a_not_present_cached_pdpte_costs_no_reference)
{
	struct vmmu_walk w;

	fresh(PAE, 1);
	t_eq(walk1(0x40006128, VMMU_WRITE | VMMU_USER, &w), VMMU_WALK_NP);
	t_eq(w.refs, 0);
	t_eq(w.level, 3);
	t_eq(w.code, VMMU_PF_W | VMMU_PF_U);
}

Test(walk, pk_is_reported_beside_another_reason)
{
	struct vmmu_walk w;

	fresh(X64, 1);
	use_mode(X64, VMMU_CR0_WP, VMMU_CR4_PKE, VMMU_EFER_NXE);
	r.pkru = 2u << 10;
	use_regs();
	put8(entry_pa(X64, 1), DATA | P | U | A | UINT64_C(5) << 59);
	t_eq(walk1(X64->gva, VMMU_WRITE | VMMU_USER, &w), VMMU_WALK_PERM);
	t_eq(w.code, VMMU_PF_P | VMMU_PF_W | VMMU_PF_U | VMMU_PF_PK);
	t_eq(w.pkey, 5);
}

/* ---- memory by callbacks -------------------------------------------------------------- */

struct odd_mem {
	uint64_t at; /* the entry that answers something else ... */
	int read, cmpxchg;
	unsigned times; /* ... so often */
	unsigned nr;
};

static int odd_read(void *ctx, uint64_t pa, unsigned size, uint64_t *value)
{
	struct odd_mem *m = ctx;

	if (pa == m->at && m->read)
		return m->read;
	return cb_read(NULL, pa, size, value);
}

static int odd_cmpxchg(void *ctx, uint64_t pa, unsigned size, uint64_t old, uint64_t new_value)
{
	struct odd_mem *m = ctx;

	if (pa == m->at && m->cmpxchg && m->nr < m->times) {
		m->nr++;
		return m->cmpxchg;
	}
	return cb_cmpxchg(NULL, pa, size, old, new_value);
}

static int walk_odd(struct odd_mem *m, uint32_t access, struct vmmu_walk *w)
{
	struct vmmu_mem_ops ops = { odd_read, odd_cmpxchg, m };

	return vmmu_walk2(&hw, &ops, vmmu_gva(X64->gva), access, NULL, NULL, w);
}

Test(walk, a_table_that_is_not_there_is_nomem)
{
	struct odd_mem m = { .at = entry_pa(X64, 2), .read = VMMU_MEM_NONE };
	struct vmmu_walk w;

	fresh(X64, 1);
	t_eq(walk_odd(&m, VMMU_READ, &w), VMMU_WALK_NOMEM);
	t_eq(w.gpa.v, 0x2000);
	t_eq(w.table, 2);
	t_eq(w.refs, 2);
	t_eq(w.dim, 1);
}

Test(walk, a_table_whose_page_is_absent_is_absent)
{
	struct odd_mem m = { .at = entry_pa(X64, 1), .read = VMMU_MEM_ABSENT };
	struct vmmu_walk w;

	fresh(X64, 1);
	t_eq(walk_odd(&m, VMMU_READ, &w), VMMU_WALK_ABSENT);
	t_eq(w.gpa.v, 0x1030);
}

Test(walk, a_store_of_a_to_an_absent_page_is_absent)
{
	struct odd_mem m = { .at = entry_pa(X64, 3), .cmpxchg = VMMU_MEM_ABSENT, .times = 1 };
	struct vmmu_walk w;

	fresh(X64, 1);
	clear_ad();
	t_eq(walk_odd(&m, VMMU_READ, &w), VMMU_WALK_ABSENT);
	t_eq(w.gpa.v, entry_pa(X64, 3));
}

Test(walk, a_store_of_a_to_nothing_is_nomem)
{
	struct odd_mem m = { .at = entry_pa(X64, 3), .cmpxchg = VMMU_MEM_NONE, .times = ~0u };
	struct vmmu_walk w;

	fresh(X64, 1);
	clear_ad();
	t_eq(walk_odd(&m, VMMU_READ, &w), VMMU_WALK_NOMEM);
	t_eq(w.gpa.v, entry_pa(X64, 3));
}

Test(walk, an_entry_that_changed_is_walked_again)
{
	struct odd_mem m = { .at = entry_pa(X64, 1), .cmpxchg = VMMU_MEM_CHANGED, .times = 3 };
	struct vmmu_walk w;

	fresh(X64, 1);
	clear_ad();
	t_eq(walk_odd(&m, VMMU_WRITE, &w), VMMU_WALK_OK);
	t_eq(w.refs, 4);
	t_eq(m.nr, 3);
	t_eq(get8(entry_pa(X64, 1)), DATA | PWU | A | D);
}

Test(walk, an_entry_that_never_holds_still_is_a_race)
{
	struct odd_mem m = { .at = entry_pa(X64, 1), .cmpxchg = VMMU_MEM_CHANGED, .times = ~0u };
	struct vmmu_walk w;

	fresh(X64, 1);
	clear_ad();
	t_eq(walk_odd(&m, VMMU_WRITE, &w), VMMU_WALK_RACE);
}

Test(walk, a_store_of_a_and_d_to_rom_is_dropped)
{
	struct odd_mem m = { .at = entry_pa(X64, 1), .cmpxchg = VMMU_MEM_READONLY, .times = ~0u };
	struct vmmu_walk w;

	fresh(X64, 1);
	clear_ad();
	t_eq(walk_odd(&m, VMMU_WRITE, &w), VMMU_WALK_OK);
	t_eq(get8(entry_pa(X64, 1)), DATA | PWU);
	t_eq(get8(entry_pa(X64, 2)), GUEST(1) | PWU | A);
}

Test(walk, the_bus_knows_more_than_one_range)
{
	struct vmmu_range more[] = { { 0x4000, 0x5000 }, { 0x1000, 0x4000 } };
	struct vmmu_walk w;

	fresh(X64, 1);
	hw.bus.lo = 0xa000;
	hw.bus.size = 0x1000;
	hw.bus.more = more;
	hw.bus.nr_more = 2;
	t_eq(walk1(X64->gva, VMMU_WRITE, &w), VMMU_WALK_OK);
	t_eq(w.gpa.v, 0x7128);
	hw.bus.nr_more = 1;
	t_eq(walk1(X64->gva, VMMU_WRITE, &w), VMMU_WALK_NOMEM);
	t_eq(w.gpa.v, entry_pa(X64, 3));
}

static struct vmmu_step steps[64];

static void keep_step(void *ctx, const struct vmmu_step *s)
{
	(void)ctx;
	if (nr_steps < 64)
		steps[nr_steps++] = *s;
}

Test(walk, a_step_tells_of_each_entry_in_order)
{
	struct vmmu_walk w;
	unsigned i;

	fresh(X64, 2);
	nr_steps = 0;
	vmmu_walk2(&hw, NULL, vmmu_gva(X64->gva), VMMU_READ, keep_step, NULL, &w);
	t_eq(nr_steps, 3);
	for (i = 0; i < 3; i++) {
		t_true(steps[i].fmt == &vmmu_fmt_x64);
		t_eq(steps[i].dim, 1);
		t_eq(steps[i].level, 4 - i);
		t_eq(steps[i].ia, X64->gva);
		t_eq(steps[i].leaf, i == 2);
		t_eq(steps[i].pa, entry_pa(X64, 4 - i));
	}
	t_eq(steps[2].entry, PWU | A | D | PS);
}
