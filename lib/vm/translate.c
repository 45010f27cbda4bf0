/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One access: silicon's caches are probed, its walk is made, and the result is finished.
 * Not here: what a walk is (silicon/walk.c), what is done where one stops (exit.c).
 * Keeps: the loop in walk_stopped() is the only one in which silicon tries again,
 * and it is bounded.
 */
#include <string.h>

#include "vm.h"

void vmmu_quiescent(struct vmmu_cpu *cpu)
{
	cpu->reader.seen = cpu->vm->pool.generation;
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

/* Of an entry of the TLB, there already or about to be. */
static inline void fill_result(const struct vmmu_cpu *cpu, const struct tlb_fill *e, uint64_t gva,
			       uint32_t access, struct vmmu_xlat *out)
{
	unsigned shift = cache_shift(e->key);
	uint64_t low = gva & ((1ull << shift) - 1);

	out->gpa = vmmu_gpa(e->gpa + low);
	out->host = vm_pointer(cpu->vm, e->out + low);
	out->rights = rights_in_mode(e->kinds, access);
	out->shift = (uint8_t)shift;
	out->trap = out->once = 0;
	out->stage = VMMU_STAGE_NONE;
	if (cpu->silicon.hw.gpa_from == VMMU_GPA_OUT) {
		out->guest_rights = (uint8_t)info_byte(e->info, INFO_RIGHTS);
		out->guest_shift = (uint8_t)info_byte(e->info, INFO_GUEST_SHIFT);
	} else {
		read_note(info_note(e->info), out);
	}
}

_Static_assert(offsetof(struct vmmu_xlat, shift) == offsetof(struct vmmu_xlat, rights) + 3 &&
		       offsetof(struct vmmu_xlat, unused) == offsetof(struct vmmu_xlat, trap) + 3 &&
		       offsetof(struct vmmu_front_entry, shift) ==
			       offsetof(struct vmmu_front_entry, reserved) + 3 &&
		       offsetof(struct hit, shift) == offsetof(struct hit, reserved) + 3,
	       "fill_shape() copies these together");

/*
 * Copies what the front or a hit keeps of a page beside its addresses, the four bytes from
 * rights to shift, and clears the four from trap to reserved.  Two stores do that; a hit takes
 * 7 % longer when the fields are copied one by one.
 */
static inline void fill_shape(struct vmmu_xlat *out, const uint8_t *first)
{
	memcpy(&out->rights, first, 4);
	memset(&out->trap, 0, 4);
}

/* ---- walks --------------------------------------------------------------------------- */

/* The walk of this vCPU's silicon; it is counted. */
static inline int cpu_walk(struct vmmu_cpu *cpu, const struct walk_opts *o, uint64_t gva,
			   uint32_t access, struct vmmu_walk *w)
{
	unsigned refs;
	int status;

	cpu->reader.in_walk = 1;
	if (o)
		cpu->silicon.found.key = 0;
	status = walk(o ? cpu->silicon.modelled_walk : cpu->silicon.walk, &cpu->silicon.hw,
		      o ? o : &cpu->silicon.plain, gva, access, w);
	cpu->reader.in_walk = 0;
	refs = o && cpu->silicon.found.key ? cpu->silicon.found.refs : w->refs;
	cpu->vm->walk_refs += refs;
	event(cpu->vm, cpu, VMMU_EV_WALK, gva, refs);
	return status;
}

/* Log2 of what one cached translation may cover; 0: the address is not memory. */
static unsigned cached_shift(const struct vmmu_cpu *cpu, const struct vmmu_walk *w)
{
	unsigned shift = w->shift ? w->shift : w->nshift;
	uint64_t low;

	if (w->nshift && w->nshift < shift)
		shift = w->nshift;
	/* Without any paging, one page of the bus. */
	if (!shift)
		shift = VMMU_PAGE_SHIFT;
	low = (1ull << shift) - 1;
	if (likely(bus_covers(&cpu->silicon.hw.bus, w->hpa.v & ~low, low + 1)))
		return shift;
	return bus_covers(&cpu->silicon.hw.bus, w->hpa.v & PAGE_MASK, VMMU_PAGE_SIZE)
		       ? VMMU_PAGE_SHIFT
		       : 0;
}

/* After a walk of a shadow table: the gpa that its leaf stands for, and the note beside it. */
static uint64_t gpa_noted(const struct vmmu_cpu *cpu, uint64_t gva, const struct vmmu_walk *w,
			  uint16_t *note)
{
	struct vmmu_table *t;
	uint64_t g, low;

	*note = 0;
	if (cpu->silicon.hw.gpa_from == VMMU_GPA_IN)
		return gva;
	t = table_at(cpu->vm, w->leaf.v);
	g = t->gpas[bounded((w->leaf.v & ~PAGE_MASK) / cpu->silicon.hw.g.fmt->entry_bytes,
			    TABLE_MOST)];
	low = (1ull << w->shift) - 1;
	*note = g & ~PAGE_MASK;
	return (g & PAGE_MASK) | (gva & low);
}

static inline void fill_front(struct vmmu_front *front, uint64_t gva, unsigned kinds,
			      const struct vmmu_xlat *x)
{
	struct vmmu_front_entry *f = &front->entry[(gva >> VMMU_PAGE_SHIFT) & front->mask];

	f->tag = (gva & PAGE_MASK) | front->generation;
	f->host_minus_gva = (uint64_t)(uintptr_t)x->host - gva;
	f->gpa_minus_gva = x->gpa.v - gva;
	f->kinds = kinds;
	f->shift = x->shift;
	f->guest_rights = x->guest_rights;
	f->guest_shift = x->guest_shift;
}

static inline void fill_tlbs(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
			     const struct vmmu_walk *w, const struct vmmu_xlat *out, uint16_t note)
{
	uint64_t low = (1ull << out->shift) - 1;
	/* For a guest without paging its page is as large as the translation. */
	unsigned guest_shift = w->shift > out->shift ? w->shift : out->shift;
	const struct tlb_fill k = {
		.key = cache_key(out->shift, silicon_tag(&cpu->silicon)) |
		       (w->global ? CACHE_GLOBAL : 0),
		.info = le64(
			(uint64_t)w->rights << INFO_RIGHTS | (uint64_t)w->nrights << INFO_NRIGHTS |
			(uint64_t)w->pkey << INFO_PKEY | (uint64_t)w->dirty << INFO_DIRTY |
			(uint64_t)guest_shift << INFO_GUEST_SHIFT | (uint64_t)note << INFO_NOTE),
		.out = w->hpa.v & ~low,
		.gpa = out->gpa.v & ~low,
	};

	silicon_fill(&cpu->silicon, gva, vmmu_kind(access), &k);
}

/* After a walk that succeeded: fills *out, and fills the front or the TLBs. */
static inline int finish_walk(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
			      const struct vmmu_walk *w, struct vmmu_xlat *out)
{
	unsigned shift = cached_shift(cpu, w), kinds = w->kinds;
	uint16_t note = 0;

	if (unlikely(!shift))
		return vm_result_mmio(w->gpa.v, 0, w, out);
	kinds &= nested_kinds(w->nrights, w->dirty);
	out->gpa = w->gpa;
	out->host = vm_pointer(cpu->vm, w->hpa.v);
	out->rights = rights_in_mode(kinds, access);
	out->guest_rights = w->rights;
	out->guest_shift = w->shift ? w->shift : VMMU_PAGE_SHIFT;
	out->shift = (uint8_t)shift;
	out->trap = out->once = out->stage = 0;
	if (cpu->silicon.hw.gpa_from != VMMU_GPA_OUT) {
		out->gpa = vmmu_gpa(gpa_noted(cpu, gva, w, &note));
		read_note(note, out);
	}
	if (cpu->silicon.unfronted)
		fill_tlbs(cpu, gva, access, w, out, note);
	else
		fill_front(&cpu->silicon.front, gva, kinds, out);
	return VMMU_OK;
}

/* The same after a walk of modelled silicon, which found what the TLB keeps, or tells of more. */
static inline int finish_found(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
			       const struct vmmu_walk *w, struct vmmu_xlat *out)
{
	const struct tlb_fill *f = &cpu->silicon.found;

	if (unlikely(!f->key))
		return finish_walk(cpu, gva, access, w, out);
	fill_result(cpu, f, gva, access, out);
	silicon_fill(&cpu->silicon, gva, vmmu_kind(access), f);
	return VMMU_OK;
}

/* After a walk that stopped with this status: handles why, and walks again if that helps. */
static never_inline int walk_stopped(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				     int status, struct vmmu_walk *w, struct vmmu_xlat *out)
{
	struct attempt a = { gva, access, 0, 0 };
	unsigned tries;
	int st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		switch (status) {
		case VMMU_WALK_OK:
			return finish_found(cpu, gva, access, w, out);
		case VMMU_WALK_NOMEM:
			/* The bus has nothing there, and no backend could repair that. */
			return vm_result_mmio(w->gpa.v, w->table, w, out);
		case VMMU_WALK_NONCANON:
			return vm_result_fault(cpu, gva, access, w->status, 0, 0, out);
		case VMMU_WALK_RACE:
			break;
		default:
			if (w->dim == 1 && !(cpu->silicon.hw.intercept & VMMU_ICPT_PF)) {
				silicon_drop_faulting(&cpu->silicon, gva, w);
				return vm_result_fault(cpu, gva, access, w->status, w->level,
						       w->code, out);
			}
			st = vm_handle_exit(cpu, &a, w, out);
			if (st != WALK_AGAIN)
				return st;
		}
		status = cpu_walk(cpu, cpu->silicon.modelled_opts, gva, access, w);
	}
	return core_fail(cpu->vm, VMMU_ELOOP,
			 "gva 0x%llx, access 0x%x: backend %s never completes it",
			 (unsigned long long)gva, access, cpu->vm->core.be->name);
}

