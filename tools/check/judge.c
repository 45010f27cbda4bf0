/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is compared: every answer.
 * Not here: the truth about an access (oracle/), memory after it (compare.c).
 * Keeps: or_note_store() follows every change of the oracle's memory, A and D bits included.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "world_priv.h"

/* ---- accesses ---------------------------------------------------------------------------- */

static struct or_access oracle_access(uint64_t gva, uint32_t access)
{
	return (struct or_access){
		.gva = gva,
		.op = (enum or_op)(access & VMMU_TYPE_MASK),
		.user = access & VMMU_USER,
		.implicit = access & VMMU_IMPLICIT,
		.ac = access & VMMU_AC,
		.stack = access & VMMU_STACK,
		.no_ad = access & (VMMU_PROBE | VMMU_NO_AD),
	};
}

/* What a VM answered, in the oracle's words.  False: no CPU answers so. */
static bool to_oracle(const struct world *w, int st, const struct vmmu_xlat *x, uint32_t access,
		      struct or_result *res)
{
	memset(res, 0, sizeof(*res));
	switch (st) {
	case VMMU_OK:
		res->kind = OR_OK;
		res->gpa = x->gpa.v;
		return true;
	case VMMU_MMIO:
		res->kind = OR_MMIO;
		res->gpa = x->gpa.v;
		res->stage = x->stage == VMMU_STAGE_TABLE ? OR_TABLE : OR_FINAL;
		if (res->stage == OR_FINAL && world_is_rom(w, res->gpa)) {
			res->kind = OR_OK;
			res->readonly = true;
			return (access & VMMU_TYPE_MASK) == VMMU_WRITE;
		}
		return x->stage != VMMU_STAGE_NONE;
	case VMMU_FAULT:
		res->kind = x->fault.vector == 14 ? OR_PF : x->fault.vector == 13 ? OR_GP : OR_SS;
		res->error = x->fault.code;
		res->cr2 = x->fault.cr2;
		return x->fault.vector >= 12 && x->fault.vector <= 14;
	default:
		return false;
	}
}

static const char *kind_name(const struct or_result *r)
{
	static const char *const name[] = { "ok", "#PF", "#GP", "#SS", "mmio", "nested fault" };

	return r->kind == OR_OK && r->readonly ? "rom" : name[r->kind];
}

static const char *describe(const struct or_result *r, char buf[128])
{
	if (r->kind == OR_PF)
		snprintf(buf, 128, "#PF(0x%x) cr2 0x%" PRIx64, r->error, r->cr2);
	else
		snprintf(buf, 128, "%s%s gpa 0x%" PRIx64, kind_name(r),
			 r->kind == OR_MMIO && r->stage == OR_TABLE ? " (table)" : "", r->gpa);
	return buf;
}

static bool same_result(const struct or_result *a, const struct or_result *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == OR_PF)
		return a->error == b->error && a->cr2 == b->cr2;
	if (a->kind == OR_OK || a->kind == OR_MMIO)
		return a->gpa == b->gpa && a->readonly == b->readonly && a->stage == b->stage;
	return true;
}

bool world_walked(struct world_vm *v)
{
	bool walked = v->walked;

	v->walked = false;
	return walked;
}

/* Rights that a walk would grant this privilege before the access changes anything. */
static unsigned fresh_rights(struct world *w, unsigned cpu, const struct or_access *acc)
{
	unsigned op, rights = 0;

	for (op = OR_READ; op <= OR_FETCH; op++) {
		struct or_access a = *acc;
		struct or_result r;

		a.op = (enum or_op)op;
		a.no_ad = true;
		or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &a, &r);
		if (r.kind == OR_OK && !r.readonly)
			rights |= 1u << op;
	}
	return rights;
}

