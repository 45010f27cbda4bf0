/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers and TLB instructions: what a TLB and the page-walk cache keep and drop; and
 * the exits that they ask for.
 * Not here: what is refused and reloaded (test_mode.c).
 * Keeps: what a TLB may keep, by paging-rules "invalidation".
 */
#include "mode_rig.h"

#define G 0x100u

static struct vmmu_stats stats(void)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s;
}

static uint64_t exits(void)
{
	struct vmmu_stats s = stats();
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < VMMU_NR_EXITS; i++)
		sum += s.event[i];
	return sum;
}

/* ---- what a TLB keeps and what it drops --------------------------------------------------------
 */

/*
 * A long-mode guest.  Page A and B are non-global, page GLOB is global; FAR is
 * in another 2M.
 */
#define A 0x1000u
#define B 0x2000u
#define GLOB 0x3000u
#define FAR 0x200000u

static void put_long(void)
{
	memset(get_ram(), 0, RAM);
	put8(0x4000, 0x5000 | PWUA);
	put8(0x5000, 0x6000 | PWUA);
	put8(0x6000, 0x7000 | PWUA);
	put8(0x6008, 0x8000 | PWUA);
	put8(0x7008, 0x11000 | PWUA | 0x40);
	put8(0x7010, 0x12000 | PWUA | 0x40);
	put8(0x7018, 0x13000 | PWUA | 0x40 | G);
	put8(0x8000, 0x14000 | PWUA | 0x40);
}

#define BASE_CR4 (VMMU_CR4_PAE | VMMU_CR4_PCIDE | VMMU_CR4_PGE)

static void read_page(uint64_t gva)
{
	struct vmmu_xlat x;

	t_eq(vmmu_translate(cpu, vmmu_gva(gva), 1, VMMU_READ, &x), VMMU_OK);
}

/* Does the access need a walk? */
static int hits(uint64_t gva)
{
	uint64_t before = stats().event[VMMU_EV_WALK];

	read_page(gva);
	return stats().event[VMMU_EV_WALK] == before;
}

static void use_pcid(unsigned pcid)
{
	t_eq(vmmu_set_cr3(cpu, 0x4000 | pcid | BIT(63)), VMMU_OK);
}

/* A is cached in PCID 0 and 1, B and GLOB in 0. */
static void warm(const struct vmmu_backend *be, const struct vmmu_profile *prof)
{
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000, .cr4 = BASE_CR4, .efer = LONG };
	struct vmmu_config c = { .profile = prof, .l1 = { 16, 4 }, .l2 = { 64, 4 } };

	put_long();
	memset(&nested_config, 0, sizeof(nested_config));
	start_with(be, &c);
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
	use_pcid(1);
	read_page(A);
	use_pcid(0);
	read_page(A);
	read_page(B);
	read_page(GLOB);
	t_true(hits(A) && hits(B) && hits(GLOB));
}

static void op_none(void)
{
}

static void op_invlpg_a(void)
{
	vmmu_invlpg(cpu, vmmu_gva(A));
}

static void op_invlpg_glob(void)
{
	vmmu_invlpg(cpu, vmmu_gva(GLOB + 0xfff));
}

static void op_pcid_a(void)
{
	vmmu_invpcid(cpu, 0, 0, vmmu_gva(A));
}

static void op_pcid_a1(void)
{
	vmmu_invpcid(cpu, 0, 1, vmmu_gva(A));
}

static void op_pcid_glob(void)
{
	vmmu_invpcid(cpu, 0, 0, vmmu_gva(GLOB));
}

static void op_single(void)
{
	vmmu_invpcid(cpu, 1, 0, vmmu_gva(0));
}

static void op_single1(void)
{
	vmmu_invpcid(cpu, 1, 1, vmmu_gva(0));
}

static void op_all_global(void)
{
	vmmu_invpcid(cpu, 2, 0, vmmu_gva(0));
}

