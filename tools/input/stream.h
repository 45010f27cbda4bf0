/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file, or standard input for "-", or what a program makes, as a stream of
 * bytes; zstd and xz are unpacked.
 * No seeking and no formats: what the bytes mean is the readers' business.
 * Invariant: memory does not depend on how long the file is (slurping apart).
 */
#ifndef TOOLS_INPUT_STREAM_H
#define TOOLS_INPUT_STREAM_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

struct input *input_open(const char *path, struct err *err);
/* The same of a file that is open; reads it from its beginning, and leaves it open. */
struct input *input_open_file(const char *name, int fd, struct err *err);
/* The bytes stay the caller's and must outlive the input. */
struct input *input_open_memory(const char *name, const void *bytes, size_t size, struct err *err);

/* Bytes that are made, not read. */
struct input_source {
	/* At least one byte; 0: the end; -1: *err. */
	ssize_t (*some)(void *ctx, void *buf, size_t len, struct err *err);
	double (*fraction)(void *ctx); /* as input_fraction() */
	void (*close)(void *ctx);
};
/* Takes over ctx: close(ctx) is called also after failure. */
struct input *input_open_source(const char *name, const struct input_source *source, void *ctx,
				struct err *err);
void input_close(struct input *in);

/* Waits for at least one byte; 0: the end; -1: *err. */
ssize_t input_some(struct input *in, void *buf, size_t len, struct err *err);
/* All of len, or less at the end; -1: *err. */
ssize_t input_full(struct input *in, void *buf, size_t len, struct err *err);

/* Bytes that the next reads are to give again; 16 at most, none waiting. */
void input_unread(struct input *in, const void *bytes, size_t n);

/* The file, if it is one and its bytes are what is read: to seek in; else -1. */
int input_file(const struct input *in);
const char *input_name(const struct input *in);
/* How much of the file is read, 0..1; negative if its length is unknown. */
double input_fraction(const struct input *in);

struct bytes {
	uint8_t *data;
	size_t size;
};

/* The whole file, refused above `most` bytes.  free(out->data). */
int input_slurp(const char *path, size_t most, struct bytes *out, struct err *err);
/* What is still to be read of it. */
int input_slurp_rest(struct input *in, size_t most, struct bytes *out, struct err *err);

/* Text, line by line. */
struct lines {
	struct input *in;
	char *buf;
	size_t pos, len, cap;
	uint64_t number; /* of the line answered last, from 1 */
	int ended;
};

/* Takes over the input; close with lines_close() also after failure. */
int lines_open(struct lines *l, struct input *in, struct err *err);
/* 1 with *line, without its newline, until the next call; 0 the end; -1. */
int lines_next(struct lines *l, char **line, struct err *err);
/* 1 if the next lines_next() may have to wait for its input. */
int lines_would_wait(const struct lines *l);
void lines_close(struct lines *l);

#endif
