/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host changes: every leaf that maps a range loses it, or a right, or its age; and
 * the shadows of guest tables that lie in it go.
 * Not here: the reverse map itself (rmap.c), when all caches are flushed (the library).
 */
#include "shadow_priv.h"

static uint64_t zap_chain(struct shadow_vm *s, struct chain *c)
{
	uint64_t nr = 0;
	unsigned index;
	where_t where;

	while ((where = chain_first(c))) {
		struct spage *sp = page_at(s, where, &index);

		nr += (uint64_t)drop_entry(s, sp, index);
	}
	return nr;
}

static uint64_t wrprot_place(struct shadow_vm *s, where_t where, const void *unused)
{
	unsigned index;
	struct spage *sp = page_at(s, where, &index);

	(void)unused;
	return (uint64_t)vmmu_table_wrprot(sp->table, index);
}

static uint64_t age_place(struct shadow_vm *s, where_t where, const void *how)
{
	unsigned index;
	struct spage *sp = page_at(s, where, &index);

	return (uint64_t)vmmu_table_age(sp->table, index,
					*(const enum vmmu_change *)how == VMMU_CHANGE_AGE);
}

static uint64_t change_chain(struct shadow_vm *s, struct chain *c, unsigned level,
			     enum vmmu_change how)
{
	switch (how) {
	case VMMU_CHANGE_AGE:
	case VMMU_CHANGE_YOUNG:
		return chain_each(c, age_place, s, &how);
	case VMMU_CHANGE_WRPROT:
		/* A large leaf goes whole: small ones come back as they are used. */
		return level == 1 ? chain_each(c, wrprot_place, s, NULL) : zap_chain(s, c);
	default:
		return zap_chain(s, c);
	}
}

/* The part of [gpa, last] that lies in one block. */
static uint64_t change_block(struct shadow_vm *s, struct rmap_block *b, uint64_t gpa, uint64_t last,
			     enum vmmu_change how)
{
	unsigned level = b->key & 3, shift = level_shift(level);
	uint64_t lo = b->key >> 2 << (shift + TABLE_SHIFT),
		 hi = lo | ((1ull << (shift + TABLE_SHIFT)) - 1), nr = 0;

	if (hi < gpa || lo > last)
		return 0;
	lo = lo > gpa ? lo : gpa;
	hi = hi < last ? hi : last;
	for (lo >>= shift; lo <= hi >> shift; lo++)
		nr += change_chain(s, &b->chain[lo & (TABLE_ENTRIES - 1)], level, how);
	return nr;
}

static uint64_t change_all_blocks(struct shadow_vm *s, uint64_t gpa, uint64_t last,
				  enum vmmu_change how)
{
	struct rmap_block *b, *next;
	uint64_t nr = 0;

	HASH_ITER (hh, s->rmaps, b, next) {
		nr += change_block(s, b, gpa, last, how);
	}
	return nr;
}

static uint64_t change_leaves(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t last = gpa + len - 1, nr = 0, key;
	struct rmap_block *b;
	unsigned level;

	/* The blocks of a range are found one by one, unless there are more than exist at all. */
	if ((last - gpa) >> (level_shift(1) + TABLE_SHIFT) >= HASH_COUNT(s->rmaps))
		return change_all_blocks(s, gpa, last, how);
	for (level = 1; level <= 3; level++) {
		for (key = rmap_key(gpa, level); key <= rmap_key(last, level); key += 4) {
			b = rmap_block(s, key);
			if (b)
				nr += change_block(s, b, gpa, last, how);
		}
	}
	return nr;
}

/* The host takes the range: tables that lie there may come back different. */
static uint64_t zap_tables(struct shadow_vm *s, uint64_t gpa, uint64_t len)
{
	uint64_t first = gpa >> VMMU_PAGE_SHIFT, last = (gpa + len - 1) >> VMMU_PAGE_SHIFT;
	struct frame *f, *next;

	/* One by one, unless the range has more frames than there are tables at all. */
	if (last - first < HASH_COUNT(s->frames)) {
		for (; first <= last; first++) {
			f = frame_find(s, first);
			if (f)
				frame_zap(s, f);
		}
		return page_commit(s);
	}
	HASH_ITER (hh, s->frames, f, next)
		if (f->gfn >= first && f->gfn <= last)
			frame_zap(s, f);
	return page_commit(s);
}

uint64_t change_range(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t nr;

	if (how == VMMU_CHANGE_ZAP && !gpa && len == VMMU_ALL)
		return page_zap_all(s);
	nr = change_leaves(s, gpa, len, how);
	/* What the host takes may come back different: tables, too. */
	if (how == VMMU_CHANGE_ZAP)
		nr += zap_tables(s, gpa, len);
	return nr;
}

/* ---- pages by a bitmap ------------------------------------------------------------ */

/* What leaves of one level map of the pages. */
static uint64_t protect_level(struct shadow_vm *s, unsigned level, uint64_t gpa,
			      const uint64_t *pages, uint64_t nr)
{
	uint64_t leaf = (1ull << level_shift(level)) - 1, block = leaf << TABLE_SHIFT | leaf;
	uint64_t n = vmmu_be_next_page(pages, 0, nr), changed = 0, at, end;

	while (n < nr) {
		struct rmap_block *b;

		at = gpa + (n << VMMU_PAGE_SHIFT);
		b = rmap_block(s, rmap_key(at, level));
		end = (((at | block) - gpa) >> VMMU_PAGE_SHIFT) + 1;
		if (!b)
			n = vmmu_be_next_page(pages, end, nr);
		while (n < end && n < nr) {
			at = gpa + (n << VMMU_PAGE_SHIFT);
			changed += change_chain(s, rmap_chain(b, at, level), level,
						VMMU_CHANGE_WRPROT);
			/* The first page behind the leaf. */
			n = vmmu_be_next_page(pages, (((at | leaf) - gpa) >> VMMU_PAGE_SHIFT) + 1,
					      nr);
		}
	}
	return changed;
}

uint64_t change_protect_pages(struct shadow_vm *s, uint64_t gpa, const uint64_t *pages, uint64_t nr)
{
	uint64_t changed = 0;
	unsigned level;

	for (level = 1; level <= 3; level++)
		changed += protect_level(s, level, gpa, pages, nr);
	return changed;
}