/* ---- hits of modelled silicon ------------------------------------------------------------ */

/* Modelled silicon has its result; where data accesses are timed, the access follows. */
static int finish_modelled(struct vmmu_cpu *cpu, int status, const struct vmmu_xlat *out)
{
	if (cpu->vm->model.data_accesses && status == VMMU_OK)
		timing_data(&cpu->silicon.caches, vm_hpa(cpu->vm, out->host));
	return status;
}

/* Keeps the result of a TLB hit for the next access to the page. */
static void note_result(struct vmmu_cpu *cpu, const struct cache_entry *e, uint64_t gva,
			uint32_t access, const struct vmmu_xlat *x)
{
	struct hit *h = hit_of(&cpu->silicon, gva, access);

	/* A hit in a second-level TLB leaves no struct hit. */
	if (h->entry != e)
		return;
	h->gpa_minus_gva = x->gpa.v - gva;
	h->host_minus_gva = (uint64_t)(uintptr_t)x->host - gva;
	h->guest_rights = x->guest_rights;
	h->guest_shift = x->guest_shift;
	h->shift = x->shift;
}

/* No struct hit serves the access: the TLBs are searched, then it walks. */
static never_inline int probe_tlbs(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				   struct vmmu_xlat *out)
{
	unsigned kinds;
	struct cache_entry *e = silicon_lookup(&cpu->silicon, gva, vmmu_kind(access), &kinds);
	struct vmmu_walk w;
	int status;

	if (e) {
		const struct tlb_fill f = { e->key, e->info, e->out, e->gpa, kinds, 0 };

		fill_result(cpu, &f, gva, access, out);
		note_result(cpu, e, gva, access, out);
		return finish_modelled(cpu, VMMU_OK, out);
	}
	status = cpu_walk(cpu, cpu->silicon.modelled_opts, gva, access, &w);
	if (likely(status == VMMU_WALK_OK))
		status = finish_found(cpu, gva, access, &w, out);
	else
		status = walk_stopped(cpu, gva, access, status, &w, out);
	return finish_modelled(cpu, status, out);
}

