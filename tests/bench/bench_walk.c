/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hits, misses and two-dimensional walks against what the machine can do at
 * best: a tagged direct-mapped lookup, and chains of dependent loads over tables
 * of the same number and size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/vmmu.h>

#include "bench.h"
#include "native.h"

#define G1 (1ull << 30)
#define NOINLINE __attribute__((noinline))

/* A guest of `size` bytes, mapped linearly in 4K pages by its own tables. */
struct guest {
	uint8_t *arena;
	uint64_t size, tables, bytes;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	struct vmmu_range ram;
	struct vmmu_native_config native;
	/* The same tables without flags, for chains of bare loads. */
	uint64_t *chain;
	uint64_t chain_root;
};

static void *reserve(uint64_t bytes)
{
	uint8_t *p = mmap(NULL, bytes + G1, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	p = (uint8_t *)(((uintptr_t)p + G1 - 1) & ~(G1 - 1));
	/* Large pages of the machine's own would favour one side by chance. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

/* Tables of a linear map at `at` in mem; entries or'ed with flags.  The root. */
static uint64_t linear_map(uint8_t *mem, uint64_t at, uint64_t size, uint64_t flags)
{
	uint64_t n[5] = { 0, size >> 12, 0, 0, 0 }, base[5], i;
	unsigned level;

	for (level = 1; level <= 4; level++) {
		uint64_t entries = level == 1 ? n[1] : (n[level - 1] + 511) / 512;

		n[level] = entries;
		base[level] = at;
		at += (entries * 8 + 4095) & ~4095ull;
		for (i = 0; i < entries; i++) {
			uint64_t to = level == 1 ? i << 12 : base[level - 1] + (i << 12);

			memcpy(mem + base[level] + i * 8, &(uint64_t){ to | flags }, 8);
		}
	}
	return base[4];
}

static void make_guest(struct guest *g, const struct vmmu_backend *be, uint64_t size)
{
	struct vmmu_config cfg = { .size = sizeof(cfg), .backend = be };
	struct vmmu_regs regs = { .cr0 = 0x80010031, .cr4 = 0x20, .efer = 0xd00 };
	uint64_t table_bytes = (size >> 9) + (size >> 18) + 3 * 4096;

	memset(g, 0, sizeof(*g));
	g->size = size;
	g->tables = size; /* behind what they map */
	g->bytes = (size + table_bytes + G1 - 1) & ~(G1 - 1);
	g->arena = reserve(g->bytes);
	regs.cr3 = linear_map(g->arena, g->tables, size, 0x63);
	g->ram = (struct vmmu_range){ 0, g->bytes };
	g->native = (struct vmmu_native_config){ &g->ram, 1, 4096 };
	cfg.base = be == &vmmu_native ? g->arena : NULL;
	cfg.backend_config = be == &vmmu_native ? &g->native : NULL;
	if (vmmu_create(&cfg, &g->vm))
		abort();
	if (be != &vmmu_native) {
		struct vmmu_slot_info slot = {
			.gpa = { 0 }, .size = g->bytes, .pointer = g->arena, .page_size = 4096
		};

		if (vmmu_slot_add(g->vm, &slot))
			abort();
	}
	g->cpu = vmmu_cpu(g->vm, 0);
	if (vmmu_set_regs(g->cpu, &regs, 0))
		abort();
}

static uint64_t next_random(uint64_t x)
{
	return x * 6364136223846793005ull + 1442695040888963407ull;
}

/* A random page of the guest; `dep` makes the address wait for the last result. */
static uint64_t pick(uint64_t *x, uint64_t size, uint64_t dep)
{
	*x = next_random(*x);
	return ((*x >> 20) & (size - 1) & ~7ull) + (dep & 0);
}

/* Keeps the compiler from seeing that `dep & 0` is 0. */
static inline uint64_t opaque(uint64_t v)
{
	__asm__ volatile("" : "+r"(v));
	return v;
}

#define DEP(v) (opaque((uint64_t)(v)) & opaque(0))

/* ---- hits ------------------------------------------------------------------ */

struct tagged {
	uint64_t tag, add;
};

struct lookup {
	struct tagged e[1024];
};

static inline uint64_t tagged_lookup(const struct lookup *l, uint64_t gva)
{
	const struct tagged *e = &l->e[(gva >> 12) & 1023];

	return e->tag == (gva & ~0xfffull) ? e->add + gva : 0;
}

static NOINLINE uint64_t tagged_lookup_call(const struct lookup *l, uint64_t gva)
{
	return tagged_lookup(l, gva);
}

static uint64_t run_tagged(void *arg, uint64_t n)
{
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += tagged_lookup(arg, (i * 4104) & 0x1ffff8);
	return sum;
}

static uint64_t run_tagged_call(void *arg, uint64_t n)
{
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += tagged_lookup_call(arg, (i * 4104) & 0x1ffff8);
	return sum;
}

static uint64_t run_hit(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += (uintptr_t)vmmu_host(g->cpu, vmmu_gva((i * 4104) & 0x1ffff8), 8, VMMU_READ);
	return sum;
}

static uint64_t run_hit_call(void *arg, uint64_t n)
{
	struct guest *g = arg;
	struct vmmu_xlat x;
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++) {
		vmmu_translate(g->cpu, vmmu_gva((i * 4104) & 0x1ffff8), 8, VMMU_READ, &x);
		sum += (uintptr_t)x.host;
	}
	return sum;
}

static uint64_t run_tagged_dep(void *arg, uint64_t n)
{
	uint64_t i, at = 0;

	for (i = 0; i < n; i++)
		at = tagged_lookup(arg, ((i * 4104) & 0x1ffff8) + DEP(at));
	return at;
}

static uint64_t run_hit_dep(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t i, at = 0;

	for (i = 0; i < n; i++)
		at = (uintptr_t)vmmu_host(g->cpu, vmmu_gva(((i * 4104) & 0x1ffff8) + DEP(at)), 8,
					  VMMU_READ);
	return at;
}

static void bench_hits(void)
{
	static struct lookup l;
	struct guest g;
	struct vmmu_xlat x;
	uint64_t i;

	make_guest(&g, &vmmu_native, G1);
	for (i = 0; i < 512; i++) {
		l.e[i].tag = i << 12;
		l.e[i].add = (uintptr_t)g.arena;
		vmmu_translate(g.cpu, vmmu_gva(i << 12), 8, VMMU_READ, &x);
	}
	struct bench b[] = {
		{ "tagged direct-mapped lookup, inlined", run_tagged, &l, 20000000, 0 },
		{ "vmmu_host(), a hit", run_hit, &g, 20000000, 0 },
		{ "the same lookup, dependent", run_tagged_dep, &l, 10000000, 0 },
		{ "vmmu_host(), dependent hits", run_hit_dep, &g, 10000000, 0 },
		{ "the same lookup, out of line", run_tagged_call, &l, 20000000, 0 },
		{ "vmmu_translate(), a hit", run_hit_call, &g, 20000000, 0 },
	};

	bench_run(b, 6, 15);
	bench_ratio(&b[1], &b[0], 2.0);
	bench_ratio(&b[3], &b[2], 2.0);
	bench_ratio(&b[5], &b[4], 2.0);
	vmmu_destroy(g.vm);
	munmap(g.arena, g.bytes);
}

/* ---- one dimension ------------------------------------------------------------ */

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

/* Four loads, each address from the last value; nothing is checked. */
static uint64_t run_chain1(void *arg, uint64_t n)
{
	struct guest *g = arg;
	const uint8_t *mem = (const uint8_t *)g->chain;
	uint64_t i, x = 1, at = 0;

	for (i = 0; i < n; i++) {
		uint64_t va = pick(&x, g->size, 0) + DEP(at);

		at = load64(mem + g->chain_root + (va >> 39 & 511) * 8);
		at = load64(mem + at + (va >> 30 & 511) * 8);
		at = load64(mem + at + (va >> 21 & 511) * 8);
		at = load64(mem + at + (va >> 12 & 511) * 8);
	}
	return at;
}

static uint64_t run_miss(void *arg, uint64_t n)
{
	struct guest *g = arg;
	struct vmmu_xlat x = { .gpa = { 0 } };
	uint64_t i, r = 1;

	for (i = 0; i < n; i++)
		vmmu_translate(g->cpu, vmmu_gva(pick(&r, g->size, 0) + DEP(x.gpa.v)), 8, VMMU_READ,
			       &x);
	return x.gpa.v;
}

static void bench_one(uint64_t size, double goal, const char *name)
{
	char chain_name[64], miss_name[64];
	struct guest g;

	make_guest(&g, &vmmu_native, size);
	/* The bare copy takes the place of the memory that is mapped. */
	g.chain = (uint64_t *)(void *)reserve(g.bytes);
	g.chain_root = linear_map((uint8_t *)g.chain, 0, size, 0);
	snprintf(chain_name, sizeof(chain_name), "4 dependent loads, %s", name);
	snprintf(miss_name, sizeof(miss_name), "vmmu_translate(), a miss, one dimension");
	struct bench b[] = {
		{ chain_name, run_chain1, &g, 1000000, 0 },
		{ miss_name, run_miss, &g, 1000000, 0 },
	};

	bench_run(b, 2, 15);
	bench_ratio(&b[1], &b[0], goal);
	vmmu_destroy(g.vm);
	munmap(g.arena, g.bytes);
	munmap(g.chain, g.bytes);
}

/* ---- two dimensions -------------------------------------------------------------- */

static inline uint64_t chain_nested(const uint8_t *mem, uint64_t root, uint64_t gpa)
{
	uint64_t at = root;

	at = load64(mem + at + (gpa >> 39 & 511) * 8);
	at = load64(mem + at + (gpa >> 30 & 511) * 8);
	at = load64(mem + at + (gpa >> 21 & 511) * 8);
	return load64(mem + at + (gpa >> 12 & 511) * 8) + (gpa & 4095);
}

struct chain2 {
	uint8_t *mem; /* guest tables first, then the nested ones */
	uint64_t size, guest_root, nested_root, bytes;
};

/* 24 loads. */
static uint64_t run_chain2(void *arg, uint64_t n)
{
	const struct chain2 *c = arg;
	uint64_t i, x = 1, at = 0;

	for (i = 0; i < n; i++) {
		uint64_t va = pick(&x, c->size, 0) + DEP(at);
		unsigned shift;

		at = c->guest_root;
		for (shift = 39; shift >= 12; shift -= 9)
			at = load64(c->mem + chain_nested(c->mem, c->nested_root,
							  at + (va >> shift & 511) * 8));
		at = chain_nested(c->mem, c->nested_root, at);
	}
	return at;
}

/* Silicon alone, over the tables of a chain2 with flags in them. */
struct bare {
	struct vmmu_hw hw;
	uint64_t size;
};

static void make_bare(struct bare *b, uint8_t *mem, uint64_t bytes, const struct vmmu_fmt *nested,
		      uint64_t nested_flags)
{
	const struct vmmu_regs regs = {
		.cr0 = 0x80010031,
		.cr3 = linear_map(mem, 0, G1, 0x63),
		.cr4 = 0x20,
		.efer = 0xd00,
	};

	b->size = G1;
	memset(&b->hw, 0, sizeof(b->hw));
	vmmu_paging_guest(&b->hw.g, &regs, &vmmu_profile_max);
	vmmu_paging_host(&b->hw.n, nested, linear_map(mem, bytes / 2, G1, nested_flags), 52,
			 VMMU_PG_NXE | VMMU_PG_AD);
	b->hw.bus.base = mem;
	b->hw.bus.size = bytes + G1;
}

static void set_memtype(uint8_t *leaves, uint64_t nr)
{
	uint64_t i, e;

	for (i = 0; i < nr; i++) {
		e = load64(leaves + i * 8) | 6 << 3;
		memcpy(leaves + i * 8, &e, 8);
	}
}

static uint64_t run_walk2(void *arg, uint64_t n)
{
	const struct bare *b = arg;
	struct vmmu_walk w = { .hpa = { 0 } };
	uint64_t i, r = 1;

	for (i = 0; i < n; i++)
		vmmu_walk2(&b->hw, NULL, vmmu_gva(pick(&r, b->size, 0) + DEP(w.hpa.v)), VMMU_READ,
			   NULL, NULL, &w);
	return w.hpa.v;
}

/* The guest's memory touched, so that its nested tables are complete. */
static void populate(struct guest *g)
{
	struct vmmu_xlat x;
	uint64_t at;

	for (at = 0; at < g->size; at += 4096)
		if (vmmu_translate(g->cpu, vmmu_gva(at), 8, VMMU_READ, &x))
			abort();
}

static void bench_two(void)
{
	struct guest npt, ept;
	struct bare bare_npt, bare_ept;
	struct chain2 c = { .size = G1 };
	uint8_t *npt_mem, *ept_mem;

	make_guest(&npt, &vmmu_nested_npt, G1);
	make_guest(&ept, &vmmu_nested_ept, G1);
	populate(&npt);
	populate(&ept);
	/* gpa = offset in mem: guest tables at 0, nested tables map all of it. */
	c.bytes = 8ull << 20;
	c.mem = reserve(c.bytes + G1);
	c.guest_root = linear_map(c.mem, 0, G1, 0);
	c.nested_root = linear_map(c.mem, c.bytes / 2, G1, 0);
	npt_mem = reserve(c.bytes + G1);
	ept_mem = reserve(c.bytes + G1);
	make_bare(&bare_npt, npt_mem, c.bytes, &vmmu_fmt_npt, 0x67);
	make_bare(&bare_ept, ept_mem, c.bytes, &vmmu_fmt_ept, 0x300 | 0x7);
	/* Leaves of EPT have a memory type, links must not: the links come first. */
	set_memtype(ept_mem + c.bytes / 2, G1 >> 12);
	struct bench b[] = {
		{ "24 dependent loads, 1 GiB", run_chain2, &c, 500000, 0 },
		{ "vmmu_walk2(), NPT 4x4", run_walk2, &bare_npt, 500000, 0 },
		{ "vmmu_walk2(), EPT 4x4", run_walk2, &bare_ept, 500000, 0 },
		{ "vmmu_translate(), a 2-D miss, NPT", run_miss, &npt, 500000, 0 },
		{ "vmmu_translate(), a 2-D miss, EPT", run_miss, &ept, 500000, 0 },
	};

	bench_run(b, 5, 15);
	bench_ratio(&b[1], &b[0], 1.3);
	bench_ratio(&b[2], &b[0], 1.3);
	bench_ratio(&b[3], &b[0], 0);
	bench_ratio(&b[4], &b[0], 0);
	vmmu_destroy(npt.vm);
	vmmu_destroy(ept.vm);
	munmap(npt.arena, npt.bytes);
	munmap(ept.arena, ept.bytes);
}

int main(void)
{
	bench_hits();
	bench_one(G1, 2.0, "1 GiB");
	bench_one(16 * G1, 1.3, "16 GiB");
	bench_two();
	return 0;
}
