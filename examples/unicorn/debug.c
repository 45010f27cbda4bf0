/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug registers: breakpoints on instructions, data and ports, general detect, single steps (SDM
 * vol. 3, chapter 18).  Unicorn's own debug registers are not used: it drops all translated code
 * when a breakpoint changes, also the code that is being executed, and then crashes.
 * Not here: MOV SS and POP SS, which delay breakpoints; RTM; the T bit of a TSS; DEBUGCTL.
 * Invariant: Unicorn's own DR7 never enables a breakpoint.
 */
#include "run.h"

#include <string.h>

#define FLAG_TF (1u << 8)
#define FLAG_RF (1u << 16)
#define CR4_DE 8u

#define DR6_ONES 0xffff0ff0u
#define DR6_BITS 0xe00fu
#define DR6_HITS 15u
#define DR6_BD (1u << 13)
#define DR6_BS (1u << 14)
#define DR7_ONE 0x400u
#define DR7_BITS 0xffff23ffu
#define DR7_GD (1u << 13)

enum { ON_CODE, ON_WRITE, ON_PORT, ON_ACCESS };

void debug_open(struct run *r)
{
	memset(&r->debug, 0, sizeof(r->debug));
	r->debug.dr[6] = DR6_ONES;
	r->debug.dr[7] = DR7_ONE;
}

/* ---- breakpoints ----------------------------------------------------------------------------- */

static unsigned type_of(const struct debug *d, unsigned which)
{
	return d->dr[7] >> (16 + 4 * which) & 3;
}

static int is_enabled(const struct debug *d, unsigned which)
{
	return (d->dr[7] >> 2 * which & 3) != 0;
}

static unsigned length_of(const struct debug *d, unsigned which)
{
	static const uint8_t length[4] = { 1, 2, 8, 4 };

	return length[d->dr[7] >> (18 + 4 * which) & 3];
}

/* The CPU aligns a breakpoint to its length. */
static uint64_t first_of(const struct debug *d, unsigned which)
{
	return d->dr[which] & ~(uint64_t)(length_of(d, which) - 1);
}

/* Whether [at, at + n) overlaps the breakpoint, which begins at `first`. */
static int meets(const struct debug *d, unsigned which, uint64_t first, uint64_t at, unsigned n)
{
	return at - first < length_of(d, which) || first - at < n;
}

/* A bit for each enabled breakpoint of this type that [at, at + n) overlaps. */
static unsigned find(const struct debug *d, unsigned type, uint64_t at, unsigned n)
{
	unsigned hit = 0;

	for (unsigned i = 0; i < 4; i++)
		if (is_enabled(d, i) && type_of(d, i) == type && meets(d, i, first_of(d, i), at, n))
			hit |= 1u << i;
	return hit;
}

/*
 * Unicorn reports the guest-physical address of an access, but breakpoints are linear addresses.
 * So the breakpoint is translated and compared.  If it matches, the instruction has to have an
 * operand in the page of the breakpoint: it may have used another address of the same frame.
 */
static int is_met(struct run *r, unsigned which, uint64_t gpa, unsigned n, int write)
{
	uint32_t type = write ? VMMU_WRITE : VMMU_READ;
	uint64_t first = first_of(&r->debug, which);
	struct vmmu_xlat x;
	int st = vmmu_translate(r->mmu.view[0].cpu, vmmu_gva(first), 1,
				VMMU_READ | VMMU_NO_AD | mmu_privilege(r), &x);

	if ((st != VMMU_OK && st != VMMU_MMIO) || !meets(&r->debug, which, x.gpa.v, gpa, n))
		return 0;
	return insn_uses_page(r, PAGE_OF(first), type);
}

static void note_hits(struct debug *d, unsigned hits)
{
	d->dr[6] = (d->dr[6] & ~(uint64_t)DR6_HITS) | hits;
}

/* A data breakpoint traps after the instruction that met it, which is before the next one. */
int debug_before(struct run *r, uint64_t at)
{
	struct debug *d = &r->debug;
	int after_iret = d->after_iret;
	struct insn i;
	unsigned hits;

	if (d->hit) {
		uc_emu_stop(r->uc); /* debug_trap() delivers #DB */
		return 1;
	}
	d->after_iret = 0;
	if (!(d->dr[7] & 0xff))
		return 0;
	d->after_iret = insn_decode(r, at, &i) == 0 && i.opcode == 0xcf;
	hits = find(d, ON_CODE, at, 1);
	if (!hits || (after_iret && (cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_RF)))
		return 0;
	note_hits(d, hits);
	run_raise(r, 1, 0);
	return 1;
}

