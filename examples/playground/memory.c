/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for a guest where there is a kernel with mmap(). */
#include <string.h>
#include <sys/mman.h>

#include "world.h"

#define ALIGN (2ull << 20)

uint8_t *memory_get(uint64_t bytes)
{
	uint8_t *p = mmap(NULL, bytes + ALIGN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	return p + (-(uintptr_t)p & (ALIGN - 1));
}

void memory_clear(uint8_t *at, uint64_t bytes)
{
	/* New pages in their place cost nothing until they are used. */
	if (mmap(at, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		memset(at, 0, bytes);
}
