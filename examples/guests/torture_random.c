/* SPDX-License-Identifier: BSD-2-Clause */
/* Random changes of a leaf table that is linked twice.  Each result is compared with what is right.
 */
#include "torture.h"

#define SOUP_PAGES 32
#define SOUP_ROUNDS 6000
#define NO_FAULT (~0u)
#define SOUP 0xa000000000ull

static uint64_t seed = 1;

static unsigned dice(unsigned sides)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % sides;
}

/* The second link to the leaf table is read-only. */
static uint64_t soup_va(unsigned page, unsigned second)
{
	return SOUP + second * 0x200000 + page * PAGE;
}

static void soup_change(uint64_t *table, unsigned page)
{
	static const uint64_t flags[] = { 0, P, P | W, P | U, P | W | U, W | U };

	table[page] = frame(32 + dice(32)) | flags[dice(6)];
	invlpg(soup_va(page, 0));
	invlpg(soup_va(page, 1));
}

/* The error code of the fault, or NO_FAULT.  W and U of the access are bits as in an entry. */
static unsigned soup_error(uint64_t e, unsigned second, enum way way)
{
	unsigned asked =
		(way >= USER_READ ? PF_U : 0) | (way == WRITE || way == USER_WRITE ? PF_W : 0);
	uint64_t rights = second ? e & ~W : e;

	if (!(e & P))
		return asked;
	return (asked & ~rights) ? PF_P | asked : NO_FAULT;
}

void test_soup(void)
{
	static const enum way ways[] = { READ, WRITE, USER_READ, USER_WRITE };
	uint64_t *table = new_table(), sum = 0;
	unsigned i, faults = 0, bad = 0;

	*entry(SOUP, 2) = (uint64_t)table | P | W | U;
	*entry(SOUP + 0x200000, 2) = (uint64_t)table | P | U;
	for (i = 0; i < SOUP_ROUNDS; i++) {
		unsigned page = dice(SOUP_PAGES), second = dice(2), expect;
		enum way way = ways[dice(4)];
		struct outcome o;

		if (!dice(3))
			soup_change(table, page);
		expect = soup_error(table[page], second, way);
		o = probe(way, soup_va(page, second), i);
		bad += o.vector ? o.error != expect : expect != NO_FAULT;
		if (!o.vector)
			bad += *word(table[page] & FRAME) !=
			       (way == READ || way == USER_READ ? o.value : i);
		faults += !!o.vector;
		sum = sum * 31 + o.value + o.error + o.vector;
	}
	print("random: %u accesses, %u faults, %u wrong, checksum %lx\n", i, faults, bad, sum);
}
