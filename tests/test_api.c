/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedder's calls, one promise of <vmmu/vmmu.h> each.
 * Not here: registers and flushing (test_mode.c), what walks find (test_walk.c).
 * Keeps: every expectation is a sentence of the header.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmmu/nested.h>
#include <vmmu/shadow.h>
#include <vmmu/vmmu.h>

#include "native.h"
#include "t.h"

#define BIT(n) (UINT64_C(1) << (n))
#define RAM 0x40000u
#define PWUA 0x27u
#define D 0x40u
#define PG (VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG)
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)

static uint8_t *ram;
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

static uint8_t *get_ram(void)
{
	uintptr_t p;

	if (ram)
		return ram;
	p = (uintptr_t)mmap(NULL, BIT(31), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t_true(p != (uintptr_t)MAP_FAILED);
	ram = (uint8_t *)((p + BIT(30) - 1) & ~(uintptr_t)(BIT(30) - 1));
	return ram;
}

static void put8(uint64_t gpa, uint64_t v)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &v, 8, NULL))
		memcpy(ram + gpa, &v, 8);
}

static uint64_t get8(uint64_t gpa)
{
	uint64_t v;

	memcpy(&v, ram + gpa, 8);
	return v;
}

/*
 * A long-mode guest:
 *	0x1000 -> 0x11000	all rights, D set
 *	0x2000 -> 0x12000	all rights, D clear
 *	0x3000 -> 0x13000	supervisor only
 *	0x4000 -> 0x14000	read-only
 *	0x5000			not present
 *	0x6000 -> 0x1000000	no memory
 *	0x7000 -> 0x17000	A clear
 */
#define PTE(gva) (0x8000u + (gva) / 4096 * 8)

static void put_guest(void)
{
	memset(get_ram(), 0, RAM);
	put8(0x4000, 0x5000 | PWUA);
	put8(0x5000, 0x6000 | PWUA);
	put8(0x6000, 0x8000 | PWUA);
	put8(PTE(0x1000), 0x11000 | PWUA | D);
	put8(PTE(0x2000), 0x12000 | PWUA);
	put8(PTE(0x3000), 0x13000 | 0x23 | D);
	put8(PTE(0x4000), 0x14000 | 0x25 | D);
	put8(PTE(0x6000), 0x1000000 | PWUA | D);
	put8(PTE(0x7000), 0x17000 | 7);
}

static const struct vmmu_regs long_regs = {
	.cr0 = PG | VMMU_CR0_WP, .cr3 = 0x4000, .cr4 = VMMU_CR4_PAE, .efer = LONG
};

static const struct vmmu_backend *const backends[] = {
	&vmmu_native,
	&vmmu_nested_npt,
	&vmmu_nested_ept,
	&vmmu_shadow,
};
#define NR_BACKENDS 4

static const struct vmmu_range ram_range = { 0, RAM };
static const struct vmmu_native_config native_config = { &ram_range, 1, 4096 };

static int add(uint64_t gpa, uint64_t size, void *pointer, uint32_t flags)
{
	struct vmmu_slot_info s = {
		.gpa = { gpa }, .size = size, .pointer = pointer, .page_size = 4096, .flags = flags
	};

	return vmmu_slot_add(vm, &s);
}

static void start_bare(const struct vmmu_backend *be, struct vmmu_config *c)
{
	vmmu_destroy(vm);
	vm = NULL;
	c->size = sizeof(*c);
	c->backend = be;
	get_ram();
	if (be == &vmmu_native) {
		c->backend_config = &native_config;
		c->base = get_ram();
	}
	t_eq(vmmu_create(c, &vm), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
}

static void start_with(const struct vmmu_backend *be, struct vmmu_config *c)
{
	put_guest();
	start_bare(be, c);
	if (be != &vmmu_native)
		t_eq(add(0, RAM, ram, 0), VMMU_OK);
	t_eq(vmmu_set_regs(cpu, &long_regs, 0), VMMU_OK);
}

static void start(const struct vmmu_backend *be)
{
	struct vmmu_config c = { 0 };

	start_with(be, &c);
}

static void finish(void)
{
	vmmu_destroy(vm);
	vm = NULL;
}

#define FOR_EACH_BACKEND                                                                           \
	for (unsigned b_ = 0; b_ < NR_BACKENDS && (start(backends[b_]), 1); finish(), b_++)

static struct vmmu_xlat x;

static int translate(uint64_t gva, uint32_t access)
{
	memset(&x, 0xa5, sizeof(x));
	return vmmu_translate(cpu, vmmu_gva(gva), 1, access, &x);
}

static struct vmmu_stats stats(void)
{
	struct vmmu_stats s = { .size = sizeof(s) };

	vmmu_get_stats(vm, &s);
	return s;
}

Test(api, peaks_stay_until_they_are_cleared)
{
	struct vmmu_stats most;

	start(&vmmu_nested_npt);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
	most = stats();
	t_eq(most.meta_peak, most.meta_bytes);
	t_eq(most.table_peak, most.table_bytes);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 0), VMMU_OK);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(0), RAM), VMMU_OK);
	t_eq(vmmu_notify_end(vm, vmmu_gpa(0), RAM), VMMU_OK);
	t_true(stats().meta_bytes < most.meta_bytes);
	t_eq(stats().meta_peak, most.meta_peak);
	t_eq(stats().table_peak, most.table_peak);
	vmmu_clear_stats(vm);
	t_eq(stats().meta_peak, stats().meta_bytes);
	t_eq(stats().table_peak, stats().table_bytes);
	finish();
}

/* A pager that intercepts MOV to CR3 reads the PDPTEs itself; else the CPU does. */
Test(api, software_reads_pdptes_where_cr3_loads_are_intercepted)
{
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG,
			       .cr3 = RAM - 0x1000,
			       .cr4 = VMMU_CR4_PAE };
	uint64_t before;

	FOR_EACH_BACKEND
	{
		t_eq(vmmu_set_regs(cpu, &r, 1), VMMU_OK);
		before = stats().sw_refs;
		t_eq(vmmu_set_cr3(cpu, RAM - 0x1000), VMMU_OK);
		t_eq(stats().sw_refs - before, backends[b_] == &vmmu_shadow ? 4 : 0);
	}
}

/* ---- the inlined hit ------------------------------------------------------------------------- */

static void *host(uint64_t gva, unsigned size, uint32_t access)
{
	return vmmu_host(cpu, vmmu_gva(gva), size, access);
}

Test(api, host_misses_before_and_hits_after_a_translation)
{
	FOR_EACH_BACKEND
	{
		t_true(!host(0x1128, 8, VMMU_READ));
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		t_true(host(0x1128, 8, VMMU_READ) == ram + 0x11128);
		t_true(host(0x1fff, 1, VMMU_READ) == ram + 0x11fff);
		t_true(!host(0x2128, 8, VMMU_READ));
	}
}

Test(api, host_never_answers_a_crossing)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		t_eq(translate(0x2000, VMMU_READ), VMMU_OK);
		t_true(host(0x1ff8, 8, VMMU_READ) == ram + 0x11ff8);
		t_true(!host(0x1ff9, 8, VMMU_READ));
		t_true(!host(0x1fff, 2, VMMU_READ));
		t_true(!host(0x1000, 4097, VMMU_READ));
	}
}

