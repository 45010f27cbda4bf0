/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder and iterator (vmmu_pt_*), one suite for every host format and for an odd one.
 * Not here: what a backend does with a tree, but for one that lives in this file.
 * Keeps: every tree is judged against the silicon's walk of the same tables and a model of its own.
 */
#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>

#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define K4 UINT64_C(4096)

/* ---- formats ------------------------------------------------------------------------- */

/* 5/7/3/9/2 index bits and every bit somewhere else; as in test_walk.c. */
#define ODD_P BIT(1)
#define ODD_R BIT(50)
#define ODD_NOT_W BIT(3)
#define ODD_X BIT(57)
#define ODD_NOT_U BIT(60)
#define ODD_A BIT(11)
#define ODD_D BIT(62)
#define ODD_LEAF BIT(5)
#define ODD_LINK (ODD_P | ODD_R | ODD_X | ODD_A)

static const struct vmmu_fmt odd = {
	.name = "odd", .top = 5, .entry_bytes = 8, .style = VMMU_STYLE_X86, .canonical = 38,
	.addr = UINT64_C(0xfffffffff000), .present = ODD_P, .r = ODD_R, .w = ODD_NOT_W,
	.x = ODD_X, .u = ODD_NOT_U, .invert = ODD_NOT_W | ODD_NOT_U, .accessed = ODD_A,
	.dirty = ODD_D, .leaf_bit = ODD_LEAF, .leaf_set = ODD_P,
	.lv = {
		[1] = { .shift = 12, .bits = 2, .leaf = VMMU_LEAF_ALWAYS },
		[2] = { .shift = 14, .bits = 9, .leaf = VMMU_LEAF_BIT, .link = ODD_LINK },
		[3] = { .shift = 23, .bits = 3, .leaf = VMMU_LEAF_BIT, .link = ODD_LINK },
		[4] = { .shift = 26, .bits = 7, .leaf = VMMU_LEAF_NEVER, .link = ODD_LINK },
		[5] = { .shift = 33, .bits = 5, .leaf = VMMU_LEAF_NEVER, .link = ODD_LINK },
	},
};

struct form {
	const struct vmmu_fmt *fmt;
	unsigned leaves; /* highest level of a leaf */
	unsigned fixed;	 /* tables of an empty tree */
	unsigned rights; /* what an entry can withhold */
	int pkey;
};

static const struct form forms[] = {
	{ &vmmu_fmt_pae, 2, 5, VMMU_W | VMMU_X | VMMU_U, 0 },
	{ &vmmu_fmt_x64, 3, 1, VMMU_W | VMMU_X | VMMU_U, 1 },
	{ &vmmu_fmt_x64_la57, 3, 1, VMMU_W | VMMU_X | VMMU_U, 1 },
	{ &vmmu_fmt_npt, 3, 1, VMMU_W | VMMU_X | VMMU_U, 1 },
	{ &vmmu_fmt_npt5, 3, 1, VMMU_W | VMMU_X | VMMU_U, 1 },
	{ &vmmu_fmt_ept, 3, 1, VMMU_W | VMMU_X, 0 },
	{ &vmmu_fmt_ept5, 3, 1, VMMU_W | VMMU_X, 0 },
	{ &odd, 3, 1, VMMU_RWXU, 0 },
};
#define NR_FORMS (sizeof(forms) / sizeof(forms[0]))

static const struct form *form;

static uint64_t size_of(unsigned level)
{
	return BIT(form->fmt->lv[level].shift);
}

static uint64_t page_at(uint64_t ia, unsigned level)
{
	return ia & ~(size_of(level) - 1);
}

static unsigned width(void)
{
	return form->fmt->lv[form->fmt->top].shift + form->fmt->lv[form->fmt->top].bits;
}

/* ---- a backend of this file: a tree, filled by its faults --------------------------------- */

struct tiny {
	struct vmmu_pt pt;
	unsigned faults;
};

static const struct vmmu_fmt *tiny_fmt;
static uint32_t tiny_flags;
static uint16_t tiny_nested; /* entries of the nested TLB */

static uint64_t tiny_min_tables(const struct vmmu_config *config)
{
	(void)config;
	return 8;
}

static int tiny_init(struct vmmu *vm, const struct vmmu_config *config)
{
	struct tiny *t = vmmu_be_vm(vm);

	(void)config;
	return vmmu_pt_init(&t->pt, vm, tiny_fmt, tiny_flags);
}

