/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a world, its memory, and its report.
 * Not here: what is done to it (acts.c), what is compared (judge.c, compare.c), what it is made
 * of (rig.c).
 * Keeps: or_note_store() follows every change of the oracle's memory, A and D bits included.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_priv.h"

/* ---- reporting ----------------------------------------------------------------- */

void world_log(struct world *w, const char *fmt, ...)
{
	char *to;
	va_list ap;

	w->seq++;
	if (w->quiet)
		return;
	to = w->log[w->nr_log++ % WORLD_LOG];
	va_start(ap, fmt);
	vsnprintf(to, sizeof(w->log[0]), fmt, ap);
	va_end(ap);
	if (w->trace)
		fprintf(stderr, "%" PRIu64 ": %s\n", w->seq, to);
}

static unsigned bit_of(const struct vmmu_backend *be)
{
	return be == &vmmu_native	? WORLD_NATIVE
	       : be == &vmmu_shadow	? WORLD_SHADOW
	       : be == &vmmu_nested_npt ? WORLD_NPT
					: WORLD_EPT;
}

void world_fail(struct world *w, const struct world_vm *v, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->failed[0])
		return;
	w->failed_backend = v ? bit_of(v->cfg.backend) : 0;
	n = snprintf(w->failed, sizeof(w->failed), "%s: ", v ? v->name : "oracle");
	va_start(ap, fmt);
	vsnprintf(w->failed + n, sizeof(w->failed) - (size_t)n, fmt, ap);
	va_end(ap);
}

static void report_vm(const struct world_vm *v)
{
	const struct guest_cfg *g = &v->cfg;

	fprintf(stderr, "    %-12s host page %lluK, caches %d%s%s", v->name,
		(unsigned long long)g->page_size >> 10, (int)g->caches,
		g->caches == CACHES_ALL && g->model ? " by a model" : "", g->cap ? ", cap" : "");
	if (g->ask)
		fputs(", pages by callback", stderr);
	if (g->nested.levels)
		fprintf(stderr, ", %u levels%s%s", g->nested.levels,
			g->nested.no_ad ? ", no A/D" : "",
			g->nested.intercept ? ", intercepts" : "");
	if (g->shadow.size)
		fprintf(stderr, ", off 0x%x, prefetch %u, flood %u, roots %u", g->shadow.off,
			g->shadow.prefetch, g->shadow.flood, g->shadow.roots);
	fputc('\n', stderr);
}

void world_report(const struct world *w)
{
	static const char *const kind[] = { "", ", ROM", ", host", ", small" };
	unsigned i, n = w->nr_log < WORLD_LOG ? w->nr_log : WORLD_LOG;

	fprintf(stderr,
		"world: VMMU_SEED=%" PRIu64 ", operation %" PRIu64 ", profile %s%s, %u vCPU\n",
		w->cfg.seed, w->seq, w->profile->name, kind[w->cfg.kind], w->cfg.nr_cpus);
	for (i = 0; i < w->nr_vms; i++)
		report_vm(&w->vm[i]);
	for (i = 0; i < w->cfg.nr_cpus && w->or ; i++) {
		const struct or_regs *r = or_vcpu_regs(w->or, i);

		fprintf(stderr,
			"    cpu %u: cr0 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64 " efer %" PRIx64
			" pkru %x pkrs %x\n",
			i, r->cr0, r->cr3, r->cr4, r->efer, r->pkru, r->pkrs);
	}
	for (i = 0; i < n; i++)
		fprintf(stderr, "  %s\n", w->log[(w->nr_log - n + i) % WORLD_LOG]);
	fprintf(stderr, "FAILED %s\n", w->failed[0] ? w->failed : "not");
}

/* ---- the oracle's memory ---------------------------------------------------------- */

int region_at(const struct world *w, uint64_t gpa)
{
	int i;

	for (i = 0; i < NR_REGIONS; i++)
		if (gpa - w->place[i].gpa < region[i].size && w->place[i].there)
			return i;
	return -1;
}

