/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling a struct err.
 * Nothing is allocated and nothing is printed, because being out of memory is reported with it,
 * too.
 * Invariant: the text always ends within its buffer.
 */
#include "err.h"

#include <stdio.h>

static int fill(struct err *err, int status, const char *fmt, va_list args)
{
	err->status = status;
	err->hint[0] = 0;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	return -1;
}

int err_set(struct err *err, int status, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = fill(err, status, fmt, args);
	va_end(args);
	return ret;
}

int err_input(struct err *err, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = fill(err, STATUS_INPUT, fmt, args);
	va_end(args);
	return ret;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	va_list args;

	if (err->hint[0])
		return -1;
	va_start(args, fmt);
	(void)vsnprintf(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	return -1;
}
