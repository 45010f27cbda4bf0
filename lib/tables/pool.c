/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table pages: where they come from, and when they may go.
 * Not here: what is in them (entry.c, build.c).
 * Keeps: a retired table is neither reused nor freed while a vCPU that has not
 * acknowledged the flush which took it away is inside a walk.
 *
 * Pages come in chunks of 64 that are aligned to their size; the first page
 * of a chunk holds the descriptors of the others, so a descriptor is found
 * from any address in its page.
 *
 *	chunk: | header, 63 descriptors | table 1 | table 2 | ... | table 63 |
 */
#include <string.h>

#include "tables.h"

struct chunk {
	union {
		SLIST_ENTRY(chunk) next; /* in the place of [0], which would be this page */
		struct vmmu_table table[CHUNK_PAGES];
	};
};

#define GPAS_BYTES (TABLE_MOST * sizeof(uint64_t))

_Static_assert(sizeof(struct chunk) == VMMU_PAGE_SIZE, "a chunk's header is one page");

void pool_init(struct pool *p, uint64_t max)
{
	SLIST_INIT(&p->chunks);
	LIST_INIT(&p->readers);
	TAILQ_INIT(&p->free);
	TAILQ_INIT(&p->used);
	TAILQ_INIT(&p->retired);
	p->max = max ? max : ~0ull;
}

void pool_add_reader(struct pool *p, struct reader *r)
{
	LIST_INSERT_HEAD(&p->readers, r, next);
}

void pool_remove_reader(struct reader *r)
{
	LIST_REMOVE(r, next);
}

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_BYTES - 1));
}

uint64_t table_hpa(const struct vmmu *vm, struct vmmu_table *t)
{
	return vm_hpa(vm, table_entries(t));
}

struct vmmu_table *table_at(const struct vmmu *vm, uint64_t hpa)
{
	uint8_t *p = vm_pointer(vm, hpa);
	struct chunk *c = chunk_of(p);

	return &c->table[(size_t)(p - (uint8_t *)c) / VMMU_PAGE_SIZE];
}

static int add_chunk(struct vmmu *vm)
{
	struct core *core = core_of(vm);
	struct chunk *c = core_raw_alloc(core, CHUNK_BYTES, CHUNK_BYTES);
	struct pool *pool = pool_of(vm);
	uint64_t last;
	unsigned i;

	if (!c)
		return -1;
	last = vm_hpa(vm, c) + CHUNK_BYTES - 1;
	if ((uint8_t *)c < core->base || last >> core->cfg.host_maxphyaddr) {
		core_raw_free(core, c, CHUNK_BYTES);
		return -1;
	}
	/* Its pages count as tables while in use. */
	core_meta_add(core, VMMU_PAGE_SIZE);
	SLIST_INSERT_HEAD(&pool->chunks, c, next);
	for (i = 1; i < CHUNK_PAGES; i++)
		TAILQ_INSERT_TAIL(&pool->free, &c->table[i], link);
	return 0;
}

/* Clears what the last user of the page left, which is little most of the time. */
static void clear(struct vmmu_table *t)
{
	char *entries = table_entries(t);

	for (; t->used; t->used &= t->used - 1)
		memset(entries + (size_t)__builtin_ctzll(t->used) * TABLE_BLOCK, 0, TABLE_BLOCK);
}

struct vmmu_table *table_new(const struct vmmu_pt *pt, unsigned level)
{
	struct vmmu *vm = pt->vm;
	struct pool *p = pool_of(vm);
	struct vmmu_table *t;

	if (p->nr >= p->max)
		table_reap(vm);
	if (p->nr >= p->max || (TAILQ_EMPTY(&p->free) && add_chunk(vm)))
		return NULL;
	t = TAILQ_FIRST(&p->free);
	TAILQ_REMOVE(&p->free, t, link);
	TAILQ_INSERT_TAIL(&p->used, t, link);
	clear(t);
	t->pt = pt;
	t->level = (uint8_t)level;
	p->nr++;
	p->peak = max64(p->nr, p->peak);
	event(vm, NULL, VMMU_EV_TABLE_ALLOC, table_hpa(vm, t), level);
	return t;
}

static void table_free(struct vmmu *vm, struct vmmu_table *t)
{
	struct pool *p = pool_of(vm);

	TAILQ_REMOVE(&p->retired, t, link);
	core_free(core_of(vm), t->gpas, GPAS_BYTES);
	event(vm, NULL, VMMU_EV_TABLE_FREE, table_hpa(vm, t), t->level);
	t->gpas = NULL;
	t->level = t->mark = 0;
	t->live = 0;
	TAILQ_INSERT_HEAD(&p->free, t, link);
	p->nr--;
}

void table_retire(struct vmmu *vm, struct vmmu_table *t)
{
	struct pool *p = pool_of(vm);

	TAILQ_REMOVE(&p->used, t, link);
	t->parent = NULL;
	t->generation = ++p->generation;
	TAILQ_INSERT_TAIL(&p->retired, t, link);
}

void table_reap(struct vmmu *vm)
{
	struct pool *p = pool_of(vm);
	const struct reader *r;
	struct vmmu_table *t;
	uint64_t seen = ~0ull;

	/* A vCPU outside a walk reads no table before it looks at its flushes. */
	LIST_FOREACH (r, &p->readers, next)
		if (r->in_walk)
			seen = min64(seen, r->seen);
	while ((t = TAILQ_FIRST(&p->retired)) && t->generation <= seen)
		table_free(vm, t);
}

int table_gpas(struct vmmu *vm, struct vmmu_table *t)
{
	if (!t->gpas)
		t->gpas = core_alloc(core_of(vm), GPAS_BYTES, sizeof(uint64_t));
	return t->gpas ? 0 : -1;
}

uint8_t *vmmu_table_mark(struct vmmu_table *table)
{
	return &table->mark;
}

/* Every page is in exactly one list, and the count is right. */
int pool_check(struct vmmu *vm)
{
	const struct pool *p = pool_of(vm);
	struct vmmu_table *t;
	uint64_t nr = 0;

	TAILQ_FOREACH (t, &p->used, link) {
		nr++;
		if (!t->level)
			return vmmu_be_broken(vm, "table at hpa 0x%llx is in use and free",
					      (unsigned long long)table_hpa(vm, t));
	}
	TAILQ_FOREACH (t, &p->retired, link)
		nr++;
	if (nr != p->nr)
		return vmmu_be_broken(vm, "%llu tables counted, %llu in lists",
				      (unsigned long long)p->nr, (unsigned long long)nr);
	if (nr > p->max)
		return vmmu_be_broken(vm, "%llu tables, the cap is %llu", (unsigned long long)nr,
				      (unsigned long long)p->max);
	return VMMU_OK;
}

void pool_fini(struct vmmu *vm)
{
	struct core *core = core_of(vm);
	struct pool *p = pool_of(vm);
	struct chunk *c;

	table_reap(vm);
	while ((c = SLIST_FIRST(&p->chunks))) {
		SLIST_REMOVE_HEAD(&p->chunks, next);
		core->meta -= VMMU_PAGE_SIZE;
		core_raw_free(core, c, CHUNK_BYTES);
	}
}
