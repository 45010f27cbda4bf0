/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: recorded programs.  After a first byte of 'C' ChampSim's records, else lackey's
 * text. Invariant: what is taken comes out as whole records, and as many accesses as were read.
 */
#include "fuzz.h"
#include "input/input.h"
#include "guest/guest.h"

static void drain(struct input *in, const char *name)
{
	struct err err = { 0 };
	struct vmmu_trace_record rec;
	struct vmmu_trace_access acc;
	struct trace trace;
	int got;

	if (trace_open(&trace, in, &err) < 0) {
		fuzz_refused(&err, name);
		return;
	}
	while ((got = trace_next(&trace, &rec, &err)) > 0) {
		fuzz_holds(rec.type >= VMMU_TRACE_CR && rec.type <= VMMU_TRACE_ORIGIN,
			   "record types are known");
		if (rec.type == VMMU_TRACE_ACC)
			fuzz_holds(vmmu_trace_get_access(&rec, &acc) == 0, "accesses decode");
	}
	if (got < 0)
		fuzz_refused(&err, name);
	trace_close(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int champsim = size && data[0] == 'C';
	const char *name = champsim ? FUZZ_NAME ".champsim" : FUZZ_NAME;
	struct err err = { 0 };
	struct input *in, *made;

	in = input_open_memory(name, data + champsim, size - (size_t)champsim, &err);
	made = in ? workload_of_file(in, &err) : NULL;
	if (!made)
		fuzz_refused(&err, name);
	else if (made == in)
		input_close(in); /* neither */
	else
		drain(made, name);
	return 0;
}
