/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaying a trace: the machine does what the traced guest did, and every recorded answer is
 * checked.
 * Not here: opening files and printing.
 * Invariant: the machine sees only what a guest can do, in the trace's order.
 */
#ifndef TOOLS_REPLAY_RUN_H
#define TOOLS_REPLAY_RUN_H

#include "machine/machine.h"
#include "base/base.h"
#include "input/input.h"

struct replay_options {
	/* The size of the host's large pages (0: none), and how many percent of RAM are on them. */
	uint64_t large;
	unsigned share_large;
	uint64_t check; /* vmmu_check() runs after each of the first so many records */
};

/*
 * Returns zero with *result filled, except backend and host_page; or -1 if the trace is broken or
 * has nothing to check: *err.
 */
int replay_run(struct trace *trace, struct machine *m, const struct replay_options *opt,
	       struct result *result, struct err *err);

/* Makes a machine with the memory of the PC in the trace. */
int replay_machine(const struct trace *trace, const struct machine_options *opt, struct machine *m,
		   struct err *err);

#endif
