/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table pages: where they come from, and when they may go.
 * Not here: what is in them (pt.c).
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

#include "../priv.h"

struct chunk {
	union {
		SLIST_ENTRY(chunk) next; /* in the place of [0], which would be this page */
		struct vmmu_table table[CHUNK_PAGES];
	};
};

_Static_assert(sizeof(struct chunk) == VMMU_PAGE_SIZE, "a chunk's header is one page");

void pool_init(struct vmmu *vm)
{
	SLIST_INIT(&vm->pool.chunks);
	TAILQ_INIT(&vm->pool.free);
	TAILQ_INIT(&vm->pool.used);
	TAILQ_INIT(&vm->pool.retired);
	vm->pool.max = vm->cfg.max_tables ? vm->cfg.max_tables : ~0ull;
}

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_BYTES - 1));
}

uint64_t table_hpa(const struct vmmu *vm, struct vmmu_table *t)
{
	return hpa_of(vm->base, table_entries(t));
}

struct vmmu_table *table_at(const struct vmmu *vm, uint64_t hpa)
{
	uint8_t *p = at_hpa(vm->base, hpa);
	struct chunk *c = chunk_of(p);

	return &c->table[(size_t)(p - (uint8_t *)c) / VMMU_PAGE_SIZE];
}

static int add_chunk(struct vmmu *vm)
{
	struct chunk *c = raw_alloc(vm, CHUNK_BYTES, CHUNK_BYTES);
	uint64_t last;
	unsigned i;

	if (!c)
		return -1;
	last = hpa_of(vm->base, c) + CHUNK_BYTES - 1;
	if ((uint8_t *)c < vm->base || last >> vm->cfg.host_maxphyaddr) {
		raw_free(vm, c, CHUNK_BYTES);
		return -1;
	}
	/* Its pages count as tables while in use. */
	meta_add(vm, VMMU_PAGE_SIZE);
	SLIST_INSERT_HEAD(&vm->pool.chunks, c, next);
	for (i = 1; i < CHUNK_PAGES; i++)
		TAILQ_INSERT_TAIL(&vm->pool.free, &c->table[i], link);
	return 0;
}

/* What a table's last user left: little, most often. */
static void clear(struct vmmu_table *t)
{
	char *entries = table_entries(t);

	for (; t->used; t->used &= t->used - 1)
		memset(entries + (size_t)__builtin_ctzll(t->used) * TABLE_BLOCK, 0, TABLE_BLOCK);
}

struct vmmu_table *table_new(const struct vmmu_pt *pt, unsigned level)
{
	struct vmmu *vm = pt->vm;
	struct pool *p = &vm->pool;
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
	TAILQ_REMOVE(&vm->pool.retired, t, link);
	vm_free(vm, t->gpas, BLOCK_PAGES * sizeof(uint64_t));
	event(vm, NULL, VMMU_EV_TABLE_FREE, table_hpa(vm, t), t->level);
	t->gpas = NULL;
	t->level = t->mark = 0;
	t->live = 0;
	TAILQ_INSERT_HEAD(&vm->pool.free, t, link);
	vm->pool.nr--;
}

void table_retire(struct vmmu *vm, struct vmmu_table *t)
{
	TAILQ_REMOVE(&vm->pool.used, t, link);
	t->parent = NULL;
	t->generation = ++vm->generation;
	TAILQ_INSERT_TAIL(&vm->pool.retired, t, link);
}

void table_reap(struct vmmu *vm)
{
	struct vmmu_table *t;
	uint64_t seen = ~0ull;
	unsigned i;

	/* A vCPU outside a walk reads no table before it looks at its flushes. */
	for (i = 0; i < vm->cfg.nr_cpus; i++)
		if (vm->cpu[i] && vm->cpu[i]->in_walk)
			seen = min64(seen, vm->cpu[i]->seen);
	while ((t = TAILQ_FIRST(&vm->pool.retired)) && t->generation <= seen)
		table_free(vm, t);
}

int table_gpas(struct vmmu *vm, struct vmmu_table *t)
{
	if (!t->gpas)
		t->gpas = vm_alloc(vm, BLOCK_PAGES * sizeof(uint64_t), sizeof(uint64_t));
	return t->gpas ? 0 : -1;
}

uint8_t *vmmu_table_mark(struct vmmu_table *table)
{
	return &table->mark;
}

/* Every page is in exactly one list, and the count is right. */
int pool_check(struct vmmu *vm)
{
	struct vmmu_table *t;
	uint64_t nr = 0;

	TAILQ_FOREACH (t, &vm->pool.used, link) {
		nr++;
		if (!t->level)
			return vmmu_be_broken(vm, "table at hpa 0x%llx is in use and free",
					      (unsigned long long)table_hpa(vm, t));
	}
	TAILQ_FOREACH (t, &vm->pool.retired, link)
		nr++;
	if (nr != vm->pool.nr)
		return vmmu_be_broken(vm, "%llu tables counted, %llu in lists",
				      (unsigned long long)vm->pool.nr, (unsigned long long)nr);
	if (nr > vm->pool.max)
		return vmmu_be_broken(vm, "%llu tables, the cap is %llu", (unsigned long long)nr,
				      (unsigned long long)vm->pool.max);
	return VMMU_OK;
}

void pool_fini(struct vmmu *vm)
{
	struct chunk *c;

	table_reap(vm);
	while ((c = SLIST_FIRST(&vm->pool.chunks))) {
		SLIST_REMOVE_HEAD(&vm->pool.chunks, next);
		vm->meta -= VMMU_PAGE_SIZE;
		raw_free(vm, c, CHUNK_BYTES);
	}
}
