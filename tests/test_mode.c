/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers: what is refused, what is reloaded; cached PDPTEs.
 * Not here: what is flushed (test_mode_cached.c), what a walk makes of the registers (test_walk.c).
 * Keeps: registers are judged by the oracle.
 */
#include "mode_rig.h"

/* ---- transitions, against the oracle -------------------------------------------------------- */

static int or_is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa < RAM;
}

static int or_rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = 0;
	if (pa < RAM)
		memcpy(val, ram + pa, bytes);
	return 0;
}

static int or_wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	(void)pa;
	(void)bytes;
	(void)val;
	return 0;
}

static const struct or_mem or_memory = { NULL, or_is_ram, NULL, or_rd, or_wr };

static struct or_profile oracle_profile(const struct vmmu_profile *p)
{
	return (struct or_profile){
		.maxphyaddr = p->maxphyaddr,
		.has_1g = p->features & VMMU_CPU_1G,
		.has_pse36 = p->features & VMMU_CPU_PSE36,
		.g_reserved = p->features & VMMU_CPU_G_RESERVED,
		.pdpte_walk = p->features & VMMU_CPU_PDPTE_WALK,
		.pse_flushes = p->features & VMMU_CPU_PSE_FLUSHES,
		.cr4_valid = p->cr4_valid,
		.efer_valid = p->efer_valid,
	};
}

static struct or_regs oracle_regs(const struct vmmu_regs *r)
{
	struct or_regs o = { r->cr0, r->cr2, r->cr3, r->cr4, r->efer, { 0 }, r->pkru, r->pkrs };

	memcpy(o.pdpte, r->pdpte, sizeof(o.pdpte));
	return o;
}

static const uint64_t cr0_values[] = {
	0,
	VMMU_CR0_ET,
	PROT,
	PG,
	PG | VMMU_CR0_WP,
	PROT | VMMU_CR0_CD,
	PG | VMMU_CR0_CD | VMMU_CR0_NW,
	PG | VMMU_CR0_NW,
	VMMU_CR0_PG,
	PG | BIT(28),
	PG | BIT(32),
	PG | BIT(18) | 0x2e,
};

static const uint64_t cr3_values[] = {
	0,
	0x1000,
	0x1018,
	0x2000,
	0x2020,
	0x1005,
	0x3000,
	0x80000000,
	0x1000 | BIT(63),
	0x1005 | BIT(63),
	0x1000 | BIT(40),
	0x1000 | BIT(47),
	0x1000 | BIT(51),
	0x1000 | BIT(52),
	0x1000 | BIT(62),
};

static const uint64_t cr4_values[] = {
	0,
	VMMU_CR4_PSE,
	VMMU_CR4_PAE,
	VMMU_CR4_PAE | VMMU_CR4_PGE,
	VMMU_CR4_PAE | VMMU_CR4_PSE,
	VMMU_CR4_PAE | VMMU_CR4_LA57,
	VMMU_CR4_PAE | VMMU_CR4_PCIDE,
	VMMU_CR4_PCIDE,
	VMMU_CR4_PAE | VMMU_CR4_SMEP,
	VMMU_CR4_SMEP | VMMU_CR4_SMAP,
	VMMU_CR4_PAE | VMMU_CR4_LA57 | VMMU_CR4_PCIDE | VMMU_CR4_PGE,
	VMMU_CR4_PAE | VMMU_CR4_PKE | VMMU_CR4_PKS,
	VMMU_CR4_PAE | BIT(15),
	BIT(31),
	BIT(32),
	BIT(63),
	VMMU_CR4_LA57,
	BIT(11) | BIT(16) | BIT(18),
};

static const uint64_t efer_values[] = {
	0,	VMMU_EFER_NXE, VMMU_EFER_LME,	     VMMU_EFER_LME | VMMU_EFER_NXE,
	LONG,	VMMU_EFER_LMA, VMMU_EFER_TCE,	     1,
	BIT(1), BIT(63),       LONG | VMMU_EFER_NXE,
};

