/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one vCPU's silicon caches: the modelled TLB, walk caches, and the
 * library's own direct-mapped front.
 * Not here: when an instruction drops what (regs.c).
 * Keeps: the front holds nothing that the registers do not allow now: it is
 * wiped, by changing its generation, whenever anything that judges changes.
 */
#include <string.h>

#include "../priv.h"

/* ---- the model ---------------------------------------------------------------- */

static int bad_shape(const struct vmmu_cache_shape *s)
{
	return (s->sets & (s->sets - 1)) || (uint32_t)s->sets * s->ways > CACHE_MOST ||
	       !s->sets != !s->ways;
}

static const char *wrong_tlb(const struct vmmu_tlb_model *t)
{
	if (bad_shape(&t->shape) || !t->shape.sets)
		return "a TLB needs ways, and sets that are a power of two, 65,535 entries at most";
	if (t->level != 1 && t->level != 2)
		return "a TLB's level is 1 or 2";
	if (!t->serves || t->serves > (VMMU_TLB_DATA | VMMU_TLB_CODE) || !t->sizes ||
	    t->sizes > (VMMU_TLB_4K | VMMU_TLB_2M | VMMU_TLB_1G))
		return "a TLB serves data, code or both, and holds pages of 4K, 2M, 1G";
	return t->replace > VMMU_REPLACE_RANDOM ? "an unknown replacement policy" : NULL;
}

static const char *wrong_entries(const struct vmmu_entry_cache *e)
{
	if (bad_shape(&e->shape) || e->replace > VMMU_REPLACE_RANDOM)
		return "the entry cache needs sets that are a power of two, 65,535 entries at most";
	if (e->shape.sets && (e->line < 8 || e->line > 64 || (e->line & (e->line - 1))))
		return "the entry cache's line is 8, 16, 32 or 64 bytes";
	return NULL;
}

static const char *wrong_data_caches(const struct vmmu_silicon *s)
{
	unsigned i;

	if (s->nr_caches > VMMU_DATA_CACHES || s->walk_from > s->nr_caches)
		return "three data caches at most, and walks begin at one of them";
	for (i = 0; i < s->nr_caches; i++)
		if (!s->cache[i].ways || !s->cache[i].sets ||
		    (s->cache[i].sets & (s->cache[i].sets - 1)) || s->cache[i].sets > 1u << 24)
			return "a data cache needs ways, and sets that are a power of two";
	return NULL;
}

const char *vmmu_silicon_wrong(const struct vmmu_silicon *s)
{
	const char *why = NULL;
	unsigned i;

	if (s->nr_tlbs > VMMU_TLBS)
		return "there are too many TLBs";
	for (i = 0; i < s->nr_tlbs && !why; i++)
		why = wrong_tlb(&s->tlb[i]);
	for (i = 0; i < VMMU_LEVELS; i++)
		if (bad_shape(&s->links[i]) || bad_shape(&s->nested_links[i]))
			return "a cache of links needs sets that are a power of two, 65,535 "
			       "entries at most";
	if (bad_shape(&s->nested_tlb) || s->nested_tlb_replace > VMMU_REPLACE_RANDOM)
		return "the nested TLB needs sets that are a power of two, 65,535 entries at most";
	if (!why)
		why = wrong_entries(&s->entries);
	return why ? why : wrong_data_caches(s);
}

static void add_tlb(struct vmmu_silicon *s, const struct vmmu_tlb_geometry *g, unsigned level)
{
	if (!g->sets || !g->ways)
		return;
	s->tlb[s->nr_tlbs++] = (struct vmmu_tlb_model){
		.shape = { g->sets, g->ways },
		.level = (uint8_t)level,
		.serves = VMMU_TLB_DATA | VMMU_TLB_CODE,
		.sizes = VMMU_TLB_4K | VMMU_TLB_2M | VMMU_TLB_1G,
	};
}

