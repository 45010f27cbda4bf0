/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two operations at once: one that reads tables, and what changes them meanwhile.
 * Not here: how they are run and judged (race.c).
 */
#include <string.h>

#include "gen_priv.h"
#include "race.h"

/* The first operation of what run() does, as data; nothing is done. */
static bool first_of(struct gen *g, gen_op *run, struct world_op *op)
{
	struct ops all = { 0 };
	bool any;

	g->w->instead = &all;
	run(g);
	g->w->instead = NULL;
	any = all.nr != 0;
	if (any)
		*op = all.op[0];
	ops_free(&all);
	return any;
}

/* Where a vCPU sees this word of memory and may write it, as far as memory says so. */
static bool mapped_at(struct gen *g, unsigned cpu, uint64_t gpa, uint64_t *gva)
{
	unsigned i, first = below(g, g->w->nr_gvas);
	struct or_result res;

	for (i = 0; i < g->w->nr_gvas; i++) {
		struct or_access acc = { .op = OR_WRITE, .no_ad = true };

		acc.gva = g->w->gva[(first + i) % g->w->nr_gvas] + (gpa & 4095);
		or_translate(world_regs(g->w, cpu), &g->w->orp, &g->w->ormem, &acc, &res);
		if (res.kind == OR_OK && res.gpa == gpa && !res.readonly) {
			*gva = acc.gva;
			return true;
		}
	}
	return false;
}

static unsigned region_of(const struct gen *g, uint64_t gpa)
{
	unsigned r;

	for (r = 0; r < NR_REGIONS - 1; r++)
		if (gpa - g->w->place[r].gpa < region[r].size)
			break;
	return r;
}

/* The same, made so by a leaf of this vCPU's where it has a table for one. */
static bool map_it(struct gen *g, unsigned cpu, uint64_t gpa, uint64_t *gva)
{
	unsigned tries;

	if (mapped_at(g, cpu, gpa, gva))
		return true;
	for (tries = 0; tries < 4; tries++) {
		struct step path[5];
		unsigned n = walk_path(g, cpu, any_gva(g), path);

		if (!n || path[n - 1].level != 1)
			continue;
		store_entry(g, cpu, path[n - 1].pa, path[n - 1].bytes, (gpa & ~0xfffull) | 0x67);
		if (mapped_at(g, cpu, gpa, gva))
			return true;
	}
	return false;
}

/* An address that this vCPU can read by tables in frames; how many, 0: none found. */
static unsigned good_path(struct gen *g, unsigned cpu, uint64_t *gva, struct step path[5])
{
	unsigned tries, n;

	for (tries = 0; tries < 8; tries++) {
		struct or_access acc = { .op = OR_READ, .no_ad = true };
		struct or_result res;

		*gva = acc.gva = any_gva(g);
		or_translate(world_regs(g->w, cpu), &g->w->orp, &g->w->ormem, &acc, &res);
		n = res.kind == OR_OK ? walk_path(g, cpu, *gva, path) : 0;
		if (n)
			return n;
	}
	return 0;
}

static uint64_t other_entry(struct gen *g, const struct step *s)
{
	static const unsigned bit[] = { 0, 1, 2, 5, 6, 63, 0, 1, 12, 13 };
	uint64_t e = world_read(g->w, s->pa, s->bytes);

	if (percent(g, 60))
		e ^= 1ull << bit[below(g, sizeof(bit) / sizeof(bit[0]))];
	else if (percent(g, 60))
		e = (e & ~0xffffffffff000ull) | any_frame(g);
	else
		e = 0;
	return s->bytes == 4 ? (uint32_t)e : e;
}

/* What reads the tables on the way to gva, protects one of them or compares it. */
static void reader_op(struct gen *g, unsigned cpu, uint64_t gva, const struct step *s,
		      struct world_op *op)
{
	unsigned how = below(g, 100);