static void check_ok(struct world *w, struct world_vm *v, unsigned cpu, const struct or_access *acc,
		     const struct vmmu_xlat *x, const struct or_result *fresh, unsigned grants,
		     bool exact)
{
	uint64_t low = (1ull << x->shift) - 1;
	int r = region_at(w, x->gpa.v);
	uint64_t first, last;

	if (r < 0) {
		world_fail(w, v, "gpa 0x%" PRIx64 " is no memory", x->gpa.v);
		return;
	}
	if (x->host != vm_ram_at(w, v, x->gpa.v) && !(acc->no_ad && !x->host))
		world_fail(w, v, "host pointer %p, but gpa 0x%" PRIx64 " is at %p", x->host,
			   x->gpa.v, (void *)vm_ram_at(w, v, x->gpa.v));
	first = w->place[r].gpa;
	last = first + region[r].size - 1;
	if ((x->gpa.v & ~low) < first || (x->gpa.v | low) > last)
		world_fail(w, v, "gpa 0x%" PRIx64 " cached with shift %u leaves slot %s", x->gpa.v,
			   x->shift, region[r].name);
	w->legal[LEGAL_SIZE] += x->shift != fresh->shift;
	if (x->shift > x->guest_shift && (world_regs(w, cpu)->cr0 & OR_CR0_PG))
		world_fail(w, v, "shift %u is more than the guest's %u", x->shift, x->guest_shift);
	if (!exact)
		return;
	if (x->guest_shift != fresh->shift)
		world_fail(w, v, "guest_shift %u, not %u", x->guest_shift, fresh->shift);
	if (x->guest_rights != fresh->rights)
		world_fail(w, v, "guest_rights 0x%x, not 0x%x", x->guest_rights, fresh->rights);
	if (x->rights & ~grants)
		world_fail(w, v, "rights 0x%x, but a walk grants 0x%x", x->rights, grants);
}

/* The answer of one VM to one page's access: legal, and exact where it walked. */
static void check_answer(struct world *w, struct world_vm *v, unsigned cpu,
			 const struct or_access *acc, const struct or_result *seen,
			 const struct or_result *fresh, bool exact)
{
	char a[128], b[128];

	if (exact && !same_result(seen, fresh))
		world_fail(w, v, "%s, but a walk answers %s", describe(seen, a),
			   describe(fresh, b));
	if (same_result(seen, fresh))
		return;
	w->legal[LEGAL_STALE]++;
	if (!or_legal(w->or, cpu, acc, seen))
		world_fail(w, v, "%s is not legal: %s", describe(seen, a), or_reason(w->or));
}

/* The inlined hit of <vmmu/vmmu.h>. */
static void check_front(struct world *w, struct world_vm *v, unsigned cpu, unsigned size,
			uint32_t access, const struct or_access *acc, const struct or_result *fresh)
{
	uint8_t *p = vmmu_host(vmmu_cpu(v->vm, cpu), vmmu_gva(acc->gva), size, access);
	struct or_result seen = { .kind = OR_OK };

	if (!p)
		return;
	seen.gpa = gpa_at(w, v, p);
	if (seen.gpa == NOWHERE || (acc->op == OR_WRITE && world_is_rom(w, seen.gpa)))
		world_fail(w, v, "vmmu_host() answers %p, gpa 0x%" PRIx64, (void *)p, seen.gpa);
	if (same_result(&seen, fresh))
		return;
	if (!or_legal(w->or, cpu, acc, &seen))
		world_fail(w, v, "vmmu_host(): gpa 0x%" PRIx64 " is not legal: %s", seen.gpa,
			   or_reason(w->or));
}

/*
 * What an exit for an address outside memory tells: SDM table 28-7, APM 15.25.6.  0: the CPU has
 * stopped at a mark (EPT), or the access was finished in software, as in tables that are ROM.
 */
static bool is_ept_info(uint64_t info, bool table, unsigned op, bool ad, bool rom)
{
	uint64_t want = table && ad ? 3 : table ? 1 : 1ull << op;

	want |= 1ull << 7 | (table ? 0 : 1ull << 8);
	return info == want || (rom && !table && info == (want | 5ull << 3));
}

