/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu_walk2() and vmmu_walk_nested() against the oracle, bit by bit, and against literals.
 * Not here: vCPUs, caches, backends.
 * Keeps: each walk runs on its own copy of the same memory, which must be the same afterwards.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/hw.h>

#include <vmmu-oracle/oracle.h>
#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define P BIT(0)
#define W BIT(1)
#define U BIT(2)
#define A BIT(5)
#define D BIT(6)
#define PS BIT(7)
#define G BIT(8)
#define NX BIT(63)
#define PWU (P | W | U)

#define EPT_RWX 7u
#define EPT_WB (6u << 3)
#define EPT_A BIT(8)
#define EPT_D BIT(9)

/*
 * Physical memory; gpa = hpa where there are two dimensions:
 *	page 1..5	the guest's table of that level
 *	page 6, 7	data
 *	page 9..13	the nested table of level 1..5, which maps the first 2M
 */
#define PAGES 16u
#define BYTES (PAGES * 4096u)
#define GUEST(level) ((uint64_t)(level) << 12)
#define NESTED(level) ((uint64_t)(8 + (level)) << 12)
#define DATA UINT64_C(0x7000)

static uint8_t *ram;	     /* the library's copy, between guard pages */
static uint8_t other[BYTES]; /* the oracle's */
static uint8_t image[BYTES]; /* both, before the walk */
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned pick(unsigned n)
{
	return (unsigned)(rnd() >> 33) % n;
}

static void setup(void)
{
	if (!ram) {
		uint8_t *p =
			mmap(NULL, BYTES + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		t_true(p != MAP_FAILED);
		t_true(!mprotect(p + 4096, BYTES, PROT_READ | PROT_WRITE));
		ram = p + 4096;
	}
	memset(ram, 0, BYTES);
	memset(other, 0, BYTES);
	seed = 0x9e3779b97f4a7c15;
}

static void put(uint64_t pa, unsigned bytes, uint64_t v)
{
	memcpy(ram + pa, &v, bytes);
	memcpy(other + pa, &v, bytes);
}

static void put8(uint64_t pa, uint64_t v)
{
	put(pa, 8, v);
}

static uint64_t get8(uint64_t pa)
{
	uint64_t v;

	memcpy(&v, ram + pa, 8);
	return v;
}

/* ---- the oracle's memory, and the callbacks over the library's --------------------- */

static int or_is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa < BYTES;
}

static int or_rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = 0;
	if (pa < BYTES)
		memcpy(val, other + pa, bytes);
	return 0;
}

static int or_wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	if (pa < BYTES)
		memcpy(other + pa, &val, bytes);
	return 0;
}

static const struct or_mem or_memory = { NULL, or_is_ram, NULL, or_rd, or_wr };

static int cb_read(void *ctx, uint64_t pa, unsigned size, uint64_t *value)
{
	(void)ctx;
	t_check((size == 4 || size == 8) && !(pa % size), "read of %u at 0x%" PRIx64, size, pa);
	if (pa >= BYTES)
		return VMMU_MEM_NONE;
	*value = 0;
	memcpy(value, ram + pa, size);
	return VMMU_MEM_OK;
}

static int cb_cmpxchg(void *ctx, uint64_t pa, unsigned size, uint64_t old, uint64_t new_value)
{
	uint64_t is = 0;

	(void)ctx;
	t_check((size == 4 || size == 8) && !(pa % size), "cmpxchg of %u at 0x%" PRIx64, size, pa);
	t_check(pa < BYTES, "cmpxchg at 0x%" PRIx64 ", which was never read", pa);
	memcpy(&is, ram + pa, size);
	if (is != old)
		return VMMU_MEM_CHANGED;
	memcpy(ram + pa, &new_value, size);
	return VMMU_MEM_OK;
}

static const struct vmmu_mem_ops callbacks = { cb_read, cb_cmpxchg, NULL };

static unsigned nr_steps;

static void count_step(void *ctx, const struct vmmu_step *s)
{
	(void)ctx;
	(void)s;
	nr_steps++;
}

enum via { BUS, CALLBACKS, STEPS, NR_VIA };

