/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's KVM as another oracle: KVM_TRANSLATE walks the guest's tables in software, by code
 * that shares nothing with the library or with tools/check/oracle.
 * Not here: permissions, D, non-canonical addresses; KVM_TRANSLATE is a supervisor's read and takes
 * any address.  The guest never runs.
 * Keeps: a run is a function of VMMU_SEED and of what the CPUID of this KVM says.
 *
 * Exit status 77 where there is no KVM to ask.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "t.h"
#include "world.h"

#define PAGE 4096ull
#define WORLDS 96u
#define WALKS 64u    /* of a world; some 25000 in all modes */
#define SAME_CPUID 8 /* worlds with one MAXPHYADDR */
#define COPIES 3u    /* tables of each level */
#define HOT 6u	     /* indices in use in every table */

#define P (1ull << 0)
#define W (1ull << 1)
#define U (1ull << 2)
#define PWT (1ull << 3)
#define PCD (1ull << 4)
#define A (1ull << 5)
#define D (1ull << 6)
#define PS (1ull << 7) /* PAT in a PTE */
#define G (1ull << 8)
#define AVL (7ull << 9)
#define LARGE_PAT (1ull << 12)
#define NX (1ull << 63)

struct mode {
	const char *name;
	unsigned top;	/* level of the root; 3 is PAE paging */
	unsigned bytes; /* of an entry */
	uint64_t cr4, efer;
};

static const struct mode mode_32 = { "32-bit", 2, 4, 0, 0 };
static const struct mode mode_pae = { "PAE", 3, 8, OR_CR4_PAE, 0 };
static const struct mode mode_long4 = { "4-level", 4, 8, OR_CR4_PAE, OR_EFER_LME | OR_EFER_LMA };
static const struct mode mode_long5 = { "5-level", 5, 8, OR_CR4_PAE | OR_CR4_LA57,
					OR_EFER_LME | OR_EFER_LMA };

enum { MEM_KVM, MEM_ORACLE };

/* What the library is asked through; all read the oracle's memory. */
static const struct {
	const char *name;
	const struct vmmu_backend *backend;
} libs[] = {
	{ "native", &vmmu_native },
	{ "shadow", &vmmu_shadow },
	{ "nested-npt", &vmmu_nested_npt },
	{ "nested-ept", &vmmu_nested_ept },
};
#define NR_LIBS (sizeof(libs) / sizeof(libs[0]))

struct kvm {
	int dev, vm, cpu;
	struct kvm_cpuid2 *cpuid;
	unsigned maxphyaddr;
	bool intel, amd, nx, has_1g;
};

struct answer {
	bool valid;
	uint64_t gpa;
};

struct rig {
	struct kvm kvm;
	const struct mode *mode;
	struct rng rng;
	struct or_profile orp;
	struct vmmu_profile profile;
	struct vmmu *vm[NR_LIBS];
	struct or_regs regs;
	bool loops; /* in this world any table may be a table of any level */
	uint64_t hot[HOT];
	unsigned valid, invalid, mmio;
};

/* ---- KVM ------------------------------------------------------------------------------------- */

static struct kvm_cpuid_entry2 *cpuid_leaf(const struct kvm *k, uint32_t function)
{
	uint32_t i;

	for (i = 0; i < k->cpuid->nent; i++)
		if (k->cpuid->entries[i].function == function && !k->cpuid->entries[i].index)
			return &k->cpuid->entries[i];
	return NULL;
}

static void read_cpuid(struct kvm *k)
{
	const struct kvm_cpuid_entry2 *e;

	e = cpuid_leaf(k, 0);
	k->intel = e && e->ebx == 0x756e6547;			      /* Genu */
	k->amd = e && (e->ebx == 0x68747541 || e->ebx == 0x6f677948); /* Auth, Hygo */
	e = cpuid_leaf(k, 0x80000001);
	k->nx = e && e->edx >> 20 & 1;
	k->has_1g = e && e->edx >> 26 & 1;
	e = cpuid_leaf(k, 0x80000008);
	/* Without it a CPU with PAE has 36: SDM 4.1.4. */
	k->maxphyaddr = e ? e->eax & 0xff : 36;
}

