/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One operation of a random guest, or of its host.
 * Not here: what an operation does (acts.c, host.c, judge.c), two at once (gen_race.c).
 */
#include "gen_priv.h"

/* ---- the guest's tables ---------------------------------------------------- */

static enum world_mode mode_of(struct gen *g, unsigned cpu)
{
	return world_mode_of(world_regs(g->w, cpu));
}

uint64_t any_frame(struct gen *g)
{
	return world_frame(g->w, below(g, g->w->nr_frames));
}

/* Where a large leaf may point. */
static uint64_t large_base(struct gen *g)
{
	return g->w->large[below(g, g->w->nr_large)];
}

static uint64_t elsewhere(struct gen *g)
{
	uint64_t v = g->w->hole[below(g, g->w->nr_holes)];

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

uint64_t random_entry(struct gen *g, unsigned bytes, unsigned level)
{
	uint64_t e = random_flags(g);
	bool large = level > 1 && percent(g, 25);

	if (level > 3 || (level == 3 && percent(g, 30)))
		large = percent(g, 2);
	if (level > 3)
		e &= percent(g, 3) ? ~0ull : ~0x100ull;
	if (large)
		e |= large_base(g) | 0x80;
	else if (percent(g, 95))
		e |= any_frame(g);
	else
		e |= elsewhere(g);
	if (large && percent(g, 10))
		e |= 1ull << 12;
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

unsigned walk_path(struct gen *g, unsigned cpu, uint64_t gva, struct step path[5])
{
	const struct or_regs *r = world_regs(g->w, cpu);
	enum world_mode mode = mode_of(g, cpu);
	unsigned level, n = 0, bytes = mode == MODE_32 ? 4 : 8;
	uint64_t table = r->cr3 & 0xffffffffff000ull, e;

	if (mode == MODE_OFF)
		return 0;
	if (mode < MODE_LONG)
		gva = (uint32_t)gva;
	level = mode == MODE_32 ? 2 : mode == MODE_PAE ? 2 : mode == MODE_LONG5 ? 5 : 4;
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

void store_entry(struct gen *g, unsigned cpu, uint64_t pa, unsigned bytes, uint64_t e)
{
	static const enum world_store how[] = { STORE_CPU, STORE_CPU, STORE_DEVICE,
						STORE_BEGIN_END };

	world_store(g->w, cpu, pa, &e, bytes, how[below(g, 4)]);
}

/* ---- operations ------------------------------------------------------------------ */

uint64_t any_gva(struct gen *g)
{
	if (percent(g, 3))
		g->focus = below(g, g->w->nr_gvas);
	if (percent(g, 55))
		return g->w->gva[(g->focus + below(g, 3)) % g->w->nr_gvas];
	return g->w->gva[below(g, g->w->nr_gvas)];
}

unsigned any_cpu(struct gen *g)
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

void op_access(struct gen *g)
{
	unsigned size = 1u << below(g, 4), cpu = any_cpu(g);
	uint64_t gva = any_gva(g), low = below(g, 4096) & ~(size - 1);

	world_access(g->w, cpu, gva + low, size, any_access(g), NULL);
}

/* Several kinds of one page in a row: what the first leaves behind, the others find. */
void op_access_again(struct gen *g)
{
	unsigned cpu = any_cpu(g), n = 2 + below(g, 3);
	uint64_t gva = any_gva(g);

	while (n--) {
		unsigned by = percent(g, 85) ? cpu : any_cpu(g);
		uint64_t at = gva + below(g, 512) * 8;

		world_access(g->w, by, at, 8, any_access(g), NULL);
	}
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

void op_span(struct gen *g)
{
	unsigned size = 2 + below(g, percent(g, 80) ? 15 : 4095);
	uint64_t page = any_gva(g), gva = page + 4096 - 1 - below(g, size - 1);
	unsigned cpu = any_cpu(g);

	if (gva < page || !in_use(g, page + 4096))
		return;
	world_span(g->w, cpu, gva, size, any_access(g));
}

/* The guest stores through its own mapping; where that is a table, to a table. */
void op_guest_store(struct gen *g)
{
	unsigned cpu = any_cpu(g), level = 1 + below(g, 4), size = percent(g, 70) ? 8 : 4;
	uint64_t e = random_entry(g, size, level), gva = any_gva(g);
	uint32_t access = VMMU_WRITE;

	access |= percent(g, 30) ? VMMU_USER : 0;
	access |= percent(g, 30) ? VMMU_AC : 0;
	gva += g->w->word[below(g, g->w->nr_words)];
	gva += size == 4 && percent(g, 50) ? 4 : 0;
	world_access(g->w, cpu, gva, size, access, &e);
}

/* Builds a way to a leaf, keeping most of what is there. */
void op_map(struct gen *g)
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
void op_tweak(struct gen *g)
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
void op_torn(struct gen *g)
{
	unsigned cpu = any_cpu(g), other, n, first = below(g, 2) * 4;
	uint64_t gva = any_gva(g), e;
	struct step path[5], s;

	n = walk_path(g, cpu, gva, path);
	if (!n || path[0].bytes != 8)
		return;
	s = path[below(g, n)];
	e = random_entry(g, 8, s.level);
	store_entry(g, cpu, s.pa + first, 4, first ? e >> 32 : (uint32_t)e);
	other = any_cpu(g);
	world_access(g->w, other, gva, 1, any_access(g), NULL);
	store_entry(g, cpu, s.pa + (first ^ 4), 4, first ? (uint32_t)e : e >> 32);
}

/* Anywhere in the frames, any bytes; and where no RAM is. */
void op_scribble(struct gen *g)
{
	unsigned level = 1 + below(g, 5), bytes = percent(g, 70) ? 8 : 4, cpu = any_cpu(g), i;
	uint64_t gpa = percent(g, 95) ? any_frame(g) : elsewhere(g) & ~0xfffull;
	uint64_t e[4];

	for (i = 0; i < 4; i++)
		e[i] = random_entry(g, bytes, level);
	/* Memory outside the frames stays zero. */
	if (world_is_ram(g->w, gpa) && !world_is_frame(g->w, gpa))
		return;
	gpa += g->w->word[below(g, g->w->nr_words)];
	if (percent(g, 80))
		store_entry(g, cpu, gpa, bytes, e[0]);
	else if ((gpa & 4095) < 4064)
		world_store(g->w, cpu, gpa, e, 1 + below(g, 32), STORE_CPU);
}

/* Four PDPTEs that a MOV to CR3 will take, most of the time. */
static void put_pdptes(struct gen *g, unsigned cpu, uint64_t cr3)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		uint64_t e = any_frame(g);

		if (percent(g, 85))
			e |= 1;
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
	enum world_mode mode = mode_of(g, cpu);

	if (mode >= MODE_LONG && (r->cr4 & OR_CR4_PCIDE)) {
		v |= percent(g, 80) ? below(g, 3) : below(g, 4096);
		v |= percent(g, 40) ? OR_CR3_NOFLUSH : 0;
	} else if (mode >= MODE_LONG) {
		v |= percent(g, 10) ? 0x18 : 0;
		v |= percent(g, 3) ? 1ull << 63 : 0;
	} else {
		v = (uint32_t)(percent(g, 60) ? r->cr3 : any_root(g));
	}
	if (mode >= MODE_LONG && percent(g, 3))
		v |= 1ull << (32 + below(g, 32));
	if (mode == MODE_PAE && percent(g, 50) && world_is_frame(g->w, v))
		put_pdptes(g, cpu, v);
	world_set(g->w, cpu, SET_CR3, v);
}

void op_cr3(struct gen *g)
{
	load_cr3(g, any_cpu(g));
}

void op_cr0(struct gen *g)
{
	static const unsigned bit[] = { 16, 16, 16, 16, 16, 29, 30, 0, 3, 18, 1, 40, 8 };
	unsigned cpu = any_cpu(g);
	uint64_t v = world_regs(g->w, cpu)->cr0;

	v ^= 1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))];
	if (percent(g, 10))
		v ^= OR_CR0_PG;
	world_set(g->w, cpu, SET_CR0, v);
}

