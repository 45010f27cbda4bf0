/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a model of silicon describes what a CPU can be.
 * Not here: reading an embedder's configuration (vm/vm.c).
 */
#include "tlb.h"

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
