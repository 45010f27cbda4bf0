/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translation: silicon's walk, its faults handed to the backend, the result.
 * Not here: what a walk is (cpu/walk.c), how a fault is repaired (backends).
 * Keeps: calls go down, statuses come up; the loop in translate_stopped() is the
 * only one that tries again, and it is bounded.
 */
#include <string.h>

#include <vmmu/yield.h>

#include "priv.h"

uint64_t linear(const struct vmmu_cpu *cpu, uint64_t gva)
{
	return cpu->regs.efer & VMMU_EFER_LMA ? gva : (uint32_t)gva;
}

void cpu_enter(struct vmmu_cpu *cpu)
{
	struct vmmu *vm = cpu->vm;

	cpu->seen = vm->generation;
	vm->reason[0] = 0;
	if (unlikely(!TAILQ_EMPTY(&vm->pool.retired)))
		table_reap(vm);
}

void vmmu_quiescent(struct vmmu_cpu *cpu)
{
	cpu->seen = cpu->vm->generation;
}

void vmmu_halt(struct vmmu_cpu *cpu)
{
	vmmu_quiescent(cpu);
}

/* ---- results --------------------------------------------------------------- */

uint16_t vmmu_be_note(unsigned rights, unsigned shift)
{
	unsigned size = shift == 12 ? 0 : shift == 21 ? 1 : shift == 22 ? 2 : 3;

	return (uint16_t)(1 | (rights >> 1 & 7) << 1 | size << 4);
}

unsigned vmmu_be_note_rights(uint16_t note)
{
	return note & 1 ? VMMU_R | (note >> 1 & 7u) << 1 : VMMU_RWXU;
}

static void read_note(uint16_t note, struct vmmu_xlat *out)
{
	static const uint8_t shift[4] = { 12, 21, 22, 30 };

	out->guest_rights = (uint8_t)vmmu_be_note_rights(note);
	out->guest_shift = note & 1 ? shift[note >> 4 & 3] : VMMU_PAGE_SHIFT;
}

static void answer(const struct vmmu_cpu *cpu, const struct cache_entry *e, uint64_t gva,
		   uint32_t access, unsigned kinds, struct vmmu_xlat *out)
{
	unsigned shift = cache_shift(e->key);
	uint64_t low = gva & ((1ull << shift) - 1);

	out->gpa = vmmu_gpa(e->gpa + low);
	out->host = cpu->vm->base + e->out + low;
	out->rights = rights_in_mode(kinds, access);
	out->shift = (uint8_t)shift;
	out->trap = out->once = 0;
	out->stage = VMMU_STAGE_NONE;
	if (cpu->hw.gpa_from == VMMU_GPA_OUT) {
		out->guest_rights = e->rights;
		out->guest_shift = e->guest_shift;
	} else {
		read_note(info_note(e->info), out);
	}
}

static never_inline int answer_mmio(uint64_t gpa, int table, const struct vmmu_walk *w,
				    struct vmmu_xlat *out)
{
	memset(out, 0, sizeof(*out));
	out->gpa = vmmu_gpa(gpa);
	out->stage = table ? VMMU_STAGE_TABLE : VMMU_STAGE_GPA;
	out->nested_info = w && w->dim == 2 ? w->info : 0;
	return VMMU_MMIO;
}

/* The guest's exception: SDM 4.7; 6.15 for the vectors. */
static never_inline int answer_fault(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				     unsigned status, unsigned level, uint32_t code,
				     struct vmmu_xlat *out)
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

/* ---- the hypervisor's side of an exit ------------------------------------------ */

static void reclaimed(struct vmmu *vm, uint64_t before)
{
	/* Walk caches may lead into what went, and a shadow forgets what to flush. */
	vmmu_be_flush_all(vm);
	table_reap(vm);
	event(vm, NULL, VMMU_EV_RECLAIM, before - vm->pool.nr, 0);
}

