/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two operations at once on one VM.
 * Not here: which two (gen_race.c), where the library lets go (yield_*.c).
 * Keeps: the raced VM does each of the two once, the others and the oracle do them in an order
 * after which no answer of the raced VM is legal that either order forbids.
 *
 *	raced VM    outer ------+ point          +------ end
 *	                        +---- inner -----+
 *	others      outer, then inner; an inner invalidation comes first
 *
 * An answer is legal if it is before the other operation is known to the oracle, or after.  What
 * invalidates comes first and what stores comes last, because nothing that a vCPU may still use
 * gets lost that way: whatever was in memory between the two may be cached.  A and D bits that one
 * order sets and the other does not are levelled.
 */
#include <stdio.h>
#include <string.h>

#include "world_priv.h"
#include "yield.h"

/* ---- which two may ---------------------------------------------------------------- */

static bool is_of_vcpu(const struct world_op *op)
{
	return op->what != OP_HOST && !(op->what == OP_STORE && op->how != STORE_CPU);
}

static bool is_long(struct world *w, unsigned cpu)
{
	return world_regs(w, cpu)->efer & OR_EFER_LMA;
}

/* PDPTEs that every walk reads fault once A is set in them; how often depends on the order. */
static bool reads_pdptes(struct world *w, unsigned cpu)
{
	return w->orp.pdpte_walk && world_mode_of(world_regs(w, cpu)) == MODE_PAE;
}

static bool outer_may(struct world *w, const struct world_op *o)
{
	switch (o->what) {
	case OP_ACCESS:
		return !o->has_value && !(o->access & (VMMU_PROBE | VMMU_NO_AD)) &&
		       !reads_pdptes(w, o->cpu % w->cfg.nr_cpus);
	case OP_STORE:
	case OP_INVLPG:
	case OP_INVPCID:
		return true;
	case OP_SET:
		/* Else PDPTEs are loaded, from memory that the inner one changes. */
		return is_long(w, o->cpu % w->cfg.nr_cpus);
	case OP_HOST:
		return o->how != HOST_AGE && o->how != HOST_WINDOW && o->how != HOST_CHANGE;
	default:
		return false;
	}
}

static bool moves_slots(const struct world_op *o)
{
	return o->what == OP_HOST && (o->how == HOST_REMOVE || o->how == HOST_ADD ||
				      o->how == HOST_READONLY || o->how == HOST_MOVE);
}

static bool is_plain_memory(const struct world *w, uint64_t gpa, uint64_t len)
{
	return world_is_frame(w, gpa) && world_is_frame(w, gpa + len - 1) &&
	       !world_is_rom(w, gpa) && !world_is_rom(w, gpa + len - 1);
}

/* A and D bits that one VM has set and that go away cannot be levelled. */
static bool changes_nothing(struct world *w, unsigned cpu, const struct world_op *p)
{
	struct or_access acc = {
		.gva = p->at,
		.op = (enum or_op)(p->access & VMMU_TYPE_MASK),
		.user = p->access & VMMU_USER,
		.implicit = p->access & VMMU_IMPLICIT,
		.ac = p->access & VMMU_AC,
	};

	return world_is_quiet(w, cpu, &acc);
}

/* Where slots will be after p. */
static void places_after(struct world *w, const struct world_op *p, struct place after[NR_REGIONS])
{
	struct place before[NR_REGIONS];

	memcpy(before, w->place, sizeof(before));
	host_slots_changed(w, p->how, p->size % NR_REGIONS);
	memcpy(after, w->place, sizeof(before));
	memcpy(w->place, before, sizeof(before));
}

/* Nor with the slots as they are after p. */
static bool changes_nothing_either_way(struct world *w, const struct world_op *o,
				       const struct world_op *p)
{
	unsigned cpu = o->cpu % w->cfg.nr_cpus;
	bool quiet = changes_nothing(w, cpu, o);
	struct place before[NR_REGIONS], after[NR_REGIONS];

	places_after(w, p, after);
	memcpy(before, w->place, sizeof(before));
	memcpy(w->place, after, sizeof(after));
	quiet &= changes_nothing(w, cpu, o);
	memcpy(w->place, before, sizeof(before));
	return quiet;
}

/*
 * What the host may do inside: to pages, whatever goes on; to slots, inside an access, which either
 * finds memory or does not.  A store has to find the same memory on all VMs.
 */