int silicon_read(const struct vmmu_config *cfg, struct vmmu_silicon *s)
{
	const struct vmmu_silicon *in = cfg->silicon;

	memset(s, 0, sizeof(*s));
	if (in) {
		if (in->size < offsetof(struct vmmu_silicon, nr_tlbs) || cfg->l1.sets ||
		    cfg->l2.sets || cfg->pwc_entries || cfg->nested_entries)
			return VMMU_EINVAL;
		memcpy(s, in, in->size < sizeof(*s) ? in->size : sizeof(*s));
	} else {
		add_tlb(s, &cfg->l1, 1);
		add_tlb(s, &cfg->l2, 2);
		s->links[0] = (struct vmmu_cache_shape){ cfg->pwc_entries != 0, cfg->pwc_entries };
		s->nested_tlb =
			(struct vmmu_cache_shape){ cfg->nested_entries != 0, cfg->nested_entries };
		s->nested_tlb_final = 1;
	}
	return vmmu_silicon_wrong(s) ? VMMU_EINVAL : VMMU_OK;
}

/* ---- making and ending ----------------------------------------------------------- */

static int cache_init(struct vmmu *vm, struct cache *c, struct vmmu_cache_shape shape,
		      unsigned replace)
{
	void *memory;

	if (!shape.sets)
		return 0;
	/* Silicon's, not the hypervisor's: uncounted. */
	memory = raw_alloc(vm, cache_bytes(shape.sets, shape.ways), 64);
	if (!memory)
		return -1;
	cache_start(c, memory, shape.sets, shape.ways);
	c->policy = (uint8_t)replace;
	return 0;
}

static void cache_fini(struct vmmu *vm, struct cache *c)
{
	if (c->entry)
		raw_free(vm, c->entry, cache_bytes(c->sets, c->ways));
	c->entry = NULL;
}

static size_t lines_bytes(const struct lines *l)
{
	return (size_t)l->sets * l->ways * sizeof(*l->line);
}

