/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the JSON beside a core, and beside a workload.
 * Invariant: what sidecar.h promises of one that is read.
 */
#include "fuzz.h"
#include "input/input.h"

#include <stdlib.h>
#include <string.h>

static void look_at_name(const char *name)
{
	fuzz_holds(!name || !strchr(name, '/'), "a file name has no slash");
}

static void look_at(struct sidecar *side)
{
	look_at_name(side->core);
	for (size_t i = 0; i < side->nr_cpus; i++)
		fuzz_holds(side->cpu[i].known < 2 * KNOWN_EFER, "registers are known ones");
	for (size_t i = 0; i < side->nr_contexts; i++) {
		const struct sidecar_context *c = &side->context[i];

		look_at_name(c->golden);
		look_at_name(c->infomem);
		for (size_t k = 0; k < c->nr_samples; k++)
			fuzz_holds(c->sample[k].mapped || !c->sample[k].gpa,
				   "no address where there is no mapping");
	}
	ranges_finish(&side->ram);
	fuzz_holds(ranges_end(&side->ram) <= RAM_MOST, "RAM ends below RAM_MOST");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	struct sidecar side;
	struct err err = { 0 };
	uint64_t ops;
	char *unit;

	if (sidecar_open(&side, path, &err) == 0) {
		look_at(&side);
		sidecar_close(&side);
	} else {
		fuzz_refused(&err, path);
	}
	err = (struct err){ 0 };
	if (sidecar_ops(path, &ops, &unit, &err) == 0) {
		fuzz_holds(ops && unit[0], "operations have a number and a name");
		free(unit);
	} else {
		fuzz_refused(&err, path);
	}
	return 0;
}
