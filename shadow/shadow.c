/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shadow backend's door: its operations, and what both of its ways share.
 * Not here: the virtual TLB (vtlb.c); shadow pages that are kept (page.c, rmap.c), how they
 * follow the guest's tables (sync.c), CR3 (root.c), misses (fault.c).
 */
#include <string.h>

#include "shadow_priv.h"

#define INTERCEPTS (VMMU_ICPT_CR0 | VMMU_ICPT_CR3 | VMMU_ICPT_CR4 | VMMU_ICPT_INVLPG | VMMU_ICPT_PF)
#define FLUSHING_CR4 (VMMU_CR4_PGE | VMMU_CR4_PCIDE | VMMU_CR4_PAE | VMMU_CR4_PSE | VMMU_CR4_SMEP)

const char *vmmu_shadow_technique(unsigned bit)
{
	static const char *const name[] = {
		"cache", "update", "unsync", "flood", "prefetch",
		"roots", "large",  "mmio",   "wp0",   "lru",
	};

	return bit < sizeof(name) / sizeof(*name) ? name[bit] : NULL;
}

/* ---- making and ending ------------------------------------------------------------ */

static int is_power_of_two(unsigned n)
{
	return n && !(n & (n - 1));
}

static int read_config(const struct vmmu_config *config, struct vmmu_shadow_config *c)
{
	const struct vmmu_shadow_config *in = config->backend_config;
	int st = 0;

	memset(c, 0, sizeof(*c));
	if (in)
		st = vmmu_be_sized(c, sizeof(*c), in,
				   offsetof(struct vmmu_shadow_config, prefetch));
	c->prefetch = c->prefetch ? c->prefetch : 8;
	c->flood = c->flood ? c->flood : 3;
	c->roots = c->roots ? c->roots : 3;
	if (st)
		return st;
	if ((c->off & ~VMMU_SHADOW_ALL) || !is_power_of_two(c->prefetch) || c->prefetch > 64 ||
	    c->roots > MAX_ROOTS)
		return VMMU_EINVAL;
	return VMMU_OK;
}

/*
 * Kept pages: one access needs a page per level at most, for the other vCPUs find theirs
 * again; the empty table; the map of guests without paging.
 */
static uint64_t shadow_min_tables(const struct vmmu_config *config)
{
	struct vmmu_shadow_config c;

	if (read_config(config, &c) || (c.off & VMMU_SHADOW_CACHE))
		return vtlb_min_tables(config);
	return 1 + VMMU_LEVELS + realmode_min_tables(&vmmu_fmt_pae, 1);
}

/* ---- the way that keeps shadow pages ------------------------------------------------ */

static void kept_fini(struct shadow_vm *s)
{
	page_zap_all(s);
	rmap_fini(s);
	if (s->empty)
		vmmu_table_retire(s->empty);
}

static int kept_init(struct shadow_vm *s)
{
	unsigned i;

	for (i = 0; i < NR_FORMATS; i++) {
		s->space[i].vm = s->vm;
		s->space[i].fmt = shadow_formats[i];
		s->space[i].flags = VMMU_PT_SHARED | VMMU_PT_GPAS;
	}
	/* Nothing but zeroes, so of any format. */
	s->empty = vmmu_table_new(&s->space[1], shadow_formats[1]->top, NULL);
	return s->empty ? VMMU_OK : VMMU_ENOMEM;
}

static const struct shadow_way kept_way = {
	.init = kept_init,
	.fini = kept_fini,
	.load = load_root,
	.fault = page_fault,
	.protect = change_range,
	.protect_pages = change_protect_pages,
	.invlpg = load_invlpg,
	.check = page_check,
};

/* ---- the whole ---------------------------------------------------------------------- */

static void shadow_fini(struct vmmu *vm)
{
	struct shadow_vm *s = vmmu_be_vm(vm);

	s->way->fini(s);
	realmode_fini(&s->real);
}

static int shadow_init(struct vmmu *vm, const struct vmmu_config *config)
{
	struct shadow_vm *s = vmmu_be_vm(vm);
	struct vmmu_shadow_config c;
	int st = read_config(config, &c);

	if (st)
		return st;
	s->vm = vm;
	s->on = VMMU_SHADOW_ALL & ~c.off;
	s->way = s->on & VMMU_SHADOW_CACHE ? &kept_way : &vtlb_way;
	s->prefetch = s->on & VMMU_SHADOW_PREFETCH ? c.prefetch : 1;
	s->flood = c.flood;
	s->roots = s->on & VMMU_SHADOW_ROOTS ? c.roots : 0;
	s->nr_cpus = config->nr_cpus;
	s->host_maxphyaddr = config->host_maxphyaddr;
	s->real.mmio = (s->on & VMMU_SHADOW_MMIO) != 0;
	TAILQ_INIT(&s->use);
	TAILQ_INIT(&s->zapped);
	st = realmode_init(&s->real, vm, &vmmu_fmt_pae, HOST_CTL);
	if (!st)
		st = s->way->init(s);
	if (st)
		shadow_fini(vm);
	return st;
}

