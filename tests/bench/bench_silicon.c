/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modelled silicon over nested paging against two plain models, both straight C that knows one
 * format each:
 *	lean	tag arrays, and walks of the same guest's tables; it checks nothing, keeps one word
 *		for a tag and counts little.  Its walk caches have 16 sets of 4 ways, which is less
 *		to do than the library's of 64 ways.
 *	full	(plain_full.c) does the library's job: checks, rights, A and D, tags, sizes,
 *		counts by cell, a whole answer.  Both sides have walk caches of 16 sets of 4 ways
 *		here, and must count the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/silicon.h>
#include <vmmu/vmmu.h>

#include "bench.h"
#include "plain_full.h"

#define G1 (1ull << 30)
#define ADDR 0x000ffffffffff000ull
#define RAM (G1 + (8ull << 20))
#define NESTED (G1 + (4ull << 20)) /* the plain model's nested tables; the guest's are at G1 */

/* ---- the plain model ------------------------------------------------------------- */

/* Tags and what they stand for, of each set the last used first; tag 0: none. */
struct tags {
	unsigned sets, ways;
	uint64_t *tag, *value;
};

struct plain {
	struct tags l1, l2, links, nested, data[2];
	int has_data;
	uint64_t size, refs, cycles, hits;
};

static uint8_t *mem; /* of all guests */
static uint64_t guest_root, nested_root;

static void make_tags(struct tags *t, unsigned sets, unsigned ways)
{
	t->sets = sets;
	t->ways = ways;
	t->tag = calloc((size_t)sets * ways, 8);
	t->value = calloc((size_t)sets * ways, 8);
	if (!t->tag || !t->value)
		abort();
}

static inline void to_front(struct tags *t, size_t first, unsigned i, uint64_t tag, uint64_t value)
{
	for (; i; i--) {
		t->tag[first + i] = t->tag[first + i - 1];
		t->value[first + i] = t->value[first + i - 1];
	}
	t->tag[first] = tag;
	t->value[first] = value;
}

/* 1: *value is what the tag stands for. */
static inline int find(struct tags *t, uint64_t index, uint64_t tag, uint64_t *value)
{
	size_t first = (index & (t->sets - 1)) * t->ways;
	unsigned i;

	for (i = 0; i < t->ways; i++) {
		if (t->tag[first + i] == tag) {
			*value = t->value[first + i];
			to_front(t, first, i, tag, *value);
			return 1;
		}
	}
	return 0;
}

static inline void put(struct tags *t, uint64_t index, uint64_t tag, uint64_t value)
{
	to_front(t, (index & (t->sets - 1)) * t->ways, t->ways - 1, tag, value);
}

static inline void cost(struct plain *p, uint64_t hpa)
{
	static const unsigned latency[2] = { 4, 14 };
	uint64_t line = hpa / 64, none;
	unsigned i;

	p->refs++;
	for (i = 0; p->has_data && i < 2; i++) {
		if (find(&p->data[i], line, line + 1, &none)) {
			p->cycles += latency[i];
			return;
		}
		put(&p->data[i], line, line + 1, 0);
	}
	p->cycles += 200;
}

static inline uint64_t entry_at(struct plain *p, uint64_t hpa)
{
	uint64_t e;

	cost(p, hpa);
	memcpy(&e, mem + hpa, 8);
	return e & ADDR;
}

static uint64_t plain_nested(struct plain *p, uint64_t gpa)
{
	uint64_t page = gpa >> 12, at = nested_root;
	unsigned shift;

	if (find(&p->nested, page, page + 1, &at))
		return at | (gpa & 4095);
	for (shift = 39; shift >= 12; shift -= 9)
		at = entry_at(p, at + (gpa >> shift & 511) * 8);
	put(&p->nested, page, page + 1, at);
	return at | (gpa & 4095);
}

/* A link's tag has the shift of what its table's entries cover at its lowest bits. */
static inline uint64_t link_tag(uint64_t va, unsigned shift)
{
	return (va >> (shift + 9)) << 6 | shift;
}

