/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM and its vCPUs: what ties silicon, tables and the host's side.
 * Only for this folder: the others reach their own state by struct core.
 */
#ifndef VMMU_VM_VM_H
#define VMMU_VM_VM_H

#include "../core/core.h"
#include "../host/host.h"
#include "../silicon/silicon.h"
#include "../tables/tables.h"

struct vmmu {
	struct core core; /* first: core_of() */
	struct pool pool;
	struct host host;
	struct vmmu_silicon model; /* of every vCPU's silicon */
	struct vmmu_cpu **cpu;
	void *be_priv;
	uint64_t walk_refs, sw_refs;
	struct vmmu_cursor check_at;
	unsigned check_round; /* of all that check_at goes through */
};

struct vmmu_cpu {
	struct silicon silicon; /* first: vmmu_host() */
	struct reader reader;	/* so that no table is freed under its walks */
	struct vmmu *vm;
	unsigned number;
	struct vmmu_regs regs;
	struct vmmu_hw soft; /* the guest's own dimension, for walks in software */
	void *be_priv;
};

/* ---- flush.c ---- */
/* Drops what silicon has cached, as silicon_drop(), and counts it. */
void cpu_drop(struct vmmu_cpu *cpu, unsigned what, uint64_t ia, uint32_t tag);
/* The hypervisor ran: silicon without ASIDs or VPIDs loses what it had cached. */
void cpu_exited(struct vmmu_cpu *cpu);

/* Counts an exit of this vCPU, or of a device (NULL), and tells the embedder. */
static inline void exit_event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
			      uint64_t b)
{
	if (cpu)
		cpu_exited(cpu);
	event(vm, cpu, ev, a, b);
}

/* Outside long mode every address is canonical. */
int cpu_is_canonical(const struct vmmu_cpu *cpu, uint64_t gva);

/* ---- addresses and PCIDs, as registers have them ---- */
#define CR3_PCID 0xfffull

static inline unsigned hw_pcid(const struct vmmu_regs *r)
{
	return r->cr4 & VMMU_CR4_PCIDE ? (unsigned)(r->cr3 & CR3_PCID) : 0;
}

/* The linear address as a CPU forms it: outside long mode it has 32 bits. */
static inline uint64_t cpu_linear(const struct vmmu_cpu *cpu, uint64_t gva)
{
	return cpu->regs.efer & VMMU_EFER_LMA ? gva : (uint32_t)gva;
}

/* Each call for a vCPU begins with it: host pointers from earlier calls are no longer in use. */
static inline void cpu_enter(struct vmmu_cpu *cpu)
{
	clear_reason(cpu->vm);
	reader_enter(cpu->vm, &cpu->reader);
}

/* ---- config.c ---- */
/* What the caller gave, with defaults; VMMU_OK or VMMU_EINVAL. */
int vm_read_config(const struct vmmu_config *in, struct vmmu_config *cfg);
/* The model of silicon that a config asks for; VMMU_OK or VMMU_EINVAL. */
int vm_read_model(const struct vmmu_config *cfg, struct vmmu_silicon *model);

/* ---- exit.c ---- */
struct attempt {
	uint64_t gva;
	uint32_t access;
	unsigned reclaims; /* how often room was made for tables */
	unsigned dropped;  /* answers of the host that were not used: host_resolve() */
};
/* Beside the statuses: the cause of the exit is gone, and silicon walks again. */
#define WALK_AGAIN (-1000)
/* The silicon could not complete it: the status of the access, or WALK_AGAIN. */
never_inline int vm_handle_exit(struct vmmu_cpu *cpu, struct attempt *a, const struct vmmu_walk *w,
				struct vmmu_xlat *out);
/* The access by a walk in software over the slots, where silicon cannot or must not make it; a
 * status. */
never_inline int vm_translate_soft(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				   struct vmmu_xlat *out);
/* Fill *out; VMMU_MMIO, VMMU_FAULT. */
never_inline int vm_result_mmio(uint64_t gpa, int table, const struct vmmu_walk *w,
				struct vmmu_xlat *out);
never_inline int vm_result_fault(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				 unsigned status, unsigned level, uint32_t code,
				 struct vmmu_xlat *out);
void vm_reclaim_all(struct vmmu *vm);
/* The four entries at cr3 as the CPU reads them; VMMU_GP: not memory. */
int cpu_read_pdptes(struct vmmu_cpu *cpu, uint64_t cr3, uint64_t pdpte[4]);

/* More tries than any access needs; see vmmu_translate(). */
#define MAX_TRIES 256

#endif