void reclaim_all(struct vmmu *vm)
{
	uint64_t before = vm->pool.nr;

	if (!vm->be->protect)
		return;
	vm->be->protect(vm, vmmu_gpa(0), VMMU_ALL, VMMU_CHANGE_ZAP);
	reclaimed(vm, before);
}

/*
 * Room for one more table.  The backend knows what was used last; else first in
 * is first out.  Both come to an end: what one access needs fits below any cap,
 * and is newer each time round.
 */
static int reclaim_some(struct vmmu *vm, unsigned reclaims)
{
	uint64_t before = vm->pool.nr;

	if (reclaims < MAX_TRIES / 4 &&
	    ((vm->be->reclaim && vm->be->reclaim(vm)) || pt_evict(vm))) {
		reclaimed(vm, before);
		return VMMU_OK;
	}
	if (reclaims > MAX_TRIES / 4)
		return fail(vm, VMMU_ENOMEM, "no memory for tables");
	reclaim_all(vm);
	return VMMU_OK;
}

int settle(struct vmmu *vm, int kind, const struct vmmu_fix *fix, unsigned *reclaims)
{
	switch (kind) {
	case VMMU_FIX_NEED_PAGE:
		if (notify_covers(vm, fix->gpa.v, 1))
			break;
		return mem_ask(vm, fix->gpa.v, fix->write);
	case VMMU_FIX_NO_TABLES:
		return reclaim_some(vm, (*reclaims)++);
	case VMMU_FIX_BUSY:
		break;
	default:
		return kind;
	}
	return fail(vm, VMMU_AGAIN, "gpa 0x%llx is being invalidated",
		    (unsigned long long)fix->gpa.v);
}

static void note_step(void *ctx, const struct vmmu_step *step)
{
	struct vmmu_trail *trail = ctx;

	trail->entry[step->level] = step->entry;
	trail->at[step->level] = vmmu_gpa(step->pa);
}

/* The level that no walk reads, because the CPU holds it. */
static void note_cached(const struct vmmu_paging *pg, uint64_t gva, struct vmmu_trail *trail)
{
	unsigned top = pg->fmt ? pg->fmt->top : 0;

	if (pg->ctl & VMMU_PG_PDPTES)
		trail->entry[top] = pg->pdpte[gva >> pg->fmt->lv[top].shift & 3];
}

int vmmu_be_walk_guest(struct vmmu_cpu *cpu, vmmu_gva_t gva, uint32_t access, struct vmmu_walk *out,
		       struct vmmu_trail *trail)
{
	struct vmmu_mem_ops ops = mem_slot_ops;
	struct walk_opts o = { &ops, trail ? note_step : NULL, trail, NULL };

	ops.ctx = cpu->vm;
	if (trail)
		note_cached(&cpu->soft.g, gva.v, trail);
	walk(walk_any, &cpu->soft, &o, gva.v, access, out);
	cpu->vm->sw_refs += out->refs;
	event(cpu->vm, cpu, VMMU_EV_SW_WALK, gva.v, out->refs);
	return out->status;
}

int vmmu_be_walk_stop(struct vmmu_cpu *cpu, const struct vmmu_walk *w, struct vmmu_fix *fix)
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
		/* What can be read and was not enough, was to be written. */
		s = slot_at(cpu->vm, w->gpa.v);
		fix->write = s && mem_page(cpu->vm, s, w->gpa.v, 0, &word) == VMMU_FIX_RETRY;
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

static int soft_page(struct vmmu_cpu *cpu, const struct vmmu_walk *w, uint32_t access,
		     struct vmmu_fix *fix, struct vmmu_xlat *out)
{
	int write = (access & VMMU_TYPE_MASK) == VMMU_WRITE && !(access & VMMU_PROBE);
	struct vmmu_page page;
	int kind = vmmu_be_page(cpu->vm, w->gpa, write, &page, fix);

