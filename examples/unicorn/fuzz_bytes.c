/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the bytes of a stream: random bytes, instructions of every opcode map whose operands are
 * mostly mapped, and system instructions.
 * Invariant: the same seed and number give the same stream on every machine.
 */
#include "fuzz.h"

#include <string.h>

struct maker {
	struct fuzz_stream *s;
	uint64_t rng;
};

static unsigned below(struct maker *m, unsigned n)
{
	return fuzz_below(&m->rng, n);
}

static void byte(struct maker *m, unsigned b)
{
	if (m->s->nr < FUZZ_BYTES)
		m->s->bytes[m->s->nr++] = (uint8_t)b;
}

static void bytes(struct maker *m, const void *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		byte(m, ((const uint8_t *)p)[i]);
}

static void noise(struct maker *m, unsigned n)
{
	while (n--)
		byte(m, below(m, 256));
}

/* ---- any instruction ------------------------------------------------------------------------- */

static void prefixes(struct maker *m)
{
	static const uint8_t any[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26,
				       0x2e, 0x36, 0x3e, 0x64, 0x65 };
	unsigned kind = below(m, 16), n = kind < 9 ? 0 : kind < 14 ? 1 : kind < 15 ? 2 : 15;

	while (n--)
		byte(m, any[below(m, sizeof(any))]);
	if (m->s->mode == FUZZ_CODE64 && below(m, 2))
		byte(m, 0x40 + below(m, 16));
}

static void operands(struct maker *m)
{
	unsigned mod = below(m, 8);
	unsigned modrm = (mod < 3 ? 3u : mod < 6 ? 0u : mod - 5) << 6 | below(m, 64);

	byte(m, modrm);
	if (modrm >> 6 != 3 && (modrm & 7) == 4)
		byte(m, below(m, 256));
	if (modrm >> 6 == 1)
		byte(m, below(m, 256));
	if (modrm >> 6 == 2 || (modrm >> 6 == 0 && (modrm & 7) == 5)) {
		uint32_t to = FUZZ_DATA + below(m, 0x20000);

		bytes(m, &to, 4);
	}
	noise(m, below(m, 5));
}

static void instruction(struct maker *m)
{
	unsigned map = below(m, 20);

	prefixes(m);
	if (map < 8) {
		byte(m, below(m, 256));
	} else if (map < 16) {
		byte(m, 0x0f);
		byte(m, below(m, 256));
	} else if (map < 18) {
		byte(m, 0x0f);
		byte(m, map == 16 ? 0x38 : 0x3a);
		byte(m, below(m, 256));
	} else if (map == 18) {
		byte(m, below(m, 2) ? 0xc5 : 0xc4);
		noise(m, 3);
	} else {
		byte(m, 0xd8 + below(m, 8)); /* x87 */
	}
	operands(m);
}

/* ---- system instructions --------------------------------------------------------------------- */

