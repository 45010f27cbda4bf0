/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What accesses by either kind of address share: pieces in one page, and whole stores.
 */
#ifndef VMMU_VM_ACCESS_H
#define VMMU_VM_ACCESS_H

#include <string.h>

#include "vm.h"

/* How much of `left` bytes lies in the page of `at`. */
static inline size_t access_piece(uint64_t at, size_t left)
{
	size_t room = (size_t)(VMMU_PAGE_SIZE - (at & ~PAGE_MASK));

	return left < room ? left : room;
}

/* Stores aligned 4 and 8 bytes in one piece, as a CPU does: they may be an entry of a table. */
static inline void access_store(uint8_t *to, const void *from, size_t n)
{
	uint64_t v8;
	uint32_t v4;

	if (n == 8 && !((uintptr_t)to & 7)) {
		memcpy(&v8, from, 8);
		__atomic_store_n((uint64_t *)(void *)to, v8, __ATOMIC_RELEASE);
	} else if (n == 4 && !((uintptr_t)to & 3)) {
		memcpy(&v4, from, 4);
		__atomic_store_n((uint32_t *)(void *)to, v4, __ATOMIC_RELEASE);
	} else {
		memcpy(to, from, n);
	}
}

#endif
