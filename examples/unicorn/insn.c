/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of the decoding of an instruction as the MMU needs: the address of its memory operand,
 * for INVLPG and for CR2, which Unicorn tells by page only.
 * Not a disassembler: immediates and what the instruction does are not looked at.
 * Invariant: reads at most 15 bytes, and none beyond what the guest may fetch.
 */
#include "run.h"

#include <string.h>

static const int gpr[16] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
	UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
	UC_X86_REG_R8,	UC_X86_REG_R9,	UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};

/* Opcodes with a ModRM byte, a bit each: SDM vol. 2, appendix A. */
static const uint32_t modrm_one[8] = {
	0x0f0f0f0f, 0x0f0f0f0f, 0, 0x00000a0c, 0x0000ffff, 0, 0xff0f00f3, 0xc0c00000,
};
static const uint32_t modrm_two[8] = {
	0xffff200f, 0x0000ff0f, 0xffffffff, 0xff7fffff,
	0xffff0000, 0xfffff838, 0xffff00ff, 0xffffffff,
};

struct decoder {
	struct run *r;
	struct insn *i;
	unsigned at;
	int code64;
};

uint64_t insn_gpr(const struct run *r, unsigned number)
{
	return cpu_reg(&r->cpu, gpr[number & 15]);
}

static uint64_t cut(uint64_t v, unsigned bytes)
{
	return bytes == 8 ? v : v & ((1ull << 8 * bytes) - 1);
}

static unsigned next(struct decoder *d)
{
	return d->at < d->i->n ? d->i->bytes[d->at++] : 0;
}

static int64_t displacement(struct decoder *d, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned b = 0; b < bytes; b++)
		v |= (uint64_t)next(d) << 8 * b;
	if (bytes && bytes < 8 && (v >> (8 * bytes - 1) & 1))
		v -= 1ull << 8 * bytes;
	return (int64_t)v;
}

static uint64_t segment_base(const struct decoder *d, unsigned segment)
{
	struct seg s;

	if (d->code64 && segment < SEG_FS)
		return 0;
	cpu_seg(&d->r->cpu, segment, &s);
	return s.base;
}

static uint64_t linear(const struct decoder *d, unsigned segment, uint64_t offset)
{
	uint64_t a;

	if (d->i->segment >= 0)
		segment = (unsigned)d->i->segment;
	a = segment_base(d, segment) + cut(offset, d->i->address);
	return d->code64 ? a : (uint32_t)a;
}

/* SDM vol. 2, table 2-1: 16-bit addressing. */
static uint64_t ea16(struct decoder *d)
{
	static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const uint8_t index[8] = { 6, 7, 6, 7, 16, 16, 16, 16 };
	unsigned mod = d->i->modrm >> 6, rm = d->i->modrm & 7;
	unsigned segment = SEG_DS;
	uint64_t offset;

	if (mod == 0 && rm == 6)
		return linear(d, SEG_DS, (uint64_t)displacement(d, 2));
	offset = insn_gpr(d->r, base[rm]);
	if (index[rm] < 16)
		offset += insn_gpr(d->r, index[rm]);
	if (base[rm] == 5)
		segment = SEG_SS;
	return linear(d, segment, offset + (uint64_t)displacement(d, mod == 1 ? 1 : mod ? 2 : 0));
}

/* Table 2-3.  `*segment` becomes SS for a base of SP or BP. */
static uint64_t sib(struct decoder *d, unsigned mod, unsigned *segment)
{
	unsigned s = next(d), rex = d->i->rex;
	unsigned index = (s >> 3 & 7) | (rex & 2 ? 8u : 0), base = s & 7;
	uint64_t offset = index == 4 ? 0 : insn_gpr(d->r, index) << (s >> 6);

	if (base == 5 && mod == 0)
		return offset + (uint64_t)displacement(d, 4);
	if (base == 4 || base == 5)
		*segment = SEG_SS;
	return offset + insn_gpr(d->r, base | (rex & 1 ? 8u : 0));
}

