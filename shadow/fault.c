/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Misses: the guest's walk in software, and beside it the way down through shadow pages.
 * Not here: keeping what is made in step (sync.c).
 * Keeps: nothing is linked or mapped on the word of an entry that was read before its
 * table was protected.
 *
 *	guest's walk           CR3 -> PML4E -> PDPTE -> PDE -> PTE -> page
 *	shadow, for each table root    page     page     page   page   leaf
 *	a large guest page on small host pages, where its tables end:
 *	                       root    page     page     direct page   leaf
 */
#include <string.h>

#include <vmmu/yield.h>

#include "shadow_priv.h"

/* How a step down ends. */
enum { DOWN, CHANGED, NO_TABLES };

/* An access, the guest's walk of it, and how far down its shadow we are. */
struct miss {
	struct shadow_vm *s;
	struct vmmu_cpu *cpu;
	const struct mode *mode;
	uint64_t gva;
	uint32_t access;
	struct vmmu_walk w;
	struct vmmu_trail trail;
	struct spage *sp; /* the table in which the guest's leaf is shadowed */
	/* A table came in step on the way: what it and those below say is looked at again. */
	int look;
};

/* ---- addresses that are no memory ------------------------------------------------- */

#define NOTE_DIRTY (1u << 11)
#define NOTE_PKEY_SHIFT 7

/* Beside what vmmu_be_note() keeps: all that judges the next access. */
static uint16_t mmio_note(const struct spage *sp, const struct vmmu_walk *w)
{
	/* A direct page may stand for entries with and without D, if it is not for stores. */
	int dirty = w->dirty && (sp->frame || (sp->key.role.rights & VMMU_W));

	return (uint16_t)(vmmu_be_note(w->rights, w->shift) | (unsigned)w->pkey << NOTE_PKEY_SHIFT |
			  (dirty ? NOTE_DIRTY : 0));
}

/* Is it known that nothing is there, and that the guest lets this access reach it? */
static int is_known_mmio(struct shadow_vm *s, struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
			 struct vmmu_fix *fix)
{
	const struct vmmu_paging *guest = vmmu_be_guest(cpu);
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	struct spage *sp;
	uint64_t gpa;
	uint16_t note;
	unsigned rights;

	if (!(s->on & VMMU_SHADOW_MMIO) || !exit->walk->entry)
		return 0;
	sp = page_below(s, &sc->root, exit->gva.v, 1);
	if (!sp || !vmmu_table_is_mmio(sp->table, shadow_index(sp, exit->gva.v), &gpa, &note))
		return 0;
	rights = vmmu_be_note_rights(note);
	if (!(vmmu_paging_kinds(guest, rights, note >> NOTE_PKEY_SHIFT & 15) >>
		      vmmu_kind(exit->access) &
	      1))
		return 0;
	if ((exit->access & VMMU_TYPE_MASK) == VMMU_WRITE && !(note & NOTE_DIRTY))
		return 0;
	fix->gpa = vmmu_gpa(gpa | (exit->gva.v & ~PAGE_MASK));
	fix->event = VMMU_EV_EXIT_MMIO;
	return 1;
}

/* ---- the way down ------------------------------------------------------------------ */

/*
 * Whether the guest's entry of that level, in the table of sp, is what the walk has seen.  The walk
 * has set A and D, and another vCPU may have taken them back.
 */
static int still_says(const struct miss *m, const struct spage *sp, unsigned level)
{
	const struct vmmu_fmt *f = m->mode->pg.fmt;
	struct vmmu_entry e;
	const char *table;
	uint64_t now;

	if (level == f->top && (m->mode->pg.ctl & VMMU_PG_PDPTES))
		return 1;
	table = vmmu_be_frame(m->s->vm, m->trail.at[level]);
	if (!table)
		return 0;
	now = vmmu_be_load(table + (m->trail.at[level].v & ~PAGE_MASK), f->entry_bytes);
	if ((now ^ m->trail.entry[level]) & ~(f->accessed | f->dirty))
		return 0;
	if (sp->rom)
		return 1;
	vmmu_paging_entry(&m->mode->pg, level, now, &e);
	return e.accessed && (level > m->w.level || !m->w.dirty || e.dirty);
}

static int find_root(struct miss *m)
{
	struct shadow_cpu *sc = vmmu_be_cpu(m->cpu);
	unsigned slot = root_slot(m->mode, m->gva);
	struct spage *sp = sc->root.page[slot];
	struct key key;
	int fresh = 0;

	root_key(m->s, &sc->root, m->trail.entry[m->mode->pg.fmt->top], slot, &key);
	if (!sp || memcmp(&sp->key, &key, sizeof(key))) {
		sp = sync_get(m->s, &key, &fresh);
		if (!sp)
			return NO_TABLES;
		root_set(m->cpu, slot, sp);
	}
	page_used(m->s, sp);
	m->sp = sp;
	m->look = fresh;
	return fresh && !still_says(m, sp, sp->key.role.level) ? CHANGED : DOWN;
}

