/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets up the machine for a stream of random bytes.
 * Invariant: registers, descriptor tables, page tables and the pages of code and data do not depend
 * on earlier streams.  Other memory may.
 */
#include "fuzz.h"

#include <string.h>

#define FLAG_VM (1u << 17)
#define EFER 0xc0000080u
#define CR0_BITS 0xe0050027u /* all but ET, which is fixed, and TS, which CLTS clears unnoticed */
#define RIGHTS 0x1000ull

/* How many pages, from address 0 on, are written anew for each stream. */
#define PAGES 0x50u

static const char *const names[FUZZ_MODES] = {
	"real mode",
	"virtual-8086 mode",
	"16-bit code without paging",
	"32-bit code without paging",
	"32-bit code, 2-level paging",
	"32-bit code, PAE",
	"16-bit code in long mode",
	"32-bit code in long mode",
	"64-bit code",
};

const char *fuzz_mode_name(enum fuzz_mode mode)
{
	return names[mode];
}

static int is_long(enum fuzz_mode m)
{
	return m >= FUZZ_COMPAT16;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* ---- what lies in memory --------------------------------------------------------------------- */

/* Pages with system structures are for the supervisor.  Pages of data have different rights. */
static uint64_t rights_of(uint64_t page)
{
	static const uint64_t data[8] = { 7, 7, 7, 5, 3, 1, 0, 7 | 1ull << 63 };

	if (page < FUZZ_CODE >> 12)
		return 3;
	if (page >= FUZZ_DATA >> 12 && page < (FUZZ_DATA >> 12) + 32)
		return data[page & 7];
	return 7;
}

static void make_tables(uint8_t *ram)
{
	uint8_t *t = ram + FUZZ_TABLES;
	const uint64_t at = FUZZ_TABLES;

	/* Page 0: PML4, 1: PDPT, 2: PD, 3 to 6: PTs, 7: PDPT for PAE, 8: PD with 4-byte entries,
	 * 9 and 10: its PTs.  Pages 11 to 14 are the tables that map the last page. */
	put64(t, (at + RIGHTS) | 7);
	put64(t + 8 * 255, (at + 0xb * RIGHTS) | 7);
	put64(t + 8 * 511, (at + 0xb * RIGHTS) | 7);
	put64(t + 0x1000, (at + 2 * RIGHTS) | 7);
	put64(t + 0x7000, (at + 2 * RIGHTS) | 1);
	put64(t + 0x7018, (at + 0xc * RIGHTS) | 1);
	put64(t + 0xb000 + 8 * 511, (at + 0xc * RIGHTS) | 7);
	put64(t + 0xc000 + 8 * 511, (at + 0xd * RIGHTS) | 7);
	put64(t + 0xd000 + 8 * 511, FUZZ_TOP | 7);
	put32(t + 0x8000, (uint32_t)(at + 9 * RIGHTS) | 7);
	put32(t + 0x8004, (uint32_t)(at + 0xa * RIGHTS) | 7);
	put32(t + 0x8000 + 4 * 1023, (uint32_t)(at + 0xe * RIGHTS) | 7);
	put32(t + 0xe000 + 4 * 1023, FUZZ_TOP | 7);
	for (unsigned i = 0; i < 4; i++)
		put64(t + 0x2000 + 8 * i, (at + (3 + i) * RIGHTS) | 7);
	for (uint64_t i = 0; i < FUZZ_RAM >> 12; i++) {
		put64(t + 0x3000 + 8 * i, i << 12 | rights_of(i));
		put32(t + 0x9000 + 4 * i, (uint32_t)(i << 12 | (rights_of(i) & 7)));
	}
}

/* Writes a descriptor.  `flags` are as in its high half. */
static void make_descriptor(uint8_t *gdt, unsigned selector, uint32_t base, uint32_t limit,
			    uint32_t flags)
{
	put32(gdt + (selector & ~7u), (limit & 0xffff) | base << 16);
	put32(gdt + (selector & ~7u) + 4,
	      (base >> 16 & 0xff) | (limit & 0xf0000) | flags | (base & 0xff000000u));
}

/* Selectors for privilege 0.  Those for privilege 3 are 0x40 above. */
enum {
	CS16 = 8,
	CS32 = 16,
	CS64 = 24,
	DATA32 = 32,
	DATA16 = 40,
	TSS = 0x90,
	CALL_GATE = 0xa0,
	TASK_GATE = 0xb0,
	LDT = 0xc0,
	TSS_OTHER = 0xd0
};

static void make_segments(uint8_t *gdt)
{
	const uint32_t code = DESC_P | DESC_S | DESC_CODE | DESC_RW | DESC_A;
	const uint32_t data = DESC_P | DESC_S | DESC_RW | DESC_A;

	for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
		uint8_t *g = gdt + (cpl ? 0x40 : 0);
		uint32_t dpl = cpl << 13;

		make_descriptor(g, CS16, FUZZ_CODE, 0xffff, code | dpl);
		make_descriptor(g, CS32, 0, 0xfffff, code | dpl | DESC_G | DESC_B);
		make_descriptor(g, CS64, 0, 0xfffff, code | dpl | DESC_G | DESC_L);
		make_descriptor(g, DATA32, 0, 0xfffff, data | dpl | DESC_G | DESC_B);
		make_descriptor(g, DATA16, FUZZ_DATA, 0xffff, data | dpl);
	}
	make_descriptor(gdt, TSS, FUZZ_TSS, 0x800, DESC_P | 0xb00);
	make_descriptor(gdt, TSS_OTHER, FUZZ_TSS + 0x800, 0x67, DESC_P | 0x900 | 3u << 13);
	make_descriptor(gdt, LDT, FUZZ_GDT, 0x7f, DESC_P | 0x200);
	/* Any privilege level may use the call gate to the handler and the task gate. */
	put32(gdt + CALL_GATE, FUZZ_HANDLER | (uint32_t)CS32 << 16);
	put32(gdt + CALL_GATE + 4, 0xec00);
	put32(gdt + TASK_GATE, (uint32_t)TSS_OTHER << 16);
	put32(gdt + TASK_GATE + 4, 0xe500);
}

