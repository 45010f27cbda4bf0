/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOV to CR0, CR3, CR4 and WRMSR EFER: SDM vol. 3 2.5, 4.1, 4.4.1, 10.8.5 and MOV in vol. 2.
 * No segmentation (CS.L, TSS, CPL) and no TLB effects: those are in stale.c.
 * Invariant: OR_GP leaves *r as it was.
 */
#include <string.h>

#include "walk.h"

/* PE MP EM TS ET NE WP AM NW CD PG. */
#define CR0_KEPT UINT64_C(0xe005003f)

/*
 * SDM 4.4.1.  A load that fails changes nothing.  A processor that reads PDPTEs on every walk does
 * not load them: APM 15.25.10.
 */
static enum or_kind load_pdptes(struct or_regs *r, const struct or_profile *p,
                                const struct or_mem *m)
{
	uint64_t table = r->cr3 & or_bits(31, 5);
	uint64_t raw[4];
	unsigned i;

	if (p->pdpte_walk)
		return OR_OK;
	if (!m->is_ram(m->ctx, table))
		return OR_GP;
	for (i = 0; i < 4; i++)
		raw[i] = or_read(m, table + 8 * i, 8);
	if (!or_pdptes_ok(p, raw))
		return OR_GP;
	memcpy(r->pdpte, raw, sizeof(raw));
	return OR_OK;
}

enum or_kind or_set_cr0(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                        uint64_t value)
{
	struct or_regs new = *r;
	uint64_t changed;

	if (value >> 32)
		return OR_GP;
	if ((value & OR_CR0_NW) && !(value & OR_CR0_CD))
		return OR_GP;
	if ((value & OR_CR0_PG) && !(value & OR_CR0_PE))
		return OR_GP;
	if (!(value & OR_CR0_WP) && (r->cr4 & OR_CR4_CET))
		return OR_GP;
	/* The other reserved bits are ignored: SDM 2.5. */
	new.cr0 = (value & CR0_KEPT) | OR_CR0_ET;
	changed = new.cr0 ^ r->cr0;
	if ((changed & OR_CR0_PG) && (new.cr0 &OR_CR0_PG) && (r->efer & OR_EFER_LME)) {
		if (!(r->cr4 & OR_CR4_PAE))
			return OR_GP;
		new.efer |= OR_EFER_LMA;
	}
	if ((changed & OR_CR0_PG) && !(new.cr0 &OR_CR0_PG)) {
		if (r->cr4 & OR_CR4_PCIDE)
			return OR_GP;
		new.efer &= ~OR_EFER_LMA;
	}
	if (or_mode_of(&new) == OR_M_PAE && (changed & (OR_CR0_PG | OR_CR0_CD | OR_CR0_NW)) &&
	    load_pdptes(&new, p, m) != OR_OK)
		return OR_GP;
	*r = new;
	return OR_OK;
}

enum or_kind or_set_cr3(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                        uint64_t value)
{
	struct or_regs new = *r;

	if (r->efer & OR_EFER_LMA) {
		if (r->cr4 & OR_CR4_PCIDE)
			value &= ~OR_CR3_NOFLUSH;
		if (value & or_bits(63, p->maxphyaddr))
			return OR_GP;
	} else {
		value &= UINT32_MAX;
	}
	new.cr3 = value;
	if (or_mode_of(&new) == OR_M_PAE && load_pdptes(&new, p, m) != OR_OK)
		return OR_GP;
	*r = new;
	return OR_OK;
}

enum or_kind or_set_cr4(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                        uint64_t value)
{
	const uint64_t reloads = OR_CR4_PAE | OR_CR4_PGE | OR_CR4_PSE | OR_CR4_SMEP;
	struct or_regs new = *r;
	uint64_t changed = value ^ r->cr4;

	if (value & ~p->cr4_valid)
		return OR_GP;
	if ((value & OR_CR4_CET) && !(r->cr0 & OR_CR0_WP))
		return OR_GP;
	if (r->efer & OR_EFER_LMA) {
		if (!(value & OR_CR4_PAE) || (changed & OR_CR4_LA57))
			return OR_GP;
	}
	if (changed & value & OR_CR4_PCIDE) {
		if (!(r->efer & OR_EFER_LMA) || (r->cr3 & 0xfff))
			return OR_GP;
	}
	new.cr4 = value;
	if (or_mode_of(&new) == OR_M_PAE && (changed & reloads) && load_pdptes(&new, p, m) != OR_OK)
		return OR_GP;
	*r = new;
	return OR_OK;
}

/* LMA is read-only and ignored on a write. */
enum or_kind or_set_efer(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                         uint64_t value)
{
	(void)m;
	value &= ~OR_EFER_LMA;
	if (value & ~p->efer_valid)
		return OR_GP;
	if (((value ^ r->efer) & OR_EFER_LME) && (r->cr0 & OR_CR0_PG))
		return OR_GP;
	r->efer = value | (r->efer & OR_EFER_LMA);
	return OR_OK;
}