/* A size is 1 to 4096; a larger one reaches a page that has the same entry. */
Test(api, translate_never_takes_a_huge_size_for_a_hit)
{
	start(&vmmu_nested_npt);
	put8(0x6010, 0x8000 | PWUA);
	t_eq(translate(0x401000, VMMU_READ), VMMU_OK);
	t_eq(vmmu_translate(cpu, vmmu_gva(0x1000), (4u << 20) + 1, VMMU_READ, &x), VMMU_EINVAL);
	finish();
}

/* With one entry both pages of a crossing share it. */
Test(api, host_never_answers_a_crossing_whatever_the_number_of_entries)
{
	unsigned n;

	for (n = 1; n <= 4; n *= 2) {
		struct vmmu_config c = { .front_entries = n };

		start_with(&vmmu_nested_npt, &c);
		t_eq(translate(0x2000, VMMU_READ), VMMU_OK);
		t_check(!host(0x1ffc, 8, VMMU_READ), "%u entries", n);
		t_check(vmmu_translate(cpu, vmmu_gva(0x1ffc), 8, VMMU_READ, &x) == VMMU_EINVAL,
			"%u entries", n);
		finish();
	}
}

/* Whenever it is emptied a number beside the page changes, and comes round. */
Test(api, host_never_takes_one_page_for_another_however_often_it_was_emptied)
{
	struct vmmu_config c = { .front_entries = 1 };
	unsigned i;

	start_with(&vmmu_native, &c);
	for (i = 0; i < 9000; i++) {
		vmmu_hw_flush(cpu);
		t_eq(translate(0x4000, VMMU_READ), VMMU_OK);
		t_check(!host(0x5000, 1, VMMU_READ) && !host(0x6000, 1, VMMU_READ),
			"after %u times", i);
	}
	finish();
}

Test(api, host_tells_kinds_of_access_apart)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x3000, VMMU_READ), VMMU_OK);
		t_true(host(0x3000, 1, VMMU_READ) != NULL);
		t_true(!host(0x3000, 1, VMMU_READ | VMMU_USER));
		t_true(host(0x3000, 1, VMMU_READ | VMMU_USER | VMMU_IMPLICIT) != NULL);
		t_eq(translate(0x4000, VMMU_READ), VMMU_OK);
		t_true(host(0x4000, 1, VMMU_READ | VMMU_USER) != NULL);
		t_true(!host(0x4000, 1, VMMU_WRITE));
	}
}

/* A write hits only once D is set: a hit has nothing left to do. */
Test(api, host_answers_a_write_only_when_d_is_set)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x2000, VMMU_READ), VMMU_OK);
		t_true(!(x.rights & VMMU_W));
		t_true(x.guest_rights & VMMU_W);
		t_true(!host(0x2000, 1, VMMU_WRITE));
		t_eq(get8(PTE(0x2000)) & D, 0);
		t_eq(translate(0x2000, VMMU_WRITE), VMMU_OK);
		t_true(x.rights & VMMU_W);
		t_eq(get8(PTE(0x2000)) & D, D);
		t_true(host(0x2000, 1, VMMU_WRITE) == ram + 0x12000);
	}
}

Test(api, host_misses_after_invlpg_and_after_a_register_change)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		vmmu_invlpg(cpu, vmmu_gva(0x1234));
		t_true(!host(0x1000, 1, VMMU_READ));
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		t_eq(vmmu_set_cr4(cpu, VMMU_CR4_PAE | VMMU_CR4_SMAP), VMMU_OK);
		t_true(!host(0x1000, 1, VMMU_READ));
		t_eq(translate(0x1000, VMMU_READ | VMMU_AC), VMMU_OK);
		t_true(host(0x1000, 1, VMMU_READ | VMMU_AC) != NULL);
		t_true(!host(0x1000, 1, VMMU_READ));
		vmmu_set_pkru(cpu, 1);
		t_true(!host(0x1000, 1, VMMU_READ | VMMU_AC));
		t_eq(translate(0x1000, VMMU_READ | VMMU_AC), VMMU_OK);
		t_eq(vmmu_set_regs(cpu, &long_regs, 0), VMMU_OK);
		t_true(!host(0x1000, 1, VMMU_READ));
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		t_eq(vmmu_reset(cpu), VMMU_OK);
		t_true(!host(0x1000, 1, VMMU_READ));
	}
}

Test(api, host_misses_after_many_changes_too)
{
	unsigned i;

	start(&vmmu_nested_npt);
	for (i = 0; i < 10000; i++) {
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		vmmu_set_pkru(cpu, i);
		t_true(!host(0x1000, 1, VMMU_READ));
	}
	finish();
}

Test(api, host_stays_empty_where_a_tlb_is_modelled)
{
	struct vmmu_config c = { .l1 = { 16, 4 } };

	start_with(&vmmu_nested_ept, &c);
	t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
	t_true(!host(0x1000, 1, VMMU_READ));
	t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
	t_eq(stats().tlb_hits, 1);
	finish();
}

/* ---- translate ---------------------------------------------------------------------------------
 */

Test(api, a_hit_answers_as_the_miss_did)
{
	static const uint32_t access[] = { VMMU_READ, VMMU_WRITE, VMMU_FETCH, VMMU_READ | VMMU_USER,
					   VMMU_WRITE | VMMU_USER };
	unsigned i;

	FOR_EACH_BACKEND
	{
		for (i = 0; i < 5; i++) {
			struct vmmu_xlat miss;

			vmmu_hw_flush(cpu);
			t_eq(translate(0x1128, access[i]), VMMU_OK);
			miss = x;
			t_eq(translate(0x1128, access[i]), VMMU_OK);
			t_true(x.host == miss.host && x.host == ram + 0x11128);
			t_eq(x.gpa.v, 0x11128);
			t_eq(x.gpa.v, miss.gpa.v);
			t_eq(x.rights, miss.rights);
			/* W may be withheld until there is a store. */
			t_eq(x.rights | VMMU_W, VMMU_RWX);
			t_eq(x.guest_rights, VMMU_RWXU);
			t_eq(miss.guest_rights, VMMU_RWXU);
			t_eq(x.guest_shift, 12);
			t_eq(x.shift, miss.shift);
			t_eq(x.trap, 0);
			t_eq(x.once, 0);
			t_eq(x.stage, VMMU_STAGE_NONE);
		}
	}
}

Test(api, without_paging_the_address_is_the_gpa)
{
	FOR_EACH_BACKEND
	{
		t_eq(vmmu_reset(cpu), VMMU_OK);
		t_eq(translate(0x3456, VMMU_WRITE | VMMU_USER), VMMU_OK);
		t_eq(x.gpa.v, 0x3456);
		t_true(x.host == ram + 0x3456);
		t_eq(x.guest_rights, VMMU_RWXU);
		t_eq(x.guest_shift, 12);
		/* 32 bits outside long mode. */
		t_eq(translate(0x100003456, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x3456);
		t_eq(translate(RAM, VMMU_READ), VMMU_MMIO);
		t_eq(x.gpa.v, RAM);
	}
}

Test(api, bad_arguments_are_einval_with_a_reason)
{
	static const uint32_t bad[] = { 3,
					3 | VMMU_USER,
					VMMU_READ | VMMU_TABLE,
					VMMU_READ | VMMU_PDPTE_LOAD,
					VMMU_WRITE | 1024,
					1u << 31 };
	unsigned i, warm;

	FOR_EACH_BACKEND
	{
		/* The same whether the page is cached or not. */
		for (warm = 0; warm < 2; warm++) {
			for (i = 0; i < 6; i++) {
				t_eq(translate(0x1000, bad[i]), VMMU_EINVAL);
				t_true(vmmu_reason(vm)[0]);
			}
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1800), 0, VMMU_READ, &x), VMMU_EINVAL);
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1000), 0, VMMU_READ, &x), VMMU_EINVAL);
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1000), 4097, VMMU_READ, &x),
			     VMMU_EINVAL);
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1fff), 2, VMMU_READ, &x), VMMU_EINVAL);
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1000), 4u << 20 | 1, VMMU_READ, &x),
			     VMMU_EINVAL);
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1000), ~0u, VMMU_READ, &x),
			     VMMU_EINVAL);
			t_eq(vmmu_translate(cpu, vmmu_gva(0x1000), 4096, VMMU_READ, &x), VMMU_OK);
			/* 1024 entries on: the page at 0x401000 has the place of 0x1000. */
			put8(0x6010, 0x8000 | PWUA);
			t_eq(translate(0x401000, VMMU_READ), VMMU_OK);
		}
		t_eq(translate(0x1800, VMMU_READ), VMMU_OK);
		t_eq(vmmu_translate(cpu, vmmu_gva(0x1800), 0, VMMU_READ, &x), VMMU_EINVAL);
	}
}

