/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legal set against SDM 4.10 and APM 5.5: which answers a vCPU may give after which events.
 * Not a test of the library; expected verdicts are worked out by hand from the manuals.
 * Invariant: each test would also fail if the set kept everything or dropped everything it names.
 */
#include <string.h>

#include "t.h"
#include <vmmu-oracle/oracle.h>

static uint8_t ram[0x10000];
static uint64_t hole; /* this page is no RAM */
static struct or_regs r;
static struct or_profile p;
static struct or_world *w;

static int is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa < 0x80000000 && !(hole && pa >> 12 == hole >> 12);
}

static int rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = 0;
	if (pa < sizeof(ram))
		memcpy(val, ram + pa, bytes);
	return 0;
}

static int wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	if (pa < sizeof(ram))
		memcpy(ram + pa, &val, bytes);
	return 0;
}

static const struct or_mem mem = { NULL, is_ram, NULL, rd, wr };

#define P 1u
#define PU 5u
#define PWU 7u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define NX (UINT64_C(1) << 63)

/*
 * VA and VB lie in one page table, VC in another one.  Each takes its name's entry; OLD is where VA
 * leads, and NEW and ODD are where a test may lead it.  Under root 0xc000 VA leads to ALT.
 */
#define VA UINT64_C(0x8080604123)
#define VB UINT64_C(0x8080605123)
#define VC UINT64_C(0x8080800123)
#define PML4E 0x1008
#define PDPTE 0x2010
#define PDE 0x3018
#define PTE 0x4020
#define PTE_B 0x4028
#define OLD 0x7123
#define OLD_B 0x8123
#define NEW 0x9123
#define ODD 0xb123
#define ALT 0xa123

#define PG_ON (OR_CR0_PG | OR_CR0_WP | OR_CR0_PE | OR_CR0_ET)
#define NOFLUSH (UINT64_C(1) << 63)

static void store(uint64_t gpa, uint64_t val)
{
	wr(NULL, gpa, 8, val);
	if (w)
		or_note_store(w, gpa, 8);
}

static void setup_memory(uint64_t leaf_bits)
{
	w = NULL;
	hole = 0;
	memset(ram, 0, sizeof(ram));
	p = (struct or_profile){
		.maxphyaddr = 40,
		.has_1g = true,
		.has_pse36 = true,
		.tce = true,
		.cr4_valid = 0x1f79fff,
		.efer_valid = 0x8901,
	};
	r = (struct or_regs){
		.cr0 = PG_ON,
		.cr3 = 0x1000,
		.cr4 = OR_CR4_PAE | OR_CR4_PGE,
		.efer = OR_EFER_LME | OR_EFER_LMA | OR_EFER_NXE,
	};
	store(PML4E, 0x2000 | A | PWU);
	store(PDPTE, 0x3000 | A | PWU);
	store(PDE, 0x4000 | A | PWU);
	store(PTE, 0x7000 | A | leaf_bits);
	store(PTE_B, 0x8000 | A | leaf_bits);
	store(PDE + 8, 0x6000 | A | PWU); /* VC */
	store(0x6000, 0x8000 | A | PWU);
	store(0xc008, 0xd000 | A | PWU); /* the other address space */
	store(0xd010, 0xe000 | A | PWU);
	store(0xe018, 0xf000 | A | PWU);
	store(0xf020, 0xa000 | A | PWU);
}

static void start(void)
{
	w = or_world_new(&p, &mem);
	or_watch(w, VA);
	or_vcpu_new(w, &r);
	or_watch(w, VB);
	or_watch(w, VC);
}

static void setup(void)
{
	setup_memory(PWU);
	start();
}

static void setup_global(void)
{
	setup_memory(G | PWU);
	start();
}

/* PCID 1 is current, on root 0x1000. */
static void setup_pcid(uint64_t leaf_bits)
{
	setup_memory(leaf_bits);
	r.cr4 |= OR_CR4_PCIDE;
	r.cr3 = 0x1001;
	start();
}

