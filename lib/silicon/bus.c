/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which physical addresses are memory.  The main range is tested inline.
 * Keeps: no address outside the ranges becomes a pointer.
 */
#include "walk_priv.h"

static void *bus_more(const struct vmmu_bus *bus, uint64_t pa)
{
	unsigned i;

	for (i = 0; i < bus->nr_more; i++)
		if (pa >= bus->more[i].lo && pa < bus->more[i].hi)
			return at_hpa(bus->base, pa);
	return NULL;
}

void *bus_at(const struct vmmu_bus *bus, uint64_t pa)
{
	return pa - bus->lo < bus->size ? at_hpa(bus->base, pa) : bus_more(bus, pa);
}

int bus_covers_more(const struct vmmu_bus *bus, uint64_t pa, uint64_t size)
{
	unsigned i;

	for (i = 0; i < bus->nr_more; i++)
		if (pa >= bus->more[i].lo && pa < bus->more[i].hi)
			return size <= bus->more[i].hi - pa;
	return 0;
}
