/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task gates: delivers an exception by a switch to another task (SDM vol. 3, 8.3).  Unicorn
 * carries out the IRET that switches back.
 * Not here: task switches by far JMP and CALL, 16-bit tasks.
 * Invariant: a switch that fails returns the nested exception.  Exceptions that a CPU raises in
 * the context of the new task are raised as if in that of the old one.
 */
#include "run.h"

#include <string.h>

#define TSS_BYTES 104u
#define TSS_STATE 0x20u /* offset of what a switch saves: EIP, EFLAGS, registers, segments */
#define TSS_SEGS 10u	/* index of ES in that */
#define NR_STATE 16u
#define BUSY (2u << 8)
#define TYPE(flags) ((flags) >> 8 & 15)
#define AVAILABLE 9u /* 32-bit TSS */

#define FLAG_NT (1u << 14)
#define CR0_TS 8u

enum { EXC_TS = 10, EXC_NP = 11, EXC_GP = 13 };

static const int saved[TSS_SEGS] = {
	UC_X86_REG_RIP, UC_X86_REG_RFLAGS, UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX,
	UC_X86_REG_RBX, UC_X86_REG_RSP,	   UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
};

struct task {
	struct run *r;
	struct exception *nested;
	uint16_t selector;
	uc_x86_mmr old, now;
	uint64_t descriptor; /* linear address of the new task's descriptor */
	uint32_t word;	     /* its high half */
	uint32_t tss[TSS_BYTES / 4];
};

static int fail(struct task *t, int vector, unsigned selector)
{
	*t->nested = (struct exception){ .vector = vector, .code = (selector & 0xfffc) | 1 };
	return -1;
}

static int get(struct task *t, uint64_t at, void *buf, size_t n)
{
	return mmu_read(t->r, (uint32_t)at, buf, n, VMMU_READ | VMMU_IMPLICIT, t->nested);
}

static int put(struct task *t, uint64_t at, const void *buf, size_t n)
{
	return mmu_write(t->r, (uint32_t)at, buf, n, VMMU_WRITE | VMMU_IMPLICIT, t->nested);
}

static int descriptor(struct task *t, const uc_x86_mmr *table, unsigned selector, int vector,
		      struct seg *s)
{
	uint32_t word[2];

	if ((selector | 7u) > table->limit)
		return fail(t, vector, selector);
	if (get(t, table->base + (selector & ~7u), word, sizeof(word)) < 0)
		return -1;
	s->selector = (uint16_t)selector;
	s->flags = word[1] & 0x00f0ff00;
	s->base = (word[0] >> 16) | (word[1] & 0xff) << 16 | (word[1] & 0xff000000u);
	s->limit = (word[0] & 0xffff) | (word[1] & 0xf0000);
	if (s->flags & DESC_G)
		s->limit = s->limit << 12 | 0xfff;
	t->word = word[1];
	return 0;
}

static int find(struct task *t)
{
	uc_x86_mmr gdt;
	struct seg s;

	cpu_table(&t->r->cpu, UC_X86_REG_TR, &t->old);
	cpu_table(&t->r->cpu, UC_X86_REG_GDTR, &gdt);
	if (t->selector & 4)
		return fail(t, EXC_GP, t->selector);
	if (descriptor(t, &gdt, t->selector, EXC_GP, &s) < 0)
		return -1;
	if ((s.flags & DESC_S) || TYPE(s.flags) != AVAILABLE)
		return fail(t, EXC_GP, t->selector);
	if (!(s.flags & DESC_P))
		return fail(t, EXC_NP, t->selector);
	if (s.limit < TSS_BYTES - 1)
		return fail(t, EXC_TS, t->selector);
	t->descriptor = gdt.base + (t->selector & ~7u);
	t->now = (uc_x86_mmr){ t->selector, s.base, s.limit, s.flags | BUSY };
	return get(t, s.base, t->tss, TSS_BYTES);
}

static int save(struct task *t)
{
	uint32_t state[NR_STATE], busy = t->word | BUSY;
	uint16_t link = t->old.selector;
	struct seg s;

	for (unsigned i = 0; i < TSS_SEGS; i++)
		state[i] = (uint32_t)cpu_reg(&t->r->cpu, saved[i]);
	cpu_get(&t->r->cpu);
	for (unsigned i = 0; i < NR_SEGMENTS; i++) {
		cpu_seg(&t->r->cpu, (enum segment)i, &s);
		state[TSS_SEGS + i] = s.selector;
	}
	if (put(t, t->old.base + TSS_STATE, state, sizeof(state)) < 0 ||
	    put(t, t->now.base, &link, sizeof(link)) < 0)
		return -1;
	return put(t, t->descriptor + 4, &busy, sizeof(busy));
}

