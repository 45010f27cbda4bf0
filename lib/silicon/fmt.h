/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initializers of the formats, shared by the public objects (fmt.c) and by
 * the walker's instances (walk_fast.c), which need them as compile-time constants.
 * Keeps: each format is written down once.
 */
#ifndef VMMU_LIB_FMT_H
#define VMMU_LIB_FMT_H

#include <vmmu/hw.h>

/* SDM tables 4-5 to 4-20 */
#define PT_P (1ull << 0)
#define PT_W (1ull << 1)
#define PT_U (1ull << 2)
#define PT_A (1ull << 5)
#define PT_D (1ull << 6)
#define PT_PS (1ull << 7)
#define PT_G (1ull << 8)
#define PT_NX (1ull << 63)
#define PT_LINK (PT_P | PT_W | PT_U | PT_A)

/* SDM tables 28-1 to 28-6 */
#define EPT_R (1ull << 0)
#define EPT_W (1ull << 1)
#define EPT_X (1ull << 2)
#define EPT_PS (1ull << 7)
#define EPT_A (1ull << 8)
#define EPT_D (1ull << 9)
#define EPT_WB (6ull << 3)

/* A bit that silicon ignores in an entry that is not present. */
#define PT_MMIO (1ull << 9)

/* Bits lo..hi, both included; empty if hi < lo. */
#define FMT_BITS(hi, lo) ((hi) < (lo) ? 0 : (~0ull >> (63 - (hi))) & (~0ull << (lo)))

/* A 4M leaf has address bits 39:32 in 20:13, as far as the CPU has them. */
#define VMMU_FMT_LEGACY32(pde_leaf_)                                                               \
	.name = "legacy32", .top = 2, .entry_bytes = 4, .style = VMMU_STYLE_X86,                   \
	.addr = FMT_BITS(31, 12), .present = PT_P, .w = PT_W, .u = PT_U, .accessed = PT_A,         \
	.dirty = PT_D, .leaf_bit = PT_PS, .global = PT_G, .leaf_set = PT_P, .mmio = PT_MMIO,       \
	.pse36 = FMT_BITS(20, 13),                                                                 \
	.lv = {                                                                                    \
		[1] = { .shift = 12, .bits = 10, .leaf = VMMU_LEAF_ALWAYS },                       \
		[2] = { .shift = 22,                                                               \
			.bits = 10,                                                                \
			.leaf = pde_leaf_,                                                         \
			.link = PT_LINK,                                                           \
			.rsvd = { 0, FMT_BITS(21, 13) } },                                         \
	}

#define VMMU_FMT_64BIT                                                                             \
	.entry_bytes = 8, .addr = FMT_BITS(51, 12), .present = PT_P, .w = PT_W, .u = PT_U,         \
	.x = PT_NX, .invert = PT_NX, .accessed = PT_A, .dirty = PT_D, .leaf_bit = PT_PS,           \
	.global = PT_G, .leaf_set = PT_P, .mmio = PT_MMIO

/* A PDPTE has no rights, no A and no D: SDM 4.4.1. */
#define PAE_HIGH FMT_BITS(62, 52)
#define PAE_PDPTE (FMT_BITS(63, 52) | FMT_BITS(8, 5) | FMT_BITS(2, 1))
#define VMMU_FMT_PAE                                                                               \
	.name = "pae", .top = 3, .style = VMMU_STYLE_X86, VMMU_FMT_64BIT,                          \
	.lv = {                                                                                    \
		[1] = { .shift = 12,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_ALWAYS,                                                  \
			.rsvd = { PAE_HIGH, PAE_HIGH } },                                          \
		[2] = { .shift = 21,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_BIT,                                                     \
			.link = PT_LINK,                                                           \
			.rsvd = { PAE_HIGH, PAE_HIGH | FMT_BITS(20, 13) } },                       \
		[3] = { .shift = 30,                                                               \
			.bits = 2,                                                                 \
			.leaf = VMMU_LEAF_NEVER,                                                   \
			.cached = 1,                                                               \
			.link = PT_P,                                                              \
			.absent = { PT_W | PT_U | PT_NX | PT_A | PT_D,                             \
				    PT_W | PT_U | PT_NX | PT_A | PT_D },                           \
			.rsvd = { PAE_PDPTE, PAE_PDPTE } },                                        \
	}

/* The nested table is AMD's, which reserves G above the leaves. */
#define VMMU_FMT_X64(name_, top_, canonical_, style_, high_)                                       \
	.name = name_, .top = top_, .style = style_, .canonical = canonical_, .pkey_shift = 59,    \
	VMMU_FMT_64BIT,                                                                            \
	.lv = {                                                                                    \
		[1] = { .shift = 12, .bits = 9, .leaf = VMMU_LEAF_ALWAYS },                        \
		[2] = { .shift = 21,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_BIT,                                                     \
			.link = PT_LINK,                                                           \
			.rsvd = { 0, FMT_BITS(20, 13) } },                                         \
		[3] = { .shift = 30,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_BIT,                                                     \
			.link = PT_LINK,                                                           \
			.rsvd = { 0, FMT_BITS(29, 13) } },                                         \
		[4] = { .shift = 39,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_NEVER,                                                   \
			.link = PT_LINK,                                                           \
			.rsvd = { high_, high_ } },                                                \
		[5] = { .shift = 48,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_NEVER,                                                   \
			.link = PT_LINK,                                                           \
			.rsvd = { high_, high_ } },                                                \
	}

/*
 * Rights 2 and 6 (W without R) never exist, 4 (X alone) only where supported;
 * memory types 2, 3 and 7 never: SDM 28.3.3.1.
 */
#define EPT_LINK (EPT_R | EPT_W | EPT_X)
#define VMMU_FMT_EPT(name_, top_)                                                                  \
	.name = name_, .top = top_, .entry_bytes = 8, .style = VMMU_STYLE_EPT,                     \
	.addr = FMT_BITS(51, 12), .present = EPT_R | EPT_W | EPT_X, .r = EPT_R, .w = EPT_W,        \
	.x = EPT_X, .accessed = EPT_A, .dirty = EPT_D, .leaf_bit = EPT_PS, .leaf_set = EPT_WB,     \
	.mmio = EPT_W, .memtype_shift = 3, .bad_memtype = 0x8c, .bad_rwx = 0x54,                   \
	.xonly_rwx = 0x10,                                                                         \
	.lv = {                                                                                    \
		[1] = { .shift = 12, .bits = 9, .leaf = VMMU_LEAF_ALWAYS },                        \
		[2] = { .shift = 21,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_BIT,                                                     \
			.link = EPT_LINK,                                                          \
			.rsvd = { FMT_BITS(6, 3), FMT_BITS(20, 12) } },                            \
		[3] = { .shift = 30,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_BIT,                                                     \
			.link = EPT_LINK,                                                          \
			.rsvd = { FMT_BITS(6, 3), FMT_BITS(29, 12) } },                            \
		[4] = { .shift = 39,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_NEVER,                                                   \
			.link = EPT_LINK,                                                          \
			.rsvd = { FMT_BITS(7, 3), FMT_BITS(7, 3) } },                              \
		[5] = { .shift = 48,                                                               \
			.bits = 9,                                                                 \
			.leaf = VMMU_LEAF_NEVER,                                                   \
			.link = EPT_LINK,                                                          \
			.rsvd = { FMT_BITS(7, 3), FMT_BITS(7, 3) } },                              \
	}

#endif