uint64_t home_of(const struct world *w, uint64_t gpa)
{
	int i = region_at(w, gpa);

	return i < 0 ? NOWHERE : gpa - w->place[i].gpa + region[i].gpa;
}

int frame_of(const struct world *w, uint64_t gpa)
{
	uint64_t home = home_of(w, gpa) & ~(PAGE - 1);
	unsigned i;

	for (i = 0; i < w->nr_frames; i++)
		if (home == w->frame[i])
			return (int)i;
	return -1;
}

static int region_of_home(uint64_t home)
{
	int i;

	for (i = 0; i < NR_REGIONS; i++)
		if (home - region[i].gpa < region[i].size)
			return i;
	return -1;
}

uint64_t world_frame(const struct world *w, unsigned f)
{
	int i = region_of_home(w->frame[f]);

	return w->place[i].there ? w->frame[f] - region[i].gpa + w->place[i].gpa : w->frame[f];
}

uint8_t *ram_at(const struct world *w, uint64_t gpa)
{
	return w->mem + home_of(w, gpa);
}

uint8_t *vm_ram_at(const struct world *w, const struct world_vm *v, uint64_t gpa)
{
	int f = frame_of(w, gpa);

	return f < 0 ? v->mem + home_of(w, gpa) : v->at[f] + (gpa & (PAGE - 1));
}

uint64_t gpa_at(const struct world *w, const struct world_vm *v, const uint8_t *p)
{
	uint64_t home = (uint64_t)(p - v->mem);
	unsigned f;
	int i;

	for (f = 0; f < w->nr_frames; f++)
		if ((uint64_t)(p - v->at[f]) < PAGE)
			break;
	if (f < w->nr_frames)
		home = w->frame[f] + (uint64_t)(p - v->at[f]);
	else
		for (f = 0; f < w->nr_frames; f++)
			if ((home ^ w->frame[f]) < PAGE)
				return NOWHERE; /* the page is elsewhere now */
	i = region_of_home(home);
	if (i < 0 || !w->place[i].there)
		return NOWHERE;
	return home - region[i].gpa + w->place[i].gpa;
}

bool world_is_ram(const struct world *w, uint64_t gpa)
{
	return region_at(w, gpa) >= 0;
}

bool world_is_rom(const struct world *w, uint64_t gpa)
{
	int i = region_at(w, gpa);

	return i >= 0 && w->place[i].readonly;
}

bool world_is_frame(const struct world *w, uint64_t gpa)
{
	return frame_of(w, gpa) >= 0;
}

void world_wrote(struct world *w, uint64_t gpa, uint64_t len)
{
	uint64_t at;

	for (at = gpa & ~(PAGE - 1); at < gpa + len; at += PAGE) {
		int f = frame_of(w, at);

		if (f >= 0)
			w->wrote |= 1u << f;
		world_may_write(w, at);
	}
}

void world_may_write(struct world *w, uint64_t gpa)
{
	uint64_t home = home_of(w, gpa) & ~(PAGE - 1);
	unsigned i;

	if (!world_is_ram(w, gpa))
		return;
	for (i = 0; i < w->nr_maybe && i < NR_MAYBE; i++)
		if (w->maybe[i] == home)
			return;
	/* One more than there is room for: no longer known. */
	if (w->nr_maybe < NR_MAYBE)
		w->maybe[w->nr_maybe++] = home;
	else
		w->nr_maybe = NR_MAYBE + 1;
}

const char *legal_name(unsigned what)
{
	static const char *const name[NR_LEGAL] = {
		"stale translations that no invalidation has covered",
		"A and D bits after a stale walk, a fault or a crossing",
		"walked tables, and pages that a stale link led to, in a dirty set",
		"page sizes cached in one piece",
	};

	return name[what];
}

const char *mode_name(unsigned mode)
{
	static const char *const name[NR_MODES] = { "off", "32-bit", "PAE", "long", "5-level" };

	return name[mode];
}

enum world_mode world_mode_of(const struct or_regs *r)
{
	if (!(r->cr0 & OR_CR0_PG))
		return MODE_OFF;
	if (r->efer & OR_EFER_LMA)
		return r->cr4 & OR_CR4_LA57 ? MODE_LONG5 : MODE_LONG;
	return r->cr4 & OR_CR4_PAE ? MODE_PAE : MODE_32;
}