static void kvm_close(struct kvm *k)
{
	if (k->cpu >= 0)
		close(k->cpu);
	if (k->vm >= 0)
		close(k->vm);
	if (k->dev >= 0)
		close(k->dev);
	free(k->cpuid);
}

/* NULL, or what failed.  In both cases kvm_close() is to follow. */
static const char *kvm_open(struct kvm *k)
{
	struct kvm_translation t = { .linear_address = 0 };
	const uint32_t nent = 256;
	unsigned i;

	*k = (struct kvm){ .dev = -1, .vm = -1, .cpu = -1 };
	k->dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (k->dev < 0)
		return "/dev/kvm";
	if (ioctl(k->dev, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return "KVM_GET_API_VERSION";
	k->vm = ioctl(k->dev, KVM_CREATE_VM, 0);
	if (k->vm < 0)
		return "KVM_CREATE_VM";
	for (i = 0; i < NR_REGIONS; i++) {
		struct kvm_userspace_memory_region r = {
			.slot = i,
			.guest_phys_addr = region[i].gpa,
			.memory_size = region[i].size,
			.userspace_addr = (uintptr_t)(mem_arena(MEM_KVM) + region[i].gpa),
		};

		if (ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &r))
			return "KVM_SET_USER_MEMORY_REGION";
	}
	k->cpu = ioctl(k->vm, KVM_CREATE_VCPU, 0);
	if (k->cpu < 0)
		return "KVM_CREATE_VCPU";
	k->cpuid = calloc(1, sizeof(*k->cpuid) + nent * sizeof(k->cpuid->entries[0]));
	if (!k->cpuid)
		return "calloc";
	k->cpuid->nent = nent;
	if (ioctl(k->dev, KVM_GET_SUPPORTED_CPUID, k->cpuid))
		return "KVM_GET_SUPPORTED_CPUID";
	if (ioctl(k->cpu, KVM_SET_CPUID2, k->cpuid))
		return "KVM_SET_CPUID2";
	read_cpuid(k);
	return ioctl(k->cpu, KVM_TRANSLATE, &t) ? "KVM_TRANSLATE" : NULL;
}

/*
 * Before either runner: neither has a word for a program that cannot run here, but Meson has.  (One
 * that is skipped test by test counts as passed.)
 */
__attribute__((constructor)) static void skip_without_kvm(void)
{
	struct kvm k;
	const char *failed = kvm_open(&k);

	if (failed) {
		fprintf(stderr, "skipped: %s: %s\n", failed, strerror(errno));
		_exit(77);
	}
	kvm_close(&k);
}

static void kvm_set_maxphyaddr(const struct kvm *k, unsigned bits)
{
	struct kvm_cpuid_entry2 *e = cpuid_leaf(k, 0x80000008);

	if (!e)
		return;
	e->eax = (e->eax & ~0xffu) | bits;
	t_check(!ioctl(k->cpu, KVM_SET_CPUID2, k->cpuid), "KVM_SET_CPUID2: %s", strerror(errno));
}

/* PDPTEs are loaded from memory.  0, or -1 with errno. */
static int kvm_set_regs(const struct kvm *k, const struct or_regs *r)
{
	struct kvm_sregs s;

	if (ioctl(k->cpu, KVM_GET_SREGS, &s))
		return -1;
	s.cr0 = r->cr0;
	s.cr3 = r->cr3;
	s.cr4 = r->cr4;
	s.efer = r->efer;
	s.cs.l = r->efer & OR_EFER_LMA ? 1 : 0;
	s.cs.db = 0;
	return ioctl(k->cpu, KVM_SET_SREGS, &s);
}

/*
 * A KVM may lack a mode, or its walks: one that runs only long mode on the CPU takes the registers
 * of the others, but reads back with CR0.PG clear and translates as without paging.
 */
static bool kvm_has_mode(const struct kvm *k, const struct mode *m)
{
	const struct or_regs r = { .cr0 = OR_CR0_PE | OR_CR0_ET | OR_CR0_PG,
				   .cr4 = m->cr4,
				   .efer = m->efer };
	struct kvm_sregs s;

	if (kvm_set_regs(k, &r) || ioctl(k->cpu, KVM_GET_SREGS, &s))
		return false;
	return (s.cr0 & OR_CR0_PG) && (s.cr4 & m->cr4) == m->cr4 && (s.efer & m->efer) == m->efer;
}

static struct answer kvm_answer(const struct kvm *k, uint64_t gva)
{
	struct kvm_translation t = { .linear_address = gva };

	t_check(!ioctl(k->cpu, KVM_TRANSLATE, &t), "KVM_TRANSLATE: %s", strerror(errno));
	return (struct answer){ t.valid, t.valid ? t.physical_address : 0 };
}

/* ---- the oracle and the library ---------------------------------------------------------------
 */

static int is_ram(void *ctx, uint64_t pa)
{
	unsigned i;

	(void)ctx;
	for (i = 0; i < NR_REGIONS; i++)
		if (pa - region[i].gpa < region[i].size)
			return 1;
	return 0;
}

static int rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	const bool *tell = ctx;

	*val = 0;
	memcpy(val, mem_arena(MEM_ORACLE) + pa, bytes);
	if (*tell)
		fprintf(stderr, "  0x%" PRIx64 ": 0x%" PRIx64 "\n", pa, *val);
	return 0;
}

