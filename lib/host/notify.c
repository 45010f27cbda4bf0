/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host does to memory under the VM: invalidation, new pages, aging.
 * Not here: what the host answers when asked (mem.c).
 * Keeps: from begin to end of an invalidation nothing of its range is mapped,
 * and no answer the host gave before its end is installed after it: a fault
 * samples notify_seq before it asks, and end() moves it before the range goes.
 */
#include <vmmu/yield.h>

#include "../priv.h"

int notify_covers(const struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	unsigned i;

	for (i = 0; i < vm->nr_notify; i++)
		if (gpa < vm->notify[i].hi && vm->notify[i].lo < gpa + len)
			return 1;
	return 0;
}

static void tell_embedder(struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	struct vmmu_flush f = { 0, VMMU_FLUSH_GPA, gpa, len };
	unsigned nr = vm->cfg.nr_cpus;

	if (!vm->cfg.cb.flush)
		return;
	f.cpus = nr >= 64 ? ~0ull : (1ull << nr) - 1;
	vm->cfg.cb.flush(vm->cfg.cb.ctx, &f);
}

uint64_t change_range(struct vmmu *vm, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t nr = 1;

	if (how != VMMU_CHANGE_FLUSH)
		nr = vm->be->protect(vm, vmmu_gpa(gpa), len, how);
	VMMU_YIELD(vm, PROTECTED);
	if ((nr || vm->flush_owed) && how != VMMU_CHANGE_YOUNG)
		vmmu_be_flush_all(vm);
	/* It may cache what our tables have since forgotten. */
	if (how != VMMU_CHANGE_YOUNG && how != VMMU_CHANGE_AGE)
		tell_embedder(vm, gpa, len);
	table_reap(vm);
	return nr;
}

static int check_range(struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	vm->reason[0] = 0;
	if (!vm->be->protect)
		return fail(vm, VMMU_ENOTSUP, "the memory of backend %s is fixed", vm->be->name);
	if (((gpa | len) & ~PAGE_MASK) || !len || gpa + len < gpa)
		return fail(vm, VMMU_EINVAL, "range 0x%llx+0x%llx is empty or not of pages",
			    (unsigned long long)gpa, (unsigned long long)len);
	return VMMU_OK;
}

int vmmu_notify_begin(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len)
{
	int st = check_range(vm, gpa.v, len);

	if (st)
		return st;
	if (vm->nr_notify == MAX_NOTIFY)
		return fail(vm, VMMU_ENOMEM, "%u invalidations are going on already", MAX_NOTIFY);
	vm->notify[vm->nr_notify].lo = gpa.v;
	vm->notify[vm->nr_notify].hi = gpa.v + len;
	vm->nr_notify++;
	VMMU_YIELD(vm, NOTIFY);
	change_range(vm, gpa.v, len, VMMU_CHANGE_ZAP);
	mem_forget(vm, gpa.v, len);
	return VMMU_OK;
}

int vmmu_notify_end(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len)
{
	int st = check_range(vm, gpa.v, len);
	unsigned i;

	if (st)
		return st;
	for (i = 0; i < vm->nr_notify; i++)
		if (vm->notify[i].lo == gpa.v && vm->notify[i].hi == gpa.v + len)
			break;
	if (i == vm->nr_notify)
		return fail(vm, VMMU_EINVAL, "no invalidation of 0x%llx+0x%llx is going on",
			    (unsigned long long)gpa.v, (unsigned long long)len);
	vm->notify_seq++;
	vm->notify[i] = vm->notify[--vm->nr_notify];
	return VMMU_OK;
}

int vmmu_change_pte(struct vmmu *vm, vmmu_gpa_t gpa, const struct vmmu_host_page *page)
{
	struct slot *s = slot_at(vm, gpa.v);
	int st = check_range(vm, gpa.v & PAGE_MASK, VMMU_PAGE_SIZE);

	if (st)
		return st;
	if (!s)
		return fail(vm, VMMU_ENOENT, "0x%llx is in no slot", (unsigned long long)gpa.v);
	if (s->info.pointer || page->size != VMMU_PAGE_SIZE)
		return fail(vm, VMMU_EINVAL, "change-pte is for one 4K page of a callback's slot");
	st = mem_put_host(vm, s, gpa.v, page);
	if (st)
		return st;
	vm->notify_seq++;
	change_range(vm, gpa.v & PAGE_MASK, VMMU_PAGE_SIZE, VMMU_CHANGE_ZAP);
	return VMMU_OK;
}

int vmmu_age(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, int clear)
{
	int st = check_range(vm, gpa.v, len);

	if (st)
		return st;
	return change_range(vm, gpa.v, len, clear ? VMMU_CHANGE_AGE : VMMU_CHANGE_YOUNG) != 0;
}
