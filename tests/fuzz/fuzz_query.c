/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the lines that `vmmu translate` reads, and numbers as users write them.
 * Invariant: a line ends where its text does, and is an access or none.
 */
#include "fuzz.h"
#include "input/input.h"
#include "cmd/query.h"
#include "base/base.h"

#include <string.h>
#include <vmmu/hw.h>

#define LINES_MOST 4096u

static void parse(char *line)
{
	char words[80];
	struct query q;
	uint64_t a, b;

	if (parse_u64(line, &a) == 0)
		fuzz_holds(parse_size(line, &b) == 0 && a == b, "a number is a size");
	if (parse_size(line, &a) == 0) {
		format_exact(words, sizeof(words), a);
		format_count(words, 11, a);
		fuzz_holds(strlen(words) <= 10, "a count has at most ten characters");
		format_bytes(words, sizeof(words), a);
	}
	if (query_parse(line, &q) == 0) {
		fuzz_holds(vmmu_mode(q.access) <= 2 && (q.access & VMMU_TYPE_MASK) <= VMMU_FETCH,
			   "an access that is read can be made");
		query_words(words, sizeof(words), &q);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct input *in = input_open_memory(FUZZ_NAME, data, size, &err);
	struct lines l;
	char *line;
	int got;

	if (!in) {
		fuzz_refused(&err, FUZZ_NAME);
		return 0;
	}
	got = lines_open(&l, in, &err) < 0 ? -1 : 1;
	while (got > 0 && l.number < LINES_MOST) {
		(void)lines_would_wait(&l);
		got = lines_next(&l, &line, &err);
		if (got > 0)
			parse(line);
	}
	if (got < 0)
		fuzz_refused(&err, FUZZ_NAME);
	lines_close(&l);
	return 0;
}