static int wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	memcpy(mem_arena(MEM_ORACLE) + pa, &val, bytes);
	return 0;
}

/* With `tell` the entries go to stderr, and A stays as it is. */
static void oracle_walk(const struct rig *g, uint64_t gva, bool tell, struct or_result *res)
{
	const struct or_mem mem = { &tell, is_ram, NULL, rd, wr };
	const struct or_access acc = { .gva = gva, .op = OR_READ, .no_ad = tell };

	or_translate(&g->regs, &g->orp, &mem, &acc, res);
}

static struct answer oracle_answer(struct rig *g, uint64_t gva)
{
	struct or_result res;
	bool final;

	oracle_walk(g, gva, false, &res);
	t_check(res.kind == OR_OK || res.kind == OR_PF || res.kind == OR_MMIO, "kind %d", res.kind);
	final = res.kind == OR_MMIO && res.stage == OR_FINAL;
	g->mmio += final;
	if (res.kind != OR_OK && !final)
		return (struct answer){ false, 0 };
	return (struct answer){ true, res.gpa };
}

static struct answer lib_answer(const struct rig *g, unsigned n, uint64_t gva)
{
	struct vmmu_xlat x;
	int st =
		vmmu_translate(vmmu_cpu(g->vm[n], 0), vmmu_gva(gva), 1, VMMU_READ | VMMU_PROBE, &x);

	t_check(st == VMMU_OK || st == VMMU_FAULT || st == VMMU_MMIO, "%s: %s", libs[n].name,
		vmmu_strerror(st));
	if (st == VMMU_FAULT || (st == VMMU_MMIO && x.stage == VMMU_STAGE_TABLE))
		return (struct answer){ false, 0 };
	return (struct answer){ true, x.gpa.v };
}

static void lib_set_regs(const struct rig *g)
{
	const struct vmmu_regs r = {
		.cr0 = g->regs.cr0, .cr3 = g->regs.cr3, .cr4 = g->regs.cr4, .efer = g->regs.efer
	};
	unsigned i;

	for (i = 0; i < NR_LIBS; i++) {
		int st = vmmu_set_regs(vmmu_cpu(g->vm[i], 0), &r, 1);

		t_check(!st, "%s: vmmu_set_regs: %s: %s", libs[i].name, vmmu_strerror(st),
			vmmu_reason(g->vm[i]));
	}
}

