/* SPDX-License-Identifier: BSD-2-Clause */
/* GDT, IDT and TSS of a 64-bit guest (SDM 3.5, 6.14, 8.7). */
#include "cpu64.h"

#define STUB_BYTES 16
#define GATE 0x8e00u	  /* present interrupt gate */
#define GATE_USER 0xee00u /* ... that ring 3 may call */
#define TSS_SELECTOR 0x28

struct gate {
	uint16_t offset0, selector, flags, offset1;
	uint32_t offset2, zero;
};

struct tss {
	uint32_t zero0;
	uint64_t rsp[3], zero1, ist[7], zero2;
	uint16_t zero3, io_map;
} __attribute__((packed));

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern uint8_t trap_stubs[]; /* 256 of STUB_BYTES */

static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss;
static uint8_t trap_stack[16384] __attribute__((aligned(16)));
static uint8_t double_fault_stack[4096] __attribute__((aligned(16)));
/* null, kernel code, kernel data, user data, user code, the TSS's two halves */
static uint64_t gdt[7] = { 0, 0x00209a0000000000, 0x0000920000000000, 0x0000f20000000000,
			   0x0020fa0000000000 };

static void set_gate(unsigned vector, uint16_t flags)
{
	uint64_t to = (uint64_t)trap_stubs + vector * STUB_BYTES;

	idt[vector] = (struct gate){ (uint16_t)to,	   KERNEL_CS, flags, (uint16_t)(to >> 16),
				     (uint32_t)(to >> 32), 0 };
}

static void set_tss(void)
{
	uint64_t base = (uint64_t)&tss;

	tss.rsp[0] = (uint64_t)(trap_stack + sizeof(trap_stack));
	tss.ist[0] = (uint64_t)(double_fault_stack + sizeof(double_fault_stack));
	tss.io_map = sizeof(tss);
	gdt[5] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		 (base >> 24 & 0xff) << 56;
	gdt[6] = base >> 32;
}

void cpu_setup(void)
{
	struct table_register gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct table_register idtr = { sizeof(idt) - 1, (uint64_t)idt };
	unsigned i;

	for (i = 0; i < 256; i++)
		set_gate(i, GATE);
	set_gate(VECTOR_SYSCALL, GATE_USER);
	set_gate(VECTOR_DF, GATE | 1); /* on the first stack of the IST */
	set_tss();
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
			 :
			 : "i"(KERNEL_CS)
			 : "rax", "memory");
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %0" : : "r"((uint16_t)TSS_SELECTOR));
}
