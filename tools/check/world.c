/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rig of the differential tests: see world.h.
 * Not here: the choice of operations; the truth about an access (oracle/).
 * Keeps: or_note_store() follows every change of the oracle's memory, A and D bits included.
 *
 * What a VM may do with A and D bits depends on whether it walked (event WALK, SW_WALK):
 *	walked from the root	exactly what the oracle's walk does
 *	walked from a link it	more or less: it may have been in a table that
 *	had cached		is in use no longer
 *	did not walk		nothing; and that only if the guest stored to its
 *				tables since the vCPU's last invalidation, or
 *				there was nothing to set
 * After each access the VMs and the oracle get the union, so a difference never grows.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ops.h"
#include "world.h"

#define PAGE 4096ull
#define AD_BITS 0x60ull
/* In 4-byte tables the upper half of a word is an entry too. */
#define AD_WORD (AD_BITS | AD_BITS << 32)

uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* ---- memory ------------------------------------------------------------- */

const struct region region[NR_REGIONS] = {
	[REGION_LOW] = { "low", 0, 2 * MIB + 64 * 1024 },
	[REGION_MID] = { "mid", 8 * MIB, 4 * MIB },
	[REGION_ROM] = { "rom", ROM_GPA, 2 * MIB },
	[REGION_GIB] = { "gib", GIB, GIB },
	[REGION_HIGH] = { "high", 4 * GIB, 4 * MIB },
};

#define MAX_ARENAS (WORLD_VMS + 1)

static void die(const char *what)
{
	perror(what);
	exit(2);
}

uint8_t *mem_arena(unsigned n)
{
	static uint8_t *arena[MAX_ARENAS];
	uint8_t *p;
	unsigned i;

	if (arena[n])
		return arena[n];
	p = mmap(NULL, MEM_END + GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED)
		die("mmap");
	p += -(uintptr_t)p & (GIB - 1);
	for (i = 0; i < NR_REGIONS; i++)
		if (mmap(p + region[i].gpa, region[i].size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) == MAP_FAILED)
			die("mmap");
	arena[n] = p;
	return p;
}

/* ---- one VM ----------------------------------------------------------------- */

void guest_config(const struct guest_cfg *g, uint8_t *mem, struct guest_keep *keep,
		  struct vmmu_config *cfg)
{
	static struct vmmu_range ram[NR_REGIONS]; /* native keeps a pointer to it */
	unsigned i;

	memset(cfg, 0, sizeof(*cfg));
	cfg->size = sizeof(*cfg);
	cfg->backend = g->backend;
	cfg->profile = g->profile;
	cfg->nr_cpus = g->nr_cpus;
	cfg->cb = g->cb;
	cfg->front_entries = g->caches == CACHES_NONE ? 1 : 64;
	if (g->caches >= CACHES_TLB) {
		cfg->l1 = (struct vmmu_tlb_geometry){ 4, 2 };
		cfg->l2 = (struct vmmu_tlb_geometry){ 8, 4 };
	}
	if (g->caches == CACHES_ALL) {
		cfg->pwc_entries = 8;
		cfg->nested_entries = 8;
	}
	if (g->backend == &vmmu_native) {
		for (i = 0; i < NR_REGIONS; i++)
			ram[i] = (struct vmmu_range){ region[i].gpa,
						      region[i].gpa + region[i].size };
		keep->native = (struct vmmu_native_config){ ram, NR_REGIONS, g->page_size };
		cfg->base = mem;
		cfg->backend_config = &keep->native;
	} else if (g->backend == &vmmu_shadow) {
		keep->shadow = g->shadow;
		cfg->backend_config = g->shadow.size ? &keep->shadow : NULL;
	} else {
		keep->nested = g->nested;
		cfg->backend_config = &keep->nested;
	}
	if (g->cap)
		cfg->max_tables = vmmu_min_tables(cfg);
}

int guest_slots(struct vmmu *vm, const struct guest_cfg *g, uint8_t *mem)
{
	unsigned i;
	int st = VMMU_OK;

	for (i = 0; i < NR_REGIONS && !st; i++) {
		struct vmmu_slot_info s = {
			.gpa = vmmu_gpa(region[i].gpa),
			.size = region[i].size,
			.pointer = mem + region[i].gpa,
			.page_size = g->page_size,
			.flags = i == REGION_ROM && g->rom ? VMMU_SLOT_READONLY : 0,
		};

		st = vmmu_slot_add(vm, &s);
	}
	return st;
}

int guest_open(const struct guest_cfg *g, uint8_t *mem, struct vmmu **vmp)
{
	struct vmmu_config cfg;
	struct guest_keep keep;
	int st;

	guest_config(g, mem, &keep, &cfg);
	st = vmmu_create(&cfg, vmp);
	if (st || g->backend == &vmmu_native || g->no_slots)
		return st;
	st = guest_slots(*vmp, g, mem);
	if (st) {
		vmmu_destroy(*vmp);
		*vmp = NULL;
	}
	return st;
}

/* ---- reporting ----------------------------------------------------------------- */

void world_log(struct world *w, const char *fmt, ...)
{
	char *to = w->log[w->nr_log++ % WORLD_LOG];
	va_list ap;

	w->seq++;
	va_start(ap, fmt);
	vsnprintf(to, sizeof(w->log[0]), fmt, ap);
	va_end(ap);
	if (w->trace)
		fprintf(stderr, "%" PRIu64 ": %s\n", w->seq, to);
}

void world_fail(struct world *w, const struct world_vm *v, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->failed[0])
		return;
	n = snprintf(w->failed, sizeof(w->failed), "%s: ", v ? v->name : "oracle");
	va_start(ap, fmt);
	vsnprintf(w->failed + n, sizeof(w->failed) - (size_t)n, fmt, ap);
	va_end(ap);
}

