/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested paging: the CPU walks the guest's own tables, and a direct map of the guest's memory.
 * Not here: dirty log, notifiers, slots and large pages, which are shared code.
 * Invariant: nothing is intercepted but what was asked for, so the guest's own page faults, CR3
 * loads and INVLPGs never come here.
 */
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>

#include "realmode.h"

struct nested {
	struct realmode map;
	enum vmmu_event exit;
	uint32_t intercept;
};

/* What differs between NPT and EPT. */
struct flavour {
	const struct vmmu_fmt *fmt[2]; /* 4 and 5 levels */
	enum vmmu_event exit;
};

static const struct flavour npt = { { &vmmu_fmt_npt, &vmmu_fmt_npt5 }, VMMU_EV_EXIT_NPF };
static const struct flavour ept = { { &vmmu_fmt_ept, &vmmu_fmt_ept5 }, VMMU_EV_EXIT_EPT_VIOLATION };

static struct vmmu_nested_config read_config(const struct vmmu_config *config)
{
	struct vmmu_nested_config c = { .levels = 4 };

	if (config->backend_config)
		c = *(const struct vmmu_nested_config *)config->backend_config;
	if (!c.levels)
		c.levels = 4;
	return c;
}

/* One access needs the guest's tables, five at most, and its page. */
static uint64_t nested_min_tables(const struct vmmu_config *config)
{
	unsigned levels = read_config(config).levels;

	return realmode_min_tables(npt.fmt[levels == 5], 6);
}

static int nested_init(struct vmmu *vm, const struct vmmu_config *config, const struct flavour *f)
{
	struct vmmu_nested_config c = read_config(config);
	struct nested *n = vmmu_be_vm(vm);

	if (!vmmu_be_is_zero(c.reserved, sizeof(c.reserved)) || c.levels < 4 || c.levels > 5 ||
	    (c.intercept & ~(VMMU_ICPT_CR0 | VMMU_ICPT_CR4)))
		return VMMU_EINVAL;
	n->exit = f->exit;
	n->intercept = c.intercept;
	n->map.mmio = c.mmio != 0;
	return realmode_init(&n->map, vm, f->fmt[c.levels == 5],
			     VMMU_PG_NXE | VMMU_PG_XONLY | (c.no_ad ? 0 : VMMU_PG_AD));
}

static int npt_init(struct vmmu *vm, const struct vmmu_config *config)
{
	return nested_init(vm, config, &npt);
}

static int ept_init(struct vmmu *vm, const struct vmmu_config *config)
{
	return nested_init(vm, config, &ept);
}

static void nested_fini(struct vmmu *vm)
{
	struct nested *n = vmmu_be_vm(vm);

	realmode_fini(&n->map);
}

static int nested_load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct nested *n = vmmu_be_vm(vmmu_cpu_vm(cpu));
	const struct vmmu_regs *regs = vmmu_be_regs(cpu);
	struct vmmu_hw *hw = vmmu_be_hw(cpu);

	hw->g = *vmmu_be_guest(cpu);
	hw->pcid = regs->cr4 & VMMU_CR4_PCIDE ? regs->cr3 & 0xfff : 0;
	hw->intercept = n->intercept;
	hw->gpa_from = VMMU_GPA_OUT;
	/* An intercepted write is not made by the CPU, so the CPU does not flush for it. */
	if (n->intercept && (why == VMMU_LOAD_ALL || why == VMMU_LOAD_CONTROLS))
		vmmu_be_flush_cpu(cpu);
	if (why == VMMU_LOAD_ALL)
		realmode_load(&n->map, &hw->n);
	return VMMU_OK;
}

static enum vmmu_fix_kind nested_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				       struct vmmu_fix *fix)
{
	struct nested *n = vmmu_be_vm(vmmu_cpu_vm(cpu));
	const struct vmmu_walk *w = exit->walk;

	return realmode_fault(&n->map, w->gpa, w->access, w, n->exit, fix);
}

static uint64_t nested_protect(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how)
{
	struct nested *n = vmmu_be_vm(vm);

	return realmode_protect(&n->map, gpa, len, how);
}

static uint64_t nested_protect_pages(struct vmmu *vm, vmmu_gpa_t gpa, const uint64_t *pages,
				     uint64_t nr)
{
	struct nested *n = vmmu_be_vm(vm);

	return realmode_protect_pages(&n->map, gpa, pages, nr);
}

static int nested_check(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget)
{
	struct nested *n = vmmu_be_vm(vm);
	int st = realmode_check(&n->map, at, budget);

	at->tree = 0; /* there is only one */
	return st;
}

#define NESTED_BACKEND(name_, init_)                                                               \
	{                                                                                          \
		.name = name_, .vm_size = sizeof(struct nested), .min_tables = nested_min_tables,  \
		.init = init_, .fini = nested_fini, .load = nested_load, .fault = nested_fault,    \
		.protect = nested_protect, .protect_pages = nested_protect_pages,                  \
		.check = nested_check,                                                             \
	}

const struct vmmu_backend vmmu_nested_npt = NESTED_BACKEND("nested-npt", npt_init);
const struct vmmu_backend vmmu_nested_ept = NESTED_BACKEND("nested-ept", ept_init);