static void op_all(void)
{
	vmmu_invpcid(cpu, 3, 0, vmmu_gva(0));
}

static void op_cr3(void)
{
	vmmu_set_cr3(cpu, 0x4000);
}

static void op_cr3_keep(void)
{
	vmmu_set_cr3(cpu, 0x4000 | BIT(63));
}

static void op_pge(void)
{
	vmmu_set_cr4(cpu, BASE_CR4 & ~VMMU_CR4_PGE);
}

static void op_smep_on(void)
{
	vmmu_set_cr4(cpu, BASE_CR4 | VMMU_CR4_SMEP);
}

static void op_smap(void)
{
	vmmu_set_cr4(cpu, BASE_CR4 | VMMU_CR4_SMAP);
	vmmu_set_cr4(cpu, BASE_CR4);
}

static void op_pse(void)
{
	vmmu_set_cr4(cpu, BASE_CR4 | VMMU_CR4_PSE);
}

static void op_wp(void)
{
	vmmu_set_cr0(cpu, PG | VMMU_CR0_WP);
}

static void op_nxe(void)
{
	vmmu_set_efer(cpu, LONG | VMMU_EFER_NXE);
}

static void op_keys(void)
{
	vmmu_set_pkru(cpu, 0xfffffffc);
	vmmu_set_pkrs(cpu, 4);
}

static void op_flush(void)
{
	vmmu_hw_flush(cpu);
}

static unsigned asid(void)
{
	return vmmu_be_hw(cpu)->asid;
}

static void op_invlpga(void)
{
	vmmu_hw_invlpga(cpu, vmmu_gva(A), asid());
}

static void op_invlpga_other(void)
{
	vmmu_hw_invlpga(cpu, vmmu_gva(A), asid() + 1);
}

static void op_vpid_address(void)
{
	vmmu_hw_invvpid(cpu, VMMU_INVVPID_ADDRESS, asid(), vmmu_gva(A));
}

static void op_vpid_single(void)
{
	vmmu_hw_invvpid(cpu, VMMU_INVVPID_SINGLE, asid(), vmmu_gva(0));
}

static void op_vpid_other(void)
{
	vmmu_hw_invvpid(cpu, VMMU_INVVPID_SINGLE, asid() + 1, vmmu_gva(0));
}

static void op_vpid_all(void)
{
	vmmu_hw_invvpid(cpu, VMMU_INVVPID_ALL, 77, vmmu_gva(0));
}

static void op_vpid_keep(void)
{
	vmmu_hw_invvpid(cpu, VMMU_INVVPID_SINGLE_KEEP_GLOBAL, asid(), vmmu_gva(0));
}

#define ANY 2 /* may be either */

