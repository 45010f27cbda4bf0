/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one vCPU's silicon holds: how it is made and ended, and what is dropped from it.
 * Not here: looking up and filling TLBs (lookup.c), which instruction drops what (vm/).
 * Keeps: the front holds nothing that the registers forbid: whenever a register changes that
 * decides about accesses, the front is wiped by a change of its generation.
 */
#include <string.h>

#include "silicon.h"
#include "walk_priv.h"

/* ---- making and ending ----------------------------------------------------------- */

static int cache_init(const struct silicon_memory *m, struct cache *c,
		      struct vmmu_cache_shape shape, unsigned replace)
{
	void *memory;

	if (!shape.sets)
		return 0;
	memory = m->get(m->ctx, cache_bytes(shape.sets, shape.ways), 64);
	if (!memory)
		return -1;
	cache_start(c, memory, shape.sets, shape.ways);
	c->policy = (uint8_t)replace;
	return 0;
}

static void give_back(const struct silicon_memory *m, void *p, size_t size)
{
	if (p)
		m->put(m->ctx, p, size);
}

static void cache_fini(const struct silicon_memory *m, struct cache *c)
{
	give_back(m, c->entry, cache_bytes(c->sets, c->ways));
	c->entry = NULL;
}

static size_t lines_bytes(const struct lines *l)
{
	return (size_t)l->sets * l->ways * sizeof(*l->line);
}

static int lines_init(const struct silicon_memory *m, struct lines *l,
		      const struct vmmu_data_cache *model)
{
	l->sets = model->sets;
	l->ways = model->ways;
	l->line = m->get(m->ctx, lines_bytes(l), 64);
	return l->line ? 0 : -1;
}

static struct vmmu_cache_shape part_of(struct vmmu_cache_shape shape, unsigned partitions)
{
	shape.ways = (uint16_t)(shape.ways / partitions);
	shape.ways = shape.ways ? shape.ways : 1;
	return shape;
}

/* The TLBs of a level that hold pages of these sizes for this kind of access, as a bitmap. */
static unsigned tlbs_for(const struct vmmu_silicon *m, unsigned level, unsigned code,
			 unsigned sizes)
{
	unsigned found = 0, i;

	for (i = 0; i < m->nr_tlbs; i++)
		if (m->tlb[i].level == level && (m->tlb[i].serves >> code & 1) &&
		    (m->tlb[i].sizes & sizes))
			found |= 1u << i;
	return found;
}

/* Which TLBs a page of each size fills, and in what pieces at level 1. */
static void plan_fills(struct silicon *s)
{
	const struct vmmu_silicon *m = s->model;
	static const uint8_t shift[3] = { VMMU_PAGE_SHIFT, 21, 30 };
	unsigned code, size, piece, todo;

	for (code = 0; code < 2; code++) {
		for (size = 0; size < 3; size++) {
			struct fill_plan *k = &s->plan[code][size];

			for (piece = size; piece && !tlbs_for(m, 1, code, 1u << piece); piece--)
				;
			k->shift = piece == size ? 0 : shift[piece];
			for (todo = tlbs_for(m, 1, code, 1u << piece); todo; todo &= todo - 1)
				k->tlb[k->nr++] = &s->tlb[__builtin_ctz(todo)];
			k->nr_first = k->nr;
			k->tlbs_first = (uint8_t)tlbs_for(m, 1, code, 1u << piece);
			k->tlbs = k->tlbs_first | (uint8_t)tlbs_for(m, 2, code, 1u << size);
			for (todo = tlbs_for(m, 2, code, 1u << size); todo; todo &= todo - 1)
				k->tlb[k->nr++] = &s->tlb[__builtin_ctz(todo)];
		}
	}
}

/* The order in which TLBs are searched: those of level 1 first. */
static void order_tlbs(struct silicon *s)
{
	const struct vmmu_silicon *m = s->model;
	unsigned code, level, todo;
	struct cache **next;

	for (code = 0; code < 2; code++) {
		next = s->order[code];
		for (level = 1; level <= 2; level++)
			for (todo = tlbs_for(m, level, code, ~0u); todo; todo &= todo - 1)
				*next++ = &s->tlb[__builtin_ctz(todo)];
		*next = NULL;
	}
}

