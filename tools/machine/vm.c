/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backends by name, and VMs with the TLB geometry that comparisons use.
 * Not here: input formats; RAM is given as ranges.
 * Invariant: see vm.h.
 */
#include "vm.h"

#include <string.h>

const struct backend backends[] = {
	{ "native", &vmmu_native, 0, 0 },
	{ "shadow", &vmmu_shadow, 1, 1 },
	{ "nested-npt", &vmmu_nested_npt, 1, 0 },
	{ "nested-ept", &vmmu_nested_ept, 1, 0 },
};
const unsigned nr_backends = sizeof(backends) / sizeof(*backends);

const struct backend *backend_find(const char *name)
{
	for (unsigned i = 0; i < nr_backends; i++)
		if (strcmp(backends[i].name, name) == 0)
			return &backends[i];
	return NULL;
}

const char *backend_names(void)
{
	return "native, shadow, nested-npt, nested-ept";
}

static const struct {
	const char *name;
	uint64_t bytes;
	int host;
} page_sizes[] = {
	{ "4K", 4096, 1 },
	{ "2M", 2ull << 20, 1 },
	{ "4M", 4ull << 20, 0 },
	{ "1G", 1ull << 30, 1 },
};

uint64_t page_size_parse(const char *text)
{
	for (unsigned i = 0; i < sizeof(page_sizes) / sizeof(*page_sizes); i++)
		if (page_sizes[i].host && strcasecmp(text, page_sizes[i].name) == 0)
			return page_sizes[i].bytes;
	return 0;
}

const char *page_size_name(uint64_t bytes)
{
	for (unsigned i = 0; i < sizeof(page_sizes) / sizeof(*page_sizes); i++)
		if (page_sizes[i].bytes == bytes)
			return page_sizes[i].name;
	return "?";
}

/* Returns the backend's own configuration. */
static const void *backend_config(struct machine *m, const struct machine_options *opt)
{
	if (opt->backend->shadow)
		return opt->shadow.size ? &opt->shadow : NULL;
	if (opt->backend->hypervisor)
		return &opt->nested;
	m->native = (struct vmmu_native_config){ m->ram.range, m->ram.nr, opt->host_page };
	return &m->native;
}

static void configure(struct machine *m, const struct machine_options *opt,
		      struct vmmu_config *config)
{
	*config = (struct vmmu_config){
		.size = sizeof(*config),
		.backend = opt->backend->ops,
		.profile = &vmmu_profile_max,
		.cb = { .alloc = arena_alloc, .free = arena_free, .ctx = &m->arena },
		.nr_cpus = 1,
		.base = m->arena.base,
		.max_tables = opt->table_pages,
		.front_entries = 1,
		.backend_config = backend_config(m, opt),
	};
	if (opt->cpu) {
		config->silicon = &opt->cpu->silicon;
		return;
	}
	config->l1 = (struct vmmu_tlb_geometry){ 16, 4 };
	config->l2 = (struct vmmu_tlb_geometry){ 128, 12 };
	config->pwc_entries = (uint16_t)opt->pwc;
	config->nested_entries = (uint16_t)opt->nested_tlb;
}

static int check_cap(const struct machine_options *opt, struct vmmu_config *config, struct err *err)
{
	uint64_t least;

	if (!opt->table_pages)
		return 0;
	config->max_tables = 0;
	least = vmmu_min_tables(config);
	config->max_tables = opt->table_pages;
	if (opt->table_pages >= least)
		return 0;
	return err_set(err, STATUS_USAGE, "--table-pages %llu is too few: %s needs at least %llu",
		       (unsigned long long)opt->table_pages, opt->backend->name,
		       (unsigned long long)least);
}

static int add_slot(struct machine *m, uint64_t lo, uint64_t hi, uint64_t host_page,
		    struct err *err)
{
	struct vmmu_slot_info slot = {
		.gpa = vmmu_gpa(lo),
		.size = hi - lo,
		.pointer = machine_ram(m, lo),
		.page_size = host_page,
	};
	int status = vmmu_slot_add(m->vm, &slot);

	if (status == VMMU_OK)
		return 0;
	return err_input(err, "RAM at 0x%llx, 0x%llx bytes: %s: %s", (unsigned long long)lo,
			 (unsigned long long)slot.size, vmmu_strerror(status), vmmu_reason(m->vm));
}

#define REGION (2ull << 20)

/*
 * Regions are chosen evenly.  A region on a 2M page with some share is on one with every larger
 * share, too.
 */
int machine_on_2m(uint64_t gpa, unsigned percent)
{
	return (gpa / REGION * 0x9e3779b97f4a7c15ull >> 32) % 100 < percent;
}

/* Adds a slot for each row of regions with the same page size. */
static int add_mixed(struct machine *m, const struct vmmu_range *r, unsigned share, struct err *err)
{
	for (uint64_t lo = r->lo, hi; lo < r->hi; lo = hi) {
		int large = machine_on_2m(lo, share);

		for (hi = (lo / REGION + 1) * REGION; hi < r->hi; hi += REGION)
			if (machine_on_2m(hi, share) != large)
				break;
		if (hi > r->hi)
			hi = r->hi;
		if (add_slot(m, lo, hi, large ? REGION : VMMU_PAGE_SIZE, err) < 0)
			return -1;
	}
	return 0;
}

static int add_slots(struct machine *m, const struct machine_options *opt, struct err *err)
{
	for (unsigned i = 0; i < m->ram.nr; i++) {
		const struct vmmu_range *r = &m->ram.range[i];

		if ((opt->share_2m ? add_mixed(m, r, opt->share_2m, err)
				   : add_slot(m, r->lo, r->hi, opt->host_page, err)) < 0)
			return -1;
	}
	return 0;
}

static int create(struct machine *m, const struct machine_options *opt, struct err *err)
{
	struct vmmu_config config;
	int status;

	configure(m, opt, &config);
	if (check_cap(opt, &config, err) < 0)
		return -1;
	status = vmmu_create(&config, &m->vm);
	if (status != VMMU_OK)
		return err_set(err, STATUS_MISMATCH, "cannot make a %s machine: %s",
			       opt->backend->name, vmmu_strerror(status));
	m->cpu = vmmu_cpu(m->vm, 0);
	return opt->backend->hypervisor ? add_slots(m, opt, err) : 0;
}

int machine_open(struct machine *m, const struct machine_options *opt, struct ranges *ram,
		 struct err *err)
{
	*m = (struct machine){ .backend = opt->backend, .ram = *ram };
	*ram = (struct ranges){ 0 };
	if (arena_open(&m->arena, ranges_end(&m->ram), err) == 0 && create(m, opt, err) == 0)
		return 0;
	machine_close(m);
	return -1;
}

void machine_close(struct machine *m)
{
	vmmu_destroy(m->vm);
	arena_close(&m->arena);
	ranges_free(&m->ram);
	*m = (struct machine){ 0 };
}

int machine_set_regs(struct machine *m, const struct vmmu_regs *regs, struct err *err)
{
	int status = vmmu_set_regs(m->cpu, regs, 1);

	if (status == VMMU_OK)
		return 0;
	return err_input(err,
			 "no CPU can have CR0=0x%llx CR3=0x%llx CR4=0x%llx EFER=0x%llx: %s: %s",
			 (unsigned long long)regs->cr0, (unsigned long long)regs->cr3,
			 (unsigned long long)regs->cr4, (unsigned long long)regs->efer,
			 vmmu_strerror(status), vmmu_reason(m->vm));
}
