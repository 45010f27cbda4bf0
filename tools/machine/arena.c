/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arena: one mmap(), then a pointer that goes up, and free lists by powers of two.
 * Results do not depend on the addresses that the host gives.
 * Invariant: see arena.h.
 */
#include "arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define GIB (1ull << 30)
#define SMALLEST_CLASS 5u

int arena_open(struct arena *a, uint64_t ram_end, struct err *err)
{
	uint64_t ram = (ram_end + GIB - 1) & ~(GIB - 1);
	uint64_t tables = 4 * GIB + ram / 64;
	uintptr_t at;

	*a = (struct arena){ 0 };
	a->map_bytes = (size_t)(ram + tables + GIB);
	a->map = mmap(NULL, a->map_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->map == MAP_FAILED) {
		a->map = NULL;
		err_input(err,
			  "cannot reserve %llu MiB of address space for the guest's memory: %s",
			  (unsigned long long)(a->map_bytes >> 20), strerror(errno));
		return err_hint(
			err, "Raise the limit (ulimit -v), or give the guest less RAM: --ram of a "
			     "dump, byte 8 of a trace.");
	}
	at = ((uintptr_t)a->map + GIB - 1) & ~(uintptr_t)(GIB - 1);
	a->base = (uint8_t *)a->map + (at - (uintptr_t)a->map);
	a->next = ram;
	a->end = ram + tables;
	return 0;
}

void arena_close(struct arena *a)
{
	if (a->map)
		munmap(a->map, a->map_bytes);
	*a = (struct arena){ 0 };
}

static unsigned class_of(size_t size)
{
	unsigned c = SMALLEST_CLASS;

	while (c < ARENA_CLASSES - 1 && ((size_t)1 << c) < size)
		c++;
	return c;
}

void *arena_alloc(void *ctx, size_t size, size_t align)
{
	struct arena *a = ctx;
	unsigned class = class_of(size);
	uint64_t bytes = 1ull << class;
	struct arena_free *hit = a->list[class];
	/* Rounded up, so that a freed block can serve any request of its size class. */
	uint64_t natural = bytes < 4096 ? bytes : 4096, at;

	if (hit && ((uintptr_t)hit & (align - 1)) == 0) {
		a->list[class] = hit->next;
		return hit;
	}
	if (natural < align)
		natural = align;
	at = (a->next + natural - 1) & ~(natural - 1);
	if (size > bytes || at > a->end || bytes > a->end - at)
		return NULL;
	a->next = at + bytes;
	return a->base + at;
}

void arena_free(void *ctx, void *p, size_t size)
{
	struct arena *a = ctx;
	unsigned class = class_of(size);
	struct arena_free *block = p;

	if (!p)
		return;
	block->next = a->list[class];
	a->list[class] = block;
}
