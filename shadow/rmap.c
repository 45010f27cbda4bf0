/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reverse maps: from a page of guest memory to every leaf that maps it.
 * Not here: the links to a shadow page, which are a chain in the page itself; what is done to
 * all leaves of a range (change.c).
 * Keeps: a leaf of a shadow page is in the chain of its gpa and level, once, before
 * silicon can see it, and until it cannot.
 */
#include "shadow_priv.h"

/* Blocks are told apart by what is above their 512 pages, and by level. */
uint64_t rmap_key(uint64_t gpa, unsigned level)
{
	return gpa >> (level_shift(level) + TABLE_SHIFT) << 2 | level;
}

struct rmap_block *rmap_block(struct shadow_vm *s, uint64_t key)
{
	struct rmap_block *b = s->last_rmap;

	if (b && b->key == key)
		return b;
	HASH_FIND(hh, s->rmaps, &key, sizeof(key), b);
	if (b)
		s->last_rmap = b;
	return b;
}

struct chain *rmap_chain(struct rmap_block *b, uint64_t gpa, unsigned level)
{
	return &b->chain[gpa >> level_shift(level) & (TABLE_ENTRIES - 1)];
}

struct chain *rmap_of(struct shadow_vm *s, uint64_t gpa, unsigned level)
{
	struct rmap_block *b = rmap_block(s, rmap_key(gpa, level));

	return b ? rmap_chain(b, gpa, level) : NULL;
}

static struct rmap_block *make_block(struct shadow_vm *s, uint64_t key)
{
	struct vmmu *hash_vm = s->vm;
	struct rmap_block *b = vmmu_be_alloc(s->vm, sizeof(*b));
	int hash_full = 0;

	if (!b)
		return NULL;
	b->key = key;
	HASH_ADD(hh, s->rmaps, key, sizeof(b->key), b);
	if (!hash_full)
		return b;
	vmmu_be_free(s->vm, b, sizeof(*b));
	return NULL;
}

int rmap_add(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where)
{
	uint64_t key = rmap_key(gpa, level);
	struct rmap_block *b = rmap_block(s, key);

	if (!b)
		b = make_block(s, key);
	return b ? chain_add(s, rmap_chain(b, gpa, level), where) : -1;
}

void rmap_remove(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where)
{
	chain_remove(s, rmap_of(s, gpa, level), where);
}

void rmap_forget(struct shadow_vm *s)
{
	struct rmap_block *b, *next;
	unsigned i;

	HASH_ITER (hh, s->rmaps, b, next) {
		for (i = 0; i < TABLE_ENTRIES; i++)
			chain_clear(s, &b->chain[i]);
	}
}

/* Blocks stay until the end: a guest's memory comes back to the same addresses. */
void rmap_fini(struct shadow_vm *s)
{
	struct vmmu *hash_vm = s->vm;
	struct rmap_block *b, *next;

	HASH_ITER (hh, s->rmaps, b, next) {
		HASH_DEL(s->rmaps, b);
		vmmu_be_free(s->vm, b, sizeof(*b));
	}
	s->last_rmap = NULL;
}
