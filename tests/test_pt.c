/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder and iterator (vmmu_pt_*): mapping, splitting, changing ranges, iterating; one suite
 * for every host format and for an odd one.
 * Not here: random sequences and the check (test_pt_check.c); what the library's backends do.
 * Keeps: what pt_rig.h says.
 */
#include "pt_rig.h"

static void maps(uint64_t ia, uint64_t oa, unsigned level, unsigned rights)
{
	struct vmmu_leaf l;

	t_check(vmmu_pt_lookup(&pt, ia, &l), "%s: nothing at 0x%" PRIx64, form->fmt->name, ia);
	t_check(l.oa == oa && l.level == level && l.rights == expressible(rights),
		"%s: 0x%" PRIx64 " -> 0x%" PRIx64 " level %u rights %x, not 0x%" PRIx64
		" level %u rights %x",
		form->fmt->name, ia, l.oa, l.level, l.rights, oa, level, expressible(rights));
}

static void absent(uint64_t ia)
{
	struct vmmu_leaf l;

	t_check(!vmmu_pt_lookup(&pt, ia, &l), "%s: 0x%" PRIx64 " is mapped", form->fmt->name, ia);
}

/* ---- mapping -------------------------------------------------------------------------------- */

Test(pt, an_empty_tree_maps_nothing)
{
	FOR_EACH_FORM(0)
	{
		absent(0);
		absent(BIT(width() - 1));
		agrees(0);
		t_eq(nr_tables(), form->fixed);
	}
}

Test(pt, a_leaf_of_each_level_maps_its_whole_page_and_no_more)
{
	unsigned level;

	FOR_EACH_FORM(0)
	{
		for (level = 1; level <= form->leaves; level++) {
			uint64_t ia = 5 * size_of(level), oa = 9 * size_of(level);

			t_eq(map(ia + 0x123, oa + 0x123, level, VMMU_RWXU), VMMU_PT_CHANGED);
			maps(ia, oa, level, VMMU_RWXU);
			maps(ia + size_of(level) - 1, oa + size_of(level) - 1, level, VMMU_RWXU);
			absent(ia - 1);
			absent(ia + size_of(level));
			agrees(ia + 0x345);
			agrees(ia - 1);
			t_true(vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP) > 0);
		}
	}
}

Test(pt, rights_keys_a_and_d_come_back)
{
	unsigned rights, ad, level;

	FOR_EACH_FORM(0)
	{
		for (rights = 0; rights < 16; rights++) {
			/* What EPT cannot express is not for a backend to ask. */
			if (form->fmt->bad_rwx && !(rights & VMMU_R))
				continue;
			for (ad = 0; ad < 4; ad++) {
				for (level = 1; level <= form->leaves; level++) {
					struct vmmu_leaf l = { .ia = 0,
							       .oa = 0,
							       .level = (uint8_t)level,
							       .rights = (uint8_t)rights,
							       .pkey = form->pkey ? 13 : 0,
							       .accessed = ad & 1,
							       .dirty = ad >> 1 };
					struct vmmu_leaf is;

					vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
					t_true(vmmu_pt_map(&pt, &l) >= 0);
					t_true(vmmu_pt_lookup(&pt, 0x10, &is));
					t_eq(is.rights, expressible(rights));
					t_eq(is.pkey, l.pkey);
					t_eq(is.accessed, l.accessed);
					t_eq(is.dirty, l.dirty);
					agrees(0x10);
				}
			}
		}
	}
}

Test(pt, mapping_the_same_again_changes_nothing)
{
	FOR_EACH_FORM(0)
	{
		t_eq(map(0x5000, 0x7000, 1, VMMU_RWXU), VMMU_PT_CHANGED);
		t_eq(map(0x5000, 0x7000, 1, VMMU_RWXU), 0);
	}
}

