/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shadow pages: found by gfn and role, linked, zapped, reclaimed.
 * Not here: what their leaves say (sync.c, fault.c).
 * Keeps: a frame is write-protected as long as one of its pages is in step with it; every
 * link is in the child's chain of parents; what is zapped is freed after the flush.
 */
#include "shadow_priv.h"

/* ---- places ---------------------------------------------------------------------- */

where_t where_is(const struct spage *sp, unsigned index)
{
	return vmmu_table_hpa(sp->table).v + 8 * (where_t)index;
}

struct spage *page_at(struct shadow_vm *s, where_t where, unsigned *index)
{
	*index = (unsigned)(where & ~PAGE_MASK) / 8;
	return vmmu_table_owner(vmmu_table_at(s->vm, vmmu_hpa(where)));
}

/* ---- frames ------------------------------------------------------------------------ */

struct frame *frame_find(struct shadow_vm *s, uint64_t gfn)
{
	struct frame *f;

	HASH_FIND(hh, s->frames, &gfn, sizeof(gfn), f);
	return f;
}

static struct frame *frame_get(struct shadow_vm *s, uint64_t gfn)
{
	struct vmmu *hash_vm = s->vm;
	struct frame *f = frame_find(s, gfn);
	int hash_full = 0;

	if (f)
		return f;
	f = vmmu_be_alloc(s->vm, sizeof(*f));
	if (!f)
		return NULL;
	f->gfn = gfn;
	LIST_INIT(&f->pages);
	HASH_ADD(hh, s->frames, gfn, sizeof(f->gfn), f);
	if (!hash_full)
		return f;
	vmmu_be_free(s->vm, f, sizeof(*f));
	return NULL;
}

static void frame_put(struct shadow_vm *s, struct frame *f)
{
	struct vmmu *hash_vm = s->vm;

	if (!LIST_EMPTY(&f->pages))
		return;
	HASH_DEL(s->frames, f);
	vmmu_be_free(s->vm, f, sizeof(*f));
}

void frame_zap(struct shadow_vm *s, struct frame *f)
{
	struct spage *sp, *next;

	/* The last page takes the frame with it. */
	for (sp = LIST_FIRST(&f->pages); sp; sp = next) {
		next = LIST_NEXT(sp, role);
		page_zap(s, sp);
	}
}

/* ---- entries ------------------------------------------------------------------------- */

void page_adopt(struct spage *sp)
{
	if (sp->orphan)
		LIST_REMOVE(sp, lost);
	sp->orphan = 0;
}

/*
 * Takes one of the links to a child away.  Without any, a direct page is of no use, and one
 * out of step would have to be compared as a whole: they go, unless they are found before
 * the operation ends.
 */
static void unlink_child(struct shadow_vm *s, struct spage *child, where_t where)
{
	chain_remove(s, &child->parents, where);
	/* A large page in pieces, or what may have one further down. */
	if (child->key.role.large || child->key.role.level > 1)
		s->large_gone++;
	if (chain_first(&child->parents) || child->orphan ||
	    (!child->key.role.large && !child->unsync))
		return;
	child->orphan = 1;
	LIST_INSERT_HEAD(&s->orphans, child, lost);
}

int drop_entry(struct shadow_vm *s, struct spage *sp, unsigned index)
{
	struct vmmu_leaf leaf;

	switch (vmmu_table_kind(sp->table, index)) {
	case VMMU_ENTRY_LINK: {
		struct spage *child = vmmu_table_owner(vmmu_table_child(sp->table, index));

		vmmu_table_clear(sp->table, index);
		unlink_child(s, child, where_is(sp, index));
		break;
	}
	case VMMU_ENTRY_LEAF:
		vmmu_table_leaf(sp->table, index, &leaf);
		vmmu_table_clear(sp->table, index);
		rmap_remove(s, leaf.gpa, leaf.level, where_is(sp, index));
		if (leaf.level > 1)
			s->large_gone++;
		break;
	case VMMU_ENTRY_MMIO:
		vmmu_table_clear(sp->table, index);
		return 0;
	default:
		return 0;
	}
	/* The guest's stores need no flush before the guest's own; the host does. */
	vmmu_be_owe_flush(s->vm);
	return 1;
}

