/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that is tested: a few pages of physical memory, which is all that entries lead to.
 *
 * Regions of 2M at 0, 2M, 32M, 34M, 44M, 46M, 60M, 62M.  In each the pages 0, 1, 2 and 511; in the
 * second at 32M some more, which are tables beside large pages.  Addresses that are tested have one
 * of the numbers 16, 17, 22, 23, 30, 31 as index of level 2, and 0, 1, 2, 511 of level 1.  So a
 * leaf of any size that begins at a region, or at 0 if it is of 1G, leads to pages of ours and to
 * no others; and so does an entry with the address of a page of ours, whatever its other bits make
 * of it: 4M leaves and both halves of an 8-byte entry that is read as two of 4 bytes included.
 *
 * Each page is filled with bytes that tell which page it is, and where in it.  They are even: read
 * as an entry, none is present.
 */
#include <string.h>

#include "kernel.h"

#define REGION_BYTES (2 * MIB)
#define REGIONS 8u
#define MORE_FROM 8u /* pages of the region at 34M that are no corner of it */
#define MORE 6u
#define MORE_REGION 3u

uint8_t mirror[NR_PAGES][4096] __attribute__((aligned(4096)));

static const uint64_t region_base[REGIONS] = { 0,	 2 * MIB,  32 * MIB, 34 * MIB,
					       44 * MIB, 46 * MIB, 60 * MIB, 62 * MIB };
static const uint16_t corner[4] = { 0, 1, 2, 511 };

int page_at(uint64_t pa)
{
	unsigned r, c, i = (unsigned)(pa >> 12) & 511;

	if (pa >= 64 * MIB)
		return -1;
	for (r = 0; r < REGIONS; r++)
		if (pa >> 21 == region_base[r] >> 21)
			break;
	if (r == REGIONS)
		return -1;
	for (c = 0; c < 4; c++)
		if (i == corner[c])
			return (int)(4 * r + c);
	if (r == MORE_REGION && i - MORE_FROM < MORE)
		return (int)(4 * REGIONS + i - MORE_FROM);
	return -1;
}

uint64_t page_address(unsigned page)
{
	if (page >= 4 * REGIONS)
		return region_base[MORE_REGION] + (page - 4 * REGIONS + MORE_FROM) * 4096ull;
	return region_base[page / 4] + corner[page % 4] * 4096ull;
}

uint8_t *page_real(unsigned page)
{
	return phys_pointer(page_address(page));
}

/* ---- what is never changed ------------------------------------------------------------------- */

extern uint64_t kernel_pdpt[512];

static bool overlaps(unsigned offset, unsigned size, unsigned at)
{
	return offset < at + 8 && at < offset + size;
}

bool layout_pinned(unsigned offset, unsigned size)
{
	return overlaps(offset, size, SLOT * 8) || overlaps(offset, size, FETCH_AT);
}

static void pin(unsigned page)
{
	uint64_t link = phys_of(kernel_pdpt) | 0x67, call = 0xcd | (PAGE_VECTOR + page) << 8;

	memcpy(mirror[page] + SLOT * 8, &link, 8);
	memcpy(mirror[page] + FETCH_AT, &call, 8);
}

void layout_fill(void)
{
	unsigned page, i;

	for (page = 0; page < NR_PAGES; page++) {
		for (i = 0; i < 4096; i++)
			mirror[page][i] = (uint8_t)((page * 37 + i * 11 + (i >> 8)) << 1);
		pin(page);
		memcpy(page_real(page), mirror[page], 4096);
	}
}

/* ---- entries ------------------------------------------------------------------------------------
 */

uint64_t layout_tame(const struct world *w, uint64_t entry)
{
	uint64_t reserved = entry & ~((1ull << cpu.profile.maxphyaddr) - 1);
	uint32_t low = (uint32_t)entry;

	if ((low & 1) && page_at(low & ~0xfffu) < 0)
		low = (low & 0xfff) | (uint32_t)w->frame[(low >> 12) % w->nr_frames];
	return reserved | low;
}

/* ---- a world
 * -------------------------------------------------------------------------------------- */

static const uint8_t frame_page[] = { 8,  9,  11, 12, 13, 32, 33, 34, 35,
				      36, 37, 16, 21, 26, 28, 31, 17, 22 };

static void choose_frames(struct world *w)
{
	static uint64_t large[REGIONS + 2], hole[4 + NR_PAGES];
	unsigned i;

	w->nr_frames = sizeof(frame_page);
	for (i = 0; i < w->nr_frames; i++)
		w->frame[i] = page_address(frame_page[i]);
	for (i = 0; i < REGIONS; i++)
		large[i] = region_base[i];
	w->large = large;
	w->nr_large = sizeof(large) / sizeof(large[0]); /* 0 more often: leaves of 1G */
	for (i = 0; i < 4; i++)
		hole[i] = 1ull << (43 + 2 * i +
				   (i == 3) * 2); /* reserved, where there are as many bits */
	for (i = 0; i < NR_PAGES; i++)
		hole[4 + i] = page_address(i);
	w->hole = hole;
	w->nr_holes = sizeof(hole) / sizeof(hole[0]);
}

static uint64_t pick_gva(struct rng *r)
{
	static const uint64_t mid[] = { 16, 17, 22, 23, 30, 31 };
	static const uint64_t top[] = { 0, 1, 255, 256, 511 };
	uint64_t v = (uint64_t)corner[rng_below(r, 4)] << 12;

	v |= mid[rng_below(r, 6)] << 21;
	v |= (uint64_t)(rng_below(r, 2) ? rng_below(r, 4) : 511) << 30;
	v |= top[rng_below(r, 5)] << 39;
	/* Some are not canonical. */
	return rng_below(r, 100) < 96 ? (uint64_t)((int64_t)(v << 16) >> 16) : v;
}

static void add_gva(struct world *w, uint64_t gva)
{
	unsigned i;

	for (i = 0; i < w->nr_gvas; i++)
		if (w->gva[i] == gva)
			return;
	if (w->nr_gvas < WORLD_GVAS)
		w->gva[w->nr_gvas++] = gva;
}

static void add_word(struct world *w, unsigned offset)
{
	unsigned i;

	for (i = 0; i < w->nr_words; i++)
		if (w->word[i] == offset)
			return;
	w->word[w->nr_words++] = (uint16_t)offset;
}

void layout_world(struct world *w)
{
	struct rng r = { .s = w->cfg.seed ^ 0x3e7a1 };
	uint64_t base[6];
	unsigned i, shift;

	choose_frames(w);
	for (i = 0; i < 6; i++)
		base[i] = pick_gva(&r);
	while (w->nr_gvas < 22) {
		uint64_t gva = base[rng_below(&r, 6)], low = pick_gva(&r);

		/* Few upper halves, so tables are shared. */
		gva = (gva & ~0x3fffffffull) | (low & 0x3fffffffull);
		add_gva(w, gva);
		if ((gva >> 12 & 511) < 2 && rng_percent(&r, 50))
			add_gva(w, gva + 4096);
	}
	for (i = 0; i < w->nr_gvas; i++)
		for (shift = 12; shift <= 48; shift += 9)
			add_word(w, (unsigned)(w->gva[i] >> shift & 511) * 8);
}
