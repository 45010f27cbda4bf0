/* SPDX-License-Identifier: BSD-2-Clause */
/* One access that may fault, by the supervisor or in ring 3, and what became of it. */
#ifndef PROBE64_H
#define PROBE64_H

#include "cpu64.h"

/* 8 bytes each, READ4 and WRITE4 but 4. */
enum way { READ, READ4, WRITE, WRITE4, RUN, USER_READ, USER_WRITE, USER_RUN };

struct outcome {
	unsigned vector; /* 0: it succeeded */
	unsigned error;
	uint64_t cr2;	/* of vector 14 */
	uint64_t rip;	/* of a fault */
	uint64_t value; /* that was read, or that what was called has in RAX */
};

/* Needs cpu_setup().  RUN calls the address: a `ret` has to be there. */
struct outcome probe(enum way way, uint64_t va, uint64_t value);
/* Maps ring 3's code and a page of stack at `va`, 2 pages. */
void probe_map_user(void (*map)(uint64_t va, uint64_t entry), uint64_t va);

#endif
