/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legal set against SDM 4.10 and APM 5.5: which answers a vCPU may give after stores, INVLPG,
 * MOV to CR3 and INVPCID.
 * Not a test of the library; expected verdicts are worked out by hand from the manuals.
 * Invariant: each test would also fail if the set kept everything or dropped everything it names.
 */
#include "stale_rig.h"

#define D 0x40u
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
