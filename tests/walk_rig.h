/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of walks share: memory that the library and the oracle each have a copy of,
 * registers and profiles for both, and one case compared.
 * Not here: tests (test_walk.c, test_walk_nested.c).
 * Keeps: both copies of memory must be the same after each walk.
 */
#ifndef WALK_RIG_H
#define WALK_RIG_H

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

/*
 * Physical memory; gpa = hpa where there are two dimensions:
 *	page 1..5	the guest's table of that level
 *	page 6, 7	data
 *	page 9..13	the nested table of level 1..5, which maps the first 2M
 */
#define PAGES 16u
#define BYTES (PAGES * 4096u)
#define GUEST(level) ((uint64_t)(level) << 12)
#define DATA UINT64_C(0x7000)

static uint8_t *ram;	     /* the library's copy, between guard pages */
static uint8_t other[BYTES]; /* the oracle's */
static uint8_t image[BYTES]; /* both, before the walk */
static uint64_t seed = 0x9e3779b97f4a7c15;

static inline uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static inline unsigned pick(unsigned n)
{
	return (unsigned)(rnd() >> 33) % n;
}

static inline void setup(void)
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

static inline void put(uint64_t pa, unsigned bytes, uint64_t v)
{
	memcpy(ram + pa, &v, bytes);
	memcpy(other + pa, &v, bytes);
}

static inline void put8(uint64_t pa, uint64_t v)
{
	put(pa, 8, v);
}

static inline uint64_t get8(uint64_t pa)
{
	uint64_t v;

	memcpy(&v, ram + pa, 8);
	return v;
}

/* ---- the oracle's memory, and the callbacks over the library's --------------------- */

static inline int or_is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa < BYTES;
}

static inline int or_rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = 0;
	if (pa < BYTES)
		memcpy(val, other + pa, bytes);
	return 0;
}

static inline int or_wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	if (pa < BYTES)
		memcpy(other + pa, &val, bytes);
	return 0;
}

static const struct or_mem or_memory = { NULL, or_is_ram, NULL, or_rd, or_wr };

static inline int cb_read(void *ctx, uint64_t pa, unsigned size, uint64_t *value)
{
	(void)ctx;
	t_check((size == 4 || size == 8) && !(pa % size), "read of %u at 0x%" PRIx64, size, pa);
	if (pa >= BYTES)
		return VMMU_MEM_NONE;
	*value = 0;
	memcpy(value, ram + pa, size);
	return VMMU_MEM_OK;
}

static inline int cb_cmpxchg(void *ctx, uint64_t pa, unsigned size, uint64_t old,
			     uint64_t new_value)
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

static inline void count_step(void *ctx, const struct vmmu_step *s)
{
	(void)ctx;
	(void)s;
	nr_steps++;
}

enum via { BUS, CALLBACKS, STEPS, NR_VIA };