static int walk_via(const struct vmmu_hw *hw, enum via via, uint64_t gva, uint32_t access,
		    struct vmmu_walk *w)
{
	int st;

	memset(w, 0xa5, sizeof(*w));
	nr_steps = 0;
	st = vmmu_walk2(hw, via == CALLBACKS ? &callbacks : NULL, vmmu_gva(gva), access,
			via == STEPS ? count_step : NULL, NULL, w);
	t_eq(st, w->status);
	if (via == STEPS && w->status != VMMU_WALK_RACE)
		t_eq(nr_steps, w->refs);
	return st;
}

/* ---- one case: registers, profile, access; both sides -------------------------------- */

struct mode {
	const char *name;
	uint64_t cr0, cr4, efer;
	unsigned top, bytes;
	uint64_t gva;
};

#define PROT (VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG)
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)
static const struct mode modes[] = {
	{ "nopse", PROT, 0, 0, 2, 4, 0x6128 },
	{ "32-bit", PROT, VMMU_CR4_PSE, 0, 2, 4, 0x6128 },
	{ "pae", PROT, VMMU_CR4_PAE, 0, 3, 8, 0x80006128 },
	{ "4-level", PROT, VMMU_CR4_PAE, LONG, 4, 8, 0x8080006128 },
	{ "5-level", PROT, VMMU_CR4_PAE | VMMU_CR4_LA57, LONG, 5, 8, 0x1008080006128 },
};
#define NR_MODES 5
#define NOPSE (&modes[0])
#define LEGACY (&modes[1])
#define PAE (&modes[2])
#define X64 (&modes[3])
#define LA57 (&modes[4])

static const struct mode *mode;
static struct or_regs r;
static struct or_profile prof;
static struct vmmu_regs regs;
static struct vmmu_profile vprof;
static struct or_access acc;
static struct vmmu_hw hw;
static struct or_ncfg ncfg;

static unsigned level_shift(const struct mode *m, unsigned level)
{
	return m->bytes == 4 ? (level == 1 ? 12 : 22) : 3 + 9 * level;
}

static uint64_t entry_pa(const struct mode *m, unsigned level)
{
	uint64_t index = m->gva >> level_shift(m, level);

	index &= m->bytes == 4 ? 1023 : m == PAE && level == 3 ? 3 : 511;
	return GUEST(level) + index * m->bytes;
}

static unsigned top_leaf(const struct mode *m)
{
	return m == NOPSE ? 1 : m->top > 3 ? 3 : 2;
}

static void set_profile(unsigned maxphyaddr, uint32_t features)
{
	vprof = (struct vmmu_profile){ "test", features, (uint8_t)maxphyaddr, ~0ull, ~0ull };
	prof = (struct or_profile){
		.maxphyaddr = maxphyaddr,
		.has_1g = features & VMMU_CPU_1G,
		.has_pse36 = features & VMMU_CPU_PSE36,
		.g_reserved = features & VMMU_CPU_G_RESERVED,
		.pdpte_walk = features & VMMU_CPU_PDPTE_WALK,
		.cr4_valid = ~0ull,
		.efer_valid = ~0ull,
	};
}

static void use_regs(void)
{
	regs = (struct vmmu_regs){
		.cr0 = r.cr0,
		.cr3 = r.cr3,
		.cr4 = r.cr4,
		.efer = r.efer,
		.pkru = r.pkru,
		.pkrs = r.pkrs,
	};
	memcpy(regs.pdpte, r.pdpte, sizeof(r.pdpte));
	vmmu_paging_guest(&hw.g, &regs, &vprof);
}

static void use_mode(const struct mode *m, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	memset(&hw, 0, sizeof(hw));
	hw.bus = (struct vmmu_bus){ .base = ram, .lo = 0, .size = BYTES };
	mode = m;
	acc = (struct or_access){ .gva = m->gva };
	r = (struct or_regs){
		.cr0 = m->cr0 | cr0,
		.cr4 = m->cr4 | cr4,
		.efer = m->efer | efer,
		.cr3 = GUEST(m->top),
	};
	if (m == PAE)
		r.pdpte[m->gva >> 30 & 3] = GUEST(2) | P;
	use_regs();
}