Test(pt, a_flush_is_owed_for_less_rights_and_another_page_only)
{
	FOR_EACH_FORM(0)
	{
		map(0x5000, 0x7000, 1, VMMU_R | VMMU_X | VMMU_U);
		t_eq(map(0x5000, 0x7000, 1, VMMU_RWXU), VMMU_PT_CHANGED);
		t_eq(map(0x5000, 0x7000, 1, VMMU_R | VMMU_X | VMMU_U),
		     VMMU_PT_CHANGED | VMMU_PT_FLUSH);
		t_eq(map(0x5000, 0x8000, 1, VMMU_R | VMMU_X | VMMU_U),
		     VMMU_PT_CHANGED | VMMU_PT_FLUSH);
		maps(0x5000, 0x8000, 1, VMMU_R | VMMU_X | VMMU_U);
	}
}

Test(pt, mapping_again_keeps_what_silicon_has_set)
{
	struct vmmu_leaf l = { .ia = 0x5000,
			       .oa = 0x7000,
			       .level = 1,
			       .rights = VMMU_RWXU,
			       .accessed = 1,
			       .dirty = 1 };

	FOR_EACH_FORM(0)
	{
		struct vmmu_leaf is;

		vmmu_pt_map(&pt, &l);
		map(0x5000, 0x7000, 1, VMMU_R);
		t_true(vmmu_pt_lookup(&pt, 0x5000, &is));
		t_eq(is.dirty, 1);
		t_eq(is.accessed, 1);
	}
}

Test(pt, the_upper_half_is_found_under_its_sign_extended_address)
{
	FOR_EACH_FORM(0)
	{
		uint64_t up = ~UINT64_C(0) << (width() - 1);

		if (form->fmt->style != VMMU_STYLE_X86)
			continue;
		if (form->fmt == &vmmu_fmt_pae)
			up = 0x80000000; /* a linear address of 32 bits has no more */
		map(up | 0x5000, 0x7000, 1, VMMU_RWXU);
		maps(up | 0x5000, 0x7000, 1, VMMU_RWXU);
		agrees(up | 0x5000);
		t_eq(vmmu_pt_change(&pt, up | 0x5000, K4, VMMU_CHANGE_ZAP), 1);
		absent(up | 0x5000);
	}
}

/* INVLPG of an address of a Linux kernel found no table to look in. */
Test(pt, a_sign_extended_range_is_a_range_of_the_tables)
{
	const uint64_t ia = 0xffffffffff200000;
	struct vmmu_pt_iter it;

	start(&forms[1], 0, 0);
	map(ia, 0x200000, 2, VMMU_RWXU);
	vmmu_pt_first(&it, &pt, ia, ia + 0xfff);
	t_true(it.table != NULL);
	t_eq(vmmu_pt_change(&pt, ia, K4, VMMU_CHANGE_ZAP), 1);
	absent(ia);
	map(0xfffffffffffff000, 0x3000, 1, VMMU_RWXU);
	t_eq(vmmu_pt_change(&pt, 0xfffffffffffff000, K4, VMMU_CHANGE_ZAP), 1);
	absent(0xfffffffffffff000);
	finish();
}

/* ---- splitting, replacing -----------------------------------------------------------------------
 */

Test(pt, split_keeps_other_pages)
{
	unsigned level;
	uint64_t i;

	FOR_EACH_FORM(0)
	{
		for (level = 2; level <= form->leaves; level++) {
			uint64_t size = size_of(level), ia = 3 * size, oa = 7 * size;
			uint64_t hole = 2 * K4;

			vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
			map(ia, oa, level, VMMU_R | VMMU_W | VMMU_U);
			t_true(map(ia + hole, 0x5000, 1, VMMU_RWXU) & VMMU_PT_FLUSH);
			maps(ia + hole, 0x5000, 1, VMMU_RWXU);
			maps(ia, oa, 1, VMMU_R | VMMU_W | VMMU_U);
			for (i = 0; i<size; i += size / 64> K4 ? size / 64 : K4) {
				struct vmmu_leaf l;

				if (i == hole)
					continue;
				t_true(vmmu_pt_lookup(&pt, ia + i, &l));
				t_eq(l.oa, oa + i);
				t_eq(l.rights, expressible(VMMU_R | VMMU_W | VMMU_U));
				agrees(ia + i);
			}
			absent(ia - 1);
			absent(ia + size);
		}
	}
}

