/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams that once went wrong, each as short as possible, with what a CPU does: SDM vol. 2 and 3.
 * They are executed on every backend.
 *
 * Invariant: a case says which exception it ends with and at which RIP, or that it reaches its own
 * HLT.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define NONE 0
#define UD 6
#define PF 14
#define DB 1
#define NO_IDT 255 /* there is no IDT, so it ends with a triple fault */
#define ANY_MODE FUZZ_MODES
#define EDGE (FUZZ_CODE + 0x1000) /* the end of a page; the next one has code as well */
#define GAP (FUZZ_DATA + 0x4000)  /* the end of a page; the next one is for the supervisor */

struct expectation {
	const char *name;
	enum fuzz_mode mode; /* ANY_MODE: all but virtual-8086 mode */
	unsigned cpl;
	uint64_t at;
	const char *bytes;
	unsigned nr;
	unsigned vector; /* NONE: it reaches a HLT among its bytes */
	unsigned offset; /* of the final RIP from `at` */
	int reg;	 /* the register whose value is checked, or -1 */
	uint64_t value;
};

#define BYTES(s) s, sizeof(s) - 1
#define R(reg, value) reg, value
enum { AX, CX, DX, BX };

static const struct expectation cases[] = {
	{ "LOCK BTS of a register", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf0\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "in ring 3", FUZZ_CODE64, 3, FUZZ_CODE, BYTES("\xf0\x0f\xab\xc1"), UD, 0, R(-1, 0) },
	{ "LOCK BT", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf0\x0f\xa3\xc0"), UD, 0, R(-1, 0) },
	{ "LOCK BTR", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf0\x0f\xb3\xff"), UD, 0, R(-1, 0) },
	{ "LOCK BTC", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf0\x0f\xbb\xc8"), UD, 0, R(-1, 0) },
	{ "LOCK BTC by an immediate", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf0\x0f\xba\xf9\x07"), UD, 0,
	  R(-1, 0) },
	{ "behind other prefixes", ANY_MODE, 0, FUZZ_CODE, BYTES("\x66\xf0\x3e\xf3\x0f\xab\xc1"),
	  UD, 0, R(-1, 0) },
	{ "behind an instruction", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf9\xf0\x0f\xab\xc1"), UD, 1,
	  R(-1, 0) },
	{ "REX before LOCK", FUZZ_CODE64, 0, FUZZ_CODE, BYTES("\x48\xf0\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "REX behind LOCK", FUZZ_CODE64, 0, FUZZ_CODE, BYTES("\xf0\x48\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "DEC before LOCK", FUZZ_CODE32, 0, FUZZ_CODE, BYTES("\x4b\xf0\x0f\xab\xc1"), UD, 1,
	  R(BX, 0x2fffff) },
	{ "LOCK DEC of a register", FUZZ_PAE, 0, FUZZ_CODE, BYTES("\xf0\x48\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "LOCK, then a page's end", ANY_MODE, 0, EDGE - 1, BYTES("\xf0\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "LOCK 0F, then a page's end", ANY_MODE, 0, EDGE - 2, BYTES("\xf0\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "LOCK 0F AB, then a page's end", ANY_MODE, 0, EDGE - 3, BYTES("\xf0\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "a prefix, a page's end, LOCK", ANY_MODE, 0, EDGE - 1, BYTES("\x3e\xf0\x0f\xab\xc1"), UD,
	  0, R(-1, 0) },
	{ "code, a prefix, a page's end, LOCK", ANY_MODE, 0, EDGE - 3,
	  BYTES("\xf8\xf9\x3e\xf0\x0f\xab\xc1"), UD, 2, R(-1, 0) },
	{ "LOCK BTS of memory across a page's end", FUZZ_CODE32, 3, EDGE - 1,
	  BYTES("\xf0\x0f\xab\x03\x8b\x1b\xcc"), 3, 7, R(BX, 0x10000) },
	{ "LOCK XADD across a page's end", FUZZ_CODE64, 3, EDGE - 1,
	  BYTES("\xf0\x0f\xc1\x03\x8b\x1b\xcc"), 3, 7, R(BX, 0x10) },
	{ "LOCK JMP at a page's end", FUZZ_CODE32, 0, EDGE - 1, BYTES("\xf0\xeb\x00"), UD, 0,
	  R(-1, 0) },
	{ "LOCK ADD across the end of all addresses", FUZZ_CODE64, 0, ~0ull,
	  BYTES("\xf0\x01\x03\x8b\x03\xf4"), NONE, 6, R(AX, 0x10) },
	{ "LOCK BTS across the end of all addresses", FUZZ_CODE64, 0, ~0ull,
	  BYTES("\xf0\x0f\xab\xc1"), UD, 0, R(-1, 0) },
	{ "the same in 32-bit code", FUZZ_LEGACY, 0, 0xffffffff, BYTES("\xf0\x0f\xab\xc1"), UD, 0,
	  R(-1, 0) },
	{ "a prefix before the end of all addresses", FUZZ_LEGACY, 0, 0xffffffff,
	  BYTES("\x3e\xf0\x0f\xab\xc1"), UD, 0, R(-1, 0) },
	{ "a constant that looks like it", FUZZ_CODE32, 0, FUZZ_CODE,
	  BYTES("\xbb\xf0\x0f\xab\xc1\xf4"), NONE, 6, R(BX, 0xc1ab0ff0) },
	{ "an execution breakpoint", ANY_MODE, 0, FUZZ_CODE,
	  BYTES("\x0f\x23\xc2\x0f\x23\xf9\x90\xf4"), DB, 6, R(-1, 0) },
	{ "the same without an IDT", ANY_MODE, 0, FUZZ_CODE,
	  BYTES("\x0f\x23\xc2\x0f\x23\xf9\x90\xf4"), NO_IDT, 6, R(-1, 0) },
	{ "MOV to DR7 by its other name", FUZZ_LEGACY, 0, FUZZ_CODE,
	  BYTES("\x0f\x23\xc2\x0f\x23\xe9\x90\xf4"), DB, 6, R(-1, 0) },
	{ "MOV to DR7 with prefixes", FUZZ_CODE32, 0, FUZZ_CODE,
	  BYTES("\x0f\x23\xc2\x66\x3e\x66\x67\xf3\x66\x0f\x23\xf9\xf4"), DB, 12, R(-1, 0) },
	{ "MOV to CR3 with prefixes", FUZZ_LEGACY, 0, FUZZ_CODE,
	  BYTES("\x0f\x20\xda\x83\xca\x18\x66\x3e\x66\x3e\x66\x0f\x22\xda\xf4"), NONE, 15,
	  R(-1, 0) },
	{ "MOV to CR3 at the beginning of a page", FUZZ_LEGACY, 0, EDGE - 6,
	  BYTES("\x0f\x20\xda\x83\xca\x18\x0f\x22\xda\xf4"), NONE, 10, R(-1, 0) },
	{ "MOV to CR3 behind prefixes at the end of a page", FUZZ_LEGACY, 0, EDGE - 9,
	  BYTES("\x0f\x20\xda\x83\xca\x18\x3e\x3e\x3e\x3e\x0f\x22\xda\xf4"), NONE, 14, R(-1, 0) },
	{ "MOV to CR2 of more than 15 bytes", FUZZ_CODE32, 0, FUZZ_CODE,
	  BYTES("\x65\x66\xf3\xf3\x67\xf2\x65\x3e\x36\xf2\x26\x26\x26\x0f\x22\xd0"), 13, 0,
	  R(-1, 0) },
	{ "LMSW from a device", FUZZ_CODE32, 0, FUZZ_CODE,
	  BYTES("\xbb\x30\x00\xe0\xfe\x0f\x01\x33\xf4"), NONE, 9, R(-1, 0) },
	{ "MOV from DR7", FUZZ_CODE64, 0, FUZZ_CODE, BYTES("\x0f\x21\xfb\xf4"), NONE, 4,
	  R(BX, 0x400) },
	{ "MOV from DR6", FUZZ_CODE32, 0, FUZZ_CODE, BYTES("\x0f\x21\xf3\xf4"), NONE, 4,
	  R(BX, 0xffff0ff0) },
	{ "MOV from DR7 in ring 3", FUZZ_CODE64, 3, FUZZ_CODE, BYTES("\x0f\x21\xfb\xf4"), 13, 0,
	  R(-1, 0) },
	{ "MOV to DR8", FUZZ_CODE64, 0, FUZZ_CODE, BYTES("\x44\x0f\x23\xc1"), UD, 0, R(-1, 0) },
	{ "MOV from DR0 with general detect", FUZZ_CODE32, 0, FUZZ_CODE,
	  BYTES("\xb8\x00\x20\x00\x00\x0f\x23\xf8\x0f\x21\xc3\xf4"), DB, 8, R(BX, 0x300000) },
	{ "INT1", ANY_MODE, 0, FUZZ_CODE, BYTES("\xf1\xf4"), DB, 1, R(-1, 0) },
	{ "HLT before INT1", FUZZ_CODE32, 0, FUZZ_CODE, BYTES("\xf4\xf1"), NONE, 1, R(-1, 0) },
	{ "instructions before a page that is not there", FUZZ_PAE, 3, GAP - 5,
	  BYTES("\x43\x43\x43\xb8\x01\x02\x03\x04"), PF, 3, R(BX, 0x300003) },
	{ "the same in 64-bit code", FUZZ_CODE64, 3, GAP - 9,
	  BYTES("\xff\xc3\xff\xc3\xff\xc3\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"), PF, 6,
	  R(BX, 0x300003) },
	{ "a jump beyond 2 GiB in compatibility mode", FUZZ_COMPAT32, 3, FUZZ_CODE,
	  BYTES("\xe9\x00\x00\x00\xa0"), PF, 0xa0000005, R(-1, 0) },
};

/*
 * Programs at FUZZ_CODE that store to code.  They call it 20 times with different harmless bytes,
 * and then with an instruction that raises #UD.
 */
__asm__(".pushsection .rodata\n"
	".set AT, 0x20000\n"
	".code32\n"
	/* The code that is changed is in the page of the code that stores.  After eight turns the
	 * frame is mixed, and nobody searches it at a store. */
	"same_page: mov $20, %esi\n"
	"1: movl $0xc3909090, AT + 0x100\n mov $AT + 0x100, %eax\n call *%eax\n"
	"movl $0xc3f8f8f8, AT + 0x100\n call *%eax\n dec %esi\n jnz 1b\n"
	"movl $0xc1ab0ff0, AT + 0x100\n call *%eax\n hlt\n"
	/* Only the last byte is changed.  Before, the operand is in memory. */
	"one_byte: mov $20, %esi\n mov $0x16, %eax\n mov $AT + 0x100, %edi\n"
	"1: movl $0x03ab0ff0, AT + 0x100\n movb $0xc3, AT + 0x104\n call *%edi\n"
	"dec %esi\n jnz 1b\n movb $0xc1, AT + 0x103\n call *%edi\n hlt\n"
	/* The code that is changed is in another page. */
	"other_page: mov $20, %esi\n mov $AT + 0x1100, %edi\n"
	"1: movl $0xc3909090, (%edi)\n call *%edi\n dec %esi\n jnz 1b\n"
	"movl $0xc1ab0ff0, (%edi)\n call *%edi\n hlt\n"
	/* The code lies in a page table, whose stores shadow paging traps.  It also sets CR3.PWT.
	 */
	"in_table: mov $20, %esi\n mov $0x18100, %edi\n mov %cr3, %edx\n or $8, %edx\n"
	"1: movl $0xc3909090, (%edi)\n call *%edi\n movl $0xc3f8f8f8, (%edi)\n call *%edi\n"
	"dec %esi\n jnz 1b\n movl $0xc3da220f, (%edi)\n call *%edi\n"
	"movl $0xc1ab0ff0, (%edi)\n call *%edi\n hlt\n"
	/* The stores use another linear address of the frame, which stays writable. */
	"by_alias: mov $20, %esi\n mov $0x22100, %edi\n"
	"1: movl $0xc3909090, 0xfffff100\n call *%edi\n dec %esi\n jnz 1b\n"
	"movl $0xc1ab0ff0, 0xfffff100\n call *%edi\n hlt\n"
	"programs_end: .code64\n .popsection\n");
extern const char same_page[], one_byte[], other_page[], in_table[], by_alias[], programs_end[];

static const struct {
	const char *name;
	enum fuzz_mode mode;
	const char *begin, *end;
	uint32_t at; /* address of the instruction that raises #UD */
} programs[] = {
	{ "code that changes code in its page", FUZZ_CODE32, same_page, one_byte,
	  FUZZ_CODE + 0x100 },
	{ "the same with paging", FUZZ_PAE, same_page, one_byte, FUZZ_CODE + 0x100 },
	{ "code that changes one byte of it", FUZZ_CODE32, one_byte, other_page,
	  FUZZ_CODE + 0x100 },
	{ "the same with paging", FUZZ_LEGACY, one_byte, other_page, FUZZ_CODE + 0x100 },
	{ "code that changes code in another page", FUZZ_LEGACY, other_page, in_table,
	  FUZZ_CODE + 0x1100 },
	{ "code in a page table", FUZZ_LEGACY, in_table, by_alias, 0x18100 },
	{ "code that is changed by another address", FUZZ_PAE, by_alias, programs_end,
	  FUZZ_TOP + 0x100 },
};

static const uint64_t start[FUZZ_REGS] = { 0x10, 0x401, 0, 0x300000, FUZZ_STACK };

/* The RIP in the exception frame. */
static uint64_t pushed_rip(struct run *r, const struct fuzz_stream *s, unsigned vector)
{
	unsigned slot = s->mode == FUZZ_REAL ? 2 : s->mode >= FUZZ_COMPAT16 ? 8 : 4;
	uint64_t at = cpu_reg(&r->cpu, UC_X86_REG_RSP), rip = 0;

	if (s->mode == FUZZ_REAL)
		at = (at & 0xffff) + FUZZ_DATA;
	at += vector >= 10 && vector <= 14 ? slot : 0;
	memcpy(&rip, r->ram.base + at, slot);
	return rip;
}

static int complain(const struct run *r, const struct expectation *e, const struct fuzz_stream *s,
		    const char *what, uint64_t value)
{
	printf("%s: %s, CPL %u, %s: %s 0x%llx (%s)\n", r->mmu.view[0].name, fuzz_mode_name(s->mode),
	       s->cpl, e->name, what, (unsigned long long)value,
	       r->end == END_LIMIT ? "a loop" : r->why);
	return 1;
}

static uint64_t offset_of(const struct fuzz_stream *s)
{
	int has_base = s->mode == FUZZ_REAL || s->mode == FUZZ_CODE16 || s->mode == FUZZ_COMPAT16;

	return has_base ? FUZZ_CODE : 0;
}

static int judge(struct run *r, const struct expectation *e, const struct fuzz_stream *s)
{
	static const int regs[] = { UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX,
				    UC_X86_REG_RBX };
	uint64_t want = s->at - offset_of(s) + e->offset, got;
	unsigned total = 0;
	const char *name;

	if (s->mode != FUZZ_CODE64)
		want = (uint32_t)want;
	if (e->vector == NO_IDT)
		return r->end == END_DEAD
			       ? 0
			       : complain(r, e, s, "not a triple fault, but", (uint64_t)r->end);
	if (r->end != END_HALTED)
		return complain(r, e, s, "not halted, but", (uint64_t)r->end);
	for (unsigned v = 0; v < 256; v++)
		total += r->delivered[v] != 0;
	if (e->vector == NONE) {
		got = cpu_reg(&r->cpu, UC_X86_REG_RIP);
		if (total)
			return complain(r, e, s, "exceptions", total);
	} else {
		if (total != 1 || r->delivered[e->vector] != 1)
			return complain(r, e, s, "other exceptions than", e->vector);
		got = pushed_rip(r, s, e->vector);
	}
	if (fuzz_registers_differ(r, &name))
		return complain(r, e, s, name, 0);
	if (got != want)
		return complain(r, e, s, "RIP", got);
	if (e->reg >= 0 && cpu_reg(&r->cpu, regs[e->reg]) != e->value)
		return complain(r, e, s, "a register", cpu_reg(&r->cpu, regs[e->reg]));
	return 0;
}

static struct run *open_machine(const char *backend)
{
	struct machine_options m = { backend, FUZZ_RAM, 4096, 0, 1024, 0 };
	struct run *r = calloc(1, sizeof(*r));

	r->end = GOING;
	r->most_instructions = 1000;
	if (machine_open(r, &m) < 0 || machine_engine(r, 1 << 20) < 0 ||
	    device_open(r, stdout) < 0) {
		fprintf(stderr, "cases: %s\n", r->why);
		exit(2);
	}
	return r;
}

static int execute(struct run *r, const struct expectation *e, enum fuzz_mode mode)
{
	struct fuzz_stream s = {
		.mode = mode, .cpl = e->cpl, .idt = e->vector != NO_IDT, .at = e->at
	};

	memcpy(s.bytes, e->bytes, e->nr);
	s.nr = e->nr;
	s.cr4 = 0x600;
	memcpy(s.reg, start, sizeof(start));
	/* The address of a breakpoint. */
	s.reg[2] = e->at - offset_of(&s) + e->offset + offset_of(&s);
	s.flags = 2;
	memset(r->delivered, 0, sizeof(r->delivered));
	r->end = GOING;
	r->instructions = 0;
	fuzz_enter(r, &s);
	run_loop(r);
	check_invariants(r);
	return judge(r, e, &s);
}

static void close_machine(struct run *r)
{
	device_close(r);
	cpu_close(&r->cpu);
	uc_close(r->uc);
	machine_close(r);
	free(r);
}

static int execute_program(struct run *r, unsigned which)
{
	struct expectation e = { .name = programs[which].name,
				 .mode = programs[which].mode,
				 .at = FUZZ_CODE,
				 .bytes = programs[which].begin,
				 .nr = (unsigned)(programs[which].end - programs[which].begin),
				 .vector = UD,
				 .offset = programs[which].at - FUZZ_CODE,
				 .reg = -1 };

	return execute(r, &e, e.mode);
}

int main(void)
{
	static const char *const backends[] = { "native", "shadow", "nested-npt", "nested-ept" };
	unsigned bad = 0, done = 0;

	for (unsigned b = 0; b < 4; b++) {
		for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			for (unsigned m = 0; m < FUZZ_MODES; m++) {
				struct run *r;

				if (cases[i].mode == ANY_MODE ? m == FUZZ_VM86 : m != cases[i].mode)
					continue;
				r = open_machine(backends[b]);
				bad += (unsigned)execute(r, &cases[i], (enum fuzz_mode)m);
				close_machine(r);
				done++;
			}
		}
		for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
			struct run *r = open_machine(backends[b]);

			bad += (unsigned)execute_program(r, i);
			close_machine(r);
			done++;
		}
	}
	printf("%u cases, %u wrong\n", done, bad);
	return bad != 0;
}
