/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door to the host's side of memory: slots, what the host gave for a page, tracked frames,
 * the dirty log, invalidations.
 */
#ifndef VMMU_HOST_HOST_H
#define VMMU_HOST_HOST_H

#include <bsd/sys/tree.h>

#include "../core/core.h"

#define MAX_NOTIFY 32

struct slot;
RB_HEAD(slot_tree, slot);

struct host {
	struct slot_tree slots;
	struct slot *last; /* the slot of the last lookup */
	/* The notifier protocol: notify.c. */
	uint64_t notify_seq;
	struct vmmu_range notify[MAX_NOTIFY];
	unsigned nr_notify;
};

static inline struct host *host_of(const struct vmmu *vm)
{
	return core_of(vm)->host;
}

/* ---- slot.c ---- */
void host_init(struct host *h);
void host_fini(struct vmmu *vm);
struct slot *slot_at(struct vmmu *vm, uint64_t gpa);
int slot_is_readonly(const struct slot *s);
int host_check(struct vmmu *vm);

/* ---- page.c ---- */
/*
 * The host word of gpa's page, if it is there (and writable, if asked); else WANTED or BUSY.
 * Marks nothing dirty.
 */
enum vmmu_page_kind host_page(struct vmmu *vm, struct slot *s, uint64_t gpa, int write,
			      uint64_t *word);
/* Where the byte at gpa lies, by the host word of its page. */
uint8_t *host_word_pointer(uint64_t word, uint64_t gpa);
/*
 * For a page that is WANTED: asks the host.  VMMU_OK: try again; else why the host gave none.
 * For a page that is BUSY: VMMU_AGAIN.  *dropped counts the answers in one access that were
 * dropped, because an invalidation ended or slots changed while the host was asked.  When there
 * are too many of them, the access ends with VMMU_AGAIN as well.
 */
int host_resolve(struct vmmu *vm, enum vmmu_page_kind kind, uint64_t gpa, int write,
		 unsigned *dropped);
/* Memory callbacks over slots, for walks in software; ctx is the VM. */
extern const struct vmmu_mem_ops slot_mem_ops;

/* ---- dirty.c ---- */
void slot_mark_dirty(struct slot *s, uint64_t gpa);

/* ---- track.c ---- */
int slot_is_tracked(struct slot *s, uint64_t gpa);

#endif
