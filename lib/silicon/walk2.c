/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk as it is offered to who has no VM: by the fastest walk that does what is asked.
 */
#include "walk.h"

int vmmu_walk2(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gva_t gva,
	       uint32_t access, vmmu_step_fn *step, void *step_ctx, struct vmmu_walk *out)
{
	struct walk_opts o = { .ops = ops, .step = step, .step_ctx = step_ctx };

	return walk(ops || step ? walk_any : walk_pick(hw), hw, ops || step ? &o : NULL, gva.v,
		    access, out);
}

unsigned vmmu_walk_max_refs(const struct vmmu_hw *hw)
{
	unsigned n = 0, m = 0;

	if (hw->g.fmt)
		n = hw->g.fmt->top - (hw->g.ctl & VMMU_PG_PDPTES ? 1 : 0);
	if (hw->n.fmt)
		m = hw->n.fmt->top;
	return n * m + n + m;
}