static void lib_close(struct rig *g)
{
	unsigned i;

	for (i = 0; i < NR_LIBS; i++)
		vmmu_destroy(g->vm[i]);
}

static void lib_open(struct rig *g)
{
	unsigned i;

	for (i = 0; i < NR_LIBS; i++) {
		struct guest_cfg cfg = {
			.backend = libs[i].backend,
			.profile = &g->profile,
			.page_size = PAGE,
		};
		int st = guest_open(&cfg, mem_arena(MEM_ORACLE), &g->vm[i]);

		t_check(!st, "%s: %s", libs[i].name, vmmu_strerror(st));
	}
}

/* ---- tables ---------------------------------------------------------------------------------- */

static uint64_t bits(unsigned hi, unsigned lo)
{
	return (~0ull >> (63 - hi)) & (~0ull << lo);
}

static unsigned index_bits(const struct mode *m)
{
	return m->bytes == 4 ? 10 : 9;
}

static unsigned shift_of(const struct mode *m, unsigned level)
{
	return 12 + index_bits(m) * (level - 1);
}

/*
 * One low, one in another slot, one above 4G where an entry or CR3 can lead there.  A link with one
 * wrong bit leads to no table of another level.
 */
static uint64_t table_at(const struct mode *m, unsigned level, unsigned copy)
{
	static const uint8_t page[] = { 3, 5, 6, 9, 10 };
	bool low = m->bytes == 4 || (m->top == 3 && level == 3);
	const uint64_t base[COPIES] = { 0, 8 * MIB, low ? GIB : 4 * GIB };

	return base[copy] + PAGE * page[level - 1];
}

/* In both memories. */
static void put(uint64_t pa, const void *from, size_t len)
{
	memcpy(mem_arena(MEM_KVM) + pa, from, len);
	memcpy(mem_arena(MEM_ORACLE) + pa, from, len);
}

/* Where a link of this level leads; at times to no RAM. */
static uint64_t link_to(struct rig *g, unsigned level)
{
	const struct mode *m = g->mode;
	unsigned how = rng_below(&g->rng, 100);
	unsigned phys = m->bytes == 4 ? 32 : g->orp.maxphyaddr;

	if (how < 2)
		return rng_next(&g->rng) & bits(phys - 1, 12);
	if (how < 4)
		return 4 * MIB + PAGE * rng_below(&g->rng, 512);
	if (how < 14 && g->loops)
		level = 2 + rng_below(&g->rng, m->top);
	return table_at(m, level - 1, rng_below(&g->rng, COPIES));
}

static uint64_t leaf_at(struct rig *g, unsigned shift)
{
	unsigned phys = g->mode->bytes == 4 ? 32 : g->orp.maxphyaddr;

	if (rng_percent(&g->rng, 50))
		phys = 24;
	return shift < phys ? rng_next(&g->rng) & bits(phys - 1, shift) : 0;
}

/* Takes out what not every KVM does as the manuals say. */
static uint64_t without_quirks(const struct rig *g, unsigned level, uint64_t e)
{
	bool link = (level > 1 || g->loops) && !(e & PS);

	/* KVM's PSE-36 has 36 bits whatever MAXPHYADDR is: bits 20:17 of a 4M leaf are reserved. */
	if (g->mode->bytes == 4 && (e & PS) && g->orp.maxphyaddr > 36)
		e &= ~bits(20, 17);
	/* Who reserves bit 8 of PML4Es depends on a vendor that is not known here. */
	if (link && !g->kvm.intel && !g->kvm.amd)
		e &= ~G;
	/* For AMD, older ones (before Linux 5.12) reserve it in PDPTEs as well. */
	if (link && g->kvm.amd && (level == 3 || g->loops))
		e &= ~G;
	return e;
}

