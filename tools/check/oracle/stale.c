/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legal set: every translation a vCPU may still use, speculation included: SDM 4.10, APM 5.5.
 * No capacity, no replacement, no nested dimension: a mapping here is GVA to GPA.
 * Invariant: a set holds exactly what the vCPU could have cached since its last covering
 * invalidation; events only add, invalidations only remove, and a set is always settled.
 *
 * For each vCPU and each watched address there is one set of two kinds of thing, each tagged with
 * its PCID:
 *   - a table entry (paging-structure cache): "the next table is T, with these rights above it";
 *   - a leaf (TLB): the page, the rights accumulated on the way, key, G and D.
 * Settling: from CR3 (or the PDPTE registers) and from every table entry in the set that has the
 * current PCID, read memory now; a present entry without reserved bits joins the set.  Repeat until
 * nothing is new.  As entries stay when memory changes, levels go stale independently of each other
 * and every mixture a real walk could have made is there, and no other.
 *
 * What is over-approximated (called legal although some or all processors never do it):
 *   1. Any watched address may be walked at any moment, so a value that lay in memory between two
 *      notifications of stores is legal even if nothing ever used it.
 *   2. An entry with A=0 joins too: a speculative walk would set A first and that store need not
 *      be reported.  or_world_ad_notified ends this: then A=0 never joins (SDM 4.10.2.3).
 *   3. A write may use a leaf cached with D=0 without a new walk; ended by the same call.
 *   4. INVLPG and #PF drop a stale large leaf as a whole unless memory now maps the address with a
 *      smaller page; then they drop only that smaller page of it (SDM 4.10.2.3 lets a processor
 *      keep a large page in pieces, 4.10.4.1 lets INVLPG find the pieces by today's size).
 *   5. #PF, SMEP and PAE changes drop globals only if made under the current PCID.
 *   6. A change of slots drops nothing; what is no longer RAM answers OR_MMIO all the same.  A
 *      hypervisor that flushed says so by or_note_flush.
 *   7. The history begins at or_watch: call it early.
 * What is exact: PAE PDPTEs (registers, not a cache), other PCIDs (nothing joins while another PCID
 * is current), WP, NXE, SMAP, AC and keys (judged at use with today's registers), a #PF that
 * follows from a stale entry, a walk that continues in today's memory below a stale entry.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk.h"

struct cached {
	bool leaf, global;
	unsigned pcid;
	struct or_pos pos; /* table entry: the table to index next; leaf: its level, all rights */
	struct or_ent ent; /* leaf only */
	uint64_t born;	   /* the event it joined at */
};

struct set {
	struct cached *c;
	uint32_t *sum; /* of each, so that few need to be compared */
	size_t n, room;
	uint64_t pages; /* page_bit()s of all tables that its links lead to */
};

struct vcpu {
	struct or_regs r;
	struct set *sets; /* one per watched address */
};

struct or_world {
	struct or_profile p;
	struct or_mem m;
	bool ad_notified;
	uint64_t *gva;
	size_t watched;
	struct vcpu **vcpu;
	size_t vcpus;
	struct cached *lost; /* links that drop_from() has just taken from a set */
	size_t nr_lost, room_lost;
	uint64_t events;
	char reason[256];
};

/* What an invalidation covers. */
struct cut {
	bool every_pcid;
	unsigned pcid;
	enum { KEEP_GLOBALS, OWN_GLOBALS, ANY_GLOBALS } globals;
	bool one_page; /* leaves: only the page of addr */
	bool one_path; /* table entries: only those that lead to addr */
	uint64_t addr;
	unsigned now_shift; /* what maps addr in memory now, 0 if nothing */
};

static const struct cut cut_all = { .every_pcid = true, .globals = ANY_GLOBALS };

static void *grown(void *old, size_t n, size_t size)
{
	void *new = realloc(old, n * size);

	if (!new)
		abort();
	return new;
}

static unsigned pcid_of(const struct or_regs *r)
{
	return r->cr4 & OR_CR4_PCIDE ? r->cr3 & 0xfff : 0;
}

static bool translates(const struct vcpu *v, uint64_t gva)
{
	return or_mode_of(&v->r) != OR_M_OFF && or_canonical(&v->r, gva);
}

static bool same_cached(const struct cached *a, const struct cached *b)
{
	if (a->leaf != b->leaf || a->pcid != b->pcid || a->global != b->global)
		return false;
	if (a->pos.level != b->pos.level || a->pos.w != b->pos.w || a->pos.u != b->pos.u ||
	    a->pos.nx != b->pos.nx)
		return false;
	if (!a->leaf)
		return a->pos.table == b->pos.table;
	return a->ent.addr == b->ent.addr && a->ent.shift == b->ent.shift &&
	       a->ent.key == b->ent.key && a->ent.d == b->ent.d;
}

static uint32_t sum_of(const struct cached *c)
{
	uint64_t addr = c->leaf ? c->ent.addr : c->pos.table;

	return (uint32_t)(addr >> 12 ^ addr >> 44) << 8 ^ c->pcid << 4 ^ c->pos.level << 1 ^
	       c->leaf;
}

/* Few pages have the same. */
static uint64_t page_bit(uint64_t pa)
{
	return UINT64_C(1) << ((pa >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

static void join(struct set *s, const struct cached *c)
{
	uint32_t sum = sum_of(c);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->sum[i] == sum && same_cached(&s->c[i], c))
			return;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 8;
		s->c = grown(s->c, s->room, sizeof(*s->c));
		s->sum = grown(s->sum, s->room, sizeof(*s->sum));
	}
	if (!c->leaf)
		s->pages |= page_bit(c->pos.table);
	s->sum[s->n] = sum;
	s->c[s->n++] = *c;
}

/* Not present, reserved and not RAM are never cached: SDM 4.10.2.3, 4.10.3.1. */
static bool read_cacheable(struct or_world *w, const struct vcpu *v, const struct or_pos *pos,
			   uint64_t gva, struct or_ent *e)
{
	enum or_mode mode = or_mode_of(&v->r);
	uint64_t pa = or_entry_pa(mode, pos, gva);

	if (!w->m.is_ram(w->m.ctx, pa))
		return false;
	*e = or_decode(&v->r, &w->p, pos->level, or_read(&w->m, pa, or_entry_bytes(mode)));
	return e->present && !e->rsvd;
}

/* One step down from pos, in today's memory. */
static void step(struct or_world *w, struct vcpu *v, struct set *s, uint64_t gva,
		 const struct or_pos *pos)
{
	struct cached c = { .pcid = pcid_of(&v->r), .pos = *pos, .born = w->events };

	if (!read_cacheable(w, v, pos, gva, &c.ent))
		return;
	if (w->ad_notified && c.ent.has_a && !c.ent.a)
		return;
	c.pos.w &= c.ent.w;
	c.pos.u &= c.ent.u;
	c.pos.nx |= c.ent.nx;
	c.leaf = c.ent.leaf;
	if (c.leaf) {
		c.global = c.ent.g && (v->r.cr4 & OR_CR4_PGE);
	} else {
		c.pos.level--;
		c.pos.table = c.ent.addr;
	}
	join(s, &c);
}

/* Which steps of a settled set may have a new outcome. */
struct doubt {
	unsigned levels;   /* a bit for each: those that read a table of it */
	uint64_t gpa, len; /* those that read here */
};
static const struct doubt doubt_all = { .levels = ~0u };

static bool overlaps(enum or_mode mode, const struct or_pos *pos, uint64_t gva, uint64_t gpa,
		     uint64_t len)
{
	uint64_t pa;

	/* No table leaves its page. */
	if (pos->table >> 12 < gpa >> 12 || pos->table >> 12 > (gpa + len - 1) >> 12)
		return false;
	pa = or_entry_pa(mode, pos, gva);
	return pa < gpa + len && gpa < pa + or_entry_bytes(mode);
}

static bool in_doubt(const struct doubt *d, enum or_mode mode, const struct or_pos *pos,
		     uint64_t gva)
{
	return (d->levels >> pos->level & 1) ||
	       (d->len && overlaps(mode, pos, gva, d->gpa, d->len));
}

/* It is back, and what it leads to has not gone. */
static bool was_lost(const struct or_world *w, const struct doubt *d, const struct cached *c)
{
	size_t i;

	if (d->levels >> c->pos.level & 1)
		return false;
	for (i = 0; i < w->nr_lost; i++)
		if (same_cached(&w->lost[i], c))
			return true;
	return false;
}

/* What joins is stepped from, too. */
static void settle(struct or_world *w, struct vcpu *v, size_t i, const struct doubt *d)
{
	uint64_t gva = or_linear(&v->r, w->gva[i]);
	enum or_mode mode = or_mode_of(&v->r);
	unsigned pcid = pcid_of(&v->r);
	struct set *s = &v->sets[i];
	size_t k, known = s->n;
	struct or_pos pos;

	if (!translates(v, gva))
		return;
	if (or_root(&v->r, &w->p, gva, &pos) && in_doubt(d, mode, &pos, gva))
		step(w, v, s, gva, &pos);
	for (k = 0; k < s->n; k++) { /* s->n grows on the way */
		if (s->c[k].leaf || s->c[k].pcid != pcid)
			continue;
		pos = s->c[k].pos;
		if (k >= known ? !was_lost(w, d, &s->c[k]) : in_doubt(d, mode, &pos, gva))
			step(w, v, s, gva, &pos);
	}
}

static void settle_vcpu(struct or_world *w, struct vcpu *v)
{
	size_t i;

	for (i = 0; i < w->watched; i++)
		settle(w, v, i, &doubt_all);
}

static bool covers(const struct cut *cut, enum or_mode mode, uint64_t gva, const struct cached *c)
{
	bool mine = cut->every_pcid || c->pcid == cut->pcid;
	unsigned shift = c->ent.shift;

	if (!c->leaf) {
		if (!mine || !cut->one_path)
			return mine;
		return (gva ^ cut->addr) >> or_level_shift(mode, c->pos.level + 1) == 0;
	}
	if (c->global && cut->globals == KEEP_GLOBALS)
		return false;
	if (!mine && !(c->global && cut->globals == ANY_GLOBALS))
		return false;
	if (!cut->one_page)
		return true;
	if (cut->now_shift && cut->now_shift < shift)
		shift = cut->now_shift;
	return (gva ^ cut->addr) >> shift == 0;
}

static void note_lost(struct or_world *w, const struct cached *c)
{
	if (w->nr_lost == w->room_lost) {
		w->room_lost = w->room_lost ? 2 * w->room_lost : 8;
		w->lost = grown(w->lost, w->room_lost, sizeof(*w->lost));
	}
	w->lost[w->nr_lost++] = *c;
}

/* Answers in the reading of which tables the lost would be found again, as in struct doubt. */
static unsigned drop_from(struct or_world *w, const struct vcpu *v, struct set *s, uint64_t gva,
			  enum or_mode mode, const struct cut *cut)
{
	unsigned levels = 0;
	size_t k, kept;

	gva = or_linear(&v->r, gva);
	s->pages = 0;
	w->nr_lost = 0;
	for (k = kept = 0; k < s->n; k++) {
		if (covers(cut, mode, gva, &s->c[k])) {
			levels |= 1u << (s->c[k].pos.level + !s->c[k].leaf);
			if (!s->c[k].leaf)
				note_lost(w, &s->c[k]);
			continue;
		}
		if (!s->c[k].leaf)
			s->pages |= page_bit(s->c[k].pos.table);
		if (kept != k) {
			s->c[kept] = s->c[k];
			s->sum[kept] = s->sum[k];
		}
		kept++;
	}
	s->n = kept;
	return levels;
}

static void drop(struct or_world *w, struct vcpu *v, enum or_mode mode, const struct cut *cut)
{
	size_t i;

	for (i = 0; i < w->watched; i++)
		drop_from(w, v, &v->sets[i], w->gva[i], mode, cut);
	w->nr_lost = 0;
}

static void drop_all(struct or_world *w, struct vcpu *v)
{
	drop(w, v, OR_M_OFF, &cut_all);
}

/* Drop what the current mode's cut covers, then see what memory says; the others are settled. */
static void drop_and_settle(struct or_world *w, struct vcpu *v, const struct cut *cut)
{
	enum or_mode mode = or_mode_of(&v->r);
	struct doubt d = { 0 };
	size_t i;

	for (i = 0; i < w->watched; i++) {
		d.levels = drop_from(w, v, &v->sets[i], w->gva[i], mode, cut);
		if (d.levels)
			settle(w, v, i, &d);
	}
	w->nr_lost = 0;
}

/* The size of the page that maps gva in memory now; 0: none does. */
static unsigned shift_now(struct or_world *w, const struct vcpu *v, uint64_t gva)
{
	struct or_pos pos;
	struct or_ent e;

	if (!or_root(&v->r, &w->p, gva, &pos))
		return 0;
	for (;; pos.level--, pos.table = e.addr) {
		if (!read_cacheable(w, v, &pos, gva, &e))
			return 0;
		if (e.leaf)
			return e.shift;
	}
}

struct or_world *or_world_new(const struct or_profile *p, const struct or_mem *m)
{
	struct or_world *w = grown(NULL, 1, sizeof(*w));

	memset(w, 0, sizeof(*w));
	w->p = *p;
	w->m = *m;
	return w;
}

void or_world_free(struct or_world *w)
{
	size_t i, k;

	for (i = 0; i < w->vcpus; i++) {
		for (k = 0; k < w->watched; k++) {
			free(w->vcpu[i]->sets[k].c);
			free(w->vcpu[i]->sets[k].sum);
		}
		free(w->vcpu[i]->sets);
		free(w->vcpu[i]);
	}
	free(w->vcpu);
	free(w->gva);
	free(w->lost);
	free(w);
}

void or_world_ad_notified(struct or_world *w)
{
	w->ad_notified = true;
}

unsigned or_vcpu_new(struct or_world *w, const struct or_regs *r)
{
	struct vcpu *v = grown(NULL, 1, sizeof(*v));

	memset(v, 0, sizeof(*v));
	v->r = *r;
	v->sets = grown(NULL, w->watched + 1, sizeof(*v->sets));
	memset(v->sets, 0, (w->watched + 1) * sizeof(*v->sets));
	w->vcpu = grown(w->vcpu, w->vcpus + 1, sizeof(struct vcpu *));
	w->vcpu[w->vcpus++] = v;
	settle_vcpu(w, v);
	return (unsigned)w->vcpus - 1;
}

struct or_regs *or_vcpu_regs(struct or_world *w, unsigned vcpu)
{
	return &w->vcpu[vcpu]->r;
}

/* Pages, not addresses: two addresses of one 4K page share a set. */
void or_watch(struct or_world *w, uint64_t gva)
{
	size_t i;

	gva &= ~UINT64_C(0xfff);
	for (i = 0; i < w->watched; i++)
		if (w->gva[i] == gva)
			return;
	w->gva = grown(w->gva, w->watched + 1, sizeof(*w->gva));
	w->gva[w->watched++] = gva;
	for (i = 0; i < w->vcpus; i++) {
		struct vcpu *v = w->vcpu[i];

		v->sets = grown(v->sets, w->watched, sizeof(*v->sets));
		memset(&v->sets[w->watched - 1], 0, sizeof(*v->sets));
		settle(w, v, w->watched - 1, &doubt_all);
	}
}

/* page_bit()s of the tables at which walks begin. */
static uint64_t root_pages(const struct or_world *w, const struct vcpu *v)
{
	uint64_t pages = 0, gva;
	struct or_pos pos;

	/* With PDPTE registers there are four. */
	for (gva = 0; gva >> 32 == 0; gva += UINT64_C(1) << 30)
		if (or_root(&v->r, &w->p, gva, &pos))
			pages |= page_bit(pos.table);
	return pages;
}

void or_note_store(struct or_world *w, uint64_t gpa, uint64_t len)
{
	const struct doubt d = { .gpa = gpa, .len = len };
	uint64_t stored = page_bit(gpa) | page_bit(gpa + len - 1), root;
	size_t i, k;

	w->events++;
	for (i = 0; i < w->vcpus; i++) {
		struct vcpu *v = w->vcpu[i];

		root = root_pages(w, v);
		for (k = 0; k < w->watched; k++)
			if (stored & (v->sets[k].pages | root))
				settle(w, v, k, &d);
	}
}

void or_note_slots(struct or_world *w)
{
	size_t i;

	w->events++;
	for (i = 0; i < w->vcpus; i++)
		settle_vcpu(w, w->vcpu[i]);
}

/* Do walks read the same entries in the same way? */
static bool same_view(const struct or_regs *a, const struct or_regs *b)
{
	const uint64_t cr4 = OR_CR4_PSE | OR_CR4_PAE | OR_CR4_PGE | OR_CR4_PCIDE | OR_CR4_LA57;
	const uint64_t efer = OR_EFER_LMA | OR_EFER_NXE;

	return !((a->cr0 ^ b->cr0) & OR_CR0_PG) && a->cr3 == b->cr3 && !((a->cr4 ^ b->cr4) & cr4) &&
	       !((a->efer ^ b->efer) & efer) && !memcmp(a->pdpte, b->pdpte, sizeof(a->pdpte));
}

/* After a MOV to a register; cut: what it invalidates, NULL: nothing. */
static void view_changes(struct or_world *w, struct vcpu *v, const struct or_regs *was,
			 const struct cut *cut)
{
	if (!same_view(was, &v->r)) {
		if (cut)
			drop(w, v, or_mode_of(&v->r), cut);
		settle_vcpu(w, v);
	} else if (cut) {
		drop_and_settle(w, v, cut);
	}
}

/* SDM 4.10.4.1: only leaving paging invalidates; WP is judged at use. */
enum or_kind or_note_cr0(struct or_world *w, unsigned vcpu, uint64_t value)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct or_regs was = v->r;

	w->events++;
	if (or_set_cr0(&v->r, &w->p, &w->m, value) != OR_OK)
		return OR_GP;
	view_changes(w, v, &was, v->r.cr0 & OR_CR0_PG ? NULL : &cut_all);
	return OR_OK;
}

/* The PCID is the new one. */
enum or_kind or_note_cr3(struct or_world *w, unsigned vcpu, uint64_t value)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct or_regs was = v->r;
	bool keeps;

	w->events++;
	if (or_set_cr3(&v->r, &w->p, &w->m, value) != OR_OK)
		return OR_GP;
	keeps = (value & OR_CR3_NOFLUSH) && (v->r.cr4 & OR_CR4_PCIDE);
	view_changes(w, v, &was, keeps ? NULL : &(struct cut){ .pcid = pcid_of(&v->r) });
	return OR_OK;
}

enum or_kind or_note_cr4(struct or_world *w, unsigned vcpu, uint64_t value)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct or_regs was = v->r;
	uint64_t changed = was.cr4 ^ value, some = OR_CR4_PAE;
	const struct cut *cut = NULL;
	struct cut own;

	w->events++;
	if (or_set_cr4(&v->r, &w->p, &w->m, value) != OR_OK)
		return OR_GP;
	own = (struct cut){ .pcid = pcid_of(&v->r), .globals = OWN_GLOBALS };
	if (w->p.pse_flushes)
		some |= OR_CR4_PSE;
	if ((changed & OR_CR4_PGE) || (changed & was.cr4 & OR_CR4_PCIDE))
		cut = &cut_all;
	else if ((changed & some) || (changed & value & OR_CR4_SMEP))
		cut = &own;
	view_changes(w, v, &was, cut);
	return OR_OK;
}

