/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry of a table, decoded.
 * Not here: walks, which accumulate (walk.c, walk_fast.c).
 */
#include <string.h>

#include "walk_priv.h"

/* An entry with what its level lacks granted. */
static uint64_t as_granted(const struct vmmu_fmt *f, unsigned level, uint64_t e)
{
	uint64_t absent = f->lv[level].absent;

	return (e & ~(absent & f->invert)) | (absent & ~f->invert);
}

void vmmu_paging_entry(const struct vmmu_paging *pg, unsigned level, uint64_t entry,
		       struct vmmu_entry *out)
{
	const struct vmmu_fmt *f = pg->fmt;
	unsigned leaf = is_leaf(f, level, entry);
	uint64_t e = as_granted(f, level, entry);

	memset(out, 0, sizeof(*out));
	if (!(entry & f->present))
		return;
	out->kind = VMMU_ENTRY_RSVD;
	if (!is_good(f, pg, entry, level, leaf))
		return;
	out->kind = leaf ? VMMU_ENTRY_LEAF : VMMU_ENTRY_LINK;
	out->rights = (uint8_t)rights_of(f, e ^ f->invert);
	out->accessed = !f->accessed || (e & f->accessed);
	out->dirty = !leaf || !f->dirty || (e & f->dirty);
	out->pkey = (uint8_t)(leaf && f->pkey_shift ? entry >> f->pkey_shift & 15 : 0);
	out->oa = leaf ? leaf_oa(f, level, entry, 0) : entry & f->addr;
}
