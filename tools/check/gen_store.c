/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores of every width to guest tables: less than an entry, several entries, across the middle of
 * an entry, across the part of a table that one shadow page covers, to the end of a page.
 * Not here: stores of one entry (gen_ops.c).
 */
#include <string.h>

#include "gen_priv.h"
#include "ops.h"

/* Of the table of 1,024 entries, one shadow page of a page directory covers a quarter. */
#define QUADRANT 0x400u

static unsigned any_width(struct gen *g)
{
	static const uint8_t width[] = { 1,  2,	 3,  4,	 5,  6,	 7,  8,	 9,  12, 12,
					 15, 16, 16, 17, 24, 31, 32, 32, 48, 64, 128 };

	if (percent(g, 20))
		return 1 + below(g, OP_BYTES);
	return width[below(g, sizeof(width))];
}

/* Where in the frame of an entry: at it, around it, at its quadrant's edge, at the page's edge. */
static uint64_t any_place(struct gen *g, const struct step *s, unsigned width)
{
	uint64_t page = s->pa & ~0xfffull;
	unsigned back = below(g, width + 1);

	switch (below(g, 6)) {
	case 0:
	case 1:
		return s->pa;
	case 2:
	case 3:
		return s->pa - page > back ? s->pa - back : page;
	case 4:
		return page + QUADRANT * (1 + below(g, 3)) - back;
	default:
		return page + 4096 - (back ? back : 1);
	}
}

/* What is there now, with some entries changed and, seldom, any bytes. */
static void fill_bytes(struct gen *g, const struct step *s, uint64_t at, unsigned width,
		       uint8_t *bytes)
{
	uint64_t e, entry;
	unsigned i;

	for (i = 0; i < width; i++)
		bytes[i] = (uint8_t)world_read(g->w, at + i, 1);
	for (entry = at & ~(uint64_t)(s->bytes - 1); entry < at + width; entry += s->bytes) {
		e = random_entry(g, s->bytes, s->level);
		if (percent(g, 50))
			continue;
		for (i = 0; i < s->bytes; i++)
			if (entry + i - at < width)
				bytes[entry + i - at] = (uint8_t)(e >> 8 * i);
	}
	if (percent(g, 15))
		bytes[below(g, width)] = (uint8_t)below(g, 256);
}

void op_wide(struct gen *g)
{
	static const enum world_store how[] = { STORE_CPU, STORE_CPU, STORE_DEVICE,
						STORE_BEGIN_END };
	unsigned cpu = any_cpu(g), width = any_width(g), n;
	uint8_t bytes[OP_BYTES];
	struct step path[5], s;
	uint64_t gva = any_gva(g), at;
	enum world_store by;

	n = walk_path(g, cpu, gva, path);
	if (!n)
		return;
	s = path[percent(g, 50) ? n - 1 : below(g, n)];
	at = any_place(g, &s, width);
	by = how[below(g, 4)];
	/* begin and end lie in one page; and memory outside the frames stays zero. */
	if ((at & 4095) + width > 4096 &&
	    (by == STORE_BEGIN_END || !world_is_frame(g->w, (at | 4095) + 1)))
		width = 4096 - (unsigned)(at & 4095);
	memset(bytes, 0, sizeof(bytes));
	fill_bytes(g, &s, at, width, bytes);
	world_store(g->w, cpu, at, bytes, width, by);
	if (percent(g, 60))
		world_invlpg(g->w, cpu, gva);
	if (percent(g, 60))
		world_access(g->w, cpu, gva, 1, percent(g, 60) ? VMMU_READ : VMMU_WRITE, NULL);
}
