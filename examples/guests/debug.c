/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug: tests debug registers in long mode (SDM vol. 3, chapter 18): breakpoints on instructions,
 * data and ports, and single steps.  It prints a line for each test.
 */
#include "cpu64.h"

#define RF (1u << 16)
#define TF (1u << 8)
#define CR4_DE 8ul
#define DR6_CLEAR 0xffff0ff0ul
#define GD (1ul << 13)
#define BS (1ul << 14)
/* The bits of DR7 that enable breakpoint n with this type and length. */
#define ON(n, type, length) (2ul << 2 * (n) | ((type) | (length) << 2) << (16 + 4 * (n)))
enum { RUN, WRITE, PORT, ACCESS };
enum { ONE, TWO, EIGHT, FOUR };

#define WINDOW 0x8000000000ull

static volatile struct {
	unsigned traps, vector, other, error;
	uint64_t rip, dr6, rcx;
} got;
static volatile uint64_t resume; /* where to go on after any exception but #DB */
static volatile unsigned steps;	 /* how many #DBs until the handler clears TF */
static uint64_t data[512] __attribute__((aligned(4096)));
static table_t pdpt, pd, pt;

static inline uint64_t get_dr6(void)
{
	uint64_t v;

	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	return v;
}

static inline void set_dr6(uint64_t v)
{
	__asm__ volatile("mov %0, %%dr6" : : "r"(v));
}

static inline uint64_t get_dr7(void)
{
	uint64_t v;

	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	return v;
}

static inline void set_dr7(uint64_t v)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(v) : "memory");
}

static inline void set_dr0(uint64_t v)
{
	__asm__ volatile("mov %0, %%dr0" : : "r"(v));
}

static inline void set_dr1(uint64_t v)
{
	__asm__ volatile("mov %0, %%dr1" : : "r"(v));
}

void trap(struct frame *f)
{
	if (f->vector != 1) {
		if (!resume)
			panic("trap %u error %x at %lx", (unsigned)f->vector, (unsigned)f->error,
			      f->rip);
		got.other = (unsigned)f->vector;
		got.error = (unsigned)f->error;
		f->rip = resume;
		resume = 0;
		return;
	}
	if (!got.traps++) {
		got.dr6 = get_dr6();
		got.rip = f->rip;
		got.rcx = f->rcx;
	}
	set_dr6(DR6_CLEAR);
	f->rflags |= RF;
	if (steps && !--steps)
		f->rflags &= ~(uint64_t)TF;
}

static void begin(void)
{
	got.traps = got.other = got.error = 0;
	got.dr6 = got.rip = got.rcx = 0;
	set_dr6(DR6_CLEAR);
}

static void tell(const char *what, uint64_t at)
{
	print(" %s ", what);
	if (!got.traps)
		print("nothing");
	else
		print("%u, DR6 %lx%s", got.traps, got.dr6 ^ DR6_CLEAR,
		      got.rip == at ? "" : " elsewhere");
	begin();
}

/* A label must be defined once, so functions with labels are not inlined. */
#define LABEL(name) ".globl " #name "\n" #name ":\n"
extern uint8_t bp_second[], bp_third[];

/* A loop of three instructions. */
__attribute__((noinline)) static void run_some(unsigned rounds)
{
	__asm__ volatile(LABEL(bp_first) "nop\n" LABEL(bp_second) "incl %%eax\n" LABEL(
				 bp_third) "dec %0\n"
					   "jnz bp_first\n"
			 : "+r"(rounds)
			 :
			 : "eax", "cc");
}

static void test_execution(void)
{
	print("execution:");
	set_dr0((uint64_t)bp_second);
	set_dr1((uint64_t)bp_third);
	set_dr7(ON(0, RUN, ONE));
	run_some(1);
	tell("once", (uint64_t)bp_second);
	run_some(3);
	tell("in a loop", (uint64_t)bp_second);
	set_dr7(1);
	run_some(1);
	tell("local", (uint64_t)bp_second);
	set_dr7(ON(0, RUN, ONE) | ON(1, RUN, ONE));
	run_some(2);
	tell("two of them", (uint64_t)bp_second);
	set_dr0((uint64_t)bp_third);
	run_some(1);
	tell("both here", (uint64_t)bp_third);
	set_dr7(0);
	run_some(1);
	tell("off", 0);
	print("\n");
}

__attribute__((noinline)) static void store8(void *to, uint64_t v)
{
	__asm__ volatile("movq %1, (%0)\n bp_store8: ret\n .globl bp_store8"
			 :
			 : "r"(to), "r"(v)
			 : "memory");
}
__attribute__((noinline)) static void store1(void *to, uint8_t v)
{
	__asm__ volatile("movb %1, (%0)\n bp_store1: ret\n .globl bp_store1"
			 :
			 : "r"(to), "q"(v)
			 : "memory");
}
__attribute__((noinline)) static void load4(const void *from)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0\n bp_load4: ret\n .globl bp_load4"
			 : "=r"(v)
			 : "r"(from)
			 : "memory");
}
extern uint8_t bp_store8[], bp_store1[], bp_load4[], bp_movs[];

