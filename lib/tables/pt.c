/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder: one tree of tables in any format, ia -> oa.
 * Not here: what an address means (backends), when caches are flushed (callers).
 * Keeps: a table's `live` is how many of its entries are present, and what is not 0 lies
 * where its `used` says; it is filled before it is linked; a link is made and broken by
 * compare-exchange; every change by software goes through set_entry().
 */
#include <string.h>

#include <vmmu/yield.h>

#include "../priv.h"

static unsigned span_shift(const struct vmmu_pt *pt, unsigned level)
{
	return pt->fmt->lv[level].shift;
}

static uint64_t span(const struct vmmu_pt *pt, unsigned level)
{
	return 1ull << span_shift(pt, level);
}

static unsigned nr_entries(const struct vmmu_pt *pt, unsigned level)
{
	return 1u << pt->fmt->lv[level].bits;
}

static unsigned index_of(const struct vmmu_pt *pt, unsigned level, uint64_t ia)
{
	return (unsigned)(ia >> span_shift(pt, level)) & (nr_entries(pt, level) - 1);
}

/* The last address that the tree can map. */
static uint64_t last_ia(const struct vmmu_pt *pt)
{
	unsigned bits = span_shift(pt, pt->fmt->top) + pt->fmt->lv[pt->fmt->top].bits;

	return bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

static void *entry_at(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	return (char *)table_entries(t) + (size_t)index * pt->fmt->entry_bytes;
}

static uint64_t read_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	return entry_load(entry_at(pt, t, index), pt->fmt->entry_bytes);
}

/* The bit of `used` for that offset. */
static uint64_t used_bit(unsigned at)
{
	return 1ull << at / TABLE_BLOCK;
}

/* The first entry from index on that is not 0; past the last if there is none. */
static unsigned used_from(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	unsigned bytes = pt->fmt->entry_bytes, end = nr_entries(pt, t->level) * bytes;
	const char *table = table_entries(t);
	unsigned at = index * bytes;
	uint64_t left;

	while (at < end) {
		left = t->used & -used_bit(at);
		if (!left)
			return end / bytes;
		if (!(left & used_bit(at)))
			at = (unsigned)__builtin_ctzll(left) * TABLE_BLOCK;
		do {
			if (entry_load(table + at, bytes))
				return at / bytes;
			at += bytes;
		} while (at % TABLE_BLOCK);
	}
	return at / bytes;
}

/* Silicon goes on with neither; what an MMIO mark says is for software. */
static int is_mmio(const struct vmmu_pt *pt, uint64_t e)
{
	uint64_t mmio = pt->fmt->mmio;

	return mmio && (e & (pt->fmt->present | mmio)) == mmio;
}

static int is_present(const struct vmmu_pt *pt, uint64_t e)
{
	return (e & pt->fmt->present) && !is_mmio(pt, e);
}

static int is_leaf(const struct vmmu_pt *pt, unsigned level, uint64_t e)
{
	uint8_t rule = pt->fmt->lv[level].leaf;

	return rule == VMMU_LEAF_ALWAYS || (rule == VMMU_LEAF_BIT && (e & pt->fmt->leaf_bit));
}

static struct vmmu_table *child_of(const struct vmmu_pt *pt, uint64_t e)
{
	return table_at(pt->vm, e & pt->fmt->addr);
}

/* Where a table's addresses begin; one that several links share has no such place. */
static uint64_t table_ia(const struct vmmu_pt *pt, const struct vmmu_table *t)
{
	uint64_t ia = 0;

	if (pt->flags & VMMU_PT_SHARED)
		return 0;
	for (; t->parent; t = t->parent)
		ia |= (uint64_t)t->index << span_shift(pt, t->parent->level);
	return ia;
}

/* ---- entries ---------------------------------------------------------- */

/* The bits of one right that grant it, or do not. */
static uint64_t right(const struct vmmu_fmt *f, uint64_t mask, int granted)
{
	return granted == !(f->invert & mask) ? mask : 0;
}

