/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of tables that software owns: what one says, and how one is changed.
 * Only for this folder.
 */
#ifndef VMMU_TABLES_ENTRY_H
#define VMMU_TABLES_ENTRY_H

#include <vmmu/yield.h>

#include "../silicon/entry.h"
#include "tables.h"

static inline unsigned span_shift(const struct vmmu_pt *pt, unsigned level)
{
	return pt->fmt->lv[level].shift;
}

static inline uint64_t span(const struct vmmu_pt *pt, unsigned level)
{
	return 1ull << span_shift(pt, level);
}

static inline unsigned nr_entries(const struct vmmu_pt *pt, unsigned level)
{
	return 1u << pt->fmt->lv[level].bits;
}

static inline unsigned index_of(const struct vmmu_pt *pt, unsigned level, uint64_t ia)
{
	return entry_index(pt->fmt, level, ia);
}

/* The last address that the tree can map. */
static inline uint64_t last_ia(const struct vmmu_pt *pt)
{
	unsigned bits = span_shift(pt, pt->fmt->top) + pt->fmt->lv[pt->fmt->top].bits;

	return bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

static inline void *entry_at(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	return (char *)table_entries(t) +
	       bounded(index, nr_entries(pt, t->level)) * pt->fmt->entry_bytes;
}

/* What the table keeps of an entry beside it: gpa | note.  There is a t->gpas. */
static inline uint64_t *gpa_at(struct vmmu_table *t, unsigned index)
{
	return &t->gpas[bounded(index, TABLE_MOST)];
}

static inline uint64_t read_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	return entry_load(entry_at(pt, t, index), pt->fmt->entry_bytes);
}

/* The bit of `used` for that offset. */
static inline uint64_t used_bit(unsigned at)
{
	return 1ull << at / TABLE_BLOCK;
}

/* Silicon stops at an entry that is not present and at an MMIO mark, which only software reads. */
static inline int is_mmio(const struct vmmu_pt *pt, uint64_t e)
{
	uint64_t mmio = pt->fmt->mmio;

	return mmio && (e & (pt->fmt->present | mmio)) == mmio;
}

static inline int is_present(const struct vmmu_pt *pt, uint64_t e)
{
	return (e & pt->fmt->present) && !is_mmio(pt, e);
}

static inline struct vmmu_table *child_of(const struct vmmu_pt *pt, uint64_t e)
{
	return table_at(pt->vm, entry_table(pt->fmt, e));
}

static inline unsigned is_leaf(const struct vmmu_pt *pt, unsigned level, uint64_t e)
{
	return entry_is_leaf(pt->fmt, level, e);
}

/* What a leaf grants, in the format's bits; bits that forbid are inverted. */
static inline uint64_t granted_by(const struct vmmu_pt *pt, unsigned level, uint64_t e)
{
	return entry_granted(pt->fmt, level, 1, e);
}

/* The bits that say whether a leaf of this level may be written to; 0: the format has none. */
static inline uint64_t write_bits(const struct vmmu_pt *pt, unsigned level)
{
	return pt->fmt->w & ~entry_absent(pt->fmt, level, 1);
}

static inline uint64_t link_to(const struct vmmu_pt *pt, unsigned level, struct vmmu_table *child)
{
	return table_hpa(pt->vm, child) | pt->fmt->lv[level].link;
}

/* entry.c: tells the embedder of a change, with the input address. */
void pt_tell_change(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
		    enum vmmu_event ev, uint64_t new_entry);

/* The one place where software changes an entry.  Returns 0 if the entry was no longer `old`. */
static inline int pt_set_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
			       uint64_t old, uint64_t new_entry)
{
	struct core *c = core_of(pt->vm);
	enum vmmu_event ev = VMMU_EV_MAP;

	VMMU_YIELD(pt->vm, ENTRY);
	t->used |= used_bit(index * pt->fmt->entry_bytes);
	if (!entry_cmpxchg(entry_at(pt, t, index), pt->fmt->entry_bytes, old, new_entry))
		return 0;
	t->live = (uint16_t)(t->live + is_present(pt, new_entry) - is_present(pt, old));
	if (!is_present(pt, new_entry))
		ev = is_mmio(pt, new_entry) ? VMMU_EV_MAP : VMMU_EV_ZAP;
	else if (is_present(pt, old) && !((old ^ new_entry) & pt->fmt->addr))
		ev = VMMU_EV_PROTECT;
	if (unlikely(c->cfg.cb.event != NULL))
		pt_tell_change(pt, t, index, ev, new_entry);
	else
		c->event[ev]++;
	return 1;
}

/* Takes the right to write, whose bits are w, from a leaf; returns whether the leaf had it. */
static inline int pt_deny_write(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
				uint64_t w)
{
	uint64_t old, denied;

	do {
		old = read_entry(pt, t, index);
		denied = (old & ~w) | (pt->fmt->invert & w);
		if (denied == old || !is_present(pt, old))
			return 0;
	} while (!pt_set_entry(pt, t, index, old, denied));
	return 1;
}

static inline int pt_wrprot_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	return pt_deny_write(pt, t, index, write_bits(pt, t->level));
}

/* ---- entry.c ---- */
/* The first entry from index on that is not 0; past the last if there is none. */
unsigned pt_used_from(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index);
void pt_read_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, uint64_t ia,
		  uint64_t e, struct vmmu_leaf *l);
/* Empties an entry; returns what was there. */
uint64_t pt_take_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index);
/* Whether a leaf was used since it was made old; `clear` makes it so. */
int pt_age_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, int clear);
/* Puts a leaf; VMMU_PT_CHANGED and VMMU_PT_FLUSH, or'ed, or VMMU_ENOMEM. */
int pt_put_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
		const struct vmmu_leaf *leaf);
/* Retires a tree of tables that no link leads to; returns how many leaves and tables. */
uint64_t pt_retire_tree(const struct vmmu_pt *pt, struct vmmu_table *t);

/* ---- build.c ---- */
/*
 * The table of that level on the way to ia, made if missing; NULL: none left.
 * *answer becomes VMMU_PT_FLUSH if a larger leaf was split.
 */
struct vmmu_table *pt_descend_to(const struct vmmu_pt *pt, uint64_t ia, unsigned level,
				 int *answer);

#endif
