/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry of a table, decoded.
 * Not here: walks, which accumulate (walk.c, walk_fast.c).
 */
#include <string.h>

#include "walk_priv.h"

void vmmu_paging_entry(const struct vmmu_paging *pg, unsigned level, uint64_t entry,
		       struct vmmu_entry *out)
{
	const struct vmmu_fmt *f = pg->fmt;
	unsigned leaf = entry_is_leaf(f, level, entry);
	uint64_t e = entry_granted(f, level, leaf, entry);

	memset(out, 0, sizeof(*out));
	if (!(entry & f->present))
		return;
	out->kind = VMMU_ENTRY_RSVD;
	if (!is_good(f, pg, entry, level, leaf))
		return;
	out->kind = leaf ? VMMU_ENTRY_LEAF : VMMU_ENTRY_LINK;
	out->rights = (uint8_t)entry_rights(f, e);
	out->accessed = !f->accessed || (e & f->accessed);
	out->dirty = !leaf || !f->dirty || (e & f->dirty);
	out->pkey = (uint8_t)(leaf ? entry_pkey(f, entry) : 0);
	out->oa = leaf ? entry_output(f, level, entry, 0) : entry_table(f, entry);
}
