/* SPDX-License-Identifier: BSD-2-Clause */
/* See probe64.h.  After a fault, execution continues behind the access. */
#include "probe64.h"

#define RFLAGS 2 /* only the bit that is always 1 */

void ring3(const struct frame *f);
_Noreturn void ring3_done(void);
extern uint8_t user_code[], user_read[], user_write[], user_run[];

static volatile struct outcome got;
/* Where to continue after a fault of the supervisor; 0: a fault is an error. */
static volatile uint64_t resume;
static volatile int in_ring3;
static uint64_t user_at;
static uint8_t user_stack[4096] __attribute__((aligned(4096)));

void trap(struct frame *f)
{
	got.vector = (unsigned)f->vector;
	got.error = (unsigned)f->error;
	got.cr2 = f->vector == VECTOR_PF ? get_cr2() : 0;
	got.rip = f->rip;
	if (in_ring3 && (f->cs & 3)) {
		in_ring3 = 0;
		if (f->vector == VECTOR_SYSCALL)
			got.vector = 0;
		got.value = f->rax;
		ring3_done();
	}
	if (!resume)
		panic("trap %u error %x at %lx, address %lx", (unsigned)f->vector,
		      (unsigned)f->error, f->rip, get_cr2());
	f->rip = resume;
	resume = 0;
}

static void supervisor(enum way way, uint64_t va, uint64_t value)
{
	uint64_t stack;

	if (way == READ)
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %1; mov (%2), %0; 1:"
				 : "=&r"(value), "=m"(resume)
				 : "r"(va)
				 : "rax", "memory");
	else if (way == READ4)
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %1; mov (%2), %k0; 1:"
				 : "=&r"(value), "=m"(resume)
				 : "r"(va)
				 : "rax", "memory");
	else if (way == WRITE4)
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %k1, (%2); 1:"
				 : "=m"(resume)
				 : "r"(value), "r"(va)
				 : "rax", "memory");
	else if (way == WRITE)
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %1, (%2); 1:"
				 : "=m"(resume)
				 : "r"(value), "r"(va)
				 : "rax", "memory");
	else
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %1; mov %%rsp, %0;"
				 "call *%3; 1: mov %0, %%rsp"
				 : "=&r"(stack), "=m"(resume), "=&a"(value)
				 : "r"(va)
				 : "memory");
	resume = 0;
	got.value = value;
}

static void user(enum way way, uint64_t va, uint64_t value)
{
	const uint8_t *code = way == USER_READ	  ? user_read
			      : way == USER_WRITE ? user_write
						  : user_run;
	struct frame f;

	memset(&f, 0, sizeof(f));
	f.rip = user_at + (uint64_t)(code - user_code);
	f.cs = USER_CS;
	f.rflags = RFLAGS;
	f.rsp = user_at + 2 * PAGE;
	f.ss = USER_SS;
	f.rdi = va;
	f.rsi = value;
	in_ring3 = 1;
	ring3(&f);
}

struct outcome probe(enum way way, uint64_t va, uint64_t value)
{
	got.vector = 0;
	got.error = 0;
	got.cr2 = 0;
	got.rip = 0;
	got.value = 0;
	if (way >= USER_READ)
		user(way, va, value);
	else
		supervisor(way, va, value);
	return (struct outcome){ got.vector, got.error, got.cr2, got.rip, got.value };
}

void probe_map_user(void (*map)(uint64_t va, uint64_t entry), uint64_t va)
{
	map(va, (uint64_t)user_code | U | P);
	map(va + PAGE, (uint64_t)user_stack | U | W | P);
	user_at = va;
}
