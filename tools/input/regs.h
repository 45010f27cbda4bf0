/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of which only some are known yet: note, JSON and options each
 * tell a part, the later winning.
 * No checks of sense: vmmu_set_regs() does those.
 * Invariant: a register whose bit in `known` is clear is 0.
 */
#ifndef TOOLS_INPUT_REGS_H
#define TOOLS_INPUT_REGS_H

#include <vmmu/vmmu.h>

#define KNOWN_CR0 1u
#define KNOWN_CR2 2u
#define KNOWN_CR3 4u
#define KNOWN_CR4 8u
#define KNOWN_EFER 16u

struct known_regs {
	unsigned known; /* KNOWN_* */
	struct vmmu_regs regs;
};

uint64_t *regs_field(struct known_regs *r, unsigned reg);
void regs_set(struct known_regs *r, unsigned reg, uint64_t value);
/* What `over` knows replaces what `r` knew. */
void regs_merge(struct known_regs *r, const struct known_regs *over);
/* EFER.LMA is what LME and CR0.PG make it, whoever recorded one of them alone; 1: it was not. */
int regs_settle_lma(struct vmmu_regs *regs);
/*
 * A core's note has no EFER.  If nobody told it: what QEMU's guests have
 * (`long_mode`: by the core's e_machine).  Returns a sentence for the user,
 * or NULL if EFER was known.
 */
const char *regs_guess_efer(struct known_regs *r, int long_mode);

#endif
