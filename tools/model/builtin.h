/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU profiles that the command brings along; cpus/embed.sh writes them.
 */
#ifndef TOOLS_MODEL_BUILTIN_H
#define TOOLS_MODEL_BUILTIN_H

#include <stddef.h>

struct cpu_builtin {
	const char *name;
	const unsigned char *text;
	size_t size;
};

/* The last entry has no name. */
extern const struct cpu_builtin cpu_builtin[];

#endif
