/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native backend has no hypervisor.  A GPA is an HPA, the CPU walks the guest's own tables in
 * one dimension, and the bus checks every address.  It is the baseline of comparisons, and the
 * example of a backend outside the library.
 */
#ifndef VMMU_NATIVE_H
#define VMMU_NATIVE_H

#include <vmmu/vmmu.h>

/*
 * backend_config of vmmu_native; required.  The machine's memory is one
 * contiguous arena; config.base must be the arena.  Slot operations, the
 * dirty log and notifiers return VMMU_ENOTSUP.
 */
struct vmmu_native_config {
	const struct vmmu_range *ram; /* by address, not overlapping; stays valid */
	unsigned nr_ram;
	uint64_t page_size; /* of the arena, as in struct vmmu_slot_info */
};

extern const struct vmmu_backend vmmu_native;

#endif