static void make_idt(uint8_t *ram)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t *gate = ram + FUZZ_IDT + 8 * v, *wide = ram + FUZZ_IDT + 0x1000 + 16 * v;
		uint32_t flags = v % 3 ? 0x8e00 : 0xee00;

		put32(gate, FUZZ_HANDLER | (uint32_t)CS32 << 16);
		put32(gate + 4, flags);
		put32(wide, FUZZ_HANDLER | (uint32_t)CS64 << 16);
		put32(wide + 4, flags);
		put32(ram + 4 * v, FUZZ_HANDLER);
	}
}

static void make_tss(uint8_t *tss, int wide)
{
	put32(tss + 4, 0x9000);
	put32(tss + 8, wide ? 0 : DATA32); /* SS0, or the high half of RSP0 */
	for (unsigned i = 0; i < 7; i++)
		put32(tss + 0x24 + 8 * i, 0x9000);
	put16(tss + 0x66, 0x68); /* offset of the I/O permission bitmap, which allows all ports */
	memset(tss + 0x800, 0, 0x68);
	put32(tss + 0x800 + 0x20, FUZZ_HANDLER);
	put32(tss + 0x800 + 0x24, 2);
	put32(tss + 0x800 + 0x38, 0x9000);
	for (unsigned i = 0; i < 6; i++)
		put32(tss + 0x800 + 0x48 + 4 * i, i == 1 ? CS32 : DATA32);
	put32(tss + 0x800 + 0x1c, FUZZ_TABLES + 0x8000);
}

/* Makes the first PAGES pages. */
static void make_memory(uint8_t *ram, const struct fuzz_stream *s)
{
	static const uint8_t stop[2] = { 0xfa, 0xf4 }; /* CLI, HLT */

	memset(ram, 0, PAGES << 12);
	memcpy(ram + FUZZ_HANDLER, stop, sizeof(stop));
	make_segments(ram + FUZZ_GDT);
	make_tss(ram + FUZZ_TSS, is_long(s->mode));
	make_idt(ram);
	make_tables(ram);
	memset(ram + FUZZ_CODE, 0xf4, 3 << 12);
	for (unsigned i = 0x24000; i < PAGES << 12; i++)
		ram[i] = (uint8_t)(i * 167 + (i >> 8));
	for (unsigned i = 0; i < s->nr; i++) {
		uint64_t at = s->mode == FUZZ_CODE64 ? s->at + i : (uint32_t)(s->at + i);

		if (s->mode == FUZZ_CODE64 ? at + 0x1000 < 0x1000 || at >> 12 == 0x7ffffffff
					   : at >= 0xfffff000)
			ram[FUZZ_TOP + (at & 0xfff)] = s->bytes[i];
		else if (at < FUZZ_RAM)
			ram[at] = s->bytes[i]; /* may wrap around to 0 */
	}
}

