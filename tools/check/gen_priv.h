/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the generator share.  No expression may ask for two random numbers. */
#ifndef GEN_PRIV_H
#define GEN_PRIV_H

#include "gen.h"

static inline unsigned below(struct gen *g, unsigned n)
{
	return rng_below(&g->r, n);
}

static inline bool percent(struct gen *g, unsigned p)
{
	return rng_percent(&g->r, p);
}

struct step {
	uint64_t pa;
	unsigned level, bytes;
};

/* The entries that a walk reads now, as far as they lie in frames; how many. */
unsigned walk_path(struct gen *g, unsigned cpu, uint64_t gva, struct step path[5]);
uint64_t random_entry(struct gen *g, unsigned bytes, unsigned level);
void store_entry(struct gen *g, unsigned cpu, uint64_t pa, unsigned bytes, uint64_t e);
uint64_t any_frame(struct gen *g);
uint64_t any_gva(struct gen *g);
unsigned any_cpu(struct gen *g);
unsigned any_mode(struct gen *g);
/* Registers of some mode that this CPU has. */
struct or_regs mode_regs(struct gen *g, unsigned mode);

typedef void gen_op(struct gen *g);

gen_op op_access, op_access_again, op_span, op_guest_store, op_map, op_tweak, op_torn, op_scribble;
gen_op op_cr3, op_cr0, op_cr4, op_efer, op_keys, op_set_all, op_switch_mode, op_restore;
gen_op op_invlpg, op_invpcid, op_hw_flush, op_host, op_memory;
/* Of any width, to tables. */
gen_op op_wide;
/* Two at once. */
gen_op op_race;

#endif
