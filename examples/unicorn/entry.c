/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries out SYSCALL and SYSENTER, which Unicorn does not.  Unicorn carries out SYSRET and
 * SYSEXIT. SYSCALL works from 32-bit code as well, as on AMD's CPUs.
 * Invariant: RIP lies behind the instruction when these functions are called.
 */
#include "run.h"

#define FLAG_TF (1u << 8)
#define FLAG_IF (1u << 9)
#define FLAG_RF (1u << 16)
#define FLAG_VM (1u << 17)
#define LENGTH 2u /* bytes of either instruction */

#define FLAT (DESC_G | DESC_P | DESC_S | DESC_RW | DESC_A)

enum { SYSENTER_CS = 0x174, SYSENTER_SP, SYSENTER_IP };
enum { STAR = 0xc0000081, LSTAR, CSTAR, FMASK };

static uint64_t msr(const struct run *r, uint32_t number)
{
	uc_x86_msr m = { .rid = number };

	uc_reg_read(r->uc, UC_X86_REG_MSR, &m);
	return m.value;
}

static void fault(struct run *r, int vector)
{
	const struct exception e = { .vector = vector };

	cpu_set_reg(&r->cpu, UC_X86_REG_RIP, cpu_reg(&r->cpu, UC_X86_REG_RIP) - LENGTH);
	deliver(r, &e);
}

/* Loads flat segments of privilege 0.  The caller has taken the snapshot; this function restores
 * it. */
static void enter(struct run *r, uint16_t cs, uint64_t rip, uint64_t flags, int code64)
{
	const struct seg code = { cs, 0, UINT32_MAX,
				  FLAT | DESC_CODE | (code64 ? DESC_L : DESC_B) };
	const struct seg stack = { (uint16_t)(cs + 8), 0, UINT32_MAX, FLAT | DESC_B };
	const struct exception trap = { .vector = 1 };

	cpu_set_seg(&r->cpu, SEG_CS, &code);
	cpu_set_seg(&r->cpu, SEG_SS, &stack);
	cpu_set_mode(&r->cpu, 0);
	cpu_clear_exception(&r->cpu);
	cpu_put(&r->cpu);
	cpu_set_reg(&r->cpu, UC_X86_REG_RFLAGS, flags);
	cpu_set_reg(&r->cpu, UC_X86_REG_RIP, rip);
	if (flags & FLAG_TF)
		deliver(r, &trap);
}

static void do_syscall(struct run *r, const struct vmmu_regs *regs)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);
	uint64_t flags = cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & ~(uint64_t)FLAG_RF;
	uint64_t star = msr(r, STAR);
	uint16_t cs = (uint16_t)(star >> 32) & 0xfffc;

	if (!(regs->efer & 1) || !(regs->cr0 & VMMU_CR0_PE)) {
		fault(r, 6);
		return;
	}
	cpu_get(&r->cpu);
	cpu_set_reg(&r->cpu, UC_X86_REG_RCX, rip);
	if (regs->efer & VMMU_EFER_LMA) {
		uint32_t target = cpu_is_code64(&r->cpu) ? LSTAR : CSTAR;

		cpu_set_reg(&r->cpu, UC_X86_REG_R11, flags);
		cpu_get(&r->cpu);
		enter(r, cs, msr(r, target), flags & ~msr(r, FMASK), 1);
	} else {
		cpu_get(&r->cpu);
		enter(r, cs, (uint32_t)star, flags & ~(uint64_t)(FLAG_VM | FLAG_IF), 0);
	}
}

static void do_sysenter(struct run *r, const struct vmmu_regs *regs)
{
	uint16_t cs = (uint16_t)msr(r, SYSENTER_CS) & 0xfffc;
	uint64_t flags = cpu_reg(&r->cpu, UC_X86_REG_RFLAGS);

	if (!cs || !(regs->cr0 & VMMU_CR0_PE)) {
		fault(r, 13);
		return;
	}
	cpu_set_reg(&r->cpu, UC_X86_REG_RSP, msr(r, SYSENTER_SP));
	cpu_get(&r->cpu);
	enter(r, cs, msr(r, SYSENTER_IP), flags & ~(uint64_t)(FLAG_VM | FLAG_IF | FLAG_RF),
	      (regs->efer & VMMU_EFER_LMA) != 0);
}

void enter_kernel(struct run *r, enum entering how)
{
	struct vmmu_regs regs;

	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	if (how == BY_SYSCALL)
		do_syscall(r, &regs);
	else
		do_sysenter(r, &regs);
}
