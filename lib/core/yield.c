/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The points at which a tester may do something in the middle of an operation; only in a build for
 * tests. Not here: what happens then (the tester). Keeps: what goes on at a point sees the VM as
 * another CPU would, and leaves the operation in progress what it holds: its reason, the tables
 * that it has taken away.
 */
#include <string.h>

#include <vmmu/yield.h>

#include "core.h"

/* The one global of the library, in no library that is installed. */
static struct {
	vmmu_yield_fn *fn;
	void *ctx;
	int busy;
} hook;

void vmmu_yield_to(vmmu_yield_fn *fn, void *ctx)
{
	hook.fn = fn;
	hook.ctx = ctx;
}

void vmmu_yield(struct vmmu *vm, enum vmmu_yield where)
{
	char reason[sizeof(core_of(vm)->reason)];

	if (!hook.fn || hook.busy)
		return;
	hook.busy = 1;
	memcpy(reason, core_of(vm)->reason, sizeof(reason));
	hook.fn(hook.ctx, vm, where);
	memcpy(core_of(vm)->reason, reason, sizeof(reason));
	hook.busy = 0;
}

int vmmu_yield_is_open(enum vmmu_yield where)
{
	return where == VMMU_YIELD_EXIT || where == VMMU_YIELD_SLOTS;
}

const char *vmmu_yield_name(enum vmmu_yield where)
{
	static const char *const name[VMMU_NR_YIELDS] = {
		"exit",	  "repaired", "walked",	   "down",   "entry", "track", "tracked",
		"unsync", "stored",   "protected", "notify", "log",   "slots",
	};

	return where < VMMU_NR_YIELDS ? name[where] : "?";
}
