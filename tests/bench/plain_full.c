/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain model that does the library's job (plain_full.h), written as one would write it without
 * a thought of speed, but for a compiler that optimizes.
 * Not here: faults and exits, which end it.
 */
#include "plain_full.h"

#include <stdlib.h>
#include <string.h>

#define ADDR 0x000ffffffffff000ull
#define P 1ull
#define W 2ull
#define U 4ull
#define A 0x20ull
#define D 0x40ull
#define PS 0x80ull
#define G 0x100ull
#define NX (1ull << 63)

/* ---- caches --------------------------------------------------------------------- */

static void make_cache(struct full_cache *c, unsigned sets, unsigned ways)
{
	c->sets = sets;
	c->ways = ways;
	c->way = calloc((size_t)sets * ways, sizeof(*c->way));
	if (!c->way)
		abort();
}

static void make_lines(struct full_lines *l, unsigned sets, unsigned ways, unsigned latency)
{
	l->sets = sets;
	l->ways = ways;
	l->latency = latency;
	l->line = calloc((size_t)sets * ways, sizeof(*l->line));
	if (!l->line)
		abort();
}

static struct full_way *find(const struct full_cache *c, uint64_t page, uint64_t tag)
{
	struct full_way *set = &c->way[(page & (c->sets - 1)) * c->ways], found;
	unsigned i;

	for (i = 0; i < c->ways; i++) {
		if (set[i].tag != tag)
			continue;
		found = set[i];
		for (; i; i--)
			set[i] = set[i - 1];
		set[0] = found;
		return set;
	}
	return NULL;
}

static void put(const struct full_cache *c, uint64_t page, const struct full_way *new_way)
{
	struct full_way *set = &c->way[(page & (c->sets - 1)) * c->ways];
	unsigned i;

	for (i = c->ways - 1; i; i--)
		set[i] = set[i - 1];
	set[0] = *new_way;
}

/* A translation's tag: page, its size, and whose it is.  (The guest here has no global pages.) */
static uint64_t tag_of(const struct full *f, uint64_t page, unsigned shift, unsigned first)
{
	return page | (uint64_t)shift << 52 | (uint64_t)f->asid << 58 |
	       (first ? (uint64_t)f->pcid << 40 : 0);
}

/* ---- references ------------------------------------------------------------------- */

static int line_is_there(struct full_lines *l, uint64_t line)
{
	uint64_t *set = &l->line[(line & (l->sets - 1)) * l->ways];
	unsigned i, there;

	for (i = 0; i < l->ways - 1 && set[i] != line; i++)
		;
	there = set[i] == line;
	for (; i; i--)
		set[i] = set[i - 1];
	set[0] = line;
	return there;
}

/* The walk reads the entry of nested level n (0: the guest's own) for the guest's level g. */
static uint64_t read_entry(struct full *f, uint64_t hpa, unsigned g, unsigned n)
{
	unsigned i, cycles = 200;
	uint64_t e;

	if (hpa >= f->bytes)
		abort();
	f->stats.refs++;
	f->stats.cell[g][n].refs++;
	for (i = 0; f->has_data && i < 2; i++) {
		if (!line_is_there(&f->data[i], hpa / 64 + 1))
			continue;
		f->stats.line_hits[i]++;
		cycles = f->data[i].latency;
		break;
	}
	if (cycles == 200)
		f->stats.memory++;
	f->stats.cell[g][n].cycles += cycles;
	f->stats.walk_cycles += cycles;
	memcpy(&e, f->mem + hpa, 8);
	return e;
}

/* ---- the nested dimension ----------------------------------------------------------- */

/* Reserved bits, memory types, and the combinations of rights that do not exist. */
static int nested_is_good(uint64_t e, unsigned level, int leaf)
{
	unsigned type = e >> 3 & 7;

	if (!(e & 7) || (e & 7) == 2 || (e & 7) == 6 || e >> 52)
		return 0;
	if (!leaf)
		return !(e & (level == 4 ? 0xf8 : 0x78));
	return type != 2 && type != 3 && type != 7 &&
	       !(e & ((1ull << (12 + 9 * (level - 1))) - 1) & ~0xfffull);
}

