/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations in files.
 * Not here: what a line looks like (ops_text.c).
 */
#include "ops.h"

#include <stdlib.h>

#define LINE 512 /* more than any operation has */

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

/* One line, which is the world's if none has begun. */
static bool read_line(const char *text, bool *begun, struct world_cfg *cfg, struct ops *ops)
{
	struct world_op op;

	if (text[0] == '#' || text[0] == '\n')
		return true;
	if (!*begun)
		return *begun = world_parse(text, cfg);
	if (!op_parse(text, &op))
		return false;
	ops_add(ops, &op);
	return true;
}

unsigned ops_read(FILE *from, struct world_cfg *cfg, struct ops *ops)
{
	unsigned line = 0, bad = 0;
	bool begun = false;
	char *text = NULL;
	size_t room = 0;

	/* Comments may be longer than any operation. */
	while (!bad && getline(&text, &room, from) >= 0) {
		line++;
		if (!read_line(text, &begun, cfg, ops))
			bad = line;
	}
	free(text);
	return bad || begun ? bad : line + 1;
}