static bool is_npt_info(uint64_t info, bool table, unsigned op, bool mark, bool rom)
{
	uint64_t want = 4 | (table ? 1ull << 33 : 1ull << 32);

	if (table || op == OR_WRITE)
		want |= 2;
	else if (op == OR_FETCH)
		want |= 16;
	return info == want || (mark && info == (want | 9)) ||
	       (rom && !table && info == (want | 1));
}

static void check_info(struct world *w, struct world_vm *v, int st, const struct vmmu_xlat *x,
		       uint32_t access)
{
	const struct vmmu_nested_config *c = &v->cfg.nested;
	bool ept = v->cfg.backend == &vmmu_nested_ept, table = x->stage == VMMU_STAGE_TABLE;
	bool rom = world_is_rom(w, x->gpa.v), ok;
	unsigned op = access & VMMU_TYPE_MASK;

	if (st != VMMU_MMIO || (!ept && v->cfg.backend != &vmmu_nested_npt) ||
	    (access & (VMMU_PROBE | VMMU_NO_AD)))
		return;
	if (!x->nested_info)
		ok = w->cfg.kind != WORLD_PLAIN || (ept && c->mmio);
	else if (ept)
		ok = is_ept_info(x->nested_info, table, op, !c->no_ad, rom);
	else
		ok = is_npt_info(x->nested_info, table, op, c->mmio, rom);
	if (!ok)
		world_fail(w, v, "gpa 0x%" PRIx64 " is no memory, and the exit tells 0x%" PRIx64,
			   (uint64_t)x->gpa.v, x->nested_info);
}

static void check_cr2(struct world *w, struct world_vm *v, unsigned cpu, int st,
		      const struct vmmu_xlat *x, uint32_t access)
{
	struct vmmu_regs regs;

	if (st == VMMU_FAULT && x->fault.vector == 14 && !(access & VMMU_PROBE))
		v->cr2[cpu] = x->fault.cr2;
	vmmu_get_regs(vmmu_cpu(v->vm, cpu), &regs);
	if (regs.cr2 != v->cr2[cpu])
		world_fail(w, v, "CR2 is 0x%" PRIx64 ", not 0x%" PRIx64, (uint64_t)regs.cr2,
			   v->cr2[cpu]);
}

static uint64_t last_drop(const struct world *w, unsigned cpu, uint64_t gva)
{
	uint64_t last = w->flushed[cpu];
	unsigned i;

	for (i = 0; i < w->nr_gvas; i++)
		if ((w->gva[i] ^ gva) < PAGE && w->dropped[cpu][i] > last)
			last = w->dropped[cpu][i];
	return last;
}

static void sabotage_answer(const struct world *w, unsigned vm, struct vmmu_xlat *x, int st)
{
	if (is_victim(w, vm, SABOTAGE_HOST_POINTER) && st == VMMU_OK && x->host)
		x->host = (uint8_t *)x->host + PAGE;
}

static void sabotage_memory(struct world *w)
{
	unsigned i = w->cfg.victim % w->nr_vms, k;

	if (!is_victim(w, i, SABOTAGE_DIRTY))
		return;
	for (k = 0; k < w->nr_ad; k++) {
		uint8_t *p = vm_ram_at(w, &w->vm[i], w->ad[k]);
		uint64_t v = load(p, 8) & ~0x40ull;

		memcpy(p, &v, 8);
	}
}

/* Every VM stored, or none; then the oracle. */
static void do_store(struct world *w, struct vmmu_xlat x[WORLD_VMS], unsigned cpu, unsigned size,
		     const uint64_t *value)
{
	unsigned i;

	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		int st = VMMU_OK;

		if (x[i].trap)
			st = vmmu_write(v->vm, vmmu_cpu(v->vm, cpu), x[i].gpa, value, size, NULL);
		else if (x[i].host)
			memcpy(x[i].host, value, size);
		if (st)
			world_fail(w, v, "a trapped store: %s", vmmu_strerror(st));
	}
}

