/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the model of a guest puts its records: straight into the reader's
 * buffer, and what goes beyond it aside, for the reader's next calls.
 * Invariant: what is aside is no more than one step of the guest makes.
 */
#ifndef TOOLS_GUEST_SINK_H
#define TOOLS_GUEST_SINK_H

#include <stddef.h>
#include <stdint.h>
#include <vmmu/trace.h>

struct sink {
	uint8_t *pos, *end; /* of the room in use */
	uint8_t *direct;    /* up to here the reader's buffer is filled, once over */
	uint8_t *aside;
	size_t aside_bytes;	     /* of the room aside */
	size_t waits_pos, waits_len; /* what waits there */
	int over;		     /* pos is aside */
	int failed;		     /* out of memory: records are lost */
	uint8_t lost[VMMU_TRACE_RECORD_BYTES];
};

/*
 * The reader's buffer; what waits aside goes there first.  1: there may be
 * steps now; 0: the buffer is full of what waited.
 */
int sink_begin(struct sink *s, uint8_t *buf, size_t len);
/* How many bytes of the buffer are filled. */
size_t sink_end(struct sink *s, const uint8_t *buf);
void sink_close(struct sink *s);
/* Room where there is none; for sink_room(). */
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

/* How many records still go straight to the reader; 0: end the step. */
static inline size_t sink_left(const struct sink *s)
{
	return s->over ? 0 : (size_t)(s->end - s->pos) / VMMU_TRACE_RECORD_BYTES;
}

#endif
