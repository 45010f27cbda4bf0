/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What shadow paging's own work costs: a fill, a trapped store, and the hash's share in a fill.
 * It looks inside shadow/ for the hash alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/shadow.h>

#include "bench.h"
#include "shadow_priv.h"
#include "uthash_plain.h"

#define G1 (1ull << 30)
#define PAGES (G1 >> 12)
#define TABLES G1 /* behind what they map */
#define ARENA (G1 + (8ull << 20))
#define L2_ENTRY (TABLES + (PAGES / 512 + 3) * 4096) /* of address 3 * 2M */

/* A guest that maps 1 GiB linearly, shadowed with these techniques off. */
struct guest {
	uint8_t *mem;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	uint32_t order[PAGES]; /* of pages: all, each once */
	unsigned next;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_shadow: %s\n", what);
	exit(1);
}

static void put(struct guest *g, uint64_t gpa, uint64_t e)
{
	memcpy(g->mem + gpa, &e, 8);
}

/* PTEs, then PDEs, a PDPTE, a PML4E; A and D set. */
static uint64_t make_tables(struct guest *g)
{
	uint64_t pd = TABLES + PAGES * 8, i;

	for (i = 0; i < PAGES; i++)
		put(g, TABLES + i * 8, i << 12 | 0x67);
	for (i = 0; i < PAGES / 512; i++)
		put(g, pd + i * 8, (TABLES + i * 4096) | 0x67);
	put(g, pd + 4096, pd | 0x67);
	put(g, pd + 8192, (pd + 4096) | 0x67);
	return pd + 8192;
}

static void shuffle(uint32_t *order, uint64_t nr)
{
	uint64_t x = 1, i;

	for (i = 0; i < nr; i++)
		order[i] = (uint32_t)i;
	for (i = nr - 1; i; i--) {
		uint32_t t = order[i];
		uint64_t k;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		k = (x >> 33) % (i + 1);
		order[i] = order[k];
		order[k] = t;
	}
}

static struct guest *make_guest(uint32_t off)
{
	struct vmmu_shadow_config sc = { .size = sizeof(sc), .off = off };
	struct vmmu_config cfg = { .size = sizeof(cfg),
				   .backend = &vmmu_shadow,
				   .backend_config = &sc };
	struct vmmu_regs regs = { .cr0 = 0x80010031, .cr4 = 0x20, .efer = 0xd00 };
	struct vmmu_slot_info slot = { .gpa = { 0 }, .size = ARENA, .page_size = 4096 };
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		die("no memory");
	g->mem = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (g->mem == MAP_FAILED)
		die("no memory");
	slot.pointer = g->mem;
	regs.cr3 = make_tables(g);
	shuffle(g->order, PAGES);
	if (vmmu_create(&cfg, &g->vm) || vmmu_slot_add(g->vm, &slot))
		die("no guest");
	g->cpu = vmmu_cpu(g->vm, 0);
	if (vmmu_set_regs(g->cpu, &regs, 0))
		die("no registers");
	return g;
}

/* ---- fills: every page once, then all of them are taken away ---------------------- */

static void forget_all(struct guest *g)
{
	if (vmmu_notify_begin(g->vm, vmmu_gpa(0), G1) || vmmu_notify_end(g->vm, vmmu_gpa(0), G1))
		die("notify");
}

static uint64_t touch(struct guest *g, uint64_t page)
{
	struct vmmu_xlat x;

	if (vmmu_translate(g->cpu, vmmu_gva(page << 12), 8, VMMU_READ, &x))
		die("translate");
	return x.gpa.v;
}

static uint64_t fill_in_order(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t sum = 0, i;

	for (i = 0; i < n; i++) {
		if (!(i % PAGES))
			forget_all(g);
		sum += touch(g, i % PAGES);
	}
	return sum;
}

static uint64_t fill_at_random(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t sum = 0, i;

	for (i = 0; i < n; i++) {
		if (!(i % PAGES))
			forget_all(g);
		sum += touch(g, g->order[i % PAGES]);
	}
	return sum;
}

/* ---- trapped stores ------------------------------------------------------------------ */

/* An entry of level 1 that is shadowed: its D bit goes and comes. */
static uint64_t store_leaf(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t i;

	for (i = 0; i < n; i++) {
		uint64_t page = i % 512, e = page << 12 | (i & 512 ? 0x27 : 0x67);

		if (vmmu_write(g->vm, g->cpu, vmmu_gpa(TABLES + page * 8), &e, 8, NULL))
			die("write");
	}
	return n;
}

/* One of level 2: the same again, as a guest's A bit would be. */
static uint64_t store_link(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t pd = TABLES + PAGES * 8, i;

	for (i = 0; i < n; i++) {
		uint64_t at = i % (PAGES / 512), e = (TABLES + at * 4096) | 0x67;

		if (vmmu_write(g->vm, g->cpu, vmmu_gpa(pd + at * 8), &e, 8, NULL))
			die("write");
	}
	return n;
}

