/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting a run's results.
 * Invariant: see result.h.
 */
#include "result.h"

#include <stdarg.h>
#include <stdio.h>

unsigned result_shown(const struct result *r)
{
	return r->mismatches < RESULT_SHOWN ? (unsigned)r->mismatches : RESULT_SHOWN;
}

void result_mismatch(struct result *r, const char *fmt, ...)
{
	va_list args;

	if (r->mismatches < RESULT_SHOWN) {
		struct mismatch *m = &r->first[r->mismatches];

		va_start(args, fmt);
		(void)vsnprintf(m->text, sizeof(m->text), fmt, args);
		va_end(args);
	}
	r->mismatches++;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Every field of the statistics but the first is a count. */
static void add_silicon(struct vmmu_silicon_stats *sum, struct vmmu *vm)
{
	struct vmmu_silicon_stats now = { .size = sizeof(now) };
	const uint64_t *from = &now.tlb_hits[0];
	uint64_t *to = &sum->tlb_hits[0];

	vmmu_get_silicon(vmmu_cpu(vm, 0), &now);
	for (size_t i = 0; i < (sizeof(now) - sizeof(now.size)) / sizeof(*to); i++)
		to[i] += from[i];
}

void result_add_stats(struct result *r, struct vmmu *vm)
{
	struct vmmu_stats now = { .size = sizeof(now) }, *sum = &r->stats;

	vmmu_get_stats(vm, &now);
	for (unsigned i = 0; i < VMMU_NR_EVENTS; i++)
		sum->event[i] += now.event[i];
	sum->walk_refs += now.walk_refs;
	sum->sw_refs += now.sw_refs;
	sum->tlb_hits += now.tlb_hits;
	add_silicon(&r->silicon, vm);
	sum->table_bytes = now.table_bytes;
	sum->meta_bytes = now.meta_bytes;
	sum->table_peak = most(sum->table_peak, now.table_peak);
	sum->meta_peak = most(sum->meta_peak, now.meta_peak);
}
