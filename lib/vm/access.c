/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses by guest-physical address: the embedder's own.
 * Not here: those by guest-virtual address (access_gva.c).
 * Keeps: a page is marked dirty before the store, and the backend is told of a store to a
 * tracked frame after the store.
 */
#include <string.h>

#include <vmmu/yield.h>

#include "access.h"

/* Finds the memory of one page, which the host may have to give first; a status as vmmu_read(). */
static int find_page(struct vmmu *vm, uint64_t gpa, int write, struct slot **sp, uint8_t **p)
{
	unsigned tries, dropped = 0;
	uint64_t word;
	int st;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		struct slot *s = slot_at(vm, gpa);
		enum vmmu_page_kind kind;

		if (!s || (write && slot_is_readonly(s)))
			return VMMU_MMIO;
		kind = host_page(vm, s, gpa, write, &word);
		if (kind == VMMU_PAGE_THERE) {
			*sp = s;
			*p = host_word_pointer(word, gpa);
			return VMMU_OK;
		}
		st = host_resolve(vm, kind, gpa, write, &dropped);
		if (st)
			return st;
	}
	return core_fail(vm, VMMU_ELOOP, "the host never gave 0x%llx", (unsigned long long)gpa);
}

int vmmu_read(struct vmmu *vm, vmmu_gpa_t gpa, void *buf, size_t len, size_t *done)
{
	size_t at = 0;
	int st = VMMU_OK;

	clear_reason(vm);
	while (at < len) {
		size_t n = access_piece(gpa.v + at, len - at);
		struct slot *s = NULL;
		uint8_t *p = NULL;

		st = find_page(vm, gpa.v + at, 0, &s, &p);
		if (st)
			break;
		memcpy((char *)buf + at, p, n);
		at += n;
	}
	if (done)
		*done = at;
	return st;
}

static void tell_stored(struct vmmu *vm, struct vmmu_cpu *cpu, struct slot *s, uint64_t gpa,
			uint64_t len)
{
	if (!slot_is_tracked(s, gpa))
		return;
	VMMU_YIELD(vm, STORED);
	exit_event(vm, cpu, VMMU_EV_EXIT_PT_WRITE, gpa, len);
	vm->core.be->pt_write(vm, cpu, vmmu_gpa(gpa), len);
}

int vmmu_write(struct vmmu *vm, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, const void *buf, size_t len,
	       size_t *done)
{
	size_t at = 0;
	int st = VMMU_OK;

	clear_reason(vm);
	while (at < len) {
		size_t n = access_piece(gpa.v + at, len - at);
		struct slot *s = NULL;
		uint8_t *p = NULL;

		st = find_page(vm, gpa.v + at, 1, &s, &p);
		if (st)
			break;
		slot_mark_dirty(s, gpa.v + at);
		access_store(p, (const char *)buf + at, n);
		tell_stored(vm, cpu, s, gpa.v + at, n);
		at += n;
	}
	if (done)
		*done = at;
	return st;
}

int vmmu_write_begin(struct vmmu *vm, vmmu_gpa_t gpa, size_t len, void **pointer)
{
	struct slot *s = NULL;
	uint8_t *p = NULL;
	int st;

	clear_reason(vm);
	*pointer = NULL;
	if (!len || access_piece(gpa.v, len) != len)
		return core_fail(vm, VMMU_EINVAL,
				 "a store of %zu bytes at 0x%llx is not in one page", len,
				 (unsigned long long)gpa.v);
	st = find_page(vm, gpa.v, 1, &s, &p);
	if (st)
		return st;
	slot_mark_dirty(s, gpa.v);
	*pointer = p;
	return VMMU_OK;
}

int vmmu_write_end(struct vmmu *vm, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, size_t len)
{
	struct slot *s = slot_at(vm, gpa.v);

	clear_reason(vm);
	if (!s)
		return core_fail(vm, VMMU_ENOENT, "0x%llx is in no slot",
				 (unsigned long long)gpa.v);
	tell_stored(vm, cpu, s, gpa.v, len);
	return VMMU_OK;
}