/* NXE changes which entries are reserved, so memory may say something new; nothing is dropped. */
enum or_kind or_note_efer(struct or_world *w, unsigned vcpu, uint64_t value)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct or_regs was = v->r;

	w->events++;
	if (or_set_efer(&v->r, &w->p, &w->m, value) != OR_OK)
		return OR_GP;
	view_changes(w, v, &was, NULL);
	return OR_OK;
}

/* SDM 4.10.4.1; APM 3.1.7 for TCE. */
void or_note_invlpg(struct or_world *w, unsigned vcpu, uint64_t gva)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct cut cut = {
		.pcid = pcid_of(&v->r),
		.globals = ANY_GLOBALS,
		.one_page = true,
		.one_path = w->p.tce && (v->r.efer & OR_EFER_TCE),
		.addr = or_linear(&v->r, gva),
	};

	w->events++;
	if (!translates(v, cut.addr))
		return;
	cut.now_shift = shift_now(w, v, cut.addr);
	drop_and_settle(w, v, &cut);
}

/* SDM 4.10.4.1: 0 one address, 1 one PCID, 2 everything, 3 everything but globals. */
void or_note_invpcid(struct or_world *w, unsigned vcpu, unsigned type, unsigned pcid, uint64_t gva)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct cut cut = {
		.every_pcid = type >= 2,
		.pcid = pcid,
		.globals = type == 2 ? ANY_GLOBALS : KEEP_GLOBALS,
		.one_page = type == 0,
		.one_path = type == 0,
		.addr = or_linear(&v->r, gva),
	};

	w->events++;
	if (type == 0 && !translates(v, cut.addr))
		return;
	if (type == 0)
		cut.now_shift = shift_now(w, v, cut.addr);
	drop_and_settle(w, v, &cut);
}