Test(pt, split_keeps_a_d_key_gpa_and_note)
{
	FOR_EACH_FORM(VMMU_PT_GPAS)
	{
		uint64_t size = size_of(form->leaves);
		struct vmmu_leaf l = { .ia = 0,
				       .oa = size,
				       .gpa = 2 * size,
				       .note = 0x2b,
				       .level = (uint8_t)form->leaves,
				       .rights = VMMU_RWXU,
				       .pkey = form->pkey ? 6 : 0,
				       .accessed = 1,
				       .dirty = 1 };
		struct vmmu_leaf is;

		vmmu_pt_map(&pt, &l);
		map(0, 0x5000, 1, VMMU_RWXU);
		t_true(vmmu_pt_lookup(&pt, size - K4 + 0x123, &is));
		t_eq(is.oa, 2 * size - K4 + 0x123);
		t_eq(is.gpa, 3 * size - K4 + 0x123);
		t_eq(is.note, 0x2b);
		t_eq(is.pkey, l.pkey);
		t_eq(is.accessed, 1);
		t_eq(is.dirty, 1);
		t_true(vmmu_pt_lookup(&pt, K4, &is));
		t_eq(is.level, 1);
		t_eq(is.gpa, 2 * size + K4);
		t_eq(is.note, 0x2b);
		t_true(vmmu_pt_lookup(&pt, 0, &is));
		t_eq(is.note, 0);
	}
}

Test(pt, a_large_leaf_replaces_tables_and_they_go_back)
{
	FOR_EACH_FORM(0)
	{
		unsigned level = form->leaves, before;
		uint64_t size = size_of(level);

		map(size, 0, level, VMMU_RWXU);
		before = nr_tables();
		map(0, 0x5000, 1, VMMU_RWXU);
		map(size - K4, 0x6000, 1, VMMU_RWXU);
		t_true(nr_tables() > before);
		t_eq(map(0, 2 * size, level, VMMU_R | VMMU_U), VMMU_PT_CHANGED | VMMU_PT_FLUSH);
		maps(0, 2 * size, level, VMMU_R | VMMU_U);
		maps(size - K4, 3 * size - K4, level, VMMU_R | VMMU_U);
		maps(size, 0, level, VMMU_RWXU);
		agrees(0x5678);
		/* Retired tables go at the latest when a vCPU comes in. */
		vmmu_invlpg(vmmu_cpu(vm, 0), vmmu_gva(0));
		t_eq(nr_tables(), before);
	}
}

Test(pt, without_a_table_a_map_leaves_every_mapping_as_it_was)
{
	unsigned f;

	for (f = 0; f < NR_FORMS; f++) {
		unsigned level = forms[f].leaves;

		/* The backend's root, this tree's tables, and none for a split. */
		start(&forms[f], 0, 0);
		map(0, 0, level, VMMU_RWXU);
		level = nr_tables();
		finish();
		start(&forms[f], 0, level + 1 < 8 ? 8 : level + 1);
		level = forms[f].leaves;
		map(0, 0, level, VMMU_RWXU);
		/* Use up what is left. */
		while (map(2 * size_of(form->fmt->top - 1) + nr_tables() * size_of(2), 0x5000, 1,
			   VMMU_RWXU) >= 0)
			;
		t_eq(map(0x5000, 0x7000, 1, VMMU_RWXU), VMMU_ENOMEM);
		maps(0x5000, 0x5000, level, VMMU_RWXU);
		maps(0, 0, level, VMMU_RWXU);
		finish();
	}
}

/* ---- changing ranges --------------------------------------------------------------------------
 */

Test(pt, zap_takes_every_leaf_that_intersects_and_no_other)
{
	FOR_EACH_FORM(0)
	{
		uint64_t size = size_of(2), i;

		for (i = 0; i < 4; i++)
			map(i * size, i * size, 2, VMMU_RWXU);
		for (i = 0; i < 4; i++)
			map(8 * size + i * K4, i * K4, 1, VMMU_RWXU);
		/* The last byte of one, all of the next, the first byte of the third. */
		t_eq(vmmu_pt_change(&pt, size - 1, size + 2, VMMU_CHANGE_ZAP), 3);
		absent(0);
		absent(size);
		absent(2 * size);
		maps(3 * size, 3 * size, 2, VMMU_RWXU);
		t_true(vmmu_pt_change(&pt, 8 * size + K4, 2 * K4, VMMU_CHANGE_ZAP) >= 2);
		maps(8 * size, 0, 1, VMMU_RWXU);
		absent(8 * size + K4);
		absent(8 * size + 2 * K4);
		maps(8 * size + 3 * K4, 3 * K4, 1, VMMU_RWXU);
		t_eq(vmmu_pt_change(&pt, 5 * size, size, VMMU_CHANGE_ZAP), 0);
	}
}

