/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the keys of a CPU profile mean.
 * Invariant: a key that is not known here is refused, with its line.
 */
#include "build.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- TLBs ------------------------------------------------------------------------ */

static int take_sizes(const struct build *b, uint8_t *to)
{
	static const char *const names[] = { "4K", "2M", "1G" };
	const char *at = b->at->value;

	for (*to = 0;; at++) {
		size_t n = strcspn(at, ",");
		unsigned i = 0;

		while (i < 3 && (strlen(names[i]) != n || strncasecmp(names[i], at, n) != 0))
			i++;
		if (i == 3)
			return build_bad(b, "not a list of 4K, 2M, 1G");
		*to |= (uint8_t)(1u << i);
		at += n;
		if (!*at)
			return 0;
	}
}

static int take_tlb_field(struct build *b, unsigned i, const char *field)
{
	static const char *const serves[] = { "", "data", "code", "both", NULL };
	struct vmmu_tlb_model *t = &b->m->silicon.tlb[i];
	int v;

	if (strcmp(field, "entries") == 0)
		return build_whole(b, UINT16_MAX - 1u, &b->tlb_entries[i]);
	if (strcmp(field, "ways") == 0)
		return strcmp(b->at->value, "full") == 0
			       ? 0
			       : build_whole(b, UINT16_MAX - 1u, &b->tlb_ways[i]);
	if (strcmp(field, "level") == 0)
		return build_u8(b, 2, &t->level);
	if (strcmp(field, "sizes") == 0)
		return take_sizes(b, &t->sizes);
	if (strcmp(field, "replace") == 0)
		return build_replace(b, &t->replace);
	if (strcmp(field, "latency") == 0)
		return build_u16(b, &t->latency);
	if (strcmp(field, "for") != 0)
		return build_unknown(b);
	v = build_word(b, serves);
	t->serves = (uint8_t)v;
	return v < 0 ? -1 : 0;
}

static int take_tlb(struct build *b, const char *rest)
{
	const char *dot = strchr(rest, '.');
	size_t n = dot ? (size_t)(dot - rest) : 0;
	char why[48];
	unsigned i;

	if (!n || n >= sizeof(b->tlb[0]))
		return build_unknown(b);
	for (i = 0; i < b->m->silicon.nr_tlbs; i++)
		if (strlen(b->tlb[i]) == n && strncmp(b->tlb[i], rest, n) == 0)
			return take_tlb_field(b, i, dot + 1);
	if (i == VMMU_TLBS) {
		snprintf(why, sizeof(why), "there are too many TLBs: %u at most", VMMU_TLBS);
		return build_bad(b, why);
	}
	memcpy(b->tlb[i], rest, n);
	b->m->silicon.nr_tlbs++;
	return take_tlb_field(b, i, dot + 1);
}

/* ---- walk caches ------------------------------------------------------------------- */

/*
 * A cache's shape is made of entries and ways when all keys are read.  Until then `sets` has the
 * entries.
 */
static int take_shape(const struct build *b, const char *field, struct vmmu_cache_shape *s)
{
	if (strcmp(field, "entries") == 0)
		return build_u16(b, &s->sets);
	if (strcmp(field, "ways") == 0)
		return strcmp(b->at->value, "full") == 0 ? 0 : build_u16(b, &s->ways);
	return build_unknown(b);
}

const char *const build_link_names[VMMU_LEVELS] = { "all", "pde", "pdpte", "pml4e", "pml5e" };

static int take_links(const struct build *b, const char *rest, struct vmmu_cache_shape *links)
{
	for (unsigned i = 0; i < VMMU_LEVELS; i++) {
		size_t n = strlen(build_link_names[i]);

		if (strncmp(rest, build_link_names[i], n) == 0 && rest[n] == '.')
			return take_shape(b, rest + n + 1, &links[i]);
	}
	return build_unknown(b);
}

static int take_entries(const struct build *b, const char *field)
{
	struct vmmu_entry_cache *e = &b->m->silicon.entries;

	if (strcmp(field, "guest") == 0)
		return build_u8(b, VMMU_LEVELS, &e->guest);
	if (strcmp(field, "nested") == 0)
		return build_u8(b, VMMU_LEVELS, &e->nested);
	if (strcmp(field, "line") == 0) {
		if (build_u8(b, 64, &e->line) < 0)
			return -1;
		return e->line < 8 || (e->line & (e->line - 1))
			       ? build_bad(b, "not 8, 16, 32 or 64 bytes")
			       : 0;
	}
	if (strcmp(field, "replace") == 0)
		return build_replace(b, &e->replace);
	if (strcmp(field, "latency") == 0)
		return build_u16(b, &e->latency);
	return take_shape(b, field, &e->shape);
}

