/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's registers: what real CPUs refuse, what a write flushes, and whether the
 * hypervisor sees it.
 * Not here: TLB instructions (flush.c), what the registers mean to a walk (silicon/mode.c).
 * Keeps: a write that fails has changed nothing; after one that succeeds, hw,
 * the soft dimension and every cache agree with the registers.
 */
#include <string.h>

#include "vm.h"

#define CR0_VALID                                                                                  \
	(VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_WP | VMMU_CR0_NW | VMMU_CR0_CD | VMMU_CR0_PG |       \
	 0x2eull | 1ull << 18) /* MP EM TS NE, AM */
#define CR3_NO_FLUSH (1ull << 63)

/* What silicon drops when a register is written: SDM 4.10.4.1, APM 5.5.2. */
enum { FLUSH_NONE, FLUSH_NON_GLOBAL, FLUSH_PCID, FLUSH_ALL };

static int is_pae(const struct vmmu_regs *r)
{
	return (r->cr0 & VMMU_CR0_PG) && (r->cr4 & VMMU_CR4_PAE) && !(r->efer & VMMU_EFER_LMA);
}

static int is_lma(const struct vmmu_regs *r)
{
	return (r->efer & VMMU_EFER_LMA) != 0;
}

/* ---- consistency --------------------------------------------------------------- */

/* Why no CPU can be in this state, however it came to it; NULL: it can. */
static const char *inconsistent(const struct vmmu_regs *r, const struct vmmu_profile *p)
{
	uint64_t cr3_rsvd = ~0ull << p->maxphyaddr & ~CR3_NO_FLUSH;

	if (r->cr0 >> 32)
		return "CR0 has bits above 31";
	if ((r->cr0 & VMMU_CR0_NW) && !(r->cr0 & VMMU_CR0_CD))
		return "CR0.NW without CR0.CD";
	if ((r->cr0 & VMMU_CR0_PG) && !(r->cr0 & VMMU_CR0_PE))
		return "CR0.PG without CR0.PE";
	if (r->cr4 & ~p->cr4_valid)
		return "CR4 has bits that this CPU reserves";
	if (r->efer & ~p->efer_valid)
		return "EFER has bits that this CPU reserves";
	if (is_lma(r) != ((r->efer & VMMU_EFER_LME) && (r->cr0 & VMMU_CR0_PG)))
		return "EFER.LMA is not EFER.LME and CR0.PG";
	if (is_lma(r) && !(r->cr4 & VMMU_CR4_PAE))
		return "long mode without CR4.PAE";
	if ((r->cr4 & VMMU_CR4_PCIDE) && !is_lma(r))
		return "CR4.PCIDE outside long mode";
	/* Bits 63:32 survive where only 31:0 are used: leaving long mode keeps CR3. */
	if (r->cr3 & (cr3_rsvd | CR3_NO_FLUSH))
		return "CR3 has bits beyond MAXPHYADDR";
	return NULL;
}

static int bad_pdptes(const struct vmmu_regs *r, const struct vmmu_profile *p)
{
	struct vmmu_paging pg;
	unsigned i;

	vmmu_paging_guest(&pg, r, p);
	for (i = 0; i < 4; i++)
		if ((r->pdpte[i] & 1) && ((r->pdpte[i] ^ 1) & pg.wrong[2][0]))
			return 1;
	return 0;
}

/* ---- putting a new state in force ------------------------------------------------------ */

static void silicon_flush(struct vmmu_cpu *cpu, int flush, unsigned pcid)
{
	uint32_t tag = cache_tag(cpu->silicon.hw.asid, pcid);

	switch (flush) {
	case FLUSH_NON_GLOBAL:
		cpu_drop(cpu, DROP_TAG | KEEP_GLOBAL, 0, tag);
		break;
	case FLUSH_PCID:
		cpu_drop(cpu, DROP_TAG, 0, tag);
		break;
	case FLUSH_ALL:
		cpu_drop(cpu, DROP_ASID, 0, tag);
		break;
	}
}

/*
 * The registers become *r.  `icpt` is the intercept bit of this write.  If the hypervisor
 * intercepts it, the backend flushes what is necessary, and silicon flushes nothing by itself.
 */
static int commit(struct vmmu_cpu *cpu, const struct vmmu_regs *r, uint32_t icpt, int flush,
		  enum vmmu_load why)
{
	struct vmmu *vm = cpu->vm;
	struct vmmu_regs old = cpu->regs;
	int st;

	cpu->regs = *r;
	vmmu_paging_guest(&cpu->soft.g, r, vm->core.cfg.profile);
	st = vm->core.be->load(cpu, why);
	if (st == VMMU_ENOMEM) {
		vm_reclaim_all(vm);
		st = vm->core.be->load(cpu, why);
	}
	if (st) {
		cpu->regs = old;
		vmmu_paging_guest(&cpu->soft.g, &old, vm->core.cfg.profile);
		return st;
	}
	silicon_program(&cpu->silicon);
	if (!(cpu->silicon.hw.intercept & icpt))
		silicon_flush(cpu, flush, hw_pcid(r));
	front_wipe(&cpu->silicon);
	return VMMU_OK;
}

