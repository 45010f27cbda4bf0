/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How any part of the model stops the guest.
 * Invariant: the first reason is the one that is reported; records made after it are not used.
 */
#include "os.h"

#include <stdarg.h>
#include <stdio.h>

void guest_fail(struct guest *g, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (g->failed)
		return;
	g->failed = 1;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_input(g->err, "%s: %s", g->name, text);
}