	if (kind == VMMU_FIX_NEED_PAGE && (access & VMMU_PROBE))
		kind = VMMU_FIX_RETRY;
	else if (kind != VMMU_FIX_RETRY)
		return kind;
	else
		out->host = cpu->vm->base + page.hpa.v;
	if (page.readonly && (access & VMMU_TYPE_MASK) == VMMU_WRITE)
		return VMMU_FIX_MMIO;
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
	return VMMU_FIX_RETRY;
}

static int soft_once(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access, struct vmmu_fix *fix,
		     struct vmmu_xlat *out)
{
	struct vmmu_walk w;

	memset(fix, 0, sizeof(*fix));
	memset(out, 0, sizeof(*out));
	switch (vmmu_be_walk_guest(cpu, vmmu_gva(gva), access, &w, NULL)) {
	case VMMU_WALK_OK:
		fix->gpa = w.gpa;
		return soft_page(cpu, &w, access, fix, out);
	case VMMU_WALK_NONCANON:
	case VMMU_WALK_NP:
	case VMMU_WALK_RSVD:
	case VMMU_WALK_PERM:
		answer_fault(cpu, gva, access, w.status, w.level, w.code, out);
		return VMMU_FIX_FAULT;
	default:
		return vmmu_be_walk_stop(cpu, &w, fix);
	}
}

static never_inline int translate_soft(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				       struct vmmu_xlat *out)
{
	unsigned tries, reclaims = 0;
	struct vmmu_fix fix;
	int kind, st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		kind = soft_once(cpu, gva, access, &fix, out);
		if (kind == VMMU_FIX_RETRY && out->once)
			return VMMU_OK;
		if (kind == VMMU_FIX_FAULT)
			return VMMU_FAULT;
		if (kind == VMMU_FIX_MMIO)
			return answer_mmio(fix.gpa.v, fix.table, NULL, out);
		if (access & VMMU_PROBE)
			return fail(cpu->vm, VMMU_AGAIN, "a table at 0x%llx is not there yet",
				    (unsigned long long)fix.gpa.v);
		if (kind == VMMU_FIX_RETRY)
			continue;
		st = settle(cpu->vm, kind, &fix, &reclaims);
		if (st)
			return st;
	}
	return fail(cpu->vm, VMMU_ELOOP, "gva 0x%llx: the tables never held still",
		    (unsigned long long)gva);
}

/* ---- an access that the silicon could not complete --------------------------------- */

struct attempt {
	uint64_t gva;
	uint32_t access;
	unsigned reclaims;
};

/* Between the statuses of a call: the cause is gone, walk again. */
#define WALK_AGAIN (-1000)

static int again(int status)
{
	return status ? status : WALK_AGAIN;
}

/* What event.h says of each exit's a and b. */
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

/* What a fault came to, or WALK_AGAIN. */
static never_inline int handle_exit(struct vmmu_cpu *cpu, struct attempt *a,
				    const struct vmmu_walk *w, struct vmmu_xlat *out)
{
	struct vmmu_exit exit = { vmmu_gva(a->gva), a->access, w };
	struct vmmu_fix fix;
	int kind, st;

	memset(&fix, 0, sizeof(fix));
	cpu_drop_faulting(cpu, a->gva, w);
	VMMU_YIELD(cpu->vm, EXIT);
	kind = cpu->vm->be->fault(cpu, &exit, &fix);
	VMMU_YIELD(cpu->vm, REPAIRED);
	/* A callback may have had accesses of its own. */
	cpu->absent = 0;
	if (kind == VMMU_FIX_NEED_PAGE || kind == VMMU_FIX_BUSY || kind == VMMU_FIX_NO_TABLES ||
	    kind < 0)
		return again(settle(cpu->vm, kind, &fix, &a->reclaims));
	if (kind != VMMU_FIX_SOFT)
		count_exit(cpu, a, w, &fix);
	switch (kind) {
	case VMMU_FIX_FAULT:
		return answer_fault(cpu, a->gva, a->access, VMMU_WALK_PERM, fix.level, fix.code,
				    out);
	case VMMU_FIX_MMIO:
		return answer_mmio(fix.gpa.v, fix.table, w, out);
	case VMMU_FIX_SOFT:
		st = translate_soft(cpu, a->gva, a->access, out);
		/* The guest's #PF, wherever it was found: SDM 4.10.4.1. */
		if (st == VMMU_FAULT) {
			const struct vmmu_walk guest = { .dim = 1 };

			cpu_drop_faulting(cpu, a->gva, &guest);
		}
		if (st == VMMU_MMIO) {
			fix.event = VMMU_EV_EXIT_MMIO;
			fix.gpa = out->gpa;
		}
		/* A store that will trap is no exit yet; vmmu_write() counts it. */
		if (st != VMMU_OK || !out->trap)
			count_exit(cpu, a, w, &fix);
		return st;
	}
	return WALK_AGAIN;
}

