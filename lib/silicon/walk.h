/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker as the rest of the library calls it: with a CPU's page-walk
 * cache and nested TLB, if it has them.
 */
#ifndef VMMU_LIB_WALK_H
#define VMMU_LIB_WALK_H

#include <vmmu/hw.h>

#include "../util.h"

struct caches;
struct memo;

/* What a good walk found, as TLBs keep it (tlb.h), and which kinds of access it lets pass. */
struct tlb_fill {
	uint64_t key; /* of the whole; 0: nothing */
	uint64_t info, out, gpa;
	uint32_t kinds, refs;
};

struct walk_opts {
	const struct vmmu_mem_ops *ops; /* NULL: the bus */
	vmmu_step_fn *step;
	void *step_ctx;
	struct caches *caches; /* NULL: none that a walk uses */
	struct memo *memo;     /* of the nested dimension; NULL: none */
	/*
	 * Where a walk that is made for caches may tell what it found, if one entry of the TLB
	 * can hold all of it, instead of in struct vmmu_walk; NULL: it tells there.
	 */
	struct tlb_fill *found;
};

typedef int walk_fn(const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva,
		    uint32_t access, struct vmmu_walk *out);

/* The walk for the formats that hw is programmed with; good until those change. */
walk_fn *walk_pick(const struct vmmu_hw *hw);
walk_fn walk_any; /* the general walk, which heeds all options */
/* The same for walks with `caches` and nothing else in their options. */
walk_fn *walk_pick_modelled(const struct vmmu_hw *hw);
/* Walks again until no entry changes under the walk, or until it has tried often enough. */
int walk_again(walk_fn *fn, const struct vmmu_hw *hw, const struct walk_opts *o, uint64_t gva,
	       uint32_t access, struct vmmu_walk *out);

/* vmmu_walk2() by the walk fn, which heeds these options; NULL: there are none. */
static inline int walk(walk_fn *fn, const struct vmmu_hw *hw, const struct walk_opts *o,
		       uint64_t gva, uint32_t access, struct vmmu_walk *out)
{
	int status = fn(hw, o, gva, access, out);

	if (likely(status != VMMU_WALK_RACE))
		return status;
	return walk_again(fn, hw, o, gva, access, out);
}

/* vmmu_paging_kinds(), with the case of no protection keys inlined. */
static inline unsigned paging_kinds(const struct vmmu_paging *pg, unsigned rights, unsigned pkey)
{
	if (likely(!(pg->ctl & (VMMU_PG_PKE | VMMU_PG_PKS))))
		return pg->kinds[rights];
	return vmmu_paging_kinds(pg, rights, pkey);
}

#define WRITE_KINDS 0xf0u

/* The kinds that a nested mapping lets pass, by its rights, and of which leaf D is set. */
static always_inline unsigned nested_kinds(unsigned nrights, unsigned dirty)
{
	static const uint16_t kinds[8] = { 0, 0x00f, 0x0f0, 0x0ff, 0xf00, 0xf0f, 0xff0, 0xfff };

	return kinds[nrights & VMMU_RWX] & (dirty ? ~0u : ~WRITE_KINDS);
}

/* Whether the address is canonical for tables of the format. */
static always_inline int canonical(const struct vmmu_fmt *f, uint64_t ia)
{
	unsigned up = 64u - f->canonical;

	return !f->canonical || (uint64_t)((int64_t)(ia << up) >> up) == ia;
}

/* The memory at physical address pa; NULL: there is none. */
void *bus_at(const struct vmmu_bus *bus, uint64_t pa);
int bus_covers_more(const struct vmmu_bus *bus, uint64_t pa, uint64_t size);

/* Whether all `size` bytes from pa are memory. */
static inline int bus_covers(const struct vmmu_bus *bus, uint64_t pa, uint64_t size)
{
	if (likely(pa - bus->lo < bus->size && size <= bus->size - (pa - bus->lo)))
		return 1;
	return bus_covers_more(bus, pa, size);
}

#endif