static void report_vm(const struct world_vm *v)
{
	const struct guest_cfg *g = &v->cfg;

	fprintf(stderr, "    %-12s host page %lluK, caches %d%s", v->name,
		(unsigned long long)g->page_size >> 10, (int)g->caches, g->cap ? ", cap" : "");
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
	unsigned i, n = w->nr_log < WORLD_LOG ? w->nr_log : WORLD_LOG;

	fprintf(stderr,
		"world: VMMU_SEED=%" PRIu64 ", operation %" PRIu64 ", profile %s%s, %u vCPU\n",
		w->cfg.seed, w->seq, w->profile->name, w->cfg.rom ? ", ROM" : "", w->cfg.nr_cpus);
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

static const struct region *region_at(uint64_t gpa)
{
	unsigned i;

	for (i = 0; i < NR_REGIONS; i++)
		if (gpa - region[i].gpa < region[i].size)
			return &region[i];
	return NULL;
}

bool world_is_ram(const struct world *w, uint64_t gpa)
{
	(void)w;
	return region_at(gpa);
}

bool world_is_rom(const struct world *w, uint64_t gpa)
{
	return w->cfg.rom && gpa - ROM_GPA < region[REGION_ROM].size;
}

bool world_is_frame(const struct world *w, uint64_t gpa)
{
	unsigned i;

	for (i = 0; i < w->nr_frames; i++)
		if ((gpa ^ w->frame[i]) < PAGE)
			return true;
	return false;
}

static uint64_t load(const uint8_t *p, unsigned bytes)
{
	uint32_t v4;
	uint64_t v8;

	if (bytes == 4) {
		memcpy(&v4, p, 4);
		return v4;
	}
	memcpy(&v8, p, 8);
	return v8;
}

uint64_t world_read(const struct world *w, uint64_t gpa, unsigned bytes)
{
	return region_at(gpa) ? load(w->mem + gpa, bytes) : 0;
}

/* One operation of the guest's, the host's or a device's begins. */
static void note(struct world *w, const struct world_op *op)
{
	if (w->record)
		ops_add(w->record, op);
}

void world_poke(struct world *w, uint64_t gpa, uint64_t value)
{
	unsigned i;

	note(w, &(struct world_op){ .what = OP_POKE, .at = gpa, .value = value });
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
	uint64_t old = load(w->mem + pa, bytes);

	if (w->dry) {
		w->dry_stores |= pa - w->dry_lo < 32;
		return 0;
	}
	memcpy(w->mem + pa, &val, bytes);
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
	struct rng r = { seed };

	if (rng_percent(&r, 50))
		cfg.nr_cpus += rng_below(&r, WORLD_CPUS);
	cfg.rom = rng_percent(&r, 35);
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

static bool is_canonical(uint64_t gva, unsigned bits)
{
	return (uint64_t)((int64_t)(gva << (64 - bits)) >> (64 - bits)) == gva;
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

static unsigned bit_of(const struct vmmu_backend *be)
{
	return be == &vmmu_native	? WORLD_NATIVE
	       : be == &vmmu_shadow	? WORLD_SHADOW
	       : be == &vmmu_nested_npt ? WORLD_NPT
					: WORLD_EPT;
}

/* What is left out has had its random numbers: the others are as they are with it. */
static void add_vm(struct world *w, struct rng *r, const struct vmmu_backend *be, int caches)
{
	static const uint64_t size[] = { 4096, 2 * MIB, GIB };
	struct world_vm *v = &w->vm[w->nr_vms];
	int st;

	memset(v, 0, sizeof(*v));
	v->cfg.backend = be;
	v->cfg.profile = w->profile;
	v->cfg.nr_cpus = w->cfg.nr_cpus;
	v->cfg.rom = w->cfg.rom;
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
	if (w->cfg.backends && !(w->cfg.backends & bit_of(be)))
		return;
	describe_vm(v, w->nr_vms);
	v->mem = mem_arena(1 + w->nr_vms);
	w->nr_vms++;
	st = guest_open(&v->cfg, v->mem, &v->vm);
	if (st)
		world_fail(w, v, "cannot be made: %s", vmmu_strerror(st));
}

static void add_vms(struct world *w, struct rng *r)
{
	if (!w->cfg.rom) {
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

static void clear_memory(struct world *w)
{
	unsigned i, k;

	for (i = 0; i < w->nr_frames; i++) {
		memset(w->mem + w->frame[i], 0, PAGE);
		for (k = 0; k < w->nr_vms; k++)
			memset(w->vm[k].mem + w->frame[i], 0, PAGE);
	}
}

struct world *world_new(const struct world_cfg *cfg)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rng r = { cfg->seed };
	struct or_regs reset = { .cr0 = OR_CR0_ET | OR_CR0_CD | OR_CR0_NW };
	unsigned i;

	if (!w)
		die("calloc");
	w->cfg = *cfg;
	w->trace = getenv("VMMU_TRACE") && !cfg->sabotage;
	w->profile = profiles[cfg->profile];
	w->orp = oracle_profile(w->profile);
	w->ormem = (struct or_mem){ w, cb_is_ram, cb_is_readonly, cb_read, cb_write };
	w->mem = mem_arena(0);
	memcpy(w->frame, frames, sizeof(frames));
	w->nr_frames = sizeof(frames) / sizeof(frames[0]);
	add_vms(w, &r);
	clear_memory(w);
	choose_gvas(w, &r);
	w->or = or_world_new(&w->orp, &w->ormem);
	/* In ROM no A bit is ever set, and what it maps is cached all the same. */
	if (!cfg->rom)
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
	free(w);
}

/* ---- comparing memory -------------------------------------------------------------- */

/* What the last access may have left different. */
enum ad_rule { AD_EXACT, AD_ANY, AD_MISSING, AD_NOTHING_SET };

static void put_word(struct world *w, struct world_vm *v, uint64_t gpa, uint64_t value)
{
	if (world_is_rom(w, gpa))
		world_fail(w, v, "A or D was stored in ROM at 0x%" PRIx64, gpa);
	else if (vmmu_write(v->vm, NULL, vmmu_gpa(gpa), &value, 8, NULL))
		world_fail(w, v, "vmmu_write(0x%" PRIx64 "): %s", gpa, vmmu_reason(v->vm));
}

static void judge_word(struct world *w, const struct world_vm *v, uint64_t gpa, enum ad_rule rule)
{
	uint64_t ours = load(w->mem + gpa, 8), its = load(v->mem + gpa, 8);
	const char *why = NULL;

	if ((ours ^ its) & ~AD_WORD)
		why = "memory differs";
	else if (rule == AD_EXACT)
		why = "A or D bits differ after a walk";
	else if (rule == AD_MISSING && (its & ~ours))
		why = "A or D bits were set without a walk";
	else if (rule == AD_NOTHING_SET)
		why = "A or D was not set, and nothing that is cached can know it to be set";
	if (why)
		world_fail(w, v, "%s: at 0x%" PRIx64 " 0x%" PRIx64 ", the oracle has 0x%" PRIx64,
			   why, gpa, its, ours);
}

/* The union of what all have, in all. */
static void level_word(struct world *w, uint64_t gpa)
{
	uint64_t all = load(w->mem + gpa, 8);
	unsigned i;

	for (i = 0; i < w->nr_vms; i++)
		all |= load(w->vm[i].mem + gpa, 8) & AD_WORD;
	if (all != load(w->mem + gpa, 8)) {
		memcpy(w->mem + gpa, &all, 8);
		or_note_store(w->or, gpa, 8);
	}
	for (i = 0; i < w->nr_vms; i++)
		if (load(w->vm[i].mem + gpa, 8) != all)
			put_word(w, &w->vm[i], gpa, all);
}

static void compare_words(struct world *w, const enum ad_rule rule[WORLD_VMS])
{
	unsigned f, k, i;

	for (f = 0; f < w->nr_frames; f++) {
		for (k = 0; k < w->nr_words; k++) {
			uint64_t gpa = w->frame[f] + w->word[k], ours = load(w->mem + gpa, 8);
			bool differs = false;

			for (i = 0; i < w->nr_vms; i++) {
				if (load(w->vm[i].mem + gpa, 8) == ours)
					continue;
				differs = true;
				judge_word(w, &w->vm[i], gpa, rule[i]);
			}
			if (differs && !w->failed[0])
				level_word(w, gpa);
		}
	}
}

static void note_ad(struct world *w)
{
	unsigned i;

	for (i = 0; i < w->nr_ad; i++)
		or_note_store(w->or, w->ad[i], 8);
}

void world_check(struct world *w, bool full)
{
	unsigned i, f;
	int st;

	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];

		st = full || getenv("VMMU_FULL") ? vmmu_check(v->vm) : vmmu_check_some(v->vm, 64);
		if (st)
			world_fail(w, v, "check: %s: %s", vmmu_strerror(st), vmmu_reason(v->vm));
		for (f = 0; full && f < w->nr_frames; f++)
			if (memcmp(v->mem + w->frame[f], w->mem + w->frame[f], PAGE))
				world_fail(w, v, "the frame at 0x%" PRIx64 " differs", w->frame[f]);
	}
}

/* ---- stores -------------------------------------------------------------------------- */

static int store_in(struct world_vm *v, unsigned cpu, uint64_t gpa, const void *buf, unsigned len,
		    enum world_store how, size_t *done)
{
	void *p;
	int st;

	if (how != STORE_BEGIN_END)
		return vmmu_write(v->vm, how == STORE_CPU ? vmmu_cpu(v->vm, cpu) : NULL,
				  vmmu_gpa(gpa), buf, len, done);
	*done = 0;
	st = vmmu_write_begin(v->vm, vmmu_gpa(gpa), len, &p);
	if (st)
		return st;
	memcpy(p, buf, len);
	*done = len;
	return vmmu_write_end(v->vm, vmmu_cpu(v->vm, cpu), vmmu_gpa(gpa), len);
}

static bool is_victim(const struct world *w, unsigned vm, enum sabotage what)
{
	return w->cfg.sabotage == what && vm == w->cfg.victim % w->nr_vms;
}

void world_store(struct world *w, unsigned cpu, uint64_t gpa, const void *buf, unsigned len,
		 enum world_store how)
{
	struct world_op op = {
		.what = OP_STORE, .cpu = (uint8_t)cpu, .at = gpa, .how = (uint8_t)how, .size = len
	};
	size_t ok = 0, done;
	unsigned i;

	memcpy(op.bytes, buf, len < OP_BYTES ? len : OP_BYTES);
	note(w, &op);
	while (ok < len && world_is_ram(w, gpa + ok) && !world_is_rom(w, gpa + ok))
		ok++;
	if (how == STORE_BEGIN_END && ok < len)
		ok = 0;
	world_log(w, "%u store 0x%" PRIx64 " = 0x%" PRIx64 ", %u bytes%s", cpu, gpa,
		  load(buf, len >= 8 ? 8 : 4), len,
		  how == STORE_CPU	? ""
		  : how == STORE_DEVICE ? ", device"
					: ", begin/end");
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		int st, want = ok == len ? VMMU_OK : VMMU_MMIO;

		if (is_victim(w, i, SABOTAGE_STORE))
			continue;
		st = store_in(v, cpu, gpa, buf, len, how, &done);
		if (st != want || done != ok)
			world_fail(w, v, "a store at 0x%" PRIx64 ": %s, %zu of %u bytes: %s", gpa,
				   vmmu_strerror(st), done, len, vmmu_reason(v->vm));
	}
	memcpy(w->mem + gpa, buf, ok);
	if (ok)
		or_note_store(w->or, gpa, ok);
	w->stored = w->seq;
}

/* ---- accesses ---------------------------------------------------------------------------- */

static struct or_access oracle_access(uint64_t gva, uint32_t access)
{
	return (struct or_access){
		.gva = gva,
		.op = (enum or_op)(access & VMMU_TYPE_MASK),
		.user = access & VMMU_USER,
		.implicit = access & VMMU_IMPLICIT,
		.ac = access & VMMU_AC,
		.stack = access & VMMU_STACK,
		.no_ad = access & (VMMU_PROBE | VMMU_NO_AD),
	};
}

/* What a VM answered, in the oracle's words.  False: no CPU answers so. */
static bool to_oracle(const struct world *w, int st, const struct vmmu_xlat *x, uint32_t access,
		      struct or_result *res)
{
	memset(res, 0, sizeof(*res));
	switch (st) {
	case VMMU_OK:
		res->kind = OR_OK;
		res->gpa = x->gpa.v;
		return true;
	case VMMU_MMIO:
		res->kind = OR_MMIO;
		res->gpa = x->gpa.v;
		res->stage = x->stage == VMMU_STAGE_TABLE ? OR_TABLE : OR_FINAL;
		if (res->stage == OR_FINAL && world_is_rom(w, res->gpa)) {
			res->kind = OR_OK;
			res->readonly = true;
			return (access & VMMU_TYPE_MASK) == VMMU_WRITE;
		}
		return x->stage != VMMU_STAGE_NONE;
	case VMMU_FAULT:
		res->kind = x->fault.vector == 14 ? OR_PF : x->fault.vector == 13 ? OR_GP : OR_SS;
		res->error = x->fault.code;
		res->cr2 = x->fault.cr2;
		return x->fault.vector >= 12 && x->fault.vector <= 14;
	default:
		return false;
	}
}

static const char *kind_name(const struct or_result *r)
{
	static const char *const name[] = { "ok", "#PF", "#GP", "#SS", "mmio", "nested fault" };

	return r->kind == OR_OK && r->readonly ? "rom" : name[r->kind];
}

static const char *describe(const struct or_result *r, char buf[128])
{
	if (r->kind == OR_PF)
		snprintf(buf, 128, "#PF(0x%x) cr2 0x%" PRIx64, r->error, r->cr2);
	else
		snprintf(buf, 128, "%s%s gpa 0x%" PRIx64, kind_name(r),
			 r->kind == OR_MMIO && r->stage == OR_TABLE ? " (table)" : "", r->gpa);
	return buf;
}

static bool same_result(const struct or_result *a, const struct or_result *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == OR_PF)
		return a->error == b->error && a->cr2 == b->cr2;
	if (a->kind == OR_OK || a->kind == OR_MMIO)
		return a->gpa == b->gpa && a->readonly == b->readonly && a->stage == b->stage;
	return true;
}

