/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a trace that is replayed, natively and shadowed; small guests only.
 * Answers may well be wrong here; the library's own invariants may not.
 * Invariant: a replay answers, or refuses a record with its number and byte.
 */
#include "fuzz.h"
#include "replay/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BYTES (4ull << 20)

static void look_at(const struct result *res)
{
	unsigned i, nr = (unsigned)(sizeof(res->first) / sizeof(*res->first));

	for (i = 0; i < nr && i < res->mismatches; i++) {
		if (!strstr(res->first[i].text, "vmmu_check()"))
			continue;
		fprintf(stderr, "%s\n", res->first[i].text);
		abort();
	}
}

static void replay(const uint8_t *data, size_t size, const char *backend)
{
	struct machine_options opt = { .backend = backend_find(backend), .host_page = 4096 };
	struct replay_options ro = { .check = 100 };
	struct err err = { 0 };
	struct result res = { 0 };
	struct input *in = input_open_memory(FUZZ_NAME, data, size, &err);
	struct trace trace;
	struct machine m;

	if (!in || trace_open(&trace, in, &err) < 0) {
		fuzz_refused(&err, FUZZ_NAME);
		return;
	}
	if (trace.ram_bytes <= RAM_BYTES && replay_machine(&trace, &opt, &m, &err) == 0) {
		if (replay_run(&trace, &m, &ro, &res, &err) == 0)
			look_at(&res);
		else
			fuzz_refused(&err, FUZZ_NAME);
		machine_close(&m);
	}
	trace_close(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	replay(data, size, "native");
	replay(data, size, "shadow");
	return 0;
}
