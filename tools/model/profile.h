/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptions of CPUs: which parts of walks they cache, and what events cost.
 * A profile is text, a line for each number:
 *
 *   tlb.l1d.entries  48   # where that is written
 *   cost.exit        1200 # assumed: why so much
 *
 * Built-in ones are in cpus/; a name with a / or a . is a file of the user's.
 * Invariant: a number without a source is marked as assumed.
 */
#ifndef TOOLS_MODEL_PROFILE_H
#define TOOLS_MODEL_PROFILE_H

#include "base/base.h"

#include <stdint.h>
#include <vmmu/event.h>
#include <vmmu/silicon.h>

#define CPU_PARAMS_MOST 192u

struct cpu_param {
	char key[40], value[64];
	char *source;  /* "" if the line names none */
	unsigned line; /* 0: from the command line */
	int assumed;
};

struct cpu_profile {
	const char *name; /* a string of the caller's */
	struct cpu_param param[CPU_PARAMS_MOST];
	unsigned nr;
};

/* What events cost, in cycles. */
struct cpu_costs {
	double mhz;
	double instruction;	       /* an instruction on average, if all its translations hit */
	double fault;		       /* the CPU delivers a #PF and returns from it */
	double exit;		       /* an exit to the hypervisor, and back */
	double handler[VMMU_NR_EXITS]; /* the hypervisor's work at an exit for this reason */
	/* The hypervisor reads a table entry; writes one; makes a table. */
	double sw_ref, entry, table;
};

struct cpu_model {
	char title[64];
	int amd; /* nested paging is NPT; else it is EPT */
	struct vmmu_silicon silicon;
	struct cpu_costs costs;
};

/* Returns zero, or -1: *err, and there is nothing to close. */
int cpu_profile_open(struct cpu_profile *p, const char *name, struct err *err);
void cpu_profile_close(struct cpu_profile *p);
/* Changes the profile by an assignment "key=value". */
int cpu_profile_set(struct cpu_profile *p, const char *assignment, struct err *err);
/* Returns zero, or -1: *err says which key or value is wrong, and in which line. */
int cpu_profile_build(const struct cpu_profile *p, struct cpu_model *model, struct err *err);

/* Names of the built-in profiles; NULL after the last. */
const char *cpu_profile_name(unsigned i);

#endif
