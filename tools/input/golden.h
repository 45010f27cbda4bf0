/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What QEMU's monitor said about one address space: `info tlb`, `info mem`.
 * Not here: asking a machine the same, which replay/state_check.c does.
 * Invariant: spans are in order of their addresses.
 */
#ifndef TOOLS_INPUT_GOLDEN_H
#define TOOLS_INPUT_GOLDEN_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>

#define GOLDEN_NX 1u	/* X in the text */
#define GOLDEN_LARGE 2u /* P */

/* One present leaf with its own bits, those above it left out. */
struct golden_line {
	uint64_t va, pa;
	unsigned flags; /* GOLDEN_* */
};

/* [start, end) with U and W combined over the levels. */
struct golden_span {
	uint64_t start, end;
	unsigned user, write;
};

struct golden {
	struct golden_line *line;
	struct golden_span *span;
	size_t nr_lines, nr_spans;
};

/*
 * `infomem` may be NULL.  Returns zero, or -1: *err with the line's number, and there is nothing
 * to free.
 */
int golden_load(struct golden *g, const char *tlb, const char *infomem, struct err *err);
void golden_free(struct golden *g);
/* The span that holds va, or NULL. */
const struct golden_span *golden_find(const struct golden *g, uint64_t va);

#endif
