/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest at one moment, made of a dump, its JSON and options.  Any number of machines can be made
 * from it; it does not change.
 * Invariant: `ram` covers every segment of the dump.
 */
#ifndef TOOLS_MACHINE_STATE_H
#define TOOLS_MACHINE_STATE_H

#include "input/input.h"
#include "vm.h"

struct state_options {
	const char *core,
		*regs; /* names of the dump and of the JSON; regs is NULL if there is none */
	struct known_regs forced; /* registers that were given as options */
	uint64_t ram;		  /* 0: not given */
	uint64_t cpu;		  /* which vCPU's registers */
};

struct state {
	struct core core;
	struct sidecar side;
	struct ranges ram;
	struct vmmu_regs regs;
	char sources[160]; /* where the registers are from, for the user */
	char note[400];	   /* tells the user what was guessed or changed; "" if nothing was */
};

/* Registers of options (o->forced) win over those of the JSON, and these over the dump's note. */
int state_open(struct state *s, const struct state_options *o, struct err *err);
void state_close(struct state *s);

/* Makes a machine with this memory and these registers. */
int state_machine(const struct state *s, const struct machine_options *opt, struct machine *m,
		  struct err *err);

#endif
