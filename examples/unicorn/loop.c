/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running: start Unicorn, see why it stopped, deliver what is due, start again.
 * Not here: what an exception does (deliver.c), what a fill answers (mmu.c).
 * Invariant: when Unicorn is started, nothing is pending and RIP is the next instruction.
 */
#include "run.h"

#include <stdarg.h>
#include <string.h>

#define FLAG_IF (1u << 9)

void run_end(struct run *r, enum ending how, const char *fmt, ...)
{
	va_list args;

	if (r->end != GOING)
		return;
	r->end = how;
	va_start(args, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, args);
	va_end(args);
	if (r->uc)
		uc_emu_stop(r->uc);
}

void run_unsupported(struct run *r, const char *fmt, ...)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);
	size_t at;
	struct insn i;
	struct seg cs;
	va_list args;

	if (r->end != GOING)
		return;
	r->end = END_UNSUPPORTED;
	va_start(args, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, args);
	va_end(args);
	cpu_get(&r->cpu);
	cpu_seg(&r->cpu, SEG_CS, &cs);
	(void)insn_decode(r, cpu_is_code64(&r->cpu) ? rip : (uint32_t)(rip + cs.base), &i);
	at = strlen(r->why);
	at += (size_t)snprintf(r->why + at, sizeof(r->why) - at, "; RIP 0x%llx, bytes",
			       (unsigned long long)rip);
	for (unsigned b = 0; b < i.n && b < 8 && at < sizeof(r->why); b++)
		at += (size_t)snprintf(r->why + at, sizeof(r->why) - at, " %02x", i.bytes[b]);
	uc_emu_stop(r->uc);
}

void run_raise(struct run *r, int vector, uint32_t code)
{
	r->pending = (struct exception){ .vector = vector, .code = code };
	uc_emu_stop(r->uc);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

/* INT n leaves RIP behind the instruction, an exception on it. */
static void interrupted(uc_engine *uc, uint32_t vector, void *ctx)
{
	struct run *r = ctx;

	(void)uc;
	cpu_get(&r->cpu);
	r->pending = (struct exception){
		.vector = (int)(vector & 255),
		.kind = cpu_was_int(&r->cpu) ? EXC_INT : EXC_FAULT,
		.code = cpu_was_int(&r->cpu) ? 0 : cpu_error_code(&r->cpu),
		/* INT3, INT1 and INTO are one byte long. */
		.length = vector == 3 || vector == 4 || vector == 1 ? 1 : 2,
	};
	uc_emu_stop(r->uc);
}

static void by_syscall(uc_engine *uc, void *ctx)
{
	((struct run *)ctx)->entering = BY_SYSCALL;
	uc_emu_stop(uc);
}

static void by_sysenter(uc_engine *uc, void *ctx)
{
	((struct run *)ctx)->entering = BY_SYSENTER;
	uc_emu_stop(uc);
}

static bool undefined(uc_engine *uc, void *ctx)
{
	(void)uc;
	run_raise(ctx, 6, 0);
	return true;
}

static uint32_t port_in(uc_engine *uc, uint32_t port, int n, void *ctx)
{
	(void)uc;
	mmu_settle(ctx);
	return device_in(ctx, port, (unsigned)n);
}

static void port_out(uc_engine *uc, uint32_t port, int n, uint32_t value, void *ctx)
{
	(void)uc;
	mmu_settle(ctx);
	/* The rest of the block is executed even after the end. */
	if (((struct run *)ctx)->end == GOING)
		device_out(ctx, port, (unsigned)n, value);
}

/* A block of code is time for the devices. */
static void block(uc_engine *uc, uint64_t at, uint32_t size, void *ctx)
{
	struct run *r = ctx;

	(void)at;
	(void)size;
	if (device_tick(r) && (cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_IF))
		uc_emu_stop(uc);
}

static void count(uc_engine *uc, uint64_t at, uint32_t size, void *ctx)
{
	struct run *r = ctx;

	(void)uc;
	(void)at;
	(void)size;
	if (++r->instructions > r->most_instructions)
		run_end(r, END_LIMIT, "%llu instructions, the limit",
			(unsigned long long)r->most_instructions);
}

static int attach(struct run *r)
{
	uc_hook h;

	r->attached = 1;
	if (uc_hook_add(r->uc, &h, UC_HOOK_INTR, (void *)interrupted, r, 1, 0) ||
	    uc_hook_add(r->uc, &h, UC_HOOK_INSN_INVALID, (void *)undefined, r, 1, 0) ||
	    uc_hook_add(r->uc, &h, UC_HOOK_INSN, (void *)by_syscall, r, 1, 0, UC_X86_INS_SYSCALL) ||
	    uc_hook_add(r->uc, &h, UC_HOOK_INSN, (void *)by_sysenter, r, 1, 0,
			UC_X86_INS_SYSENTER) ||
	    uc_hook_add(r->uc, &h, UC_HOOK_INSN, (void *)port_in, r, 1, 0, UC_X86_INS_IN) ||
	    uc_hook_add(r->uc, &h, UC_HOOK_INSN, (void *)port_out, r, 1, 0, UC_X86_INS_OUT))
		return -1;
	if (r->most_instructions && uc_hook_add(r->uc, &h, UC_HOOK_CODE, (void *)count, r, 1, 0))
		return -1;
	return 0;
}

/* Only a guest that uses a timer pays for it: from now on each block is seen. */
static void start_ticking(struct run *r)
{
	uc_hook h;

	r->ticking = TICKS_ON;
	if (uc_hook_add(r->uc, &h, UC_HOOK_BLOCK, (void *)block, r, 1, 0))
		run_end(r, END_DIFFERENT, "out of memory for a hook of Unicorn's");
	uc_ctl_flush_tb(r->uc);
}

/* ---- after a stop ---------------------------------------------------------------------------- */

static int in_table(struct run *r, int reg, uint64_t page)
{
	uc_x86_mmr t;

	cpu_table(&r->cpu, reg, &t);
	return page + 0xfff >= t.base && page <= t.base + t.limit;
}

/* A page of the user's that the CPU itself wanted: see access_of() in mmu.c. */
static int is_implicit(struct run *r, uint64_t page)
{
	struct insn i;
	struct seg cs;
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);

	if (!(r->fault_access & VMMU_USER) || (r->fault_access & VMMU_TYPE_MASK) == VMMU_FETCH)
		return 0;
	if (!in_table(r, UC_X86_REG_GDTR, page) && !in_table(r, UC_X86_REG_LDTR, page) &&
	    !in_table(r, UC_X86_REG_TR, page))
		return 0;
	cpu_get(&r->cpu);
	cpu_seg(&r->cpu, SEG_CS, &cs);
	if (!cpu_is_code64(&r->cpu))
		rip = (uint32_t)(rip + cs.base);
	return insn_decode(r, rip, &i) == 0 && insn_uses_descriptors(&i);
}

