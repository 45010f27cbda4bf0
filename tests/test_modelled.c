/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modelled silicon has walks of its own for the formats that are common.  From inside:
 * each counts, caches and answers exactly as the general walk does, whatever happens.
 * Not here: whether what they count is right (test_silicon.c, test_refs.c).
 * Keeps: everything is drawn from one seed, so that a failure comes again.
 */
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "native.h"
#include "vm/vm.h"
#include "t.h"

#define RAM (4ull << 20)
#define HOLE (RAM - (64 << 10)) /* from here on there is no memory */
#define TABLES 24u		/* pages that are tables of each level, from 0 */
#define OPS 6000u
#define ARENA (1ull << 30 | RAM) /* has RAM that begins at a multiple of 1G */

struct side {
	uint8_t *arena, *mem;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	struct vmmu_range ram;
	struct vmmu_native_config native;
};

struct pair {
	struct side side[2]; /* [1] walks by the general walk */
	uint64_t rng;
	unsigned la57;
};

static uint64_t draw(struct pair *p, uint64_t below)
{
	p->rng ^= p->rng << 13;
	p->rng ^= p->rng >> 7;
	p->rng ^= p->rng << 17;
	return (p->rng >> 11) % below;
}

/* One of `in` times. */
static int once(struct pair *p, unsigned in)
{
	return draw(p, in) == 0;
}

/* ---- what is modelled ------------------------------------------------------------- */

static struct vmmu_cache_shape any_shape(struct pair *p, unsigned most_ways)
{
	struct vmmu_cache_shape s = { (uint16_t)(1u << draw(p, 4)),
				      (uint16_t)(1 + draw(p, most_ways)) };

	return once(p, 4) ? (struct vmmu_cache_shape){ 0, 0 } : s;
}

static struct vmmu_cache_shape some_shape(struct pair *p)
{
	struct vmmu_cache_shape s = any_shape(p, once(p, 3) ? 40 : 16);

	return s.sets ? s : (struct vmmu_cache_shape){ 2, 3 };
}

static void any_tlbs(struct pair *p, struct vmmu_silicon *m)
{
	unsigned i;

	m->nr_tlbs = (unsigned)draw(p, 5);
	for (i = 0; i < m->nr_tlbs; i++)
		m->tlb[i] = (struct vmmu_tlb_model){
			.shape = some_shape(p),
			.level = (uint8_t)(1 + (i > draw(p, 4))),
			.serves = (uint8_t)(1 + draw(p, 3)),
			.sizes = (uint8_t)(1 + draw(p, 7)),
			.replace = (uint8_t)draw(p, 3),
			.latency = (uint16_t)draw(p, 9),
		};
}

static void any_links(struct pair *p, struct vmmu_cache_shape *links)
{
	unsigned level;

	if (once(p, 2))
		links[0] = any_shape(p, 40);
	for (level = 1; !links[0].sets && level < VMMU_LEVELS; level++)
		links[level] = any_shape(p, 20);
}

static void any_silicon(struct pair *p, struct vmmu_silicon *m)
{
	unsigned i;

	*m = (struct vmmu_silicon){ .size = sizeof(*m), .memory = (uint16_t)draw(p, 200) };
	any_tlbs(p, m);
	any_links(p, m->links);
	any_links(p, m->nested_links);
	m->nested_tlb = any_shape(p, 64);
	m->nested_tlb_final = (uint8_t)draw(p, 2);
	m->nested_tlb_replace = (uint8_t)draw(p, 3);
	m->nested_tlb_latency = 3;
	m->exits_flush = once(p, 5);
	m->partitions = (uint8_t)draw(p, 3);
	if (once(p, 2)) {
		m->entries.shape = any_shape(p, 24);
		m->entries.guest = (uint8_t)draw(p, 5);
		m->entries.nested = (uint8_t)draw(p, 5);
		m->entries.line = (uint8_t)(8u << draw(p, 4));
	}
	m->nr_caches = (unsigned)draw(p, 4);
	m->walk_from = (unsigned)draw(p, m->nr_caches + 1);
	for (i = 0; i < m->nr_caches; i++)
		m->cache[i] =
			(struct vmmu_data_cache){ 1u << draw(p, 4), (uint16_t)(1 + draw(p, 20)),
						  (uint16_t)draw(p, 40) };
	m->data_accesses = (uint8_t)draw(p, 2);
}

/* ---- a guest ------------------------------------------------------------------------ */

/* An entry of a level-n table: mostly good, and mostly to tables that others lead to as well. */
static uint64_t any_entry(struct pair *p, unsigned level)
{
	uint64_t flags = 0x27, to;

	flags ^= once(p, 12) ? 1 : 0;
	flags ^= once(p, 6) ? 2 : 0;
	flags ^= once(p, 8) ? 4 : 0;
	flags ^= once(p, 5) ? 0x20 : 0;
	flags |= once(p, 2) ? 0x40 : 0;
	flags |= level == 1 && once(p, 4) ? 0x100 : 0;
	flags |= once(p, 10) ? 1ull << 63 : 0;
	flags |= once(p, 40) ? 1ull << 51 : 0;
	if (level == 1)
		return draw(p, (RAM + 0x8000) >> 12) << 12 | flags;
	if (level < 4 && once(p, 5)) {
		to = draw(p, 3) << 21;
		return (level == 2 ? to : 0) | flags | 0x80;
	}
	to = (level - 2) * TABLES + draw(p, TABLES);
	return to << 12 | flags;
}