void op_cr4(struct gen *g)
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

void op_efer(struct gen *g)
{
	static const unsigned bit[] = { 11, 11, 11, 11, 0, 15, 8, 10, 13, 20 };
	unsigned cpu = any_cpu(g);

	world_set(g->w, cpu, SET_EFER,
		  world_regs(g->w, cpu)->efer ^
			  1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))]);
}

void op_keys(struct gen *g)
{
	uint32_t v = (uint32_t)rng_next(&g->r);
	unsigned cpu;

	if (percent(g, 50))
		v &= (uint32_t)rng_next(&g->r) & 0x3f3f3f3fu;
	cpu = any_cpu(g);
	world_set(g->w, cpu, percent(g, 50) ? SET_PKRU : SET_PKRS, v);
}

void op_invlpg(struct gen *g)
{
	unsigned cpu = any_cpu(g);
	uint64_t gva = any_gva(g);

	gva += below(g, 4096);
	world_invlpg(g->w, cpu, gva);
	if (percent(g, 50))
		world_access(g->w, cpu, gva, 1, any_access(g), NULL);
}

void op_invpcid(struct gen *g)
{
	unsigned pcid = percent(g, 90) ? below(g, 3) : below(g, 5000), cpu = any_cpu(g);
	unsigned type = percent(g, 97) ? below(g, 4) : 4 + below(g, 9);

	world_invpcid(g->w, cpu, type, pcid, any_gva(g));
}

