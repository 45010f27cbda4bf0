/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many engines in one process: VMs in different threads share nothing.
 * Not here: several threads in one VM, which this version does not allow.
 * Meant for ThreadSanitizer; without it, it still compares the answers.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "t.h"

#define RAM_BYTES (1u << 20)
#define ROUNDS 2000u

struct engine {
	const struct vmmu_backend *backend;
	uint64_t answers; /* a digest of all of them */
	int status;
};

static void put(uint8_t *ram, uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, 8);
}

static uint64_t digest(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 0x100000001b3ull;
}

static int work(struct engine *e, struct vmmu *vm, uint8_t *ram)
{
	const struct vmmu_slot_info slot = {
		.gpa = { 0 }, .size = RAM_BYTES, .pointer = ram, .page_size = 4096
	};
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011,
		.cr3 = 0x1000,
		.cr4 = 0x20,
		.efer = 0x500,
	};
	struct vmmu_cpu *cpu = vmmu_cpu(vm, 0);
	struct vmmu_xlat x;
	unsigned i;

	if (vmmu_slot_add(vm, &slot) || vmmu_set_regs(cpu, &regs, 0))
		return -1;
	for (i = 0; i < ROUNDS; i++) {
		uint64_t page = i * 7 % 512, pte = (i * 13 % 256) << 12 | (i % 5 ? 3 : 0);
		int st;

		if (vmmu_write(vm, cpu, vmmu_gpa(0x4000 + page * 8), &pte, 8, NULL))
			return -1;
		vmmu_invlpg(cpu, vmmu_gva(page << 12));
		st = vmmu_translate(cpu, vmmu_gva(page << 12), 8, i & 1, &x);
		e->answers = digest(e->answers, (uint64_t)st);
		e->answers = digest(e->answers, st == VMMU_OK ? x.gpa.v : x.fault.code);
	}
	return vmmu_check(vm);
}

static void *run_engine(void *arg)
{
	struct engine *e = arg;
	const struct vmmu_config config = { .size = sizeof(config), .backend = e->backend };
	uint8_t *ram = aligned_alloc(4096, RAM_BYTES);
	struct vmmu *vm = NULL;

	e->status = -1;
	if (ram && !vmmu_create(&config, &vm)) {
		memset(ram, 0, RAM_BYTES);
		put(ram, 0x1000, 0x2003);
		put(ram, 0x2000, 0x3003);
		put(ram, 0x3000, 0x4003);
		e->status = work(e, vm, ram);
		vmmu_destroy(vm);
	}
	free(ram);
	return NULL;
}

Test(threads, engines_in_several_threads_share_nothing)
{
	struct engine e[6] = {
		{ &vmmu_shadow, 0, 0 },	    { &vmmu_shadow, 0, 0 },	{ &vmmu_nested_npt, 0, 0 },
		{ &vmmu_nested_npt, 0, 0 }, { &vmmu_nested_ept, 0, 0 }, { &vmmu_nested_ept, 0, 0 },
	};
	pthread_t thread[6];
	unsigned i;

	for (i = 0; i < 6; i++)
		t_eq(pthread_create(&thread[i], NULL, run_engine, &e[i]), 0);
	for (i = 0; i < 6; i++)
		t_eq(pthread_join(thread[i], NULL), 0);
	for (i = 0; i < 6; i++) {
		t_eq(e[i].status, 0);
		t_eq(e[i].answers, e[0].answers);
	}
}