static const char *const system_insns[] = {
	"\x0f\x22\xc0",
	"\x0f\x22\xd8",
	"\x0f\x22\xe0",
	"\x44\x0f\x22\xc0",
	"\x0f\x20\xc0",
	"\x0f\x20\xd0",
	"\x0f\x22\xd0",
	"\x0f\x23\xc0",
	"\x0f\x23\xc9",
	"\x0f\x23\xd2",
	"\x0f\x23\xdb",
	"\x0f\x23\xe0",
	"\x0f\x23\xe8",
	"\x0f\x23\xf0",
	"\x0f\x23\xf8",
	"\x0f\x21\xc0",
	"\x0f\x21\xf0",
	"\x0f\x21\xf8",
	"\x0f\x21\xe0",
	"\x0f\x21\xe8",
	"\x0f\x01\x13",
	"\x0f\x01\x1b",
	"\x0f\x01\x03",
	"\x0f\x01\x0b",
	"\x0f\x00\xd0",
	"\x0f\x00\xd8",
	"\x0f\x00\xc0",
	"\x0f\x00\xc8",
	"\x0f\x00\xe0",
	"\x0f\x00\xe8",
	"\x0f\x01\x3b",
	"\x0f\x01\xf8",
	"\x0f\x01\xf9",
	"\x0f\x08",
	"\x0f\x09",
	"\x0f\x30",
	"\x0f\x32",
	"\x0f\xaa",
	"\x0f\x01\xc1",
	"\x0f\x01\xc2",
	"\x0f\x01\xc3",
	"\x0f\x01\xc4",
	"\x0f\x01\xd8",
	"\x0f\x01\xd9",
	"\x0f\x01\xda",
	"\x0f\x01\xdb",
	"\x0f\x01\xdc",
	"\x0f\x01\xdd",
	"\x0f\x01\xde",
	"\x0f\x01\xdf",
	"\x0f\x01\xc8",
	"\x0f\x01\xc9",
	"\x0f\x01\xca",
	"\x0f\x01\xcb",
	"\x0f\x01\xd0",
	"\x0f\x01\xd1",
	"\x0f\x01\xd4",
	"\x0f\x01\xd5",
	"\x0f\x01\xee",
	"\x0f\x01\xef",
	"\x0f\x33",
	"\x0f\x31",
	"\x0f\xa2",
	"\x0f\x34",
	"\x0f\x35",
	"\x0f\x05",
	"\x0f\x07",
	"\x0f\x06",
	"\x0f\x0b",
	"\x0f\xff\xc0",
	"\x0f\xb9\xc0",
	"\xcd\x80",
	"\xcd\x21",
	"\xcc",
	"\xf1",
	"\xce",
	"\xcf",
	"\x48\xcf",
	"\xcb",
	"\xca\x08",
	"\xf4",
	"\xec",
	"\xed",
	"\xee",
	"\xef",
	"\x6c",
	"\x6d",
	"\x6e",
	"\x6f",
	"\xf3\x6c",
	"\xf3\x6e",
	"\xf3\xa4",
	"\xf3\xa5",
	"\xf3\xab",
	"\xf2\xae",
	"\xf3\xa6",
	"\x9d",
	"\x9c",
	"\x8e\xd0",
	"\x8e\xd8",
	"\x8e\xc0",
	"\x8e\xe0",
	"\x8e\xe8",
	"\x8e\xc8",
	"\x17",
	"\x07",
	"\x1f",
	"\x0f\xa1",
	"\x0f\xa9",
	"\xfb",
	"\xfa",
	"\x0f\x02\xc0",
	"\x0f\x03\xc0",
	"\x63\xc0",
	"\x0f\x01\xe0",
	"\x0f\x01\xf0",
	"\x0f\x01\x33",
	"\xf3\x0f\xae\xc0",
	"\xf3\x0f\xae\xd8",
	"\x0f\xae\x03",
	"\x0f\xae\x0b",
	"\x0f\xae\x13",
	"\x0f\xae\x1b",
	"\x0f\xae\x23",
	"\x0f\xae\x2b",
	"\x0f\xae\x33",
	"\x0f\xae\x3b",
	"\x0f\xc7\x0b",
	"\x48\x0f\xc7\x0b",
	"\x0f\xc7\xf0",
	"\x0f\xc7\xf8",
	"\x0f\xc7\x33",
	"\x66\x0f\xc7\x33",
	"\xf3\x0f\xc7\x33",
	"\x0f\xc7\x3b",
	"\x0f\x78\x03",
	"\x0f\x79\x03",
	"\x66\x0f\x38\x80\x03",
	"\x66\x0f\x38\x81\x03",
	"\x66\x0f\x38\x82\x03",
	"\xd9\xf6",
	"\xdd\x23",
	"\xdd\x33",
	"\xd9\x2b",
	"\xd9\x23",
	"\xdb\xe3",
	"\x9b",
	"\xd9\xd0",
	"\xf0\x0f\xc1\x03",
	"\xf0\x90",
	"\xf3\x90",
	"\xd4\x00",
	"\xf7\xf0",
	"\xf7\x33",
	"\xf6\xf0",
	"\x62\x03",
	"\xc8\x10\x00\x1f",
	"\xc9",
	"\xea\x00\x06\x00\x00\xa0",
	"\xff\x2b",
	"\xff\x1b",
	"\x0f\x18\x03",
	"\x0f\x0d\x03",
	"\x0f\x1e\xfa",
	"\xf3\x0f\x1e\xfa",
	"\xf3\x0f\x01\x2b",
	"\x0f\x37",
	"\x0f\x77",
	"\xf3\x0f\xb8\xc0",
	"\x0f\x38\xf0\x03",
	"\xc6\xf8\x00",
	"\xc7\xf8\x00\x00\x00\x00",
	"\xeb\xfe",
	"\xe2\xfe",
	"\xe3\xfe",
	"\xc6\x03\xf4",
	"\xf0\x0f\xab\xc1",
	"\xf0\x0f\xb3\xd8",
	"\xf0\x0f\xba\xf1\x07",
	"\xf0\x0f\xbb\x0b",
	"\xf0\x48\x0f\xa3\xc0",
	"\x88\x07",
	"\xaa",
	"\xab",
	"\xa3\x00\x00\x02\x00",
	"\xc6\x05\x10\x00\x00\x00\xcc",
	"\x0f\x24\xc0",
	"\x0f\x26\xc0",
};

