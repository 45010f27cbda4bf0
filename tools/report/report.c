/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums that all forms of the report have.
 */
#include "report.h"

uint64_t report_exits(const struct result *run)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		sum += run->stats.event[i];
	return sum;
}

uint64_t report_mismatches(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->nr_inputs; i++)
		for (unsigned k = 0; k < r->input[i].nr_runs; k++)
			sum += r->input[i].run[k].mismatches;
	return sum;
}
