/* SPDX-License-Identifier: BSD-2-Clause */
/* A random guest in a world. */
#ifndef GEN_H
#define GEN_H

#include "world.h"

enum gen_mix_of {
	MIX_ALL,
	MIX_TABLES, /* the guest edits its tables */
	MIX_MODES,  /* it changes control registers and paging modes */
	MIX_TLB,    /* it invalidates, loads CR3 */
	MIX_HOST,   /* the host moves memory and logs; in every world */
	MIX_SMP,    /* several vCPUs in every world, and operations inside others */
	MIX_RARE,   /* what has been seen least so far: gen_rare() */
	NR_MIXES
};
const char *gen_mix_name(unsigned mix); /* NULL: none */

/* What there is more of than else. */
struct gen_mix {
	unsigned mix;
	int mode;	/* enum world_mode; -1: any */
	unsigned event; /* what for; gen_rare() */
};

/* For a world of that seed, of an event and a mode that were seldom seen together so far. */
void gen_rare(struct gen_mix *mix, uint64_t seen[VMMU_NR_EVENTS][NR_MODES], uint64_t seed);

struct gen {
	struct world *w;
	struct rng r;
	struct gen_mix mix;
	unsigned focus; /* accesses come in crowds */
};

/* Fills memory with tables and sets every vCPU's registers.  `mix` may be NULL: all alike. */
void gen_begin(struct gen *g, struct world *w, const struct gen_mix *mix);
/* One thing that it does: one operation or a few. */
void gen_one(struct gen *g);

#endif