Test(api, a_page_fault_has_vector_code_level_and_cr2)
{
	struct vmmu_regs r;

	FOR_EACH_BACKEND
	{
		t_eq(translate(0x5678, VMMU_WRITE | VMMU_USER), VMMU_FAULT);
		t_eq(x.fault.vector, 14);
		t_eq(x.fault.code, VMMU_PF_W | VMMU_PF_U);
		t_eq(x.fault.level, 1);
		t_eq(x.fault.cr2, 0x5678);
		t_true(x.host == NULL);
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr2, 0x5678);
		t_eq(stats().event[VMMU_EV_GUEST_FAULT], 1);
		t_eq(translate(0x3010, VMMU_READ | VMMU_USER), VMMU_FAULT);
		t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_U);
		t_eq(translate(0x4010, VMMU_WRITE), VMMU_FAULT);
		t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_W);
		t_eq(translate(BIT(39), VMMU_READ), VMMU_FAULT);
		t_eq(x.fault.level, 4);
		t_eq(x.fault.code, 0);
	}
}

Test(api, a_non_canonical_address_is_gp_or_ss_without_cr2)
{
	struct vmmu_regs r;

	FOR_EACH_BACKEND
	{
		t_eq(translate(BIT(47), VMMU_READ), VMMU_FAULT);
		t_eq(x.fault.vector, 13);
		t_eq(x.fault.code, 0);
		t_eq(translate(BIT(47), VMMU_READ | VMMU_STACK), VMMU_FAULT);
		t_eq(x.fault.vector, 12);
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr2, 0);
	}
}

Test(api, mmio_tells_its_gpa_and_stage)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x6128, VMMU_READ), VMMU_MMIO);
		t_eq(x.gpa.v, 0x1000128);
		t_eq(x.stage, VMMU_STAGE_GPA);
		t_true(x.host == NULL);
		put8(0x5008, 0x2000000 | PWUA);
		t_eq(translate(BIT(30), VMMU_READ), VMMU_MMIO);
		t_eq(x.gpa.v, 0x2000000);
		t_eq(x.stage, VMMU_STAGE_TABLE);
	}
}

/* SDM 4.8: A and D are set before the final address is resolved. */
Test(api, an_mmio_access_has_set_a_and_d)
{
	FOR_EACH_BACKEND
	{
		put8(PTE(0x6000), 0x1000000 | 7);
		t_eq(translate(0x6128, VMMU_WRITE), VMMU_MMIO);
		t_eq(get8(PTE(0x6000)), 0x1000000 | PWUA | D);
	}
}

Test(api, a_store_to_a_read_only_slot_is_mmio)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start(backends[b]);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0)), VMMU_OK);
		t_eq(add(0, 0x11000, ram, 0), VMMU_OK);
		t_eq(add(0x11000, 0x1000, ram + 0x11000, VMMU_SLOT_READONLY), VMMU_OK);
		t_eq(translate(0x1008, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x11008);
		t_true(!(x.rights & VMMU_W));
		t_eq(translate(0x1008, VMMU_WRITE), VMMU_MMIO);
		t_eq(x.gpa.v, 0x11008);
		finish();
	}
}

/* Tables in ROM take no A and no D, and the guest runs on (APM 15.25.5: the hypervisor helps). */
Test(api, tables_in_rom_serve_and_stay_as_they_are)
{
	unsigned b;
	int st;

	for (b = 1; b < NR_BACKENDS; b++) {
		start(backends[b]);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0)), VMMU_OK);
		t_eq(add(0, 0x9000, ram, VMMU_SLOT_READONLY), VMMU_OK);
		t_eq(add(0x9000, RAM - 0x9000, ram + 0x9000, 0), VMMU_OK);
		st = translate(0x2008, VMMU_WRITE);
		t_check(st == VMMU_OK, "backend %u: %s: %s", b, vmmu_strerror(st), vmmu_reason(vm));
		t_true(x.host == ram + 0x12008);
		t_eq(translate(0x7008, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x17008);
		t_eq(get8(PTE(0x2000)), 0x12000 | PWUA);
		t_eq(get8(PTE(0x7000)), 0x17000 | 7);
		t_eq(translate(0x5000, VMMU_READ), VMMU_FAULT);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
}

/*
 * With four nested levels GPAs end at 2^48; above, a guest finds its memory or none at all, and
 * never another's.
 */
Test(api, memory_above_the_nested_width_is_never_another_gpas)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		int slot = VMMU_ENOTSUP, st;

		start(backends[b]);
		put8(PTE(0x9000), BIT(48) | 0x11000 | PWUA | D);
		if (b)
			slot = add(BIT(48) + 0x10000, 0x10000, ram + 0x20000, 0);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		st = translate(0x9010, VMMU_READ);
		t_check(st == VMMU_MMIO || (!slot && st == VMMU_OK && x.host == ram + 0x21010),
			"backend %u: %s, memory 0x%x", b, vmmu_strerror(st),
			st ? 0 : (unsigned)((uint8_t *)x.host - ram));
		t_eq(x.gpa.v, BIT(48) | 0x11010);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x11010);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
}

/* ---- spans -------------------------------------------------------------------------------------
 */

static struct vmmu_xlat out[2];
static unsigned first;

static int span(uint64_t gva, unsigned size, uint32_t access)
{
	memset(out, 0xa5, sizeof(out));
	return vmmu_translate_span(cpu, vmmu_gva(gva), size, access, out, &first);
}

Test(api, a_span_in_one_page_is_one_piece)
{
	FOR_EACH_BACKEND
	{
		t_eq(span(0x1ff8, 8, VMMU_READ), VMMU_OK);
		t_eq(first, 8);
		t_true(out[0].host == ram + 0x11ff8);
	}
}

Test(api, a_span_over_two_pages_is_two_pieces)
{
	FOR_EACH_BACKEND
	{
		t_eq(span(0x1ffc, 8, VMMU_WRITE), VMMU_OK);
		t_eq(first, 4);
		t_true(out[0].host == ram + 0x11ffc);
		t_true(out[1].host == ram + 0x12000);
		t_eq(get8(PTE(0x2000)) & D, D);
	}
}

Test(api, a_span_whose_first_page_faults_touches_nothing)
{
	struct vmmu_regs r;

	FOR_EACH_BACKEND
	{
		put8(PTE(0x6000), 0x16000 | 7);
		t_eq(span(0x5ffe, 8, VMMU_WRITE), VMMU_FAULT);
		t_eq(out[0].fault.cr2, 0x5ffe);
		t_eq(out[0].fault.code, VMMU_PF_W);
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr2, 0x5ffe);
		t_eq(get8(PTE(0x6000)), 0x16000 | 7);
	}
}

