/* SPDX-License-Identifier: BSD-2-Clause */
/* A random guest in a world. */
#ifndef GEN_H
#define GEN_H

#include "world.h"

struct gen {
	struct world *w;
	struct rng r;
	unsigned focus; /* accesses come in crowds */
};

/* Fills memory with tables and sets every vCPU's registers. */
void gen_begin(struct gen *g, struct world *w);
/* One thing that it does: one operation or a few. */
void gen_one(struct gen *g);

#endif
