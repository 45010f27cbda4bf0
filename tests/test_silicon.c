/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a CPU's translation hardware: what each structure keeps, what
 * it answers, and that every reference is counted once.
 * Not here: which invalidation drops what (`vmmu check` and its oracle).
 * Keeps: each test says which walks it expects and what each of them reads.
 */
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

static void get_ram(void)
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
static void begin(unsigned levels)
{
	vmmu_destroy(vm);
	vm = NULL;
	get_ram();
	top = levels;
	next_table = TABLES + 0x1000;
	m = (struct vmmu_silicon){ .size = sizeof(m), .nested_tlb_final = 1 };
}

static uint64_t *entry_at(uint64_t table, uint64_t gva, unsigned level)
{
	return (uint64_t *)(void *)(ram + table) + (gva >> (3 + 9 * level) & 511);
}

/* A leaf of level `leaf` for gva, and the tables that lead to it. */
static void map(uint64_t gva, uint64_t gpa, unsigned leaf)
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
static void map_pages(uint64_t gva, uint64_t gpa, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		map(gva + i * 4 * KIB, gpa + i * 4 * KIB, 1);
}

/* ---- the machine ------------------------------------------------------------- */

static void load_guest(void)
{
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG,
			       .cr3 = TABLES,
			       .cr4 = VMMU_CR4_PAE | (top == 5 ? VMMU_CR4_LA57 : 0),
			       .efer = VMMU_EFER_LME | VMMU_EFER_LMA };

	t_eq(vmmu_set_regs(cpu, &r, 1), VMMU_OK);
}

static void start(const struct vmmu_backend *be, uint64_t host_page)
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

