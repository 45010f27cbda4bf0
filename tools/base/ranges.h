/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which guest-physical addresses are RAM.
 * Pages only; what lies in them is elsewhere.
 * Invariant after ranges_finish(): page aligned, by address, not touching.
 */
#ifndef TOOLS_BASE_RANGES_H
#define TOOLS_BASE_RANGES_H

#include "err.h"

#include <stddef.h>
#include <vmmu/hw.h>

/* Guest RAM lies in the arena at its own address: no higher than this. */
#define RAM_MOST (1ull << 44)

struct ranges {
	struct vmmu_range *range;
	unsigned nr, cap;
};

/* [gpa, gpa + size); `where` begins the error text. */
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
