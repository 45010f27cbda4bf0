/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested paging: the CPU walks the guest's tables, and for each address in
 * them the nested table, here the direct map of realmode/.
 */
#ifndef VMMU_NESTED_H
#define VMMU_NESTED_H

#include <vmmu/vmmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* backend_config of both; NULL: all zero. */
struct vmmu_nested_config {
	unsigned levels;    /* of the nested table: 4, 5, or 0 for 4 */
	int no_ad;	    /* EPT: accessed and dirty bits off (EPTP bit 6 = 0) */
	uint32_t intercept; /* VMMU_ICPT_CR0, VMMU_ICPT_CR4 as well */
	/*
	 * An address that is no memory is remembered until slots change: the CPU stops at its
	 * entry, under EPT with a misconfiguration, and no slot is looked for.
	 */
	int mmio;
};

extern VMMU_API const struct vmmu_backend vmmu_nested_npt, vmmu_nested_ept;

#ifdef __cplusplus
}
#endif
#endif
