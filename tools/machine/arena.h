/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One reserved range of the host's address space: guest RAM, each address at its own offset, and
 * behind it the host's tables.  So HPA = GPA for RAM, and tables have the same HPAs in every run.
 * Invariant: free memory of a size class is on the class's list, or above `next`.
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

/* RAM is [0, ram_end).  It reads as zero, and takes no memory before it is written. */
int arena_open(struct arena *a, uint64_t ram_end, struct err *err);
void arena_close(struct arena *a);

/* For struct vmmu_callbacks; ctx is the arena. */
void *arena_alloc(void *ctx, size_t size, size_t align);
void arena_free(void *ctx, void *p, size_t size);

#endif
