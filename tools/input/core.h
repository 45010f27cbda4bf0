/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory and registers from a memory dump: an ELF core, as QEMU's dump-guest-memory
 * writes it, whole or reduced to some pages; or, where libkdumpfile was there at build time, a
 * kdump-compressed one (dump-guest-memory -z, -l, -s, makedumpfile) and what else that library
 * reads.  Flattened files, which makedumpfile and QEMU write to a pipe, are put in order first.
 * Does not decide what is RAM: machine/state.c does.
 * Invariant: a segment's data is all there, and no longer than the segment.
 */
#ifndef TOOLS_INPUT_CORE_H
#define TOOLS_INPUT_CORE_H

#include "stream.h"
#include "base/base.h"
#include "regs.h"

struct core_segment {
	uint64_t gpa, bytes; /* in memory; bytes that the file leaves out are zero */
	uint8_t *data;
	uint64_t data_bytes;
};

struct core {
	struct bytes image; /* an ELF core as a whole; without it each segment's data is malloced */
	int long_mode;	    /* the dump says that it is of a 64-bit guest */
	struct core_segment *segment;
	size_t nr_segments;
	struct known_regs *cpu; /* from the "QEMU" notes */
	size_t nr_cpus;		/* 0 if nothing says that QEMU made the dump */
};

/* Whether a file that begins with these bytes is a memory dump; 16 of them are enough to tell. */
int core_looks_like(const void *bytes, size_t n);
/* Returns zero, or -1: *err, and there is nothing to close. */
int core_open(struct core *core, const char *path, struct err *err);
void core_close(struct core *core);
/*
 * Gives the bytes of memory at gpa, and returns how many follow each other in the file, at most
 * len.
 */
size_t core_bytes(const struct core *core, uint64_t gpa, size_t len, uint8_t **bytes);
int core_ranges(const struct core *core, struct ranges *ram, const char *path, struct err *err);

#endif