static void done(void)
{
	or_world_free(w);
	w = NULL;
}

enum { USER = 1 };

static int legal_on(unsigned vcpu, uint64_t gva, enum or_op op, struct or_result seen)
{
	struct or_access acc = { .gva = gva, .op = op, .user = true };

	return or_legal(w, vcpu, &acc, &seen);
}

static int reads(uint64_t gva, uint64_t gpa)
{
	return legal_on(0, gva, OR_READ, (struct or_result){ .kind = OR_OK, .gpa = gpa });
}

static int writes(uint64_t gva, uint64_t gpa)
{
	return legal_on(0, gva, OR_WRITE, (struct or_result){ .kind = OR_OK, .gpa = gpa });
}

static int fetches(uint64_t gva, uint64_t gpa)
{
	return legal_on(0, gva, OR_FETCH, (struct or_result){ .kind = OR_OK, .gpa = gpa });
}

static int faults(uint64_t gva, enum or_op op, unsigned error)
{
	return legal_on(0, gva, op,
			(struct or_result){ .kind = OR_PF, .error = error, .cr2 = gva });
}

/* Judges and frees the world first, as a failing check leaves the test. */
#define t_verdict(call, want)                                                                      \
	do {                                                                                       \
		int t_v = (call);                                                                  \
		char t_why[256];                                                                   \
		snprintf(t_why, sizeof(t_why), "%s", or_reason(w));                                \
		if (t_v != (want))                                                                 \
			done();                                                                    \
		t_check(t_v == (want), "%s is %d, not %d (%s)", #call, t_v, want, t_why);          \
	} while (0)

/* What is legal without any invalidation. */

Test(legal, fresh_answer)
{
	setup();
	t_verdict(reads(VA, OLD), 1);
	done();
}

Test(legal, answer_from_nowhere)
{
	setup();
	t_verdict(reads(VA, NEW), 0);
	done();
}

Test(legal, old_leaf_until_invalidated)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	t_verdict(reads(VA, NEW), 1);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(legal, value_between_two_stores_though_never_used)
{
	setup();
	store(PTE, 0xb000 | A | PWU);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(reads(VA, ODD), 2);
	done();
}

Test(legal, half_stored_entry)
{
	setup();
	store(PTE, UINT64_C(0x100007000) | A | PWU);
	wr(NULL, PTE, 4, 0x9000 | A | PWU);
	or_note_store(w, PTE, 4);
	wr(NULL, PTE + 4, 4, 0);
	or_note_store(w, PTE + 4, 4);
	/* The mixture of the new low half and the old high half was there, but is no RAM. */
	t_verdict(legal_on(0, VA, OR_READ,
			   (struct or_result){ .kind = OR_MMIO, .gpa = UINT64_C(0x100009123) }),
		  2);
	done();
}

Test(legal, removed_mapping_until_invalidated)
{
	setup();
	store(PTE, 0);
	t_verdict(faults(VA, OR_READ, 4), 1);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(legal, not_present_is_never_cached)
{
	setup();
	store(PTE, 0);
	or_note_invlpg(w, 0, VA);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(faults(VA, OR_READ, 4), 0);
	done();
}

Test(legal, reserved_is_never_cached)
{
	setup();
	store(PTE, UINT64_C(1) << 45 | 0x9000 | A | PWU);
	or_note_invlpg(w, 0, VA);
	t_verdict(faults(VA, OR_READ, 0xd), 1);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(faults(VA, OR_READ, 0xd), 0);
	done();
}

Test(legal, reserved_is_no_translation_either)
{
	setup();
	store(PTE, UINT64_C(1) << 45 | 0x9000 | A | PWU);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, NEW), 0);
	done();
}