/* Table 2-2; RIP-relative needs the end of the instruction, immediates included. */
static uint64_t ea32(struct decoder *d, uint64_t rip_after)
{
	unsigned mod = d->i->modrm >> 6, rm = d->i->modrm & 7;
	unsigned segment = SEG_DS;
	uint64_t offset;

	if (mod == 0 && rm == 5) {
		int64_t disp = displacement(d, 4);

		return linear(d, SEG_DS, (d->code64 ? rip_after + d->at : 0) + (uint64_t)disp);
	}
	if (rm == 4)
		offset = sib(d, mod, &segment);
	else
		offset = insn_gpr(d->r, rm | (d->i->rex & 1 ? 8u : 0));
	if (rm == 5)
		segment = SEG_SS;
	d->i->by_stack = segment == SEG_SS;
	return linear(d, segment, offset + (uint64_t)displacement(d, mod == 1 ? 1 : mod ? 4 : 0));
}

/* Bytes of immediate behind the ModRM byte, for RIP-relative addresses. */
static unsigned immediate(const struct insn *i)
{
	unsigned op = i->opcode, wide = i->operand == 2 ? 2 : 4;

	if (op == 0x69 || op == 0x81 || op == 0xc7 || (op == 0xf7 && (i->modrm >> 3 & 7) < 2))
		return wide;
	if (op == 0x6b || op == 0x80 || op == 0x82 || op == 0x83 || op == 0xc0 || op == 0xc1 ||
	    op == 0xc6 || (op == 0xf6 && (i->modrm >> 3 & 7) < 2) || op == 0x0fba || op == 0x0fa4 ||
	    op == 0x0fac || op == 0x0fc2 || op == 0x0fc6 || op >> 8 == 0x3a ||
	    (op >= 0x0f70 && op <= 0x0f73))
		return 1;
	return 0;
}

static int prefix(struct decoder *d, unsigned b)
{
	static const uint8_t override[6] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

	for (int s = 0; s < 6; s++) {
		if (b == override[s]) {
			d->i->segment = s;
			return 1;
		}
	}
	if (b == 0x66)
		d->i->operand = d->i->operand == 2 ? 4 : 2;
	else if (b == 0x67)
		d->i->address = d->code64 ? 4 : d->i->address == 2 ? 4 : 2;
	else if (b != 0xf0 && b != 0xf2 && b != 0xf3)
		return 0;
	return 1;
}

static unsigned opcode(struct decoder *d)
{
	unsigned b = next(d);

	while (d->at < d->i->n && prefix(d, b))
		b = next(d);
	if (d->code64 && b >> 4 == 4) {
		d->i->rex = b;
		if (b & 8)
			d->i->operand = 8;
		b = next(d);
	}
	if (b == 0x0f) {
		b = next(d);
		if (b == 0x38 || b == 0x3a)
			return b << 8 | next(d);
		return 0x0f00 | b;
	}
	return b;
}

static int has_modrm(unsigned op)
{
	unsigned b = op & 0xff;

	if (op >> 8 == 0)
		return modrm_one[b >> 5] >> (b & 31) & 1;
	return op >> 8 != 0x0f || (modrm_two[b >> 5] >> (b & 31) & 1);
}

/* VEX (C4, C5): the map and the opcode behind it; its REX bits are inverted. */
static void vex(struct decoder *d)
{
	struct insn *i = d->i;
	unsigned first = next(d);

	if (i->opcode == 0xc5) {
		i->opcode = 0x0f00 | next(d);
		return;
	}
	i->rex = (~first >> 5 & 7);
	(void)next(d);
	i->opcode = ((first & 31) == 1 ? 0x0f00u : (first & 31) == 2 ? 0x3800u : 0x3a00u) | next(d);
}

