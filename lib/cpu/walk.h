/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker as the rest of the library calls it: with a CPU's page-walk
 * cache and nested TLB, if it has them.
 */
#ifndef VMMU_LIB_WALK_H
#define VMMU_LIB_WALK_H

#include <vmmu/hw.h>

struct caches;

struct walk_opts {
	const struct vmmu_mem_ops *ops; /* NULL: the bus */
	vmmu_step_fn *step;
	void *step_ctx;
	struct caches *caches; /* NULL: none that a walk uses */
};

struct env;
typedef int walk_fn(struct env *env, uint64_t gva, uint32_t access, struct vmmu_walk *out);

/* The instance for the formats that hw is programmed with: good until they change. */
walk_fn *walk_pick(const struct vmmu_hw *hw);
/* vmmu_walk2() by that instance; options (not NULL) ask for the general one. */
int walk(walk_fn *fn, const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva,
	 uint32_t access, struct vmmu_walk *out);

/* What is memory at physical address pa; NULL: nothing. */
void *bus_at(const struct vmmu_bus *bus, uint64_t pa);
/* The same, and whether all `size` bytes from pa are. */
int bus_covers(const struct vmmu_bus *bus, uint64_t pa, uint64_t size);

#endif