Test(api, a_span_whose_second_page_faults_touches_nothing_and_tells_its_base)
{
	struct vmmu_regs r;

	FOR_EACH_BACKEND
	{
		put8(PTE(0x4000), 0x14000 | 7);
		t_eq(span(0x4ffe, 8, VMMU_WRITE), VMMU_FAULT);
		t_eq(out[0].fault.vector, 14);
		t_eq(out[0].fault.cr2, 0x5000);
		t_eq(out[0].fault.code, VMMU_PF_W);
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr2, 0x5000);
		t_eq(get8(PTE(0x4000)), 0x14000 | 7);
	}
}

Test(api, a_span_into_non_canonical_space_is_gp)
{
	FOR_EACH_BACKEND
	{
		/* The first page is there, the last before the hole. */
		put8(0x4000 + 255 * 8, 0x9000 | PWUA);
		put8(0x9000 + 511 * 8, 0xa000 | PWUA);
		put8(0xa000 + 511 * 8, 0xb000 | PWUA);
		put8(0xb000 + 511 * 8, 0x18000 | PWUA | D);
		t_eq(span(BIT(47) - 4, 4, VMMU_READ), VMMU_OK);
		t_eq(span(BIT(47) - 4, 8, VMMU_READ), VMMU_FAULT);
		t_eq(out[0].fault.vector, 13);
	}
}

Test(api, a_span_wraps_at_4g_outside_long_mode)
{
	uint32_t e = 0x7000 | PWUA;
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000 };

	FOR_EACH_BACKEND
	{
		memset(ram, 0, 0x9000);
		memcpy(ram + 0x4000, &e, 4);
		memcpy(ram + 0x4ffc, &e, 4);
		e = 0x11000 | PWUA | D;
		memcpy(ram + 0x7000, &e, 4);
		e = 0x12000 | PWUA | D;
		memcpy(ram + 0x7ffc, &e, 4);
		e = 0x7000 | PWUA;
		t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
		t_eq(span(0xfffffffe, 4, VMMU_READ), VMMU_OK);
		t_eq(first, 2);
		t_true(out[0].host == ram + 0x12ffe);
		t_true(out[1].host == ram + 0x11000);
	}
}

Test(api, a_span_that_is_too_long_or_empty_is_einval)
{
	start(&vmmu_nested_npt);
	t_eq(span(0x1000, 0, VMMU_READ), VMMU_EINVAL);
	t_eq(span(0x1000, 4097, VMMU_READ), VMMU_EINVAL);
	t_eq(span(0x1800, 4096, VMMU_READ), VMMU_OK);
	t_eq(first, 2048);
	finish();
}

/* ---- probing and debugging ---------------------------------------------------------------------
 */

static void same_stats(const struct vmmu_stats *a, const struct vmmu_stats *b)
{
	unsigned i;

	/* A walk by the hypervisor itself is one, even to ask. */
	for (i = 0; i < VMMU_NR_EVENTS; i++)
		if (i != VMMU_EV_SW_WALK)
			t_check(a->event[i] == b->event[i], "event %s", vmmu_event_key(i));
	t_eq(a->walk_refs, b->walk_refs);
	t_eq(a->tlb_hits, b->tlb_hits);
	t_eq(a->table_bytes, b->table_bytes);
	t_eq(a->meta_bytes, b->meta_bytes);
}

Test(api, a_probe_answers_and_changes_nothing)
{
	static uint8_t before[RAM];
	static const struct {
		uint64_t gva;
		uint32_t access;
		int st;
		uint32_t code;
	} q[] = {
		{ 0x1000, VMMU_READ, VMMU_OK, 0 },
		{ 0x2000, VMMU_WRITE, VMMU_OK, 0 },
		{ 0x7000, VMMU_WRITE, VMMU_OK, 0 },
		{ 0x4000, VMMU_WRITE, VMMU_FAULT, VMMU_PF_P | VMMU_PF_W },
		{ 0x5000, VMMU_READ, VMMU_FAULT, 0 },
		{ 0x6000, VMMU_READ, VMMU_MMIO, 0 },
		{ BIT(47), VMMU_READ, VMMU_FAULT, 0 },
	};
	struct vmmu_stats s;
	struct vmmu_regs r;
	unsigned i;

	FOR_EACH_BACKEND
	{
		memcpy(before, ram, RAM);
		s = stats();
		for (i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
			struct vmmu_stats now;

			t_eq(translate(q[i].gva, q[i].access | VMMU_PROBE), q[i].st);
			if (q[i].st == VMMU_FAULT)
				t_eq(x.fault.code, q[i].code);
			now = stats();
			same_stats(&s, &now);
			t_true(!memcmp(before, ram, RAM));
			t_true(!host(q[i].gva, 1, q[i].access));
		}
		vmmu_get_regs(cpu, &r);
		t_eq(r.cr2, 0);
	}
}

Test(api, an_access_without_ad_is_done_and_sets_neither)
{
	static uint8_t before[RAM];

	FOR_EACH_BACKEND
	{
		memcpy(before, ram, RAM);
		t_eq(translate(0x7010, VMMU_WRITE | VMMU_NO_AD), VMMU_OK);
		t_true(x.host == ram + 0x17010);
		t_eq(x.once, 1);
		t_true(!memcmp(before, ram, RAM));
		t_true(!host(0x7010, 1, VMMU_READ));
	}
}

/* ---- copies ------------------------------------------------------ */

Test(api, read_and_write_copy_across_pages)
{
	static uint8_t buf[12000], back[12000];
	size_t done, i;

	FOR_EACH_BACKEND
	{
		for (i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)(i * 7);
		t_eq(vmmu_write(vm, cpu, vmmu_gpa(0x20123), buf, sizeof(buf), &done), VMMU_OK);
		t_eq(done, sizeof(buf));
		t_true(!memcmp(ram + 0x20123, buf, sizeof(buf)));
		t_eq(vmmu_read(vm, vmmu_gpa(0x20123), back, sizeof(back), &done), VMMU_OK);
		t_eq(done, sizeof(back));
		t_true(!memcmp(back, buf, sizeof(buf)));
		t_eq(vmmu_read(vm, vmmu_gpa(0), back, 0, NULL), VMMU_OK);
	}
}

Test(api, copies_stop_where_memory_does)
{
	uint8_t buf[64] = { 1 };
	size_t done = 99;

	FOR_EACH_BACKEND
	{
		t_eq(vmmu_read(vm, vmmu_gpa(RAM - 16), buf, 64, &done), VMMU_MMIO);
		t_eq(done, 16);
		t_eq(vmmu_write(vm, NULL, vmmu_gpa(RAM - 16), buf, 64, &done), VMMU_MMIO);
		t_eq(done, 16);
		t_eq(vmmu_read(vm, vmmu_gpa(RAM), buf, 1, &done), VMMU_MMIO);
		t_eq(done, 0);
		t_eq(vmmu_read(vm, vmmu_gpa(~UINT64_C(0)), buf, 1, NULL), VMMU_MMIO);
		t_eq(vmmu_read(vm, vmmu_gpa(~UINT64_C(7)), buf, 64, &done), VMMU_MMIO);
		t_eq(done, 0);
	}
}