static int tlbs_init(struct silicon *s, const struct silicon_memory *memory)
{
	const struct vmmu_silicon *m = s->model;
	unsigned i, parts = m->partitions ? m->partitions : 1;

	for (i = 0; i < m->nr_tlbs; i++) {
		if (cache_init(memory, &s->tlb[i], part_of(m->tlb[i].shape, parts),
			       m->tlb[i].replace))
			return -1;
		s->tlb[i].nr = (uint8_t)i;
	}
	plan_fills(s);
	order_tlbs(s);
	if (!m->nr_tlbs)
		return 0;
	s->hit = memory->get(memory->ctx, HITS * sizeof(*s->hit), 64);
	return s->hit ? 0 : -1;
}

static int links_init(const struct silicon_memory *memory, struct caches *c, unsigned dim,
		      const struct vmmu_cache_shape shape[VMMU_LEVELS])
{
	unsigned level;

	/* A cache of all levels stands in the place of the others. */
	for (level = 0; level < (shape[0].sets ? 1 : VMMU_LEVELS); level++) {
		if (cache_init(memory, &c->link[dim - 1][level], shape[level], VMMU_REPLACE_LRU))
			return -1;
		if (shape[level].sets)
			c->links[dim - 1] |= (uint8_t)(1u << level);
	}
	return 0;
}

static int walk_caches_init(struct silicon *s, const struct silicon_memory *memory)
{
	const struct vmmu_silicon *m = s->model;
	struct caches *c = &s->caches;
	unsigned i;

	if (links_init(memory, c, 1, m->links) || links_init(memory, c, 2, m->nested_links))
		return -1;
	for (i = 0; i < m->nr_caches; i++)
		if (lines_init(memory, &c->lines[i], &m->cache[i]))
			return -1;
	c->bare = !m->nr_caches && !m->entries.shape.sets;
	if (c->used) {
		c->nested_refs = memory->get(memory->ctx, sizeof(*c->nested_refs), 64);
		if (!c->nested_refs)
			return -1;
	}
	return cache_init(memory, &c->nested, m->nested_tlb, m->nested_tlb_replace) ||
	       cache_init(memory, &c->entries, m->entries.shape, m->entries.replace);
}

int silicon_init(struct silicon *s, const struct vmmu_silicon *model, int walks, int whole,
		 const struct silicon_memory *memory)
{
	s->model = model;
	s->front.generation = 1;
	s->memo.generation = 1;
	s->plain.memo = &s->memo;
	s->caches.model = model;
	s->caches.used = walks != 0;
	s->with_caches.caches = &s->caches;
	s->modelled_opts = walks ? &s->with_caches : NULL;
	s->modelled = model->nr_tlbs || walks;
	s->unfronted = model->nr_tlbs || whole;
	return tlbs_init(s, memory) || walk_caches_init(s, memory) ? -1 : 0;
}

void silicon_fini(struct silicon *s, const struct silicon_memory *memory)
{
	struct caches *c = &s->caches;
	unsigned i;

	for (i = 0; i < VMMU_TLBS; i++)
		cache_fini(memory, &s->tlb[i]);
	give_back(memory, s->hit, HITS * sizeof(*s->hit));
	for (i = 0; i < VMMU_LEVELS; i++) {
		cache_fini(memory, &c->link[0][i]);
		cache_fini(memory, &c->link[1][i]);
	}
	for (i = 0; i < VMMU_DATA_CACHES; i++)
		give_back(memory, c->lines[i].line, lines_bytes(&c->lines[i]));
	cache_fini(memory, &c->nested);
	cache_fini(memory, &c->entries);
	give_back(memory, c->nested_refs, sizeof(*c->nested_refs));
}

/* Whether the links that are remembered for gpa are those that the nested tables have now. */
static int link_is_true(const struct vmmu_hw *hw, const struct memo_link *e, uint64_t gpa)
{
	const struct vmmu_fmt *f = hw->n.fmt;
	uint64_t table = hw->n.root, all = ~0ull, any = 0, entry;
	unsigned level;

	for (level = f->top; level > MEMO_LEVEL(e); level--) {
		const void *at = bus_at(&hw->bus, table + (uint64_t)entry_index(f, level, gpa) *
								  f->entry_bytes);

		entry = at ? entry_load(at, f->entry_bytes) : 0;
		if (!(entry & f->present) || entry_is_leaf(f, level, entry))
			return 0;
		all &= entry | entry_absent(f, level, 0);
		any |= entry & ~entry_absent(f, level, 0);
		table = entry_table(f, entry);
	}
	return table == MEMO_TABLE(e) && MEMO_REFS(e) == f->top - level &&
	       e->acc == ((all & ~f->invert) | (~any & f->invert));
}

