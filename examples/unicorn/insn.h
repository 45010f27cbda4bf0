/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between insn.c, which decodes, and address.c, which asks what an instruction wanted from a page.
 * Not for the others: run.h has what they use.
 */
#ifndef RUN_INSN_H
#define RUN_INSN_H

#include "run.h"

struct decoder {
	struct run *r;
	struct insn *i;
	unsigned at;
	int code64, too_long;
};

/* Segment and offset, as this instruction addresses memory. */
uint64_t insn_linear(const struct decoder *d, unsigned segment, uint64_t offset);
/* The next bytes of the instruction, sign-extended. */
int64_t insn_displacement(struct decoder *d, unsigned bytes);

#endif