static const struct drop {
	const char *name;
	void (*op)(void);
	int a, b, glob, a1; /* must hit, must be gone */
} drops[] = {
	{ "nothing", op_none, 1, 1, 1, 1 },
	{ "INVLPG", op_invlpg_a, 0, 1, 1, 1 },
	{ "INVLPG of a global page", op_invlpg_glob, 1, 1, 0, 1 },
	{ "INVPCID 0", op_pcid_a, 0, 1, 1, 1 },
	{ "INVPCID 0 of another PCID", op_pcid_a1, 1, 1, 1, 0 },
	{ "INVPCID 0 of a global page", op_pcid_glob, 1, 1, 1, 1 },
	{ "INVPCID 1", op_single, 0, 0, 1, 1 },
	{ "INVPCID 1 of another PCID", op_single1, 1, 1, 1, 0 },
	{ "INVPCID 2", op_all_global, 0, 0, 0, 0 },
	{ "INVPCID 3", op_all, 0, 0, 1, 0 },
	{ "MOV CR3", op_cr3, 0, 0, 1, 1 },
	{ "MOV CR3 with bit 63", op_cr3_keep, 1, 1, 1, 1 },
	{ "CR4.PGE", op_pge, 0, 0, 0, 0 },
	{ "CR4.SMEP 0->1", op_smep_on, 0, 0, ANY, 1 },
	{ "CR4.SMAP", op_smap, 1, 1, 1, 1 },
	{ "CR4.PSE", op_pse, 1, 1, 1, 1 },
	{ "CR0.WP", op_wp, 1, 1, 1, 1 },
	{ "EFER.NXE", op_nxe, 1, 1, 1, 1 },
	{ "PKRU, PKRS", op_keys, 1, 1, 1, 1 },
	{ "a flush", op_flush, 0, 0, 0, 0 },
	{ "INVLPGA", op_invlpga, 0, 1, 1, 0 },
	{ "INVLPGA of another ASID", op_invlpga_other, 1, 1, 1, 1 },
	{ "INVVPID 0", op_vpid_address, 0, 1, 1, 0 },
	{ "INVVPID 1", op_vpid_single, 0, 0, 0, 0 },
	{ "INVVPID 1 of another VPID", op_vpid_other, 1, 1, 1, 1 },
	{ "INVVPID 2", op_vpid_all, 0, 0, 0, 0 },
	{ "INVVPID 3", op_vpid_keep, 0, 0, 1, 0 },
};

static void look(const char *be, const char *what, const char *page, uint64_t gva, int want)
{
	int is = hits(gva);

	t_check(want == ANY || is == want, "%s, %s: %s is %s", be, what, page,
		is ? "still cached" : "gone");
}

static void try_drop(const struct vmmu_backend *be, const struct drop *d, int silicon)
{
	const char *name = be->name;

	warm(be, &vmmu_profile_max);
	d->op();
	/* A hypervisor in between may drop more, never less. */
	look(name, d->name, "A", A, silicon || !d->a ? d->a : ANY);
	look(name, d->name, "B", B, silicon || !d->b ? d->b : ANY);
	look(name, d->name, "the global page", GLOB, silicon || !d->glob ? d->glob : ANY);
	use_pcid(1);
	look(name, d->name, "A of PCID 1", A, silicon || !d->a1 ? d->a1 : ANY);
	t_eq(vmmu_check(vm), VMMU_OK);
	finish();
}

Test(mode, each_instruction_drops_what_it_must_and_no_more)
{
	unsigned b, i;

	for (b = 0; b < NR_BACKENDS; b++)
		for (i = 0; i < NR(drops); i++)
			try_drop(backends[b], &drops[i], backends[b] != &vmmu_shadow);
}

Test(mode, on_amd_a_change_of_pse_drops_this_pcid)
{
	struct vmmu_profile amd = vmmu_profile_amd;
	unsigned b;

	for (b = 0; b < 3; b++) {
		warm(backends[b], &amd);
		op_pse();
		look("amd", "CR4.PSE", "A", A, 0);
		look("amd", "CR4.PSE", "B", B, 0);
		use_pcid(1);
		look("amd", "CR4.PSE", "A of PCID 1", A, 1);
		finish();
	}
}

Test(mode, smep_turned_off_drops_nothing)
{
	unsigned b;

	for (b = 0; b < 3; b++) {
		warm(backends[b], &vmmu_profile_max);
		op_smep_on();
		read_page(A);
		vmmu_set_cr4(cpu, BASE_CR4);
		t_true(hits(A));
		finish();
	}
}

Test(mode, pcide_turned_off_drops_everything)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		warm(backends[b], &vmmu_profile_max);
		t_eq(vmmu_set_cr4(cpu, BASE_CR4 & ~VMMU_CR4_PCIDE), VMMU_OK);
		t_true(!hits(A));
		t_true(!hits(GLOB));
		/* And when it comes back, nothing of PCID 1 is left. */
		t_eq(vmmu_set_cr4(cpu, BASE_CR4), VMMU_OK);
		use_pcid(1);
		t_true(!hits(A));
		finish();
	}
}