/* A store that went by a stale translation dirties what memory says now?  No. */
static void check_stale_dirty(struct world *w, const struct vmmu_xlat x[WORLD_VMS],
			      const int st[WORLD_VMS], const struct or_result *fresh)
{
	unsigned i;

	if (!w->nr_ad || !w->dirtied_now)
		return;
	for (i = 0; i < w->nr_vms; i++)
		if (!race_is_on(w, &w->vm[i]) && st[i] == VMMU_OK && x[i].gpa.v != fresh->gpa &&
		    (load(vm_ram_at(w, &w->vm[i], w->dirtied), 4) & 0x40))
			world_fail(w, &w->vm[i],
				   "stored to gpa 0x%" PRIx64 ", but D is set of 0x%" PRIx64,
				   x[i].gpa.v, fresh->gpa);
}

static bool all_store_alike(const struct world *w, const struct vmmu_xlat x[WORLD_VMS],
			    const int st[WORLD_VMS], const struct or_result *fresh)
{
	unsigned i;

	if (fresh->kind != OR_OK || !world_is_frame(w, fresh->gpa))
		return false;
	for (i = 0; i < w->nr_vms; i++)
		if (st[i] != VMMU_OK || x[i].gpa.v != fresh->gpa)
			return false;
	return true;
}

static void log_access(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
		       const struct or_result *fresh)
{
	static const char type[] = "rwx?";
	char buf[128];

	if (w->quiet)
		w->seq++;
	else
		world_log(w, "%u %c%s%s%s%s%s%s 0x%" PRIx64 "+%u -> %s", cpu, type[access & 3],
			  access & VMMU_USER ? " user" : "",
			  access & VMMU_IMPLICIT ? " implicit" : "", access & VMMU_AC ? " ac" : "",
			  access & VMMU_STACK ? " stack" : "", access & VMMU_PROBE ? " probe" : "",
			  access & VMMU_NO_AD ? " no_ad" : "", gva, size, describe(fresh, buf));
}

static enum ad_rule rule_for(const struct world *w, const struct world_vm *v, unsigned cpu,
			     uint64_t gva, bool walked)
{
	if (walked)
		return v->walk_cached ? AD_ANY : AD_EXACT;
	return w->stored > last_drop(w, cpu, gva) ? AD_MISSING : AD_NOTHING_SET;
}

static void count_result(struct world *w, const struct or_result *fresh)
{
	if (fresh->kind == OR_OK)
		w->count_ok++;
	else if (fresh->kind == OR_MMIO)
		w->count_mmio++;
	else
		w->count_fault++;
}

/* Does the access store A or D in [lo, lo + len)? */
static bool would_store(struct world *w, unsigned cpu, const struct or_access *acc, uint64_t lo,
			uint64_t len)
{
	struct or_result res;

	w->dry = true;
	w->dry_lo = lo;
	w->dry_len = len;
	w->dry_stores = false;
	or_translate(world_regs(w, cpu), &w->orp, &w->ormem, acc, &res);
	w->dry = false;
	return w->dry_stores;
}

/*
 * Would the access set A in a PDPTE that is read on every walk, where that bit is reserved?
 * Whether it then faults is a matter of how often the CPU begins again.
 */
static bool spoils_pdptes(struct world *w, unsigned cpu, const struct or_access *acc)
{
	const struct or_regs *r = world_regs(w, cpu);

	if (!w->orp.pdpte_walk || (r->efer & OR_EFER_LMA) || !(r->cr4 & OR_CR4_PAE))
		return false;
	return would_store(w, cpu, acc, r->cr3 & 0xffffffe0u, 32);
}

bool world_is_quiet(struct world *w, unsigned cpu, const struct or_access *acc)
{
	return !would_store(w, cpu, acc, 0, UINT64_MAX);
}

/* The smallest front still holds one page. */
static void forget(struct world_vm *v, unsigned cpu)
{
	if (v->cfg.caches == CACHES_NONE)
		vmmu_hw_flush(vmmu_cpu(v->vm, cpu));
}

/* A probe asks the host for nothing. */
static bool asks_first(const struct world_vm *v, int st, uint32_t access)
{
	return st == VMMU_AGAIN && v->cfg.ask && (access & VMMU_PROBE);
}

