/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's side of an access: it handles an exit, repairs the cause, and walks in software.
 * Not here: how a fault is repaired (backends), silicon's walks and hits (translate.c).
 * Keeps: calls go down, statuses come up; each loop is bounded, and ends with VMMU_ELOOP.
 */
#include <string.h>

#include <vmmu/yield.h>

#include "vm.h"

/* ---- results of accesses that stop --------------------------------------------------- */

int vm_result_mmio(uint64_t gpa, int table, const struct vmmu_walk *w, struct vmmu_xlat *out)
{
	memset(out, 0, sizeof(*out));
	out->gpa = vmmu_gpa(gpa);
	out->stage = table ? VMMU_STAGE_TABLE : VMMU_STAGE_GPA;
	out->nested_info = w && w->dim == 2 ? w->info : 0;
	return VMMU_MMIO;
}

/* The guest's exception: SDM 4.7; 6.15 for the vectors. */
int vm_result_fault(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access, unsigned status,
		    unsigned level, uint32_t code, struct vmmu_xlat *out)
{
	memset(out, 0, sizeof(*out));
	if (status == VMMU_WALK_NONCANON) {
		out->fault.vector = access & VMMU_STACK ? 12 : 13;
		return VMMU_FAULT;
	}
	out->fault.vector = 14;
	out->fault.code = code;
	out->fault.level = (uint8_t)level;
	out->fault.cr2 = gva;
	if (access & VMMU_PROBE)
		return VMMU_FAULT;
	cpu->regs.cr2 = gva;
	event(cpu->vm, cpu, VMMU_EV_GUEST_FAULT, gva, code);
	return VMMU_FAULT;
}

/* ---- repairs ------------------------------------------------------------- */

static void reclaimed(struct vmmu *vm, uint64_t before)
{
	/*
	 * Walk caches may lead into tables that went, and a shadow pager no longer knows which
	 * translations to flush.
	 */
	vmmu_be_flush_all(vm);
	table_reap(vm);
	event(vm, NULL, VMMU_EV_RECLAIM, before - vm->pool.nr, 0);
}

void vm_reclaim_all(struct vmmu *vm)
{
	uint64_t before = vm->pool.nr;

	if (!vm->core.be->protect)
		return;
	vm->core.be->protect(vm, vmmu_gpa(0), VMMU_ALL, VMMU_CHANGE_ZAP);
	reclaimed(vm, before);
}

/*
 * Makes room for one more table.  The backend chooses a table of little use; without a choice
 * the oldest table of leaves goes.  The access in progress comes to an end either way: its tables
 * fit under any cap that is accepted, and are newer than all others after each round.
 */
static int reclaim_some(struct vmmu *vm, unsigned reclaims)
{
	uint64_t before = vm->pool.nr;

	if (reclaims < MAX_TRIES / 4 &&
	    ((vm->core.be->reclaim && vm->core.be->reclaim(vm)) || pt_evict(vm))) {
		reclaimed(vm, before);
		return VMMU_OK;
	}
	if (reclaims > MAX_TRIES / 4)
		return core_fail(vm, VMMU_ENOMEM, "no memory for tables");
	vm_reclaim_all(vm);
	return VMMU_OK;
}

/*
 * What fault() returned, as far as the library can repair it: VMMU_OK to try again,
 * else the status of the call.  *a counts within one access.
 */
static int resolve_fix(struct vmmu *vm, enum vmmu_fix_kind kind, const struct vmmu_fix *fix,
		       struct attempt *a)
{
	switch (kind) {
	case VMMU_FIX_ERROR:
		return fix->status;
	case VMMU_FIX_NO_TABLES:
		return reclaim_some(vm, a->reclaims++);
	case VMMU_FIX_NEED_PAGE:
		return host_resolve(vm, VMMU_PAGE_WANTED, fix->gpa.v, fix->write, &a->dropped);
	default:
		return host_resolve(vm, VMMU_PAGE_BUSY, fix->gpa.v, fix->write, &a->dropped);
	}
}

