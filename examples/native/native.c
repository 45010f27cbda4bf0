/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend outside the library, without any virtualization.
 * The silicon walks the guest's own tables.  Its bus knows which addresses are memory, so no entry
 * of a hostile table can lead outside the arena.  Nothing is intercepted, and no fault is repaired.
 */
#include <vmmu/backend.h>

#include "native.h"

struct native {
	struct vmmu_bus bus;
};

static uint64_t native_min_tables(const struct vmmu_config *config)
{
	(void)config;
	return 0;
}

/* The largest range is compared first: nearly all references go there. */
static struct vmmu_range largest(const struct vmmu_native_config *c)
{
	struct vmmu_range best = c->ram[0];
	unsigned i;

	for (i = 1; i < c->nr_ram; i++)
		if (c->ram[i].hi - c->ram[i].lo > best.hi - best.lo)
			best = c->ram[i];
	return best;
}

static int native_init(struct vmmu *vm, const struct vmmu_config *config)
{
	const struct vmmu_native_config *c = config->backend_config;
	struct native *n = vmmu_be_vm(vm);
	struct vmmu_range main_ram;
	unsigned i;
	int st;

	if (!c || !c->nr_ram)
		return VMMU_EINVAL;
	for (i = 0; i < c->nr_ram; i++) {
		struct vmmu_slot_info slot = {
			.gpa = vmmu_gpa(c->ram[i].lo),
			.size = c->ram[i].hi - c->ram[i].lo,
			.pointer = (uint8_t *)config->base + c->ram[i].lo,
			.page_size = c->page_size,
		};

		st = vmmu_slot_add(vm, &slot);
		if (st)
			return st;
	}
	n->bus.base = config->base;
	main_ram = largest(c);
	n->bus.lo = main_ram.lo;
	n->bus.size = main_ram.hi - main_ram.lo;
	n->bus.more = c->ram;
	n->bus.nr_more = c->nr_ram;
	return VMMU_OK;
}

static void native_fini(struct vmmu *vm)
{
	(void)vm;
}

static int native_load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	const struct native *n = vmmu_be_vm(vmmu_cpu_vm(cpu));
	const struct vmmu_regs *regs = vmmu_be_regs(cpu);
	struct vmmu_hw *hw = vmmu_be_hw(cpu);

	(void)why;
	hw->g = *vmmu_be_guest(cpu);
	hw->pcid = regs->cr4 & VMMU_CR4_PCIDE ? regs->cr3 & 0xfff : 0;
	hw->bus = n->bus;
	hw->gpa_from = VMMU_GPA_OUT;
	return VMMU_OK;
}

/* This is never called: nothing is intercepted, and there is only one dimension. */
static enum vmmu_fix_kind native_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				       struct vmmu_fix *fix)
{
	(void)cpu;
	(void)exit;
	fix->status = VMMU_ELOOP;
	return VMMU_FIX_ERROR;
}

static int native_check(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget)
{
	(void)vm;
	(void)budget;
	at->tree = at->ia = 0;
	return VMMU_OK;
}

const struct vmmu_backend vmmu_native = {
	.name = "native",
	.vm_size = sizeof(struct native),
	.min_tables = native_min_tables,
	.init = native_init,
	.fini = native_fini,
	.load = native_load,
	.fault = native_fault,
	.check = native_check,
};
