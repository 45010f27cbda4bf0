/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's entry taken apart by the book (SDM vol. 3 ch. 4, APM vol. 2 ch. 5), and memory read.
 * Not here: walks (walk.c), entries of the nested dimension (nested.c).
 */
#include "walk.h"

#define ENT_P (1u << 0)
#define ENT_W (1u << 1)
#define ENT_U (1u << 2)
#define ENT_A (1u << 5)
#define ENT_D (1u << 6)
#define ENT_PS (1u << 7)
#define ENT_G (1u << 8)
#define ENT_NX (UINT64_C(1) << 63)

/* SDM 4.3, figure 4-4. */
static void decode_32(const struct or_regs *r, const struct or_profile *p, unsigned level,
                      uint64_t raw, struct or_ent *e)
{
	unsigned m = p->maxphyaddr < 40 ? p->maxphyaddr : 40;

	e->leaf = level == 1 || ((r->cr4 & OR_CR4_PSE) && (raw & ENT_PS));
	e->nx = false;
	e->key = 0;
	e->addr = raw & or_bits(31, 12);
	if (level == 1 || !e->leaf)
		return;
	e->addr = raw & or_bits(31, 22);
	if (p->has_pse36) {
		e->rsvd = raw & or_bits(21, m - 19);
		e->addr |= (raw & or_bits(20, 13)) << 19;
	} else {
		e->rsvd = raw & or_bits(21, 13);
	}
}

static uint64_t pdpte_rsvd(const struct or_profile *p)
{
	return or_bits(2, 1) | or_bits(8, 5) | or_bits(63, p->maxphyaddr);
}

/* SDM 4.4, table 4-8: no rights and no A in a PDPTE. */
static void decode_pdpte(const struct or_profile *p, uint64_t raw, struct or_ent *e)
{
	e->leaf = e->nx = e->has_a = e->a = false;
	e->w = e->u = true;
	e->rsvd = raw & pdpte_rsvd(p);
	e->addr = raw & or_bits(p->maxphyaddr - 1, 12);
}

/* SDM 4.4.2 and 4.5; APM 5.3.3 for bit 8 of the upper levels. */
static void decode_64(const struct or_regs *r, const struct or_profile *p, unsigned level,
                      uint64_t raw, struct or_ent *e)
{
	uint64_t rsvd = or_bits(or_long_mode(r) ? 51 : 62, p->maxphyaddr);

	if (!or_nx_on(r))
		rsvd |= ENT_NX;
	e->leaf = level == 1;
	if (level >= 4) {
		rsvd |= ENT_PS;
		if (p->g_reserved)
			rsvd |= ENT_G;
	} else if (level == 3 && (raw & ENT_PS)) {
		e->leaf = p->has_1g;
		rsvd |= p->has_1g ? or_bits(29, 13) : ENT_PS;
	} else if (level == 2 && (raw & ENT_PS)) {
		e->leaf = true;
		rsvd |= or_bits(20, 13);
	}
	e->rsvd = raw & rsvd;
	e->addr = raw & or_bits(p->maxphyaddr - 1, e->leaf ? e->shift : 12);
}

struct or_ent or_decode(const struct or_regs *r, const struct or_profile *p, unsigned level,
                        uint64_t raw)
{
	enum or_mode mode = or_mode_of(r);
	struct or_ent e = {
		.present = raw & ENT_P,
		.w = raw & ENT_W,
		.u = raw & ENT_U,
		.a = raw & ENT_A,
		.d = raw & ENT_D,
		.g = raw & ENT_G,
		.nx = raw & ENT_NX,
		.has_a = true,
		.key = (unsigned)(raw >> 59) & 15,
		.shift = or_level_shift(mode, level),
	};

	if (!e.present)
		return e;
	if (mode == OR_M_32)
		decode_32(r, p, level, raw, &e);
	else if (mode == OR_M_PAE && level == 3)
		decode_pdpte(p, raw, &e);
	else
		decode_64(r, p, level, raw, &e);
	return e;
}

bool or_pdptes_ok(const struct or_profile *p, const uint64_t raw[4])
{
	unsigned i;

	for (i = 0; i < 4; i++)
		if ((raw[i] & ENT_P) && (raw[i] & pdpte_rsvd(p)))
			return false;
	return true;
}

uint64_t or_read(const struct or_mem *m, uint64_t pa, unsigned bytes)
{
	uint64_t val = 0;

	if (m->read(m->ctx, pa, bytes, &val))
		return 0;
	return bytes == 4 ? val & UINT32_MAX : val;
}

bool or_is_readonly(const struct or_mem *m, uint64_t pa)
{
	return m->is_readonly && m->is_readonly(m->ctx, pa);
}
