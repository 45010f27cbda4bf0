/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the model of a guest writes its records: directly to the reader's buffer.  Records for
 * which that has no room are kept in a buffer of the sink's, for the reader's next calls.
 * Invariant: the sink's own buffer has no more than the records of one step of the guest.
 */
#ifndef TOOLS_GUEST_SINK_H
#define TOOLS_GUEST_SINK_H

#include <stddef.h>
#include <stdint.h>
#include <vmmu/trace.h>

struct sink {
	uint8_t *pos, *end; /* in the buffer that is in use */
	uint8_t *direct; /* where the reader's buffer is filled up to, once records go to the sink's
			    own */
	uint8_t *aside;
	size_t aside_bytes;	     /* of the sink's own buffer */
	size_t waits_pos, waits_len; /* the records that wait there */
	int over;		     /* pos is in the sink's own buffer */
	int failed;		     /* out of memory: records are lost */
	uint8_t lost[VMMU_TRACE_RECORD_BYTES];
};

/*
 * Takes the reader's buffer, and first copies to it what waits in the sink's own.  Returns 1 if
 * the guest may make steps now, 0 if the buffer is full.
 */
int sink_begin(struct sink *s, uint8_t *buf, size_t len);
/* Returns how many bytes of the reader's buffer are filled. */
size_t sink_end(struct sink *s, const uint8_t *buf);
void sink_close(struct sink *s);
/* Finds room when a buffer is full.  Only sink_room() calls it. */
void sink_grow(struct sink *s);

/* Room for one record, which the caller fills. */
static inline uint8_t *sink_room(struct sink *s)
{
	uint8_t *p;

	if (__builtin_expect(s->pos == s->end, 0))
		sink_grow(s);
	p = s->pos;
	s->pos += VMMU_TRACE_RECORD_BYTES;
	return p;
}

/* How many records still fit into the reader's buffer; at 0 the step should end. */
static inline size_t sink_left(const struct sink *s)
{
	return s->over ? 0 : (size_t)(s->end - s->pos) / VMMU_TRACE_RECORD_BYTES;
}

#endif