static bool count_walks(struct world_vm *v)
{
	struct vmmu_stats s = { .size = sizeof(s) };
	uint64_t walks;
	bool more;

	vmmu_get_stats(v->vm, &s);
	walks = v->cfg.backend == &vmmu_shadow ? s.event[VMMU_EV_SW_WALK] : s.event[VMMU_EV_WALK];
	more = walks != v->walks;
	v->walks = walks;
	return more;
}

/* Rights that a walk would grant this privilege before the access changes anything. */
static unsigned fresh_rights(struct world *w, unsigned cpu, const struct or_access *acc)
{
	unsigned op, rights = 0;

	for (op = OR_READ; op <= OR_FETCH; op++) {
		struct or_access a = *acc;
		struct or_result r;

		a.op = (enum or_op)op;
		a.no_ad = true;
		or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &a, &r);
		if (r.kind == OR_OK && !r.readonly)
			rights |= 1u << op;
	}
	return rights;
}

static void check_ok(struct world *w, struct world_vm *v, unsigned cpu, const struct or_access *acc,
		     const struct vmmu_xlat *x, const struct or_result *fresh, unsigned grants,
		     bool exact)
{
	uint64_t low = (1ull << x->shift) - 1;
	const struct region *g = region_at(x->gpa.v);

	if (x->host != v->mem + x->gpa.v && !(acc->no_ad && !x->host))
		world_fail(w, v, "host pointer %p, but gpa 0x%" PRIx64 " is at %p", x->host,
			   x->gpa.v, (void *)(v->mem + x->gpa.v));
	if (!g)
		return;
	if ((x->gpa.v & ~low) < g->gpa || (x->gpa.v | low) >= g->gpa + g->size)
		world_fail(w, v, "gpa 0x%" PRIx64 " cached with shift %u leaves slot %s", x->gpa.v,
			   x->shift, g->name);
	if (x->shift > x->guest_shift && (world_regs(w, cpu)->cr0 & OR_CR0_PG))
		world_fail(w, v, "shift %u is more than the guest's %u", x->shift, x->guest_shift);
	if (!exact)
		return;
	if (x->guest_shift != fresh->shift)
		world_fail(w, v, "guest_shift %u, not %u", x->guest_shift, fresh->shift);
	if (x->guest_rights != fresh->rights)
		world_fail(w, v, "guest_rights 0x%x, not 0x%x", x->guest_rights, fresh->rights);
	if (x->rights & ~grants)
		world_fail(w, v, "rights 0x%x, but a walk grants 0x%x", x->rights, grants);
}

