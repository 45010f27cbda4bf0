/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door to tables, for the rest of lib/: table pages, and what is done to all of them.
 * What backends build with them is <vmmu/backend.h>.
 */
#ifndef VMMU_TABLES_TABLES_H
#define VMMU_TABLES_TABLES_H

#include <bsd/sys/queue.h>

#include "../core/core.h"

struct vmmu_table {
	TAILQ_ENTRY(vmmu_table) link; /* in use, retired or free */
	const struct vmmu_pt *pt;     /* whose it is */
	union {
		struct vmmu_table *parent; /* NULL: a root, or not linked */
		void *owner;		   /* VMMU_PT_SHARED: the backend's */
	};
	uint64_t *gpas;	     /* VMMU_PT_GPAS, once a leaf is here: gpa | note */
	uint64_t generation; /* retired: the flush that took it away */
	uint64_t used;	     /* a bit for each TABLE_BLOCK bytes that may hold other than 0 */
	uint16_t index;	     /* in the parent */
	uint16_t live;	     /* entries that are present */
	uint8_t level;	     /* 0: free */
	uint8_t mark;	     /* the backend's */
} __attribute__((aligned(64)));

/* A table's bytes to a bit of `used`. */
#define TABLE_BLOCK (VMMU_PAGE_SIZE / 64)
#define TABLE_MOST 512u /* entries of 8 bytes; a format of 4 has no gpas */

/* Tables and descriptors lie in chunks, aligned to their size: pool.c. */
#define CHUNK_PAGES 64u
#define CHUNK_BYTES (CHUNK_PAGES * VMMU_PAGE_SIZE)

TAILQ_HEAD(table_list, vmmu_table);
struct chunk;

/* A vCPU, as one that may be inside a table: no table is freed under its walk. */
struct reader {
	LIST_ENTRY(reader) next;
	uint64_t seen;	 /* the flush generation acknowledged */
	uint8_t in_walk; /* between the first and last load of a walk */
};

struct pool {
	SLIST_HEAD(, chunk) chunks;
	LIST_HEAD(, reader) readers;
	struct table_list free, used, retired;
	uint64_t nr, peak, max; /* table pages used and retired */
	uint64_t generation;	/* of flushes */
};

static inline struct pool *pool_of(const struct vmmu *vm)
{
	return core_of(vm)->pool;
}

/* ---- pool.c: table pages ---- */
void pool_init(struct pool *p, uint64_t max); /* 0: no cap */
void pool_fini(struct vmmu *vm);
void pool_add_reader(struct pool *p, struct reader *r);
void pool_remove_reader(struct reader *r);
struct vmmu_table *table_new(const struct vmmu_pt *pt, unsigned level); /* NULL: none left */
void table_retire(struct vmmu *vm, struct vmmu_table *t);
void table_reap(struct vmmu *vm); /* frees what no walk can be in */

/* The reader uses no table that was retired before now. */
static inline void reader_enter(struct vmmu *vm, struct reader *r)
{
	struct pool *p = pool_of(vm);

	r->seen = p->generation;
	if (unlikely(!TAILQ_EMPTY(&p->retired)))
		table_reap(vm);
}

static inline void *table_entries(struct vmmu_table *t)
{
	char *chunk = (char *)((uintptr_t)t & ~(uintptr_t)(CHUNK_BYTES - 1));

	return chunk + (size_t)((char *)t - chunk) / sizeof(*t) * VMMU_PAGE_SIZE;
}

uint64_t table_hpa(const struct vmmu *vm, struct vmmu_table *t);
/* The table that contains this hpa.  Only for an hpa that a table of ours holds. */
struct vmmu_table *table_at(const struct vmmu *vm, uint64_t hpa);
int table_gpas(struct vmmu *vm, struct vmmu_table *t); /* makes t->gpas; 0 or -1 */
int pool_check(struct vmmu *vm);

/* ---- evict.c ---- */
/* Unlinks the oldest table of leaves and each upper table that this empties; returns how many. */
uint64_t pt_evict(struct vmmu *vm);

/* ---- check.c ---- */
/* Whether the descriptor of each table in use says the truth of its entries. */
int pt_check_tables(struct vmmu *vm);

#endif
