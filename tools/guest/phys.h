/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's physical memory: which frames are free, and how many mappings
 * share each.  4K frames come from the bottom, 2M and 1G blocks from the top.
 * Only tables have contents (os.h); data has none.
 * Invariant: a frame is free, or has users; a block given back whole is a block again.
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
	uint32_t *users;    /* of each frame; of a free one: the next free one */
	uint64_t nr;	    /* frames */
	uint64_t low, high; /* never handed out: frames [low, high) */
	uint64_t free[3];   /* heads of the lists of 4K, 2M, 1G; 0: empty */
};

/* [first, bytes) is to be handed out.  0, or -1: no memory. */
int phys_open(struct phys *p, uint64_t first, uint64_t bytes);
void phys_close(struct phys *p);

/* A block with one user for each frame; 0: there is none. */
uint64_t phys_get(struct phys *p, unsigned order);
/* `nr` blocks in a row that nobody had before; 0. */
uint64_t phys_get_run(struct phys *p, uint64_t nr, unsigned order);
/* One user less for every frame of the block. */
void phys_put(struct phys *p, uint64_t pa, unsigned order);
/* One user more. */
void phys_share(struct phys *p, uint64_t pa, unsigned order);

static inline uint32_t phys_users(const struct phys *p, uint64_t pa)
{
	return p->users[pa >> FRAME_SHIFT];
}

#endif
