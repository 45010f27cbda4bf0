/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest tables and their shadows: trapped stores, and tables that are out of step.
 * Not here: which entries come to be (fault.c).
 * Keeps: an entry of a page in step says no more than the guest's entry does now; what is
 * out of step is compared before the guest could expect it to be: at a load of CR3, one
 * entry at INVLPG, all of it before a new link leads there.
 *
 *	         a store, by fault         CR3, new link
 *	in step ------------------> unsync --------------> in step
 *	protected                   writable      1. protected  2. flushed  3. read
 */
#include <string.h>

#include <vmmu/yield.h>

#include "shadow_priv.h"

/* ---- entries ------------------------------------------------------------------------ */

static int sync_leaf(struct shadow_vm *s, struct spage *sp, unsigned index, const void *table)
{
	struct vmmu_leaf was, now;

	vmmu_table_leaf(sp->table, index, &was);
	if (!derive_leaf(s, sp, index, table, &now) || now.gpa != was.gpa || now.oa != was.oa)
		return drop_entry(s, sp, index);
	if (now.rights == was.rights && now.note == was.note && now.pkey == was.pkey)
		return 0;
	now.accessed = was.accessed;
	put_leaf(s, sp, index, &now);
	return 1;
}

/* Above level 1: a link to the shadow of the table that the guest's entry names stays. */
static int sync_link(struct shadow_vm *s, struct spage *sp, unsigned index, const void *table)
{
	const struct spage *owner = vmmu_table_owner(vmmu_table_child(sp->table, index));
	const struct key *child = &owner->key;
	struct vmmu_entry g;

	guest_says(s, sp, index, table, &g);
	if (g.kind == VMMU_ENTRY_LINK && (g.accessed || sp->rom) && !child->role.large &&
	    child->gfn == g.oa >> VMMU_PAGE_SHIFT &&
	    child->role.rights == (g.rights & sp->key.role.rights))
		return 0;
	return drop_entry(s, sp, index);
}

int sync_entry(struct shadow_vm *s, struct spage *sp, unsigned index, const void *table)
{
	switch (vmmu_table_kind(sp->table, index)) {
	case VMMU_ENTRY_LINK:
		return sync_link(s, sp, index, table);
	case VMMU_ENTRY_LEAF:
		/* A large page: comes back by a fault. */
		if (sp->key.role.level > 1)
			return drop_entry(s, sp, index);
		return sync_leaf(s, sp, index, table);
	default:
		return drop_entry(s, sp, index);
	}
}

/* ---- out of step --------------------------------------------------------------------- */

/* Protects the guest's table and compares all of it; 0: it is gone instead. */
static int sync_page(struct shadow_vm *s, struct spage *sp)
{
	vmmu_gpa_t gpa = vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT);
	unsigned i, left = vmmu_table_live(sp->table);
	const void *table;
	uint64_t nr = 0;

	/* Protected and flushed first: a store that comes later traps. */
	if (!vmmu_be_track(s->vm, gpa)) {
		LIST_REMOVE(sp, out);
		sp->unsync = 0;
		VMMU_YIELD(s->vm, TRACKED);
		table = vmmu_be_frame(s->vm, gpa);
	} else {
		table = NULL;
	}
	if (!table) {
		page_zap(s, sp);
		return 0;
	}
	for (i = 0; (left || sp->marks) && (i = vmmu_table_used(sp->table, i)) < TABLE_ENTRIES;
	     i++) {
		enum vmmu_entry_kind kind = vmmu_table_kind(sp->table, i);

		if (kind == VMMU_ENTRY_NONE)
			continue;
		left -= kind == VMMU_ENTRY_LEAF;
		nr += (uint64_t)sync_entry(s, sp, i, table);
	}
	sp->marks = 0;
	vmmu_be_event(s->vm, NULL, VMMU_EV_SYNC, gpa.v, nr);
	return 1;
}

/* Where a search upwards ends, and what it looks for on the way. */
struct tops {
	struct spage *const *page;
	unsigned nr;
	uint64_t since;
};