static int take_nested_tlb(const struct build *b, const char *field)
{
	struct vmmu_silicon *s = &b->m->silicon;

	if (strcmp(field, "final") == 0)
		return build_yes_no(b, &s->nested_tlb_final);
	if (strcmp(field, "replace") == 0)
		return build_replace(b, &s->nested_tlb_replace);
	if (strcmp(field, "latency") == 0)
		return build_u16(b, &s->nested_tlb_latency);
	return take_shape(b, field, &s->nested_tlb);
}

/* ---- data caches -------------------------------------------------------------------- */

static int take_cache(struct build *b, const char *rest)
{
	struct vmmu_silicon *s = &b->m->silicon;
	unsigned i;

	if (rest[0] != 'l' || rest[1] < '1' || rest[1] >= '1' + VMMU_DATA_CACHES || rest[2] != '.')
		return build_unknown(b);
	i = (unsigned)(rest[1] - '1');
	if (s->nr_caches <= i)
		s->nr_caches = i + 1;
	rest += 3;
	if (strcmp(rest, "kib") == 0)
		return build_whole(b, 1u << 20, &b->kib[i]);
	if (strcmp(rest, "ways") == 0)
		return build_u16(b, &s->cache[i].ways);
	if (strcmp(rest, "latency") == 0)
		return build_u16(b, &s->cache[i].latency);
	return build_unknown(b);
}

static int take_walk_from(const struct build *b)
{
	static const char *const words[] = { "l1", "l2", "l3", "memory", NULL };
	int v = build_word(b, words);

	b->m->silicon.walk_from = v < 0 ? 0 : (unsigned)v;
	return v < 0 ? -1 : 0;
}

/* ---- costs ------------------------------------------------------------------------- */

static int take_handler(const struct build *b, const char *reason)
{
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		if (strcmp(reason, vmmu_event_key(i)) == 0)
			return build_number(b, 1e9, &b->m->costs.handler[i]);
	return build_bad(b, "there is no such exit; `vmmu cpus phenom` has all keys");
}

static int take_cost(const struct build *b, const char *rest)
{
	struct cpu_costs *c = &b->m->costs;
	const struct {
		const char *key;
		double *to;
	} keys[] = {
		{ "instruction", &c->instruction }, { "fault", &c->fault }, { "exit", &c->exit },
		{ "sw_ref", &c->sw_ref },	    { "entry", &c->entry }, { "table", &c->table },
	};

	if (strncmp(rest, "handler.", 8) == 0)
		return take_handler(b, rest + 8);
	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(rest, keys[i].key) == 0)
			return build_number(b, 1e9, keys[i].to);
	return build_unknown(b);
}

/* ---- all of it ---------------------------------------------------------------------- */

/* Returns what follows `prefix` in the key, or NULL if the key begins otherwise. */
static const char *after(const struct build *b, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(b->at->key, prefix, n) == 0 ? b->at->key + n : NULL;
}

static int take_general(const struct build *b)
{
	static const char *const vendors[] = { "intel", "amd", NULL };
	struct vmmu_silicon *s = &b->m->silicon;
	const char *key = b->at->key;

	if (strcmp(key, "title") == 0) {
		snprintf(b->m->title, sizeof(b->m->title), "%s", b->at->value);
		return 0;
	}
	if (strcmp(key, "vendor") == 0) {
		b->m->amd = build_word(b, vendors);
		return b->m->amd < 0 ? -1 : 0;
	}
	if (strcmp(key, "clock") == 0)
		return build_number(b, 1e5, &b->m->costs.mhz);
	if (strcmp(key, "tags") == 0) {
		if (build_yes_no(b, &s->exits_flush) < 0)
			return -1;
		s->exits_flush = !s->exits_flush;
		return 0;
	}
	if (strcmp(key, "partitions") == 0)
		return build_u8(b, 255, &s->partitions);
	if (strcmp(key, "walk.from") == 0)
		return take_walk_from(b);
	if (strcmp(key, "memory.latency") == 0)
		return build_u16(b, &s->memory);
	if (strcmp(key, "data.accesses") == 0)
		return build_yes_no(b, &s->data_accesses);
	return build_unknown(b);
}

int build_take(struct build *b)
{
	struct vmmu_silicon *s = &b->m->silicon;
	const char *rest;

	if ((rest = after(b, "tlb.")))
		return take_tlb(b, rest);
	if ((rest = after(b, "links.")))
		return take_links(b, rest, s->links);
	if ((rest = after(b, "nested_links.")))
		return take_links(b, rest, s->nested_links);
	if ((rest = after(b, "entries.")))
		return take_entries(b, rest);
	if ((rest = after(b, "nested_tlb.")))
		return take_nested_tlb(b, rest);
	if ((rest = after(b, "cache.")))
		return take_cache(b, rest);
	if ((rest = after(b, "cost.")))
		return take_cost(b, rest);
	return take_general(b);
}
