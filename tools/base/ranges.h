/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which guest-physical addresses are RAM.
 * Not here: the contents of the RAM.
 * Invariant: after ranges_finish() the ranges are page aligned and in order, with gaps between
 * them.
 */
#ifndef TOOLS_BASE_RANGES_H
#define TOOLS_BASE_RANGES_H

#include "err.h"

#include <stddef.h>
#include <vmmu/hw.h>

/*
 * The end of the highest guest RAM.  It lies in the arena at its own address, so this bounds the
 * arena.
 */
#define RAM_MOST (1ull << 44)

struct ranges {
	struct vmmu_range *range;
	unsigned nr, cap;
};

/* Adds [gpa, gpa + size).  `where` is what an error text begins with. */
int ranges_add(struct ranges *r, uint64_t gpa, uint64_t size, const char *where, struct err *err);
void ranges_finish(struct ranges *r);
void ranges_free(struct ranges *r);
/* Is [gpa, gpa + size) RAM throughout? */
int ranges_have(const struct ranges *r, uint64_t gpa, uint64_t size);
uint64_t ranges_end(const struct ranges *r);
uint64_t ranges_bytes(const struct ranges *r);
/* The memory of a PC with `size` bytes: all but the VGA hole. */
int ranges_pc(struct ranges *r, uint64_t size, const char *where, struct err *err);

#endif