Test(api, a_write_to_a_read_only_slot_is_mmio_and_stores_nothing)
{
	uint8_t byte = 7;
	void *p;

	start(&vmmu_nested_npt);
	t_eq(vmmu_slot_flags(vm, vmmu_gpa(0), VMMU_SLOT_READONLY), VMMU_OK);
	t_eq(vmmu_write(vm, cpu, vmmu_gpa(0x100), &byte, 1, NULL), VMMU_MMIO);
	t_eq(vmmu_write_begin(vm, vmmu_gpa(0x100), 1, &p), VMMU_MMIO);
	t_true(!p);
	t_eq(ram[0x100], 0);
	finish();
}

Test(api, write_begin_and_end_bracket_a_store_of_the_callers)
{
	void *p;

	FOR_EACH_BACKEND
	{
		t_eq(vmmu_write_begin(vm, vmmu_gpa(0x11120), 8, &p), VMMU_OK);
		t_true(p == ram + 0x11120);
		*(uint64_t *)p = 42;
		t_eq(vmmu_write_end(vm, cpu, vmmu_gpa(0x11120), 8), VMMU_OK);
		t_eq(get8(0x11120), 42);
		t_eq(vmmu_write_begin(vm, vmmu_gpa(0x11ffc), 8, &p), VMMU_EINVAL);
		t_eq(vmmu_write_begin(vm, vmmu_gpa(0x11ffc), 0, &p), VMMU_EINVAL);
		t_eq(vmmu_write_begin(vm, vmmu_gpa(RAM), 8, &p), VMMU_MMIO);
	}
}

Test(api, gva_copies_use_the_guests_rights)
{
	uint8_t buf[8192];
	size_t done;

	FOR_EACH_BACKEND
	{
		ram[0x11fff] = 0x5a;
		ram[0x12000] = 0xa5;
		t_eq(vmmu_read_gva(cpu, vmmu_gva(0x1fff), buf, 2, VMMU_READ | VMMU_USER, NULL,
				   &done),
		     VMMU_OK);
		t_eq(done, 2);
		t_eq(buf[0], 0x5a);
		t_eq(buf[1], 0xa5);
		t_eq(vmmu_read_gva(cpu, vmmu_gva(0x2800), buf, 4096, VMMU_READ | VMMU_USER, &x,
				   &done),
		     VMMU_FAULT);
		t_eq(done, 2048);
		t_eq(x.fault.cr2, 0x3000);
		t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_U);
		buf[0] = 0x77;
		t_eq(vmmu_write_gva(cpu, vmmu_gva(0x1010), buf, 1, VMMU_USER, NULL, NULL), VMMU_OK);
		t_eq(ram[0x11010], 0x77);
		t_eq(vmmu_write_gva(cpu, vmmu_gva(0x4010), buf, 1, 0, &x, &done), VMMU_FAULT);
		t_eq(done, 0);
		t_eq(ram[0x14010], 0);
		t_eq(vmmu_read_gva(cpu, vmmu_gva(0x1000), buf, 1, VMMU_WRITE, NULL, NULL),
		     VMMU_EINVAL);
		t_eq(vmmu_read_gva(cpu, vmmu_gva(0x6000), buf, 1, VMMU_READ, &x, NULL), VMMU_MMIO);
		t_eq(x.gpa.v, 0x1000000);
	}
}

/* ---- creating ---------------------------------------------------- */

static int create(struct vmmu_config *c)
{
	struct vmmu *v = (struct vmmu *)&x;
	int st;

	c->size = c->size ? c->size : sizeof(*c);
	st = vmmu_create(c, &v);
	if (st)
		t_true(!v);
	vmmu_destroy(v);
	return st;
}

Test(api, a_config_is_checked)
{
	const struct vmmu_backend *be = &vmmu_nested_npt;
	static struct vmmu_profile narrow;

	t_eq(create(&(struct vmmu_config){ .backend = be }), VMMU_OK);
	t_eq(create(&(struct vmmu_config){ .backend = NULL }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .host_maxphyaddr = 31 }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .host_maxphyaddr = 53 }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .front_entries = 3 }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .l1 = { 3, 4 } }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .l2 = { 12, 4 } }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = be, .base = (void *)2048 }), VMMU_EINVAL);
	narrow = vmmu_profile_max;
	narrow.maxphyaddr = 31;
	t_eq(create(&(struct vmmu_config){ .backend = be, .profile = &narrow }), VMMU_EINVAL);
	narrow.maxphyaddr = 53;
	t_eq(create(&(struct vmmu_config){ .backend = be, .profile = &narrow }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = &vmmu_native }), VMMU_EINVAL);
	t_eq(create(&(struct vmmu_config){ .backend = &vmmu_shadow, .backend_config = &narrow }),
	     VMMU_EINVAL);
}

Test(api, a_config_of_an_older_size_has_zeroes_for_the_rest)
{
	struct {
		struct vmmu_config c;
		uint8_t later[64];
	} newer = { .c = { .size = sizeof(newer), .backend = &vmmu_nested_npt } };
	struct vmmu_config c = { .size = offsetof(struct vmmu_config, nr_cpus),
				 .backend = &vmmu_nested_npt,
				 .nr_cpus = 7,
				 .front_entries = 3 };
	struct vmmu *v;

	t_eq(vmmu_create(&c, &v), VMMU_OK);
	t_true(vmmu_cpu(v, 0) != NULL);
	t_true(!vmmu_cpu(v, 1));
	vmmu_destroy(v);
	memset(newer.later, 0xff, sizeof(newer.later));
	t_eq(create(&newer.c), VMMU_OK);
	t_eq(create(&(struct vmmu_config){ .size = 8, .backend = &vmmu_nested_npt }), VMMU_EINVAL);
}

Test(api, vcpus_are_numbered_and_know_their_vm)
{
	struct vmmu_config c = { .nr_cpus = 3 };
	unsigned i;

	start_bare(&vmmu_shadow, &c);
	for (i = 0; i < 3; i++) {
		t_eq(vmmu_cpu_number(vmmu_cpu(vm, i)), i);
		t_true(vmmu_cpu_vm(vmmu_cpu(vm, i)) == vm);
	}
	t_true(!vmmu_cpu(vm, 3));
	finish();
	vmmu_destroy(NULL);
}

Test(api, a_cap_below_the_minimum_is_refused_and_the_minimum_is_enough)
{
	static uint64_t gva;
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		struct vmmu_config c = { .size = sizeof(c), .backend = backends[b] };
		uint64_t min = vmmu_min_tables(&c);

		t_true(min > 0);
		c.max_tables = min - 1;
		t_eq(create(&c), VMMU_EINVAL);
		c.max_tables = min;
		start_with(backends[b], &c);
		for (gva = 0x1000; gva < 0x5000; gva += 0x1000)
			t_eq(translate(gva, VMMU_READ), VMMU_OK);
		/* The same tables seen from far apart addresses. */
		put8(0x4000 + 100 * 8, 0x5000 | PWUA);
		put8(0x5000 + 300 * 8, 0x6000 | PWUA);
		put8(0x6000 + 200 * 8, 0x8000 | PWUA);
		gva = UINT64_C(100) << 39 | UINT64_C(300) << 30 | 200u << 21;
		t_eq(translate(gva | 0x1000, VMMU_READ), VMMU_OK);
		t_eq(translate(0x1000, VMMU_READ), VMMU_OK);
		t_true(stats().table_peak <= min * 4096);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
	t_eq(vmmu_min_tables(&(struct vmmu_config){ .size = 8 }), 0);
}

