/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uthash as shadow/ uses it.  Keys are whole 64-bit words, memory comes from the VM's allocator,
 * and the process goes on if there is none.
 *
 * The macros that add an element need two local variables: `hash_vm`, the VM whose memory is used,
 * and `hash_full`, which they set if the element was not added.  Those that delete one need
 * `hash_vm`.
 */
#ifndef VMMU_SHADOW_HASH_H
#define VMMU_SHADOW_HASH_H

#include <stdint.h>
#include <string.h>

#include <vmmu/backend.h>

/* A product that is folded, because gfns of a guest differ in a few low bits only. */
static inline unsigned hash_words(const void *key, size_t bytes)
{
	uint64_t h = 0, word;
	size_t i;

	for (i = 0; i < bytes; i += sizeof(word)) {
		memcpy(&word, (const char *)key + i, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return (unsigned)h;
}

static inline int hash_differs(const void *a, const void *b, size_t bytes)
{
	uint64_t x, y;
	size_t i;

	for (i = 0; i < bytes; i += sizeof(x)) {
		memcpy(&x, (const char *)a + i, sizeof(x));
		memcpy(&y, (const char *)b + i, sizeof(y));
		if (x != y)
			return 1;
	}
	return 0;
}

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = hash_words(keyptr, keylen))
#define HASH_KEYCMP(a, b, n) hash_differs(a, b, n)
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) (hash_full = 1)
#define uthash_malloc(bytes) vmmu_be_alloc(hash_vm, bytes)
#define uthash_free(p, bytes) vmmu_be_free(hash_vm, p, bytes)

#include <uthash.h>

/* Chains are kept short: a cache miss for each element costs more than a larger table. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 6U

#endif