Test(mode, paging_turned_off_drops_everything)
{
	struct vmmu_regs r = {
		.cr0 = PG, .cr3 = 0x4000, .cr4 = VMMU_CR4_PAE | VMMU_CR4_PGE, .efer = LONG
	};
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		warm(backends[b], &vmmu_profile_max);
		t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
		read_page(A);
		read_page(GLOB);
		t_eq(vmmu_set_cr0(cpu, PROT), VMMU_OK);
		t_eq(gpa_of(GLOB), GLOB);
		t_eq(vmmu_set_cr0(cpu, PG), VMMU_OK);
		t_true(!hits(A));
		t_eq(gpa_of(GLOB), 0x13000);
		finish();
	}
}

/* The same linear address means something else in the other format: SDM 4.10.4.1. */
Test(mode, a_change_of_pae_drops_this_pcid)
{
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x1000, .cr4 = VMMU_CR4_PAE };
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		uint32_t pde = 0xa000 | PWUA, pte = 0xb000 | PWUA | 0x40;

		put_pae();
		start(backends[b], NULL);
		t_eq(vmmu_set_regs(cpu, &r, 1), VMMU_OK);
		t_eq(gpa_of(0x128), 0x7128);
		t_eq(vmmu_set_cr3(cpu, 0xc000), VMMU_OK);
		t_eq(vmmu_set_cr3(cpu, 0x1000), VMMU_OK);
		t_eq(gpa_of(0x128), 0x7128);
		/* CR3 serves both: the 32-bit directory's entry 0 is the PDPTE's low half. */
		memcpy(ram + 0x4000, &pde, 4);
		memcpy(ram + 0x1000, &pde, 4);
		memcpy(ram + 0xa000, &pte, 4);
		t_eq(vmmu_set_cr4(cpu, 0), VMMU_OK);
		t_eq(gpa_of(0x128), 0xb128);
		finish();
	}
}

/* Judged at use: no flush, and yet the next access knows. */
Test(mode, controls_act_on_cached_translations_at_once)
{
	struct vmmu_xlat x;
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		warm(backends[b], &vmmu_profile_max);
		t_eq(vmmu_set_cr4(cpu, BASE_CR4 | VMMU_CR4_SMAP), VMMU_OK);
		t_eq(vmmu_translate(cpu, vmmu_gva(A), 1, VMMU_READ, &x), VMMU_FAULT);
		t_eq(x.fault.code, VMMU_PF_P);
		t_eq(vmmu_translate(cpu, vmmu_gva(A), 1, VMMU_READ | VMMU_AC, &x), VMMU_OK);
		t_eq(vmmu_set_cr4(cpu, BASE_CR4 | VMMU_CR4_PKE), VMMU_OK);
		t_eq(vmmu_translate(cpu, vmmu_gva(A), 1, VMMU_READ, &x), VMMU_OK);
		vmmu_set_pkru(cpu, 1);
		t_eq(vmmu_translate(cpu, vmmu_gva(A), 1, VMMU_READ, &x), VMMU_FAULT);
		t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_PK);
		vmmu_set_pkru(cpu, 0);
		t_eq(vmmu_translate(cpu, vmmu_gva(A), 1, VMMU_READ, &x), VMMU_OK);
		finish();
	}
}

Test(mode, invept_drops_all_of_its_root)
{
	uint64_t root;

	warm(&vmmu_nested_ept, &vmmu_profile_max);
	root = vmmu_be_hw(cpu)->n.root;
	vmmu_hw_invept(cpu, VMMU_INVEPT_SINGLE, root + 4096);
	t_true(hits(A));
	vmmu_hw_invept(cpu, VMMU_INVEPT_SINGLE, root);
	t_true(!hits(A) && !hits(GLOB));
	vmmu_hw_invept(cpu, VMMU_INVEPT_ALL, 0);
	t_true(!hits(A));
	finish();
}

