/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash of shadow pages, from inside: keys whose hashes collide are told apart all the same.
 * Not here: that pages are found by it (test_shadow.c).
 */
#include "hash.h"
#include "t.h"

Test(hash, keys_differ_by_any_of_their_words)
{
	const uint64_t a[3] = { 1, 2, 3 };
	uint64_t b[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		memcpy(b, a, sizeof(b));
		t_eq(hash_differs(a, b, sizeof(b)), 0);
		b[i] ^= 1ull << 63;
		t_eq(hash_differs(a, b, sizeof(b)), 1);
		/* Words past the key are no part of it. */
		t_eq(hash_differs(a, b, 8 * i), 0);
	}
}

Test(hash, every_word_of_a_key_is_hashed)
{
	const uint64_t a[2] = { 1, 2 };
	uint64_t b[2] = { 1, 3 };

	t_true(hash_words(a, sizeof(a)) != hash_words(b, sizeof(b)));
	t_eq(hash_words(a, 8), hash_words(b, 8));
	b[0] = 5;
	t_true(hash_words(a, 8) != hash_words(b, 8));
}