int link_page(struct shadow_vm *s, struct spage *parent, unsigned index, struct spage *child)
{
	if (vmmu_table_kind(parent->table, index) == VMMU_ENTRY_LINK &&
	    vmmu_table_child(parent->table, index) == child->table)
		return 0;
	if (chain_add(s, &child->parents, where_is(parent, index)))
		return -1;
	drop_entry(s, parent, index);
	child->linked = s->clock;
	vmmu_table_link(parent->table, index, child->table);
	return 0;
}

int put_leaf(struct shadow_vm *s, struct spage *sp, unsigned index, const struct vmmu_leaf *leaf)
{
	uint64_t size = 1ull << level_shift(leaf->level);
	struct vmmu_leaf was = { .gpa = ~0ull };

	if (vmmu_table_kind(sp->table, index) == VMMU_ENTRY_LEAF)
		vmmu_table_leaf(sp->table, index, &was);
	if (was.gpa != (leaf->gpa & ~(size - 1))) {
		drop_entry(s, sp, index);
		if (rmap_add(s, leaf->gpa, leaf->level, where_is(sp, index)))
			return -1;
	}
	sp->filled = s->clock;
	if (vmmu_table_put(sp->table, index, leaf) & VMMU_PT_FLUSH)
		vmmu_be_owe_flush(s->vm);
	return 0;
}

/* ---- making --------------------------------------------------------------------------- */

struct spage *page_find(struct shadow_vm *s, const struct key *key)
{
	struct spage *sp;

	HASH_FIND(hh, s->pages, key, sizeof(*key), sp);
	return sp;
}

struct spage *page_below(struct shadow_vm *s, const struct root *r, uint64_t gva, unsigned level)
{
	struct spage *sp = r->used ? r->page[root_slot(&s->mode[r->mode], gva)] : NULL;

	while (sp && sp->key.role.level > level) {
		unsigned index = shadow_index(sp, gva);

		if (vmmu_table_kind(sp->table, index) != VMMU_ENTRY_LINK)
			return NULL;
		sp = vmmu_table_owner(vmmu_table_child(sp->table, index));
	}
	return sp;
}

void page_used(struct shadow_vm *s, struct spage *sp)
{
	if (sp->access == s->access)
		return;
	sp->access = s->access;
	if (sp->frame)
		sp->frame->stores = 0;
	if (s->on & VMMU_SHADOW_LRU) {
		TAILQ_REMOVE(&s->use, sp, use);
		TAILQ_INSERT_TAIL(&s->use, sp, use);
	}
}

/*
 * What cannot be beside a new page in its frame: one out of step, if the frame serves
 * above level 1 now; and one with entries of another size, for the A bit of a 4-byte entry
 * is an address bit of one of 8, and silicon sets it untold.
 */
static int is_at_odds(const struct shadow_vm *s, const struct spage *sp, const struct spage *other)
{
	return (other->unsync && sp->key.role.level > 1) ||
	       mode_of(s, other)->pg.fmt->entry_bytes != mode_of(s, sp)->pg.fmt->entry_bytes;
}

/* Its guest frame becomes a table: stores are heard of from here. */
static int join_frame(struct shadow_vm *s, struct spage *sp)
{
	struct vmmu_page page;
	vmmu_gpa_t gpa = vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT);
	struct spage *other, *next;
	struct frame *f;

	if (!vmmu_be_small_page(s->vm, gpa, &page))
		return -1;
	f = frame_get(s, sp->key.gfn);
	if (!f)
		return -1;
	if (vmmu_be_track(s->vm, gpa)) {
		frame_put(s, f);
		return -1;
	}
	sp->rom = page.readonly;
	sp->frame = f;
	LIST_INSERT_HEAD(&f->pages, sp, role);
	for (other = LIST_FIRST(&f->pages); other; other = next) {
		next = LIST_NEXT(other, role);
		if (is_at_odds(s, sp, other))
			page_zap(s, other);
	}
	return 0;
}