static void accessed(uc_engine *uc, uc_mem_type type, uint64_t at, int n, int64_t value, void *ctx)
{
	struct run *r = ctx;
	struct debug *d = &r->debug;

	(void)uc;
	(void)value;
	for (unsigned i = 0; i < 4; i++) {
		int write = type == UC_MEM_WRITE;

		if (is_enabled(d, i) &&
		    (type_of(d, i) == ON_ACCESS || (write && type_of(d, i) == ON_WRITE)) &&
		    is_met(r, i, at % WINDOW, (unsigned)n, write))
			d->hit |= 1u << i;
	}
}

void debug_port(struct run *r, uint32_t port, unsigned n)
{
	if (cpu_reg(&r->cpu, UC_X86_REG_CR4) & CR4_DE)
		r->debug.hit |= find(&r->debug, ON_PORT, port, n);
}

/* Only a guest that sets a breakpoint pays for a hook at each instruction and access. */
static void arm(struct run *r)
{
	uc_hook h;

	if (r->debug.armed || !(r->debug.dr[7] & 0xff))
		return;
	r->debug.armed = 1;
	sense_everything(r);
	if (uc_hook_add(r->uc, &h, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)accessed, r, 1, 0))
		run_end(r, END_DIFFERENT, "out of memory for hooks of Unicorn's");
	uc_ctl_flush_tb(r->uc);
}

/* ---- #DB ------------------------------------------------------------------------------------- */

static void raise(struct run *r, int vector)
{
	const struct exception e = { .vector = vector };

	deliver(r, &e);
}

int debug_trap(struct run *r, int executed)
{
	unsigned hits = r->debug.hit;

	r->debug.hit = 0;
	if (!hits || !executed)
		return 0;
	note_hits(&r->debug, hits);
	raise(r, 1);
	return 1;
}

void debug_single_step(struct run *r)
{
	r->debug.dr[6] |= DR6_BS;
	if (r->debug.hit)
		r->debug.dr[6] = (r->debug.dr[6] & ~(uint64_t)DR6_HITS) | r->debug.hit;
	r->debug.hit = 0;
}

void debug_entered(struct run *r)
{
	r->debug.dr[7] &= ~(uint64_t)DR7_GD;
}

/* ---- MOV ------------------------------------------------------------------------------------- */

/* The vector of the exception that the MOV raises, or -1. */
static int refusal(struct run *r, const struct insn *i, unsigned *number)
{
	*number = (i->modrm >> 3 & 7) | (i->rex & 4 ? 8u : 0);
	if (i->lock || *number > 7)
		return 6;
	if (*number == 4 || *number == 5) {
		if (cpu_reg(&r->cpu, UC_X86_REG_CR4) & CR4_DE)
			return 6;
		*number += 2;
	}
	if (r->debug.dr[7] & DR7_GD) {
		r->debug.dr[6] |= DR6_BD;
		return 1;
	}
	return -1;
}

static int write_dr(struct run *r, unsigned number, uint64_t value)
{
	uint64_t *dr = &r->debug.dr[number];

	if (number > 5 && value >> 32)
		return 13;
	if (number == 6)
		*dr = (value & DR6_BITS) | DR6_ONES;
	else if (number == 7)
		*dr = (value & DR7_BITS) | DR7_ONE;
	else
		*dr = value;
	arm(r);
	return -1;
}

void debug_move(struct run *r)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);
	unsigned number, gpr;
	struct insn i;
	int vector, wide;

	if (insn_decode(r, insn_address(r, rip), &i) < 0)
		return; /* the code has changed: start again with what is there now */
	wide = cpu_is_code64(&r->cpu);
	gpr = (i.modrm & 7) | (i.rex & 1 ? 8u : 0);
	vector = refusal(r, &i, &number);
	if (vector < 0 && i.opcode == 0x0f23)
		vector = write_dr(r, number, wide ? insn_gpr(r, gpr) : (uint32_t)insn_gpr(r, gpr));
	if (vector >= 0) {
		raise(r, vector);
		return;
	}
	cpu_clear_exception(&r->cpu);
	cpu_put(&r->cpu);
	if (i.opcode == 0x0f21)
		insn_set_gpr(r, gpr, r->debug.dr[number]);
	cpu_set_reg(&r->cpu, UC_X86_REG_RIP, insn_next(r, rip, i.length));
	if (cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_TF) {
		debug_single_step(r);
		raise(r, 1);
	}
}