uint64_t world_read(const struct world *w, uint64_t gpa, unsigned bytes)
{
	uint64_t home = home_of(w, gpa);

	return home == NOWHERE ? 0 : load(w->mem + home, bytes);
}

void world_poke(struct world *w, uint64_t gpa, uint64_t value)
{
	unsigned i;

	if (!note(w, &(struct world_op){ .what = OP_POKE, .at = gpa, .value = value }))
		return;
	memcpy(w->mem + gpa, &value, 8);
	for (i = 0; i < w->nr_vms; i++)
		memcpy(w->vm[i].mem + gpa, &value, 8);
}

static int cb_is_ram(void *ctx, uint64_t pa)
{
	return world_is_ram(ctx, pa);
}

static int cb_is_readonly(void *ctx, uint64_t pa)
{
	return world_is_rom(ctx, pa);
}

static int cb_read(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	*val = world_read(ctx, pa, bytes);
	return 0;
}

/* Only A and D bits are stored this way. */
static int cb_write(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	struct world *w = ctx;
	uint8_t *p = ram_at(w, pa);
	uint64_t old = load(p, bytes);

	if (w->dry) {
		w->dry_stores |= pa - w->dry_lo < w->dry_len;
		return 0;
	}
	memcpy(p, &val, bytes);
	world_wrote(w, pa, bytes);
	if (w->nr_ad < sizeof(w->ad) / sizeof(w->ad[0]))
		w->ad[w->nr_ad++] = pa & ~7ull;
	/* The leaf comes last. */
	w->dirtied = pa;
	w->dirtied_now = val & ~old & 0x40;
	return 0;
}

struct or_regs *world_regs(struct world *w, unsigned cpu)
{
	return or_vcpu_regs(w->or, cpu);
}

/* ---- making a world ------------------------------------------------------------------ */

#define COMMON_CR4                                                                                 \
	(0x7ffull | VMMU_CR4_PCIDE | VMMU_CR4_SMEP | VMMU_CR4_SMAP | VMMU_CR4_PKE | VMMU_CR4_PKS)
#define COMMON_EFER (1ull | VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE)

/* What the library's own three do not have. */
static const struct vmmu_profile profile_small = {
	.name = "small: no PSE-36, no 1G, 36 bits",
	.maxphyaddr = 36,
	.cr4_valid = COMMON_CR4,
	.efer_valid = COMMON_EFER,
};
static const struct vmmu_profile profile_walks_pdptes = {
	.name = "PDPTEs walked, 39 bits",
	.features = VMMU_CPU_PSE36 | VMMU_CPU_1G | VMMU_CPU_G_RESERVED | VMMU_CPU_PDPTE_WALK |
		    VMMU_CPU_PSE_FLUSHES,
	.maxphyaddr = 39,
	.cr4_valid = COMMON_CR4 | VMMU_CR4_LA57,
	.efer_valid = COMMON_EFER | VMMU_EFER_TCE,
};
static const struct vmmu_profile *const profiles[] = {
	&vmmu_profile_max, &vmmu_profile_intel,	  &vmmu_profile_amd,
	&profile_small,	   &profile_walks_pdptes,
};

unsigned world_profiles(void)
{
	return sizeof(profiles) / sizeof(profiles[0]);
}

const char *world_profile_name(unsigned n)
{
	static const char *const name[] = { "max", "intel", "amd", "small", "pdpte-walk" };

	return n < world_profiles() ? name[n] : NULL;
}

struct world_cfg world_cfg_of(uint64_t seed, unsigned vcpus, int profile)
{
	struct world_cfg cfg = { .seed = seed, .nr_cpus = 1 };
	struct rng r = { .s = seed };

