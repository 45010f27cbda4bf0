/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every part of a VM uses: its configuration and backend, its memory, its counters, the
 * reason of a failure, and the way to the other parts' state.
 * It knows nothing of tables, slots or vCPUs but that they exist.
 * Keeps: struct vmmu begins with its struct core (vm/vm.h).
 */
#ifndef VMMU_CORE_CORE_H
#define VMMU_CORE_CORE_H

#include <vmmu/backend.h>

#include "../util.h"

struct pool; /* table pages: tables/tables.h */
struct host; /* slots and invalidations: host/host.h */

struct core {
	struct vmmu_config cfg;
	const struct vmmu_backend *be;
	uint8_t *base; /* HPA = pointer - base */
	struct pool *pool;
	struct host *host;
	uint64_t event[VMMU_NR_EVENTS];
	uint64_t meta, meta_peak;	    /* bytes allocated, table pages apart */
	uint64_t slot_changes;		    /* odd: the slots are just being changed */
	void (*flush_all)(struct vmmu *vm); /* vm/ lends it to the parts below: every silicon */
	int flush_owed;			    /* entries went that caches may hold still */
	int ready;			    /* the backend's init is done */
	char reason[192];
};

static inline struct core *core_of(const struct vmmu *vm)
{
	return (struct core *)(uintptr_t)vm;
}

static inline uint64_t vm_hpa(const struct vmmu *vm, const void *p)
{
	return hpa_of(core_of(vm)->base, p);
}

static inline void *vm_pointer(const struct vmmu *vm, uint64_t hpa)
{
	return at_hpa(core_of(vm)->base, hpa);
}

/* ---- event.c ---- */
/* Counts an event and tells the embedder; cpu may be NULL. */
static inline void event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
			 uint64_t b)
{
	struct core *c = core_of(vm);

	c->event[ev]++;
	if (unlikely(c->cfg.cb.event != NULL))
		c->cfg.cb.event(c->cfg.cb.ctx, cpu, ev, a, b);
}

/* Records why a call fails and returns `status`. */
int core_fail(struct vmmu *vm, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A call begins: it has no reason to fail yet. */
static inline void clear_reason(struct vmmu *vm)
{
	core_of(vm)->reason[0] = 0;
}

/* ---- alloc.c: everything the library allocates; zeroed; NULL: no memory ---- */
void *core_alloc(struct core *c, size_t size, size_t align);
void core_free(struct core *c, void *p, size_t size); /* NULL is fine */
/* The same, uncounted: table pages, and what silicon holds. */
void *core_raw_alloc(struct core *c, size_t size, size_t align);
void core_raw_free(struct core *c, void *p, size_t size);
void core_meta_add(struct core *c, size_t size);

/* ---- the generation of slots ---- */
/*
 * An entry that remembers "no memory here" carries the generation of the slots, and is good as long
 * as that does not change.  While slots are being changed there is no generation.  When the numbers
 * have come round, all such entries are zapped.
 */
#define GENERATION_BITS 16
#define NO_GENERATION (~0ull)

static inline uint64_t slot_generation(const struct vmmu *vm)
{
	uint64_t changes = core_of(vm)->slot_changes;

	return changes & 1 ? NO_GENERATION : changes >> 1 & ((1u << GENERATION_BITS) - 1);
}

#endif