/* What the nested dimension says of a gpa, for an access of this type. */
static struct full_way nested(struct full *f, uint64_t gpa, unsigned g, unsigned type)
{
	uint64_t at = f->nested_root, acc = ~0ull, e = 0, need = 1ull << type;
	unsigned level, shift = 12;
	struct full_way w = { 0 }, *known;
	int leaf;

	f->stats.nested_looks[g]++;
	known = find(&f->nested, gpa >> 12, tag_of(f, gpa >> 12, 12, 0));
	if (known && known->nrights & need && (type != 1 || known->dirty)) {
		f->stats.nested_hits[g]++;
		return *known;
	}
	if (gpa >> 48)
		abort();
	for (level = 4; level; level--) {
		shift = 12 + 9 * (level - 1);
		e = read_entry(f, at + (gpa >> shift & 511) * 8, g, level);
		leaf = level == 1 || (level < 4 && (e & PS));
		if (!nested_is_good(e, level, leaf))
			abort();
		acc &= e;
		at = e & ADDR;
		if (leaf)
			break;
	}
	if (!(acc & need))
		abort();
	w.tag = tag_of(f, gpa >> shift, shift, 0);
	w.out = at & ~((1ull << shift) - 1);
	w.shift = (uint8_t)shift;
	w.level = (uint8_t)level;
	w.nrights = acc & 7;
	w.dirty = 1; /* these tables have no A and D bits */
	put(&f->nested, gpa >> shift, &w);
	return w;
}

static uint64_t out_of(const struct full_way *w, uint64_t address)
{
	return w->out | (address & ((1ull << w->shift) - 1));
}

/* ---- the guest's dimension ----------------------------------------------------------- */

static int guest_is_good(uint64_t e, unsigned level, int leaf)
{
	if (!(e & P) || (level == 4 && (e & PS)))
		return 0;
	return !leaf || level == 1 || !(e & ((1ull << (12 + 9 * (level - 1))) - 1) & ~0x1fffull);
}

/* CR0.WP, EFER.NXE; neither SMEP, SMAP nor keys. */
static int lets(unsigned rights, unsigned type, unsigned user)
{
	if (user && !(rights & 8))
		return 0;
	return rights >> type & 1;
}

static unsigned rights_of(uint64_t acc)
{
	return 1 | (acc & W ? 2 : 0) | (acc & NX ? 4 : 0) | (acc & U ? 8 : 0);
}

/* The deepest link that is known, in *table; the level of the table that it leads to. */
static unsigned first_table(struct full *f, uint64_t va, struct full_way *table)
{
	struct full_way *known;
	unsigned level, shift;

	for (level = 1; level < 4; level++) {
		shift = 12 + 9 * level;
		known = find(&f->links, va >> shift, tag_of(f, va >> shift, shift, 1));
		if (!known)
			continue;
		f->stats.link_hits[level]++;
		*table = *known;
		return level;
	}
	*table = (struct full_way){ .gpa = f->guest_root, .acc = ~0ull };
	return 4;
}

static struct full_way walk(struct full *f, uint64_t va, unsigned type, unsigned user)
{
	struct full_way table, path[4], w = { 0 }, n;
	unsigned level, from = first_table(f, va, &table), shift = 12, noted = 0;
	uint64_t acc = table.acc, gpa = table.gpa, hpa, e = 0;
	int leaf;

