/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of modelled silicon share: a guest, and a machine whose structures each test
 * chooses.
 * Not here: tests (test_silicon.c, test_silicon_caches.c, test_silicon_config.c).
 */
#ifndef SILICON_RIG_H
#define SILICON_RIG_H

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/shadow.h>
#include <vmmu/silicon.h>
#include <vmmu/vmmu.h>

#include "native.h"
#include "t.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define RAM (2 * GIB)
#define TABLES 0x10000u /* guest tables from here; no more than 2 MiB of them */
#define LINK 0x27u	/* present, writable, user, accessed */
#define LEAF 0x67u	/* dirty as well: no walk has anything to set */
#define PS 0x80u
#define ADDR 0xffffffffff000ull

static uint8_t *ram; /* 1G-aligned, so that any host page may be large */
static struct vmmu *vm;
static struct vmmu_cpu *cpu;
static struct vmmu_silicon m; /* the model of the next VM */
static struct vmmu_silicon_stats s;
static uint64_t next_table;
static unsigned top;

/* ---- the guest -------------------------------------------------------------- */

static inline void get_ram(void)
{
	uintptr_t p;

	if (!ram) {
		p = (uintptr_t)mmap(NULL, RAM + GIB, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		t_true(p != (uintptr_t)MAP_FAILED);
		ram = (uint8_t *)((p + GIB - 1) & ~(uintptr_t)(GIB - 1));
	}
	memset(ram, 0, 2 * MIB);
}

/* An empty guest with tables of `levels` levels, and an empty model. */
static inline void begin(unsigned levels)
{
	vmmu_destroy(vm);
	vm = NULL;
	get_ram();
	top = levels;
	next_table = TABLES + 0x1000;
	m = (struct vmmu_silicon){ .size = sizeof(m), .nested_tlb_final = 1 };
}

static inline uint64_t *entry_at(uint64_t table, uint64_t gva, unsigned level)
{
	return (uint64_t *)(void *)(ram + table) + (gva >> (3 + 9 * level) & 511);
}

/* A leaf of level `leaf` for gva, and the tables that lead to it. */
static inline void map(uint64_t gva, uint64_t gpa, unsigned leaf)
{
	uint64_t table = TABLES, *e;
	unsigned level;

	for (level = top; level > leaf; level--) {
		e = entry_at(table, gva, level);
		if (!*e) {
			*e = next_table | LINK;
			next_table += 0x1000;
		}
		table = *e & ADDR;
	}
	*entry_at(table, gva, leaf) = gpa | LEAF | (leaf > 1 ? PS : 0);
}

/* n pages of 4K from gva on, at gpa on. */
static inline void map_pages(uint64_t gva, uint64_t gpa, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		map(gva + i * 4 * KIB, gpa + i * 4 * KIB, 1);
}

/* ---- the machine ------------------------------------------------------------- */

static inline void load_guest(void)
{
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG,
			       .cr3 = TABLES,
			       .cr4 = VMMU_CR4_PAE | (top == 5 ? VMMU_CR4_LA57 : 0),
			       .efer = VMMU_EFER_LME | VMMU_EFER_LMA };

	t_eq(vmmu_set_regs(cpu, &r, 1), VMMU_OK);
}

static inline void start(const struct vmmu_backend *be, uint64_t host_page)
{
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config native = { &range, 1, GIB };
	struct vmmu_nested_config nested = { .levels = top };
	struct vmmu_config c = { .size = sizeof(c), .backend = be, .silicon = &m };
	struct vmmu_slot_info slot = { .size = RAM, .pointer = ram, .page_size = host_page };

	if (be == &vmmu_native) {
		c.backend_config = &native;
		c.base = ram;
	} else if (be != &vmmu_shadow) {
		c.backend_config = &nested;
	}
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
	if (be != &vmmu_native)
		t_eq(vmmu_slot_add(vm, &slot), VMMU_OK);
	load_guest();
}

static inline void end(void)
{
	t_eq(vmmu_check(vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

static inline void touch(uint64_t gva, uint32_t access)
{
	struct vmmu_xlat x;
	int st = vmmu_translate(cpu, vmmu_gva(gva), 8, access, &x);

	t_check(st == VMMU_OK, "0x%" PRIx64 ": %s: %s", gva, vmmu_strerror(st), vmmu_reason(vm));
}

static inline void read_page(uint64_t gva)
{
	touch(gva, VMMU_READ);
}

static inline const struct vmmu_silicon_stats *stats(void)
{
	s.size = sizeof(s);
	vmmu_get_silicon(cpu, &s);
	return &s;
}

/* References of one access; 0: it did not walk. */
static inline uint64_t refs_of(uint64_t gva)
{
	struct vmmu_stats st = { .size = sizeof(st) };

	vmmu_clear_stats(vm);
	read_page(gva);
	vmmu_get_stats(vm, &st);
	stats();
	return st.walk_refs;
}

/* After this every table of the hypervisor's is there, and nothing is cached. */
static inline void warm(uint64_t gva, unsigned pages, uint64_t step)
{
	unsigned i;

	for (i = 0; i < pages; i++)
		read_page(gva + i * step);
	vmmu_hw_flush(cpu);
	vmmu_clear_stats(vm);
}

/* The next of some numbers that are the same each time. */
static inline uint64_t chance(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static inline void add_tlb(unsigned level, unsigned serves, unsigned sizes, unsigned sets,
			   unsigned ways)
{
	m.tlb[m.nr_tlbs++] = (struct vmmu_tlb_model){
		.shape = { (uint16_t)sets, (uint16_t)ways },
		.level = (uint8_t)level,
		.serves = (uint8_t)serves,
		.sizes = (uint8_t)sizes,
	};
}

#define ANY_SIZE (VMMU_TLB_4K | VMMU_TLB_2M | VMMU_TLB_1G)
#define BOTH (VMMU_TLB_DATA | VMMU_TLB_CODE)
#define A (64 * MIB) /* gvas */
#define B (A + 4 * KIB)
#define C (A + 8 * KIB)
#define FAR (A + 2 * MIB)
#define DATA (16 * MIB) /* gpas */

/* Three neighbours, and one below another level-1 table. */
static inline void begin_pages(unsigned levels)
{
	begin(levels);
	map_pages(A, DATA, 3);
	map_pages(FAR, DATA + MIB, 1);
}

static inline void nested_tlb_of(unsigned entries, unsigned final)
{
	m.nested_tlb = (struct vmmu_cache_shape){ 1, (uint16_t)entries };
	m.nested_tlb_final = (uint8_t) final;
	m.nested_tlb_latency = 3;
}

static inline void entries_of(unsigned guest, unsigned nested, unsigned line)
{
	m.entries = (struct vmmu_entry_cache){
		.shape = { 1, 64 },
		.guest = (uint8_t)guest,
		.nested = (uint8_t)nested,
		.line = (uint8_t)line,
		.latency = 2,
	};
	m.memory = 100;
}

static inline void add_cache(unsigned sets, unsigned ways, unsigned latency)
{
	m.cache[m.nr_caches++] =
		(struct vmmu_data_cache){ sets, (uint16_t)ways, (uint16_t)latency };
	m.memory = 1000;
}

#endif