/* The answer of one VM to one page's access: legal, and exact where it walked. */
static void check_answer(struct world *w, struct world_vm *v, unsigned cpu,
			 const struct or_access *acc, const struct or_result *seen,
			 const struct or_result *fresh, bool exact)
{
	char a[128], b[128];

	if (exact && !same_result(seen, fresh))
		world_fail(w, v, "%s, but a walk answers %s", describe(seen, a),
			   describe(fresh, b));
	if (same_result(seen, fresh))
		return;
	w->count_stale++;
	if (!or_legal(w->or, cpu, acc, seen))
		world_fail(w, v, "%s is not legal: %s", describe(seen, a), or_reason(w->or));
}

/* The inlined hit of <vmmu/vmmu.h>. */
static void check_front(struct world *w, struct world_vm *v, unsigned cpu, unsigned size,
			uint32_t access, const struct or_access *acc, const struct or_result *fresh)
{
	uint8_t *p = vmmu_host(vmmu_cpu(v->vm, cpu), vmmu_gva(acc->gva), size, access);
	struct or_result seen = { .kind = OR_OK };

	if (!p)
		return;
	seen.gpa = (uint64_t)(p - v->mem);
	if (!region_at(seen.gpa) || (acc->op == OR_WRITE && world_is_rom(w, seen.gpa)))
		world_fail(w, v, "vmmu_host() answers gpa 0x%" PRIx64, seen.gpa);
	if (same_result(&seen, fresh))
		return;
	if (!or_legal(w->or, cpu, acc, &seen))
		world_fail(w, v, "vmmu_host(): gpa 0x%" PRIx64 " is not legal: %s", seen.gpa,
			   or_reason(w->or));
}

static void check_cr2(struct world *w, struct world_vm *v, unsigned cpu, int st,
		      const struct vmmu_xlat *x, uint32_t access)
{
	struct vmmu_regs regs;

	if (st == VMMU_FAULT && x->fault.vector == 14 && !(access & VMMU_PROBE))
		v->cr2[cpu] = x->fault.cr2;
	vmmu_get_regs(vmmu_cpu(v->vm, cpu), &regs);
	if (regs.cr2 != v->cr2[cpu])
		world_fail(w, v, "CR2 is 0x%" PRIx64 ", not 0x%" PRIx64, (uint64_t)regs.cr2,
			   v->cr2[cpu]);
}

static uint64_t last_drop(const struct world *w, unsigned cpu, uint64_t gva)
{
	uint64_t last = w->flushed[cpu];
	unsigned i;

	for (i = 0; i < w->nr_gvas; i++)
		if ((w->gva[i] ^ gva) < PAGE && w->dropped[cpu][i] > last)
			last = w->dropped[cpu][i];
	return last;
}

static void sabotage_answer(const struct world *w, unsigned vm, struct vmmu_xlat *x, int st)
{
	if (is_victim(w, vm, SABOTAGE_HOST_POINTER) && st == VMMU_OK && x->host)
		x->host = (uint8_t *)x->host + PAGE;
}

