/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested paging: the CPU walks the guest's tables, and translates each address that it finds there
 * by a nested table, which is the direct map of realmode/.
 */
#ifndef VMMU_NESTED_H
#define VMMU_NESTED_H

#include <vmmu/vmmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What vmmu_config.backend_config points to, for both backends; NULL stands for all zero. */
struct vmmu_nested_config {
	unsigned levels;    /* of the nested table: 4, 5, or 0 for 4 */
	int no_ad;	    /* EPT: accessed and dirty bits off (EPTP bit 6 = 0) */
	uint32_t intercept; /* VMMU_ICPT_CR0, VMMU_ICPT_CR4: writes that cause an exit; or 0 */
	/*
	 * 1: addresses without memory are remembered until slots change.  The CPU then stops at the
	 * address's entry, under EPT with a misconfiguration, and no slot has to be searched.
	 */
	int mmio;
	uint32_t reserved[4]; /* 0 */
};

extern VMMU_API const struct vmmu_backend vmmu_nested_npt, vmmu_nested_ept;

#ifdef __cplusplus
}
#endif
#endif
