/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu_paging_entry(): what one entry says, against a walk that meets it.
 * Keeps: all levels of every guest format, random entries and single bits, with NX on and off.
 */
#include <string.h>

#include "t.h"
#include "world.h"

#define PAGES 64u

/* Tables lie in pages 1 to 5 by level, and all memory is one page repeated by address. */
static uint8_t mem[PAGES * 4096];

static int read_mem(void *ctx, uint64_t pa, unsigned size, uint64_t *value)
{
	(void)ctx;
	*value = 0;
	if (pa >= sizeof(mem))
		return VMMU_MEM_NONE;
	memcpy(value, mem + pa, size);
	return VMMU_MEM_OK;
}

static int cmpxchg_mem(void *ctx, uint64_t pa, unsigned size, uint64_t old, uint64_t new_value)
{
	(void)ctx, (void)pa, (void)size, (void)old, (void)new_value;
	return VMMU_MEM_OK;
}

static const struct vmmu_mem_ops ops = { read_mem, cmpxchg_mem, NULL };

struct guest {
	const char *name;
	uint64_t cr4, efer;
};

static const struct guest guests[] = {
	{ "2-level, no PSE", 0, 0 },
	{ "2-level", VMMU_CR4_PSE, 0 },
	{ "PAE", VMMU_CR4_PAE, 0 },
	{ "PAE, NX", VMMU_CR4_PAE, VMMU_EFER_NXE },
	{ "4-level", VMMU_CR4_PAE, VMMU_EFER_LME | VMMU_EFER_LMA },
	{ "4-level, NX", VMMU_CR4_PAE, VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE },
	{ "5-level, NX", VMMU_CR4_PAE | VMMU_CR4_LA57,
	  VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE },
};

static void put(const struct vmmu_fmt *f, unsigned level, uint64_t e)
{
	memcpy(mem + level * 4096u, &e, f->entry_bytes);
}

/* Links that grant everything, from the root to the level's table. */
static void lead_to(const struct vmmu_paging *pg, unsigned level)
{
	unsigned l;

	memset(mem, 0, sizeof(mem));
	for (l = pg->fmt->top; l > level; l--)
		put(pg->fmt, l, (l - 1) * 4096u | pg->fmt->lv[l].link);
}

static void compare(const struct guest *g, struct vmmu_hw *hw, unsigned level, uint64_t e)
{
	struct vmmu_entry got;
	struct vmmu_walk w;

	if (hw->g.fmt->entry_bytes == 4)
		e = (uint32_t)e;
	put(hw->g.fmt, level, e);
	vmmu_paging_entry(&hw->g, level, e, &got);
	vmmu_walk2(hw, &ops, vmmu_gva(0), VMMU_READ | VMMU_NO_AD, NULL, NULL, &w);
#define t_as(cond)                                                                                 \
	t_check(cond, "%s, level %u, entry 0x%" PRIx64 ": kind %u, walk %u at level %u: %s",       \
		g->name, level, e, got.kind, w.status, w.level, #cond)
	switch (got.kind) {
	case VMMU_ENTRY_NONE:
		t_as(w.status == VMMU_WALK_NP && w.level == level);
		break;
	case VMMU_ENTRY_RSVD:
		t_as(w.status == VMMU_WALK_RSVD && w.level == level);
		break;
	case VMMU_ENTRY_LEAF:
		t_as((w.status == VMMU_WALK_OK || w.status == VMMU_WALK_NOMEM) && w.level == level);
		t_as(w.status != VMMU_WALK_OK || w.gpa.v == got.oa);
		t_as(w.status != VMMU_WALK_OK || w.rights == got.rights);
		t_as(w.status != VMMU_WALK_OK || w.pkey == got.pkey);
		t_as(got.dirty == ((e >> 6 & 1) != 0) && got.accessed == ((e >> 5 & 1) != 0));
		break;
	default:
		t_as(got.kind == VMMU_ENTRY_LINK && level > 1);
		t_as(w.level < level || w.status == VMMU_WALK_NOMEM);
	}
#undef t_as
}

Test(entry, is_what_a_walk_finds_it_to_be)
{
	struct rng r = { .s = 7 };
	unsigned g, level, i;

	for (g = 0; g < sizeof(guests) / sizeof(*guests); g++) {
		struct vmmu_profile prof = vmmu_profile_max;
		struct vmmu_hw hw = { .gpa_from = VMMU_GPA_OUT };
		struct vmmu_regs regs = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG,
					  .cr4 = guests[g].cr4,
					  .efer = guests[g].efer };

		prof.maxphyaddr = 46;
		prof.features |= VMMU_CPU_PDPTE_WALK;
		vmmu_paging_guest(&hw.g, &regs, &prof);
		hw.g.root = hw.g.fmt->top * 4096u;
		for (level = 1; level <= hw.g.fmt->top; level++) {
			lead_to(&hw.g, level);
			for (i = 0; i < 64; i++) {
				compare(&guests[g], &hw, level, 1ull << i);
				compare(&guests[g], &hw, level, 1ull << i | 1);
				compare(&guests[g], &hw, level, 1ull << i | 0x81);
			}
			for (i = 0; i < 20000; i++)
				compare(&guests[g], &hw, level,
					(rng_next(&r) & rng_next(&r)) | (i & 3 ? 1 : 0));
		}
	}
}

