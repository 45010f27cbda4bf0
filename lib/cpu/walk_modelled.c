/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks of modelled silicon, by constant formats: the general walk's own steps, with
 * nothing to decide about formats and hooks.
 * Not here: what the steps are (walk_steps.h).
 * Keeps: these have no step of their own, so each does what walk_any() would.
 */
#include "fmt_const.h"
#include "walk_steps.h"

#define NESTED_FORMATS(X) X(npt) X(ept)
#define GUEST_FORMATS(X) X(x64) X(x64_la57)

#define X(fmt_)                                                                                    \
	static const struct dimension n_##fmt_ = { &k_##fmt_, NULL, 2, 1 };                        \
	static never_inline uint64_t table_##fmt_(struct env *env, uint64_t gpa)                   \
	{                                                                                          \
		return nested_full(&n_##fmt_, env, gpa, table_type(&k_##fmt_, &env->hw->n));       \
	}                                                                                          \
	static never_inline uint64_t final_##fmt_(struct env *env, uint64_t gpa, uint32_t access)  \
	{                                                                                          \
		return nested_full(&n_##fmt_, env, gpa, access);                                   \
	}                                                                                          \
	static const struct nested nested_##fmt_ = { table_##fmt_, final_##fmt_ };
NESTED_FORMATS(X)
#undef X

/* (A test may program a CPU by hand, with other formats than it was picked for.) */
#define WALK_INSTANCE(fmt_, name_, nested_, nfmt_)                                                 \
	static int walk_##fmt_##_##name_(const struct vmmu_hw *hw, const struct walk_opts *o,      \
					 uint64_t gva, uint32_t access, struct vmmu_walk *out)     \
	{                                                                                          \
		static const struct dimension d = { &k_##fmt_, nested_, 1, 1 };                    \
		struct env env;                                                                    \
                                                                                                   \
		if (unlikely(hw->g.fmt != &vmmu_fmt_##fmt_ || hw->n.fmt != (nfmt_)))               \
			return walk_any(hw, o, gva, access, out);                                  \
		set_env(&env, hw, o, access);                                                      \
		return walk_whole(&d, &env, gva, access, out);                                     \
	}
#define X(fmt_)                                                                                    \
	WALK_INSTANCE(fmt_, flat, NULL, NULL)                                                      \
	WALK_INSTANCE(fmt_, npt, &nested_npt, &vmmu_fmt_npt)                                       \
	WALK_INSTANCE(fmt_, ept, &nested_ept, &vmmu_fmt_ept)
GUEST_FORMATS(X)
#undef X

walk_fn *walk_pick_modelled(const struct vmmu_hw *hw)
{
	const struct vmmu_fmt *g = hw->g.fmt, *n = hw->n.fmt;

	GUEST_FORMATS(PICK_WALK)
	return walk_any;
}