Test(pt, zap_of_everything_leaves_the_root_alone)
{
	FOR_EACH_FORM(0)
	{
		uint64_t ia;

		for (ia = 0; ia < BIT(width()); ia += BIT(width() - 3))
			map(ia, 0x5000, 1, VMMU_RWXU);
		t_true(nr_tables() > form->fixed);
		t_true(vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP) >= 8);
		vmmu_invlpg(vmmu_cpu(vm, 0), vmmu_gva(0));
		t_eq(nr_tables(), form->fixed);
		absent(0);
		/* And it can be filled again: fixed tables are still linked. */
		map(0x5000, 0x7000, 1, VMMU_RWXU);
		agrees(0x5000);
		maps(0x5000, 0x7000, 1, VMMU_RWXU);
	}
}

Test(pt, wrprot_takes_the_right_from_a_large_leaf_whole)
{
	FOR_EACH_FORM(0)
	{
		uint64_t size = size_of(form->leaves);
		struct vmmu_leaf l;

		map(0, size, form->leaves, VMMU_RWXU);
		map(size, size, 1, VMMU_RWXU);
		t_eq(vmmu_pt_change(&pt, 3 * K4, 2 * K4, VMMU_CHANGE_WRPROT), 1);
		maps(2 * K4, size + 2 * K4, form->leaves, VMMU_R | VMMU_X | VMMU_U);
		agrees(3 * K4);
		t_eq(vmmu_pt_change(&pt, 3 * K4, 2 * K4, VMMU_CHANGE_WRPROT), 0);
		maps(size, size, 1, VMMU_RWXU);
		/* A page of it that may be written to again splits it. */
		map(3 * K4, size + 3 * K4, 1, VMMU_RWXU);
		maps(2 * K4, size + 2 * K4, 1, VMMU_R | VMMU_X | VMMU_U);
		maps(3 * K4, size + 3 * K4, 1, VMMU_RWXU);
		t_true(vmmu_pt_lookup(&pt, 4 * K4, &l) && !(l.rights & VMMU_W));
	}
}

Test(pt, wrprot_pages_changes_those_of_the_bitmap)
{
	/* Pages 1, 63, 64, 600 and 1023 of those from page 2 on; 1024 is not asked for. */
	uint64_t pages[17] = { BIT(1) | BIT(63), 1, [9] = BIT(24), [15] = BIT(63), [16] = 1 };
	static const unsigned at[] = { 1, 63, 64, 600, 1023 };
	unsigned i, n;

	FOR_EACH_FORM(0)
	{
		for (n = 0; n < 1030; n++)
			if (n != 602)
				map(n * K4, n * K4, 1, VMMU_RWXU);
		/* One is not mapped, and stays so. */
		t_eq(vmmu_pt_wrprot_pages(&pt, 2 * K4, pages, 1024), 4);
		t_eq(vmmu_pt_wrprot_pages(&pt, 2 * K4, pages, 1024), 0);
		for (n = i = 0; n < 1030; n++) {
			if (i < 5 && n == at[i] + 2)
				i++;
			else if (n != 602)
				maps(n * K4, n * K4, 1, VMMU_RWXU);
		}
		absent(602 * K4);
		maps(65 * K4, 65 * K4, 1, VMMU_R | VMMU_X | VMMU_U);
		maps(1025 * K4, 1025 * K4, 1, VMMU_R | VMMU_X | VMMU_U);
	}
}

Test(pt, wrprot_leaves_a_large_read_only_leaf_whole)
{
	FOR_EACH_FORM(0)
	{
		map(0, 0, form->leaves, VMMU_R | VMMU_U);
		t_eq(vmmu_pt_change(&pt, 0, K4, VMMU_CHANGE_WRPROT), 0);
		maps(0, 0, form->leaves, VMMU_R | VMMU_U);
	}
}

