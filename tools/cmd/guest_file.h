/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kind of guest a file holds, found from its first bytes, and which
 * files belong together: a core, its JSON, the goldens beside it.
 * Invariant: a file is judged by what is in it, never by its name.
 */
#ifndef TOOLS_CMD_GUEST_FILE_H
#define TOOLS_CMD_GUEST_FILE_H

#include "base/base.h"

#include <stdint.h>

enum guest_kind { GUEST_TRACE, GUEST_CORE, GUEST_JSON };

/* An enum guest_kind, or -1. */
int guest_kind(const char *path, struct err *err);

/* A trace: a file's bytes, or a workload's. */
struct input;
struct input *guest_trace(const char *path, struct err *err);

struct guest_files {
	char *core;
	char *json; /* or NULL: there is none */
};

/* For a core or its JSON: both. */
int guest_files(int kind, const char *path, struct guest_files *out, struct err *err);
void guest_files_free(struct guest_files *f);

/* Of a recorded workload, what sidecar_ops() reads in the JSON beside it. */
int guest_ops(const char *trace, uint64_t *ops, char **unit, struct err *err);

/*
 * Standard input as a path that can be opened more than once: copied to an
 * unnamed file.  malloced, or NULL with *err.
 */
char *guest_spool(struct err *err);

#endif
