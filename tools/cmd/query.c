/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing one access.
 * Invariant: see query.h.
 */
#include "query.h"
#include "base/base.h"

#include <stdio.h>
#include <string.h>
#include <vmmu/hw.h>

/* If `word` is one letter of `set`, adds its meaning to *access and returns 1; else returns 0. */
static int letter(const char *word, const char *set, const uint32_t *meaning, uint32_t *access)
{
	const char *at = word[0] && !word[1] ? strchr(set, word[0]) : NULL;

	if (at)
		*access |= meaning[at - set];
	return at != NULL;
}

int query_parse(char *text, struct query *q)
{
	static const uint32_t types[] = { VMMU_READ, VMMU_WRITE, VMMU_FETCH };
	static const uint32_t modes[] = { 0, VMMU_USER, VMMU_AC };
	char *save, *word = strtok_r(text, " \t\r", &save);

	q->access = 0;
	if (!word || parse_hex(word, &q->gva) < 0)
		return -1;
	word = strtok_r(NULL, " \t\r", &save);
	if (word && letter(word, "rwx", types, &q->access))
		word = strtok_r(NULL, " \t\r", &save);
	if (word && letter(word, "sua", modes, &q->access))
		word = strtok_r(NULL, " \t\r", &save);
	return word ? -1 : 0;
}

void query_words(char *buf, size_t len, const struct query *q)
{
	static const char *const types[] = { "read", "write", "fetch", "?" };
	static const char *const modes[] = { "the supervisor", "a user",
					     "the supervisor with EFLAGS.AC=1" };

	snprintf(buf, len, "%s by %s", types[q->access & VMMU_TYPE_MASK],
		 modes[vmmu_mode(q->access)]);
}