static void tiny_fini(struct vmmu *vm)
{
	struct tiny *t = vmmu_be_vm(vm);

	vmmu_pt_fini(&t->pt);
}

static int tiny_load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct tiny *t = vmmu_be_vm(vmmu_cpu_vm(cpu));

	(void)why;
	vmmu_pt_paging(&t->pt, &vmmu_be_hw(cpu)->g, VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE);
	vmmu_be_hw(cpu)->intercept = VMMU_ICPT_PF;
	vmmu_be_hw(cpu)->gpa_from = VMMU_GPA_IN;
	return VMMU_OK;
}

static enum vmmu_fix_kind tiny_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				     struct vmmu_fix *fix)
{
	struct vmmu *vm = vmmu_cpu_vm(cpu);
	struct tiny *t = vmmu_be_vm(vm);
	int write = (exit->access & VMMU_TYPE_MASK) == VMMU_WRITE;
	struct vmmu_leaf leaf = { .ia = exit->gva.v, .accessed = 1, .dirty = (uint8_t)write };
	struct vmmu_page page;
	enum vmmu_page_kind kind = vmmu_be_page(vm, vmmu_gpa(exit->gva.v), write, &page, fix);

	t->faults++;
	if (kind != VMMU_PAGE_THERE)
		return vmmu_be_page_fix(kind);
	fix->event = VMMU_EV_EXIT_SHADOW_MISS;
	leaf.oa = page.hpa.v;
	leaf.level = page.level;
	leaf.rights = VMMU_R | VMMU_X | VMMU_U | (page.writable ? VMMU_W : 0);
	return vmmu_pt_map(&t->pt, &leaf) < 0 ? VMMU_FIX_NO_TABLES : VMMU_FIX_RETRY;
}

static uint64_t tiny_protect(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how)
{
	struct tiny *t = vmmu_be_vm(vm);

	return vmmu_pt_change(&t->pt, gpa.v, len, how);
}

static int identity_leaf(void *vm, const struct vmmu_pt *pt, const struct vmmu_leaf *leaf)
{
	struct vmmu_leaf l = *leaf;

	l.gpa = l.ia;
	return vmmu_be_check_leaf(vm, pt, &l);
}

static int tiny_check(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget)
{
	struct tiny *t = vmmu_be_vm(vm);
	int st = vmmu_pt_check(&t->pt, at, budget, identity_leaf, vm);

	at->tree = 0;
	return st;
}

static struct {
	unsigned nr;
	uint64_t gpa, len, value;
} stored;

/* Called after the store: what is there now is the new value. */
static void tiny_pt_write(struct vmmu *v, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, uint64_t len)
{
	(void)cpu;
	stored.nr++;
	stored.gpa = gpa.v;
	stored.len = len;
	vmmu_read(v, gpa, &stored.value, len < 8 ? len : 8, NULL);
}

static const struct vmmu_backend tiny_backend = {
	.name = "tiny",
	.vm_size = sizeof(struct tiny),
	.min_tables = tiny_min_tables,
	.init = tiny_init,
	.fini = tiny_fini,
	.load = tiny_load,
	.fault = tiny_fault,
	.protect = tiny_protect,
	.pt_write = tiny_pt_write,
	.check = tiny_check,
};

/* ---- the fixture ------------------------------------------------------------------------------
 */

static struct vmmu *vm;
static struct vmmu_pt pt;  /* the tree under test, beside the backend's own */
static uint64_t own_bytes; /* of tables without it */
static uint64_t events[VMMU_NR_EVENTS];

static void on_event(void *ctx, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx;
	(void)cpu;
	(void)a;
	(void)b;
	events[ev]++;
}

static uint64_t table_bytes(void)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s.table_bytes;
}

static void start(const struct form *f, uint32_t flags, uint64_t max_tables)
{
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &tiny_backend,
				 .max_tables = max_tables,
				 .cb.event = on_event };

	vmmu_destroy(vm); /* of a test that failed */
	vm = NULL;
	form = f;
	tiny_fmt = &vmmu_fmt_x64;
	tiny_flags = 0;
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	own_bytes = table_bytes();
	t_eq(vmmu_pt_init(&pt, vm, f->fmt, flags), VMMU_OK);
	memset(events, 0, sizeof(events));
}

