/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the embedder's calls share: a guest and a VM on each backend.
 * Not here: tests (test_api.c, test_api_vm.c).
 */
#ifndef API_RIG_H
#define API_RIG_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/shadow.h>
#include <vmmu/vmmu.h>

#include "native.h"
#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define RAM 0x40000u
#define PWUA 0x27u
#define D 0x40u
#define PG (VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG)
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)

static uint8_t *ram;
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

static inline uint8_t *get_ram(void)
{
	uintptr_t p;

	if (ram)
		return ram;
	p = (uintptr_t)mmap(NULL, BIT(31), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t_true(p != (uintptr_t)MAP_FAILED);
	ram = (uint8_t *)((p + BIT(30) - 1) & ~(uintptr_t)(BIT(30) - 1));
	return ram;
}

static inline void put8(uint64_t gpa, uint64_t v)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &v, 8, NULL))
		memcpy(ram + gpa, &v, 8);
}

/*
 * A long-mode guest:
 *	0x1000 -> 0x11000	all rights, D set
 *	0x2000 -> 0x12000	all rights, D clear
 *	0x3000 -> 0x13000	supervisor only
 *	0x4000 -> 0x14000	read-only
 *	0x5000			not present
 *	0x6000 -> 0x1000000	no memory
 *	0x7000 -> 0x17000	A clear
 */
#define PTE(gva) (0x8000u + (gva) / 4096 * 8)

static inline void put_guest(void)
{
	memset(get_ram(), 0, RAM);
	put8(0x4000, 0x5000 | PWUA);
	put8(0x5000, 0x6000 | PWUA);
	put8(0x6000, 0x8000 | PWUA);
	put8(PTE(0x1000), 0x11000 | PWUA | D);
	put8(PTE(0x2000), 0x12000 | PWUA);
	put8(PTE(0x3000), 0x13000 | 0x23 | D);
	put8(PTE(0x4000), 0x14000 | 0x25 | D);
	put8(PTE(0x6000), 0x1000000 | PWUA | D);
	put8(PTE(0x7000), 0x17000 | 7);
}

static const struct vmmu_regs long_regs = {
	.cr0 = PG | VMMU_CR0_WP, .cr3 = 0x4000, .cr4 = VMMU_CR4_PAE, .efer = LONG
};

static const struct vmmu_backend *const backends[] = {
	&vmmu_native,
	&vmmu_nested_npt,
	&vmmu_nested_ept,
	&vmmu_shadow,
};

#define NR_BACKENDS 4

static const struct vmmu_range ram_range = { 0, RAM };
static const struct vmmu_native_config native_config = { &ram_range, 1, 4096 };

static inline int add(uint64_t gpa, uint64_t size, void *pointer, uint32_t flags)
{
	struct vmmu_slot_info s = {
		.gpa = { gpa }, .size = size, .pointer = pointer, .page_size = 4096, .flags = flags
	};

	return vmmu_slot_add(vm, &s);
}

static inline void start_bare(const struct vmmu_backend *be, struct vmmu_config *c)
{
	vmmu_destroy(vm);
	vm = NULL;
	c->size = sizeof(*c);
	c->backend = be;
	get_ram();
	if (be == &vmmu_native) {
		c->backend_config = &native_config;
		c->base = get_ram();
	}
	t_eq(vmmu_create(c, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static inline void start_with(const struct vmmu_backend *be, struct vmmu_config *c)
{
	put_guest();
	start_bare(be, c);
	if (be != &vmmu_native)
		t_eq(add(0, RAM, ram, 0), VMMU_OK);
	t_eq(vmmu_set_regs(cpu, &long_regs, 0), VMMU_OK);
}

static inline void start(const struct vmmu_backend *be)
{
	struct vmmu_config c = { 0 };

	start_with(be, &c);
}

static inline void finish(void)
{
	vmmu_destroy(vm);
	vm = NULL;
}

#define FOR_EACH_BACKEND                                                                           \
	for (unsigned b_ = 0; b_ < NR_BACKENDS && (start(backends[b_]), 1); finish(), b_++)

static struct vmmu_xlat x;

static inline int translate(uint64_t gva, uint32_t access)
{
	memset(&x, 0xa5, sizeof(x));
	return vmmu_translate(cpu, vmmu_gva(gva), 1, access, &x);
}

static inline struct vmmu_stats stats(void)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s;
}

static inline void *host(uint64_t gva, unsigned size, uint32_t access)
{
	return vmmu_host(cpu, vmmu_gva(gva), size, access);
}

#endif
