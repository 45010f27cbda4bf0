/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "GVA [r|w|x] [u|s|a]": one access, as users write it.
 * Does not perform it.
 * Invariant: what is left out means a read by the supervisor.
 */
#ifndef TOOLS_CMD_QUERY_H
#define TOOLS_CMD_QUERY_H

#include <stddef.h>
#include <stdint.h>

struct query {
	uint64_t gva;
	uint32_t access; /* VMMU_READ, ... */
};

/* Takes the text apart.  Zero, or -1. */
int query_parse(char *text, struct query *q);
/* "read by a supervisor" */
void query_words(char *buf, size_t len, const struct query *q);

#endif
