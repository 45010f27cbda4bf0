/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest at one moment: core, sidecar and options put together.
 * Machines are made from it, as many as wanted; it does not change.
 * Invariant: ram covers every segment of the core.
 */
#ifndef TOOLS_MACHINE_STATE_H
#define TOOLS_MACHINE_STATE_H

#include "input/input.h"
#include "vm.h"

struct state_options {
	const char *core, *regs;  /* files; regs: NULL, there is none */
	struct known_regs forced; /* by options of their own */
	uint64_t ram;		  /* 0: not given */
	uint64_t cpu;		  /* which of the core's */
};

struct state {
	struct core core;
	struct sidecar side;
	struct ranges ram;
	struct vmmu_regs regs;
	char sources[160]; /* where the registers are from, for the user */
	char note[400];	   /* what had to be guessed or changed, for the user; "" nothing */
};

/* Options win over the sidecar (o->forced), which wins over the core's note. */
int state_open(struct state *s, const struct state_options *o, struct err *err);
void state_close(struct state *s);

/* A machine with this memory and these registers. */
int state_machine(const struct state *s, const struct machine_options *opt, struct machine *m,
		  struct err *err);

#endif
