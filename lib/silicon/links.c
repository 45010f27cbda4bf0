/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-walk caches that hold links by input address: what drops from them.
 * Not here: what walks do with them (links.h).
 */
#include "caches.h"

void links_drop(struct caches *c, unsigned dim, unsigned what, uint64_t ia, uint32_t tag)
{
	unsigned levels;

	for (levels = c->links[dim - 1]; levels; levels &= levels - 1)
		cache_drop(&c->link[dim - 1][__builtin_ctz(levels)], what, ia, tag);
}
