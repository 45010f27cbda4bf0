/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What insn.c, which decodes, and address.c, which finds operands, share.
 * Not for other files: they use what run.h declares.
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

/* The linear address of an offset, with the segment override and address size of the instruction.
 */
uint64_t insn_linear(const struct decoder *d, unsigned segment, uint64_t offset);
/* Reads the next bytes of the instruction and extends their sign. */
int64_t insn_displacement(struct decoder *d, unsigned bytes);

#endif
