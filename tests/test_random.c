/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random guests on every backend and the oracle in lock step: accesses, table edits, registers,
 * TLB instructions, several vCPUs.  Not here: the host side (test_events.c), comparing (world.c).
 * Keeps: a run is a function of its seed, so VMMU_SEED=n VMMU_OPS=m repeats a failure.
 */
#include <stdlib.h>
#include <string.h>

#include "t.h"
#include "world.h"

#define WORLD_OPS 4000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_OPS 24000
#elif defined(__OPTIMIZE__)
#define DEFAULT_OPS 120000
#else
#define DEFAULT_OPS 40000
#endif

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

/* ---- the guest's tables ---------------------------------------------------- */

enum mode { MODE_OFF, MODE_32, MODE_PAE, MODE_LONG };

struct gen {
	struct world *w;
	struct rng r;
	unsigned focus; /* accesses come in crowds */
};

static unsigned below(struct gen *g, unsigned n)
{
	return rng_below(&g->r, n);
}

static bool percent(struct gen *g, unsigned p)
{
	return rng_percent(&g->r, p);
}

static enum mode mode_of(struct gen *g, unsigned cpu)
{
	const struct or_regs *r = world_regs(g->w, cpu);

	if (!(r->cr0 & OR_CR0_PG))
		return MODE_OFF;
	if (r->efer & OR_EFER_LMA)
		return MODE_LONG;
	return r->cr4 & OR_CR4_PAE ? MODE_PAE : MODE_32;
}

static uint64_t any_frame(struct gen *g)
{
	return g->w->frame[below(g, g->w->nr_frames)];
}

/* Where a large leaf may point; some only in part to memory. */
static uint64_t large_base(struct gen *g)
{
	static const uint64_t base[] = {
		0,	  2 * MIB, 4 * MIB, 8 * MIB,
		10 * MIB, ROM_GPA, ROM_GPA, 8 * MIB,
		GIB,	  GIB,	   GIB,	    GIB + 512 * MIB,
		4 * GIB,  4 * GIB, 2 * GIB, 4 * GIB + 2 * MIB,
	};

	return base[below(g, sizeof(base) / sizeof(base[0]))];
}

static uint64_t elsewhere(struct gen *g)
{
	static const uint64_t hole[] = {
		4 * MIB,	  6 * MIB + 0x3000,    16 * MIB,   2 * GIB,
		3 * GIB + 0x7000, 4 * GIB + 4 * MIB,   1ull << 35, 1ull << 38,
		1ull << 44,	  1ull << 45,	       1ull << 47, 1ull << 51,
		0xb000,		  2 * MIB + 64 * 1024,
	};
	uint64_t v = hole[below(g, sizeof(hole) / sizeof(hole[0]))];

	return percent(g, 10) ? v | any_frame(g) : v;
}

/* Bits beside the address. */
static uint64_t random_flags(struct gen *g)
{
	uint64_t e = 0;

	e |= percent(g, 95) ? 1 : 0;
	e |= percent(g, 85) ? 2 : 0;
	e |= percent(g, 85) ? 4 : 0;
	e |= percent(g, 60) ? 0x20 : 0;
	e |= percent(g, 50) ? 0x40 : 0;
	e |= percent(g, 12) ? 0x100 : 0;
	e |= percent(g, 10) ? (uint64_t)below(g, 4) << 3 : 0;
	e |= percent(g, 8) ? (uint64_t)below(g, 8) << 9 : 0;
	return e;
}

static uint64_t random_entry(struct gen *g, unsigned bytes, unsigned level)
{
	uint64_t e = random_flags(g);
	bool large = level > 1 && percent(g, 25);

	if (level > 3 || (level == 3 && percent(g, 30)))
		large = percent(g, 2);
	if (level > 3)
		e &= percent(g, 3) ? ~0ull : ~0x100ull;
	if (large)
		e |= large_base(g) | 0x80 | (percent(g, 10) ? 1ull << 12 : 0);
	else if (percent(g, 95))
		e |= any_frame(g);
	else
		e |= elsewhere(g);
	if (level == 1 && percent(g, 10))
		e |= 0x80;
	if (percent(g, 2))
		e |= 0x80;
	if (percent(g, 2))
		e |= 1ull << below(g, 64);
	if (bytes == 4)
		return (uint32_t)e;
	if (percent(g, 8))
		e |= 1ull << 63;
	if (percent(g, 20) && (world_regs(g->w, 0)->efer & OR_EFER_LMA))
		e |= (uint64_t)below(g, 16) << 59;
	return e;
}

struct step {
	uint64_t pa;
	unsigned level, bytes;
};

