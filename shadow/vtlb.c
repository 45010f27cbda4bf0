/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual TLB: per vCPU a tree GVA -> HPA, filled by faults.
 * Not here: keeping pages across CR3 loads, trapping the guest's table stores.
 * Keeps: every leaf is a translation that the guest's own TLB could hold now:
 * it goes at the latest when the guest invalidates it, and grants no more than
 * the guest's tables granted when it was made.
 */
#include "shadow_priv.h"

/* ---- init ------------------------------------------------------------------ */

/* Per vCPU its roots, and for one of them at a time a path of tables. */
uint64_t vtlb_min_tables(const struct vmmu_config *config)
{
	uint64_t roots = 0, path = 0;
	unsigned i;

	for (i = 0; i < NR_FORMATS; i++) {
		const struct vmmu_fmt *f = shadow_formats[i];

		roots += realmode_min_tables(f, 0);
		path = f->top - 1u > path ? f->top - 1u : path;
	}
	return config->nr_cpus * roots + path + realmode_min_tables(&vmmu_fmt_pae, 1);
}

static void fini(struct shadow_vm *s)
{
	unsigned n, i;

	for (n = 0; n < s->nr_cpus; n++)
		for (i = 0; i < NR_FORMATS; i++)
			vmmu_pt_fini(&shadow_cpu(s, n)->tree[i]);
}

static int init(struct shadow_vm *s)
{
	unsigned n, i;
	int st = VMMU_OK;

	for (n = 0; n < s->nr_cpus; n++)
		for (i = 0; i < NR_FORMATS && !st; i++)
			st = vmmu_pt_init(&shadow_cpu(s, n)->tree[i], s->vm, shadow_formats[i],
					  VMMU_PT_GPAS);
	return st;
}

/* ---- the guest's registers and TLB instructions ------------------------------ */

/* Everything the virtual TLB holds goes. */
static void drop_all(struct vmmu_cpu *cpu)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	if (sc->now)
		vmmu_pt_change(sc->now, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
	vmmu_be_flush_cpu(cpu);
}

static void load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	const struct vmmu_paging *guest = vmmu_be_guest(cpu);

	(void)why;
	/* Bit 63 of CR3 allows keeping the old space's entries, and asks for nothing. */
	drop_all(cpu);
	sc->now = guest->fmt ? &sc->tree[shadow_format(guest->fmt)] : NULL;
	if (sc->now)
		vmmu_pt_paging(sc->now, &vmmu_be_hw(cpu)->g, HOST_CTL | (guest->ctl & GUEST_CTL));
}

/*
 * How much of the guest's space one translation at gva may cover: a large
 * guest page over small host pages lies here in fragments, and goes as one.
 * A table's mark is the largest page of which it or its tables hold all or a part;
 * a table that splits a leaf inherits it.
 *
 *	level 2 table (1G):  mark 30 -> all of it;  22 -> the 4M around gva
 *	level 1 table (2M):  mark 21 -> all of it;  12 -> one page
 */
static unsigned reach_of(const struct vmmu_pt *pt, uint64_t gva)
{
	unsigned shift = VMMU_PAGE_SHIFT, mark;
	struct vmmu_pt_iter it;

	for (vmmu_pt_first(&it, pt, gva, gva); it.table; vmmu_pt_next(&it)) {
		mark = *vmmu_table_mark(it.table);
		if ((it.level == 2 && mark > 21) || (it.level == 1 && mark > shift))
			shift = mark > shift ? mark : shift;
	}
	return shift;
}

/* Tables on the way to gva learn of a page of this size. */
static void mark_large(const struct vmmu_pt *pt, uint64_t gva, unsigned shift)
{
	struct vmmu_pt_iter it;

	for (vmmu_pt_first(&it, pt, gva, gva); it.table; vmmu_pt_next(&it)) {
		uint8_t *mark = vmmu_table_mark(it.table);

		if (it.level <= 3 && *mark < shift)
			*mark = (uint8_t)shift;
	}
}