static const struct {
	const char *name;
	set_fn *set;
	or_set_fn *or_set;
	const uint64_t *values;
	size_t nr;
} writes[] = {
	{ "cr0", vmmu_set_cr0, or_set_cr0, cr0_values, NR(cr0_values) },
	{ "cr3", vmmu_set_cr3, or_set_cr3, cr3_values, NR(cr3_values) },
	{ "cr4", vmmu_set_cr4, or_set_cr4, cr4_values, NR(cr4_values) },
	{ "efer", vmmu_set_efer, or_set_efer, efer_values, NR(efer_values) },
};

static int is_pae(const struct vmmu_regs *r)
{
	return (r->cr0 & VMMU_CR0_PG) && (r->cr4 & VMMU_CR4_PAE) && !(r->efer & VMMU_EFER_LMA);
}

static void same_regs(const struct vmmu_regs *from, const char *name, uint64_t value,
		      const struct or_regs *want)
{
	struct vmmu_regs is;
	uint64_t cr3;

	vmmu_get_regs(cpu, &is);
	/* Outside long mode only the low half of CR3 is anybody's. */
	cr3 = is.efer & VMMU_EFER_LMA ? is.cr3 ^ want->cr3 : (uint32_t)(is.cr3 ^ want->cr3);
	t_check(is.cr0 == want->cr0 && !cr3 && is.cr4 == want->cr4 && is.efer == want->efer,
		"%s = %" PRIx64 " from cr0 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64
		" efer %" PRIx64 ": %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 ", not %" PRIx64
		" %" PRIx64 " %" PRIx64 " %" PRIx64,
		name, value, from->cr0, from->cr3, from->cr4, from->efer, is.cr0, is.cr3, is.cr4,
		is.efer, want->cr0, want->cr3, want->cr4, want->efer);
	if (is_pae(&is))
		t_check(!memcmp(is.pdpte, want->pdpte, sizeof(is.pdpte)),
			"%s = %" PRIx64 ": other PDPTEs", name, value);
}

/* Every write from one state. */
static void write_all(const struct vmmu_regs *from, const struct or_profile *op)
{
	unsigned w, i;

	for (w = 0; w < NR(writes); w++) {
		for (i = 0; i < writes[w].nr; i++) {
			struct or_regs want;
			enum or_kind kind;
			int st;

			/* Outside long mode the operand has 32 bits. */
			if (writes[w].set == vmmu_set_cr3 && !(from->efer & VMMU_EFER_LMA) &&
			    writes[w].values[i] >> 32)
				continue;
			t_eq(vmmu_set_regs(cpu, from, 0), VMMU_OK);
			want = oracle_regs(from);
			kind = writes[w].or_set(&want, op, &or_memory, writes[w].values[i]);
			st = writes[w].set(cpu, writes[w].values[i]);
			t_check((st == VMMU_OK && kind == OR_OK) ||
					(st == VMMU_GP && kind == OR_GP),
				"%s = %" PRIx64 " from cr0 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64
				" efer %" PRIx64 ": %s, oracle %d",
				writes[w].name, writes[w].values[i], from->cr0, from->cr3,
				from->cr4, from->efer, vmmu_strerror(st), kind);
			same_regs(from, writes[w].name, writes[w].values[i], &want);
		}
	}
}

/* CR3 0x1000: good PDPTEs; 0x2000 and 0x2020: a reserved bit; 0x3000: none present. */
static void put_pdptes(void)
{
	memset(get_ram(), 0, RAM);
	put8(0x1000, 0x4000 | P);
	put8(0x1008, 0x5000 | P);
	put8(0x1010, 0xfff0000000000000); /* not present: nothing is reserved */
	put8(0x1018, 0x6000 | P | 0xe18);
	put8(0x2000, 0x4000 | P | 2);
	put8(0x2028, 0x4000 | P | BIT(63));
	put8(0x3000, 6);
}

