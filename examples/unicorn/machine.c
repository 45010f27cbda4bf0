/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes RAM, a VM on each backend that takes part, and the engine.  All views share one RAM, so a
 * store of the guest happens once.  Each view is told of the stores that it tracks.
 * Invariant: a GPA is the offset in ram.base and Unicorn's physical address.
 */
#include "run.h"

#include <native.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define GIB (1ull << 30)
/* For Unicorn's translations.  Its default is 1 GiB, and a flush clears all of it. */
#define CODE_BYTES (64u << 20)

static const struct {
	const char *name;
	const struct vmmu_backend *ops;
	int native;
} backends[] = {
	{ "native", &vmmu_native, 1 },
	{ "shadow", &vmmu_shadow, 0 },
	{ "nested-npt", &vmmu_nested_npt, 0 },
	{ "nested-ept", &vmmu_nested_ept, 0 },
};
#define NR_BACKENDS (sizeof(backends) / sizeof(*backends))

/* What Unicorn's TCG implements of the CPU model below.  PCIDs are not part of it. */
static const struct vmmu_profile profile = {
	.name = "unicorn",
	.features = VMMU_CPU_PSE36 | VMMU_CPU_1G,
	.maxphyaddr = 40,
	.cr4_valid = 0x7ff | VMMU_CR4_LA57 | 1u << 16 | 1u << 18 | VMMU_CR4_SMEP | VMMU_CR4_SMAP |
		     VMMU_CR4_PKE,
	.efer_valid = 1u | VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE,
};

const struct vmmu_profile *machine_profile(void)
{
	return &profile;
}

const char *machine_backends(void)
{
	return "native, shadow, nested-npt, nested-ept";
}

static unsigned find(const char *name)
{
	unsigned i = 0;

	while (i < NR_BACKENDS && strcmp(backends[i].name, name) != 0)
		i++;
	return i;
}

int machine_has_backend(const char *name)
{
	return find(name) < NR_BACKENDS;
}

/* RAM has a hole where a PC has its VGA memory. */
static int open_ram(struct ram *ram, uint64_t bytes)
{
	ram->map_bytes = (size_t)(bytes + GIB);
	ram->map = mmap(NULL, ram->map_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram->map == MAP_FAILED) {
		ram->map = NULL;
		return -1;
	}
	ram->base = (uint8_t *)(((uintptr_t)ram->map + GIB - 1) & ~(uintptr_t)(GIB - 1));
	ram->bytes = bytes;
	ram->range[0] = (struct vmmu_range){ 0, 0xa0000 };
	ram->range[1] = (struct vmmu_range){ 0xc0000, bytes };
	return 0;
}

static int add_slots(struct run *r, struct view *v, uint64_t host_page)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct vmmu_range *range = &r->ram.range[i];
		struct vmmu_slot_info slot = {
			.gpa = vmmu_gpa(range->lo),
			.size = range->hi - range->lo,
			.pointer = r->ram.base + range->lo,
			.page_size = host_page,
		};
		int st = vmmu_slot_add(v->vm, &slot);

		if (st != VMMU_OK) {
			run_end(r, END_INPUT, "%s: RAM at 0x%llx: %s: %s", v->name,
				(unsigned long long)range->lo, vmmu_strerror(st),
				vmmu_reason(v->vm));
			return -1;
		}
	}
	return 0;
}

/* A multiboot kernel begins in protected mode without paging. */
static int start_regs(struct run *r, struct view *v)
{
	const struct vmmu_regs regs = { .cr0 = VMMU_CR0_PE | VMMU_CR0_ET };
	int st = vmmu_set_regs(v->cpu, &regs, 0);

	if (st != VMMU_OK)
		run_end(r, END_DIFFERENT, "%s: first registers: %s", v->name, vmmu_strerror(st));
	return st == VMMU_OK ? 0 : -1;
}

