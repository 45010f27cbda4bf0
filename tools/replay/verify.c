/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records with an answer of the recorded CPU: ACC and FAULT.
 * Invariant: every such record is counted as checked, or the replay fails.
 */
#include "priv.h"

#include <stdio.h>

#define PAGE_OF(a) ((a) & ~(uint64_t)(VMMU_PAGE_SIZE - 1))
#define GPA_UNKNOWN PAGE_OF(~0ull)
#define VECTOR_PF 14

static const char *access_name(uint32_t access)
{
	static const char *const names[3][3] = {
		{ "supervisor read", "user read", "supervisor read (AC=1)" },
		{ "supervisor write", "user write", "supervisor write (AC=1)" },
		{ "supervisor fetch", "user fetch", "supervisor fetch (AC=1)" },
	};

	return names[(access & VMMU_TYPE_MASK) % 3][vmmu_mode(access)];
}

/* Writes a result in words. */
static void say(char *buf, size_t len, int status, const struct vmmu_xlat *x, struct vmmu *vm)
{
	if (status == VMMU_FAULT && x->fault.vector == VECTOR_PF)
		snprintf(buf, len, "#PF code %04x CR2 0x%llx", x->fault.code,
			 (unsigned long long)x->fault.cr2);
	else if (status == VMMU_FAULT)
		snprintf(buf, len, "exception %u", x->fault.vector);
	else if (status == VMMU_OK || status == VMMU_MMIO)
		snprintf(buf, len, "%s 0x%llx%s", status == VMMU_OK ? "gpa" : "mmio",
			 (unsigned long long)x->gpa.v,
			 status == VMMU_MMIO && x->stage == VMMU_STAGE_TABLE ? " (a table)" : "");
	else
		snprintf(buf, len, "%s: %s", vmmu_strerror(status), vmmu_reason(vm));
}

static void wrong(struct replay *r, uint64_t gva, uint32_t access, const char *want, int status,
		  const struct vmmu_xlat *x)
{
	char got[128];

	say(got, sizeof(got), status, x, r->m->vm);
	result_mismatch(r->res, "record %llu: %s of 0x%llx: want %s, got %s",
			(unsigned long long)r->record, access_name(access), (unsigned long long)gva,
			want, got);
}

static int right_granted(uint32_t access, const struct vmmu_xlat *x)
{
	static const uint8_t need[3] = { VMMU_R, VMMU_W, VMMU_X };
	unsigned type = access & VMMU_TYPE_MASK;

	if (x->rights & need[type])
		return 1;
	return x->once || (type == VMMU_WRITE && x->trap);
}

static int answer_right(const struct vmmu_trace_access *acc, int status, const struct vmmu_xlat *x)
{
	if (acc->gpa == GPA_UNKNOWN) /* rights only */
		return status == VMMU_OK || (status == VMMU_MMIO && x->stage == VMMU_STAGE_GPA);
	if (PAGE_OF(x->gpa.v) != acc->gpa)
		return 0;
	if (acc->mmio)
		return status == VMMU_MMIO && x->stage == VMMU_STAGE_GPA;
	return status == VMMU_OK && right_granted(acc->access, x);
}

static void touch(struct replay *r, uint64_t gpa)
{
	uint64_t frame = gpa >> VMMU_PAGE_SHIFT;

	if (frame < r->nr_frames)
		r->touched[frame / 64] |= 1ull << frame % 64;
}

int verify_access(struct replay *r, const struct vmmu_trace_record *rec)
{
	struct vmmu_trace_access acc;
	struct vmmu_xlat x;
	char want[64];
	int status;

	if (vmmu_trace_get_access(rec, &acc) < 0) {
		replay_bad(r, "ACC of an unknown kind, 0x%llx 0x%llx", (unsigned long long)rec->arg,
			   (unsigned long long)rec->b);
		return err_hint(r->err,
				"Bits 8 to 11 of a are 0 (read), 1 (write) or 2 (fetch), bits 0 "
				"to 3 of b 0 (supervisor), 1 (user) or 2 (AC=1).");
	}
	status = vmmu_translate(r->m->cpu, vmmu_gva(acc.gva), 1, acc.access, &x);
	r->res->accesses++;
	r->res->rights++;
	r->res->gpas += acc.gpa != GPA_UNKNOWN;
	r->res->mmios += acc.mmio != 0;
	if (!answer_right(&acc, status, &x)) {
		snprintf(want, sizeof(want), "%s 0x%llx", acc.mmio ? "mmio" : "gpa",
			 (unsigned long long)acc.gpa);
		wrong(r, acc.gva, acc.access, want, status, &x);
		return 0;
	}
	touch(r, x.gpa.v);
	/*
	 * The trace has dropped this frame as a table, and a shadow backend may still protect it.
	 */
	if (status == VMMU_OK && x.trap && (acc.access & VMMU_TYPE_MASK) == VMMU_WRITE &&
	    !is_tracked(r, x.gpa.v))
		return apply_same(r, x.gpa.v);
	return 0;
}

int verify_fault(struct replay *r, const struct vmmu_trace_record *rec)
{
	uint32_t access = vmmu_trace_fault_access(rec);
	struct vmmu_xlat x;
	char want[64];
	int status = vmmu_translate(r->m->cpu, vmmu_gva(rec->b), 1, access, &x);

	r->res->faults++;
	r->res->codes++;
	if (status == VMMU_FAULT && x.fault.vector == VECTOR_PF && x.fault.code == rec->arg &&
	    x.fault.cr2 == rec->b)
		return 0;
	snprintf(want, sizeof(want), "#PF code %04llx CR2 0x%llx", (unsigned long long)rec->arg,
		 (unsigned long long)rec->b);
	wrong(r, rec->b, access, want, status, &x);
	return 0;
}

void verify_invariants(struct replay *r)
{
	int status = vmmu_check(r->m->vm);

	r->res->checks++;
	if (status != VMMU_OK)
		result_mismatch(r->res, "record %llu: vmmu_check(): %s: %s",
				(unsigned long long)r->record, vmmu_strerror(status),
				vmmu_reason(r->m->vm));
}
