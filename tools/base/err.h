/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A failure on its way up to main(): what to tell the user, how to go on, and the exit status.
 * Nothing here prints or exits; cmd/main.c does, once.
 * Invariant: a function that takes a struct err and fails returns -1 or NULL, and has filled it.
 * Comments of such functions write "*err" for that.
 */
#ifndef TOOLS_BASE_ERR_H
#define TOOLS_BASE_ERR_H

#include <stdarg.h>

enum status {
	STATUS_OK = 0,
	STATUS_MISMATCH = 1, /* the answers differ, or the library failed */
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

/* Sets the hint, unless a function nearer to the cause has set one.  Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
