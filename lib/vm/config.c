/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of a VM: defaults are filled in, and what cannot be is refused.
 */
#include <string.h>

#include "vm.h"

/* What is set there was meant for a later version, which this one cannot stand in for. */
static int uses_reserved_room(const struct vmmu_config *c)
{
	return !vmmu_be_is_zero(c->cb.reserved, sizeof(c->cb.reserved)) ||
	       !vmmu_be_is_zero(c->profile->reserved, sizeof(c->profile->reserved)) ||
	       c->backend->reserved_flags ||
	       !vmmu_be_is_zero(c->backend->reserved, sizeof(c->backend->reserved));
}

int vm_read_config(const struct vmmu_config *in, struct vmmu_config *cfg)
{
	int st = vmmu_be_sized(cfg, sizeof(*cfg), in, offsetof(struct vmmu_config, cb));

	if (!cfg->nr_cpus)
		cfg->nr_cpus = 1;
	if (!cfg->host_maxphyaddr)
		cfg->host_maxphyaddr = 52;
	if (!cfg->front_entries)
		cfg->front_entries = 1024;
	/* The two pages of an access that crosses a page boundary must not share an entry. */
	if (cfg->front_entries == 1)
		cfg->front_entries = 2;
	if (!cfg->profile)
		cfg->profile = &vmmu_profile_max;
	if (st || !cfg->backend || uses_reserved_room(cfg))
		return VMMU_EINVAL;
	if (cfg->host_maxphyaddr < 32 || cfg->host_maxphyaddr > 52 || cfg->nr_cpus > 4096)
		return VMMU_EINVAL;
	if (cfg->profile->maxphyaddr < 32 || cfg->profile->maxphyaddr > 52)
		return VMMU_EINVAL;
	if ((uintptr_t)cfg->base & (VMMU_PAGE_SIZE - 1))
		return VMMU_EINVAL;
	if (cfg->front_entries & (cfg->front_entries - 1))
		return VMMU_EINVAL;
	/* It stays empty where a TLB is modelled: the fewest lines of the host's do. */
	if (cfg->silicon || cfg->l1.sets || cfg->l2.sets)
		cfg->front_entries = 2;
	return VMMU_OK;
}

uint64_t vmmu_min_tables(const struct vmmu_config *config)
{
	struct vmmu_config cfg;

	return vm_read_config(config, &cfg) ? 0 : cfg.backend->min_tables(&cfg);
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

int vm_read_model(const struct vmmu_config *cfg, struct vmmu_silicon *s)
{
	const struct vmmu_silicon *in = cfg->silicon;

	memset(s, 0, sizeof(*s));
	if (in) {
		if (cfg->l1.sets || cfg->l2.sets || cfg->pwc_entries || cfg->nested_entries ||
		    vmmu_be_sized(s, sizeof(*s), in, offsetof(struct vmmu_silicon, nr_tlbs)))
			return VMMU_EINVAL;
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