/* Whether an access to a guest table in this page is what is remembered of it. */
static int page_is_true(const struct vmmu_hw *hw, const struct memo_page *e, uint64_t gpa)
{
	uint32_t type = table_type(hw->n.fmt, &hw->n);
	struct vmmu_walk w;

	return !vmmu_walk_nested(hw, NULL, vmmu_gpa(gpa), type | VMMU_NO_AD, &w) &&
	       w.hpa.v == (e->hpa & PAGE_MASK) && w.refs == (e->hpa & ~PAGE_MASK) &&
	       (type != VMMU_WRITE || w.dirty);
}

int silicon_check(const struct silicon *s, uint64_t *gpa)
{
	const struct memo *m = &s->memo;
	const struct memo_link *link;
	const struct memo_page *page;

	for (link = m->link; s->hw.n.fmt && link < m->link + MEMO_LINKS; link++) {
		*gpa = link->tag >> MEMO_SHIFT << MEMO_SHIFT;
		if ((link->tag ^ *gpa) == m->generation && !link_is_true(&s->hw, link, *gpa))
			return -1;
	}
	for (page = m->page; s->hw.n.fmt && page < m->page + MEMO_PAGES; page++) {
		*gpa = page->tag & PAGE_MASK;
		if ((page->tag ^ *gpa) == m->generation && !page_is_true(&s->hw, page, *gpa))
			return -1;
	}
	return 0;
}

/* Generation 0 is that of entries that are all zero. */
static void memo_wipe(struct memo *m)
{
	if (++m->generation < VMMU_PAGE_SIZE)
		return;
	memset(m, 0, sizeof(*m));
	m->generation = 1;
}

void silicon_program(struct silicon *s)
{
	memo_wipe(&s->memo);
	s->walk = walk_pick(&s->hw);
	s->modelled_walk = walk_pick_modelled(&s->hw);
	/* The rest of what is found then is not the silicon's to know. */
	s->with_caches.found = s->unfronted && s->hw.gpa_from == VMMU_GPA_OUT ? &s->found : NULL;
}

/* ---- dropping ------------------------------------------------------------------- */

/* Entries that are all zero have generation 0, which no tag has. */
void front_wipe(struct silicon *s)
{
	if (++s->front.generation < VMMU_PAGE_SIZE)
		return;
	memset(s->front.entry, 0, (size_t)(s->front.mask + 1) * sizeof(*s->front.entry));
	if (s->hit)
		memset(s->hit, 0, HITS * sizeof(*s->hit));
	s->front.generation = 1;
}

void silicon_drop(struct silicon *s, unsigned what, uint64_t ia, uint32_t tag)
{
	unsigned i;

	for (i = 0; i < s->model->nr_tlbs; i++)
		cache_drop(&s->tlb[i], what, ia, tag);
	if (s->caches.used) {
		/* Any address drops a PCID's paging-structure entries: SDM 4.10.4.1. */
		links_drop(&s->caches, 1, what & ~(DROP_PAGE | KEEP_GLOBAL), ia, tag);
		cache_drop(&s->caches.entries, 0, 0, 0);
		s->caches.stats.flushes += !(what & DROP_PAGE);
	}
	front_wipe(s);
}

void silicon_drop_nested(struct silicon *s)
{
	memo_wipe(&s->memo);
	cache_drop(&s->caches.nested, 0, 0, 0);
	links_drop(&s->caches, 2, 0, 0, 0);
}

void silicon_drop_faulting(struct silicon *s, uint64_t gva, const struct vmmu_walk *w)
{
	/* SDM 4.10.4.1: a #PF; 28.4.3.1: an EPT violation drops the entries that were used. */
	unsigned what = DROP_PAGE | DROP_TAG | (w->dim == 2 ? DROP_EXACT : 0), i;

	for (i = 0; i < s->model->nr_tlbs; i++)
		cache_drop(&s->tlb[i], what, gva, silicon_tag(s));
	links_drop(&s->caches, 1, what, gva, silicon_tag(s));
	if (w->dim == 2) {
		memo_link(&s->memo, w->gpa.v)->tag = 0;
		memo_page(&s->memo, w->gpa.v)->tag = 0;
		cache_drop(&s->caches.nested, DROP_PAGE, w->gpa.v, 0);
		links_drop(&s->caches, 2, DROP_PAGE, w->gpa.v, 0);
	}
	/* The front may hold pieces of a large page.  An exit has not changed any of them yet. */
	if (w->dim == 1 && !(s->hw.intercept & VMMU_ICPT_PF))
		front_wipe(s);
	s->front.entry[(gva >> VMMU_PAGE_SHIFT) & s->front.mask].tag = 0;
}
