/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of registers share: a guest, and a VM on each backend.
 * Not here: tests (test_mode.c, test_mode_cached.c).
 */
#ifndef MODE_RIG_H
#define MODE_RIG_H

#include <string.h>
#include <sys/mman.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "native.h"
#include <vmmu-oracle/oracle.h>
#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define RAM 0x40000u
#define P 1u
#define PWUA 0x27u
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)
#define PROT (VMMU_CR0_PE | VMMU_CR0_ET)
#define PG (PROT | VMMU_CR0_PG)

static uint8_t *ram;
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

static inline uint8_t *get_ram(void)
{
	uintptr_t p;

	if (ram)
		return ram;
	/* The native backend wants a base that is 1G-aligned. */
	p = (uintptr_t)mmap(NULL, BIT(31), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t_true(p != (uintptr_t)MAP_FAILED);
	ram = (uint8_t *)((p + BIT(30) - 1) & ~(uintptr_t)(BIT(30) - 1));
	return ram;
}

static inline void put8(uint64_t gpa, uint64_t v)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &v, 8, NULL))
		memcpy(get_ram() + gpa, &v, 8);
}

/* ---- backends ------------------------------------------------------------------------------- */

static const struct vmmu_backend *const backends[] = {
	&vmmu_native,
	&vmmu_nested_npt,
	&vmmu_nested_ept,
	&vmmu_shadow,
};

#define NR_BACKENDS 4

static const struct vmmu_range ram_range = { 0, RAM };
static const struct vmmu_native_config native_config = { &ram_range, 1, 4096 };
static struct vmmu_nested_config nested_config;

static inline void start_with(const struct vmmu_backend *be, struct vmmu_config *c)
{
	struct vmmu_slot_info slot = { .size = RAM, .pointer = get_ram(), .page_size = 4096 };

	vmmu_destroy(vm);
	vm = NULL;
	c->size = sizeof(*c);
	c->backend = be;
	if (be == &vmmu_native) {
		c->backend_config = &native_config;
		c->base = get_ram();
	} else if (be != &vmmu_shadow) {
		c->backend_config = &nested_config;
	}
	t_eq(vmmu_create(c, &vm), VMMU_OK);
	if (be != &vmmu_native)
		t_eq(vmmu_slot_add(vm, &slot), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static inline void start(const struct vmmu_backend *be, const struct vmmu_profile *prof)
{
	struct vmmu_config c = { .profile = prof };

	memset(&nested_config, 0, sizeof(nested_config));
	start_with(be, &c);
}

static inline void finish(void)
{
	vmmu_destroy(vm);
	vm = NULL;
}

#define NR(a) (sizeof(a) / sizeof((a)[0]))

typedef int set_fn(struct vmmu_cpu *cpu, uint64_t value);
typedef enum or_kind or_set_fn(struct or_regs *r, const struct or_profile *p,
			       const struct or_mem *m, uint64_t value);

/* A PAE guest: address 0x128 is 0x7128 by the first directory, 0x8128 by the second. */
static inline void put_pae(void)
{
	memset(get_ram(), 0, RAM);
	put8(0x1000, 0x4000 | P);
	put8(0x4000, 0x5000 | PWUA);
	put8(0x5000, 0x7000 | PWUA | 0x40);
	put8(0x6000, 0x9000 | PWUA);
	put8(0x9000, 0x8000 | PWUA | 0x40);
}

static inline uint64_t gpa_of(uint64_t gva)
{
	struct vmmu_xlat x;
	int st = vmmu_translate(cpu, vmmu_gva(gva), 1, VMMU_READ | VMMU_AC, &x);

	t_check(st == VMMU_OK, "0x%" PRIx64 ": %s", gva, vmmu_strerror(st));
	return x.gpa.v;
}

#endif
