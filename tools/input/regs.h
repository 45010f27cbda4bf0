/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of which only some are known.  A dump's note, the JSON and options each tell some of
 * them, and a later source wins.
 * Not here: whether a CPU can have them; vmmu_set_regs() checks that.
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
/* Registers that `over` knows replace those of `r`. */
void regs_merge(struct known_regs *r, const struct known_regs *over);
/*
 * Sets EFER.LMA to what LME and CR0.PG make of it, since some recorders see only writes to EFER.
 * Returns 1 if that changed EFER.
 */
int regs_settle_lma(struct vmmu_regs *regs);
/*
 * Guesses EFER if no source tells it; a dump's note has none.  `long_mode`: the dump says that it
 * is of a 64-bit guest.  Returns a sentence for the user, or NULL if EFER was known.
 */
const char *regs_guess_efer(struct known_regs *r, int long_mode);

#endif