static void end(void)
{
	t_eq(vmmu_check(vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

static void touch(uint64_t gva, uint32_t access)
{
	struct vmmu_xlat x;
	int st = vmmu_translate(cpu, vmmu_gva(gva), 8, access, &x);

	t_check(st == VMMU_OK, "0x%" PRIx64 ": %s: %s", gva, vmmu_strerror(st), vmmu_reason(vm));
}

static void read_page(uint64_t gva)
{
	touch(gva, VMMU_READ);
}

static const struct vmmu_silicon_stats *stats(void)
{
	s.size = sizeof(s);
	vmmu_get_silicon(cpu, &s);
	return &s;
}

/* References of one access; 0: it did not walk. */
static uint64_t refs_of(uint64_t gva)
{
	struct vmmu_stats st = { .size = sizeof(st) };

	vmmu_clear_stats(vm);
	read_page(gva);
	vmmu_get_stats(vm, &st);
	stats();
	return st.walk_refs;
}

/* After this every table of the hypervisor's is there, and nothing is cached. */
static void warm(uint64_t gva, unsigned pages, uint64_t step)
{
	unsigned i;

	for (i = 0; i < pages; i++)
		read_page(gva + i * step);
	vmmu_hw_flush(cpu);
	vmmu_clear_stats(vm);
}

/* The next of some numbers that are the same each time. */
static uint64_t chance(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void add_tlb(unsigned level, unsigned serves, unsigned sizes, unsigned sets, unsigned ways)
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
static void begin_pages(unsigned levels)
{
	begin(levels);
	map_pages(A, DATA, 3);
	map_pages(FAR, DATA + MIB, 1);
}

/* ---- nothing is modelled ------------------------------------------------------ */

static void each_cell_once(unsigned guest, unsigned nested)
{
	unsigned g, n;

	for (g = 0; g <= VMMU_LEVELS; g++) {
		for (n = 0; n <= VMMU_LEVELS; n++) {
			unsigned is = g <= guest && n <= nested && (g || n);

			t_check(s.cell[g][n].refs == is, "cell [%u][%u]: %" PRIu64, g, n,
				s.cell[g][n].refs);
			t_eq(s.cell[g][n].near, 0);
		}
	}
}

Test(off, one_dimension_reads_an_entry_of_each_level)
{
	unsigned levels;

	for (levels = 4; levels <= 5; levels++) {
		begin_pages(levels);
		start(&vmmu_native, 0);
		t_eq(refs_of(A), levels);
		each_cell_once(levels, 0);
		t_eq(s.walks[0], 1);
		t_eq(s.walks[1], 0);
		end();
	}
}

static void two_dimensions(const struct vmmu_backend *be)
{
	unsigned levels;

	for (levels = 4; levels <= 5; levels++) {
		begin_pages(levels);
		start(be, 4 * KIB);
		warm(A, 1, 0);
		t_eq(refs_of(A), levels == 4 ? 24 : 35);
		each_cell_once(levels, levels);
		t_eq(s.walks[0], 0);
		t_eq(s.walks[1], 1);
		end();
	}
}

Test(off, two_dimensions_read_each_cell_once)
{
	two_dimensions(&vmmu_nested_npt);
	two_dimensions(&vmmu_nested_ept);
}

Test(off, without_a_tlb_every_access_walks)
{
	begin_pages(4);
	start(&vmmu_native, 0);
	t_eq(refs_of(A), 4);
	t_eq(refs_of(A), 4);
	t_eq(s.tlb_misses, 1);
	end();
}

Test(off, without_a_model_nothing_is_counted)
{
	static const uint64_t zeros[(sizeof(s) - sizeof(size_t)) / 8];
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config native = { &range, 1, GIB };
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &vmmu_native,
				 .backend_config = &native };

	begin_pages(4);
	c.base = ram;
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
	load_guest();
	t_eq(refs_of(A), 4);
	t_true(!memcmp((const char *)&s + sizeof(size_t), zeros, sizeof(zeros)));
	end();
}

/* ---- TLBs ---------------------------------------------------------------------- */

Test(tlb, code_and_data_may_be_apart)
{
	begin_pages(4);
	add_tlb(1, VMMU_TLB_DATA, ANY_SIZE, 1, 4);
	add_tlb(1, VMMU_TLB_CODE, ANY_SIZE, 1, 4);
	start(&vmmu_native, 0);
	read_page(A);
	touch(A, VMMU_FETCH);
	t_eq(stats()->walks[0], 2);
	read_page(A);
	touch(A, VMMU_FETCH);
	touch(A, VMMU_WRITE);
	t_eq(stats()->walks[0], 2);
	t_eq(s.tlb_hits[0], 2);
	t_eq(s.tlb_hits[1], 1);
	t_eq(s.tlb_misses, 2);
	end();
}

Test(tlb, code_and_data_may_share)
{
	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 4);
	start(&vmmu_native, 0);
	read_page(A);
	touch(A, VMMU_FETCH);
	t_eq(stats()->walks[0], 1);
	t_eq(s.tlb_hits[0], 1);
	end();
}

/* One entry each: were they in the same, one would push the other out. */
Test(tlb, sizes_may_be_apart)
{
	unsigned i;

	begin_pages(4);
	map(GIB, 32 * MIB, 2);
	map(2 * GIB, 0, 3);
	add_tlb(1, BOTH, VMMU_TLB_4K, 1, 1);
	add_tlb(1, BOTH, VMMU_TLB_2M, 1, 1);
	add_tlb(1, BOTH, VMMU_TLB_1G, 1, 1);
	start(&vmmu_native, 0);
	for (i = 0; i < 3; i++) {
		read_page(A);
		read_page(GIB + i * 4 * KIB);
		read_page(2 * GIB + i * 2 * MIB);
	}
	t_eq(stats()->walks[0], 3);
	for (i = 0; i < 3; i++)
		t_eq(s.tlb_hits[i], 2);
	end();
}

Test(tlb, large_page_is_kept_in_pieces_that_fit)
{
	begin(4);
	map(GIB, 0, 3);
	add_tlb(1, BOTH, VMMU_TLB_4K | VMMU_TLB_2M, 1, 8);
	start(&vmmu_native, 0);
	read_page(GIB);
	read_page(GIB + 2 * MIB - 8);
	t_eq(stats()->walks[0], 1);
	read_page(GIB + 2 * MIB);
	t_eq(stats()->walks[0], 2);
	t_eq(s.tlb_hits[0], 1);
	end();
}

/* The page that the host maps bounds an entry as well. */
Test(tlb, smaller_of_guest_and_host_page_is_kept)
{
	begin(4);
	map(GIB, 32 * MIB, 2);
	add_tlb(1, BOTH, VMMU_TLB_4K, 1, 1);
	add_tlb(1, BOTH, VMMU_TLB_2M, 1, 1);
	start(&vmmu_nested_npt, 4 * KIB);
	warm(GIB, 2, 4 * KIB);
	read_page(GIB);
	read_page(GIB + 4 * KIB);
	read_page(GIB + 4 * KIB);
	t_eq(stats()->walks[1], 2);
	t_eq(s.tlb_hits[0], 1);
	t_eq(s.tlb_hits[1], 0);
	end();
}

Test(tlb, second_level_serves_what_the_first_lost_and_gives_it_back)
{
	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 1);
	add_tlb(2, BOTH, ANY_SIZE, 1, 4);
	m.tlb[0].latency = 1;
	m.tlb[1].latency = 7;
	start(&vmmu_native, 0);
	read_page(A);
	read_page(B);
	t_eq(stats()->tlb_cycles, 0);
	read_page(A);
	t_eq(stats()->tlb_hits[1], 1);
	t_eq(s.tlb_cycles, 7);
	read_page(A);
	t_eq(stats()->tlb_hits[0], 1);
	t_eq(s.tlb_hits[1], 1);
	t_eq(s.tlb_cycles, 8);
	t_eq(s.walks[0], 2);
	end();
}

Test(tlb, second_level_comes_after_the_first_in_any_order)
{
	begin_pages(4);
	add_tlb(2, BOTH, ANY_SIZE, 1, 4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 1);
	start(&vmmu_native, 0);
	read_page(A);
	read_page(A);
	t_eq(stats()->tlb_hits[0], 0);
	t_eq(s.tlb_hits[1], 1);
	read_page(B);
	read_page(A);
	t_eq(stats()->tlb_hits[0], 1);
	t_eq(s.tlb_hits[1], 1);
	end();
}

/* A piece in the first level, the page itself in the second. */
Test(tlb, second_level_keeps_a_large_page_whole)
{
	begin(4);
	map(GIB, 32 * MIB, 2);
	add_tlb(1, BOTH, VMMU_TLB_4K, 1, 4);
	add_tlb(2, BOTH, VMMU_TLB_2M, 1, 4);
	start(&vmmu_native, 0);
	read_page(GIB);
	read_page(GIB + 4 * KIB);
	read_page(GIB + 4 * KIB);
	t_eq(stats()->walks[0], 1);
	t_eq(s.tlb_hits[0], 1);
	t_eq(s.tlb_hits[1], 1);
	end();
}

Test(tlb, second_level_does_not_get_sizes_that_it_does_not_hold)
{
	begin(4);
	map(GIB, 32 * MIB, 2);
	add_tlb(1, BOTH, ANY_SIZE, 1, 1);
	add_tlb(2, BOTH, VMMU_TLB_4K, 1, 4);
	map_pages(A, DATA, 1);
	start(&vmmu_native, 0);
	read_page(GIB);
	read_page(A);
	read_page(GIB);
	t_eq(stats()->walks[0], 3);
	read_page(A);
	t_eq(stats()->walks[0], 3);
	t_eq(s.tlb_hits[1], 1);
	end();
}

Test(tlb, sets_are_chosen_by_page_number)
{
	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 2, 1);
	start(&vmmu_native, 0);
	read_page(A);
	read_page(B);
	read_page(A);
	t_eq(stats()->walks[0], 2);
	/* C is of A's set. */
	read_page(C);
	read_page(B);
	t_eq(stats()->walks[0], 3);
	read_page(A);
	t_eq(stats()->walks[0], 4);
	end();
}

/* ---- replacement ------------------------------------------------------------------ */

/* Walks of A B A C A with two ways: B goes first by use, A by age. */
static uint64_t walks_of_abaca(unsigned replace)
{
	static const uint64_t page[] = { A, B, A, C, A };
	uint64_t walks;
	unsigned i;

	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 2);
	m.tlb[0].replace = (uint8_t)replace;
	start(&vmmu_native, 0);
	for (i = 0; i < 5; i++)
		read_page(page[i]);
	walks = stats()->walks[0];
	end();
	return walks;
}

