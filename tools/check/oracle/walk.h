/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle's inside: an entry taken apart, and a walk that may start below the root.
 * Not for tests, which go through oracle.h.
 * Invariant: an or_ent is a pure function of the registers, the profile and the raw entry.
 */
#ifndef OR_WALK_H
#define OR_WALK_H

#include <vmmu-oracle/oracle.h>

enum or_mode { OR_M_OFF, OR_M_32, OR_M_PAE, OR_M_LONG4, OR_M_LONG5 };

struct or_ent {
	bool present, rsvd, leaf; /* if it is not present, nothing else tells anything */
	bool w, u, nx, a, d, g;
	bool has_a;     /* false for a PAE PDPTE only */
	unsigned key;   /* protection key */
	unsigned shift; /* of the leaf */
	uint64_t addr;  /* the leaf's page, or the next table */
};

/* A table about to be indexed, with the rights accumulated above it. */
struct or_pos {
	unsigned level;
	uint64_t table;
	bool w, u, nx;
};

/* Guest physical memory, as RAM or behind a nested dimension. */
struct or_space {
	const struct or_mem *mem; /* of GPAs, or of HPAs if cfg is not NULL */
	const struct or_ncfg *cfg;
	bool no_ad;
	unsigned refs;
	struct or_nres nres;
};

static inline uint64_t or_bits(unsigned hi, unsigned lo)
{
	if (hi < lo)
		return 0;
	return (UINT64_MAX >> (63 - hi)) & (UINT64_MAX << lo);
}

static inline enum or_mode or_mode_of(const struct or_regs *r)
{
	if (!(r->cr0 & OR_CR0_PG))
		return OR_M_OFF;
	if (!(r->cr4 & OR_CR4_PAE))
		return OR_M_32;
	if (!(r->efer & OR_EFER_LMA))
		return OR_M_PAE;
	return r->cr4 & OR_CR4_LA57 ? OR_M_LONG5 : OR_M_LONG4;
}

static inline bool or_long_mode(const struct or_regs *r)
{
	return r->efer & OR_EFER_LMA;
}

static inline uint64_t or_linear(const struct or_regs *r, uint64_t gva)
{
	return or_long_mode(r) ? gva : gva & UINT32_MAX;
}

static inline bool or_canonical(const struct or_regs *r, uint64_t gva)
{
	unsigned top = r->cr4 & OR_CR4_LA57 ? 56 : 47;
	uint64_t high = or_bits(63, top);

	return !or_long_mode(r) || (gva & high) == 0 || (gva & high) == high;
}

/* NXE means nothing to 32-bit paging, whose entries have no bit 63. */
static inline bool or_nx_on(const struct or_regs *r)
{
	return (r->efer & OR_EFER_NXE) && (r->cr4 & OR_CR4_PAE);
}

/* 1 << shift bytes are mapped by one entry of that level. */
static inline unsigned or_level_shift(enum or_mode mode, unsigned level)
{
	if (mode == OR_M_32)
		return level == 1 ? 12 : 22;
	return 3 + 9 * level;
}

static inline unsigned or_entry_bytes(enum or_mode mode)
{
	return mode == OR_M_32 ? 4 : 8;
}

static inline uint64_t or_entry_pa(enum or_mode mode, const struct or_pos *pos, uint64_t gva)
{
	uint64_t index = gva >> or_level_shift(mode, pos->level);

	if (mode == OR_M_32)
		index &= 1023;
	else if (mode == OR_M_PAE && pos->level == 3)
		index &= 3;
	else
		index &= 511;
	return pos->table + index * or_entry_bytes(mode);
}

struct or_ent or_decode(const struct or_regs *r, const struct or_profile *p, unsigned level,
                        uint64_t raw);
/*
 * Where a walk of gva starts.  Under PAE paging with cached PDPTEs that is level 2, and false says
 * the PDPTE is not present.
 */
bool or_root(const struct or_regs *r, const struct or_profile *p, uint64_t gva, struct or_pos *pos);
uint64_t or_read(const struct or_mem *m, uint64_t pa, unsigned bytes);
bool or_is_readonly(const struct or_mem *m, uint64_t pa);
void or_walk_from(struct or_space *s, const struct or_regs *r, const struct or_profile *p,
                  const struct or_access *acc, const struct or_pos *start, struct or_result *res);
/* What a cached leaf answers; above holds the rights accumulated over all levels, leaf included. */
void or_use_leaf(const struct or_mem *m, const struct or_regs *r, const struct or_access *acc,
                 const struct or_pos *above, const struct or_ent *leaf, struct or_result *res);
void or_walk(struct or_space *s, const struct or_regs *r, const struct or_profile *p,
             const struct or_access *acc, struct or_result *res);
/* The four PDPTEs out of raw; false if a present one has a reserved bit. */
bool or_pdptes_ok(const struct or_profile *p, const uint64_t raw[4]);

#endif
