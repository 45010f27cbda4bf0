/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From registers and CPU model to one dimension of paging: which format, which
 * bits are reserved, which accesses the rights let pass.
 * Not here: writing registers (regs.c).  Computed once per register write.
 */
#include <string.h>

#include <vmmu/hw.h>

#include "../util.h"
#include "fmt.h"

#define CR4_OLD 0x7ffull /* VME .. OSXMMEXCPT */
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_COMMON                                                                                 \
	(CR4_OLD | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | VMMU_CR4_PCIDE | VMMU_CR4_SMEP |        \
	 VMMU_CR4_SMAP | VMMU_CR4_PKE)
#define EFER_COMMON (0x1ull | VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE)
#define EFER_AMD (EFER_COMMON | 0x7000ull | VMMU_EFER_TCE) /* SVME LMSLE FFXSR TCE */

const struct vmmu_profile vmmu_profile_max = {
	.name = "max",
	.features = VMMU_CPU_PSE36 | VMMU_CPU_1G,
	.maxphyaddr = 52,
	.cr4_valid = CR4_COMMON | VMMU_CR4_LA57 | VMMU_CR4_PKS,
	.efer_valid = EFER_AMD,
};

const struct vmmu_profile vmmu_profile_intel = {
	.name = "intel",
	.features = VMMU_CPU_PSE36 | VMMU_CPU_1G,
	.maxphyaddr = 46,
	.cr4_valid = CR4_COMMON | VMMU_CR4_PKS,
	.efer_valid = EFER_COMMON,
};

const struct vmmu_profile vmmu_profile_amd = {
	.name = "amd",
	.features = VMMU_CPU_PSE36 | VMMU_CPU_1G | VMMU_CPU_G_RESERVED | VMMU_CPU_PSE_FLUSHES,
	.maxphyaddr = 48,
	.cr4_valid = CR4_COMMON,
	.efer_valid = EFER_AMD,
};

/* Whether the rights of an x86 way let one kind of access pass: SDM 4.6.1. */
static int x86_allows(uint32_t ctl, unsigned rights, unsigned type, unsigned mode)
{
	int user_page = (rights & VMMU_U) != 0;

	if (mode == VMMU_MODE_USER && !user_page)
		return 0;
	if (type == VMMU_FETCH) {
		if ((ctl & VMMU_PG_NXE) && !(rights & VMMU_X))
			return 0;
		return mode == VMMU_MODE_USER || !user_page || !(ctl & VMMU_PG_SMEP);
	}
	if (mode == VMMU_MODE_SUPER && user_page && (ctl & VMMU_PG_SMAP))
		return 0;
	if (type == VMMU_WRITE && !(rights & VMMU_W))
		return mode != VMMU_MODE_USER && !(ctl & VMMU_PG_WP);
	return 1;
}

/* In a nested table only the type of an access counts; under NPT each is one by user mode. */
static int nested_allows(uint32_t ctl, unsigned style, unsigned rights, unsigned type)
{
	static const uint8_t need[3] = { VMMU_R, VMMU_W, VMMU_X };

	if (style == VMMU_STYLE_NPT)
		return x86_allows(ctl | VMMU_PG_WP, rights, type, VMMU_MODE_USER);
	return (rights & need[type]) != 0;
}

static void fill_kinds(struct vmmu_paging *pg, unsigned style)
{
	unsigned rights, type, mode;

	for (rights = 0; rights < 16; rights++) {
		for (type = VMMU_READ; type <= VMMU_FETCH; type++) {
			for (mode = 0; mode <= VMMU_MODE_SUPER_AC; mode++) {
				int ok = style == VMMU_STYLE_X86
						 ? x86_allows(pg->ctl, rights, type, mode)
						 : nested_allows(pg->ctl, style, rights, type);

				pg->kinds[rights] |= (uint16_t)(ok << (type * 4 + mode));
			}
		}
	}
}

static void fill_ad(struct vmmu_paging *pg)
{
	uint64_t a = pg->ctl & VMMU_PG_AD ? pg->fmt->accessed : 0;

	pg->ad[VMMU_READ] = pg->ad[VMMU_FETCH] = a;
	pg->ad[VMMU_WRITE] = a | (pg->ctl & VMMU_PG_AD ? pg->fmt->dirty : 0);
}

/* The same as accumulated bits of the format: those that a nested access of each type needs. */
static void fill_need(struct vmmu_paging *pg)
{
	const struct vmmu_fmt *f = pg->fmt;
	uint64_t x = f->style == VMMU_STYLE_NPT && !(pg->ctl & VMMU_PG_NXE) ? 0 : f->x;

	pg->need[VMMU_READ] = f->u | f->r;
	pg->need[VMMU_WRITE] = f->u | f->w;
	pg->need[VMMU_FETCH] = f->u | x;
}

unsigned vmmu_paging_kinds(const struct vmmu_paging *pg, unsigned rights, unsigned pkey)
{
	unsigned kinds = pg->kinds[rights];
	uint32_t pkr;
	unsigned deny = 0;

	/* SDM 4.6.2: the page's U bit chooses the register; keys do not apply to fetches. */
	if (rights & VMMU_U)
		pkr = pg->ctl & VMMU_PG_PKE ? pg->pkru : 0;
	else
		pkr = pg->ctl & VMMU_PG_PKS ? pg->pkrs : 0;
	pkr = pkr >> 2 * pkey & 3;
	if (pkr & 1)
		deny = 0xff;
	else if (pkr & 2)
		deny = pg->ctl & VMMU_PG_WP ? 0xf0 : 1u << (VMMU_WRITE * 4 + VMMU_MODE_USER);
	return kinds & ~deny;
}

