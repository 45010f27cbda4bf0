/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host does to memory under the VM: invalidation, new pages, aging.
 * Not here: how the host is asked for a page (page.c).
 * Keeps: from vmmu_notify_begin() to vmmu_notify_end() nothing of the range is mapped.  No page
 * that the host gave before the end is installed after it: a fault reads notify_seq before it asks
 * the host, and vmmu_notify_end() advances it before it unblocks the range.
 */
#include "slot.h"

static int check_range(struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	clear_reason(vm);
	if (!core_of(vm)->be->protect)
		return core_fail(vm, VMMU_ENOTSUP, "the memory of backend %s is fixed",
				 core_of(vm)->be->name);
	if (((gpa | len) & ~PAGE_MASK) || !len || gpa + len < gpa)
		return core_fail(vm, VMMU_EINVAL, "range 0x%llx+0x%llx is empty or not of pages",
				 (unsigned long long)gpa, (unsigned long long)len);
	return VMMU_OK;
}

int vmmu_notify_begin(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len)
{
	int st = check_range(vm, gpa.v, len);

	if (st)
		return st;
	if (host_of(vm)->nr_notify == MAX_NOTIFY)
		return core_fail(vm, VMMU_ENOMEM, "%u invalidations are going on already",
				 MAX_NOTIFY);
	host_of(vm)->notify[host_of(vm)->nr_notify].lo = gpa.v;
	host_of(vm)->notify[host_of(vm)->nr_notify].hi = gpa.v + len;
	host_of(vm)->nr_notify++;
	VMMU_YIELD(vm, NOTIFY);
	host_change(vm, gpa.v, len, VMMU_CHANGE_ZAP);
	host_forget(vm, gpa.v, len);
	return VMMU_OK;
}

int vmmu_notify_end(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len)
{
	int st = check_range(vm, gpa.v, len);
	unsigned i;

	if (st)
		return st;
	for (i = 0; i < host_of(vm)->nr_notify; i++)
		if (host_of(vm)->notify[i].lo == gpa.v && host_of(vm)->notify[i].hi == gpa.v + len)
			break;
	if (i == host_of(vm)->nr_notify)
		return core_fail(vm, VMMU_EINVAL, "no invalidation of 0x%llx+0x%llx is going on",
				 (unsigned long long)gpa.v, (unsigned long long)len);
	host_of(vm)->notify_seq++;
	host_of(vm)->notify[i] = host_of(vm)->notify[--host_of(vm)->nr_notify];
	return VMMU_OK;
}

int vmmu_change_pte(struct vmmu *vm, vmmu_gpa_t gpa, const struct vmmu_host_page *page)
{
	struct slot *s = slot_at(vm, gpa.v);
	int st = check_range(vm, gpa.v & PAGE_MASK, VMMU_PAGE_SIZE);

	if (st)
		return st;
	if (!s)
		return core_fail(vm, VMMU_ENOENT, "0x%llx is in no slot",
				 (unsigned long long)gpa.v);
	if (s->info.pointer || page->size != VMMU_PAGE_SIZE)
		return core_fail(vm, VMMU_EINVAL,
				 "change-pte is for one 4K page of a callback's slot");
	st = host_put_page(vm, s, gpa.v, page);
	if (st)
		return st;
	host_of(vm)->notify_seq++;
	host_change(vm, gpa.v & PAGE_MASK, VMMU_PAGE_SIZE, VMMU_CHANGE_ZAP);
	return VMMU_OK;
}

int vmmu_age(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, int clear)
{
	int st = check_range(vm, gpa.v, len);

	if (st)
		return st;
	return host_change(vm, gpa.v, len, clear ? VMMU_CHANGE_AGE : VMMU_CHANGE_YOUNG) != 0;
}