/* The entries that a walk reads now, as far as they lie in frames; how many. */
static unsigned walk_path(struct gen *g, unsigned cpu, uint64_t gva, struct step path[5])
{
	const struct or_regs *r = world_regs(g->w, cpu);
	enum mode mode = mode_of(g, cpu);
	unsigned level, n = 0, bytes = mode == MODE_32 ? 4 : 8;
	uint64_t table = r->cr3 & 0xffffffffff000ull, e;

	if (mode == MODE_OFF)
		return 0;
	if (mode != MODE_LONG)
		gva = (uint32_t)gva;
	level = mode == MODE_32 ? 2 : mode == MODE_PAE ? 2 : r->cr4 & OR_CR4_LA57 ? 5 : 4;
	if (mode == MODE_PAE && g->w->orp.pdpte_walk)
		table = world_read(g->w, (r->cr3 & 0xffffffe0u) + (gva >> 30) * 8, 8) &
			0xffffffffff000ull;
	else if (mode == MODE_PAE)
		table = r->pdpte[gva >> 30] & 0xffffffffff000ull;
	for (; level; level--) {
		uint64_t at = mode == MODE_32 ? gva >> (level == 2 ? 22 : 12) & 1023
					      : gva >> (3 + 9 * level) & 511;

		path[n].pa = table + at * bytes;
		path[n].level = level;
		path[n].bytes = bytes;
		if (!world_is_frame(g->w, path[n].pa))
			break;
		e = world_read(g->w, path[n].pa, bytes);
		n++;
		if (!(e & 1) || ((e & 0x80) && level > 1))
			break;
		table = e & 0xffffffffff000ull;
	}
	return n;
}

static void store_entry(struct gen *g, unsigned cpu, uint64_t pa, unsigned bytes, uint64_t e)
{
	static const enum world_store how[] = { STORE_CPU, STORE_CPU, STORE_DEVICE,
						STORE_BEGIN_END };

	world_store(g->w, cpu, pa, &e, bytes, how[below(g, 4)]);
}

/* ---- operations ------------------------------------------------------------------ */

static uint64_t any_gva(struct gen *g)
{
	if (percent(g, 3))
		g->focus = below(g, g->w->nr_gvas);
	if (percent(g, 55))
		return g->w->gva[(g->focus + below(g, 3)) % g->w->nr_gvas];
	return g->w->gva[below(g, g->w->nr_gvas)];
}

static unsigned any_cpu(struct gen *g)
{
	return below(g, g->w->cfg.nr_cpus);
}

static uint32_t any_access(struct gen *g)
{
	uint32_t a = below(g, 3);

	a |= percent(g, 40) ? VMMU_USER : 0;
	a |= percent(g, 25) ? VMMU_AC : 0;
	a |= percent(g, 10) ? VMMU_IMPLICIT : 0;
	a |= percent(g, 10) ? VMMU_STACK : 0;
	a |= percent(g, 5) ? VMMU_PROBE : 0;
	a |= percent(g, 5) ? VMMU_NO_AD : 0;
	return a;
}

static void op_access(struct gen *g)
{
	unsigned size = 1u << below(g, 4);
	uint64_t gva = any_gva(g) + (below(g, 4096) & ~(size - 1));

	world_access(g->w, any_cpu(g), gva, size, any_access(g), NULL);
}

/* Several kinds of one page in a row: what the first leaves behind, the others find. */
static void op_access_again(struct gen *g)
{
	unsigned cpu = any_cpu(g), n = 2 + below(g, 3);
	uint64_t gva = any_gva(g);

	while (n--)
		world_access(g->w, percent(g, 85) ? cpu : any_cpu(g), gva + below(g, 512) * 8, 8,
			     any_access(g), NULL);
}

/* The oracle judges staleness of both pages only if it watches both. */
static bool in_use(const struct gen *g, uint64_t gva)
{
	unsigned i;

	for (i = 0; i < g->w->nr_gvas; i++)
		if (g->w->gva[i] == gva)
			return true;
	return false;
}

static void op_span(struct gen *g)
{
	unsigned size = 2 + below(g, percent(g, 80) ? 15 : 4095);
	uint64_t page = any_gva(g), gva = page + 4096 - 1 - below(g, size - 1);

	if (gva < page || !in_use(g, page + 4096))
		return;
	world_span(g->w, any_cpu(g), gva, size, any_access(g));
}

/* The guest stores through its own mapping; where that is a table, to a table. */
static void op_guest_store(struct gen *g)
{
	unsigned cpu = any_cpu(g), level = 1 + below(g, 4), size = percent(g, 70) ? 8 : 4;
	uint64_t e = random_entry(g, size, level), gva = any_gva(g);
	uint32_t access =
		VMMU_WRITE | (percent(g, 30) ? VMMU_USER : 0) | (percent(g, 30) ? VMMU_AC : 0);

	gva += g->w->word[below(g, g->w->nr_words)] + (size == 4 && percent(g, 50) ? 4 : 0);
	world_access(g->w, cpu, gva, size, access, &e);
}

