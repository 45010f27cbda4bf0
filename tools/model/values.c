/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the values of a CPU profile, numbers and words, and reporting wrong ones.
 * Not here: which key has which kind of value (keys.c).
 */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int build_bad(const struct build *b, const char *why)
{
	if (!b->at->line)
		err_set(b->err, STATUS_USAGE, "--set %s=%s: %s", b->at->key, b->at->value, why);
	else
		err_input(b->err, "%s: line %u: %s %s: %s", b->p->name, b->at->line, b->at->key,
			  b->at->value, why);
	return -1;
}

int build_number(const struct build *b, double most, double *out)
{
	char *end, why[64];

	snprintf(why, sizeof(why), "not a number from 0 to %.0f", most);
	*out = strtod(b->at->value, &end);
	if (*end || end == b->at->value || !(*out >= 0 && *out <= most))
		return build_bad(b, why);
	return 0;
}

int build_whole(const struct build *b, unsigned most, unsigned *out)
{
	double v;

	if (build_number(b, most, &v) < 0)
		return -1;
	*out = (unsigned)v;
	return (double)*out == v ? 0 : build_bad(b, "not a whole number");
}

int build_u16(const struct build *b, uint16_t *to)
{
	unsigned v;

	if (build_whole(b, UINT16_MAX, &v) < 0)
		return -1;
	*to = (uint16_t)v;
	return 0;
}

int build_u8(const struct build *b, unsigned most, uint8_t *to)
{
	unsigned v;

	if (build_whole(b, most, &v) < 0)
		return -1;
	*to = (uint8_t)v;
	return 0;
}

int build_word(const struct build *b, const char *const *words)
{
	char why[96] = "not one of";

	for (int i = 0; words[i]; i++) {
		size_t n = strlen(why);

		if (strcasecmp(words[i], b->at->value) == 0)
			return i;
		snprintf(why + n, sizeof(why) - n, " %s", words[i]);
	}
	return build_bad(b, why);
}

int build_replace(const struct build *b, uint8_t *to)
{
	static const char *const words[] = { "lru", "fifo", "random", NULL };
	int v = build_word(b, words);

	*to = (uint8_t)v;
	return v < 0 ? -1 : 0;
}

int build_unknown(const struct build *b)
{
	return build_bad(b, "there is no such key; `vmmu cpus phenom` has all");
}

int build_yes_no(const struct build *b, uint8_t *to)
{
	static const char *const words[] = { "no", "yes", NULL };
	int v = build_word(b, words);

	*to = (uint8_t)v;
	return v < 0 ? -1 : 0;
}
