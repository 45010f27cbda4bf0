/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes one access that may fault, as supervisor or in ring 3, and reports the outcome. */
#ifndef PROBE64_H
#define PROBE64_H

#include "cpu64.h"

/* READ4 and WRITE4 access 4 bytes, the others 8. */
enum way { READ, READ4, WRITE, WRITE4, RUN, USER_READ, USER_WRITE, USER_RUN };

struct outcome {
	unsigned vector; /* 0: it succeeded */
	unsigned error;
	uint64_t cr2;	/* of vector 14 */
	uint64_t rip;	/* of a fault */
	uint64_t value; /* what was read, or RAX after RUN and USER_RUN */
};

/* cpu_setup() has to be called first.  RUN calls the address, at which the code has to return. */
struct outcome probe(enum way way, uint64_t va, uint64_t value);
/* Maps two pages at `va`: the code for ring 3, and its stack. */
void probe_map_user(void (*map)(uint64_t va, uint64_t entry), uint64_t va);

#endif
