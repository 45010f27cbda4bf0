/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine without a page: commands on standard input, an answer to each on standard output.
 * "core FILE" loads a dump.  What the page shows is compared with this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"

static uint8_t *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long end;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (end = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET)) {
		bytes = malloc((size_t)end);
		*size = bytes ? fread(bytes, 1, (size_t)end, f) : 0;
	}
	fclose(f);
	return bytes;
}

static void load(struct play *p, const char *path)
{
	size_t size = 0;
	uint8_t *bytes = slurp(path, &size);

	if (bytes)
		puts(play_core(p, bytes, size));
	else
		printf("{\"ok\":false,\"error\":\"cannot read the file\"}\n");
	free(bytes);
}

int main(void)
{
	struct play *p = play_new();
	char line[4096];

	while (p && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "core ", 5))
			load(p, line + 5);
		else if (!strncmp(line, "number ", 7))
			printf("%lld\n", play_number(p, line + 7));
		else if (*line)
			puts(play_do(p, line));
		fflush(stdout);
	}
	play_free(p);
	return !p;
}
