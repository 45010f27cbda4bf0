/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the oracle share: memory, and guest tables in each mode.
 * Not here: tests (test_oracle.c, test_oracle_regs.c, test_oracle_nested.c).
 * Keeps: no value that one part of the oracle computed for another.
 */
#ifndef ORACLE_RIG_H
#define ORACLE_RIG_H

#include <string.h>

#include "t.h"
#include <vmmu-oracle/oracle.h>

/* Low memory is real; above it RAM reads as zero.  0xa0000-0xbffff is no RAM. */
static uint8_t ram[0x40000];
static uint64_t readonly_page;
static struct or_regs r;
static struct or_profile p;

static inline int is_ram(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa >> 46 == 0 && !(pa >= 0xa0000 && pa < 0xc0000);
}

static inline int is_readonly(void *ctx, uint64_t pa)
{
	(void)ctx;
	return readonly_page && pa >> 12 == readonly_page >> 12;
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

static const struct or_mem mem = { NULL, is_ram, is_readonly, rd, wr };

static inline void put8(uint64_t pa, uint64_t v)
{
	wr(NULL, pa, 8, v);
}

static inline uint64_t get8(uint64_t pa)
{
	uint64_t v;

	rd(NULL, pa, 8, &v);
	return v;
}

static inline void put4(uint64_t pa, uint64_t v)
{
	wr(NULL, pa, 4, v);
}

#define P 1u
#define PW 3u
#define PU 5u
#define PWU 7u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define NX (UINT64_C(1) << 63)

#define PROTECTED (OR_CR0_PE | OR_CR0_ET | OR_CR0_WP)

static inline void setup_common(void)
{
	memset(ram, 0, sizeof(ram));
	readonly_page = 0;
	r = (struct or_regs){ .cr0 = PROTECTED };
	p = (struct or_profile){
		.maxphyaddr = 46,
		.has_1g = true,
		.has_pse36 = true,
		.cr4_valid = 0x1f79fff,
		.efer_valid = 0x901,
	};
}

/*
 * 4 levels.  VA is entry 1 of the PML4 at 0x1000, entry 2 of 0x2000, 3 of 0x3000, 4 of 0x4000, byte
 * 0x123 of the page at 0x7000.
 */
#define VA UINT64_C(0x8080604123)
#define PML4E 0x1008
#define PDPTE 0x2010
#define PDE 0x3018
#define PTE 0x4020

static inline void setup_long(void)
{
	setup_common();
	r.cr0 |= OR_CR0_PG;
	r.cr3 = 0x1000;
	r.cr4 = OR_CR4_PAE;
	r.efer = OR_EFER_LME | OR_EFER_LMA | OR_EFER_NXE;
	put8(PML4E, 0x2000 | PWU);
	put8(PDPTE, 0x3000 | PWU);
	put8(PDE, 0x4000 | PWU);
	put8(PTE, 0x7000 | PWU);
}

/* The PML5 is at 0x8000; VA5 takes its entry 5. */
#define VA5 (UINT64_C(5) << 48 | VA)

static inline void setup_5level(void)
{
	setup_long();
	r.cr4 |= OR_CR4_LA57;
	r.cr3 = 0x8000;
	put8(0x8028, 0x1000 | PWU);
}

/* PAE.  VAP: PDPTE 2 at 0x1020, entry 3 of 0x3000, entry 4 of 0x4000. */
#define VAP UINT64_C(0x80604123)

static inline void setup_pae(void)
{
	setup_common();
	r.cr0 |= OR_CR0_PG;
	r.cr3 = 0x1020;
	r.cr4 = OR_CR4_PAE;
	r.efer = OR_EFER_NXE;
	r.pdpte[2] = 0x3000 | P;
	put8(PDE, 0x4000 | PWU);
	put8(PTE, 0x7000 | PWU);
}

/* 2 levels.  VA2: entry 3 of 0x1000 (at 0x100c), entry 4 of 0x4000 (at 0x4010). */
#define VA2 UINT64_C(0x00c04123)
#define PDE2 0x100c
#define PTE2 0x4010

static inline void setup_32(void)
{
	setup_common();
	r.cr0 |= OR_CR0_PG;
	r.cr3 = 0x1000;
	put4(PDE2, 0x4000 | PWU);
	put4(PTE2, 0x7000 | PWU);
}

enum { USER = 1, IMPL = 2, AC = 4, STACK = 8, NO_AD = 16 };

static inline struct or_access access_of(uint64_t gva, enum or_op op, int how)
{
	return (struct or_access){
		.gva = gva,
		.op = op,
		.user = how & USER,
		.implicit = how & IMPL,
		.ac = how & AC,
		.stack = how & STACK,
		.no_ad = how & NO_AD,
	};
}

static inline struct or_result tr(uint64_t gva, enum or_op op, int how)
{
	struct or_access acc = access_of(gva, op, how);
	struct or_result res;

	or_translate(&r, &p, &mem, &acc, &res);
	return res;
}

#define t_fault(res, err)                                                                          \
	do {                                                                                       \
		struct or_result t_r = (res);                                                      \
		t_eq(t_r.kind, OR_PF);                                                             \
		t_eq(t_r.error, (err));                                                            \
	} while (0)

#define t_ok(res, gpa_)                                                                            \
	do {                                                                                       \
		struct or_result t_r = (res);                                                      \
		t_eq(t_r.kind, OR_OK);                                                             \
		t_eq(t_r.gpa, (gpa_));                                                             \
	} while (0)

#endif