/* ---- the guest's registers and TLB instructions ------------------------------------- */

/* Other bits of CR0 and CR4 (TS, OSFXSR...) change no translation. */
static int means_the_same(struct vmmu_cpu *cpu, const struct shadow_cpu *sc)
{
	return !((vmmu_be_regs(cpu)->cr4 ^ sc->cr4) & FLUSHING_CR4) &&
	       !memcmp(&sc->guest, vmmu_be_guest(cpu), sizeof(sc->guest));
}

static int shadow_load(struct vmmu_cpu *cpu, enum vmmu_load why)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));
	struct shadow_cpu *sc = vmmu_be_cpu(cpu);
	const struct vmmu_paging *guest = vmmu_be_guest(cpu);
	struct vmmu_hw *hw = vmmu_be_hw(cpu);

	if (why == VMMU_LOAD_KEYS) {
		hw->g.pkru = sc->guest.pkru = guest->pkru;
		hw->g.pkrs = sc->guest.pkrs = guest->pkrs;
		return VMMU_OK;
	}
	if (why == VMMU_LOAD_CONTROLS && means_the_same(cpu, sc))
		return VMMU_OK;
	s->way->load(cpu, why);
	sc->guest = *guest;
	sc->cr4 = vmmu_be_regs(cpu)->cr4;
	if (!guest->fmt)
		realmode_load(&s->real, &hw->g);
	hw->g.pkru = guest->pkru;
	hw->g.pkrs = guest->pkrs;
	hw->intercept = INTERCEPTS;
	hw->gpa_from = guest->fmt ? VMMU_GPA_TABLE : VMMU_GPA_IN;
	return VMMU_OK;
}

static void shadow_invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));

	s->way->invlpg(cpu, type, pcid, gva);
}

/* ---- faults and changes -------------------------------------------------------------- */

static enum vmmu_fix_kind shadow_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				       struct vmmu_fix *fix)
{
	struct shadow_vm *s = vmmu_be_vm(vmmu_cpu_vm(cpu));

	if (!vmmu_be_guest(cpu)->fmt)
		return realmode_fault(&s->real, vmmu_gpa(exit->gva.v), exit->access, exit->walk,
				      VMMU_EV_EXIT_SHADOW_MISS, fix);
	return s->way->fault(cpu, exit, fix);
}

static uint64_t shadow_protect(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how)
{
	struct shadow_vm *s = vmmu_be_vm(vm);

	return realmode_protect(&s->real, gpa, len, how) + s->way->protect(s, gpa.v, len, how);
}

static uint64_t shadow_protect_pages(struct vmmu *vm, vmmu_gpa_t gpa, const uint64_t *pages,
				     uint64_t nr)
{
	struct shadow_vm *s = vmmu_be_vm(vm);

	return realmode_protect_pages(&s->real, gpa, pages, nr) +
	       s->way->protect_pages(s, gpa.v, pages, nr);
}

static void shadow_pt_write(struct vmmu *vm, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, uint64_t len)
{
	table_stored(vmmu_be_vm(vm), cpu, gpa.v, len);
}

static uint64_t shadow_reclaim(struct vmmu *vm)
{
	return page_reclaim(vmmu_be_vm(vm));
}

static int shadow_check(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget)
{
	struct shadow_vm *s = vmmu_be_vm(vm);

	if (!at->tree)
		return realmode_check(&s->real, at, budget);
	return s->way->check(s, at, budget);
}

const struct vmmu_backend vmmu_shadow = {
	.name = "shadow",
	.vm_size = sizeof(struct shadow_vm),
	.cpu_size = sizeof(struct shadow_cpu),
	.min_tables = shadow_min_tables,
	.init = shadow_init,
	.fini = shadow_fini,
	.load = shadow_load,
	.fault = shadow_fault,
	.protect = shadow_protect,
	.protect_pages = shadow_protect_pages,
	.pt_write = shadow_pt_write,
	.invlpg = shadow_invlpg,
	.reclaim = shadow_reclaim,
	.check = shadow_check,
};
