/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host does to every VM while the guest runs: memory that comes, goes, moves, is shared
 * and replaced; dirty logs; aging.
 * Keeps: the guest's memory stays the same, byte for byte; what is no longer a page of the
 * guest's is filled with something that a guest must never see.
 */
#include <inttypes.h>
#include <string.h>

#include "world_priv.h"

#define POISON 0xa5

static void expect(struct world *w, struct world_vm *v, const char *what, int st, int want)
{
	if (v->cfg.backend == &vmmu_native)
		want = VMMU_ENOTSUP;
	if (st != want)
		world_fail(w, v, "%s: %s, not %s: %s", what, vmmu_strerror(st), vmmu_strerror(want),
			   vmmu_reason(v->vm));
}

/* ---- slots ---------------------------------------------------------------------------- */

/* Each of these on one VM; what the world knows of the slot changes after the last. */
static void remove_slot(struct world *w, struct world_vm *v, unsigned r)
{
	if (w->place[r].there)
		expect(w, v, "vmmu_slot_remove", vmmu_slot_remove(v->vm, vmmu_gpa(w->place[r].gpa)),
		       VMMU_OK);
}

static void add_slot(struct world *w, struct world_vm *v, unsigned r)
{
	struct vmmu_slot_info s = guest_slot(&v->cfg, v->mem, r);

	s.gpa.v = w->place[r].gpa;
	s.flags = w->place[r].readonly ? VMMU_SLOT_READONLY : 0;
	expect(w, v, "vmmu_slot_add", vmmu_slot_add(v->vm, &s),
	       w->place[r].there ? VMMU_EEXIST : VMMU_OK);
}

/* One region has to stay as it is, so that something is always there. */
static bool may_flip(const struct world *w, unsigned r)
{
	return w->place[r].there && r != REGION_LOW;
}

static void flip_readonly(struct world *w, struct world_vm *v, unsigned r)
{
	uint32_t flags = w->place[r].readonly ? 0 : VMMU_SLOT_READONLY;

	if (may_flip(w, r))
		expect(w, v, "vmmu_slot_flags",
		       vmmu_slot_flags(v->vm, vmmu_gpa(w->place[r].gpa), flags), VMMU_OK);
}

static uint64_t other_place(const struct world *w)
{
	return w->place[REGION_HIGH].gpa == HIGH_ELSE ? region[REGION_HIGH].gpa : HIGH_ELSE;
}

static void move_slot(struct world *w, struct world_vm *v)
{
	if (w->place[REGION_HIGH].there)
		expect(w, v, "vmmu_slot_move",
		       vmmu_slot_move(v->vm, vmmu_gpa(w->place[REGION_HIGH].gpa),
				      vmmu_gpa(other_place(w))),
		       VMMU_OK);
}

void host_slots_changed(struct world *w, unsigned which, unsigned r)
{
	struct place *p = &w->place[r];

	switch (which) {
	case HOST_REMOVE:
		p->there = false;
		break;
	case HOST_ADD:
		p->logged = p->logged && p->there;
		p->there = true;
		break;
	case HOST_READONLY:
		p->readonly ^= may_flip(w, r);
		break;
	case HOST_MOVE:
		if (w->place[REGION_HIGH].there)
			w->place[REGION_HIGH].gpa = other_place(w);
		break;
	}
}

/* ---- the dirty log ---------------------------------------------------------------------- */

static uint32_t frames_in(const struct world *w, unsigned r)
{
	uint32_t in = 0;
	unsigned f;

	for (f = 0; f < w->nr_frames; f++)
		if (w->frame[f] - region[r].gpa < region[r].size)
			in |= 1u << f;
	return in;
}

/* Forgets what a harvest has told. */
static void all_clean(struct world *w, unsigned r)
{
	unsigned i;

	w->wrote &= ~frames_in(w, r);
	for (i = 0; i < w->nr_maybe && w->nr_maybe <= NR_MAYBE;)
		if (w->maybe[i] - region[r].gpa < region[r].size)
			w->maybe[i] = w->maybe[--w->nr_maybe];
		else
			i++;
}

static void set_log(struct world *w, struct world_vm *v, unsigned r, bool on)
{
	if (w->place[r].there)
		expect(w, v, "vmmu_dirty_log", vmmu_dirty_log(v->vm, vmmu_gpa(w->place[r].gpa), on),
		       VMMU_OK);
}

/* All VMs have done it. */
static void log_changed(struct world *w, unsigned r, bool on)
{
	if (!w->place[r].there)
		return;
	if (on)
		all_clean(w, r);
	w->place[r].logged = on;
}

static bool was_dirty(const uint64_t *bits, uint64_t page)
{
	return bits[page / 64] >> page % 64 & 1;
}

/*
 * NPT, and EPT with A and D bits, write to every table that they walk.  A store by way of a stale
 * link may have got as far as its page before the walk began again and faulted.
 */
static bool writes_more(const struct world_vm *v)
{
	return v->walk_cached || v->cfg.backend == &vmmu_nested_npt ||
	       (v->cfg.backend == &vmmu_nested_ept && !v->cfg.nested.no_ad);
}

