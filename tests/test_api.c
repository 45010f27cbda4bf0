/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedder's calls that look addresses up and copy bytes, one promise of <vmmu/vmmu.h> each.
 * Not here: making and changing a VM (test_api_vm.c), registers and flushing (test_mode.c), what
 * walks find (test_walk.c).
 * Keeps: every expectation is a sentence of the header.
 */
#include "api_rig.h"

static uint64_t get8(uint64_t gpa)
{
	uint64_t v;

	memcpy(&v, ram + gpa, 8);
	return v;
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
