/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event-trace format VMTRACE1: what a guest did to its MMU, in order.
 * A 16-byte header (magic, u64le bytes of RAM), then records of two u64le.
 * Only the encoding lives here; reading files, decompressing and replaying
 * are the caller's.
 */
#ifndef VMMU_TRACE_H
#define VMMU_TRACE_H

#include <vmmu/hw.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMMU_TRACE_MAGIC "VMTRACE1"
#define VMMU_TRACE_HEADER_BYTES 16u
#define VMMU_TRACE_RECORD_BYTES 16u

/* Types a reader does not know are to be skipped. */
enum vmmu_trace_type {
	/* arg: register 0, 3, 4 or 8 (EFER); b: value, with bit 63 of a MOV to CR3 */
	VMMU_TRACE_CR = 1,
	VMMU_TRACE_INVLPG = 2,	 /* b: gva */
	VMMU_TRACE_FLUSH = 3,	 /* the silicon's TLB was emptied */
	VMMU_TRACE_PTPAGE = 4,	 /* arg: gpa; b: level | number of PTE records << 8 */
	VMMU_TRACE_PTE = 5,	 /* arg: index; b: entry */
	VMMU_TRACE_PTDROP = 6,	 /* arg >> 12: frame; b: level */
	VMMU_TRACE_PTW = 7,	 /* arg: gpa of the entry; b: value after the store */
	VMMU_TRACE_ACC = 8,	 /* see below */
	VMMU_TRACE_FAULT = 9,	 /* arg: #PF error code; b: CR2 */
	VMMU_TRACE_MARK = 10,	 /* b: 1 start, 2 end of the window */
	VMMU_TRACE_COUNT = 11,	 /* arg: instructions, b: accesses since the last */
	VMMU_TRACE_INVPCID = 12, /* arg: enum vmmu_invpcid | PCID << 8; b: gva */
	/* b: who recorded, VMMU_TRACE_BY_...; before the first ACC or FAULT.  None: QEMU */
	VMMU_TRACE_ORIGIN = 13,
};

/* Up to eight characters, the first in the lowest byte. */
#define VMMU_TRACE_BY_QEMU 0x554d4551ull /* "QEMU": its TCG, with all that it does otherwise */
#define VMMU_TRACE_BY_VMMU 0x756d6d76ull /* "vmmu": libvmmu's command */

/* One record, decoded: type = a & 0xff, arg = a >> 8. */
struct vmmu_trace_record {
	uint8_t type;
	uint64_t arg, b;
};

/* An ACC record, decoded. */
struct vmmu_trace_access {
	uint64_t gva;	 /* to the 64-byte line where the record has it, else the page */
	uint64_t gpa;	 /* the page; ~0xfff: rights only */
	uint32_t access; /* VMMU_READ/WRITE/FETCH | VMMU_USER | VMMU_AC */
	int mmio;
};

/* 0, or -1: not this format. */
VMMU_API int vmmu_trace_get_header(const void *bytes, uint64_t *ram_bytes);
VMMU_API void vmmu_trace_put_header(void *bytes, uint64_t ram_bytes);
VMMU_API void vmmu_trace_get(const void *bytes, struct vmmu_trace_record *rec);
VMMU_API void vmmu_trace_put(void *bytes, const struct vmmu_trace_record *rec);
/* 0, or -1: a reserved type or privilege. */
VMMU_API int vmmu_trace_get_access(const struct vmmu_trace_record *rec,
				   struct vmmu_trace_access *acc);
/*
 * The record of an access: bits 5:0 of gva and 11:0 of gpa are dropped.  Of
 * VMMU_USER and VMMU_AC at most one, nothing else beside the type.
 */
VMMU_API void vmmu_trace_put_access(void *bytes, const struct vmmu_trace_access *acc);
/* The access that a FAULT record's error code tells of. */
VMMU_API uint32_t vmmu_trace_fault_access(const struct vmmu_trace_record *rec);

#ifdef __cplusplus
}
#endif
#endif