static void finish(void)
{
	vmmu_pt_fini(&pt);
	t_check(table_bytes() == own_bytes, "%s: %u tables are left", form->fmt->name,
		(unsigned)((table_bytes() - own_bytes) / K4));
	vmmu_destroy(vm);
	vm = NULL;
}

static unsigned nr_tables(void)
{
	return (unsigned)((table_bytes() - own_bytes) / K4);
}

#define FOR_EACH_FORM(flags)                                                                       \
	for (unsigned f_ = 0; f_ < NR_FORMS && (start(&forms[f_], flags, 0), 1); finish(), f_++)

/* What a right-less entry of this format still grants. */
static unsigned expressible(unsigned rights)
{
	return rights | (VMMU_RWXU & ~form->rights);
}

static int map(uint64_t ia, uint64_t oa, unsigned level, unsigned rights)
{
	struct vmmu_leaf l = {
		.ia = ia, .oa = oa, .gpa = oa, .level = (uint8_t)level, .rights = (uint8_t)rights
	};

	return vmmu_pt_map(&pt, &l);
}

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

/* ---- silicon over the same tables --------------------------------------------------------- */

static void program(struct vmmu_hw *hw)
{
	const uint32_t ctl = VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE | VMMU_PG_XONLY;
	struct vmmu_paging *pg = form->fmt->style == VMMU_STYLE_X86 ? &hw->g : &hw->n;
	unsigned i;

	memset(hw, 0, sizeof(*hw));
	vmmu_pt_paging(&pt, pg, ctl);
	/* Nothing is reserved in the odd format; test_walk.c has the test of that. */
	for (i = 0; form->fmt == &odd && i < VMMU_LEVELS; i++)
		pg->wrong[i][0] = pg->wrong[i][1] = ODD_P;
	hw->bus.size = ~0ull;
}

static int silicon(uint64_t ia, uint32_t access, struct vmmu_walk *w)
{
	struct vmmu_hw hw;

	program(&hw);
	return vmmu_walk2(&hw, NULL, vmmu_gva(ia), access | VMMU_NO_AD, NULL, NULL, w);
}

/* Lookup says what a CPU would find. */
static void agrees(uint64_t ia)
{
	struct vmmu_walk w;
	struct vmmu_leaf l;
	int there = vmmu_pt_lookup(&pt, ia, &l), st;
	unsigned rights;

	if (!there) {
		t_check(silicon(ia, VMMU_READ, &w) == VMMU_WALK_NP, "%s: 0x%" PRIx64 ": status %u",
			form->fmt->name, ia, w.status);
		return;
	}
	/* Supervisor's write with WP, user's read: what says what the rights are. */
	st = silicon(ia, VMMU_READ, &w);
	rights = form->fmt->style == VMMU_STYLE_X86 ? w.rights : w.nrights;
	t_check(st == VMMU_WALK_OK ||
			(st == VMMU_WALK_PERM && form->fmt->style != VMMU_STYLE_X86) ||
			(st == VMMU_WALK_PERM && !(l.rights & VMMU_R)),
		"%s: 0x%" PRIx64 ": status %d", form->fmt->name, ia, st);
	t_check(rights == l.rights, "%s: 0x%" PRIx64 ": rights %x, not %x", form->fmt->name, ia,
		rights, l.rights);
	if (st != VMMU_WALK_OK)
		return;
	t_check(w.hpa.v == l.oa, "%s: 0x%" PRIx64 ": 0x%" PRIx64 ", not 0x%" PRIx64,
		form->fmt->name, ia, w.hpa.v, l.oa);
	t_eq(form->fmt->style == VMMU_STYLE_X86 ? w.level : w.nlevel, l.level);
	if (form->pkey && form->fmt->style == VMMU_STYLE_X86)
		t_eq(w.pkey, l.pkey);
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

/* ---- at random, against a model ------------------------------------------------------------- */

/* The model is the list of what was done; a page's state follows from reading it through. */
struct op {
	enum { MAP, ZAP, WRPROT, AGE, WRPROT_PAGES } kind;
	struct vmmu_leaf leaf;
	uint64_t lo, hi;   /* both included */
	uint64_t pages[3]; /* from lo on */
};

static struct op ops[160];
static unsigned nr_ops;
static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * UINT64_C(0x2545f4914f6cdd1d)) >> 11;
}

