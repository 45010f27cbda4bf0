/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and ending a VM; its self-check.
 * Keeps: a create that fails has freed everything; destroy gives back all that
 * vm_alloc() gave, and the backend's tables before the pool.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "../priv.h"

/* What the caller gave, with defaults; VMMU_OK or VMMU_EINVAL. */
static int read_config(const struct vmmu_config *in, struct vmmu_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	memcpy(cfg, in, in->size < sizeof(*cfg) ? in->size : sizeof(*cfg));
	if (!cfg->nr_cpus)
		cfg->nr_cpus = 1;
	if (!cfg->host_maxphyaddr)
		cfg->host_maxphyaddr = 52;
	if (!cfg->front_entries)
		cfg->front_entries = 1024;
	/* The two pages of a crossing must not share an entry. */
	if (cfg->front_entries == 1)
		cfg->front_entries = 2;
	if (!cfg->profile)
		cfg->profile = &vmmu_profile_max;
	if (in->size < offsetof(struct vmmu_config, cb) || !cfg->backend)
		return VMMU_EINVAL;
	if (cfg->host_maxphyaddr < 32 || cfg->host_maxphyaddr > 52 || cfg->nr_cpus > 4096)
		return VMMU_EINVAL;
	if (cfg->profile->maxphyaddr < 32 || cfg->profile->maxphyaddr > 52)
		return VMMU_EINVAL;
	if ((uintptr_t)cfg->base & ((1u << 30) - 1))
		return VMMU_EINVAL;
	if (cfg->front_entries & (cfg->front_entries - 1))
		return VMMU_EINVAL;
	return VMMU_OK;
}

uint64_t vmmu_min_tables(const struct vmmu_config *config)
{
	struct vmmu_config cfg;

	return read_config(config, &cfg) ? 0 : cfg.backend->min_tables(&cfg);
}

static void free_cpu(struct vmmu_cpu *cpu)
{
	struct vmmu *vm = cpu->vm;

	cpu_caches_fini(cpu);
	vm_free(vm, cpu->be_priv, vm->be->cpu_size);
	vm_free(vm, cpu, sizeof(*cpu));
}

static int make_cpu(struct vmmu *vm, unsigned n)
{
	struct vmmu_cpu *cpu = vm_alloc(vm, sizeof(*cpu), 64);

	if (!cpu)
		return VMMU_ENOMEM;
	vm->cpu[n] = cpu;
	cpu->vm = vm;
	cpu->number = n;
	cpu->hw.asid = 1;
	cpu->hw.bus.base = vm->base;
	cpu->hw.bus.size = ~0ull;
	if (cpu_caches_init(cpu))
		return VMMU_ENOMEM;
	cpu->be_priv = vm->be->cpu_size ? vm_alloc(vm, vm->be->cpu_size, 0) : NULL;
	return cpu->be_priv || !vm->be->cpu_size ? VMMU_OK : VMMU_ENOMEM;
}

static int make_cpus(struct vmmu *vm)
{
	unsigned i;
	int st;

	vm->cpu = vm_alloc(vm, vm->cfg.nr_cpus * sizeof(*vm->cpu), 0);
	if (!vm->cpu)
		return VMMU_ENOMEM;
	for (i = 0; i < vm->cfg.nr_cpus; i++) {
		st = make_cpu(vm, i);
		if (st)
			return st;
	}
	return VMMU_OK;
}

static int start(struct vmmu *vm)
{
	unsigned i;
	int st = make_cpus(vm);

	if (st)
		return st;
	vm->be_priv = vm->be->vm_size ? vm_alloc(vm, vm->be->vm_size, 0) : NULL;
	if (vm->be->vm_size && !vm->be_priv)
		return VMMU_ENOMEM;
	st = vm->be->init(vm, &vm->cfg);
	if (st)
		return st;
	vm->ready = 1;
	for (i = 0; i < vm->cfg.nr_cpus && !st; i++)
		st = vmmu_reset(vm->cpu[i]);
	return st;
}