void or_note_fault(struct or_world *w, unsigned vcpu, uint64_t gva)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct cut cut = {
		.pcid = pcid_of(&v->r),
		.globals = OWN_GLOBALS,
		.one_page = true,
		.one_path = true,
		.addr = or_linear(&v->r, gva),
	};

	w->events++;
	if (!translates(v, cut.addr))
		return;
	cut.now_shift = shift_now(w, v, cut.addr);
	drop_and_settle(w, v, &cut);
}

void or_note_flush(struct or_world *w, unsigned vcpu)
{
	w->events++;
	drop_all(w, w->vcpu[vcpu]);
	settle_vcpu(w, w->vcpu[vcpu]);
}

void or_note_regs(struct or_world *w, unsigned vcpu, const struct or_regs *r)
{
	w->events++;
	drop_all(w, w->vcpu[vcpu]);
	w->vcpu[vcpu]->r = *r;
	settle_vcpu(w, w->vcpu[vcpu]);
}

static bool same_answer(const struct or_result *a, const struct or_result *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == OR_PF)
		return a->error == b->error && a->cr2 == b->cr2;
	if (a->kind == OR_MMIO && a->stage != b->stage)
		return false;
	return a->kind == OR_GP || a->kind == OR_SS || a->gpa == b->gpa;
}

