/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory and registers from an ELF core, as QEMU's
 * dump-guest-memory writes it, whole or reduced to some pages.
 * Does not decide what is RAM: machine/state.c does.
 * Invariant: every segment's data lies within the image.
 */
#ifndef TOOLS_INPUT_CORE_H
#define TOOLS_INPUT_CORE_H

#include "stream.h"
#include "base/base.h"
#include "regs.h"

struct core_segment {
	uint64_t gpa, bytes; /* in memory; what the file leaves out is zero */
	uint8_t *data;
	uint64_t data_bytes;
};

struct core {
	struct bytes image;
	int long_mode; /* e_machine is EM_X86_64 */
	struct core_segment *segment;
	size_t nr_segments;
	struct known_regs *cpu; /* from the "QEMU" notes */
	size_t nr_cpus;		/* 0: nothing says that QEMU made it */
};

/* Zero, or -1 with *err and nothing to close. */
int core_open(struct core *core, const char *path, struct err *err);
void core_close(struct core *core);
/* The bytes of memory at gpa, at most len of them: how many the file has there in a row. */
size_t core_bytes(const struct core *core, uint64_t gpa, size_t len, uint8_t **bytes);
int core_ranges(const struct core *core, struct ranges *ram, const char *path, struct err *err);

#endif
