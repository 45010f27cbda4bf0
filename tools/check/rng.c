/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers, or a fuzzer's bytes in their place.
 * Needs no library: it is built into kernels as well.
 */
#include "world.h"

uint64_t rng_next(struct rng *r)
{
	uint64_t z;

	if (r->left) {
		r->left--;
		/* Each byte, alone, says which of up to 256 it is to be. */
		return (uint64_t)*r->bytes++ << 56 | 0x5aa55aa55aa5;
	}
	z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}
