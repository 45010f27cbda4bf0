/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One guest walk by the book: SDM vol. 3 ch. 4, APM vol. 2 ch. 5.
 * No caching, no nested tables (nested.c supplies them through struct or_space), no register rules.
 * Invariant: memory changes only by A and D bits, and only for an access the guest dimension
 * permits.
 */
#include <string.h>

#include "walk.h"

#define ENT_P (1u << 0)
#define ENT_A (1u << 5)
#define ENT_D (1u << 6)

bool or_root(const struct or_regs *r, const struct or_profile *p, uint64_t gva, struct or_pos *pos)
{
	*pos = (struct or_pos){ .w = true, .u = true };
	switch (or_mode_of(r)) {
	case OR_M_32:
		pos->level = 2;
		pos->table = r->cr3 & or_bits(31, 12);
		return true;
	case OR_M_PAE:
		pos->level = 3;
		pos->table = r->cr3 & or_bits(31, 5);
		if (p->pdpte_walk)
			return true;
		/* Checked when they were loaded, so only P and the address count now: SDM 4.4.1. */
		pos->level = 2;
		pos->table = r->pdpte[gva >> 30 & 3] & or_bits(p->maxphyaddr - 1, 12);
		return r->pdpte[gva >> 30 & 3] & ENT_P;
	case OR_M_LONG4:
	case OR_M_LONG5:
		pos->level = or_mode_of(r) == OR_M_LONG5 ? 5 : 4;
		pos->table = r->cr3 & or_bits(p->maxphyaddr - 1, 12);
		return true;
	case OR_M_OFF:
		break;
	}
	return false;
}

/* A refused nested access is the caller's OR_NFAULT. */
static bool nested_ok(struct or_space *s, const struct or_nacc *na)
{
	or_nested(s->cfg, na, &s->nres);
	return s->nres.fault == OR_N_OK;
}

/* OR_OK, OR_MMIO or OR_NFAULT. */
static enum or_kind read_entry(struct or_space *s, uint64_t gpa, unsigned bytes, uint64_t *raw)
{
	struct or_nacc na = {
		.gpa = gpa,
		.is_table = true,
		.gva_valid = true,
		.no_ad = s->no_ad,
	};

	if (s->cfg) {
		bool ok = nested_ok(s, &na);

		s->refs += s->nres.refs;
		if (!ok)
			return OR_NFAULT;
		gpa = s->nres.hpa;
	} else if (!s->mem->is_ram(s->mem->ctx, gpa)) {
		return OR_MMIO;
	}
	s->refs++;
	*raw = or_read(s->mem, gpa, bytes);
	return OR_OK;
}

/*
 * Read again before setting: with a table that maps itself one entry serves two levels.  A store to
 * a table in a read-only region is dropped, the access goes on.
 */
static enum or_kind set_bits(struct or_space *s, uint64_t gpa, unsigned bytes, uint64_t bits)
{
	struct or_nacc na = { .gpa = gpa, .is_table = true, .ad_update = true, .gva_valid = true };
	uint64_t pa = gpa, old;

	if (s->cfg) {
		struct or_nres before = s->nres;

		or_nested(s->cfg, &(struct or_nacc){ .gpa = gpa, .is_table = true, .no_ad = true },
		          &s->nres);
		old = or_read(s->mem, s->nres.hpa, bytes);
		s->nres = before;
		if ((old & bits) == bits)
			return OR_OK;
		if (!nested_ok(s, &na))
			return OR_NFAULT;
		pa = s->nres.hpa;
	}
	old = or_read(s->mem, pa, bytes);
	if ((old & bits) != bits && !or_is_readonly(s->mem, pa))
		s->mem->write(s->mem->ctx, pa, bytes, old | bits);
	return OR_OK;
}

/* An implicit access is a supervisor access at any CPL: SDM 4.6. */
static bool user_access(const struct or_access *acc)
{
	return acc->user && !acc->implicit;
}

static void page_fault(const struct or_regs *r, const struct or_access *acc, unsigned level,
                       unsigned why, struct or_result *res)
{
	res->kind = OR_PF;
	res->cr2 = or_linear(r, acc->gva);
	res->level = level;
	res->error = why;
	if (acc->op == OR_WRITE)
		res->error |= OR_PF_W;
	if (user_access(acc))
		res->error |= OR_PF_U;
	if (acc->op == OR_FETCH && (or_nx_on(r) || (r->cr4 & OR_CR4_SMEP)))
		res->error |= OR_PF_I;
}

