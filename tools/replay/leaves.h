/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every present leaf of a guest's tables, as addresses to try.
 * Not here: reserved bits and rights, which are for the CPU to judge.
 * Invariant: the work is bounded, whatever is in the tables (they may contain loops).
 */
#ifndef TOOLS_REPLAY_LEAVES_H
#define TOOLS_REPLAY_LEAVES_H

#include "machine/machine.h"

struct leaves {
	uint64_t *va;
	size_t nr, cap;
	uint64_t entries; /* entries that were read so far */
	int cut;	  /* a bound was reached, so leaves are missing */
};

/* Lists the leaves of the machine's current tables; none if paging is off. */
int leaves_find(struct leaves *l, struct machine *m, struct err *err);
void leaves_free(struct leaves *l);

#endif
