/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the address that a faulting instruction accessed.  Unicorn reports only the page, and CR2
 * has to be exact.  The operands are tried in turn: memory, strings, the stack.
 * Invariant: the address that is returned lies in the page.
 */
#include "insn.h"

int insn_uses_descriptors(const struct insn *i)
{
	unsigned reg = i->modrm >> 3 & 7;

	switch (i->opcode) {
	case 0x07: /* POP ES, SS, DS, FS, GS */
	case 0x17:
	case 0x1f:
	case 0x0fa1:
	case 0x0fa9:
	case 0x8e: /* MOV to a segment register; LES, LDS, LSS, LFS, LGS */
	case 0xc4:
	case 0xc5:
	case 0x0fb2:
	case 0x0fb4:
	case 0x0fb5:
	case 0x9a: /* far calls, jumps and returns */
	case 0xea:
	case 0xca:
	case 0xcb:
	case 0xcf:
	case 0x0f02: /* LAR, LSL */
	case 0x0f03:
		return 1;
	case 0xff:
		return reg == 3 || reg == 5;
	case 0x0f00: /* VERR, VERW */
		return reg == 4 || reg == 5;
	case 0x6c: /* IN and OUT read the TSS */
	case 0x6d:
	case 0x6e:
	case 0x6f:
		return 1;
	default:
		return (i->opcode & ~11u) == 0xe4;
	}
}

/* ---- CR2 -------------------------------------------------------------------------------- */

/* 1: an access at `a` of up to `most` bytes meets the page, first at *cr2. */
static int meets(uint64_t a, uint64_t most, uint64_t page, uint64_t *cr2)
{
	if (PAGE_OF(a) == page) {
		*cr2 = a;
		return 1;
	}
	if (a < page && page - a < most) {
		*cr2 = page;
		return 1;
	}
	return 0;
}

static int string_operand(const struct decoder *d, uint64_t page, uint32_t access, uint64_t *cr2)
{
	unsigned op = d->i->opcode;
	int is_string = (op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf) ||
			(op >= 0x6c && op <= 0x6f);
	struct insn plain = *d->i;
	struct decoder es = *d;

	plain.segment = -1;

	if (!is_string)
		return 0;
	es.i = &plain; /* ES cannot be overridden */
	if ((access & VMMU_TYPE_MASK) == VMMU_WRITE)
		return meets(insn_linear(&es, SEG_ES, insn_gpr(d->r, 7)), 8, page, cr2);
	return meets(insn_linear(d, SEG_DS, insn_gpr(d->r, 6)), 8, page, cr2) ||
	       meets(insn_linear(&es, SEG_ES, insn_gpr(d->r, 7)), 8, page, cr2);
}

/* BT, BTS, BTR and BTC access the word that has the bit, which may lie outside the operand. */
static uint64_t memory_operand(const struct decoder *d)
{
	const struct insn *i = d->i;
	unsigned bits = 8 * i->operand;
	int64_t bit;

	if (i->opcode != 0x0fa3 && i->opcode != 0x0fab && i->opcode != 0x0fb3 &&
	    i->opcode != 0x0fbb)
		return i->ea;
	bit = (int64_t)(insn_gpr(d->r, (i->modrm >> 3 & 7) | (i->rex & 4 ? 8u : 0))
			<< (64 - bits)) >>
	      (64 - bits);
	return i->ea + (uint64_t)((bit >> (bits == 64 ? 6 : bits == 32 ? 5 : 4)) * (bits / 8));
}

static int stack_operand(const struct decoder *d, uint64_t page, uint32_t access, uint64_t *cr2)
{
	struct insn plain = *d->i;
	struct decoder s = *d;
	unsigned slot = d->code64 && d->i->operand != 2 ? 8 : d->i->operand;
	uint64_t sp;

	plain.segment = -1;
	s.i = &plain;
	plain.address = d->code64 ? 8 : cpu_is_stack32(&d->r->cpu) ? 4 : 2;
	sp = insn_gpr(d->r, d->i->opcode == 0xc9 ? 5 : 4);
	if ((access & VMMU_TYPE_MASK) == VMMU_WRITE) {
		for (unsigned n = 1; n <= 8; n++)
			if (meets(insn_linear(&s, SEG_SS, sp - n * slot), slot, page, cr2))
				return 1;
		return 0;
	}
	for (unsigned n = 0; n < 8; n++)
		if (meets(insn_linear(&s, SEG_SS, sp + n * slot), slot, page, cr2))
			return 1;
	return 0;
}

/* 1: the instruction at RIP has an operand in the page, and *cr2 is its address there. */
static int find_operand(struct run *r, uint64_t page, uint32_t access, uint64_t *cr2)
{
	struct insn i;
	struct decoder d = { .r = r, .i = &i };
	uint64_t rip = insn_address(r, cpu_reg(&r->cpu, UC_X86_REG_RIP));

	d.code64 = cpu_is_code64(&r->cpu);
	if ((access & VMMU_TYPE_MASK) == VMMU_FETCH) {
		*cr2 = rip;
		return PAGE_OF(rip) == page;
	}
	if (insn_decode(r, rip, &i) < 0)
		return 0;
	/* The longest operand is that of FXSAVE. */
	if (i.has_memory && meets(memory_operand(&d), 512, page, cr2))
		return 1;
	if ((i.opcode & ~3u) == 0xa0) {
		d.at = 1;
		while (d.at < i.n && i.bytes[d.at - 1] >> 2 != 0xa0 >> 2)
			d.at++;
		if (meets(insn_linear(&d, SEG_DS, (uint64_t)insn_displacement(&d, i.address)), 8,
			  page, cr2))
			return 1;
	}
	if (i.opcode == 0xd7 &&
	    meets(insn_linear(&d, SEG_DS, insn_gpr(r, 3) + (insn_gpr(r, 0) & 0xff)), 1, page, cr2))
		return 1;
	return string_operand(&d, page, access, cr2) || stack_operand(&d, page, access, cr2);
}

uint64_t insn_fault_address(struct run *r, uint64_t page, uint32_t access)
{
	uint64_t cr2;

	return find_operand(r, page, access, &cr2) ? cr2 : page;
}

int insn_uses_page(struct run *r, uint64_t page, uint32_t access)
{
	uint64_t address;

	return find_operand(r, page, access, &address);
}

/* PUSH, POP, CALL, RET, ENTER, LEAVE, INT, IRET. */
static int is_stack_opcode(const struct insn *i)
{
	unsigned op = i->opcode, reg = i->modrm >> 3 & 7;

	if (op == 0xff)
		return reg == 2 || reg == 3 || (reg == 6 && !i->has_memory);
	return op >> 4 == 5 || op == 0x60 || op == 0x61 || op == 0x68 || op == 0x6a || op == 0x9c ||
	       op == 0x9d || op == 0xc2 || op == 0xc3 || op == 0xc8 || op == 0xc9 || op == 0xe8 ||
	       (op >= 0xca && op <= 0xcf) || op == 0x0fa0 || op == 0x0fa1 || op == 0x0fa8 ||
	       op == 0x0fa9;
}

int insn_is_stack(struct run *r)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);
	struct insn i;

	/* Only 64-bit mode has addresses that are not canonical. */
	if (insn_decode(r, rip, &i) < 0)
		return 0;
	return is_stack_opcode(&i) || (i.has_memory && i.by_stack);
}
