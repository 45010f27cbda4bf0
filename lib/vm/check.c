/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The self-check of the whole VM: the backend checks its tables, and this file checks the rest:
 * table pages, slots and caches.
 * Keeps: it allocates nothing and changes nothing.
 */
#include "vm.h"

/*
 * A cached translation leads to the memory of its gpa, and lets a store pass only where a leaf
 * may do so.  If it does not, a flush was missed.
 */
static int check_entry(struct vmmu *vm, const struct cache_entry *e)
{
	struct vmmu_pt none = { vm, &vmmu_fmt_x64, NULL, 0 };
	struct vmmu_leaf leaf = {
		.ia = e->page << cache_shift(e->key),
		.oa = e->out,
		.gpa = e->gpa,
		.level = 1,
		.rights = (uint8_t)(e->rights & e->nrights),
	};

	if (!vm->core.be->protect)
		return VMMU_OK;
	return vmmu_be_check_leaf(vm, &none, &leaf);
}

static int check_cache(struct vmmu *vm, const struct cache *c)
{
	uint32_t i;
	int st = VMMU_OK;

	for (i = 0; c->entry && i < c->sets * c->ways && !st; i++)
		if (c->entry[i].key)
			st = check_entry(vm, &c->entry[i]);
	return st;
}

static int check_caches(struct vmmu *vm)
{
	unsigned i, k;
	int st = VMMU_OK;
	uint64_t gpa;

	for (i = 0; i < vm->core.cfg.nr_cpus; i++)
		if (silicon_check(&vm->cpu[i]->silicon, &gpa))
			return vmmu_be_broken(vm,
					      "vCPU %u remembers a nested table of gpa 0x%llx that "
					      "is none",
					      i, (unsigned long long)gpa);
	for (i = 0; i < vm->core.cfg.nr_cpus && !st; i++)
		for (k = 0; k < VMMU_TLBS && !st; k++)
			st = check_cache(vm, &vm->cpu[i]->silicon.tlb[k]);
	return st;
}

/* These are small, and each is checked in one go. */
static int (*const check_rest[])(struct vmmu *vm) = { pool_check, host_check, check_caches };

int vmmu_check(struct vmmu *vm)
{
	struct vmmu_cursor at = { 0, 0 };
	unsigned i;
	int st;

	clear_reason(vm);
	do {
		st = vm->core.be->check(vm, &at, 1u << 20);
	} while (!st && (at.tree || at.ia));
	if (!st)
		st = pt_check_tables(vm);
	for (i = 0; i < ARRAY_SIZE(check_rest) && !st; i++)
		st = check_rest[i](vm);
	return st;
}

int vmmu_check_some(struct vmmu *vm, unsigned budget)
{
	int st;

	clear_reason(vm);
	/* To go on at a place costs the way down to it, so a smaller budget would be wasted. */
	st = vm->core.be->check(vm, &vm->check_at, budget < 16 ? 16 : budget);
	/* When all trees are checked, one of the other parts is, each in its turn. */
	if (!st && !vm->check_at.tree && !vm->check_at.ia)
		st = check_rest[vm->check_round++ % ARRAY_SIZE(check_rest)](vm);
	return st;
}
