/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one vCPU's silicon caches: the modelled TLB, walk caches, and the
 * library's own direct-mapped front.
 * Not here: when an instruction drops what (regs.c).
 * Keeps: the front holds nothing that the registers do not allow now: it is
 * wiped, by changing its generation, whenever anything that judges changes.
 */
#include <string.h>

#include "priv.h"

static int cache_init(struct vmmu *vm, struct cache *c, unsigned sets, unsigned ways)
{
	c->sets = sets;
	c->ways = ways;
	c->epoch = 1;
	if (!sets || !ways)
		return 0;
	c->entry = vm_alloc(vm, (size_t)sets * ways * sizeof(*c->entry), 0);
	return c->entry ? 0 : -1;
}

static void cache_fini(struct vmmu *vm, struct cache *c)
{
	vm_free(vm, c->entry, (size_t)c->sets * c->ways * sizeof(*c->entry));
	c->entry = NULL;
}

static size_t front_bytes(const struct vmmu_cpu *cpu)
{
	return (size_t)(cpu->front.mask + 1) * sizeof(struct vmmu_front_entry);
}

int cpu_caches_init(struct vmmu_cpu *cpu)
{
	const struct vmmu_config *cfg = &cpu->vm->cfg;

	cpu->front.mask = cfg->front_entries - 1;
	cpu->front.entry = vm_alloc(cpu->vm, front_bytes(cpu), 0);
	cpu->front.generation = 1;
	if (!cpu->front.entry || cache_init(cpu->vm, &cpu->l1, cfg->l1.sets, cfg->l1.ways) ||
	    cache_init(cpu->vm, &cpu->l2, cfg->l2.sets, cfg->l2.ways) ||
	    cache_init(cpu->vm, &cpu->caches.pwc, 1, cfg->pwc_entries) ||
	    cache_init(cpu->vm, &cpu->caches.nested, 1, cfg->nested_entries))
		return VMMU_ENOMEM;
	cpu->modelled =
		cpu->l1.entry || cpu->l2.entry || cpu->caches.pwc.entry || cpu->caches.nested.entry;
	return VMMU_OK;
}

void cpu_caches_fini(struct vmmu_cpu *cpu)
{
	cache_fini(cpu->vm, &cpu->l1);
	cache_fini(cpu->vm, &cpu->l2);
	cache_fini(cpu->vm, &cpu->caches.pwc);
	cache_fini(cpu->vm, &cpu->caches.nested);
	if (cpu->front.entry)
		vm_free(cpu->vm, cpu->front.entry, front_bytes(cpu));
	cpu->front.entry = NULL;
}

/* Generation 0 is that of the zeroed entries: no tag has it. */
void front_wipe(struct vmmu_cpu *cpu)
{
	if (++cpu->front.generation < VMMU_PAGE_SIZE)
		return;
	memset(cpu->front.entry, 0, front_bytes(cpu));
	cpu->front.generation = 1;
}

uint32_t cpu_tag(const struct vmmu_cpu *cpu)
{
	return cache_tag(cpu->hw.asid, cpu->hw.pcid);
}

void cpu_drop(struct vmmu_cpu *cpu, unsigned what, uint64_t ia, uint32_t tag)
{
	cache_drop(&cpu->l1, what, ia, tag);
	cache_drop(&cpu->l2, what, ia, tag);
	/* Any address drops a PCID's paging-structure entries: SDM 4.10.4.1. */
	cache_drop(&cpu->caches.pwc, what & ~(DROP_PAGE | KEEP_GLOBAL), ia, tag);
	front_wipe(cpu);
	event(cpu->vm, cpu, VMMU_EV_TLB_FLUSH, (what & DROP_PAGE) != 0, ia);
}

void cpu_drop_nested(struct vmmu_cpu *cpu)
{
	cache_drop(&cpu->caches.nested, 0, 0, 0);
}

void cpu_drop_faulting(struct vmmu_cpu *cpu, uint64_t gva, const struct vmmu_walk *w)
{
	/* SDM 4.10.4.1 for a #PF; 28.4.3.1 for an EPT violation: what was used. */
	unsigned what = DROP_PAGE | DROP_TAG | (w->dim == 2 ? DROP_EXACT : 0);

	cache_drop(&cpu->l1, what, gva, cpu_tag(cpu));
	cache_drop(&cpu->l2, what, gva, cpu_tag(cpu));
	cache_drop(&cpu->caches.pwc, what, gva, cpu_tag(cpu));
	if (w->dim == 2)
		cache_drop(&cpu->caches.nested, DROP_PAGE, w->gpa.v, 0);
	/* The front holds a large page in many pieces; an exit changes none yet. */
	if (w->dim == 1 && !(cpu->hw.intercept & VMMU_ICPT_PF))
		front_wipe(cpu);
	cpu->front.entry[(gva >> VMMU_PAGE_SHIFT) & cpu->front.mask].tag = 0;
}

unsigned entry_kinds(const struct vmmu_cpu *cpu, const struct cache_entry *e)
{
	unsigned kinds = nested_kinds(e->nrights);

	if (cpu->hw.g.fmt)
		kinds &= vmmu_paging_kinds(&cpu->hw.g, e->rights, e->pkey);
	return e->dirty ? kinds : kinds & ~WRITE_KINDS;
}

static void keep_in(struct cache *c, uint64_t gva, const struct cache_entry *e)
{
	struct cache_entry *to;
	struct cache_entry key;

	if (!c->entry)
		return;
	to = cache_make(c, gva, e->shift, e->tag, e->global);
	key = *to;
	*to = *e;
	to->page = key.page;
	to->stamp = key.stamp;
	to->epoch = key.epoch;
	c->fragments |= e->guest_shift > e->shift;
}

struct cache_entry *cpu_find(struct vmmu_cpu *cpu, uint64_t gva, unsigned kind)
{
	struct cache_entry *e = NULL;

	if (cpu->l1.entry)
		e = cache_find(&cpu->l1, gva, cpu_tag(cpu));
	if (!e && cpu->l2.entry) {
		e = cache_find(&cpu->l2, gva, cpu_tag(cpu));
		if (e && cpu->l1.entry && (entry_kinds(cpu, e) >> kind & 1)) {
			keep_in(&cpu->l1, gva, e);
		}
	}
	return e && (entry_kinds(cpu, e) >> kind & 1) ? e : NULL;
}

void cpu_keep(struct vmmu_cpu *cpu, uint64_t gva, const struct cache_entry *e)
{
	keep_in(&cpu->l1, gva, e);
	keep_in(&cpu->l2, gva, e);
}