#define FOUND_TOP 1u
#define FOUND_NEW_LINK 2u
/* What parents have found is added up, so each has a counter of its own. */
#define COUNT_NEW_LINK (1ull << 32)

static int is_top(const struct spage *sp, const struct tops *tops)
{
	unsigned i;

	for (i = 0; i < tops->nr; i++)
		if (tops->page[i] == sp)
			return 1;
	return 0;
}

static unsigned look_up(struct shadow_vm *s, struct spage *sp, const struct tops *tops);

static uint64_t look_at_parent(struct shadow_vm *s, where_t where, const void *tops)
{
	unsigned index, found = look_up(s, page_at(s, where, &index), tops);

	return (found & FOUND_TOP ? 1 : 0) + (found & FOUND_NEW_LINK ? COUNT_NEW_LINK : 0);
}

/*
 * Is sp below one of these, and has any link on the way up come since?  Searched upwards,
 * for what is out of step is little and has few ancestors; no page is asked twice in one
 * search.
 */
static unsigned look_up(struct shadow_vm *s, struct spage *sp, const struct tops *tops)
{
	uint64_t above;

	if (sp->looked == s->search)
		return sp->found;
	sp->looked = s->search;
	above = chain_each(&sp->parents, look_at_parent, s, tops);
	sp->found = is_top(sp, tops) || (uint32_t)above ? FOUND_TOP : 0;
	if (above >= COUNT_NEW_LINK || sp->linked >= tops->since)
		sp->found |= FOUND_NEW_LINK;
	return sp->found;
}

static int sync_tops(struct shadow_vm *s, const struct tops *tops)
{
	struct spage *sp, *next;
	int any = 0;

	s->search++;
	for (sp = LIST_FIRST(&s->unsync); sp; sp = next) {
		unsigned found = look_up(s, sp, tops);

		next = LIST_NEXT(sp, out);
		if ((found & FOUND_TOP) &&
		    ((found & FOUND_NEW_LINK) || sp->filled >= tops->since)) {
			sync_page(s, sp);
			any = 1;
		}
	}
	return any;
}

void sync_root(struct shadow_vm *s, const struct root *r, uint64_t since)
{
	const struct tops tops = { r->page, ROOT_PAGES, since };

	sync_tops(s, &tops);
}

/* All pages below a page; whether there was one out of step. */
static int sync_below(struct shadow_vm *s, struct spage *sp)
{
	const struct tops tops = { &sp, 1, SINCE_EVER };

	return sync_tops(s, &tops);
}

void sync_address(struct shadow_vm *s, const struct root *r, uint64_t gva)
{
	struct spage *sp = page_below(s, r, gva, 1);
	const void *table;

	if (!sp || !sp->unsync)
		return;
	table = vmmu_be_frame(s->vm, vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT));
	if (table)
		sync_entry(s, sp, shadow_index(sp, gva), table);
	else
		page_zap(s, sp);
}

struct spage *sync_get(struct shadow_vm *s, const struct key *key, int *fresh)
{
	struct spage *sp = page_find(s, key);

	*fresh = 0;
	if (sp)
		page_adopt(sp);
	/* A page is in step with its table before it is linked, and so is all below it. */
	if (sp && sp->unsync) {
		*fresh = 1;
		if (!sync_page(s, sp))
			sp = NULL;
	} else if (sp && sp->key.role.level > 1) {
		*fresh = sync_below(s, sp);
	}
	if (!sp) {
		*fresh = 1;
		sp = page_new(s, key);
	}
	if (sp)
		page_used(s, sp);
	return sp;
}

/* ---- stores ---------------------------------------------------------------------------- */

