/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records that change the guest: registers, TLB instructions, and stores to tables, which are all
 * made as guest stores.
 * Not here: checking answers (verify.c).
 * Invariant: nothing is stored outside RAM; a trace that would is broken.
 */
#include "priv.h"

#include <stdio.h>

void apply_mode(struct replay *r, const struct vmmu_regs *regs)
{
	int lma = (regs->efer & VMMU_EFER_LMA) != 0, pae = (regs->cr4 & VMMU_CR4_PAE) != 0;

	r->entry_bytes = lma || pae ? 8 : 4;
	r->pdpt = pae && !lma;
	tcg_regs(&r->tcg, regs);
}

static int failed(struct replay *r, const char *what, int status)
{
	return replay_bad(r, "%s: %s: %s", what, vmmu_strerror(status), vmmu_reason(r->m->vm));
}

static const char *cr_name(uint64_t number)
{
	return number == 0 ? "CR0" : number == 3 ? "CR3" : number == 4 ? "CR4" : "EFER";
}

int apply_cr(struct replay *r, const struct vmmu_trace_record *rec)
{
	struct vmmu_cpu *cpu = r->m->cpu;
	struct vmmu_regs regs;
	char what[64];
	int status;

	switch (rec->arg) {
	case 0:
		status = vmmu_set_cr0(cpu, rec->b);
		break;
	case 3:
		status = vmmu_set_cr3(cpu, rec->b);
		break;
	case 4:
		status = vmmu_set_cr4(cpu, rec->b);
		break;
	case 8:
		status = vmmu_set_efer(cpu, rec->b);
		break;
	default:
		return replay_bad_register(r, rec->arg);
	}
	if (status != VMMU_OK) {
		snprintf(what, sizeof(what), "%s = 0x%llx", cr_name(rec->arg),
			 (unsigned long long)rec->b);
		failed(r, what, status);
		return r->tcg.on ? -1
				 : err_hint(r->err,
					    "If QEMU recorded the trace, no ORIGIN record may name "
					    "somebody else.");
	}
	vmmu_get_regs(cpu, &regs);
	apply_mode(r, &regs);
	return 0;
}

int apply_invlpg(struct replay *r, const struct vmmu_trace_record *rec)
{
	int status = vmmu_invlpg(r->m->cpu, vmmu_gva(rec->b));

	return status == VMMU_OK ? 0 : failed(r, "INVLPG", status);
}

int apply_invpcid(struct replay *r, const struct vmmu_trace_record *rec)
{
	unsigned type = rec->arg & 0xff, pcid = (unsigned)(rec->arg >> 8 & 0xfff);
	int status;

	if (rec->arg >> 20) {
		replay_bad(r, "INVPCID of PCID 0x%llx", (unsigned long long)rec->arg >> 8);
		return err_hint(r->err, "A PCID has 12 bits: bits 16 to 27 of a, above the type.");
	}
	status = vmmu_invpcid(r->m->cpu, type, pcid, vmmu_gva(rec->b));
	return status == VMMU_OK ? 0 : failed(r, "INVPCID", status);
}

static int outside_ram(struct replay *r, const char *what, uint64_t gpa)
{
	replay_bad(r, "%s at 0x%llx is outside RAM", what, (unsigned long long)gpa);
	return err_hint(
		r->err,
		"RAM ends at 0x%llx by the trace's header (byte 8), and 0xa0000 to 0xbffff is "
		"none: correct the header if the guest had more.",
		(unsigned long long)r->trace->ram_bytes);
}

/* Makes a store of the guest's. */
static int store(struct replay *r, uint64_t gpa, const void *bytes, size_t len, const char *what)
{
	int status;

	if (!ranges_have(&r->m->ram, gpa, len))
		return outside_ram(r, what, gpa);
	status = vmmu_write(r->m->vm, r->m->cpu, vmmu_gpa(gpa), bytes, len, NULL);
	return status == VMMU_OK ? 0 : failed(r, what, status);
}

