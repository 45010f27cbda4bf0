/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivers exceptions and interrupts: through the IVT in real mode, through the IDT in protected
 * and long mode, with the switch to an inner stack by TSS or IST (SDM vol. 3, 6.10 to 6.15).
 * Unicorn delivers nothing by itself.
 * Not here: task gates (task.c), and virtual-8086 mode, which ends the run as not emulated.
 * Invariant: either the whole frame is written and the CPU is in the handler, or another exception
 * is delivered instead.  A triple fault ends the run.
 */
#include "run.h"

#include <string.h>

#define FLAG_TF (1u << 8)
#define FLAG_IF (1u << 9)
#define FLAG_NT (1u << 14)
#define FLAG_RF (1u << 16)
#define FLAG_VM (1u << 17)

enum {
	EXC_DB = 1,
	EXC_BP = 3,
	EXC_OF = 4,
	EXC_DF = 8,
	EXC_TS = 10,
	EXC_NP = 11,
	EXC_SS = 12,
	EXC_GP = 13,
	EXC_PF = 14,
	EXC_AC = 17,
};

#define GATE_TASK 5u

/* An exception frame that is being made. */
struct frame {
	struct run *r;
	const struct exception *e;
	struct exception *nested; /* raised while the frame is made */
	struct seg cs, ss, old_cs, old_ss;
	uint64_t rip, rsp, old_rip, old_rsp, flags, handler;
	unsigned type, ist, cpl;
	unsigned slot; /* bytes of one push */
	int inner;     /* the handler is more privileged */
	int lma;
};

static int fail(struct frame *f, int vector, uint32_t code)
{
	*f->nested = (struct exception){ .vector = vector, .code = code };
	return -1;
}

/* The EXT bit of error codes: the cause was not an INT instruction. */
static uint32_t external(const struct frame *f)
{
	return f->e->kind == EXC_INT ? 0 : 1;
}

static int read_system(struct frame *f, uint64_t at, void *buf, size_t n)
{
	return mmu_read(f->r, f->lma ? at : (uint32_t)at, buf, n, VMMU_READ | VMMU_IMPLICIT,
			f->nested);
}

static int push(struct frame *f, uint64_t value)
{
	uint64_t mask = f->lma ? ~0ull : f->ss.flags & DESC_B ? UINT32_MAX : UINT16_MAX;
	uint64_t at;
	uint32_t access = VMMU_WRITE | (f->cpl == 3 ? VMMU_USER : 0);

	f->rsp = (f->rsp & ~mask) | ((f->rsp - f->slot) & mask);
	at = f->lma ? f->rsp : (uint32_t)(f->ss.base + (f->rsp & mask));
	if (mmu_write(f->r, at, &value, f->slot, access, f->nested) < 0)
		return -1;
	return 0;
}

/* ---- gates ------------------------------------------------------------------------------- */

static int has_code(const struct exception *e)
{
	if (e->kind != EXC_FAULT)
		return 0;
	return e->vector == EXC_DF || (e->vector >= EXC_TS && e->vector <= EXC_PF) ||
	       e->vector == EXC_AC;
}

static int read_gate(struct frame *f)
{
	uint32_t index = (uint32_t)f->e->vector, bytes = f->lma ? 16 : 8, word[4] = { 0 };
	uint32_t code = index * 8 + 2 + external(f);
	uc_x86_mmr idt;

	cpu_table(&f->r->cpu, UC_X86_REG_IDTR, &idt);
	if (index * bytes + bytes - 1 > idt.limit)
		return fail(f, EXC_GP, code);
	if (read_system(f, idt.base + index * bytes, word, bytes) < 0)
		return -1;
	f->type = word[1] >> 8 & 31;
	if (f->type != 14 && f->type != 15 &&
	    (f->lma || (f->type != GATE_TASK && f->type != 6 && f->type != 7)))
		return fail(f, EXC_GP, code);
	if (f->e->kind == EXC_INT && (word[1] >> 13 & 3) < cpu_cpl(&f->r->cpu))
		return fail(f, EXC_GP, index * 8 + 2);
	if (!(word[1] & DESC_P))
		return fail(f, EXC_NP, code);
	f->cs.selector = (uint16_t)(word[0] >> 16);
	f->handler = (word[0] & 0xffff) | (word[1] & 0xffff0000u) | (uint64_t)word[2] << 32;
	if (f->type < 8)
		f->handler &= 0xffff;
	f->ist = f->lma ? word[1] & 7 : 0;
	f->slot = f->lma ? 8 : f->type < 8 ? 2 : 4;
	return 0;
}

