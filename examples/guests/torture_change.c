/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that are used in unusual ways, and tables that change while they are in use. */
#include "torture.h"

#define RECURSIVE 510ull /* index of the top table's entry that leads to itself */

void test_aliases(void)
{
	map(WINDOW, frame(0) | P | W);
	map(WINDOW + 7 * PAGE, frame(0) | P);
	*entry(BIG_AT, 2) = BIG_FRAME | PS | P | W;
	map(WINDOW + PAGE, (BIG_FRAME + 0x5000) | P | W);
	print("aliases:");
	probe(WRITE, WINDOW + 8, 0x11);
	tell_read("4K/4K", WINDOW + 7 * PAGE + 8);
	probe(WRITE, BIG_AT + 0x5010, 0x22);
	tell_read("2M/4K", WINDOW + PAGE + 0x10);
	probe(WRITE, WINDOW + PAGE + 0x18, 0x33);
	tell_read("4K/2M", BIG_AT + 0x5018);
	tell("store by the read-only one", probe(WRITE, WINDOW + 7 * PAGE, 1));
	print("\n");
}

/* One leaf table below two directory entries, one of them read-only. */
void test_shared_table(void)
{
	uint64_t one = WINDOW + 0x400000, other = WINDOW + 0x600000;
	uint64_t table = (uint64_t)new_table();

	*entry(one, 2) = table | P | W | U;
	*entry(other, 2) = table | P;
	map(one, frame(1) | P | W | U);
	print("shared table:");
	tell("write", probe(WRITE, one, 0x44));
	tell_read("read", other);
	tell("write", probe(WRITE, other, 1));
	tell("user", probe(USER_READ, other, 0));
	tell("user", probe(USER_READ, one, 0));
	word(table)[3] = frame(2) | P | W;
	*word(frame(2)) = 0x55;
	tell_read("new entry by one", one + 3 * PAGE);
	tell_read("and the other", other + 3 * PAGE);
	print("\n");
}

/* The top table is also used as lowest table, so its entries appear as memory at a fixed address.
 */
void test_recursive(void)
{
	uint64_t base = 0xffff000000000000ull | RECURSIVE << 39;
	uint64_t leaf = base | (WINDOW >> 9 & 0x7ffffffff8ull);
	uint64_t top = base | RECURSIVE << 30 | RECURSIVE << 21 | RECURSIVE << 12;

	boot_pml4[RECURSIVE] = (uint64_t)boot_pml4 | P | W;
	map(WINDOW, frame(3) | P | W);
	*word(frame(3)) = 0x66;
	*word(frame(4)) = 0x77;
	print("recursive:");
	print(" top %s",
	      (*word(top + 8 * RECURSIVE) & FRAME) == (uint64_t)boot_pml4 ? "ok" : "bad");
	print(" leaf %s", (*word(leaf) & FRAME) == frame(3) ? "ok" : "bad");
	tell_read("before", WINDOW);
	*word(leaf) = frame(4) | P | W;
	invlpg(WINDOW);
	tell_read("changed through itself", WINDOW);
	*word(leaf) = 0;
	invlpg(WINDOW);
	tell_read("cleared", WINDOW);
	boot_pml4[RECURSIVE] = 0;
	set_cr3(get_cr3());
	tell_read("closed", top);
	print("\n");
}

/* A page fault drops the stale translation (SDM 4.10.4.1), so the second attempt counts. */
static struct outcome twice(enum way way, uint64_t va, uint64_t value)
{
	struct outcome o = probe(way, va, value);

	return o.vector ? probe(way, va, value) : o;
}

void test_upgrades(void)
{
	uint64_t va = WINDOW + 2 * PAGE, *e = entry(va, 1);

	*word(frame(5)) = 0x88;
	map(va, 0);
	print("upgrades:");
	tell_read("absent", va);
	*e = frame(5) | P;
	tell_read("present without invlpg", va);
	tell("write", probe(WRITE, va, 1));
	*e |= W;
	tell("writable without invlpg", twice(WRITE, va, 0x99));
	tell("user", probe(USER_READ, va, 0));
	*e |= U;
	tell("user without invlpg", twice(USER_READ, va, 0));
	print("\n");
}

void test_downgrades(void)
{
	uint64_t va = WINDOW + 3 * PAGE, *e = entry(va, 1);

	map(va, frame(6) | P | W | U);
	print("downgrades:");
	probe(USER_WRITE, va, 0xaa);
	*e &= ~U;
	invlpg(va);
	tell("user", probe(USER_READ, va, 0));
	*e &= ~W;
	set_cr3(get_cr3());
	tell("write", probe(WRITE, va, 1));
	tell_read("read", va);
	*e = 0;
	invlpg(va);
	tell_read("read", va);
	*e = frame(7) | P | W;
	*word(frame(7)) = 0xbb;
	tell_read("another frame", va);
	print("\n");
}

