/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that C and assembler share. */
#ifndef METAL_KERNEL_ASM_H
#define METAL_KERNEL_ASM_H

/* The top-level entry that no tested address goes through, and the addresses below it. */
#define SLOT 384
#define SLOT_BASE 0xffffc00000000000
/* Where in the slot the page is that ring 3 may execute. */
#define USER_AT (SLOT_BASE + 511 * 0x200000)

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS 0x1b
#define USER_CS 0x23
#define TSS_SELECTOR 0x28

/* An INT of this vector ends what was tried; the vectors from PAGE_VECTOR on name a page. */
#define DONE_VECTOR 0x21
#define PAGE_VECTOR 0x40

/* What the debug exit is told; QEMU's own status is twice that and one. */
#define METAL_SAME 0x10
#define METAL_DIFFERENT 0x11
#define METAL_PANIC 0x12

#endif