static unsigned transitions(const struct vmmu_backend *be, const struct vmmu_profile *prof)
{
	struct or_profile op = oracle_profile(prof);
	unsigned i0, i3, i4, ie, states = 0;

	put_pdptes();
	start(be, prof);
	for (i0 = 0; i0 < NR(cr0_values); i0++) {
		for (i4 = 0; i4 < NR(cr4_values); i4++) {
			for (ie = 0; ie < NR(efer_values); ie++) {
				for (i3 = 0; i3 < 6; i3 += 5) {
					struct vmmu_regs r = { .cr0 = cr0_values[i0],
							       .cr3 = cr3_values[i3],
							       .cr4 = cr4_values[i4],
							       .efer = efer_values[ie] };

					if (is_pae(&r))
						r.cr3 = 0x1000;
					if (vmmu_set_regs(cpu, &r, 1))
						continue;
					vmmu_get_regs(cpu, &r);
					write_all(&r, &op);
					states++;
				}
			}
		}
	}
	finish();
	return states;
}

Test(mode, every_transition_is_the_oracles_under_native)
{
	t_true(transitions(&vmmu_native, &vmmu_profile_max) > 200);
	t_true(transitions(&vmmu_native, &vmmu_profile_intel) > 100);
	t_true(transitions(&vmmu_native, &vmmu_profile_amd) > 100);
}

Test(mode, every_transition_is_the_oracles_under_nested)
{
	t_true(transitions(&vmmu_nested_npt, &vmmu_profile_max) > 200);
	t_true(transitions(&vmmu_nested_ept, &vmmu_profile_amd) > 100);
}

Test(mode, every_transition_is_the_oracles_under_shadow)
{
	t_true(transitions(&vmmu_shadow, &vmmu_profile_max) > 200);
}

/* ---- a few literals ----------------------------------------------------------------------------
 */

Test(mode, reset_is_real_mode_with_caches_off)
{
	struct vmmu_regs r;
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start(backends[b], NULL);
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr0, 0x60000010);
		t_eq(r.cr3, 0);
		t_eq(r.cr4, 0);
		t_eq(r.efer, 0);
		finish();
	}
}

Test(mode, the_way_into_long_mode_and_out)
{
	struct vmmu_regs r;
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start(backends[b], NULL);
		t_eq(vmmu_set_cr0(cpu, VMMU_CR0_PG), VMMU_GP);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PCIDE | VMMU_CR4_PAE), VMMU_GP);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE), VMMU_OK);
		t_eq(vmmu_set_efer(cpu, VMMU_EFER_LME), VMMU_OK);
		t_eq(vmmu_set_cr3(cpu, 0x4000), VMMU_OK);
		t_eq(vmmu_set_cr0(cpu, PG), VMMU_OK);
		vmmu_get_regs(cpu, &r);
		t_eq(r.efer, LONG);
		t_eq(vmmu_set_cr4(cpu, 0), VMMU_GP);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_LA57), VMMU_GP);
		t_eq(vmmu_set_efer(cpu, 0), VMMU_GP);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_PCIDE), VMMU_OK);
		t_eq(vmmu_set_cr0(cpu, PROT), VMMU_GP);
		t_eq(vmmu_set_cr3(cpu, 0x4005 | BIT(63)), VMMU_OK);
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr3, 0x4005);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE), VMMU_OK);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_PCIDE), VMMU_GP);
		t_eq(vmmu_set_cr3(cpu, 0x4000 | BIT(63)), VMMU_GP);
		t_eq(vmmu_set_cr0(cpu, PROT), VMMU_OK);
		vmmu_get_regs(cpu, &r);
		t_eq(r.efer, VMMU_EFER_LME);
		finish();
	}
}

Test(mode, a_refused_write_names_its_reason)
{
	start(&vmmu_nested_npt, NULL);
	t_eq(vmmu_set_cr0(cpu, VMMU_CR0_PG), VMMU_GP);
	t_true(vmmu_reason(vm)[0]);
	finish();
}

