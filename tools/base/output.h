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

/* Returns NULL on failure: *err. */
struct output *output_open(const char *path, struct err *err);
/* Returns zero, or -1: *err. */
int output_write(struct output *out, const void *bytes, size_t len, struct err *err);
/* Ends the file; to be called after a failure, too.  Returns zero, or -1: *err. */
int output_close(struct output *out, struct err *err);

/* Opens a file for text, which is never packed.  Returns NULL on failure: *err. */
FILE *output_text_open(const char *path, struct err *err);
/* Returns -1 if not all of the text could be written: *err. */
int output_text_close(FILE *f, const char *path, struct err *err);

#endif
