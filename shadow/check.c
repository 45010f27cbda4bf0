/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invariants of shadow pages, each named where its data is declared.
 * Keeps: it allocates nothing and changes nothing.
 */
#include <string.h>

#include "shadow_priv.h"

#define ULL(x) ((unsigned long long)(x))

static int broken(struct shadow_vm *s, const struct spage *sp, const char *what, unsigned index)
{
	return vmmu_be_broken(s->vm, "shadow of gfn 0x%llx, level %u%s, entry %u: %s",
			      ULL(sp->key.gfn), sp->key.role.level,
			      sp->key.role.large ? ", direct" : "", index, what);
}

static uint64_t is_place(struct shadow_vm *s, where_t where, const void *wanted)
{
	(void)s;
	return where == *(const where_t *)wanted;
}

static int holds_once(struct shadow_vm *s, const struct chain *c, where_t where)
{
	return c && chain_each(c, is_place, s, &where) == 1;
}

/* Entries of a page that its leaves' chains have been seen to hold: once, and more than once. */
struct held {
	uint64_t once[TABLE_ENTRIES / 64], again[TABLE_ENTRIES / 64];
};

struct lookout {
	const struct spage *sp;
	uint64_t gpa;
	struct held *held;
};

static int is_set(const uint64_t *bits, unsigned index)
{
	return (int)(bits[index / 64] >> (index % 64) & 1);
}

/* Of a place in the chain of l->gpa: 1 if it is one of the page's leaves that map it. */
static uint64_t note_place(struct shadow_vm *s, where_t where, const void *arg)
{
	const struct lookout *l = arg;
	unsigned index = (unsigned)(where & ~PAGE_MASK) / 8;
	uint64_t bit = 1ull << (index % 64);
	struct vmmu_leaf leaf;

	(void)s;
	if ((where & PAGE_MASK) != where_is(l->sp, 0) ||
	    vmmu_table_kind(l->sp->table, index) != VMMU_ENTRY_LEAF)
		return 0;
	vmmu_table_leaf(l->sp->table, index, &leaf);
	if (leaf.gpa != l->gpa)
		return 0;
	l->held->again[index / 64] |= l->held->once[index / 64] & bit;
	l->held->once[index / 64] |= bit;
	return 1;
}

/* ---- entries ---------------------------------------------------------------------- */

static int check_link(struct shadow_vm *s, struct spage *sp, unsigned index,
		      const struct vmmu_entry *g)
{
	struct spage *child = vmmu_table_owner(vmmu_table_child(sp->table, index));

	if (page_find(s, &child->key) != child)
		return broken(s, sp, "links a page that is not in the cache", index);
	if (!holds_once(s, &child->parents, where_is(sp, index)))
		return broken(s, sp, "is not once among its child's parents", index);
	if (child->key.role.level + 1 != sp->key.role.level ||
	    child->key.role.mode != sp->key.role.mode || child->key.role.wp0 != sp->key.role.wp0)
		return broken(s, sp, "links a page of another role", index);
	if (!g)
		return VMMU_OK;
	if (child->key.role.large) {
		if (g->kind != VMMU_ENTRY_LEAF ||
		    child->key.role.granted != (g->rights & sp->key.role.rights) ||
		    (!g->dirty && !sp->rom && (child->key.role.rights & VMMU_W)))
			return broken(s, sp, "links pieces of another large page", index);
		return VMMU_OK;
	}
	if (g->kind != VMMU_ENTRY_LINK || child->key.gfn != g->oa >> VMMU_PAGE_SHIFT ||
	    child->key.role.rights != (g->rights & sp->key.role.rights))
		return broken(s, sp, "links what the guest's entry does not", index);
	return VMMU_OK;
}

/* What the guest's entry, or the role alone, grants at most. */
static unsigned most(const struct spage *sp, const struct vmmu_entry *g, unsigned leaf_rights)
{
	const struct role *r = &sp->key.role;
	unsigned rights = g ? r->rights & g->rights : r->rights;
	unsigned user = g ? rights & VMMU_U : leaf_rights & VMMU_U;

	if (r->large)
		return rights;
	/* A supervisor's store with CR0.WP=0 needs W of neither. */
	if (r->wp0 >= WP0_MAPS || (r->wp0 == WP0_SUPER && !user))
		rights |= VMMU_W;
	return !g || g->dirty || sp->rom ? rights : rights & ~VMMU_W;
}

/*
 * Is the leaf in its chain, once?  A page of zeroes may be mapped by each entry of many tables, so
 * a chain is walked once for all leaves of this page that are in it.
 */
static int is_held(struct shadow_vm *s, const struct spage *sp, unsigned index,
		   const struct vmmu_leaf *leaf, struct held *held)
{
	const struct chain *c = rmap_of(s, leaf->gpa, leaf->level);
	const struct lookout l = { sp, leaf->gpa, held };

	if (c && !is_set(held->once, index))
		(void)chain_each(c, note_place, s, &l);
	return is_set(held->once, index) && !is_set(held->again, index);
}

