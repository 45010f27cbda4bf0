/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nested dimension, GPA to HPA: EPT by SDM vol. 3 ch. 29.3, NPT by APM vol. 2 15.25.
 * No mode-based execute control, no supervisor shadow stack, no SPP; NPT only in long-mode format.
 * Invariant: nested A and D are written only for an access the whole nested walk permits.
 */
#include <string.h>

#include "walk.h"

#define NPT_P (1u << 0)
#define NPT_W (1u << 1)
#define NPT_U (1u << 2)
#define NPT_A (1u << 5)
#define NPT_D (1u << 6)
#define NPT_G (1u << 8)
#define NPT_NX (UINT64_C(1) << 63)

#define EPT_R (1u << 0)
#define EPT_W (1u << 1)
#define EPT_X (1u << 2)
#define EPT_A (1u << 8)
#define EPT_D (1u << 9)

#define LARGE (1u << 7) /* both formats */

#define INFO_FINAL (UINT64_C(1) << 32)
#define INFO_TABLE (UINT64_C(1) << 33)

#define QUAL_GVA (1u << 7)
#define QUAL_FINAL (1u << 8)

/* What one entry says, in either format. */
struct nent {
	bool present, bad, leaf;
	unsigned rights;
	uint64_t addr;
};

static unsigned nshift(unsigned level)
{
	return 3 + 9 * level;
}

/* APM 15.25.5: a long-mode entry of the host, used by a user access. */
static struct nent decode_npt(const struct or_ncfg *c, unsigned level, uint64_t raw)
{
	struct nent e = { .present = raw & NPT_P, .leaf = level == 1, .rights = OR_R };
	uint64_t bad = or_bits(51, c->maxphyaddr);

	if (!c->nxe)
		bad |= NPT_NX;
	if (level >= 4) {
		bad |= LARGE | NPT_G;
	} else if (level > 1 && (raw & LARGE)) {
		if (level == 3 && !c->has_1g)
			bad |= LARGE;
		else
			bad |= or_bits(nshift(level) - 1, 13);
		e.leaf = true;
	}
	if (raw & NPT_W)
		e.rights |= OR_W;
	if (raw & NPT_U)
		e.rights |= OR_U;
	if (!(raw & NPT_NX))
		e.rights |= OR_X;
	e.bad = raw & bad;
	e.addr = raw & or_bits(c->maxphyaddr - 1, e.leaf ? nshift(level) : 12);
	return e;
}

/* SDM 29.3.3.1. */
static struct nent decode_ept(const struct or_ncfg *c, unsigned level, uint64_t raw)
{
	struct nent e = { .present = raw & (EPT_R | EPT_W | EPT_X), .leaf = level == 1 };
	uint64_t bad = or_bits(51, c->maxphyaddr);
	unsigned type = (unsigned)(raw >> 3) & 7;

	if ((raw & LARGE) && (level == 2 || (level == 3 && c->has_1g)))
		e.leaf = true;
	if (!e.leaf)
		bad |= or_bits(6, 3);
	if (level >= 4 || (level == 3 && !e.leaf))
		bad |= LARGE;
	if (e.leaf && level > 1)
		bad |= or_bits(nshift(level) - 1, 12);
	e.bad = raw & bad;
	if (e.leaf && (type == 2 || type == 3 || type == 7))
		e.bad = true;
	if ((raw & EPT_W) && !(raw & EPT_R))
		e.bad = true;
	if ((raw & (EPT_R | EPT_W | EPT_X)) == EPT_X && !c->exec_only)
		e.bad = true;
	if (raw & EPT_R)
		e.rights |= OR_R;
	if (raw & EPT_W)
		e.rights |= OR_W;
	if (raw & EPT_X)
		e.rights |= OR_X;
	e.addr = raw & or_bits(c->maxphyaddr - 1, e.leaf ? nshift(level) : 12);
	return e;
}

static unsigned op_right(enum or_op op)
{
	return op == OR_READ ? OR_R : op == OR_WRITE ? OR_W : OR_X;
}

/* APM 15.25.5: always a user access; a guest table is always written. */
static unsigned need_npt(const struct or_nacc *acc)
{
	if (acc->is_table || acc->is_pdpte_load)
		return OR_U | OR_W;
	return OR_U | op_right(acc->op);
}

