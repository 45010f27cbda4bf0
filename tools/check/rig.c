/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VM with the guest's memory.
 * Not here: several of them, in lock step (world.c).
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "world_priv.h"

/* ---- memory ------------------------------------------------------------- */

const struct region region[NR_REGIONS] = {
	[REGION_LOW] = { "low", 0, 2 * MIB + 64 * 1024 },
	[REGION_MID] = { "mid", 8 * MIB, 4 * MIB },
	[REGION_ROM] = { "rom", ROM_GPA, 2 * MIB },
	[REGION_GIB] = { "gib", GIB, GIB },
	[REGION_HIGH] = { "high", 4 * GIB, 4 * MIB },
};

#define MAX_ARENAS (WORLD_VMS + 1)

void rig_die(const char *what)
{
	perror(what);
	exit(2);
}

/* A world takes and gives back the same memory each time: let it be at hand. */
#ifdef __GLIBC__
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 28);
	mallopt(M_TRIM_THRESHOLD, 1 << 28);
}
#else
static void keep_memory(void)
{
}
#endif

uint8_t *mem_arena(unsigned n)
{
	static uint8_t *arena[MAX_ARENAS];
	uint8_t *p;
	unsigned i;

	if (arena[n])
		return arena[n];
	keep_memory();
	p = mmap(NULL, MEM_END + GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED)
		rig_die("mmap");
	p += -(uintptr_t)p & (GIB - 1);
	for (i = 0; i < NR_REGIONS; i++)
		if (mmap(p + region[i].gpa, region[i].size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) == MAP_FAILED)
			rig_die("mmap");
	arena[n] = p;
	return p;
}

void mem_clear(uint8_t *arena)
{
	unsigned i;

	for (i = 0; i < NR_REGIONS; i++)
		if (madvise(arena + region[i].gpa, region[i].size, MADV_DONTNEED))
			rig_die("madvise");
}

uint8_t *mem_spare(unsigned n)
{
	static uint8_t *spare[MAX_ARENAS];

	if (!spare[n])
		spare[n] = mmap(NULL, WORLD_FRAMES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (spare[n] == MAP_FAILED)
		rig_die("mmap");
	return spare[n];
}

/* ---- one VM ----------------------------------------------------------------- */

static struct vmmu_cache_shape random_shape(struct rng *r)
{
	struct vmmu_cache_shape s = { 0, 0 };

	if (rng_percent(r, 60)) {
		s.sets = (uint16_t)(1u << rng_below(r, 4));
		s.ways = (uint16_t)(1 + rng_below(r, 8));
	}
	return s;
}

static struct vmmu_tlb_model random_tlb(struct rng *r)
{
	return (struct vmmu_tlb_model){
		.shape = { (uint16_t)(1u << rng_below(r, 4)), (uint16_t)(1 + rng_below(r, 8)) },
		.level = (uint8_t)(1 + rng_below(r, 2)),
		.serves = (uint8_t)(1 + rng_below(r, 3)),
		.sizes = (uint8_t)(1 + rng_below(r, 7)),
		.replace = (uint8_t)rng_below(r, 3),
	};
}

/* What only costs: nothing of it may change an answer. */
static void random_costs(struct rng *r, struct vmmu_silicon *s)
{
	s->entries.shape = random_shape(r);
	s->entries.guest = (uint8_t)rng_below(r, VMMU_LEVELS + 1);
	s->entries.nested = (uint8_t)rng_below(r, VMMU_LEVELS + 1);
	s->entries.line = (uint8_t)(8u << rng_below(r, 4));
	s->entries.replace = (uint8_t)rng_below(r, 3);
	for (; s->nr_caches < VMMU_DATA_CACHES && rng_percent(r, 70); s->nr_caches++)
		s->cache[s->nr_caches] =
			(struct vmmu_data_cache){ 1u << rng_below(r, 5),
						  (uint16_t)(1 + rng_below(r, 4)), 4 };
	s->walk_from = rng_below(r, s->nr_caches + 1);
	s->data_accesses = rng_percent(r, 50);
}

/* Any CPU's silicon: it may answer with what is stale as the plain one may. */
static void random_model(uint64_t seed, struct vmmu_silicon *s)
{
	struct rng r = { .s = seed };
	unsigned i;

	*s = (struct vmmu_silicon){ .size = sizeof(*s) };
	for (i = rng_below(&r, VMMU_TLBS + 1); s->nr_tlbs < i; s->nr_tlbs++)
		s->tlb[s->nr_tlbs] = random_tlb(&r);
	for (i = 0; i < VMMU_LEVELS; i++) {
		/* [0] would be instead of the others. */
		if (i || rng_percent(&r, 30))
			s->links[i] = random_shape(&r);
		if (i || rng_percent(&r, 30))
			s->nested_links[i] = random_shape(&r);
	}
	s->nested_tlb = random_shape(&r);
	s->nested_tlb_final = rng_percent(&r, 60);
	s->nested_tlb_replace = (uint8_t)rng_below(&r, 3);
	s->exits_flush = rng_percent(&r, 20);
	s->partitions = (uint8_t)rng_below(&r, 3);
	random_costs(&r, s);
}

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
	if (g->caches == CACHES_ALL && g->model) {
		random_model(g->model, &keep->silicon);
		cfg->silicon = &keep->silicon;
	} else if (g->caches >= CACHES_TLB) {
		cfg->l1 = (struct vmmu_tlb_geometry){ 4, 2 };
		cfg->l2 = (struct vmmu_tlb_geometry){ 8, 4 };
	}
	if (g->caches == CACHES_ALL && !cfg->silicon) {
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

struct vmmu_slot_info guest_slot(const struct guest_cfg *g, uint8_t *mem, unsigned i)
{
	return (struct vmmu_slot_info){
		.gpa = vmmu_gpa(region[i].gpa),
		.size = region[i].size,
		.pointer = g->ask ? NULL : mem + region[i].gpa,
		.page_size = g->page_size,
		.flags = i == REGION_ROM && g->rom ? VMMU_SLOT_READONLY : 0,
	};
}

int guest_slots(struct vmmu *vm, const struct guest_cfg *g, uint8_t *mem)
{
	unsigned i;
	int st = VMMU_OK;

	for (i = 0; i < NR_REGIONS && !st; i++) {
		struct vmmu_slot_info s = guest_slot(g, mem, i);

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