static void write_memory(struct run *r, const struct fuzz_stream *s)
{
	static uint8_t want[FUZZ_RAM];
	uint64_t last = PAGES << 12;

	make_memory(want, s);
	for (uint64_t at = 0; at < last; at += VMMU_PAGE_SIZE) {
		if (!memcmp(r->ram.base + at, want + at, VMMU_PAGE_SIZE))
			continue;
		if (mmu_begin_store(r, at, VMMU_PAGE_SIZE) < 0)
			return;
		memcpy(r->ram.base + at, want + at, VMMU_PAGE_SIZE);
		mmu_end_store(r, at, VMMU_PAGE_SIZE);
	}
	/* The code has changed, so it has to be searched and translated again. */
	uc_ctl_flush_tb(r->uc);
	r->sense.age++;
}

/* ---- registers ------------------------------------------------------------------------------- */

static void set_control(struct run *r, const struct fuzz_stream *s)
{
	uint64_t cr0 = s->mode == FUZZ_REAL ? VMMU_CR0_ET : VMMU_CR0_ET | VMMU_CR0_PE, cr3 = 0;
	uint64_t cr4 = s->cr4, efer = 1;

	/* The engine starts in long mode.  Only turning paging off leaves it. */
	cpu_set_reg(&r->cpu, UC_X86_REG_CR4, VMMU_CR4_PAE);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR0, VMMU_CR0_PE | VMMU_CR0_PG);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR0, VMMU_CR0_PE | VMMU_CR0_ET);
	if (s->mode >= FUZZ_LEGACY) {
		cr0 |= VMMU_CR0_PG | VMMU_CR0_WP;
		cr4 |= s->mode > FUZZ_LEGACY ? VMMU_CR4_PAE : 0;
		efer |= s->mode > FUZZ_LEGACY ? VMMU_EFER_NXE : 0;
		cr3 = FUZZ_TABLES + (s->mode == FUZZ_LEGACY ? 0x8000
				     : s->mode == FUZZ_PAE  ? 0x7000
							    : 0);
	}
	if (is_long(s->mode))
		efer |= VMMU_EFER_LME;
	mmu_set_register(r, 0, VMMU_CR0_PE | VMMU_CR0_ET);
	mmu_set_register(r, 8, 0);
	mmu_set_register(r, 4, cr4);
	mmu_set_register(r, 8, efer);
	mmu_set_register(r, 3, cr3);
	mmu_set_register(r, 0, cr0);
	mmu_set_pkru(r, 0);
	{
		uc_x86_msr none = { .rid = EFER, .value = 0 }, m = { .rid = EFER, .value = efer };

		uc_reg_write(r->uc, UC_X86_REG_MSR, &none);
		cpu_set_reg(&r->cpu, UC_X86_REG_CR4, cr4);
		uc_reg_write(r->uc, UC_X86_REG_MSR, &m);
	}
	cpu_set_reg(&r->cpu, UC_X86_REG_CR3, cr3);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR0, cr0);
}

static struct seg segment(const struct fuzz_stream *s, int code)
{
	static const uint8_t code_of[FUZZ_MODES] = {
		0, 0, CS16, CS32, CS32, CS32, CS16, CS32, CS64
	};
	uint32_t flags = DESC_P | DESC_S | DESC_RW | DESC_A | s->cpl << 13 | (code ? DESC_CODE : 0);
	unsigned base = code ? FUZZ_CODE : FUZZ_DATA;
	unsigned selector = code ? code_of[s->mode] : DATA32;