struct state {
	int there;
	struct vmmu_leaf l; /* of the page, at its first byte */
};

static void model_map(struct state *s, uint64_t ia, const struct vmmu_leaf *l)
{
	unsigned level = l->level, k;

	if (page_at(ia, level) == page_at(l->ia, level)) {
		struct vmmu_leaf was = s->l;
		/* Of a larger one, the part that ours takes the place of. */
		int same = s->there && was.level >= level &&
			   was.oa + (page_at(l->ia, level) - was.ia) == page_at(l->oa, level);

		s->there = 1;
		s->l = *l;
		s->l.ia = page_at(l->ia, level);
		s->l.oa = page_at(l->oa, level);
		s->l.gpa = page_at(l->gpa, level);
		if (same) {
			s->l.accessed |= was.accessed;
			s->l.dirty |= was.dirty;
		}
		return;
	}
	if (!s->there || s->l.level <= level ||
	    page_at(ia, s->l.level) != page_at(l->ia, s->l.level))
		return;
	/* A large page in the way is split; ours is the largest part without the new page. */
	for (k = s->l.level - 1; page_at(ia, k) == page_at(l->ia, k); k--)
		;
	s->l.oa += page_at(ia, k) - s->l.ia;
	s->l.gpa += page_at(ia, k) - s->l.ia;
	s->l.ia = page_at(ia, k);
	s->l.level = (uint8_t)k;
}

/* Whether the operation is of a page that the leaf maps. */
static int touches(const struct state *s, const struct op *o)
{
	uint64_t end = s->l.ia + size_of(s->l.level) - 1, at;

	if (s->l.ia > o->hi || end < o->lo)
		return 0;
	if (o->kind != WRPROT_PAGES)
		return 1;
	for (at = o->lo; at <= o->hi; at += K4)
		if (at >= s->l.ia && at <= end &&
		    (o->pages[(at - o->lo) / K4 / 64] >> ((at - o->lo) / K4 % 64) & 1))
			return 1;
	return 0;
}

static void model_change(struct state *s, const struct op *o)
{
	if (!s->there || !touches(s, o))
		return;
	if (o->kind == ZAP)
		s->there = 0;
	else if (o->kind == AGE)
		s->l.accessed = 0;
	else
		s->l.rights &= (uint8_t)~VMMU_W;
}

static struct state model(uint64_t ia)
{
	struct state s = { 0 };
	unsigned i;

	for (i = 0; i < nr_ops; i++) {
		if (ops[i].kind == MAP)
			model_map(&s, ia, &ops[i].leaf);
		else
			model_change(&s, &ops[i]);
	}
	return s;
}

/* Addresses meet often: around 0, around the largest leaf, and at the end of the space. */
static uint64_t some_ia(void)
{
	uint64_t near[3] = { 0, size_of(form->leaves) - 4 * K4, BIT(width()) - 2 * size_of(2) };
	uint64_t ia = near[rnd() % 3] + rnd() % 8 * K4;

	if (rnd() % 3 == 0)
		ia += rnd() % 3 * size_of(2);
	return ia & (BIT(width()) - 1);
}

static void random_map(struct op *o)
{
	unsigned level = 1 + (unsigned)(rnd() % form->leaves);
	unsigned rights = VMMU_R | (unsigned)(rnd() & VMMU_RWXU);
	uint64_t ia = some_ia(), low = ia & (size_of(level) - 1);

	o->kind = MAP;
	o->leaf = (struct vmmu_leaf){
		.ia = ia,
		.oa = rnd() % 4 * size_of(level) + low,
		.gpa = rnd() % 4 * size_of(level) + low,
		.note = rnd() % 63 + 1,
		.level = (uint8_t)level,
		.rights = (uint8_t)expressible(rights),
		.pkey = form->pkey ? rnd() % 16 : 0,
		.accessed = rnd() & 1,
		.dirty = rnd() & 1,
	};
	t_true(vmmu_pt_map(&pt, &o->leaf) >= 0);
}

