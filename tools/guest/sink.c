/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for records in the reader's buffer and beside it.
 * Not here: encoding records (vmmu/trace.h).
 * Invariant: see sink.h.
 */
#include "sink.h"

#include <stdlib.h>
#include <string.h>

#define ASIDE_LEAST (64u << 10)

int sink_begin(struct sink *s, uint8_t *buf, size_t len)
{
	size_t n = s->waits_len - s->waits_pos;
	int more = n <= len && (n == 0 || n < len);

	if (n > len)
		n = len;
	if (n)
		memcpy(buf, s->aside + s->waits_pos, n);
	s->waits_pos += n;
	if (s->waits_pos == s->waits_len)
		s->waits_pos = s->waits_len = 0;
	s->over = 0;
	s->pos = buf + n;
	s->end = s->pos + (len - n) / VMMU_TRACE_RECORD_BYTES * VMMU_TRACE_RECORD_BYTES;
	return more;
}

size_t sink_end(struct sink *s, const uint8_t *buf)
{
	if (!s->over)
		return (size_t)(s->pos - buf);
	if (!s->failed)
		s->waits_len = (size_t)(s->pos - s->aside);
	return (size_t)(s->direct - buf);
}

void sink_close(struct sink *s)
{
	free(s->aside);
	*s = (struct sink){ 0 };
}

static int more_aside(struct sink *s)
{
	size_t used = s->over ? s->aside_bytes : 0, want = used ? used * 2 : s->aside_bytes;
	uint8_t *p = s->aside;

	if (want < ASIDE_LEAST)
		want = ASIDE_LEAST;
	if (want > s->aside_bytes)
		p = realloc(s->aside, want);
	if (!p)
		return -1;
	s->aside = p;
	s->aside_bytes = want;
	s->pos = p + used;
	s->end = p + want;
	return 0;
}

void sink_grow(struct sink *s)
{
	if (!s->over)
		s->direct = s->pos;
	if (s->failed || more_aside(s) < 0) {
		s->failed = 1;
		s->pos = s->lost;
		s->end = s->lost + sizeof(s->lost);
	}
	s->over = 1;
}