static void note_step(void *ctx, const struct vmmu_step *step)
{
	struct vmmu_trail *trail = ctx;

	trail->entry[step->level] = step->entry;
	trail->at[step->level] = vmmu_gpa(step->pa);
}

/* A walk does not read the level that the CPU holds in registers (PDPTEs), so it is noted here. */
static void note_cached(const struct vmmu_paging *pg, uint64_t gva, struct vmmu_trail *trail)
{
	unsigned top = pg->fmt ? pg->fmt->top : 0;

	if (pg->ctl & VMMU_PG_PDPTES)
		trail->entry[top] = pg->pdpte[gva >> pg->fmt->lv[top].shift & 3];
}

enum vmmu_walk_status vmmu_be_walk_guest(struct vmmu_cpu *cpu, vmmu_gva_t gva, uint32_t access,
					 struct vmmu_walk *out, struct vmmu_trail *trail)
{
	struct vmmu_mem_ops ops = slot_mem_ops;
	struct walk_opts o = { .ops = &ops, .step = trail ? note_step : NULL, .step_ctx = trail };

	ops.ctx = cpu->vm;
	if (trail)
		note_cached(&cpu->soft.g, gva.v, trail);
	walk(walk_any, &cpu->soft, &o, gva.v, access, out);
	cpu->vm->sw_refs += out->refs;
	event(cpu->vm, cpu, VMMU_EV_SW_WALK, gva.v, out->refs);
	return out->status;
}

enum vmmu_fix_kind vmmu_be_walk_stop(struct vmmu_cpu *cpu, const struct vmmu_walk *w,
				     struct vmmu_fix *fix)
{
	struct slot *s;
	uint64_t word;

	fix->gpa = w->gpa;
	switch (w->status) {
	case VMMU_WALK_NOMEM:
		fix->table = 1;
		fix->event = VMMU_EV_EXIT_MMIO;
		return VMMU_FIX_MMIO;
	case VMMU_WALK_ABSENT:
		/* If the page can be read, the walk stopped because it was to be written. */
		s = slot_at(cpu->vm, w->gpa.v);
		fix->write = s && host_page(cpu->vm, s, w->gpa.v, 0, &word) == VMMU_PAGE_THERE;
		return VMMU_FIX_NEED_PAGE;
	case VMMU_WALK_RACE:
		return VMMU_FIX_RETRY;
	default:
		fix->code = w->code;
		fix->level = w->level;
		fix->event = VMMU_EV_EXIT_GUEST_PF;
		return VMMU_FIX_FAULT;
	}
}

/* ---- translation in software ------------------------------------------------------ */

/* Fills *out from the page that a walk in software found: VMMU_PAGE_THERE, or why not. */
static enum vmmu_page_kind soft_page(struct vmmu_cpu *cpu, const struct vmmu_walk *w,
				     uint32_t access, struct vmmu_fix *fix, struct vmmu_xlat *out)
{
	int write = (access & VMMU_TYPE_MASK) == VMMU_WRITE && !(access & VMMU_PROBE);
	struct vmmu_page page;
	enum vmmu_page_kind kind = vmmu_be_page(cpu->vm, w->gpa, write, &page, fix);

	/* A probe does not need the page itself. */
	if (kind != VMMU_PAGE_THERE && !(kind == VMMU_PAGE_WANTED && (access & VMMU_PROBE)))
		return kind;
	if (kind == VMMU_PAGE_THERE)
		out->host = vm_pointer(cpu->vm, page.hpa.v);
	if (page.readonly && (access & VMMU_TYPE_MASK) == VMMU_WRITE)
		return VMMU_PAGE_NONE;
	out->gpa = w->gpa;
	out->guest_rights = w->rights;
	out->guest_shift = w->shift ? w->shift : VMMU_PAGE_SHIFT;
	out->shift = VMMU_PAGE_SHIFT;
	out->trap = page.tracked;
	out->once = 1;
	out->rights = 0;
	if (cpu->soft.g.fmt)
		out->rights =
			rights_in_mode(vmmu_paging_kinds(&cpu->soft.g, w->rights, w->pkey), access);
	else
		out->rights = VMMU_RWX;
	if (!w->dirty || !page.writable)
		out->rights &= (uint8_t)~VMMU_W;
	return VMMU_PAGE_THERE;
}