static bool host_may(const struct world_op *o, const struct world_op *p)
{
	if (p->how == HOST_WINDOW || (o->what != OP_ACCESS && o->what != OP_STORE))
		return false;
	return o->what == OP_ACCESS || p->how == HOST_NOTIFY || p->how == HOST_AGE ||
	       p->how >= HOST_REPLACE;
}

static bool inner_may(struct world *w, const struct world_op *o, const struct world_op *p)
{
	unsigned cpu = p->cpu % w->cfg.nr_cpus;

	if (is_of_vcpu(o) && is_of_vcpu(p) && cpu == o->cpu % w->cfg.nr_cpus)
		return false;
	switch (p->what) {
	case OP_ACCESS:
		return !(p->access & (VMMU_PROBE | VMMU_NO_AD)) && !reads_pdptes(w, cpu) &&
		       (!moves_slots(o) || changes_nothing(w, cpu, p));
	case OP_INVLPG:
		return true;
	case OP_SET:
		/* One that cannot fail. */
		return p->how == SET_CR3 && is_long(w, cpu) &&
		       !((p->value & ~OR_CR3_NOFLUSH) >> w->orp.maxphyaddr) &&
		       (!(p->value >> 63) || (world_regs(w, cpu)->cr4 & OR_CR4_PCIDE));
	case OP_STORE:
		return o->what == OP_ACCESS && is_plain_memory(w, p->at, p->size);
	case OP_HOST:
		return w->cfg.kind == WORLD_HOST && host_may(o, p) &&
		       (!moves_slots(p) || changes_nothing_either_way(w, o, p));
	default:
		return false;
	}
}

static bool comes_first(const struct world_op *p)
{
	return p->what == OP_INVLPG || p->what == OP_SET;
}

/* ---- inside, on the raced VM ------------------------------------------------------------ */

/* The store of an inner access, if it is one of which everybody can know what it did. */
static void inner_store(struct race *r, const struct vmmu_xlat *x)
{
	const struct world_op *o = r->outer, *p = r->inner;
	uint64_t gpa = x->gpa.v, len = p->size;

	if (!p->has_value || (p->access & VMMU_TYPE_MASK) != VMMU_WRITE || x->trap || !x->host ||
	    (len != 4 && len != 8) || gpa % len || moves_slots(o) ||
	    !is_plain_memory(r->w, gpa, len))
		return;
	if (o->what == OP_STORE && o->at < gpa + len && gpa < o->at + o->size)
		return;
	r->stored = gpa;
	r->len = len;
	r->value = p->value;
	memcpy(x->host, &p->value, len);
	world_may_write(r->w, gpa);
}

static void inner_access(struct race *r, bool open)
{
	const struct world_op *p = r->inner;
	struct claim c = {
		.made = true,
		.cpu = p->cpu % r->w->cfg.nr_cpus,
		.size = p->size,
		.gva = p->at,
		.access = p->access,
	};
	struct vmmu_cpu *cpu = vmmu_cpu(r->v->vm, c.cpu);

	r->v->hw_walked = false;
	c.st = open ? vmmu_translate(cpu, vmmu_gva(c.gva), c.size, c.access, &c.x)
		    : yield_silicon(cpu, c.gva, c.size, c.access, &c.x);
	/* A host that is moving a slot knows no page of it. */
	if (c.st == VMMU_AGAIN || (c.st == VMMU_EHOST && moves_slots(r->outer)))
		return;
	r->ran = true;
	r->answer = c.st;
	r->walked = r->v->hw_walked;
	if (c.st == VMMU_FAULT && c.x.fault.vector == 14)
		r->v->cr2[c.cpu] = c.x.fault.cr2;
	judge_answer(r->w, 1, &c);
	if (c.st != VMMU_OK || (c.access & VMMU_TYPE_MASK) != VMMU_WRITE)
		return;
	world_may_write(r->w, c.x.gpa.v);
	inner_store(r, &c.x);
}

