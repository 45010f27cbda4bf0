/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the keys of a CPU profile mean.
 * No reading: that is profile.c's.
 * Invariant: a key that is not known here is refused, with its line.
 */
#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct build {
	const struct cpu_profile *p;
	const struct cpu_param *at;
	struct cpu_model *m;
	struct err *err;
	char tlb[VMMU_TLBS][16]; /* names */
	unsigned tlb_entries[VMMU_TLBS], tlb_ways[VMMU_TLBS];
	unsigned kib[VMMU_DATA_CACHES];
};

static int bad(const struct build *b, const char *why)
{
	if (!b->at->line)
		return err_set(b->err, STATUS_USAGE, "--set %s=%s: %s", b->at->key, b->at->value,
			       why);
	return err_input(b->err, "%s: line %u: %s %s: %s", b->p->name, b->at->line, b->at->key,
			 b->at->value, why);
}

static int number(const struct build *b, double most, double *out)
{
	char *end;

	*out = strtod(b->at->value, &end);
	if (*end || end == b->at->value || !(*out >= 0 && *out <= most))
		return bad(b, "not a number from 0, or too large");
	return 0;
}

static int whole(const struct build *b, unsigned most, unsigned *out)
{
	double v;

	if (number(b, most, &v) < 0)
		return -1;
	*out = (unsigned)v;
	return (double)*out == v ? 0 : bad(b, "not a whole number");
}

static int take_u16(const struct build *b, uint16_t *to)
{
	unsigned v;

	if (whole(b, UINT16_MAX, &v) < 0)
		return -1;
	*to = (uint16_t)v;
	return 0;
}

static int take_u8(const struct build *b, unsigned most, uint8_t *to)
{
	unsigned v;

	if (whole(b, most, &v) < 0)
		return -1;
	*to = (uint8_t)v;
	return 0;
}

/* The value as one of the words, by number; -1: none of them. */
static int word(const struct build *b, const char *const *words)
{
	char why[96] = "not one of";

	for (int i = 0; words[i]; i++) {
		size_t n = strlen(why);

		if (strcasecmp(words[i], b->at->value) == 0)
			return i;
		snprintf(why + n, sizeof(why) - n, " %s", words[i]);
	}
	return bad(b, why);
}

static int take_replace(const struct build *b, uint8_t *to)
{
	static const char *const words[] = { "lru", "fifo", "random", NULL };
	int v = word(b, words);

	*to = (uint8_t)v;
	return v < 0 ? -1 : 0;
}

/* What follows `prefix` in the key, or NULL. */
static const char *after(const struct build *b, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(b->at->key, prefix, n) == 0 ? b->at->key + n : NULL;
}

static int unknown(const struct build *b)
{
	return bad(b, "there is no such key");
}

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
			return bad(b, "not a list of 4K, 2M, 1G");
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
		return whole(b, UINT16_MAX - 1u, &b->tlb_entries[i]);
	if (strcmp(field, "ways") == 0)
		return strcmp(b->at->value, "full") == 0
			       ? 0
			       : whole(b, UINT16_MAX - 1u, &b->tlb_ways[i]);
	if (strcmp(field, "level") == 0)
		return take_u8(b, 2, &t->level);
	if (strcmp(field, "sizes") == 0)
		return take_sizes(b, &t->sizes);
	if (strcmp(field, "replace") == 0)
		return take_replace(b, &t->replace);
	if (strcmp(field, "latency") == 0)
		return take_u16(b, &t->latency);
	if (strcmp(field, "for") != 0)
		return unknown(b);
	v = word(b, serves);
	t->serves = (uint8_t)v;
	return v < 0 ? -1 : 0;
}

static int take_tlb(struct build *b, const char *rest)
{
	const char *dot = strchr(rest, '.');
	size_t n = dot ? (size_t)(dot - rest) : 0;
	unsigned i;

	if (!n || n >= sizeof(b->tlb[0]))
		return unknown(b);
	for (i = 0; i < b->m->silicon.nr_tlbs; i++)
		if (strlen(b->tlb[i]) == n && strncmp(b->tlb[i], rest, n) == 0)
			return take_tlb_field(b, i, dot + 1);
	if (i == VMMU_TLBS)
		return bad(b, "there are too many TLBs");
	memcpy(b->tlb[i], rest, n);
	b->m->silicon.nr_tlbs++;
	return take_tlb_field(b, i, dot + 1);
}

/* ---- walk caches ------------------------------------------------------------------- */

/* Entries and ways are put together when all keys are read: ways first, as they stand. */
static int take_shape(const struct build *b, const char *field, struct vmmu_cache_shape *s)
{
	if (strcmp(field, "entries") == 0)
		return take_u16(b, &s->sets);
	if (strcmp(field, "ways") == 0)
		return strcmp(b->at->value, "full") == 0 ? 0 : take_u16(b, &s->ways);
	return unknown(b);
}

static const char *const link_names[VMMU_LEVELS] = { "all", "pde", "pdpte", "pml4e", "pml5e" };

