/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow paging as a virtual TLB: built on demand from the guest's tables,
 * dropped on every load of CR3 and page by page on INVLPG, so that the
 * guest's stores to its tables need no trap.
 */
#ifndef VMMU_SHADOW_H
#define VMMU_SHADOW_H

#include <vmmu/vmmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* backend_config: NULL. */
extern VMMU_API const struct vmmu_backend vmmu_shadow;

#ifdef __cplusplus
}
#endif
#endif