static int check_leaf(struct shadow_vm *s, struct spage *sp, unsigned index,
		      const struct vmmu_entry *g, struct held *held)
{
	struct vmmu_leaf leaf;
	uint64_t base;

	vmmu_table_leaf(sp->table, index, &leaf);
	if (!is_held(s, sp, index, &leaf, held))
		return broken(s, sp, "is not once in its reverse map", index);
	if (leaf.rights & ~most(sp, g, leaf.rights))
		return broken(s, sp, "grants what the guest's tables do not", index);
	/* One that lets the supervisor write what users may read has to keep users out. */
	if (g && (leaf.rights & VMMU_W) && !(g->rights & sp->key.role.rights & VMMU_W) &&
	    (leaf.rights & VMMU_U))
		return broken(s, sp, "lets users write a read-only page", index);
	base = g ? g->oa : sp->key.gfn << VMMU_PAGE_SHIFT;
	if (g && g->kind != VMMU_ENTRY_LEAF)
		return broken(s, sp, "maps where the guest has no leaf", index);
	if (g && sp->key.role.level == 1 && leaf.gpa != base)
		return broken(s, sp, "maps another page than the guest's leaf", index);
	if (!g && sp->frame == NULL &&
	    leaf.gpa != base + ((uint64_t)index << (level_shift(sp->key.role.level))))
		return broken(s, sp, "is out of place", index);
	return vmmu_be_check_leaf(s->vm, s->mode[sp->key.role.mode].space, &leaf);
}

static int check_entry(struct shadow_vm *s, struct spage *sp, unsigned index, const void *table,
		       struct held *held)
{
	struct vmmu_entry g, *guest = NULL;
	enum vmmu_entry_kind kind = vmmu_table_kind(sp->table, index);

	if (kind == VMMU_ENTRY_NONE || kind == VMMU_ENTRY_MMIO)
		return VMMU_OK;
	if (table && !sp->unsync) {
		guest_says(s, sp, index, table, &g);
		guest = &g;
		if (!g.accessed && !sp->rom)
			return broken(s, sp, "stands for an entry that was not accessed", index);
	}
	if (kind == VMMU_ENTRY_LINK)
		return check_link(s, sp, index, guest);
	return check_leaf(s, sp, index, guest, held);
}

/* ---- pages ------------------------------------------------------------------------- */

static int check_frame(struct shadow_vm *s, struct spage *sp)
{
	struct vmmu_page page;
	struct spage *other;
	int found = 0;

	if (frame_find(s, sp->key.gfn) != sp->frame)
		return broken(s, sp, "its frame is another", 0);
	LIST_FOREACH (other, &sp->frame->pages, role) {
		found |= other == sp;
		if (sp->unsync && other->key.role.level > 1)
			return broken(s, sp, "out of step, and its frame an upper table", 0);
	}
	if (!found)
		return broken(s, sp, "its frame does not know it", 0);
	if (sp->unsync && sp->key.role.level > 1)
		return broken(s, sp, "out of step above level 1", 0);
	if (!sp->unsync &&
	    (!vmmu_be_small_page(s->vm, vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT), &page) ||
	     !page.tracked))
		return broken(s, sp, "its guest table can be stored to untold", 0);
	return VMMU_OK;
}

static int check_page(struct shadow_vm *s, struct spage *sp)
{
	struct held held = { 0 };
	const void *table = NULL;
	unsigned i, live = 0;
	int st = VMMU_OK;

	if (page_find(s, &sp->key) != sp)
		return broken(s, sp, "is not found by its key", 0);
	if (sp->orphan)
		return broken(s, sp, "is an orphan after the operation", 0);
	if (sp->frame) {
		st = check_frame(s, sp);
		table = vmmu_be_frame(s->vm, vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT));
	} else if (!sp->key.role.large) {
		return broken(s, sp, "has no frame", 0);
	}
	for (i = 0; !st && (i = vmmu_table_used(sp->table, i)) < TABLE_ENTRIES; i++) {
		enum vmmu_entry_kind kind = vmmu_table_kind(sp->table, i);

		live += kind == VMMU_ENTRY_LINK || kind == VMMU_ENTRY_LEAF;
		st = check_entry(s, sp, i, table, &held);
	}
	if (!st && live != vmmu_table_live(sp->table))
		return broken(s, sp, "the count of its entries is wrong", live);
	return st;
}

/* ---- roots, and all of it ------------------------------------------------------------ */

static unsigned uses_of(const struct root *r, const struct spage *sp)
{
	unsigned i, nr = 0;

	for (i = 0; i < ROOT_PAGES; i++)
		nr += r->page[i] == sp;
	return nr;
}

static int check_roots(struct shadow_vm *s, struct spage *sp)
{
	unsigned n, i, nr = 0;

	for (n = 0; n < s->nr_cpus; n++) {
		struct shadow_cpu *sc = shadow_cpu(s, n);

		nr += uses_of(&sc->root, sp);
		for (i = 0; i < MAX_ROOTS; i++)
			nr += uses_of(&sc->kept[i], sp);
	}
	return nr == sp->roots ? VMMU_OK : broken(s, sp, "is not counted as root", nr);
}

/*
 * at->tree - 1 pages are done; the list changes between calls, so some may be seen
 * twice and some not before the next round.
 */
int page_check(struct shadow_vm *s, struct vmmu_cursor *at, unsigned budget)
{
	uint64_t skip = at->tree - 1;
	struct spage *sp;
	int st = VMMU_OK;

	TAILQ_FOREACH (sp, &s->use, use) {
		if (skip) {
			skip--;
			continue;
		}
		st = check_page(s, sp);
		if (!st)
			st = check_roots(s, sp);
		at->tree++;
		if (st || budget < TABLE_ENTRIES)
			break;
		budget -= TABLE_ENTRIES;
	}
	if (!sp)
		at->tree = 0;
	at->ia = 0;
	return st;
}
