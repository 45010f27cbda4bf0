/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points at which the tester lets another CPU go on in the middle of an operation: races
 * without threads, the same each time.
 * Only in a build of the library for tests, with -DVMMU_YIELDS; not installed.  In any other
 * build VMMU_YIELD() is nothing, and the rest of this file is not there.
 *
 * Two kinds of point:
 *	open	nothing is half made, and whoever holds the embedder's lock could let go of it:
 *		any call on another vCPU, or by the host, may come here.
 *	else	something is half made.  No library call may come, but CPUs that run the guest do
 *		not wait for locks: they translate with what they have cached and with tables as
 *		they are, and store to memory.  vmmu_yield_silicon() is one such access.
 */
#ifndef VMMU_YIELD_H
#define VMMU_YIELD_H

#ifdef VMMU_YIELDS

#include <vmmu/vmmu.h>

enum vmmu_yield {
	VMMU_YIELD_EXIT,      /* open: a fault, before the backend has it */
	VMMU_YIELD_REPAIRED,  /* ... after it */
	VMMU_YIELD_WALKED,    /* the guest's tables were walked in software */
	VMMU_YIELD_DOWN,      /* the way to the leaf is made, the leaf is not */
	VMMU_YIELD_ENTRY,     /* an entry of a table of ours was read and is to be changed */
	VMMU_YIELD_TRACK,     /* a frame counts as tracked, and is not protected yet */
	VMMU_YIELD_TRACKED,   /* a table out of step is protected, and not compared yet */
	VMMU_YIELD_UNSYNC,    /* a table went out of step */
	VMMU_YIELD_STORED,    /* a store to a tracked frame is done, the backend does not know */
	VMMU_YIELD_PROTECTED, /* entries were narrowed or emptied, nobody has flushed */
	VMMU_YIELD_NOTIFY,    /* an invalidation has begun, its range is still mapped */
	VMMU_YIELD_LOG,	      /* pages count as clean and are still writable */
	VMMU_YIELD_SLOTS,     /* open: the slots are about to change, or have just */
	VMMU_NR_YIELDS
};

typedef void vmmu_yield_fn(void *ctx, struct vmmu *vm, enum vmmu_yield where);

/* Whom every VM calls at its points from now on; NULL: nobody.  Not again while it runs. */
void vmmu_yield_to(vmmu_yield_fn *fn, void *ctx);
void vmmu_yield(struct vmmu *vm, enum vmmu_yield where);
int vmmu_yield_is_open(enum vmmu_yield where);
const char *vmmu_yield_name(enum vmmu_yield where);
/*
 * An access as silicon does it: by what is cached and by a walk of the tables, A and D bits
 * included.  As vmmu_translate(); VMMU_AGAIN: it would be an exit, and nothing was done.
 */
int vmmu_yield_silicon(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
		       struct vmmu_xlat *out);

#define VMMU_YIELD(vm, where) vmmu_yield((vm), VMMU_YIELD_##where)

#else
#define VMMU_YIELD(vm, where) ((void)0)
#endif

#endif