void judge_answer(struct world *w, unsigned which, const struct claim *c)
{
	struct claim *to = &w->race->claim[which];

	*to = *c;
	to->made = !judge_claim(w, w->race->v, to);
}

/* What that VM may be early or late with, the other operation at once is the reason. */
static void answer_in_race(struct world *w, struct world_vm *v, unsigned cpu, uint64_t gva,
			   unsigned size, uint32_t access, int st, const struct vmmu_xlat *x)
{
	const struct claim c = {
		.made = true,
		.cpu = cpu,
		.size = size,
		.gva = gva,
		.access = access,
		.st = st,
		.x = *x,
	};

	judge_answer(w, 0, &c);
	check_cr2(w, v, cpu, st, x, access);
	if (st == VMMU_OK && (access & VMMU_TYPE_MASK) == VMMU_WRITE)
		world_may_write(w, x->gpa.v);
}

bool judge_claim(struct world *w, struct world_vm *v, struct claim *c)
{
	struct or_access acc = oracle_access(c->gva, c->access), dry = acc;
	struct or_result seen, fresh;
	char a[128], b[128];

	dry.no_ad = true;
	or_translate(world_regs(w, c->cpu), &w->orp, &w->ormem, &dry, &fresh);
	if (!to_oracle(w, c->st, &c->x, c->access, &seen)) {
		snprintf(c->why, sizeof(c->why), "%s: %s", vmmu_strerror(c->st),
			 vmmu_reason(v->vm));
		return false;
	}
	if (!same_result(&seen, &fresh) && !or_legal(w->or, c->cpu, &acc, &seen)) {
		snprintf(c->why, sizeof(c->why), "%.100s, but a walk answers %.100s",
			 describe(&seen, a), describe(&fresh, b));
		return false;
	}
	if (c->st != VMMU_OK || (acc.no_ad && !c->x.host))
		return true;
	if (world_is_ram(w, c->x.gpa.v) && c->x.host == vm_ram_at(w, v, c->x.gpa.v))
		return true;
	snprintf(c->why, sizeof(c->why), "gpa 0x%" PRIx64 " is not at %p", (uint64_t)c->x.gpa.v,
		 c->x.host);
	return false;
}

static void access_page(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
			const uint64_t *value)
{
	struct or_access acc = oracle_access(gva, access), dry = acc;
	struct vmmu_xlat x[WORLD_VMS];
	struct or_result fresh, seen, res;
	enum ad_rule rule[WORLD_VMS];
	unsigned i, faults = 0, grants = 0;
	int st[WORLD_VMS];
	bool stores;

	if (spoils_pdptes(w, cpu, &acc))
		return;
	dry.no_ad = true;
	or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &dry, &fresh);
	if (fresh.kind == OR_OK)
		grants = fresh_rights(w, cpu, &acc);
	log_access(w, cpu, gva, size, access, &fresh);
	w->mode = world_mode_of(world_regs(w, cpu));
	count_result(w, &fresh);
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		bool walked, exact;

		memset(&x[i], 0, sizeof(x[i]));
		rule[i] = AD_ANY;
		st[i] = VMMU_AGAIN;
		if (!takes_part(w, i))
			continue;
		forget(v, cpu);
		if (!acc.no_ad)
			check_front(w, v, cpu, size, access, &acc, &fresh);
		world_walked(v);
		st[i] = vmmu_translate(vmmu_cpu(v->vm, cpu), vmmu_gva(gva), size, access, &x[i]);
		walked = world_walked(v) || acc.no_ad || v->always_walks;
		exact = acc.no_ad || (walked && !v->walk_cached);
		rule[i] = acc.no_ad ? AD_EXACT : rule_for(w, v, cpu, gva, walked);
		sabotage_answer(w, i, &x[i], st[i]);
		if (asks_first(v, st[i], access))
			continue;
		if (race_is_on(w, v)) {
			rule[i] = AD_ANY;
			answer_in_race(w, v, cpu, gva, size, access, st[i], &x[i]);
			faults += st[i] == VMMU_FAULT && x[i].fault.vector == 14;
			continue;
		}
		if (!to_oracle(w, st[i], &x[i], access, &seen)) {
			world_fail(w, v, "%s: %s", vmmu_strerror(st[i]), vmmu_reason(v->vm));
			continue;
		}
		check_answer(w, v, cpu, &acc, &seen, &fresh, exact);
		check_info(w, v, st[i], &x[i], access);
		check_cr2(w, v, cpu, st[i], &x[i], access);
		if (seen.kind == OR_OK && acc.op == OR_WRITE)
			world_may_write(w, seen.gpa);
		faults += seen.kind == OR_PF;
	}
	stores = value && all_store_alike(w, x, st, &fresh);
	if (stores)
		do_store(w, x, cpu, size, value);
	w->nr_ad = 0;
	or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &acc, &res);
	for (i = 0; i < w->nr_vms && !w->failed[0]; i++)
		if (st[i] == VMMU_OK && !race_is_on(w, &w->vm[i]))
			check_ok(w, &w->vm[i], cpu, &acc, &x[i], &fresh, grants,
				 rule[i] == AD_EXACT);
	check_stale_dirty(w, x, st, &fresh);
	sabotage_memory(w);
	/* What the walk leaves may be cached before the store changes it. */
	note_ad(w);
	if (stores) {
		memcpy(ram_at(w, fresh.gpa), value, size);
		world_wrote(w, fresh.gpa, size);
		or_note_store(w->or, fresh.gpa, size);
		w->stored = w->seq;
	}
	compare_walk(w, cpu, gva, rule);
	if (!acc.no_ad && faults == w->nr_vms)
		or_note_fault(w->or, cpu, gva);
}