Test(replace, least_recently_used_and_first_in_differ)
{
	t_eq(walks_of_abaca(VMMU_REPLACE_LRU), 3);
	t_eq(walks_of_abaca(VMMU_REPLACE_FIFO), 4);
}

/* Walks of 100 rounds through three pages with two ways. */
static uint64_t walks_of_rounds(unsigned replace)
{
	uint64_t walks;
	unsigned i;

	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 2);
	m.tlb[0].replace = (uint8_t)replace;
	start(&vmmu_native, 0);
	for (i = 0; i < 300; i++)
		read_page(A + i % 3 * 4 * KIB);
	walks = stats()->walks[0];
	end();
	return walks;
}

/* By chance one of the two is left that comes back soonest in half of the cases. */
Test(replace, random_keeps_some_of_a_loop_that_is_too_long)
{
	uint64_t walks = walks_of_rounds(VMMU_REPLACE_RANDOM);

	t_eq(walks_of_rounds(VMMU_REPLACE_LRU), 300);
	t_eq(walks_of_rounds(VMMU_REPLACE_FIFO), 300);
	t_check(walks > 100 && walks < 280, "%" PRIu64 " walks", walks);
	t_eq(walks_of_rounds(VMMU_REPLACE_RANDOM), walks);
}

#define LISTED 128u /* pages */

/* What is in one set, the next to go last. */
struct list {
	unsigned page[LISTED], n, most;
	bool by_use;
};

/* True: it was there. */
static bool list_use(struct list *l, unsigned page)
{
	unsigned i = 0;
	bool hit;

	while (i < l->n && l->page[i] != page)
		i++;
	hit = i < l->n;
	if (hit && !l->by_use)
		return true;
	if (!hit && l->n < l->most)
		l->n++;
	else if (!hit)
		i = l->n - 1;
	memmove(&l->page[1], &l->page[0], i * sizeof(l->page[0]));
	l->page[0] = page;
	return hit;
}

static void compare_with_lists(unsigned sets, unsigned ways, unsigned replace)
{
	struct list list[2] = { { .most = ways, .by_use = replace == VMMU_REPLACE_LRU } };
	unsigned i, page, some = sets * ways + sets * ways / 4 + 2, misses = 0;
	uint64_t x = ways;

	list[1] = list[0];
	begin(4);
	map_pages(A, DATA, some);
	add_tlb(1, BOTH, ANY_SIZE, sets, ways);
	m.tlb[0].replace = (uint8_t)replace;
	start(&vmmu_native, 0);
	for (i = 0; i < 4000; i++) {
		page = (unsigned)(chance(&x) >> 20) % some;
		misses += !list_use(&list[page & (sets - 1)], page);
		read_page(A + page * 4 * KIB);
		t_check(stats()->walks[0] == misses, "%u sets of %u, policy %u, access %u", sets,
			ways, replace, i);
	}
	t_check(misses > some && misses < i - some, "%u misses", misses);
	end();
}

/* With few ways and with many a set is kept in different ways. */
Test(replace, any_number_of_ways_is_a_list)
{
	static const unsigned ways[] = { 1, 2, 3, 8, 15, 16, 17, 24, 48 };
	unsigned i, sets;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (sets = 1; sets <= 2; sets++) {
			compare_with_lists(sets, ways[i], VMMU_REPLACE_LRU);
			compare_with_lists(sets, ways[i], VMMU_REPLACE_FIFO);
		}
	}
}

/* Hits of the final address in the nested TLB: A B A C A, by gpa. */
static uint64_t nested_hits_of_abaca(unsigned replace)
{
	static const uint64_t page[] = { A, B, A, C, A };
	uint64_t hits = 0;
	unsigned i;

	begin_pages(4);
	/* Tables are found by the links, so that the nested TLB sees final addresses alone. */
	m.links[1] = (struct vmmu_cache_shape){ 1, 4 };
	m.nested_tlb = (struct vmmu_cache_shape){ 1, 2 };
	m.nested_tlb_replace = (uint8_t)replace;
	start(&vmmu_nested_npt, 4 * KIB);
	warm(A, 3, 4 * KIB);
	for (i = 0; i < 5; i++) {
		/* The first walk goes through the tables, which push A's out again. */
		read_page(page[i]);
		if (i == 0)
			read_page(A);
	}
	hits = stats()->nested_hits[0];
	end();
	return hits;
}

/* The second A is served; so is the third, after B and A, if use counts. */
Test(replace, nested_tlb_has_a_policy_of_its_own)
{
	t_eq(nested_hits_of_abaca(VMMU_REPLACE_LRU), 3);
	t_eq(nested_hits_of_abaca(VMMU_REPLACE_FIFO), 2);
}

/* Near references of 100 rounds through three leaf entries, in an entry cache of two. */
static uint64_t near_of_rounds(unsigned replace)
{
	uint64_t near;
	unsigned i;

	begin_pages(4);
	m.entries = (struct vmmu_entry_cache){ .shape = { 1, 2 }, .guest = 1, .line = 8 };
	m.entries.replace = (uint8_t)replace;
	m.links[1] = (struct vmmu_cache_shape){ 1, 1 };
	start(&vmmu_native, 0);
	for (i = 0; i < 300; i++)
		read_page(A + i % 3 * 4 * KIB);
	near = stats()->cell[1][0].near;
	end();
	return near;
}

Test(replace, entry_cache_has_a_policy_of_its_own)
{
	uint64_t near = near_of_rounds(VMMU_REPLACE_RANDOM);

	t_eq(near_of_rounds(VMMU_REPLACE_LRU), 0);
	t_eq(near_of_rounds(VMMU_REPLACE_FIFO), 0);
	t_check(near > 20 && near < 200, "%" PRIu64, near);
}

/* ---- sharing and flushing ------------------------------------------------------------ */

