/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table formats, as data.
 * Not here: what depends on a CPU model or on registers (mode.c).
 * Keeps: a format differs from another in a cell of these tables, never in an if.
 */
#include <vmmu/hw.h>

#include "fmt.h"

const struct vmmu_fmt vmmu_fmt_legacy32 = { VMMU_FMT_LEGACY32(VMMU_LEAF_BIT) };
const struct vmmu_fmt vmmu_fmt_legacy32_nopse = { VMMU_FMT_LEGACY32(VMMU_LEAF_NEVER) };
const struct vmmu_fmt vmmu_fmt_pae = { VMMU_FMT_PAE };
const struct vmmu_fmt vmmu_fmt_x64 = { VMMU_FMT_X64("x64", 4, 48, VMMU_STYLE_X86, PT_PS) };
const struct vmmu_fmt vmmu_fmt_x64_la57 = { VMMU_FMT_X64("x64-la57", 5, 57, VMMU_STYLE_X86,
							 PT_PS) };
const struct vmmu_fmt vmmu_fmt_npt = { VMMU_FMT_X64("npt", 4, 0, VMMU_STYLE_NPT, PT_PS | PT_G) };
const struct vmmu_fmt vmmu_fmt_npt5 = { VMMU_FMT_X64("npt5", 5, 0, VMMU_STYLE_NPT, PT_PS | PT_G) };
const struct vmmu_fmt vmmu_fmt_ept = { VMMU_FMT_EPT("ept", 4) };
const struct vmmu_fmt vmmu_fmt_ept5 = { VMMU_FMT_EPT("ept5", 5) };