int frame_unsync(struct shadow_vm *s, struct frame *f)
{
	struct spage *sp, *next;

	if (!(s->on & VMMU_SHADOW_UNSYNC))
		return 0;
	LIST_FOREACH (sp, &f->pages, role)
		if (sp->key.role.level > 1)
			return 0;
	for (sp = LIST_FIRST(&f->pages); sp; sp = next) {
		next = LIST_NEXT(sp, role);
		if (sp->unsync)
			continue;
		/* Nothing leads to it: it is no table any more. */
		if (!chain_first(&sp->parents)) {
			page_zap(s, sp);
			continue;
		}
		sp->unsync = 1;
		LIST_INSERT_HEAD(&s->unsync, sp, out);
		vmmu_be_event(s->vm, NULL, VMMU_EV_UNSYNC, sp->key.gfn << VMMU_PAGE_SHIFT,
			      sp->key.role.level);
		vmmu_be_untrack(s->vm, vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT));
		VMMU_YIELD(s->vm, UNSYNC);
	}
	return 1;
}

/* The entries of one shadow page that lie in bytes [first, last] of the guest's table. */
static void page_stored(struct shadow_vm *s, struct spage *sp, unsigned first, unsigned last,
			const void *table)
{
	const struct mode *m = mode_of(s, sp);
	unsigned bytes = m->pg.fmt->entry_bytes, ratio = ratio_shift(m, sp->key.role.level);
	unsigned nr = guest_entries(m, sp->key.role.level), base = sp->key.role.quadrant * nr, i;

	first /= bytes;
	last /= bytes;
	if (first >= base + nr || last < base)
		return;
	first = first > base ? first - base : 0;
	last = last - base < nr ? last - base : nr - 1;
	for (i = first << ratio; i < (last + 1) << ratio; i++)
		sync_entry(s, sp, i, table);
}

/*
 * A store that no guest makes to a table that it uses as one: in parts smaller than half
 * an entry, or across two.  One byte at the beginning of an entry sets or clears P.
 */
static int is_odd(const struct mode *m, unsigned first, uint64_t len)
{
	unsigned bytes = m->pg.fmt->entry_bytes;

	if (len > 8)
		return first % bytes || len % bytes;
	if (first / bytes != (first + len - 1) / bytes)
		return 1;
	return len < 4 && (len != 1 || first % bytes);
}

/* Does anything lead to the frame as a table: a link, or a vCPU's CR3? */
static int is_in_use(const struct frame *f)
{
	const struct spage *sp;

	LIST_FOREACH (sp, &f->pages, role)
		if (sp->roots || chain_first(&sp->parents))
			return 1;
	return 0;
}

/* Too many stores without a use, or one where there can be none: not a table any more. */
static int is_flood(struct shadow_vm *s, struct frame *f)
{
	struct spage *sp = LIST_FIRST(&f->pages);

	if (!(s->on & VMMU_SHADOW_FLOOD) || (++f->stores < s->flood && is_in_use(f)))
		return 0;
	vmmu_be_event(s->vm, NULL, VMMU_EV_FLOOD, f->gfn << VMMU_PAGE_SHIFT, sp->key.role.level);
	return 1;
}

void table_stored(struct shadow_vm *s, struct vmmu_cpu *cpu, uint64_t gpa, uint64_t len)
{
	struct frame *f = frame_find(s, gpa >> VMMU_PAGE_SHIFT);
	const void *table = vmmu_be_frame(s->vm, vmmu_gpa(gpa));
	unsigned first = (unsigned)(gpa & ~PAGE_MASK);
	struct spage *sp, *next;

	if (!f)
		return;
	/* As at a fault: a device's store makes no table the guest's to write. */
	if (cpu && frame_unsync(s, f)) {
		page_commit(s);
		return;
	}
	if (!table || is_flood(s, f)) {
		frame_zap(s, f);
		page_commit(s);
		return;
	}
	for (sp = LIST_FIRST(&f->pages); sp; sp = next) {
		next = LIST_NEXT(sp, role);
		if (!(s->on & VMMU_SHADOW_UPDATE) || is_odd(mode_of(s, sp), first, len))
			page_zap(s, sp);
		else
			page_stored(s, sp, first, first + (unsigned)len - 1, table);
	}
	page_commit(s);
}
