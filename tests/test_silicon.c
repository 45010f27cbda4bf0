/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a CPU's translation hardware: what its TLBs keep, what they answer, how they are
 * shared and flushed, and that every reference is counted once.
 * Not here: the other caches (test_silicon_caches.c); which invalidation drops what (`vmmu check`
 * and its oracle).
 * Keeps: each test says which walks it expects and what each of them reads.
 */
#include "silicon_rig.h"

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