static uint64_t make_leaf(const struct vmmu_pt *pt, const struct vmmu_leaf *l)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t e = f->leaf_set | (l->oa & f->addr & ~(span(pt, l->level) - 1));

	e |= right(f, f->r, (l->rights & VMMU_R) != 0);
	e |= right(f, f->w, (l->rights & VMMU_W) != 0);
	e |= right(f, f->x, (l->rights & VMMU_X) != 0);
	e |= right(f, f->u, (l->rights & VMMU_U) != 0);
	if (f->lv[l->level].leaf == VMMU_LEAF_BIT)
		e |= f->leaf_bit;
	if (l->accessed)
		e |= f->accessed;
	if (l->dirty)
		e |= f->dirty;
	if (f->pkey_shift)
		e |= (uint64_t)l->pkey << f->pkey_shift;
	return e;
}

static int has(const struct vmmu_fmt *f, uint64_t e, uint64_t mask)
{
	return !mask || ((e ^ f->invert) & mask);
}

static void read_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, uint64_t ia,
		      uint64_t e, struct vmmu_leaf *l)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t low = ia & (span(pt, t->level) - 1);

	memset(l, 0, sizeof(*l));
	l->ia = ia;
	l->oa = (e & f->addr & ~(span(pt, t->level) - 1)) | low;
	l->gpa = t->gpas ? (t->gpas[index] & PAGE_MASK) | low : 0;
	l->note = t->gpas ? t->gpas[index] & ~PAGE_MASK : 0;
	l->level = t->level;
	l->rights = (uint8_t)((has(f, e, f->r) ? VMMU_R : 0) | (has(f, e, f->w) ? VMMU_W : 0) |
			      (has(f, e, f->x) ? VMMU_X : 0) | (has(f, e, f->u) ? VMMU_U : 0));
	l->pkey = (uint8_t)(f->pkey_shift ? e >> f->pkey_shift & 15 : 0);
	l->dirty = (e & f->dirty) != 0;
	l->accessed = (e & f->accessed) != 0;
}

/* The one place where software changes an entry.  0: it was not `old` any more. */
static int set_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, uint64_t old,
		     uint64_t new_entry)
{
	enum vmmu_event ev = VMMU_EV_MAP;
	uint64_t ia;

	VMMU_YIELD(pt->vm, ENTRY);
	t->used |= used_bit(index * pt->fmt->entry_bytes);
	if (!entry_cmpxchg(entry_at(pt, t, index), pt->fmt->entry_bytes, old, new_entry))
		return 0;
	t->live = (uint16_t)(t->live + is_present(pt, new_entry) - is_present(pt, old));
	if (!is_present(pt, new_entry))
		ev = is_mmio(pt, new_entry) ? VMMU_EV_MAP : VMMU_EV_ZAP;
	else if (is_present(pt, old) && !((old ^ new_entry) & pt->fmt->addr))
		ev = VMMU_EV_PROTECT;
	ia = pt->vm->cfg.cb.event ? table_ia(pt, t) | (uint64_t)index << span_shift(pt, t->level)
				  : 0;
	event(pt->vm, NULL, ev, ia, new_entry);
	return 1;
}

/* ---- tables -------------------------------------------------------------- */

static uint64_t link_to(const struct vmmu_pt *pt, unsigned level, struct vmmu_table *child)
{
	return table_hpa(pt->vm, child) | pt->fmt->lv[level].link;
}

/* Retires a tree of tables that nothing links any more; answers how many leaves and tables. */
static uint64_t retire_tree(const struct vmmu_pt *pt, struct vmmu_table *t)
{
	uint64_t nr = 1;
	unsigned i;

	for (i = 0; t->live && (i = used_from(pt, t, i)) < nr_entries(pt, t->level); i++) {
		uint64_t e = read_entry(pt, t, i);

		if (!is_present(pt, e))
			continue;
		nr += is_leaf(pt, t->level, e) ? 1 : retire_tree(pt, child_of(pt, e));
	}
	table_retire(pt->vm, t);
	return nr;
}