/* Reads the descriptor of a selector.  `vector` is raised if there is none. */
static int read_descriptor(struct frame *f, struct seg *s, int vector)
{
	uint32_t word[2];
	uc_x86_mmr table;

	if (!(s->selector & ~3u))
		return fail(f, vector, external(f));
	cpu_table(&f->r->cpu, s->selector & 4 ? UC_X86_REG_LDTR : UC_X86_REG_GDTR, &table);
	if ((s->selector | 7u) > table.limit)
		return fail(f, vector, (s->selector & ~3u) | external(f));
	if (read_system(f, table.base + (s->selector & ~7u), word, sizeof(word)) < 0)
		return -1;
	s->flags = word[1] & 0x00f0ff00;
	s->base = (word[0] >> 16) | (word[1] & 0xff) << 16 | (word[1] & 0xff000000u);
	s->limit = (word[0] & 0xffff) | (word[1] & 0xf0000);
	if (s->flags & DESC_G)
		s->limit = s->limit << 12 | 0xfff;
	return 0;
}

static int read_code_segment(struct frame *f)
{
	uint32_t code, want = DESC_S | DESC_CODE;

	if (read_descriptor(f, &f->cs, EXC_GP) < 0)
		return -1;
	code = (f->cs.selector & ~3u) | external(f);
	if ((f->cs.flags & want) != want || DESC_DPL(f->cs.flags) > f->cpl)
		return fail(f, EXC_GP, code);
	if (f->lma && (f->cs.flags & (DESC_L | DESC_B)) != DESC_L)
		return fail(f, EXC_GP, code);
	if (!(f->cs.flags & DESC_P))
		return fail(f, EXC_NP, code);
	if (!(f->cs.flags & DESC_C) && DESC_DPL(f->cs.flags) < f->cpl) {
		f->inner = 1;
		f->cpl = DESC_DPL(f->cs.flags);
	}
	f->cs.selector = (uint16_t)((f->cs.selector & ~3u) | f->cpl);
	return 0;
}

/* ---- stacks -------------------------------------------------------------------------------- */

/* Long mode: the stack is RSPn or ISTn of the TSS, and SS is a null selector. */
static int switch_stack64(struct frame *f, const uc_x86_mmr *tr)
{
	unsigned at = f->ist ? 28 + 8 * f->ist : 4 + 8 * f->cpl;

	if (at + 7 > tr->limit)
		return fail(f, EXC_TS, (tr->selector & ~3u) | external(f));
	if (read_system(f, tr->base + at, &f->rsp, 8) < 0)
		return -1;
	if (f->inner)
		f->ss = (struct seg){ .selector = (uint16_t)f->cpl,
				      .flags = f->cpl << 13 | DESC_P | DESC_S | DESC_RW };
	return 0;
}

static int switch_stack32(struct frame *f, const uc_x86_mmr *tr)
{
	int wide = (tr->flags >> 8 & 15) >= 9; /* a TSS of 32 bits */
	unsigned at = wide ? 4 + 8 * f->cpl : 2 + 4 * f->cpl;
	uint32_t want = DESC_S | DESC_RW;
	uint32_t esp = 0, code;
	uint16_t ss = 0;

	if (at + (wide ? 5 : 3) > tr->limit)
		return fail(f, EXC_TS, (tr->selector & ~3u) | external(f));
	if (read_system(f, tr->base + at, &esp, wide ? 4 : 2) < 0 ||
	    read_system(f, tr->base + at + (wide ? 4 : 2), &ss, 2) < 0)
		return -1;
	f->rsp = esp;
	f->ss.selector = ss;
	if (read_descriptor(f, &f->ss, EXC_TS) < 0)
		return -1;
	code = (ss & ~3u) | external(f);
	if ((ss & 3) != f->cpl || DESC_DPL(f->ss.flags) != f->cpl ||
	    (f->ss.flags & (want | DESC_CODE)) != want)
		return fail(f, EXC_TS, code);
	return f->ss.flags & DESC_P ? 0 : fail(f, EXC_SS, code);
}