/* The length of an instruction.  strlen() would stop at a zero byte in it. */
static unsigned system_length(const char *insn)
{
	static const struct {
		uint8_t first, second;
		unsigned n;
	} zero[] = { { 0x0f, 0, 0 },	{ 0xca, 8, 3 }, { 0xd4, 0, 2 },
		     { 0xc8, 0x10, 4 }, { 0xea, 0, 7 }, { 0xc6, 0xf8, 3 },
		     { 0xc7, 0xf8, 6 }, { 0xa3, 0, 5 }, { 0xc6, 5, 7 } };

	for (unsigned i = 1; i < sizeof(zero) / sizeof(*zero); i++)
		if ((uint8_t)insn[0] == zero[i].first && (uint8_t)insn[1] == zero[i].second)
			return zero[i].n;
	if ((uint8_t)insn[0] == 0x0f && !insn[1])
		return 3;
	return (unsigned)strlen(insn);
}

/* MOV of an immediate to a register. */
static void load(struct maker *m, unsigned reg, uint32_t value)
{
	if (m->s->mode < FUZZ_CODE32 || m->s->mode == FUZZ_COMPAT16)
		byte(m, 0x66);
	byte(m, 0xb8 + reg);
	bytes(m, &value, 4);
}

static uint32_t msr(struct maker *m)
{
	static const uint32_t base[] = {
		0,     0x10,  0x1b,	  0x3a,	      0x8b,	  0xc0,	      0x174,	  0x179,
		0x186, 0x1a0, 0x1d9,	  0x200,      0x250,	  0x258,      0x268,	  0x277,
		0x2ff, 0x345, 0x38d,	  0x400,      0x480,	  0x4c1,      0x6a0,	  0x800,
		0xd90, 0xda0, 0x40000000, 0xc0000080, 0xc0000100, 0xc0000080, 0xc0010000, 0xc0010110
	};

	return base[below(m, sizeof(base) / sizeof(*base))] + below(m, 16);
}

static void system_insn(struct maker *m)
{
	const char *insn = system_insns[below(m, sizeof(system_insns) / sizeof(*system_insns))];

	if (below(m, 4) == 0)
		load(m, 1, below(m, 4) ? msr(m) : below(m, 64));
	if (below(m, 6) == 0)
		load(m, 0,
		     below(m, 2) ? 1u << below(m, 32) | 1u << below(m, 32)
				 : FUZZ_CODE + below(m, 64));
	if (below(m, 12) == 0)
		load(m, 2, below(m, 2) ? 0xf4 + below(m, 3) : 0);
	if (below(m, 12) == 0)
		prefixes(m);
	bytes(m, insn, system_length(insn));
}

/* ---- registers, places ----------------------------------------------------------------------- */