/* SDM 4.6.2: keyed on the page's U, judged by the access. */
static bool key_denies(const struct or_regs *r, const struct or_access *acc, bool page_user,
                       unsigned key)
{
	uint64_t enable = page_user ? OR_CR4_PKE : OR_CR4_PKS;
	uint32_t rights = (page_user ? r->pkru : r->pkrs) >> (2 * key);

	if (!or_long_mode(r) || !(r->cr4 & enable) || acc->op == OR_FETCH)
		return false;
	if (rights & 1)
		return true;
	return (rights & 2) && acc->op == OR_WRITE && (user_access(acc) || (r->cr0 & OR_CR0_WP));
}

/* SDM 4.6.1. */
static bool rights_deny(const struct or_regs *r, const struct or_access *acc,
                        const struct or_pos *sum)
{
	if (acc->op == OR_FETCH && sum->nx && or_nx_on(r))
		return true;
	if (user_access(acc))
		return !sum->u || (acc->op == OR_WRITE && !sum->w);
	if (acc->op == OR_WRITE && !sum->w && (r->cr0 & OR_CR0_WP))
		return true;
	if (!sum->u)
		return false;
	if (acc->op == OR_FETCH)
		return r->cr4 & OR_CR4_SMEP;
	return (r->cr4 & OR_CR4_SMAP) && (acc->implicit || !acc->ac);
}

/* The permission check at the leaf.  True: permitted; otherwise *res is the fault. */
static bool judge(const struct or_regs *r, const struct or_access *acc, const struct or_pos *sum,
                  unsigned key, struct or_result *res)
{
	bool by_key = key_denies(r, acc, sum->u, key);

	if (!by_key && !rights_deny(r, acc, sum))
		return true;
	page_fault(r, acc, sum->level, OR_PF_P | (by_key ? OR_PF_PK : 0), res);
	return false;
}

static void set_leaf(const struct or_regs *r, const struct or_access *acc, const struct or_pos *sum,
                     const struct or_ent *leaf, struct or_result *res)
{
	res->gpa = leaf->addr | (or_linear(r, acc->gva) & or_bits(leaf->shift - 1, 0));
	res->shift = leaf->shift;
	res->rights = OR_R;
	if (sum->w)
		res->rights |= OR_W;
	if (sum->u)
		res->rights |= OR_U;
	if (!sum->nx || !or_nx_on(r))
		res->rights |= OR_X;
}

static void reach(struct or_space *s, const struct or_access *acc, struct or_result *res)
{
	res->stage = OR_FINAL;
	if (s->cfg) {
		struct or_nacc na = {
			.gpa = res->gpa, .op = acc->op, .gva_valid = true, .no_ad = s->no_ad
		};
		bool ok = nested_ok(s, &na);

		s->refs += s->nres.refs;
		res->kind = ok ? OR_OK : OR_NFAULT;
		res->level = 0;
		return;
	}
	res->kind = s->mem->is_ram(s->mem->ctx, res->gpa) ? OR_OK : OR_MMIO;
	res->readonly = acc->op == OR_WRITE && or_is_readonly(s->mem, res->gpa);
}

void or_use_leaf(const struct or_mem *m, const struct or_regs *r, const struct or_access *acc,
                 const struct or_pos *above, const struct or_ent *leaf, struct or_result *res)
{
	struct or_space s = { .mem = m, .no_ad = true };

	memset(res, 0, sizeof(*res));
	if (!judge(r, acc, above, leaf->key, res))
		return;
	set_leaf(r, acc, above, leaf, res);
	reach(&s, acc, res);
}

/* The entries a walk has read, by level; has[] is false where the walk read none or it has no A. */
struct path {
	unsigned bytes;
	bool has[6];
	uint64_t pa[6];
};

