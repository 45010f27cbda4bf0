/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What takes a guest or a host more than one step: fork, a stream of stores, swapping, the
 * dirty log.  The guest's are stores and register writes as any kernel makes them.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define USER_TABLES 64u /* that one fork copies, at most */

/* ---- the guest ------------------------------------------------------------------------ */

struct fork {
	struct play *p;
	const struct vmmu_paging *pg;
	unsigned left; /* tables that may still be copied */
};

static unsigned entries_of(const struct vmmu_fmt *fmt, unsigned level)
{
	return 1u << fmt->lv[level].bits;
}

/* A leaf that may be written becomes read-only in parent and child: copy on write. */
static int share_leaf(struct fork *f, uint64_t from, uint64_t to, uint64_t e)
{
	unsigned bytes = f->pg->fmt->entry_bytes;
	uint64_t shared = e & ~f->pg->fmt->w;

	if (shared != e && guest_store(f->p, from, shared, bytes))
		return -1;
	return guest_store(f->p, to, shared, bytes);
}

static int copy_table(struct fork *f, uint64_t from, uint64_t to, unsigned level);

static int copy_entry(struct fork *f, uint64_t from, uint64_t to, unsigned level)
{
	unsigned bytes = f->pg->fmt->entry_bytes;
	uint64_t e = ram_entry(f->p, from, bytes), child;
	struct vmmu_entry x;

	vmmu_paging_entry(f->pg, level, e, &x);
	if (x.kind == VMMU_ENTRY_LEAF)
		return share_leaf(f, from, to, e);
	if (x.kind != VMMU_ENTRY_LINK)
		return 0;
	if (!f->left || f->p->next_free + VMMU_PAGE_SIZE > f->p->ram_bytes)
		return play_fail(f->p, "fork: more tables than the guest has free frames for");
	f->left--;
	child = f->p->next_free;
	f->p->next_free += VMMU_PAGE_SIZE;
	if (guest_store(f->p, to, (e & ~f->pg->fmt->addr) | child, bytes))
		return -1;
	return copy_table(f, x.oa, child, level - 1);
}

static int copy_table(struct fork *f, uint64_t from, uint64_t to, unsigned level)
{
	const struct vmmu_fmt *fmt = f->pg->fmt;

	for (unsigned i = 0; i < entries_of(fmt, level); i++)
		if (ram_entry(f->p, from + i * fmt->entry_bytes, fmt->entry_bytes) &&
		    copy_entry(f, from + i * fmt->entry_bytes, to + i * fmt->entry_bytes, level))
			return -1;
	return 0;
}

/* The child's tables are made; the parent goes on, and loads CR3 to flush what it may not write. */
int act_fork(struct play *p)
{
	const struct vmmu_paging *pg = guest_paging(p);
	struct fork f = { p, pg, USER_TABLES };
	uint64_t root;

	if (!pg->fmt)
		return play_fail(p, "fork: the guest has no paging");
	if (pg->ctl & VMMU_PG_PDPTES)
		return play_fail(p, "fork: not in PAE mode, whose top level is in registers");
	root = p->next_free;
	p->next_free += VMMU_PAGE_SIZE;
	if (copy_table(&f, pg->root, root, pg->fmt->top))
		return -1;
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct vmmu_regs regs;

		vmmu_get_regs(p->machine[i].cpu, &regs);
		p->machine[i].status = vmmu_set_cr3(p->machine[i].cpu, regs.cr3);
	}
	return 0;
}

int act_flood(struct play *p, uint64_t gpa, unsigned nr)
{
	const struct vmmu_paging *pg = guest_paging(p);
	unsigned bytes = pg->fmt ? pg->fmt->entry_bytes : 8;

	if (nr > VMMU_PAGE_SIZE / bytes)
		return play_fail(p, "a stream of stores stays within one page: %u at most",
				 VMMU_PAGE_SIZE / bytes);
	for (unsigned i = 0; i < nr; i++)
		if (guest_store(p, gpa + i * bytes, 0, bytes))
			return -1;
	return 0;
}

/* ---- the host -------------------------------------------------------------------------- */

static int swap_out(struct machine *m, uint64_t gpa)
{
	struct play *p = m->play;
	uint64_t frame = gpa / VMMU_PAGE_SIZE, n = (uint64_t)(m - p->machine);
	uint8_t *page = m->ram + frame * VMMU_PAGE_SIZE;
	int st = vmmu_notify_begin(m->vm, vmmu_gpa(frame * VMMU_PAGE_SIZE), VMMU_PAGE_SIZE);

	if (st)
		return st;
	if (!(p->swapped[frame] & 1u << n)) {
		memcpy(p->swap + (frame * NR_MACHINES + n) * VMMU_PAGE_SIZE, page, VMMU_PAGE_SIZE);
		memset(page, 0xee, VMMU_PAGE_SIZE);
		p->swapped[frame] |= (uint8_t)(1u << n);
	}
	return vmmu_notify_end(m->vm, vmmu_gpa(frame * VMMU_PAGE_SIZE), VMMU_PAGE_SIZE);
}

/* Native has no host under it. */
int act_swap(struct play *p, uint64_t gpa)
{
	if (gpa >= p->ram_bytes)
		return play_fail(p, "0x%llx is not memory of the guest's", (unsigned long long)gpa);
	if (p->with.large)
		return play_fail(p, "this host swaps 4K pages alone: back the guest with 4K pages");
	for (unsigned i = SHADOW; i < NR_MACHINES; i++) {
		p->machine[i].status = swap_out(&p->machine[i], gpa);
		if (p->machine[i].status)
			return play_fail(p, "%s", vmmu_strerror(p->machine[i].status));
	}
	return 0;
}

int act_dirty(struct play *p, const char *how)
{
	uint64_t pages = p->ram_bytes / VMMU_PAGE_SIZE;
	uint64_t *bits = calloc(pages / 64 + 1, sizeof(*bits));
	int on = !strcmp(how, "on"), st = VMMU_OK;

	if (!bits)
		return play_fail(p, "no memory for the dirty log");
	for (unsigned i = SHADOW; !st && i < NR_MACHINES; i++) {
		struct machine *m = &p->machine[i];

		if (!strcmp(how, "harvest"))
			st = vmmu_dirty_harvest(m->vm, vmmu_gpa(0), 0, pages, bits);
		else if (on || !strcmp(how, "off"))
			st = vmmu_dirty_log(m->vm, vmmu_gpa(0), on);
		else
			st = VMMU_EINVAL;
	}
	free(bits);
	return st ? play_fail(p, "dirty log: %s (on, off or harvest?)", vmmu_strerror(st)) : 0;
}