static int lines_init(struct vmmu *vm, struct lines *l, const struct vmmu_data_cache *m)
{
	l->sets = m->sets;
	l->ways = m->ways;
	l->line = raw_alloc(vm, lines_bytes(l), 64);
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

/* Where a page of each size is kept, and in what pieces at level 1. */
static void plan_keeping(struct vmmu_cpu *cpu, const struct vmmu_silicon *m)
{
	static const uint8_t shift[3] = { VMMU_PAGE_SHIFT, 21, 30 };
	unsigned code, size, piece, todo;

	for (code = 0; code < 2; code++) {
		for (size = 0; size < 3; size++) {
			struct keep *k = &cpu->keep[code][size];

			for (piece = size; piece && !tlbs_for(m, 1, code, 1u << piece); piece--)
				;
			k->shift = piece == size ? 0 : shift[piece];
			for (todo = tlbs_for(m, 1, code, 1u << piece); todo; todo &= todo - 1)
				k->tlb[k->nr++] = (uint8_t)__builtin_ctz(todo);
			k->nr_first = k->nr;
			for (todo = tlbs_for(m, 2, code, 1u << size); todo; todo &= todo - 1)
				k->tlb[k->nr++] = (uint8_t)__builtin_ctz(todo);
		}
	}
}

/* In which order they are looked at: level 1 first. */
static void order_tlbs(struct vmmu_cpu *cpu, const struct vmmu_silicon *m)
{
	unsigned code, level, todo;

	for (code = 0; code < 2; code++)
		for (level = 1; level <= 2; level++)
			for (todo = tlbs_for(m, level, code, ~0u); todo; todo &= todo - 1)
				cpu->look[code][cpu->nr_look[code]++] =
					(uint8_t)__builtin_ctz(todo);
}

static int tlbs_init(struct vmmu_cpu *cpu, const struct vmmu_silicon *m)
{
	unsigned i, parts = m->partitions ? m->partitions : 1;

	for (i = 0; i < m->nr_tlbs; i++)
		if (cache_init(cpu->vm, &cpu->tlb[i], part_of(m->tlb[i].shape, parts),
			       m->tlb[i].replace))
			return -1;
	plan_keeping(cpu, m);
	order_tlbs(cpu, m);
	if (!m->nr_tlbs)
		return 0;
	cpu->hit = raw_alloc(cpu->vm, HITS * sizeof(*cpu->hit), 64);
	return cpu->hit ? 0 : -1;
}

static int links_init(struct vmmu *vm, struct caches *c, unsigned dim,
		      const struct vmmu_cache_shape shape[VMMU_LEVELS])
{
	unsigned level;

	/* One of all levels is instead of the others. */
	for (level = 0; level < (shape[0].sets ? 1 : VMMU_LEVELS); level++) {
		if (cache_init(vm, &c->link[dim - 1][level], shape[level], VMMU_REPLACE_LRU))
			return -1;
		if (shape[level].sets)
			c->links[dim - 1] |= (uint8_t)(1u << level);
	}
	return 0;
}

static int walk_caches_init(struct vmmu_cpu *cpu, const struct vmmu_silicon *m)
{
	struct caches *c = &cpu->caches;
	unsigned i;

	if (links_init(cpu->vm, c, 1, m->links) || links_init(cpu->vm, c, 2, m->nested_links))
		return -1;
	for (i = 0; i < m->nr_caches; i++)
		if (lines_init(cpu->vm, &c->lines[i], &m->cache[i]))
			return -1;
	c->bare = !m->nr_caches && !m->entries.shape.sets;
	if (c->used) {
		c->nested_refs = raw_alloc(cpu->vm, sizeof(*c->nested_refs), 64);
		if (!c->nested_refs)
			return -1;
	}
	return cache_init(cpu->vm, &c->nested, m->nested_tlb, m->nested_tlb_replace) ||
	       cache_init(cpu->vm, &c->entries, m->entries.shape, m->entries.replace);
}

static size_t front_bytes(const struct vmmu_cpu *cpu)
{
	return (size_t)(cpu->front.mask + 1) * sizeof(struct vmmu_front_entry);
}

int cpu_caches_init(struct vmmu_cpu *cpu)
{
	const struct vmmu_config *cfg = &cpu->vm->cfg;
	const struct vmmu_silicon *m = &cpu->vm->silicon;

	cpu->caches.model = m;
	cpu->caches.used = cfg->silicon || cfg->pwc_entries || cfg->nested_entries;
	cpu->front.mask = cfg->front_entries - 1;
	cpu->front.entry = vm_alloc(cpu->vm, front_bytes(cpu), 0);
	cpu->front.generation = 1;
	if (!cpu->front.entry || tlbs_init(cpu, m) || walk_caches_init(cpu, m))
		return VMMU_ENOMEM;
	cpu->with_caches.caches = &cpu->caches;
	cpu->modelled_opts = cpu->caches.used ? &cpu->with_caches : NULL;
	cpu->modelled = m->nr_tlbs || cpu->caches.used;
	cpu->unfronted = m->nr_tlbs || cfg->silicon;
	return VMMU_OK;
}

void cpu_caches_fini(struct vmmu_cpu *cpu)
{
	struct caches *c = &cpu->caches;
	struct vmmu *vm = cpu->vm;
	unsigned i;

	for (i = 0; i < VMMU_TLBS; i++)
		cache_fini(vm, &cpu->tlb[i]);
	if (cpu->hit)
		raw_free(vm, cpu->hit, HITS * sizeof(*cpu->hit));
	for (i = 0; i < VMMU_LEVELS; i++) {
		cache_fini(vm, &c->link[0][i]);
		cache_fini(vm, &c->link[1][i]);
	}
	for (i = 0; i < VMMU_DATA_CACHES; i++)
		if (c->lines[i].line)
			raw_free(vm, c->lines[i].line, lines_bytes(&c->lines[i]));
	cache_fini(vm, &c->nested);
	cache_fini(vm, &c->entries);
	if (c->nested_refs)
		raw_free(vm, c->nested_refs, sizeof(*c->nested_refs));
	if (cpu->front.entry)
		vm_free(vm, cpu->front.entry, front_bytes(cpu));
	cpu->front.entry = NULL;
}

/* Generation 0 is that of the zeroed entries: no tag has it. */
void front_wipe(struct vmmu_cpu *cpu)
{
	if (++cpu->front.generation < VMMU_PAGE_SIZE)
		return;
	memset(cpu->front.entry, 0, front_bytes(cpu));
	if (cpu->hit)
		memset(cpu->hit, 0, HITS * sizeof(*cpu->hit));
	cpu->front.generation = 1;
}

void cpu_drop(struct vmmu_cpu *cpu, unsigned what, uint64_t ia, uint32_t tag)
{
	unsigned i;

	for (i = 0; i < cpu->vm->silicon.nr_tlbs; i++)
		cache_drop(&cpu->tlb[i], what, ia, tag);
	if (cpu->caches.used) {
		/* Any address drops a PCID's paging-structure entries: SDM 4.10.4.1. */
		links_drop(&cpu->caches, 1, what & ~(DROP_PAGE | KEEP_GLOBAL), ia, tag);
		cache_drop(&cpu->caches.entries, 0, 0, 0);
		cpu->caches.stats.flushes += !(what & DROP_PAGE);
	}
	front_wipe(cpu);
	event(cpu->vm, cpu, VMMU_EV_TLB_FLUSH, (what & DROP_PAGE) != 0, ia);
}

void cpu_drop_nested(struct vmmu_cpu *cpu)
{
	cache_drop(&cpu->caches.nested, 0, 0, 0);
	links_drop(&cpu->caches, 2, 0, 0, 0);
}

void cpu_drop_faulting(struct vmmu_cpu *cpu, uint64_t gva, const struct vmmu_walk *w)
{
	/* SDM 4.10.4.1 for a #PF; 28.4.3.1 for an EPT violation: what was used. */
	unsigned what = DROP_PAGE | DROP_TAG | (w->dim == 2 ? DROP_EXACT : 0), i;

	for (i = 0; i < cpu->vm->silicon.nr_tlbs; i++)
		cache_drop(&cpu->tlb[i], what, gva, cpu_tag(cpu));
	links_drop(&cpu->caches, 1, what, gva, cpu_tag(cpu));
	if (w->dim == 2) {
		cache_drop(&cpu->caches.nested, DROP_PAGE, w->gpa.v, 0);
		links_drop(&cpu->caches, 2, DROP_PAGE, w->gpa.v, 0);
	}
	/* The front holds a large page in many pieces; an exit changes none yet. */
	if (w->dim == 1 && !(cpu->hw.intercept & VMMU_ICPT_PF))
		front_wipe(cpu);
	cpu->front.entry[(gva >> VMMU_PAGE_SHIFT) & cpu->front.mask].tag = 0;
}

void cpu_exited(struct vmmu_cpu *cpu)
{
	if (!cpu->vm->silicon.exits_flush)
		return;
	cpu_drop(cpu, 0, 0, 0);
	cpu_drop_nested(cpu);
}

void vmmu_get_silicon(const struct vmmu_cpu *cpu, struct vmmu_silicon_stats *stats)
{
	size_t size = stats->size < sizeof(*stats) ? stats->size : sizeof(*stats);
	struct vmmu_silicon_stats all;

	timing_tell(&cpu->caches, &all);
	memcpy(stats, &all, size);
	stats->size = size;
}

/* The kinds of access that an entry lets pass as it is. */
static unsigned entry_kinds(const struct vmmu_cpu *cpu, const struct cache_entry *e)
{
	unsigned kinds = nested_kinds(e->nrights);

	if (cpu->hw.g.fmt)
		kinds &= vmmu_paging_kinds(&cpu->hw.g, e->rights, e->pkey);
	return e->dirty ? kinds : kinds & ~WRITE_KINDS;
}

/* 0: 4K, 1: 2M or 4M, 2: 1G. */
static unsigned size_class(unsigned shift)
{
	return shift >= 30 ? 2 : shift > VMMU_PAGE_SHIFT;
}

/* All of it; `absent`: there is no entry for it yet. */
static inline void keep_whole(struct cache *c, uint64_t gva, const struct kept *k, unsigned absent)
{
	unsigned shift = cache_shift(k->key);
	struct cache_entry *e = likely(absent)
					? cache_put(c, gva >> shift, k->key, k->info, k->out)
					: cache_make(c, gva >> shift, k->key, k->info, k->out);

	e->gpa = k->gpa;
	if (unlikely(e->guest_shift > shift))
		c->fragments = 1;
}

/* The piece around gva, of log2 size `piece`. */
static never_inline void keep_piece(struct cache *c, uint64_t gva, const struct kept *k,
				    unsigned piece)
{
	unsigned shift = cache_shift(k->key);
	uint64_t low = (gva & ((1ull << shift) - 1)) >> piece << piece;
	uint64_t key = cache_key(piece, (uint32_t)k->key) | (k->key & CACHE_GLOBAL);
	struct cache_entry *e = cache_make(c, gva >> piece, key, k->info, k->out + low);

	e->gpa = k->gpa + low;
	if (e->guest_shift < shift)
		e->guest_shift = (uint8_t)shift;
	c->fragments |= e->guest_shift > piece;
}

/* What some of the TLBs keep of it. */
static inline void keep_at(struct vmmu_cpu *cpu, uint64_t gva, const struct keep *at, unsigned nr,
			   const struct kept *k)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		unsigned tlb = at->tlb[i];

		if (unlikely(at->shift && i < at->nr_first))
			keep_piece(&cpu->tlb[tlb], gva, k, at->shift);
		else
			keep_whole(&cpu->tlb[tlb], gva, k, cpu->absent >> tlb & 1);
	}
}

