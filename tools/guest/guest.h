/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of guest/.
 * Workloads: guests that are made while they are read, as inputs.
 * A workload is named `workload:NAME[,PARAMETER=VALUE]...`, and what it gives
 * is a VMTRACE1 stream like a file's, the same for the same name every time.
 * Invariant: memory does not depend on the length of the stream.
 */
#ifndef TOOLS_GUEST_GUEST_H
#define TOOLS_GUEST_GUEST_H

#include "input/input.h"

#include <stdio.h>

/* Does the text name a workload, and no file? */
int workload_named(const char *path);
/* NULL: *err, a wrong name or parameter among others (usage). */
struct input *workload_open(const char *path, struct err *err);
/*
 * The input itself; or, if it is lackey's text or has .champsim in its name,
 * the workload that runs it.  Takes the input over.  NULL: *err.
 */
struct input *workload_of_file(struct input *in, struct err *err);
/* How many operations its window is, and of what (malloced); -1: *err. */
int workload_ops(const char *path, uint64_t *ops, char **unit, struct err *err);

/* All workloads with a line for each. */
void workload_list(FILE *out);
/* One with its parameters and what it leaves out; -1: *err, no such name. */
int workload_help(const char *name, FILE *out, struct err *err);

#endif