static void leave_frame(struct shadow_vm *s, struct spage *sp)
{
	LIST_REMOVE(sp, role);
	if (!sp->unsync)
		vmmu_be_untrack(s->vm, vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT));
	frame_put(s, sp->frame);
	sp->frame = NULL;
}

static void free_page(struct shadow_vm *s, struct spage *sp)
{
	if (sp->table)
		vmmu_table_retire(sp->table);
	vmmu_be_free(s->vm, sp, sizeof(*sp));
}

struct spage *page_new(struct shadow_vm *s, const struct key *key)
{
	struct vmmu *hash_vm = s->vm;
	struct spage *sp = vmmu_be_alloc(s->vm, sizeof(*sp));
	int hash_full = 0;

	if (!sp)
		return NULL;
	sp->key = *key;
	sp->table = vmmu_table_new(s->mode[key->role.mode].space, key->role.level, sp);
	if (sp->table && (key->role.large || !join_frame(s, sp))) {
		HASH_ADD(hh, s->pages, key, sizeof(sp->key), sp);
		if (!hash_full) {
			TAILQ_INSERT_TAIL(&s->use, sp, use);
			vmmu_be_event(s->vm, NULL, VMMU_EV_SHADOW_PAGE, key->gfn << VMMU_PAGE_SHIFT,
				      key->role.level);
			return sp;
		}
		if (sp->frame)
			leave_frame(s, sp);
	}
	free_page(s, sp);
	return NULL;
}

/* ---- zapping ------------------------------------------------------------------------------ */

/* Its links and leaves: they are not emptied, for the whole table goes. */
static void release_entry(struct shadow_vm *s, struct spage *sp, unsigned index)
{
	struct vmmu_leaf leaf;

	switch (vmmu_table_kind(sp->table, index)) {
	case VMMU_ENTRY_LINK:
		unlink_child(s, vmmu_table_owner(vmmu_table_child(sp->table, index)),
			     where_is(sp, index));
		break;
	case VMMU_ENTRY_LEAF:
		vmmu_table_leaf(sp->table, index, &leaf);
		rmap_remove(s, leaf.gpa, leaf.level, where_is(sp, index));
		break;
	default:
		break;
	}
}

static void unlink_parents(struct shadow_vm *s, struct spage *sp)
{
	struct spage *parent;
	unsigned index;
	where_t where;

	while ((where = chain_first(&sp->parents))) {
		parent = page_at(s, where, &index);
		vmmu_table_clear(parent->table, index);
		chain_remove(s, &sp->parents, where);
	}
}

void page_zap(struct shadow_vm *s, struct spage *sp)
{
	struct vmmu *hash_vm = s->vm;
	unsigned i, left = vmmu_table_live(sp->table);

	vmmu_be_event(s->vm, NULL, VMMU_EV_SHADOW_ZAP, sp->key.gfn << VMMU_PAGE_SHIFT,
		      sp->key.role.level);
	HASH_DEL(s->pages, sp);
	/* What protects a frame before page_commit() finds no leaf here, and has to flush. */
	vmmu_be_owe_flush(s->vm);
	page_adopt(sp);
	unlink_parents(s, sp);
	if (sp->roots)
		root_forget(s, sp);
	for (i = 0; left && (i = vmmu_table_used(sp->table, i)) < TABLE_ENTRIES; i++) {
		if (vmmu_table_kind(sp->table, i) == VMMU_ENTRY_NONE)
			continue;
		release_entry(s, sp, i);
		left -= vmmu_table_kind(sp->table, i) != VMMU_ENTRY_MMIO;
	}
	if (sp->frame)
		leave_frame(s, sp);
	if (sp->unsync)
		LIST_REMOVE(sp, out);
	TAILQ_REMOVE(&s->use, sp, use);
	TAILQ_INSERT_TAIL(&s->zapped, sp, use);
}