static inline int fill_from_hit(const struct hit *h, uint64_t gva, uint32_t access,
				struct vmmu_xlat *out)
{
	out->gpa.v = h->gpa_minus_gva + gva;
	out->host = (void *)(uintptr_t)(h->host_minus_gva + gva);
	fill_shape(out, &h->reserved);
	out->rights = hit_rights(h, access) & VMMU_RWX;
	return VMMU_OK;
}

static inline int probe_modelled(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				 struct vmmu_xlat *out)
{
	const struct hit *h = cpu->silicon.hit ? hit_of(&cpu->silicon, gva, access) : NULL;

	if (!h || !hit_serves(&cpu->silicon, h, gva, 1, access))
		return probe_tlbs(cpu, gva, access, out);
	cpu->silicon.caches.stats.tlb_hits[h->tlb]++;
	cache_touch(&cpu->silicon.tlb[h->tlb], h->entry);
	/* Where data accesses are timed, probe_hits() must not serve the next access. */
	cpu->silicon.last_hit = cpu->vm->model.data_accesses ? NULL : h;
	return finish_modelled(cpu, fill_from_hit(h, gva, access, out), out);
}

/* ---- one page --------------------------------------------------------------------------- */

static inline int walk_page(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
			    struct vmmu_xlat *out)
{
	struct vmmu_walk w;
	int status;

