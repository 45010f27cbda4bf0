/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of guest/: workloads, which are inputs that a model of an operating system writes while
 * they are read.
 * A workload is named `workload:NAME[,PARAMETER=VALUE]...`.  It is a VMTRACE1 stream as a file
 * would be, and the same one each time for the same name.
 * Invariant: memory does not depend on the length of the stream.
 */
#ifndef TOOLS_GUEST_GUEST_H
#define TOOLS_GUEST_GUEST_H

#include "input/input.h"

#include <stdio.h>

/* Whether the text names a workload and not a file. */
int workload_named(const char *path);
/* Returns NULL on failure: *err, with STATUS_USAGE for a wrong name or parameter. */
struct input *workload_open(const char *path, struct err *err);
/*
 * Returns the input itself or, if it is lackey's text or has .champsim in its name, the workload
 * that runs it.  Takes the input over.  Returns NULL on failure: *err.
 */
struct input *workload_of_file(struct input *in, struct err *err);
/*
 * Tells how many operations the workload's window has, and what they are called (malloced).
 * Returns -1 on failure: *err.
 */
int workload_ops(const char *path, uint64_t *ops, char **unit, struct err *err);

/* Prints a line about each workload. */
void workload_list(FILE *out);
/*
 * Prints what a workload does and leaves out, and its parameters.  Returns -1 if there is none of
 * this name: *err.
 */
int workload_help(const char *name, FILE *out, struct err *err);

#endif