/* Links an empty table; the child, or NULL with nothing changed. */
static struct vmmu_table *link_new(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	struct vmmu_table *child = table_new(pt, t->level - 1u);

	if (!child)
		return NULL;
	child->parent = t;
	child->index = (uint16_t)index;
	if (!set_entry(pt, t, index, 0, link_to(pt, t->level, child))) {
		table_retire(pt->vm, child);
		return child_of(pt, read_entry(pt, t, index));
	}
	return child;
}

/*
 * Puts a table of smaller leaves in the place of a large one, the same
 * translation.  The child, or NULL with nothing changed.
 */
static struct vmmu_table *split(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
				uint64_t old)
{
	const struct vmmu_fmt *f = pt->fmt;
	unsigned level = t->level - 1u, i;
	struct vmmu_table *child = table_new(pt, level);
	uint64_t e;

	if (!child)
		return NULL;
	if (t->gpas && table_gpas(pt->vm, child)) {
		table_retire(pt->vm, child);
		return NULL;
	}
	child->parent = t;
	child->index = (uint16_t)index;
	child->mark = t->mark;
	e = old & ~(f->lv[level].leaf == VMMU_LEAF_ALWAYS ? f->leaf_bit : 0);
	for (i = 0; i < nr_entries(pt, level); i++) {
		uint64_t part = e + ((uint64_t)i << span_shift(pt, level));

		entry_cmpxchg(entry_at(pt, child, i), f->entry_bytes, 0, part);
		child->used |= used_bit(i * f->entry_bytes);
		child->live++;
		if (child->gpas)
			child->gpas[i] = t->gpas[index] + ((uint64_t)i << span_shift(pt, level));
	}
	event(pt->vm, NULL, VMMU_EV_SPLIT, table_hpa(pt->vm, child), t->level);
	if (set_entry(pt, t, index, old, link_to(pt, t->level, child)))
		return child;
	table_retire(pt->vm, child);
	return NULL;
}

int vmmu_pt_init(struct vmmu_pt *pt, struct vmmu *vm, const struct vmmu_fmt *fmt, uint32_t flags)
{
	unsigned i;

	pt->vm = vm;
	pt->fmt = fmt;
	pt->flags = flags;
	pt->root = table_new(pt, fmt->top);
	if (!pt->root)
		return VMMU_ENOMEM;
	if (!fmt->lv[fmt->top].cached)
		return VMMU_OK;
	for (i = 0; i < nr_entries(pt, fmt->top); i++) {
		if (!link_new(pt, pt->root, i)) {
			vmmu_pt_fini(pt);
			return VMMU_ENOMEM;
		}
	}
	return VMMU_OK;
}

void vmmu_pt_fini(struct vmmu_pt *pt)
{
	if (!pt->root)
		return;
	retire_tree(pt, pt->root);
	pt->root = NULL;
	table_reap(pt->vm);
}

void vmmu_pt_paging(const struct vmmu_pt *pt, struct vmmu_paging *pg, uint32_t ctl)
{
	unsigned i;

	vmmu_paging_host(pg, pt->fmt, table_hpa(pt->vm, pt->root), pt->vm->cfg.host_maxphyaddr,
			 ctl);
	if (!pt->fmt->lv[pt->fmt->top].cached)
		return;
	pg->ctl |= VMMU_PG_PDPTES;
	for (i = 0; i < ARRAY_SIZE(pg->pdpte); i++)
		pg->pdpte[i] = read_entry(pt, pt->root, i);
}

/* ---- map ------------------------------------------------------------------ */

/* What caches might hold of an entry that changes so. */
static int owes_flush(const struct vmmu_pt *pt, uint64_t old, uint64_t new_entry)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t rights = f->r | f->w | f->x | f->u;

	if (!is_present(pt, old))
		return 0;
	if ((old ^ new_entry) & ~(rights | f->accessed | f->dirty))
		return 1;
	return (((old ^ f->invert) & ~(new_entry ^ f->invert)) & (rights | f->dirty)) != 0;
}