	if (rng_percent(&r, 50))
		cfg.nr_cpus += rng_below(&r, WORLD_CPUS);
	cfg.kind = rng_percent(&r, 50) ? WORLD_PLAIN : rng_percent(&r, 40) ? WORLD_ROM : WORLD_HOST;
	cfg.profile = rng_below(&r, world_profiles());
	if (vcpus)
		cfg.nr_cpus = vcpus;
	if (profile >= 0)
		cfg.profile = (unsigned)profile;
	return cfg;
}

static struct or_profile oracle_profile(const struct vmmu_profile *p)
{
	return (struct or_profile){
		.maxphyaddr = p->maxphyaddr,
		.has_1g = p->features & VMMU_CPU_1G,
		.has_pse36 = p->features & VMMU_CPU_PSE36,
		.g_reserved = p->features & VMMU_CPU_G_RESERVED,
		.pdpte_walk = p->features & VMMU_CPU_PDPTE_WALK,
		.tce = p->efer_valid & VMMU_EFER_TCE,
		.pse_flushes = p->features & VMMU_CPU_PSE_FLUSHES,
		.cr4_valid = p->cr4_valid,
		.efer_valid = p->efer_valid,
	};
}

/* Neighbours in one large page, both ends of the low slot, ROM, far away. */
static const uint64_t frames[] = {
	0x1000,
	0x2000,
	0x3000,
	0xa000,
	2 * MIB,
	8 * MIB,
	8 * MIB + PAGE,
	10 * MIB,
	10 * MIB + PAGE,
	ROM_GPA,
	ROM_GPA + PAGE,
	ROM_GPA + 2 * PAGE,
	GIB,
	GIB + 2 * MIB,
	GIB + 512 * MIB + PAGE,
	4 * GIB,
	4 * GIB + PAGE,
};

static const uint64_t large[] = {
	0,   2 * MIB, 4 * MIB, 8 * MIB,		10 * MIB, ROM_GPA, ROM_GPA, 8 * MIB,
	GIB, GIB,     GIB,     GIB + 512 * MIB, 4 * GIB,  4 * GIB, 2 * GIB, 4 * GIB + 2 * MIB,
};
static const uint64_t hole[] = {
	4 * MIB,	  6 * MIB + 0x3000,    16 * MIB,   2 * GIB,
	3 * GIB + 0x7000, 4 * GIB + 4 * MIB,   1ull << 35, 1ull << 38,
	1ull << 44,	  1ull << 45,	       1ull << 47, 1ull << 51,
	0xb000,		  2 * MIB + 64 * 1024, HIGH_ELSE,  HIGH_ELSE + 0x1000,
};

static void choose_frames(struct world *w)
{
	static const uint64_t few[] = { 0x1000, 0x2000, 0x3000, 8 * MIB, 8 * MIB + PAGE, 10 * MIB };

	if (w->cfg.kind == WORLD_SMALL) {
		memcpy(w->frame, few, sizeof(few));
		w->nr_frames = sizeof(few) / sizeof(few[0]);
	} else {
		memcpy(w->frame, frames, sizeof(frames));
		w->nr_frames = sizeof(frames) / sizeof(frames[0]);
	}
	w->large = large;
	w->nr_large = sizeof(large) / sizeof(large[0]);
	w->hole = hole;
	w->nr_holes = sizeof(hole) / sizeof(hole[0]);
}

static uint64_t pick_gva(struct world *w, struct rng *r)
{
	static const uint64_t lo[] = { 0, 1, 2, 511 }, mid[] = { 0, 1, 3, 511 };
	static const uint64_t top[] = { 0, 1, 255, 256, 511 };
	uint64_t low = lo[rng_below(r, 4)], v = low << 12 | mid[rng_below(r, 4)] << 21;
	unsigned how = rng_below(r, 100);

	v |= (uint64_t)(rng_below(r, 2) ? rng_below(r, 4) : 511) << 30;
	v |= top[rng_below(r, 5)] << 39;
	if (how < (w->profile->cr4_valid & VMMU_CR4_LA57 ? 60 : 97))
		return (uint64_t)((int64_t)(v << 16) >> 16);
	v |= top[rng_below(r, 5)] << 48;
	return how < 97 ? (uint64_t)((int64_t)(v << 7) >> 7) : v;
}

