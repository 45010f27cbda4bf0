/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes as much of an instruction as the MMU needs: prefixes, opcode and the address of the
 * memory operand.  INVLPG needs that address, and so does CR2: Unicorn reports a fault by page
 * only.
 * Not a disassembler: immediates are not decoded.
 * Invariant: it reads at most 15 bytes, and none that the guest may not fetch.
 */
#include "insn.h"

#include <string.h>

static const int gpr[16] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
	UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
	UC_X86_REG_R8,	UC_X86_REG_R9,	UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};

/* A bit for each opcode that has a ModRM byte: SDM vol. 2, appendix A. */
static const uint32_t modrm_one[8] = {
	0x0f0f0f0f, 0x0f0f0f0f, 0, 0x00000a0c, 0x0000ffff, 0, 0xff0f00f3, 0xc0c00000,
};
static const uint32_t modrm_two[8] = {
	0xffff200f, 0x0000ff0f, 0xffffffff, 0xff7fffff,
	0xffff0000, 0xfffff838, 0xffff00ff, 0xffffffff,
};

uint64_t insn_gpr(const struct run *r, unsigned number)
{
	return cpu_reg(&r->cpu, gpr[number & 15]);
}

void insn_set_gpr(struct run *r, unsigned number, uint64_t value)
{
	cpu_set_reg(&r->cpu, gpr[number & 15], value);
}

uint64_t insn_address(struct run *r, uint64_t rip)
{
	struct seg cs;

	cpu_get(&r->cpu);
	if (cpu_is_code64(&r->cpu))
		return rip;
	cpu_seg(&r->cpu, SEG_CS, &cs);
	return (uint32_t)(rip + cs.base);
}

uint64_t insn_next(struct run *r, uint64_t rip, unsigned length)
{
	rip += length;
	if (cpu_is_code64(&r->cpu))
		return rip;
	return cpu_is_code32(&r->cpu) ? (uint32_t)rip : (uint16_t)rip;
}

static uint64_t cut(uint64_t v, unsigned bytes)
{
	return bytes == 8 ? v : v & ((1ull << 8 * bytes) - 1);
}

/* A byte behind the 15th, or one that cannot be fetched, makes the instruction invalid. */
static unsigned next(struct decoder *d)
{
	if (d->at < d->i->n)
		return d->i->bytes[d->at++];
	d->too_long = 1;
	return 0;
}

int64_t insn_displacement(struct decoder *d, unsigned bytes)
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

uint64_t insn_linear(const struct decoder *d, unsigned segment, uint64_t offset)
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
		return insn_linear(d, SEG_DS, (uint64_t)insn_displacement(d, 2));
	offset = insn_gpr(d->r, base[rm]);
	if (index[rm] < 16)
		offset += insn_gpr(d->r, index[rm]);
	if (base[rm] == 5)
		segment = SEG_SS;
	return insn_linear(d, segment,
			   offset + (uint64_t)insn_displacement(d, mod == 1 ? 1
								   : mod    ? 2
									    : 0));
}

/* Table 2-3.  `*segment` becomes SS for a base of SP or BP. */
static uint64_t sib(struct decoder *d, unsigned mod, unsigned *segment)
{
	unsigned s = next(d), rex = d->i->rex;
	unsigned index = (s >> 3 & 7) | (rex & 2 ? 8u : 0), base = s & 7;
	uint64_t offset = index == 4 ? 0 : insn_gpr(d->r, index) << (s >> 6);

	if (base == 5 && mod == 0)
		return offset + (uint64_t)insn_displacement(d, 4);
	if (base == 4 || base == 5)
		*segment = SEG_SS;
	return offset + insn_gpr(d->r, base | (rex & 1 ? 8u : 0));
}

/* Table 2-2.  A RIP-relative address counts from the end of the instruction, immediates included.
 */
static uint64_t ea32(struct decoder *d, uint64_t rip_after)
{
	unsigned mod = d->i->modrm >> 6, rm = d->i->modrm & 7;
	unsigned segment = SEG_DS;
	uint64_t offset;

	if (mod == 0 && rm == 5) {
		int64_t disp = insn_displacement(d, 4);

		return insn_linear(d, SEG_DS, (d->code64 ? rip_after + d->at : 0) + (uint64_t)disp);
	}
	if (rm == 4)
		offset = sib(d, mod, &segment);
	else
		offset = insn_gpr(d->r, rm | (d->i->rex & 1 ? 8u : 0));
	if (rm == 5)
		segment = SEG_SS;
	d->i->by_stack = segment == SEG_SS;
	return insn_linear(d, segment,
			   offset + (uint64_t)insn_displacement(d, mod == 1 ? 1
								   : mod    ? 4
									    : 0));
}

/* How many bytes of immediate follow, for RIP-relative addresses. */
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
	else if (b == 0xf0)
		d->i->lock = 1;
	else if (b != 0xf2 && b != 0xf3)
		return 0;
	return 1;
}

/* A REX prefix that another prefix follows is ignored. */
static unsigned prefixes(struct decoder *d)
{
	unsigned rex = 0, b = next(d);

	for (;; b = next(d)) {
		if (d->code64 && b >> 4 == 4)
			rex = b;
		else if (prefix(d, b))
			rex = 0;
		else
			break;
		if (d->at == d->i->n)
			break;
	}
	d->i->rex = rex;
	if (rex & 8)
		d->i->operand = 8;
	return b;
}

static unsigned opcode(struct decoder *d)
{
	unsigned b = prefixes(d);

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

/* Decodes a VEX prefix (C4, C5): opcode map, opcode, and the REX bits, which it has inverted. */
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
	size_t n;

	cpu_get(&r->cpu);
	memset(i, 0, sizeof(*i));
	i->segment = -1;
	n = sense_bytes(r, at, i->bytes, sizeof(i->bytes));
	i->n = (unsigned)n;
	if (!n)
		return -1;
	d.code64 = cpu_is_code64(&r->cpu);
	i->operand = d.code64 || cpu_is_code32(&r->cpu) ? 4 : 2;
	i->address = d.code64 ? 8 : i->operand;
	i->opcode = opcode(&d);
	if (d.code64 && (i->opcode == 0xc4 || i->opcode == 0xc5))
		vex(&d);
	i->length = d.at;
	if (!has_modrm(i->opcode))
		return d.too_long ? -1 : 0;
	i->modrm = next(&d);
	i->length = d.at;
	i->has_memory = i->modrm >> 6 != 3 && (i->opcode & ~3u) != 0x0f20;
	if (i->has_memory)
		i->ea = i->address == 2 ? ea16(&d) : ea32(&d, at + immediate(i));
	return d.too_long ? -1 : 0;
}