static uint64_t walks_with_partitions(unsigned partitions)
{
	uint64_t walks;
	unsigned i;

	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 4);
	m.partitions = (uint8_t)partitions;
	start(&vmmu_native, 0);
	for (i = 0; i < 30; i++)
		read_page(A + i % 3 * 4 * KIB);
	walks = stats()->walks[0];
	end();
	return walks;
}

Test(sharing, partitions_have_a_part_of_the_ways)
{
	t_eq(walks_with_partitions(0), 3);
	t_eq(walks_with_partitions(1), 3);
	t_eq(walks_with_partitions(2), 30);
	/* Never less than one way each. */
	t_eq(walks_with_partitions(200), 30);
}

/* A page, an exit for an address that is no memory, the page again. */
static void page_exit_page(unsigned exits_flush)
{
	struct vmmu_xlat x;

	begin_pages(4);
	map(GIB, RAM + GIB, 1);
	add_tlb(1, BOTH, ANY_SIZE, 1, 8);
	m.links[0] = (struct vmmu_cache_shape){ 1, 16 };
	m.nested_links[0] = (struct vmmu_cache_shape){ 1, 16 };
	m.nested_tlb = (struct vmmu_cache_shape){ 1, 16 };
	m.entries = (struct vmmu_entry_cache){ { 1, 32 }, 1, 1, 8, VMMU_REPLACE_LRU, 1 };
	m.exits_flush = (uint8_t)exits_flush;
	start(&vmmu_nested_npt, 4 * KIB);
	warm(A, 1, 0);
	read_page(A);
	t_eq(stats()->walks[1], 1);
	t_eq(vmmu_translate(cpu, vmmu_gva(GIB), 8, VMMU_READ, &x), VMMU_MMIO);
	vmmu_clear_stats(vm);
	read_page(A);
	stats();
}

Test(sharing, exits_flush_all_where_nothing_is_tagged)
{
	unsigned g, n;

	page_exit_page(0);
	t_eq(s.walks[1], 0);
	t_eq(s.tlb_hits[0], 1);
	end();
	page_exit_page(1);
	t_eq(s.walks[1], 1);
	t_eq(s.link_hits[1], 0);
	for (g = 0; g <= VMMU_LEVELS; g++)
		for (n = 0; n <= VMMU_LEVELS; n++)
			t_eq(s.cell[g][n].near, 0);
	/* As in an empty machine: the nested links serve within the walk itself. */
	t_eq(s.cell[4][0].refs + s.cell[3][0].refs + s.cell[2][0].refs + s.cell[1][0].refs, 4);
	t_eq(s.cell[4][4].refs, 1);
	for (g = 0; g <= 4; g++)
		t_eq(s.nested_hits[g], 0);
	end();
}

Test(sharing, full_flushes_are_counted)
{
	begin_pages(4);
	add_tlb(1, BOTH, ANY_SIZE, 1, 8);
	start(&vmmu_native, 0);
	vmmu_clear_stats(vm);
	read_page(A);
	t_eq(vmmu_invlpg(cpu, vmmu_gva(A)), VMMU_OK);
	t_eq(stats()->flushes, 0);
	t_eq(vmmu_set_cr3(cpu, TABLES), VMMU_OK);
	t_eq(stats()->flushes, 1);
	end();
}

/* ---- links --------------------------------------------------------------------------- */

Test(links, walk_that_begins_at_level_n_reads_n_entries)
{
	unsigned levels, n;

	for (levels = 4; levels <= 5; levels++) {
		for (n = 1; n < levels; n++) {
			begin_pages(levels);
			m.links[n] = (struct vmmu_cache_shape){ 1, 4 };
			start(&vmmu_native, 0);
			t_eq(refs_of(A), levels);
			t_eq(s.link_hits[n], 0);
			t_eq(refs_of(B), n);
			t_eq(s.link_hits[n], 1);
			/* Only a link to its level-1 table does not help it. */
			t_eq(refs_of(FAR), n == 1 ? levels : n);
			end();
		}
	}
}

Test(links, one_cache_may_hold_those_of_all_levels)
{
	begin_pages(4);
	map(GIB, DATA, 1);
	m.links[0] = (struct vmmu_cache_shape){ 1, 16 };
	start(&vmmu_native, 0);
	t_eq(refs_of(A), 4);
	t_eq(refs_of(B), 1);
	t_eq(s.link_hits[1], 1);
	t_eq(refs_of(FAR), 2);
	t_eq(s.link_hits[2], 1);
	t_eq(refs_of(GIB), 3);
	t_eq(s.link_hits[3], 1);
	end();
}

Test(links, deepest_one_serves)
{
	begin_pages(4);
	m.links[1] = m.links[2] = m.links[3] = (struct vmmu_cache_shape){ 1, 1 };
	start(&vmmu_native, 0);
	t_eq(refs_of(A), 4);
	t_eq(refs_of(FAR), 2);
	/* FAR's level-1 table has taken the one place of A's. */
	t_eq(refs_of(FAR), 1);
	t_eq(refs_of(A), 2);
	end();
}

/* In two dimensions a link holds the table's place in the host: nothing of it is walked. */
Test(links, combined_links_skip_both_dimensions)
{
	begin_pages(4);
	m.links[1] = (struct vmmu_cache_shape){ 1, 4 };
	start(&vmmu_nested_ept, 4 * KIB);
	warm(A, 3, 4 * KIB);
	t_eq(refs_of(A), 24);
	t_eq(refs_of(B), 1 + 4);
	t_eq(s.cell[1][0].refs, 1);
	t_eq(s.nested_looks[0], 1);
	t_eq(s.nested_looks[1], 0);
	end();
}

Test(links, nested_ones_begin_each_nested_walk)
{
	unsigned n;

	for (n = 1; n < 4; n++) {
		begin(4);
		map_pages(A, MIB, 2);
		m.nested_links[n] = (struct vmmu_cache_shape){ 1, 4 };
		start(&vmmu_nested_npt, 4 * KIB);
		warm(A, 2, 4 * KIB);
		/* The first nested walk of all leaves the link for the four others. */
		t_eq(refs_of(A), 4 + 4 + 4 * n);
		t_eq(s.nested_link_hits[n], 4);
		t_eq(refs_of(B), 4 + 5 * n);
		t_eq(s.nested_link_hits[n], 5);
		end();
	}
}