/* An entry of a second-level TLB, for the first. */
static void keep_found(struct vmmu_cpu *cpu, uint64_t gva, unsigned code,
		       const struct cache_entry *e)
{
	const struct kept k = { e->key, e->info, e->out, e->gpa };
	const struct keep *at = &cpu->keep[code][size_class(cache_shift(e->key))];

	keep_at(cpu, gva, at, at->nr_first, &k);
}

/* Of kinds that pass, the rights of each access by what of it decides. */
static uint32_t rights_by_access(unsigned kinds)
{
	uint32_t by, rights = 0;

	for (by = 0; by <= HIT_BY; by += VMMU_USER)
		rights |= (uint32_t)rights_in_mode(kinds, by) << by;
	return rights;
}

/* What a level-1 hit found, for the next one to the page. */
static void note_hit(struct vmmu_cpu *cpu, uint64_t gva, unsigned code, unsigned tlb,
		     struct cache_entry *e, unsigned kinds)
{
	const struct cache *c = &cpu->tlb[tlb];
	struct hit *h = hit_of(cpu, gva, code ? VMMU_FETCH : VMMU_READ);

	h->set = NULL;
	if (!c->many && c->policy == VMMU_REPLACE_LRU && !cpu->vm->silicon.data_accesses)
		h->set = cache_set_of(c, e);
	h->way = (uint8_t)cache_way_of(c, e);
	h->tag = (gva & PAGE_MASK) | cpu->front.generation;
	h->entry = e;
	h->written = e->written;
	h->rights = rights_by_access(kinds);
	h->tlb = (uint8_t)tlb;
}