static bool may_be_leaf(struct rig *g, unsigned level)
{
	if (level == 1)
		return true;
	/* Where a PDPTE may not be one, PS is a reserved bit. */
	if (level == 3)
		return rng_percent(&g->rng, g->orp.has_1g ? 20 : 3);
	return level == 2 && rng_percent(&g->rng, 25);
}

static uint64_t make_entry(struct rig *g, unsigned level)
{
	unsigned bytes = g->mode->bytes, shift = shift_of(g->mode, level);
	bool leaf = may_be_leaf(g, level);
	uint64_t e = P | (rng_next(&g->rng) & (W | U | PWT | PCD | A | D | AVL));

	e |= leaf ? leaf_at(g, shift) : link_to(g, level);
	if (leaf && (level > 1 || rng_percent(&g->rng, 25)))
		e |= PS;
	if (rng_percent(&g->rng, 10))
		e |= G;
	if (leaf && level > 1 && rng_percent(&g->rng, 25))
		e |= LARGE_PAT;
	if (leaf && level > 1 && bytes == 4 && rng_percent(&g->rng, 50))
		e |= rng_next(&g->rng) & bits(16, 13); /* address bits 35:32 */
	if (g->mode->top >= 4 && rng_percent(&g->rng, 30))
		e |= rng_next(&g->rng) & bits(62, 52);
	if ((g->regs.efer & OR_EFER_NXE) && bytes == 8 && rng_percent(&g->rng, 15))
		e |= NX;
	if (rng_percent(&g->rng, 10))
		e ^= 1ull << rng_below(&g->rng, bytes * 8);
	if (rng_percent(&g->rng, 4))
		e &= ~P;
	return without_quirks(g, level, e);
}

/*
 * KVM_SET_SREGS does not tell that a PDPTE is bad, and keeps those it had: they are good, or not
 * present.
 */
static void fill_pdptes(struct rig *g, uint64_t at)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		uint64_t e = rng_next(&g->rng) & ~P;

		if (rng_percent(&g->rng, 90))
			e = P | link_to(g, 3) | (e & (PWT | PCD | AVL));
		put(at + 8 * i, &e, 8);
		g->regs.pdpte[i] = e;
	}
}

/* What another mode left would be found by a link to anywhere. */
static void clear_tables(void)
{
	static const struct mode *const modes[] = { &mode_32, &mode_long5 };
	static const uint8_t zero[PAGE];
	unsigned i, level, copy;

	for (i = 0; i < 2; i++)
		for (level = 1; level <= 5; level++)
			for (copy = 0; copy < COPIES; copy++)
				put(table_at(modes[i], level, copy), zero, PAGE);
}

static void fill_table(struct rig *g, unsigned level, uint64_t at)
{
	static const uint8_t zero[PAGE];
	unsigned i;

	put(at, zero, PAGE);
	for (i = 0; i < HOT; i++) {
		uint64_t e = make_entry(g, level);

		put(at + g->hot[i] * g->mode->bytes, &e, g->mode->bytes);
	}
}

static void fill_tables(struct rig *g)
{
	const struct mode *m = g->mode;
	unsigned level, i;

	g->hot[0] = 0;
	g->hot[1] = bits(index_bits(m) - 1, 0);
	for (i = 2; i < HOT; i++)
		g->hot[i] = rng_below(&g->rng, 1u << index_bits(m));
	for (level = 1; level <= m->top; level++)
		for (i = 0; i < COPIES; i++)
			fill_table(g, level, table_at(m, level, i));
	if (m->top == 3)
		fill_pdptes(g, g->regs.cr3);
}

/* ---- worlds ---------------------------------------------------------------------------------- */

