/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CR3: which root a vCPU has, the last ones kept beside it, and the guest's TLB instructions.
 * A load never fails, and between warm spaces nothing faults.
 * Keeps: a root is compared when it is loaded; of one that was kept and is loaded with CR3
 * bit 63, what was filled or linked since it was put aside.  That is another PCID's, which
 * may share its tables, and this one's TLB cannot have it.  What INVLPG and INVPCID
 * did since, was done to kept roots, too.
 */
#include <string.h>

#include "shadow_priv.h"

/* All of a dimension: the format, what is enforced, the root. */
static void program_cpu(struct vmmu_cpu *cpu)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	const struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	const struct vmmu_fmt *f = s->mode[sc->root.mode].space->fmt;
	struct vmmu_paging *pg = &vmmu_be_hw(cpu)->g;

	vmmu_paging_host(pg, f, 0, s->host_maxphyaddr,
			 HOST_CTL | (vmmu_be_guest(cpu)->ctl & GUEST_CTL));
	if (f->lv[f->top].cached)
		pg->ctl |= VMMU_PG_PDPTES;
	root_point(cpu);
}

static uint8_t mode_index(struct shadow_vm *s, const struct vmmu_paging *guest)
{
	unsigned i;

	for (i = 0; s->mode[i].space; i++)
		if (s->mode[i].pg.fmt == guest->fmt &&
		    !((s->mode[i].pg.ctl ^ guest->ctl) & VMMU_PG_NXE))
			return (uint8_t)i;
	s->mode[i].pg = *guest;
	s->mode[i].space = &s->space[shadow_format(guest->fmt)];
	return (uint8_t)i;
}

static uint16_t pcid_of(struct vmmu_cpu *cpu)
{
	const struct vmmu_regs *regs = vmmu_be_regs(cpu);

	return regs->cr4 & VMMU_CR4_PCIDE ? regs->cr3 & 0xfff : 0;
}

/* Of one mode: a load that changes more than CR3 keeps none. */
static int is_same(const struct root *a, const struct root *b)
{
	return a->used && b->used && a->base == b->base && a->pcid == b->pcid &&
	       !memcmp(a->pdpte, b->pdpte, sizeof(a->pdpte));
}

/* AMD's profile of PAE: nothing holds the PDPTEs, and what was read of them goes with CR3. */
static int walks_pdptes(const struct vmmu_paging *guest)
{
	return guest->fmt && guest->fmt->lv[guest->fmt->top].cached &&
	       !(guest->ctl & VMMU_PG_PDPTES);
}

/* The pages that are there already. */
static void find_pages(struct shadow_vm *s, struct root *r)
{
	const struct mode *m = &s->mode[r->mode];
	unsigned i, nr = m->space->fmt->lv[m->space->fmt->top].cached ? ROOT_PAGES : 1;
	struct key key;

	for (i = 0; i < nr; i++)
		if (root_key(s, r, r->pdpte[i], i, &key))
			root_page(r, i, page_find(s, &key));
}

/* Puts *r before the kept; that at `end` goes. */
static void keep(struct shadow_vm *s, struct shadow_cpu *sc, const struct root *r, unsigned end)
{
	if (!s->roots) {
		struct root gone = *r;

		root_release(&gone);
		return;
	}
	root_release(&sc->kept[end]);
	memmove(&sc->kept[1], &sc->kept[0], end * sizeof(*r));
	sc->kept[0] = *r;
	sc->kept[0].kept_at = ++s->clock;
}

/* Makes *want the root; since when it was not looked after. */
static uint64_t switch_root(struct shadow_vm *s, struct shadow_cpu *sc, struct root *want)
{
	struct root before = sc->root;
	uint64_t since = SINCE_EVER;
	unsigned i;

	if (is_same(&before, want))
		return SINCE_NOW;
	for (i = 0; i < s->roots; i++)
		if (is_same(&sc->kept[i], want))
			break;
	if (i < s->roots) {
		sc->root = sc->kept[i];
		since = sc->root.kept_at;
		sc->kept[i].used = 0;
		memset(sc->kept[i].page, 0, sizeof(sc->kept[i].page));
	} else {
		find_pages(s, want);
		sc->root = *want;
	}
	/* The place of the one taken up, or of the oldest. */
	if (before.used)
		keep(s, sc, &before, i < s->roots ? i : s->roots - 1);
	return since;
}

/* Kept roots of a PCID, or with -1 all, may not be taken up as they are. */
static void forget_kept(struct shadow_vm *s, struct shadow_cpu *sc, int pcid)
{
	unsigned i;

	for (i = 0; i < s->roots; i++)
		if (pcid < 0 || sc->kept[i].pcid == pcid)
			root_release(&sc->kept[i]);
}

