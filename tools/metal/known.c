/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of known deviations:
 *
 *	# anything
 *	known NAME WORDS    words of a difference with * for any, or "avoid CR4 0x..."
 *	see NAME TEXT       the manual's section, and what is different
 *	| OPERATION         after a see: a sequence that shows it
 *
 * The kernel gets the lines with known; the others are for people.
 */
#include "metal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (1u << 20)

int metal_known_read(struct metal_known *k, const char *path, struct err *err)
{
	FILE *f = fopen(path, "r");
	const char *line;
	unsigned nr = 0;

	*k = (struct metal_known){ 0 };
	if (!f)
		return err_input(err, "%s: %s", path, strerror(errno));
	k->text = malloc(MOST_BYTES);
	if (k->text)
		k->bytes = fread(k->text, 1, MOST_BYTES - 1, f);
	fclose(f);
	if (!k->text)
		return err_input(err, "%s: out of memory", path);
	k->text[k->bytes] = '\0';
	for (line = k->text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		nr++;
		if (strncmp(line, "known ", 6) != 0 && strncmp(line, "see ", 4) != 0 &&
		    !strchr("#|\n", *line))
			return err_input(err, "%s:%u: neither known nor see", path, nr);
	}
	return 0;
}

void metal_known_free(struct metal_known *k)
{
	free(k->text);
	*k = (struct metal_known){ 0 };
}

const char *metal_known_see(const struct metal_known *k, const char *name, char *buf, size_t size)
{
	const char *line;
	size_t n = strlen(name);

	buf[0] = '\0';
	for (line = k->text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!strncmp(line, "see ", 4) && !strncmp(line + 4, name, n) && line[4 + n] == ' ')
			snprintf(buf, size, "%.*s", (int)strcspn(line + 5 + n, "\n"), line + 5 + n);
	return buf;
}