/* The walk of the silicon, counted. */
static inline int cpu_walk(struct vmmu_cpu *cpu, const struct walk_opts *o, uint64_t gva,
			   uint32_t access, struct vmmu_walk *w)
{
	int status;

	cpu->in_walk = 1;
	status = walk(o ? cpu->modelled_walk : cpu->walk, &cpu->hw, o, gva, access, w);
	cpu->in_walk = 0;
	cpu->vm->walk_refs += w->refs;
	event(cpu->vm, cpu, VMMU_EV_WALK, gva, w->refs);
	return status;
}

/* Log2 of what one cached translation may cover; 0: the address is not memory. */
static unsigned cached_shift(const struct vmmu_cpu *cpu, const struct vmmu_walk *w)
{
	unsigned shift = w->shift ? w->shift : w->nshift;
	uint64_t low;

	if (w->nshift && w->nshift < shift)
		shift = w->nshift;
	/* No dimension at all: one page of the bus. */
	if (!shift)
		shift = VMMU_PAGE_SHIFT;
	low = (1ull << shift) - 1;
	if (likely(bus_covers(&cpu->hw.bus, w->hpa.v & ~low, low + 1)))
		return shift;
	return bus_covers(&cpu->hw.bus, w->hpa.v & PAGE_MASK, VMMU_PAGE_SIZE) ? VMMU_PAGE_SHIFT : 0;
}

/* The gpa that a one-dimensional walk of a shadow stands for, and its note. */
static uint64_t gpa_noted(const struct vmmu_cpu *cpu, uint64_t gva, const struct vmmu_walk *w,
			  uint16_t *note)
{
	struct vmmu_table *t;
	uint64_t g, low;

	*note = 0;
	if (cpu->hw.gpa_from == VMMU_GPA_IN)
		return gva;
	t = table_at(cpu->vm, w->leaf.v);
	g = t->gpas[(w->leaf.v & ~PAGE_MASK) / cpu->hw.g.fmt->entry_bytes];
	low = (1ull << w->shift) - 1;
	*note = g & ~PAGE_MASK;
	return (g & PAGE_MASK) | (gva & low);
}

/* ---- a walk that was good, and hits of modelled silicon ----------------------------- */

static inline void keep_walk(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
			     const struct vmmu_walk *w, const struct vmmu_xlat *out, uint16_t note)
{
	uint64_t low = (1ull << out->shift) - 1;
	/* Without paging of its own the guest's page is what there is. */
	unsigned guest_shift = w->shift > out->shift ? w->shift : out->shift;
	const struct kept k = {
		.key = cache_key(out->shift, cpu_tag(cpu)) | (w->global ? CACHE_GLOBAL : 0),
		.info = le64(
			(uint64_t)w->rights << INFO_RIGHTS | (uint64_t)w->nrights << INFO_NRIGHTS |
			(uint64_t)w->pkey << INFO_PKEY | (uint64_t)w->dirty << INFO_DIRTY |
			(uint64_t)guest_shift << INFO_GUEST_SHIFT | (uint64_t)note << INFO_NOTE),
		.out = w->hpa.v & ~low,
		.gpa = out->gpa.v & ~low,
	};

	cpu_keep(cpu, gva, vmmu_kind(access), &k);
}

