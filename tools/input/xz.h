/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking xz, where liblzma was there at build time (xz.c, else xz_none.c).
 * Reads no files: stream.c does.
 * Invariant: memory is bounded, whatever the file asks for.
 */
#ifndef TOOLS_INPUT_XZ_H
#define TOOLS_INPUT_XZ_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct xz;

/* Returns NULL on failure: *err, whose text begins with `name`. */
struct xz *xz_open(const char *name, struct err *err);
void xz_close(struct xz *x);

/* What was read of the file: src[pos, len) is not used yet, and src begins at byte `at`. */
struct xz_bytes {
	const uint8_t *src;
	size_t pos, len;
	int last; /* the file ends there */
	uint64_t at;
};

/*
 * Unpacks some bytes and moves in->pos.  Returns how many it made, with *inside set if the stream
 * is not at its end; -1: *err.
 */
ssize_t xz_step(struct xz *x, struct xz_bytes *in, void *buf, size_t room, int *inside,
		struct err *err);

#endif
