/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's tables say, as far as it decides what a shadow entry may be.
 * Not here: shadow pages (page.c), when an entry is compared (sync.c).
 */
#include <string.h>

#include "shadow_priv.h"

const struct vmmu_fmt *const shadow_formats[NR_FORMATS] = {
	&vmmu_fmt_pae,
	&vmmu_fmt_x64,
	&vmmu_fmt_x64_la57,
};

unsigned shadow_format(const struct vmmu_fmt *guest)
{
	unsigned i;

	for (i = 0; i < NR_FORMATS; i++)
		if (shadow_formats[i] == guest)
			return i;
	return 0;
}

/* All formats that shadow have the same, and tables of 512 entries. */
unsigned level_shift(unsigned level)
{
	return vmmu_fmt_x64.lv[level].shift;
}

unsigned level_of(unsigned guest_shift)
{
	return guest_shift >= 30 ? 3 : guest_shift >= 21 ? 2 : 1;
}

/*
 * A store by the supervisor to a page that its tables hold read-only passes
 * with CR0.WP=0.  The real CPU runs with WP=1: such a page is made writable,
 * for the supervisor alone; the next user access turns it back.  With SMAP or
 * keys the U bit decides more than that, and the store to a user's page is done in
 * software.
 */
enum wp0 wp0_of(const struct shadow_vm *s, const struct vmmu_paging *guest)
{
	if ((guest->ctl & VMMU_PG_WP) || !(s->on & VMMU_SHADOW_WP0))
		return WP0_NEVER;
	if (guest->ctl & (VMMU_PG_SMAP | VMMU_PG_PKE | VMMU_PG_PKS))
		return WP0_SUPER;
	return guest->ctl & VMMU_PG_SMEP ? WP0_MAPS_SMEP : WP0_MAPS;
}

unsigned guest_grants(enum wp0 wp0, const struct vmmu_walk *w, uint32_t access)
{
	int ro_store = (access & VMMU_TYPE_MASK) == VMMU_WRITE && !(w->rights & VMMU_W);
	unsigned rights = w->rights;

	if (ro_store && !(rights & VMMU_U) && wp0 != WP0_NEVER) {
		rights |= VMMU_W;
	} else if (ro_store && wp0 >= WP0_MAPS) {
		rights = (rights | VMMU_W) & ~VMMU_U;
		if (wp0 == WP0_MAPS_SMEP)
			rights &= ~VMMU_X;
	}
	/* The guest's D bit is set by a walk in software, before the store. */
	return w->dirty ? rights : rights & ~VMMU_W;
}

int cpu_allows(struct vmmu_cpu *cpu, unsigned rights, unsigned pkey, uint32_t access)
{
	return vmmu_paging_kinds(&vmmu_be_hw(cpu)->g, rights, pkey) >> vmmu_kind(access) & 1;
}

/* ---- guest indexes and ours: a guest's entry of 4M is two of ours ------------------ */

const struct mode *mode_of(const struct shadow_vm *s, const struct spage *sp)
{
	return &s->mode[sp->key.role.mode];
}

unsigned ratio_shift(const struct mode *m, unsigned level)
{
	return m->pg.fmt->lv[level].shift - m->space->fmt->lv[level].shift;
}

/* How many guest entries one shadow page covers. */
unsigned guest_entries(const struct mode *m, unsigned level)
{
	return TABLE_ENTRIES >> ratio_shift(m, level);
}

unsigned quadrant_of(const struct mode *m, unsigned level, uint64_t gva)
{
	const struct vmmu_fmt_level *lv = &m->pg.fmt->lv[level];
	unsigned index = (unsigned)(gva >> lv->shift) & ((1u << lv->bits) - 1);

	return index / guest_entries(m, level);
}

static unsigned guest_index(const struct mode *m, const struct spage *sp, unsigned index)
{
	const struct role *r = &sp->key.role;

	return r->quadrant * guest_entries(m, r->level) + (index >> ratio_shift(m, r->level));
}

/* One guest entry, loaded whole. */
static uint64_t guest_entry(const struct mode *m, const void *table, unsigned index)
{
	unsigned bytes = m->pg.fmt->entry_bytes;

	return vmmu_be_load((const char *)table + (size_t)index * bytes, bytes);
}

void guest_says(const struct shadow_vm *s, const struct spage *sp, unsigned index,
		const void *table, struct vmmu_entry *g)
{
	const struct mode *m = mode_of(s, sp);

	vmmu_paging_entry(&m->pg, sp->key.role.level,
			  guest_entry(m, table, guest_index(m, sp, index)), g);
}

unsigned shadow_index(const struct spage *sp, uint64_t gva)
{
	return (unsigned)(gva >> level_shift(sp->key.role.level)) & (TABLE_ENTRIES - 1);
}

unsigned root_slot(const struct mode *m, uint64_t gva)
{
	const struct vmmu_fmt *f = m->space->fmt;

	return f->lv[f->top].cached ? (unsigned)(gva >> f->lv[f->top].shift) % ROOT_PAGES : 0;
}

/* ---- leaves ----------------------------------------------------------------------------- */

int derive_leaf(struct shadow_vm *s, const struct spage *sp, unsigned index, const void *table,
		struct vmmu_leaf *leaf)
{
	struct vmmu_entry g;
	struct vmmu_page page;
	unsigned rights;

	guest_says(s, sp, index, table, &g);
	/* Silicon sets A before it uses an entry; so does the fault that will. */
	if (g.kind != VMMU_ENTRY_LEAF || (!g.accessed && !sp->rom) ||
	    !vmmu_be_small_page(s->vm, vmmu_gpa(g.oa), &page))
		return 0;
	rights = g.rights & sp->key.role.rights;
	memset(leaf, 0, sizeof(*leaf));
	leaf->oa = page.hpa.v;
	leaf->gpa = g.oa;
	leaf->note = vmmu_be_note(rights, VMMU_PAGE_SHIFT);
	leaf->level = 1;
	leaf->pkey = g.pkey;
	if (!g.dirty || !page.writable)
		rights &= ~VMMU_W;
	leaf->rights = (uint8_t)rights;
	leaf->dirty = (rights & VMMU_W) != 0;
	return 1;
}
