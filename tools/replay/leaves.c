/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing leaves by means of the format's description (vmmu/hw.h), which is the same for every
 * paging mode.
 * Invariant: see leaves.h.
 */
#include "leaves.h"

#include <stdlib.h>

#define LEAVES_MOST (4u << 20)
#define ENTRIES_MOST (256u << 20)

struct hunt {
	struct leaves *out;
	struct machine *m;
	struct vmmu_paging pg;
};

static int add(struct leaves *l, uint64_t va)
{
	if (l->nr == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4096;
		uint64_t *p = realloc(l->va, cap * sizeof(*p));

		if (!p)
			return -1;
		l->va = p;
		l->cap = cap;
	}
	l->va[l->nr++] = va;
	return 0;
}

static uint64_t canonical(const struct vmmu_fmt *fmt, uint64_t va)
{
	unsigned unused = fmt->canonical ? 64u - fmt->canonical : 0;

	return unused ? (uint64_t)((int64_t)(va << unused) >> unused) : va;
}

/* Memory that is not there reads as an entry that is not present. */
static uint64_t read_entry(struct hunt *h, uint64_t table, uint64_t index)
{
	unsigned size = h->pg.fmt->entry_bytes;
	uint64_t gpa = table + index * size, v = 0;

	if (!ranges_have(&h->m->ram, gpa, size))
		return 0;
	for (unsigned i = size; i-- > 0;)
		v = v << 8 | machine_ram(h->m, gpa)[i];
	return v;
}

static int is_leaf(const struct vmmu_fmt *fmt, unsigned level, uint64_t entry)
{
	unsigned kind = fmt->lv[level].leaf;

	return kind == VMMU_LEAF_ALWAYS || (kind == VMMU_LEAF_BIT && (entry & fmt->leaf_bit));
}

static int hunt_table(struct hunt *h, unsigned level, uint64_t table, uint64_t va)
{
	const struct vmmu_fmt *fmt = h->pg.fmt;
	const struct vmmu_fmt_level *lv = &fmt->lv[level];
	int cached = lv->cached && (h->pg.ctl & VMMU_PG_PDPTES);
	int ret = 0;

	for (uint64_t i = 0; i < 1ull << lv->bits && ret == 0; i++) {
		uint64_t entry = cached ? h->pg.pdpte[i & 3] : read_entry(h, table, i);
		uint64_t at = va | i << lv->shift;

		if (h->out->nr == LEAVES_MOST || h->out->entries++ == ENTRIES_MOST) {
			h->out->cut = 1;
			break;
		}
		if (!(entry & fmt->present))
			continue;
		if (is_leaf(fmt, level, entry))
			ret = add(h->out, canonical(fmt, at));
		else if (level > 1)
			ret = hunt_table(h, level - 1, entry & fmt->addr, at);
		if (h->out->cut)
			break;
	}
	return ret;
}

int leaves_find(struct leaves *l, struct machine *m, struct err *err)
{
	struct hunt h = { .out = l, .m = m };
	struct vmmu_regs regs;

	*l = (struct leaves){ 0 };
	vmmu_get_regs(m->cpu, &regs);
	vmmu_paging_guest(&h.pg, &regs, &vmmu_profile_max);
	if (!h.pg.fmt)
		return 0;
	if (hunt_table(&h, h.pg.fmt->top, h.pg.root, 0) < 0) {
		err_input(err, "out of memory after %zu leaves", l->nr);
		leaves_free(l);
		return -1;
	}
	return 0;
}

void leaves_free(struct leaves *l)
{
	free(l->va);
	*l = (struct leaves){ 0 };
}