static void flush_cpu(struct vmmu_cpu *cpu)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	vmmu_be_flush_cpu(cpu);
	sc->large_seen = s->large_gone;
}

static void no_paging(struct vmmu_cpu *cpu)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	root_release(&sc->root);
	forget_kept(s, sc, -1);
	vmmu_be_hw(cpu)->pcid = 0;
	flush_cpu(cpu);
}

void load_root(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	const struct vmmu_paging *guest = vmmu_be_guest(cpu);
	int cr3 = why == VMMU_LOAD_CR3 || why == VMMU_LOAD_CR3_KEEP;
	uint64_t since;
	int pcide = (vmmu_be_regs(cpu)->cr4 & VMMU_CR4_PCIDE) != 0;
	struct root want = { .base = guest->root, .pcid = pcid_of(cpu), .used = 1 };

	if (!guest->fmt) {
		no_paging(cpu);
		return;
	}
	want.mode = mode_index(s, guest);
	want.wp0 = (uint8_t)wp0_of(s, guest);
	if (guest->ctl & VMMU_PG_PDPTES)
		memcpy(want.pdpte, guest->pdpte, sizeof(want.pdpte));
	if (!cr3 || walks_pdptes(guest))
		root_release(&sc->root);
	if (!cr3)
		forget_kept(s, sc, -1);
	since = switch_root(s, sc, &want);
	if (why == VMMU_LOAD_CR3_KEEP && s->roots && since != SINCE_EVER) {
		sync_root(s, &sc->root, since);
		vmmu_be_hw(cpu)->pcid = want.pcid;
	} else {
		forget_kept(s, sc, want.pcid);
		sync_root(s, &sc->root, SINCE_EVER);
		vmmu_be_hw(cpu)->pcid = s->roots ? want.pcid : 0;
		if (cr3 && s->roots && pcide)
			vmmu_be_flush_space(cpu);
		else
			flush_cpu(cpu);
	}
	program_cpu(cpu);
	page_commit(s);
}

/* ---- TLB instructions ---------------------------------------------------------------- */

/* A large guest page may be cached in pieces, and the instruction means all of them. */
static void flush_address(struct vmmu_cpu *cpu, uint64_t gva)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	if (sc->large_seen != s->large_gone)
		flush_cpu(cpu);
	else
		vmmu_hw_invlpga(cpu, vmmu_gva(gva), vmmu_be_hw(cpu)->asid);
}

static void drop_pdptes(struct vmmu_cpu *cpu)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	unsigned i;

	if (!sc->root.used || !walks_pdptes(&sc->guest))
		return;
	for (i = 0; i < ROOT_PAGES; i++)
		root_page(&sc->root, i, NULL);
	root_point(cpu);
	flush_cpu(cpu);
}

static void invalidate_address(struct vmmu_cpu *cpu, int pcid, uint64_t gva)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	unsigned i;

	if (sc->root.used && (pcid < 0 || pcid == sc->root.pcid))
		sync_address(s, &sc->root, gva);
	for (i = 0; i < s->roots; i++)
		if (sc->kept[i].used && (pcid < 0 || pcid == sc->kept[i].pcid))
			sync_address(s, &sc->kept[i], gva);
	drop_pdptes(cpu);
	flush_address(cpu, gva);
}

static void invalidate_space(struct vmmu_cpu *cpu, int pcid)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	if (sc->root.used && (pcid < 0 || pcid == sc->root.pcid))
		sync_root(s, &sc->root, SINCE_EVER);
	forget_kept(s, sc, pcid);
	drop_pdptes(cpu);
	flush_cpu(cpu);
}

void load_invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva)
{
	switch (type) {
	case VMMU_INVPCID_ADDRESS:
		invalidate_address(cpu, (int)pcid, gva.v);
		break;
	case VMMU_INVPCID_SINGLE:
		invalidate_space(cpu, (int)pcid);
		break;
	case VMMU_INVPCID_ALL_GLOBAL:
	case VMMU_INVPCID_ALL:
		invalidate_space(cpu, -1);
		break;
	default:
		/* INVLPG: this PCID's, and a global page is any PCID's. */
		invalidate_address(cpu, -1, gva.v);
	}
	page_commit(vmmu_be_vm(vmmu_cpu_vm(cpu)));
}

void load_faulted(struct vmmu_cpu *cpu, uint64_t gva)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	sync_address(s, &sc->root, gva);
	drop_pdptes(cpu);
	/* One page is dropped by silicon itself: SDM 4.10.4.1. */
	if (sc->large_seen != s->large_gone)
		flush_cpu(cpu);
}