static void drop_address(struct vmmu_cpu *cpu, uint64_t gva)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	uint64_t size;

	if (!sc->now)
		return;
	size = 1ull << reach_of(sc->now, gva);
	vmmu_pt_change(sc->now, gva & ~(size - 1), size, VMMU_CHANGE_ZAP);
	if (size > VMMU_PAGE_SIZE)
		vmmu_be_flush_cpu(cpu);
	else
		vmmu_be_flush_page(cpu, vmmu_gva(gva));
}

static void invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva)
{
	const struct vmmu_regs *regs = vmmu_be_regs(cpu);
	unsigned here = regs->cr4 & VMMU_CR4_PCIDE ? regs->cr3 & 0xfff : 0;

	/* Other PCIDs have nothing here: a CR3 load dropped it. */
	if ((type == VMMU_INVPCID_ADDRESS || type == VMMU_INVPCID_SINGLE) && pcid != here)
		return;
	if (type < 0 || type == VMMU_INVPCID_ADDRESS)
		drop_address(cpu, gva.v);
	else
		drop_all(cpu);
}

/* ---- faults ------------------------------------------------------------------- */

static enum vmmu_fix_kind install(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				  const struct vmmu_walk *w, const struct vmmu_page *page,
				  unsigned rights)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	const struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	unsigned level = s->on & VMMU_SHADOW_LARGE ? level_of(w->shift) : 1;
	struct vmmu_leaf leaf = {
		.ia = exit->gva.v,
		.oa = page->hpa.v,
		.gpa = w->gpa.v,
		.level = (uint8_t)(page->level < level ? page->level : level),
		.rights = (uint8_t)rights,
		.pkey = w->pkey,
		.accessed = 1,
		.dirty = (rights & VMMU_W) != 0,
		.note = vmmu_be_note(w->rights, w->shift),
	};
	int got = vmmu_pt_map(sc->now, &leaf);

	if (got < 0)
		return VMMU_FIX_NO_TABLES;
	/* A leaf that is whole now may be split later. */
	if (w->shift > VMMU_PAGE_SHIFT)
		mark_large(sc->now, leaf.ia, w->shift);
	if (got & VMMU_PT_FLUSH)
		vmmu_be_flush_cpu(cpu);
	return VMMU_FIX_RETRY;
}

static enum vmmu_fix_kind fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				struct vmmu_fix *fix)
{
	struct vmmu *vm = vmmu_cpu_vm(cpu);
	struct shadow_vm *s = vmmu_be_vm(vm);
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	int write = (exit->access & VMMU_TYPE_MASK) == VMMU_WRITE;
	struct vmmu_page page;
	struct vmmu_leaf was;
	struct vmmu_walk w;
	enum vmmu_page_kind found;
	enum vmmu_fix_kind kind;
	unsigned rights;

	if (vmmu_be_walk_guest(cpu, exit->gva, exit->access, &w, NULL)) {
		kind = vmmu_be_walk_stop(cpu, &w, fix);
		/* A guest's #PF drops what its TLB has of the page: SDM 4.10.4.1. */
		if (kind == VMMU_FIX_FAULT)
			drop_address(cpu, exit->gva.v);
		return kind;
	}
	found = vmmu_be_page(vm, w.gpa, write, &page, fix);
	if (found != VMMU_PAGE_THERE)
		return vmmu_be_page_fix(found);
	fix->event = VMMU_EV_EXIT_SHADOW_MISS;
	if (page.armed && vmmu_pt_lookup(sc->now, exit->gva.v, &was) && was.oa == page.hpa.v)
		fix->event = VMMU_EV_EXIT_DIRTY_LOG;
	rights = guest_grants(wp0_of(s, &sc->guest), &w, exit->access);
	if (!page.writable)
		rights &= ~VMMU_W;
	/* What the leaf cannot express would fault for ever. */
	if (!cpu_allows(cpu, rights, w.pkey, exit->access))
		return VMMU_FIX_SOFT;
	return install(cpu, exit, &w, &page, rights);
}