uint64_t page_commit(struct shadow_vm *s)
{
	struct spage *sp;
	uint64_t nr = 0;

	while ((sp = LIST_FIRST(&s->orphans))) {
		page_adopt(sp);
		if (!chain_first(&sp->parents))
			page_zap(s, sp);
	}
	if (TAILQ_EMPTY(&s->zapped))
		return 0;
	/* Walk caches lead into them, TLBs hold what reverse maps have forgotten. */
	vmmu_be_flush_all(s->vm);
	while ((sp = TAILQ_FIRST(&s->zapped))) {
		TAILQ_REMOVE(&s->zapped, sp, use);
		free_page(s, sp);
		nr++;
	}
	return nr;
}

uint64_t page_zap_all(struct shadow_vm *s)
{
	struct spage *sp;

	/* Or each leaf would be looked for among all that map the same page. */
	rmap_forget(s);
	while ((sp = TAILQ_FIRST(&s->use)))
		page_zap(s, sp);
	return page_commit(s);
}

/* ---- reclaim ------------------------------------------------------------------------------ */

static uint64_t used_by(struct shadow_vm *s, where_t where, const void *unused)
{
	unsigned index;
	struct spage *parent = page_at(s, where, &index);

	(void)unused;
	return (uint64_t)vmmu_table_age(parent->table, index, 1);
}

/*
 * How warm a page is: one more each time that silicon went through it since the last look (a
 * fault is not the only use), half if it did not.  So a page that was used once and
 * is new does not push out one that is used again and again.
 */
static int warmth(struct shadow_vm *s, struct spage *sp)
{
	if (!chain_each(&sp->parents, used_by, s, NULL)) {
		sp->warm /= 2;
	} else {
		sp->warm = (uint8_t)(sp->warm < WARMEST ? sp->warm + 1 : WARMEST);
		TAILQ_REMOVE(&s->use, sp, use);
		TAILQ_INSERT_TAIL(&s->use, sp, use);
	}
	return sp->roots ? WARMEST + 1 : sp->warm;
}

/*
 * The victim: of those that were not used for longest, the coldest; never a page of the access
 * in progress.
 */
static struct spage *least_used(struct shadow_vm *s)
{
	int looks = 32, warm, least = WARMEST + 2;
	struct spage *sp, *next, *victim = NULL;

	for (sp = TAILQ_FIRST(&s->use); sp && looks; sp = next) {
		next = TAILQ_NEXT(sp, use);
		if (sp->access == s->access)
			continue;
		if (!(s->on & VMMU_SHADOW_LRU))
			return sp;
		warm = warmth(s, sp);
		if (warm < least) {
			least = warm;
			victim = sp;
		}
		looks--;
	}
	return victim;
}

uint64_t page_reclaim(struct shadow_vm *s)
{
	struct spage *sp = least_used(s);

	if (sp)
		page_zap(s, sp);
	return page_commit(s);
}

/* ---- for who wants to see them ----------------------------------------------------- */

void vmmu_shadow_each_page(struct vmmu *vm, vmmu_shadow_page_fn *fn, void *ctx)
{
	const struct shadow_vm *s = vmmu_be_vm(vm);
	const struct spage *sp;

	TAILQ_FOREACH (sp, &s->use, use) {
		const struct vmmu_shadow_page page = {
			.gpa = vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT),
			.hpa = vmmu_table_hpa(sp->table),
			.level = sp->key.role.level,
			.direct = !sp->frame,
			.unsync = sp->unsync,
			.rights = sp->key.role.rights,
			.quadrant = sp->key.role.quadrant,
			.root = sp->roots != 0,
			.live = vmmu_table_live(sp->table),
		};

		fn(ctx, &page);
	}
}
