/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small kernel with two rings that uses an MMU for what it is made for: processes with address
 * spaces of their own, pages that are mapped at the first access and copied at the first store.  It
 * keeps all that it knows about the memory of a process in the page tables of the process.
 *
 *   0 to 1 GiB    memory, one to one, for the kernel, the same in every address space
 *   1 to 2 GiB    the process: program, data, mapped memory; its stack is at the end
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "cpu64.h"
#include "syscall.h"

/* Bits of an entry that the CPU leaves to software. */
/* The process may store to the page.  While W is clear, a store faults first. */
#define WRITABLE (1ull << 9)
#define SHARED (1ull << 10) /* fork() does not copy the page */
#define LAZY (1ull << 11)   /* not present; the first access maps it */

/* ---- memory.c ------------------------------------------------------------ */

extern uint64_t counts[NR_COUNTS];

void memory_setup(void);
/* Makes an address space with only the kernel in it.  Returns its top table. */
uint64_t space_new(void);
/* Copies an address space.  Pages are shared until one of both stores to them. */
uint64_t space_fork(uint64_t root);
void space_free(uint64_t root);
/* Maps [va, va + len), which reads as the memory at `source`.  A page is copied when it is stored
 * to. */
void space_map(uint64_t root, uint64_t va, uint64_t len, uint64_t source, uint64_t flags);
/* Maps pages of zeros that are present; for SHARED. */
void space_map_zero(uint64_t root, uint64_t va, uint64_t len, uint64_t flags);
void space_unmap(uint64_t root, uint64_t va, uint64_t len);
void space_protect(uint64_t root, uint64_t va, uint64_t len, int writable);
/* Handles a page fault.  1: the access will succeed now.  0: it is not allowed. */
int space_fault(uint64_t root, uint64_t va, unsigned error);
/* A page of zeros, for `source`: all pages of a mapping then share it. */
extern uint8_t zero_page[4096];

#endif
