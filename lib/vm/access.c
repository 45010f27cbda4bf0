/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses by guest-physical and guest-virtual address: the embedder's own.
 * Not here: translation (translate.c).
 * Keeps: a store is marked dirty before it is done and told to a shadow pager
 * after it is done.
 */
#include <string.h>

#include <vmmu/yield.h>

#include "vm.h"

/* One page, there and (for a store) writable; status as vmmu_read(). */
static int find_page(struct vmmu *vm, uint64_t gpa, int write, struct slot **sp, uint8_t **p)
{
	unsigned tries;
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
		st = host_resolve(vm, kind, gpa, write);
		if (st)
			return st;
	}
	return core_fail(vm, VMMU_ELOOP, "the host never gave 0x%llx", (unsigned long long)gpa);
}

static size_t piece(uint64_t at, size_t left)
{
	size_t room = (size_t)(VMMU_PAGE_SIZE - (at & ~PAGE_MASK));

	return left < room ? left : room;
}

int vmmu_read(struct vmmu *vm, vmmu_gpa_t gpa, void *buf, size_t len, size_t *done)
{
	size_t at = 0;
	int st = VMMU_OK;

	clear_reason(vm);
	while (at < len) {
		size_t n = piece(gpa.v + at, len - at);
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

/* Entries are stored whole, as a CPU does. */
static void store(uint8_t *to, const void *from, size_t n)
{
	uint64_t v8;
	uint32_t v4;

	if (n == 8 && !((uintptr_t)to & 7)) {
		memcpy(&v8, from, 8);
		__atomic_store_n((uint64_t *)(void *)to, v8, __ATOMIC_RELEASE);
	} else if (n == 4 && !((uintptr_t)to & 3)) {
		memcpy(&v4, from, 4);
		__atomic_store_n((uint32_t *)(void *)to, v4, __ATOMIC_RELEASE);
	} else {
		memcpy(to, from, n);
	}
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
		size_t n = piece(gpa.v + at, len - at);
		struct slot *s = NULL;
		uint8_t *p = NULL;

		st = find_page(vm, gpa.v + at, 1, &s, &p);
		if (st)
			break;
		slot_mark_dirty(s, gpa.v + at);
		store(p, (const char *)buf + at, n);
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
	if (!len || piece(gpa.v, len) != len)
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

/* ---- by guest-virtual address ------------------------------------------------ */

static int gva_piece(struct vmmu_cpu *cpu, uint64_t gva, void *buf, size_t n, uint32_t access,
		     struct vmmu_xlat *x)
{
	int st = vmmu_translate(cpu, vmmu_gva(gva), (unsigned)n, access, x);

	if (st)
		return st;
	if ((access & VMMU_TYPE_MASK) != VMMU_WRITE)
		memcpy(buf, x->host, n);
	else if (x->trap)
		return vmmu_write(vmmu_cpu_vm(cpu), cpu, x->gpa, buf, n, NULL);
	else
		store(x->host, buf, n);
	return VMMU_OK;
}

static int copy_gva(struct vmmu_cpu *cpu, uint64_t gva, char *buf, size_t len, uint32_t access,
		    struct vmmu_xlat *fault, size_t *done)
{
	struct vmmu_xlat x;
	size_t at = 0;
	int st = VMMU_OK;

	memset(&x, 0, sizeof(x));
	while (at < len) {
		size_t n = piece(gva + at, len - at);

		st = gva_piece(cpu, gva + at, buf + at, n, access, &x);
		if (st)
			break;
		at += n;
	}
	if (done)
		*done = at;
	if (fault)
		*fault = x;
	return st;
}

int vmmu_read_gva(struct vmmu_cpu *cpu, vmmu_gva_t gva, void *buf, size_t len, uint32_t access,
		  struct vmmu_xlat *fault, size_t *done)
{
	if ((access & VMMU_TYPE_MASK) == VMMU_WRITE)
		return core_fail(vmmu_cpu_vm(cpu), VMMU_EINVAL,
				 "a read with the access of a store");
	return copy_gva(cpu, gva.v, buf, len, access, fault, done);
}

int vmmu_write_gva(struct vmmu_cpu *cpu, vmmu_gva_t gva, const void *buf, size_t len,
		   uint32_t access, struct vmmu_xlat *fault, size_t *done)
{
	/* copy_gva() only reads it for a store. */
	char *from = (char *)(uintptr_t)buf;

	return copy_gva(cpu, gva.v, from, len, (access & ~VMMU_TYPE_MASK) | VMMU_WRITE, fault,
			done);
}
