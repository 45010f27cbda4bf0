/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All memory of the library, from the embedder's allocator or the C library's.
 * Keeps: vm->meta is the sum of what is allocated, table pages apart; memory
 * comes zeroed.
 */
#include <stdlib.h>
#include <string.h>

#include "../priv.h"

void meta_add(struct vmmu *vm, size_t size)
{
	vm->meta += size;
	vm->meta_peak = max64(vm->meta, vm->meta_peak);
}

void *raw_alloc(struct vmmu *vm, size_t size, size_t align)
{
	const struct vmmu_callbacks *cb = &vm->cfg.cb;
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

void raw_free(struct vmmu *vm, void *p, size_t size)
{
	if (vm->cfg.cb.free)
		vm->cfg.cb.free(vm->cfg.cb.ctx, p, size);
	else if (!vm->cfg.cb.alloc)
		free(p);
}

void *vm_alloc(struct vmmu *vm, size_t size, size_t align)
{
	void *p = raw_alloc(vm, size, align);

	if (p)
		meta_add(vm, size);
	return p;
}

void vm_free(struct vmmu *vm, void *p, size_t size)
{
	if (!p)
		return;
	vm->meta -= size;
	raw_free(vm, p, size);
}
