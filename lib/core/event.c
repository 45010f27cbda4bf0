/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of events and statuses, and why a call failed.
 * Not here: raising events (priv.h, inline), totals (vmmu_get_stats()).
 */
#include <stdio.h>
#include <string.h>

#include "../priv.h"

const char *vmmu_event_key(unsigned ev)
{
	static const char *const key[] = {
#define X(sym, key, args) key,
		VMMU_EVENTS(X)
#undef X
	};

	return ev < ARRAY_SIZE(key) ? key[ev] : NULL;
}

const char *vmmu_strerror(int status)
{
	switch (status) {
	case VMMU_OK:
		return "success";
	case VMMU_FAULT:
		return "guest exception";
	case VMMU_MMIO:
		return "not memory";
	case VMMU_AGAIN:
		return "page is being invalidated by the host";
	case VMMU_GP:
		return "general protection fault";
	case VMMU_EINVAL:
		return "invalid argument";
	case VMMU_ENOMEM:
		return "out of memory";
	case VMMU_ENOTSUP:
		return "not supported by this backend";
	case VMMU_EEXIST:
		return "memory slots overlap";
	case VMMU_ENOENT:
		return "no such memory slot";
	case VMMU_EHOST:
		return "the host could not supply a page";
	case VMMU_ELOOP:
		return "the access never completed";
	case VMMU_EBROKEN:
		return "an invariant does not hold";
	}
	return "unknown status";
}

const char *vmmu_reason(const struct vmmu *vm)
{
	return vm->reason;
}

static int vfail(struct vmmu *vm, int status, const char *fmt, va_list ap)
{
	vsnprintf(vm->reason, sizeof(vm->reason), fmt, ap);
	return status;
}

int fail(struct vmmu *vm, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail(vm, status, fmt, ap);
	va_end(ap);
	return status;
}

int vmmu_be_broken(struct vmmu *vm, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail(vm, VMMU_EBROKEN, fmt, ap);
	va_end(ap);
	return VMMU_EBROKEN;
}

static uint64_t tlb_hits(const struct vmmu *vm)
{
	uint64_t sum = 0;
	unsigned i, k;

	for (i = 0; i < vm->cfg.nr_cpus; i++)
		for (k = 0; k < VMMU_TLBS; k++)
			sum += vm->cpu[i]->caches.stats.tlb_hits[k];
	return sum;
}

void vmmu_get_stats(const struct vmmu *vm, struct vmmu_stats *stats)
{
	struct vmmu_stats s;
	size_t size = stats->size < sizeof(s) ? stats->size : sizeof(s);

	memset(&s, 0, sizeof(s));
	s.size = stats->size;
	memcpy(s.event, vm->event, sizeof(s.event));
	s.walk_refs = vm->walk_refs;
	s.sw_refs = vm->sw_refs;
	s.tlb_hits = tlb_hits(vm);
	s.table_bytes = vm->pool.nr * VMMU_PAGE_SIZE;
	s.table_peak = vm->pool.peak * VMMU_PAGE_SIZE;
	s.meta_bytes = vm->meta;
	s.meta_peak = vm->meta_peak;
	memcpy(stats, &s, size);
}

void vmmu_clear_stats(struct vmmu *vm)
{
	unsigned i;

	memset(vm->event, 0, sizeof(vm->event));
	vm->walk_refs = vm->sw_refs = 0;
	vm->pool.peak = vm->pool.nr;
	vm->meta_peak = vm->meta;
	for (i = 0; i < vm->cfg.nr_cpus; i++)
		timing_clear(&vm->cpu[i]->caches);
}