/* ---- the hash ------------------------------------------------------------------------ */

static uint64_t find_pages(void *arg, uint64_t n)
{
	struct guest *g = arg;
	struct shadow_vm *s = vmmu_be_vm(g->vm);
	struct spage *sp = TAILQ_FIRST(&s->use);
	struct key key = sp->key;
	uint64_t sum = 0, i;

	for (key.role.level = 1, i = 0; i < n; i++) {
		key.gfn = (TABLES >> 12) + g->order[i % PAGES] % 512;
		sum += (uintptr_t)page_find(s, &key);
	}
	return sum;
}

/* Many keys, as a large guest has shadow pages; the same in uthash as it comes. */
#define MANY 100000u

struct element {
	struct key key;
	UT_hash_handle hh;
};

static struct element *many;

static struct key many_key(uint32_t n)
{
	/* Few roles, gfns close together. */
	return (struct key){ .gfn = 0x1000 + n / 3, .role = { .level = 1, .rights = 7 + n % 3 } };
}

static void add_many(struct guest *g)
{
	struct vmmu *hash_vm = g->vm;
	int hash_full = 0;
	uint32_t i;

	for (i = 0; i < MANY; i++) {
		struct element *e = calloc(1, sizeof(*e));

		if (!e)
			die("no memory");
		e->key = many_key(i);
		plain_add(&e->key);
		HASH_ADD(hh, many, key, sizeof(e->key), e);
	}
	if (hash_full)
		die("no memory for the hash");
}

static uint64_t find_tuned(void *arg, uint64_t n)
{
	struct guest *g = arg;
	struct element *e;
	uint64_t sum = 0, i;

	for (i = 0; i < n; i++) {
		struct key key = many_key(g->order[i % PAGES] % MANY);

		HASH_FIND(hh, many, &key, sizeof(key), e);
		sum += (uintptr_t)e;
	}
	return sum;
}

static uint64_t find_plain(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t sum = 0, i;

	for (i = 0; i < n; i++) {
		struct key key = many_key(g->order[i % PAGES] % MANY);

		sum += plain_find(&key);
	}
	return sum;
}

/* What a fill at random asks the hash for: the reverse map of its page. */
static uint64_t find_rmaps(void *arg, uint64_t n)
{
	struct guest *g = arg;
	struct shadow_vm *s = vmmu_be_vm(g->vm);
	uint64_t sum = 0, i;

	for (i = 0; i < n; i++)
		sum += (uintptr_t)rmap_of(s, (uint64_t)g->order[i % PAGES] << 12, 1);
	return sum;
}

static void traps(const struct vmmu *vm)
{
	struct vmmu_stats st = { .size = sizeof(st) };

	vmmu_get_stats(vm, &st);
	if (!st.event[VMMU_EV_EXIT_PT_WRITE])
		die("no store has trapped");
}

int main(void)
{
	struct guest *all = make_guest(0), *single = make_guest(VMMU_SHADOW_PREFETCH);
	struct guest *trap = make_guest(VMMU_SHADOW_UNSYNC | VMMU_SHADOW_FLOOD);
	struct guest *vtlb = make_guest(VMMU_SHADOW_ALL);
	struct bench b[] = {
		{ "fill, one at a time, in order", fill_in_order, single, PAGES, 0 },
		{ "fill, one at a time, at random", fill_at_random, single, PAGES, 0 },
		{ "fill, with prefetch, in order", fill_in_order, all, PAGES, 0 },
		{ "fill, virtual TLB, in order", fill_in_order, vtlb, PAGES, 0 },
		{ "trapped store to a leaf table", store_leaf, trap, 1 << 18, 0 },
		{ "trapped store to a level-2 table", store_link, trap, 1 << 18, 0 },
		{ "lookup of a shadow page", find_pages, single, 1 << 20, 0 },
		{ "lookup of a reverse map, at random", find_rmaps, single, 1 << 20, 0 },
		{ "lookup among 100,000 keys, uthash as it comes", find_plain, single, 1 << 20, 0 },
		{ "the same, tuned", find_tuned, single, 1 << 20, 0 },
	};

	fill_in_order(trap, PAGES);
	add_many(single);
	bench_run(b, sizeof(b) / sizeof(*b), 9);
	traps(trap->vm);
	bench_ratio(&b[1], &b[0], 0);
	bench_ratio(&b[2], &b[0], 0);
	bench_ratio(&b[3], &b[0], 0);
	bench_ratio(&b[4], &b[0], 1.0);
	bench_ratio(&b[5], &b[0], 1.0);
	bench_ratio(&b[6], &b[0], 0);
	bench_ratio(&b[7], &b[1], 0);
	bench_ratio(&b[9], &b[8], 0);
	printf("the hash's share of a fill at random: %.0f %%; in order it is asked once in 512\n",
	       100 * b[7].ns / b[1].ns);
	return 0;
}
