/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reverse maps: from a page of guest memory to every leaf that maps it.
 * Not here: the links to a shadow page, which are a chain in the page itself.
 * Keeps: a leaf of a shadow page is in the chain of its gpa and level, once, before
 * silicon can see it, and until it cannot.
 *
 * A chain holds one place in itself, more in nodes of six; a page is mapped once, mostly:
 *
 *	chain  0                 nobody
 *	chain  where             one
 *	chain  node|1 -> [nr 2: a b - - - -] -> [nr 6: c d e f g h] -> 0
 *
 * Only the first node has room.
 */
#include "shadow_priv.h"

#define NODE_PLACES 6u
#define IN_NODES ((uintptr_t)1)

struct node {
	struct node *next;
	uint64_t nr;
	where_t where[NODE_PLACES];
};

static struct node *nodes(const struct chain *c)
{
	return c->head & IN_NODES ? (struct node *)(c->head & ~IN_NODES) : NULL;
}

static int push_node(struct shadow_vm *s, struct chain *c, struct node *next)
{
	struct node *n = vmmu_be_alloc(s->vm, sizeof(*n));

	if (!n)
		return -1;
	n->next = next;
	c->head = (uintptr_t)n | IN_NODES;
	return 0;
}

int chain_add(struct shadow_vm *s, struct chain *c, where_t where)
{
	struct node *n = nodes(c);
	where_t only = c->head;

	if (!c->head) {
		c->head = (uintptr_t)where;
		return 0;
	}
	if ((!n || n->nr == NODE_PLACES) && push_node(s, c, n))
		return -1;
	if (!n)
		nodes(c)->where[nodes(c)->nr++] = only;
	n = nodes(c);
	n->where[n->nr++] = where;
	return 0;
}

/* The first node's last place goes; with its last but one, the node. */
static void pop(struct shadow_vm *s, struct chain *c)
{
	struct node *n = nodes(c);

	n->nr--;
	if (!n->nr) {
		c->head = (uintptr_t)n->next | IN_NODES;
		vmmu_be_free(s->vm, n, sizeof(*n));
	} else if (n->nr == 1 && !n->next) {
		c->head = (uintptr_t)n->where[0];
		vmmu_be_free(s->vm, n, sizeof(*n));
	}
}

void chain_remove(struct shadow_vm *s, struct chain *c, where_t where)
{
	struct node *first = nodes(c), *n;
	uint64_t i;

	if (c->head == where) {
		c->head = 0;
		return;
	}
	for (n = first; n; n = n->next) {
		for (i = 0; i < n->nr && n->where[i] != where; i++)
			;
		if (i == n->nr)
			continue;
		n->where[i] = first->where[first->nr - 1];
		pop(s, c);
		return;
	}
}

where_t chain_first(const struct chain *c)
{
	struct node *n = nodes(c);

	return n ? n->where[n->nr - 1] : c->head;
}

uint64_t chain_each(const struct chain *c, place_fn *fn, struct shadow_vm *s, const void *arg)
{
	const struct node *n = nodes(c);
	uint64_t nr = 0, i;

	if (!n)
		return c->head ? fn(s, c->head, arg) : 0;
	for (; n; n = n->next)
		for (i = 0; i < n->nr; i++)
			nr += fn(s, n->where[i], arg);
	return nr;
}

/* ---- chains by page ------------------------------------------------------------- */

static unsigned level_shift(unsigned level)
{
	return VMMU_PAGE_SHIFT + 9 * (level - 1);
}

/* Blocks are told apart by what is above their 512 pages, and by level. */
static uint64_t block_key(uint64_t gpa, unsigned level)
{
	return gpa >> (level_shift(level) + 9) << 2 | level;
}

static struct rmap_block *find_block(struct shadow_vm *s, uint64_t key)
{
	struct rmap_block *b = s->last_rmap;

	if (b && b->key == key)
		return b;
	HASH_FIND(hh, s->rmaps, &key, sizeof(key), b);
	if (b)
		s->last_rmap = b;
	return b;
}

static struct chain *chain_in(struct rmap_block *b, uint64_t gpa, unsigned level)
{
	return &b->chain[gpa >> level_shift(level) & (TABLE_ENTRIES - 1)];
}

struct chain *rmap_of(struct shadow_vm *s, uint64_t gpa, unsigned level)
{
	struct rmap_block *b = find_block(s, block_key(gpa, level));

	return b ? chain_in(b, gpa, level) : NULL;
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
	uint64_t key = block_key(gpa, level);
	struct rmap_block *b = find_block(s, key);

	if (!b)
		b = make_block(s, key);
	return b ? chain_add(s, chain_in(b, gpa, level), where) : -1;
}

void rmap_remove(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where)
{
	chain_remove(s, rmap_of(s, gpa, level), where);
}

static void chain_clear(struct shadow_vm *s, struct chain *c)
{
	struct node *n, *next;

	for (n = nodes(c); n; n = next) {
		next = n->next;
		vmmu_be_free(s->vm, n, sizeof(*n));
	}
	c->head = 0;
}

void rmap_forget(struct shadow_vm *s)
{
	struct rmap_block *b, *next;
	unsigned i;

	HASH_ITER(hh, s->rmaps, b, next)
	{
		for (i = 0; i < TABLE_ENTRIES; i++)
			chain_clear(s, &b->chain[i]);
	}
}