static void sabotage_memory(struct world *w)
{
	unsigned i = w->cfg.victim % w->nr_vms, k;

	if (!is_victim(w, i, SABOTAGE_DIRTY))
		return;
	for (k = 0; k < w->nr_ad; k++) {
		uint64_t v = load(w->vm[i].mem + w->ad[k], 8) & ~0x40ull;

		memcpy(w->vm[i].mem + w->ad[k], &v, 8);
	}
}

/* Every VM stored, or none; then the oracle. */
static void do_store(struct world *w, struct vmmu_xlat x[WORLD_VMS], unsigned cpu, unsigned size,
		     const uint64_t *value)
{
	unsigned i;

	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		int st = VMMU_OK;

		if (x[i].trap)
			st = vmmu_write(v->vm, vmmu_cpu(v->vm, cpu), x[i].gpa, value, size, NULL);
		else if (x[i].host)
			memcpy(x[i].host, value, size);
		if (st)
			world_fail(w, v, "a trapped store: %s", vmmu_strerror(st));
	}
}

/* A store that went by a stale translation dirties what memory says now?  No. */
static void check_stale_dirty(struct world *w, const struct vmmu_xlat x[WORLD_VMS],
			      const int st[WORLD_VMS], const struct or_result *fresh)
{
	unsigned i;

	if (!w->nr_ad || !w->dirtied_now)
		return;
	for (i = 0; i < w->nr_vms; i++)
		if (st[i] == VMMU_OK && x[i].gpa.v != fresh->gpa &&
		    (load(w->vm[i].mem + w->dirtied, 4) & 0x40))
			world_fail(w, &w->vm[i],
				   "stored to gpa 0x%" PRIx64 ", but D is set of 0x%" PRIx64,
				   x[i].gpa.v, fresh->gpa);
}

static bool all_store_alike(const struct world *w, const struct vmmu_xlat x[WORLD_VMS],
			    const int st[WORLD_VMS], const struct or_result *fresh)
{
	unsigned i;

	if (fresh->kind != OR_OK || !world_is_frame(w, fresh->gpa))
		return false;
	for (i = 0; i < w->nr_vms; i++)
		if (st[i] != VMMU_OK || x[i].gpa.v != fresh->gpa)
			return false;
	return true;
}

static void log_access(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
		       const struct or_result *fresh)
{
	static const char type[] = "rwx?";
	char buf[128];

	world_log(w, "%u %c%s%s%s%s%s%s 0x%" PRIx64 "+%u -> %s", cpu, type[access & 3],
		  access & VMMU_USER ? " user" : "", access & VMMU_IMPLICIT ? " implicit" : "",
		  access & VMMU_AC ? " ac" : "", access & VMMU_STACK ? " stack" : "",
		  access & VMMU_PROBE ? " probe" : "", access & VMMU_NO_AD ? " no_ad" : "", gva,
		  size, describe(fresh, buf));
}

static enum ad_rule rule_for(const struct world *w, const struct world_vm *v, unsigned cpu,
			     uint64_t gva, bool walked)
{
	if (walked)
		return v->walk_cached ? AD_ANY : AD_EXACT;
	return w->stored > last_drop(w, cpu, gva) ? AD_MISSING : AD_NOTHING_SET;
}

static void count_result(struct world *w, const struct or_result *fresh)
{
	if (fresh->kind == OR_OK)
		w->count_ok++;
	else if (fresh->kind == OR_MMIO)
		w->count_mmio++;
	else
		w->count_fault++;
}

/*
 * Would the access set A in a PDPTE that is read on every walk, where that bit is reserved?
 * Whether it then faults is a matter of how often the CPU begins again.
 */
static bool spoils_pdptes(struct world *w, unsigned cpu, const struct or_access *acc)
{
	const struct or_regs *r = world_regs(w, cpu);
	struct or_result res;

	if (!w->orp.pdpte_walk || (r->efer & OR_EFER_LMA) || !(r->cr4 & OR_CR4_PAE))
		return false;
	w->dry = true;
	w->dry_lo = r->cr3 & 0xffffffe0u;
	w->dry_stores = false;
	or_translate(r, &w->orp, &w->ormem, acc, &res);
	w->dry = false;
	return w->dry_stores;
}

/* The smallest front still holds one page. */
static void forget(struct world_vm *v, unsigned cpu)
{
	if (v->cfg.caches == CACHES_NONE)
		vmmu_hw_flush(vmmu_cpu(v->vm, cpu));
}

static void access_page(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
			const uint64_t *value)
{
	struct or_access acc = oracle_access(gva, access), dry = acc;
	struct vmmu_xlat x[WORLD_VMS];
	struct or_result fresh, seen, res;
	enum ad_rule rule[WORLD_VMS];
	unsigned i, faults = 0, grants;
	int st[WORLD_VMS];
	bool stores;

	if (spoils_pdptes(w, cpu, &acc))
		return;
	dry.no_ad = true;
	or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &dry, &fresh);
	grants = fresh_rights(w, cpu, &acc);
	log_access(w, cpu, gva, size, access, &fresh);
	count_result(w, &fresh);
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		bool walked, exact;

		memset(&x[i], 0, sizeof(x[i]));
		forget(v, cpu);
		if (!acc.no_ad)
			check_front(w, v, cpu, size, access, &acc, &fresh);
		count_walks(v);
		st[i] = vmmu_translate(vmmu_cpu(v->vm, cpu), vmmu_gva(gva), size, access, &x[i]);
		walked = count_walks(v) || acc.no_ad || v->always_walks;
		exact = acc.no_ad || (walked && !v->walk_cached);
		rule[i] = acc.no_ad ? AD_EXACT : rule_for(w, v, cpu, gva, walked);
		sabotage_answer(w, i, &x[i], st[i]);
		if (!to_oracle(w, st[i], &x[i], access, &seen)) {
			world_fail(w, v, "%s: %s", vmmu_strerror(st[i]), vmmu_reason(v->vm));
			continue;
		}
		check_answer(w, v, cpu, &acc, &seen, &fresh, exact);
		check_cr2(w, v, cpu, st[i], &x[i], access);
		faults += seen.kind == OR_PF;
	}
	stores = value && all_store_alike(w, x, st, &fresh);
	if (stores)
		do_store(w, x, cpu, size, value);
	w->nr_ad = 0;
	or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &acc, &res);
	for (i = 0; i < w->nr_vms && !w->failed[0]; i++)
		if (st[i] == VMMU_OK)
			check_ok(w, &w->vm[i], cpu, &acc, &x[i], &fresh, grants,
				 rule[i] == AD_EXACT);
	check_stale_dirty(w, x, st, &fresh);
	sabotage_memory(w);
	/* What the walk leaves may be cached before the store changes it. */
	note_ad(w);
	if (stores) {
		memcpy(w->mem + fresh.gpa, value, size);
		or_note_store(w->or, fresh.gpa, size);
		w->stored = w->seq;
	}
	compare_words(w, rule);
	if (!acc.no_ad && faults == w->nr_vms)
		or_note_fault(w->or, cpu, gva);
}