/* The fill said no. */
static void faulted(struct run *r, struct exception *e)
{
	uint64_t page = e->cr2;

	r->mmu.implicit = 1;
	if (is_implicit(r, page)) {
		r->mmu.implicit = page;
		return;
	}
	e->cr2 = insn_fault_address(r, page, r->fault_access);
	if (e->vector == 13 && insn_is_stack(r))
		e->vector = 12;
	deliver(r, e);
}

static void halted(struct run *r)
{
	uint64_t flags = cpu_reg(&r->cpu, UC_X86_REG_RFLAGS);

	if (!(flags & FLAG_IF))
		run_end(r, END_HALTED, "halted with interrupts off");
	else if (!device_wait(r))
		run_end(r, END_HALTED, "halted, and no interrupt will come");
}

/* Code that was stored to by way of the window is translated anew. */
static int renew_code(struct run *r)
{
	int stale = r->mmu.code_stale;

	if (stale)
		uc_ctl_flush_tb(r->uc);
	r->mmu.code_stale = 0;
	return stale;
}

static void after_stop(struct run *r, uc_err err)
{
	struct exception e = r->pending;
	int renewed = renew_code(r);
	enum entering entering = r->entering;

	r->pending.vector = -1;
	r->entering = BY_NOTHING;
	if (entering != BY_NOTHING) {
		enter_kernel(r, entering); /* it says itself whether TF traps */
	} else if (e.vector >= 0 && r->fault_access != NO_FAULT) {
		faulted(r, &e);
	} else if (e.vector >= 0) {
		deliver(r, &e);
	} else if (err != UC_ERR_OK && renewed) {
		/* it was stopped for that */
	} else if (err != UC_ERR_OK) {
		run_unsupported(r, "Unicorn: %s", uc_strerror(err));
	} else if (r->ticking == TICKS_WANTED) {
		start_ticking(r);
	} else if (device_irq(r) < 0 || !(cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_IF)) {
		halted(r);
	}
	if (e.vector >= 0 && r->most_instructions)
		r->instructions++; /* a fault that never ends is one, too */
	if (r->most_instructions && r->instructions > r->most_instructions)
		run_end(r, END_LIMIT, "%llu instructions, the limit",
			(unsigned long long)r->most_instructions);
}

static void interrupt(struct run *r)
{
	struct exception e = { .vector = device_irq(r), .kind = EXC_IRQ };

	if (e.vector < 0 || !deliver_ready(r))
		return;
	device_ack(r);
	deliver(r, &e);
}

void run_loop(struct run *r)
{
	r->pending.vector = -1;
	if (!r->attached && attach(r) < 0)
		run_end(r, END_INPUT, "Unicorn does not take the hooks");
	while (r->end == GOING) {
		uc_err err;

		interrupt(r);
		if (r->end != GOING)
			break;
		r->fault_access = NO_FAULT;
		err = uc_emu_start(r->uc, cpu_reg(&r->cpu, UC_X86_REG_RIP), 0, 0, 0);
		mmu_settle(r);
		if (r->end == GOING)
			after_stop(r, err);
	}
}