/* ---- accesses that may cross a page ---------------------------------------------------- */

/* Which page an answer is about: 0, 1, or 2 for both. */
static unsigned page_of(int st, const struct vmmu_xlat x[2], uint64_t second)
{
	if (st == VMMU_FAULT && x[0].fault.vector == 14)
		return (x[0].fault.cr2 ^ second) < PAGE;
	return st == VMMU_FAULT ? 0 : 2;
}

/* What the pages answer, the second before the first is touched; how many pages. */
static unsigned span_fresh(struct world *w, unsigned cpu, const struct or_access *acc,
			   struct or_result res[2])
{
	struct or_access dry = *acc;

	dry.no_ad = true;
	return or_translate_span(world_regs(w, cpu), &w->orp, &w->ormem, &dry, res);
}

/* One page's part of the answer to a span. */
static void check_part(struct world *w, struct world_vm *v, unsigned cpu,
		       const struct or_access *part, const struct or_result *seen,
		       const struct or_result *fresh, bool exact)
{
	char a[128], b[128];

	if (fresh && same_result(seen, fresh))
		return;
	if (exact)
		world_fail(w, v, "span at 0x%" PRIx64 ": %s, but a walk answers %s", part->gva,
			   describe(seen, a), fresh ? describe(fresh, b) : "nothing");
	else if (!or_legal(w->or, cpu, part, seen))
		world_fail(w, v, "span at 0x%" PRIx64 ": %s is not legal: %s", part->gva,
			   describe(seen, a), or_reason(w->or));
}

static void check_span(struct world *w, struct world_vm *v, unsigned cpu,
		       const struct or_access part[2], const struct vmmu_xlat x[2], int st,
		       const struct or_result fresh[2], unsigned pages, bool exact)
{
	unsigned p = page_of(st, x, part[1].gva), i;
	struct or_result seen;

	/* A table that is a device stops the CPU, or the other page's fault does. */
	if (fresh[0].kind == OR_MMIO && fresh[0].stage == OR_TABLE)
		exact = false;
	for (i = 0; i < 2; i++) {
		const struct vmmu_xlat *xi = st == VMMU_FAULT ? &x[0] : &x[i];
		int sti = st != VMMU_MMIO ? st : xi->stage ? VMMU_MMIO : VMMU_OK;

		if (p != 2 && p != i)
			continue;
		if (!to_oracle(w, sti, xi, (uint32_t)part[0].op, &seen)) {
			world_fail(w, v, "page %u of a span: %s: %s", i, vmmu_strerror(st),
				   vmmu_reason(v->vm));
			return;
		}
		/* It does not say which page it is of. */
		if (seen.kind == OR_GP || seen.kind == OR_SS)
			check_part(w, v, cpu, &part[i], &seen, &fresh[pages - 1], exact);
		else
			check_part(w, v, cpu, &part[i], &seen, i < pages ? &fresh[i] : NULL, exact);
	}
}

