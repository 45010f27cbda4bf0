/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting together what different sources say of the registers.
 * Invariant: see regs.h.
 */
#include "regs.h"

#include <stddef.h>

uint64_t *regs_field(struct known_regs *r, unsigned reg)
{
	switch (reg) {
	case KNOWN_CR0:
		return &r->regs.cr0;
	case KNOWN_CR2:
		return &r->regs.cr2;
	case KNOWN_CR3:
		return &r->regs.cr3;
	case KNOWN_CR4:
		return &r->regs.cr4;
	default:
		return &r->regs.efer;
	}
}

void regs_set(struct known_regs *r, unsigned reg, uint64_t value)
{
	*regs_field(r, reg) = value;
	r->known |= reg;
}

void regs_merge(struct known_regs *r, const struct known_regs *over)
{
	struct known_regs from = *over;

	for (unsigned reg = KNOWN_CR0; reg <= KNOWN_EFER; reg <<= 1)
		if (from.known & reg)
			regs_set(r, reg, *regs_field(&from, reg));
}

int regs_settle_lma(struct vmmu_regs *regs)
{
	int on = (regs->efer & VMMU_EFER_LME) && (regs->cr0 & VMMU_CR0_PG);
	uint64_t efer = (regs->efer & ~VMMU_EFER_LMA) | (on ? VMMU_EFER_LMA : 0);
	int changed = efer != regs->efer;

	regs->efer = efer;
	return changed;
}

const char *regs_guess_efer(struct known_regs *r, int long_mode)
{
	if (r->known & KNOWN_EFER)
		return NULL;
	if (long_mode && !(r->regs.cr0 & VMMU_CR0_PG)) {
		regs_set(r, KNOWN_EFER, 0x901);
		return "EFER is not recorded: taking 0x901 (a 64-bit guest, paging off)";
	}
	if (long_mode) {
		regs_set(r, KNOWN_EFER, 0xd01);
		return "EFER is not recorded: taking 0xd01 (a 64-bit guest)";
	}
	if (r->regs.cr4 & VMMU_CR4_PAE) {
		regs_set(r, KNOWN_EFER, 0x800);
		return "EFER is not recorded: taking 0x800 (a 32-bit guest with PAE)";
	}
	regs_set(r, KNOWN_EFER, 0);
	return "EFER is not recorded: taking 0 (a 32-bit guest without PAE)";
}