/* One step down, to the page `key` asks for. */
static int step_down(struct miss *m, const struct key *key)
{
	unsigned index = shadow_index(m->sp, m->gva);
	struct spage *sp = NULL;
	int fresh = 0;

	if (vmmu_table_kind(m->sp->table, index) == VMMU_ENTRY_LINK)
		sp = vmmu_table_owner(vmmu_table_child(m->sp->table, index));
	if (!sp || memcmp(&sp->key, key, sizeof(*key))) {
		sp = sync_get(m->s, key, &fresh);
		if (!sp || link_page(m->s, m->sp, index, sp))
			return NO_TABLES;
	}
	page_used(m->s, sp);
	m->sp = sp;
	m->look |= fresh;
	return m->look && sp->frame && !still_says(m, sp, key->role.level) ? CHANGED : DOWN;
}

/* Down to the table in which the guest's leaf is shadowed. */
static int go_down(struct miss *m)
{
	int st = find_root(m);

	while (!st && m->sp->key.role.level > m->w.level) {
		struct key key = m->sp->key;
		struct vmmu_entry e;

		vmmu_paging_entry(&m->mode->pg, key.role.level, m->trail.entry[key.role.level], &e);
		key.gfn = e.oa >> VMMU_PAGE_SHIFT;
		key.role.level--;
		key.role.rights &= e.rights;
		key.role.quadrant = (uint8_t)quadrant_of(m->mode, key.role.level, m->gva);
		st = step_down(m, &key);
	}
	return st;
}

/* Further down, where the guest has no tables, to a leaf's level. */
static int go_direct(struct miss *m, unsigned grants, unsigned level)
{
	int st = DOWN;

	while (!st && m->sp->key.role.level > level) {
		struct key key = m->sp->key;
		uint64_t size = 1ull << (level_shift(key.role.level));

		key.gfn = (m->w.gpa.v & ~(size - 1)) >> VMMU_PAGE_SHIFT;
		key.role.level--;
		key.role.quadrant = 0;
		key.role.rights = (uint8_t)grants;
		key.role.large = m->w.shift;
		key.role.granted = m->w.rights;
		key.role.pkey = m->w.pkey;
		st = step_down(m, &key);
	}
	return st;
}

/* ---- the leaf ------------------------------------------------------------------------ */

/*
 * The memory behind the page.  A store to a guest's table is let through if the table may be
 * out of step from here; that is its one exit.
 */
static enum vmmu_page_kind data_page(struct miss *m, struct vmmu_page *page, struct vmmu_fix *fix)
{
	int write = (m->access & VMMU_TYPE_MASK) == VMMU_WRITE;
	enum vmmu_page_kind kind = vmmu_be_page(m->s->vm, m->w.gpa, write, page, fix);
	struct frame *f;

	if (kind != VMMU_PAGE_THERE || !write || !page->tracked)
		return kind;
	f = frame_find(m->s, m->w.gpa.v >> VMMU_PAGE_SHIFT);
	if (!f || !frame_unsync(m->s, f))
		return kind;
	fix->event = VMMU_EV_EXIT_PT_WRITE;
	return vmmu_be_page(m->s->vm, m->w.gpa, write, page, fix);
}

/* Remembers that nothing is there, if that is so; for which no table has to go. */
static enum vmmu_fix_kind no_memory(struct miss *m, const struct vmmu_page *page, unsigned grants)
{
	if (!page->readonly && (m->s->on & VMMU_SHADOW_MMIO) && !go_direct(m, grants, 1)) {
		unsigned index = shadow_index(m->sp, m->gva);

		drop_entry(m->s, m->sp, index);
		vmmu_table_mmio(m->sp->table, index, m->w.gpa.v, mmio_note(m->sp, &m->w));
		m->sp->marks = 1;
		m->sp->filled = m->s->clock;
	}
	return VMMU_FIX_MMIO;
}

/* A leaf of a direct page: 1, or 0 for what the host does not have. */
static int derive_direct(struct shadow_vm *s, const struct spage *sp, unsigned index,
			 struct vmmu_leaf *leaf)
{
	const struct role *r = &sp->key.role;
	struct vmmu_page page;

	memset(leaf, 0, sizeof(*leaf));
	leaf->gpa = (sp->key.gfn + index) << VMMU_PAGE_SHIFT;
	if (!vmmu_be_small_page(s->vm, vmmu_gpa(leaf->gpa), &page))
		return 0;
	leaf->oa = page.hpa.v;
	leaf->note = vmmu_be_note(r->granted, r->large);
	leaf->level = 1;
	leaf->pkey = r->pkey;
	leaf->rights = page.writable ? r->rights : r->rights & (uint8_t)~VMMU_W;
	leaf->dirty = (leaf->rights & VMMU_W) != 0;
	return 1;
}

