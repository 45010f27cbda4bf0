/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks and entries in words: the order of the steps, what an entry says, why a walk stopped.
 * Not here: whether the walk is right (test_walk.c).
 * Keeps: every text is a literal.
 */
#include <string.h>

#include <vmmu/explain.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "t.h"

#define RAM 0x20000u
#define PWUA 0x27u
#define D 0x40u
#define PG (VMMU_CR0_PE | VMMU_CR0_ET | VMMU_CR0_PG)
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)

static _Alignas(4096) uint8_t ram[RAM];
static struct vmmu *vm;
static struct vmmu_cpu *cpu;

static void put8(uint64_t gpa, uint64_t v)
{
	memcpy(ram + gpa, &v, 8);
}

/* Address 0x6128 is byte 0x128 of the page at 0x9000; 0x7000 is not present. */
static void start(const struct vmmu_backend *be)
{
	struct vmmu_config c = { .size = sizeof(c), .backend = be };
	struct vmmu_slot_info s = { .size = RAM, .pointer = ram, .page_size = 4096 };
	struct vmmu_regs r = { .cr0 = PG, .cr3 = 0x4000, .cr4 = VMMU_CR4_PAE, .efer = LONG };

	vmmu_destroy(vm);
	vm = NULL;
	memset(ram, 0, sizeof(ram));
	put8(0x4000, 0x3000 | PWUA);
	put8(0x3000, 0x2000 | PWUA);
	put8(0x2000, 0x1000 | PWUA);
	put8(0x1030, 0x9000 | PWUA | D);
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	t_eq(vmmu_slot_add(vm, &s), VMMU_OK);
	cpu = vmmu_cpu(vm, 0);
	t_eq(vmmu_set_regs(cpu, &r, 0), VMMU_OK);
}

static void finish(void)
{
	vmmu_destroy(vm);
	vm = NULL;
}

static struct vmmu_step steps[64];
static unsigned nr_steps;

static void keep(void *ctx, const struct vmmu_step *s)
{
	t_true(ctx == steps);
	if (nr_steps < 64)
		steps[nr_steps++] = *s;
}

static int explain(uint64_t gva, enum vmmu_explain_what what, struct vmmu_walk *w)
{
	nr_steps = 0;
	return vmmu_explain(cpu, vmmu_gva(gva), VMMU_READ, what, keep, steps, w);
}

static void touch(uint64_t gva)
{
	struct vmmu_xlat x;

	vmmu_translate(cpu, vmmu_gva(gva), 1, VMMU_READ, &x);
}

/* ---- steps ------------------------------------------------------------------------------ */

/* Bhargava's figure: each guest entry's address through four nested levels, then the entry. */
Test(explain, a_4x4_walk_has_24_steps_in_order)
{
	static const struct vmmu_backend *const be[] = { &vmmu_nested_npt, &vmmu_nested_ept };
	static const uint64_t gpa[] = { 0x9128, 0x1030, 0x2000, 0x3000, 0x4000 };
	unsigned b, i, guest, nested;
	struct vmmu_walk w;

	for (b = 0; b < 2; b++) {
		start(be[b]);
		touch(0x6128);
		t_eq(explain(0x6128, VMMU_EXPLAIN_HW, &w), VMMU_WALK_OK);
		t_eq(nr_steps, 24);
		t_eq(w.refs, 24);
		for (i = 0, guest = 4;; guest--) {
			for (nested = 4; nested; nested--, i++) {
				t_eq(steps[i].dim, 2);
				t_eq(steps[i].level, nested);
				t_eq(steps[i].table, guest);
				t_eq(steps[i].ia, gpa[guest]);
				t_eq(steps[i].leaf, nested == 1);
				t_true(steps[i].fmt == (b ? &vmmu_fmt_ept : &vmmu_fmt_npt));
			}
			if (!guest)
				break;
			t_eq(steps[i].dim, 1);
			t_eq(steps[i].level, guest);
			t_eq(steps[i].ia, 0x6128);
			t_eq(steps[i].pa, gpa[guest]);
			t_eq(steps[i].leaf, guest == 1);
			t_true(steps[i].fmt == &vmmu_fmt_x64);
			i++;
		}
		t_eq(steps[22].entry & 7, 7);
		t_eq(steps[19].entry, 0x9000 | PWUA | D);
		finish();
	}
}

Test(explain, the_guests_own_walk_has_its_own_steps)
{
	static const struct vmmu_backend *const be[] = { &vmmu_nested_npt, &vmmu_shadow };
	struct vmmu_walk w;
	unsigned b, i;

	for (b = 0; b < 2; b++) {
		start(be[b]);
		t_eq(explain(0x6128, VMMU_EXPLAIN_GUEST, &w), VMMU_WALK_OK);
		t_eq(nr_steps, 4);
		for (i = 0; i < 4; i++) {
			t_eq(steps[i].level, 4 - i);
			t_eq(steps[i].dim, 1);
		}
		t_eq(w.gpa.v, 0x9128);
		t_eq(explain(0x7000, VMMU_EXPLAIN_GUEST, &w), VMMU_WALK_NP);
		t_eq(w.level, 1);
		finish();
	}
}

