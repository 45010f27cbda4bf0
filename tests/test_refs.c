/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a walk costs in references: n * m + n + m for every pair of guest and host.
 * Not here: what it finds.
 * Keeps: the count is of one walk with every cache flushed and every table there.
 */
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/shadow.h>
#include <vmmu/vmmu.h>

#include "native.h"
#include <vmmu-oracle/oracle.h>
#include "t.h"

#define GIG (UINT64_C(1) << 30)
#define RAM (2 * GIG)
#define P 1u
#define PWU 7u
#define PS 0x80u

static uint8_t *ram; /* 1G-aligned, so that any host page may be large */
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

struct guest {
	const char *name;
	uint64_t cr4, efer;
	unsigned top, bytes, leaf; /* leaf 0: no paging */
	unsigned n;		   /* entries that a walk reads */
};

#define PG (VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG)
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)
static const struct guest guests[] = {
	{ "real mode", 0, 0, 0, 0, 0, 0 },
	{ "32-bit 4K", VMMU_CR4_PSE, 0, 2, 4, 1, 2 },
	{ "32-bit 4M", VMMU_CR4_PSE, 0, 2, 4, 2, 1 },
	{ "PAE 4K", VMMU_CR4_PAE, 0, 3, 8, 1, 2 },
	{ "PAE 2M", VMMU_CR4_PAE, 0, 3, 8, 2, 1 },
	{ "4-level 4K", VMMU_CR4_PAE, LONG, 4, 8, 1, 4 },
	{ "4-level 2M", VMMU_CR4_PAE, LONG, 4, 8, 2, 3 },
	{ "4-level 1G", VMMU_CR4_PAE, LONG, 4, 8, 3, 2 },
	{ "5-level 4K", VMMU_CR4_PAE | VMMU_CR4_LA57, LONG, 5, 8, 1, 5 },
	{ "5-level 2M", VMMU_CR4_PAE | VMMU_CR4_LA57, LONG, 5, 8, 2, 4 },
	{ "5-level 1G", VMMU_CR4_PAE | VMMU_CR4_LA57, LONG, 5, 8, 3, 3 },
};
#define NR_GUESTS (sizeof(guests) / sizeof(guests[0]))

static const uint64_t host_pages[] = { 4096, UINT64_C(1) << 21, UINT64_C(1) << 30 };

static uint8_t *get_ram(void)
{
	uintptr_t p;

	if (ram)
		return ram;
	p = (uintptr_t)mmap(NULL, RAM + GIG, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t_true(p != (uintptr_t)MAP_FAILED);
	ram = (uint8_t *)((p + GIG - 1) & ~(uintptr_t)(GIG - 1));
	return ram;
}

static void put(uint64_t gpa, unsigned bytes, uint64_t v)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &v, bytes, NULL))
		memcpy(ram + gpa, &v, bytes);
}

/* The first entry of the table of each level, in pages 1 to 5; all map address 0x123 on. */
static void build(const struct guest *g)
{
	static const uint8_t zero[0x10000];
	unsigned level;

	/* Heard of by who shadows what was there. */
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(0), zero, sizeof(zero), NULL))
		memset(get_ram(), 0, sizeof(zero));
	if (!g->leaf)
		return;
	for (level = g->top; level > g->leaf; level--)
		put(level * 0x1000u, g->bytes,
		    (level - 1) * 0x1000u | (g->bytes == 8 && g->top == 3 && level == 3 ? P : PWU));
	put(g->leaf * 0x1000u, g->bytes, g->leaf > 1 ? PWU | PS : 0x6000 | PWU);
}

static void use_guest(const struct guest *g)
{
	struct vmmu_regs r = { .cr0 = g->leaf ? PG : VMMU_CR0_ET,
			       .cr3 = g->top * 0x1000u,
			       .cr4 = g->cr4,
			       .efer = g->efer };

	build(g);
	t_eq(vmmu_set_regs(cpu, &r, 1), VMMU_OK);
}

