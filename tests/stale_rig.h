/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the oracle's legal set share: a guest, and a world that is told of its events.
 * Not here: tests (test_oracle_stale.c, test_oracle_stale_regs.c).
 */
#ifndef STALE_RIG_H
#define STALE_RIG_H

#include <string.h>

#include "t.h"
#include <vmmu-oracle/oracle.h>

static uint8_t ram[0x10000];
static uint64_t hole; /* this page is no RAM */
static struct or_regs r;
static struct or_profile p;
static struct or_world *w;

static inline int is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa < 0x80000000 && !(hole && pa >> 12 == hole >> 12);
}

static inline int rd(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = 0;
	if (pa < sizeof(ram))
		memcpy(val, ram + pa, bytes);
	return 0;
}

static inline int wr(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	(void)ctx;
	if (pa < sizeof(ram))
		memcpy(ram + pa, &val, bytes);
	return 0;
}

static const struct or_mem mem = { NULL, is_ram, NULL, rd, wr };
#define PU 5u
#define PWU 7u
#define A 0x20u
#define PS 0x80u
#define G 0x100u

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
#define NEW 0x9123
#define ODD 0xb123
#define ALT 0xa123

#define PG_ON (OR_CR0_PG | OR_CR0_WP | OR_CR0_PE | OR_CR0_ET)
#define NOFLUSH (UINT64_C(1) << 63)

static inline void store(uint64_t gpa, uint64_t val)
{
	wr(NULL, gpa, 8, val);
	if (w)
		or_note_store(w, gpa, 8);
}

static inline void setup_memory(uint64_t leaf_bits)
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

static inline void start(void)
{
	w = or_world_new(&p, &mem);
	or_watch(w, VA);
	or_vcpu_new(w, &r);
	or_watch(w, VB);
	or_watch(w, VC);
}

static inline void setup(void)
{
	setup_memory(PWU);
	start();
}

static inline void setup_global(void)
{
	setup_memory(G | PWU);
	start();
}

/* PCID 1 is current, on root 0x1000. */
static inline void setup_pcid(uint64_t leaf_bits)
{
	setup_memory(leaf_bits);
	r.cr4 |= OR_CR4_PCIDE;
	r.cr3 = 0x1001;
	start();
}

static inline void done(void)
{
	or_world_free(w);
	w = NULL;
}

static inline int legal_on(unsigned vcpu, uint64_t gva, enum or_op op, struct or_result seen)
{
	struct or_access acc = { .gva = gva, .op = op, .user = true };

	return or_legal(w, vcpu, &acc, &seen);
}

static inline int reads(uint64_t gva, uint64_t gpa)
{
	return legal_on(0, gva, OR_READ, (struct or_result){ .kind = OR_OK, .gpa = gpa });
}

static inline int writes(uint64_t gva, uint64_t gpa)
{
	return legal_on(0, gva, OR_WRITE, (struct or_result){ .kind = OR_OK, .gpa = gpa });
}

static inline int faults(uint64_t gva, enum or_op op, unsigned error)
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

/* The PDE leads elsewhere, and then the old page table changes. */
static inline void move_table(void)
{
	store(0x5020, 0x9000 | A | PWU);
	store(PDE, 0x5000 | A | PWU);
}

#endif
