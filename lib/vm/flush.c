/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What drops cached translations: the guest's TLB instructions, the host's own, and what
 * backends ask for.
 * Not here: what one drop takes out of a cache (silicon/), flushes by register writes (regs.c).
 */
#include "vm.h"

void cpu_drop(struct vmmu_cpu *cpu, unsigned what, uint64_t ia, uint32_t tag)
{
	silicon_drop(&cpu->silicon, what, ia, tag);
	event(cpu->vm, cpu, VMMU_EV_TLB_FLUSH, (what & DROP_PAGE) != 0, ia);
}

void cpu_exited(struct vmmu_cpu *cpu)
{
	if (!cpu->vm->model.exits_flush)
		return;
	cpu_drop(cpu, 0, 0, 0);
	silicon_drop_nested(&cpu->silicon);
}

int cpu_is_canonical(const struct vmmu_cpu *cpu, uint64_t gva)
{
	const struct vmmu_fmt *f = cpu->soft.g.fmt;

	return !f || canonical(f, gva);
}

/* ---- TLB instructions ------------------------------------------------------------- */

int vmmu_invlpg(struct vmmu_cpu *cpu, vmmu_gva_t gva)
{
	gva.v = cpu_linear(cpu, gva.v);
	cpu_enter(cpu);
	if (cpu->silicon.hw.intercept & VMMU_ICPT_INVLPG) {
		exit_event(cpu->vm, cpu, VMMU_EV_EXIT_INVLPG, gva.v, ~0ull);
		/* SDM, INVLPG: for an address that is not canonical it is a NOP. */
		if (cpu_is_canonical(cpu, gva.v))
			cpu->vm->core.be->invlpg(cpu, -1, hw_pcid(&cpu->regs), gva);
	} else {
		cpu_drop(cpu, DROP_PAGE | DROP_TAG, gva.v, silicon_tag(&cpu->silicon));
	}
	return VMMU_OK;
}

static void silicon_invpcid(struct vmmu_cpu *cpu, unsigned type, uint32_t tag, uint64_t gva)
{
	switch (type) {
	case VMMU_INVPCID_ADDRESS:
		cpu_drop(cpu, DROP_PAGE | DROP_TAG | KEEP_GLOBAL, gva, tag);
		break;
	case VMMU_INVPCID_SINGLE:
		cpu_drop(cpu, DROP_TAG | KEEP_GLOBAL, 0, tag);
		break;
	case VMMU_INVPCID_ALL_GLOBAL:
		cpu_drop(cpu, DROP_ASID, 0, tag);
		break;
	default:
		cpu_drop(cpu, DROP_ASID | KEEP_GLOBAL, 0, tag);
		break;
	}
}

int vmmu_invpcid(struct vmmu_cpu *cpu, unsigned type, unsigned pcid, vmmu_gva_t gva)
{
	cpu_enter(cpu);
	if (type > VMMU_INVPCID_ALL || pcid > CR3_PCID)
		return core_fail(cpu->vm, VMMU_GP, "INVPCID: bad type or PCID");
	/* SDM: checked for types 0 and 1 only. */
	if (type <= VMMU_INVPCID_SINGLE && pcid && !(cpu->regs.cr4 & VMMU_CR4_PCIDE))
		return core_fail(cpu->vm, VMMU_GP, "INVPCID: a PCID without CR4.PCIDE");
	if (type == VMMU_INVPCID_ADDRESS && !cpu_is_canonical(cpu, gva.v))
		return core_fail(cpu->vm, VMMU_GP, "INVPCID: the address is not canonical");
	gva.v = cpu_linear(cpu, gva.v);
	if (cpu->silicon.hw.intercept & VMMU_ICPT_INVLPG) {
		exit_event(cpu->vm, cpu, VMMU_EV_EXIT_INVLPG, gva.v, type);
		cpu->vm->core.be->invlpg(cpu, (int)type, pcid, gva);
	} else {
		silicon_invpcid(cpu, type, cache_tag(cpu->silicon.hw.asid, pcid), gva.v);
	}
	return VMMU_OK;
}

/* ---- the host's own instructions ---------------------------------------------------- */

void vmmu_hw_flush(struct vmmu_cpu *cpu)
{
	cpu_drop(cpu, 0, 0, 0);
	silicon_drop_nested(&cpu->silicon);
}

void vmmu_hw_invlpga(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned asid)
{
	cpu_drop(cpu, DROP_PAGE | DROP_ASID, gva.v, cache_tag(asid, 0));
}

void vmmu_hw_invvpid(struct vmmu_cpu *cpu, unsigned type, unsigned vpid, vmmu_gva_t gva)
{
	uint32_t tag = cache_tag(vpid, 0);

	switch (type) {
	case VMMU_INVVPID_ADDRESS:
		cpu_drop(cpu, DROP_PAGE | DROP_ASID, gva.v, tag);
		break;
	case VMMU_INVVPID_SINGLE:
		cpu_drop(cpu, DROP_ASID, 0, tag);
		break;
	case VMMU_INVVPID_SINGLE_KEEP_GLOBAL:
		cpu_drop(cpu, DROP_ASID | KEEP_GLOBAL, 0, tag);
		break;
	default:
		cpu_drop(cpu, 0, 0, 0);
		break;
	}
}

void vmmu_hw_invept(struct vmmu_cpu *cpu, unsigned type, uint64_t root)
{
	/* INVEPT drops combined mappings as well as guest-physical ones: SDM 28.4.3.1. */
	if (type == VMMU_INVEPT_SINGLE &&
	    (!cpu->silicon.hw.n.fmt || cpu->silicon.hw.n.root != root))
		return;
	vmmu_hw_flush(cpu);
}

void vmmu_be_flush_cpu(struct vmmu_cpu *cpu)
{
	vmmu_hw_flush(cpu);
}

void vmmu_be_flush_page(struct vmmu_cpu *cpu, vmmu_gva_t gva)
{
	cpu_drop(cpu, DROP_PAGE | DROP_TAG, gva.v, silicon_tag(&cpu->silicon));
}

void vmmu_be_flush_all(struct vmmu *vm)
{
	unsigned i;

	for (i = 0; i < vm->core.cfg.nr_cpus; i++)
		vmmu_hw_flush(vm->cpu[i]);
	vm->core.flush_owed = 0;
}

void vmmu_be_owe_flush(struct vmmu *vm)
{
	vm->core.flush_owed = 1;
}

void vmmu_be_flush_space(struct vmmu_cpu *cpu)
{
	cpu_drop(cpu, DROP_TAG, 0, silicon_tag(&cpu->silicon));
}