static int switch_stack(struct frame *f)
{
	uc_x86_mmr tr;

	cpu_table(&f->r->cpu, UC_X86_REG_TR, &tr);
	if (f->lma && (f->inner || f->ist)) {
		if (switch_stack64(f, &tr) < 0)
			return -1;
	} else if (f->inner && switch_stack32(f, &tr) < 0) {
		return -1;
	}
	if (f->lma)
		f->rsp &= ~15ull;
	return 0;
}

static int push_frame(struct frame *f)
{
	if ((f->lma || f->inner) && (push(f, f->old_ss.selector) < 0 || push(f, f->old_rsp) < 0))
		return -1;
	if (push(f, f->flags) < 0 || push(f, f->old_cs.selector) < 0 || push(f, f->old_rip) < 0)
		return -1;
	return has_code(f->e) ? push(f, f->e->code) : 0;
}

/* ---- entering the handler ---- */

static void enter(struct frame *f)
{
	struct cpu *c = &f->r->cpu;
	uint64_t clear = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;

	if (!(f->type & 1)) /* an interrupt gate */
		clear |= FLAG_IF;
	cpu_set_seg(c, SEG_CS, &f->cs);
	cpu_set_seg(c, SEG_SS, &f->ss);
	cpu_set_mode(c, f->cpl);
	cpu_clear_exception(c);
	cpu_put(c);
	cpu_set_reg(c, UC_X86_REG_RSP, f->rsp);
	cpu_set_reg(c, UC_X86_REG_RFLAGS, f->flags & ~clear);
	cpu_set_reg(c, UC_X86_REG_RIP, f->handler);
}

static void begin(struct frame *f, struct run *r, const struct exception *e,
		  struct exception *nested)
{
	struct vmmu_regs regs;

	memset(f, 0, sizeof(*f));
	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	f->r = r;
	f->e = e;
	f->nested = nested;
	f->lma = (regs.efer & VMMU_EFER_LMA) != 0;
	cpu_get(&r->cpu);
	f->cpl = cpu_cpl(&r->cpu);
	cpu_seg(&r->cpu, SEG_CS, &f->old_cs);
	cpu_seg(&r->cpu, SEG_SS, &f->old_ss);
	f->ss = f->old_ss;
	f->old_rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);
	if (!cpu_is_code64(&r->cpu))
		f->old_rip = (uint32_t)f->old_rip;
	f->rsp = f->old_rsp = cpu_reg(&r->cpu, UC_X86_REG_RSP);
	f->flags = cpu_reg(&r->cpu, UC_X86_REG_RFLAGS);
}

static int real_mode(struct frame *f)
{
	uint32_t vector = (uint32_t)f->e->vector, target;
	uc_x86_mmr idt;

	cpu_table(&f->r->cpu, UC_X86_REG_IDTR, &idt);
	if (vector * 4 + 3 > idt.limit)
		return fail(f, vector == EXC_DF ? EXC_GP : EXC_DF, 0);
	if (read_system(f, idt.base + vector * 4, &target, 4) < 0)
		return -1;
	f->slot = 2;
	f->type = 6; /* IF is cleared */
	f->ss.flags &= ~DESC_B;
	if (push(f, f->flags) < 0 || push(f, f->old_cs.selector) < 0 || push(f, f->old_rip) < 0)
		return -1;
	f->cs = f->old_cs;
	f->cs.selector = (uint16_t)(target >> 16);
	f->cs.base = (uint64_t)f->cs.selector << 4;
	f->handler = target & 0xffff;
	f->ss = f->old_ss;
	return 0;
}

