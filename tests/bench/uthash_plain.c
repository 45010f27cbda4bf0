/* SPDX-License-Identifier: BSD-2-Clause */
/* uthash as it comes, over the same keys: what the tuning in shadow/hash.h is measured against. */
#include <stdlib.h>

#include <uthash.h>

#include "uthash_plain.h"

struct element {
	char key[PLAIN_KEY];
	UT_hash_handle hh;
};

static struct element *head;

void plain_add(const void *key)
{
	struct element *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	memcpy(e->key, key, PLAIN_KEY);
	HASH_ADD(hh, head, key, PLAIN_KEY, e);
}

uintptr_t plain_find(const void *key)
{
	struct element *e;

	HASH_FIND(hh, head, key, PLAIN_KEY, e);
	return (uintptr_t)e;
}