/* Builds a way to a leaf, keeping most of what is there. */
static void op_map(struct gen *g)
{
	unsigned cpu = any_cpu(g), i;
	uint64_t gva = any_gva(g);
	struct step path[5];

	for (i = 0; i < 5; i++) {
		unsigned n = walk_path(g, cpu, gva, path);
		uint64_t e;

		if (i >= n)
			return;
		e = world_read(g->w, path[i].pa, path[i].bytes);
		if ((e & 1) && path[i].level > 1 && percent(g, 75))
			continue;
		e = random_entry(g, path[i].bytes, path[i].level) | 1;
		e |= percent(g, 80) ? 6 : 0;
		store_entry(g, cpu, path[i].pa, path[i].bytes, e);
	}
}

/* Changes one entry on the way to an address that is in use. */
static void op_tweak(struct gen *g)
{
	static const unsigned bit[] = { 0, 1, 2, 5, 6, 7, 8, 63, 1, 2, 5, 6, 12, 13, 21 };
	unsigned cpu = any_cpu(g), n;
	uint64_t gva = any_gva(g), e;
	struct step path[5], s;

	n = walk_path(g, cpu, gva, path);
	if (!n)
		return;
	s = path[percent(g, 50) ? n - 1 : below(g, n)];
	e = world_read(g->w, s.pa, s.bytes);
	if (percent(g, 60))
		e ^= 1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))];
	else if (percent(g, 50))
		e = (e & ~0xffffffffff000ull) | any_frame(g);
	else
		e = random_entry(g, s.bytes, s.level);
	store_entry(g, cpu, s.pa, s.bytes, e);
	if (percent(g, 40))
		world_invlpg(g->w, cpu, gva);
	if (percent(g, 50))
		world_access(g->w, cpu, gva, 1, any_access(g), NULL);
}

/* An 8-byte entry in two halves, with an access between. */
static void op_torn(struct gen *g)
{
	unsigned cpu = any_cpu(g), n, first = below(g, 2) * 4;
	uint64_t gva = any_gva(g), e;
	struct step path[5], s;

	n = walk_path(g, cpu, gva, path);
	if (!n || path[0].bytes != 8)
		return;
	s = path[below(g, n)];
	e = random_entry(g, 8, s.level);
	store_entry(g, cpu, s.pa + first, 4, first ? e >> 32 : (uint32_t)e);
	world_access(g->w, any_cpu(g), gva, 1, any_access(g), NULL);
	store_entry(g, cpu, s.pa + (first ^ 4), 4, first ? (uint32_t)e : e >> 32);
}

/* Anywhere in the frames, any bytes; and where no RAM is. */
static void op_scribble(struct gen *g)
{
	unsigned level = 1 + below(g, 5), bytes = percent(g, 70) ? 8 : 4;
	uint64_t gpa = percent(g, 95) ? any_frame(g) : elsewhere(g) & ~0xfffull;
	uint64_t e[4] = { random_entry(g, bytes, level), random_entry(g, bytes, level),
			  random_entry(g, bytes, level), random_entry(g, bytes, level) };

	/* Memory outside the frames stays zero. */
	if (world_is_ram(g->w, gpa) && !world_is_frame(g->w, gpa))
		return;
	gpa += g->w->word[below(g, g->w->nr_words)];
	if (percent(g, 80))
		store_entry(g, any_cpu(g), gpa, bytes, e[0]);
	else if ((gpa & 4095) < 4064)
		world_store(g->w, any_cpu(g), gpa, e, 1 + below(g, 32), STORE_CPU);
}

/* Four PDPTEs that a MOV to CR3 will take, most of the time. */
static void put_pdptes(struct gen *g, unsigned cpu, uint64_t cr3)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		uint64_t e = any_frame(g) | (percent(g, 85) ? 1 : 0);

		if (percent(g, 3))
			e |= 1ull << below(g, 64);
		store_entry(g, cpu, (cr3 & 0xffffffe0u) + 8 * i, 8, e);
	}
}

static uint64_t any_root(struct gen *g)
{
	static const uint64_t low[] = { 0, 0x20, 0xfe0, 0 };
	uint64_t f;

	do {
		f = any_frame(g);
	} while (f >> 32 && percent(g, 70));
	if (percent(g, 3))
		return elsewhere(g);
	return f | low[below(g, 4)];
}

static void load_cr3(struct gen *g, unsigned cpu)
{
	const struct or_regs *r = world_regs(g->w, cpu);
	uint64_t v = percent(g, 60) ? r->cr3 & ~0xfffull : any_root(g) & ~0xfffull;
	enum mode mode = mode_of(g, cpu);

	if (mode == MODE_LONG && (r->cr4 & OR_CR4_PCIDE)) {
		v |= percent(g, 80) ? below(g, 3) : below(g, 4096);
		v |= percent(g, 40) ? OR_CR3_NOFLUSH : 0;
	} else if (mode == MODE_LONG) {
		v |= percent(g, 10) ? 0x18 : 0;
		v |= percent(g, 3) ? 1ull << 63 : 0;
	} else {
		v = (uint32_t)(percent(g, 60) ? r->cr3 : any_root(g));
	}
	if (mode == MODE_LONG && percent(g, 3))
		v |= 1ull << (32 + below(g, 32));
	if (mode == MODE_PAE && percent(g, 50) && world_is_frame(g->w, v))
		put_pdptes(g, cpu, v);
	world_set(g->w, cpu, SET_CR3, v);
}

