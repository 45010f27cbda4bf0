/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one vCPU's silicon holds, told entry by entry to who wants to see it.
 * Not here: looking up, which ages entries (lookup.c).
 * Keeps: telling changes nothing.
 */
#include "silicon.h"

struct teller {
	vmmu_cached_fn *fn;
	void *ctx;
	struct vmmu_cached e; /* where the entry is */
};

static void tell(struct teller *t, const struct cache_entry *c)
{
	struct vmmu_cached e = t->e;
	int links = e.in == VMMU_IN_LINKS || e.in == VMMU_IN_NESTED_LINKS;
	int nested = e.in == VMMU_IN_NESTED_LINKS || e.in == VMMU_IN_NESTED_TLB;

	e.shift = (uint8_t)cache_shift(c->key);
	e.level = (uint8_t)(links ? info_byte(c->info, INFO_LEVEL) : 0);
	/* Of a link the rights are in `acc`, undecoded: what is below decides. */
	e.rights = links ? VMMU_RWXU : nested ? c->nrights : c->rights;
	e.global = (c->key & CACHE_GLOBAL) != 0;
	e.asid = (uint16_t)((uint32_t)c->key >> 12);
	e.pcid = (uint16_t)(c->key & 0xfff);
	e.ia = c->page << e.shift;
	e.oa = c->out;
	e.gpa = nested ? e.ia : c->gpa;
	t->fn(t->ctx, &e);
}

static void tell_all(struct teller *t, const struct cache *c)
{
	uint32_t i;

	for (i = 0; c->entry && i < cache_entries(c); i++)
		if (c->entry[i].key)
			tell(t, &c->entry[i]);
}

void silicon_each(const struct silicon *s, vmmu_cached_fn *fn, void *ctx)
{
	struct teller t = { .fn = fn, .ctx = ctx };
	unsigned i;

	for (i = 0; i < s->model->nr_tlbs; i++) {
		t.e = (struct vmmu_cached){ .in = VMMU_IN_TLB, .number = (uint8_t)i };
		tell_all(&t, &s->tlb[i]);
	}
	t.e = (struct vmmu_cached){ .in = VMMU_IN_LINKS };
	for (i = 0; i < VMMU_LEVELS; i++)
		tell_all(&t, &s->caches.link[0][i]);
	t.e = (struct vmmu_cached){ .in = VMMU_IN_NESTED_LINKS };
	for (i = 0; i < VMMU_LEVELS; i++)
		tell_all(&t, &s->caches.link[1][i]);
	t.e = (struct vmmu_cached){ .in = VMMU_IN_NESTED_TLB };
	tell_all(&t, &s->caches.nested);
}