/* In the n-th TLB that is looked at there is an entry: whether it lets this access pass. */
static never_inline int found(struct vmmu_cpu *cpu, uint64_t gva, unsigned kind, unsigned n,
			      struct cache_entry *e, unsigned *kinds)
{
	unsigned code = kind >> 2 == VMMU_FETCH, i = cpu->look[code][n];

	cache_touch(&cpu->tlb[i], e);
	*kinds = entry_kinds(cpu, e);
	if (!(*kinds >> kind & 1))
		return 0;
	cpu->caches.stats.tlb_hits[i]++;
	if (cpu->vm->silicon.tlb[i].level == 2)
		keep_found(cpu, gva, code, e);
	else
		note_hit(cpu, gva, code, i, e, *kinds);
	return 1;
}

struct cache_entry *cpu_find(struct vmmu_cpu *cpu, uint64_t gva, unsigned kind, unsigned *kinds)
{
	unsigned code = kind >> 2 == VMMU_FETCH, n;
	uint32_t tag = cpu_tag(cpu);
	struct cache_entry *e;

	cpu->absent = 0;
	cpu->last = NULL;
	for (n = 0; n < cpu->nr_look[code]; n++) {
		unsigned i = cpu->look[code][n];

		e = cache_look(&cpu->tlb[i], gva, tag);
		if (likely(!e))
			cpu->absent |= (uint8_t)(1u << i);
		else if (found(cpu, gva, kind, n, e, kinds))
			return e;
	}
	cpu->caches.stats.tlb_misses++;
	return NULL;
}

void cpu_keep(struct vmmu_cpu *cpu, uint64_t gva, unsigned kind, const struct kept *k)
{
	const struct keep *at =
		&cpu->keep[kind >> 2 == VMMU_FETCH][size_class(cache_shift(k->key))];

	cpu->last = NULL;
	keep_at(cpu, gva, at, at->nr, k);
}
