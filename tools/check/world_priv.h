/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a world share. */
#ifndef WORLD_PRIV_H
#define WORLD_PRIV_H

#include <string.h>

#include "ops.h"
#include "world.h"

#define PAGE 4096ull

/* Ends the program: the tester itself lacks something. */
void rig_die(const char *what);

/* The region that holds gpa, or NULL. */
const struct region *region_at(uint64_t gpa);

static inline uint64_t load(const uint8_t *p, unsigned bytes)
{
	uint32_t v4;
	uint64_t v8;

	if (bytes == 4) {
		memcpy(&v4, p, 4);
		return v4;
	}
	memcpy(&v8, p, 8);
	return v8;
}

static inline bool is_canonical(uint64_t gva, unsigned bits)
{
	return (uint64_t)((int64_t)(gva << (64 - bits)) >> (64 - bits)) == gva;
}

static inline bool is_victim(const struct world *w, unsigned vm, enum sabotage what)
{
	return w->cfg.sabotage == what && vm == w->cfg.victim % w->nr_vms;
}

/* One operation of the guest's, the host's or a device's begins. */
static inline void note(struct world *w, const struct world_op *op)
{
	if (w->record)
		ops_add(w->record, op);
}

/* Did this VM walk since the last call? */
bool world_walked(struct world_vm *v);

#endif