/* A good walk: answers it, and lets the caches have it. */
static inline int walked(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
			 const struct vmmu_walk *w, struct vmmu_xlat *out)
{
	unsigned shift = cached_shift(cpu, w), kinds = w->kinds & nested_kinds(w->nrights);
	uint16_t note = 0;

	if (unlikely(!shift))
		return answer_mmio(w->gpa.v, 0, w, out);
	if (!w->dirty)
		kinds &= ~WRITE_KINDS;
	out->gpa = w->gpa;
	out->host = cpu->vm->base + w->hpa.v;
	out->rights = rights_in_mode(kinds, access);
	out->guest_rights = w->rights;
	out->guest_shift = w->shift ? w->shift : VMMU_PAGE_SHIFT;
	out->shift = (uint8_t)shift;
	out->trap = out->once = out->stage = 0;
	if (cpu->hw.gpa_from != VMMU_GPA_OUT) {
		out->gpa = vmmu_gpa(gpa_noted(cpu, gva, w, &note));
		read_note(note, out);
	}
	if (cpu->unfronted)
		keep_walk(cpu, gva, access, w, out, note);
	else
		front_fill(cpu, gva, kinds, out);
	return VMMU_OK;
}

/* After a walk that ended with this status. */
static never_inline int translate_stopped(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
					  int status, struct vmmu_walk *w, struct vmmu_xlat *out)
{
	struct attempt a = { gva, access, 0 };
	unsigned tries;
	int st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		switch (status) {
		case VMMU_WALK_OK:
			return walked(cpu, gva, access, w, out);
		case VMMU_WALK_NOMEM:
			/* Nobody's to repair: the bus itself has nothing there. */
			return answer_mmio(w->gpa.v, w->table, w, out);
		case VMMU_WALK_NONCANON:
			return answer_fault(cpu, gva, access, w->status, 0, 0, out);
		case VMMU_WALK_RACE:
			break;
		default:
			if (w->dim == 1 && !(cpu->hw.intercept & VMMU_ICPT_PF)) {
				cpu_drop_faulting(cpu, gva, w);
				return answer_fault(cpu, gva, access, w->status, w->level, w->code,
						    out);
			}
			st = handle_exit(cpu, &a, w, out);
			if (st != WALK_AGAIN)
				return st;
		}
		status = cpu_walk(cpu, cpu->modelled_opts, gva, access, w);
	}
	return fail(cpu->vm, VMMU_ELOOP, "gva 0x%llx, access 0x%x: backend %s never completes it",
		    (unsigned long long)gva, access, cpu->vm->be->name);
}

/* An answer of modelled silicon; the access itself follows. */
static int modelled_done(struct vmmu_cpu *cpu, int status, const struct vmmu_xlat *out)
{
	if (cpu->vm->silicon.data_accesses && status == VMMU_OK)
		timing_data(&cpu->caches, (uint64_t)((uint8_t *)out->host - cpu->vm->base));
	return status;
}

/* What a hit answered, for the next one to that page. */
static void note_answer(struct vmmu_cpu *cpu, const struct cache_entry *e, uint64_t gva,
			uint32_t access, const struct vmmu_xlat *x)
{
	struct hit *h = hit_of(cpu, gva, access);

	/* Of a second-level TLB, none was noted. */
	if (h->entry != e)
		return;
	h->gpa_minus_gva = x->gpa.v - gva;
	h->host_minus_gva = (uint64_t)(uintptr_t)x->host - gva;
	h->guest_rights = x->guest_rights;
	h->guest_shift = x->guest_shift;
	h->shift = x->shift;
}

