/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the parts of the replay engine: run.c (order, windows),
 * records.c (the record in hand), apply.c (what changes state), verify.c (what is checked).
 * Invariant: frame bit set = the trace tracks this frame as a guest table now.
 */
#ifndef TOOLS_REPLAY_PRIV_H
#define TOOLS_REPLAY_PRIV_H

#include "run.h"

struct replay {
	struct trace *trace;
	struct machine *m;
	struct result *res;
	struct err *err;
	uint64_t record; /* number of the record in hand */
	uint64_t *tracked;
	uint64_t *touched; /* frames that an access of the guest's used */
	uint64_t nr_frames;
	unsigned entry_bytes; /* 4 or 8 */
	unsigned pdpt;	      /* PAE: level-3 tables have 4 entries */
	struct known_initial {
		struct vmmu_trace_record *record;
		size_t nr, cap;
		uint64_t first; /* number of record[0] */
	} initial;
	size_t replayed; /* of the initial records */
	struct tcg tcg;
	int window; /* inside MARK 1 .. MARK 2 */
};

/* -1: fills *err, naming file, record and byte. */
int replay_bad(struct replay *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int replay_bad_register(struct replay *r, uint64_t number);

/* The next record, first those that were collected. */
int replay_next(struct replay *r, struct vmmu_trace_record *rec);
/* Collects the initial records, the first ACC or FAULT too. */
int replay_collect(struct replay *r);

int apply_cr(struct replay *r, const struct vmmu_trace_record *rec);
int apply_invlpg(struct replay *r, const struct vmmu_trace_record *rec);
int apply_invpcid(struct replay *r, const struct vmmu_trace_record *rec);
/* Reads the PTE records that follow. */
int apply_ptpage(struct replay *r, const struct vmmu_trace_record *rec);
int apply_ptdrop(struct replay *r, const struct vmmu_trace_record *rec);
int apply_ptw(struct replay *r, const struct vmmu_trace_record *rec);
/* One store of what is there already, for a write whose data nobody knows. */
int apply_same(struct replay *r, uint64_t gpa);
/* How wide table entries are under these registers, and where PDPTEs lie. */
void apply_mode(struct replay *r, const struct vmmu_regs *regs);

int verify_access(struct replay *r, const struct vmmu_trace_record *rec);
int verify_fault(struct replay *r, const struct vmmu_trace_record *rec);
/* vmmu_check(); what it finds is a mismatch. */
void verify_invariants(struct replay *r);

static inline int is_tracked(const struct replay *r, uint64_t gpa)
{
	uint64_t frame = gpa >> VMMU_PAGE_SHIFT;

	return frame < r->nr_frames && (r->tracked[frame / 64] >> (frame % 64) & 1);
}

#endif
