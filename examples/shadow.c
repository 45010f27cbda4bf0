/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows the life of a guest's page table under shadow paging by its events: in step, unsync,
 * synced, given up.  The same guest runs once with all techniques and once on a virtual TLB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu/shadow.h>

#define RAM_BYTES (4u << 20)
#define LEAF_TABLE 0x4000
#define DIRECTORY 0x3000
#define OTHER_ROOT 0x5000
#define PRESENT 0x67ull /* P, W, U, A, D */

static uint8_t *ram;
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

/* The events that shadow paging is about. */
static void tell(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx;
	(void)c;
	switch (ev) {
	case VMMU_EV_EXIT_CR_WRITE:
		printf("    exit: CR%llu = 0x%llx\n", (unsigned long long)a, (unsigned long long)b);
		break;
	case VMMU_EV_EXIT_SHADOW_MISS:
		printf("    exit: nothing in the shadow for gva 0x%llx\n", (unsigned long long)a);
		break;
	case VMMU_EV_EXIT_PT_WRITE:
		printf("    exit: a store to a protected table\n");
		break;
	case VMMU_EV_UNSYNC:
		printf("    table at 0x%llx is out of step from here\n", (unsigned long long)a);
		break;
	case VMMU_EV_SYNC:
		printf("    table at 0x%llx compared: %llu entries had changed\n",
		       (unsigned long long)a, (unsigned long long)b);
		break;
	case VMMU_EV_FLOOD:
		printf("    0x%llx is no table any more\n", (unsigned long long)a);
		break;
	default:
		break;
	}
}

static void touch(uint64_t gva)
{
	struct vmmu_xlat x;

	printf("  the guest reads gva 0x%llx\n", (unsigned long long)gva);
	if (vmmu_translate(cpu, vmmu_gva(gva), 8, VMMU_READ, &x) == VMMU_OK)
		printf("    gpa 0x%llx\n", (unsigned long long)x.gpa.v);
	else
		printf("    a page fault\n");
}

/* Stores as an emulator does: it translates, and calls vmmu_write() if the store traps. */
static void store(uint64_t gpa, uint64_t value)
{
	uint64_t gva = 0x40000000 + gpa; /* where the kernel maps all memory */
	struct vmmu_xlat x;

	printf("  the guest stores 0x%llx at gpa 0x%llx\n", (unsigned long long)value,
	       (unsigned long long)gpa);
	if (vmmu_translate(cpu, vmmu_gva(gva), 8, VMMU_WRITE, &x))
		exit(1);
	if (x.trap)
		vmmu_write(vm, cpu, x.gpa, &value, 8, NULL);
	else
		memcpy(x.host, &value, 8);
}

static void load_cr3(uint64_t root)
{
	printf("  the guest loads CR3 with 0x%llx\n", (unsigned long long)root);
	vmmu_set_cr3(cpu, root);
}

static void entry(uint64_t table, unsigned index, uint64_t e)
{
	memcpy(ram + table + 8 * index, &e, 8);
}

/* Two roots share the tables below.  The kernel maps all memory. */
static void make_tables(void)
{
	unsigned i;

	memset(ram, 0, RAM_BYTES);
	entry(0x1000, 0, 0x2000 | PRESENT);
	entry(OTHER_ROOT, 0, 0x2000 | PRESENT);
	entry(0x2000, 0, DIRECTORY | PRESENT);
	entry(DIRECTORY, 0, LEAF_TABLE | PRESENT);
	entry(LEAF_TABLE, 1, 0x8000 | PRESENT);
	entry(0x2000, 1, 0x6000 | PRESENT);
	entry(0x6000, 0, 0x7000 | PRESENT);
	for (i = 0; i < 512; i++)
		entry(0x7000, i, i * 0x1000ull | PRESENT);
}

static void run(uint32_t off)
{
	const struct vmmu_shadow_config techniques = { .size = sizeof(techniques), .off = off };
	const struct vmmu_config config = { .size = sizeof(config),
					    .backend = &vmmu_shadow,
					    .backend_config = &techniques,
					    .cb = { .event = tell } };
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
	unsigned i;

	make_tables();
	if (vmmu_create(&config, &vm) || vmmu_slot_add(vm, &slot))
		exit(1);
	cpu = vmmu_cpu(vm, 0);
	if (vmmu_set_regs(cpu, &regs, 0))
		exit(1);

	puts(" A leaf table, stored to twice, then compared:");
	touch(0x1000);
	store(LEAF_TABLE + 8 * 1, 0x9000 | PRESENT);
	store(LEAF_TABLE + 8 * 2, 0xa000 | PRESENT);
	load_cr3(0x1000);
	touch(0x1000);
	touch(0x2000);

	puts(" Another address space, and back:");
	load_cr3(OTHER_ROOT);
	touch(0x1000);
	load_cr3(0x1000);
	touch(0x1000);
	load_cr3(OTHER_ROOT);
	touch(0x1000);

	puts(" The first root is freed and cleared:");
	for (i = 0; i < 3; i++)
		store(0x1000 + 8 * i, 0);

	puts(" A directory in use is written again and again:");
	for (i = 100; i < 105; i++)
		store(DIRECTORY + 8 * i, 0);
	vmmu_destroy(vm);
}

int main(void)
{
	ram = aligned_alloc(4096, RAM_BYTES);
	if (!ram)
		return 1;
	puts("All techniques");
	run(0);
	puts("A virtual TLB");
	run(VMMU_SHADOW_ALL);
	free(ram);
	return 0;
}