static void start(struct vmmu_config *c)
{
	vmmu_destroy(vm);
	vm = NULL;
	c->size = sizeof(*c);
	t_eq(vmmu_create(c, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static void add_ram(uint64_t gpa, uint64_t size, uint64_t page)
{
	struct vmmu_slot_info s = {
		.gpa = { gpa }, .size = size, .pointer = get_ram() + gpa, .page_size = page
	};

	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
}

/* References of a second walk. */
static uint64_t refs_of(const char *name)
{
	struct vmmu_stats s = { .size = sizeof(s) };
	struct vmmu_xlat x;

	int st = vmmu_translate(cpu, vmmu_gva(0x128), 8, VMMU_WRITE, &x);

	t_check(st == VMMU_OK, "%s: %s: %s", name, vmmu_strerror(st), vmmu_reason(vm));
	vmmu_hw_flush(cpu);
	vmmu_clear_stats(vm);
	st = vmmu_translate(cpu, vmmu_gva(0x128), 8, VMMU_WRITE, &x);
	t_check(st == VMMU_OK, "%s: %s: %s", name, vmmu_strerror(st), vmmu_reason(vm));
	vmmu_get_stats(vm, &s);
	t_check(s.event[VMMU_EV_WALK] == 1, "%s: %" PRIu64 " walks", name, s.event[VMMU_EV_WALK]);
	t_eq(vmmu_check(vm), VMMU_OK);
	return s.walk_refs;
}

static void nested_refs(const struct vmmu_backend *be)
{
	unsigned depth, page, g;

	for (depth = 4; depth <= 5; depth++) {
		for (page = 0; page < 3; page++) {
			struct vmmu_nested_config nc = { .levels = depth };
			struct vmmu_config c = { .backend = be, .backend_config = &nc };

			start(&c);
			add_ram(0, RAM, host_pages[page]);
			for (g = 0; g < NR_GUESTS; g++) {
				unsigned m = depth - page, n = guests[g].n;
				unsigned ms[6] = { m, m, m, m, m, m };
				uint64_t refs;

				use_guest(&guests[g]);
				refs = refs_of(guests[g].name);
				t_check(refs == n * m + n + m, "%s over %u levels, 2^%u: %" PRIu64,
					guests[g].name, depth, 12 + 9 * page, refs);
				t_eq(refs, or_refs(n, ms));
			}
		}
	}
	vmmu_destroy(vm);
	vm = NULL;
}

Test(refs, npt_walks_cost_nm_plus_n_plus_m)
{
	nested_refs(&vmmu_nested_npt);
}

Test(refs, ept_walks_cost_nm_plus_n_plus_m)
{
	nested_refs(&vmmu_nested_ept);
}

Test(refs, the_two_famous_numbers_are_24_and_35)
{
	struct vmmu_nested_config nc = { .levels = 4 };
	struct vmmu_config c = { .backend = &vmmu_nested_npt, .backend_config = &nc };

	start(&c);
	add_ram(0, RAM, 4096);
	use_guest(&guests[5]);
	t_eq(refs_of("4x4"), 24);
	nc.levels = 5;
	start(&c);
	add_ram(0, RAM, 4096);
	use_guest(&guests[8]);
	t_eq(refs_of("5x5"), 35);
	vmmu_destroy(vm);
	vm = NULL;
}

Test(refs, tables_and_data_may_cost_differently)
{
	struct vmmu_config c = { .backend = &vmmu_nested_ept };
	const unsigned m[] = { 4, 4, 4, 4, 3 };

	start(&c);
	add_ram(0, 2u << 20, 4096);
	add_ram(2u << 20, GIG - (2u << 20), 2u << 20);
	use_guest(&guests[5]);
	put(0x1000, 8, 0x400000 | PWU);
	t_eq(refs_of("mixed"), 23);
	t_eq(or_refs(4, m), 23);
	vmmu_destroy(vm);
	vm = NULL;
}

/* APM 15.25.10: PDPTEs that are read on every walk are one level more. */
Test(refs, walked_pdptes_count)
{
	static struct vmmu_profile prof;
	struct vmmu_config c = { .backend = &vmmu_nested_npt, .profile = &prof };

	prof = vmmu_profile_amd;
	prof.features |= VMMU_CPU_PDPTE_WALK;
	start(&c);
	add_ram(0, RAM, 4096);
	use_guest(&guests[3]);
	t_eq(refs_of("PAE 4K"), 3 * 4 + 3 + 4);
	use_guest(&guests[4]);
	t_eq(refs_of("PAE 2M"), 2 * 4 + 2 + 4);
	vmmu_destroy(vm);
	vm = NULL;
}

Test(refs, native_walks_cost_n)
{
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config nc = { &range, 1, 4096 };
	struct vmmu_config c = { .backend = &vmmu_native,
				 .backend_config = &nc,
				 .base = get_ram() };
	unsigned g;

	start(&c);
	for (g = 0; g < NR_GUESTS; g++) {
		uint64_t refs;

		use_guest(&guests[g]);
		refs = refs_of(guests[g].name);
		t_check(refs == guests[g].n, "%s: %" PRIu64, guests[g].name, refs);
	}
	vmmu_destroy(vm);
	vm = NULL;
}

/* The depth of the shadow table: PAE outside long mode, where PDPTEs are cached. */
static unsigned shadow_cost(const struct guest *g, unsigned host_level)
{
	unsigned top = g->efer ? g->top : 2, leaf = g->leaf ? g->leaf : 3;

	leaf = leaf < host_level ? leaf : host_level;
	return top - (leaf < top ? leaf : top) + 1;
}

/*
 * The guest's tables lie in its own large page: kept shadow pages write-protect them, so that page
 * is there in leaves of 4K.
 */
static void shadow_refs(uint32_t off, unsigned page)
{
	struct vmmu_shadow_config sc = { .size = sizeof(sc), .off = off };
	struct vmmu_config c = { .backend = &vmmu_shadow, .backend_config = &sc };
	unsigned g;

	start(&c);
	add_ram(0, RAM, host_pages[page]);
	for (g = 0; g < NR_GUESTS; g++) {
		unsigned level = off || !guests[g].leaf ? page + 1 : 1;
		uint64_t refs;

		/* The next test's. */
		if (!guests[g].leaf && page == 2)
			continue;
		use_guest(&guests[g]);
		refs = refs_of(guests[g].name);
		t_check(refs == shadow_cost(&guests[g], level), "%s on 2^%u: %" PRIu64,
			guests[g].name, 12 + 9 * page, refs);
	}
}

Test(refs, shadow_walks_cost_one_dimension)
{
	unsigned page;

	for (page = 0; page < 3; page++) {
		shadow_refs(VMMU_SHADOW_CACHE, page);
		shadow_refs(0, page);
	}
	vmmu_destroy(vm);
	vm = NULL;
}

/* The direct map is in PAE format, which has no 1G leaf. */
Test(refs, real_mode_on_1g_host_pages_runs_on_2m_leaves)
{
	struct vmmu_config c = { .backend = &vmmu_shadow };

	start(&c);
	add_ram(0, RAM, GIG);
	use_guest(&guests[0]);
	t_eq(refs_of("real mode"), 1);
	vmmu_destroy(vm);
	vm = NULL;
}

Test(refs, shadow_of_a_pae_guest_costs_2)
{
	struct vmmu_config c = { .backend = &vmmu_shadow };

	start(&c);
	add_ram(0, RAM, 4096);
	use_guest(&guests[3]);
	t_eq(refs_of("PAE 4K"), 2);
	vmmu_destroy(vm);
	vm = NULL;
}

/* counting.md: write-backs of A and D are no references. */
Test(refs, setting_a_and_d_costs_no_reference)
{
	static const struct vmmu_backend *const be[] = { &vmmu_nested_npt, &vmmu_nested_ept };
	struct vmmu_stats s = { .size = sizeof(s) };
	struct vmmu_xlat x;
	unsigned i, level;

	for (i = 0; i < 2; i++) {
		struct vmmu_config c = { .backend = be[i] };

		start(&c);
		add_ram(0, RAM, 4096);
		use_guest(&guests[5]);
		t_eq(refs_of("4-level 4K"), 24);
		for (level = 1; level <= 4; level++)
			ram[level * 0x1000] &= 0x9f;
		vmmu_hw_flush(cpu);
		vmmu_clear_stats(vm);
		t_eq(vmmu_translate(cpu, vmmu_gva(0x128), 8, VMMU_WRITE, &x), VMMU_OK);
		vmmu_get_stats(vm, &s);
		t_eq(ram[0x1000] & 0x60, 0x60);
		t_eq(ram[0x4000] & 0x60, 0x20);
		t_eq(s.event[VMMU_EV_WALK], 1);
		t_eq(s.walk_refs, 24);
	}
	vmmu_destroy(vm);
	vm = NULL;
}