static void random_change(struct op *o)
{
	static const enum vmmu_change how[] = { 0, VMMU_CHANGE_ZAP, VMMU_CHANGE_WRPROT,
						VMMU_CHANGE_AGE };
	uint64_t len = (1 + rnd() % 4) * (rnd() % 8 ? K4 : size_of(2));

	unsigned i;

	o->kind = 1 + rnd() % 4;
	o->lo = some_ia();
	if (o->kind == WRPROT_PAGES)
		len = (1 + rnd() % 192) * K4;
	if (o->lo + len > BIT(width()))
		len = BIT(width()) - o->lo;
	o->hi = o->lo + len - 1;
	for (i = 0; i < 3; i++)
		o->pages[i] = rnd() & rnd() & rnd();
	if (o->kind == WRPROT_PAGES)
		vmmu_pt_wrprot_pages(&pt, o->lo, o->pages, len / K4);
	else
		vmmu_pt_change(&pt, o->lo, len, how[o->kind]);
}

static void same_as_model(uint64_t ia)
{
	struct state s = model(ia);
	struct vmmu_leaf l;
	uint64_t low;

	t_check(vmmu_pt_lookup(&pt, ia, &l) == s.there, "%s: 0x%" PRIx64 " is%s mapped after %u",
		form->fmt->name, ia, s.there ? " not" : "", nr_ops);
	if (!s.there)
		return;
	low = ia - s.l.ia;
	t_check(l.oa == s.l.oa + low && l.gpa == s.l.gpa + low && l.level == s.l.level &&
			l.note == s.l.note && l.rights == s.l.rights && l.pkey == s.l.pkey &&
			l.accessed == s.l.accessed && l.dirty == s.l.dirty,
		"%s: 0x%" PRIx64 " -> 0x%" PRIx64 " level %u rights %x a %u d %u gpa 0x%" PRIx64
		", not 0x%" PRIx64 " level %u rights %x a %u d %u gpa 0x%" PRIx64 ", after %u",
		form->fmt->name, ia, l.oa, l.level, l.rights, l.accessed, l.dirty, l.gpa,
		s.l.oa + low, s.l.level, s.l.rights, s.l.accessed, s.l.dirty, s.l.gpa + low,
		nr_ops);
}

static uint64_t leaves_seen;

static int check_against_model(void *ctx, const struct vmmu_pt *tree, const struct vmmu_leaf *leaf)
{
	(void)ctx;
	(void)tree;
	leaves_seen++;
	same_as_model(leaf->ia);
	return VMMU_OK;
}

static void random_round(unsigned len)
{
	uint64_t up = form->fmt->canonical ? ~UINT64_C(0) << form->fmt->canonical : 0;
	unsigned i;

	for (nr_ops = 0; nr_ops < len;) {
		struct op *o = &ops[nr_ops];

		if (rnd() % 3)
			random_map(o);
		else
			random_change(o);
		nr_ops++;
		for (i = 0; i < 4; i++) {
			uint64_t ia = some_ia();

			same_as_model(ia);
			agrees(ia >> (width() - 1) & 1 ? ia | up : ia);
		}
	}
}

Test(pt, random_changes_answer_as_the_model_and_as_silicon)
{
	unsigned round;

	seed = 0x1234567;
	for (round = 0; round < 30; round++) {
		FOR_EACH_FORM(VMMU_PT_GPAS)
		{
			struct vmmu_cursor at = { 0, 0 };

			random_round(160);
			/* Too many leaves to compare each with the model, where some were split. */
			leaves_seen = 0;
			t_eq(vmmu_pt_check(&pt, &at, 400, check_against_model, NULL), VMMU_OK);
			vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
			vmmu_invlpg(vmmu_cpu(vm, 0), vmmu_gva(0));
			t_eq(nr_tables(), form->fixed);
		}
	}
}

/* ---- checking ----------------------------------------------------------------------------------
 */

static int any_leaf(void *ctx, const struct vmmu_pt *tree, const struct vmmu_leaf *leaf)
{
	(void)tree;
	(void)leaf;
	++*(unsigned *)ctx;
	return VMMU_OK;
}

static int check(unsigned *leaves)
{
	struct vmmu_cursor at = { 0, 0 };

	*leaves = 0;
	return vmmu_pt_check(&pt, &at, 1u << 20, any_leaf, leaves);
}