/* Where the last hits do not tell. */
static never_inline int search_modelled(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
					struct vmmu_xlat *out)
{
	unsigned kinds;
	struct cache_entry *e = cpu_find(cpu, gva, vmmu_kind(access), &kinds);
	struct vmmu_walk w;
	int status;

	if (e) {
		answer(cpu, e, gva, access, kinds, out);
		note_answer(cpu, e, gva, access, out);
		return modelled_done(cpu, VMMU_OK, out);
	}
	status = cpu_walk(cpu, cpu->modelled_opts, gva, access, &w);
	if (likely(status == VMMU_WALK_OK))
		status = walked(cpu, gva, access, &w, out);
	else
		status = translate_stopped(cpu, gva, access, status, &w, out);
	return modelled_done(cpu, status, out);
}

static inline int answer_hit(const struct hit *h, uint64_t gva, uint32_t access,
			     struct vmmu_xlat *out)
{
	out->gpa.v = h->gpa_minus_gva + gva;
	out->host = (void *)(uintptr_t)(h->host_minus_gva + gva);
	/* Four bytes each: guest_rights to shift, trap to the end. */
	memcpy(&out->rights, &h->pad, 4);
	memset(&out->trap, 0, 4);
	out->rights = hit_rights(h, access) & VMMU_RWX;
	return VMMU_OK;
}

static inline int translate_modelled(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				     struct vmmu_xlat *out)
{
	const struct hit *h = cpu->hit ? hit_of(cpu, gva, access) : NULL;

	if (!h || !hit_serves(cpu, h, gva, 1, access))
		return search_modelled(cpu, gva, access, out);
	cpu->caches.stats.tlb_hits[h->tlb]++;
	cache_touch(&cpu->tlb[h->tlb], h->entry);
	/* Where accesses are timed, none is done in translate_again(). */
	cpu->last = cpu->vm->silicon.data_accesses ? NULL : h;
	return modelled_done(cpu, answer_hit(h, gva, access, out), out);
}

static inline int translate_page(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				 struct vmmu_xlat *out)
{
	struct vmmu_walk w;
	int status;

	if (unlikely(access & (VMMU_PROBE | VMMU_NO_AD)))
		return translate_soft(cpu, gva, access, out);
	if (cpu->modelled)
		return translate_modelled(cpu, gva, access, out);
	status = cpu_walk(cpu, NULL, gva, access, &w);
	if (likely(status == VMMU_WALK_OK))
		return walked(cpu, gva, access, &w, out);
	return translate_stopped(cpu, gva, access, status, &w, out);
}

static inline int check_access(struct vmmu_cpu *cpu, unsigned size, uint32_t access)
{
	if ((access & VMMU_TYPE_MASK) > VMMU_FETCH ||
	    (access & ~(VMMU_TYPE_MASK | VMMU_USER | VMMU_AC | VMMU_IMPLICIT | VMMU_STACK |
			VMMU_PROBE | VMMU_NO_AD)))
		return fail(cpu->vm, VMMU_EINVAL, "access 0x%x is none", access);
	if (!size || size > VMMU_PAGE_SIZE)
		return fail(cpu->vm, VMMU_EINVAL, "an access of %u bytes", size);
	return VMMU_OK;
}

static never_inline int translate_cold(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size,
				       uint32_t access, struct vmmu_xlat *out)
{
	uint64_t ia = linear(cpu, gva.v);
	int st;

	cpu_enter(cpu);
	st = check_access(cpu, size, access);
	if (unlikely(st))
		return st;
	if (unlikely((ia & ~PAGE_MASK) + size > VMMU_PAGE_SIZE))
		return fail(cpu->vm, VMMU_EINVAL, "%u bytes at 0x%llx cross a page", size,
			    (unsigned long long)ia);
	return translate_page(cpu, ia, access, out);
}