/* Top down; the leaf last, with D for a write: SDM 4.8. */
static enum or_kind set_accessed(struct or_space *s, const struct or_access *acc,
                                 const struct path *path, unsigned leaf, struct or_result *res)
{
	unsigned level;

	for (level = 5; level >= leaf; level--) {
		unsigned bits = ENT_A;

		if (!path->has[level])
			continue;
		if (level == leaf && acc->op == OR_WRITE)
			bits |= ENT_D;
		res->level = level;
		if (set_bits(s, path->pa[level], path->bytes, bits) != OR_OK)
			return OR_NFAULT;
	}
	return OR_OK;
}

void or_walk_from(struct or_space *s, const struct or_regs *r, const struct or_profile *p,
                  const struct or_access *acc, const struct or_pos *start, struct or_result *res)
{
	enum or_mode mode = or_mode_of(r);
	struct or_pos pos = *start;
	struct path path = { .bytes = or_entry_bytes(mode) };
	struct or_ent e;

	memset(res, 0, sizeof(*res));
	for (;; pos.table = e.addr, pos.level--) {
		uint64_t raw = 0, pa = or_entry_pa(mode, &pos, or_linear(r, acc->gva));

		res->kind = read_entry(s, pa, path.bytes, &raw);
		res->level = pos.level;
		if (res->kind != OR_OK) {
			res->stage = OR_TABLE;
			res->gpa = pa;
			return;
		}
		e = or_decode(r, p, pos.level, raw);
		if (!e.present) {
			page_fault(r, acc, pos.level, 0, res);
			return;
		}
		if (e.rsvd) {
			page_fault(r, acc, pos.level, OR_PF_P | OR_PF_RSVD, res);
			return;
		}
		path.has[pos.level] = e.has_a;
		path.pa[pos.level] = pa;
		pos.w &= e.w;
		pos.u &= e.u;
		pos.nx |= e.nx;
		if (e.leaf)
			break;
	}
	if (!judge(r, acc, &pos, e.key, res))
		return;
	if (!s->no_ad && set_accessed(s, acc, &path, pos.level, res) != OR_OK) {
		res->kind = OR_NFAULT;
		res->stage = OR_TABLE;
		res->gpa = path.pa[res->level];
		return;
	}
	res->level = pos.level;
	set_leaf(r, acc, &pos, &e, res);
	reach(s, acc, res);
}

void or_walk(struct or_space *s, const struct or_regs *r, const struct or_profile *p,
             const struct or_access *acc, struct or_result *res)
{
	struct or_pos pos;

	memset(res, 0, sizeof(*res));
	if (!or_canonical(r, acc->gva)) {
		res->kind = acc->stack ? OR_SS : OR_GP;
	} else if (or_mode_of(r) == OR_M_OFF) {
		res->gpa = or_linear(r, acc->gva);
		res->shift = 12;
		res->rights = OR_R | OR_W | OR_X | OR_U;
		reach(s, acc, res);
	} else if (!or_root(r, p, or_linear(r, acc->gva), &pos)) {
		page_fault(r, acc, 3, 0, res);
	} else {
		or_walk_from(s, r, p, acc, &pos, res);
	}
	res->refs = s->refs;
}

void or_translate(const struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                  const struct or_access *acc, struct or_result *res)
{
	struct or_space s = { .mem = m, .no_ad = acc->no_ad };

	or_walk(&s, r, p, acc, res);
}

static bool stops(const struct or_result *res)
{
	return res->kind != OR_OK && !(res->kind == OR_MMIO && res->stage == OR_FINAL);
}

unsigned or_translate_span(const struct or_regs *r, const struct or_profile *p,
                           const struct or_mem *m, const struct or_access *acc,
                           struct or_result res[2])
{
	struct or_access part[2] = { *acc, *acc };
	uint64_t last = or_linear(r, acc->gva + (acc->size ? acc->size - 1 : 0));
	unsigned i, n = (last ^ or_linear(r, acc->gva)) >> 12 ? 2 : 1;

	part[1].gva = last & ~UINT64_C(0xfff);
	/* The whole operand is checked before any of it is walked. */
	if (!or_canonical(r, last))
		part[0].gva = last;
	for (i = 0; i < n; i++) {
		part[i].no_ad = true;
		or_translate(r, p, m, &part[i], &res[i]);
		if (stops(&res[i]))
			return i + 1;
		part[i].no_ad = acc->no_ad;
	}
	for (i = 0; i < n; i++)
		or_translate(r, p, m, &part[i], &res[i]);
	return n;
}