	f->stats.walks++;
	for (level = from;; level--) {
		shift = 12 + 9 * (level - 1);
		if (level != from || from == 4) {
			n = nested(f, gpa + (va >> shift & 511) * 8, level, 0);
			hpa = out_of(&n, gpa);
			if (level != 4)
				path[noted++] = (struct full_way){ tag_of(f, va >> (shift + 9),
									  shift + 9, 1),
								   hpa,
								   gpa,
								   .level = (uint8_t)level,
								   .shift = (uint8_t)(shift + 9),
								   .acc = acc };
		} else {
			hpa = table.out;
		}
		e = read_entry(f, hpa + (va >> shift & 511) * 8, level, 0);
		leaf = level == 1 || (level < 4 && (e & PS));
		if (!guest_is_good(e, level, leaf) || !(e & A))
			abort();
		acc &= e ^ NX;
		gpa = e & ADDR;
		if (leaf)
			break;
	}
	w.rights = (uint8_t)rights_of(acc);
	w.pkey = e >> 59 & 15;
	if (!lets(w.rights, type, user) || (type == 1 && !(e & D)))
		abort();
	w.gpa = (gpa & ~((1ull << shift) - 1)) | (va & ((1ull << shift) - 1));
	n = nested(f, w.gpa, 0, type);
	while (noted--)
		put(&f->links, va >> path[noted].shift, &path[noted]);
	w.guest_shift = (uint8_t)shift;
	w.shift = n.shift < shift ? n.shift : (uint8_t)shift;
	w.tag = tag_of(f, va >> w.shift, w.shift, 1);
	w.out = out_of(&n, w.gpa) & ~((1ull << w.shift) - 1);
	w.gpa &= ~((1ull << w.shift) - 1);
	w.nrights = n.nrights;
	w.dirty = n.dirty && (e & D);
	w.global = (e & G) != 0;
	return w;
}

/* ---- accesses ----------------------------------------------------------------------- */

static void answer(const struct full *f, const struct full_way *w, uint64_t va, unsigned user,
		   struct full_answer *a)
{
	unsigned rights = user && !(w->rights & 8) ? 0 : w->rights & w->nrights & 7;

	a->gpa = w->gpa | (va & ((1ull << w->shift) - 1));
	a->host = f->mem + out_of(w, va);
	a->rights = (uint8_t)(w->dirty ? rights : rights & ~2u);
	a->guest_rights = w->rights;
	a->shift = w->shift;
	a->guest_shift = w->guest_shift;
}

static int passes(const struct full_way *w, unsigned type, unsigned user)
{
	return lets(w->rights, type, user) && (w->nrights >> type & 1) && (type != 1 || w->dirty);
}

void full_access(struct full *f, uint64_t va, unsigned type, unsigned user, struct full_answer *a)
{
	uint64_t page = va >> 12, tag = tag_of(f, page, 12, 1);
	struct full_way *known, w;

	if ((uint64_t)((int64_t)(va << 16) >> 16) != va)
		abort();
	known = find(&f->tlb[0], page, tag);
	if (known && passes(known, type, user)) {
		f->stats.hits[0]++;
		answer(f, known, va, user, a);
		return;
	}
	known = find(&f->tlb[1], page, tag);
	if (known && passes(known, type, user)) {
		f->stats.hits[1]++;
		w = *known;
	} else {
		f->stats.misses++;
		w = walk(f, va, type, user);
		put(&f->tlb[1], page, &w);
	}
	put(&f->tlb[0], page, &w);
	answer(f, &w, va, user, a);
}

void full_make(struct full *f, int has_data)
{
	memset(f, 0, sizeof(*f));
	f->asid = 1;
	f->has_data = has_data;
	make_cache(&f->tlb[0], 16, 4);
	make_cache(&f->tlb[1], 128, 12);
	make_cache(&f->links, 16, 4);
	make_cache(&f->nested, 16, 4);
	make_lines(&f->data[0], 64, 8, 4);
	make_lines(&f->data[1], 1024, 16, 14);
}

void full_free(struct full *f)
{
	free(f->tlb[0].way);
	free(f->tlb[1].way);
	free(f->links.way);
	free(f->nested.way);
	free(f->data[0].line);
	free(f->data[1].line);
}
