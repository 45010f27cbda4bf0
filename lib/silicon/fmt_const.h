/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats as constants of the file that includes this: a walk made for one
 * of them has its shifts and masks in the code.
 * Keeps: nobody compares their addresses; a format is known by that of fmt.c's.
 */
#ifndef VMMU_LIB_FMT_CONST_H
#define VMMU_LIB_FMT_CONST_H

#include "fmt.h"

static const struct vmmu_fmt k_legacy32 = { VMMU_FMT_LEGACY32(VMMU_LEAF_BIT) };
static const struct vmmu_fmt k_legacy32_nopse = { VMMU_FMT_LEGACY32(VMMU_LEAF_NEVER) };
static const struct vmmu_fmt k_pae = { VMMU_FMT_PAE };
static const struct vmmu_fmt k_x64 = { VMMU_FMT_X64("x64", 4, 48, VMMU_STYLE_X86, PT_PS) };
static const struct vmmu_fmt k_x64_la57 = { VMMU_FMT_X64("x64-la57", 5, 57, VMMU_STYLE_X86,
							 PT_PS) };
static const struct vmmu_fmt k_npt = { VMMU_FMT_X64("npt", 4, 0, VMMU_STYLE_NPT, PT_PS | PT_G) };
static const struct vmmu_fmt k_ept = { VMMU_FMT_EPT("ept", 4) };

/*
 * For who picks an instance by the formats g and n: those of a guest's format, alone and
 * with each nested one.
 */
#define PICK_WALK(fmt_)                                                                            \
	if (g == &vmmu_fmt_##fmt_) {                                                               \
		if (!n)                                                                            \
			return walk_##fmt_##_flat;                                                 \
		if (n == &vmmu_fmt_npt)                                                            \
			return walk_##fmt_##_npt;                                                  \
		if (n == &vmmu_fmt_ept)                                                            \
			return walk_##fmt_##_ept;                                                  \
	}

#endif
