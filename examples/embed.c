/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that an emulator does with libvmmu: memory, registers, accesses.
 * A guest with one page table runs on each backend.  The translations are equal, the exits differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define RAM_BYTES (4u << 20)

static void die(struct vmmu *vm, const char *what, int status)
{
	fprintf(stderr, "%s: %s %s\n", what, vmmu_strerror(status), vm ? vmmu_reason(vm) : "");
	exit(1);
}

static void store(uint8_t *ram, uint64_t gpa, uint64_t value)
{
	memcpy(ram + gpa, &value, 8);
}

/* Tables of four levels at 0x1000 to 0x4000 map gva 0x400000 to gpa 0x8000, read-only at first. */
static void make_tables(uint8_t *ram)
{
	store(ram, 0x1000, 0x2003);
	store(ram, 0x2000, 0x3003);
	store(ram, 0x3000 + 2 * 8, 0x4003);
	store(ram, 0x4000, 0x8001);
	memcpy(ram + 0x8000, "hello", 6);
}

/* Makes one access, as the memory helper of an emulator does. */
static void *access_memory(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access)
{
	struct vmmu_xlat x;
	void *p = vmmu_host(cpu, vmmu_gva(gva), 1, access); /* an inlined lookup */
	int status;

	if (p)
		return p;
	status = vmmu_translate(cpu, vmmu_gva(gva), 1, access, &x);
	switch (status) {
	case VMMU_OK:
		return x.host;
	case VMMU_FAULT:
		printf("  gva 0x%llx: exception %u, error code 0x%x\n", (unsigned long long)gva,
		       x.fault.vector, x.fault.code);
		return NULL;
	case VMMU_MMIO:
		printf("  gva 0x%llx: device access at gpa 0x%llx\n", (unsigned long long)gva,
		       (unsigned long long)x.gpa.v);
		return NULL;
	default:
		die(vmmu_cpu_vm(cpu), "translate", status);
		return NULL;
	}
}

static void run(const struct vmmu_backend *backend, uint8_t *ram)
{
	const struct vmmu_config config = { .size = sizeof(config), .backend = backend };
	const struct vmmu_slot_info slot = {
		.gpa = { 0 }, .size = RAM_BYTES, .pointer = ram, .page_size = 4096
	};
	/* Long mode: CR0.PE, WP and PG, CR4.PAE, EFER.LME and LMA. */
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011,
		.cr3 = 0x1000,
		.cr4 = 0x20,
		.efer = 0x500,
	};
	struct vmmu_stats stats = { .size = sizeof(stats) };
	struct vmmu_cpu *cpu;
	struct vmmu *vm;
	uint64_t pte = 0x8003;
	unsigned ev;
	char *text;
	int st;

	printf("%s\n", backend->name);
	make_tables(ram);
	st = vmmu_create(&config, &vm);
	if (st)
		die(NULL, "create", st);
	st = vmmu_slot_add(vm, &slot);
	if (st)
		die(vm, "memory", st);
	cpu = vmmu_cpu(vm, 0);
	st = vmmu_set_regs(cpu, &regs, 0);
	if (st)
		die(vm, "registers", st);

	text = access_memory(cpu, 0x400000, VMMU_READ);
	printf("  read \"%s\"\n", text ? text : "nothing");
	access_memory(cpu, 0x400000, VMMU_WRITE); /* read-only: a fault */
	access_memory(cpu, 0x500000, VMMU_READ);  /* not mapped: a fault */

	/* The guest makes the page writable.  The store to its table goes through the library. */
	vmmu_write(vm, cpu, vmmu_gpa(0x4000), &pte, 8, NULL);
	vmmu_invlpg(cpu, vmmu_gva(0x400000));
	text = access_memory(cpu, 0x400000, VMMU_WRITE);
	if (text)
		text[0] = 'H';
	text = access_memory(cpu, 0x400000, VMMU_READ);
	printf("  read \"%s\"\n", text ? text : "nothing");

	vmmu_get_stats(vm, &stats);
	for (ev = 0; ev < VMMU_NR_EXITS; ev++)
		if (stats.event[ev])
			printf("  exits: %llu %s\n", (unsigned long long)stats.event[ev],
			       vmmu_event_key(ev));
	vmmu_destroy(vm);
}

int main(void)
{
	uint8_t *ram = aligned_alloc(4096, RAM_BYTES);

	if (!ram)
		return 1;
	memset(ram, 0, RAM_BYTES);
	run(&vmmu_shadow, ram);
	run(&vmmu_nested_npt, ram);
	run(&vmmu_nested_ept, ram);
	free(ram);
	return 0;
}
