/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptions of CPUs: what they cache of walks, and what things cost there.
 * A profile is text, a line for each number:
 *
 *   tlb.l1d.entries  48   # where that is written
 *   cost.exit        1200 # assumed: why so much
 *
 * Built-in ones are in cpus/; a name with a / or a . is a file of the user's.
 * No machine is made here.
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
	char *source;  /* "" if the line has none */
	unsigned line; /* 0: of the command line */
	int assumed;
};

struct cpu_profile {
	const char *name; /* the caller's */
	struct cpu_param param[CPU_PARAMS_MOST];
	unsigned nr;
};

/* What things take, in cycles. */
struct cpu_costs {
	double mhz;
	double instruction;	       /* on average, all translations hit */
	double fault;		       /* the CPU delivers a #PF and returns from it */
	double exit;		       /* to the hypervisor and back */
	double handler[VMMU_NR_EXITS]; /* the hypervisor's work for this reason */
	double sw_ref, entry, table;   /* it reads an entry; writes one; makes a table */
};

struct cpu_model {
	char title[64];
	int amd; /* nested paging is NPT, else EPT */
	struct vmmu_silicon silicon;
	struct cpu_costs costs;
};

/* Zero, or -1 with *err and nothing to close. */
int cpu_profile_open(struct cpu_profile *p, const char *name, struct err *err);
void cpu_profile_close(struct cpu_profile *p);
/* "key=value" instead of what the profile says. */
int cpu_profile_set(struct cpu_profile *p, const char *assignment, struct err *err);
/* Zero, or -1: a key that there is not, a value that cannot be, and in which line. */
int cpu_profile_build(const struct cpu_profile *p, struct cpu_model *model, struct err *err);

/* Names of the built-in ones; NULL after the last. */
const char *cpu_profile_name(unsigned i);

#endif
