/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: memory dumps, ELF cores and kdump-compressed ones, flattened or not.
 * Invariant: what core.h promises of a core that is read.
 */
#include "input/input.h"
#include "fuzz.h"

/* All contents are read. */
static volatile uint8_t sum;

static void look_at(const struct core *core)
{
	const struct bytes *image = &core->image;

	for (size_t i = 0; i < core->nr_segments; i++) {
		const struct core_segment *seg = &core->segment[i];
		uint64_t at = (uint64_t)(seg->data - image->data);

		for (uint64_t k = 0; k < seg->data_bytes; k++)
			sum += seg->data[k];
		fuzz_holds(!image->data ||
				   (at <= image->size && seg->data_bytes <= image->size - at),
			   "a segment's data lies within the image");
		fuzz_holds(seg->data_bytes <= seg->bytes, "a segment's data lies within it");
	}
	fuzz_holds(!image->data || core->nr_cpus <= image->size, "a vCPU takes a byte at least");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	struct err err = { 0 };
	struct ranges ram = { 0 };
	struct core core;

	if (core_open(&core, path, &err) < 0) {
		fuzz_refused(&err, path);
		return 0;
	}
	look_at(&core);
	fuzz_holds(core_ranges(&core, &ram, path, &err) == 0, "segments are within RAM_MOST");
	ranges_finish(&ram);
	for (size_t i = 0; i < core.nr_segments; i++)
		fuzz_holds(!core.segment[i].bytes ||
				   ranges_have(&ram, core.segment[i].gpa, core.segment[i].bytes),
			   "a segment is RAM");
	ranges_free(&ram);
	core_close(&core);
	return 0;
}