/* ---- accesses that may cross a page ---------------------------------------------------- */

/* Which page an answer is about: 0, 1, or 2 for both. */
static unsigned page_of(int st, const struct vmmu_xlat x[2], uint64_t second)
{
	if (st == VMMU_FAULT && x[0].fault.vector == 14)
		return (x[0].fault.cr2 ^ second) < PAGE;
	return st == VMMU_FAULT ? 0 : 2;
}

/* What the pages answer, the second before the first is touched; how many pages. */
static unsigned span_fresh(struct world *w, unsigned cpu, const struct or_access *acc,
			   struct or_result res[2])
{
	struct or_access dry = *acc;

	dry.no_ad = true;
	return or_translate_span(world_regs(w, cpu), &w->orp, &w->ormem, &dry, res);
}

/* One page's part of the answer to a span. */
static void check_part(struct world *w, struct world_vm *v, unsigned cpu,
		       const struct or_access *part, const struct or_result *seen,
		       const struct or_result *fresh, bool exact)
{
	char a[128], b[128];

	if (fresh && same_result(seen, fresh))
		return;
	if (exact)
		world_fail(w, v, "span at 0x%" PRIx64 ": %s, but a walk answers %s", part->gva,
			   describe(seen, a), fresh ? describe(fresh, b) : "nothing");
	else if (!or_legal(w->or, cpu, part, seen))
		world_fail(w, v, "span at 0x%" PRIx64 ": %s is not legal: %s", part->gva,
			   describe(seen, a), or_reason(w->or));
}

static void check_span(struct world *w, struct world_vm *v, unsigned cpu,
		       const struct or_access part[2], const struct vmmu_xlat x[2], int st,
		       const struct or_result fresh[2], unsigned pages, bool exact)
{
	unsigned p = page_of(st, x, part[1].gva), i;
	struct or_result seen;

	/* A table that is a device stops the CPU, or the other page's fault does. */
	if (fresh[0].kind == OR_MMIO && fresh[0].stage == OR_TABLE)
		exact = false;
	for (i = 0; i < 2; i++) {
		const struct vmmu_xlat *xi = st == VMMU_FAULT ? &x[0] : &x[i];
		int sti = st != VMMU_MMIO ? st : xi->host ? VMMU_OK : VMMU_MMIO;

		if (p != 2 && p != i)
			continue;
		if (!to_oracle(w, sti, xi, (uint32_t)part[0].op, &seen)) {
			world_fail(w, v, "page %u of a span: %s: %s", i, vmmu_strerror(st),
				   vmmu_reason(v->vm));
			return;
		}
		/* It does not say which page it is of. */
		if (seen.kind == OR_GP || seen.kind == OR_SS)
			check_part(w, v, cpu, &part[i], &seen, &fresh[pages - 1], exact);
		else
			check_part(w, v, cpu, &part[i], &seen, i < pages ? &fresh[i] : NULL, exact);
	}
}

void world_access(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
		  const uint64_t *value)
{
	note(w, &(struct world_op){ .what = OP_ACCESS,
				    .cpu = (uint8_t)cpu,
				    .at = gva,
				    .size = size,
				    .access = access,
				    .has_value = value != NULL,
				    .value = value ? *value : 0 });
	access_page(w, cpu, gva, size, access, value);
}

void world_span(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access)
{
	struct or_access acc = oracle_access(gva, access), part[2];
	unsigned i, pages, first, faults = 0, same = 0;
	enum ad_rule rule[WORLD_VMS];
	struct or_result fresh[2], res;
	bool stops;

	note(w, &(struct world_op){ .what = OP_SPAN,
				    .cpu = (uint8_t)cpu,
				    .at = gva,
				    .size = size,
				    .access = access });
	memset(fresh, 0, sizeof(fresh));
	acc.size = size;
	if ((gva & (PAGE - 1)) + size <= PAGE) {
		access_page(w, cpu, gva, size, access, NULL);
		return;
	}
	part[0] = part[1] = acc;
	part[0].size = part[1].size = 0;
	part[1].gva = (gva + size - 1) & ~(PAGE - 1);
	if (!(world_regs(w, cpu)->efer & OR_EFER_LMA))
		part[1].gva &= UINT32_MAX;
	if (spoils_pdptes(w, cpu, &part[0]) || spoils_pdptes(w, cpu, &part[1]))
		return;
	pages = span_fresh(w, cpu, &acc, fresh);
	log_access(w, cpu, gva, size, access, &fresh[pages - 1]);
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		struct vmmu_xlat x[2];
		int st;

		memset(x, 0, sizeof(x));
		forget(v, cpu);
		st = vmmu_translate_span(vmmu_cpu(v->vm, cpu), vmmu_gva(gva), size, access, x,
					 &first);
		count_walks(v);
		rule[i] = acc.no_ad ? AD_EXACT : AD_ANY;
		check_span(w, v, cpu, part, x, st, fresh, pages, v->always_walks || acc.no_ad);
		check_cr2(w, v, cpu, st, &x[0], access);
		if (st == VMMU_FAULT && x[0].fault.vector == 14) {
			faults++;
			same += page_of(st, x, part[1].gva);
		}
	}
	w->nr_ad = 0;
	stops = pages == 1 || fresh[1].kind == OR_PF || fresh[1].kind == OR_GP ||
		fresh[1].kind == OR_SS;
	if (!stops && !acc.no_ad) {
		or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &part[0], &res);
		or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &part[1], &res);
	}
	note_ad(w);
	compare_words(w, rule);
	if (!acc.no_ad && faults == w->nr_vms && (!same || same == faults))
		or_note_fault(w->or, cpu, part[same != 0].gva);
}

/* ---- registers ------------------------------------------------------------------------------ */

