/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: QEMU's `info tlb` and `info mem`, the same bytes as the one and as the other.
 * Invariant: what golden.h promises of texts that are read.
 */
#include "fuzz.h"
#include "input/input.h"

static void look_at(const struct golden *g)
{
	for (size_t i = 1; i < g->nr_spans; i++)
		fuzz_holds(g->span[i - 1].start <= g->span[i].start, "spans are by address");
	for (size_t i = 0; i < g->nr_spans; i++) {
		const struct golden_span *hit = golden_find(g, g->span[i].start);

		fuzz_holds(!hit || (hit->start <= g->span[i].start && g->span[i].start < hit->end),
			   "a span that is found holds the address");
	}
	for (size_t i = 0; i < g->nr_lines; i++)
		fuzz_holds(g->line[i].pa >> 63 == 0, "NX is no part of an address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	struct golden g;
	struct err err = { 0 };

	if (golden_load(&g, path, NULL, &err) == 0) {
		look_at(&g);
		golden_free(&g);
	} else {
		fuzz_refused(&err, path);
	}
	err = (struct err){ 0 };
	if (golden_load(&g, "/dev/null", path, &err) == 0) {
		look_at(&g);
		golden_free(&g);
	} else {
		fuzz_refused(&err, path);
	}
	return 0;
}