/* ---- page-walk cache ---------------------------------------------------------------------------
 */

static uint64_t refs(uint64_t gva)
{
	uint64_t before = stats().walk_refs;

	read_page(gva);
	return stats().walk_refs - before;
}

static void start_pwc(void)
{
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000, .cr4 = BASE_CR4, .efer = LONG };
	struct vmmu_config c = { .pwc_entries = 16, .l1 = { 16, 4 } };

	put_long();
	start_with(&vmmu_native, &c);
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
}

Test(mode, a_page_walk_cache_shortens_the_walk)
{
	start_pwc();
	t_eq(refs(A), 4);
	t_eq(refs(B), 1);
	t_eq(refs(FAR), 2);
	finish();
}

/* SDM 4.10.4.1: INVLPG of any address, all paging-structure entries of the PCID. */
Test(mode, invlpg_drops_the_page_walk_cache_of_this_pcid)
{
	start_pwc();
	read_page(A);
	vmmu_invlpg(cpu, vmmu_gva(0x123456789000));
	t_eq(refs(B), 4);
	finish();
}

Test(mode, a_page_walk_cache_belongs_to_its_pcid)
{
	start_pwc();
	read_page(A);
	use_pcid(1);
	t_eq(refs(B), 4);
	use_pcid(0);
	t_eq(refs(B), 1);
	vmmu_set_cr3(cpu, 0x4000);
	t_eq(refs(A), 4);
	finish();
}

/*
 * The guest takes a table away and forgets INVLPG: old or new, both are legal (SDM 4.10.2.3), but
 * the access ends.  A is clear in the old leaf, so the walk has a store to do.
 */
Test(mode, a_stale_page_walk_cache_does_not_hang_the_access)
{
	struct vmmu_xlat x;
	int st;

	start_pwc();
	put8(0x7010, 0x12000 | 7);
	read_page(A);
	put8(0x6000, 0);
	st = vmmu_translate(cpu, vmmu_gva(B), 1, VMMU_READ, &x);
	t_check((st == VMMU_OK && x.gpa.v == 0x12000) || (st == VMMU_FAULT && x.fault.code == 0),
		"%s", vmmu_strerror(st));
	finish();
}

/* ---- exits ------------------------------------------------------- */

/* One of everything that traps under shadow. */
static void provoke(void)
{
	struct vmmu_xlat x;

	vmmu_clear_stats(vm);
	t_eq(vmmu_set_cr3(cpu, 0x4000), VMMU_OK);
	t_eq(vmmu_set_cr4(cpu, BASE_CR4 | VMMU_CR4_SMEP), VMMU_OK);
	t_eq(vmmu_set_cr0(cpu, PG | VMMU_CR0_WP), VMMU_OK);
	t_eq(vmmu_set_cr0(cpu, VMMU_CR0_PG), VMMU_GP);
	t_eq(vmmu_set_efer(cpu, LONG | VMMU_EFER_NXE), VMMU_OK);
	vmmu_set_pkru(cpu, 4);
	vmmu_invlpg(cpu, vmmu_gva(A));
	t_eq(vmmu_invpcid(cpu, VMMU_INVPCID_ALL, 0, vmmu_gva(0)), VMMU_OK);
	t_eq(vmmu_translate(cpu, vmmu_gva(0x5000), 1, VMMU_READ, &x), VMMU_FAULT);
	vmmu_hw_flush(cpu);
}

Test(mode, nested_paging_has_no_exits_for_what_shadow_has)
{
	unsigned b;

	for (b = 1; b < 3; b++) {
		warm(backends[b], &vmmu_profile_max);
		provoke();
		t_eq(exits(), 0);
		read_page(A);
		t_eq(exits(), 0);
		finish();
	}
}