Test(pt, check_sees_each_leaf_once_whatever_the_budget)
{
	unsigned budget, leaves, all;

	FOR_EACH_FORM(0)
	{
		uint64_t i;

		for (i = 0; i < 5; i++)
			map(i * K4, i * K4, 1, VMMU_RWXU);
		map(7 * size_of(2), 0, 2, VMMU_RWXU);
		t_eq(check(&all), VMMU_OK);
		t_eq(all, 6);
		for (budget = 16; budget < 200; budget += 61) {
			struct vmmu_cursor at = { 0, 0 };
			unsigned calls = 0;

			leaves = 0;
			do {
				t_eq(vmmu_pt_check(&pt, &at, budget, any_leaf, &leaves), VMMU_OK);
			} while (!at.tree && calls++ < 10000);
			t_eq(at.tree, 1);
			t_eq(at.ia, 0);
			/* An entry where a call stopped may be seen again. */
			t_true(leaves >= 6 && leaves <= 6 + calls);
		}
	}
}

static uint64_t *entry_of[8]; /* by level */

static void keep_entry(void *ctx, const struct vmmu_step *s)
{
	(void)ctx;
	entry_of[s->level] = (uint64_t *)(uintptr_t)s->pa;
}

/* Where the entries on the way to ia are, by what silicon reads. */
static void find_entries(uint64_t ia)
{
	struct vmmu_hw hw;
	struct vmmu_walk w;

	memset(entry_of, 0, sizeof(entry_of));
	program(&hw);
	t_eq(vmmu_walk2(&hw, NULL, vmmu_gva(ia), VMMU_READ | VMMU_NO_AD, keep_entry, NULL, &w),
	     VMMU_WALK_OK);
}

static void is_broken(const char *what)
{
	unsigned leaves;

	t_check(check(&leaves) == VMMU_EBROKEN, "%s: %s is not found", form->fmt->name, what);
	t_check(vmmu_reason(vm)[0], "%s: no reason", what);
}

/* Each kind of damage, one at a time; without damage it is clean. */
Test(pt, check_finds_damage)
{
	FOR_EACH_FORM(0)
	{
		uint64_t other, was;
		unsigned level, leaves;

		map(0x5000, 0x5000, 1, VMMU_RWXU);
		map(9 * size_of(2), 0x6000, 1, VMMU_RWXU);
		find_entries(9 * size_of(2));
		other = *entry_of[2];
		find_entries(0x5000);
		t_eq(check(&leaves), VMMU_OK);

		was = *entry_of[1];
		*entry_of[1] = was & ~form->fmt->present;
		is_broken("an absent entry that is not zero");
		*entry_of[1] = was;
		for (level = 2; level <= form->fmt->top; level++) {
			if (!entry_of[level])
				continue; /* held in registers */
			was = *entry_of[level];
			*entry_of[level] = other;
			if (other != was)
				is_broken(level == 2 ? "another table's link"
						     : "a link to another level");
			*entry_of[level] = was ^ BIT(level == 2 ? 53 : 54);
			is_broken("a bit in a link");
			*entry_of[level] = was & ~(form->fmt->w & ~form->fmt->invert);
			if (*entry_of[level] != was)
				is_broken("a link without a right");
			*entry_of[level] = was;
		}
		t_eq(check(&leaves), VMMU_OK);
	}
}

/* The memory there looks like a chunk of tables that are all free. */
Test(pt, check_finds_a_link_to_no_table)
{
	FOR_EACH_FORM(0)
	{
		uint64_t was;
		void *p = NULL;

		t_true(!posix_memalign(&p, 64 * K4, 64 * K4));
		memset(p, 0, 64 * K4);
		map(0x5000, 0x5000, 1, VMMU_RWXU);
		find_entries(0x5000);
		was = *entry_of[2];
		*entry_of[2] = (was & ~form->fmt->addr) | ((uint64_t)(uintptr_t)p + 3 * K4);
		is_broken("a link to no table");
		*entry_of[2] = was;
		free(p);
	}
}

Test(pt, check_hands_on_what_the_leaf_check_says)
{
	struct vmmu_cursor at = { 0, 0 };

	/* There is no memory in this VM, so nothing may be mapped. */
	start(&forms[1], 0, 0);
	map(0x5000, 0x5000, 1, VMMU_RWXU);
	t_eq(vmmu_pt_check(&pt, &at, 1u << 20, vmmu_be_check_leaf, vm), VMMU_EBROKEN);
	finish();
}

/* ---- events ---------------------------------------------------------------------------------- */

