/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging as a virtual TLB: per vCPU a tree GVA -> HPA, filled by faults.
 * Not here: caching trees across CR3 loads, trapping the guest's table stores.
 * Keeps: every leaf is a translation that the guest's own TLB could hold now:
 * it goes at the latest when the guest invalidates it, and grants no more than
 * the guest's tables granted when it was made.
 */
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/shadow.h>

#include "realmode.h"

/* A guest in long mode is shadowed in its own format, any other in PAE. */
static const struct vmmu_fmt *const formats[] = {
	&vmmu_fmt_pae,
	&vmmu_fmt_x64,
	&vmmu_fmt_x64_la57,
};
#define NR_FORMATS 3

struct shadow_vm {
	struct realmode real;
	unsigned nr_cpus;
};

struct shadow_cpu {
	struct vmmu_pt tree[NR_FORMATS];
	struct vmmu_pt *now;	  /* the one in use; NULL: the guest has no paging */
	struct vmmu_paging guest; /* what `now` was filled from */
	uint64_t cr4;
};

#define INTERCEPTS (VMMU_ICPT_CR0 | VMMU_ICPT_CR3 | VMMU_ICPT_CR4 | VMMU_ICPT_INVLPG | VMMU_ICPT_PF)
/* What the guest's silicon enforces and the real one can enforce for it. */
#define GUEST_CTL (VMMU_PG_SMEP | VMMU_PG_SMAP | VMMU_PG_PKE | VMMU_PG_PKS)
#define HOST_CTL (VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE)
#define FLUSHING_CR4 (VMMU_CR4_PGE | VMMU_CR4_PCIDE | VMMU_CR4_PAE | VMMU_CR4_PSE | VMMU_CR4_SMEP)

/* ---- init ------------------------------------------------------------------ */

/* Per vCPU its roots, and for one of them at a time a path of tables. */
static uint64_t shadow_min_tables(const struct vmmu_config *config)
{
	uint64_t roots = 0, path = 0;
	unsigned i;

	for (i = 0; i < NR_FORMATS; i++) {
		roots += realmode_min_tables(formats[i], 0);
		path = formats[i]->top - 1u > path ? formats[i]->top - 1u : path;
	}
	return config->nr_cpus * roots + path + realmode_min_tables(&vmmu_fmt_pae, 1);
}

static void shadow_fini(struct vmmu *vm)
{
	struct shadow_vm *s = vmmu_be_vm(vm);
	unsigned n, i;

	for (n = 0; n < s->nr_cpus; n++) {
		struct shadow_cpu *sc = vmmu_be_cpu(vmmu_cpu(vm, n));

		for (i = 0; i < NR_FORMATS; i++)
			vmmu_pt_fini(&sc->tree[i]);
	}
	realmode_fini(&s->real);
}

static int shadow_init(struct vmmu *vm, const struct vmmu_config *config)
{
	struct shadow_vm *s = vmmu_be_vm(vm);
	unsigned n, i;
	int st;

	if (config->backend_config)
		return VMMU_EINVAL;
	s->nr_cpus = config->nr_cpus;
	st = realmode_init(&s->real, vm, &vmmu_fmt_pae, HOST_CTL);
	for (n = 0; n < s->nr_cpus; n++) {
		struct shadow_cpu *sc = vmmu_be_cpu(vmmu_cpu(vm, n));

		for (i = 0; i < NR_FORMATS && !st; i++)
			st = vmmu_pt_init(&sc->tree[i], vm, formats[i], VMMU_PT_GPAS);
	}
	if (st)
		shadow_fini(vm);
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

static struct vmmu_pt *tree_for(struct shadow_cpu *sc, const struct vmmu_fmt *guest)
{
	unsigned i;

	if (!guest)
		return NULL;
	for (i = 0; i < NR_FORMATS; i++)
		if (formats[i] == guest)
			return &sc->tree[i];
	return &sc->tree[0];
}

/* Other bits of CR0 and CR4 (TS, OSFXSR...) change no translation. */
static int means_the_same(struct vmmu_cpu *cpu, const struct shadow_cpu *sc)
{
	return !((vmmu_be_regs(cpu)->cr4 ^ sc->cr4) & FLUSHING_CR4) &&
	       !memcmp(&sc->guest, vmmu_be_guest(cpu), sizeof(sc->guest));
}

static int shadow_load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	const struct vmmu_paging *guest = vmmu_be_guest(cpu);
	struct vmmu_hw *hw = vmmu_be_hw(cpu);

	if (why == VMMU_LOAD_KEYS) {
		hw->g.pkru = sc->guest.pkru = guest->pkru;
		hw->g.pkrs = sc->guest.pkrs = guest->pkrs;
		return VMMU_OK;
	}
	if (why == VMMU_LOAD_CONTROLS && means_the_same(cpu, sc))
		return VMMU_OK;
	/* Bit 63 of CR3 allows keeping the old space's entries, and asks for nothing. */
	drop_all(cpu);
	sc->guest = *guest;
	sc->cr4 = vmmu_be_regs(cpu)->cr4;
	sc->now = tree_for(sc, guest->fmt);
	if (sc->now)
		vmmu_pt_paging(sc->now, &hw->g, HOST_CTL | (guest->ctl & GUEST_CTL));
	else
		realmode_load(&s->real, &hw->g);
	hw->g.pkru = guest->pkru;
	hw->g.pkrs = guest->pkrs;
	hw->intercept = INTERCEPTS;
	hw->gpa_from = sc->now ? VMMU_GPA_TABLE : VMMU_GPA_IN;
	return VMMU_OK;
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

static void shadow_invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva)
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

