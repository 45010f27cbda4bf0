/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every present leaf of a guest's tables, as addresses to try.
 * Reads tables and judges nothing: reserved bits and rights are the CPU's.
 * Invariant: bounded work, whatever the tables say (they may loop).
 */
#ifndef TOOLS_REPLAY_LEAVES_H
#define TOOLS_REPLAY_LEAVES_H

#include "machine/machine.h"

struct leaves {
	uint64_t *va;
	size_t nr, cap;
	uint64_t entries; /* looked at so far */
	int cut;	  /* the bounds were reached */
};

/* Of the machine's current tables.  Paging off: none. */
int leaves_find(struct leaves *l, struct machine *m, struct err *err);
void leaves_free(struct leaves *l);

#endif