Test(pt, every_change_is_told)
{
	FOR_EACH_FORM(0)
	{
		map(0, 0, 2, VMMU_RWXU);
		t_true(events[VMMU_EV_MAP] >= 1);
		map(0x1000, 0x8000, 1, VMMU_RWXU);
		t_eq(events[VMMU_EV_SPLIT], 1);
		t_eq(events[VMMU_EV_ZAP], 0);
		vmmu_pt_change(&pt, 0x1000, K4, VMMU_CHANGE_WRPROT);
		t_true(events[VMMU_EV_PROTECT] >= 1);
		vmmu_pt_change(&pt, 0x1000, K4, VMMU_CHANGE_ZAP);
		t_eq(events[VMMU_EV_ZAP], 1);
		vmmu_pt_change(&pt, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
		t_true(events[VMMU_EV_ZAP] > 1);
	}
}

/* ---- a backend outside the library ------------------------------- */

static _Alignas(4096) uint8_t memory[16 * 4096];

static void start_tiny(const struct vmmu_fmt *fmt)
{
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &tiny_backend,
				 .nested_entries = tiny_nested };
	struct vmmu_slot_info slot = {
		.gpa = { 0x10000 }, .size = sizeof(memory), .pointer = memory, .page_size = 4096
	};

	vmmu_destroy(vm);
	vm = NULL;
	tiny_fmt = fmt;
	tiny_flags = 0;
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	t_eq(vmmu_slot_add(vm, &slot), VMMU_OK);
}

Test(pt, a_backend_of_the_embedders_own_translates)
{
	static const struct vmmu_fmt *const fmt[] = { &vmmu_fmt_pae, &vmmu_fmt_x64,
						      &vmmu_fmt_x64_la57, &odd };
	struct vmmu_xlat x;
	unsigned i;

	for (i = 0; i < 4; i++) {
		struct tiny *t;

		start_tiny(fmt[i]);
		t = vmmu_be_vm(vm);
		t_eq(vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x13456), 8, VMMU_WRITE, &x),
		     VMMU_OK);
		t_true(x.host == memory + 0x3456);
		t_eq(x.gpa.v, 0x13456);
		t_eq(t->faults, 1);
		t_eq(vmmu_check(vm), VMMU_OK);
		t_eq(vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x9000), 8, VMMU_READ, &x),
		     VMMU_MMIO);
		t_eq(x.gpa.v, 0x9000);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x10000)), VMMU_OK);
		t_eq(vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x13456), 8, VMMU_READ, &x),
		     VMMU_MMIO);
		vmmu_destroy(vm);
		vm = NULL;
	}
}

Test(pt, a_tracked_frame_traps_stores_until_it_is_untracked)
{
	struct vmmu_xlat x;
	uint64_t v = 0x1122334455667788;
	void *p;

	start_tiny(&vmmu_fmt_x64);
	memset(&stored, 0, sizeof(stored));
	t_eq(vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x13000), 8, VMMU_WRITE, &x), VMMU_OK);
	t_true(x.rights & VMMU_W);
	t_eq(vmmu_be_track(vm, vmmu_gpa(0x13000)), VMMU_OK);
	t_eq(vmmu_be_track(vm, vmmu_gpa(0x13abc)), VMMU_OK);
	t_eq(vmmu_be_track(vm, vmmu_gpa(0x9000)), VMMU_ENOENT);
	t_true(!vmmu_host(vmmu_cpu(vm, 0), vmmu_gva(0x13000), 8, VMMU_WRITE));
	t_eq(vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x13000), 8, VMMU_READ, &x), VMMU_OK);
	t_true(!(x.rights & VMMU_W));
	t_eq(vmmu_check(vm), VMMU_OK);

	t_eq(vmmu_write(vm, vmmu_cpu(vm, 0), vmmu_gpa(0x13010), &v, 8, NULL), VMMU_OK);
	t_eq(stored.nr, 1);
	t_eq(stored.gpa, 0x13010);
	t_eq(stored.len, 8);
	t_eq(stored.value, v);
	t_eq(vmmu_write(vm, NULL, vmmu_gpa(0x14010), &v, 8, NULL), VMMU_OK);
	t_eq(stored.nr, 1);
	t_eq(vmmu_write_begin(vm, vmmu_gpa(0x13020), 4, &p), VMMU_OK);
	t_eq(stored.nr, 1);
	memset(p, 0x5a, 4);
	t_eq(vmmu_write_end(vm, NULL, vmmu_gpa(0x13020), 4), VMMU_OK);
	t_eq(stored.nr, 2);
	t_eq(stored.gpa, 0x13020);

	/* Counted: twice tracked, twice untracked. */
	vmmu_be_untrack(vm, vmmu_gpa(0x13000));
	t_eq(vmmu_write(vm, NULL, vmmu_gpa(0x13010), &v, 8, NULL), VMMU_OK);
	t_eq(stored.nr, 3);
	vmmu_be_untrack(vm, vmmu_gpa(0x13000));
	t_eq(vmmu_write(vm, NULL, vmmu_gpa(0x13010), &v, 8, NULL), VMMU_OK);
	t_eq(stored.nr, 3);
	vmmu_destroy(vm);
	vm = NULL;
}

