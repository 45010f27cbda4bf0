/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of guest-physical pages.
 * Not here: the VM's memory slots, which machine/vm.c makes of them.
 * Invariant: see ranges.h.
 */
#include "ranges.h"

#include <stdlib.h>

int ranges_add(struct ranges *r, uint64_t gpa, uint64_t size, const char *where, struct err *err)
{
	uint64_t mask = VMMU_PAGE_SIZE - 1;

	if (size == 0)
		return 0;
	if (gpa >= RAM_MOST || size > RAM_MOST - gpa)
		return err_input(err, "%s: RAM at 0x%llx, 0x%llx bytes, ends above 0x%llx", where,
				 (unsigned long long)gpa, (unsigned long long)size, RAM_MOST);
	if (r->nr == r->cap) {
		unsigned cap = r->cap ? r->cap * 2 : 16;
		struct vmmu_range *range = realloc(r->range, cap * sizeof(*range));

		if (!range)
			return err_input(err, "%s: out of memory", where);
		r->range = range;
		r->cap = cap;
	}
	r->range[r->nr++] = (struct vmmu_range){ gpa & ~mask, (gpa + size + mask) & ~mask };
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct vmmu_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

void ranges_finish(struct ranges *r)
{
	unsigned out = 0;

	if (r->nr)
		qsort(r->range, r->nr, sizeof(*r->range), by_address);
	for (unsigned i = 1; i < r->nr; i++) {
		struct vmmu_range *last = &r->range[out], *next = &r->range[i];

		if (next->lo > last->hi)
			r->range[++out] = *next;
		else if (next->hi > last->hi)
			last->hi = next->hi;
	}
	if (r->nr)
		r->nr = out + 1;
}

void ranges_free(struct ranges *r)
{
	free(r->range);
	*r = (struct ranges){ 0 };
}

int ranges_have(const struct ranges *r, uint64_t gpa, uint64_t size)
{
	unsigned lo = 0, hi = r->nr;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (r->range[mid].hi <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->nr && gpa >= r->range[lo].lo && size <= r->range[lo].hi - gpa;
}

uint64_t ranges_end(const struct ranges *r)
{
	return r->nr ? r->range[r->nr - 1].hi : 0;
}

uint64_t ranges_bytes(const struct ranges *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->nr; i++)
		sum += r->range[i].hi - r->range[i].lo;
	return sum;
}

int ranges_pc(struct ranges *r, uint64_t size, const char *where, struct err *err)
{
	uint64_t low = size < 0xa0000 ? size : 0xa0000;

	if (ranges_add(r, 0, low, where, err) < 0)
		return -1;
	if (size > 0xc0000 && ranges_add(r, 0xc0000, size - 0xc0000, where, err) < 0)
		return -1;
	ranges_finish(r);
	return 0;
}
