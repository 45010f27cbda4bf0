/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Silicon without a VM: the program is linked with lib/silicon/ and with nothing else of the
 * library.  A CPU walks tables in one dimension and in two, fills its TLB and drops from it.
 * Not here: what silicon answers to the last bit (test_walk.c, test_silicon.c).
 */
#include <stdlib.h>
#include <string.h>

#include "silicon/silicon.h"
#include "t.h"

#define PAGES 16u
#define P_W_U_A_D 0x67ull

struct lone {
	_Alignas(4096) uint64_t page[PAGES][512];
	struct vmmu_front_entry front[16];
	struct vmmu_silicon model;
	struct silicon s;
	int given;
};

static void *get(void *ctx, size_t size, size_t align)
{
	struct lone *l = ctx;
	void *p = NULL;

	if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size))
		return NULL;
	l->given++;
	return memset(p, 0, size);
}

static void put(void *ctx, void *p, size_t size)
{
	struct lone *l = ctx;

	(void)size;
	l->given--;
	free(p);
}

/* Pages 1 to 4 are the guest's tables, gva 0x5000 to page 9; 5 to 8 are nested tables, 1:1. */
static struct lone *lone_new(int nested)
{
	struct lone *l = aligned_alloc(4096, sizeof(*l));
	const struct silicon_memory memory = { get, put, l };
	struct vmmu_regs regs = { .cr0 = VMMU_CR0_PG | VMMU_CR0_PE | VMMU_CR0_WP,
				  .cr3 = 0x1000,
				  .cr4 = VMMU_CR4_PAE,
				  .efer = VMMU_EFER_LME | VMMU_EFER_LMA };
	unsigned i;

	t_true(l != NULL);
	memset(l, 0, sizeof(*l));
	for (i = 1; i < 4; i++)
		l->page[i][0] = (i + 1) << 12 | P_W_U_A_D;
	l->page[4][5] = 9 << 12 | P_W_U_A_D;
	for (i = 5; i < 8; i++)
		l->page[i][0] = (i + 1) << 12 | P_W_U_A_D;
	for (i = 0; i < PAGES; i++)
		l->page[8][i] = i << 12 | P_W_U_A_D;
	l->model = (struct vmmu_silicon){
		.size = sizeof(l->model),
		.nr_tlbs = 1,
		.tlb[0] = { { 4, 2 },
			    1,
			    VMMU_TLB_DATA | VMMU_TLB_CODE,
			    VMMU_TLB_4K | VMMU_TLB_2M,
			    VMMU_REPLACE_LRU,
			    1 },
	};
	t_true(!vmmu_silicon_wrong(&l->model));
	l->s.front.entry = l->front;
	l->s.front.mask = 15;
	l->s.hw.asid = 1;
	l->s.hw.bus = (struct vmmu_bus){ (uint8_t *)l->page, 0, sizeof(l->page), NULL, 0 };
	vmmu_paging_guest(&l->s.hw.g, &regs, &vmmu_profile_max);
	if (nested)
		vmmu_paging_host(&l->s.hw.n, &vmmu_fmt_npt, 0x5000, 52, 0);
	t_true(!silicon_init(&l->s, &l->model, 1, 1, &memory));
	silicon_program(&l->s);
	return l;
}

static void lone_free(struct lone *l)
{
	const struct silicon_memory memory = { get, put, l };

	silicon_fini(&l->s, &memory);
	t_check(!l->given, "%d pieces of memory are not given back", l->given);
	free(l);
}