static void test_data(void)
{
	uint8_t *at = (uint8_t *)data + 0x104;

	print("data:");
	set_dr0((uint64_t)at);
	set_dr7(ON(0, WRITE, FOUR));
	store8(at, 1);
	tell("store", (uint64_t)bp_store8);
	store8(at - 4, 1);
	tell("across", (uint64_t)bp_store8);
	store1(at + 3, 1);
	tell("last byte", (uint64_t)bp_store1);
	store1(at + 4, 1);
	tell("behind", 0);
	store1(at - 1, 1);
	tell("before", 0);
	load4(at);
	tell("load", 0);
	set_dr7(ON(0, ACCESS, TWO));
	load4(at - 2);
	tell("load of two", (uint64_t)bp_load4);
	set_dr0((uint64_t)data + 0x200);
	set_dr7(ON(0, WRITE, EIGHT));
	store1((uint8_t *)data + 0x207, 1);
	tell("last of eight", (uint64_t)bp_store1);
	store1((uint8_t *)data + 0x208, 1);
	tell("behind", 0);
	set_dr7(0);
	print("\n");
}

/* Two linear addresses lead to one frame.  A breakpoint is set for one of them. */
static void test_alias(void)
{
	uint8_t *other = (uint8_t *)(WINDOW + 0x104), *at = (uint8_t *)data + 0x104;

	boot_pml4[1] = (uint64_t)pdpt | P | W;
	pdpt[0] = (uint64_t)pd | P | W;
	pd[0] = (uint64_t)pt | P | W;
	pt[0] = (uint64_t)data | P | W;
	print("alias:");
	set_dr0((uint64_t)other);
	set_dr7(ON(0, WRITE, FOUR));
	store1(other, 1);
	tell("by it", (uint64_t)bp_store1);
	store1(at, 1);
	tell("by the other", 0);
	set_dr0((uint64_t)at);
	store1(at, 1);
	tell("moved", (uint64_t)bp_store1);
	store1(other, 1);
	tell("by the other", 0);
	set_dr7(0);
	print("\n");
}

__attribute__((noinline)) static void test_string(void)
{
	uint8_t *from = (uint8_t *)data + 0x300, *to = (uint8_t *)data + 0x400;
	uint64_t n = 16;

	print("string:");
	set_dr0((uint64_t)to + 5);
	set_dr7(ON(0, WRITE, ONE));
	__asm__ volatile("bp_movs: rep movsb\n .globl bp_movs"
			 : "+S"(from), "+D"(to), "+c"(n)
			 :
			 : "memory");
	print(" left %lu", got.rcx);
	tell("", (uint64_t)bp_movs);
	set_dr7(0);
	print("\n");
}

extern uint8_t step_second[];

__attribute__((noinline)) static void test_step(void)
{
	print("steps:");
	steps = 4;
	__asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n step_second: nop\n nop\n "
			 "nop\n nop\n nop\n"
			 ".globl step_second"
			 :
			 :
			 : "cc", "memory");
	tell("four", (uint64_t)step_second);
	print("\n");
}

static void tell_fault(void)
{
	resume = 0;
	if (got.other)
		print(" #%u(%x)", got.other, got.error);
	else
		print(" ok");
	begin();
}

static void test_registers(void)
{
	uint64_t v;

	print("registers:");
	set_dr7(0);
	print(" DR7 %lx", get_dr7());
	set_dr7(0xffffffff & ~(GD | 0xffffff));
	print(" %lx", get_dr7());
	set_dr7(0);
	set_dr6(0);
	print(" DR6 %lx", get_dr6());
	set_dr0(0x123456789abcdef0);
	__asm__ volatile("mov %%dr0, %0" : "=r"(v));
	print(" DR0 %lx", v);
	set_cr4(get_cr4() & ~CR4_DE);
	set_dr6(DR6_CLEAR | BS);
	__asm__ volatile("mov %%db4, %0" : "=r"(v));
	print(" DR4 %lx", v);
	set_cr4(get_cr4() | CR4_DE);
	print(" DR4 with DE");
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %%db4, %%rax; 1:"
			 : "=m"(resume)
			 :
			 : "rax", "memory");
	tell_fault();
	print(" DR7 with a high bit");
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %1, %%dr7; 1:"
			 : "=m"(resume)
			 : "r"(1ul << 32)
			 : "rax", "memory");
	tell_fault();
	print("\n");
}

__attribute__((noinline)) static void test_port(void)
{
	print("port:");
	set_dr0(0x80);
	set_cr4(get_cr4() | CR4_DE);
	set_dr7(ON(0, PORT, ONE));
	__asm__ volatile("out %%al, $0x80\n bp_out: nop\n .globl bp_out" : : "a"(1));
	{
		extern uint8_t bp_out[];

		tell("out", (uint64_t)bp_out);
	}
	(void)in8(0x81);
	tell("the next one", 0);
	set_dr7(0);
	print("\n");
}

int main(void);
int main(void)
{
	cpu_setup();
	begin();
	test_execution();
	test_data();
	test_alias();
	test_string();
	test_step();
	test_registers();
	test_port();
	return 0;
}