/* ---- the nested TLB --------------------------------------------------------------------- */

static void nested_tlb_of(unsigned entries, unsigned final)
{
	m.nested_tlb = (struct vmmu_cache_shape){ 1, (uint16_t)entries };
	m.nested_tlb_final = (uint8_t) final;
	m.nested_tlb_latency = 3;
}

Test(nested_tlb, saves_the_nested_walks_of_tables)
{
	unsigned levels, g;

	for (levels = 4; levels <= 5; levels++) {
		begin_pages(levels);
		nested_tlb_of(16, 0);
		start(&vmmu_nested_npt, 4 * KIB);
		warm(A, 3, 4 * KIB);
		t_eq(refs_of(A), levels * levels + levels + levels);
		t_eq(refs_of(A), levels + levels);
		for (g = 1; g <= levels; g++)
			t_eq(s.nested_hits[g], 1);
		t_eq(s.nested_looks[0], 1);
		t_eq(s.nested_hits[0], 0);
		t_eq(s.walk_cycles, levels * 3);
		end();
	}
}

Test(nested_tlb, holds_the_final_address_if_the_model_says_so)
{
	begin_pages(4);
	nested_tlb_of(16, 1);
	start(&vmmu_nested_npt, 4 * KIB);
	warm(A, 3, 4 * KIB);
	t_eq(refs_of(A), 24);
	t_eq(refs_of(A), 4);
	t_eq(s.nested_hits[0], 1);
	t_eq(refs_of(B), 4 + 4);
	t_eq(s.nested_hits[0], 0);
	end();
}

#define STRIDES 64u

/* A page of each of 64 level-1 tables, one after the other. */
static void begin_strides(unsigned leaf)
{
	unsigned i;

	begin(4);
	for (i = 0; i < STRIDES; i++)
		map(GIB + i * 2 * MIB, 256 * MIB + i * 2 * MIB, leaf);
}

static void stride(const struct vmmu_backend *be, uint64_t host_page)
{
	unsigned i;

	start(be, host_page);
	warm(GIB, STRIDES, 2 * MIB);
	read_page(GIB);
	vmmu_clear_stats(vm);
	for (i = 1; i < STRIDES; i++)
		read_page(GIB + i * 2 * MIB);
	stats();
}

/* The picture of the KVM Forum 2008 slides. */
Test(nested_tlb, strides_hit_for_gl4_to_gl2_and_miss_for_gl1_and_the_page)
{
	unsigned g, n;

	begin_strides(1);
	nested_tlb_of(16, 1);
	stride(&vmmu_nested_npt, 4 * KIB);
	for (g = 0; g <= 4; g++) {
		t_eq(s.nested_looks[g], STRIDES - 1);
		t_eq(s.nested_hits[g], g >= 2 ? STRIDES - 1 : 0);
		t_eq(s.cell[g][0].refs, g ? STRIDES - 1 : 0);
		for (n = 1; n <= 4; n++)
			t_eq(s.cell[g][n].refs, g >= 2 ? 0 : STRIDES - 1);
	}
	t_eq(s.nested_looks[5], 0);
	end();
}

Test(nested_tlb, large_host_pages_take_the_nl1_column_away)
{
	unsigned g;

	begin_strides(1);
	stride(&vmmu_nested_npt, 2 * MIB);
	for (g = 0; g <= 4; g++) {
		t_eq(s.cell[g][1].refs, 0);
		t_eq(s.cell[g][2].refs, STRIDES - 1);
		t_eq(s.cell[g][4].refs, STRIDES - 1);
	}
	end();
}

Test(nested_tlb, large_guest_pages_take_the_gl1_row_away)
{
	unsigned n;

	begin_strides(2);
	stride(&vmmu_nested_npt, 4 * KIB);
	for (n = 0; n <= 4; n++) {
		t_eq(s.cell[1][n].refs, 0);
		t_eq(s.cell[2][n].refs, STRIDES - 1);
		t_eq(s.cell[0][n].refs, n ? STRIDES - 1 : 0);
	}
	end();
}

/* ---- the entry cache ----------------------------------------------------------------------- */

static void entries_of(unsigned guest, unsigned nested, unsigned line)
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

Test(entries, references_that_are_near_cost_less_and_are_made)
{
	unsigned g;

	begin_pages(4);
	entries_of(2, 0, 8);
	start(&vmmu_native, 0);
	t_eq(refs_of(A), 4);
	t_eq(s.walk_cycles, 4 * 100);
	t_eq(refs_of(A), 4);
	for (g = 1; g <= 4; g++) {
		t_eq(s.cell[g][0].near, g >= 2);
		t_eq(s.cell[g][0].cycles, g >= 2 ? 2 : 100);
	}
	t_eq(s.walk_cycles, 3 * 2 + 100);
	t_eq(s.memory, 1);
	end();
}

static uint64_t near_in_column(unsigned n)
{
	uint64_t sum = 0;
	unsigned g;

	for (g = 0; g <= 4; g++)
		sum += s.cell[g][n].near;
	return sum;
}

static void second_walk_of(unsigned guest, unsigned nested)
{
	begin_pages(4);
	entries_of(guest, nested, 8);
	start(&vmmu_nested_npt, 4 * KIB);
	warm(A, 1, 0);
	read_page(A);
	t_eq(refs_of(A), 24);
	end();
}

Test(entries, each_dimension_has_a_lowest_level)
{
	unsigned guest, nested, n;

	for (guest = 0; guest <= 4; guest++) {
		for (nested = 0; nested <= 4; nested++) {
			second_walk_of(guest, nested);
			t_eq(near_in_column(0), guest ? 5 - guest : 0);
			for (n = 1; n <= 4; n++)
				t_eq(near_in_column(n), nested && n >= nested ? 5 : 0);
		}
	}
}

