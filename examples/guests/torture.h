/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture: page tables in unusual arrangements, in long mode.  Each test prints a line with results
 * that the architecture guarantees.  Where a CPU may use a stale translation (SDM 4.10.4), the test
 * invalidates it before the access.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include "probe64.h"

#define WINDOW 0x8000000000ull /* index 1 of the top table: addresses for the tests */
#define BIG_AT 0x8040000000ull /* 1 GiB of it for large pages */
#define BIG_FRAME 0x1000000ull /* 2 MiB outside the kernel */
#define NR_FRAMES 64

/* An empty table; the address of a page of data, which is mapped one to one. */
uint64_t *new_table(void);
extern uint8_t frames[NR_FRAMES][4096];
static inline uint64_t frame(unsigned n)
{
	return (uint64_t)frames[n];
}

static inline uint64_t *word(uint64_t physical)
{
	return (uint64_t *)physical;
}

/* The entry for va at that level, below a given top table or the current one.  Missing tables are
 * made. */
uint64_t *entry_below(uint64_t *top, uint64_t va, unsigned level);
uint64_t *entry(uint64_t va, unsigned level);
/* Writes a leaf of level 1 and executes INVLPG. */
void map(uint64_t va, uint64_t e);

/* Prints the outcome of an access; tell_read() also prints what was read. */
void tell(const char *what, struct outcome o);
void tell_read(const char *what, uint64_t va);

/* torture_change.c */
void test_aliases(void);
void test_shared_table(void);
void test_recursive(void);
void test_upgrades(void);
void test_downgrades(void);
void test_in_place(void);
void test_odd_stores(void);
void test_recycled(void);
void test_spaces(void);
/* torture_check.c */
void test_sizes(void);
void test_nx(void);
void test_rights(void);
void test_wp(void);
void test_smep_smap(void);
void test_reserved(void);
void test_accessed_dirty(void);
void test_crossing(void);
void test_crossing_code(void);
void test_addresses(void);
void test_device(void);
/* torture_random.c */
void test_soup(void);

#endif
