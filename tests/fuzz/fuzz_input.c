/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: what every reader stands on: plain and packed bytes, from memory and from a file,
 * and the kind of guest that a file holds.
 * Invariant: memory and file give the same bytes, and the same end.
 */
#include "fuzz.h"
#include "cmd/guest_file.h"
#include "input/input.h"

#include <stdlib.h>
#include <string.h>

#define MOST ((size_t)1 << 20)

/* Up to MOST bytes in pieces of `step`; -1: refused. */
static ssize_t take(struct input *in, uint8_t *out, size_t step, struct err *err)
{
	size_t done = 0;
	ssize_t n = 1;

	while (n > 0 && done < MOST) {
		n = input_full(in, out + done, step < MOST - done ? step : MOST - done, err);
		if (n > 0)
			done += (size_t)n;
		fuzz_holds(input_fraction(in) <= 1, "no more than the whole file is read");
	}
	return n < 0 ? -1 : (ssize_t)done;
}

static ssize_t from_memory(const uint8_t *data, size_t size, uint8_t *out)
{
	struct err err = { 0 };
	struct input *in = input_open_memory(FUZZ_NAME, data, size, &err);
	ssize_t n = in ? take(in, out, 997, &err) : -1;

	if (n < 0)
		fuzz_refused(&err, FUZZ_NAME);
	input_close(in);
	return n;
}

static void compare(const char *path, const uint8_t *want, ssize_t want_size)
{
	struct err err = { 0 };
	struct bytes b;
	int ret = input_slurp(path, MOST, &b, &err);

	if (ret < 0)
		fuzz_refused(&err, path);
	if (want_size < 0)
		fuzz_holds(ret < 0, "what is refused in memory is refused in a file");
	else if (ret == 0)
		fuzz_holds(b.size == (size_t)want_size && !memcmp(b.data, want, b.size),
			   "a file gives the bytes that memory gives");
	else
		fuzz_holds((size_t)want_size == MOST, "only what is too long is refused");
	free(b.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	uint8_t *out = malloc(MOST);
	struct err err = { 0 };

	fuzz_holds(out != NULL, "there is memory");
	compare(path, out, from_memory(data, size, out));
	if (guest_kind(path, &err) < 0)
		fuzz_refused(&err, path);
	free(out);
	return 0;
}
