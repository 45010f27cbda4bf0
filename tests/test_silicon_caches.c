/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a CPU's translation hardware: links, the nested TLB, caches of entries and of data.
 * Not here: TLBs (test_silicon.c), what may be configured (test_silicon_config.c).
 * Keeps: each test says which walks it expects and what each of them reads.
 */
#include "silicon_rig.h"

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
