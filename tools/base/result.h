/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The results of one run of one input on one backend.
 * The engines fill it (replay/run.c, replay/state_check.c), and report/ prints it.
 * Invariant: `mismatches` counts all of them; only the first few are described.
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
	const char *host_page;		       /* "4K"; NULL for native, which has no host pages */
	const char *strategy;		       /* of the shadow backend, if one was named */
	uint64_t accesses, faults, mismatches; /* answers that were checked, over the whole input */
	struct vmmu_stats stats;	       /* counted in the marked window, if there is one */
	struct vmmu_silicon_stats silicon;     /* the same of the one vCPU */
	/* Pages that the guest's accesses used, and what the host needs for them. */
	uint64_t touched_bytes, backed_bytes;
	double seconds; /* without reading and unpacking */

	/* More detail, for vmmu replay. */
	uint64_t gpas, rights, mmios, codes;   /* how many of each were checked */
	uint64_t records, checks;	       /* checks: calls of vmmu_check() */
	uint64_t instructions, guest_accesses; /* by COUNT records, in the window */
	int windowed;
	uint64_t tcg_cleared; /* entries that QEMU's emulator marked (input/tcg.h) */
	struct mismatch first[RESULT_SHOWN];
};

/* Counts one mismatch and describes it. */
void result_mismatch(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
unsigned result_shown(const struct result *r);

/* Adds a window's statistics to those of the windows before. */
void result_add_stats(struct result *r, struct vmmu *vm);

#endif
