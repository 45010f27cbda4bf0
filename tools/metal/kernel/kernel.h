/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel of `vmmu metal`: it does to the CPU it runs on what `vmmu check` does to libvmmu.
 * Generator, operations, shrinker and oracle are tools/check's; the world that they work in is this
 * machine.
 *
 *	boot64.S    from the loader to main()
 *	exec64.S    tries one instruction
 *	main.c      options, worlds one after the other, what is found
 *	cpu.c       which CPU it is; descriptor tables
 *	layout.c    the memory that is tested
 *	machine.c   the world: making it, stores, registers, TLB instructions
 *	judge.c     accesses, and A and D bits
 *	known.c     deviations that are known of a target
 *	console.c   serial line, end
 *	libc.c      the few functions of a C library that all this needs
 *
 * Every top-level table that is tested has the kernel in one slot, to which no tested address
 * leads.  Entries lead only to pages of layout.c, whatever a bit of theirs means: so nothing that
 *is tried can hurt the kernel, and no operation has to switch address spaces, which would drop what
 * is to be tested.
 */
#ifndef METAL_KERNEL_H
#define METAL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/world.h"
#include "kernel_asm.h"

/* ---- console.c, libc.c ---------------------------------------------------------------- */

void console_setup(void);
__attribute__((format(printf, 1, 2))) void print(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *fmt, ...);
_Noreturn void finish(unsigned status);
void heap_setup(uint8_t *begin, uint8_t *end);

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

/* Memory below 1 GiB, by its physical address. */
static inline void *phys_pointer(uint64_t pa)
{
	return (void *)(uintptr_t)(SLOT_BASE + pa);
}

static inline uint64_t phys_of(const void *p)
{
	return (uintptr_t)p - SLOT_BASE;
}

/* ---- exec64.S, cpu.c -------------------------------------------------------------------- */

#define FLAGS_AC (1u << 18)
/* Behind each other, 16 bytes each; see exec64.S. */
enum {
	TRY_READ,
	TRY_READ_STACK = 4,
	TRY_WRITE = 8,
	TRY_WRITE_STACK = 12,
	TRY_XCHG = 16,
	TRY_FETCH = 20
};
enum { DO_CR0, DO_CR3, DO_CR4, DO_EFER, DO_PKRU, DO_PKRS, DO_INVLPG, DO_INVPCID };

struct exec {
	uint64_t rip, address, value, flags, user;
};
struct got {
	uint64_t vector, error, rip, cs, cr2, rax;
};
extern struct got got;
extern uint8_t kernel_tried[], kernel_only[], user_tried[], user_code[];

void exec(const struct exec *e);
/* One of DO_*; the vector that it ended with, DONE_VECTOR if all went well. */
unsigned cpu_do(unsigned what, uint64_t address, uint64_t value);

struct cpu {
	char vendor[13];
	struct or_profile profile;
	uint64_t cr4_skip, efer_skip; /* bits that are left alone */
	bool pcid, invpcid, pku, pks;
};
extern struct cpu cpu;
void cpu_find(void);
void cpu_setup(void);
/* The kernel's own tables and registers; nothing that was cached before is left. */
void cpu_reset(void);
uint64_t cpu_seconds(void); /* of the clock; 0: there is none */

/* ---- layout.c ----------------------------------------------------------------------------- */

#define NR_PAGES 38u
/* The pages that entries may lead to, and what ought to be in them. */
extern uint8_t mirror[NR_PAGES][4096];
/* Which page a physical address is in; -1: in none. */
int page_at(uint64_t pa);
uint64_t page_address(unsigned page);
/* The memory itself, through the kernel's slot. */
uint8_t *page_real(unsigned page);
/* Where in a page an INT lies that a fetch finds; its vector tells the page. */
#define FETCH_AT 0x140u
/* True: no store changes any of these bytes of any page. */
bool layout_pinned(unsigned offset, unsigned size);
/* Makes a table entry lead to a page of ours, whoever reads it. */
uint64_t layout_tame(const struct world *w, uint64_t entry);
void layout_world(struct world *w);
/* All pages as they are at first, in memory and in the mirror. */
void layout_fill(void);

/* ---- machine.c, judge.c, known.c ---------------------------------------------------------- */

enum metal_sabotage {
	SABOTAGE_ERROR = 1,
	SABOTAGE_CR2,
	SABOTAGE_VALUE,
	SABOTAGE_A,
	SABOTAGE_D,
	SABOTAGE_LOST_INVLPG,
	SABOTAGE_LOST_STORE,
	SABOTAGE_NO_GP,
	NR_METAL_SABOTAGE
};

struct metal {
	unsigned sabotage;
	uint64_t ops, accesses, faults, stale, skipped;
	uint64_t *faults_keep; /* or NULL: #PF drops no translation; counts them */
	bool no_xchg;
	const char *only; /* or NULL: the one difference that is not passed over */
};
extern struct metal metal;

uint64_t mirror_read(uint64_t pa, unsigned bytes);
/* A difference, unless it is known.  True: it is known. */
__attribute__((format(printf, 2, 3))) bool differs(struct world *w, const char *fmt, ...);
void judge_access(struct world *w, uint64_t gva, unsigned size, uint32_t access,
		  const uint64_t *value);
/* All of memory against the mirror. */
void judge_memory(struct world *w);

bool known_rule(const char *line);
bool known_is(const char *what);
/* Is a register (enum world_reg) that is `now` not to become this? */
bool known_avoids(unsigned reg, uint64_t value, uint64_t now);
void known_report(void);

/* For the trap that nobody expected. */
_Noreturn void lost(const uint64_t *frame);

#endif