static const void *config_of(unsigned which, const struct vmmu_native_config *native,
			     const struct vmmu_shadow_config *shadow)
{
	if (backends[which].native)
		return native;
	return backends[which].ops == &vmmu_shadow && shadow->flood ? shadow : NULL;
}

static int open_view(struct run *r, unsigned which, const struct machine_options *o)
{
	struct vmmu_native_config native = { r->ram.range, 2, o->host_page };
	struct vmmu_shadow_config shadow = { .size = sizeof(shadow), .flood = o->flood };
	struct view *v = &r->mmu.view[r->mmu.nr_views];
	struct vmmu_config config = {
		.size = sizeof(config),
		.backend = backends[which].ops,
		.backend_config = config_of(which, &native, &shadow),
		.profile = &profile,
		.base = backends[which].native ? r->ram.base : NULL,
		.front_entries = o->front_entries,
		.cb = { .flush = mmu_flush, .ctx = r },
	};
	int st;

	v->name = backends[which].name;
	st = vmmu_create(&config, &v->vm);
	if (st != VMMU_OK) {
		run_end(r, END_INPUT, "cannot make a %s machine: %s", v->name, vmmu_strerror(st));
		return -1;
	}
	r->mmu.nr_views++;
	v->cpu = vmmu_cpu(v->vm, 0);
	if (!backends[which].native && add_slots(r, v, o->host_page) < 0)
		return -1;
	return start_regs(r, v);
}

int machine_open(struct run *r, const struct machine_options *o)
{
	unsigned first = find(o->backend);
	uint64_t frames = o->ram_bytes >> 12;

	debug_open(r);
	r->pending.vector = -1;
	r->stops.lifted = NO_STOP;
	r->mmu.half = HALF_NONE;
	r->mmu.implicit = 1;
	r->mmu.epoch = 1;
	r->mmu.protected_mode = 1;
	r->sense.age = 1;
	r->mmu.frame = calloc((size_t)frames, sizeof(*r->mmu.frame));
	r->mmu.written = calloc((size_t)frames, sizeof(*r->mmu.written));
	if (!r->mmu.frame || !r->mmu.written || open_ram(&r->ram, o->ram_bytes) < 0) {
		run_end(r, END_INPUT, "out of memory for 0x%llx bytes of RAM",
			(unsigned long long)o->ram_bytes);
		return -1;
	}
	if (open_view(r, first, o) < 0)
		return -1;
	for (unsigned i = 0; o->all && i < NR_BACKENDS; i++)
		if (i != first && open_view(r, i, o) < 0)
			return -1;
	return 0;
}

int machine_engine(struct run *r, uint32_t code_bytes)
{
	const char *why = "Unicorn does not take the machine";
	unsigned major, minor;

	(void)uc_version(&major, &minor);
	if (uc_open(UC_ARCH_X86, UC_MODE_64, &r->uc) != UC_ERR_OK ||
	    uc_ctl_set_cpu_model(r->uc, UC_CPU_X86_ICELAKE_SERVER) != UC_ERR_OK ||
	    uc_ctl_set_tcg_buffer_size(r->uc, code_bytes ? code_bytes : CODE_BYTES) != UC_ERR_OK ||
	    uc_ctl_exits_enable(r->uc) != UC_ERR_OK || mmu_attach(r) < 0 ||
	    cpu_open(&r->cpu, r->uc, 0x1000, &why) < 0) {
		run_end(r, END_INPUT, "Unicorn %u.%u: %s", major, minor, why);
		return -1;
	}
	memset(r->ram.base + 0x1000, 0, VMMU_PAGE_SIZE);
	return 0;
}

void machine_close(struct run *r)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++)
		vmmu_destroy(r->mmu.view[i].vm);
	r->mmu.nr_views = 0;
	free(r->mmu.frame);
	free(r->mmu.written);
	if (r->ram.map)
		munmap(r->ram.map, r->ram.map_bytes);
}