static void check_regs(struct world *w, struct world_vm *v, unsigned cpu)
{
	const struct or_regs *o = world_regs(w, cpu);
	struct vmmu_regs r;
	unsigned i;
	bool pae = (o->cr0 & OR_CR0_PG) && (o->cr4 & OR_CR4_PAE) && !(o->efer & OR_EFER_LMA);

	vmmu_get_regs(vmmu_cpu(v->vm, cpu), &r);
	if (r.cr0 != o->cr0 || r.cr3 != o->cr3 || r.cr4 != o->cr4 || r.efer != o->efer ||
	    r.pkru != o->pkru || r.pkrs != o->pkrs)
		world_fail(w, v,
			   "registers cr0 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64 " efer %" PRIx64
			   ", the oracle has %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64,
			   r.cr0, r.cr3, r.cr4, r.efer, o->cr0, o->cr3, o->cr4, o->efer);
	for (i = 0; i < 4 && pae && !w->orp.pdpte_walk; i++)
		if (r.pdpte[i] != o->pdpte[i])
			world_fail(w, v, "PDPTE %u is 0x%" PRIx64 ", not 0x%" PRIx64, i, r.pdpte[i],
				   o->pdpte[i]);
}

static int set_in(struct vmmu_cpu *cpu, enum world_reg reg, uint64_t value)
{
	switch (reg) {
	case SET_CR0:
		return vmmu_set_cr0(cpu, value);
	case SET_CR3:
		return vmmu_set_cr3(cpu, value);
	case SET_CR4:
		return vmmu_set_cr4(cpu, value);
	case SET_EFER:
		return vmmu_set_efer(cpu, value);
	case SET_PKRU:
		vmmu_set_pkru(cpu, (uint32_t)value);
		return VMMU_OK;
	default:
		vmmu_set_pkrs(cpu, (uint32_t)value);
		return VMMU_OK;
	}
}

static enum or_kind set_oracle(struct world *w, unsigned cpu, enum world_reg reg, uint64_t value)
{
	switch (reg) {
	case SET_CR0:
		return or_note_cr0(w->or, cpu, value);
	case SET_CR3:
		return or_note_cr3(w->or, cpu, value);
	case SET_CR4:
		return or_note_cr4(w->or, cpu, value);
	case SET_EFER:
		return or_note_efer(w->or, cpu, value);
	case SET_PKRU:
		world_regs(w, cpu)->pkru = (uint32_t)value;
		return OR_OK;
	default:
		world_regs(w, cpu)->pkrs = (uint32_t)value;
		return OR_OK;
	}
}

bool world_set(struct world *w, unsigned cpu, enum world_reg reg, uint64_t value)
{
	static const char *const name[] = { "cr0", "cr3", "cr4", "efer", "pkru", "pkrs" };
	struct or_regs before = *world_regs(w, cpu);
	enum or_kind want = set_oracle(w, cpu, reg, value);
	const struct or_regs *now = world_regs(w, cpu);
	unsigned i;

	note(w, &(struct world_op){
			.what = OP_SET, .cpu = (uint8_t)cpu, .how = (uint8_t)reg, .value = value });
	world_log(w, "%u %s = 0x%" PRIx64 "%s", cpu, name[reg], value, want ? " -> #GP" : "");
	/* Other tables, as good as a store to them. */
	if (reg <= SET_EFER)
		w->stored = w->seq;
	if (((before.cr0 ^ now->cr0) & OR_CR0_PG) || ((before.cr4 ^ now->cr4) & OR_CR4_PGE))
		w->flushed[cpu] = w->seq;
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		uint64_t its = value;
		int st;

		if (is_victim(w, i, SABOTAGE_CR3) && reg == SET_CR3 && (before.cr4 & OR_CR4_PCIDE))
			its |= OR_CR3_NOFLUSH;
		st = set_in(vmmu_cpu(v->vm, cpu), reg, its);
		count_walks(v);
		if (st != (want == OR_OK ? VMMU_OK : VMMU_GP))
			world_fail(w, v, "MOV to %s = 0x%" PRIx64 ": %s, the oracle says %s: %s",
				   name[reg], value, vmmu_strerror(st), want ? "#GP" : "ok",
				   vmmu_reason(v->vm));
		check_regs(w, v, cpu);
	}
	return want == OR_OK;
}

static bool pdptes_bad(const struct world *w, const struct or_regs *r)
{
	struct or_regs try = *r;

	/* A MOV to CR3 is what checks them. */
	return or_set_cr3(&try, &w->orp, &w->ormem, r->cr3) != OR_OK;
}

void world_set_all(struct world *w, unsigned cpu, const struct or_regs *regs, bool lib_reads)
{
	bool pae =
		(regs->cr0 & OR_CR0_PG) && (regs->cr4 & OR_CR4_PAE) && !(regs->efer & OR_EFER_LMA);
	struct or_regs r = *regs;
	struct vmmu_regs v;
	unsigned i, k;
	bool bad = pae && pdptes_bad(w, regs);

	note(w, &(struct world_op){
			.what = OP_ALL, .cpu = (uint8_t)cpu, .how = lib_reads, .regs = *regs });
	world_log(w,
		  "%u set all: cr0 0x%" PRIx64 " cr3 0x%" PRIx64 " cr4 0x%" PRIx64
		  " efer 0x%" PRIx64 "%s",
		  cpu, r.cr0, r.cr3, r.cr4, r.efer, bad ? ", bad" : "");
	/* A CPU that walks them does not look now. */
	if (pae && !bad && !w->orp.pdpte_walk)
		for (k = 0; k < 4; k++)
			r.pdpte[k] = world_read(w, (r.cr3 & 0xffffffe0u) + 8 * k, 8);
	memset(&v, 0, sizeof(v));
	v.cr0 = r.cr0;
	v.cr2 = r.cr2;
	v.cr3 = r.cr3;
	v.cr4 = r.cr4;
	v.efer = r.efer;
	v.pkru = r.pkru;
	v.pkrs = r.pkrs;
	if (!bad && !lib_reads)
		memcpy(v.pdpte, r.pdpte, sizeof(v.pdpte));
	for (i = 0; i < w->nr_vms; i++) {
		int st = vmmu_set_regs(vmmu_cpu(w->vm[i].vm, cpu), &v, lib_reads || bad);

		count_walks(&w->vm[i]);
		if (st != (bad ? VMMU_EINVAL : VMMU_OK))
			world_fail(w, &w->vm[i], "vmmu_set_regs: %s: %s", vmmu_strerror(st),
				   vmmu_reason(w->vm[i].vm));
		if (!bad)
			w->vm[i].cr2[cpu] = r.cr2;
	}
	if (bad)
		return;
	or_note_regs(w->or, cpu, &r);
	w->flushed[cpu] = w->seq;
	for (i = 0; i < w->nr_vms; i++)
		check_regs(w, &w->vm[i], cpu);
}