Test(mode, set_regs_refuses_what_no_cpu_can_be_in)
{
	static const struct vmmu_regs bad[] = {
		{ .cr0 = VMMU_CR0_PG },
		{ .cr0 = PG | VMMU_CR0_NW },
		{ .cr0 = PG, .cr4 = VMMU_CR4_PAE, .efer = VMMU_EFER_LME },
		{ .cr0 = PROT, .efer = LONG },
		{ .cr0 = PG, .efer = LONG },
		{ .cr0 = PROT, .cr4 = VMMU_CR4_PCIDE },
		{ .cr0 = PG, .cr4 = VMMU_CR4_PAE, .efer = LONG, .cr3 = BIT(52) },
		{ .cr0 = PG | BIT(32) },
		{ .cr0 = PROT, .cr4 = BIT(63) },
		{ .cr0 = PROT, .efer = BIT(1) },
		{ .cr0 = PG, .cr4 = VMMU_CR4_PAE, .pdpte = { 3 } },
	};
	struct vmmu_regs before, after;
	unsigned i;

	start(&vmmu_nested_ept, NULL);
	vmmu_get_regs(cpu, &before);
	for (i = 0; i < NR(bad); i++) {
		t_check(vmmu_set_regs(cpu, &bad[i], 0) == VMMU_EINVAL, "state %u", i);
		t_true(vmmu_reason(vm)[0]);
		vmmu_get_regs(cpu, &after);
		t_true(!memcmp(&before, &after, sizeof(before)));
	}
	finish();
}

Test(mode, set_regs_and_get_regs_are_a_round_trip)
{
	struct vmmu_regs r = { .cr0 = PG | VMMU_CR0_WP,
			       .cr2 = 0x1234,
			       .cr3 = 0x1000,
			       .cr4 = VMMU_CR4_PAE,
			       .efer = VMMU_EFER_NXE,
			       .pdpte = { 0x4001, 0, 0x5001, 0 },
			       .pkru = 0x55,
			       .pkrs = 0xaa };
	struct vmmu_regs is;
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start(backends[b], NULL);
		t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
		vmmu_get_regs(cpu, &is);
		t_true(!memcmp(&r, &is, sizeof(r)));
		finish();
	}
}

/* SDM, INVPCID */
Test(mode, invpcid_raises_gp)
{
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x1000, .cr4 = VMMU_CR4_PAE, .efer = LONG };
	unsigned b, type;

	put_pdptes();
	for (b = 0; b < NR_BACKENDS; b++) {
		start(backends[b], NULL);
		t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
		for (type = 0; type < 4; type++)
			t_eq(vmmu_invpcid(cpu, type, 0, vmmu_gva(0)), VMMU_OK);
		t_eq(vmmu_invpcid(cpu, 4, 0, vmmu_gva(0)), VMMU_GP);
		t_eq(vmmu_invpcid(cpu, 0, 1, vmmu_gva(0)), VMMU_GP);
		t_eq(vmmu_invpcid(cpu, 1, 1, vmmu_gva(0)), VMMU_GP);
		t_eq(vmmu_invpcid(cpu, 2, 1, vmmu_gva(0)), VMMU_OK);
		t_eq(vmmu_invpcid(cpu, 3, 1, vmmu_gva(0)), VMMU_OK);
		t_eq(vmmu_invpcid(cpu, 3, 4096, vmmu_gva(0)), VMMU_GP);
		t_eq(vmmu_invpcid(cpu, 0, 0, vmmu_gva(BIT(47))), VMMU_GP);
		t_eq(vmmu_invpcid(cpu, 1, 0, vmmu_gva(BIT(47))), VMMU_OK);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_PCIDE), VMMU_OK);
		t_eq(vmmu_invpcid(cpu, 0, 4095, vmmu_gva(0)), VMMU_OK);
		t_eq(vmmu_invpcid(cpu, 1, 4096, vmmu_gva(0)), VMMU_GP);
		finish();
	}
}

/* ---- cached PDPTEs ----------------------------------------------- */

static const struct vmmu_regs pae_regs = { .cr0 = PG, .cr3 = 0x1000, .cr4 = VMMU_CR4_PAE };

static void store8(uint64_t gpa, uint64_t v)
{
	t_eq(vmmu_write(vm, cpu, vmmu_gpa(gpa), &v, 8, NULL), VMMU_OK);
}

static void start_pae(const struct vmmu_backend *be)
{
	put_pae();
	start(be, NULL);
	t_eq(vmmu_set_regs(cpu, &pae_regs, 1), VMMU_OK);
	t_eq(gpa_of(0x128), 0x7128);
	store8(0x1000, 0x6000 | P);
}

