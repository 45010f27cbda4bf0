/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiler and byte-order helpers of the library; the one place for extensions. */
#ifndef VMMU_LIB_UTIL_H
#define VMMU_LIB_UTIL_H

#include <assert.h>

#include <vmmu/hw.h>

#define PAGE_MASK (~(uint64_t)(VMMU_PAGE_SIZE - 1))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))
#define never_inline __attribute__((__noinline__))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Keeps the compiler from taking a sum apart again. */
#define hide(v) __asm__("" : "+r"(v))

/* Table entries are little-endian in memory, whatever the machine. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define le64(x) __builtin_bswap64(x)
#define le32(x) __builtin_bswap32(x)
#else
#define le64(x) ((uint64_t)(x))
#define le32(x) ((uint32_t)(x))
#endif

/*
 * An index that the library has computed, which lies below n.  Builds with assertions check it:
 * tests are such builds, and in a release it costs nothing.
 */
static always_inline uint64_t bounded(uint64_t i, uint64_t n)
{
	assert(i < n);
	(void)n;
	return i;
}

static inline int one_bit(uint64_t mask)
{
	return !(mask & (mask - 1));
}

typedef uint8_t byte16 __attribute__((vector_size(16)));
typedef uint64_t word2 __attribute__((vector_size(16)));

/* Whether one of 16 aligned bytes is this. */
static always_inline int has_byte(const uint8_t *bytes, uint8_t b)
{
	word2 same = (word2)(*(const byte16 *)(const void *)bytes == b);

	return (same[0] | same[1]) != 0;
}

static inline uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A base of NULL is one, too: host addresses are the host's pointers then, as numbers. */
static always_inline void *at_hpa(const void *base, uint64_t hpa)
{
	return (void *)((uintptr_t)base + (uintptr_t)hpa);
}

static always_inline uint64_t hpa_of(const void *base, const void *p)
{
	return (uintptr_t)p - (uintptr_t)base;
}

/* An entry in memory; 4 or 8 bytes, aligned.  Read once, decide on the copy. */
static always_inline uint64_t entry_load(const void *p, unsigned bytes)
{
	if (bytes == 4)
		return le32(__atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED));
	return le64(__atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED));
}

/* Into a table that nothing leads to yet. */
static always_inline void entry_store(void *p, unsigned bytes, uint64_t value)
{
	if (bytes == 4)
		__atomic_store_n((uint32_t *)p, le32((uint32_t)value), __ATOMIC_RELAXED);
	else
		__atomic_store_n((uint64_t *)p, le64(value), __ATOMIC_RELAXED);
}

/* Full ordering: an entry set here may publish a table filled before. */
static inline int entry_cmpxchg(void *p, unsigned bytes, uint64_t old, uint64_t new_value)
{
	if (bytes == 4) {
		uint32_t o = le32((uint32_t)old);

		return __atomic_compare_exchange_n((uint32_t *)p, &o, le32((uint32_t)new_value), 0,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	old = le64(old);
	return __atomic_compare_exchange_n((uint64_t *)p, &old, le64(new_value), 0,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

#endif
