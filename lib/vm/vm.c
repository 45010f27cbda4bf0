/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creates and destroys a VM and its vCPUs; backends get at their parts of them here.
 * Not here: what a config may ask for (config.c), the self-check (check.c).
 * Keeps: a create that fails has freed everything; destroy gives back all that
 * core_alloc() gave, and the backend's tables before the pool.
 */
#include <assert.h>
#include <string.h>

#include "vm.h"

/* Memory of modelled silicon is no memory of the hypervisor, and is not counted as such. */
static void *get_raw(void *ctx, size_t size, size_t align)
{
	return core_raw_alloc(ctx, size, align);
}

static void put_raw(void *ctx, void *p, size_t size)
{
	core_raw_free(ctx, p, size);
}

static struct silicon_memory raw_memory(struct vmmu *vm)
{
	return (struct silicon_memory){ get_raw, put_raw, &vm->core };
}

static size_t front_bytes(const struct vmmu *vm)
{
	return vm->core.cfg.front_entries * sizeof(struct vmmu_front_entry);
}

_Static_assert(offsetof(struct vmmu, core) == 0, "core_of()");
_Static_assert(offsetof(struct vmmu_cpu, silicon.front) == 0, "vmmu_host()");

static void free_cpu(struct vmmu_cpu *cpu)
{
	struct vmmu *vm = cpu->vm;
	const struct silicon_memory raw = raw_memory(vm);

	silicon_fini(&cpu->silicon, &raw);
	pool_remove_reader(&cpu->reader);
	core_free(&vm->core, cpu->silicon.front.entry, front_bytes(vm));
	core_free(&vm->core, cpu->be_priv, vm->core.be->cpu_size);
	core_free(&vm->core, cpu, sizeof(*cpu));
}

static int make_cpu(struct vmmu *vm, unsigned n)
{
	const struct vmmu_config *cfg = &vm->core.cfg;
	const struct silicon_memory raw = raw_memory(vm);
	struct vmmu_cpu *cpu = core_alloc(&vm->core, sizeof(*cpu), 64);
	int walks = cfg->silicon || cfg->pwc_entries || cfg->nested_entries;

	if (!cpu)
		return VMMU_ENOMEM;
	vm->cpu[n] = cpu;
	cpu->vm = vm;
	cpu->number = n;
	pool_add_reader(&vm->pool, &cpu->reader);
	cpu->silicon.hw.asid = 1;
	cpu->silicon.hw.bus.base = vm->core.base;
	cpu->silicon.hw.bus.size = ~0ull;
	cpu->silicon.front.mask = cfg->front_entries - 1;
	cpu->silicon.front.entry = core_alloc(&vm->core, front_bytes(vm), 0);
	if (silicon_init(&cpu->silicon, &vm->model, walks, cfg->silicon != NULL, &raw) ||
	    !cpu->silicon.front.entry)
		return VMMU_ENOMEM;
	cpu->be_priv =
		vm->core.be->cpu_size ? core_alloc(&vm->core, vm->core.be->cpu_size, 0) : NULL;
	return cpu->be_priv || !vm->core.be->cpu_size ? VMMU_OK : VMMU_ENOMEM;
}

static int make_cpus(struct vmmu *vm)
{
	unsigned i;
	int st;

	vm->cpu = core_alloc(&vm->core, vm->core.cfg.nr_cpus * sizeof(*vm->cpu), 0);
	if (!vm->cpu)
		return VMMU_ENOMEM;
	for (i = 0; i < vm->core.cfg.nr_cpus; i++) {
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
	vm->be_priv = vm->core.be->vm_size ? core_alloc(&vm->core, vm->core.be->vm_size, 0) : NULL;
	if (vm->core.be->vm_size && !vm->be_priv)
		return VMMU_ENOMEM;
	st = vm->core.be->init(vm, &vm->core.cfg);
	if (st)
		return st;
	vm->core.ready = 1;
	for (i = 0; i < vm->core.cfg.nr_cpus && !st; i++)
		st = vmmu_reset(vm->cpu[i]);
	return st;
}

int vmmu_create(const struct vmmu_config *config, struct vmmu **vmp)
{
	struct vmmu_silicon model;
	struct vmmu *vm;
	struct core boot;
	int st;

	*vmp = NULL;
	/* The VM is allocated by the allocator that its own configuration names. */
	memset(&boot, 0, sizeof(boot));
	if (vm_read_config(config, &boot.cfg) || vm_read_model(&boot.cfg, &model))
		return VMMU_EINVAL;
	if (boot.cfg.max_tables && boot.cfg.max_tables < boot.cfg.backend->min_tables(&boot.cfg))
		return VMMU_EINVAL;
	boot.be = boot.cfg.backend;
	boot.base = boot.cfg.base;
	vm = core_alloc(&boot, sizeof(*vm), 64);
	if (!vm)
		return VMMU_ENOMEM;
	vm->core = boot;
	vm->core.pool = &vm->pool;
	vm->core.host = &vm->host;
	vm->core.flush_all = vmmu_be_flush_all;
	vm->model = model;
	host_init(&vm->host);
	pool_init(&vm->pool, boot.cfg.max_tables);
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
	struct core boot;
	unsigned i;

	if (!vm)
		return;
	if (vm->core.ready)
		vm->core.be->fini(vm);
	core_free(&vm->core, vm->be_priv, vm->core.be->vm_size);
	for (i = 0; vm->cpu && i < vm->core.cfg.nr_cpus; i++)
		if (vm->cpu[i])
			free_cpu(vm->cpu[i]);
	if (vm->cpu)
		core_free(&vm->core, vm->cpu, vm->core.cfg.nr_cpus * sizeof(*vm->cpu));
	vm->core.cfg.nr_cpus = 0;
	host_fini(vm);
	pool_fini(vm);
	boot = vm->core;
	core_free(&boot, vm, sizeof(*vm));
	/* All that was counted is given back. */
	assert(!boot.meta);
}

struct vmmu_cpu *vmmu_cpu(struct vmmu *vm, unsigned n)
{
	return n < vm->core.cfg.nr_cpus ? vm->cpu[n] : NULL;
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
	return &cpu->silicon.hw;
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
	return core_alloc(&vm->core, size, 0);
}

void vmmu_be_free(struct vmmu *vm, void *p, size_t size)
{
	core_free(&vm->core, p, size);
}

void vmmu_be_event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
		   uint64_t b)
{
	event(vm, cpu, ev, a, b);
}