static int load_tables(struct task *t)
{
	uint64_t cr0 = cpu_reg(&t->r->cpu, UC_X86_REG_CR0);
	unsigned ldt = t->tss[0x60 / 4] & 0xffff;
	uc_x86_mmr gdt, ldtr = { 0 };
	struct seg s;

	if (cr0 & VMMU_CR0_PG) {
		if (mmu_set_register(t->r, 3, t->tss[0x1c / 4]) != VMMU_OK)
			return fail(t, EXC_TS, t->selector);
		cpu_set_reg(&t->r->cpu, UC_X86_REG_CR3, t->tss[0x1c / 4]);
		mmu_flush_tlb(t->r);
	}
	(void)mmu_set_register(t->r, 0, cr0 | CR0_TS);
	cpu_set_reg(&t->r->cpu, UC_X86_REG_CR0, cr0 | CR0_TS);
	uc_reg_write(t->r->uc, UC_X86_REG_TR, &t->now);
	t->r->mmu.task = t->selector;
	if (ldt & ~3u) {
		cpu_table(&t->r->cpu, UC_X86_REG_GDTR, &gdt);
		if (descriptor(t, &gdt, ldt, EXC_TS, &s) < 0)
			return -1;
		ldtr = (uc_x86_mmr){ s.selector, s.base, s.limit, s.flags };
	}
	uc_reg_write(t->r->uc, UC_X86_REG_LDTR, &ldtr);
	return 0;
}

static int load_segments(struct task *t)
{
	struct seg s[NR_SEGMENTS] = { { 0 } };

	for (unsigned i = 0; i < NR_SEGMENTS; i++) {
		unsigned selector = t->tss[TSS_STATE / 4 + TSS_SEGS + i] & 0xffff;
		uc_x86_mmr table;

		if (!(selector & ~3u)) {
			if (i == SEG_CS || i == SEG_SS)
				return fail(t, EXC_TS, selector);
			continue;
		}
		cpu_table(&t->r->cpu, selector & 4 ? UC_X86_REG_LDTR : UC_X86_REG_GDTR, &table);
		if (descriptor(t, &table, selector, EXC_TS, &s[i]) < 0)
			return -1;
		if (!(s[i].flags & DESC_S) || (i == SEG_CS) != ((s[i].flags & DESC_CODE) != 0))
			return fail(t, EXC_TS, selector);
		if (!(s[i].flags & DESC_P))
			return fail(t, EXC_NP, selector);
	}
	cpu_get(&t->r->cpu);
	for (unsigned i = 0; i < NR_SEGMENTS; i++)
		cpu_set_seg(&t->r->cpu, (enum segment)i, &s[i]);
	cpu_set_mode(&t->r->cpu, s[SEG_CS].selector & 3);
	cpu_clear_exception(&t->r->cpu);
	cpu_put(&t->r->cpu);
	return 0;
}

int task_switch(struct run *r, uint16_t selector, const uint32_t *code, struct exception *nested)
{
	struct task t = { .r = r, .nested = nested, .selector = selector };
	uint32_t *state = &t.tss[TSS_STATE / 4];
	struct seg ss;

	if (find(&t) < 0 || save(&t) < 0 || load_tables(&t) < 0 || load_segments(&t) < 0)
		return -1;
	for (unsigned i = 0; i < TSS_SEGS; i++)
		cpu_set_reg(&r->cpu, saved[i], i == 1 ? state[i] | FLAG_NT | 2 : state[i]);
	if (!code)
		return 0;
	cpu_get(&r->cpu);
	cpu_seg(&r->cpu, SEG_SS, &ss);
	cpu_set_reg(&r->cpu, UC_X86_REG_RSP, state[6] - 4);
	return mmu_write(r, (uint32_t)(ss.base + state[6] - 4), code, 4,
			 VMMU_WRITE | mmu_privilege(r), nested);
}

void task_notice(struct run *r)
{
	uc_x86_mmr tr;

	if (!r->mmu.task)
		return;
	cpu_table(&r->cpu, UC_X86_REG_TR, &tr);
	if (tr.selector == r->mmu.task)
		return;
	r->mmu.task = tr.selector;
	if (cpu_reg(&r->cpu, UC_X86_REG_CR0) & VMMU_CR0_PG)
		(void)mmu_set_register(r, 3, cpu_reg(&r->cpu, UC_X86_REG_CR3));
}
