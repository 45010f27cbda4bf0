/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations in files.
 * Not here: what a line looks like (ops_text.c).
 */
#include "ops.h"

#define LINE 512

void ops_write(FILE *to, const struct world_cfg *cfg, const struct ops *ops)
{
	char line[LINE];
	size_t i;

	world_format(line, sizeof(line), cfg);
	fprintf(to, "%s\n", line);
	for (i = 0; i < ops->nr; i++) {
		op_format(line, sizeof(line), &ops->op[i]);
		fprintf(to, "%s\n", line);
	}
}

unsigned ops_read(FILE *from, struct world_cfg *cfg, struct ops *ops)
{
	unsigned line = 0;
	bool begun = false;
	struct world_op op;
	char text[LINE];

	while (fgets(text, sizeof(text), from)) {
		line++;
		if (text[0] == '#' || text[0] == '\n')
			continue;
		if (!begun)
			begun = world_parse(text, cfg);
		else if (op_parse(text, &op))
			ops_add(ops, &op);
		else
			return line;
		if (!begun)
			return line;
	}
	return begun ? 0 : line + 1;
}