	memset(op, 0, sizeof(*op));
	op->cpu = (uint8_t)cpu;
	if (how < 55) {
		op->what = OP_ACCESS;
		op->at = gva;
		op->size = 1;
		op->access = percent(g, 70) ? VMMU_READ : VMMU_WRITE;
	} else if (how < 65) {
		op->what = OP_INVLPG;
		op->at = gva;
	} else if (how < 80) {
		op->what = OP_SET;
		op->how = SET_CR3;
		op->value = world_regs(g->w, cpu)->cr3;
	} else if (how < 90) {
		op->what = OP_STORE;
		op->at = s->pa ^ 8;
		op->size = s->bytes;
		memcpy(op->bytes, &(uint64_t){ 0 }, 8);
	} else {
		op->what = OP_HOST;
		op->cpu = 0;
		op->how = percent(g, 50) ? HOST_LOG : percent(g, 50) ? HOST_HARVEST : HOST_NOTIFY;
		op->size = region_of(g, s->pa);
	}
}

/*
 * A store by another vCPU to an entry, inside an operation that reads it.  Before it the table may
 * be none that is known, the other vCPU may know that it may write to it, and have done so.
 */
static bool table_race(struct gen *g, unsigned cpu, unsigned by, struct world_op *outer,
		       struct world_op *inner)
{
	struct step path[5], *s, near;
	uint64_t gva, mapped, e;
	unsigned n = good_path(g, cpu, &gva, path);

	if (!n)
		return false;
	s = &path[percent(g, 60) ? n - 1 : below(g, n)];
	/* Or to its neighbour, which may be filled along with it. */
	near = *s;
	near.pa ^= percent(g, 25) ? s->bytes : 0;
	if (!map_it(g, by, near.pa, &mapped))
		return false;
	if (percent(g, 40))
		world_host(g->w, HOST_NOTIFY, region_of(g, s->pa));
	else if (percent(g, 60))
		world_access(g->w, cpu, gva, 1, VMMU_READ, NULL);
	e = world_read(g->w, near.pa, s->bytes);
	if (percent(g, 75))
		world_access(g->w, by, mapped, s->bytes, VMMU_WRITE, percent(g, 50) ? &e : NULL);
	reader_op(g, cpu, gva, s, outer);
	*inner = (struct world_op){ .what = OP_ACCESS,
				    .cpu = (uint8_t)by,
				    .at = mapped,
				    .size = s->bytes,
				    .access = VMMU_WRITE,
				    .has_value = 1,
				    .value = other_entry(g, &near) };
	return true;
}

/* What the host does meanwhile: to pages mostly. */
static uint8_t inner_host(struct gen *g, const struct world_op *outer)
{
	static const uint8_t page[] = { HOST_NOTIFY,  HOST_REPLACE, HOST_CHANGE, HOST_SHARE,
					HOST_REPLACE, HOST_CHANGE,  HOST_AGE };

	if (outer->what == OP_ACCESS && percent(g, 30))
		return (uint8_t)below(g, HOST_WINDOW);
	return page[below(g, sizeof(page))];
}

static unsigned frame_at(const struct gen *g, uint64_t gpa)
{
	unsigned f;

	for (f = 0; f < g->w->nr_frames; f++)
		if (world_frame(g->w, f) == (gpa & ~0xfffull))
			break;
	return f;
}

/*
 * An access for which the host is asked, because it has just taken the region; and while it
 * answers, the page that is wanted, or a table's on the way to it, moves.
 */
static bool asked_race(struct gen *g, unsigned cpu, struct world_op *outer, struct world_op *inner)
{
	struct or_access acc = { .op = OR_READ, .no_ad = true };
	struct or_result res;
	struct step path[5];
	unsigned n = good_path(g, cpu, &acc.gva, path), f;
	uint64_t gpa;

	if (!n)
		return false;
	or_translate(world_regs(g->w, cpu), &g->w->orp, &g->w->ormem, &acc, &res);
	gpa = percent(g, 65) ? res.gpa : path[below(g, n)].pa;
	f = frame_at(g, gpa);
	if (f == g->w->nr_frames)
		return false;
	world_host(g->w, HOST_NOTIFY, region_of(g, gpa));
	*outer = (struct world_op){ .what = OP_ACCESS,
				    .cpu = (uint8_t)cpu,
				    .at = acc.gva,
				    .size = 1,
				    .access = percent(g, 50) ? VMMU_READ : VMMU_WRITE };
	*inner = (struct world_op){ .what = OP_HOST, .how = inner_host(g, outer), .size = f };
	if (inner->how < HOST_REPLACE)
		inner->size = region_of(g, gpa);
	return true;
}