Test(entries, lines_hold_neighbours)
{
	begin_pages(4);
	entries_of(1, 0, 8);
	start(&vmmu_native, 0);
	read_page(A);
	refs_of(B);
	t_eq(s.cell[1][0].near, 0);
	t_eq(s.cell[2][0].near, 1);
	end();
	begin_pages(4);
	entries_of(1, 0, 16);
	start(&vmmu_native, 0);
	read_page(A);
	refs_of(B);
	t_eq(s.cell[1][0].near, 1);
	refs_of(C);
	t_eq(s.cell[1][0].near, 0);
	end();
	begin_pages(4);
	entries_of(1, 0, 64);
	start(&vmmu_native, 0);
	read_page(A);
	refs_of(C);
	t_eq(s.cell[1][0].near, 1);
	end();
}

Test(entries, flushes_empty_them)
{
	begin_pages(4);
	entries_of(1, 0, 8);
	start(&vmmu_native, 0);
	read_page(A);
	t_eq(vmmu_set_cr3(cpu, TABLES), VMMU_OK);
	t_eq(refs_of(A), 4);
	t_eq(near_in_column(0), 0);
	t_eq(vmmu_invlpg(cpu, vmmu_gva(C)), VMMU_OK);
	t_eq(refs_of(A), 4);
	t_eq(near_in_column(0), 0);
	end();
}

/* ---- data caches ---------------------------------------------------------------------------- */

static void add_cache(unsigned sets, unsigned ways, unsigned latency)
{
	m.cache[m.nr_caches++] =
		(struct vmmu_data_cache){ sets, (uint16_t)ways, (uint16_t)latency };
	m.memory = 1000;
}

Test(data_caches, nearest_that_holds_the_line_serves)
{
	begin_pages(4);
	add_cache(1, 2, 4);
	add_cache(1, 4, 12);
	add_cache(64, 4, 40);
	start(&vmmu_native, 0);
	t_eq(refs_of(A), 4);
	t_eq(s.memory, 4);
	t_eq(s.walk_cycles, 4 * 1000);
	/* Four lines: too many for the first cache, just enough for the second. */
	t_eq(refs_of(B), 4);
	t_eq(s.cache_hits[0], 0);
	t_eq(s.cache_hits[1], 4);
	t_eq(s.memory, 0);
	t_eq(s.walk_cycles, 4 * 12);
	/* Another line for the leaf entry, and the one too many for a circle of four. */
	t_eq(refs_of(FAR), 4);
	t_eq(s.memory, 1);
	t_eq(refs_of(A), 4);
	t_eq(s.memory, 0);
	t_true(s.cache_hits[2] > 0);
	end();
}

Test(data_caches, cells_have_the_cycles_of_who_served_them)
{
	unsigned g;

	begin_pages(4);
	add_cache(64, 8, 4);
	start(&vmmu_native, 0);
	read_page(A);
	/* Levels 4 to 2 are other lines of their tables only for level 1. */
	refs_of(FAR);
	for (g = 1; g <= 4; g++)
		t_eq(s.cell[g][0].cycles, g == 1 ? 1000 : 4);
	t_eq(s.walk_cycles, 3 * 4 + 1000);
	t_eq(s.cache_hits[0], 3);
	t_eq(s.memory, 1);
	end();
}

Test(data_caches, walks_begin_where_the_model_says)
{
	begin_pages(4);
	add_cache(64, 8, 4);
	add_cache(64, 8, 12);
	m.walk_from = 1;
	start(&vmmu_native, 0);
	read_page(A);
	t_eq(refs_of(A), 4);
	t_eq(s.cache_hits[0], 0);
	t_eq(s.cache_hits[1], 4);
	t_eq(s.walk_cycles, 4 * 12);
	end();
	begin_pages(4);
	add_cache(64, 8, 4);
	m.walk_from = 1;
	start(&vmmu_native, 0);
	read_page(A);
	t_eq(refs_of(A), 4);
	t_eq(s.memory, 4);
	t_eq(s.cache_hits[0], 0);
	end();
}

/* An access to where the table lies brings the line that the next walk reads. */
Test(data_caches, guest_accesses_share_them_if_the_model_says_so)
{
	uint64_t table;

	begin_pages(4);
	table = *entry_at(*entry_at(*entry_at(TABLES, A, 4) & ADDR, A, 3) & ADDR, A, 2) & ADDR;
	map(GIB, table, 1);
	add_tlb(1, BOTH, ANY_SIZE, 1, 8);
	add_cache(64, 8, 4);
	m.data_accesses = 1;
	start(&vmmu_native, 0);
	read_page(GIB + (A >> 12 & 511) * 8);
	t_eq(stats()->data_refs, 1);
	t_eq(s.data_cycles, 1000);
	read_page(GIB + (A >> 12 & 511) * 8);
	t_eq(stats()->data_refs, 2);
	t_eq(s.data_cycles, 1000 + 4);
	refs_of(A);
	t_eq(s.cell[1][0].cycles, 4);
	end();
	begin_pages(4);
	add_cache(64, 8, 4);
	start(&vmmu_native, 0);
	read_page(A);
	t_eq(stats()->data_refs, 0);
	t_eq(s.data_cycles, 0);
	end();
}

/* ---- sums --------------------------------------------------------------------------------------
 */

static void big_model(void)
{
	add_tlb(1, VMMU_TLB_DATA, VMMU_TLB_4K, 2, 4);
	add_tlb(1, VMMU_TLB_DATA, VMMU_TLB_2M | VMMU_TLB_1G, 1, 4);
	add_tlb(1, VMMU_TLB_CODE, VMMU_TLB_4K, 4, 2);
	add_tlb(2, BOTH, VMMU_TLB_4K | VMMU_TLB_2M, 8, 2);
	m.tlb[3].latency = 7;
	m.tlb[3].replace = VMMU_REPLACE_RANDOM;
	m.links[1] = (struct vmmu_cache_shape){ 2, 2 };
	m.links[2] = m.links[3] = (struct vmmu_cache_shape){ 1, 2 };
	m.nested_links[1] = (struct vmmu_cache_shape){ 2, 2 };
	m.nested_tlb_replace = VMMU_REPLACE_FIFO;
	nested_tlb_of(4, 1);
	entries_of(2, 1, 16);
	m.entries.shape.ways = 8;
	add_cache(4, 2, 4);
	add_cache(16, 4, 12);
	add_cache(64, 4, 40);
	m.data_accesses = 1;
}