static void make_cpu(struct rig *g, bool host)
{
	unsigned max = g->kvm.maxphyaddr;

	/* Below 36 KVM's PSE-36 is of a CPU that does not exist. */
	if (!host && max > 36 && cpuid_leaf(&g->kvm, 0x80000008))
		max = 36 + rng_below(&g->rng, max - 35);
	kvm_set_maxphyaddr(&g->kvm, max);
	g->orp = (struct or_profile){
		.maxphyaddr = max,
		.has_1g = g->kvm.has_1g,
		.has_pse36 = true, /* KVM does not look at CPUID for it */
		.g_reserved = g->kvm.amd,
		.cr4_valid = OR_CR4_PSE | OR_CR4_PAE | OR_CR4_PGE | OR_CR4_LA57,
		.efer_valid = OR_EFER_LME | OR_EFER_LMA | OR_EFER_NXE,
	};
	g->profile = (struct vmmu_profile){
		.name = "as KVM's",
		.features = VMMU_CPU_PSE36 | (g->orp.has_1g ? VMMU_CPU_1G : 0) |
			    (g->orp.g_reserved ? VMMU_CPU_G_RESERVED : 0),
		.maxphyaddr = (uint8_t)max,
		.cr4_valid = g->orp.cr4_valid,
		.efer_valid = g->orp.efer_valid,
	};
}

static void make_regs(struct rig *g)
{
	const struct mode *m = g->mode;
	struct rng *r = &g->rng;

	g->regs = (struct or_regs){
		.cr0 = OR_CR0_PE | OR_CR0_ET | OR_CR0_PG,
		.cr3 = table_at(m, m->top, rng_below(r, COPIES)),
		.cr4 = m->cr4 | (rng_percent(r, 80) ? OR_CR4_PSE : 0) |
		       (rng_percent(r, 50) ? OR_CR4_PGE : 0),
		.efer = m->efer | (g->kvm.nx && rng_percent(r, 75) ? OR_EFER_NXE : 0),
	};
	if (m->top == 3)
		g->regs.cr3 += 32 * rng_below(r, 128);
	else if (rng_percent(r, 3))
		g->regs.cr3 = 4 * MIB; /* no RAM */
	if (m->top != 3)
		g->regs.cr3 |= rng_next(r) & (PWT | PCD);
}

static uint64_t make_gva(struct rig *g)
{
	const struct mode *m = g->mode;
	uint64_t gva = rng_below(&g->rng, PAGE);
	unsigned level, top;

	for (level = 1; level <= m->top; level++) {
		uint64_t index = g->hot[rng_below(&g->rng, HOT)];

		if (rng_percent(&g->rng, 3))
			index = rng_below(&g->rng, 1u << index_bits(m));
		gva |= index << shift_of(m, level);
	}
	if (m->top < 4)
		return gva & UINT32_MAX;
	top = shift_of(m, m->top) + 8;
	return gva >> top & 1 ? gva | bits(63, top) : gva;
}

static void tell(const struct rig *g, uint64_t gva)
{
	const struct or_regs *r = &g->regs;
	struct or_result res;
	unsigned i;

	fprintf(stderr,
		"%s, MAXPHYADDR %u%s%s, cr3 0x%" PRIx64 " cr4 0x%" PRIx64 " efer 0x%" PRIx64
		": 0x%" PRIx64 "\n",
		g->mode->name, g->orp.maxphyaddr, g->orp.has_1g ? ", 1G" : "",
		g->orp.g_reserved ? ", G reserved" : "", r->cr3, r->cr4, r->efer, gva);
	for (i = 0; i < 4 && g->mode->top == 3; i++)
		fprintf(stderr, "  PDPTE %u: 0x%" PRIx64 "\n", i, r->pdpte[i]);
	oracle_walk(g, gva, true, &res);
}

static void compare(const struct rig *g, uint64_t gva, const char *who, struct answer is,
		    struct answer kvm)
{
	if (is.valid == kvm.valid && is.gpa == kvm.gpa)
		return;
	tell(g, gva);
	t_check(false, "%s: valid %d 0x%" PRIx64 ", KVM: valid %d 0x%" PRIx64, who, is.valid,
		is.gpa, kvm.valid, kvm.gpa);
}

