/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM with one vCPU on a backend that is chosen by name, with its memory in one arena.
 * All commands make their VMs here, so that results can be compared.
 * Invariant: struct machine does not move between open and close.
 */
#ifndef TOOLS_MACHINE_VM_H
#define TOOLS_MACHINE_VM_H

#include "arena.h"
#include "model/model.h"
#include "base/base.h"

#include <native.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>
#include <vmmu/vmmu.h>

struct backend {
	const char *name;
	const struct vmmu_backend *ops;
	int hypervisor; /* 0: native, which has memory and no slots */
	int shadow;	/* the CPU walks shadow tables instead of the guest's */
};

extern const struct backend backends[];
extern const unsigned nr_backends;
/* Returns NULL if there is no backend of this name. */
const struct backend *backend_find(const char *name);
/* "native, shadow, ..." */
const char *backend_names(void);

/* Returns the bytes of a page of 4K, 2M or 1G; 0 for another text. */
uint64_t page_size_parse(const char *text);
/* Returns the name of a page size, 4M among them; "?" for another size. */
const char *page_size_name(uint64_t bytes);

struct machine_options {
	const struct backend *backend;
	uint64_t host_page;
	/*
	 * If not 0, so many percent of RAM's 2M regions are on 2M pages, and the others on 4K
	 * pages.
	 */
	unsigned share_2m;
	uint64_t table_pages; /* 0: no cap */
	unsigned pwc, nested_tlb;
	const struct cpu_model *cpu; /* NULL: the usual TLBs, and pwc and nested_tlb */
	struct vmmu_shadow_config
		shadow; /* of the shadow backend; all zero: every technique is on */
	struct vmmu_nested_config nested; /* of the nested ones */
};

struct machine {
	const struct backend *backend;
	struct arena arena;
	struct ranges ram;
	struct vmmu_native_config native;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
};

/* Takes over the ranges.  Returns zero, or -1: *err, and there is nothing to close. */
int machine_open(struct machine *m, const struct machine_options *opt, struct ranges *ram,
		 struct err *err);
void machine_close(struct machine *m);

/* Whether the 2M region of gpa is on a 2M page if so many percent of all regions are. */
int machine_on_2m(uint64_t gpa, unsigned percent);

/*
 * Guest memory, to be filled before the guest runs.  The VM does not notice stores through this
 * pointer.
 */
static inline uint8_t *machine_ram(struct machine *m, uint64_t gpa)
{
	return m->arena.base + gpa;
}

/* Sets all registers.  With PAE paging the PDPTEs are read from memory. */
int machine_set_regs(struct machine *m, const struct vmmu_regs *regs, struct err *err);

#endif
