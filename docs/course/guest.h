/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of the course: 4 MiB of memory, a table at each of four levels, four pages, and a
 * machine around it.  Each program includes this once.
 *
 *	0x1000  level 4, entry 1  ->  0x2000  level 3, entry 2  ->  0x3000  level 2, entry 3  ->
 *	0x4000  level 1, entries 4 to 7: pages at 0x40000 (user, may be written), 0x41000 (user,
 *	read only), 0x42000 (the supervisor's), 0x43000 (user, no execution)
 *	0x8000  another address space of the same shape, with pages from 0x50000 on
 */
#ifndef COURSE_GUEST_H
#define COURSE_GUEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <native.h>
#include <vmmu/explain.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define RAM_BYTES (4u << 20)
#define PAGE 0x8080604000 /* entries 1, 2, 3 and 4 */
#define P 1
#define W 2
#define U 4
#define NX (1ull << 63)

static uint8_t *ram;
static struct vmmu *vm;
static struct vmmu_cpu *cpu;
static const struct vmmu_range all_ram = { 0, RAM_BYTES };
static const struct vmmu_native_config native_config = { &all_ram, 1, 4096 };

static inline void entry(uint64_t table, unsigned index, uint64_t value)
{
	memcpy(ram + table + 8 * index, &value, 8);
}

static inline void make_space(uint64_t root, uint64_t pages)
{
	entry(root, 1, (root + 0x1000) | P | W | U);
	entry(root + 0x1000, 2, (root + 0x2000) | P | W | U);
	entry(root + 0x2000, 3, (root + 0x3000) | P | W | U);
	entry(root + 0x3000, 4, pages | P | W | U);
	entry(root + 0x3000, 5, (pages + 0x1000) | P | U);
	entry(root + 0x3000, 6, (pages + 0x2000) | P | W);
	entry(root + 0x3000, 7, (pages + 0x3000) | P | W | U | NX);
}

/* A machine with that backend.  What `config` has beside it is kept. */
static inline void start(const struct vmmu_backend *backend, struct vmmu_config config,
			 uint64_t host_page)
{
	/* Protection and paging on, four levels, NX. */
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011, .cr3 = 0x1000, .cr4 = 0x20, .efer = 0xd00
	};
	struct vmmu_slot_info slot = { .size = RAM_BYTES, .page_size = host_page };

	if (!ram)
		ram = aligned_alloc(2u << 20, RAM_BYTES);
	if (!ram)
		exit(1);
	memset(ram, 0, RAM_BYTES);
	make_space(0x1000, 0x40000);
	make_space(0x8000, 0x50000);
	vmmu_destroy(vm);
	config.size = sizeof(config);
	config.backend = backend;
	if (backend == &vmmu_native) {
		config.backend_config = &native_config;
		config.base = ram;
	}
	slot.pointer = config.cb.host_page ? NULL : ram;
	if (vmmu_create(&config, &vm) || (backend != &vmmu_native && vmmu_slot_add(vm, &slot)))
		exit(1);
	cpu = vmmu_cpu(vm, 0);
	if (vmmu_set_regs(cpu, &regs, 0))
		exit(1);
}

/* The guest-physical address, or ~0 and the fault's error code in *code. */
static inline uint64_t touch(uint64_t gva, uint32_t access, uint32_t *code)
{
	struct vmmu_xlat x;

	if (vmmu_translate(cpu, vmmu_gva(gva), 1, access, &x) == VMMU_OK)
		return x.gpa.v;
	if (code)
		*code = x.fault.code;
	return ~0ull;
}

/* The guest stores an entry, as its kernel would. */
static inline void store(uint64_t gpa, uint64_t value)
{
	vmmu_write(vm, cpu, vmmu_gpa(gpa), &value, 8, NULL);
}

/* Since the last call: exits, and entries that the CPU read. */
static inline unsigned exits(unsigned *refs)
{
	struct vmmu_stats s = { .size = sizeof(s) };
	uint64_t n = 0;

	vmmu_get_stats(vm, &s);
	vmmu_clear_stats(vm);
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		n += s.event[i];
	if (refs)
		*refs = (unsigned)s.walk_refs;
	return (unsigned)n;
}

#endif