static unsigned level_of(unsigned guest_shift)
{
	return guest_shift >= 30 ? 3 : guest_shift >= 21 ? 2 : 1;
}

/*
 * A store by the supervisor to a page that its tables hold read-only passes
 * with CR0.WP=0.  The real CPU runs with WP=1: such a page is made writable,
 * for the supervisor alone; the next user access turns it back.  With SMAP or
 * keys the U bit decides more than that, and the store is done in software.
 */
static unsigned rights_without_wp(const struct vmmu_paging *guest, unsigned rights)
{
	if (!(rights & VMMU_U))
		return rights | VMMU_W;
	if (guest->ctl & (VMMU_PG_SMAP | VMMU_PG_PKE | VMMU_PG_PKS))
		return rights;
	if (guest->ctl & VMMU_PG_SMEP)
		rights &= ~VMMU_X;
	return (rights | VMMU_W) & ~VMMU_U;
}

static unsigned leaf_rights(const struct vmmu_paging *guest, const struct vmmu_walk *w,
			    const struct vmmu_page *page, uint32_t access)
{
	unsigned rights = w->rights;

	if ((access & VMMU_TYPE_MASK) == VMMU_WRITE && !(rights & VMMU_W))
		rights = rights_without_wp(guest, rights);
	/* The guest's D bit is set by a walk in software, before the store. */
	if (!w->dirty || !page->writable)
		rights &= ~VMMU_W;
	return rights;
}

static int install(struct vmmu_cpu *cpu, const struct vmmu_exit *exit, const struct vmmu_walk *w,
		   const struct vmmu_page *page, unsigned rights)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	unsigned level = level_of(w->shift);
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

static int shadow_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit, struct vmmu_fix *fix)
{
	struct vmmu *vm = vmmu_cpu_vm(cpu);
	struct shadow_vm *s = vmmu_be_vm(vm);
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	int write = (exit->access & VMMU_TYPE_MASK) == VMMU_WRITE;
	struct vmmu_page page;
	struct vmmu_leaf was;
	struct vmmu_walk w;
	unsigned rights;
	int kind;

	if (!sc->now)
		return realmode_fault(&s->real, vmmu_gpa(exit->gva.v), exit->access,
				      VMMU_EV_EXIT_SHADOW_MISS, fix);
	if (vmmu_be_walk_guest(cpu, exit->gva, exit->access, &w)) {
		kind = vmmu_be_walk_stop(cpu, &w, fix);
		/* A guest's #PF drops what its TLB has of the page: SDM 4.10.4.1. */
		if (kind == VMMU_FIX_FAULT)
			drop_address(cpu, exit->gva.v);
		return kind;
	}
	kind = vmmu_be_page(vm, w.gpa, write, &page, fix);
	if (kind != VMMU_FIX_RETRY)
		return kind;
	fix->event = VMMU_EV_EXIT_SHADOW_MISS;
	if (page.armed && vmmu_pt_lookup(sc->now, exit->gva.v, &was) && was.oa == page.hpa.v)
		fix->event = VMMU_EV_EXIT_DIRTY_LOG;
	rights = leaf_rights(&sc->guest, &w, &page, exit->access);
	/* What the leaf cannot express would fault for ever. */
	if (!(vmmu_paging_kinds(&vmmu_be_hw(cpu)->g, rights, w.pkey) >> vmmu_kind(exit->access) &
	      1))
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
	for (vmmu_pt_first(&it, pt, 0, ~0ull); it.table; vmmu_pt_next(&it)) {
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

static uint64_t shadow_protect(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how)
{
	struct shadow_vm *s = vmmu_be_vm(vm);
	uint64_t nr = realmode_protect(&s->real, gpa, len, how);
	unsigned n;

	for (n = 0; n < s->nr_cpus; n++) {
		struct shadow_cpu *sc = vmmu_be_cpu(vmmu_cpu(vm, n));

		if (sc->now)
			nr += protect_tree(sc->now, gpa.v, len, how);
	}
	return nr;
}

/* ---- check ---------------------------------------------------------------------------- */

static int shadow_check(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget)
{
	struct shadow_vm *s = vmmu_be_vm(vm);
	struct shadow_cpu *sc;
	int st;

	if (!at->tree) {
		st = realmode_check(&s->real, at, budget);
	} else {
		sc = vmmu_be_cpu(vmmu_cpu(vm, (unsigned)(at->tree - 1) / NR_FORMATS));
		st = vmmu_pt_check(&sc->tree[(at->tree - 1) % NR_FORMATS], at, budget,
				   vmmu_be_check_leaf, vm);
	}
	if (at->tree > (uint64_t)s->nr_cpus * NR_FORMATS)
		at->tree = 0;
	return st;
}

const struct vmmu_backend vmmu_shadow = {
	.name = "shadow",
	.vm_size = sizeof(struct shadow_vm),
	.cpu_size = sizeof(struct shadow_cpu),
	.min_tables = shadow_min_tables,
	.init = shadow_init,
	.fini = shadow_fini,
	.load = shadow_load,
	.fault = shadow_fault,
	.protect = shadow_protect,
	.invlpg = shadow_invlpg,
	.check = shadow_check,
};