/* ---- host events ------------------------------------------------------------------ */

/* There is no reverse map: every leaf is looked at. */
static uint64_t protect_tree(struct vmmu_pt *pt, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t nr = 0, last = gpa + len - 1;
	struct vmmu_pt_iter it;
	struct vmmu_leaf leaf;

	if (!gpa && len == VMMU_ALL)
		return vmmu_pt_change(pt, 0, VMMU_ALL, how);
	for (vmmu_pt_first(&it, pt, 0, ~0ull); it.table; vmmu_pt_next_used(&it)) {
		uint64_t lo, hi, size;

		if (!it.leaf)
			continue;
		vmmu_pt_leaf(&it, &leaf);
		size = 1ull << pt->fmt->lv[leaf.level].shift;
		lo = leaf.gpa & ~(size - 1);
		hi = lo + size - 1;
		if (hi < gpa || lo > last)
			continue;
		lo = lo > gpa ? lo : gpa;
		hi = hi < last ? hi : last;
		nr += vmmu_pt_change(pt, (leaf.ia & ~(size - 1)) + (lo & (size - 1)), hi - lo + 1,
				     how);
	}
	return nr;
}

static uint64_t protect(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t nr = 0;
	unsigned n;

	for (n = 0; n < s->nr_cpus; n++)
		if (shadow_cpu(s, n)->now)
			nr += protect_tree(shadow_cpu(s, n)->now, gpa, len, how);
	return nr;
}

/* Every leaf is looked at once, for all of the pages. */
static uint64_t protect_tree_pages(struct vmmu_pt *pt, uint64_t gpa, const uint64_t *pages,
				   uint64_t nr)
{
	uint64_t changed = 0, size, lo, first, end;
	struct vmmu_pt_iter it;
	struct vmmu_leaf leaf;

	for (vmmu_pt_first(&it, pt, 0, ~0ull); it.table; vmmu_pt_next_used(&it)) {
		if (!it.leaf)
			continue;
		vmmu_pt_leaf(&it, &leaf);
		size = 1ull << pt->fmt->lv[leaf.level].shift;
		lo = leaf.gpa & ~(size - 1);
		if (lo + size <= gpa || lo >= gpa + (nr << VMMU_PAGE_SHIFT))
			continue;
		first = lo > gpa ? (lo - gpa) >> VMMU_PAGE_SHIFT : 0;
		end = (lo + size - gpa) >> VMMU_PAGE_SHIFT;
		if (vmmu_be_next_page(pages, first, end < nr ? end : nr) < (end < nr ? end : nr))
			changed +=
				vmmu_pt_change(pt, leaf.ia & ~(size - 1), size, VMMU_CHANGE_WRPROT);
	}
	return changed;
}

static uint64_t protect_pages(struct shadow_vm *s, uint64_t gpa, const uint64_t *pages, uint64_t nr)
{
	uint64_t changed = 0;
	unsigned n;

	for (n = 0; n < s->nr_cpus; n++)
		if (shadow_cpu(s, n)->now)
			changed += protect_tree_pages(shadow_cpu(s, n)->now, gpa, pages, nr);
	return changed;
}

static int check(struct shadow_vm *s, struct vmmu_cursor *at, unsigned budget)
{
	struct shadow_cpu *sc = shadow_cpu(s, (unsigned)(at->tree - 1) / NR_FORMATS);
	int st = vmmu_pt_check(&sc->tree[(at->tree - 1) % NR_FORMATS], at, budget,
			       vmmu_be_check_leaf, s->vm);

	if (at->tree > (uint64_t)s->nr_cpus * NR_FORMATS)
		at->tree = 0;
	return st;
}

const struct shadow_way vtlb_way = {
	.init = init,
	.fini = fini,
	.load = load,
	.fault = fault,
	.protect = protect,
	.protect_pages = protect_pages,
	.invlpg = invlpg,
	.check = check,
};