static void tell_cr_exit(struct vmmu_cpu *cpu, uint32_t icpt, unsigned cr, uint64_t value)
{
	if (cpu->silicon.hw.intercept & icpt)
		exit_event(cpu->vm, cpu, VMMU_EV_EXIT_CR_WRITE, cr, value);
}

static int refuse(struct vmmu_cpu *cpu, const char *why)
{
	return core_fail(cpu->vm, VMMU_GP, "%s", why);
}

/* Reads the PDPTEs for the state *r; SDM 4.4.1. */
static int load_pdptes(struct vmmu_cpu *cpu, struct vmmu_regs *r)
{
	int st;

	/* This CPU reads PDPTEs on every walk, and not at a load of CR3: APM 15.25.10. */
	if (cpu->vm->core.cfg.profile->features & VMMU_CPU_PDPTE_WALK) {
		memset(r->pdpte, 0, sizeof(r->pdpte));
		return VMMU_OK;
	}
	st = cpu_read_pdptes(cpu, r->cr3, r->pdpte);
	if (st == VMMU_OK && bad_pdptes(r, cpu->vm->core.cfg.profile))
		st = VMMU_GP;
	if (st == VMMU_GP)
		return refuse(cpu, "a PDPTE is not memory or has reserved bits");
	return st;
}

int vmmu_set_cr0(struct vmmu_cpu *cpu, uint64_t value)
{
	struct vmmu_regs r = cpu->regs;
	uint64_t changed = (value ^ r.cr0) & 0xffffffffu;
	const char *why;
	int st, flush = FLUSH_NONE;

	cpu_enter(cpu);
	tell_cr_exit(cpu, VMMU_ICPT_CR0, 0, value);
	/* Reserved bits below 32 are ignored; ET reads as 1. */
	r.cr0 = (value & (CR0_VALID | ~0xffffffffull)) | VMMU_CR0_ET;
	if (!(r.cr0 & VMMU_CR0_PG) && (r.cr4 & VMMU_CR4_PCIDE))
		return refuse(cpu, "CR0.PG cleared under CR4.PCIDE");
	if (r.cr0 & VMMU_CR0_PG && r.efer & VMMU_EFER_LME)
		r.efer |= VMMU_EFER_LMA;
	else
		r.efer &= ~VMMU_EFER_LMA;
	why = inconsistent(&r, cpu->vm->core.cfg.profile);
	if (why)
		return refuse(cpu, why);
	if (!is_pae(&r))
		memset(r.pdpte, 0, sizeof(r.pdpte));
	else if (changed & (VMMU_CR0_PG | VMMU_CR0_CD | VMMU_CR0_NW)) {
		st = load_pdptes(cpu, &r);
		if (st)
			return st;
	}
	if (changed & VMMU_CR0_PG)
		flush = FLUSH_ALL;
	return commit(cpu, &r, VMMU_ICPT_CR0, flush,
		      changed & VMMU_CR0_PG ? VMMU_LOAD_ALL : VMMU_LOAD_CONTROLS);
}

int vmmu_set_cr3(struct vmmu_cpu *cpu, uint64_t value)
{
	struct vmmu_regs r = cpu->regs;
	int st, keep = 0;
	const char *why;

	cpu_enter(cpu);
	tell_cr_exit(cpu, VMMU_ICPT_CR3, 3, value);
	if (r.cr4 & VMMU_CR4_PCIDE) {
		keep = (value & CR3_NO_FLUSH) != 0;
		value &= ~CR3_NO_FLUSH;
	}
	/* Outside long mode the operand has 32 bits. */
	r.cr3 = is_lma(&r) ? value : (uint32_t)value;
	why = inconsistent(&r, cpu->vm->core.cfg.profile);
	if (why)
		return refuse(cpu, why);
	if (is_pae(&r)) {
		st = load_pdptes(cpu, &r);
		if (st)
			return st;
	}
	return commit(cpu, &r, VMMU_ICPT_CR3, keep ? FLUSH_NONE : FLUSH_NON_GLOBAL,
		      keep ? VMMU_LOAD_CR3_KEEP : VMMU_LOAD_CR3);
}

static int cr4_flush(uint64_t old, uint64_t value, uint32_t features)
{
	uint64_t changed = old ^ value, pcid = VMMU_CR4_PAE;

	if (changed & VMMU_CR4_PGE || (old & ~value & VMMU_CR4_PCIDE))
		return FLUSH_ALL;
	if (features & VMMU_CPU_PSE_FLUSHES)
		pcid |= VMMU_CR4_PSE;
	if ((changed & pcid) || (value & ~old & VMMU_CR4_SMEP))
		return FLUSH_PCID;
	return FLUSH_NONE;
}

