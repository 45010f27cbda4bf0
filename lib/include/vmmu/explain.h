/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks and entries in words, for people: teaching, debugging, dumps.
 * Nothing here changes a VM: no A or D bit, no table, no cache, no counter.
 */
#ifndef VMMU_EXPLAIN_H
#define VMMU_EXPLAIN_H

#include <vmmu/vmmu.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vmmu_explain_what {
	VMMU_EXPLAIN_HW,    /* the walk the CPU makes now, as programmed */
	VMMU_EXPLAIN_GUEST, /* the guest's own tables, read as guest memory */
};

/*
 * Walks for gva and calls step for every entry read, in order.  Host tables
 * show what earlier translations built: translate first for the full walk.
 * Returns out->status (enum vmmu_walk_status).
 */
VMMU_API int vmmu_explain(struct vmmu_cpu *cpu, vmmu_gva_t gva, uint32_t access,
			  enum vmmu_explain_what what, vmmu_step_fn *step, void *ctx,
			  struct vmmu_walk *out);

/*
 * The bits of one entry of a table of this format and level, as in
 * "0x1d29000 P RW U A D NX".  Like snprintf: writes at most len bytes with
 * the terminating 0, returns the length the whole text has.
 */
VMMU_API int vmmu_explain_entry(const struct vmmu_fmt *fmt, unsigned level, uint64_t entry,
				char *buf, size_t len);

/* The name of an entry of this level: "PML4E", "PDE", "EPT PTE", ... */
VMMU_API const char *vmmu_explain_level(const struct vmmu_fmt *fmt, unsigned level);

/* Outcome of a walk, and the reason, in one sentence.  As snprintf. */
VMMU_API int vmmu_explain_walk(const struct vmmu_walk *walk, char *buf, size_t len);

#ifdef __cplusplus
}
#endif
#endif
