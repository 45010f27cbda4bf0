/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map of guest-physical memory.
 * Not here: who walks it, in which dimension.
 * Invariant: a leaf maps its gpa to the memory of the slot there.  It is writable only if no store
 * to it has to be noticed.
 */
#include "realmode.h"

int realmode_init(struct realmode *rm, struct vmmu *vm, const struct vmmu_fmt *fmt, uint32_t ctl)
{
	rm->ctl = ctl;
	return vmmu_pt_init(&rm->pt, vm, fmt, ctl & VMMU_PG_AD ? 0 : VMMU_PT_NO_AD);
}

void realmode_fini(struct realmode *rm)
{
	vmmu_pt_fini(&rm->pt);
}

void realmode_load(const struct realmode *rm, struct vmmu_paging *pg)
{
	vmmu_pt_paging(&rm->pt, pg, rm->ctl);
}

/* Whether the page was mapped before, so that the store faulted only to be logged. */
static int only_logs(const struct realmode *rm, const struct vmmu_page *page, uint64_t gpa)
{
	struct vmmu_leaf was;

	return page->armed && vmmu_pt_lookup(&rm->pt, gpa, &was) && was.oa == page->hpa.v;
}

static int reaches(const struct vmmu_pt *pt, uint64_t ia)
{
	const struct vmmu_fmt_level *top = &pt->fmt->lv[pt->fmt->top];

	return !(ia >> (top->shift + top->bits));
}

/* There is no memory at gpa.  That is remembered if no other table has to be reclaimed for it. */
static enum vmmu_fix_kind no_memory(struct realmode *rm, vmmu_gpa_t gpa, struct vmmu_fix *fix)
{
	fix->event = VMMU_EV_EXIT_MMIO;
	if (rm->mmio && reaches(&rm->pt, gpa.v))
		vmmu_pt_mmio(&rm->pt, gpa.v);
	return VMMU_FIX_MMIO;
}

enum vmmu_fix_kind realmode_fault(struct realmode *rm, vmmu_gpa_t gpa, uint32_t access,
				  const struct vmmu_walk *w, enum vmmu_event ev,
				  struct vmmu_fix *fix)
{
	int write = (access & VMMU_TYPE_MASK) == VMMU_WRITE;
	struct vmmu_leaf leaf = { .ia = gpa.v, .accessed = 1, .dirty = (uint8_t)write };
	struct vmmu_page page;
	enum vmmu_page_kind kind;
	int mapped;

	fix->table = (access & VMMU_TABLE) != 0;
	if (rm->mmio && vmmu_pt_is_mmio(&rm->pt, w->entry)) {
		fix->gpa = gpa;
		fix->event = w->status == VMMU_WALK_MISCONFIG ? VMMU_EV_EXIT_EPT_MISCONFIG
							      : VMMU_EV_EXIT_MMIO;
		return VMMU_FIX_MMIO;
	}
	kind = vmmu_be_page(rm->pt.vm, gpa, write, &page, fix);
	fix->event = ev;
	/* A table in ROM takes no A and D bits from the CPU, so the walk is done in software. */
	if (kind == VMMU_PAGE_NONE && page.readonly && fix->table)
		return VMMU_FIX_SOFT;
	if (kind == VMMU_PAGE_NONE && !page.readonly)
		return no_memory(rm, gpa, fix);
	if (kind == VMMU_PAGE_NONE)
		fix->event = VMMU_EV_EXIT_MMIO;
	if (kind != VMMU_PAGE_THERE)
		return vmmu_be_page_fix(kind);
	/* A table cannot map an address that is wider than its format. */
	if ((write && !page.writable) || !reaches(&rm->pt, gpa.v))
		return VMMU_FIX_SOFT;
	if (only_logs(rm, &page, gpa.v))
		fix->event = VMMU_EV_EXIT_DIRTY_LOG;
	leaf.oa = page.hpa.v;
	leaf.level = page.level;
	/* Not every format has leaves of 1G. */
	while (rm->pt.fmt->lv[leaf.level].leaf == VMMU_LEAF_NEVER)
		leaf.level--;
	leaf.rights = VMMU_R | VMMU_X | VMMU_U | (page.writable ? VMMU_W : 0);
	mapped = vmmu_pt_map(&rm->pt, &leaf);
	if (mapped < 0)
		return VMMU_FIX_NO_TABLES;
	if (mapped & VMMU_PT_FLUSH)
		vmmu_be_flush_all(rm->pt.vm);
	return VMMU_FIX_RETRY;
}

uint64_t realmode_protect(struct realmode *rm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how)
{
	return vmmu_pt_change(&rm->pt, gpa.v, len, how);
}

uint64_t realmode_protect_pages(struct realmode *rm, vmmu_gpa_t gpa, const uint64_t *pages,
				uint64_t nr)
{
	return vmmu_pt_wrprot_pages(&rm->pt, gpa.v, pages, nr);
}

static int check_leaf(void *vm, const struct vmmu_pt *pt, const struct vmmu_leaf *leaf)
{
	struct vmmu_leaf l = *leaf;

	l.gpa = l.ia;
	return vmmu_be_check_leaf(vm, pt, &l);
}

int realmode_check(const struct realmode *rm, struct vmmu_cursor *at, unsigned budget)
{
	return vmmu_pt_check(&rm->pt, at, budget, check_leaf, rm->pt.vm);
}

uint64_t realmode_min_tables(const struct vmmu_fmt *fmt, unsigned paths)
{
	uint64_t fixed = fmt->lv[fmt->top].cached ? 1u << fmt->lv[fmt->top].bits : 0;
	unsigned below = fmt->top - 1u - (fixed ? 1 : 0);

	return 1 + fixed + (uint64_t)paths * below;
}