static void walk_and_fill(struct lone *l, unsigned refs)
{
	unsigned kind = vmmu_kind(VMMU_WRITE), kinds = 0;
	struct walk_opts told = *l->s.modelled_opts;
	struct vmmu_walk w;
	struct tlb_fill f;

	told.found = NULL;
	t_true(!silicon_lookup(&l->s, 0x5123, kind, &kinds));
	t_eq(walk(l->s.modelled_walk, &l->s.hw, &told, 0x5123, VMMU_WRITE, &w), VMMU_WALK_OK);
	t_check(w.refs == refs, "%u references, not %u", w.refs, refs);
	t_eq(w.hpa.v, 0x9123u);
	f = (struct tlb_fill){ .key = cache_key(12, silicon_tag(&l->s)),
			       .info = le64((uint64_t)w.rights << INFO_RIGHTS |
					    (uint64_t)w.nrights << INFO_NRIGHTS |
					    1ull << INFO_DIRTY),
			       .out = w.hpa.v & PAGE_MASK,
			       .gpa = w.gpa.v & PAGE_MASK };
	t_eq(walk(l->s.modelled_walk, &l->s.hw, l->s.modelled_opts, 0x5123, VMMU_WRITE, &w),
	     VMMU_WALK_OK);
	t_eq(l->s.found.key, f.key);
	t_eq(l->s.found.out, f.out);
	t_eq(l->s.found.gpa, f.gpa);
	t_eq(l->s.found.refs, refs);
	t_eq(l->s.found.kinds, w.kinds & nested_kinds(w.nrights, w.dirty));
	t_eq(l->s.found.info, f.info | le64((uint64_t)w.shift << INFO_GUEST_SHIFT));
	f.gpa = 0x1234000;
	silicon_fill(&l->s, 0x5123, kind, &f);
}

Test(silicon_alone, walks_in_one_dimension_and_caches)
{
	struct lone *l = lone_new(0);
	unsigned kinds = 0;
	struct cache_entry *e;

	walk_and_fill(l, 4);
	e = silicon_lookup(&l->s, 0x5ff8, vmmu_kind(VMMU_READ), &kinds);
	t_true(e && e->out == 0x9000);
	t_check(e->gpa == 0x1234000, "the payload does not come back");
	t_eq(kinds >> vmmu_kind(VMMU_WRITE) & 1, 1u);
	t_eq(l->s.caches.stats.tlb_hits[0], 1u);
	lone_free(l);
}

Test(silicon_alone, walks_in_two_dimensions)
{
	struct lone *l = lone_new(1);

	walk_and_fill(l, 24);
	lone_free(l);
}

Test(silicon_alone, drops_a_page)
{
	struct lone *l = lone_new(0);
	unsigned kinds = 0;

	walk_and_fill(l, 4);
	silicon_drop(&l->s, DROP_PAGE | DROP_TAG, 0x6000, silicon_tag(&l->s));
	t_check(silicon_lookup(&l->s, 0x5000, 0, &kinds), "another page went");
	silicon_drop(&l->s, DROP_PAGE | DROP_TAG, 0x5000, silicon_tag(&l->s));
	t_check(!silicon_lookup(&l->s, 0x5000, 0, &kinds), "the page is still there");
	lone_free(l);
}

/* ---- the memo of the nested dimension, which silicon without a model has ------------------ */

static uint64_t plain_walk(struct lone *l, unsigned refs)
{
	struct vmmu_walk w;

	t_eq(walk(l->s.walk, &l->s.hw, &l->s.plain, 0x5123, VMMU_WRITE, &w), VMMU_WALK_OK);
	t_check(w.refs == refs, "%u references, not %u", w.refs, refs);
	return w.hpa.v;
}

/* The guest's page table is found in page 10 from now on, where gva 0x5000 is page 11. */
static void move_page_table(struct lone *l)
{
	l->page[10][5] = 11 << 12 | P_W_U_A_D;
	l->page[8][4] = 10 << 12 | P_W_U_A_D;
}

Test(silicon_alone, a_memo_counts_what_it_saves)
{
	struct lone *l = lone_new(1);
	uint64_t gpa;

	t_eq(plain_walk(l, 24), 0x9123);
	t_eq(plain_walk(l, 24), 0x9123);
	t_eq(silicon_check(&l->s, &gpa), 0);
	lone_free(l);
}

Test(silicon_alone, a_flush_drops_the_memo_and_a_missed_one_is_seen)
{
	struct lone *l = lone_new(1);
	uint64_t gpa = 0;

	plain_walk(l, 24);
	move_page_table(l);
	t_eq(plain_walk(l, 24), 0x9123);
	t_eq(silicon_check(&l->s, &gpa), (uint64_t)-1);
	t_eq(gpa, 0x4000);
	silicon_drop_nested(&l->s);
	t_eq(plain_walk(l, 24), 0xb123);
	t_eq(silicon_check(&l->s, &gpa), 0);
	lone_free(l);
}

