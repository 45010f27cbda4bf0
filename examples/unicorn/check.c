/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --check: every backend translates each access of the guest, and an oracle that shares no code
 * with the library judges each result.  The oracle follows stores to tables, register writes and
 * INVLPG, so it also knows which stale translations are still legal.  The oracle watches an
 * address from its first access.  A backend may have cached a translation before that, of which
 * the oracle knows nothing.  So a first result that is not fresh is dropped by INVLPG, and the
 * second one is judged.
 * Invariant: a run without differences ends as it would without --check.
 */
#include "run.h"

#include <vmmu-oracle/oracle.h>

#include <stdlib.h>
#include <string.h>

/* With more addresses than this the oracle starts anew: each event takes time by their number. */
#define WATCHED 512u

struct check {
	struct or_profile profile;
	struct or_mem mem;
	struct or_world *world;
	uint64_t *seen; /* hash table of the pages that are watched, plus 1; 0: an empty place */
	unsigned nr_seen;
	uint64_t accesses, answers, stale, again, registers;
};

/* ---- memory as the oracle sees it ------------------------------------------------------------ */

static int mem_is_ram(void *ctx, uint64_t pa)
{
	return is_ram(ctx, pa, 1);
}

/* The oracle reads only tables.  From now on it is told of stores to this one. */
static int mem_read(void *ctx, uint64_t pa, unsigned bytes, uint64_t *value)
{
	struct run *r = ctx;

	*value = 0;
	if (!is_ram(r, pa, bytes))
		return -1;
	mmu_watch_table(r, pa, FRAME_WALKED);
	memcpy(value, r->ram.base + pa, bytes);
	return 0;
}

/* The oracle is asked with no_ad, so it never writes. */
static int mem_write(void *ctx, uint64_t pa, unsigned bytes, uint64_t value)
{
	(void)ctx;
	(void)pa;
	(void)bytes;
	(void)value;
	return -1;
}

static void start_world(struct run *r, const struct or_regs *regs)
{
	struct check *c = r->check;

	if (c->world)
		or_world_free(c->world);
	c->world = or_world_new(&c->profile, &c->mem);
	(void)or_vcpu_new(c->world, regs);
	memset(c->seen, 0, 2 * WATCHED * sizeof(*c->seen));
	c->nr_seen = 0;
}

int check_open(struct run *r)
{
	const struct vmmu_profile *p = machine_profile();
	const struct or_regs regs = { .cr0 = OR_CR0_PE | OR_CR0_ET };
	struct check *c = calloc(1, sizeof(*c));

	r->check = c;
	if (!c || !(c->seen = calloc(2 * WATCHED, sizeof(*c->seen)))) {
		run_end(r, END_INPUT, "out of memory");
		return -1;
	}
	c->profile = (struct or_profile){
		.maxphyaddr = p->maxphyaddr,
		.has_1g = p->features & VMMU_CPU_1G,
		.has_pse36 = p->features & VMMU_CPU_PSE36,
		.cr4_valid = p->cr4_valid,
		.efer_valid = p->efer_valid,
	};
	c->mem = (struct or_mem){ r, mem_is_ram, NULL, mem_read, mem_write };
	start_world(r, &regs);
	return 0;
}

void check_close(struct run *r)
{
	struct check *c = r->check;

	if (!c)
		return;
	fprintf(stderr,
		"check: %llu accesses, %llu answers of %u backends, %llu stale but legal, "
		"%llu register writes, %s\n",
		(unsigned long long)c->accesses, (unsigned long long)c->answers, r->mmu.nr_views,
		(unsigned long long)c->stale, (unsigned long long)c->registers,
		r->end == END_DIFFERENT ? "a difference" : "0 differences");
	if (c->world)
		or_world_free(c->world);
	free(c->seen);
	free(c);
	r->check = NULL;
}

/* ---- what the guest does ---- */

/*
 * After a load of CR3 no cached entry leads to a table.  The oracle reads the tables that it still
 * needs when it is told of the load.  All other frames may be data by now.
 */
static void forget_tables(struct run *r)
{
	for (uint64_t i = 0; i < r->ram.bytes >> 12; i++)
		r->mmu.frame[i] &= (uint8_t)~FRAME_WALKED;
}

void check_register(struct run *r, unsigned number, uint64_t value, int status)
{
	struct or_world *w = r->check->world;
	enum or_kind kind;

	r->check->registers++;
	if (number == 3)
		forget_tables(r);
	if (number == 0)
		kind = or_note_cr0(w, 0, value);
	else if (number == 3)
		kind = or_note_cr3(w, 0, value);
	else if (number == 4)
		kind = or_note_cr4(w, 0, value);
	else
		kind = or_note_efer(w, 0, value);
	if ((kind == OR_OK) != (status == VMMU_OK))
		run_end(r, END_DIFFERENT, "register %u = 0x%llx: %s, the oracle says %s", number,
			(unsigned long long)value, vmmu_strerror(status),
			kind == OR_OK ? "ok" : "#GP");
}

void check_invlpg(struct run *r, uint64_t gva)
{
	or_note_invlpg(r->check->world, 0, gva);
}

void check_pkru(struct run *r, uint32_t value)
{
	or_vcpu_regs(r->check->world, 0)->pkru = value;
}

void check_store(struct run *r, uint64_t gpa, size_t n)
{
	if (r->mmu.frame[gpa >> 12] & FRAME_WALKED)
		or_note_store(r->check->world, gpa, n);
}

/* ---- translations ---- */

static struct or_access access_as(uint64_t gva, uint32_t access)
{
	uint32_t type = access & VMMU_TYPE_MASK;

