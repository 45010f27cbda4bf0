/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPU this is, in the oracle's words; its descriptor tables; its clock.
 * Not here: operations (machine.c).
 */
#include <string.h>

#include "kernel.h"

struct cpu cpu;
struct got got;

/* ---- which it is ------------------------------------------------------------------------- */

struct cpuid {
	uint32_t a, b, c, d;
};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r = { 0 };
	uint32_t top;

	__asm__ volatile("cpuid" : "=a"(top) : "a"(leaf & 0x80000000u) : "ebx", "ecx", "edx");
	if (leaf <= top)
		__asm__ volatile("cpuid"
				 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
				 : "a"(leaf), "c"(0));
	return r;
}

static uint64_t bit_if(uint32_t word, unsigned bit, unsigned to)
{
	return (uint64_t)(word >> bit & 1) << to;
}

/* SDM vol. 3 2.5; APM vol. 2 3.1.3. */
static uint64_t cr4_bits(const struct cpuid *one, const struct cpuid *seven)
{
	uint64_t v = 1ull << 8; /* PCE */

	v |= bit_if(one->d, 1, 0) | bit_if(one->d, 1, 1);	 /* VME, PVI */
	v |= bit_if(one->d, 4, 2) | bit_if(one->d, 2, 3);	 /* TSD, DE */
	v |= bit_if(one->d, 3, 4) | bit_if(one->d, 6, 5);	 /* PSE, PAE */
	v |= bit_if(one->d, 7, 6) | bit_if(one->d, 13, 7);	 /* MCE, PGE */
	v |= bit_if(one->d, 24, 9) | bit_if(one->d, 25, 10);	 /* OSFXSR, OSXMMEXCPT */
	v |= bit_if(seven->c, 2, 11) | bit_if(seven->c, 16, 12); /* UMIP, LA57 */
	v |= bit_if(seven->b, 0, 16) | bit_if(one->c, 17, 17);	 /* FSGSBASE, PCIDE */
	v |= bit_if(one->c, 26, 18);				 /* OSXSAVE */
	v |= bit_if(seven->b, 7, 20) | bit_if(seven->b, 20, 21); /* SMEP, SMAP */
	v |= bit_if(seven->c, 3, 22) | bit_if(seven->c, 31, 24); /* PKE, PKS */
	v |= bit_if(seven->c, 7, 23) | bit_if(seven->d, 20, 23); /* CET */
	return v;
}

void cpu_find(void)
{
	struct cpuid zero = cpuid(0), one = cpuid(1), seven = cpuid(7), ext = cpuid(0x80000001);
	struct cpuid sizes = cpuid(0x80000008);
	struct or_profile *p = &cpu.profile;
	bool amd;

	memcpy(cpu.vendor, &zero.b, 4);
	memcpy(cpu.vendor + 4, &zero.d, 4);
	memcpy(cpu.vendor + 8, &zero.c, 4);
	amd = !strcmp(cpu.vendor, "AuthenticAMD") || !strcmp(cpu.vendor, "HygonGenuine");
	*p = (struct or_profile){
		.maxphyaddr = sizes.a & 0xff ? sizes.a & 0xff : 36,
		.has_1g = ext.d >> 26 & 1,
		.has_pse36 = one.d >> 17 & 1,
		.g_reserved = amd,
		.tce = amd && (ext.c >> 17 & 1),
		.pse_flushes = amd,
		.cr4_valid = cr4_bits(&one, &seven),
		.efer_valid = bit_if(ext.d, 11, 0) | OR_EFER_LME | bit_if(ext.d, 20, 11),
	};
	if (p->tce)
		p->efer_valid |= OR_EFER_TCE;
	/* VMXE, SMXE, key locker, user interrupts, LAM, FRED: other subjects. */
	cpu.cr4_skip = 1ull << 13 | 1ull << 14 | 1ull << 19 | 1ull << 25 | 1ull << 28 | 1ull << 32;
	/* SVME; LMSLE and FFXSR, which some have; MCOMMIT, INTWB, UAI, automatic IBRS. */
	cpu.efer_skip = 1ull << 12 | (amd ? 1ull << 13 | 1ull << 14 : 0) | 1ull << 17 | 1ull << 18 |
			1ull << 20 | 1ull << 21;
	cpu.pcid = p->cr4_valid & OR_CR4_PCIDE;
	cpu.invpcid = seven.b >> 10 & 1;
	cpu.pku = p->cr4_valid & OR_CR4_PKE;
	cpu.pks = p->cr4_valid & OR_CR4_PKS;
}