/* One walk in software.  *done is 1 if *out has the translation; else the result says why not. */
static enum vmmu_fix_kind soft_once(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				    struct vmmu_fix *fix, struct vmmu_xlat *out, int *done)
{
	enum vmmu_page_kind page;
	struct vmmu_walk w;

	*done = 0;
	memset(fix, 0, sizeof(*fix));
	memset(out, 0, sizeof(*out));
	switch (vmmu_be_walk_guest(cpu, vmmu_gva(gva), access, &w, NULL)) {
	case VMMU_WALK_OK:
		fix->gpa = w.gpa;
		page = soft_page(cpu, &w, access, fix, out);
		*done = page == VMMU_PAGE_THERE;
		return vmmu_be_page_fix(page);
	case VMMU_WALK_NONCANON:
	case VMMU_WALK_NP:
	case VMMU_WALK_RSVD:
	case VMMU_WALK_PERM:
		vm_result_fault(cpu, gva, access, w.status, w.level, w.code, out);
		return VMMU_FIX_FAULT;
	default:
		return vmmu_be_walk_stop(cpu, &w, fix);
	}
}

int vm_translate_soft(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access, struct vmmu_xlat *out)
{
	struct attempt a = { gva, access, 0, 0 };
	enum vmmu_fix_kind kind;
	struct vmmu_fix fix;
	unsigned tries;
	int done, st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		kind = soft_once(cpu, gva, access, &fix, out, &done);
		if (done)
			return VMMU_OK;
		if (kind == VMMU_FIX_FAULT)
			return VMMU_FAULT;
		if (kind == VMMU_FIX_MMIO)
			return vm_result_mmio(fix.gpa.v, fix.table, NULL, out);
		if (access & VMMU_PROBE)
			return core_fail(cpu->vm, VMMU_AGAIN, "a table at 0x%llx is not there yet",
					 (unsigned long long)fix.gpa.v);
		if (kind == VMMU_FIX_RETRY)
			continue;
		st = resolve_fix(cpu->vm, kind, &fix, &a);
		if (st)
			return st;
	}
	return core_fail(cpu->vm, VMMU_ELOOP, "gva 0x%llx: the tables never held still",
			 (unsigned long long)gva);
}

/* ---- one exit ------------------------------------------------------------------------- */

static int again(int status)
{
	return status ? status : WALK_AGAIN;
}

/* Counts an exit, with the values of a and b that <vmmu/event.h> promises for it. */
static void count_exit(struct vmmu_cpu *cpu, const struct attempt *a, const struct vmmu_walk *w,
		       const struct vmmu_fix *fix)
{
	uint64_t where = a->gva, what = a->access;

	switch (fix->event) {
	case VMMU_EV_EXIT_GUEST_PF:
		what = fix->code;
		break;
	case VMMU_EV_EXIT_NPF:
	case VMMU_EV_EXIT_EPT_VIOLATION:
	case VMMU_EV_EXIT_EPT_MISCONFIG:
		where = w->gpa.v;
		what = w->info;
		break;
	case VMMU_EV_EXIT_MMIO:
	case VMMU_EV_EXIT_DIRTY_LOG:
		where = fix->gpa.v;
		break;
	default:
		break;
	}
	exit_event(cpu->vm, cpu, fix->event, where, what);
}

/* Finishes an access that no table of ours can express; a status. */
static int finish_in_software(struct vmmu_cpu *cpu, const struct attempt *a,
			      const struct vmmu_walk *w, struct vmmu_fix *fix,
			      struct vmmu_xlat *out)
{
	const struct vmmu_walk guest = { .dim = 1 };
	int st = vm_translate_soft(cpu, a->gva, a->access, out);