static void op_cr3(struct gen *g)
{
	load_cr3(g, any_cpu(g));
}

static void op_cr0(struct gen *g)
{
	static const unsigned bit[] = { 16, 16, 16, 16, 16, 29, 30, 0, 3, 18, 1, 40, 8 };
	unsigned cpu = any_cpu(g);
	uint64_t v = world_regs(g->w, cpu)->cr0;

	v ^= 1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))];
	if (percent(g, 10))
		v ^= OR_CR0_PG;
	world_set(g->w, cpu, SET_CR0, v);
}

static void op_cr4(struct gen *g)
{
	static const unsigned bit[] = { 4,  5,	7,  7,	12, 17, 17, 20, 20,
					21, 21, 22, 22, 24, 24, 9,  23, 30 };
	unsigned cpu = any_cpu(g);
	uint64_t v = world_regs(g->w, cpu)->cr4;

	v ^= 1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))];
	if (percent(g, 10))
		v ^= 1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))];
	if (percent(g, 1))
		v ^= 1ull << below(g, 64);
	if ((v & ~world_regs(g->w, cpu)->cr4 & OR_CR4_PCIDE) && percent(g, 80) &&
	    (world_regs(g->w, cpu)->efer & OR_EFER_LMA))
		world_set(g->w, cpu, SET_CR3, world_regs(g->w, cpu)->cr3 & ~0xfffull);
	world_set(g->w, cpu, SET_CR4, v);
}

static void op_efer(struct gen *g)
{
	static const unsigned bit[] = { 11, 11, 11, 11, 0, 15, 8, 10, 13, 20 };
	unsigned cpu = any_cpu(g);

	world_set(g->w, cpu, SET_EFER,
		  world_regs(g->w, cpu)->efer ^
			  1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))]);
}

static void op_keys(struct gen *g)
{
	uint32_t v = (uint32_t)rng_next(&g->r);

	if (percent(g, 50))
		v &= (uint32_t)rng_next(&g->r) & 0x3f3f3f3fu;
	world_set(g->w, any_cpu(g), percent(g, 50) ? SET_PKRU : SET_PKRS, v);
}

static void op_invlpg(struct gen *g)
{
	unsigned cpu = any_cpu(g);
	uint64_t gva = any_gva(g) + below(g, 4096);

	world_invlpg(g->w, cpu, gva);
	if (percent(g, 50))
		world_access(g->w, cpu, gva, 1, any_access(g), NULL);
}

static void op_invpcid(struct gen *g)
{
	unsigned pcid = percent(g, 90) ? below(g, 3) : below(g, 5000);

	world_invpcid(g->w, any_cpu(g), percent(g, 97) ? below(g, 4) : 4 + below(g, 9), pcid,
		      any_gva(g));
}

static void op_hw_flush(struct gen *g)
{
	world_hw_flush(g->w, any_cpu(g), below(g, 4), any_gva(g));
}

/* Registers of some mode that this CPU has. */
static struct or_regs mode_regs(struct gen *g, unsigned mode)
{
	struct or_regs r = { .cr0 = OR_CR0_ET };
	uint64_t random = rng_next(&g->r);

	r.cr0 |= random & OR_CR0_WP;
	r.cr0 |= percent(g, 30) ? OR_CR0_CD : 0;
	if (mode)
		r.cr0 |= OR_CR0_PE | OR_CR0_PG;
	else if (percent(g, 50))
		r.cr0 |= OR_CR0_PE;
	r.cr4 = random &
		(OR_CR4_PGE | OR_CR4_SMEP | OR_CR4_SMAP | OR_CR4_PKE | OR_CR4_PKS | OR_CR4_PSE);
	r.efer = (random >> 32) & OR_EFER_NXE;
	if (percent(g, 70))
		r.efer |= OR_EFER_NXE;
	if (mode >= 2)
		r.cr4 |= OR_CR4_PAE;
	if (mode >= 3) {
		r.efer |= OR_EFER_LME | OR_EFER_LMA;
		r.cr4 |= random >> 40 & 1 ? OR_CR4_PCIDE : 0;
		r.cr4 |= mode == 4 ? OR_CR4_LA57 : 0;
	}
	r.cr4 &= g->w->orp.cr4_valid;
	r.efer &= g->w->orp.efer_valid;
	r.cr3 = any_root(g);
	if (mode < 3)
		r.cr3 &= UINT32_MAX;
	else if (r.cr4 & OR_CR4_PCIDE)
		r.cr3 = (r.cr3 & ~0xfffull) | below(g, 3);
	r.cr3 &= (1ull << g->w->orp.maxphyaddr) - 1;
	r.pkru = (uint32_t)rng_next(&g->r) & (uint32_t)rng_next(&g->r);
	r.pkrs = (uint32_t)rng_next(&g->r) & (uint32_t)rng_next(&g->r);
	r.cr2 = percent(g, 50) ? any_gva(g) : 0;
	return r;
}