Test(legal, cached_leaf_has_the_rights_of_all_levels)
{
	setup_memory(PWU);
	store(PDE, 0x4000 | A | 3);
	start();
	store(PTE, 0);
	t_verdict(faults(VA, OR_READ, 5), 2);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(legal, unwatched_address_has_only_the_fresh_walk)
{
	setup();
	store(0x4030, 0x9000 | A | PWU);
	t_verdict(reads(UINT64_C(0x8080606000), 0x9000), 1);
	store(0x4030, 0xb000 | A | PWU);
	t_verdict(reads(UINT64_C(0x8080606000), 0x9000), 0);
	done();
}

Test(legal, clear_a_may_have_been_set_by_speculation)
{
	setup();
	store(PTE, 0xb000 | PWU);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(reads(VA, ODD), 2);
	done();
}

Test(legal, clear_a_is_never_cached)
{
	setup();
	or_world_ad_notified(w);
	store(PTE, 0xb000 | PWU);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(legal, write_needs_a_leaf_with_d)
{
	setup();
	or_world_ad_notified(w);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(writes(VA, OLD), 0);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(legal, write_may_use_a_stale_leaf_with_d)
{
	setup_memory(D | PWU);
	start();
	or_world_ad_notified(w);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(writes(VA, OLD), 2);
	done();
}

/* Levels go stale independently. */

/* The PDE leads elsewhere, and then the old page table changes. */
static void move_table(void)
{
	store(0x5020, 0x9000 | A | PWU);
	store(PDE, 0x5000 | A | PWU);
}

Test(upper, stale_link_and_stale_leaf)
{
	setup();
	move_table();
	t_verdict(reads(VA, NEW), 1);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(upper, stale_link_leads_to_todays_memory)
{
	setup();
	move_table();
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 2);
	done();
}

Test(upper, stale_link_may_fault)
{
	setup();
	move_table();
	store(PTE, 0);
	t_verdict(faults(VA, OR_READ, 4), 2);
	done();
}

Test(upper, stale_rights_above_a_fresh_leaf)
{
	setup();
	store(PDE, 0x4000 | A | PU);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(faults(VA, OR_WRITE, 7), 1);
	t_verdict(writes(VA, NEW), 2);
	done();
}

Test(upper, invlpg_elsewhere_drops_the_links)
{
	setup();
	move_table();
	or_note_invlpg(w, 0, VC);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	t_verdict(reads(VA, OLD), 2); /* the leaf is another matter */
	done();
}

Test(upper, invlpg_with_tce_keeps_links_of_other_addresses)
{
	setup_memory(PWU);
	r.efer |= OR_EFER_TCE;
	start();
	move_table();
	or_note_invlpg(w, 0, VC);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 2);
	done();
}

Test(upper, invlpg_with_tce_drops_the_links_of_the_address)
{
	setup_memory(PWU);
	r.efer |= OR_EFER_TCE;
	start();
	move_table();
	or_note_invlpg(w, 0, VA);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	done();
}

Test(upper, tce_needs_the_profile)
{
	setup_memory(PWU);
	r.efer |= OR_EFER_TCE;
	p.tce = false;
	start();
	move_table();
	or_note_invlpg(w, 0, VC);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	done();
}

/* INVLPG. */

Test(invlpg, drops_the_page)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	or_note_invlpg(w, 0, VA & ~UINT64_C(0xfff));
	t_verdict(reads(VA, OLD), 0);
	t_verdict(reads(VA, NEW), 1);
	done();
}

Test(invlpg, keeps_other_pages)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	or_note_invlpg(w, 0, VB);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invlpg, works_on_the_old_value_only)
{
	setup();
	or_note_invlpg(w, 0, VA); /* before the store: the entry is legal again at once */
	store(PTE, 0x9000 | A | PWU);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invlpg, drops_globals)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_invlpg(w, 0, VA);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invlpg, drops_globals_of_another_pcid)
{
	setup_pcid(G | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	t_verdict(reads(VA, OLD), 2);
	or_note_invlpg(w, 0, VA);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invlpg, keeps_other_pcids)
{
	setup_pcid(PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	or_note_invlpg(w, 0, VA);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0x1001);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invlpg, drops_a_large_page_as_a_whole)
{
	setup_memory(PWU);
	store(PDE, 0x200000 | PS | A | PWU);
	start();
	store(PDE, 0x400000 | PS | A | PWU);
	t_verdict(reads(VA, 0x204123), 2);
	or_note_invlpg(w, 0, VB);
	t_verdict(reads(VA, 0x204123), 0);
	done();
}

Test(invlpg, drops_a_removed_large_page_as_a_whole)
{
	setup_memory(PWU);
	store(PDE, 0x200000 | PS | A | PWU);
	start();
	store(PDE, 0);
	or_note_invlpg(w, 0, VB);
	t_verdict(reads(VA, 0x204123), 0);
	done();
}

Test(invlpg, drops_only_the_small_page_of_a_split_one)
{
	setup_memory(PWU);
	store(PDE, 0x200000 | PS | A | PWU);
	start();
	store(PDE, 0x4000 | A | PWU);
	or_note_invlpg(w, 0, VB);
	t_verdict(reads(VB, 0x205123), 0);
	t_verdict(reads(VA, 0x204123), 2);
	done();
}

Test(invlpg, is_of_one_vcpu)
{
	setup();
	or_vcpu_new(w, &r);
	store(PTE, 0x9000 | A | PWU);
	or_note_invlpg(w, 0, VA);
	t_verdict(reads(VA, OLD), 0);
	t_verdict(legal_on(1, VA, OR_READ, (struct or_result){ .kind = OR_OK, .gpa = OLD }), 2);
	done();
}

/* MOV to CR3 and PCIDs. */

Test(cr3, drops_leaves_that_are_not_global)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, 0x1000);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr3, drops_links)
{
	setup();
	move_table();
	or_note_cr3(w, 0, 0x1000);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	done();
}

