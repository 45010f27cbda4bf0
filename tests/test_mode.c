/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers and TLB instructions: what is refused, what is reloaded, what is flushed.
 * Not here: what a walk makes of the registers (test_walk.c).
 * Keeps: registers are judged by the oracle; what a TLB may keep, by paging-rules "invalidation".
 */
#include <string.h>
#include <sys/mman.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "native.h"
#include <vmmu-oracle/oracle.h>
#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define RAM 0x40000u
#define P 1u
#define PWUA 0x27u
#define G 0x100u
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)
#define PROT (VMMU_CR0_PE | VMMU_CR0_ET)
#define PG (PROT | VMMU_CR0_PG)

static uint8_t *ram;
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

static uint8_t *get_ram(void)
{
	uintptr_t p;

	if (ram)
		return ram;
	/* The native backend wants a base that is 1G-aligned. */
	p = (uintptr_t)mmap(NULL, BIT(31), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t_true(p != (uintptr_t)MAP_FAILED);
	ram = (uint8_t *)((p + BIT(30) - 1) & ~(uintptr_t)(BIT(30) - 1));
	return ram;
}

static void put8(uint64_t gpa, uint64_t v)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &v, 8, NULL))
		memcpy(get_ram() + gpa, &v, 8);
}

/* ---- backends ------------------------------------------------------------------------------- */

static const struct vmmu_backend *const backends[] = {
	&vmmu_native,
	&vmmu_nested_npt,
	&vmmu_nested_ept,
	&vmmu_shadow,
};
#define NR_BACKENDS 4

static const struct vmmu_range ram_range = { 0, RAM };
static const struct vmmu_native_config native_config = { &ram_range, 1, 4096 };
static struct vmmu_nested_config nested_config;

static void start_with(const struct vmmu_backend *be, struct vmmu_config *c)
{
	struct vmmu_slot_info slot = { .size = RAM, .pointer = get_ram(), .page_size = 4096 };

	vmmu_destroy(vm);
	vm = NULL;
	c->size = sizeof(*c);
	c->backend = be;
	if (be == &vmmu_native) {
		c->backend_config = &native_config;
		c->base = get_ram();
	} else if (be != &vmmu_shadow) {
		c->backend_config = &nested_config;
	}
	t_eq(vmmu_create(c, &vm), VMMU_OK);
	if (be != &vmmu_native)
		t_eq(vmmu_slot_add(vm, &slot), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static void start(const struct vmmu_backend *be, const struct vmmu_profile *prof)
{
	struct vmmu_config c = { .profile = prof };

	memset(&nested_config, 0, sizeof(nested_config));
	start_with(be, &c);
}

static void finish(void)
{
	vmmu_destroy(vm);
	vm = NULL;
}

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
#define NR(a) (sizeof(a) / sizeof((a)[0]))

typedef int set_fn(struct vmmu_cpu *cpu, uint64_t value);
typedef enum or_kind or_set_fn(struct or_regs *r, const struct or_profile *p,
			       const struct or_mem *m, uint64_t value);

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

/* A PAE guest: address 0x128 is 0x7128 by the first directory, 0x8128 by the second. */
static void put_pae(void)
{
	memset(get_ram(), 0, RAM);
	put8(0x1000, 0x4000 | P);
	put8(0x4000, 0x5000 | PWUA);
	put8(0x5000, 0x7000 | PWUA | 0x40);
	put8(0x6000, 0x9000 | PWUA);
	put8(0x9000, 0x8000 | PWUA | 0x40);
}

static const struct vmmu_regs pae_regs = { .cr0 = PG, .cr3 = 0x1000, .cr4 = VMMU_CR4_PAE };

static uint64_t gpa_of(uint64_t gva)
{
	struct vmmu_xlat x;
	int st = vmmu_translate(cpu, vmmu_gva(gva), 1, VMMU_READ | VMMU_AC, &x);

	t_check(st == VMMU_OK, "0x%" PRIx64 ": %s", gva, vmmu_strerror(st));
	return x.gpa.v;
}

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
