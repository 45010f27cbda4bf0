/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which kind of input a file is, and which files belong together: a dump, its JSON, the goldens
 * beside it.
 * Invariant: the kind is found from a file's contents, never from its name.
 */
#ifndef TOOLS_CMD_GUEST_FILE_H
#define TOOLS_CMD_GUEST_FILE_H

#include "base/base.h"

#include <stdint.h>

enum guest_kind { GUEST_TRACE, GUEST_CORE, GUEST_JSON };

/* Returns an enum guest_kind, or -1: *err. */
int guest_kind(const char *path, struct err *err);

/* Opens a trace: a file's or a workload's.  Returns NULL on failure: *err. */
struct input;
struct input *guest_trace(const char *path, struct err *err);

struct guest_files {
	char *core;
	char *json; /* or NULL: there is none */
};

/* Finds a dump and its JSON, given either of them. */
int guest_files(int kind, const char *path, struct guest_files *out, struct err *err);
void guest_files_free(struct guest_files *f);

/* For a recorded workload, what sidecar_ops() reads in the JSON beside it. */
int guest_ops(const char *trace, uint64_t *ops, char **unit, struct err *err);

/*
 * Copies standard input to an unnamed file, so that it can be read more than once.  Returns a path
 * to it, malloced; NULL on failure: *err.
 */
char *guest_spool(struct err *err);

#endif
