/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memo of the nested dimension, for walks of silicon that is not modelled:
 *	links	for 2M of guest-physical addresses, the nested table in which the leaf lies
 *	pages	for a 4K page that holds a guest table, where it lies in the host
 * A nested walk that finds the page reads nothing, and one that finds the link reads one entry;
 *both count as if all entries had been read.  The memo is no model of anything: modelled silicon
 * has nested_links and a nested TLB instead.
 * Keeps: it holds only what a nested TLB may hold.  Whoever takes something from a nested table
 * flushes (silicon_drop_nested()), and that drops all of the memo.
 */
#ifndef VMMU_SILICON_MEMO_H
#define VMMU_SILICON_MEMO_H

#include <vmmu/hw.h>

#define MEMO_SHIFT 21
#define MEMO_LINKS 256u /* 512M of addresses */
#define MEMO_PAGES 512u /* guest tables */

struct memo_link {
	uint64_t tag;	/* first address | generation */
	uint64_t table; /* hpa of the table with the leaf | its level | how many links lead there */
	uint64_t acc;	/* what these links grant together, as acc_of() */
};

#define MEMO_LEVEL(e) ((unsigned)(e)->table & 15)
#define MEMO_REFS(e) ((unsigned)(e)->table >> 4 & 15)
#define MEMO_TABLE(e) ((e)->table & ~(uint64_t)(VMMU_PAGE_SIZE - 1))

/* An access to a guest table in this page succeeds, and has no A or D bit to set. */
struct memo_page {
	uint64_t tag; /* gpa of the page | generation */
	uint64_t hpa; /* | how many entries a walk reads */
};

struct memo {
	uint64_t generation; /* 1 to 4095: entries that are all zero have none */
	struct memo_link link[MEMO_LINKS];
	struct memo_page page[MEMO_PAGES];
};

static inline struct memo_link *memo_link(struct memo *m, uint64_t gpa)
{
	return &m->link[gpa >> MEMO_SHIFT & (MEMO_LINKS - 1)];
}

static inline uint64_t memo_link_tag(const struct memo *m, uint64_t gpa)
{
	return gpa >> MEMO_SHIFT << MEMO_SHIFT | m->generation;
}

static inline struct memo_page *memo_page(struct memo *m, uint64_t gpa)
{
	return &m->page[gpa >> VMMU_PAGE_SHIFT & (MEMO_PAGES - 1)];
}

static inline uint64_t memo_page_tag(const struct memo *m, uint64_t gpa)
{
	return gpa >> VMMU_PAGE_SHIFT << VMMU_PAGE_SHIFT | m->generation;
}

#endif