static void inner_call(struct race *r)
{
	const struct world_op *p = r->inner;
	struct vmmu_cpu *cpu = vmmu_cpu(r->v->vm, p->cpu % r->w->cfg.nr_cpus);
	int st = VMMU_OK;

	r->ran = true;
	switch (p->what) {
	case OP_INVLPG:
		st = vmmu_invlpg(cpu, vmmu_gva(p->at));
		break;
	case OP_SET:
		st = set_in(cpu, SET_CR3, p->value);
		break;
	case OP_STORE:
		r->stored = p->at;
		r->len = p->size;
		st = vmmu_write(r->v->vm, p->how == STORE_CPU ? cpu : NULL, vmmu_gpa(p->at),
				p->bytes, p->size, NULL);
		break;
	default:
		host_one(r->w, r->v, p->how, p->size);
		r->moved = moves_slots(p);
		places_after(r->w, p, r->place);
		break;
	}
	if (st)
		world_fail(r->w, r->v, "inside another operation: %s: %s", vmmu_strerror(st),
			   vmmu_reason(r->v->vm));
}

static void at_point(struct race *r, unsigned where, bool open)
{
	enum world_mode mode = r->w->mode;

	if (!r->inside || r->ran || (r->inner->what != OP_ACCESS && !open) ||
	    (r->where != RACE_ANY && r->where != where))
		return;
	if (r->nth) {
		r->nth--;
		return;
	}
	/* It may come to such points itself. */
	r->inside = false;
	if (r->inner->what == OP_ACCESS)
		inner_access(r, open);
	else
		inner_call(r);
	r->inside = true;
	r->w->mode = mode;
	r->w->raced[where] += r->ran;
}

static void at_yield(void *ctx, struct vmmu *vm, unsigned where, bool open)
{
	struct race *r = ctx;

	if (vm == r->v->vm)
		at_point(r, where, open);
}

/* ---- before and after ------------------------------------------------------------------- */

static void run_in_turn(struct race *r, const struct world_op *op, uint32_t skip)
{
	r->w->skip = skip;
	r->apply(r->w, op);
	r->w->skip = 0;
}

/* What an inner access stored is now everybody's. */
static void store_for_all(struct race *r)
{
	struct world *w = r->w;
	struct world_vm *v;

	for (v = w->vm; v < w->vm + w->nr_vms; v++)
		if (v != r->v &&
		    vmmu_write(v->vm, NULL, vmmu_gpa(r->stored), &r->value, r->len, NULL))
			world_fail(w, v, "a store at 0x%llx failed", (unsigned long long)r->stored);
	memcpy(ram_at(w, r->stored), &r->value, r->len);
	world_wrote(w, r->stored, r->len);
	or_note_store(w->or, r->stored, r->len);
	w->stored = w->seq;
	r->len = 0;
}

/* A store before a log began, or that a harvest has told of, is not for the next one. */
static void tell_again(struct race *r, uint64_t gpa)
{
	uint64_t now = load(vm_ram_at(r->w, r->v, gpa & ~7ull), 8);

	if ((r->starts_log || r->told) && world_is_ram(r->w, gpa))
		vmmu_write(r->v->vm, NULL, vmmu_gpa(gpa & ~7ull), &now, 8, NULL);
}

/*
 * Silicon that walks while a page is protected makes it young, and protecting leaves it so.  What a
 * TLB has cached is used without a walk, whether anything still maps the page or not.
 */
static void check_young(struct race *r)
{
	const struct claim *c = &r->claim[1];
	bool protects = r->outer->what == OP_HOST &&
			(r->outer->how == HOST_LOG || r->outer->how == HOST_HARVEST);
	vmmu_gpa_t page = vmmu_gpa(c->x.gpa.v & ~(PAGE - 1));

	if (!protects || !r->walked || r->inner->what != OP_ACCESS || r->answer != VMMU_OK ||
	    r->v->cfg.page_size != PAGE || !world_is_ram(r->w, page.v))
		return;
	if (!vmmu_age(r->v->vm, page, PAGE, 0))
		world_fail(r->w, r->v, "gpa 0x%llx was used while it was protected, and is old",
			   (unsigned long long)page.v);
}

static void settle_claims(struct race *r, bool last)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct claim *c = &r->claim[i];

		if (!c->made)
			continue;
		c->made = !judge_claim(r->w, r->v, c);
		if (c->made && last)
			world_fail(r->w, r->v, "two at once, the %s one's answer for 0x%llx: %s",
				   i ? "inner" : "outer", (unsigned long long)c->gva, c->why);
	}
}

