/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets up the descriptor tables of a 64-bit guest and its stack for traps, and declares the frame
 * that a trap leaves there.
 */
#ifndef CPU64_H
#define CPU64_H

#include "guest.h"

#define KERNEL_CS 0x08
#define USER_SS 0x1b
#define USER_CS 0x23

#define VECTOR_DF 8
#define VECTOR_PF 14
#define VECTOR_TIMER 32
#define VECTOR_SYSCALL 0x80

struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error; /* 0 where the CPU pushes none */
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Loads GDT, IDT and TSS.  Every trap goes to trap(), which the guest supplies. */
void cpu_setup(void);
void trap(struct frame *f);
/* Continues where the frame says, for instance in ring 3. */
_Noreturn void go(const struct frame *f);

extern table_t boot_pml4, boot_pd;

#endif