static int put_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
		    const struct vmmu_leaf *leaf)
{
	uint64_t new_entry = make_leaf(pt, leaf), old;
	int table_went;

	if ((pt->flags & VMMU_PT_GPAS) && table_gpas(pt->vm, t))
		return VMMU_ENOMEM;
	do {
		old = read_entry(pt, t, index);
		/* Silicon may have set more. */
		if (is_present(pt, old) && !((old ^ new_entry) & pt->fmt->addr))
			new_entry |= old & (pt->fmt->accessed | pt->fmt->dirty);
		if (old == new_entry)
			break;
	} while (!set_entry(pt, t, index, old, new_entry));
	if (t->gpas)
		t->gpas[index] = (leaf->gpa & ~(span(pt, leaf->level) - 1)) | leaf->note;
	if (old == new_entry)
		return 0;
	table_went = is_present(pt, old) && !is_leaf(pt, leaf->level, old);
	if (table_went)
		retire_tree(pt, child_of(pt, old));
	return VMMU_PT_CHANGED | (table_went || owes_flush(pt, old, new_entry) ? VMMU_PT_FLUSH : 0);
}

/* The table of that level on the way to ia, made if missing; NULL: none left. */
static struct vmmu_table *descend_to(const struct vmmu_pt *pt, uint64_t ia, unsigned level,
				     int *answer)
{
	struct vmmu_table *t = pt->root;

	while (t && t->level > level) {
		unsigned index = index_of(pt, t->level, ia);
		uint64_t e = read_entry(pt, t, index);

		if (!is_present(pt, e)) {
			t = link_new(pt, t, index);
		} else if (is_leaf(pt, t->level, e)) {
			*answer = VMMU_PT_FLUSH;
			t = split(pt, t, index, e);
		} else {
			t = child_of(pt, e);
		}
	}
	return t;
}

int vmmu_pt_map(struct vmmu_pt *pt, const struct vmmu_leaf *leaf)
{
	int answer = 0, put;
	struct vmmu_table *t = descend_to(pt, leaf->ia, leaf->level, &answer);

	if (!t)
		return VMMU_ENOMEM;
	put = put_leaf(pt, t, index_of(pt, leaf->level, leaf->ia), leaf);
	return put < 0 ? put : put | answer;
}

int vmmu_pt_lookup(const struct vmmu_pt *pt, uint64_t ia, struct vmmu_leaf *leaf)
{
	struct vmmu_pt_iter it;

	for (vmmu_pt_first(&it, pt, ia, ia); it.table; vmmu_pt_next(&it)) {
		if (it.present && it.leaf) {
			vmmu_pt_leaf(&it, leaf);
			return 1;
		}
	}
	return 0;
}

/* ---- the iterator ----------------------------------------------------------- */

static void look(struct vmmu_pt_iter *it)
{
	it->entry = read_entry(it->pt, it->table, it->index);
	it->present = (uint8_t)is_present(it->pt, it->entry);
	it->leaf = it->present && is_leaf(it->pt, it->level, it->entry);
	it->descend = 1;
}

static void stand(struct vmmu_pt_iter *it, struct vmmu_table *t)
{
	it->table = t;
	it->level = t->level;
	it->path[t->level] = t;
	it->index = index_of(it->pt, t->level, it->ia);
	look(it);
}

void vmmu_pt_first(struct vmmu_pt_iter *it, const struct vmmu_pt *pt, uint64_t first, uint64_t last)
{
	memset(it, 0, sizeof(*it));
	it->pt = pt;
	/* A linear address is sign-extended above what the tables index. */
	it->ia = first & last_ia(pt);
	it->end = last & last_ia(pt);
	if (pt->root && it->ia <= it->end)
		stand(it, pt->root);
}

void vmmu_pt_next(struct vmmu_pt_iter *it)
{
	unsigned level = it->level;
	uint64_t next, e;

	/* Down, by what is there now: the visitor may have changed it. */
	if (level > 1 && it->descend) {
		e = read_entry(it->pt, it->table, it->index);
		if (is_present(it->pt, e) && !is_leaf(it->pt, level, e)) {
			stand(it, child_of(it->pt, e));
			return;
		}
	}
	next = (it->ia | (span(it->pt, level) - 1)) + 1;
	if (!next || next > it->end) {
		it->table = NULL;
		return;
	}
	it->ia = next;
	if (index_of(it->pt, level, next)) {
		it->index++;
		look(it);
		return;
	}
	while (level < it->pt->fmt->top && !index_of(it->pt, level, next))
		level++;
	stand(it, it->path[level]);
}