	return (struct or_access){
		.gva = gva,
		.op = type == VMMU_WRITE   ? OR_WRITE
		      : type == VMMU_FETCH ? OR_FETCH
					   : OR_READ,
		.size = 1,
		.user = (access & VMMU_USER) != 0,
		.implicit = (access & VMMU_IMPLICIT) != 0,
		.ac = (access & VMMU_AC) != 0,
		.stack = (access & VMMU_STACK) != 0,
		.no_ad = true,
	};
}

static struct or_result result_as(int status, const struct vmmu_xlat *x)
{
	struct or_result res = { .kind = OR_OK, .gpa = x->gpa.v };

	if (status == VMMU_MMIO) {
		res.kind = OR_MMIO;
		res.stage = x->stage == VMMU_STAGE_TABLE ? OR_TABLE : OR_FINAL;
	} else if (status == VMMU_FAULT) {
		res.kind = x->fault.vector == 14 ? OR_PF : x->fault.vector == 12 ? OR_SS : OR_GP;
		res.error = res.kind == OR_PF ? x->fault.code : 0;
		res.cr2 = x->fault.cr2;
	}
	return res;
}

/* Watches the page.  1: it was not watched before. */
static int watch(struct run *r, uint64_t page)
{
	struct check *c = r->check;
	uint64_t slot = (page >> 12) * 0x9e3779b97f4a7c15ull >> 32;

	for (;; slot++) {
		uint64_t *s = &c->seen[slot % (2 * WATCHED)];

		if (*s == page + 1)
			return 0;
		if (!*s)
			break;
	}
	if (c->nr_seen == WATCHED) {
		const struct or_regs regs = *or_vcpu_regs(c->world, 0);

		start_world(r, &regs);
		return watch(r, page);
	}
	c->seen[slot % (2 * WATCHED)] = page + 1;
	c->nr_seen++;
	or_watch(c->world, page);
	return 1;
}

static void differ(struct run *r, const struct view *v, const struct or_access *acc, int status,
		   const struct vmmu_xlat *x)
{
	static const char *const ops[] = { "read", "write", "fetch" };

	if (status == VMMU_FAULT)
		run_end(r, END_DIFFERENT, "%s: %s%s of 0x%llx: exception %u code 0x%x; %s", v->name,
			acc->user ? "user " : "", ops[acc->op], (unsigned long long)acc->gva,
			x->fault.vector, x->fault.code, or_reason(r->check->world));
	else
		run_end(r, END_DIFFERENT, "%s: %s%s of 0x%llx: %s gpa 0x%llx rights %x 2^%u; %s",
			v->name, acc->user ? "user " : "", ops[acc->op],
			(unsigned long long)acc->gva, vmmu_strerror(status),
			(unsigned long long)x->gpa.v, x->guest_rights, x->guest_shift,
			or_reason(r->check->world));
}

/* Whether a fresh walk gives the same, with the same size and rights of the guest's leaf. */
static int is_fresh(struct run *r, const struct or_access *acc, int status,
		    const struct vmmu_xlat *x)
{
	struct check *c = r->check;
	struct or_result seen = result_as(status, x), fresh;

	if (or_legal(c->world, 0, acc, &seen) != 1)
		return 0;
	or_translate(or_vcpu_regs(c->world, 0), &c->profile, &c->mem, acc, &fresh);
	return status != VMMU_OK ||
	       (x->guest_shift == fresh.shift && x->guest_rights == fresh.rights);
}

static void judge(struct run *r, const struct view *v, uint32_t access, const struct or_access *acc,
		  int first, struct vmmu_xlat *x, int *status)
{
	struct or_result seen = result_as(*status, x);

	r->check->answers++;
	if (is_fresh(r, acc, *status, x))
		return;
	if (!first && or_legal(r->check->world, 0, acc, &seen)) {
		r->check->stale++;
		return;
	}
	if (first) {
		/* It may have been cached before the oracle watched the page. */
		r->check->again++;
		vmmu_invlpg(v->cpu, vmmu_gva(acc->gva));
		*status = vmmu_translate(v->cpu, vmmu_gva(acc->gva), 1, access, x);
		if (is_fresh(r, acc, *status, x))
			return;
	}
	differ(r, v, acc, *status, x);
}

int check_access(struct run *r, uint64_t gva, uint32_t access, int status, struct vmmu_xlat *x)
{
	struct or_access acc = access_as(gva, access);
	int first = watch(r, PAGE_OF(gva));

	r->check->accesses++;
	judge(r, &r->mmu.view[0], access, &acc, first, x, &status);
	for (unsigned i = 1; i < r->mmu.nr_views && r->end == GOING; i++) {
		const struct view *v = &r->mmu.view[i];
		struct vmmu_xlat mine;
		int st = vmmu_translate(v->cpu, vmmu_gva(gva), 1, access, &mine);

		judge(r, v, access, &acc, first, &mine, &st);
		/* The guest is told of the page fault on the first backend.  A page fault drops the
		 * cached translation, so the others have to drop theirs. */
		if (st == VMMU_OK && status == VMMU_FAULT && x->fault.vector == 14)
			vmmu_invlpg(v->cpu, vmmu_gva(gva));
		if (st != VMMU_OK)
			continue;
		/* Unicorn may cache only what all of them grant. */
		x->rights &= mine.rights;
		x->trap |= mine.trap;
		x->once |= mine.once;
	}
	if (status == VMMU_FAULT && x->fault.vector == 14)
		or_note_fault(r->check->world, 0, gva);
	return status;
}

void check_invariants(struct run *r)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++) {
		int st = vmmu_check(r->mmu.view[i].vm);

		if (st == VMMU_OK)
			continue;
		r->end = GOING;
		run_end(r, END_DIFFERENT, "%s: vmmu_check(): %s: %s", r->mmu.view[i].name,
			vmmu_strerror(st), vmmu_reason(r->mmu.view[i].vm));
	}
}
