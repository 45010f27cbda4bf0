/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recorded guest, VMTRACE1 of <vmmu/trace.h>, which goes on record by record.
 * Not here: reports and every kind of check; `vmmu replay` has those.
 * Keeps: nothing is stored outside the guest's memory; a trace that wants that has come to its end.
 */
#include <stdlib.h>
#include <string.h>

#include <vmmu/trace.h>

#include "world.h"

#define RAM_MOST (512ull << 20)
#define TRACE_MOST (256u << 20)

int is_trace(const uint8_t *bytes, size_t size)
{
	return size >= 8 && !memcmp(bytes, VMMU_TRACE_MAGIC, 8);
}

void trace_forget(struct play *p)
{
	free(p->trace.bytes);
	memset(&p->trace, 0, sizeof(p->trace));
}

/* The record at `at`; 0 at the end. */
static int peek(const struct play *p, struct vmmu_trace_record *rec)
{
	if (p->trace.at >= p->trace.nr)
		return 0;
	vmmu_trace_get(p->trace.bytes + VMMU_TRACE_HEADER_BYTES +
			       p->trace.at * VMMU_TRACE_RECORD_BYTES,
		       rec);
	return 1;
}

static unsigned entry_size(const struct play *p)
{
	return p->trace.wide ? 8 : 4;
}

/* A table's page as the guest has written it, in one piece. */
static int take_table(struct play *p, const struct vmmu_trace_record *rec)
{
	uint64_t entries[VMMU_PAGE_SIZE / 8] = { 0 }, left = rec->b >> 8;
	unsigned bytes = entry_size(p);
	struct vmmu_trace_record e;

	if (rec->arg % 32 || rec->arg >= p->ram_bytes)
		return play_fail(p, "record %llu: a table outside memory",
				 (unsigned long long)p->trace.at);
	for (; left && peek(p, &e) && e.type == VMMU_TRACE_PTE; left--, p->trace.at++) {
		if (e.arg >= VMMU_PAGE_SIZE / bytes)
			return play_fail(p, "record %llu: entry %llu of a table",
					 (unsigned long long)p->trace.at,
					 (unsigned long long)e.arg);
		memcpy((uint8_t *)entries + e.arg * bytes, &e.b, bytes);
	}
	return guest_write(p, rec->arg, entries, rec->arg % VMMU_PAGE_SIZE ? 32 : VMMU_PAGE_SIZE);
}

static int take_access(struct play *p, const struct vmmu_trace_record *rec)
{
	const struct machine *m = &p->machine[NATIVE];
	struct vmmu_trace_access acc;

	if (vmmu_trace_get_access(rec, &acc))
		return 0;
	guest_access(p, acc.gva, acc.access);
	if (acc.gpa != (~0ull & ~0xfffull) && !acc.mmio && m->status == VMMU_OK)
		p->trace.differ += (m->xlat.gpa.v ^ acc.gpa) >> VMMU_PAGE_SHIFT != 0;
	p->trace.differ += m->status == VMMU_FAULT;
	return 0;
}

static int take_fault(struct play *p, const struct vmmu_trace_record *rec)
{
	const struct machine *m = &p->machine[NATIVE];

	guest_access(p, rec->b, vmmu_trace_fault_access(rec));
	p->trace.differ += m->status != VMMU_FAULT || m->xlat.fault.code != rec->arg;
	return 0;
}

static int take_invpcid(struct play *p, const struct vmmu_trace_record *rec)
{
	for (unsigned i = 0; i < NR_MACHINES; i++)
		p->machine[i].status =
			vmmu_invpcid(p->machine[i].cpu, rec->arg & 0xff,
				     (unsigned)(rec->arg >> 8 & 0xfff), vmmu_gva(rec->b));
	return 0;
}

static int take_cr(struct play *p, const struct vmmu_trace_record *rec)
{
	static const char *const name[] = { "cr0", "", "", "cr3", "cr4", "", "", "", "efer" };

	if (rec->arg > 8 || !*name[rec->arg])
		return play_fail(p, "record %llu: register %llu", (unsigned long long)p->trace.at,
				 (unsigned long long)rec->arg);
	if (rec->arg == 4)
		p->trace.wide = (rec->b & VMMU_CR4_PAE) != 0;
	return guest_set(p, name[rec->arg], rec->b);
}

