/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's physical memory: which frames are free, and how many mappings share each.  4K frames
 * come from the bottom, 2M and 1G blocks from the top.
 * Not here: contents of memory, which only tables have (os.h).
 * Invariant: a frame is free or has users; a block that is given back as a whole stays a block.
 */
#ifndef TOOLS_GUEST_PHYS_H
#define TOOLS_GUEST_PHYS_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_SHIFT 12
#define FRAME_BYTES 4096u
#define ORDER_4K 0u
#define ORDER_2M 9u
#define ORDER_1G 18u

struct phys {
	uint32_t *users; /* the number of users of each frame; of a free one, the next free frame */
	uint64_t nr;	 /* frames */
	uint64_t low, high; /* frames [low, high) were never handed out */
	uint64_t free[3];   /* heads of the lists of free 4K, 2M and 1G blocks; 0: empty */
};

/* Hands out [first, bytes) from then on.  Returns 0, or -1 if out of memory. */
int phys_open(struct phys *p, uint64_t first, uint64_t bytes);
void phys_close(struct phys *p);

/* Returns a block with one user for each frame, or 0 if there is none. */
uint64_t phys_get(struct phys *p, unsigned order);
/* Returns `nr` contiguous blocks that nobody had before, or 0. */
uint64_t phys_get_run(struct phys *p, uint64_t nr, unsigned order);
/* Every frame of the block has one user less. */
void phys_put(struct phys *p, uint64_t pa, unsigned order);
/* Every frame of the block has one user more. */
void phys_share(struct phys *p, uint64_t pa, unsigned order);

static inline uint32_t phys_users(const struct phys *p, uint64_t pa)
{
	return p->users[pa >> FRAME_SHIFT];
}

#endif
