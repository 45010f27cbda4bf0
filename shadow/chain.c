/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains: sets of places of entries.
 * Not here: whose chain it is: a page's of guest memory (rmap.c), a shadow page's parents (page.c).
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

void chain_clear(struct shadow_vm *s, struct chain *c)
{
	struct node *n, *next;

	for (n = nodes(c); n; n = next) {
		next = n->next;
		vmmu_be_free(s->vm, n, sizeof(*n));
	}
	c->head = 0;
}