static void sums_hold(void)
{
	struct vmmu_stats st = { .size = sizeof(st) };
	uint64_t refs = 0, near = 0, cycles = 0, hits = 0;
	unsigned g, n;

	vmmu_get_stats(vm, &st);
	stats();
	for (g = 0; g <= VMMU_LEVELS; g++) {
		for (n = 0; n <= VMMU_LEVELS; n++) {
			refs += s.cell[g][n].refs;
			near += s.cell[g][n].near;
			cycles += s.cell[g][n].cycles;
		}
		hits += s.nested_hits[g];
		t_true(s.nested_hits[g] <= s.nested_looks[g]);
	}
	t_eq(refs, st.walk_refs);
	t_eq(near + s.cache_hits[0] + s.cache_hits[1] + s.cache_hits[2] + s.memory, refs);
	t_eq(cycles + hits * m.nested_tlb_latency, s.walk_cycles);
	t_eq(near * 2 + s.cache_hits[0] * 4 + s.cache_hits[1] * 12 + s.cache_hits[2] * 40 +
		     s.memory * 1000,
	     cycles);
	t_eq(s.walks[0] + s.walks[1], st.event[VMMU_EV_WALK]);
	t_eq(s.tlb_cycles, s.tlb_hits[3] * 7);
	t_true(refs > 1000 && near && s.memory && s.cache_hits[2] && s.tlb_hits[3] &&
	       s.link_hits[1]);
}

/* Pages of all sizes, and entries whose A and D bits are clear. */
static void begin_mix(void)
{
	unsigned i;

	begin(4);
	for (i = 0; i < 64; i++) {
		map(GIB + i * 68 * KIB, 256 * MIB + i * 4 * KIB, 1);
		map(4 * GIB + i * 2 * MIB, 512 * MIB + i * 2 * MIB, 2);
		*entry_at(TABLES, GIB, 4) &= ~(uint64_t)0x20;
	}
	map(64 * GIB, GIB, 3);
	for (i = 0; i < 0x40000; i += 8)
		if (i % 40 == 0)
			*(uint64_t *)(void *)(ram + TABLES + i) &= ~(uint64_t)0x60;
}

static void mixed_accesses(unsigned n)
{
	uint64_t x = 88172645463325252u;
	uint64_t at[3];
	unsigned i;

	for (i = 0; i < n; i++) {
		chance(&x);
		at[0] = GIB + (x >> 8 & 63) * 68 * KIB;
		at[1] = 4 * GIB + (x >> 8 & 63) * 2 * MIB + (x >> 20 & 511) * 4 * KIB;
		at[2] = 64 * GIB + (x >> 8 & 255) * 4 * MIB;
		touch(at[(x >> 40) % 3], (uint32_t)((x >> 50) % 3));
		if (x >> 56 == 0)
			t_eq(vmmu_set_cr3(cpu, TABLES), VMMU_OK);
		if (x >> 56 == 1)
			t_eq(vmmu_invlpg(cpu, vmmu_gva(at[0])), VMMU_OK);
	}
}

Test(sums, every_reference_is_in_one_cell_and_one_level)
{
	static const struct vmmu_backend *const be[] = { &vmmu_native, &vmmu_shadow,
							 &vmmu_nested_npt, &vmmu_nested_ept };
	unsigned i, flush;

	for (i = 0; i < 4; i++) {
		for (flush = 0; flush < 2; flush++) {
			begin_mix();
			big_model();
			m.exits_flush = (uint8_t)flush;
			start(be[i], 4 * KIB);
			mixed_accesses(4000);
			sums_hold();
			vmmu_clear_stats(vm);
			t_eq(stats()->walk_cycles, 0);
			mixed_accesses(4000);
			sums_hold();
			end();
		}
	}
}

/* ---- what no CPU can be
 * --------------------------------------------------------------------------- */

/* The reason names the structure, and no VM is made of it. */
static void refused(const char *word)
{
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config native = { &range, 1, GIB };
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &vmmu_native,
				 .backend_config = &native };
	const char *why = vmmu_silicon_wrong(&m);
	struct vmmu *made = NULL;

	t_check(why && strstr(why, word), "\"%s\" does not say \"%s\"", why ? why : "(right)",
		word);
	c.base = ram;
	c.silicon = &m;
	t_eq(vmmu_create(&c, &made), VMMU_EINVAL);
	t_true(!made);
}

static void begin_big(void)
{
	begin(4);
	big_model();
	t_true(!vmmu_silicon_wrong(&m));
}

Test(wrong, tlbs)
{
	static const struct vmmu_cache_shape bad[] = { { 3, 4 },    { 0, 0 }, { 4, 0 },
						       { 0, 4 },    { 6, 1 }, { 32768, 2 },
						       { 256, 256 } };
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin_big();
		m.tlb[3].shape = bad[i];
		refused("a TLB needs ways");
	}
	begin_big();
	m.nr_tlbs = VMMU_TLBS + 1;
	refused("too many TLBs");
	begin_big();
	m.tlb[1].level = 0;
	refused("level is 1 or 2");
	m.tlb[1].level = 3;
	refused("level is 1 or 2");
	begin_big();
	m.tlb[0].serves = 0;
	refused("serves data");
	m.tlb[0].serves = 4;
	refused("serves data");
	begin_big();
	m.tlb[0].sizes = 0;
	refused("holds pages");
	m.tlb[0].sizes = 8;
	refused("holds pages");
	begin_big();
	m.tlb[2].replace = VMMU_REPLACE_RANDOM + 1;
	refused("replacement");
}