/* SDM 29.3.3.2, 29.3.5. */
static unsigned need_ept(const struct or_ncfg *c, const struct or_nacc *acc)
{
	if (acc->is_pdpte_load)
		return OR_R;
	if (!acc->is_table)
		return op_right(acc->op);
	if (c->ad_enabled)
		return OR_R | OR_W;
	return acc->ad_update ? OR_W : OR_R;
}

static void npf(const struct or_ncfg *c, const struct or_nacc *acc, unsigned why,
                struct or_nres *res)
{
	bool table = acc->is_table || acc->is_pdpte_load;

	res->fault = OR_N_NPF;
	res->info = why | OR_PF_U | (table ? INFO_TABLE : INFO_FINAL);
	if (table || acc->op == OR_WRITE)
		res->info |= OR_PF_W;
	if (!table && acc->op == OR_FETCH && c->nxe)
		res->info |= OR_PF_I;
	res->info_valid = UINT64_MAX;
}

static void violation(unsigned need, unsigned rights, const struct or_nacc *acc,
                      struct or_nres *res)
{
	bool gva = acc->gva_valid && !acc->is_pdpte_load;

	res->fault = OR_N_VIOLATION;
	res->info = (need & 7) | (rights & 7) << 3;
	if (gva)
		res->info |= QUAL_GVA;
	if (gva && !acc->is_table)
		res->info |= QUAL_FINAL;
	/* Whether a read-modify-write also sets bit 0 is the processor's choice: SDM table 28-7. */
	res->info_valid = or_bits(8, 0);
	if (need == OR_W)
		res->info_valid &= ~UINT64_C(1);
}

/* True: *e is usable.  Otherwise *res is the fault. */
static bool check_entry(const struct or_ncfg *c, const struct or_nacc *acc, const struct nent *e,
                        struct or_nres *res)
{
	if (e->present && !e->bad)
		return true;
	if (c->kind == OR_NPT)
		npf(c, acc, e->present ? OR_PF_P | OR_PF_RSVD : 0, res);
	else if (!e->present)
		violation(need_ept(c, acc), 0, acc, res);
	else
		res->fault = OR_N_MISCONFIG;
	return false;
}

static void set_ad(const struct or_ncfg *c, const uint64_t pa[6], unsigned leaf, bool dirty)
{
	uint64_t a = c->kind == OR_NPT ? NPT_A : EPT_A;
	uint64_t d = c->kind == OR_NPT ? NPT_D : EPT_D;
	unsigned level;

	for (level = c->levels; level >= leaf; level--) {
		uint64_t bits = level == leaf && dirty ? a | d : a;
		uint64_t old = or_read(c->mem, pa[level], 8);

		if ((old & bits) != bits)
			c->mem->write(c->mem->ctx, pa[level], 8, old | bits);
	}
}

void or_nested(const struct or_ncfg *c, const struct or_nacc *acc, struct or_nres *res)
{
	unsigned need = c->kind == OR_NPT ? need_npt(acc) : need_ept(c, acc);
	unsigned rights = OR_R | OR_W | OR_X | (c->kind == OR_NPT ? OR_U : 0);
	uint64_t table = c->root, pa[6];
	struct nent e;

	memset(res, 0, sizeof(*res));
	res->gpa = acc->gpa;
	res->level = c->levels;
	/* Beyond what the tables can name: nothing is mapped there. */
	if (acc->gpa >> nshift(c->levels + 1)) {
		check_entry(c, acc, &(struct nent){ 0 }, res);
		return;
	}
	for (;; res->level--, table = e.addr) {
		uint64_t raw;

		pa[res->level] = table + (acc->gpa >> nshift(res->level) & 511) * 8;
		raw = or_read(c->mem, pa[res->level], 8);
		res->refs++;
		e = c->kind == OR_NPT ? decode_npt(c, res->level, raw)
		                      : decode_ept(c, res->level, raw);
		if (!check_entry(c, acc, &e, res))
			return;
		rights &= e.rights;
		if (e.leaf)
			break;
	}
	res->rights = rights;
	if (need & ~rights) {
		if (c->kind == OR_NPT)
			npf(c, acc, OR_PF_P, res);
		else
			violation(need, rights, acc, res);
		return;
	}
	if (!acc->no_ad && (c->kind == OR_NPT || c->ad_enabled))
		set_ad(c, pa, res->level, need & OR_W);
	res->shift = nshift(res->level);
	res->hpa = e.addr | (acc->gpa & or_bits(res->shift - 1, 0));
}