/* A path below the root for each table of the guest's, five at most, and for the page. */
Test(api, the_minimum_is_what_one_access_can_need)
{
	struct vmmu_nested_config nested = { .levels = 4 };
	struct vmmu_shadow_config vtlb = { .size = sizeof(vtlb), .off = VMMU_SHADOW_CACHE };
	struct vmmu_config c = { .size = sizeof(c), .backend = &vmmu_nested_npt };

	t_eq(vmmu_min_tables(&c), 1 + 6 * 3);
	c.backend_config = &nested;
	t_eq(vmmu_min_tables(&c), 1 + 6 * 3);
	nested.levels = 5;
	t_eq(vmmu_min_tables(&c), 1 + 6 * 4);
	c.backend = &vmmu_nested_ept;
	t_eq(vmmu_min_tables(&c), 1 + 6 * 4);
	/* An empty table, a path of five, and PAE's five and one for guests without paging. */
	c.backend = &vmmu_shadow;
	c.backend_config = NULL;
	c.nr_cpus = 3;
	t_eq(vmmu_min_tables(&c), 1 + 5 + 6);
	/* For each vCPU PAE's five and two roots; one path. */
	c.backend_config = &vtlb;
	t_eq(vmmu_min_tables(&c), 3 * 7 + 4 + 6);
}

Test(api, memory_beyond_the_hosts_address_width_is_refused)
{
	struct vmmu_config c = { .host_maxphyaddr = 32, .base = get_ram() };
	struct vmmu_slot_info s = { .size = 4096, .page_size = 4096 };
	struct vmmu *v = NULL;
	int st;

	c.size = sizeof(c);
	c.backend = &vmmu_nested_npt;
	/* Its tables come from anywhere: they may be out of reach too. */
	st = vmmu_create(&c, &v);
	t_true(st == VMMU_OK || st == VMMU_ENOMEM);
	vmmu_destroy(v);
	c = (struct vmmu_config){ 0 };
	start_bare(&vmmu_nested_npt, &c);
	s.pointer = (void *)(uintptr_t)BIT(52);
	t_eq(vmmu_slot_add(vm, &s), VMMU_EINVAL);
	s.pointer = (void *)(uintptr_t)(BIT(52) - 4096);
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	finish();
}

Test(api, memory_below_the_base_is_refused)
{
	struct vmmu_range range = { 0x10000, RAM };
	struct vmmu_native_config nc = { &range, 1, 4096 };
	struct vmmu_config c = {
		.size = sizeof(c), .backend = &vmmu_native, .base = get_ram(), .backend_config = &nc
	};
	struct vmmu *v;

	t_eq(vmmu_create(&c, &v), VMMU_OK);
	vmmu_destroy(v);
	nc.page_size = 5;
	t_eq(vmmu_create(&c, &v), VMMU_EINVAL);
	t_true(!v);
}

/* ---- slots ------------------------------------------------------- */

Test(api, bad_slots_are_refused_with_a_reason)
{
	struct vmmu_config c = { .profile = &vmmu_profile_intel };
	struct vmmu_slot_info s = { .gpa = { 0x10000 }, .size = 0x10000, .page_size = 4096 }, bad;
	unsigned i;

	start_bare(&vmmu_nested_ept, &c);
	s.pointer = ram;
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	for (i = 0; i < 10; i++) {
		int want = VMMU_EINVAL;

		bad = s;
		bad.gpa.v = 0x100000;
		switch (i) {
		case 0:
			bad.gpa.v++;
			break;
		case 1:
			bad.size--;
			break;
		case 2:
			bad.size = 0;
			break;
		case 3:
			bad.gpa.v = BIT(46);
			break;
		case 4:
			bad.gpa.v = BIT(46) - 0x1000;
			break;
		case 5:
			bad.page_size = 8192;
			break;
		case 6:
			bad.pointer = NULL;
			break; /* and no callback */
		case 7:
			bad.flags = 2;
			break;
		case 8:
			bad.gpa.v = 0x1f000;
			want = VMMU_EEXIST;
			break;
		case 9:
			bad.pointer = ram + 1;
			break;
		}
		t_check(vmmu_slot_add(vm, &bad) == want, "slot %u", i);
		t_true(vmmu_reason(vm)[0]);
	}
	bad = s;
	bad.gpa.v = ~UINT64_C(0xfff);
	t_eq(vmmu_slot_add(vm, &bad), VMMU_EINVAL);
	bad.gpa.v = BIT(46) - 0x10000;
	t_eq(vmmu_slot_add(vm, &bad), VMMU_OK);
	finish();
}

Test(api, slots_are_found_moved_and_removed)
{
	struct vmmu_slot_info s;
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start(backends[b]);
		t_eq(add(0x100000, 0x2000, ram + 0x30000, 0), VMMU_OK);
		put8(PTE(0x6000), 0x101000 | PWUA | D);
		t_eq(translate(0x6010, VMMU_WRITE), VMMU_OK);
		t_true(x.host == ram + 0x31010);
		t_eq(vmmu_slot_find(vm, vmmu_gpa(0x101fff), &s), VMMU_OK);
		t_eq(s.gpa.v, 0x100000);
		t_eq(vmmu_slot_find(vm, vmmu_gpa(0x102000), &s), VMMU_ENOENT);
		t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x101000)), 4096);
		t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x102000)), 0);
		t_eq(vmmu_slot_move(vm, vmmu_gpa(0x100000), vmmu_gpa(0x1000)), VMMU_EEXIST);
		t_eq(vmmu_slot_move(vm, vmmu_gpa(0x101000), vmmu_gpa(0x200000)), VMMU_ENOENT);
		t_eq(translate(0x6010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_slot_move(vm, vmmu_gpa(0x100000), vmmu_gpa(0x101000)), VMMU_OK);
		t_eq(translate(0x6010, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x30010);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x102000)), VMMU_ENOENT);
		t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x101000)), VMMU_OK);
		t_eq(translate(0x6010, VMMU_READ), VMMU_MMIO);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
}

/* Where host leaves may be large: congruent, whole, in the slot. */
Test(api, slot_leaf_tells_where_large_pages_fit)
{
	struct vmmu_config c = { 0 };
	struct vmmu_slot_info s = { .gpa = { 0x100000 }, .size = 0x700000, .page_size = 2u << 20 };

	start_bare(&vmmu_nested_npt, &c);
	s.pointer = ram + 0x100000;
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x1ff000)), 4096);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x200000)), 2u << 20);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x7ff000)), 2u << 20);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(0x100000)), VMMU_OK);
	s.pointer = ram + 0x101000;
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	t_eq(vmmu_slot_leaf(vm, vmmu_gpa(0x200000)), 4096);
	finish();
}

Test(api, what_would_change_fixed_memory_is_enotsup)
{
	struct vmmu_host_page page = { ram, 4096, 1 };

	start(&vmmu_native);
	t_eq(add(0x100000, 0x1000, ram + 0x30000, 0), VMMU_ENOTSUP);
	t_eq(vmmu_slot_remove(vm, vmmu_gpa(0)), VMMU_ENOTSUP);
	t_eq(vmmu_slot_move(vm, vmmu_gpa(0), vmmu_gpa(0x100000)), VMMU_ENOTSUP);
	t_eq(vmmu_slot_flags(vm, vmmu_gpa(0), VMMU_SLOT_READONLY), VMMU_ENOTSUP);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_ENOTSUP);
	t_eq(vmmu_notify_begin(vm, vmmu_gpa(0), 4096), VMMU_ENOTSUP);
	t_eq(vmmu_change_pte(vm, vmmu_gpa(0), &page), VMMU_ENOTSUP);
	t_eq(vmmu_age(vm, vmmu_gpa(0), 4096, 1), VMMU_ENOTSUP);
	t_eq(vmmu_check(vm), VMMU_OK);
	finish();
}

