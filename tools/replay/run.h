/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doing what a trace's guest did, and checking every answer that it recorded.
 * Neither opens files nor prints.
 * Invariant: the machine sees only what a guest could do, in the trace's order.
 */
#ifndef TOOLS_REPLAY_RUN_H
#define TOOLS_REPLAY_RUN_H

#include "machine/machine.h"
#include "base/base.h"
#include "input/input.h"

struct replay_options {
	/* The host's large pages, 0: none, and how much of RAM is on them, in percent. */
	uint64_t large;
	unsigned share_large;
	uint64_t check; /* vmmu_check() after each of the first so many records */
};

/*
 * Zero with *result filled (backend and host_page are the caller's); -1 with
 * *err: the trace is broken, or checked nothing.
 */
int replay_run(struct trace *trace, struct machine *m, const struct replay_options *opt,
	       struct result *result, struct err *err);

/* A machine with the memory of the trace's PC. */
int replay_machine(const struct trace *trace, const struct machine_options *opt, struct machine *m,
		   struct err *err);

#endif
