/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file being written, or standard output for "-"; packed with zstd if its
 * name ends in .zst.
 * Invariant: a file that could not be written as a whole is reported by
 * output_close() at the latest.
 */
#ifndef TOOLS_BASE_OUTPUT_H
#define TOOLS_BASE_OUTPUT_H

#include "err.h"

#include <stddef.h>
#include <stdio.h>

struct output;

/* NULL: *err. */
struct output *output_open(const char *path, struct err *err);
/* Zero, or -1 with *err. */
int output_write(struct output *out, const void *bytes, size_t len, struct err *err);
/* Also after failure; ends the file.  Zero, or -1 with *err. */
int output_close(struct output *out, struct err *err);

/* The same for text, which is never packed.  NULL: *err. */
FILE *output_text_open(const char *path, struct err *err);
/* -1: not all of it could be written. */
int output_text_close(FILE *f, const char *path, struct err *err);

#endif