/* ---- callbacks --------------------------------------------------- */

static struct {
	unsigned asked, asked_to_write, flushes;
	int answer;
	uint32_t writable;
	struct vmmu_flush flush;
	enum vmmu_event order[4096];
	unsigned nr;
	size_t allocated, allocs;
} cb;

static int on_host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	t_true(ctx == &cb);
	t_eq(gpa.v & 4095, 0);
	cb.asked++;
	cb.asked_to_write += write != 0;
	page->pointer = ram + gpa.v;
	page->size = 4096;
	page->writable = cb.writable || write;
	return cb.answer;
}

static void on_flush(void *ctx, const struct vmmu_flush *what)
{
	t_true(ctx == &cb);
	cb.flushes++;
	cb.flush = *what;
}

static void on_event(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)c;
	(void)a;
	(void)b;
	t_true(ctx == &cb);
	if (cb.nr < 4096)
		cb.order[cb.nr++] = ev;
}

static void start_lazy(const struct vmmu_backend *be)
{
	struct vmmu_config c = {
		.cb = { .host_page = on_host_page, .flush = on_flush, .ctx = &cb }
	};

	put_guest();
	memset(&cb, 0, sizeof(cb));
	cb.writable = 1;
	start_bare(be, &c);
	t_eq(add(0, RAM, NULL, 0), VMMU_OK);
	t_eq(vmmu_set_regs(cpu, &long_regs, 0), VMMU_OK);
}

Test(api, pages_come_from_the_host_once_each)
{
	unsigned b, asked;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(x.host == ram + 0x11010);
		t_eq(cb.asked, 5);
		asked = cb.asked;
		vmmu_hw_flush(cpu);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(cb.asked, asked);
		t_eq(stats().event[VMMU_EV_HOST_ASK], asked);
		finish();
	}
}

Test(api, a_host_that_has_no_page_is_ehost)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		cb.answer = 1;
		t_eq(translate(0x1010, VMMU_READ), VMMU_EHOST);
		t_true(vmmu_reason(vm)[0]);
		cb.answer = 0;
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		finish();
	}
}

Test(api, a_read_only_host_page_is_asked_for_again_to_be_written)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x2010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_notify_begin(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		cb.writable = 0;
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(!(x.rights & VMMU_W));
		cb.asked_to_write = 0;
		t_eq(translate(0x1010, VMMU_WRITE), VMMU_OK);
		t_eq(cb.asked_to_write, 1);
		t_true(x.rights & VMMU_W);
		finish();
	}
}

Test(api, a_probe_asks_the_host_for_nothing)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x1010, VMMU_READ | VMMU_PROBE), VMMU_AGAIN);
		t_eq(cb.asked, 0);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		cb.asked = 0;
		t_eq(translate(0x2010, VMMU_READ | VMMU_PROBE), VMMU_OK);
		t_true(!x.host);
		t_eq(x.gpa.v, 0x12010);
		t_eq(cb.asked, 0);
		finish();
	}
}

Test(api, an_access_during_an_invalidation_is_again)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start(backends[b]);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_notify_begin(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		t_true(!host(0x1010, 1, VMMU_READ));
		t_eq(translate(0x1010, VMMU_READ), VMMU_AGAIN);
		t_eq(translate(0x2010, VMMU_READ), VMMU_OK);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x2000), VMMU_EINVAL);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x1000), VMMU_OK);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		finish();
	}
}

Test(api, flush_names_the_pages_that_the_embedder_must_drop)
{
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_lazy(backends[b]);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		cb.flushes = 0;
		t_eq(vmmu_notify_begin(vm, vmmu_gpa(0x11000), 0x2000), VMMU_OK);
		t_true(cb.flushes >= 1);
		t_eq(cb.flush.scope, VMMU_FLUSH_GPA);
		t_eq(cb.flush.start, 0x11000);
		t_eq(cb.flush.len, 0x2000);
		t_eq(cb.flush.cpus, 1);
		t_eq(vmmu_notify_end(vm, vmmu_gpa(0x11000), 0x2000), VMMU_OK);
		finish();
	}
}

/* What the event says happened, in order: the exit's cause before its result. */
Test(api, events_are_told_in_order)
{
	struct vmmu_config c = { .cb = { .event = on_event, .ctx = &cb } };
	unsigned i, npf = 0, walks = 0, maps = 0;

	memset(&cb, 0, sizeof(cb));
	start_with(&vmmu_nested_npt, &c);
	cb.nr = 0;
	t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
	for (i = 0; i < cb.nr; i++) {
		npf += cb.order[i] == VMMU_EV_EXIT_NPF;
		walks += cb.order[i] == VMMU_EV_WALK;
		maps += cb.order[i] == VMMU_EV_MAP;
		t_true(npf <= walks);
	}
	t_eq(cb.order[0], VMMU_EV_WALK);
	t_eq(cb.order[cb.nr - 1], VMMU_EV_WALK);
	t_eq(npf, 5);
	t_eq(walks, 6);
	t_true(maps >= 5);
	t_eq(stats().event[VMMU_EV_WALK], 6);
	finish();
}

static struct {
	enum vmmu_event ev;
	uint64_t a, b;
} seen[64];
static unsigned nr_seen;

static void see_exit(void *ctx, struct vmmu_cpu *c, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	(void)ctx;
	(void)c;
	if (ev >= VMMU_NR_EXITS || nr_seen == 64)
		return;
	seen[nr_seen].ev = ev;
	seen[nr_seen].a = a;
	seen[nr_seen++].b = b;
}

/* <vmmu/event.h>: EXIT_NPF is "gpa, EXITINFO1", EXIT_EPT_VIOLATION "gpa, qualification". */
Test(api, a_nested_exit_tells_gpa_and_info)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };
	unsigned b;

	for (b = 1; b < 3; b++) {
		nr_seen = 0;
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(nr_seen, 5);
		t_eq(seen[0].a & ~UINT64_C(0xfff), 0x4000);
		t_eq(seen[4].a, 0x11010);
		t_eq(seen[4].b, b == 1 ? 0x100000004 : 0x181);
		finish();
	}
}

/* The same header: "gva, error code", "gva, access", "gpa, access". */
Test(api, an_exit_tells_what_its_event_says)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };

	start_with(&vmmu_shadow, &c);
	nr_seen = 0;
	t_eq(translate(0x1010, VMMU_READ | VMMU_USER), VMMU_OK);
	t_eq(translate(0x5010, VMMU_WRITE), VMMU_FAULT);
	t_eq(translate(0x6010, VMMU_READ), VMMU_MMIO);
	t_eq(vmmu_set_cr3(cpu, 0x4000), VMMU_OK);
	t_eq(nr_seen, 4);
	t_eq(seen[0].ev, VMMU_EV_EXIT_SHADOW_MISS);
	t_eq(seen[0].a, 0x1010);
	t_eq(seen[0].b, VMMU_READ | VMMU_USER);
	t_eq(seen[1].ev, VMMU_EV_EXIT_GUEST_PF);
	t_eq(seen[1].a, 0x5010);
	t_eq(seen[1].b, VMMU_PF_W);
	t_eq(seen[2].ev, VMMU_EV_EXIT_MMIO);
	t_eq(seen[2].a, 0x1000010);
	t_eq(seen[2].b, VMMU_READ);
	t_eq(seen[3].ev, VMMU_EV_EXIT_CR_WRITE);
	t_eq(seen[3].a, 3);
	t_eq(seen[3].b, 0x4000);
	finish();
}