	/* A #PF drops what is cached for its address, whoever found it: SDM 4.10.4.1. */
	if (st == VMMU_FAULT)
		silicon_drop_faulting(&cpu->silicon, a->gva, &guest);
	if (st == VMMU_MMIO) {
		fix->event = VMMU_EV_EXIT_MMIO;
		fix->gpa = out->gpa;
	}
	/* A store that the embedder makes by vmmu_write() is counted there. */
	if (st != VMMU_OK || !out->trap)
		count_exit(cpu, a, w, fix);
	return st;
}

int vm_handle_exit(struct vmmu_cpu *cpu, struct attempt *a, const struct vmmu_walk *w,
		   struct vmmu_xlat *out)
{
	struct vmmu_exit exit = { vmmu_gva(a->gva), a->access, w };
	enum vmmu_fix_kind kind;
	struct vmmu_fix fix;

	memset(&fix, 0, sizeof(fix));
	silicon_drop_faulting(&cpu->silicon, a->gva, w);
	VMMU_YIELD(cpu->vm, EXIT);
	kind = cpu->vm->core.be->fault(cpu, &exit, &fix);
	VMMU_YIELD(cpu->vm, REPAIRED);
	/* A callback may have made accesses by this vCPU, so what they missed says nothing here. */
	cpu->silicon.missed = 0;
	switch (kind) {
	case VMMU_FIX_RETRY:
		count_exit(cpu, a, w, &fix);
		return WALK_AGAIN;
	case VMMU_FIX_FAULT:
		count_exit(cpu, a, w, &fix);
		return vm_result_fault(cpu, a->gva, a->access, VMMU_WALK_PERM, fix.level, fix.code,
				       out);
	case VMMU_FIX_MMIO:
		count_exit(cpu, a, w, &fix);
		return vm_result_mmio(fix.gpa.v, fix.table, w, out);
	case VMMU_FIX_SOFT:
		return finish_in_software(cpu, a, w, &fix, out);
	case VMMU_FIX_NEED_PAGE:
	case VMMU_FIX_BUSY:
	case VMMU_FIX_NO_TABLES:
	case VMMU_FIX_ERROR:
		return again(resolve_fix(cpu->vm, kind, &fix, a));
	}
	return core_fail(cpu->vm, VMMU_EBROKEN, "backend %s: fault() returned %d, which is nothing",
			 cpu->vm->core.be->name, (int)kind);
}

/* ---- PDPTEs ------------------------------------------------------------------------ */

/* One guest-physical read by the CPU; paging-rules: a read with bit 7 clear. */
static int read_nested(struct vmmu_cpu *cpu, uint64_t gpa, uint64_t *value)
{
	struct attempt a = { 0, VMMU_READ | VMMU_PDPTE_LOAD, 0, 0 };
	struct vmmu_xlat x;
	struct vmmu_walk w;
	unsigned tries;
	int st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		if (!vmmu_walk_nested(&cpu->silicon.hw, NULL, vmmu_gpa(gpa), a.access, &w)) {
			*value = entry_load(bus_at(&cpu->silicon.hw.bus, w.hpa.v), 8);
			return VMMU_OK;
		}
		st = vm_handle_exit(cpu, &a, &w, &x);
		if (st != WALK_AGAIN)
			return st == VMMU_MMIO ? VMMU_GP : st;
	}
	return VMMU_ELOOP;
}

int cpu_read_pdptes(struct vmmu_cpu *cpu, uint64_t cr3, uint64_t pdpte[4])
{
	uint64_t gpa = cr3 & 0xffffffe0u;
	unsigned i;
	int st;

	for (i = 0; i < 4; i++, gpa += 8) {
		if (cpu->silicon.hw.n.fmt) {
			st = read_nested(cpu, gpa, &pdpte[i]);
		} else {
			st = vmmu_read(cpu->vm, vmmu_gpa(gpa), &pdpte[i], 8, NULL);
			pdpte[i] = le64(pdpte[i]);
			cpu->vm->sw_refs += cpu->silicon.hw.intercept & VMMU_ICPT_CR3 ? 1 : 0;
		}
		/* Where there is no memory, a bus reads ones, and reserved bits are among them. */
		if (st)
			return st == VMMU_MMIO ? VMMU_GP : st;
	}
	return VMMU_OK;
}