static uint64_t value(struct maker *m)
{
	static const uint64_t odd[] = { 0,
					1,
					2,
					~0ull,
					0x7fffffff,
					0x80000000,
					0xffffffff,
					0x8000000000000000ull,
					0x7fffffffffffffffull,
					0x00007ffffffffff8ull,
					0xffff800000000000ull,
					0xfffffffffffffff8ull,
					FUZZ_GDT,
					FUZZ_IDT,
					FUZZ_TABLES,
					FUZZ_TOP,
					0xfee00000,
					0xa0000,
					FUZZ_RAM - 4,
					0xfffffff8 };

	switch (below(m, 8)) {
	case 0:
		return odd[below(m, sizeof(odd) / sizeof(*odd))];
	case 1:
		return fuzz_random(&m->rng);
	case 2:
		return below(m, 0x100);
	case 3:
		return FUZZ_CODE + below(m, 0x1100);
	default:
		return FUZZ_DATA + below(m, 0x20000);
	}
}

/* Where the stream begins: mostly within a page, or just before the end of a page, of memory or of
 * all addresses. */
static uint64_t place(struct maker *m)
{
	uint64_t before = 1 + below(m, 20);

	switch (below(m, 16)) {
	case 0:
		return FUZZ_CODE + 0x1000 - before;
	case 1: /* the next page is not present */
		return FUZZ_DATA + 0x6000 - before;
	case 2:
		if (m->s->mode == FUZZ_CODE64)
			return below(m, 2) ? 0 - before : 0x800000000000ull - before;
		if (m->s->mode == FUZZ_LEGACY || m->s->mode == FUZZ_PAE ||
		    m->s->mode == FUZZ_COMPAT32)
			return 0x100000000ull - before;
		if (m->s->mode < FUZZ_CODE32 || m->s->mode == FUZZ_COMPAT16)
			return FUZZ_CODE + 0x10000 - before;
		return FUZZ_RAM - before;
	default:
		return FUZZ_CODE + below(m, 0xf00);
	}
}

/*
 * RDTSC and RDTSCP become NOPs: what they answer is different each time, and a stream has to do the
 * same each time it is executed.
 */
static void leave_out_time(struct fuzz_stream *s)
{
	for (unsigned i = 0; i + 1 < FUZZ_BYTES; i++) {
		if (s->bytes[i] != 0x0f)
			continue;
		if (s->bytes[i + 1] == 0x31)
			memset(s->bytes + i, 0x90, 2);
		else if (s->bytes[i + 1] == 0x01 && i + 2 < FUZZ_BYTES && s->bytes[i + 2] == 0xf9)
			memset(s->bytes + i, 0x90, 3);
	}
}

void fuzz_make(struct fuzz_stream *s, uint64_t seed, uint64_t number)
{
	struct maker m = {
		s, (seed * 0x9e3779b97f4a7c15ull ^ (number + 1) * 0xbf58476d1ce4e5b9ull) | 1
	};
	unsigned insns;

	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < 4; i++)
		(void)fuzz_random(&m.rng);
	s->mode = (enum fuzz_mode)(number % FUZZ_MODES);
	s->cpl = s->mode == FUZZ_REAL ? 0 : s->mode == FUZZ_VM86 || below(&m, 2) ? 3 : 0;
	s->idt = below(&m, 4) != 0;
	s->at = place(&m);
	for (unsigned i = 0; i < FUZZ_REGS; i++)
		s->reg[i] = value(&m);
	s->reg[4] = below(&m, 8) ? FUZZ_STACK - 8 * below(&m, 64) : s->reg[4];
	if (s->mode <= FUZZ_CODE16 || s->mode == FUZZ_COMPAT16)
		s->reg[4] &= 0xffff;
	s->flags = (uint32_t)fuzz_random(&m.rng) & 0x244ed5;
	if (below(&m, 8) == 0)
		s->flags |= 0x100; /* TF */
	if (below(&m, 2))
		s->flags |= 0x3000; /* IOPL */
	s->cr4 = 0x600 | ((uint32_t)fuzz_random(&m.rng) & (uint32_t)machine_profile()->cr4_valid &
			  ~(uint32_t)(VMMU_CR4_PAE | VMMU_CR4_LA57 | VMMU_CR4_SMEP |
				      (below(&m, 8) ? VMMU_CR4_SMAP : 0)));
	insns = 1 + below(&m, 6);
	while (insns--) {
		unsigned kind = below(&m, 10);

		if (kind < 2)
			noise(&m, 1 + below(&m, 15));
		else if (kind < 6)
			instruction(&m);
		else
			system_insn(&m);
	}
	leave_out_time(s);
}