int insn_decode(struct run *r, uint64_t at, struct insn *i)
{
	struct decoder d = { .r = r, .i = i };
	struct vmmu_xlat x;
	size_t n = 0;

	cpu_get(&r->cpu);
	memset(i, 0, sizeof(*i));
	i->segment = -1;
	(void)vmmu_read_gva(r->mmu.view[0].cpu, vmmu_gva(at), i->bytes, sizeof(i->bytes),
			    VMMU_FETCH | VMMU_NO_AD | mmu_privilege(r), &x, &n);
	i->n = (unsigned)n;
	if (!n)
		return -1;
	d.code64 = cpu_is_code64(&r->cpu);
	i->operand = d.code64 || cpu_is_code32(&r->cpu) ? 4 : 2;
	i->address = d.code64 ? 8 : i->operand;
	i->opcode = opcode(&d);
	if (d.code64 && (i->opcode == 0xc4 || i->opcode == 0xc5))
		vex(&d);
	if (!has_modrm(i->opcode))
		return 0;
	i->modrm = next(&d);
	i->has_memory = i->modrm >> 6 != 3 && (i->opcode & ~3u) != 0x0f20;
	if (i->has_memory)
		i->ea = i->address == 2 ? ea16(&d) : ea32(&d, at + immediate(i));
	return 0;
}

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
	case 0x6c: /* IN and OUT look at the TSS */
	case 0x6d:
	case 0x6e:
	case 0x6f:
		return 1;
	default:
		return (i->opcode & ~11u) == 0xe4;
	}
}

/* ---- CR2 -------------------------------------------------------------------------------- */

/* Where an access at `a` of up to `most` bytes meets the page; 1 if it does. */
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
		return meets(linear(&es, SEG_ES, insn_gpr(d->r, 7)), 8, page, cr2);
	return meets(linear(d, SEG_DS, insn_gpr(d->r, 6)), 8, page, cr2) ||
	       meets(linear(&es, SEG_ES, insn_gpr(d->r, 7)), 8, page, cr2);
}

/* BT and its kin reach beyond the operand by the bit's number. */
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
			if (meets(linear(&s, SEG_SS, sp - n * slot), slot, page, cr2))
				return 1;
		return 0;
	}
	for (unsigned n = 0; n < 8; n++)
		if (meets(linear(&s, SEG_SS, sp + n * slot), slot, page, cr2))
			return 1;
	return 0;
}

uint64_t insn_fault_address(struct run *r, uint64_t page, uint32_t access)
{
	struct insn i;
	struct decoder d = { .r = r, .i = &i };
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP), cr2 = page;
	struct seg cs;

	cpu_get(&r->cpu);
	cpu_seg(&r->cpu, SEG_CS, &cs);
	d.code64 = cpu_is_code64(&r->cpu);
	if (!d.code64)
		rip = (uint32_t)(rip + cs.base);
	if ((access & VMMU_TYPE_MASK) == VMMU_FETCH)
		return PAGE_OF(rip) == page ? rip : page;
	if (insn_decode(r, rip, &i) < 0)
		return page;
	/* FXSAVE is the longest. */
	if (i.has_memory && meets(memory_operand(&d), 512, page, &cr2))
		return cr2;
	if ((i.opcode & ~3u) == 0xa0) {
		d.at = 1;
		while (d.at < i.n && i.bytes[d.at - 1] >> 2 != 0xa0 >> 2)
			d.at++;
		if (meets(linear(&d, SEG_DS, (uint64_t)displacement(&d, i.address)), 8, page, &cr2))
			return cr2;
	}
	if (i.opcode == 0xd7 &&
	    meets(linear(&d, SEG_DS, insn_gpr(r, 3) + (insn_gpr(r, 0) & 0xff)), 1, page, &cr2))
		return cr2;
	if (string_operand(&d, page, access, &cr2) || stack_operand(&d, page, access, &cr2))
		return cr2;
	return page;
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