/* Reserved by the format, by MAXPHYADDR and EFER.NXE, and by the CPU's features. */
static uint64_t rsvd_at(const struct vmmu_paging *pg, unsigned level, int leaf, unsigned maxphy,
			uint32_t features)
{
	const struct vmmu_fmt *f = pg->fmt;
	const struct vmmu_fmt_level *lv = &f->lv[level];
	uint64_t m = lv->rsvd[leaf] | (f->addr & FMT_BITS(63, maxphy));
	unsigned wide = maxphy < 40 ? maxphy : 40;

	if (!(pg->ctl & VMMU_PG_NXE))
		m |= f->invert;
	if (leaf && lv->shift == 30 && !(features & VMMU_CPU_1G))
		m |= f->leaf_bit;
	if (level >= 4 && (features & VMMU_CPU_G_RESERVED))
		m |= f->global;
	/* SDM table 4-4: of the field for address bits 39:32, those beyond MAXPHYADDR are reserved.
	 */
	if (leaf && level > 1 && (features & VMMU_CPU_PSE36))
		m &= ~(f->pse36 & FMT_BITS(wide - 20, 13));
	return m;
}

/* In a format with one present bit, that bit clear stops a walk as a reserved bit set does. */
static void fill_wrong(struct vmmu_paging *pg, unsigned maxphy, uint32_t features)
{
	uint64_t p = one_bit(pg->fmt->present) ? pg->fmt->present : 0;
	unsigned level;

	for (level = 1; level <= pg->fmt->top; level++) {
		pg->wrong[level - 1][0] = rsvd_at(pg, level, 0, maxphy, features) | p;
		pg->wrong[level - 1][1] = rsvd_at(pg, level, 1, maxphy, features) | p;
	}
}

static const struct vmmu_fmt *guest_fmt(const struct vmmu_regs *r)
{
	if (!(r->cr0 & VMMU_CR0_PG))
		return NULL;
	if (r->efer & VMMU_EFER_LMA)
		return r->cr4 & VMMU_CR4_LA57 ? &vmmu_fmt_x64_la57 : &vmmu_fmt_x64;
	if (r->cr4 & VMMU_CR4_PAE)
		return &vmmu_fmt_pae;
	return r->cr4 & VMMU_CR4_PSE ? &vmmu_fmt_legacy32 : &vmmu_fmt_legacy32_nopse;
}

static uint32_t guest_ctl(const struct vmmu_regs *r, const struct vmmu_fmt *fmt)
{
	uint32_t ctl = VMMU_PG_AD;

	/* 4-byte entries have no NX whatever EFER says. */
	if (fmt->invert && (r->efer & VMMU_EFER_NXE))
		ctl |= VMMU_PG_NXE | VMMU_PG_ID;
	if (r->cr4 & VMMU_CR4_SMEP)
		ctl |= VMMU_PG_SMEP | VMMU_PG_ID;
	if (r->cr4 & VMMU_CR4_SMAP)
		ctl |= VMMU_PG_SMAP;
	if (r->cr0 & VMMU_CR0_WP)
		ctl |= VMMU_PG_WP;
	if (r->cr4 & VMMU_CR4_PGE)
		ctl |= VMMU_PG_GLOBAL;
	if (r->efer & VMMU_EFER_LMA) {
		if (r->cr4 & VMMU_CR4_PKE)
			ctl |= VMMU_PG_PKE;
		if (r->cr4 & VMMU_CR4_PKS)
			ctl |= VMMU_PG_PKS;
	}
	return ctl;
}

void vmmu_paging_guest(struct vmmu_paging *pg, const struct vmmu_regs *regs,
		       const struct vmmu_profile *prof)
{
	const struct vmmu_fmt *fmt = guest_fmt(regs);

	memset(pg, 0, sizeof(*pg));
	if (!fmt)
		return;
	pg->fmt = fmt;
	pg->ctl = guest_ctl(regs, fmt);
	pg->pkru = regs->pkru;
	pg->pkrs = regs->pkrs;
	pg->root = regs->cr3 & fmt->addr;
	if (fmt->lv[fmt->top].cached) {
		pg->root = regs->cr3 & FMT_BITS(31, 5);
		if (!(prof->features & VMMU_CPU_PDPTE_WALK))
			pg->ctl |= VMMU_PG_PDPTES;
		memcpy(pg->pdpte, regs->pdpte, sizeof(pg->pdpte));
	}
	fill_kinds(pg, VMMU_STYLE_X86);
	fill_ad(pg);
	fill_wrong(pg, prof->maxphyaddr, prof->features);
}

void vmmu_paging_host(struct vmmu_paging *pg, const struct vmmu_fmt *fmt, uint64_t root,
		      unsigned maxphyaddr, uint32_t ctl)
{
	memset(pg, 0, sizeof(*pg));
	pg->fmt = fmt;
	pg->root = root;
	pg->ctl = ctl;
	if (fmt->bad_rwx) {
		pg->stop_rwx = fmt->bad_rwx | 1u << 0;
		if (ctl & VMMU_PG_XONLY)
			pg->stop_rwx &= (uint8_t)~fmt->xonly_rwx;
	}
	if (fmt->style == VMMU_STYLE_NPT)
		pg->ctl |= VMMU_PG_AD;
	if (fmt->style == VMMU_STYLE_X86 && (ctl & (VMMU_PG_NXE | VMMU_PG_SMEP)))
		pg->ctl |= VMMU_PG_ID;
	fill_kinds(pg, fmt->style);
	fill_need(pg);
	fill_ad(pg);
	fill_wrong(pg, maxphyaddr, VMMU_CPU_PSE36 | VMMU_CPU_1G);
}
