/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a CPU profile as a whole: sizes become sets and ways, and missing keys are reported.
 * Invariant: an error about a structure names a line of the profile that is about it.
 */
#include "build.h"

#include <stdio.h>
#include <string.h>

/*
 * Finds a parameter whose key begins with `prefix`.  One of the file is preferred to one of --set.
 */
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

/* There are entries / ways sets.  Without ways the structure is fully associative. */
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
		snprintf(prefix, sizeof(prefix), "%s.%s", dimension, build_link_names[i]);
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

/* A TLB of no entries is left out, so that --set can remove one. */
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

/* Keys that every profile must have, because no value would do for all CPUs. */
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

int build_finish(struct build *b)
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