Test(cr3, keeps_globals)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, 0x1000);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr3, g_without_pge_is_not_global)
{
	setup_memory(G | PWU);
	r.cr4 &= ~OR_CR4_PGE;
	start();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, 0x1000);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr3, bit_63_drops_nothing)
{
	setup_pcid(PWU);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0x1001);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr3, without_bit_63_drops_the_pcid)
{
	setup_pcid(PWU);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, 0x1001);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr3, without_bit_63_drops_the_new_pcid_not_the_old)
{
	setup_pcid(PWU);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, 0xc002);
	or_note_cr3(w, 0, NOFLUSH | 0x1001);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr3, another_pcids_translation_is_not_usable)
{
	setup_pcid(PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	t_verdict(reads(VA, ALT), 1);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr3, a_global_of_another_pcid_is_usable)
{
	setup_pcid(G | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr3, same_pcid_on_another_root_mixes)
{
	setup_pcid(PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc001);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr3, nothing_is_cached_for_a_pcid_that_is_not_current)
{
	setup_pcid(PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	store(PTE, 0xb000 | A | PWU);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0x1001);
	t_verdict(reads(VA, ODD), 0);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr3, gp_drops_nothing)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	t_true(or_note_cr3(w, 0, UINT64_C(1) << 50) == OR_GP);
	t_verdict(reads(VA, OLD), 2);
	done();
}

/* INVPCID. */

static void invpcid(uint64_t leaf_bits, unsigned type, unsigned pcid, uint64_t gva)
{
	setup_pcid(leaf_bits);
	store(PTE, 0x9000 | A | PWU);
	or_note_invpcid(w, 0, type, pcid, gva);
}

Test(invpcid, type_0_drops_the_page)
{
	invpcid(PWU, 0, 1, VA);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invpcid, type_0_keeps_other_pages)
{
	invpcid(PWU, 0, 1, VB);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invpcid, type_0_keeps_other_pcids)
{
	invpcid(PWU, 0, 2, VA);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invpcid, type_0_keeps_globals)
{
	invpcid(G | PWU, 0, 1, VA);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invpcid, type_0_drops_the_links_of_the_address)
{
	setup_pcid(PWU);
	move_table();
	or_note_invpcid(w, 0, 0, 1, VA);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	done();
}

Test(invpcid, type_0_keeps_the_links_of_other_addresses)
{
	setup_pcid(PWU);
	move_table();
	or_note_invpcid(w, 0, 0, 1, VC);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 2);
	done();
}