Test(explain, a_shadow_walk_leads_to_the_host)
{
	struct vmmu_walk w;

	start(&vmmu_shadow);
	t_eq(explain(0x6128, VMMU_EXPLAIN_HW, &w), VMMU_WALK_NP);
	touch(0x6128);
	t_eq(explain(0x6128, VMMU_EXPLAIN_HW, &w), VMMU_WALK_OK);
	t_eq(nr_steps, 4);
	t_true((uint8_t *)(uintptr_t)w.hpa.v == ram + 0x9128);
	finish();
}

Test(explain, explaining_changes_nothing)
{
	static uint8_t before[RAM];
	struct vmmu_stats s = { .size = sizeof(s) }, now = { .size = sizeof(now) };
	static const struct vmmu_backend *const be[] = { &vmmu_nested_npt, &vmmu_nested_ept,
							 &vmmu_shadow };
	struct vmmu_walk w;
	unsigned b;

	for (b = 0; b < 3; b++) {
		start(be[b]);
		touch(0x6128);
		put8(0x1030, 0x9000 | 7);
		put8(0x2000, 0x1000 | 7);
		memcpy(before, ram, RAM);
		vmmu_get_stats(vm, &s);
		explain(0x6128, VMMU_EXPLAIN_HW, &w);
		explain(0x6128, VMMU_EXPLAIN_GUEST, &w);
		explain(0x7000, VMMU_EXPLAIN_HW, &w);
		vmmu_get_stats(vm, &now);
		t_true(!memcmp(&s, &now, sizeof(s)));
		t_true(!memcmp(before, ram, RAM));
		finish();
	}
}

/* ---- entries ----------------------------------------------------------------------------- */

static const struct {
	const struct vmmu_fmt *fmt;
	unsigned level;
	uint64_t entry;
	const char *text;
} entries[] = {
	{ &vmmu_fmt_x64, 1, 0x8000000001d29067, "0x1d29000 P RW U A D NX" },
	{ &vmmu_fmt_x64, 1, 0x1, "0x0 P RO S" },
	{ &vmmu_fmt_x64, 1, 0x0, "not present" },
	{ &vmmu_fmt_x64, 1, 0xfffffffffffffffe, "not present" },
	{ &vmmu_fmt_x64, 4, 0x5027, "0x5000 P RW U A" },
	{ &vmmu_fmt_x64, 2, 0x2000e7, "0x200000 P RW U A D 2M" },
	{ &vmmu_fmt_x64, 2, 0x2001e5, "0x200000 P RO U A D G 2M" },
	{ &vmmu_fmt_x64, 3, 0x400000e7, "0x40000000 P RW U A D 1G" },
	{ &vmmu_fmt_x64, 1, 0x2800000000007067, "0x7000 P RW U A D key 5" },
	{ &vmmu_fmt_x64, 2, 0x8000000000005167, "0x5000 P RW U A NX" },
	{ &vmmu_fmt_ept, 2, 0x5107, "0x5000 RWX A" },
	{ &vmmu_fmt_x64_la57, 5, 0x6027, "0x6000 P RW U A" },
	{ &vmmu_fmt_pae, 3, 0x4001, "0x4000 P" },
	{ &vmmu_fmt_pae, 2, 0x200083, "0x200000 P RW S 2M" },
	{ &vmmu_fmt_legacy32, 2, 0x4000e7, "0x400000 P RW U A D 4M" },
	{ &vmmu_fmt_legacy32, 1, 0x7067, "0x7000 P RW U A D" },
	{ &vmmu_fmt_legacy32_nopse, 2, 0x40e7, "0x4000 P RW U A" },
	{ &vmmu_fmt_npt, 1, 0x7067, "0x7000 P RW U A D" },
	{ &vmmu_fmt_ept, 1, 0x7337, "0x7000 RWX A D type 6" },
	{ &vmmu_fmt_ept, 1, 0x7001, "0x7000 R-- type 0" },
	{ &vmmu_fmt_ept, 1, 0x7034, "0x7000 --X type 6" },
	{ &vmmu_fmt_ept, 1, 0x7000, "not present" },
	{ &vmmu_fmt_ept, 4, 0x5107, "0x5000 RWX A" },
	{ &vmmu_fmt_ept, 2, 0x2000b7, "0x200000 RWX 2M type 6" },
	{ &vmmu_fmt_ept, 3, 0x400000b5, "0x40000000 R-X 1G type 6" },
	{ &vmmu_fmt_x64, 0, 0x1, "no level 0 in x64" },
	{ &vmmu_fmt_x64, 5, 0x1, "no level 5 in x64" },
};
#define NR_ENTRIES (sizeof(entries) / sizeof(entries[0]))