Test(mode, native_has_no_exits_at_all)
{
	struct vmmu_xlat x;

	warm(&vmmu_native, &vmmu_profile_max);
	provoke();
	put8(0x7020, 0x800000 | PWUA | 0x40);
	t_eq(vmmu_translate(cpu, vmmu_gva(0x4000), 1, VMMU_READ, &x), VMMU_MMIO);
	t_eq(x.gpa.v, 0x800000);
	t_eq(exits(), 0);
	finish();
}

Test(mode, shadow_counts_each_exit_under_its_key)
{
	struct vmmu_stats s;
	struct vmmu_xlat x;

	warm(&vmmu_shadow, &vmmu_profile_max);
	provoke();
	s = stats();
	/* MOV to CR3, CR4, CR0 and the CR0 that is refused; not EFER. */
	t_eq(s.event[VMMU_EV_EXIT_CR_WRITE], 4);
	t_eq(s.event[VMMU_EV_EXIT_INVLPG], 2);
	t_eq(s.event[VMMU_EV_EXIT_GUEST_PF], 1);
	t_eq(s.event[VMMU_EV_EXIT_SHADOW_MISS], 0);
	t_eq(s.event[VMMU_EV_EXIT_MMIO], 0);
	read_page(A);
	t_eq(stats().event[VMMU_EV_EXIT_SHADOW_MISS], 1);
	read_page(A);
	t_eq(stats().event[VMMU_EV_EXIT_SHADOW_MISS], 1);
	put8(0x7020, 0x800000 | PWUA | 0x40);
	t_eq(vmmu_translate(cpu, vmmu_gva(0x4000), 1, VMMU_READ, &x), VMMU_MMIO);
	s = stats();
	t_eq(s.event[VMMU_EV_EXIT_MMIO], 1);
	t_eq(s.event[VMMU_EV_EXIT_SHADOW_MISS], 1);
	t_eq(s.event[VMMU_EV_EXIT_NPF], 0);
	finish();
}

Test(mode, nested_paging_counts_what_it_maps)
{
	static const enum vmmu_event key[] = { 0, VMMU_EV_EXIT_NPF, VMMU_EV_EXIT_EPT_VIOLATION };
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000, .cr4 = BASE_CR4, .efer = LONG };
	unsigned b;

	for (b = 1; b < 3; b++) {
		put_long();
		start(backends[b], NULL);
		t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
		read_page(A);
		/* Four tables and the page. */
		t_eq(stats().event[key[b]], 5);
		t_eq(exits(), 5);
		vmmu_hw_flush(cpu);
		read_page(A);
		t_eq(exits(), 5);
		finish();
	}
}

Test(mode, nested_paging_may_intercept_cr0_and_cr4)
{
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000, .cr4 = BASE_CR4, .efer = LONG };
	struct vmmu_config c = { 0 };

	put_long();
	nested_config = (struct vmmu_nested_config){ .intercept = VMMU_ICPT_CR0 | VMMU_ICPT_CR4 };
	start_with(&vmmu_nested_npt, &c);
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
	read_page(A);
	provoke();
	t_eq(stats().event[VMMU_EV_EXIT_CR_WRITE], 3);
	t_eq(exits(), 3);
	finish();
	nested_config.intercept = VMMU_ICPT_CR3;
	c = (struct vmmu_config){ .size = sizeof(c),
				  .backend = &vmmu_nested_npt,
				  .backend_config = &nested_config };
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	t_true(!vm);
}

/* An intercepted write is the hypervisor's, and what the guest's TLB must lose is lost all the
 * same. */
Test(mode, an_intercepted_write_flushes_all_the_same)
{
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000, .cr4 = BASE_CR4, .efer = LONG };
	struct vmmu_config c = { .l1 = { 16, 4 } };

	put_long();
	nested_config = (struct vmmu_nested_config){ .intercept = VMMU_ICPT_CR0 | VMMU_ICPT_CR4 };
	start_with(&vmmu_nested_npt, &c);
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
	read_page(GLOB);
	op_pge();
	t_true(!hits(GLOB));
	finish();
}