static void add_gva(struct world *w, uint64_t gva)
{
	unsigned i;

	for (i = 0; i < w->nr_gvas; i++)
		if (w->gva[i] == gva)
			return;
	if (w->nr_gvas < WORLD_GVAS)
		w->gva[w->nr_gvas++] = gva;
}

static void add_word(struct world *w, uint64_t offset)
{
	unsigned i;

	offset &= 0xff8;
	for (i = 0; i < w->nr_words; i++)
		if (w->word[i] == offset)
			return;
	if (w->nr_words < sizeof(w->word) / sizeof(w->word[0]))
		w->word[w->nr_words++] = (uint16_t)offset;
}

/* Where in a table a walk of gva may read, in any mode; CR3 may be odd under PAE. */
static void add_words(struct world *w, uint64_t gva)
{
	unsigned shift;

	for (shift = 12; shift <= 48; shift += 9)
		add_word(w, (gva >> shift & 511) * 8);
	add_word(w, (gva >> 12 & 1023) * 4);
	add_word(w, (gva >> 22 & 1023) * 4);
	for (shift = 0; shift < 32; shift += 8) {
		add_word(w, shift);
		add_word(w, 0x20 + shift);
		add_word(w, 0xfe0 + shift);
	}
}

static void choose_gvas(struct world *w, struct rng *r)
{
	uint64_t base[6];
	unsigned i;

	if (w->cfg.kind == WORLD_SMALL) {
		for (i = 0; i < 2; i++) {
			add_gva(w, i * PAGE);
			add_words(w, i * PAGE);
		}
		return;
	}
	for (i = 0; i < 6; i++)
		base[i] = pick_gva(w, r);
	while (w->nr_gvas < 22) {
		uint64_t gva = base[rng_below(r, 6)], low = pick_gva(w, r);

		/* Few upper halves, so tables are shared. */
		gva = (gva & ~0x3fffffffull) | (low & 0x3fffffffull);
		add_gva(w, gva);
		if (rng_percent(r, 30))
			add_gva(w, gva + PAGE);
	}
	add_gva(w, 0x7ffffffff000ull);
	add_gva(w, 0x800000000000ull);
	add_gva(w, ~0xfffull);
	add_gva(w, 0);
	add_gva(w, 0xfffff000ull);
	for (i = 0; i < w->nr_gvas; i++)
		add_words(w, w->gva[i]);
}

static void describe_vm(struct world_vm *v, unsigned n)
{
	const struct guest_cfg *g = &v->cfg;

	snprintf(v->name, sizeof(v->name), "%u %s", n, g->backend->name);
	v->always_walks = g->caches == CACHES_NONE && g->backend != &vmmu_shadow;
	v->walk_cached = g->caches == CACHES_ALL && g->backend != &vmmu_shadow;
}

/* One shadow with everything, the virtual TLB, one without some one thing, one of chance. */
static void choose_techniques(struct world *w, struct rng *r, struct vmmu_shadow_config *c)
{
	static const uint8_t numbers[] = { 0, 1, 2, 16 };

	c->size = sizeof(*c);
	switch (w->nr_shadows++) {
	case 0:
		break;
	case 1:
		c->off = rng_percent(r, 30) ? VMMU_SHADOW_ALL : VMMU_SHADOW_CACHE;
		break;
	case 2:
		c->off = 1u << rng_below(r, 10);
		break;
	default:
		c->off = (uint32_t)rng_next(r) & VMMU_SHADOW_ALL & ~VMMU_SHADOW_CACHE;
		c->prefetch = numbers[rng_below(r, 4)];
		c->flood = numbers[rng_below(r, 4)];
		c->roots = numbers[rng_below(r, 4)];
	}
}

