/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture: page tables in awkward use, in long mode.  A line for each test, of what the
 * architecture promises; where a stale translation may be used (SDM 4.10.4) nothing is read before
 * it is invalidated.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include "probe64.h"

#define WINDOW 0x8000000000ull /* index 1 of the top table: where things are tried */
#define BIG_AT 0x8040000000ull /* 1 GiB of it for large pages */
#define BIG_FRAME 0x1000000ull /* 2 MiB that the kernel is not in */
#define NR_FRAMES 64

/* Memory: a table, empty; the address of a page of data, which is one to one. */
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

/* The entry for va at that level below a top table, or below the one in use; tables on the way are
 * made. */
uint64_t *entry_below(uint64_t *top, uint64_t va, unsigned level);
uint64_t *entry(uint64_t va, unsigned level);
/* A leaf of level 1, and INVLPG. */
void map(uint64_t va, uint64_t e);

/* Prints what became of an access; of a read, what it read. */
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