void world_access(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
		  const uint64_t *value)
{
	/* What a read or a fetch returns is not for stores. */
	if ((access & VMMU_TYPE_MASK) != VMMU_WRITE)
		value = NULL;
	if (!note(w, &(struct world_op){ .what = OP_ACCESS,
					 .cpu = (uint8_t)cpu,
					 .at = gva,
					 .size = size,
					 .access = access,
					 .has_value = value != NULL,
					 .value = value ? *value : 0 }))
		return;
	access_page(w, cpu, gva, size, access, value);
}

void world_span(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access)
{
	struct or_access acc = oracle_access(gva, access), part[2];
	unsigned i, pages, first, faults = 0, same = 0;
	enum ad_rule rule[WORLD_VMS];
	struct or_result fresh[2], res;
	bool stops;

	if (!note(w, &(struct world_op){ .what = OP_SPAN,
					 .cpu = (uint8_t)cpu,
					 .at = gva,
					 .size = size,
					 .access = access }))
		return;
	memset(fresh, 0, sizeof(fresh));
	acc.size = size;
	if ((gva & (PAGE - 1)) + size <= PAGE) {
		access_page(w, cpu, gva, size, access, NULL);
		return;
	}
	part[0] = part[1] = acc;
	part[0].size = part[1].size = 0;
	part[1].gva = (gva + size - 1) & ~(PAGE - 1);
	if (!(world_regs(w, cpu)->efer & OR_EFER_LMA))
		part[1].gva &= UINT32_MAX;
	if (spoils_pdptes(w, cpu, &part[0]) || spoils_pdptes(w, cpu, &part[1]))
		return;
	pages = span_fresh(w, cpu, &acc, fresh);
	log_access(w, cpu, gva, size, access, &fresh[pages - 1]);
	w->mode = world_mode_of(world_regs(w, cpu));
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		struct vmmu_xlat x[2];
		int st;

		memset(x, 0, sizeof(x));
		forget(v, cpu);
		st = vmmu_translate_span(vmmu_cpu(v->vm, cpu), vmmu_gva(gva), size, access, x,
					 &first);
		world_walked(v);
		rule[i] = acc.no_ad ? AD_EXACT : AD_ANY;
		if (asks_first(v, st, access))
			continue;
		check_span(w, v, cpu, part, x, st, fresh, pages, v->always_walks || acc.no_ad);
		check_cr2(w, v, cpu, st, &x[0], access);
		/* A fault may be of the other page, and the store have begun here. */
		if (acc.op == OR_WRITE) {
			world_may_write(w, fresh[0].kind == OR_OK ? fresh[0].gpa : x[0].gpa.v);
			world_may_write(w, x[0].gpa.v);
			world_may_write(w, x[1].gpa.v);
		}
		if (st == VMMU_FAULT && x[0].fault.vector == 14) {
			faults++;
			same += page_of(st, x, part[1].gva);
		}
	}
	w->nr_ad = 0;
	stops = pages == 1 || fresh[1].kind == OR_PF || fresh[1].kind == OR_GP ||
		fresh[1].kind == OR_SS;
	if (!stops && !acc.no_ad) {
		or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &part[0], &res);
		or_translate(world_regs(w, cpu), &w->orp, &w->ormem, &part[1], &res);
	}
	note_ad(w);
	compare_walk(w, cpu, part[0].gva, rule);
	compare_walk(w, cpu, part[1].gva, rule);
	if (!acc.no_ad && faults == w->nr_vms && (!same || same == faults))
		or_note_fault(w->or, cpu, part[same != 0].gva);
}