static void walk(struct rig *g)
{
	uint64_t gva = make_gva(g);
	struct answer kvm = kvm_answer(&g->kvm, gva);
	unsigned i;

	compare(g, gva, "oracle", oracle_answer(g, gva), kvm);
	for (i = 0; i < NR_LIBS; i++)
		compare(g, gva, libs[i].name, lib_answer(g, i, gva), kvm);
	if (kvm.valid)
		g->valid++;
	else
		g->invalid++;
}

/* KVM_TRANSLATE sets A as an access does: in every entry of a walk that arrives, else in none. */
static void compare_tables(const struct rig *g)
{
	const uint8_t *kvm = mem_arena(MEM_KVM), *oracle = mem_arena(MEM_ORACLE);
	unsigned level, i;
	uint64_t at, end;

	for (level = 1; level <= g->mode->top; level++)
		for (i = 0; i < COPIES; i++) {
			at = table_at(g->mode, level, i);
			if (!memcmp(kvm + at, oracle + at, PAGE))
				continue;
			end = at + PAGE;
			while (at < end && !memcmp(kvm + at, oracle + at, g->mode->bytes))
				at += g->mode->bytes;
			t_check(false, "%s: entry at 0x%" PRIx64 ": A differs from KVM's",
				g->mode->name, at);
		}
}

static void one_world(struct rig *g)
{
	unsigned i;

	g->loops = rng_percent(&g->rng, 40);
	make_regs(g);
	fill_tables(g);
	t_check(!kvm_set_regs(&g->kvm, &g->regs),
		"KVM_SET_SREGS: cr0 0x%" PRIx64 " cr3 0x%" PRIx64 " cr4 0x%" PRIx64
		" efer 0x%" PRIx64 ": %s",
		g->regs.cr0, g->regs.cr3, g->regs.cr4, g->regs.efer, strerror(errno));
	lib_set_regs(g);
	for (i = 0; i < WALKS; i++)
		walk(g);
	compare_tables(g);
}

static void run(struct rig *g, const struct mode *m)
{
	const char *seed = getenv("VMMU_SEED");
	unsigned i;

	g->mode = m;
	g->rng.s = seed && *seed ? strtoull(seed, NULL, 0) : 1;
	clear_tables();
	for (i = 0; i < WORLDS; i++) {
		if (!(i % SAME_CPUID)) {
			lib_close(g);
			make_cpu(g, !i);
			lib_open(g);
		}
		one_world(g);
	}
	lib_close(g);
	fprintf(stderr, "kvm: %s: %u walks agree: %u valid (%u to no RAM), %u not\n", m->name,
		g->valid + g->invalid, g->valid, g->mmio, g->invalid);
	/* A run in which no walk arrives, or none stops, shows nothing. */
	t_true(g->valid > WORLDS * WALKS / 4 && g->invalid > WORLDS * WALKS / 20 && g->mmio);
}

/* A mode that this KVM has not passes, and says so. */
static void test_mode(const struct mode *m)
{
	struct rig g;
	const char *failed;

	memset(&g, 0, sizeof(g));
	failed = kvm_open(&g.kvm);
	t_check(!failed, "%s: %s", failed, strerror(errno));
	if (kvm_has_mode(&g.kvm, m))
		run(&g, m);
	else
		fprintf(stderr, "kvm: %s: not in this KVM\n", m->name);
	kvm_close(&g.kvm);
}

Test(kvm, walks_32_bit)
{
	test_mode(&mode_32);
}

Test(kvm, walks_pae)
{
	test_mode(&mode_pae);
}

Test(kvm, walks_4_level)
{
	test_mode(&mode_long4);
}

Test(kvm, walks_5_level)
{
	test_mode(&mode_long5);
}