Test(explain, an_entry_is_decoded_by_its_format)
{
	char buf[128];
	unsigned i;

	for (i = 0; i < NR_ENTRIES; i++) {
		int n = vmmu_explain_entry(entries[i].fmt, entries[i].level, entries[i].entry, buf,
					   sizeof(buf));

		t_check(!strcmp(buf, entries[i].text), "entry %u: \"%s\", not \"%s\"", i, buf,
			entries[i].text);
		t_eq(n, strlen(buf));
	}
}

Test(explain, a_text_is_cut_as_by_snprintf)
{
	char buf[64];
	unsigned i, len;

	for (i = 0; i < NR_ENTRIES; i++) {
		size_t whole = strlen(entries[i].text);

		t_eq(vmmu_explain_entry(entries[i].fmt, entries[i].level, entries[i].entry, NULL,
					0),
		     whole);
		for (len = 1; len < whole + 2; len++) {
			size_t want = whole < len - 1 ? whole : len - 1;

			memset(buf, '#', sizeof(buf));
			t_eq(vmmu_explain_entry(entries[i].fmt, entries[i].level, entries[i].entry,
						buf, len),
			     whole);
			t_check(strlen(buf) == want && !memcmp(buf, entries[i].text, want),
				"entry %u in %u bytes: \"%s\"", i, len, buf);
			t_true(buf[len] == '#');
		}
	}
}

Test(explain, levels_have_the_manuals_names)
{
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_x64, 1), "PTE"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_x64, 2), "PDE"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_x64, 3), "PDPTE"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_x64, 4), "PML4E"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_x64_la57, 5), "PML5E"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_npt, 4), "nPML4E"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_ept, 1), "EPT PTE"));
	t_true(!strcmp(vmmu_explain_level(&vmmu_fmt_ept5, 5), "EPT PML5E"));
	t_true(vmmu_explain_level(&vmmu_fmt_x64, 99) != NULL);
}

/* ---- outcomes ------------------------------------------------------------------------------ */

static void says(const struct vmmu_walk *w, const char *text)
{
	char buf[256], small[10];
	int n = vmmu_explain_walk(w, buf, sizeof(buf));

	t_check(!strcmp(buf, text), "\"%s\", not \"%s\"", buf, text);
	t_eq(n, strlen(text));
	t_eq(vmmu_explain_walk(w, small, sizeof(small)), n);
	t_eq(strlen(small), 9);
	t_true(!memcmp(small, text, 9));
	t_eq(vmmu_explain_walk(w, NULL, 0), n);
}

Test(explain, an_outcome_is_one_sentence)
{
	struct vmmu_walk w;

	start(&vmmu_nested_npt);
	touch(0x6128);
	explain(0x6128, VMMU_EXPLAIN_GUEST, &w);
	says(&w, "gpa 0x9128, hpa 0x9128, rights rwxu, 4 references");
	explain(0x7000, VMMU_EXPLAIN_GUEST, &w);
	says(&w, "#PF, error code 0x0, level 1: the entry is not present, after 4 references");
	explain((uint64_t)1 << 47, VMMU_EXPLAIN_GUEST, &w);
	says(&w, "#GP: the address is not canonical, after 0 references");
	put8(0x3008, 0x100000 | PWUA);
	explain((uint64_t)1 << 30, VMMU_EXPLAIN_GUEST, &w);
	says(&w, "table at 0x100000: the address is not memory, after 2 references");
	put8(0x1038, 0x9001 | (uint64_t)1 << 51);
	put8(0x2008, 0x200000 | 1 << 13 | 0x81);
	explain(0x200000, VMMU_EXPLAIN_GUEST, &w);
	says(&w, "#PF, error code 0x9, level 2: reserved bits are set in the entry, "
		 "after 3 references");
	finish();
}

Test(explain, a_nested_stop_names_table_and_exit_information)
{
	struct vmmu_walk w;

	start(&vmmu_nested_npt);
	explain(0x6128, VMMU_EXPLAIN_HW, &w);
	says(&w, "nested dimension, level 4, gpa 0x4000 (the guest's level-4 table): "
		 "the entry is not present; EXITINFO1 0x200000006, after 1 references");
	finish();
	start(&vmmu_nested_ept);
	touch(0x7000);
	put8(0x1038, 0x9000 | PWUA | D);
	explain(0x7000, VMMU_EXPLAIN_HW, &w);
	says(&w, "nested dimension, level 1, gpa 0x9000 (the final address): "
		 "the entry is not present; qualification 0x181, after 24 references");
	finish();
}