/* Where a leaf of this level leads. */
static uint64_t leaf_base(unsigned level)
{
	return level == 1 ? DATA : 0;
}

/* The tables of a mode down to a leaf, all rights, A and D set. */
static void build(const struct mode *m, unsigned leaf)
{
	unsigned level;

	for (level = m->top; level > leaf; level--)
		put(entry_pa(m, level), m->bytes,
		    GUEST(level - 1) | (m == PAE && level == 3 ? P : PWU | A));
	put(entry_pa(m, leaf), m->bytes, leaf_base(leaf) | PWU | A | D | (leaf > 1 ? PS : 0));
}

static uint32_t access_of(const struct or_access *a)
{
	return (uint32_t)a->op | (a->user ? VMMU_USER : 0) | (a->ac ? VMMU_AC : 0) |
	       (a->implicit ? VMMU_IMPLICIT : 0) | (a->stack ? VMMU_STACK : 0) |
	       (a->no_ad ? VMMU_NO_AD : 0);
}

/* Access number n of 15: type, and user, supervisor, with AC, implicit at either CPL. */
#define NR_ACCESSES 15u
static void set_access(unsigned n)
{
	acc.op = (enum or_op)(n % 3);
	acc.user = n / 3 == 1 || n / 3 == 4;
	acc.ac = n / 3 == 2 || n / 3 == 3;
	acc.implicit = n / 3 >= 3;
}

static const char *describe(void)
{
	static char s[300];
	unsigned level, at;

	at = (unsigned)snprintf(s, sizeof(s),
				"%s gva %" PRIx64 " access %x cr0 %" PRIx64 " cr4 %" PRIx64
				" efer %" PRIx64 " M %u pkr %x",
				mode->name, acc.gva, access_of(&acc), r.cr0, r.cr4, r.efer,
				prof.maxphyaddr, r.pkru);
	for (level = mode->top; level; level--) {
		uint64_t e = 0;

		memcpy(&e, image + entry_pa(mode, level), mode->bytes);
		at += (unsigned)snprintf(s + at, sizeof(s) - at, " [%u] %" PRIx64, level, e);
	}
	return s;
}

static void same_stop(const struct vmmu_walk *w, const struct or_result *o)
{
	unsigned want = !(o->error & OR_PF_P)	? VMMU_WALK_NP
			: o->error & OR_PF_RSVD ? VMMU_WALK_RSVD
						: VMMU_WALK_PERM;

	t_check(w->status == want && w->dim == 1, "%s: status %u, not %u", describe(), w->status,
		want);
	t_check(w->code == o->error, "%s: code 0x%x, not 0x%x", describe(), w->code, o->error);
	t_check(w->level == o->level, "%s: level %u, not %u", describe(), w->level, o->level);
}

static void same_result(const struct vmmu_walk *w, const struct or_result *o)
{
	t_check(w->refs == o->refs, "%s: %u references, not %u", describe(), w->refs, o->refs);
	if (o->kind == OR_PF) {
		same_stop(w, o);
	} else if (o->kind == OR_GP || o->kind == OR_SS) {
		t_check(w->status == VMMU_WALK_NONCANON, "%s: status %u", describe(), w->status);
	} else if (o->kind == OR_MMIO && o->stage == OR_TABLE) {
		t_check(w->status == VMMU_WALK_NOMEM && w->gpa.v == o->gpa && w->table == o->level,
			"%s: status %u gpa 0x%" PRIx64 ", not 0x%" PRIx64, describe(), w->status,
			w->gpa.v, o->gpa);
	} else {
		t_check(w->status == VMMU_WALK_OK, "%s: status %u", describe(), w->status);
		t_check(w->gpa.v == o->gpa, "%s: gpa 0x%" PRIx64 ", not 0x%" PRIx64, describe(),
			w->gpa.v, o->gpa);
		t_check(w->rights == o->rights, "%s: rights %x, not %x", describe(), w->rights,
			o->rights);
		if (r.cr0 & VMMU_CR0_PG)
			t_check(w->shift == o->shift && level_shift(mode, w->level) == o->shift,
				"%s: size 2^%u at level %u", describe(), w->shift, w->level);
	}
}