void world_reset(struct world *w, unsigned cpu)
{
	struct or_regs r = { .cr0 = OR_CR0_ET | OR_CR0_CD | OR_CR0_NW };
	unsigned i;

	note(w, &(struct world_op){ .what = OP_RESET, .cpu = (uint8_t)cpu });
	world_log(w, "%u reset", cpu);
	for (i = 0; i < w->nr_vms; i++) {
		int st = vmmu_reset(vmmu_cpu(w->vm[i].vm, cpu));

		if (st)
			world_fail(w, &w->vm[i], "vmmu_reset: %s", vmmu_strerror(st));
		w->vm[i].cr2[cpu] = 0;
	}
	or_note_regs(w->or, cpu, &r);
	w->flushed[cpu] = w->seq;
	for (i = 0; i < w->nr_vms; i++)
		check_regs(w, &w->vm[i], cpu);
}

/* ---- TLB instructions --------------------------------------------------------------------------
 */

void world_invlpg(struct world *w, unsigned cpu, uint64_t gva)
{
	unsigned i;

	note(w, &(struct world_op){ .what = OP_INVLPG, .cpu = (uint8_t)cpu, .at = gva });
	world_log(w, "%u invlpg 0x%" PRIx64, cpu, gva);
	for (i = 0; i < w->nr_vms; i++)
		if (!is_victim(w, i, SABOTAGE_INVLPG) &&
		    vmmu_invlpg(vmmu_cpu(w->vm[i].vm, cpu), vmmu_gva(gva)))
			world_fail(w, &w->vm[i], "INVLPG failed");
	or_note_invlpg(w->or, cpu, gva);
	for (i = 0; i < w->nr_gvas; i++)
		if ((w->gva[i] ^ gva) < PAGE)
			w->dropped[cpu][i] = w->seq;
}

void world_invpcid(struct world *w, unsigned cpu, unsigned type, unsigned pcid, uint64_t gva)
{
	const struct or_regs *r = world_regs(w, cpu);
	bool lma = r->efer & OR_EFER_LMA;
	bool gp = type > 3 || pcid > 4095 || (type < 2 && pcid && !(r->cr4 & OR_CR4_PCIDE)) ||
		  (type == 0 && lma && !is_canonical(gva, r->cr4 & OR_CR4_LA57 ? 57 : 48));
	unsigned i;

	note(w, &(struct world_op){ .what = OP_INVPCID,
				    .cpu = (uint8_t)cpu,
				    .how = (uint8_t)type,
				    .size = pcid,
				    .at = gva });
	world_log(w, "%u invpcid type %u pcid %u 0x%" PRIx64 "%s", cpu, type, pcid, gva,
		  gp ? " -> #GP" : "");
	for (i = 0; i < w->nr_vms; i++) {
		int st;

		if (is_victim(w, i, SABOTAGE_INVLPG))
			continue;
		st = vmmu_invpcid(vmmu_cpu(w->vm[i].vm, cpu), type, pcid, vmmu_gva(gva));
		if (st != (gp ? VMMU_GP : VMMU_OK))
			world_fail(w, &w->vm[i], "INVPCID: %s", vmmu_strerror(st));
	}
	if (gp)
		return;
	or_note_invpcid(w->or, cpu, type, pcid, gva);
	if (type == VMMU_INVPCID_ALL_GLOBAL)
		w->flushed[cpu] = w->seq;
}

void world_hw_flush(struct world *w, unsigned cpu, unsigned which, uint64_t gva)
{
	unsigned i;

	note(w, &(struct world_op){
			.what = OP_FLUSH, .cpu = (uint8_t)cpu, .how = (uint8_t)which, .at = gva });
	world_log(w, "%u host flush %u 0x%" PRIx64, cpu, which, gva);
	for (i = 0; i < w->nr_vms; i++) {
		struct vmmu_cpu *c = vmmu_cpu(w->vm[i].vm, cpu);

		switch (which) {
		case 0:
			vmmu_hw_flush(c);
			break;
		case 1:
			vmmu_hw_invlpga(c, vmmu_gva(gva), 1);
			break;
		case 2:
			vmmu_hw_invvpid(c, (unsigned)(gva >> 12 & 3), 1, vmmu_gva(gva));
			break;
		default:
			vmmu_hw_invept(c, VMMU_INVEPT_ALL, 0);
			break;
		}
	}
}

/* ---- what the host does -----------------------------------------------------------------------
 */

static int host_in(struct vmmu *vm, unsigned which, const struct region *g)
{
	static uint64_t bits[(GIB >> 12) / 64];
	int st;

	switch (which) {
	case 0:
		st = vmmu_notify_begin(vm, vmmu_gpa(g->gpa), g->size);
		return st ? st : vmmu_notify_end(vm, vmmu_gpa(g->gpa), g->size);
	case 1:
		return vmmu_dirty_log(vm, vmmu_gpa(g->gpa), 1);
	case 2:
		st = vmmu_dirty_log(vm, vmmu_gpa(g->gpa), 1);
		return st ? st : vmmu_dirty_harvest(vm, vmmu_gpa(g->gpa), 0, g->size >> 12, bits);
	case 3:
		return vmmu_dirty_log(vm, vmmu_gpa(g->gpa), 0);
	default:
		st = vmmu_age(vm, vmmu_gpa(g->gpa), g->size, 1);
		return st < 0 ? st : VMMU_OK;
	}
}

void world_host(struct world *w, unsigned which, unsigned where)
{
	const struct region *g = &region[where % NR_REGIONS];
	unsigned i;

	note(w, &(struct world_op){ .what = OP_HOST, .how = (uint8_t)which, .size = where });
	world_log(w, "host: operation %u on %s", which, g->name);
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		int st = host_in(v->vm, which, g);

		if (st != (v->cfg.backend == &vmmu_native ? VMMU_ENOTSUP : VMMU_OK))
			world_fail(w, v, "host operation %u: %s: %s", which, vmmu_strerror(st),
				   vmmu_reason(v->vm));
	}
}
