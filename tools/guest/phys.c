/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and blocks.  Only the first frame of a 1G block has a count of users, because such a
 * block is never shared or split.
 * Invariant: see phys.h.
 */
#include "phys.h"

#include <stdlib.h>
#include <sys/mman.h>

/* users[] is large, and most of it is never touched. */
static size_t table_bytes(const struct phys *p)
{
	return (size_t)p->nr * sizeof(*p->users);
}

int phys_open(struct phys *p, uint64_t first, uint64_t bytes)
{
	*p = (struct phys){ .nr = bytes >> FRAME_SHIFT };
	p->low = first >> FRAME_SHIFT;
	p->high = p->nr;
	p->users = mmap(NULL, table_bytes(p), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->users != MAP_FAILED)
		return 0;
	p->users = NULL;
	return -1;
}

void phys_close(struct phys *p)
{
	if (p->users)
		munmap(p->users, table_bytes(p));
	*p = (struct phys){ 0 };
}

static unsigned list_of(unsigned order)
{
	return order / ORDER_2M;
}

static uint64_t frames_of(unsigned order)
{
	return order == ORDER_1G ? 1 : 1ull << order;
}

static void set_users(struct phys *p, uint64_t frame, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		p->users[frame + i] = 1;
}

static uint64_t take_free(struct phys *p, unsigned order)
{
	uint64_t frame = p->free[list_of(order)];

	if (frame)
		p->free[list_of(order)] = p->users[frame];
	return frame;
}

static void add_free(struct phys *p, uint64_t frame, unsigned order)
{
	p->users[frame] = (uint32_t)p->free[list_of(order)];
	p->free[list_of(order)] = frame;
}

/* Takes a block from the memory that was never handed out. */
static uint64_t take_new(struct phys *p, unsigned order)
{
	uint64_t nr = 1ull << order, at;

	if (order == ORDER_4K)
		return p->low < p->high ? p->low++ : 0;
	at = p->high & ~(nr - 1);
	if (at < nr || at - nr < p->low)
		return 0;
	/* Frames below the alignment become free small pages. */
	for (uint64_t i = at; i < p->high; i++)
		add_free(p, i, ORDER_4K);
	p->high = at - nr;
	return p->high;
}

/* No small frame is left, so a free 2M block is split. */
static uint64_t take_apart(struct phys *p)
{
	uint64_t frame = take_free(p, ORDER_2M);

	if (!frame)
		return 0;
	for (uint64_t i = frames_of(ORDER_2M); i-- > 1;)
		add_free(p, frame + i, ORDER_4K);
	return frame;
}

uint64_t phys_get(struct phys *p, unsigned order)
{
	uint64_t frame = take_free(p, order);

	if (!frame)
		frame = take_new(p, order);
	if (!frame && order == ORDER_4K)
		frame = take_apart(p);
	if (frame)
		set_users(p, frame, frames_of(order));
	return frame << FRAME_SHIFT;
}

uint64_t phys_get_run(struct phys *p, uint64_t nr, unsigned order)
{
	uint64_t block = 1ull << order, at = (p->low + block - 1) & ~(block - 1);

	if (at > p->high || nr > (p->high - at) / block)
		return 0;
	while (p->low < at)
		add_free(p, p->low++, ORDER_4K);
	p->low += nr * block;
	for (uint64_t i = 0; i < nr; i++)
		set_users(p, at + i * block, frames_of(order));
	return at << FRAME_SHIFT;
}

void phys_share(struct phys *p, uint64_t pa, unsigned order)
{
	for (uint64_t i = 0; i < frames_of(order); i++)
		p->users[(pa >> FRAME_SHIFT) + i]++;
}

static int used_once(const struct phys *p, uint64_t frame, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		if (p->users[frame + i] != 1)
			return 0;
	return 1;
}

void phys_put(struct phys *p, uint64_t pa, unsigned order)
{
	uint64_t frame = pa >> FRAME_SHIFT, nr = frames_of(order);

	if (used_once(p, frame, nr)) {
		add_free(p, frame, order);
		return;
	}
	for (uint64_t i = 0; i < nr; i++)
		if (--p->users[frame + i] == 0)
			add_free(p, frame + i, ORDER_4K);
}