static unsigned any_mode(struct gen *g)
{
	return percent(g, 60) ? 3 + below(g, 2) : below(g, 5);
}

static void op_set_all(struct gen *g)
{
	unsigned mode = any_mode(g), cpu = any_cpu(g);
	struct or_regs r = mode_regs(g, mode);

	if (mode == 2 && percent(g, 80) && world_is_frame(g->w, r.cr3))
		put_pdptes(g, cpu, r.cr3);
	world_set_all(g->w, cpu, &r, percent(g, 50));
}

/* The same by the instructions that an operating system would use. */
static void op_switch_mode(struct gen *g)
{
	unsigned mode = any_mode(g), cpu = any_cpu(g);
	struct or_regs r = mode_regs(g, mode), *now = world_regs(g->w, cpu);

	if (now->cr4 & OR_CR4_PCIDE)
		world_set(g->w, cpu, SET_CR4, now->cr4 & ~OR_CR4_PCIDE);
	world_set(g->w, cpu, SET_CR0, now->cr0 & ~OR_CR0_PG);
	if (mode == 2 && percent(g, 80) && world_is_frame(g->w, r.cr3))
		put_pdptes(g, cpu, r.cr3);
	world_set(g->w, cpu, SET_EFER, r.efer & ~OR_EFER_LMA);
	world_set(g->w, cpu, SET_CR4, r.cr4 & ~OR_CR4_PCIDE);
	world_set(g->w, cpu, SET_CR3, (uint32_t)r.cr3);
	world_set(g->w, cpu, SET_CR0, r.cr0);
	if (mode >= 3 && percent(g, 50))
		world_set(g->w, cpu, SET_CR4, r.cr4);
	if (mode >= 3)
		load_cr3(g, cpu);
}

/* A program that has run for a while: tables everywhere. */
static void op_restore(struct gen *g)
{
	unsigned cpu = any_cpu(g);
	struct or_regs r = *world_regs(g->w, cpu);

	if (percent(g, 10))
		world_reset(g->w, cpu);
	else
		world_set_all(g->w, cpu, &r, percent(g, 50));
}

static void op_host(struct gen *g)
{
	world_host(g->w, below(g, 5), below(g, NR_REGIONS));
}

struct op {
	void (*run)(struct gen *g);
	unsigned weight;
};

static const struct op ops[] = {
	{ op_access, 300 },    { op_access_again, 120 }, { op_span, 50 },    { op_guest_store, 60 },
	{ op_map, 150 },       { op_tweak, 110 },	 { op_torn, 20 },    { op_scribble, 40 },
	{ op_cr3, 40 },	       { op_cr0, 20 },		 { op_cr4, 25 },     { op_efer, 10 },
	{ op_keys, 15 },       { op_invlpg, 45 },	 { op_invpcid, 30 }, { op_hw_flush, 8 },
	{ op_switch_mode, 6 }, { op_set_all, 4 },	 { op_restore, 3 },  { op_host, 4 },
};
#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

static void run_one(struct gen *g)
{
	static unsigned total;
	unsigned i, pick;

	if (!total)
		for (i = 0; i < NR_OPS; i++)
			total += ops[i].weight;
	pick = below(g, total);
	for (i = 0; pick >= ops[i].weight; i++)
		pick -= ops[i].weight;
	ops[i].run(g);
}

static void fill_memory(struct gen *g)
{
	unsigned f, k;

	for (f = 0; f < g->w->nr_frames; f++)
		for (k = 0; k < g->w->nr_words; k++)
			world_poke(g->w, g->w->frame[f] + g->w->word[k],
				   random_entry(g, 8, 1 + below(g, 3)));
}

/* ---- worlds -------------------------------------------------------------------------- */

struct tally {
	uint64_t worlds, ops, ok, fault, mmio, stale;
};

/* 0, or -1 with the world's report printed unless it is meant to fail. */
static int run_world(const struct world_cfg *cfg, uint64_t nr, struct tally *t)
{
	struct world *w = world_new(cfg);
	struct gen g = { w, { cfg->seed ^ 0x5eed }, 0 };
	unsigned i;
	int bad;

	fill_memory(&g);
	for (i = 0; i < cfg->nr_cpus; i++) {
		struct or_regs r = mode_regs(&g, any_mode(&g));

		world_set_all(w, i, &r, true);
	}
	while (w->seq < nr && !w->failed[0]) {
		run_one(&g);
		world_check(w, !(w->seq % 97));
	}
	world_check(w, true);
	bad = w->failed[0];
	if (bad && !cfg->sabotage)
		world_report(w);
	t->worlds++;
	t->ops += w->seq;
	t->ok += w->count_ok;
	t->fault += w->count_fault;
	t->mmio += w->count_mmio;
	t->stale += w->count_stale;
	world_free(w);
	return bad ? -1 : 0;
}