/* What acc answers if c is used. */
static bool use(struct or_world *w, const struct vcpu *v, const struct or_access *acc,
		const struct cached *c, struct or_result *res)
{
	if (c->leaf) {
		if (c->pcid != pcid_of(&v->r) && !c->global)
			return false;
		/* D=0 makes a write walk again, to set D: SDM 4.8. */
		if (w->ad_notified && acc->op == OR_WRITE && !c->ent.d)
			return false;
		or_use_leaf(&w->m, &v->r, acc, &c->pos, &c->ent, res);
		return true;
	}
	if (c->pcid != pcid_of(&v->r))
		return false;
	or_walk_from(&(struct or_space){ .mem = &w->m, .no_ad = true }, &v->r, &w->p, acc, &c->pos,
		     res);
	return true;
}

static size_t find_watch(const struct or_world *w, const struct vcpu *v, uint64_t gva)
{
	size_t i;

	for (i = 0; i < w->watched; i++)
		if (or_linear(&v->r, w->gva[i]) == (or_linear(&v->r, gva) & ~UINT64_C(0xfff)))
			break;
	return i;
}

static int say(struct or_world *w, int verdict, const struct cached *c, const struct or_result *res)
{
	if (c)
		snprintf(w->reason, sizeof(w->reason),
			 "stale %s of level %u, PCID %u%s, 0x%" PRIx64 ", cached at event %" PRIu64
			 " of %" PRIu64,
			 c->leaf ? "leaf" : "link to the table", c->pos.level, c->pcid,
			 c->global ? " global" : "", c->leaf ? c->ent.addr : c->pos.table, c->born,
			 w->events);
	else
		snprintf(w->reason, sizeof(w->reason),
			 "%s: a fresh walk answers kind %d gpa 0x%" PRIx64 " error 0x%x level %u",
			 verdict ? "fresh" : "neither fresh nor cached", res->kind, res->gpa,
			 res->error, res->level);
	return verdict;
}

