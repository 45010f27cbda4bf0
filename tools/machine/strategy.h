/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow strategies by name.  A strategy is a set of techniques that are on; their names are the
 * library's.
 */
#ifndef TOOLS_MACHINE_STRATEGY_H
#define TOOLS_MACHINE_STRATEGY_H

#include "base/base.h"

#include <vmmu/shadow.h>

#define STRATEGIES_MOST 24u

struct strategy {
	char name[88];
	uint32_t off; /* VMMU_SHADOW_* */
};

struct strategies {
	struct strategy s[STRATEGIES_MOST];
	unsigned nr;
};

/*
 * `list` is all-strategies, or names with commas between:
 *   vtlb        nothing on: a virtual TLB
 *   trap        pages are kept, every store to a table traps
 *   all         everything on
 *   no-NAME     all but one technique
 *   NAME+NAME   these alone
 * Zero, or -1 with *err: usage.
 */
int strategies_parse(const char *list, struct strategies *out, struct err *err);

#endif
