/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Declarations for all guests, in 32-bit and in 64-bit code: the console, instructions that C has
 * no words for, the bits of x86 paging.  Guests use nothing of libvmmu: they run on a real machine
 * as well.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>

/* Bits of an entry of any format (SDM 4.3 to 4.5). */
#define P 1ull
#define W 2ull
#define U 4ull
#define PCD 0x10ull
#define A 0x20ull
#define D 0x40ull
#define PS 0x80ull
#define G 0x100ull
#define NX (1ull << 63)
#define FRAME 0x000ffffffffff000ull
#define PAGE 4096ul

/* Of a page fault's error code (SDM 4.7). */
#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_RSVD 8u
#define PF_I 16u

#define CR0_PE 1ul
#define CR0_WP (1ul << 16)
#define CR0_PG (1ul << 31)
#define CR4_PSE (1ul << 4)
#define CR4_PAE (1ul << 5)
#define CR4_PGE (1ul << 7)
#define CR4_LA57 (1ul << 12)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define MSR_EFER 0xc0000080u
#define EFER_LME (1u << 8)
#define EFER_NXE (1u << 11)

/* %s %c %u %x %lu %lx %llx, as printf() has them. */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
/* Prints one character.  A kernel writes it to the serial port at 0x3f8. */
void put(char c);
/* Ends with this status; 0 is success.  A kernel uses the debug exit at 0xf4, and halts if there is
 * none. */
_Noreturn void finish(unsigned status);
/* Prints a message and ends with status 1. */
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);
/* The number behind "name=" on the command line of the multiboot information, or `otherwise`. */
unsigned long option(const char *line, const char *name, unsigned long otherwise);

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* A page-aligned table. */
typedef uint64_t table_t[512] __attribute__((aligned(4096)));

/* The part of the multiboot information that is read. */
struct multiboot {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void invlpg(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline unsigned long get_cr0(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	return v;
}

static inline void set_cr0(unsigned long v)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static inline unsigned long get_cr2(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

static inline unsigned long get_cr3(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

static inline void set_cr3(unsigned long v)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static inline unsigned long get_cr4(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static inline void set_cr4(unsigned long v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static inline uint32_t get_efer(void)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
	return low;
}

static inline void set_efer(uint32_t v)
{
	__asm__ volatile("wrmsr" : : "c"(MSR_EFER), "a"(v), "d"(0) : "memory");
}

struct cpuid {
	uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(0));
	return r;
}

/* CPUID leaf 7; all zeros if the CPU has no such leaf. */
static inline struct cpuid cpuid7(void)
{
	struct cpuid none = { 0, 0, 0, 0 };

	return cpuid(0).a >= 7 ? cpuid(7) : none;
}

#endif