static struct world_cfg config_for(uint64_t seed)
{
	struct rng r = { seed };

	return (struct world_cfg){
		.seed = seed,
		.nr_cpus = 1 + (rng_percent(&r, 50) ? rng_below(&r, WORLD_CPUS) : 0),
		.rom = rng_percent(&r, 35),
		.profile = rng_below(&r, world_profiles()),
	};
}

Test(random, every_backend_answers_as_the_oracle)
{
	uint64_t seed = number_from("VMMU_SEED", 1), left = number_from("VMMU_OPS", DEFAULT_OPS);
	struct tally t = { 0 };

	for (; left; seed++) {
		uint64_t n = left < WORLD_OPS ? left : WORLD_OPS;
		struct world_cfg cfg = config_for(seed);

		t_check(!run_world(&cfg, n, &t), "VMMU_SEED=%" PRIu64 " VMMU_OPS=%" PRIu64, seed,
			n);
		left -= n;
	}
	fprintf(stderr,
		"random: %" PRIu64 " worlds, %" PRIu64 " operations, accesses: %" PRIu64
		" ok, %" PRIu64 " faults, %" PRIu64 " mmio; %" PRIu64 " stale answers\n",
		t.worlds, t.ops, t.ok, t.fault, t.mmio, t.stale);
	/* A test in which nothing succeeds, or nothing is ever stale, shows nothing. */
	t_true(t.ops < 20000 || (t.ok > t.ops / 10 && t.fault > t.ops / 50 && t.mmio && t.stale));
}

/* ---- negative controls: a VM that is wrong on purpose is found ---------------------------- */

/* With how many of so many seeds and victims this sabotage is seen; `enough` ends it. */
static unsigned found(enum sabotage what, unsigned tries, unsigned enough)
{
	struct tally t = { 0 };
	unsigned i, n = 0;

	for (i = 0; i < tries && n < enough; i++) {
		struct world_cfg cfg = config_for(1000 + i);

		cfg.sabotage = what;
		cfg.victim = i % WORLD_VMS;
		n += run_world(&cfg, WORLD_OPS, &t) != 0;
	}
	return n;
}

Test(random, finds_lost_invlpg)
{
	/* A VM without a TLB cannot be wrong so. */
	t_true(found(SABOTAGE_INVLPG, 8, 8) >= 3);
}

Test(random, finds_cr3_load_that_keeps_translations)
{
	/* It takes PCIDs, and a CR3 load after which something stale is used. */
	t_true(found(SABOTAGE_CR3, 64, 1) == 1);
}

Test(random, finds_lost_dirty_bits)
{
	/* A walk from a cached link is not held to the bit. */
	t_true(found(SABOTAGE_DIRTY, 8, 8) >= 5);
}

Test(random, finds_lost_stores)
{
	t_true(found(SABOTAGE_STORE, 8, 8) == 8);
}

Test(random, finds_wrong_host_pointer)
{
	t_true(found(SABOTAGE_HOST_POINTER, 8, 8) == 8);
}

/* ---- what random sequences have found, reduced ------------------------------------------------
 */

#define L4 0x1000ull
#define L3 0x2000ull
#define L2 0x3000ull
#define L1 0xa000ull
#define P_ALL 0x67ull /* present, writable, user, A, D */

#define RO_L1 (ROM_GPA + 0x1000)

static struct vmmu *vm;
static struct vmmu_cpu *cpu0;
static uint8_t *mem;

/* A device's store: who shadows the table hears of it. */
static void put(uint64_t gpa, uint64_t e)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &e, 8, NULL))
		memcpy(mem + gpa, &e, 8);
}

static uint64_t get(uint64_t gpa)
{
	uint64_t e;

	memcpy(&e, mem + gpa, 8);
	return e;
}

/* A guest whose four tables map nothing below L1. */
static void open_guest(struct guest_cfg g)
{
	static const uint64_t table[] = { L4, L3, L2, L1, ROM_GPA, RO_L1 };
	unsigned i;

	mem = mem_arena(1);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		memset(mem + table[i], 0, 4096);
	put(L4, L3 | P_ALL);
	put(L3, L2 | P_ALL);
	put(L2, L1 | P_ALL);
	if (!g.page_size)
		g.page_size = 4096;
	t_eq(guest_open(&g, mem, &vm), VMMU_OK);
	cpu0 = vmmu_cpu(vm, 0);
}

static void long_mode(uint64_t cr0, uint64_t cr4, uint64_t cr3)
{
	struct vmmu_regs r = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | cr0,
		.cr3 = cr3,
		.cr4 = VMMU_CR4_PAE | cr4,
		.efer = VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE,
	};

	t_eq(vmmu_set_regs(cpu0, &r, 1), VMMU_OK);
}

