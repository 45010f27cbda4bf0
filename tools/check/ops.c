/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of operations.
 * Not here: what is done with them (ops_run.c, ops_shrink.c, ops_text.c, ops_c.c).
 */
#include <stdlib.h>

#include "ops.h"

void ops_add(struct ops *ops, const struct world_op *op)
{
	if (ops->nr == ops->room) {
		ops->room = ops->room ? 2 * ops->room : 1024;
		ops->op = realloc(ops->op, ops->room * sizeof(*op));
		if (!ops->op)
			abort();
	}
	ops->op[ops->nr++] = *op;
}

void ops_free(struct ops *ops)
{
	free(ops->op);
	*ops = (struct ops){ 0 };
}