_Static_assert(offsetof(struct vmmu_xlat, shift) == offsetof(struct vmmu_xlat, rights) + 3 &&
		       offsetof(struct vmmu_xlat, reserved) ==
			       offsetof(struct vmmu_xlat, trap) + 3 &&
		       offsetof(struct vmmu_front_entry, shift) ==
			       offsetof(struct vmmu_front_entry, pad) + 3 &&
		       offsetof(struct hit, shift) == offsetof(struct hit, pad) + 3,
	       "vmmu_translate() copies these together");

/* ---- the accesses of the interface ---------------------------------------------------- */

#define HIT_FLAGS (VMMU_TYPE_MASK | VMMU_USER | VMMU_AC | VMMU_IMPLICIT | VMMU_STACK)

/*
 * Where modelled silicon found this page before, and finds it again; all else as
 * translate_cold().  No call but the last, or registers would have to be saved.
 */
static never_inline int translate_again(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size,
					uint32_t access, struct vmmu_xlat *out)
{
	const struct hit *h = hit_of(cpu, gva.v, access);
	struct vmmu *vm = cpu->vm;
	uint64_t ia;

	if (unlikely(size - 1u >= VMMU_PAGE_SIZE || (access & ~HIT_FLAGS) ||
		     !TAILQ_EMPTY(&vm->pool.retired)))
		return translate_cold(cpu, gva, size, access, out);
	if (unlikely(!hit_serves(cpu, h, gva.v, size, access))) {
		ia = linear(cpu, gva.v);
		if ((ia & ~PAGE_MASK) + size > VMMU_PAGE_SIZE ||
		    (access & VMMU_TYPE_MASK) > VMMU_FETCH)
			return translate_cold(cpu, gva, size, access, out);
		cpu->seen = vm->generation;
		vm->reason[0] = 0;
		return search_modelled(cpu, ia, access, out);
	}
	if (h != cpu->last) {
		if (unlikely(!h->set))
			return translate_cold(cpu, gva, size, access, out);
		cache_newest(h->set, h->way);
		cpu->last = h;
	}
	cpu->caches.stats.tlb_hits[h->tlb]++;
	cpu->seen = vm->generation;
	vm->reason[0] = 0;
	return answer_hit(h, gva.v, access, out);
}

int vmmu_translate(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
		   struct vmmu_xlat *out)
{
	const struct vmmu_front *f = &cpu->front;
	const struct vmmu_front_entry *e = &f->entry[(gva.v >> VMMU_PAGE_SHIFT) & f->mask];

	/* vmmu_host(), with all of the answer. */
	if (unlikely(size - 1u >= VMMU_PAGE_SIZE ||
		     e->tag != (((gva.v + size - 1) & PAGE_MASK) | f->generation) ||
		     !(e->kinds >> vmmu_kind(access) & 1) || (access & ~HIT_FLAGS)))
		return cpu->hit ? translate_again(cpu, gva, size, access, out)
				: translate_cold(cpu, gva, size, access, out);
	out->gpa.v = e->gpa_minus_gva + gva.v;
	out->host = (void *)(uintptr_t)(e->host_minus_gva + gva.v);
	/* Four bytes each: guest_rights to shift, trap to the end. */
	memcpy(&out->rights, &e->pad, 4);
	memset(&out->trap, 0, 4);
	out->rights = rights_in_mode(e->kinds, access);
	return VMMU_OK;
}

/*
 * What a page will answer.  A real access may have to ask the host for its tables first,
 * as a read does: a store may still not come to be.
 */