Test(pt, young_counts_and_age_clears)
{
	struct vmmu_leaf l = {
		.ia = 0x5000, .oa = 0x7000, .level = 1, .rights = VMMU_RWXU, .accessed = 1
	};

	FOR_EACH_FORM(0)
	{
		vmmu_pt_map(&pt, &l);
		map(0x6000, 0x8000, 1, VMMU_RWXU);
		t_eq(vmmu_pt_change(&pt, 0, 16 * K4, VMMU_CHANGE_YOUNG), 1);
		t_eq(vmmu_pt_change(&pt, 0, 16 * K4, VMMU_CHANGE_AGE), 1);
		t_eq(vmmu_pt_change(&pt, 0, 16 * K4, VMMU_CHANGE_YOUNG), 0);
		maps(0x5000, 0x7000, 1, VMMU_RWXU);
		maps(0x6000, 0x8000, 1, VMMU_RWXU);
	}
}

Test(pt, without_a_bits_young_is_what_is_mapped_and_age_zaps)
{
	FOR_EACH_FORM(VMMU_PT_NO_AD)
	{
		map(0x5000, 0x7000, 1, VMMU_RWXU);
		t_eq(vmmu_pt_change(&pt, 0, 16 * K4, VMMU_CHANGE_YOUNG), 1);
		maps(0x5000, 0x7000, 1, VMMU_RWXU);
		t_eq(vmmu_pt_change(&pt, 0, 16 * K4, VMMU_CHANGE_AGE), 1);
		absent(0x5000);
	}
}

/* ---- the iterator -------------------------------------------------------------------------- */

Test(pt, the_iterator_visits_in_order_links_before_leaves)
{
	FOR_EACH_FORM(0)
	{
		struct vmmu_pt_iter it;
		uint64_t last = 0, seen[4] = { 0 }, link[VMMU_LEVELS + 2];
		unsigned leaves = 0;

		memset(link, 0xff, sizeof(link));

		map(0x3000, 0x3000, 1, VMMU_RWXU);
		map(0x5000, 0x5000, 1, VMMU_RWXU);
		map(5 * size_of(2), 0, 2, VMMU_RWXU);
		for (vmmu_pt_first(&it, &pt, 0, ~0ull); it.table; vmmu_pt_next(&it)) {
			t_true(it.ia >= last);
			last = it.ia;
			t_true(it.level <= form->fmt->top && it.level >= 1);
			t_true(it.path[it.level] == it.table);
			if (it.present && !it.leaf)
				link[it.level] = page_at(it.ia, it.level);
			if (it.leaf) {
				t_true(leaves < 3);
				seen[leaves++] = it.ia;
				t_eq(link[it.level + 1], page_at(it.ia, it.level + 1));
			}
		}
		t_eq(leaves, 3);
		t_eq(seen[0], 0x3000);
		t_eq(seen[1], 0x5000);
		t_eq(seen[2], 5 * size_of(2));
	}
}

Test(pt, the_iterator_stays_in_its_range)
{
	FOR_EACH_FORM(0)
	{
		struct vmmu_pt_iter it;
		unsigned leaves = 0, i;

		for (i = 0; i < 8; i++)
			map(i * K4, i * K4, 1, VMMU_RWXU);
		for (vmmu_pt_first(&it, &pt, 3 * K4 + 5, 5 * K4); it.table; vmmu_pt_next(&it)) {
			if (!it.leaf)
				continue;
			t_true(it.ia >= 3 * K4 && it.ia < 6 * K4);
			leaves++;
		}
		t_eq(leaves, 3);
	}
}

/* From first to last, the two iterators see the same entries that are not 0. */
static void used_are(uint64_t first, uint64_t last)
{
	struct vmmu_pt_iter it, used;

	vmmu_pt_first(&used, &pt, first, last);
	for (vmmu_pt_first(&it, &pt, first, last); it.table; vmmu_pt_next(&it)) {
		if (used.table && !used.entry)
			vmmu_pt_next_used(&used);
		if (!it.entry)
			continue;
		t_true(used.table == it.table);
		t_eq(used.index, it.index);
		t_eq(used.ia, it.ia);
		t_eq(used.entry, it.entry);
		t_eq(used.leaf, it.leaf);
		t_eq(vmmu_table_used(it.table, it.index), it.index);
		vmmu_pt_next_used(&used);
	}
	while (used.table && !used.entry)
		vmmu_pt_next_used(&used);
	t_true(!used.table);
}

