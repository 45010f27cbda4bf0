/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of events and statuses, and why a call failed.
 * Not here: raising events (core.h, inline), totals (vm/stats.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core.h"

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
	return core_of(vm)->reason;
}

static int vfail(struct vmmu *vm, int status, const char *fmt, va_list ap)
{
	vsnprintf(core_of(vm)->reason, sizeof(core_of(vm)->reason), fmt, ap);
	return status;
}

int core_fail(struct vmmu *vm, int status, const char *fmt, ...)
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