/* ---- descriptor tables --------------------------------------------------------------------- */

#define STUB_BYTES 16
#define GATE_USER 0xee00u /* a present interrupt gate that ring 3 may call */

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

extern uint8_t trap_stubs[];

static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss __attribute__((aligned(16)));
static uint8_t trap_stack[8192] __attribute__((aligned(16)));
static uint8_t last_stack[8192] __attribute__((aligned(16)));
static uint64_t gdt[7] = { 0, 0x00209a0000000000, 0x0000920000000000, 0x0000f20000000000,
			   0x0020fa0000000000 };

void cpu_setup(void)
{
	struct table_register gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct table_register idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t base = (uint64_t)&tss;
	unsigned i;

	for (i = 0; i < 256; i++) {
		uint64_t to = (uint64_t)trap_stubs + i * STUB_BYTES;

		/* A double fault has a stack of its own. */
		idt[i] = (struct gate){ (uint16_t)to,	      KERNEL_CS,
					GATE_USER | (i == 8), (uint16_t)(to >> 16),
					(uint32_t)(to >> 32), 0 };
	}
	tss.rsp[0] = (uint64_t)(trap_stack + sizeof(trap_stack));
	tss.ist[0] = (uint64_t)(last_stack + sizeof(last_stack));
	tss.io_map = sizeof(tss);
	gdt[5] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		 (base >> 24 & 0xff) << 56;
	gdt[6] = base >> 32;
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
			 :
			 : "i"(KERNEL_CS)
			 : "rax", "memory");
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %0" : : "r"((uint16_t)TSS_SELECTOR));
}

void lost(const uint64_t *frame)
{
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	panic("trap %llu, error code 0x%llx, at 0x%llx, address 0x%llx",
	      (unsigned long long)frame[0], (unsigned long long)frame[1],
	      (unsigned long long)frame[2], (unsigned long long)cr2);
}

/* ---- registers ------------------------------------------------------------------------------ */

unsigned cpu_do(unsigned what, uint64_t address, uint64_t value)
{
	struct exec e = {
		.rip = (uint64_t)kernel_only + 16 * what,
		.address = address,
		.value = value,
		.flags = 2,
	};

	exec(&e);
	return (unsigned)got.vector;
}

extern uint64_t kernel_root[512];

void cpu_reset(void)
{
	uint64_t cr4 = OR_CR4_PAE;

	cpu_do(DO_CR0, 0, OR_CR0_PG | OR_CR0_WP | OR_CR0_ET | OR_CR0_PE | 0x20);
	if (cpu_do(DO_CR4, 0, cr4) != DONE_VECTOR)
		panic("CR4 cannot be set to 0x%llx", (unsigned long long)cr4);
	cpu_do(DO_CR3, 0, phys_of(kernel_root));
	cpu_do(DO_EFER, 0, OR_EFER_LME | (cpu.profile.efer_valid & OR_EFER_NXE));
	if (cpu.profile.cr4_valid & OR_CR4_PGE) {
		cpu_do(DO_CR4, 0, cr4 | OR_CR4_PGE);
		cpu_do(DO_CR4, 0, cr4);
	}
	if (cpu.pks)
		cpu_do(DO_PKRS, 0, 0);
	/* It keeps its value while keys are off, and can be set only while they are on. */
	if (cpu.pku) {
		cpu_do(DO_CR4, 0, cr4 | OR_CR4_PKE);
		cpu_do(DO_PKRU, 0, 0);
		cpu_do(DO_CR4, 0, cr4);
	}
}

/* ---- the clock ------------------------------------------------------------------------------- */

static unsigned cmos(unsigned reg)
{
	unsigned v;

	out8(0x70, (uint8_t)reg);
	v = in8(0x71);
	return (v >> 4) * 10 + (v & 15);
}

uint64_t cpu_seconds(void)
{
	unsigned s = cmos(0), m = cmos(2), h = cmos(4);

	if (s > 59 || m > 59 || h > 23)
		return 0; /* nothing is there, or it does not count in tens */
	return 1 + s + 60 * m + 3600 * h;
}
