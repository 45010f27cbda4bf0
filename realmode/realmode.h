/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map: GPA -> HPA for all of guest memory, built on demand.
 * A guest without paging runs on it under shadow paging, and it is the nested
 * table of nested paging: the one piece of code that both need.
 */
#ifndef VMMU_REALMODE_H
#define VMMU_REALMODE_H

#include <vmmu/backend.h>

struct realmode {
	struct vmmu_pt pt;
	uint32_t ctl; /* VMMU_PG_* of the dimension it becomes */
	uint8_t mmio; /* addresses without memory are remembered */
};

int realmode_init(struct realmode *rm, struct vmmu *vm, const struct vmmu_fmt *fmt, uint32_t ctl);
void realmode_fini(struct realmode *rm);
/* Fills *pg, so that a dimension of the CPU uses the map. */
void realmode_load(const struct realmode *rm, struct vmmu_paging *pg);
/*
 * The walk *w stopped, because the map could not be used for gpa.  Maps gpa if there is memory.
 * `access` may have VMMU_TABLE.  `ev` is the exit to count if gpa is mapped.  Returns what the
 * backend's fault() returns.
 */
enum vmmu_fix_kind realmode_fault(struct realmode *rm, vmmu_gpa_t gpa, uint32_t access,
				  const struct vmmu_walk *w, enum vmmu_event ev,
				  struct vmmu_fix *fix);
uint64_t realmode_protect(struct realmode *rm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how);
uint64_t realmode_protect_pages(struct realmode *rm, vmmu_gpa_t gpa, const uint64_t *pages,
				uint64_t nr);
int realmode_check(const struct realmode *rm, struct vmmu_cursor *at, unsigned budget);
/* The most table pages that `paths` addresses need, wherever they lie. */
uint64_t realmode_min_tables(const struct vmmu_fmt *fmt, unsigned paths);

#endif