	if (unlikely(access & (VMMU_PROBE | VMMU_NO_AD)))
		return vm_translate_soft(cpu, gva, access, out);
	if (cpu->silicon.modelled)
		return probe_modelled(cpu, gva, access, out);
	status = cpu_walk(cpu, NULL, gva, access, &w);
	if (likely(status == VMMU_WALK_OK))
		return finish_walk(cpu, gva, access, &w, out);
	return walk_stopped(cpu, gva, access, status, &w, out);
}

static inline int check_access(struct vmmu_cpu *cpu, unsigned size, uint32_t access)
{
	if ((access & VMMU_TYPE_MASK) > VMMU_FETCH ||
	    (access & ~(VMMU_TYPE_MASK | VMMU_USER | VMMU_AC | VMMU_IMPLICIT | VMMU_STACK |
			VMMU_PROBE | VMMU_NO_AD)))
		return core_fail(cpu->vm, VMMU_EINVAL, "access 0x%x is none", access);
	if (!size || size > VMMU_PAGE_SIZE)
		return core_fail(cpu->vm, VMMU_EINVAL, "an access of %u bytes", size);
	return VMMU_OK;
}

static never_inline int translate_checked(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size,
					  uint32_t access, struct vmmu_xlat *out)
{
	uint64_t ia = cpu_linear(cpu, gva.v);
	int st;

	cpu_enter(cpu);
	st = check_access(cpu, size, access);
	if (unlikely(st))
		return st;
	if (unlikely((ia & ~PAGE_MASK) + size > VMMU_PAGE_SIZE))
		return core_fail(cpu->vm, VMMU_EINVAL, "%u bytes at 0x%llx cross a page", size,
				 (unsigned long long)ia);
	return walk_page(cpu, ia, access, out);
}

/* ---- the accesses of the interface ---------------------------------------------------- */

#define HIT_FLAGS (VMMU_TYPE_MASK | VMMU_USER | VMMU_AC | VMMU_IMPLICIT | VMMU_STACK)

/*
 * Serves an access from a struct hit, if modelled silicon has one for the page; for all else it is
 * translate_checked().  It makes tail calls only, so that no registers have to be saved.
 */
static never_inline int probe_hits(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size,
				   uint32_t access, struct vmmu_xlat *out)
{
	const struct hit *h = hit_of(&cpu->silicon, gva.v, access);
	struct vmmu *vm = cpu->vm;
	uint64_t ia;

	if (unlikely(size - 1u >= VMMU_PAGE_SIZE || (access & ~HIT_FLAGS) ||
		     !TAILQ_EMPTY(&vm->pool.retired)))
		return translate_checked(cpu, gva, size, access, out);
	if (unlikely(!hit_serves(&cpu->silicon, h, gva.v, size, access))) {
		ia = cpu_linear(cpu, gva.v);
		if ((ia & ~PAGE_MASK) + size > VMMU_PAGE_SIZE ||
		    (access & VMMU_TYPE_MASK) > VMMU_FETCH)
			return translate_checked(cpu, gva, size, access, out);
		cpu->reader.seen = vm->pool.generation;
		clear_reason(vm);
		return probe_tlbs(cpu, ia, access, out);
	}
	if (h != cpu->silicon.last_hit) {
		if (unlikely(!h->set))
			return translate_checked(cpu, gva, size, access, out);
		cache_newest(h->set, h->way);
		cpu->silicon.last_hit = h;
	}
	cpu->silicon.caches.stats.tlb_hits[h->tlb]++;
	cpu->reader.seen = vm->pool.generation;
	clear_reason(vm);
	return fill_from_hit(h, gva.v, access, out);
}

