/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses by guest-virtual address, as an instruction emulator makes them: translated page by
 * page. Not here: translation (translate.c), stores to tracked frames (access.c).
 */
#include "access.h"

static int gva_piece(struct vmmu_cpu *cpu, uint64_t gva, void *buf, size_t n, uint32_t access,
		     struct vmmu_xlat *x)
{
	int st = vmmu_translate(cpu, vmmu_gva(gva), (unsigned)n, access, x);

	if (st)
		return st;
	if ((access & VMMU_TYPE_MASK) != VMMU_WRITE)
		memcpy(buf, x->host, n);
	else if (x->trap)
		return vmmu_write(cpu->vm, cpu, x->gpa, buf, n, NULL);
	else
		access_store(x->host, buf, n);
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
		size_t n = access_piece(gva + at, len - at);

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
		return core_fail(cpu->vm, VMMU_EINVAL, "a read with the access of a store");
	return copy_gva(cpu, gva.v, buf, len, access, fault, done);
}

int vmmu_write_gva(struct vmmu_cpu *cpu, vmmu_gva_t gva, const void *buf, size_t len,
		   uint32_t access, struct vmmu_xlat *fault, size_t *done)
{
	/* copy_gva() does not write to its buffer when the access is a store. */
	char *from = (char *)(uintptr_t)buf;

	return copy_gva(cpu, gva.v, from, len, (access & ~VMMU_TYPE_MASK) | VMMU_WRITE, fault,
			done);
}
