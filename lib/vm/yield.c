/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One access by another CPU's silicon while an operation stands at a yield point; only in a build
 * for tests.
 * Not here: the points (core/yield.c).
 */
#include <vmmu/yield.h>

#include "vm.h"

/* Another CPU holds the lock: the exit of this one has to wait. */
static enum vmmu_fix_kind wait_for_lock(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
					struct vmmu_fix *fix)
{
	(void)cpu;
	(void)exit;
	fix->status = VMMU_ELOOP;
	return VMMU_FIX_ERROR;
}

int vmmu_yield_silicon(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
		       struct vmmu_xlat *out)
{
	struct vmmu *vm = cpu->vm;
	const struct vmmu_backend *be = vm->core.be;
	struct vmmu_backend nobody = *be;
	struct table_list retired;
	int st;

	/* Tables that the interrupted operation has retired are its own to free. */
	TAILQ_INIT(&retired);
	TAILQ_CONCAT(&retired, &vm->pool.retired, link);
	nobody.fault = wait_for_lock;
	vm->core.be = &nobody;
	st = vmmu_translate(cpu, gva, size, access & ~(VMMU_PROBE | VMMU_NO_AD), out);
	vm->core.be = be;
	TAILQ_CONCAT(&vm->pool.retired, &retired, link);
	return st == VMMU_ELOOP ? VMMU_AGAIN : st;
}