int or_legal(struct or_world *w, unsigned vcpu, const struct or_access *acc,
	     const struct or_result *seen)
{
	struct vcpu *v = w->vcpu[vcpu];
	struct or_access probe = *acc;
	struct or_result fresh, res;
	size_t i, k;

	probe.no_ad = true;
	or_translate(&v->r, &w->p, &w->m, &probe, &fresh);
	if (same_answer(&fresh, seen))
		return say(w, 1, NULL, &fresh);
	i = find_watch(w, v, acc->gva);
	if (i == w->watched || !translates(v, acc->gva))
		return say(w, 0, NULL, &fresh);
	settle(w, v, i, &doubt_all);
	for (k = 0; k < v->sets[i].n; k++)
		if (use(w, v, &probe, &v->sets[i].c[k], &res) && same_answer(&res, seen))
			return say(w, 2, &v->sets[i].c[k], &fresh);
	return say(w, 0, NULL, &fresh);
}

const char *or_reason(const struct or_world *w)
{
	return w->reason;
}

/* Does a walk in today's memory come by it? */
static bool is_fresh(struct or_world *w, const struct vcpu *v, uint64_t gva, const struct cached *c)
{
	struct or_pos pos;
	struct or_ent e;

	if (!or_root(&v->r, &w->p, gva, &pos))
		return false;
	for (;; pos.level--, pos.table = e.addr) {
		if (!c->leaf && pos.level == c->pos.level)
			return pos.table == c->pos.table;
		if (!read_cacheable(w, v, &pos, gva, &e))
			return false;
		if (e.leaf)
			return c->leaf && pos.level == c->pos.level && e.addr == c->ent.addr;
	}
}

void or_held(struct or_world *w, unsigned vcpu, const struct or_access *acc,
	     const struct or_result *seen, struct or_held *held)
{
	struct vcpu *v = w->vcpu[vcpu];
	size_t i = find_watch(w, v, acc->gva), k;
	struct or_access probe = *acc;
	struct or_result res;

	*held = (struct or_held){ .from = 5 };
	if (i == w->watched || !translates(v, acc->gva))
		return;
	probe.no_ad = true;
	for (k = 0; k < v->sets[i].n; k++) {
		const struct cached *c = &v->sets[i].c[k];

		if (c->pcid != pcid_of(&v->r) && !(c->leaf && c->global))
			continue;
		if (!is_fresh(w, v, or_linear(&v->r, acc->gva), c))
			held->stale = true;
		if (c->leaf && use(w, v, &probe, c, &res) && same_answer(&res, seen))
			held->from = 0;
		else if (!c->leaf && c->pos.level < held->from)
			held->from = c->pos.level;
	}
}
