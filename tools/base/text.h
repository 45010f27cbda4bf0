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
/* Decimal or 0x, with K, M, G or T. */
int parse_size(const char *text, uint64_t *value);

/* "12,345,678,901", whatever it takes. */
void format_exact(char *buf, size_t len, uint64_t n);
/* At most ten characters: "12,345,678", "123.45 M". */
void format_count(char *buf, size_t len, uint64_t n);
/* "416 KiB" */
void format_bytes(char *buf, size_t len, uint64_t n);

/* malloced: directory of `path` and `name` joined; NULL: out of memory. */
char *path_beside(const char *path, const char *name);
/* malloced: last component without .zst, .vmt, .ptcore, .json. */
char *path_stem(const char *path);
/* malloced: `path` less .zst and `from`, plus `to`; NULL: it has no `from`. */
char *path_retype(const char *path, const char *from, const char *to);
/* `path`, or with .zst added if only that exists; malloced; takes path over. */
char *path_existing(char *path);

/* Are colours and such welcome there?  NO_COLOR, dumb terminals, pipes: no. */
int wants_colour(int fd);

#endif
