/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All memory of the library, from the embedder's allocator or the C library's.
 * Keeps: `meta` is the sum of what is allocated, table pages apart; memory
 * comes zeroed.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"

void core_meta_add(struct core *c, size_t size)
{
	c->meta += size;
	c->meta_peak = max64(c->meta, c->meta_peak);
}

void *core_raw_alloc(struct core *c, size_t size, size_t align)
{
	const struct vmmu_callbacks *cb = &c->cfg.cb;
	void *p;

	if (align < sizeof(void *))
		align = sizeof(void *);
	if (cb->alloc)
		p = cb->alloc(cb->ctx, size, align);
	else if (posix_memalign(&p, align, size))
		p = NULL;
	if (p)
		memset(p, 0, size);
	return p;
}

void core_raw_free(struct core *c, void *p, size_t size)
{
	if (c->cfg.cb.free)
		c->cfg.cb.free(c->cfg.cb.ctx, p, size);
	else if (!c->cfg.cb.alloc)
		free(p);
}

void *core_alloc(struct core *c, size_t size, size_t align)
{
	void *p = core_raw_alloc(c, size, align);

	if (p)
		core_meta_add(c, size);
	return p;
}

void core_free(struct core *c, void *p, size_t size)
{
	if (!p)
		return;
	c->meta -= size;
	core_raw_free(c, p, size);
}