static inline int walk_via(const struct vmmu_hw *hw, enum via via, uint64_t gva, uint32_t access,
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

static inline unsigned level_shift(const struct mode *m, unsigned level)
{
	return m->bytes == 4 ? (level == 1 ? 12 : 22) : 3 + 9 * level;
}

static inline uint64_t entry_pa(const struct mode *m, unsigned level)
{
	uint64_t index = m->gva >> level_shift(m, level);

	index &= m->bytes == 4 ? 1023 : m == PAE && level == 3 ? 3 : 511;
	return GUEST(level) + index * m->bytes;
}

static inline unsigned top_leaf(const struct mode *m)
{
	return m == NOPSE ? 1 : m->top > 3 ? 3 : 2;
}

static inline void set_profile(unsigned maxphyaddr, uint32_t features)
{
	vprof = (struct vmmu_profile){ .name = "test",
				       .features = features,
				       .maxphyaddr = (uint8_t)maxphyaddr,
				       .cr4_valid = ~0ull,
				       .efer_valid = ~0ull };
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

static inline void use_regs(void)
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

static inline void use_mode(const struct mode *m, uint64_t cr0, uint64_t cr4, uint64_t efer)
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
static inline uint64_t leaf_base(unsigned level)
{
	return level == 1 ? DATA : 0;
}

/* The tables of a mode down to a leaf, all rights, A and D set. */
static inline void build(const struct mode *m, unsigned leaf)
{
	unsigned level;

	for (level = m->top; level > leaf; level--)
		put(entry_pa(m, level), m->bytes,
		    GUEST(level - 1) | (m == PAE && level == 3 ? P : PWU | A));
	put(entry_pa(m, leaf), m->bytes, leaf_base(leaf) | PWU | A | D | (leaf > 1 ? PS : 0));
}

static inline uint32_t access_of(const struct or_access *a)
{
	return (uint32_t)a->op | (a->user ? VMMU_USER : 0) | (a->ac ? VMMU_AC : 0) |
	       (a->implicit ? VMMU_IMPLICIT : 0) | (a->stack ? VMMU_STACK : 0) |
	       (a->no_ad ? VMMU_NO_AD : 0);
}

/* Access number n of 15: type, and user, supervisor, with AC, implicit at either CPL. */
#define NR_ACCESSES 15u

static inline void set_access(unsigned n)
{
	acc.op = (enum or_op)(n % 3);
	acc.user = n / 3 == 1 || n / 3 == 4;
	acc.ac = n / 3 == 2 || n / 3 == 3;
	acc.implicit = n / 3 >= 3;
}

static inline const char *describe(void)
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

static inline void same_stop(const struct vmmu_walk *w, const struct or_result *o)
{
	unsigned want = !(o->error & OR_PF_P)	? VMMU_WALK_NP
			: o->error & OR_PF_RSVD ? VMMU_WALK_RSVD
						: VMMU_WALK_PERM;

	t_check(w->status == want && w->dim == 1, "%s: status %u, not %u", describe(), w->status,
		want);
	t_check(w->code == o->error, "%s: code 0x%x, not 0x%x", describe(), w->code, o->error);
	t_check(w->level == o->level, "%s: level %u, not %u", describe(), w->level, o->level);
}

static inline void same_result(const struct vmmu_walk *w, const struct or_result *o)
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

static inline void same_memory(void)
{
	unsigned i;

	if (!memcmp(ram, other, BYTES))
		return;
	for (i = 0; i < BYTES; i += 4)
		t_check(!memcmp(ram + i, other + i, 4), "%s: memory at 0x%x is %x, not %x",
			describe(), i, *(uint32_t *)(void *)(ram + i),
			*(uint32_t *)(void *)(other + i));
}

static inline uint64_t sometimes(unsigned one_in, uint64_t bits)
{
	return pick(one_in) ? 0 : bits;
}

static inline uint64_t mostly(uint64_t bits)
{
	return pick(6) ? bits : 0;
}

static inline void random_profile(void)
{
	static const uint8_t m[] = { 32, 36, 39, 40, 46, 52 };

	set_profile(m[pick(6)], (uint32_t)(pick(2) ? VMMU_CPU_PSE36 : 0) |
					(pick(2) ? VMMU_CPU_1G : 0) |
					(pick(3) ? 0 : VMMU_CPU_G_RESERVED));
}

static inline void random_regs(void)
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
static inline uint64_t random_bits(unsigned level, unsigned leaf)
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

static inline void random_tables(unsigned leaf)
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

static inline void random_access(void)
{
	set_access(pick(NR_ACCESSES));
	acc.no_ad = !pick(8);
	acc.stack = pick(2);
	acc.gva = mode->gva;
	if (!pick(8))
		acc.gva ^= BIT(pick(64));
}

static inline int walk1(uint64_t gva, uint32_t access, struct vmmu_walk *w)
{
	return walk_via(&hw, BUS, gva, access, w);
}

static inline void fresh(const struct mode *m, unsigned leaf)
{
	setup();
	set_profile(46, VMMU_CPU_1G | VMMU_CPU_PSE36);
	build(m, leaf);
	use_mode(m, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
}

static inline void clear_ad(void)
{
	unsigned level;

	for (level = 4; level; level--)
		put8(entry_pa(X64, level), get8(entry_pa(X64, level)) & ~(A | D));
}

#endif
