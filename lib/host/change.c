/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes the mappings of a range, and flushes what that makes necessary.  It also knows which
 * ranges are being invalidated.
 * Not here: the reasons for a change (notify.c, dirty.c, track.c, slot.c, page.c).
 * Keeps: when host_change() returns, no cache has what the change took away.
 */
#include "../tables/tables.h"
#include "slot.h"

int host_is_invalidating(const struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	unsigned i;

	for (i = 0; i < host_of(vm)->nr_notify; i++)
		if (gpa < host_of(vm)->notify[i].hi && host_of(vm)->notify[i].lo < gpa + len)
			return 1;
	return 0;
}

static void tell_embedder(struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	struct vmmu_flush f = { .scope = VMMU_FLUSH_GPA, .start = gpa, .len = len };
	unsigned nr = core_of(vm)->cfg.nr_cpus;

	if (!core_of(vm)->cfg.cb.flush)
		return;
	f.cpus = nr >= 64 ? ~0ull : (1ull << nr) - 1;
	core_of(vm)->cfg.cb.flush(core_of(vm)->cfg.cb.ctx, &f);
}

uint64_t host_change(struct vmmu *vm, uint64_t gpa, uint64_t len, enum vmmu_change how)
{
	uint64_t nr = 1;

	if (how != VMMU_CHANGE_FLUSH)
		nr = core_of(vm)->be->protect(vm, vmmu_gpa(gpa), len, how);
	VMMU_YIELD(vm, PROTECTED);
	if ((nr || core_of(vm)->flush_owed) && how != VMMU_CHANGE_YOUNG)
		core_of(vm)->flush_all(vm);
	/* The embedder may have cached a translation that no table of ours has any more. */
	if (how != VMMU_CHANGE_YOUNG && how != VMMU_CHANGE_AGE)
		tell_embedder(vm, gpa, len);
	table_reap(vm);
	return nr;
}
