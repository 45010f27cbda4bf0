/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One failure on its way up: what to tell the user, how to go on, and how to exit.
 * Nothing here prints or exits; cmd/main.c does, once.
 * Invariant: whoever returns -1 (or NULL) with a struct err has filled it.
 */
#ifndef TOOLS_BASE_ERR_H
#define TOOLS_BASE_ERR_H

#include <stdarg.h>

enum status {
	STATUS_OK = 0,
	STATUS_MISMATCH = 1, /* also: the library failed */
	STATUS_USAGE = 2,
	STATUS_INPUT = 3,
};

struct err {
	int status; /* enum status */
	char text[480];
	char hint[320]; /* how to go on; "": the text says it */
};

/* Fills *err and returns -1. */
int err_set(struct err *err, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with STATUS_INPUT. */
int err_input(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How to go on, unless somebody nearer to the cause has said it.  Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
