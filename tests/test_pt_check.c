/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder (vmmu_pt_*) at random against a model, what its check finds, its events, and a
 * backend outside the library.
 * Not here: each call alone (test_pt.c).
 * Keeps: what pt_rig.h says.
 */
#include "pt_rig.h"

static uint16_t tiny_nested; /* entries of the nested TLB */
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