/* What goes on while it does not look. */
static bool inner_op(struct gen *g, const struct world_op *outer, struct world_op *op)
{
	static gen_op *const other[] = {
		op_access, op_access, op_access, op_invlpg, op_cr3, op_scribble,
	};
	unsigned by = any_cpu(g);

	if (by == outer->cpu)
		by = (by + 1) % g->w->cfg.nr_cpus;
	if (percent(g, 15) && g->w->cfg.kind == WORLD_HOST) {
		*op = (struct world_op){ .what = OP_HOST,
					 .how = inner_host(g, outer),
					 .size = (unsigned)(rng_next(&g->r) >> 40) };
		return true;
	}
	if (!first_of(g, other[below(g, sizeof(other) / sizeof(other[0]))], op))
		return false;
	if (outer->what != OP_HOST)
		op->cpu = (uint8_t)by;
	if (percent(g, 50) && op->what == OP_ACCESS && outer->what == OP_ACCESS)
		op->at = (outer->at & ~0xfffull) | (op->at & 0xfff);
	return true;
}

/* A log of a region, with pages in it that were not used of late. */
static bool log_op(struct gen *g, struct world_op *op)
{
	unsigned r = below(g, NR_REGIONS), k;

	if (percent(g, 50))
		world_host(g->w, HOST_LOG_OFF, r);
	for (k = below(g, 4); k; k--)
		world_access(g->w, any_cpu(g), any_gva(g), 1, VMMU_READ, NULL);
	world_host(g->w, HOST_AGE, r);
	*op = (struct world_op){ .what = OP_HOST, .how = HOST_LOG, .size = r };
	return true;
}

static bool outer_op(struct gen *g, struct world_op *op)
{
	static gen_op *const other[] = {
		op_access, op_access, op_access,  op_access, op_scribble, op_cr3,
		op_invlpg, op_map,    op_invpcid, op_memory, op_cr3,	  op_tweak,
	};

	if (percent(g, 1))
		return log_op(g, op);
	return first_of(g, other[below(g, sizeof(other) / sizeof(other[0]))], op);
}

/* A kind of point that the outer operation may come to; race_point_name() has the names. */
static uint8_t likely_point(struct gen *g, const struct world_op *outer)
{
	static const uint8_t fault[] = { 0, 1, 2, 2, 3, 4, 5, 9, RACE_ASKED, RACE_ANSWERED };
	static const uint8_t other[] = { 4, 5, 6, 7, 8, 9 };
	static const uint8_t host[] = { 4, 9, 10, 11, 12 };

	if (outer->what == OP_ACCESS)
		return fault[below(g, sizeof(fault))];
	if (outer->what == OP_HOST)
		return host[below(g, sizeof(host))];
	return other[below(g, sizeof(other))];
}

void op_race(struct gen *g)
{
	struct world_op outer, inner;
	struct world_op race = { .what = OP_RACE, .how = RACE_ANY };
	static const uint8_t kept[] = { 0, 2, 3 };
	unsigned cpu;

	if (g->w->cfg.kind == WORLD_HOST && percent(g, 40)) {
		if (!asked_race(g, any_cpu(g), &outer, &inner))
			return;
		race.size = below(g, g->w->nr_tried);
		race.how = percent(g, 65) ? RACE_ANSWERED : RACE_ASKED;
		race.access = below(g, 3);
		race_run(g->w, &race, &outer, &inner, op_apply);
		return;
	}
	if (g->w->cfg.nr_cpus < 2 && percent(g, 70))
		return;
	if (g->w->cfg.nr_cpus > 1 && percent(g, 60)) {
		unsigned by;

		cpu = any_cpu(g);
		by = below(g, g->w->cfg.nr_cpus - 1);
		if (!table_race(g, cpu, by + (by >= cpu), &outer, &inner))
			return;
	} else if (!outer_op(g, &outer) || !inner_op(g, &outer, &inner)) {
		return;
	}
	/* Shadows that keep pages have the most points. */
	race.size = below(g, WORLD_VMS);
	if (percent(g, 65))
		race.size = (g->w->cfg.kind == WORLD_PLAIN ? 2u : 0) + kept[below(g, 3)];
	if (percent(g, 75))
		race.how = likely_point(g, &outer);
	race.access = below(g, 1u << below(g, 4));
	race_run(g->w, &race, &outer, &inner, op_apply);
}