static uint64_t plain_walk(struct plain *p, uint64_t va)
{
	uint64_t table = 0, gpa = guest_root;
	unsigned shift, from = 39;

	for (shift = 12; shift < 39; shift += 9) {
		if (find(&p->links, va >> (shift + 9), link_tag(va, shift), &table)) {
			from = shift;
			break;
		}
	}
	for (shift = from; shift >= 12; shift -= 9) {
		if (shift != from || from == 39)
			table = plain_nested(p, gpa);
		if (shift != from && shift != 39)
			put(&p->links, va >> (shift + 9), link_tag(va, shift), table);
		gpa = entry_at(p, table + (va >> shift & 511) * 8);
	}
	return plain_nested(p, gpa);
}

static inline uint64_t plain_access(struct plain *p, uint64_t va)
{
	uint64_t page = va >> 12, at;

	if (find(&p->l1, page, page + 1, &at)) {
		p->hits++;
		return at | (va & 4095);
	}
	if (find(&p->l2, page, page + 1, &at)) {
		p->hits++;
	} else {
		at = plain_walk(p, va);
		put(&p->l2, page, page + 1, at);
	}
	put(&p->l1, page, page + 1, at);
	return at | (va & 4095);
}

static void make_plain(struct plain *p, uint64_t size, int has_data)
{
	memset(p, 0, sizeof(*p));
	p->size = size;
	p->has_data = has_data;
	make_tags(&p->l1, 16, 4);
	make_tags(&p->l2, 128, 12);
	make_tags(&p->links, 16, 4);
	make_tags(&p->nested, 16, 4);
	make_tags(&p->data[0], 64, 8);
	make_tags(&p->data[1], 1024, 16);
}

static void free_plain(struct plain *p)
{
	struct tags *all[] = { &p->l1, &p->l2, &p->links, &p->nested, &p->data[0], &p->data[1] };
	unsigned i;

	for (i = 0; i < 6; i++) {
		free(all[i]->tag);
		free(all[i]->value);
	}
}

/* ---- the guest -------------------------------------------------------------------- */

/* Tables of a linear map of `bytes` at `at`, as bench_walk's; the root. */
static uint64_t linear_map(uint64_t at, uint64_t bytes, uint64_t leaf, uint64_t link)
{
	uint64_t n = bytes >> 12, below = 0, base, i;
	unsigned level;

	for (level = 1; level <= 4; level++) {
		base = at;
		for (i = 0; i < n; i++) {
			uint64_t e = (below + (i << 12)) | (level == 1 ? leaf : link);

			memcpy(mem + base + i * 8, &e, 8);
		}
		at += (n * 8 + 4095) & ~4095ull;
		n = (n + 511) / 512;
		below = base;
	}
	return below;
}

static void make_memory(void)
{
	uint8_t *p = mmap(NULL, RAM + G1, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	mem = (uint8_t *)(((uintptr_t)p + G1 - 1) & ~(G1 - 1));
	/* Large pages of the machine's own would favour one side by chance. */
	madvise(mem, RAM, MADV_NOHUGEPAGE);
	guest_root = linear_map(G1, G1, 0x67, 0x67);
	nested_root = linear_map(NESTED, RAM, 0x37, 0x7); /* EPT's */
}

/* The library's side. */
struct guest {
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	uint64_t size;
};

static void make_guest(struct guest *g, uint64_t size, int has_data,
		       struct vmmu_cache_shape walk_caches)
{
	struct vmmu_silicon m = {
		.size = sizeof(m),
		.tlb = { { { 16, 4 }, 1, 3, 7, 0, 0 }, { { 128, 12 }, 2, 3, 7, 0, 7 } },
		.nr_tlbs = 2,
		.links = { walk_caches },
		.nested_tlb = walk_caches,
		.nested_tlb_final = 1,
		.nr_caches = has_data ? 2 : 0,
		.cache = { { 64, 8, 4 }, { 1024, 16, 14 } },
		.memory = 200,
	};
	struct vmmu_config cfg = { .size = sizeof(cfg),
				   .backend = &vmmu_nested_ept,
				   .silicon = &m };
	struct vmmu_slot_info slot = {
		.gpa = { 0 }, .size = RAM, .pointer = mem, .page_size = 4096
	};
	struct vmmu_regs regs = { .cr0 = 0x80010031, .cr4 = 0x20, .efer = 0xd00 };
	struct vmmu_xlat x;
	uint64_t at;

	regs.cr3 = guest_root;
	g->size = size;
	if (vmmu_create(&cfg, &g->vm) || vmmu_slot_add(g->vm, &slot))
		abort();
	g->cpu = vmmu_cpu(g->vm, 0);
	if (vmmu_set_regs(g->cpu, &regs, 0))
		abort();
	for (at = 0; at < size; at += 4096)
		if (vmmu_translate(g->cpu, vmmu_gva(at), 8, VMMU_READ, &x) || x.gpa.v != at)
			abort();
	vmmu_clear_stats(g->vm);
}

/* ---- what is run on both ------------------------------------------------------------ */

static uint64_t next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005ull + 1442695040888963407ull;
	return *x >> 20 & ~7ull;
}