int vmmu_translate(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
		   struct vmmu_xlat *out)
{
	const struct vmmu_front *f = &cpu->silicon.front;
	const struct vmmu_front_entry *e = &f->entry[(gva.v >> VMMU_PAGE_SHIFT) & f->mask];

	/* The same test as in vmmu_host(), and then all of *out is filled. */
	if (unlikely(size - 1u >= VMMU_PAGE_SIZE ||
		     e->tag != (((gva.v + size - 1) & PAGE_MASK) | f->generation) ||
		     !(e->kinds >> vmmu_kind(access) & 1) || (access & ~HIT_FLAGS)))
		return cpu->silicon.hit ? probe_hits(cpu, gva, size, access, out)
					: translate_checked(cpu, gva, size, access, out);
	out->gpa.v = e->gpa_minus_gva + gva.v;
	out->host = (void *)(uintptr_t)(e->host_minus_gva + gva.v);
	fill_shape(out, &e->reserved);
	out->rights = rights_in_mode(e->kinds, access);
	return VMMU_OK;
}

/*
 * The result that an access to one page will have.  If a table is not there yet, a real access asks
 * the host for it, by a read: whether the store will be made is not known yet.
 */
static int probe_page(struct vmmu_cpu *cpu, uint64_t ia, uint32_t access, struct vmmu_xlat *x)
{
	int st = walk_page(cpu, ia, access | VMMU_PROBE, x);
	uint64_t cr2 = cpu->regs.cr2;

	if (st == VMMU_AGAIN && !(access & VMMU_PROBE)) {
		st = walk_page(cpu, ia, (access & ~VMMU_TYPE_MASK) | VMMU_READ | VMMU_NO_AD, x);
		if (st >= 0 && st != VMMU_AGAIN)
			st = walk_page(cpu, ia, access | VMMU_PROBE, x);
	}
	/* Whether the guest takes this fault is not known yet, so CR2 stays. */
	cpu->regs.cr2 = cr2;
	return st;
}

/*
 * Whether the fault of the second page is the one that the guest takes.  It is if the first page
 * does not fault, or if the operand as a whole is not canonical, which is judged before any walk.
 * Returns a status if one of the pages cannot be judged now.
 */
static int second_faults(struct vmmu_cpu *cpu, uint64_t ia, uint64_t next, uint32_t access,
			 int *faults)
{
	struct vmmu_xlat x;
	int first, second;

	*faults = !cpu_is_canonical(cpu, next);
	if (*faults)
		return VMMU_OK;
	first = probe_page(cpu, ia, access, &x);
	if (first < 0 || first == VMMU_AGAIN)
		return first;
	second = probe_page(cpu, next, access, &x);
	if (second < 0 || second == VMMU_AGAIN)
		return second;
	*faults = second == VMMU_FAULT && (first != VMMU_FAULT || x.fault.vector != 14);
	return VMMU_OK;
}

int vmmu_translate_span(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
			struct vmmu_xlat out[2], unsigned *first)
{
	uint64_t ia = cpu_linear(cpu, gva.v), next = cpu_linear(cpu, (ia | ~PAGE_MASK) + 1);
	int st, second, second_first;

	cpu_enter(cpu);
	*first = size;
	st = check_access(cpu, size, access);
	if (st)
		return st;
	if ((ia & ~PAGE_MASK) + size <= VMMU_PAGE_SIZE)
		return walk_page(cpu, ia, access, &out[0]);
	*first = (unsigned)(VMMU_PAGE_SIZE - (ia & ~PAGE_MASK));
	st = second_faults(cpu, ia, next, access, &second_first);
	if (st)
		return st;
	if (second_first) {
		/* CR2 is the second page's base; SDM 4.7. */
		st = walk_page(cpu, next, access, &out[0]);
		if (st != VMMU_OK && st != VMMU_MMIO)
			return st;
	}
	st = walk_page(cpu, ia, access, &out[0]);
	if (st != VMMU_OK && st != VMMU_MMIO)
		return st;
	second = walk_page(cpu, next, access, &out[1]);
	if (second == VMMU_FAULT)
		out[0] = out[1];
	return second == VMMU_OK ? st : second;
}