/* Blocks stay until the end: a guest's memory comes back to the same addresses. */
void rmap_fini(struct shadow_vm *s)
{
	struct vmmu *hash_vm = s->vm;
	struct rmap_block *b, *next;

	HASH_ITER(hh, s->rmaps, b, next)
	{
		HASH_DEL(s->rmaps, b);
		vmmu_be_free(s->vm, b, sizeof(*b));
	}
	s->last_rmap = NULL;
}

/* ---- changing what maps a range --------------------------------------------------- */

static uint64_t zap_chain(struct shadow_vm *s, struct chain *c)
{
	uint64_t nr = 0;
	unsigned index;
	where_t where;

	while ((where = chain_first(c))) {
		struct spage *sp = page_at(s, where, &index);

		nr += (uint64_t)drop_entry(s, sp, index);
	}
	return nr;
}

static uint64_t wrprot_place(struct shadow_vm *s, where_t where, const void *unused)
{
	unsigned index;
	struct spage *sp = page_at(s, where, &index);

	(void)unused;
	return (uint64_t)vmmu_table_wrprot(sp->table, index);
}

static uint64_t age_place(struct shadow_vm *s, where_t where, const void *how)
{
	unsigned index;
	struct spage *sp = page_at(s, where, &index);

	return (uint64_t)vmmu_table_age(sp->table, index,
					*(const enum vmmu_change *)how == VMMU_CHANGE_AGE);
}

static uint64_t change_chain(struct shadow_vm *s, struct chain *c, unsigned level,
			     enum vmmu_change how)
{
	switch (how) {
	case VMMU_CHANGE_AGE:
	case VMMU_CHANGE_YOUNG:
		return chain_each(c, age_place, s, &how);
	case VMMU_CHANGE_WRPROT:
		/* A large leaf goes whole: small ones come back as they are used. */
		return level == 1 ? chain_each(c, wrprot_place, s, NULL) : zap_chain(s, c);
	default:
		return zap_chain(s, c);
	}
}

/* The part of [gpa, last] that lies in one block. */
static uint64_t change_block(struct shadow_vm *s, struct rmap_block *b, uint64_t gpa, uint64_t last,
			     enum vmmu_change how)
{
	unsigned level = b->key & 3, shift = level_shift(level);
	uint64_t lo = b->key >> 2 << (shift + 9), hi = lo | ((1ull << (shift + 9)) - 1), nr = 0;

	if (hi < gpa || lo > last)
		return 0;
	lo = lo > gpa ? lo : gpa;
	hi = hi < last ? hi : last;
	for (lo >>= shift; lo <= hi >> shift; lo++)
		nr += change_chain(s, &b->chain[lo & (TABLE_ENTRIES - 1)], level, how);
	return nr;
}

static uint64_t change_all_blocks(struct shadow_vm *s, uint64_t gpa, uint64_t last,
				  enum vmmu_change how)
{
	struct rmap_block *b, *next;
	uint64_t nr = 0;

	HASH_ITER(hh, s->rmaps, b, next)
	{
		nr += change_block(s, b, gpa, last, how);
	}
	return nr;
}

uint64_t rmap_change(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t last = gpa + len - 1, nr = 0, key;
	struct rmap_block *b;
	unsigned level;

	/* The blocks of a range are found one by one, unless there are more than exist at all. */
	if ((last - gpa) >> (level_shift(1) + 9) >= HASH_COUNT(s->rmaps))
		return change_all_blocks(s, gpa, last, how);
	for (level = 1; level <= 3; level++) {
		for (key = block_key(gpa, level); key <= block_key(last, level); key += 4) {
			b = find_block(s, key);
			if (b)
				nr += change_block(s, b, gpa, last, how);
		}
	}
	return nr;
}

/* What leaves of one level map of the pages. */
static uint64_t protect_level(struct shadow_vm *s, unsigned level, uint64_t gpa,
			      const uint64_t *pages, uint64_t nr)
{
	uint64_t leaf = (1ull << level_shift(level)) - 1, block = leaf << 9 | leaf;
	uint64_t n = vmmu_be_next_page(pages, 0, nr), changed = 0, at, end;

	while (n < nr) {
		struct rmap_block *b;

		at = gpa + (n << VMMU_PAGE_SHIFT);
		b = find_block(s, block_key(at, level));
		end = (((at | block) - gpa) >> VMMU_PAGE_SHIFT) + 1;
		if (!b)
			n = vmmu_be_next_page(pages, end, nr);
		while (n < end && n < nr) {
			at = gpa + (n << VMMU_PAGE_SHIFT);
			changed +=
				change_chain(s, chain_in(b, at, level), level, VMMU_CHANGE_WRPROT);
			/* The first page behind the leaf. */
			n = vmmu_be_next_page(pages, (((at | leaf) - gpa) >> VMMU_PAGE_SHIFT) + 1,
					      nr);
		}
	}
	return changed;
}

uint64_t rmap_protect_pages(struct shadow_vm *s, uint64_t gpa, const uint64_t *pages, uint64_t nr)
{
	uint64_t changed = 0;
	unsigned level;

	for (level = 1; level <= 3; level++)
		changed += protect_level(s, level, gpa, pages, nr);
	return changed;
}
