/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of torture, its output, and the order of the tests; see torture.h. */
#include "torture.h"

#define USER_AT 0x8080000000ull /* code and stack of ring 3 */
#define NR_TABLES 48

static table_t tables[NR_TABLES];
static unsigned nr_tables;
uint8_t frames[NR_FRAMES][4096] __attribute__((aligned(4096)));

uint64_t *new_table(void)
{
	if (nr_tables == NR_TABLES)
		panic("out of tables");
	return tables[nr_tables++];
}

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(entry & FRAME);
}

static uint64_t *entry_in(uint64_t *table, uint64_t va, unsigned level)
{
	return &table[va >> (3 + 9 * level) & 511];
}

uint64_t *entry_below(uint64_t *top, uint64_t va, unsigned level)
{
	uint64_t *table = top;
	unsigned l;

	for (l = 4; l > level; l--) {
		uint64_t *link = entry_in(table, va, l);

		if (!(*link & P))
			*link = (uint64_t)new_table() | P | W | U;
		table = table_of(*link);
	}
	return entry_in(table, va, level);
}

uint64_t *entry(uint64_t va, unsigned level)
{
	return entry_below(boot_pml4, va, level);
}

void map(uint64_t va, uint64_t e)
{
	*entry(va, 1) = e;
	invlpg(va);
}

void tell(const char *what, struct outcome o)
{
	print(" %s ", what);
	if (o.vector == VECTOR_PF)
		print("#PF(%x)", o.error);
	else if (o.vector)
		print("#%u(%x)", o.vector, o.error);
	else
		print("ok");
}

void tell_read(const char *what, uint64_t va)
{
	struct outcome o = probe(READ, va, 0);

	if (o.vector)
		tell(what, o);
	else
		print(" %s %lx", what, o.value);
}

int main(void);
int main(void)
{
	cpu_setup();
	probe_map_user(map, USER_AT);
	test_aliases();
	test_shared_table();
	test_recursive();
	test_upgrades();
	test_downgrades();
	test_in_place();
	test_odd_stores();
	test_recycled();
	test_spaces();
	test_sizes();
	test_nx();
	test_rights();
	test_wp();
	test_smep_smap();
	test_reserved();
	test_accessed_dirty();
	test_crossing();
	test_crossing_code();
	test_addresses();
	test_device();
	test_soup();
	print("%u tables used\n", nr_tables);
	return 0;
}
