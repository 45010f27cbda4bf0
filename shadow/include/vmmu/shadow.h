/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging.  The guest's tables are shadowed by tables of ours, GVA -> HPA,
 * which its CPU walks instead.  How they are kept in step with the guest's is
 * a set of techniques, each with its own switch:
 *
 *   cache     shadow pages are kept across loads of CR3, found by gfn and role,
 *             and the guest's tables are write-protected to hear of stores.
 *             Off: a virtual TLB, dropped on every load of CR3, page by page
 *             on INVLPG; nothing is write-protected, and of the others only
 *             large and wp0 mean something.
 *   update    a trapped store changes the entries that it hit; off: the whole
 *             shadow page goes
 *   unsync    a level-1 table becomes writable at the first store to it, and
 *             is compared again at the next CR3 load (INVLPG: one entry)
 *   flood     a table stored to again and again without being used, or once if
 *             nothing leads to it, is no longer one: it is zapped and its frame is
 *             writable again
 *   prefetch  a miss fills the neighbours of the entry that missed, too
 *   roots     the last roots are kept per vCPU and PCID: a load of CR3 that
 *             keeps translations compares nothing but what others did meanwhile
 *   large     a large guest page on large host memory is mapped in one piece
 *   mmio      an address that is no memory is remembered until slots change
 *   wp0       a supervisor's store to a read-only page under CR0.WP=0 maps it
 *             writable for the supervisor alone; off: in software, each time
 *   lru       table pages are reclaimed by use; off: first in, first out
 *
 * Kept pages go when the guest uses their frames for something else, when the host
 * takes them, and under a cap: vmmu_config.max_tables should be set for guests that are
 * not trusted; a fiftieth of the guest's pages is what KVM allows.
 */
#ifndef VMMU_SHADOW_H
#define VMMU_SHADOW_H

#include <vmmu/vmmu.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMMU_SHADOW_CACHE (1u << 0)
#define VMMU_SHADOW_UPDATE (1u << 1)
#define VMMU_SHADOW_UNSYNC (1u << 2)
#define VMMU_SHADOW_FLOOD (1u << 3)
#define VMMU_SHADOW_PREFETCH (1u << 4)
#define VMMU_SHADOW_ROOTS (1u << 5)
#define VMMU_SHADOW_LARGE (1u << 6)
#define VMMU_SHADOW_MMIO (1u << 7)
#define VMMU_SHADOW_WP0 (1u << 8)
#define VMMU_SHADOW_LRU (1u << 9)
#define VMMU_SHADOW_ALL ((1u << 10) - 1)

/* The name of technique number `bit`, as above; NULL beyond the last. */
VMMU_API const char *vmmu_shadow_technique(unsigned bit);

/* backend_config; NULL is { sizeof, 0, 0, 0, 0 }. */
struct vmmu_shadow_config {
	size_t size;	   /* sizeof(struct vmmu_shadow_config) */
	uint32_t off;	   /* VMMU_SHADOW_*: techniques not to use */
	unsigned prefetch; /* entries filled at once: a power of two <= 64; 0 means 8 */
	unsigned flood;	   /* the store, counted from the last use, that zaps; 0 means 3 */
	unsigned roots;	   /* roots kept beside the current one, <= 16; 0 means 3 */
};

/*
 * One shadow page: which of the guest's tables it follows, as what, and whether it is in step.
 */
struct vmmu_shadow_page {
	vmmu_gpa_t gpa;	  /* of the guest's table; direct: of the first page that it maps */
	vmmu_hpa_t hpa;	  /* of the table that the CPU walks */
	uint8_t level;	  /* 1 to 5 */
	uint8_t direct;	  /* it stands for a part of a large guest page, and no guest table */
	uint8_t unsync;	  /* the guest stores to its table untold, its entries may be stale */
	uint8_t rights;	  /* granted above it: VMMU_RWXU */
	uint8_t quadrant; /* which part of a guest's table of 1024 entries */
	uint8_t root;	  /* a vCPU's root, in use or kept */
	unsigned live;	  /* entries that are links or leaves */
};

/*
 * Calls fn for every shadow page of a VM whose backend is vmmu_shadow, those used last last.
 * Changes nothing; fn must not use the VM.  The virtual TLB has none.
 */
typedef void vmmu_shadow_page_fn(void *ctx, const struct vmmu_shadow_page *page);
VMMU_API void vmmu_shadow_each_page(struct vmmu *vm, vmmu_shadow_page_fn *fn, void *ctx);

/* vmmu_create(): VMMU_EINVAL for a config with a value out of range. */
extern VMMU_API const struct vmmu_backend vmmu_shadow;

#ifdef __cplusplus
}
#endif
#endif
