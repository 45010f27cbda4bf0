/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of tables share: the formats, a backend with one tree that its faults fill, and
 * silicon over the same tables.
 * Not here: tests (test_pt.c, test_pt_check.c).
 * Keeps: every tree is judged against the silicon's walk of the same tables and a model of its own.
 */
#ifndef PT_RIG_H
#define PT_RIG_H

#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>

#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define K4 UINT64_C(4096)

/* ---- formats ------------------------------------------------------------------------- */

/* 5/7/3/9/2 index bits and every bit somewhere else; as in test_walk_nested.c. */
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

static inline uint64_t size_of(unsigned level)
{
	return BIT(form->fmt->lv[level].shift);
}

static inline uint64_t page_at(uint64_t ia, unsigned level)
{
	return ia & ~(size_of(level) - 1);
}

static inline unsigned width(void)
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

static inline uint64_t tiny_min_tables(const struct vmmu_config *config)
{
	(void)config;
	return 8;
}

static inline int tiny_init(struct vmmu *vm, const struct vmmu_config *config)
{
	struct tiny *t = vmmu_be_vm(vm);

	(void)config;
	return vmmu_pt_init(&t->pt, vm, tiny_fmt, tiny_flags);
}

static inline void tiny_fini(struct vmmu *vm)
{
	struct tiny *t = vmmu_be_vm(vm);

	vmmu_pt_fini(&t->pt);
}

static inline int tiny_load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct tiny *t = vmmu_be_vm(vmmu_cpu_vm(cpu));

	(void)why;
	vmmu_pt_paging(&t->pt, &vmmu_be_hw(cpu)->g, VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE);
	vmmu_be_hw(cpu)->intercept = VMMU_ICPT_PF;
	vmmu_be_hw(cpu)->gpa_from = VMMU_GPA_IN;
	return VMMU_OK;
}

static inline enum vmmu_fix_kind tiny_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
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

static inline uint64_t tiny_protect(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len,
				    enum vmmu_change how)
{
	struct tiny *t = vmmu_be_vm(vm);

	return vmmu_pt_change(&t->pt, gpa.v, len, how);
}

static inline int identity_leaf(void *vm, const struct vmmu_pt *pt, const struct vmmu_leaf *leaf)
{
	struct vmmu_leaf l = *leaf;

	l.gpa = l.ia;
	return vmmu_be_check_leaf(vm, pt, &l);
}

static inline int tiny_check(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget)
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
static inline void tiny_pt_write(struct vmmu *v, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, uint64_t len)
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

static inline void on_event(void *ctx, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
			    uint64_t b)
{
	(void)ctx;
	(void)cpu;
	(void)a;
	(void)b;
	events[ev]++;
}

static inline uint64_t table_bytes(void)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s.table_bytes;
}

static inline void start(const struct form *f, uint32_t flags, uint64_t max_tables)
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

static inline void finish(void)
{
	vmmu_pt_fini(&pt);
	t_check(table_bytes() == own_bytes, "%s: %u tables are left", form->fmt->name,
		(unsigned)((table_bytes() - own_bytes) / K4));
	vmmu_destroy(vm);
	vm = NULL;
}

static inline unsigned nr_tables(void)
{
	return (unsigned)((table_bytes() - own_bytes) / K4);
}

#define FOR_EACH_FORM(flags)                                                                       \
	for (unsigned f_ = 0; f_ < NR_FORMS && (start(&forms[f_], flags, 0), 1); finish(), f_++)

/* What a right-less entry of this format still grants. */
static inline unsigned expressible(unsigned rights)
{
	return rights | (VMMU_RWXU & ~form->rights);
}

static inline int map(uint64_t ia, uint64_t oa, unsigned level, unsigned rights)
{
	struct vmmu_leaf l = {
		.ia = ia, .oa = oa, .gpa = oa, .level = (uint8_t)level, .rights = (uint8_t)rights
	};

	return vmmu_pt_map(&pt, &l);
}

/* ---- silicon over the same tables --------------------------------------------------------- */

static inline void program(struct vmmu_hw *hw)
{
	const uint32_t ctl = VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE | VMMU_PG_XONLY;
	struct vmmu_paging *pg = form->fmt->style == VMMU_STYLE_X86 ? &hw->g : &hw->n;
	unsigned i;

	memset(hw, 0, sizeof(*hw));
	vmmu_pt_paging(&pt, pg, ctl);
	/* Nothing is reserved in the odd format; test_walk_nested.c has the test of that. */
	for (i = 0; form->fmt == &odd && i < VMMU_LEVELS; i++)
		pg->wrong[i][0] = pg->wrong[i][1] = ODD_P;
	hw->bus.size = ~0ull;
}

static inline int silicon(uint64_t ia, uint32_t access, struct vmmu_walk *w)
{
	struct vmmu_hw hw;

	program(&hw);
	return vmmu_walk2(&hw, NULL, vmmu_gva(ia), access | VMMU_NO_AD, NULL, NULL, w);
}

/* Lookup says what a CPU would find. */
static inline void agrees(uint64_t ia)
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

#endif
