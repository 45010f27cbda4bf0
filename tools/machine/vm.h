/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM with one vCPU on a backend chosen by name, its memory in one arena.
 * All commands make their VMs here, so that they compare like with like.
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
	int hypervisor; /* 0: native, which has memory but no slots */
	int shadow;	/* the CPU walks tables that stand for the guest's */
};

extern const struct backend backends[];
extern const unsigned nr_backends;
/* NULL: no such name. */
const struct backend *backend_find(const char *name);
/* "native, shadow, ..." */
const char *backend_names(void);

/* 4K, 2M, 1G; 0 for another text. */
uint64_t page_size_parse(const char *text);
/* The same of 4M too; "?" for another size. */
const char *page_size_name(uint64_t bytes);

struct machine_options {
	const struct backend *backend;
	uint64_t host_page;
	/* Not 0: this share, in percent, of RAM's 2M regions is on 2M pages, the rest on 4K. */
	unsigned share_2m;
	uint64_t table_pages; /* 0: no cap */
	unsigned pwc, nested_tlb;
	const struct cpu_model *cpu; /* NULL: TLBs as they are always compared, and those two */
	struct vmmu_shadow_config shadow; /* of the shadow backend; all zero: everything on */
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

/* Takes over the ranges.  Zero, or -1 with *err and nothing to close. */
int machine_open(struct machine *m, const struct machine_options *opt, struct ranges *ram,
		 struct err *err);
void machine_close(struct machine *m);

/* Whether the 2M region of gpa is on a 2M page, if so many percent of all are. */
int machine_on_2m(uint64_t gpa, unsigned percent);

/* Guest memory before the guest runs: not a store, nobody sees it. */
static inline uint8_t *machine_ram(struct machine *m, uint64_t gpa)
{
	return m->arena.base + gpa;
}

/* Sets all registers, reading PDPTEs from memory where there are any. */
int machine_set_regs(struct machine *m, const struct vmmu_regs *regs, struct err *err);

#endif