Test(mode, a_changed_pdpte_is_not_seen_before_a_reload)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start_pae(backends[b]);
		t_eq(gpa_of(0x128), 0x7128);
		vmmu_invlpg(cpu, vmmu_gva(0x128));
		vmmu_invpcid(cpu, VMMU_INVPCID_ALL_GLOBAL, 0, vmmu_gva(0));
		vmmu_hw_flush(cpu);
		t_eq(gpa_of(0x128), 0x7128);
		t_eq(vmmu_set_cr3(cpu, 0x1000), VMMU_OK);
		t_eq(gpa_of(0x128), 0x8128);
		finish();
	}
}

Test(mode, which_writes_reload_pdptes)
{
	static const struct {
		set_fn *set;
		uint64_t value;
		int reloads;
	} w[] = {
		{ vmmu_set_cr0, PG | VMMU_CR0_CD, 1 },
		{ vmmu_set_cr0, PG | VMMU_CR0_CD | VMMU_CR0_NW, 1 },
		{ vmmu_set_cr0, PG | VMMU_CR0_WP, 0 },
		{ vmmu_set_cr0, PG, 0 },
		{ vmmu_set_cr4, VMMU_CR4_PAE | VMMU_CR4_PGE, 1 },
		{ vmmu_set_cr4, VMMU_CR4_PAE | VMMU_CR4_PSE, 1 },
		{ vmmu_set_cr4, VMMU_CR4_PAE | VMMU_CR4_SMEP, 1 },
		{ vmmu_set_cr4, VMMU_CR4_PAE | VMMU_CR4_SMAP, 0 },
		{ vmmu_set_cr4, VMMU_CR4_PAE | VMMU_CR4_PKE, 0 },
		{ vmmu_set_cr4, VMMU_CR4_PAE, 0 },
		{ vmmu_set_efer, VMMU_EFER_NXE, 0 },
		{ vmmu_set_cr3, 0x1018, 1 },
	};
	unsigned b, i;

	for (b = 0; b < NR_BACKENDS; b++) {
		for (i = 0; i < NR(w); i++) {
			struct vmmu_regs r;

			start_pae(backends[b]);
			t_eq(w[i].set(cpu, w[i].value), VMMU_OK);
			vmmu_get_regs(cpu, &r);
			t_check(r.pdpte[0] == (w[i].reloads ? 0x6001 : 0x4001),
				"backend %u, write %u: %" PRIx64, b, i, r.pdpte[0]);
			vmmu_hw_flush(cpu);
			t_eq(gpa_of(0x128), w[i].reloads ? 0x8128 : 0x7128);
			finish();
		}
	}
}

Test(mode, leaving_and_entering_paging_reloads_pdptes)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start_pae(backends[b]);
		t_eq(vmmu_set_cr0(cpu, PROT), VMMU_OK);
		t_eq(gpa_of(0x128), 0x128);
		t_eq(vmmu_set_cr0(cpu, PG), VMMU_OK);
		t_eq(gpa_of(0x128), 0x8128);
		finish();
	}
}

Test(mode, a_bad_pdpte_refuses_the_write_and_changes_nothing)
{
	struct vmmu_regs before, after;
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start_pae(backends[b]);
		store8(0x1018, 0x6000 | P | 4);
		vmmu_get_regs(cpu, &before);
		t_eq(vmmu_set_cr3(cpu, 0x1000), VMMU_GP);
		t_eq(vmmu_set_cr0(cpu, PG | VMMU_CR0_CD), VMMU_GP);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_PGE), VMMU_GP);
		vmmu_get_regs(cpu, &after);
		t_true(!memcmp(&before, &after, sizeof(before)));
		t_eq(gpa_of(0x128), 0x7128);
		finish();
	}
}

Test(mode, pdptes_outside_memory_refuse_the_write)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		start_pae(backends[b]);
		t_eq(vmmu_set_cr3(cpu, RAM), VMMU_GP);
		t_eq(gpa_of(0x128), 0x7128);
		finish();
	}
}
