/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel of two rings, as small as it can be and still do what an MMU is for: processes with
 * address spaces of their own, pages that come when they are touched, copies when they are
 * stored to.  All it knows of a process's memory is in the process's page tables.
 *
 *   0 to 1 GiB    memory, one to one, the kernel's alone, the same in every address space
 *   1 to 2 GiB    the process: program, data, what it mapped; at the end its stack
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "cpu64.h"
#include "syscall.h"

/* Bits of an entry that the CPU leaves to software. */
#define WRITABLE (1ull << 9) /* may be stored to; while W is clear, by way of a fault */
#define SHARED (1ull << 10)  /* fork() does not copy */
#define LAZY (1ull << 11)    /* not present; made present by the first access */

/* ---- memory.c ------------------------------------------------------------ */

extern uint64_t counts[NR_COUNTS];

void memory_setup(void);
/* An address space with nothing but the kernel in it; its top table. */
uint64_t space_new(void);
/* A copy: pages are shared until one of both stores to them. */
uint64_t space_fork(uint64_t root);
void space_free(uint64_t root);
/* Pages [va, va + len), which read as `source` and on, each in its own copy once stored to. */
void space_map(uint64_t root, uint64_t va, uint64_t len, uint64_t source, uint64_t flags);
/* The same, empty and present; for SHARED. */
void space_map_zero(uint64_t root, uint64_t va, uint64_t len, uint64_t flags);
void space_unmap(uint64_t root, uint64_t va, uint64_t len);
void space_protect(uint64_t root, uint64_t va, uint64_t len, int writable);
/* A page fault: 1 when the access will succeed now, 0 when it is not allowed. */
int space_fault(uint64_t root, uint64_t va, unsigned error);
/* A page of zeros, for `source`; every page of a mapping has the same then. */
extern uint8_t zero_page[4096];

#endif