static uint64_t plain_random(void *arg, uint64_t n)
{
	struct plain *p = arg;
	uint64_t i, x = 1, sum = 0;

	for (i = 0; i < n; i++)
		sum += plain_access(p, next_random(&x) & (p->size - 1));
	return sum;
}

static uint64_t plain_sequence(void *arg, uint64_t n)
{
	struct plain *p = arg;
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += plain_access(p, i * 64 & (p->size - 1));
	return sum;
}

static inline uint64_t guest_access(struct guest *g, uint64_t va)
{
	struct vmmu_xlat x;

	if (vmmu_translate(g->cpu, vmmu_gva(va), 8, VMMU_READ, &x))
		abort();
	return x.gpa.v;
}

static uint64_t guest_random(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t i, x = 1, sum = 0;

	for (i = 0; i < n; i++)
		sum += guest_access(g, next_random(&x) & (g->size - 1));
	return sum;
}

static uint64_t guest_sequence(void *arg, uint64_t n)
{
	struct guest *g = arg;
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += guest_access(g, i * 64 & (g->size - 1));
	return sum;
}

/* The full model's side. */
struct full_guest {
	struct full f;
	uint64_t size;
};

static inline uint64_t full_gpa(struct full *f, uint64_t va)
{
	struct full_answer a;

	full_access(f, va, 0, 0, &a);
	return a.gpa;
}

static uint64_t full_random(void *arg, uint64_t n)
{
	struct full_guest *g = arg;
	uint64_t i, x = 1, sum = 0;

	for (i = 0; i < n; i++)
		sum += full_gpa(&g->f, next_random(&x) & (g->size - 1));
	return sum;
}

static uint64_t full_sequence(void *arg, uint64_t n)
{
	struct full_guest *g = arg;
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += full_gpa(&g->f, i * 64 & (g->size - 1));
	return sum;
}

/* Rates, and that the work was the same. */
static void say_work(const struct guest *g, const struct plain *p, const struct bench b[2])
{
	struct vmmu_stats s = { .size = sizeof(s) };
	double accesses;

	vmmu_get_stats(g->vm, &s);
	accesses = (double)s.tlb_hits + (double)s.event[VMMU_EV_WALK];
	printf("%-44s %6.1f M/s, the lean model %.1f; %.2f references per access, %.2f\n", "",
	       1e3 / b[1].ns, 1e3 / b[0].ns, (double)s.walk_refs / accesses,
	       (double)p->refs / accesses);
}

struct pattern {
	const char *name;
	uint64_t size;
	int in_sequence;
	uint64_t n;
	double goal;
};