static void same_memory(void)
{
	unsigned i;

	if (!memcmp(ram, other, BYTES))
		return;
	for (i = 0; i < BYTES; i += 4)
		t_check(!memcmp(ram + i, other + i, 4), "%s: memory at 0x%x is %x, not %x",
			describe(), i, *(uint32_t *)(void *)(ram + i),
			*(uint32_t *)(void *)(other + i));
}

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

static uint64_t sometimes(unsigned one_in, uint64_t bits)
{
	return pick(one_in) ? 0 : bits;
}

static uint64_t mostly(uint64_t bits)
{
	return pick(6) ? bits : 0;
}

static void random_profile(void)
{
	static const uint8_t m[] = { 32, 36, 39, 40, 46, 52 };

	set_profile(m[pick(6)], (uint32_t)(pick(2) ? VMMU_CPU_PSE36 : 0) |
					(pick(2) ? VMMU_CPU_1G : 0) |
					(pick(3) ? 0 : VMMU_CPU_G_RESERVED));
}

static void random_regs(void)
{
	const uint64_t cr4 = VMMU_CR4_SMEP | VMMU_CR4_SMAP | VMMU_CR4_PKE | VMMU_CR4_PKS |
			     VMMU_CR4_PGE | (mode->bytes == 8 ? VMMU_CR4_PSE : 0);

	r.cr0 |= sometimes(2, VMMU_CR0_WP);
	r.cr4 |= rnd() & cr4;
	r.efer |= sometimes(2, VMMU_EFER_NXE);
	r.pkru = (uint32_t)rnd();
	r.pkrs = (uint32_t)rnd();
	if (mode == PAE && !pick(6))
		r.pdpte[mode->gva >> 30 & 3] ^= P;
	use_regs();
}

/* All that may be in an entry, some of it reserved. */
static uint64_t random_bits(unsigned level, unsigned leaf)
{
	uint64_t e = mostly(P) | mostly(W) | mostly(U) | mostly(A) | sometimes(2, D) |
		     sometimes(4, G) | sometimes(4, BIT(9) | BIT(11)) | sometimes(8, BIT(3));

	e |= level == leaf && leaf > 1 ? mostly(PS) : sometimes(16, PS);
	/* One bit of the address field at a time: often a reserved one. */
	e |= sometimes(8, BIT(12 + pick(20)));
	if (mode->bytes == 4)
		return e;
	e |= sometimes(8, NX) | (rnd() & sometimes(2, UINT64_C(0x7ff) << 52));
	return e | sometimes(8, BIT(32 + pick(20)));
}

static void random_tables(unsigned leaf)
{
	unsigned level;

	for (level = mode->top; level >= leaf; level--) {
		uint64_t e = random_bits(level, leaf);

		e |= level > leaf ? GUEST(level - 1) : leaf_base(leaf);
		put(entry_pa(mode, level), mode->bytes, e);
	}
	for (; level; level--)
		put(entry_pa(mode, level), mode->bytes,
		    (level > 1 ? GUEST(level - 1) : DATA) | PWU | A);
}

static void random_access(void)
{
	set_access(pick(NR_ACCESSES));
	acc.no_ad = !pick(8);
	acc.stack = pick(2);
	acc.gva = mode->gva;
	if (!pick(8))
		acc.gva ^= BIT(pick(64));
}

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

static int walk1(uint64_t gva, uint32_t access, struct vmmu_walk *w)
{
	return walk_via(&hw, BUS, gva, access, w);
}

static void fresh(const struct mode *m, unsigned leaf)
{
	setup();
	set_profile(46, VMMU_CPU_1G | VMMU_CPU_PSE36);
	build(m, leaf);
	use_mode(m, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
}

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

static void clear_ad(void)
{
	unsigned level;

	for (level = 4; level; level--)
		put8(entry_pa(X64, level), get8(entry_pa(X64, level)) & ~(A | D));
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