int vmmu_create(const struct vmmu_config *config, struct vmmu **vmp)
{
	struct vmmu boot, *vm;
	int st;

	*vmp = NULL;
	/* The allocator is in the VM that is to be allocated. */
	memset(&boot, 0, sizeof(boot));
	if (read_config(config, &boot.cfg) || silicon_read(&boot.cfg, &boot.silicon))
		return VMMU_EINVAL;
	if (boot.cfg.max_tables && boot.cfg.max_tables < boot.cfg.backend->min_tables(&boot.cfg))
		return VMMU_EINVAL;
	vm = vm_alloc(&boot, sizeof(*vm), 64);
	if (!vm)
		return VMMU_ENOMEM;
	vm->cfg = boot.cfg;
	vm->silicon = boot.silicon;
	vm->meta = vm->meta_peak = boot.meta;
	vm->be = vm->cfg.backend;
	vm->prof = vm->cfg.profile;
	vm->base = vm->cfg.base;
	RB_INIT(&vm->slots);
	pool_init(vm);
	st = start(vm);
	if (st) {
		vmmu_destroy(vm);
		return st;
	}
	vmmu_clear_stats(vm);
	*vmp = vm;
	return VMMU_OK;
}

void vmmu_destroy(struct vmmu *vm)
{
	struct vmmu boot;
	unsigned i;

	if (!vm)
		return;
	if (vm->ready)
		vm->be->fini(vm);
	vm_free(vm, vm->be_priv, vm->be->vm_size);
	for (i = 0; vm->cpu && i < vm->cfg.nr_cpus; i++)
		if (vm->cpu[i])
			free_cpu(vm->cpu[i]);
	if (vm->cpu)
		vm_free(vm, vm->cpu, vm->cfg.nr_cpus * sizeof(*vm->cpu));
	vm->cfg.nr_cpus = 0;
	mem_fini(vm);
	pool_fini(vm);
	memset(&boot, 0, sizeof(boot));
	boot.cfg = vm->cfg;
	boot.meta = vm->meta;
	vm_free(&boot, vm, sizeof(*vm));
	/* All that was counted is given back. */
	assert(!boot.meta);
}

struct vmmu_cpu *vmmu_cpu(struct vmmu *vm, unsigned n)
{
	return n < vm->cfg.nr_cpus ? vm->cpu[n] : NULL;
}

unsigned vmmu_cpu_number(const struct vmmu_cpu *cpu)
{
	return cpu->number;
}

struct vmmu *vmmu_cpu_vm(struct vmmu_cpu *cpu)
{
	return cpu->vm;
}

/* ---- for backends ---------------------------------------------------------------- */

void *vmmu_be_vm(struct vmmu *vm)
{
	return vm->be_priv;
}

void *vmmu_be_cpu(struct vmmu_cpu *cpu)
{
	return cpu->be_priv;
}

struct vmmu_hw *vmmu_be_hw(struct vmmu_cpu *cpu)
{
	return &cpu->hw;
}

const struct vmmu_regs *vmmu_be_regs(const struct vmmu_cpu *cpu)
{
	return &cpu->regs;
}

const struct vmmu_paging *vmmu_be_guest(const struct vmmu_cpu *cpu)
{
	return &cpu->soft.g;
}

void *vmmu_be_alloc(struct vmmu *vm, size_t size)
{
	return vm_alloc(vm, size, 0);
}

void vmmu_be_free(struct vmmu *vm, void *p, size_t size)
{
	vm_free(vm, p, size);
}

void vmmu_be_event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
		   uint64_t b)
{
	event(vm, cpu, ev, a, b);
}

/* ---- self-check --------------------------------------------------------------------- */

/*
 * A cached translation leads to the memory of its gpa, and lets stores pass
 * only where a leaf may: else a flush was missed.
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

	if (!vm->be->protect)
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

	for (i = 0; i < vm->cfg.nr_cpus && !st; i++)
		for (k = 0; k < VMMU_TLBS && !st; k++)
			st = check_cache(vm, &vm->cpu[i]->tlb[k]);
	return st;
}

/* What is no tree: small, and looked at in one go. */
static int (*const check_rest[])(struct vmmu *vm) = { pool_check, mem_check, check_caches };

int vmmu_check(struct vmmu *vm)
{
	struct vmmu_cursor at = { 0, 0 };
	unsigned i;
	int st;

	vm->reason[0] = 0;
	do {
		st = vm->be->check(vm, &at, 1u << 20);
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

	vm->reason[0] = 0;
	/* Coming back to a place costs its path. */
	st = vm->be->check(vm, &vm->check_at, budget < 16 ? 16 : budget);
	/* After all trees one thing more, in turn. */
	if (!st && !vm->check_at.tree && !vm->check_at.ia)
		st = check_rest[vm->check_round++ % ARRAY_SIZE(check_rest)](vm);
	return st;
}
