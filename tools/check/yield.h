/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the library under test lets another CPU go on in the middle of an operation.
 * One of two files is linked: yield_all.c with a library that was built to do so, and
 * yield_none.c with one as it is installed, which never does.
 */
#ifndef YIELD_H
#define YIELD_H

#include <stdbool.h>

#include <vmmu/vmmu.h>

/* `open`: any call on another vCPU or by the host may come, not only an access by silicon. */
typedef void yield_fn(void *ctx, struct vmmu *vm, unsigned where, bool open);

/* Whom it calls; NULL: nobody. */
void yield_to(yield_fn *fn, void *ctx);
/* How many kinds of points there are, and their names. */
unsigned yield_kinds(void);
const char *yield_name(unsigned where);
/* As vmmu_translate(), by silicon alone; VMMU_AGAIN: it would be an exit. */
int yield_silicon(struct vmmu_cpu *cpu, uint64_t gva, unsigned size, uint32_t access,
		  struct vmmu_xlat *out);

#endif
