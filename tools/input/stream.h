/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of bytes: a file, standard input for "-", or what a program makes.  zstd and xz are
 * unpacked.
 * Not here: seeking, and what the bytes mean.
 * Invariant: only input_slurp() needs memory in proportion to the file.
 */
#ifndef TOOLS_INPUT_STREAM_H
#define TOOLS_INPUT_STREAM_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

struct input *input_open(const char *path, struct err *err);
/* The same for a file that is open already.  It is read from its beginning, and stays open. */
struct input *input_open_file(const char *name, int fd, struct err *err);
/* The bytes stay the caller's and must outlive the input. */
struct input *input_open_memory(const char *name, const void *bytes, size_t size, struct err *err);

/* Bytes that are made, not read. */
struct input_source {
	/* Writes at least one byte to buf and returns how many; 0 at the end, -1: *err. */
	ssize_t (*some)(void *ctx, void *buf, size_t len, struct err *err);
	double (*fraction)(void *ctx); /* the same as input_fraction() */
	void (*close)(void *ctx);
};
/* Takes over ctx: close(ctx) is called also after failure. */
struct input *input_open_source(const char *name, const struct input_source *source, void *ctx,
				struct err *err);
void input_close(struct input *in);

/* Waits for at least one byte and returns how many there are; 0 at the end, -1: *err. */
ssize_t input_some(struct input *in, void *buf, size_t len, struct err *err);
/* Reads len bytes, or fewer at the end, and returns how many; -1: *err. */
ssize_t input_full(struct input *in, void *buf, size_t len, struct err *err);

/*
 * Gives bytes back, which the next reads return again: 16 at most, and no second time before they
 * are read.
 */
void input_unread(struct input *in, const void *bytes, size_t n);

/* The descriptor of the file, to seek in, if the input is an unpacked regular file; else -1. */
int input_file(const struct input *in);
const char *input_name(const struct input *in);
/* How much of the file is read, from 0 to 1; negative if its length is unknown. */
double input_fraction(const struct input *in);

struct bytes {
	uint8_t *data;
	size_t size;
};

/* Reads the whole file, which may have `most` bytes.  The caller frees out->data. */
int input_slurp(const char *path, size_t most, struct bytes *out, struct err *err);
/* Reads all that is left of the input. */
int input_slurp_rest(struct input *in, size_t most, struct bytes *out, struct err *err);

/* Text, line by line. */
struct lines {
	struct input *in;
	char *buf;
	size_t pos, len, cap;
	uint64_t number; /* of the line returned last, from 1 */
	int ended;
};

/* Takes over the input.  lines_close() is to be called after a failure, too. */
int lines_open(struct lines *l, struct input *in, struct err *err);
/*
 * Returns 1 with the next line, without its newline, valid until the next call; 0 at the end; -1:
 * *err.
 */
int lines_next(struct lines *l, char **line, struct err *err);
/* Whether the next lines_next() may have to wait for input. */
int lines_would_wait(const struct lines *l);
void lines_close(struct lines *l);

#endif
