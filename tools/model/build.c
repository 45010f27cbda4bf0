/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a modelled CPU of a profile.
 * Not here: reading the profile (profile.c).
 * Invariant: keys that a profile leaves out have the values that are set here, or 0.
 */
#include "build.h"

static int build(struct build *b)
{
	for (unsigned i = 0; i < b->p->nr; i++) {
		b->at = &b->p->param[i];
		if (build_take(b) < 0)
			return -1;
	}
	return build_finish(b);
}

int cpu_profile_build(const struct cpu_profile *p, struct cpu_model *model, struct err *err)
{
	struct build b = { .p = p, .m = model, .err = err };

	*model = (struct cpu_model){ .silicon = { .size = sizeof(model->silicon) } };
	model->silicon.nested_tlb_final = 1;
	model->silicon.entries.line = 8;
	if (build(&b) == 0)
		return 0;
	return err_hint(err,
			"Correct it there, or give another value with --set KEY=VALUE; `vmmu cpus "
			"NAME` prints a profile with its keys.");
}