int vmmu_set_cr4(struct vmmu_cpu *cpu, uint64_t value)
{
	const uint64_t pdpte_bits = VMMU_CR4_PAE | VMMU_CR4_PGE | VMMU_CR4_PSE | VMMU_CR4_SMEP;
	struct vmmu_regs r = cpu->regs;
	uint64_t old = r.cr4, changed = old ^ value;
	const char *why;
	int st;

	cpu_enter(cpu);
	tell_cr_exit(cpu, VMMU_ICPT_CR4, 4, value);
	if (is_lma(&r) && (changed & VMMU_CR4_LA57))
		return refuse(cpu, "CR4.LA57 changed in long mode");
	if ((value & ~old & VMMU_CR4_PCIDE) && (r.cr3 & CR3_PCID))
		return refuse(cpu, "CR4.PCIDE set with a PCID in CR3");
	r.cr4 = value;
	why = inconsistent(&r, cpu->vm->core.cfg.profile);
	if (why)
		return refuse(cpu, why);
	if (!is_pae(&r))
		memset(r.pdpte, 0, sizeof(r.pdpte));
	else if (changed & pdpte_bits) {
		st = load_pdptes(cpu, &r);
		if (st)
			return st;
	}
	return commit(cpu, &r, VMMU_ICPT_CR4,
		      cr4_flush(old, value, cpu->vm->core.cfg.profile->features),
		      VMMU_LOAD_CONTROLS);
}

int vmmu_set_efer(struct vmmu_cpu *cpu, uint64_t value)
{
	struct vmmu_regs r = cpu->regs;
	const char *why;

	cpu_enter(cpu);
	if ((r.cr0 & VMMU_CR0_PG) && ((value ^ r.efer) & VMMU_EFER_LME))
		return refuse(cpu, "EFER.LME changed while paging");
	/* LMA is the CPU's; a write of it is ignored. */
	r.efer = (value & ~VMMU_EFER_LMA) | (r.efer & VMMU_EFER_LMA);
	why = inconsistent(&r, cpu->vm->core.cfg.profile);
	if (why)
		return refuse(cpu, why);
	return commit(cpu, &r, 0, FLUSH_NONE, VMMU_LOAD_CONTROLS);
}

static void set_key(struct vmmu_cpu *cpu, uint32_t *key, uint32_t value)
{
	cpu_enter(cpu);
	*key = value;
	cpu->soft.g.pkru = cpu->regs.pkru;
	cpu->soft.g.pkrs = cpu->regs.pkrs;
	cpu->vm->core.be->load(cpu, VMMU_LOAD_KEYS);
	front_wipe(&cpu->silicon);
}

void vmmu_set_pkru(struct vmmu_cpu *cpu, uint32_t value)
{
	set_key(cpu, &cpu->regs.pkru, value);
}

void vmmu_set_pkrs(struct vmmu_cpu *cpu, uint32_t value)
{
	set_key(cpu, &cpu->regs.pkrs, value);
}

/* ---- all at once -------------------------------------------------------------------- */

int vmmu_set_regs(struct vmmu_cpu *cpu, const struct vmmu_regs *regs, int read_pdptes)
{
	struct vmmu_regs r = *regs;
	const char *why;
	int st;

	cpu_enter(cpu);
	if (!vmmu_be_is_zero(r.reserved, sizeof(r.reserved)))
		return core_fail(cpu->vm, VMMU_EINVAL, "the registers' reserved room is not 0");
	r.cr0 |= VMMU_CR0_ET;
	why = inconsistent(&r, cpu->vm->core.cfg.profile);
	if (why)
		return core_fail(cpu->vm, VMMU_EINVAL, "%s", why);
	if (!is_pae(&r)) {
		memset(r.pdpte, 0, sizeof(r.pdpte));
	} else if (read_pdptes) {
		st = load_pdptes(cpu, &r);
		if (st)
			return st == VMMU_GP ? VMMU_EINVAL : st;
	} else if (!(cpu->vm->core.cfg.profile->features & VMMU_CPU_PDPTE_WALK) &&
		   bad_pdptes(&r, cpu->vm->core.cfg.profile)) {
		return core_fail(cpu->vm, VMMU_EINVAL, "a PDPTE has reserved bits");
	}
	st = commit(cpu, &r, 0, FLUSH_ALL, VMMU_LOAD_ALL);
	if (!st)
		vmmu_hw_flush(cpu);
	return st;
}

void vmmu_get_regs(const struct vmmu_cpu *cpu, struct vmmu_regs *regs)
{
	*regs = cpu->regs;
}

int vmmu_reset(struct vmmu_cpu *cpu)
{
	struct vmmu_regs r;

	memset(&r, 0, sizeof(r));
	r.cr0 = VMMU_CR0_ET | VMMU_CR0_CD | VMMU_CR0_NW;
	return vmmu_set_regs(cpu, &r, 0);
}