/* On in this table to an entry that is not 0, or to its last. */
static void pass_empty(struct vmmu_pt_iter *it)
{
	unsigned last = nr_entries(it->pt, it->level) - 1;
	unsigned index = used_from(it->pt, it->table, it->index);
	unsigned shift = span_shift(it->pt, it->level);

	if (index > last)
		index = last;
	if (index == it->index)
		return;
	it->ia = ((it->ia >> shift) + (index - it->index)) << shift;
	it->index = index;
	if (it->ia > it->end)
		it->table = NULL;
	else
		look(it);
}

void vmmu_pt_next_used(struct vmmu_pt_iter *it)
{
	do {
		vmmu_pt_next(it);
		if (it->table && !it->entry)
			pass_empty(it);
	} while (it->table && !it->entry);
}

void vmmu_pt_leaf(const struct vmmu_pt_iter *it, struct vmmu_leaf *leaf)
{
	read_leaf(it->pt, it->table, it->index, it->ia, it->entry, leaf);
}

/* ---- changing ranges ---------------------------------------------------------- */

/* Empties an entry; what was there. */
static uint64_t take_entry(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	uint64_t old;

	/* Silicon may set D at any moment: take what is there. */
	do {
		old = read_entry(pt, t, index);
	} while (old && !set_entry(pt, t, index, old, 0));
	return old;
}

static uint64_t zap_entry(struct vmmu_pt_iter *it)
{
	uint64_t old = take_entry(it->pt, it->table, it->index);

	if (is_leaf(it->pt, it->level, old))
		return 1;
	it->descend = 0;
	return retire_tree(it->pt, child_of(it->pt, old));
}

/* Takes the right to write from a leaf; whether it had it. */
static int wrprot_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index)
{
	const struct vmmu_fmt *f = pt->fmt;
	uint64_t old, denied;

	do {
		old = read_entry(pt, t, index);
		if (!has(f, old, f->w))
			return 0;
		denied = (old & ~f->w) | right(f, f->w, 0);
	} while (!set_entry(pt, t, index, old, denied));
	return 1;
}

static uint64_t wrprot_large(struct vmmu_pt_iter *it)
{
	if (!has(it->pt->fmt, it->entry, it->pt->fmt->w))
		return 0;
	/* The iterator goes down into the parts next. */
	if (split(it->pt, it->table, it->index, it->entry))
		return 1;
	return zap_entry(it);
}

/* Whether a leaf was used since it was made old; `clear` makes it so. */
static int age_leaf(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index, int clear)
{
	uint64_t old, a = pt->fmt->accessed;

	do {
		old = read_entry(pt, t, index);
		if (!clear || !(old & a))
			return (old & a) != 0;
	} while (!set_entry(pt, t, index, old, old & ~a));
	return 1;
}

/* Without A bits, what was not used is what is not mapped. */
static int keeps_ages(const struct vmmu_pt *pt)
{
	return pt->fmt->accessed && !(pt->flags & VMMU_PT_NO_AD);
}

static uint64_t age_large(struct vmmu_pt_iter *it, int clear)
{
	if (!keeps_ages(it->pt))
		return clear ? zap_entry(it) : 1;
	return (uint64_t)age_leaf(it->pt, it->table, it->index, clear);
}

/* An entry of the lowest level; a mark goes with the leaves. */
static int change_small(const struct vmmu_pt *pt, struct vmmu_table *t, unsigned index,
			enum vmmu_change how)
{
	if (how == VMMU_CHANGE_ZAP)
		return is_present(pt, take_entry(pt, t, index));
	if (!is_present(pt, read_entry(pt, t, index)))
		return 0;
	if (how == VMMU_CHANGE_WRPROT)
		return wrprot_leaf(pt, t, index);
	if (keeps_ages(pt))
		return age_leaf(pt, t, index, how == VMMU_CHANGE_AGE);
	if (how == VMMU_CHANGE_AGE)
		take_entry(pt, t, index);
	return 1;
}

