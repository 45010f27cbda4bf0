/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of shadow paging share: a VM on shadow paging, its guest, and ways to ask it.
 * Not here: tests (test_shadow.c, test_shadow_pages.c, test_shadow_limits.c).
 * Keeps: every test ends with vmmu_check(), and `agree` compares with a walk in software.
 *
 * The guest: two address spaces A and B, each with a table of its own at each level, and a
 * map of low memory that both share.
 *
 *	GVA 0          2M, 4K pages from A_DATA or B_DATA on
 *	    1G         low memory, at KERNEL + gpa
 */
#ifndef SHADOW_RIG_H
#define SHADOW_RIG_H

#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/explain.h>

#include "t.h"
#include "world.h"

#define A4 0x1000ull
#define A3 0x2000ull
#define A2 0x3000ull
#define A1 0x4000ull
#define B4 0x5000ull
#define B3 0x6000ull
#define B2 0x7000ull
#define B1 0x8000ull
#define K2 0x9000ull
#define K1 0xa000ull
#define SPARE 0xb000ull /* frames from here to 0x20000 are nobody's */
#define A_DATA 0x20000ull
#define B_DATA 0x80000ull
#define KERNEL 0x40000000ull
#define LARGE (8 * MIB) /* where a page of 2M may lie */

#define P_ALL 0x67ull /* present, writable, user, A, D */
#define P_RO 0x65ull
#define P_PS 0x80ull
#define NX (1ull << 63)

static struct vmmu *vm;
static struct vmmu_cpu *cpu;
static uint8_t *mem;

/* ---- the rig -------------------------------------------------------------------------- */

static inline void put(uint64_t gpa, uint64_t e)
{
	memcpy(mem + gpa, &e, 8);
}

static inline uint64_t get(uint64_t gpa)
{
	uint64_t e;

	memcpy(&e, mem + gpa, 8);
	return e;
}

static inline void make_tables(void)
{
	uint64_t i;

	memset(mem, 0, 2 * MIB);
	put(A4, A3 | P_ALL);
	put(A3, A2 | P_ALL);
	put(A2, A1 | P_ALL);
	put(B4, B3 | P_ALL);
	put(B3, B2 | P_ALL);
	put(B2, B1 | P_ALL);
	put(A3 + 8, K2 | P_ALL);
	put(B3 + 8, K2 | P_ALL);
	put(K2, K1 | P_ALL);
	for (i = 0; i < 64; i++) {
		put(A1 + 8 * i, (A_DATA + (i << 12)) | P_ALL);
		put(B1 + 8 * i, (B_DATA + (i << 12)) | P_ALL);
	}
	for (i = 0; i < 512; i++)
		put(K1 + 8 * i, i << 12 | P_ALL);
}

static inline void long_mode(struct vmmu_cpu *c, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	const struct vmmu_regs r = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | cr0,
		.cr3 = A4,
		.cr4 = VMMU_CR4_PAE | cr4,
		.efer = VMMU_EFER_LME | VMMU_EFER_LMA | efer,
	};

	t_eq(vmmu_set_regs(c, &r, 0), VMMU_OK);
}

static inline void open_as(struct guest_cfg g)
{
	g.backend = &vmmu_shadow;
	g.shadow.size = sizeof(g.shadow);
	g.nr_cpus = 2;
	g.page_size = g.page_size ? g.page_size : 4096;
	mem = mem_arena(1);
	make_tables();
	t_eq(guest_open(&g, mem, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
	long_mode(cpu, VMMU_CR0_WP, 0, VMMU_EFER_NXE);
}

static inline void open_without(uint32_t off)
{
	open_as((struct guest_cfg){ .shadow = { .off = off } });
}

static inline void check(void)
{
	t_check(!vmmu_check(vm), "%s", vmmu_reason(vm));
}

static inline void close_vm(void)
{
	check();
	vmmu_destroy(vm);
	vm = NULL;
}

static struct vmmu_xlat x;

static inline int touch(uint64_t gva, uint32_t access)
{
	return vmmu_translate(cpu, vmmu_gva(gva), 1, access, &x);
}

static inline void reads(uint64_t gva, uint64_t gpa)
{
	t_eq(touch(gva, VMMU_READ), VMMU_OK);
	t_eq(x.gpa.v, gpa);
}

/* As an instruction stores: translated, and by the library if it has to trap. */
static inline void store(uint64_t gpa, uint64_t e)
{
	t_eq(vmmu_translate(cpu, vmmu_gva(KERNEL + gpa), 8, VMMU_WRITE, &x), VMMU_OK);
	t_eq(x.gpa.v, gpa);
	if (x.trap)
		t_eq(vmmu_write(vm, cpu, x.gpa, &e, 8, NULL), VMMU_OK);
	else
		memcpy(x.host, &e, 8);
}

static inline void load(uint64_t root)
{
	t_eq(vmmu_set_cr3(cpu, root), VMMU_OK);
}

/* Events since the last restart(). */
static inline uint64_t seen(enum vmmu_event ev)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s.event[ev];
}

static inline uint64_t traps(void)
{
	return seen(VMMU_EV_EXIT_PT_WRITE);
}

static inline uint64_t misses(void)
{
	return seen(VMMU_EV_EXIT_SHADOW_MISS);
}

static inline void restart(void)
{
	vmmu_clear_stats(vm);
}

/* After INVLPG an access is answered as a walk of the guest's tables in software answers it. */
static inline void agree(uint64_t gva, uint32_t access)
{
	struct vmmu_xlat fresh;
	int st;

	vmmu_invlpg(cpu, vmmu_gva(gva));
	st = vmmu_translate(cpu, vmmu_gva(gva), 1, access | VMMU_PROBE, &fresh);
	t_check(touch(gva, access) == st, "0x%" PRIx64 ": not %s", gva, vmmu_strerror(st));
	if (st == VMMU_OK || st == VMMU_MMIO)
		t_eq(x.gpa.v, fresh.gpa.v);
	else
		t_eq(x.fault.code, fresh.fault.code);
	check();
}

#endif
