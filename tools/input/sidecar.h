/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON beside a core: registers, RAM, and what QEMU itself answered.
 * Reads, and does not open the files that it names.
 * Invariant: numbers are unsigned 64-bit throughout, never rounded.
 */
#ifndef TOOLS_INPUT_SIDECAR_H
#define TOOLS_INPUT_SIDECAR_H

#include "stream.h"
#include "base/base.h"
#include "regs.h"

/* One gva2gpa answer. */
struct sidecar_sample {
	uint64_t va, gpa;
	int mapped;
};

/* One address space whose translations were recorded. */
struct sidecar_context {
	uint64_t cr3;
	char *golden, *infomem; /* file names beside the JSON, or NULL */
	struct sidecar_sample *sample;
	size_t nr_samples;
};

struct sidecar {
	char *core; /* file name beside the JSON, or NULL */
	int qemu;   /* it names the QEMU that made the capture */
	struct known_regs *cpu;
	size_t nr_cpus;
	struct ranges ram; /* not finished: the core's may join */
	struct sidecar_context *context;
	size_t nr_contexts;
};

/* Zero, or -1 with *err (the field's name in it) and nothing to close. */
int sidecar_open(struct sidecar *side, const char *path, struct err *err);
void sidecar_close(struct sidecar *side);

/*
 * Of the JSON beside a recorded workload: how many operations it is, and what they are
 * called, malloced.  -1: *err.
 */
int sidecar_ops(const char *path, uint64_t *ops, char **unit, struct err *err);

#endif