static int touch(uint64_t gva, uint32_t access, struct vmmu_xlat *x)
{
	struct vmmu_xlat none;

	return vmmu_translate(cpu0, vmmu_gva(gva), 1, access, x ? x : &none);
}

static void close_guest(void)
{
	t_eq(vmmu_check(vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

Test(found, fetch_through_a_table_that_is_logged)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt });
	put(L1, 0x7000 | P_ALL);
	long_mode(0, 0, L4);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_eq(touch(0, VMMU_FETCH, NULL), VMMU_OK);
	close_guest();
}

/* The tables' A bits cannot be set, and the access goes on. */
static void read_through_rom(const struct vmmu_backend *be)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = be, .rom = true });
	put(L2, RO_L1 | P_ALL);
	put(RO_L1, 0x7000 | 7);
	long_mode(0, 0, L4);
	t_eq(touch(0x123, VMMU_WRITE, &x), VMMU_OK);
	t_eq(x.gpa.v, 0x7123);
	t_eq(get(RO_L1), 0x7000 | 7);
	close_guest();
}

Test(found, table_in_rom_npt)
{
	read_through_rom(&vmmu_nested_npt);
}

Test(found, table_in_rom_ept)
{
	read_through_rom(&vmmu_nested_ept);
}

Test(found, table_in_rom_shadow)
{
	read_through_rom(&vmmu_shadow);
}

Test(found, store_without_wp_that_a_shadow_cannot_express)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_shadow });
	put(L1, 0x7000 | 5);
	long_mode(0, VMMU_CR4_SMAP, L4);
	t_eq(touch(0x10, VMMU_WRITE | VMMU_AC, &x), VMMU_OK);
	t_eq(x.gpa.v, 0x7010);
	t_eq(get(L1), 0x7000 | 0x65);
	close_guest();
}

Test(found, cr3_keeps_its_upper_half_outside_long_mode)
{
	struct vmmu_regs r;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt });
	long_mode(0, 0, 4 * GIB);
	t_eq(vmmu_set_cr0(cpu0, VMMU_CR0_PE), VMMU_OK);
	vmmu_get_regs(cpu0, &r);
	t_eq(r.cr3, 4 * GIB);
	t_eq(vmmu_set_cr3(cpu0, 5 * GIB + 0x1000), VMMU_OK);
	vmmu_get_regs(cpu0, &r);
	t_eq(r.cr3, GIB + 0x1000);
	close_guest();
}

Test(found, mov_to_cr3_does_not_read_pdptes_that_are_walked)
{
	static struct vmmu_profile p;
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG, .cr4 = VMMU_CR4_PAE, .cr3 = L4 };
	struct vmmu_xlat x;

	p = vmmu_profile_amd;
	p.features |= VMMU_CPU_PDPTE_WALK;
	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt, .profile = &p });
	put(L4, L2 | 1);
	t_eq(vmmu_set_regs(cpu0, &r, 1), VMMU_OK);
	put(L4, L2 | 0x1e7);
	t_eq(vmmu_set_cr3(cpu0, L4), VMMU_OK);
	t_eq(touch(0, VMMU_READ, &x), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_RSVD);
	close_guest();
}

Test(found, no_paging_over_host_pages_of_1g)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_shadow, .page_size = GIB });
	t_eq(touch(GIB + 0x12345, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + GIB + 0x12345);
	close_guest();
}

Test(found, no_paging_native)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_native });
	t_eq(touch(0x1234, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + 0x1234);
	close_guest();
}

Test(found, crossing_into_a_hole_of_the_address_space)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_ept });
	long_mode(0, 0, L4);
	/* The first page is not mapped: a #PF if it were walked. */
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(0x7ffffffffffcull), 8, VMMU_READ, x, &first),
	     VMMU_FAULT);
	t_eq(x[0].fault.vector, 13);
	close_guest();
}

Test(found, probe_across_memory_and_a_device)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_ept });
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(8 * MIB - 4), 8, VMMU_READ | VMMU_PROBE, x, &first),
	     VMMU_MMIO);
	close_guest();
}

Test(found, crossing_whose_first_page_is_stale)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_TLB });
	put(L1, 0x7000 | P_ALL);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	put(L1, 0);
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(0xffc), 8, VMMU_READ, x, &first), VMMU_FAULT);
	/* Of either page, and told in the first answer. */
	t_eq(x[0].fault.vector, 14);
	close_guest();
}