/* 1: something happened; 0: it is of no interest here; -1: p->error. */
static int take(struct play *p, const struct vmmu_trace_record *rec)
{
	switch (rec->type) {
	case VMMU_TRACE_CR:
		return take_cr(p, rec) ? -1 : 1;
	case VMMU_TRACE_INVLPG:
		for (unsigned i = 0; i < NR_MACHINES; i++)
			vmmu_invlpg(p->machine[i].cpu, vmmu_gva(rec->b));
		return 1;
	case VMMU_TRACE_FLUSH:
		for (unsigned i = 0; i < NR_MACHINES; i++)
			vmmu_hw_flush(p->machine[i].cpu);
		return 1;
	case VMMU_TRACE_PTPAGE:
		return take_table(p, rec) ? -1 : 1;
	case VMMU_TRACE_PTW:
		return guest_store(p, rec->arg, rec->b, entry_size(p)) ? -1 : 1;
	case VMMU_TRACE_ACC:
		return take_access(p, rec) ? -1 : 1;
	case VMMU_TRACE_FAULT:
		return take_fault(p, rec) ? -1 : 1;
	case VMMU_TRACE_INVPCID:
		return take_invpcid(p, rec) ? -1 : 1;
	default:
		return 0;
	}
}

int trace_next(struct play *p, uint64_t nr)
{
	struct vmmu_trace_record rec;

	if (!p->trace.bytes)
		return play_fail(p, "there is no trace that could go on");
	if (p->trace.at == p->trace.nr)
		return play_fail(p, "the trace is at its end");
	while (nr && peek(p, &rec)) {
		int got;

		p->trace.at++;
		world_mark(p);
		got = take(p, &rec);
		if (got < 0) {
			p->trace.at = p->trace.nr;
			return -1;
		}
		nr -= (unsigned)got;
	}
	return 0;
}

static int is_initial(const struct vmmu_trace_record *rec)
{
	return rec->type != VMMU_TRACE_ACC && rec->type != VMMU_TRACE_FAULT;
}

/* The registers as all records before the first access leave them. */
static void first_regs(struct play *p, struct vmmu_regs *regs)
{
	struct vmmu_trace_record rec;

	for (; peek(p, &rec) && is_initial(&rec); p->trace.at++) {
		if (rec.type != VMMU_TRACE_CR)
			continue;
		if (rec.arg == 0)
			regs->cr0 = rec.b;
		else if (rec.arg == 3)
			regs->cr3 = rec.b & ~(1ull << 63);
		else if (rec.arg == 4)
			regs->cr4 = rec.b;
		else if (rec.arg == 8)
			regs->efer = rec.b;
	}
	p->trace.at = 0;
	p->trace.wide = (regs->cr4 & VMMU_CR4_PAE) != 0;
}

/* What comes before the first access is the state to begin with: memory, then registers. */
static int begin(struct play *p)
{
	const struct vmmu_regs reset = { .cr0 = VMMU_CR0_ET };
	struct vmmu_regs regs = reset;
	struct vmmu_trace_record rec;

	first_regs(p, &regs);
	if (world_start(p, &reset))
		return -1;
	while (peek(p, &rec) && is_initial(&rec)) {
		p->trace.at++;
		if ((rec.type == VMMU_TRACE_PTPAGE || rec.type == VMMU_TRACE_PTW) &&
		    take(p, &rec) < 0)
			return -1;
	}
	return world_start(p, &regs);
}

int trace_load(struct play *p, const uint8_t *bytes, size_t size)
{
	uint64_t ram;

	if (size < VMMU_TRACE_HEADER_BYTES || vmmu_trace_get_header(bytes, &ram))
		return play_fail(p, "this trace ends within its header");
	if (!ram || ram % (2u << 20) || ram > RAM_MOST || size > TRACE_MOST)
		return play_fail(
			p, "a trace of %llu MiB of RAM and %llu MiB; this page takes %llu and %u",
			(unsigned long long)(ram >> 20), (unsigned long long)size >> 20,
			RAM_MOST >> 20, TRACE_MOST >> 20);
	trace_forget(p);
	p->trace.bytes = malloc(size);
	if (!p->trace.bytes)
		return play_fail(p, "no memory for the trace");
	memcpy(p->trace.bytes, bytes, size);
	p->trace.nr = (size - VMMU_TRACE_HEADER_BYTES) / VMMU_TRACE_RECORD_BYTES;
	p->is_core = 1;
	p->next_free = ram;
	p->sample = 0;
	memcpy(p->preset, "trace", 6);
	if (!world_memory(p, ram) && !begin(p))
		return 0;
	world_stop(p);
	trace_forget(p);
	return -1;
}