/* All that the range has in a table of the lowest level; the iterator moves to the last. */
static uint64_t change_rest(struct vmmu_pt_iter *it, enum vmmu_change how)
{
	unsigned shift = span_shift(it->pt, 1), last = nr_entries(it->pt, 1) - 1, i;
	uint64_t nr = 0, size = (uint64_t)(last + 1) << shift, base = it->ia & ~(size - 1);

	if (it->end - base < size)
		last = index_of(it->pt, 1, it->end);
	for (i = it->index; (i = used_from(it->pt, it->table, i)) <= last; i++)
		nr += (uint64_t)change_small(it->pt, it->table, i, how);
	it->ia = base + ((uint64_t)last << shift);
	it->index = last;
	return nr;
}

/* Whether the link lies in the range whole and may be broken. */
static int zaps_link(const struct vmmu_pt_iter *it, uint64_t first)
{
	uint64_t low = it->ia & ~(span(it->pt, it->level) - 1);

	return !it->pt->fmt->lv[it->level].cached && low >= first &&
	       (low | (span(it->pt, it->level) - 1)) <= it->end;
}

uint64_t vmmu_pt_change(struct vmmu_pt *pt, uint64_t ia, uint64_t len, enum vmmu_change how)
{
	struct vmmu_pt_iter it;
	uint64_t nr = 0, first = ia & last_ia(pt);

	if (!pt->root || !len)
		return 0;
	vmmu_pt_first(&it, pt, ia, len == VMMU_ALL ? ~0ull : ia + len - 1);
	for (; it.table; vmmu_pt_next_used(&it)) {
		if (it.level == 1) {
			nr += change_rest(&it, how);
			continue;
		}
		if (!it.present)
			continue;
		if (!it.leaf && !child_of(pt, it.entry)->live) {
			/* Nothing to do below; the table itself may go. */
			it.descend = 0;
		}
		if (how == VMMU_CHANGE_ZAP) {
			if (it.leaf || zaps_link(&it, first))
				nr += zap_entry(&it);
		} else if (it.leaf) {
			nr += how == VMMU_CHANGE_WRPROT ? wrprot_large(&it)
							: age_large(&it, how == VMMU_CHANGE_AGE);
		}
	}
	return nr;
}

/* ---- making room ------------------------------------------------------------- */

/* Breaks the link to t; answers how many leaves and tables went. */
static uint64_t unlink_table(struct vmmu_table *t)
{
	const struct vmmu_pt *pt = t->pt;
	uint64_t old;

	do {
		old = read_entry(pt, t->parent, t->index);
	} while (!set_entry(pt, t->parent, t->index, old, 0));
	return retire_tree(pt, t);
}

/* Whether nothing but emptiness keeps t linked. */
static int may_go(const struct vmmu_table *t)
{
	return t->parent && !t->live && !t->pt->fmt->lv[t->parent->level].cached;
}

uint64_t pt_evict(struct vmmu *vm)
{
	struct vmmu_table *t, *parent;
	uint64_t nr = 0;

	/* In use, tables stand in the order in which they were made. */
	TAILQ_FOREACH (t, &vm->pool.used, link)
		if (!(t->pt->flags & VMMU_PT_SHARED) && t->parent && (t->level == 1 || may_go(t)))
			break;
	for (; t; t = may_go(parent) ? parent : NULL) {
		parent = t->parent;
		nr += unlink_table(t);
	}
	return nr;
}

/* ---- addresses that are no memory -------------------------------------------- */

/* A generation in the field of the address. */
static uint64_t mmio_mark(const struct vmmu_pt *pt, uint64_t generation)
{
	uint64_t addr = pt->fmt->addr;

	return pt->fmt->mmio | (generation * (addr & -addr) & addr);
}

