/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON beside a dump: registers, RAM, and what QEMU itself answered.
 * Not here: opening the files that it names.
 * Invariant: numbers are unsigned 64-bit ones and never rounded.
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
	struct ranges ram; /* before ranges_finish(): the dump's ranges are added to them */
	struct sidecar_context *context;
	size_t nr_contexts;
};

/* Returns zero, or -1: *err with the field's name, and there is nothing to close. */
int sidecar_open(struct sidecar *side, const char *path, struct err *err);
void sidecar_close(struct sidecar *side);

/*
 * Reads, in the JSON beside a recorded workload, how many operations the workload is and what they
 * are called (malloced).  Returns -1 on failure: *err.
 */
int sidecar_ops(const char *path, uint64_t *ops, char **unit, struct err *err);

#endif
