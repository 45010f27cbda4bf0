/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Roots: the shadow pages that a CPU is pointed at.
 * Not here: what a load of CR3 does with them (load.c), making pages.  A root that has no page yet
 * points at an empty table; the fault that follows makes it.
 * Keeps: a shadow page counts the roots that have it.
 */
#include <string.h>

#include "shadow_priv.h"

int root_key(const struct shadow_vm *s, const struct root *r, uint64_t pdpte, unsigned slot,
	     struct key *key)
{
	const struct mode *m = &s->mode[r->mode];
	const struct vmmu_fmt *g = m->pg.fmt, *f = m->space->fmt;
	struct vmmu_entry e;

	memset(key, 0, sizeof(*key));
	key->gfn = r->base >> VMMU_PAGE_SHIFT;
	key->role.level = (uint8_t)(f->top - (f->lv[f->top].cached ? 1 : 0));
	key->role.mode = r->mode;
	key->role.wp0 = r->wp0;
	key->role.rights = VMMU_RWXU;
	/* PAE's first level is in registers; a 4-byte guest's first table has four shadows. */
	if (g->lv[g->top].cached) {
		vmmu_paging_entry(&m->pg, g->top, pdpte, &e);
		key->gfn = e.oa >> VMMU_PAGE_SHIFT;
		return e.kind == VMMU_ENTRY_LINK;
	}
	key->role.quadrant = (uint8_t)slot;
	return 1;
}

/* ---- what the CPU sees ----------------------------------------------------------- */

void root_point(struct vmmu_cpu *cpu)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	const struct root *r = &((struct shadow_cpu *)vmmu_be_cpu(cpu))->root;
	const struct vmmu_fmt *f = s->mode[r->mode].space->fmt;
	struct vmmu_paging *pg = &vmmu_be_hw(cpu)->g;
	unsigned i;

	pg->root = vmmu_table_hpa(r->page[0] ? r->page[0]->table : s->empty).v;
	if (!f->lv[f->top].cached)
		return;
	for (i = 0; i < ROOT_PAGES; i++)
		pg->pdpte[i] =
			r->page[i] ? vmmu_table_hpa(r->page[i]->table).v | f->lv[f->top].link : 0;
}

void root_page(struct root *r, unsigned slot, struct spage *sp)
{
	if (r->page[slot])
		r->page[slot]->roots--;
	if (sp)
		sp->roots++;
	r->page[slot] = sp;
}

void root_set(struct vmmu_cpu *cpu, unsigned slot, struct spage *sp)
{
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);

	root_page(&sc->root, slot, sp);
	root_point(cpu);
}

void root_release(struct root *r)
{
	unsigned i;

	for (i = 0; i < ROOT_PAGES; i++)
		root_page(r, i, NULL);
	r->used = 0;
}

static int forget_in(struct root *r, struct spage *sp)
{
	unsigned i, nr = 0;

	for (i = 0; r->used && i < ROOT_PAGES; i++) {
		if (r->page[i] == sp) {
			root_page(r, i, NULL);
			nr++;
		}
	}
	return nr != 0;
}

void root_forget(struct shadow_vm *s, struct spage *sp)
{
	unsigned n, i;

	for (n = 0; n < s->nr_cpus && sp->roots; n++) {
		struct shadow_cpu *sc = shadow_cpu(s, n);

		if (forget_in(&sc->root, sp))
			root_point(vmmu_cpu(s->vm, n));
		for (i = 0; i < MAX_ROOTS; i++)
			forget_in(&sc->kept[i], sp);
	}
}
