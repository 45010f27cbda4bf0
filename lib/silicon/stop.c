/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a walk stopped: #PF error codes, EXITINFO1, exit qualifications.
 * Not here: the walk.
 */
#include "walk_priv.h"

/* The error code of a #PF: SDM 4.7, APM 8.4.2. */
static uint32_t pf_code(const struct vmmu_paging *pg, unsigned status, uint32_t access,
			unsigned rights, unsigned pkey)
{
	unsigned type = access & VMMU_TYPE_MASK, kind = vmmu_kind(access);
	uint32_t code = status == VMMU_WALK_NP ? 0 : VMMU_PF_P;

	if (type == VMMU_WRITE)
		code |= VMMU_PF_W;
	if (vmmu_mode(access) == VMMU_MODE_USER)
		code |= VMMU_PF_U;
	if (type == VMMU_FETCH && (pg->ctl & VMMU_PG_ID))
		code |= VMMU_PF_I;
	if (status == VMMU_WALK_RSVD)
		code |= VMMU_PF_RSVD;
	/* PK is set if the key alone forbids the access, whatever else forbids it. */
	if (status == VMMU_WALK_PERM) {
		struct vmmu_paging key_only = *pg;

		key_only.kinds[rights] = 0xffff;
		if (!(vmmu_paging_kinds(&key_only, rights, pkey) >> kind & 1))
			code |= VMMU_PF_PK;
	}
	return code;
}

static uint64_t npf_info(const struct vmmu_paging *pg, const struct vmmu_walk *w)
{
	uint64_t info = VMMU_PF_U | (w->table ? VMMU_NPF_TABLE : VMMU_NPF_FINAL);
	unsigned type = w->access & VMMU_TYPE_MASK;

	if (w->status != VMMU_WALK_NP)
		info |= VMMU_PF_P;
	if (w->status == VMMU_WALK_RSVD)
		info |= VMMU_PF_RSVD;
	if (type == VMMU_WRITE)
		info |= VMMU_PF_W;
	if (type == VMMU_FETCH && (pg->ctl & VMMU_PG_NXE))
		info |= VMMU_PF_I;
	return info;
}

/* SDM table 28-7 */
static uint64_t ept_info(const struct vmmu_paging *pg, const struct vmmu_walk *w)
{
	unsigned type = w->access & VMMU_TYPE_MASK;
	uint64_t info = 1u << type;

	if (w->status == VMMU_WALK_MISCONFIG)
		return 0;
	if (w->table && (pg->ctl & VMMU_PG_AD))
		info = VMMU_EPTQ_READ | VMMU_EPTQ_WRITE;
	if (w->status != VMMU_WALK_NP)
		info |= (uint64_t)(w->nrights & VMMU_RWX) << VMMU_EPTQ_RWX_SHIFT;
	if (!(w->access & VMMU_PDPTE_LOAD))
		info |= VMMU_EPTQ_GVA_VALID | (w->table ? 0 : VMMU_EPTQ_FINAL);
	return info;
}

int stop_nested(struct env *env, uint64_t gpa, uint32_t access, int table, struct vmmu_walk *out)
{
	const struct vmmu_paging *pg = &env->hw->n;

	out->status = env->n.status;
	out->dim = 2;
	out->gpa = vmmu_gpa(gpa);
	out->nlevel = env->n.level;
	out->entry = env->n.entry;
	out->table = table ? env->table : 0;
	out->access = table ? table_type(pg->fmt, pg) | VMMU_TABLE : access;
	out->nrights = (uint8_t)entry_rights(pg->fmt, env->n.acc);
	out->refs = (uint16_t)env->refs;
	if (out->status <= VMMU_WALK_PERM)
		out->info =
			pg->fmt->style == VMMU_STYLE_NPT ? npf_info(pg, out) : ept_info(pg, out);
	return out->status;
}

int stop_first(struct env *env, unsigned level, uint64_t entry, uint64_t ipa, unsigned status,
	       struct vmmu_walk *out)
{
	if (env->n.status)
		return stop_nested(env, ipa, 0, 1, out);
	out->status = (uint8_t)status;
	out->dim = 1;
	out->level = (uint8_t)level;
	out->entry = entry;
	out->refs = (uint16_t)env->refs;
	if (status == VMMU_WALK_NOMEM || status == VMMU_WALK_ABSENT) {
		out->gpa = vmmu_gpa(ipa);
		out->table = (uint8_t)level;
		return out->status;
	}
	out->code = pf_code(&env->hw->g, status, env->access, out->rights, out->pkey);
	return out->status;
}

int stop_ad_store(struct env *env, const struct reach *r, struct vmmu_walk *out)
{
	env->n.acc = env->hw->n.need[VMMU_READ];
	env->n.entry = 0;
	stop_nested(env, r->ipa, 0, 1, out);
	out->access |= VMMU_WRITE;
	out->nrights = env->n.rights;
	out->info = ept_info(&env->hw->n, out);
	return out->status;
}