static int take_links(const struct build *b, const char *rest, struct vmmu_cache_shape *links)
{
	for (unsigned i = 0; i < VMMU_LEVELS; i++) {
		size_t n = strlen(link_names[i]);

		if (strncmp(rest, link_names[i], n) == 0 && rest[n] == '.')
			return take_shape(b, rest + n + 1, &links[i]);
	}
	return unknown(b);
}

static int take_entries(const struct build *b, const char *field)
{
	struct vmmu_entry_cache *e = &b->m->silicon.entries;

	if (strcmp(field, "guest") == 0)
		return take_u8(b, VMMU_LEVELS, &e->guest);
	if (strcmp(field, "nested") == 0)
		return take_u8(b, VMMU_LEVELS, &e->nested);
	if (strcmp(field, "line") == 0) {
		if (take_u8(b, 64, &e->line) < 0)
			return -1;
		return e->line < 8 || (e->line & (e->line - 1))
			       ? bad(b, "not 8, 16, 32 or 64 bytes")
			       : 0;
	}
	if (strcmp(field, "replace") == 0)
		return take_replace(b, &e->replace);
	if (strcmp(field, "latency") == 0)
		return take_u16(b, &e->latency);
	return take_shape(b, field, &e->shape);
}

static int yes_no(const struct build *b, uint8_t *to)
{
	static const char *const words[] = { "no", "yes", NULL };
	int v = word(b, words);

	*to = (uint8_t)v;
	return v < 0 ? -1 : 0;
}

static int take_nested_tlb(const struct build *b, const char *field)
{
	struct vmmu_silicon *s = &b->m->silicon;

	if (strcmp(field, "final") == 0)
		return yes_no(b, &s->nested_tlb_final);
	if (strcmp(field, "replace") == 0)
		return take_replace(b, &s->nested_tlb_replace);
	if (strcmp(field, "latency") == 0)
		return take_u16(b, &s->nested_tlb_latency);
	return take_shape(b, field, &s->nested_tlb);
}

/* ---- data caches -------------------------------------------------------------------- */

static int take_cache(struct build *b, const char *rest)
{
	struct vmmu_silicon *s = &b->m->silicon;
	unsigned i;

	if (rest[0] != 'l' || rest[1] < '1' || rest[1] >= '1' + VMMU_DATA_CACHES || rest[2] != '.')
		return unknown(b);
	i = (unsigned)(rest[1] - '1');
	if (s->nr_caches <= i)
		s->nr_caches = i + 1;
	rest += 3;
	if (strcmp(rest, "kib") == 0)
		return whole(b, 1u << 20, &b->kib[i]);
	if (strcmp(rest, "ways") == 0)
		return take_u16(b, &s->cache[i].ways);
	if (strcmp(rest, "latency") == 0)
		return take_u16(b, &s->cache[i].latency);
	return unknown(b);
}

static int take_walk_from(const struct build *b)
{
	static const char *const words[] = { "l1", "l2", "l3", "memory", NULL };
	int v = word(b, words);

	b->m->silicon.walk_from = v < 0 ? 0 : (unsigned)v;
	return v < 0 ? -1 : 0;
}

/* ---- costs ------------------------------------------------------------------------- */

static int take_handler(const struct build *b, const char *reason)
{
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		if (strcmp(reason, vmmu_event_key(i)) == 0)
			return number(b, 1e9, &b->m->costs.handler[i]);
	return bad(b, "there is no such exit");
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
			return number(b, 1e9, keys[i].to);
	return unknown(b);
}

/* ---- all of it ---------------------------------------------------------------------- */

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
		b->m->amd = word(b, vendors);
		return b->m->amd < 0 ? -1 : 0;
	}
	if (strcmp(key, "clock") == 0)
		return number(b, 1e5, &b->m->costs.mhz);
	if (strcmp(key, "tags") == 0) {
		if (yes_no(b, &s->exits_flush) < 0)
			return -1;
		s->exits_flush = !s->exits_flush;
		return 0;
	}
	if (strcmp(key, "partitions") == 0)
		return take_u8(b, 255, &s->partitions);
	if (strcmp(key, "walk.from") == 0)
		return take_walk_from(b);
	if (strcmp(key, "memory.latency") == 0)
		return take_u16(b, &s->memory);
	if (strcmp(key, "data.accesses") == 0)
		return yes_no(b, &s->data_accesses);
	return unknown(b);
}

static int take(struct build *b)
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

/* A parameter of the structure whose keys begin so, of the file's if there is one. */
static const struct cpu_param *one_of(const struct build *b, const char *prefix)
{
	const struct cpu_param *found = NULL;
	size_t n = strlen(prefix);

	for (unsigned i = 0; i < b->p->nr; i++) {
		const struct cpu_param *param = &b->p->param[i];

		if (strncmp(param->key, prefix, n) == 0 && param->key[n] == '.' &&
		    (!found || !found->line))
			found = param;
	}
	return found;
}

