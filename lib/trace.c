/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encoding of VMTRACE1 records.
 * Not here: files, compression, replaying.
 * Keeps: what put writes, get reads back.
 */
#include <string.h>

#include <vmmu/trace.h>

#include "util.h"

static uint64_t get_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64(v);
}

static void put_u64(void *p, uint64_t v)
{
	v = le64(v);
	memcpy(p, &v, sizeof(v));
}

int vmmu_trace_get_header(const void *bytes, uint64_t *ram_bytes)
{
	if (memcmp(bytes, VMMU_TRACE_MAGIC, 8))
		return -1;
	*ram_bytes = get_u64((const char *)bytes + 8);
	return 0;
}

void vmmu_trace_put_header(void *bytes, uint64_t ram_bytes)
{
	memcpy(bytes, VMMU_TRACE_MAGIC, 8);
	put_u64((char *)bytes + 8, ram_bytes);
}

void vmmu_trace_get(const void *bytes, struct vmmu_trace_record *rec)
{
	uint64_t a = get_u64(bytes);

	rec->type = (uint8_t)a;
	rec->arg = a >> 8;
	rec->b = get_u64((const char *)bytes + 8);
}

void vmmu_trace_put(void *bytes, const struct vmmu_trace_record *rec)
{
	put_u64(bytes, rec->arg << 8 | rec->type);
	put_u64((char *)bytes + 8, rec->b);
}

/*
 * a: va page | type << 8 | 8; b: gpa page | line of the page << 5 | mmio << 4 |
 * privilege.  Recorders that know pages only leave the line 0.
 */
int vmmu_trace_get_access(const struct vmmu_trace_record *rec, struct vmmu_trace_access *acc)
{
	static const uint32_t privilege[3] = { 0, VMMU_USER, VMMU_AC };
	uint64_t a = rec->arg << 8;
	unsigned type = (unsigned)(a >> 8) & 15, priv = (unsigned)rec->b & 15;

	if (type > VMMU_FETCH || priv > 2)
		return -1;
	acc->gva = (a & ~0xfffull) | (rec->b & 0x7e0) << 1;
	acc->gpa = rec->b & ~0xfffull;
	acc->access = type | privilege[priv];
	acc->mmio = rec->b >> 4 & 1;
	return 0;
}

void vmmu_trace_put_access(void *bytes, const struct vmmu_trace_access *acc)
{
	uint64_t priv = acc->access & VMMU_USER ? 1 : acc->access & VMMU_AC ? 2 : 0;

	put_u64(bytes, (acc->gva & ~0xfffull) | (uint64_t)(acc->access & VMMU_TYPE_MASK) << 8 |
			       VMMU_TRACE_ACC);
	put_u64((char *)bytes + 8, (acc->gpa & ~0xfffull) | (acc->gva >> 1 & 0x7e0) |
					   (uint64_t)(acc->mmio != 0) << 4 | priv);
}

uint32_t vmmu_trace_fault_access(const struct vmmu_trace_record *rec)
{
	uint32_t access = rec->arg & VMMU_PF_I	 ? VMMU_FETCH
			  : rec->arg & VMMU_PF_W ? VMMU_WRITE
						 : VMMU_READ;

	return access | (rec->arg & VMMU_PF_U ? VMMU_USER : 0);
}
