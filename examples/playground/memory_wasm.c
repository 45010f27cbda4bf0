/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for a guest in WebAssembly: new pages of it are zero, and untouched ones cost nothing. */
#include <string.h>
#include <unistd.h>

#include "world.h"

#define ALIGN (2ull << 20)
#define WASM_PAGE 65536ull

uint8_t *memory_get(uint64_t bytes)
{
	uint64_t size = (bytes + ALIGN + WASM_PAGE - 1) & ~(WASM_PAGE - 1);
	uint8_t *p;

	if (size > INT32_MAX)
		return NULL;
	p = sbrk((intptr_t)size);
	if (p == (void *)-1)
		return NULL;
	return p + (-(uintptr_t)p & (ALIGN - 1));
}

void memory_clear(uint8_t *at, uint64_t bytes)
{
	memset(at, 0, bytes);
}
