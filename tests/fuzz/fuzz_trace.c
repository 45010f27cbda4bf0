/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: event traces, record by record.  What the records do: fuzz_replay.c.
 * Invariant: each record is answered once, and decodes or is refused.
 */
#include "fuzz.h"
#include "input/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct input *in = input_open_memory(FUZZ_NAME, data, size, &err);
	struct vmmu_trace_record rec;
	struct vmmu_trace_access acc;
	struct trace trace;
	uint64_t nr = 0;
	int got;

	if (!in || trace_open(&trace, in, &err) < 0) {
		fuzz_refused(&err, FUZZ_NAME);
		return 0;
	}
	fuzz_holds(trace.ram_bytes <= RAM_MOST, "RAM is no more than RAM_MOST");
	while ((got = trace_next(&trace, &rec, &err)) > 0) {
		nr++;
		fuzz_holds(rec.arg >> 56 == 0, "an argument has 56 bits");
		if (rec.type == VMMU_TRACE_ACC && vmmu_trace_get_access(&rec, &acc) == 0)
			fuzz_holds(!(acc.gva & 0x3f) && !(acc.gpa & 0xfff),
				   "accesses are to lines");
		else if (rec.type == VMMU_TRACE_FAULT)
			(void)vmmu_trace_fault_access(&rec);
	}
	if (got < 0)
		fuzz_refused(&err, FUZZ_NAME);
	fuzz_holds(nr == trace.next, "records are counted");
	trace_close(&trace);
	return 0;
}
