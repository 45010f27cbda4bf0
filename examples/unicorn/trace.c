/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a VMTRACE1 of a run: what the guest did to its MMU, and each translation.  `vmmu replay`
 * and `vmmu compare` read it.  At each fill this file walks the guest's tables as the CPU did, and
 * so finds which frames are tables.  From then on every store to them traps (mmu_watch_table()).
 * Not here: PKRU, for which the format has no record.
 * Invariant: a table's content is in the trace before the first access that walks it, and so is
 * each later store to it.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmmu/trace.h>

struct trace {
	FILE *out;
	const char *path;
	int failed;
};

static void put(struct run *r, uint8_t type, uint64_t arg, uint64_t b)
{
	const struct vmmu_trace_record rec = { type, arg, b };
	uint8_t bytes[VMMU_TRACE_RECORD_BYTES];

	vmmu_trace_put(bytes, &rec);
	if (fwrite(bytes, sizeof(bytes), 1, r->trace->out) != 1)
		r->trace->failed = 1;
}

int trace_open(struct run *r, const char *path)
{
	uint8_t header[VMMU_TRACE_HEADER_BYTES];
	struct trace *t = calloc(1, sizeof(*t));

	if (!t || !(t->out = fopen(path, "wb"))) {
		run_end(r, END_INPUT, "%s: %s", path, strerror(t ? errno : ENOMEM));
		free(t);
		return -1;
	}
	t->path = path;
	r->trace = t;
	vmmu_trace_put_header(header, r->ram.bytes);
	if (fwrite(header, sizeof(header), 1, t->out) != 1)
		t->failed = 1;
	put(r, VMMU_TRACE_ORIGIN, 0, VMMU_TRACE_BY_VMMU);
	trace_register(r, 0, VMMU_CR0_PE | VMMU_CR0_ET);
	trace_register(r, 3, 0);
	trace_register(r, 4, 0);
	trace_register(r, 8, 0);
	return 0;
}

int trace_close(struct run *r)
{
	struct trace *t = r->trace;
	int ret = 0;

	if (!t)
		return 0;
	if (fclose(t->out) != 0 || t->failed) {
		fprintf(stderr, "vmmu-run: %s: cannot write\n", t->path);
		ret = -1;
	}
	free(t);
	r->trace = NULL;
	return ret;
}

/* ---- tables ---- */

static uint64_t entry_at(const struct run *r, uint64_t gpa, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | r->ram.base[gpa + i];
	return v;
}

static unsigned entry_bytes(const struct run *r)
{
	return r->mmu.wide ? 8 : 4;
}

static void put_table(struct run *r, uint64_t gpa, unsigned level, unsigned size)
{
	unsigned bytes = entry_bytes(r);
	uint64_t nr = 0;

	for (unsigned at = 0; at < size; at += bytes)
		nr += entry_at(r, gpa + at, bytes) != 0;
	put(r, VMMU_TRACE_PTPAGE, gpa, level | nr << 8);
	for (unsigned at = 0; at < size; at += bytes) {
		uint64_t e = entry_at(r, gpa + at, bytes);

		if (e)
			put(r, VMMU_TRACE_PTE, at / bytes, e);
	}
}

static void see_entry(void *ctx, const struct vmmu_step *step)
{
	struct run *r = ctx;
	uint64_t frame = PAGE_OF(step->pa);

	if (!is_ram(r, frame, VMMU_PAGE_SIZE) || (r->mmu.frame[frame >> 12] & FRAME_TABLE))
		return;
	put_table(r, frame, step->level, VMMU_PAGE_SIZE);
	mmu_watch_table(r, frame, FRAME_TABLE);
}

static void see_tables(struct run *r, uint64_t gva, uint32_t access)
{
	struct vmmu_hw hw;
	struct vmmu_regs regs;
	struct vmmu_walk w;

	memset(&hw, 0, sizeof(hw));
	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	vmmu_paging_guest(&hw.g, &regs, machine_profile());
	hw.bus = (struct vmmu_bus){ .base = r->ram.base,
				    .size = r->ram.range[0].hi,
				    .more = &r->ram.range[1],
				    .nr_more = 1 };
	vmmu_walk2(&hw, NULL, vmmu_gva(gva), access | VMMU_NO_AD, see_entry, r, &w);
}

void trace_pdptes(struct run *r, unsigned number, uint64_t value)
{
	struct vmmu_regs regs;
	uint64_t table;

	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	if (number == 0)
		regs.cr0 = value;
	else if (number == 3)
		regs.cr3 = value;
	else if (number == 4)
		regs.cr4 = value;
	table = regs.cr3 & 0xffffffe0;
	if ((regs.cr0 & VMMU_CR0_PG) && (regs.cr4 & VMMU_CR4_PAE) && r->mmu.wide &&
	    !(regs.efer & (VMMU_EFER_LMA | VMMU_EFER_LME)) && is_ram(r, table, 32))
		put_table(r, table, 3, 32);
}

/* ---- events ---- */

void trace_register(struct run *r, unsigned number, uint64_t value)
{
	put(r, VMMU_TRACE_CR, number, value);
}

void trace_invlpg(struct run *r, uint64_t gva)
{
	put(r, VMMU_TRACE_INVLPG, 0, gva);
}

void trace_access(struct run *r, uint64_t gva, uint32_t access, const struct vmmu_xlat *x,
		  int status)
{
	uint64_t a = PAGE_OF(gva) | (access & VMMU_TYPE_MASK) << 8, b = PAGE_OF(x->gpa.v);

	see_tables(r, gva, access);
	if (!(access & VMMU_IMPLICIT))
		b |= access & VMMU_USER ? 1 : access & VMMU_AC ? 2 : 0;
	put(r, VMMU_TRACE_ACC, a >> 8, b | (status == VMMU_MMIO ? 16u : 0));
}

/* The error code tells what kind of access it was. */
void trace_fault(struct run *r, uint32_t code, uint64_t cr2)
{
	uint32_t type = code & VMMU_PF_I ? VMMU_FETCH : code & VMMU_PF_W ? VMMU_WRITE : VMMU_READ;

	see_tables(r, cr2, type | (code & VMMU_PF_U ? VMMU_USER : 0));
	put(r, VMMU_TRACE_FAULT, code, cr2);
}

void trace_store(struct run *r, uint64_t gpa, unsigned n)
{
	unsigned bytes = entry_bytes(r);

	if (!(r->mmu.frame[gpa >> 12] & FRAME_TABLE))
		return;
	for (uint64_t at = gpa & ~(uint64_t)(bytes - 1); at < gpa + n; at += bytes)
		put(r, VMMU_TRACE_PTW, at, entry_at(r, at, bytes));
}