/* Few slots of each table are used. */
static uint64_t any_index(struct pair *p, unsigned level)
{
	return level == 1 ? draw(p, 24) : draw(p, level == 2 ? 6 : 2);
}

static uint64_t any_gva(struct pair *p)
{
	unsigned level, top = p->la57 ? 5 : 4;
	uint64_t gva = draw(p, 512) * 8;

	for (level = 1; level <= top; level++)
		gva |= any_index(p, level) << (3 + 9 * level);
	return once(p, 100) ? gva | 1ull << 62 : gva;
}

static void fill_tables(struct pair *p)
{
	unsigned level, table, index;

	for (level = 1; level <= 5; level++)
		for (table = 0; table < TABLES; table++)
			for (index = 0; index < 24; index++) {
				uint64_t e = any_entry(p, level);
				uint64_t at = ((level - 1) * TABLES + table) * 4096ull + index * 8;

				memcpy(p->side[0].mem + at, &e, 8);
				memcpy(p->side[1].mem + at, &e, 8);
			}
}

static uint64_t any_root(struct pair *p)
{
	return ((p->la57 ? 4 : 3) * TABLES + draw(p, 3)) << 12;
}

static struct vmmu_regs first_regs(struct pair *p)
{
	return (struct vmmu_regs){
		.cr0 = 0x80010031,
		.cr3 = any_root(p),
		.cr4 = VMMU_CR4_PAE | VMMU_CR4_PGE | VMMU_CR4_PCIDE |
		       (p->la57 ? VMMU_CR4_LA57 : 0) | (once(p, 3) ? VMMU_CR4_SMEP : 0) |
		       (once(p, 4) ? VMMU_CR4_PKE : 0),
		.efer = 0xd00,
		.pkru = 0x30,
	};
}

/* The general walk, from now until registers change. */
static void point(struct pair *p)
{
	p->side[1].cpu->silicon.modelled_walk = walk_any;
}

static void open_side(struct side *s, const struct vmmu_backend *be, const struct vmmu_silicon *m)
{
	struct vmmu_config cfg = { .size = sizeof(cfg), .backend = be, .silicon = m };
	struct vmmu_slot_info slot = { .size = HOLE, .page_size = 4096 };

	s->arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t_true(s->arena != MAP_FAILED);
	s->mem = (uint8_t *)(((uintptr_t)s->arena + (1ull << 30) - 1) & ~(uintptr_t)0x3fffffff);
	slot.pointer = s->mem;
	s->ram = (struct vmmu_range){ 0, HOLE };
	s->native = (struct vmmu_native_config){ &s->ram, 1, 4096 };
	if (be == &vmmu_native) {
		cfg.base = s->mem;
		cfg.backend_config = &s->native;
	}
	t_eq(vmmu_create(&cfg, &s->vm), VMMU_OK);
	if (be != &vmmu_native)
		t_eq(vmmu_slot_add(s->vm, &slot), VMMU_OK);
	s->cpu = vmmu_cpu(s->vm, 0);
}

/* ---- what is done to both --------------------------------------------------------------- */

static void do_access(struct pair *p)
{
	static const uint32_t flags[] = { VMMU_READ,
					  VMMU_READ,
					  VMMU_WRITE,
					  VMMU_FETCH,
					  VMMU_USER | VMMU_READ,
					  VMMU_USER | VMMU_WRITE,
					  VMMU_USER | VMMU_FETCH,
					  VMMU_READ | VMMU_PROBE,
					  VMMU_WRITE | VMMU_NO_AD };
	uint32_t access = flags[draw(p, once(p, 10) ? ARRAY_SIZE(flags) : 7)];
	vmmu_gva_t gva = vmmu_gva(any_gva(p));
	struct vmmu_xlat x[2];
	int st[2], i;

	for (i = 0; i < 2; i++) {
		memset(&x[i], 0, sizeof(x[i]));
		st[i] = vmmu_translate(p->side[i].cpu, gva, 8, access, &x[i]);
		if (x[i].host)
			x[i].host = (void *)((uintptr_t)x[i].host - (uintptr_t)p->side[i].mem);
	}
	t_eq(st[0], st[1]);
	if (st[0] == VMMU_OK) {
		t_eq(x[0].gpa.v, x[1].gpa.v);
		t_eq((uintptr_t)x[0].host, (uintptr_t)x[1].host);
		t_eq(memcmp(&x[0].rights, &x[1].rights, 6), 0);
	}
	if (st[0] == VMMU_FAULT)
		t_eq(x[0].fault.code, x[1].fault.code);
}