Test(silicon_alone, a_missed_flush_of_a_link_is_seen)
{
	struct lone *l = lone_new(1);
	uint64_t gpa = 0;

	plain_walk(l, 24);
	/* The nested table of level 1 is page 12 now, with the same leaves. */
	memcpy(l->page[12], l->page[8], 4096);
	l->page[7][0] = 12 << 12 | P_W_U_A_D;
	t_eq(silicon_check(&l->s, &gpa), (uint64_t)-1);
	silicon_drop_nested(&l->s);
	plain_walk(l, 24);
	t_eq(silicon_check(&l->s, &gpa), 0);
	lone_free(l);
}

Test(silicon_alone, a_nested_leaf_that_is_no_longer_writable_is_seen)
{
	struct lone *l = lone_new(1);
	uint64_t gpa = 0;

	plain_walk(l, 24);
	l->page[8][3] &= ~2ull;
	t_eq(silicon_check(&l->s, &gpa), (uint64_t)-1);
	t_eq(gpa, 0x3000);
	lone_free(l);
}

Test(silicon_alone, generations_of_the_memo_come_round)
{
	struct lone *l = lone_new(1);
	uint64_t was = l->s.memo.generation;

	plain_walk(l, 24);
	move_page_table(l);
	/* As many flushes as there are generations: nothing from before may be good again. */
	do
		silicon_drop_nested(&l->s);
	while (l->s.memo.generation != was);
	t_eq(plain_walk(l, 24), 0xb123);
	lone_free(l);
}

/* A in a link has to be set by a walk: what was noted before would set it again each time. */
Test(silicon_alone, a_link_without_a_is_not_remembered)
{
	struct lone *l = lone_new(1);
	uint64_t gpa;

	l->page[6][0] &= ~0x20ull;
	plain_walk(l, 24);
	t_eq(l->page[6][0] >> 5 & 1, 1);
	t_eq(silicon_check(&l->s, &gpa), 0);
	plain_walk(l, 24);
	t_eq(silicon_check(&l->s, &gpa), 0);
	lone_free(l);
}

/* gva 0x6000 is gpa 0x200000, below a nested link that does not let writes pass. */
Test(silicon_alone, a_remembered_link_keeps_its_rights)
{
	struct lone *l = lone_new(1);
	struct vmmu_walk w;
	uint64_t gpa;

	l->page[4][6] = 0x200000 | P_W_U_A_D;
	l->page[7][1] = 12 << 12 | (P_W_U_A_D & ~2ull);
	l->page[12][0] = 9 << 12 | P_W_U_A_D;
	t_eq(walk(l->s.walk, &l->s.hw, &l->s.plain, 0x6123, VMMU_READ, &w), VMMU_WALK_OK);
	t_check(!(w.nrights & VMMU_W), "the link's rights are not in those of the walk");
	t_true(walk(l->s.walk, &l->s.hw, &l->s.plain, 0x6123, VMMU_WRITE, &w) != VMMU_WALK_OK);
	t_eq(walk(l->s.walk, &l->s.hw, &l->s.plain, 0x6123, VMMU_READ, &w), VMMU_WALK_OK);
	t_check(!(w.nrights & VMMU_W), "the remembered link has other rights");
	t_eq(silicon_check(&l->s, &gpa), 0);
	lone_free(l);
}

/* Other nested tables, in which the guest's page table lies elsewhere. */
Test(silicon_alone, other_nested_tables_drop_the_memo)
{
	struct lone *l = lone_new(1);
	unsigned i;

	plain_walk(l, 24);
	for (i = 12; i < 15; i++)
		l->page[i][0] = (i + 1) << 12 | P_W_U_A_D;
	memcpy(l->page[15], l->page[8], 4096);
	l->page[15][4] = 10 << 12 | P_W_U_A_D;
	l->page[10][5] = 11 << 12 | P_W_U_A_D;
	vmmu_paging_host(&l->s.hw.n, &vmmu_fmt_npt, 0xc000, 52, 0);
	silicon_program(&l->s);
	t_eq(plain_walk(l, 24), 0xb123);
	lone_free(l);
}