int vmmu_pt_mmio(struct vmmu_pt *pt, uint64_t ia)
{
	uint64_t generation = slot_generation(pt->vm);
	struct vmmu_table *t;
	int answer = 0;
	unsigned index;
	uint64_t old;

	if (!pt->fmt->mmio || generation == NO_GENERATION)
		return 0;
	t = descend_to(pt, ia, 1, &answer);
	if (!t)
		return VMMU_ENOMEM;
	index = index_of(pt, 1, ia);
	old = read_entry(pt, t, index);
	if (!is_present(pt, old))
		set_entry(pt, t, index, old, mmio_mark(pt, generation));
	return answer;
}

int vmmu_pt_is_mmio(const struct vmmu_pt *pt, uint64_t entry)
{
	uint64_t generation = slot_generation(pt->vm);

	return pt->fmt->mmio && generation != NO_GENERATION && entry == mmio_mark(pt, generation);
}

/* ---- tables that several links share -------------------------------------------- */

struct vmmu_table *vmmu_table_new(const struct vmmu_pt *pt, unsigned level, void *owner)
{
	struct vmmu_table *t = table_new(pt, level);

	if (t && (pt->flags & VMMU_PT_GPAS) && table_gpas(pt->vm, t)) {
		table_retire(pt->vm, t);
		return NULL;
	}
	if (t)
		t->owner = owner;
	return t;
}

void vmmu_table_retire(struct vmmu_table *t)
{
	table_retire(t->pt->vm, t);
}

void *vmmu_table_owner(const struct vmmu_table *t)
{
	return t->owner;
}

struct vmmu_table *vmmu_table_at(struct vmmu *vm, vmmu_hpa_t hpa)
{
	return table_at(vm, hpa.v);
}

vmmu_hpa_t vmmu_table_hpa(struct vmmu_table *t)
{
	return vmmu_hpa(table_hpa(t->pt->vm, t));
}

unsigned vmmu_table_live(const struct vmmu_table *t)
{
	return t->live;
}

enum vmmu_entry_kind vmmu_table_kind(struct vmmu_table *t, unsigned index)
{
	uint64_t e = read_entry(t->pt, t, index);

	if (is_present(t->pt, e))
		return is_leaf(t->pt, t->level, e) ? VMMU_ENTRY_LEAF : VMMU_ENTRY_LINK;
	return is_mmio(t->pt, e) ? VMMU_ENTRY_MMIO : VMMU_ENTRY_NONE;
}

unsigned vmmu_table_used(struct vmmu_table *t, unsigned index)
{
	return used_from(t->pt, t, index);
}

void vmmu_table_leaf(struct vmmu_table *t, unsigned index, struct vmmu_leaf *leaf)
{
	read_leaf(t->pt, t, index, (uint64_t)index << span_shift(t->pt, t->level),
		  read_entry(t->pt, t, index), leaf);
}

struct vmmu_table *vmmu_table_child(struct vmmu_table *t, unsigned index)
{
	return child_of(t->pt, read_entry(t->pt, t, index));
}

int vmmu_table_put(struct vmmu_table *t, unsigned index, const struct vmmu_leaf *leaf)
{
	return put_leaf(t->pt, t, index, leaf);
}

void vmmu_table_link(struct vmmu_table *t, unsigned index, struct vmmu_table *child)
{
	uint64_t old;

	do {
		old = read_entry(t->pt, t, index);
	} while (!set_entry(t->pt, t, index, old, link_to(t->pt, t->level, child)));
}

void vmmu_table_mmio(struct vmmu_table *t, unsigned index, uint64_t gpa, uint16_t note)
{
	uint64_t generation = slot_generation(t->pt->vm), old;

	if (generation == NO_GENERATION)
		return;
	t->gpas[index] = (gpa & PAGE_MASK) | note;
	do {
		old = read_entry(t->pt, t, index);
	} while (!set_entry(t->pt, t, index, old, mmio_mark(t->pt, generation)));
}

int vmmu_table_is_mmio(struct vmmu_table *t, unsigned index, uint64_t *gpa, uint16_t *note)
{
	*gpa = t->gpas[index] & PAGE_MASK;
	*note = t->gpas[index] & ~PAGE_MASK;
	return vmmu_pt_is_mmio(t->pt, read_entry(t->pt, t, index));
}

void vmmu_table_clear(struct vmmu_table *t, unsigned index)
{
	take_entry(t->pt, t, index);
}