/*
 * The neighbours of a leaf: what the guest has ready and the host has, none of it
 * made ready for this.
 */
static void prefetch(struct miss *m, unsigned at)
{
	struct shadow_vm *s = m->s;
	struct spage *sp = m->sp;
	unsigned first = at & ~(s->prefetch - 1), i;
	const void *table = NULL;
	struct vmmu_leaf leaf;
	uint64_t nr = 0;

	if (sp->frame)
		table = vmmu_be_frame(s->vm, vmmu_gpa(sp->key.gfn << VMMU_PAGE_SHIFT));
	for (i = first; i < first + s->prefetch && (table || !sp->frame); i++) {
		if (vmmu_table_kind(sp->table, i) != VMMU_ENTRY_NONE)
			continue;
		if (!(table ? derive_leaf(s, sp, i, table, &leaf) : derive_direct(s, sp, i, &leaf)))
			continue;
		if (put_leaf(s, sp, i, &leaf))
			break;
		nr++;
	}
	if (nr)
		vmmu_be_event(s->vm, m->cpu, VMMU_EV_PREFETCH, m->gva, nr);
}

static enum vmmu_fix_kind install(struct miss *m, const struct vmmu_page *page, unsigned rights,
				  struct vmmu_fix *fix)
{
	unsigned index = shadow_index(m->sp, m->gva);
	struct vmmu_leaf was, leaf = {
		.oa = page->hpa.v,
		.gpa = m->w.gpa.v,
		.note = vmmu_be_note(m->w.rights, m->w.shift),
		.level = m->sp->key.role.level,
		.rights = (uint8_t)rights,
		.pkey = m->w.pkey,
		.accessed = 1,
		.dirty = (rights & VMMU_W) != 0,
	};

	/* A store to a page that was mapped already, only to be logged. */
	if (page->armed && fix->event == VMMU_EV_EXIT_SHADOW_MISS &&
	    vmmu_table_kind(m->sp->table, index) == VMMU_ENTRY_LEAF) {
		vmmu_table_leaf(m->sp->table, index, &was);
		if (was.oa == (page->hpa.v & PAGE_MASK))
			fix->event = VMMU_EV_EXIT_DIRTY_LOG;
	}
	if (put_leaf(m->s, m->sp, index, &leaf))
		return VMMU_FIX_NO_TABLES;
	if (leaf.level == 1 && m->s->prefetch > 1)
		prefetch(m, index);
	return VMMU_FIX_RETRY;
}

static enum vmmu_fix_kind fix_miss(struct miss *m, struct vmmu_fix *fix)
{
	unsigned level, rights, grants;
	enum vmmu_page_kind kind;
	struct vmmu_page page;
	int down;

	VMMU_YIELD(m->s->vm, WALKED);
	down = go_down(m);
	VMMU_YIELD(m->s->vm, DOWN);
	fix->event = VMMU_EV_EXIT_SHADOW_MISS;
	if (down)
		return down == CHANGED ? VMMU_FIX_RETRY : VMMU_FIX_NO_TABLES;
	grants = guest_grants(m->sp->key.role.wp0, &m->w, m->access);
	kind = data_page(m, &page, fix);
	if (kind == VMMU_PAGE_NONE)
		return no_memory(m, &page, grants);
	if (kind != VMMU_PAGE_THERE)
		return vmmu_be_page_fix(kind);
	rights = page.writable ? grants : grants & ~VMMU_W;
	/* What the leaf cannot express would fault for ever. */
	if (!cpu_allows(m->cpu, rights, m->w.pkey, m->access))
		return VMMU_FIX_SOFT;
	level = m->s->on & VMMU_SHADOW_LARGE ? page.level : 1;
	if (go_direct(m, grants, level))
		return VMMU_FIX_NO_TABLES;
	return install(m, &page, rights, fix);
}

enum vmmu_fix_kind page_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
			      struct vmmu_fix *fix)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	struct miss m = {
		.s = s,
		.cpu = cpu,
		.mode = &s->mode[sc->root.mode],
		.gva = exit->gva.v,
		.access = exit->access,
	};
	enum vmmu_fix_kind kind;

	s->access++;
	if (is_known_mmio(s, cpu, exit, fix))
		return VMMU_FIX_MMIO;
	if (vmmu_be_walk_guest(cpu, exit->gva, exit->access, &m.w, &m.trail)) {
		kind = vmmu_be_walk_stop(cpu, &m.w, fix);
		if (kind == VMMU_FIX_FAULT)
			load_faulted(cpu, exit->gva.v);
	} else {
		kind = fix_miss(&m, fix);
	}
	page_commit(s);
	return kind;
}