static int bad_structure(const struct build *b, const char *prefix, const char *why)
{
	const struct cpu_param *param = one_of(b, prefix);

	if (!param)
		return err_input(b->err, "%s: no line is about %s: %s", b->p->name, prefix, why);
	if (!param->line)
		return err_set(b->err, STATUS_USAGE, "--set %s...: %s", prefix, why);
	return err_input(b->err, "%s: line %u: %s: %s", b->p->name, param->line, prefix, why);
}

static int impossible(const struct build *b, const char *prefix, unsigned entries, unsigned ways)
{
	char why[96];

	snprintf(why, sizeof(why), "%u entries in %u ways: the sets would be no power of two",
		 entries, ways);
	return bad_structure(b, prefix, why);
}

/* entries / ways sets; no ways: fully associative. */
static int shape(const struct build *b, const char *prefix, unsigned entries, unsigned ways,
		 struct vmmu_cache_shape *s)
{
	unsigned sets;

	ways = ways ? ways : entries;
	sets = ways ? entries / ways : 0;
	if (entries && (sets * ways != entries || (sets & (sets - 1))))
		return impossible(b, prefix, entries, ways);
	*s = (struct vmmu_cache_shape){ (uint16_t)sets, (uint16_t)(sets ? ways : 0) };
	return 0;
}

static int finish_shape(const struct build *b, const char *prefix, struct vmmu_cache_shape *s)
{
	return shape(b, prefix, s->sets, s->ways, s);
}

static int finish_links(const struct build *b, const char *dimension, struct vmmu_cache_shape *s)
{
	char prefix[32];

	for (unsigned i = 0; i < VMMU_LEVELS; i++) {
		snprintf(prefix, sizeof(prefix), "%s.%s", dimension, link_names[i]);
		if (finish_shape(b, prefix, &s[i]) < 0)
			return -1;
	}
	return 0;
}

static int finish_tlb(const struct build *b, unsigned i, struct vmmu_tlb_model *t)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "tlb.%s", b->tlb[i]);
	if (!t->level || !t->serves || !t->sizes)
		return bad_structure(b, prefix, "it needs a level, for and sizes");
	return shape(b, prefix, b->tlb_entries[i], b->tlb_ways[i], &t->shape);
}

/* A TLB of no entries is none: so one is taken away by --set. */
static int finish_tlbs(struct build *b)
{
	struct vmmu_silicon *s = &b->m->silicon;
	unsigned n = 0;

	for (unsigned i = 0; i < s->nr_tlbs; i++) {
		if (!b->tlb_entries[i])
			continue;
		s->tlb[n] = s->tlb[i];
		if (finish_tlb(b, i, &s->tlb[n]) < 0)
			return -1;
		n++;
	}
	s->nr_tlbs = n;
	return 0;
}

static int finish_caches(const struct build *b)
{
	struct vmmu_silicon *s = &b->m->silicon;

	for (unsigned i = 0; i < s->nr_caches; i++) {
		unsigned ways = s->cache[i].ways, lines = b->kib[i] * 16;
		char prefix[24], why[64];

		snprintf(prefix, sizeof(prefix), "cache.l%u", i + 1);
		snprintf(why, sizeof(why), "%u KiB in %u ways cannot be", b->kib[i], ways);
		if (!ways || !lines || lines % ways || (lines / ways & (lines / ways - 1)))
			return bad_structure(b, prefix, why);
		s->cache[i].sets = lines / ways;
	}
	return 0;
}

/* What has no value that would do for any CPU. */
static int needed(const struct build *b)
{
	static const char *const keys[] = { "title", "vendor", "clock", "cost.instruction" };

	for (unsigned k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
		unsigned i = 0;

		while (i < b->p->nr && strcmp(b->p->param[i].key, keys[k]) != 0)
			i++;
		if (i == b->p->nr)
			return err_input(b->err, "%s: no line says its %s", b->p->name, keys[k]);
	}
	return 0;
}

static int finish(struct build *b)
{
	struct vmmu_silicon *s = &b->m->silicon;
	const char *why;

	if (needed(b) < 0 || finish_links(b, "links", s->links) < 0 ||
	    finish_links(b, "nested_links", s->nested_links) < 0)
		return -1;
	if (finish_tlbs(b) < 0 || finish_shape(b, "entries", &s->entries.shape) < 0 ||
	    finish_shape(b, "nested_tlb", &s->nested_tlb) < 0 || finish_caches(b) < 0)
		return -1;
	if (s->walk_from > s->nr_caches)
		s->walk_from = s->nr_caches;
	why = vmmu_silicon_wrong(s);
	return why ? err_input(b->err, "%s: %s", b->p->name, why) : 0;
}

int cpu_profile_build(const struct cpu_profile *p, struct cpu_model *model, struct err *err)
{
	struct build b = { .p = p, .m = model, .err = err };

	*model = (struct cpu_model){ .silicon = { .size = sizeof(model->silicon) } };
	model->silicon.nested_tlb_final = 1;
	model->silicon.entries.line = 8;
	for (unsigned i = 0; i < p->nr; i++) {
		b.at = &p->param[i];
		if (take(&b) < 0)
			return -1;
	}
	return finish(&b);
}
