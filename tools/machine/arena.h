/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One reserved stretch of address space: guest RAM at its own address, host
 * tables behind it.  So HPA = GPA for RAM, and tables lie at the same HPAs in
 * every run.  Not a general allocator.
 * Invariant: what is free of a size class is on that class's list, or above `next`.
 */
#ifndef TOOLS_MACHINE_ARENA_H
#define TOOLS_MACHINE_ARENA_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>

#define ARENA_CLASSES 48

struct arena_free {
	struct arena_free *next;
};

struct arena {
	void *map;
	size_t map_bytes;
	uint8_t *base;				/* 1G aligned */
	uint64_t next, end;			/* offsets of what was never handed out */
	struct arena_free *list[ARENA_CLASSES]; /* by log2 of the size */
};

/* RAM at [0, ram_end); it reads zero and costs nothing until it is written. */
int arena_open(struct arena *a, uint64_t ram_end, struct err *err);
void arena_close(struct arena *a);

/* For struct vmmu_callbacks; ctx is the arena. */
void *arena_alloc(void *ctx, size_t size, size_t align);
void arena_free(void *ctx, void *p, size_t size);

#endif
