/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An access as users write it: "GVA [r|w|x] [u|s|a]".
 * Not here: making the access.
 * Invariant: without letters it is a read by the supervisor.
 */
#ifndef TOOLS_CMD_QUERY_H
#define TOOLS_CMD_QUERY_H

#include <stddef.h>
#include <stdint.h>

struct query {
	uint64_t gva;
	uint32_t access; /* VMMU_READ, ... */
};

/* Parses the text, which is changed.  Returns zero, or -1. */
int query_parse(char *text, struct query *q);
/* Writes an access in words, as in "read by the supervisor". */
void query_words(char *buf, size_t len, const struct query *q);

#endif
