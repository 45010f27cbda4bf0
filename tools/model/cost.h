/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many cycles a run takes on a CPU: what was counted in the run, times what each event costs
 * on the CPU.
 * Invariant: every part is linear in every cost.
 */
#ifndef TOOLS_MODEL_COST_H
#define TOOLS_MODEL_COST_H

#include "profile.h"
#include "base/base.h"

/* X(symbol, key, what a reader is told) */
#define COST_PARTS(X)                                                                              \
	X(GUEST, "instructions", "the guest's instructions, all translations at hand")             \
	X(DATA, "data", "its accesses, if the model has them go through the data caches")          \
	X(TLB, "tlb", "hits of second-level TLBs")                                                 \
	X(WALK, "walks", "the references of walks")                                                \
	X(FAULT, "faults", "the CPU delivers the guest's page faults")                             \
	X(EXIT, "exits", "to the hypervisor and back")                                             \
	X(WORK, "hypervisor", "its handlers, tables, and reads of guest tables")

enum cost_part {
#define X(sym, key, text) COST_##sym,
	COST_PARTS(X)
#undef X
		COST_NR
};

struct cost {
	double part[COST_NR]; /* cycles */
	double total;
};

const char *cost_key(unsigned part);  /* NULL after the last */
const char *cost_text(unsigned part); /* the same */

void cost_of(const struct cpu_model *cpu, const struct result *run, struct cost *cost);

#endif