static void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void track(struct replay *r, uint64_t gpa, int on)
{
	uint64_t frame = gpa >> VMMU_PAGE_SHIFT, bit = 1ull << frame % 64;

	if (frame >= r->nr_frames)
		return;
	if (on)
		r->tracked[frame / 64] |= bit;
	else
		r->tracked[frame / 64] &= ~bit;
}

/* Reads the PTE records of one group into a page. */
static int read_entries(struct replay *r, uint8_t *page, uint64_t nr, unsigned most)
{
	for (uint64_t i = 0; i < nr; i++) {
		struct vmmu_trace_record pte;
		int got = replay_next(r, &pte);

		if (got < 0)
			return -1;
		if (got == 0 || pte.type != VMMU_TRACE_PTE) {
			replay_bad(r, "%s after %llu of %llu PTE records of a PTPAGE",
				   got ? "another record" : "the trace ends", (unsigned long long)i,
				   (unsigned long long)nr);
			return err_hint(r->err, "b >> 8 of the PTPAGE says how many PTE records "
						"follow it.");
		}
		if (pte.arg >= most) {
			replay_bad(r, "PTE with index %llu in a table of %u",
				   (unsigned long long)pte.arg, most);
			return err_hint(r->err,
					"a >> 8 of a PTE record is the entry's index; entries "
					"have 4 bytes without PAE and long mode, else 8.");
		}
		put_le(page + pte.arg * r->entry_bytes, pte.b, r->entry_bytes);
	}
	return 0;
}

int apply_ptpage(struct replay *r, const struct vmmu_trace_record *rec)
{
	unsigned level = rec->b & 0xff, size = VMMU_PAGE_SIZE;
	uint64_t nr = rec->b >> 8;
	uint8_t page[VMMU_PAGE_SIZE] = { 0 };

	if (r->pdpt && level == 3)
		size = 32;
	if (level < 1 || level > 5 || nr > size / r->entry_bytes) {
		replay_bad(r, "PTPAGE of level %u with %llu entries", level,
			   (unsigned long long)nr);
		return err_hint(r->err,
				"b & 0xff of a PTPAGE record is the level, 1 to 5, and b >> 8 the "
				"number of PTE records that follow, %u at most in this mode.",
				size / r->entry_bytes);
	}
	if (rec->arg % size) {
		replay_bad(r, "PTPAGE at 0x%llx is not aligned", (unsigned long long)rec->arg);
		return err_hint(r->err,
				"a >> 8 of a PTPAGE record is the table's address; this one "
				"has %u bytes.",
				size);
	}
	if (!ranges_have(&r->m->ram, rec->arg, size))
		return outside_ram(r, "PTPAGE", rec->arg);
	if (read_entries(r, page, nr, size / r->entry_bytes) < 0 ||
	    store(r, rec->arg, page, size, "PTPAGE") < 0)
		return -1;
	track(r, rec->arg, 1);
	return 0;
}

int apply_ptdrop(struct replay *r, const struct vmmu_trace_record *rec)
{
	track(r, rec->arg, 0);
	return 0;
}

int apply_ptw(struct replay *r, const struct vmmu_trace_record *rec)
{
	uint8_t entry[8];

	if (rec->arg % r->entry_bytes) {
		replay_bad(r, "PTW at 0x%llx is not on a %u-byte entry",
			   (unsigned long long)rec->arg, r->entry_bytes);
		return err_hint(r->err,
				"a >> 8 of a PTW record is the address of a whole entry, and b "
				"its value after the store.");
	}
	put_le(entry, rec->b, r->entry_bytes);
	return store(r, rec->arg, entry, r->entry_bytes, "PTW");
}

int apply_same(struct replay *r, uint64_t gpa)
{
	uint8_t page[VMMU_PAGE_SIZE];
	int status;

	gpa &= ~(uint64_t)(VMMU_PAGE_SIZE - 1);
	status = vmmu_read(r->m->vm, vmmu_gpa(gpa), page, sizeof(page), NULL);
	if (status != VMMU_OK)
		return failed(r, "reading a page back", status);
	return store(r, gpa, page, sizeof(page), "store of unchanged content");
}