static void bench_lean(const struct pattern *pat, int has_data)
{
	char plain_name[64], name[64];
	struct plain p;
	struct guest g;

	make_plain(&p, pat->size, has_data);
	make_guest(&g, pat->size, has_data, (struct vmmu_cache_shape){ 1, 64 });
	snprintf(plain_name, sizeof(plain_name), "lean model, %s%s", pat->name,
		 has_data ? ", data caches" : "");
	snprintf(name, sizeof(name), "vmmu_translate(), %s", pat->name);
	struct bench b[] = {
		{ plain_name, pat->in_sequence ? plain_sequence : plain_random, &p, pat->n, 0 },
		{ name, pat->in_sequence ? guest_sequence : guest_random, &g, pat->n, 0 },
	};

	bench_run(b, 2, 11);
	bench_ratio(&b[1], &b[0], pat->goal);
	say_work(&g, &p, b);
	free_plain(&p);
	vmmu_destroy(g.vm);
}

/*
 * Both have counted the same, cell by cell.  (What the data caches hold depends on where the nested
 * tables lie, which is not the same place.)
 */
static void check_counts(const struct guest *g, const struct full *f)
{
	struct vmmu_silicon_stats s;
	unsigned i, n, wrong;

	memset(&s, 0, sizeof(s));
	s.size = sizeof(s);
	vmmu_get_silicon(g->cpu, &s);
	wrong = s.tlb_hits[0] != f->stats.hits[0] || s.tlb_hits[1] != f->stats.hits[1] ||
		s.tlb_misses != f->stats.misses || s.walks[1] != f->stats.walks ||
		(!f->has_data && s.walk_cycles != f->stats.walk_cycles);
	for (i = 0; i < 5; i++) {
		wrong |= s.link_hits[i] != f->stats.link_hits[i] ||
			 s.nested_looks[i] != f->stats.nested_looks[i] ||
			 s.nested_hits[i] != f->stats.nested_hits[i];
		for (n = 0; n < 5; n++)
			wrong |= s.cell[i][n].refs != f->stats.cell[i][n].refs;
	}
	if (wrong) {
		printf("%-44s their counts differ\n", "");
		exit(1);
	}
}

static void bench_full(const struct pattern *pat, int has_data)
{
	struct full_guest p = { .size = pat->size };
	char full_name[64], name[64];
	struct guest g;
	uint64_t at;

	full_make(&p.f, has_data);
	p.f.mem = mem;
	p.f.bytes = RAM;
	p.f.guest_root = guest_root;
	p.f.nested_root = nested_root;
	make_guest(&g, pat->size, has_data, (struct vmmu_cache_shape){ 16, 4 });
	for (at = 0; at < pat->size; at += 4096)
		if (full_gpa(&p.f, at) != at)
			abort();
	memset(&p.f.stats, 0, sizeof(p.f.stats));
	snprintf(full_name, sizeof(full_name), "full model, %s%s", pat->name,
		 has_data ? ", data caches" : "");
	snprintf(name, sizeof(name), "vmmu_translate(), %s", pat->name);
	struct bench b[] = {
		{ full_name, pat->in_sequence ? full_sequence : full_random, &p, pat->n, 0 },
		{ name, pat->in_sequence ? guest_sequence : guest_random, &g, pat->n, 0 },
	};

	bench_run(b, 2, 11);
	bench_ratio(&b[1], &b[0], 1.3);
	check_counts(&g, &p.f);
	full_free(&p.f);
	vmmu_destroy(g.vm);
}

int main(void)
{
	static const struct pattern patterns[] = {
		{ "hits", 32 * 4096, 0, 4000000, 4.0 },
		{ "sequential", 64 << 20, 1, 4000000, 4.0 },
		{ "random, 64 MiB", 64 << 20, 0, 500000, 1.3 },
		{ "random, 1 GiB", G1, 0, 300000, 1.3 },
	};
	unsigned i;

	make_memory();
	for (i = 0; i < 4; i++)
		bench_lean(&patterns[i], 0);
	for (i = 0; i < 4; i++)
		bench_lean(&patterns[i], 1);
	for (i = 0; i < 4; i++)
		bench_full(&patterns[i], 0);
	for (i = 0; i < 4; i++)
		bench_full(&patterns[i], 1);
	return 0;
}