static int by_task(struct frame *f)
{
	if (f->e->vector == EXC_PF && f->e->kind == EXC_FAULT) {
		cpu_set_cr2(&f->r->cpu, f->e->cr2);
		cpu_put(&f->r->cpu);
	}
	cpu_set_reg(&f->r->cpu, UC_X86_REG_RFLAGS, f->flags);
	return task_switch(f->r, f->cs.selector, has_code(f->e) ? &f->e->code : NULL, f->nested);
}

static int try_deliver(struct run *r, const struct exception *e, struct exception *nested)
{
	struct frame f;

	begin(&f, r, e, nested);
	if (!r->mmu.protected_mode) {
		if (real_mode(&f) < 0)
			return -1;
	} else {
		if (f.flags & FLAG_VM)
			run_end(r, END_UNSUPPORTED, "exception %d in virtual-8086 mode", e->vector);
		if (e->kind == EXC_FAULT && e->vector != EXC_DB)
			f.flags |= FLAG_RF;
		if (read_gate(&f) < 0)
			return -1;
		if (f.type == GATE_TASK)
			return by_task(&f);
		if (read_code_segment(&f) < 0 || switch_stack(&f) < 0 || push_frame(&f) < 0)
			return -1;
	}
	if (r->end != GOING)
		return 0;
	if (e->vector == EXC_PF && e->kind == EXC_FAULT)
		cpu_set_cr2(&r->cpu, e->cr2);
	enter(&f);
	return 0;
}

/* SDM vol. 3, table 6-4. */
static int is_contributory(const struct exception *e)
{
	return e->kind == EXC_FAULT &&
	       (e->vector == 0 || (e->vector >= EXC_TS && e->vector <= EXC_GP));
}

static struct exception combine(const struct exception *first, const struct exception *second)
{
	int pf = first->kind == EXC_FAULT && first->vector == EXC_PF;

	if ((is_contributory(first) && is_contributory(second)) ||
	    (pf && (is_contributory(second) || second->vector == EXC_PF)))
		return (struct exception){ .vector = EXC_DF };
	return *second;
}

static void die(struct run *r, const struct exception *e, const struct exception *nested)
{
	run_end(r, END_DEAD,
		"triple fault: exception %d (0x%x) while delivering %d, CR2 0x%llx, RIP 0x%llx, "
		"RSP 0x%llx",
		nested->vector, nested->code, e->vector, (unsigned long long)nested->cr2,
		(unsigned long long)cpu_reg(&r->cpu, UC_X86_REG_RIP),
		(unsigned long long)cpu_reg(&r->cpu, UC_X86_REG_RSP));
}

void deliver(struct run *r, const struct exception *e)
{
	struct exception now = *e, nested;

	while (r->end == GOING) {
		if (r->trace && now.kind == EXC_FAULT && now.vector == EXC_PF)
			trace_fault(r, now.code, now.cr2);
		nested = (struct exception){ .vector = -1 };
		if (try_deliver(r, &now, &nested) == 0) {
			if (now.kind == EXC_FAULT && now.vector == EXC_DB)
				debug_entered(r);
			r->delivered[now.vector & 255]++;
			return;
		}
		if (r->end != GOING)
			return;
		if (now.kind == EXC_FAULT && now.vector == EXC_DF) {
			die(r, &now, &nested);
			return;
		}
		if (now.kind == EXC_INT) /* a fault of the gate is a fault of the INT instruction */
			cpu_set_reg(&r->cpu, UC_X86_REG_RIP,
				    cpu_reg(&r->cpu, UC_X86_REG_RIP) - now.length);
		/* A nested page fault sets CR2 even if it becomes a double fault. */
		if (nested.vector == EXC_PF) {
			cpu_get(&r->cpu);
			cpu_set_cr2(&r->cpu, nested.cr2);
			cpu_put(&r->cpu);
		}
		now = combine(&now, &nested);
	}
}

int deliver_ready(struct run *r)
{
	if (!(cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_IF))
		return 0;
	cpu_get(&r->cpu);
	return !cpu_irq_shadow(&r->cpu);
}