	if (s->mode <= FUZZ_VM86)
		return (struct seg){ (uint16_t)(base >> 4), base, 0xffff, flags };
	if (selector == CS16)
		return (struct seg){ (uint16_t)(selector + (s->cpl ? 0x43 : 0)), base, 0xffff,
				     flags };
	flags |= DESC_G | (selector == CS64 ? DESC_L : DESC_B);
	return (struct seg){ (uint16_t)(selector + (s->cpl ? 0x43 : 0)), 0, UINT32_MAX, flags };
}

static void set_segments(struct run *r, const struct fuzz_stream *s)
{
	struct seg code = segment(s, 1), data = segment(s, 0);

	cpu_get(&r->cpu);
	for (unsigned i = 0; i < NR_SEGMENTS; i++)
		cpu_set_seg(&r->cpu, (enum segment)i, i == SEG_CS ? &code : &data);
	cpu_set_mode(&r->cpu, s->cpl);
	cpu_clear_exception(&r->cpu);
	cpu_put(&r->cpu);
}

static void set_tables(struct run *r, const struct fuzz_stream *s)
{
	uc_x86_mmr gdt = { .base = FUZZ_GDT, .limit = 0xff }, idt = { 0 };
	uc_x86_mmr tss = { TSS, FUZZ_TSS, 0x7ff, DESC_P | 0xb00 };
	uc_x86_mmr ldt = { LDT, FUZZ_GDT, 0x7f, DESC_P | 0x200 };

	if (s->idt && s->mode == FUZZ_REAL)
		idt.limit = 0x3ff;
	else if (s->idt)
		idt = (uc_x86_mmr){ 0, FUZZ_IDT + (is_long(s->mode) ? 0x1000 : 0), 0xfff, 0 };
	uc_reg_write(r->uc, UC_X86_REG_GDTR, &gdt);
	uc_reg_write(r->uc, UC_X86_REG_IDTR, &idt);
	uc_reg_write(r->uc, UC_X86_REG_TR, &tss);
	uc_reg_write(r->uc, UC_X86_REG_LDTR, &ldt);
}

static void set_general(struct run *r, const struct fuzz_stream *s)
{
	static const int number[FUZZ_REGS] = {
		UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
		UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
		UC_X86_REG_R8,	UC_X86_REG_R9,	UC_X86_REG_R10, UC_X86_REG_R11,
		UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
	};
	struct seg code = segment(s, 1);

	for (unsigned i = 0; i < FUZZ_REGS; i++)
		cpu_set_reg(&r->cpu, number[i],
			    s->mode == FUZZ_CODE64 ? s->reg[i] : (uint32_t)s->reg[i]);
	cpu_set_reg(&r->cpu, UC_X86_REG_RFLAGS,
		    (s->flags & ~FLAG_VM) | 2 | (s->mode == FUZZ_VM86 ? FLAG_VM : 0));
	cpu_set_reg(&r->cpu, UC_X86_REG_RIP, s->at - code.base);
}

void fuzz_enter(struct run *r, const struct fuzz_stream *s)
{
	int armed = r->debug.armed;

	debug_open(r);
	r->debug.armed = armed;
	r->pending.vector = -1;
	r->entering = BY_NOTHING;
	r->moves_dr = 0;
	write_memory(r, s); /* a load of CR3 reads the PDPTEs, so memory comes first */
	set_control(r, s);
	set_segments(r, s);
	set_tables(r, s);
	set_general(r, s);
	mmu_flush_tlb(r);
}

int fuzz_registers_differ(struct run *r, const char **name)
{
	uc_x86_msr efer = { .rid = EFER };
	struct vmmu_regs regs;

	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	uc_reg_read(r->uc, UC_X86_REG_MSR, &efer);
	if ((regs.cr0 ^ cpu_reg(&r->cpu, UC_X86_REG_CR0)) & CR0_BITS)
		*name = "CR0";
	else if (regs.cr3 != cpu_reg(&r->cpu, UC_X86_REG_CR3))
		*name = "CR3";
	else if (regs.cr4 != cpu_reg(&r->cpu, UC_X86_REG_CR4))
		*name = "CR4";
	else if (regs.efer != efer.value)
		*name = "EFER";
	else
		return 0;
	return 1;
}
