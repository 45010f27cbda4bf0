/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading VMTRACE1 in large pieces.
 * Not here: decoding a record, which the library does (vmmu/trace.h).
 * Invariant: buf[pos, len) is whole records.
 */
#include "trace.h"
#include "base/base.h"

#include <stdlib.h>

#define BUF_BYTES (65536u * VMMU_TRACE_RECORD_BYTES)

static int check_header(struct trace *t, const uint8_t *head, ssize_t n, struct err *err)
{
	const char *name = input_name(t->in);

	if (n < (ssize_t)VMMU_TRACE_HEADER_BYTES)
		err_input(err, "%s: truncated: %zd bytes, a trace's header has %u", name, n,
			  VMMU_TRACE_HEADER_BYTES);
	else if (vmmu_trace_get_header(head, &t->ram_bytes) < 0)
		err_input(err, "%s: wrong magic at byte 0: not a " VMMU_TRACE_MAGIC " trace", name);
	else if (t->ram_bytes == 0 || t->ram_bytes > RAM_MOST || t->ram_bytes % VMMU_PAGE_SIZE)
		err_input(err, "%s: byte 8: 0x%llx is no RAM size", name,
			  (unsigned long long)t->ram_bytes);
	else
		return 0;
	return err_hint(
		err, "A trace begins with " VMMU_TRACE_MAGIC " and, as a little-endian 64-bit "
		     "number, the bytes of RAM, a multiple of 4096.  `vmmu run --trace` and `vmmu "
		     "workload -o` write traces.");
}

int trace_open(struct trace *t, struct input *in, struct err *err)
{
	uint8_t head[VMMU_TRACE_HEADER_BYTES] = { 0 };
	ssize_t n;

	*t = (struct trace){ .in = in };
	t->buf = malloc(BUF_BYTES);
	if (!t->buf)
		err_input(err, "%s: out of memory", input_name(in));
	n = t->buf ? input_full(in, head, sizeof(head), err) : -1;
	if (n >= 0 && check_header(t, head, n, err) == 0)
		return 0;
	trace_close(t);
	return -1;
}

void trace_close(struct trace *t)
{
	input_close(t->in);
	free(t->buf);
	*t = (struct trace){ 0 };
}

static int cut_short(const struct trace *t, struct err *err)
{
	err_input(err, "%s: truncated: record %llu at byte %llu has %zu of %u bytes",
		  input_name(t->in), (unsigned long long)t->next,
		  (unsigned long long)trace_offset(t->next), t->cut, VMMU_TRACE_RECORD_BYTES);
	return err_hint(
		err,
		"Copy the trace again, or drop the rest of that record: `head -c %llu` of the "
		"unpacked trace.",
		(unsigned long long)trace_offset(t->next));
}

int trace_refill(struct trace *t, struct err *err)
{
	double start = clock_now();
	ssize_t n;

	if (t->cut)
		return cut_short(t, err);
	n = input_full(t->in, t->buf, BUF_BYTES, err);
	t->reading += clock_now() - start;
	t->pos = t->len = 0;
	if (n < 0)
		return -1;
	if (t->progress)
		progress_at(t->progress, input_fraction(t->in));
	t->cut = (size_t)n % VMMU_TRACE_RECORD_BYTES;
	t->len = (size_t)n - t->cut;
	if (t->len)
		return 1;
	return t->cut ? cut_short(t, err) : 0;
}