Test(wrong, walk_caches)
{
	static const struct vmmu_cache_shape bad[] = { { 3, 4 }, { 4, 0 }, { 0, 4 }, { 256, 256 } };
	unsigned i, level;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (level = 0; level < VMMU_LEVELS; level++) {
			begin_big();
			m.links[level] = bad[i];
			refused("links");
			begin_big();
			m.nested_links[level] = bad[i];
			refused("links");
		}
		begin_big();
		m.nested_tlb = bad[i];
		refused("nested TLB");
		begin_big();
		m.entries.shape = bad[i];
		refused("entry cache");
	}
	begin_big();
	m.nested_tlb_replace = VMMU_REPLACE_RANDOM + 1;
	refused("nested TLB");
	begin_big();
	m.entries.replace = VMMU_REPLACE_RANDOM + 1;
	refused("entry cache");
}

Test(wrong, lines_of_the_entry_cache)
{
	unsigned line;

	for (line = 0; line < 256; line++) {
		begin_big();
		m.entries.line = (uint8_t)line;
		if (line == 8 || line == 16 || line == 32 || line == 64)
			t_true(!vmmu_silicon_wrong(&m));
		else
			refused("line");
		m.entries.shape = (struct vmmu_cache_shape){ 0, 0 };
		t_true(!vmmu_silicon_wrong(&m));
	}
}

Test(wrong, data_caches)
{
	begin_big();
	m.cache[1].sets = 0;
	refused("data cache");
	m.cache[1].sets = 3;
	refused("data cache");
	m.cache[1].sets = 1u << 25;
	refused("data cache");
	begin_big();
	m.cache[2].ways = 0;
	refused("data cache");
	begin_big();
	m.nr_caches = VMMU_DATA_CACHES + 1;
	refused("data caches at most");
	begin_big();
	m.walk_from = 4;
	refused("walks begin");
	m.walk_from = 3;
	t_true(!vmmu_silicon_wrong(&m));
}

Test(wrong, model_beside_the_short_way_of_saying_it)
{
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config native = { &range, 1, GIB };
	const struct vmmu_config right = { .size = sizeof(right),
					   .backend = &vmmu_native,
					   .backend_config = &native,
					   .silicon = &m };
	struct vmmu_config c;

	begin_big();
	c = right;
	c.base = ram;
	c.l1 = (struct vmmu_tlb_geometry){ 4, 4 };
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	c = right;
	c.base = ram;
	c.pwc_entries = 1;
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	c = right;
	c.base = ram;
	c.nested_entries = 1;
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	c = right;
	c.base = ram;
	m.size = 0;
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	m.size = sizeof(m);
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

/* Statistics of a caller that was built with an older, shorter struct. */
Test(wrong, statistics_stay_within_the_size_that_is_given)
{
	struct vmmu_silicon_stats small;

	begin_pages(4);
	start(&vmmu_native, 0);
	read_page(A);
	memset(&small, 0xaa, sizeof(small));
	small.size = offsetof(struct vmmu_silicon_stats, walks);
	vmmu_get_silicon(cpu, &small);
	t_eq(small.size, offsetof(struct vmmu_silicon_stats, walks));
	t_eq(small.tlb_misses, 1);
	t_eq(small.walks[0], 0xaaaaaaaaaaaaaaaa);
	end();
}

/* ---- what is cached, told ------------------------------------------------------ */

struct heard {
	unsigned nr[4]; /* by enum vmmu_cached_in */
	struct vmmu_cached last[4];
};

static void hear(void *ctx, const struct vmmu_cached *e)
{
	struct heard *h = ctx;

	h->nr[e->in]++;
	h->last[e->in] = *e;
}

static struct heard hear_all(void)
{
	struct heard h;

	memset(&h, 0, sizeof(h));
	vmmu_each_cached(cpu, hear, &h);
	return h;
}

Test(silicon, each_cached_entry_is_told)
{
	struct heard h;

	begin(4);
	m.tlb[0] = (struct vmmu_tlb_model){ .shape = { 1, 4 },
					    .level = 1,
					    .serves = VMMU_TLB_DATA | VMMU_TLB_CODE,
					    .sizes = VMMU_TLB_4K | VMMU_TLB_2M };
	m.nr_tlbs = 1;
	m.links[1] = (struct vmmu_cache_shape){ 1, 4 };
	m.nested_links[1] = (struct vmmu_cache_shape){ 1, 4 };
	m.nested_tlb = (struct vmmu_cache_shape){ 1, 32 };
	map(0x5000, 0x123000, 1);
	start(&vmmu_nested_npt, 4 * KIB);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB], 0);
	touch(0x5008, VMMU_READ);
	vmmu_hw_flush(cpu);
	touch(0x5008, VMMU_READ);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB], 1);
	t_eq(h.last[VMMU_IN_TLB].ia, 0x5000);
	t_eq(h.last[VMMU_IN_TLB].gpa, 0x123000);
	t_eq(h.last[VMMU_IN_TLB].oa, (uintptr_t)ram + 0x123000);
	t_eq(h.last[VMMU_IN_TLB].shift, 12);
	t_eq(h.last[VMMU_IN_TLB].rights, VMMU_RWXU);
	t_eq(h.nr[VMMU_IN_LINKS], 1);
	t_eq(h.last[VMMU_IN_LINKS].ia, 0);
	t_eq(h.last[VMMU_IN_LINKS].level, 1);
	t_eq(h.last[VMMU_IN_LINKS].shift, 21);
	t_true(h.nr[VMMU_IN_NESTED_LINKS] >= 1);
	t_true(h.nr[VMMU_IN_NESTED_TLB] >= 5);
	t_eq(h.last[VMMU_IN_NESTED_TLB].gpa, h.last[VMMU_IN_NESTED_TLB].ia);
	t_eq(h.last[VMMU_IN_NESTED_TLB].oa, (uintptr_t)ram + h.last[VMMU_IN_NESTED_TLB].ia);
	t_eq(vmmu_invlpg(cpu, vmmu_gva(0x5000)), VMMU_OK);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB], 0);
	end();
}

Test(silicon, told_where_nothing_is_modelled_there_is_nothing)
{
	struct heard h;

	begin(4);
	map(0x5000, 0x123000, 1);
	start(&vmmu_native, 4 * KIB);
	touch(0x5008, VMMU_READ);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB] + h.nr[VMMU_IN_LINKS] + h.nr[VMMU_IN_NESTED_TLB], 0);
	end();
}
