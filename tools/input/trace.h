/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMTRACE1 file, record by record.
 * Not here: what a record means (replay/run.c).
 * Invariant: memory does not depend on the length of the trace.
 */
#ifndef TOOLS_INPUT_TRACE_H
#define TOOLS_INPUT_TRACE_H

#include "stream.h"
#include "base/base.h"

#include <vmmu/trace.h>

struct trace {
	struct input *in;
	struct progress *progress; /* NULL, or shown the progress at each refill */
	uint64_t ram_bytes;
	uint8_t *buf;
	size_t pos, len;
	uint64_t next;	/* number of the record that comes next, from 0 */
	size_t cut;	/* bytes of a last record that is not whole */
	double reading; /* seconds spent reading and unpacking */
};

/* Takes over the input.  Returns zero, or -1: *err, and there is nothing to close. */
int trace_open(struct trace *t, struct input *in, struct err *err);
void trace_close(struct trace *t);
/*
 * Reads more records.  Returns 1, 0 at the end, -1: *err, for instance for a record that is not
 * whole.
 */
int trace_refill(struct trace *t, struct err *err);

static inline int trace_next(struct trace *t, struct vmmu_trace_record *rec, struct err *err)
{
	if (t->pos == t->len) {
		int got = trace_refill(t, err);

		if (got <= 0)
			return got;
	}
	vmmu_trace_get(t->buf + t->pos, rec);
	t->pos += VMMU_TRACE_RECORD_BYTES;
	t->next++;
	return 1;
}

/* Where record n begins in the unpacked file. */
static inline uint64_t trace_offset(uint64_t n)
{
	return VMMU_TRACE_HEADER_BYTES + n * VMMU_TRACE_RECORD_BYTES;
}

#endif