Test(api, a_dirty_log_exit_tells_its_gpa)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_WRITE), VMMU_OK);
		t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		nr_seen = 0;
		t_eq(translate(0x1010, VMMU_WRITE), VMMU_OK);
		t_true(nr_seen >= 1);
		t_eq(seen[nr_seen - 1].ev, VMMU_EV_EXIT_DIRTY_LOG);
		t_eq(seen[nr_seen - 1].a, 0x11010);
		t_eq(seen[nr_seen - 1].b, VMMU_WRITE);
		finish();
	}
}

/* Tables in ROM make the hypervisor finish the walk, and what it finds there is the exit's. */
Test(api, an_mmio_exit_tells_its_gpa_with_tables_in_rom_too)
{
	struct vmmu_config c = { .cb = { .event = see_exit } };
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_with(backends[b], &c);
		t_eq(vmmu_slot_flags(vm, vmmu_gpa(0), VMMU_SLOT_READONLY), VMMU_OK);
		nr_seen = 0;
		t_eq(translate(0x6128, VMMU_READ), VMMU_MMIO);
		t_eq(x.gpa.v, 0x1000128);
		t_eq(nr_seen, 1);
		t_eq(seen[0].ev, VMMU_EV_EXIT_MMIO);
		t_eq(seen[0].a, 0x1000128);
		t_eq(seen[0].b, VMMU_READ);
		finish();
	}
}

static void *on_alloc(void *ctx, size_t size, size_t align)
{
	void *p;

	t_true(ctx == &cb);
	t_true(align && !(align & (align - 1)));
	if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size))
		return NULL;
	memset(p, 0xee, size);
	cb.allocated += size;
	cb.allocs++;
	return p;
}

static void on_free(void *ctx, void *p, size_t size)
{
	t_true(ctx == &cb);
	cb.allocated -= size;
	free(p);
}

Test(api, all_memory_comes_from_the_embedder_and_goes_back)
{
	unsigned b;

	for (b = 0; b < NR_BACKENDS; b++) {
		struct vmmu_config c = { .cb = { .alloc = on_alloc, .free = on_free, .ctx = &cb },
					 .l1 = { 16, 4 },
					 .pwc_entries = 8,
					 .nested_entries = 8 };

		memset(&cb, 0, sizeof(cb));
		/* Tables must lie above the base, where this allocator need not put them. */
		if (backends[b] == &vmmu_native)
			continue;
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_true(cb.allocated > 0);
		t_true(stats().meta_bytes <= cb.allocated);
		finish();
		t_eq(cb.allocated, 0);
	}
}

/* ---- several VMs, resetting -------------------------------------- */

Test(api, vms_do_not_know_each_other)
{
	struct vmmu_config c = { .size = sizeof(c), .backend = &vmmu_shadow };
	struct vmmu_slot_info s = { .size = 0x10000, .page_size = 4096 };
	struct vmmu *v[3];
	struct vmmu_xlat y;
	unsigned i;

	get_ram();
	for (i = 0; i < 3; i++) {
		t_eq(vmmu_create(&c, &v[i]), VMMU_OK);
		s.pointer = ram + i * 0x10000;
		t_eq(vmmu_slot_add(v[i], &s), VMMU_OK);
	}
	for (i = 0; i < 3; i++) {
		t_eq(vmmu_translate(vmmu_cpu(v[i], 0), vmmu_gva(0x1234), 1, VMMU_READ, &y),
		     VMMU_OK);
		t_true(y.host == ram + i * 0x10000 + 0x1234);
	}
	vmmu_destroy(v[1]);
	t_eq(vmmu_slot_remove(v[0], vmmu_gpa(0)), VMMU_OK);
	t_eq(vmmu_translate(vmmu_cpu(v[0], 0), vmmu_gva(0x1234), 1, VMMU_READ, &y), VMMU_MMIO);
	t_eq(vmmu_translate(vmmu_cpu(v[2], 0), vmmu_gva(0x1234), 1, VMMU_READ, &y), VMMU_OK);
	vmmu_destroy(v[0]);
	vmmu_destroy(v[2]);
}

Test(api, vcpus_have_their_own_registers_and_share_memory)
{
	struct vmmu_config c = { .nr_cpus = 2 };
	unsigned b;

	for (b = 1; b < NR_BACKENDS; b++) {
		start_with(backends[b], &c);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x11010);
		t_eq(vmmu_translate(vmmu_cpu(vm, 1), vmmu_gva(0x1010), 1, VMMU_READ, &x), VMMU_OK);
		t_eq(x.gpa.v, 0x1010);
		t_eq(vmmu_check(vm), VMMU_OK);
		finish();
	}
}

Test(api, reset_goes_back_to_real_mode_and_drops_all)
{
	FOR_EACH_BACKEND
	{
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x11010);
		t_eq(vmmu_reset(cpu), VMMU_OK);
		t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
		t_eq(x.gpa.v, 0x1010);
	}
}

/* ---- words and numbers ------------------------------------------- */

Test(api, every_status_has_a_name_of_its_own)
{
	int i, j;

	for (i = VMMU_EBROKEN; i <= VMMU_GP; i++) {
		t_true(vmmu_strerror(i) && vmmu_strerror(i)[0]);
		for (j = VMMU_EBROKEN; j < i; j++)
			t_true(strcmp(vmmu_strerror(i), vmmu_strerror(j)));
	}
	t_true(vmmu_strerror(12345) != NULL);
}

Test(api, every_event_has_a_key_of_its_own)
{
	unsigned i, j;

	for (i = 0; i < VMMU_NR_EVENTS; i++)
		for (j = 0; j < i; j++)
			t_true(strcmp(vmmu_event_key(i), vmmu_event_key(j)));
	t_true(!vmmu_event_key(VMMU_NR_EVENTS));
	t_true(!strcmp(vmmu_event_key(VMMU_EV_EXIT_NPF), "npf"));
	t_true(!strcmp(vmmu_event_key(VMMU_EV_EXIT_CR_WRITE), "cr_write"));
	t_eq(VMMU_NR_EXITS, 10);
}

Test(api, statistics_have_a_size_and_can_be_cleared)
{
	struct {
		struct vmmu_stats s;
		uint64_t after;
	} old = { .after = 42 };

	start(&vmmu_nested_npt);
	t_eq(translate(0x1010, VMMU_READ), VMMU_OK);
	t_true(stats().walk_refs > 24);
	t_true(stats().table_bytes >= 4 * 4096);
	t_true(stats().table_peak >= stats().table_bytes);
	vmmu_clear_stats(vm);
	t_eq(stats().walk_refs, 0);
	t_eq(stats().event[VMMU_EV_WALK], 0);
	t_eq(stats().table_peak, stats().table_bytes);
	/* A caller of an older version has less room. */
	old.s.size = offsetof(struct vmmu_stats, sw_refs);
	old.s.sw_refs = 77;
	vmmu_get_stats(vm, &old.s);
	t_eq(old.s.sw_refs, 77);
	t_eq(old.s.size, offsetof(struct vmmu_stats, sw_refs));
	old.s.size = sizeof(old);
	vmmu_get_stats(vm, &old.s);
	t_eq(old.after, 42);
	finish();
}

Test(api, reasons_are_sentences_and_success_has_none_to_add)
{
	start(&vmmu_nested_npt);
	t_eq(translate(0x1000, 3), VMMU_EINVAL);
	t_true(strlen(vmmu_reason(vm)) > 10);
	finish();
}