static void do_store(struct pair *p)
{
	unsigned level = (unsigned)(1 + draw(p, once(p, 4) ? 5 : 2)), i;
	uint64_t at = ((level - 1) * TABLES + draw(p, TABLES)) << 12 | any_index(p, level) * 8;
	uint64_t e = any_entry(p, level);

	for (i = 0; i < 2; i++)
		t_eq(vmmu_write(p->side[i].vm, p->side[i].cpu, vmmu_gpa(at), &e, 8, NULL), VMMU_OK);
}

static void do_regs(struct pair *p)
{
	uint64_t what = draw(p, 6), cr3 = any_root(p) | draw(p, 3) | draw(p, 2) << 63;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct vmmu_cpu *cpu = p->side[i].cpu;

		if (what < 4)
			t_eq(vmmu_set_cr3(cpu, cr3), VMMU_OK);
		else if (what == 4)
			t_eq(vmmu_set_cr0(cpu, 0x80000031 | (cr3 & 1) << 16), VMMU_OK);
		else
			vmmu_hw_flush(cpu);
	}
}

static void do_drop(struct pair *p)
{
	vmmu_gva_t gva = vmmu_gva(any_gva(p) & ~(1ull << 62));
	vmmu_gpa_t gpa = vmmu_gpa(draw(p, HOLE >> 12) << 12);
	uint64_t what = draw(p, 8), pcid = draw(p, 3);
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (what < 4)
			vmmu_invlpg(p->side[i].cpu, gva);
		else if (what < 6)
			vmmu_invpcid(p->side[i].cpu, (unsigned)what - 4, (unsigned)pcid, gva);
		else if (!vmmu_notify_begin(p->side[i].vm, gpa, 0x10000))
			vmmu_notify_end(p->side[i].vm, gpa, 0x10000);
	}
}

/* All that was counted, and what the memory has come to. */
static void compare(struct pair *p, unsigned op)
{
	struct vmmu_silicon_stats silicon[2];
	struct vmmu_stats stats[2];
	unsigned i;

	for (i = 0; i < 2; i++) {
		silicon[i].size = sizeof(silicon[i]);
		stats[i].size = sizeof(stats[i]);
		vmmu_get_silicon(p->side[i].cpu, &silicon[i]);
		vmmu_get_stats(p->side[i].vm, &stats[i]);
	}
	t_eq(stats[0].walk_refs, stats[1].walk_refs);
	t_eq(stats[0].tlb_hits, stats[1].tlb_hits);
	t_check(!memcmp(&silicon[0], &silicon[1], sizeof(silicon[0])),
		"what silicon counts differs after operation %u", op);
	t_check(!memcmp(stats[0].event, stats[1].event, sizeof(stats[0].event)),
		"events differ after operation %u", op);
	if (op % 1000 == 0) {
		t_eq(memcmp(p->side[0].mem, p->side[1].mem, HOLE), 0);
		t_eq(vmmu_check(p->side[0].vm), VMMU_OK);
	}
}

static void run_pair(struct pair *p)
{
	unsigned op;

	for (op = 1; op <= OPS; op++) {
		uint64_t what = draw(p, 100);

		if (what < 90)
			do_access(p);
		else if (what < 95)
			do_store(p);
		else if (what < 97)
			do_regs(p);
		else
			do_drop(p);
		point(p);
		if (op % 20 == 0)
			compare(p, op);
	}
}

static void try_backend(const struct vmmu_backend *be, uint64_t seed)
{
	struct pair p = { .rng = seed * 0x9e3779b97f4a7c15ull + 1 };
	struct vmmu_silicon m;
	struct vmmu_regs regs;
	unsigned i;

	any_silicon(&p, &m);
	t_check(!vmmu_silicon_wrong(&m), "%s", vmmu_silicon_wrong(&m));
	p.la57 = once(&p, 3);
	for (i = 0; i < 2; i++)
		open_side(&p.side[i], be, &m);
	fill_tables(&p);
	regs = first_regs(&p);
	for (i = 0; i < 2; i++)
		t_eq(vmmu_set_regs(p.side[i].cpu, &regs, 0), VMMU_OK);
	point(&p);
	run_pair(&p);
	for (i = 0; i < 2; i++) {
		vmmu_destroy(p.side[i].vm);
		munmap(p.side[i].arena, ARENA);
	}
}

static void try_seeds(const struct vmmu_backend *be)
{
	uint64_t seed;

	for (seed = 1; seed <= 40; seed++)
		try_backend(be, seed);
}

Test(modelled, native_walks_as_the_general_walk)
{
	try_seeds(&vmmu_native);
}

Test(modelled, npt_walks_as_the_general_walk)
{
	try_seeds(&vmmu_nested_npt);
}

Test(modelled, ept_walks_as_the_general_walk)
{
	try_seeds(&vmmu_nested_ept);
}

Test(modelled, shadow_walks_as_the_general_walk)
{
	try_seeds(&vmmu_shadow);
}
