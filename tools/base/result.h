/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one run of one input on one backend came to.
 * Filled by the engines (replay/run.c, replay/state_check.c), printed by report/report.c.
 * Invariant: mismatches counts all; only the first few are described.
 */
#ifndef TOOLS_BASE_RESULT_H
#define TOOLS_BASE_RESULT_H

#include <vmmu/vmmu.h>

#define RESULT_SHOWN 8u

struct mismatch {
	char text[224];
};

struct result {
	const char *backend;
	const char *host_page;		       /* "4K"; NULL: native, which has none */
	const char *strategy;		       /* of the shadow backend, if one was named */
	uint64_t accesses, faults, mismatches; /* checked; over the whole input */
	struct vmmu_stats stats;	       /* of the window if there is one */
	struct vmmu_silicon_stats silicon;     /* the same; of the one vCPU */
	/* Pages that the guest's accesses used, and what the host needs for them. */
	uint64_t touched_bytes, backed_bytes;
	double seconds; /* without reading and unpacking */

	/* A closer look, for `replay`. */
	uint64_t gpas, rights, mmios, codes;   /* checked, each */
	uint64_t records, checks;	       /* checks: calls of vmmu_check() */
	uint64_t instructions, guest_accesses; /* COUNT, of the window */
	int windowed;
	uint64_t tcg_cleared; /* entries that QEMU's emulator marked (input/tcg.h) */
	struct mismatch first[RESULT_SHOWN];
};

/* One more, described. */
void result_mismatch(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
unsigned result_shown(const struct result *r);

/* Adds a window's statistics to those of the windows before. */
void result_add_stats(struct result *r, struct vmmu *vm);

#endif