int vmmu_table_wrprot(struct vmmu_table *t, unsigned index)
{
	return wrprot_leaf(t->pt, t, index);
}

int vmmu_table_age(struct vmmu_table *t, unsigned index, int clear)
{
	return age_leaf(t->pt, t, index, clear);
}

/* ---- check ----------------------------------------------------------------- */

static int check_link(const struct vmmu_pt_iter *it)
{
	struct vmmu_table *child = child_of(it->pt, it->entry);

	if (child->level != it->level - 1 || child->parent != it->table ||
	    child->index != it->index)
		return vmmu_be_broken(it->pt->vm,
				      "%s: level %u link at 0x%llx: table 0x%llx is not its child",
				      it->pt->fmt->name, it->level, (unsigned long long)it->ia,
				      (unsigned long long)table_hpa(it->pt->vm, child));
	if ((it->entry ^ link_to(it->pt, it->level, child)) & ~it->pt->fmt->accessed)
		return vmmu_be_broken(it->pt->vm, "%s: level %u link at 0x%llx: bits 0x%llx",
				      it->pt->fmt->name, it->level, (unsigned long long)it->ia,
				      (unsigned long long)it->entry);
	return VMMU_OK;
}

int vmmu_pt_check(const struct vmmu_pt *pt, struct vmmu_cursor *at, unsigned budget,
		  int (*check_leaf)(void *ctx, const struct vmmu_pt *pt,
				    const struct vmmu_leaf *leaf),
		  void *ctx)
{
	struct vmmu_pt_iter it;
	struct vmmu_leaf leaf;
	int st = VMMU_OK;

	for (vmmu_pt_first(&it, pt, at->ia, ~0ull); it.table; vmmu_pt_next_used(&it)) {
		at->ia = it.ia;
		if (!budget--)
			return VMMU_OK;
		if (!it.present) {
			if (it.entry && !is_mmio(pt, it.entry))
				st = vmmu_be_broken(pt->vm, "%s: absent entry 0x%llx at 0x%llx",
						    pt->fmt->name, (unsigned long long)it.entry,
						    (unsigned long long)it.ia);
		} else if (it.leaf) {
			vmmu_pt_leaf(&it, &leaf);
			st = check_leaf(ctx, pt, &leaf);
		} else {
			st = check_link(&it);
		}
		if (st)
			return st;
	}
	at->tree++;
	at->ia = 0;
	return VMMU_OK;
}

static uint64_t any_bits(const char *block)
{
	uint64_t any = 0;
	unsigned i;

	for (i = 0; i < TABLE_BLOCK; i += 8)
		any |= entry_load(block + i, 8);
	return any;
}

static unsigned present_in(const struct vmmu_pt *pt, const char *block)
{
	unsigned n = 0, i;

	for (i = 0; i < TABLE_BLOCK; i += pt->fmt->entry_bytes)
		n += (unsigned)is_present(pt, entry_load(block + i, pt->fmt->entry_bytes));
	return n;
}

/* Every entry of a table, for what its descriptor tells of all of them. */
static int check_table(struct vmmu *vm, struct vmmu_table *t)
{
	const char *table = table_entries(t);
	unsigned at, live = 0;

	for (at = 0; at < VMMU_PAGE_SIZE; at += TABLE_BLOCK) {
		if (t->used & used_bit(at))
			live += present_in(t->pt, table + at);
		else if (any_bits(table + at))
			return vmmu_be_broken(vm, "table at hpa 0x%llx: what is at 0x%x is passed",
					      (unsigned long long)table_hpa(vm, t), at);
	}
	if (live == t->live)
		return VMMU_OK;
	return vmmu_be_broken(vm, "table at hpa 0x%llx: %u entries are present, %u counted",
			      (unsigned long long)table_hpa(vm, t), live, t->live);
}

int pt_check_tables(struct vmmu *vm)
{
	struct vmmu_table *t;
	int st = VMMU_OK;

	TAILQ_FOREACH (t, &vm->pool.used, link)
		if ((st = check_table(vm, t)))
			break;
	return st;
}
