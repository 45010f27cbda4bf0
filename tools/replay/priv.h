/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the replay engine share: run.c has the order of records and the windows,
 * records.c fetches the next record, apply.c does what changes the guest, verify.c checks answers.
 * Invariant: a frame's bit in `tracked` is set while the trace follows the frame as a guest table.
 */
#ifndef TOOLS_REPLAY_PRIV_H
#define TOOLS_REPLAY_PRIV_H

#include "run.h"

struct replay {
	struct trace *trace;
	struct machine *m;
	struct result *res;
	struct err *err;
	uint64_t record; /* number of the current record */
	uint64_t *tracked;
	uint64_t *touched; /* frames that the guest's accesses used */
	uint64_t nr_frames;
	unsigned entry_bytes; /* 4 or 8 */
	unsigned pdpt;	      /* PAE paging: tables of level 3 have 4 entries */
	struct known_initial {
		struct vmmu_trace_record *record;
		size_t nr, cap;
		uint64_t first; /* number of record[0] */
	} initial;
	size_t replayed; /* how many of the initial records were replayed */
	struct tcg tcg;
	int window; /* inside MARK 1 .. MARK 2 */
};

/* Fills *err with file, record and byte before the text.  Returns -1. */
int replay_bad(struct replay *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int replay_bad_register(struct replay *r, uint64_t number);

/* Gives the next record: first the initial ones, which were collected. */
int replay_next(struct replay *r, struct vmmu_trace_record *rec);
/* Collects the initial records, up to and with the first ACC or FAULT. */
int replay_collect(struct replay *r);

int apply_cr(struct replay *r, const struct vmmu_trace_record *rec);
int apply_invlpg(struct replay *r, const struct vmmu_trace_record *rec);
int apply_invpcid(struct replay *r, const struct vmmu_trace_record *rec);
/* Also reads the PTE records that follow. */
int apply_ptpage(struct replay *r, const struct vmmu_trace_record *rec);
int apply_ptdrop(struct replay *r, const struct vmmu_trace_record *rec);
int apply_ptw(struct replay *r, const struct vmmu_trace_record *rec);
/* Stores to a page what it has already, because the trace has no data of this write. */
int apply_same(struct replay *r, uint64_t gpa);
/* Notes how wide table entries are under these registers, and where PDPTEs lie. */
void apply_mode(struct replay *r, const struct vmmu_regs *regs);

int verify_access(struct replay *r, const struct vmmu_trace_record *rec);
int verify_fault(struct replay *r, const struct vmmu_trace_record *rec);
/* Calls vmmu_check() and counts what it finds as a mismatch. */
void verify_invariants(struct replay *r);

static inline int is_tracked(const struct replay *r, uint64_t gpa)
{
	uint64_t frame = gpa >> VMMU_PAGE_SHIFT;

	return frame < r->nr_frames && (r->tracked[frame / 64] >> (frame % 64) & 1);
}

#endif
