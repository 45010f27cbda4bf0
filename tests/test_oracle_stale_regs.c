/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legal set against SDM 4.10 and APM 5.5: which answers a vCPU may give after other register
 * writes, after faults, and after the hypervisor's own changes.
 * Not a test of the library; expected verdicts are worked out by hand from the manuals.
 * Invariant: each test would also fail if the set kept everything or dropped everything it names.
 */
#include "stale_rig.h"

#define P 1u
#define NX (UINT64_C(1) << 63)
#define OLD_B 0x8123

static int fetches(uint64_t gva, uint64_t gpa)
{
	return legal_on(0, gva, OR_FETCH, (struct or_result){ .kind = OR_OK, .gpa = gpa });
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
