/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the library what the guest does to its MMU.  It also makes the accesses of the CPU itself:
 * descriptor tables, exception frames.
 * Not here: noticing such instructions (sense.c), Unicorn's TLB (mmu.c).
 * Invariant: every view is told the same, in the same order.
 */
#include "run.h"

#include <string.h>

/* ---- what the guest does to its MMU ---- */

static int set_register(struct vmmu_cpu *cpu, unsigned number, uint64_t value)
{
	switch (number) {
	case 0:
		return vmmu_set_cr0(cpu, value);
	case 3:
		return vmmu_set_cr3(cpu, value);
	case 4:
		return vmmu_set_cr4(cpu, value);
	default:
		return vmmu_set_efer(cpu, value);
	}
}

/* Keeps copies of the bits that mmu_privilege() and store_ram() need at every fill. */
static void copy_mode_bits(struct run *r)
{
	struct vmmu_regs regs;

	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	r->mmu.protected_mode = (regs.cr0 & VMMU_CR0_PE) != 0;
	r->mmu.long_mode = (regs.efer & VMMU_EFER_LMA) != 0;
	r->mmu.smap = (regs.cr4 & VMMU_CR4_SMAP) != 0;
	r->mmu.wide = r->mmu.long_mode || (regs.cr4 & VMMU_CR4_PAE);
}

int mmu_set_register(struct run *r, unsigned number, uint64_t value)
{
	int st = VMMU_OK;

	if (r->trace)
		trace_pdptes(r, number, value);
	for (unsigned i = 0; i < r->mmu.nr_views && r->end == GOING; i++) {
		const struct view *v = &r->mmu.view[i];
		int now = set_register(v->cpu, number, value);

		if (now < 0 || (now != VMMU_OK && now != VMMU_GP) || (i && now != st))
			run_end(r, END_DIFFERENT, "%s: register %u = 0x%llx: %s%s", v->name, number,
				(unsigned long long)value, vmmu_strerror(now),
				i ? ", but not on the first" : "");
		st = now;
	}
	if (st == VMMU_OK && r->end == GOING) {
		copy_mode_bits(r);
		if (r->trace)
			trace_register(r, number, value);
	}
	if (r->check && r->end == GOING)
		check_register(r, number, value, st);
	return st;
}

void mmu_invlpg(struct run *r, uint64_t gva)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++)
		vmmu_invlpg(r->mmu.view[i].cpu, vmmu_gva(gva));
	if (r->trace)
		trace_invlpg(r, gva);
	if (r->check)
		check_invlpg(r, gva);
}

void mmu_set_pkru(struct run *r, uint32_t value)
{
	for (unsigned i = 0; i < r->mmu.nr_views; i++)
		vmmu_set_pkru(r->mmu.view[i].cpu, value);
	if (r->check)
		check_pkru(r, value);
	if (r->trace && value)
		run_end(r, END_UNSUPPORTED, "PKRU = 0x%x, which a trace cannot tell", value);
}

/* ---- the CPU's own accesses ---- */

static int copy(struct run *r, uint64_t gva, uint8_t *buf, size_t n, uint32_t access,
		struct exception *e)
{
	struct vmmu_xlat x;
	int st = mmu_translate(r, gva, access, &x);

	if (st == VMMU_OK && (access & VMMU_TYPE_MASK) == VMMU_WRITE) {
		uint64_t gpa = x.gpa.v;

		if (mmu_begin_store(r, gpa, n) < 0)
			return -1;
		memcpy(r->ram.base + gpa, buf, n);
		mmu_end_store(r, gpa, n);
		if (r->mmu.frame[gpa >> 12] & FRAME_FETCHED) {
			uc_ctl_flush_tb(r->uc);
			r->sense.age++;
			mmu_flush_tlb(r);
		}
	} else if (st == VMMU_OK) {
		memcpy(buf, r->ram.base + x.gpa.v, n);
	} else if (st == VMMU_MMIO && x.stage == VMMU_STAGE_GPA) {
		for (size_t i = 0; i < n && (access & VMMU_TYPE_MASK) != VMMU_WRITE; i++)
			buf[i] = (uint8_t)device_read(r, x.gpa.v + i, 1);
	} else {
		*e = mmu_exception(r, gva, access, st, &x);
		return -1;
	}
	return 0;
}

static int copy_pages(struct run *r, uint64_t gva, uint8_t *buf, size_t n, uint32_t access,
		      struct exception *e)
{
	mmu_finish_store(r);
	while (n) {
		size_t piece = VMMU_PAGE_SIZE - (gva & 0xfff);

		if (piece > n)
			piece = n;
		if (r->end != GOING || copy(r, gva, buf, piece, access, e) < 0)
			return -1;
		gva += piece;
		buf += piece;
		n -= piece;
	}
	return 0;
}

int mmu_read(struct run *r, uint64_t gva, void *buf, size_t n, uint32_t access, struct exception *e)
{
	return copy_pages(r, gva, buf, n, access, e);
}

int mmu_write(struct run *r, uint64_t gva, const void *buf, size_t n, uint32_t access,
	      struct exception *e)
{
	/* For a store copy() only reads the buffer. */
	return copy_pages(r, gva, (uint8_t *)(uintptr_t)buf, n, access | VMMU_WRITE, e);
}