Test(pt, next_used_passes_over_what_is_empty_and_nothing_else)
{
	static const unsigned at[] = { 0, 1, 3, 4, 5, 31, 32, 100, 510, 511 };
	unsigned i, k;

	FOR_EACH_FORM(0)
	{
		used_are(0, ~0ull);
		for (i = 0; i < sizeof(at) / sizeof(*at); i++) {
			map(at[i] * K4, at[i] * K4, 1, VMMU_RWXU);
			if (i % 2)
				map(at[i] * size_of(2) + 7 * K4, 0, 1, VMMU_RWXU);
			used_are(0, ~0ull);
			for (k = 0; k < sizeof(at) / sizeof(*at); k++) {
				used_are(at[k] * K4, ~0ull);
				used_are(0, at[k] * K4 + 5);
				used_are(at[k] * K4 + 5, at[k] * size_of(2) + 9 * K4);
			}
		}
		/* What has gone leaves empty tables. */
		vmmu_pt_change(&pt, 0, 400 * K4, VMMU_CHANGE_ZAP);
		used_are(0, ~0ull);
	}
}

Test(pt, descend_0_skips_what_is_below)
{
	FOR_EACH_FORM(0)
	{
		struct vmmu_pt_iter it;
		unsigned below = 0;

		map(0x3000, 0x3000, 1, VMMU_RWXU);
		map(3 * size_of(2) + 0x3000, 0x3000, 1, VMMU_RWXU);
		for (vmmu_pt_first(&it, &pt, 0, ~0ull); it.table; vmmu_pt_next(&it)) {
			if (it.level == 2 && it.ia == 0)
				it.descend = 0;
			if (it.level == 1) {
				t_true(it.ia >= 3 * size_of(2));
				below += it.leaf;
			}
		}
		t_eq(below, 1);
	}
}

Test(pt, the_leaf_under_the_iterator_is_what_lookup_says)
{
	FOR_EACH_FORM(VMMU_PT_GPAS)
	{
		struct vmmu_leaf l = { .ia = 0x5000,
				       .oa = 0x7000,
				       .gpa = 0x9000,
				       .note = 0x13,
				       .level = 1,
				       .rights = VMMU_R | VMMU_U,
				       .dirty = 1 };
		struct vmmu_leaf at, looked;
		struct vmmu_pt_iter it;

		vmmu_pt_map(&pt, &l);
		for (vmmu_pt_first(&it, &pt, 0, ~0ull); it.table && !it.leaf; vmmu_pt_next(&it))
			;
		t_true(it.table != NULL);
		vmmu_pt_leaf(&it, &at);
		t_true(vmmu_pt_lookup(&pt, 0x5000, &looked));
		t_eq(at.oa, looked.oa);
		t_eq(at.gpa, 0x9000);
		t_eq(looked.gpa, 0x9000);
		t_eq(at.note, 0x13);
		t_eq(at.rights, looked.rights);
		t_eq(at.dirty, 1);
	}
}

Test(pt, a_mark_is_zero_in_a_new_table_and_stays)
{
	FOR_EACH_FORM(0)
	{
		struct vmmu_pt_iter it;
		unsigned pass, tables = 0;

		map(0x3000, 0x3000, 1, VMMU_RWXU);
		for (pass = 0; pass < 2; pass++) {
			for (vmmu_pt_first(&it, &pt, 0, 0); it.table; vmmu_pt_next(&it)) {
				t_eq(*vmmu_table_mark(it.table), pass ? 40 + it.level : 0);
				*vmmu_table_mark(it.table) = (uint8_t)(40 + it.level);
				tables += !pass;
			}
		}
		t_eq(tables, form->fmt->top);
		vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
		map(0x3000, 0x3000, 1, VMMU_RWXU);
		for (vmmu_pt_first(&it, &pt, 0, 0); it.table; vmmu_pt_next(&it))
			if (it.level == 1)
				t_eq(*vmmu_table_mark(it.table), 0);
	}
}
