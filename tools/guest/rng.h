/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudo-random numbers, the same on every machine.
 * Not for secrets.
 * Invariant: the sequence depends on the seed alone.
 */
#ifndef TOOLS_GUEST_RNG_H
#define TOOLS_GUEST_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_mix(uint64_t x)
{
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

/* A counter with an odd step, mixed: the period is 2^64. */
static inline uint64_t rng_next(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15ull;
	return rng_mix(r->state);
}

/* Returns a number from 0 to n - 1, the upper half of a product.  n > 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (uint64_t)((unsigned __int128)rng_next(r) * n >> 64);
}

#endif