void op_hw_flush(struct gen *g)
{
	unsigned cpu = any_cpu(g), which = below(g, 4);

	world_hw_flush(g->w, cpu, which, any_gva(g));
}

struct or_regs mode_regs(struct gen *g, unsigned mode)
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

unsigned any_mode(struct gen *g)
{
	if (g->mix.mode >= 0 && percent(g, 60))
		return (unsigned)g->mix.mode;
	return percent(g, 60) ? 3 + below(g, 2) : below(g, 5);
}

void op_set_all(struct gen *g)
{
	unsigned mode = any_mode(g), cpu = any_cpu(g);
	struct or_regs r = mode_regs(g, mode);

	if (mode == 2 && percent(g, 80) && world_is_frame(g->w, r.cr3))
		put_pdptes(g, cpu, r.cr3);
	world_set_all(g->w, cpu, &r, percent(g, 50));
}

/* The same by the instructions that an operating system would use. */
void op_switch_mode(struct gen *g)
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
void op_restore(struct gen *g)
{
	unsigned cpu = any_cpu(g);
	struct or_regs r = *world_regs(g->w, cpu);

	if (percent(g, 10))
		world_reset(g->w, cpu);
	else
		world_set_all(g->w, cpu, &r, percent(g, 50));
}

void op_host(struct gen *g)
{
	unsigned which = below(g, HOST_REMOVE);

	world_host(g->w, which, below(g, NR_REGIONS));
}

/* A host that moves memory; what it took away it soon gives back. */
void op_memory(struct gen *g)
{
	unsigned which = HOST_REMOVE + below(g, NR_HOST - HOST_REMOVE), r = below(g, NR_REGIONS);

	if (g->w->cfg.kind != WORLD_HOST)
		return;
	if (which == HOST_REMOVE || percent(g, 30))
		for (r = 0; r < NR_REGIONS && g->w->place[r].there;)
			r++;
	if (r < NR_REGIONS && !g->w->place[r].there)
		which = HOST_ADD;
	else if (r == NR_REGIONS)
		r = below(g, NR_REGIONS);
	world_host(g->w, which, which < HOST_WINDOW ? r : (unsigned)(rng_next(&g->r) >> 40));
}