/* A PDPTE has no rights of its own: nothing is taken away by it. */
Test(entry, what_a_level_lacks_is_granted)
{
	struct vmmu_regs regs = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG, .cr4 = VMMU_CR4_PAE };
	struct vmmu_paging pg;
	struct vmmu_entry e;

	vmmu_paging_guest(&pg, &regs, &vmmu_profile_max);
	vmmu_paging_entry(&pg, 3, 0x5001, &e);
	t_eq(e.kind, VMMU_ENTRY_LINK);
	t_eq(e.rights, VMMU_RWXU);
	t_eq(e.accessed, 1);
	t_eq(e.oa, 0x5000);
}

/* Rights 2 and 6 and a bad memory type are misconfigurations; X alone is a matter of support. */
Test(entry, ept_is_read_by_its_own_rules)
{
	struct vmmu_paging pg;
	struct vmmu_entry e;

	vmmu_paging_host(&pg, &vmmu_fmt_ept, 0, 46, VMMU_PG_XONLY);
	vmmu_paging_entry(&pg, 1, 0x5000 | 6 << 3 | 5, &e);
	t_eq(e.kind, VMMU_ENTRY_LEAF);
	t_eq(e.rights, VMMU_R | VMMU_X | VMMU_U);
	vmmu_paging_entry(&pg, 1, 0x5000 | 6 << 3 | 2, &e);
	t_eq(e.kind, VMMU_ENTRY_RSVD);
	vmmu_paging_entry(&pg, 1, 0x5000 | 2 << 3 | 7, &e);
	t_eq(e.kind, VMMU_ENTRY_RSVD);
	vmmu_paging_entry(&pg, 1, 0x5000 | 6 << 3, &e);
	t_eq(e.kind, VMMU_ENTRY_NONE);
	vmmu_paging_entry(&pg, 1, 0x5000 | 6 << 3 | 4, &e);
	t_eq(e.kind, VMMU_ENTRY_LEAF);
	vmmu_paging_host(&pg, &vmmu_fmt_ept, 0, 46, 0);
	vmmu_paging_entry(&pg, 1, 0x5000 | 6 << 3 | 4, &e);
	t_eq(e.kind, VMMU_ENTRY_RSVD);
}

/* D is of leaves: a link without it is not one that a store would have to change. */
Test(entry, a_link_lacks_no_dirty_bit)
{
	struct vmmu_paging pg;
	struct vmmu_entry e;

	vmmu_paging_host(&pg, &vmmu_fmt_x64, 0, 46, VMMU_PG_AD);
	vmmu_paging_entry(&pg, 2, 0x5007, &e);
	t_eq(e.kind, VMMU_ENTRY_LINK);
	t_eq(e.dirty, 1);
	vmmu_paging_entry(&pg, 1, 0x5007, &e);
	t_eq(e.kind, VMMU_ENTRY_LEAF);
	t_eq(e.dirty, 0);
}

/* SDM 4.7: the I/D flag needs NX or SMEP, in tables that software made, too. */
Test(entry, a_fetch_is_told_where_nx_or_smep_is_on)
{
	static const struct {
		uint32_t ctl, code;
	} made[] = {
		{ VMMU_PG_AD, 0 },
		{ VMMU_PG_AD | VMMU_PG_NXE, 1 << 4 },
		{ VMMU_PG_AD | VMMU_PG_SMEP, 1 << 4 },
	};
	struct vmmu_hw hw;
	struct vmmu_walk w;
	unsigned i;

	memset(mem, 0, sizeof(mem));
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		memset(&hw, 0, sizeof(hw));
		vmmu_paging_host(&hw.g, &vmmu_fmt_x64, 4096, 46, made[i].ctl);
		t_eq(vmmu_walk2(&hw, &ops, vmmu_gva(0), VMMU_FETCH, NULL, NULL, &w), VMMU_WALK_NP);
		t_eq(w.code, made[i].code);
		vmmu_walk2(&hw, &ops, vmmu_gva(0), VMMU_READ, NULL, NULL, &w);
		t_eq(w.code, 0);
	}
}
