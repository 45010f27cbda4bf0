/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slot, and what is kept of each of its pages.  Only for this folder.
 */
#ifndef VMMU_HOST_SLOT_H
#define VMMU_HOST_SLOT_H

#include <vmmu/yield.h>

#include "host.h"

#define BLOCK_SHIFT 21 /* slots keep their per-page state in blocks of 2M */
#define BLOCK_PAGES 512u

struct block {
	uint64_t *host;	     /* callback-backed: per page a host word; or NULL */
	uint16_t *track;     /* per page: how many tracks; or NULL */
	uint32_t nr_tracked; /* pages with a track */
};

struct slot {
	RB_ENTRY(slot) node;
	struct vmmu_slot_info info;
	struct block *block;
	uint64_t nr_blocks;
	uint64_t *dirty; /* the dirty log is on: a bit per page */
};

static inline uint64_t slot_end(const struct slot *s)
{
	return s->info.gpa.v + s->info.size;
}

static inline struct block *block_of(struct slot *s, uint64_t gpa)
{
	return &s->block[bounded((gpa >> BLOCK_SHIFT) - (s->info.gpa.v >> BLOCK_SHIFT),
				 s->nr_blocks)];
}

static inline unsigned page_in_block(uint64_t gpa)
{
	return (unsigned)(gpa >> VMMU_PAGE_SHIFT) & (BLOCK_PAGES - 1);
}

static inline size_t slot_dirty_bytes(const struct slot *s)
{
	return (size_t)((s->info.size >> VMMU_PAGE_SHIFT) + 63) / 64 * 8;
}

static inline void slot_free_dirty(struct vmmu *vm, struct slot *s)
{
	core_free(core_of(vm), s->dirty, slot_dirty_bytes(s));
	s->dirty = NULL;
}

/* Sizes of pages by level; [0] is none. */
extern const uint64_t host_page_size[4];

/* ---- slot.c ---- */
/* The first slot that ends above gpa, and the one after a slot; NULL: none. */
struct slot *slot_from(struct vmmu *vm, uint64_t gpa);
struct slot *slot_next(struct slot *s);
/* The slot that begins at gpa, or NULL and why not in *st. */
struct slot *slot_starting(struct vmmu *vm, uint64_t gpa, int *st);
/* The level of a page of that size; 0: there is none. */
unsigned host_page_level(uint64_t size);
/* Whether memory of that size from p on has host addresses. */
int host_pointer_fits(struct vmmu *vm, const void *p, uint64_t size);

/* ---- change.c ---- */
/* protect() and the flushes it makes necessary, owed ones too; how many mappings changed. */
uint64_t host_change(struct vmmu *vm, uint64_t gpa, uint64_t len, enum vmmu_change how);
/* Whether some of the range is being invalidated. */
int host_is_invalidating(const struct vmmu *vm, uint64_t gpa, uint64_t len);

/* ---- page.c ---- */
/* Puts the host's answer for a page; VMMU_EINVAL, VMMU_ENOMEM. */
int host_put_page(struct vmmu *vm, struct slot *s, uint64_t gpa, const struct vmmu_host_page *page);
/* Forgets what the host said of [gpa, gpa + len). */
void host_forget(struct vmmu *vm, uint64_t gpa, uint64_t len);

/* ---- dirty.c ---- */
int slot_is_dirty(const struct slot *s, uint64_t gpa);

#endif