Test(invpcid, type_1_drops_the_pcid)
{
	invpcid(PWU, 1, 1, 0);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invpcid, type_1_keeps_other_pcids)
{
	invpcid(PWU, 1, 2, 0);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invpcid, type_1_keeps_globals)
{
	invpcid(G | PWU, 1, 1, 0);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(invpcid, type_2_drops_globals)
{
	invpcid(G | PWU, 2, 0, 0);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invpcid, type_2_drops_all_pcids)
{
	invpcid(PWU, 2, 0, 0);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invpcid, type_3_drops_all_pcids)
{
	invpcid(PWU, 3, 0, 0);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(invpcid, type_3_keeps_globals)
{
	invpcid(G | PWU, 3, 0, 0);
	t_verdict(reads(VA, OLD), 2);
	done();
}

/* CR0 and CR4. */

Test(cr0, leaving_paging_drops_everything)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr0(w, 0, PG_ON & ~OR_CR0_PG);
	or_note_cr0(w, 0, PG_ON);
	t_verdict(reads(VA, NEW), 1);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr0, without_paging_only_identity)
{
	setup_global();
	or_note_cr0(w, 0, PG_ON & ~OR_CR0_PG);
	t_verdict(reads(VA, 0x80604123), 0); /* above RAM: MMIO */
	t_verdict(reads(0x7123, 0x7123), 1);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr0, wp_drops_nothing)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr0(w, 0, PG_ON & ~OR_CR0_WP);
	t_verdict(reads(VA, OLD), 2);
	done();
}

static int kernel_writes(uint64_t gva, uint64_t gpa)
{
	struct or_access acc = { .gva = gva, .op = OR_WRITE };
	struct or_result seen = { .kind = OR_OK, .gpa = gpa };

	return or_legal(w, 0, &acc, &seen);
}

Test(cr0, wp_is_judged_at_use)
{
	setup_memory(PU);
	start();
	or_note_cr0(w, 0, PG_ON & ~OR_CR0_WP);
	store(PTE, 0);
	t_verdict(kernel_writes(VA, OLD), 2);
	or_note_cr0(w, 0, PG_ON);
	t_verdict(kernel_writes(VA, OLD), 0);
	done();
}