Test(found, crossing_whose_second_page_is_a_stale_device)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_ALL });
	put(L1 + 511 * 8, 0x7000 | P_ALL);
	put(L2 + 8, (4 * MIB) | P_ALL);
	long_mode(0, 0, L4);
	/* The link is cached when a walk through it succeeds, so L1 lies in memory first. */
	put(L2 + 8, RO_L1 | P_ALL);
	put(RO_L1 + 8, 0x7000 | P_ALL);
	t_eq(touch(2 * MIB + 0x1000, VMMU_READ, NULL), VMMU_OK);
	put(RO_L1, (6 * MIB) | P_ALL);
	put(L2 + 8, 0);
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(2 * MIB - 4), 8, VMMU_READ, x, &first), VMMU_MMIO);
	t_true(x[0].host == mem + 0x7ffc);
	t_eq(x[1].gpa.v, 6 * MIB);
	close_guest();
}

Test(found, d_is_not_set_beside_a_cached_link)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_ALL });
	put(L1, 0x7000 | P_ALL);
	put(L1 + 8, 0x7000 | 7);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	/* Another table takes its place; the link to L1 may be cached still. */
	put(RO_L1 + 8, 0x2000 | 7);
	put(L2, RO_L1 | P_ALL);
	t_eq(touch(0x1000, VMMU_WRITE, &x), VMMU_OK);
	if (x.gpa.v == 0x7000)
		t_eq(get(RO_L1 + 8), 0x2000 | 7);
	else
		t_eq(get(RO_L1 + 8), 0x2000 | 0x67);
	close_guest();
}

Test(found, walk_from_a_cached_link_ends)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_ALL });
	put(L1, 0x7000 | P_ALL);
	put(L1 + 8, 0x7000 | 7);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	put(L4, 0);
	/* By the cached link or not, but it ends. */
	t_true(touch(0x1000, VMMU_WRITE, NULL) >= 0);
	close_guest();
}

/* A page of 1G over host pages of 2M lies in the TLB in pieces. */
static void use_two_pieces(const struct vmmu_backend *be, bool rom)
{
	open_guest((struct guest_cfg){
		.backend = be, .page_size = 2 * MIB, .caches = CACHES_TLB, .rom = rom });
	put(L3, GIB | P_ALL | 0x80);
	long_mode(0, 0, L4);
	t_eq(touch(0x1000, VMMU_READ, NULL), VMMU_OK);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_OK);
}

Test(found, invlpg_drops_all_pieces_of_a_large_page)
{
	use_two_pieces(&vmmu_nested_npt, false);
	put(L3, 0);
	t_eq(vmmu_invlpg(cpu0, vmmu_gva(0x1000)), VMMU_OK);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, fault_drops_all_pieces_of_a_large_page)
{
	use_two_pieces(&vmmu_nested_npt, false);
	put(L3, 0);
	t_eq(touch(4 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, fault_found_in_software_drops_all_pieces_of_a_large_page)
{
	use_two_pieces(&vmmu_nested_npt, true);
	/* The table is in ROM, so the hypervisor ends the walk. */
	put(L3, RO_L1 | 7);
	t_eq(touch(4 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, intercepted_cr4_write_flushes)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_nested_ept,
				       .caches = CACHES_TLB,
				       .nested = { .intercept = VMMU_ICPT_CR4 } });
	put(L1, 0x7000 | P_ALL);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	put(L1, 0);
	t_eq(vmmu_set_cr4(cpu0, VMMU_CR4_PAE | VMMU_CR4_PGE), VMMU_OK);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, gpa_beyond_four_levels_is_not_memory)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt });
	put(L1, 0x7000 | P_ALL);
	put(L1 + 8, 0x7000 | P_ALL | 1ull << 51);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	t_eq(touch(0x1000, VMMU_READ, &x), VMMU_MMIO);
	t_eq(x.gpa.v, 1ull << 51 | 0x7000);
	close_guest();
}

/* A guest page of 2M that the shadow holds as one leaf, and then as 512. */
static void open_split(bool log)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_shadow, .page_size = 2 * MIB });
	put(L2, (8 * MIB) | 0xe3); /* the supervisor's */
	long_mode(0, 0, L4);
	t_eq(touch(0x5000, VMMU_WRITE, NULL), VMMU_OK);
	if (log)
		t_eq(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
}

Test(found, invlpg_drops_all_pieces_of_a_leaf_that_the_dirty_log_split)
{
	open_split(true);
	put(L2, 0);
	t_eq(vmmu_invlpg(cpu0, vmmu_gva(0x5000)), VMMU_OK);
	t_eq(touch(0x6000, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, invlpg_drops_all_pieces_of_a_leaf_that_a_small_page_split)
{
	struct vmmu_xlat x;

	open_split(false);
	/* The guest puts a table in its place; one page of it is used. */
	put(L1 + 8 * 7, 0x7000 | P_ALL);
	put(L2, L1 | P_ALL);
	t_eq(touch(0x7000, VMMU_WRITE | VMMU_USER, &x), VMMU_OK);
	put(L2, 0);
	t_eq(vmmu_invlpg(cpu0, vmmu_gva(0x7000)), VMMU_OK);
	t_eq(touch(0x6000, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}
