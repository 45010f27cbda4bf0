/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks of a guest whose physical addresses go through a nested dimension.
 * Not here: either dimension alone (walk.c, nested.c).
 */
#include <string.h>

#include "walk.h"

void or_walk2d(const struct or_regs *r, const struct or_profile *p, const struct or_ncfg *cfg,
               const struct or_access *acc, struct or_result2d *res)
{
	struct or_space s = { .mem = cfg->mem, .cfg = cfg, .no_ad = acc->no_ad };

	memset(res, 0, sizeof(*res));
	or_walk(&s, r, p, acc, &res->guest);
	res->nested = s.nres;
	res->refs = s.refs;
	if (res->guest.kind == OR_OK)
		res->hpa = s.nres.hpa;
}

enum or_kind or_load_pdptes2d(struct or_regs *r, const struct or_profile *p,
                              const struct or_ncfg *cfg, uint64_t cr3, struct or_nres *n)
{
	/* 32 bytes aligned to 32 lie in one page, so one translation serves all four. */
	struct or_nacc na = { .gpa = cr3 & or_bits(31, 5), .is_pdpte_load = true };
	uint64_t raw[4];
	unsigned i;

	or_nested(cfg, &na, n);
	if (n->fault != OR_N_OK)
		return OR_NFAULT;
	for (i = 0; i < 4; i++)
		raw[i] = or_read(cfg->mem, n->hpa + 8 * i, 8);
	if (!or_pdptes_ok(p, raw))
		return OR_GP;
	memcpy(r->pdpte, raw, sizeof(raw));
	return OR_OK;
}

unsigned or_refs(unsigned n, const unsigned m[])
{
	unsigned i, sum = m[n];

	for (i = 0; i < n; i++)
		sum += m[i] + 1;
	return sum;
}