Test(cr4, pge_change_drops_everything)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr4(w, 0, OR_CR4_PAE);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr4, pcide_clear_drops_everything)
{
	setup_pcid(G | PWU);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0x1000);
	or_note_cr4(w, 0, OR_CR4_PAE | OR_CR4_PGE);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr4, pcide_set_drops_nothing)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	t_true(or_note_cr4(w, 0, OR_CR4_PAE | OR_CR4_PGE | OR_CR4_PCIDE) == OR_OK);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr4, smep_set_drops_this_pcid)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr4(w, 0, r.cr4 | OR_CR4_SMEP);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr4, smep_set_keeps_other_pcids)
{
	setup_pcid(PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	or_note_cr4(w, 0, r.cr4 | OR_CR4_SMEP);
	store(PTE, 0x9000 | A | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0x1001);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr4, smep_set_drops_globals_of_this_pcid)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr4(w, 0, r.cr4 | OR_CR4_SMEP);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(cr4, smep_set_may_keep_globals_of_other_pcids)
{
	setup_pcid(G | PWU);
	or_note_cr3(w, 0, NOFLUSH | 0xc002);
	or_note_cr4(w, 0, r.cr4 | OR_CR4_SMEP);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr4, smep_clear_drops_nothing)
{
	setup_memory(PWU);
	r.cr4 |= OR_CR4_SMEP;
	start();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr4(w, 0, r.cr4 & ~OR_CR4_SMEP);
	t_verdict(reads(VA, OLD), 2);
	done();
}

Test(cr4, smap_drops_nothing)
{
	setup();
	store(PTE, 0x9000 | A | PWU);
	or_note_cr4(w, 0, r.cr4 | OR_CR4_SMAP);
	t_verdict(reads(VA, OLD), 2);
	done();
}

/* 32-bit paging on the same root; V2 is entry 3 of 0x1000 and entry 4 of 0x4000. */
#define V2 UINT64_C(0x00c04123)

static void setup_32(uint64_t pde, uint64_t cr4)
{
	setup_memory(PWU);
	store(0x1000, 0);
	store(0x1008, pde << 32); /* the PDE is at 0x100c; as a PDPTE this is not present */
	store(0x4010, 0x7000 | A | PWU);
	r.cr4 = cr4;
	r.efer = 0;
	w = or_world_new(&p, &mem);
	or_watch(w, V2);
	or_vcpu_new(w, &r);
}

Test(cr4, pae_change_drops)
{
	setup_32(0x4000 | A | PWU, 0);
	store(0x4010, 0x9000 | A | PWU);
	t_verdict(reads(V2, OLD), 2);
	or_note_cr4(w, 0, OR_CR4_PAE);
	t_verdict(reads(V2, OLD), 0);
	or_note_cr4(w, 0, 0);
	t_verdict(reads(V2, NEW), 1);
	t_verdict(reads(V2, OLD), 0);
	done();
}

Test(cr4, pse_change_keeps)
{
	setup_32(0x12400000 | PS | A | PWU, OR_CR4_PSE);
	or_note_cr4(w, 0, 0);
	t_verdict(reads(V2, 0x12404123), 2);
	done();
}

Test(cr4, pse_change_drops_where_the_profile_says_so)
{
	setup_32(0x12400000 | PS | A | PWU, OR_CR4_PSE);
	or_world_free(w);
	p.pse_flushes = true;
	w = or_world_new(&p, &mem);
	or_watch(w, V2);
	or_vcpu_new(w, &r);
	or_note_cr4(w, 0, 0);
	t_verdict(reads(V2, 0x12404123), 0);
	done();
}

/* PAE: PDPTEs are registers. */

#define VP UINT64_C(0x80604123) /* PDPTE 2 at 0x1030, then PDE and PTE as VA */

static void setup_pae(void)
{
	setup_memory(PWU);
	r.cr3 = 0x1020;
	r.efer = OR_EFER_NXE;
	r.pdpte[2] = 0x3000 | P;
	store(0x1030, 0x3000 | P);
	w = or_world_new(&p, &mem);
	or_watch(w, VP);
	or_vcpu_new(w, &r);
}

Test(pae, pdpte_store_is_not_seen)
{
	setup_pae();
	store(0x1030, 0xe000 | P); /* leads to 0xa000 */
	t_verdict(reads(VP, OLD), 1);
	t_verdict(reads(VP, ALT), 0);
	done();
}

Test(pae, mov_cr3_loads_and_drops)
{
	setup_pae();
	store(0x1030, 0xe000 | P);
	or_note_cr3(w, 0, 0x1020);
	t_verdict(reads(VP, ALT), 1);
	t_verdict(reads(VP, OLD), 0);
	done();
}

Test(pae, cd_change_loads_and_keeps)
{
	setup_pae();
	store(0x1030, 0xe000 | P);
	or_note_cr0(w, 0, PG_ON | OR_CR0_CD);
	t_verdict(reads(VP, ALT), 1);
	t_verdict(reads(VP, OLD), 2);
	done();
}

/* Judged at use. */

Test(use, nxe_clear_makes_a_cached_nx_page_executable)
{
	setup_memory(NX | PWU);
	start();
	t_verdict(fetches(VA, OLD), 0);
	or_note_efer(w, 0, OR_EFER_LME);
	t_verdict(faults(VA, OR_READ, 0xd), 1);
	t_verdict(fetches(VA, OLD), 2);
	done();
}

Test(use, nxe_set_forbids_at_once)
{
	setup_memory(NX | PWU);
	start();
	or_note_efer(w, 0, OR_EFER_LME);
	or_note_efer(w, 0, OR_EFER_LME | OR_EFER_NXE);
	t_verdict(fetches(VA, OLD), 0);
	done();
}

Test(use, pkru_counts_at_once)
{
	setup_memory(UINT64_C(1) << 59 | PWU);
	r.cr4 |= OR_CR4_PKE;
	start();
	store(PTE, 0);
	t_verdict(reads(VA, OLD), 2);
	or_vcpu_regs(w, 0)->pkru = 1u << 2;
	t_verdict(reads(VA, OLD), 0);
	t_verdict(faults(VA, OR_READ, 0x25), 2);
	done();
}

/* #PF. */

Test(fault, spurious_one_from_a_stale_leaf)
{
	setup_memory(PU);
	start();
	store(PTE, 0x7000 | A | PWU);
	t_verdict(writes(VA, OLD), 1);
	t_verdict(faults(VA, OR_WRITE, 7), 2);
	done();
}

Test(fault, happens_once)
{
	setup_memory(PU);
	start();
	store(PTE, 0x7000 | A | PWU);
	or_note_fault(w, 0, VA);
	t_verdict(faults(VA, OR_WRITE, 7), 0);
	done();
}

Test(fault, drops_the_links_of_the_address)
{
	setup();
	move_table();
	or_note_fault(w, 0, VA);
	store(PTE, 0xb000 | A | PWU);
	t_verdict(reads(VA, ODD), 0);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(fault, drops_shared_links_but_not_the_neighbours_leaf)
{
	setup();
	move_table();
	or_note_fault(w, 0, VA);
	t_verdict(reads(VB, OLD_B), 2);
	store(PTE_B, 0xb000 | A | PWU);
	t_verdict(reads(VB, ODD), 0);
	done();
}

Test(fault, drops_a_global_of_this_pcid)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_fault(w, 0, VA);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(fault, keeps_links_of_other_regions)
{
	setup();
	store(0x5000, 0x9000 | A | PWU);
	store(PDE + 8, 0x5000 | A | PWU);
	or_note_fault(w, 0, VA);
	store(0x6000, 0xb000 | A | PWU);
	t_verdict(reads(VC, ODD), 2);
	done();
}

/* Slots and the hypervisor's own flush. */

Test(slots, page_that_is_gone_is_mmio)
{
	setup();
	hole = 0x7000;
	or_note_slots(w);
	t_verdict(reads(VA, OLD), 0);
	t_verdict(legal_on(0, VA, OR_READ, (struct or_result){ .kind = OR_MMIO, .gpa = OLD }), 1);
	done();
}

Test(slots, changed_table_content_is_noticed)
{
	setup();
	wr(NULL, PTE, 8, 0xb000 | A | PWU);
	or_note_slots(w);
	store(PTE, 0x9000 | A | PWU);
	t_verdict(reads(VA, ODD), 2);
	done();
}

Test(flush, drops_everything)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_flush(w, 0);
	t_verdict(reads(VA, OLD), 0);
	done();
}

Test(flush, new_registers_start_empty)
{
	setup_global();
	store(PTE, 0x9000 | A | PWU);
	or_note_regs(w, 0, &r);
	t_verdict(reads(VA, OLD), 0);
	t_verdict(reads(VA, NEW), 1);
	done();
}
