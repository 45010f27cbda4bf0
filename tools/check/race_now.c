/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all files of a world may ask about the race that is going on.
 * Not here: how the two operations are done (race.c).
 */
#include "race.h"
#include "world_priv.h"
#include "yield.h"

const char *race_point_name(unsigned point)
{
	if (point == RACE_ASKED || point == RACE_ANSWERED)
		return point == RACE_ASKED ? "asked" : "answered";
	return point < yield_kinds() ? yield_name(point) : NULL;
}

bool race_is_on(const struct world *w, const struct world_vm *v)
{
	return w->race && w->race->v == v;
}

void race_places(struct world *w, const struct world_vm *v, struct place before[NR_REGIONS])
{
	memcpy(before, w->place, sizeof(w->place));
	if (race_is_on(w, v) && w->race->moved)
		memcpy(w->place, w->race->place, sizeof(w->place));
}

bool race_is_ahead(const struct world *w, uint64_t gpa, uint64_t len)
{
	const struct race *r = w->race;

	return r && r->len && gpa < r->stored + r->len && r->stored < gpa + len;
}

bool race_may_have_written(struct world *w, const struct world_vm *v, uint64_t home)
{
	struct race *r = w->race;

	if (!race_is_on(w, v) || !r->going || !r->ran || r->nr_dirty == RACE_DIRTY)
		return false;
	r->dirty[r->nr_dirty++] = home;
	return true;
}

void race_asked(struct world_vm *v, unsigned when)
{
	if (race_is_on(v->w, v))
		v->w->race->at_point(v->w->race, when, true);
}