/* Whoever has written these pages is known by now, or at the latest when both have been done. */
static void settle_dirty(struct race *r, bool last)
{
	unsigned i, left = 0;

	for (i = 0; i < r->nr_dirty; i++) {
		if (host_may_be_dirty(r->w, r->v, r->dirty[i]))
			continue;
		r->dirty[left++] = r->dirty[i];
		if (last)
			host_dirty_by_nobody(r->w, r->v, r->dirty[i]);
	}
	r->nr_dirty = left;
}

static bool starts_log(const struct world *w, const struct world_op *o)
{
	return o->what == OP_HOST &&
	       (o->how == HOST_LOG || o->how == HOST_LOG_OFF ||
		(o->how == HOST_HARVEST && !w->place[o->size % NR_REGIONS].logged));
}

static void run_outer(struct race *r)
{
	yield_to(at_yield, r);
	r->inside = r->going = true;
	r->apply(r->w, r->outer);
	r->inside = r->going = false;
	yield_to(NULL, NULL);
}

static void level(struct race *r, const struct world_op *op)
{
	if (op->what == OP_ACCESS)
		level_walk(r->w, op->cpu % r->w->cfg.nr_cpus, op->at);
}

/*
 * A log that began, or was harvested, while an access was going on: what the access had not
 * written yet, its page or a bit in a table, counts for the next harvest.  And where slots have
 * changed, it may be now that there is memory at the page.
 */
static void write_after_host(struct race *r)
{
	const struct claim *c = &r->claim[0];
	unsigned f;

	if (r->inner->what != OP_HOST)
		return;
	for (f = 0; f < r->w->nr_frames; f++)
		if (r->inner->how == HOST_LOG || r->inner->how == HOST_HARVEST)
			world_may_write(r->w, world_frame(r->w, f));
	if ((c->access & VMMU_TYPE_MASK) == VMMU_WRITE && c->st == VMMU_OK)
		world_may_write(r->w, c->x.gpa.v);
}

/* The inner one, by all who have not done it. */
static void run_inner(struct race *r, uint32_t me)
{
	uint64_t stored = r->stored;

	level(r, r->inner);
	if (r->inner->what == OP_ACCESS && r->len) {
		store_for_all(r);
		level(r, r->inner);
		tell_again(r, stored);
	} else {
		struct world_op p = *r->inner;

		p.has_value = 0;
		run_in_turn(r, &p, r->ran ? me : 0);
		r->len = 0;
		r->moved = false;
		write_after_host(r);
	}
}

static void run_both(struct race *r)
{
	struct world *w = r->w;
	uint32_t me = 1u << (r->v - w->vm);

	w->race = r;
	r->starts_log = starts_log(w, r->outer);
	if (comes_first(r->inner))
		run_in_turn(r, r->inner, me);
	run_outer(r);
	settle_claims(r, false);
	level(r, r->outer);
	/* What an inner harvest told of has been written by the outer one, not after it. */
	settle_dirty(r, r->inner->what == OP_HOST);
	if (!comes_first(r->inner))
		run_inner(r, me);
	else if (!r->ran)
		inner_call(r);
	/* With what the inner one has stored. */
	level(r, r->outer);
	settle_claims(r, true);
	settle_dirty(r, true);
	check_young(r);
	world_walked(r->v);
	w->race = NULL;
	if (r->ran && vmmu_check(r->v->vm))
		world_fail(w, r->v, "check after two at once: %s", vmmu_reason(r->v->vm));
}

void race_run(struct world *w, const struct world_op *race, const struct world_op *outer,
	      const struct world_op *inner, op_apply_fn *apply)
{
	struct race r = {
		.w = w,
		.outer = outer,
		.inner = inner,
		.where = race->how,
		.nth = race->access,
		.at_point = at_point,
		.apply = apply,
	};
	struct ops *record = w->record;
	unsigned i;

	for (i = 0; i < w->nr_vms; i++)
		if (w->vm[i].number == race->size)
			r.v = &w->vm[i];
	if (!note(w, race) || !note(w, outer) || !note(w, inner))
		return;
	w->record = NULL;
	if (r.v && outer_may(w, outer) && inner_may(w, outer, inner)) {
		run_both(&r);
	} else {
		apply(w, outer);
		apply(w, inner);
	}
	w->record = record;
}
