/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one entry of a table says, in any format: the one reader of entries, for walks, for the
 * builder and for explanations.
 * Not here: whether a CPU as it is programmed goes on with it (walk_priv.h: is_good()), what
 * accumulates on a way (struct reach).
 */
#ifndef VMMU_SILICON_ENTRY_H
#define VMMU_SILICON_ENTRY_H

#include <vmmu/hw.h>

#include "../util.h"

static always_inline unsigned entry_is_leaf(const struct vmmu_fmt *f, unsigned level, uint64_t e)
{
	const struct vmmu_fmt_level *lv = &f->lv[level];

	return lv->leaf == VMMU_LEAF_ALWAYS || (lv->leaf == VMMU_LEAF_BIT && (e & f->leaf_bit));
}

/* Which entry of a table is ia's. */
static always_inline unsigned entry_index(const struct vmmu_fmt *f, unsigned level, uint64_t ia)
{
	return (unsigned)(ia >> f->lv[level].shift) & ((1u << f->lv[level].bits) - 1);
}

/* Where the table lies that a link leads to. */
static always_inline uint64_t entry_table(const struct vmmu_fmt *f, uint64_t e)
{
	return e & f->addr;
}

/* What a leaf maps ia to. */
static always_inline uint64_t entry_output(const struct vmmu_fmt *f, unsigned level, uint64_t e,
					   uint64_t ia)
{
	uint64_t mask = (1ull << f->lv[level].shift) - 1;
	uint64_t oa = (e & f->addr & ~mask) | (ia & mask);

	if (f->pse36 && level > 1)
		oa |= (e & f->pse36) / (f->pse36 & -f->pse36) << 32;
	return oa;
}

/* Right, A and D bits that entries of this kind do not have: what they would grant is granted. */
static always_inline uint64_t entry_absent(const struct vmmu_fmt *f, unsigned level, unsigned leaf)
{
	return leaf ? f->lv[level].absent[1] : f->lv[level].absent[0];
}

/* The entry with its bits turned round that forbid, and with what it does not have set. */
static always_inline uint64_t entry_granted(const struct vmmu_fmt *f, unsigned level, unsigned leaf,
					    uint64_t e)
{
	return (e ^ f->invert) | entry_absent(f, level, leaf);
}

/* Of granted bits, an entry's or those of a way: VMMU_RWXU. */
static always_inline unsigned entry_rights(const struct vmmu_fmt *f, uint64_t granted)
{
	/* EPT's bits are where the rights are. */
	if (f->r == VMMU_R && f->w == VMMU_W && f->x == VMMU_X && !f->u)
		return ((unsigned)granted & VMMU_RWX) | VMMU_U;
	return (!f->r || (granted & f->r) ? VMMU_R : 0) | (!f->w || (granted & f->w) ? VMMU_W : 0) |
	       (!f->x || (granted & f->x) ? VMMU_X : 0) | (!f->u || (granted & f->u) ? VMMU_U : 0);
}

static always_inline unsigned entry_pkey(const struct vmmu_fmt *f, uint64_t e)
{
	return f->pkey_shift ? (unsigned)(e >> f->pkey_shift) & 15 : 0;
}

#endif
