/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xz by liblzma.
 * Invariant: see xz.h.
 */
#include "xz.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

/* xz -9 asks for 65 MiB. */
#define MEMORY_MOST (256ull << 20)

struct xz {
	lzma_stream stream;
	char *name;
};

struct xz *xz_open(const char *name, struct err *err)
{
	struct xz *x = calloc(1, sizeof(*x));

	if (x)
		x->name = strdup(name);
	if (x && x->name &&
	    lzma_stream_decoder(&x->stream, MEMORY_MOST, LZMA_CONCATENATED) == LZMA_OK)
		return x;
	xz_close(x);
	err_input(err, "%s: out of memory", name);
	return NULL;
}

void xz_close(struct xz *x)
{
	if (!x)
		return;
	lzma_end(&x->stream);
	free(x->name);
	free(x);
}

static int failed(const struct xz *x, lzma_ret why, uint64_t at, struct err *err)
{
	const char *name = x->name;
	unsigned long long byte = at;

	if (why == LZMA_MEM_ERROR)
		return err_input(err, "%s: out of memory", name);
	if (why == LZMA_MEMLIMIT_ERROR)
		return err_input(err, "%s: unpacking it takes more than the %llu MiB allowed here",
				 name, MEMORY_MOST >> 20);
	if (why == LZMA_BUF_ERROR)
		return err_input(err, "%s: truncated: the xz stream ends early, at byte %llu", name,
				 byte);
	return err_input(err, "%s: damaged xz stream at byte %llu of the file", name, byte);
}

ssize_t xz_step(struct xz *x, struct xz_bytes *in, void *buf, size_t room, int *inside,
		struct err *err)
{
	lzma_ret ret;

	x->stream.next_in = in->src + in->pos;
	x->stream.avail_in = in->len - in->pos;
	x->stream.next_out = buf;
	x->stream.avail_out = room;
	ret = lzma_code(&x->stream, in->last ? LZMA_FINISH : LZMA_RUN);
	in->pos = in->len - x->stream.avail_in;
	*inside = ret != LZMA_STREAM_END;
	if (ret != LZMA_OK && ret != LZMA_STREAM_END)
		return failed(x, ret, in->at + in->pos, err);
	return (ssize_t)(room - x->stream.avail_out);
}