/* Large as far as the large page lies in the region and all of it is where it was. */
static uint64_t answer_size(const struct world_vm *v, int i, uint64_t home)
{
	uint64_t size = v->cfg.page_size;
	const struct world *w = v->w;
	unsigned f;

	for (; size > PAGE; size = size == GIB ? 2 * MIB : PAGE) {
		uint64_t low = home & ~(size - 1);

		if (low < region[i].gpa || low + size > region[i].gpa + region[i].size)
			continue;
		for (f = 0; f < w->nr_frames; f++)
			if (w->frame[f] - low < size &&
			    (v->shared[f] || v->at[f] != v->mem + w->frame[f]))
				break;
		if (f == w->nr_frames)
			break;
	}
	return size;
}

static int answer_page(struct world_vm *v, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	const struct world *w = v->w;
	uint64_t home = home_of(w, gpa.v);
	int f = frame_of(w, gpa.v), i = region_at(w, gpa.v);

	if (i < 0)
		return -1;
	race_asked(v, RACE_ASKED);
	if (f >= 0 && write)
		v->shared[f] = false;
	*page = (struct vmmu_host_page){ .pointer = vm_ram_at(w, v, gpa.v),
					 .size = answer_size(v, i, home),
					 .writable = f < 0 || !v->shared[f] };
	race_asked(v, RACE_ANSWERED);
	return 0;
}

static int cb_host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	struct world_vm *v = ctx;
	struct place before[NR_REGIONS];
	int st;

	race_places(v->w, v, before);
	st = answer_page(v, gpa, write, page);
	memcpy(v->w->place, before, sizeof(before));
	return st;
}

static void cb_event(void *ctx, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	struct world_vm *v = ctx;
	struct world *w = v->w;

	(void)cpu;
	(void)a;
	(void)b;
	w->seen[ev][w->mode]++;
	v->walked |= ev == v->walk_event;
	v->hw_walked |= ev == VMMU_EV_WALK;
}

/* What is left out has had its random numbers: the others are as they are with it. */
static void add_vm(struct world *w, struct rng *r, const struct vmmu_backend *be, int caches)
{
	static const uint64_t size[] = { 4096, 2 * MIB, GIB };
	struct world_vm *v = &w->vm[w->nr_vms];
	unsigned i, number = w->nr_tried++;
	struct rng ahead;
	int st;

	memset(v, 0, sizeof(*v));
	v->cfg.backend = be;
	v->cfg.profile = w->profile;
	v->cfg.nr_cpus = w->cfg.nr_cpus;
	v->cfg.rom = w->cfg.kind == WORLD_ROM;
	v->cfg.page_size = size[rng_below(r, 3)];
	v->cfg.cap = be != &vmmu_native && rng_percent(r, 40);
	v->cfg.caches = caches < 0 ? (enum caches)rng_below(r, 4) : (enum caches)caches;
	if (be == &vmmu_nested_npt || be == &vmmu_nested_ept) {
		v->cfg.nested.levels = 4 + rng_below(r, 2);
		v->cfg.nested.no_ad = rng_percent(r, 40);
		v->cfg.nested.mmio = rng_percent(r, 40);
		v->cfg.nested.intercept = rng_percent(r, 30) ? VMMU_ICPT_CR0 | VMMU_ICPT_CR4 : 0;
	}
	if (be == &vmmu_shadow)
		choose_techniques(w, r, &v->cfg.shadow);
	v->cfg.ask = w->cfg.kind == WORLD_HOST && rng_percent(r, 60);
	/* By numbers that are still to come, so that no seed's guest is another than before. */
	ahead = *r;
	if (w->cfg.kind != WORLD_SMALL && rng_percent(&ahead, 60))
		v->cfg.model = rng_next(&ahead) | 1;
	if (w->cfg.backends && !(w->cfg.backends & bit_of(be)))
		return;
	describe_vm(v, w->nr_vms);
	v->w = w;
	v->walk_event = be == &vmmu_shadow ? VMMU_EV_SW_WALK : VMMU_EV_WALK;
	v->number = number;
	v->mem = mem_arena(1 + w->nr_vms);
	v->spare = mem_spare(1 + w->nr_vms);
	for (i = 0; i < w->nr_frames; i++)
		v->at[i] = v->mem + w->frame[i];
	v->cfg.cb = (struct vmmu_callbacks){ .host_page = v->cfg.ask ? cb_host_page : NULL,
					     .event = cb_event,
					     .ctx = v };
	w->nr_vms++;
	st = guest_open(&v->cfg, v->mem, &v->vm);
	if (st)
		world_fail(w, v, "cannot be made: %s", vmmu_strerror(st));
}