static int foresee(struct vmmu_cpu *cpu, uint64_t ia, uint32_t access, struct vmmu_xlat *x)
{
	int st = translate_page(cpu, ia, access | VMMU_PROBE, x);
	uint64_t cr2 = cpu->regs.cr2;

	if (st == VMMU_AGAIN && !(access & VMMU_PROBE)) {
		st = translate_page(cpu, ia, (access & ~VMMU_TYPE_MASK) | VMMU_READ | VMMU_NO_AD,
				    x);
		if (st >= 0 && st != VMMU_AGAIN)
			st = translate_page(cpu, ia, access | VMMU_PROBE, x);
	}
	/* The fault is not the guest's yet. */
	cpu->regs.cr2 = cr2;
	return st;
}

/*
 * Whether the second page's fault comes first: the first page is good, or the
 * operand is not canonical as a whole, which is judged before any walk.  A status if a page
 * cannot tell.
 */
static int second_faults(struct vmmu_cpu *cpu, uint64_t ia, uint64_t next, uint32_t access,
			 int *faults)
{
	struct vmmu_xlat x;
	int first, second;

	*faults = !is_canonical(cpu, next);
	if (*faults)
		return VMMU_OK;
	first = foresee(cpu, ia, access, &x);
	if (first < 0 || first == VMMU_AGAIN)
		return first;
	second = foresee(cpu, next, access, &x);
	if (second < 0 || second == VMMU_AGAIN)
		return second;
	*faults = second == VMMU_FAULT && (first != VMMU_FAULT || x.fault.vector != 14);
	return VMMU_OK;
}

int vmmu_translate_span(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
			struct vmmu_xlat out[2], unsigned *first)
{
	uint64_t ia = linear(cpu, gva.v), next = linear(cpu, (ia | ~PAGE_MASK) + 1);
	int st, second, second_first;

	cpu_enter(cpu);
	*first = size;
	st = check_access(cpu, size, access);
	if (st)
		return st;
	if ((ia & ~PAGE_MASK) + size <= VMMU_PAGE_SIZE)
		return translate_page(cpu, ia, access, &out[0]);
	*first = (unsigned)(VMMU_PAGE_SIZE - (ia & ~PAGE_MASK));
	st = second_faults(cpu, ia, next, access, &second_first);
	if (st)
		return st;
	if (second_first) {
		/* CR2 is the second page's base; SDM 4.7. */
		st = translate_page(cpu, next, access, &out[0]);
		if (st != VMMU_OK && st != VMMU_MMIO)
			return st;
	}
	st = translate_page(cpu, ia, access, &out[0]);
	if (st != VMMU_OK && st != VMMU_MMIO)
		return st;
	second = translate_page(cpu, next, access, &out[1]);
	if (second == VMMU_FAULT)
		out[0] = out[1];
	return second == VMMU_OK ? st : second;
}

/* ---- PDPTEs ------------------------------------------------------------------------ */

/* One guest-physical read by the CPU; paging-rules: a read with bit 7 clear. */
static int read_nested(struct vmmu_cpu *cpu, uint64_t gpa, uint64_t *value)
{
	struct attempt a = { 0, VMMU_READ | VMMU_PDPTE_LOAD, 0 };
	struct vmmu_xlat x;
	struct vmmu_walk w;
	unsigned tries;
	int st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		if (!vmmu_walk_nested(&cpu->hw, NULL, vmmu_gpa(gpa), a.access, &w)) {
			*value = entry_load(bus_at(&cpu->hw.bus, w.hpa.v), 8);
			return VMMU_OK;
		}
		st = handle_exit(cpu, &a, &w, &x);
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
		if (cpu->hw.n.fmt) {
			st = read_nested(cpu, gpa, &pdpte[i]);
		} else {
			st = vmmu_read(cpu->vm, vmmu_gpa(gpa), &pdpte[i], 8, NULL);
			pdpte[i] = le64(pdpte[i]);
			cpu->vm->sw_refs += cpu->hw.intercept & VMMU_ICPT_CR3 ? 1 : 0;
		}
		/* Nothing there: a bus reads ones, reserved bits among them. */
		if (st)
			return st == VMMU_MMIO ? VMMU_GP : st;
	}
	return VMMU_OK;
}