Test(pt, a_small_page_is_of_level_1_and_tells_what_memory_is)
{
	struct vmmu_page page;

	start_tiny(&vmmu_fmt_x64);
	memset(&page, 0xff, sizeof(page));
	t_eq(vmmu_be_small_page(vm, vmmu_gpa(0x13456), &page), 1);
	t_eq(page.level, 1);
	t_true(page.writable && !page.readonly && !page.tracked && !page.logged && !page.armed);
	t_true(vmmu_be_frame(vm, vmmu_gpa(0x13456)) == memory + 0x3000);
	t_eq(vmmu_be_small_page(vm, vmmu_gpa(0x9000), &page), 0);
	vmmu_destroy(vm);
	vm = NULL;
}

/* A root that stays, and with it four tables: all of them or none. */
Test(pt, a_tree_for_which_there_are_no_tables_is_none)
{
	struct vmmu_pt more, last, none;

	start(&forms[1], 0, 8);
	t_eq(vmmu_pt_init(&more, vm, &vmmu_fmt_pae, 0), VMMU_OK);
	t_eq(nr_tables(), 6);
	t_eq(vmmu_pt_init(&none, vm, &vmmu_fmt_pae, 0), VMMU_ENOMEM);
	t_true(!none.root);
	t_eq(nr_tables(), 6);
	t_eq(vmmu_pt_init(&last, vm, &vmmu_fmt_ept, 0), VMMU_OK);
	t_eq(vmmu_pt_init(&none, vm, &vmmu_fmt_ept, 0), VMMU_ENOMEM);
	t_true(!none.root);
	vmmu_pt_fini(&last);
	vmmu_pt_fini(&more);
	t_eq(nr_tables(), 1);
	t_eq(vmmu_pt_init(&more, vm, &vmmu_fmt_pae, 0), VMMU_OK);
	vmmu_pt_fini(&more);
	finish();
}

/* SDM 28.3.3.2: what is for fetches alone stays so where a nested TLB has it. */
Test(pt, an_execute_only_page_in_the_nested_tlb_is_not_read)
{
	struct vmmu_leaf leaf = { .ia = 0x13000, .level = 1, .rights = VMMU_X | VMMU_U };
	struct vmmu_xlat x;
	struct vmmu_hw *hw;
	struct vmmu_pt ept;
	int fetched, read;

	tiny_nested = 8;
	start_tiny(&vmmu_fmt_x64);
	tiny_nested = 0;
	t_eq(vmmu_pt_init(&ept, vm, &vmmu_fmt_ept, 0), VMMU_OK);
	leaf.oa = (uint64_t)(uintptr_t)(memory + 0x3000);
	t_true(vmmu_pt_map(&ept, &leaf) >= 0);
	hw = vmmu_be_hw(vmmu_cpu(vm, 0));
	memset(&hw->g, 0, sizeof(hw->g));
	vmmu_pt_paging(&ept, &hw->n, VMMU_PG_NXE | VMMU_PG_XONLY);
	hw->gpa_from = VMMU_GPA_OUT;
	fetched = vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x13008), 4, VMMU_FETCH, &x);
	/* Nobody repairs it. */
	read = vmmu_translate(vmmu_cpu(vm, 0), vmmu_gva(0x13008), 4, VMMU_READ, &x);
	vmmu_pt_fini(&ept);
	vmmu_destroy(vm);
	vm = NULL;
	t_eq(fetched, VMMU_OK);
	t_eq(read, VMMU_ELOOP);
}