bool host_may_be_dirty(struct world *w, const struct world_vm *v, uint64_t home)
{
	unsigned i;

	for (i = 0; i < w->nr_maybe && i < NR_MAYBE; i++)
		if (w->maybe[i] == home)
			return true;
	/* More than there was room for. */
	if (i < w->nr_maybe)
		return true;
	if (writes_more(v))
		w->legal[LEGAL_DIRTY]++;
	return writes_more(v);
}

void host_dirty_by_nobody(struct world *w, const struct world_vm *v, uint64_t home)
{
	world_fail(w, v, "the page at 0x%" PRIx64 " is dirty, and nobody wrote it", home);
}

static void check_dirty(struct world *w, struct world_vm *v, unsigned r, const uint64_t *bits)
{
	uint64_t page, home, nr = region[r].size / PAGE;
	unsigned f;

	if (race_is_on(w, v) && w->race->len)
		w->race->told =
			home_of(w, w->race->stored) - region[r].gpa < region[r].size &&
			was_dirty(bits, (home_of(w, w->race->stored) - region[r].gpa) / PAGE);

	for (f = 0; f < w->nr_frames; f++)
		if ((w->wrote & frames_in(w, r)) >> f & 1 &&
		    !was_dirty(bits, (w->frame[f] - region[r].gpa) / PAGE))
			world_fail(w, v, "the frame at 0x%" PRIx64 " was written, and is not dirty",
				   w->frame[f]);
	for (page = 0; page < nr; page++) {
		if (!bits[page / 64]) {
			page |= 63;
			continue;
		}
		home = region[r].gpa + page * PAGE;
		if (was_dirty(bits, page) && !host_may_be_dirty(w, v, home) &&
		    !race_may_have_written(w, v, home))
			host_dirty_by_nobody(w, v, home);
	}
}

static void harvest(struct world *w, struct world_vm *v, unsigned r)
{
	static uint64_t bits[(GIB / PAGE) / 64];
	int st;

	if (!w->place[r].there)
		return;
	/* A log that is off is turned on, and is empty. */
	if (!w->place[r].logged) {
		set_log(w, v, r, true);
		return;
	}
	memset(bits, 0, region[r].size / PAGE / 8);
	st = vmmu_dirty_harvest(v->vm, vmmu_gpa(w->place[r].gpa), 0, region[r].size / PAGE, bits);
	expect(w, v, "vmmu_dirty_harvest", st, VMMU_OK);
	if (st == VMMU_OK)
		check_dirty(w, v, r, bits);
}

/* ---- invalidation -------------------------------------------------------------------------- */

static void notify(struct world *w, struct world_vm *v, uint64_t gpa, uint64_t len, bool end)
{
	if (end)
		expect(w, v, "vmmu_notify_end", vmmu_notify_end(v->vm, vmmu_gpa(gpa), len),
		       VMMU_OK);
	else
		expect(w, v, "vmmu_notify_begin", vmmu_notify_begin(v->vm, vmmu_gpa(gpa), len),
		       VMMU_OK);
}

static void notify_region(struct world *w, struct world_vm *v, unsigned r)
{
	notify(w, v, w->place[r].gpa, region[r].size, false);
	notify(w, v, w->place[r].gpa, region[r].size, true);
}

/* While [lo, hi) is being taken away: nothing there may be answered. */
static void read_in_window(struct world *w, struct world_vm *v, unsigned cpu, uint64_t gva,
			   uint64_t lo, uint64_t hi)
{
	struct vmmu_xlat x;
	uint8_t *p = vmmu_host(vmmu_cpu(v->vm, cpu), vmmu_gva(gva), 1, VMMU_READ);
	uint64_t gpa = p ? gpa_at(w, v, p) : NOWHERE;
	int st;

	if (p && gpa - lo < hi - lo)
		world_fail(w, v, "vmmu_host() answers 0x%" PRIx64 " while it is invalidated", gpa);
	st = vmmu_translate(vmmu_cpu(v->vm, cpu), vmmu_gva(gva), 1, VMMU_READ, &x);
	world_walked(v);
	if (st < 0)
		world_fail(w, v, "%s: %s", vmmu_strerror(st), vmmu_reason(v->vm));
	if (st == VMMU_FAULT && x.fault.vector == 14)
		v->cr2[cpu] = x.fault.cr2;
	if (st == VMMU_OK && x.gpa.v - lo < hi - lo)
		world_fail(w, v, "0x%" PRIx64 " is answered while it is invalidated",
			   (uint64_t)x.gpa.v);
}

/* Only reads that change nothing, so that all are alike after it. */
static void window(struct world *w, unsigned r, unsigned where)
{
	uint64_t lo = w->place[r].gpa, hi = lo + region[r].size;
	unsigned i, k, cpu = where % w->cfg.nr_cpus;

	for (i = 0; i < w->nr_vms; i++)
		notify(w, &w->vm[i], lo, hi - lo, false);
	for (k = 0; k < w->nr_gvas; k++) {
		struct or_access acc = { .gva = w->gva[k], .op = OR_READ };

		if (!world_is_quiet(w, cpu, &acc))
			continue;
		for (i = 0; i < w->nr_vms; i++)
			read_in_window(w, &w->vm[i], cpu, w->gva[k], lo, hi);
	}
	for (i = 0; i < w->nr_vms; i++) {
		/* What is mapped in the window is there to be found; some each time. */
		if ((w->seq + i) % 4 ? vmmu_check_some(w->vm[i].vm, 64) : vmmu_check(w->vm[i].vm))
			world_fail(w, &w->vm[i], "check: %s", vmmu_reason(w->vm[i].vm));
		notify(w, &w->vm[i], lo, hi - lo, true);
	}
}

