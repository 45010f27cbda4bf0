/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers to and from text, and the names of files.
 * No output.
 * Invariant: parsers take the whole text or refuse it.
 */
#ifndef TOOLS_BASE_TEXT_H
#define TOOLS_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Zero, or -1.  Decimal, or hexadecimal after 0x. */
int parse_u64(const char *text, uint64_t *value);
/* Hexadecimal, 0x or not: an address. */
int parse_hex(const char *text, uint64_t *value);
/* A size: decimal or hexadecimal after 0x, with K, M, G or T behind it. */
int parse_size(const char *text, uint64_t *value);

/* All digits, in groups: "12,345,678,901". */
void format_exact(char *buf, size_t len, uint64_t n);
/* At most ten characters: "12,345,678", "123.45 M". */
void format_count(char *buf, size_t len, uint64_t n);
/* "416 KiB" */
void format_bytes(char *buf, size_t len, uint64_t n);

/* `name` in the directory of `path`, malloced; NULL if out of memory. */
char *path_beside(const char *path, const char *name);
/* The last component of the path without .zst, .vmt, .ptcore and .json, malloced. */
char *path_stem(const char *path);
/*
 * `path` with `to` instead of the ending `from` (and .zst), malloced; NULL if it does not end so.
 */
char *path_retype(const char *path, const char *from, const char *to);
/* `path`, or `path`.zst if only that exists, malloced.  Takes `path` over. */
char *path_existing(char *path);

/*
 * Whether to write colours to this file.  Not to pipes, not to dumb terminals, not with NO_COLOR
 * set.
 */
int wants_colour(int fd);

#endif