/* A directory entry is changed to another table, to a large page, and back. */
void test_in_place(void)
{
	uint64_t va = WINDOW + 0x800000, *e = entry(va, 2);
	uint64_t *first = new_table(), *second = new_table();

	first[0] = frame(8) | P | W;
	second[0] = frame(9) | P | W;
	*word(frame(8)) = 0xc1;
	*word(frame(9)) = 0xc2;
	*word(BIG_FRAME) = 0xc3;
	*e = (uint64_t)first | P | W;
	print("in place:");
	tell_read("table", va);
	*e = (uint64_t)second | P | W;
	invlpg(va);
	tell_read("another", va);
	*e = BIG_FRAME | PS | P | W;
	invlpg(va);
	tell_read("large", va);
	first[0] = (BIG_FRAME + 0x1000) | P | W;
	*word(BIG_FRAME + 0x1000) = 0xc4;
	*e = (uint64_t)first | P | W;
	invlpg(va);
	tell_read("split", va);
	*e = 0;
	invlpg(va);
	tell_read("gone", va);
	print("\n");
}

/* Stores to a table that are smaller or larger than an entry, or not aligned to one. */
void test_odd_stores(void)
{
	uint64_t va = WINDOW + 0x10 * PAGE, *e = entry(va, 1);
	uint64_t old = frame(16) | P;
	uint32_t i;

	for (i = 0; i < 4; i++) {
		map(va + i * PAGE, frame(16 + i) | P | W);
		*word(frame(16 + i)) = 0xf0 + i;
		probe(READ, va + i * PAGE, 0);
	}
	print("odd stores:");
	((volatile uint8_t *)e)[0] = P;
	invlpg(va);
	tell("one byte", probe(WRITE, va, 1));
	((volatile uint32_t *)e)[0] = (uint32_t)(frame(20) | P | W);
	*word(frame(20)) = 0xf5;
	invlpg(va);
	tell_read("half", va);
	/* The store reaches from the middle of one entry to the middle of the next, and clears P in
	 * both. */
	*(volatile uint64_t *)((uint8_t *)e + 12) = 0;
	((volatile uint8_t *)e)[8] = 0;
	((volatile uint8_t *)e)[16] = 0;
	invlpg(va + PAGE);
	invlpg(va + 2 * PAGE);
	tell_read("across", va + PAGE);
	tell_read("and", va + 2 * PAGE);
	*e = old;
	__atomic_compare_exchange_n(e, &old, frame(21) | P | W, 0, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	*word(frame(21)) = 0xf6;
	invlpg(va);
	tell_read("locked", va);
	memset(e, 0, 4 * sizeof(*e));
	set_cr3(get_cr3());
	tell_read("cleared", va + 3 * PAGE);
	print("\n");
}

/* A frame that was a table is used for data.  Stores to it must not change any mapping. */
void test_recycled(void)
{
	uint64_t va = WINDOW + 0xa00000, *table = new_table();
	uint64_t sum = 0;
	unsigned i;

	*entry(va, 2) = (uint64_t)table | P | W;
	table[0] = frame(23) | P | W;
	*word(frame(23)) = 0x321;
	print("recycled:");
	tell_read("table", va);
	*entry(va, 2) = 0;
	invlpg(va);
	for (i = 0; i < 512; i++)
		table[i] = i * 0x9e3779b97f4a7c15ull;
	for (i = 0; i < 512; i++)
		sum = sum * 31 + table[i];
	tell_read("read", va);
	print(" data %lx", sum);
	map(WINDOW + 0x30 * PAGE, (uint64_t)table | P);
	tell_read("mapped", WINDOW + 0x30 * PAGE + 8);
	print("\n");
}

/* Two address spaces differ in the window.  The one that is not in use is changed. */
void test_spaces(void)
{
	static table_t roots[2];
	uint64_t va = 0x10000000000ull; /* index 2 of the top table, which they do not share */
	unsigned i, round;

	for (i = 0; i < 2; i++) {
		memcpy(roots[i], boot_pml4, sizeof(roots[i]));
		*entry_below(roots[i], va, 1) = frame(24 + i) | P | W;
		*word(frame(24 + i)) = 0x240 + i;
		*word(frame(26 + i)) = 0x260 + i;
	}
	print("spaces:");
	for (round = 0; round < 2; round++)
		for (i = 0; i < 2; i++) {
			set_cr3((unsigned long)roots[i]);
			tell_read(i ? "second" : "first", va);
			*entry_below(roots[!i], va, 1) = frame(26 + !i) | P;
		}
	tell("write", probe(WRITE, va, 1));
	set_cr3((unsigned long)boot_pml4);
	tell_read("neither", va);
	print("\n");
}