/* ---- pages from a callback --------------------------------------------------------------------
 */

/* The frame's page moves to its other place; the old one is no longer the guest's. */
static uint8_t *move_page(const struct world *w, struct world_vm *v, unsigned f)
{
	uint8_t *from = v->at[f], *home = v->mem + w->frame[f];

	v->at[f] = from == home ? v->spare + f * PAGE : home;
	memcpy(v->at[f], from, PAGE);
	return from;
}

static void replace_page(struct world *w, struct world_vm *v, unsigned f)
{
	uint64_t gpa = world_frame(w, f);

	notify(w, v, gpa, PAGE, false);
	memset(move_page(w, v, f), POISON, PAGE);
	notify(w, v, gpa, PAGE, true);
}

static void change_page(struct world *w, struct world_vm *v, unsigned f, bool share)
{
	struct vmmu_host_page page = { .size = PAGE, .writable = !share };
	uint8_t *old = NULL;

	if (!share)
		old = move_page(w, v, f);
	page.pointer = v->at[f];
	v->shared[f] = share;
	expect(w, v, "vmmu_change_pte", vmmu_change_pte(v->vm, vmmu_gpa(world_frame(w, f)), &page),
	       VMMU_OK);
	if (old)
		memset(old, POISON, PAGE);
}

static void change_frame(struct world *w, struct world_vm *v, unsigned which, unsigned f)
{
	if (!v->cfg.ask || !world_is_ram(w, world_frame(w, f)))
		return;
	if (which == HOST_REPLACE)
		replace_page(w, v, f);
	else
		change_page(w, v, f, which == HOST_SHARE);
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static void age(struct world *w, struct world_vm *v, unsigned r)
{
	int st = vmmu_age(v->vm, vmmu_gpa(w->place[r].gpa), region[r].size, 1);

	expect(w, v, "vmmu_age", st > 0 ? VMMU_OK : st, VMMU_OK);
	/* Nothing has been used since. */
	if (st >= 0 && vmmu_age(v->vm, vmmu_gpa(w->place[r].gpa), region[r].size, 0))
		world_fail(w, v, "young right after it was aged");
}

void host_one(struct world *w, struct world_vm *v, unsigned which, unsigned where)
{
	unsigned r = where % NR_REGIONS;

	switch (which) {
	case HOST_NOTIFY:
		notify_region(w, v, r);
		break;
	case HOST_LOG:
	case HOST_LOG_OFF:
		set_log(w, v, r, which == HOST_LOG);
		break;
	case HOST_HARVEST:
		harvest(w, v, r);
		break;
	case HOST_AGE:
		age(w, v, r);
		break;
	case HOST_REMOVE:
		remove_slot(w, v, r);
		break;
	case HOST_ADD:
		add_slot(w, v, r);
		break;
	case HOST_READONLY:
		flip_readonly(w, v, r);
		break;
	case HOST_MOVE:
		move_slot(w, v);
		break;
	default:
		change_frame(w, v, which, where % w->nr_frames);
		break;
	}
}

static void do_host(struct world *w, unsigned which, unsigned where)
{
	unsigned r = where % NR_REGIONS, i;

	if (which == HOST_WINDOW) {
		window(w, r, where);
		return;
	}
	for (i = 0; i < w->nr_vms; i++)
		if (takes_part(w, i))
			host_one(w, &w->vm[i], which, where);
	if (which == HOST_LOG || which == HOST_LOG_OFF || which == HOST_HARVEST)
		log_changed(w, r, which != HOST_LOG_OFF);
	else
		host_slots_changed(w, which, r);
}

void world_host(struct world *w, unsigned which, unsigned where)
{
	static const char *const name[NR_HOST] = {
		"notify", "log",  "harvest", "log off", "age",	  "remove", "add",
		"flip",	  "move", "window",  "replace", "change", "share",
	};

	which %= NR_HOST;
	if (!note(w, &(struct world_op){ .what = OP_HOST, .how = (uint8_t)which, .size = where }))
		return;
	world_log(w, "host: %s %s", name[which],
		  which < HOST_REPLACE ? region[where % NR_REGIONS].name : "a frame");
	/* Memory behind a native CPU is what it is. */
	if (w->cfg.kind != WORLD_HOST && which > HOST_AGE)
		return;
	do_host(w, which, where);
	if (w->cfg.kind != WORLD_HOST)
		return;
	or_note_slots(w->or);
	/* What was cached while a table was read-only is there without its A. */
	if (which >= HOST_REMOVE && which <= HOST_MOVE)
		w->stored = w->seq;
}