static void add_vms(struct world *w, struct rng *r)
{
	if (w->cfg.kind == WORLD_PLAIN) {
		add_vm(w, r, &vmmu_native, CACHES_NONE);
		add_vm(w, r, &vmmu_native, CACHES_FRONT + (int)rng_below(r, 3));
	}
	add_vm(w, r, &vmmu_shadow, -1);
	add_vm(w, r, &vmmu_shadow, -1);
	add_vm(w, r, &vmmu_shadow, -1);
	add_vm(w, r, &vmmu_shadow, -1);
	add_vm(w, r, &vmmu_nested_npt, CACHES_NONE + (int)rng_below(r, 2));
	add_vm(w, r, &vmmu_nested_npt, CACHES_TLB + (int)rng_below(r, 2));
	add_vm(w, r, &vmmu_nested_ept, CACHES_NONE + (int)rng_below(r, 2));
	add_vm(w, r, &vmmu_nested_ept, CACHES_TLB + (int)rng_below(r, 2));
}

/* For small.c: one of each, with a TLB. */
static void add_few_vms(struct world *w, struct rng *r)
{
	add_vm(w, r, &vmmu_shadow, CACHES_TLB);
	add_vm(w, r, &vmmu_nested_npt, CACHES_ALL);
	add_vm(w, r, &vmmu_nested_ept, CACHES_TLB);
}

/* Stores across a frame's end go to memory that is in no frame; in a small world there are none. */
static void clear_memory(struct world *w)
{
	unsigned i, k;

	if (w->cfg.kind != WORLD_SMALL) {
		mem_clear(w->mem);
		for (k = 0; k < w->nr_vms; k++)
			mem_clear(w->vm[k].mem);
		return;
	}
	for (i = 0; i < w->nr_frames; i++) {
		memset(w->mem + w->frame[i], 0, PAGE);
		for (k = 0; k < w->nr_vms; k++)
			memset(w->vm[k].mem + w->frame[i], 0, PAGE);
	}
}

struct world *world_new(const struct world_cfg *cfg)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rng r = { .s = cfg->seed };
	struct or_regs reset = { .cr0 = OR_CR0_ET | OR_CR0_CD | OR_CR0_NW };
	unsigned i;

	if (!w)
		rig_die("calloc");
	w->cfg = *cfg;
	w->all = getenv("VMMU_FULL");
	w->trace = getenv("VMMU_TRACE") && !cfg->sabotage;
	w->profile = profiles[cfg->profile];
	w->orp = oracle_profile(w->profile);
	w->ormem = (struct or_mem){ w, cb_is_ram, cb_is_readonly, cb_read, cb_write };
	w->mem = mem_arena(0);
	choose_frames(w);
	for (i = 0; i < NR_REGIONS; i++)
		w->place[i] = (struct place){ region[i].gpa, true,
					      i == REGION_ROM && cfg->kind == WORLD_ROM, false };
	if (cfg->kind == WORLD_SMALL)
		add_few_vms(w, &r);
	else
		add_vms(w, &r);
	clear_memory(w);
	choose_gvas(w, &r);
	w->or = or_world_new(&w->orp, &w->ormem);
	/* In ROM no A bit is ever set, and what it maps is cached all the same. */
	if (cfg->kind == WORLD_PLAIN || cfg->kind == WORLD_SMALL)
		or_world_ad_notified(w->or);
	for (i = 0; i < w->nr_gvas; i++)
		or_watch(w->or, w->gva[i]);
	for (i = 0; i < cfg->nr_cpus; i++)
		or_vcpu_new(w->or, &reset);
	return w;
}

void world_free(struct world *w)
{
	unsigned i;

	for (i = 0; i < w->nr_vms; i++)
		vmmu_destroy(w->vm[i].vm);
	or_world_free(w->or);
	ops_free(&w->pair);
	free(w);
}
