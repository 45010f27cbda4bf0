/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts Unicorn, finds out why it stopped, delivers exceptions and interrupts, and starts it
 * again.
 * Not here: how an exception is delivered (deliver.c), what a fill returns (mmu.c).
 * Invariant: when Unicorn is started, no exception is pending and RIP is the next instruction.
 */
#include "run.h"

#include <stdarg.h>
#include <string.h>

#define FLAG_IF (1u << 9)
#define FLAG_VM (1u << 17)

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

/* Appends mode, address and bytes of the instruction to the message of END_UNSUPPORTED. */
static void name_instruction(struct run *r)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP), at = insn_address(r, rip);
	const char *mode = "32-bit code";
	size_t n = strlen(r->why);
	struct insn i;
	struct seg cs;

	cpu_seg(&r->cpu, SEG_CS, &cs);
	if (!r->mmu.protected_mode)
		mode = "real mode";
	else if (cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_VM)
		mode = "virtual-8086 mode";
	else if (cpu_is_code64(&r->cpu))
		mode = "64-bit code";
	else if (!cpu_is_code32(&r->cpu))
		mode = "16-bit code";
	n += (size_t)snprintf(r->why + n, sizeof(r->why) - n,
			      "; %s, CPL %u, RIP 0x%llx, CS 0x%x, linear address 0x%llx, bytes",
			      mode, cpu_cpl(&r->cpu), (unsigned long long)rip, cs.selector,
			      (unsigned long long)at);
	(void)insn_decode(r, at, &i);
	for (unsigned b = 0; b < i.n && n < sizeof(r->why); b++)
		n += (size_t)snprintf(r->why + n, sizeof(r->why) - n, " %02x", i.bytes[b]);
	if (!i.n && n < sizeof(r->why))
		(void)snprintf(r->why + n, sizeof(r->why) - n, " that cannot be fetched");
}

void run_raise(struct run *r, int vector, uint32_t code)
{
	r->pending = (struct exception){ .vector = vector, .code = code };
	uc_emu_stop(r->uc);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

/* RIP lies behind an INT n instruction, but at an instruction that raised an exception. */
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
	if (vector == 1 && r->pending.kind == EXC_FAULT)
		debug_single_step(r);
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
	mmu_finish_store(ctx);
	debug_port(ctx, port, (unsigned)n);
	return device_in(ctx, port, (unsigned)n);
}

static void port_out(uc_engine *uc, uint32_t port, int n, uint32_t value, void *ctx)
{
	(void)uc;
	mmu_finish_store(ctx);
	/* Unicorn executes the rest of the block even after run_end(). */
	if (((struct run *)ctx)->end != GOING)
		return;
	debug_port(ctx, port, (unsigned)n);
	device_out(ctx, port, (unsigned)n, value);
}

/* Each block of code advances the time of the devices. */
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

/* Only a guest that programs the timer pays for a hook at each block. */
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

/* Whether the failed access at CPL 3 was one of the CPU itself: see access_of() in mmu.c. */
static int is_implicit(struct run *r, uint64_t page)
{
	struct insn i;
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);

	if (!(r->fault_access & VMMU_USER) || (r->fault_access & VMMU_TYPE_MASK) == VMMU_FETCH)
		return 0;
	if (!in_table(r, UC_X86_REG_GDTR, page) && !in_table(r, UC_X86_REG_LDTR, page) &&
	    !in_table(r, UC_X86_REG_TR, page))
		return 0;
	return insn_decode(r, insn_address(r, rip), &i) == 0 && insn_uses_descriptors(&i);
}

static int is_fetch(const struct run *r)
{
	return r->fault_access != NO_FAULT && (r->fault_access & VMMU_TYPE_MASK) == VMMU_FETCH;
}

/* A fill has failed, and *e is the exception. */
static void faulted(struct run *r, struct exception *e, uint64_t lifted)
{
	uint64_t page = e->cr2;

	r->mmu.implicit = 1;
	if (is_implicit(r, page)) {
		r->mmu.implicit = page;
		return;
	}
	if (is_fetch(r) &&
	    !lock_crosses(r, insn_address(r, cpu_reg(&r->cpu, UC_X86_REG_RIP)), page, lifted))
		return;
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

/* Drops translated code that a store through the window has changed.  Its pages are searched again.
 */
static int renew_code(struct run *r)
{
	int stale = r->mmu.code_stale;

	if (stale) {
		uc_ctl_flush_tb(r->uc);
		r->sense.age++;
		mmu_flush_tlb(r);
	}
	r->mmu.code_stale = r->mmu.block_stale = 0;
	return stale;
}

/* Unicorn raises #UD for INT1, so it is carried out here. */
static int is_int1(struct run *r, uint64_t at)
{
	const struct exception trap = { .vector = 1 };
	struct insn i;

	if (insn_decode(r, at, &i) < 0 || i.opcode != 0xf1 || i.lock)
		return 0;
	cpu_set_reg(&r->cpu, UC_X86_REG_RIP,
		    insn_next(r, cpu_reg(&r->cpu, UC_X86_REG_RIP), i.length));
	deliver(r, &trap);
	return 1;
}

/* Unicorn has stopped without an exception. */
static void stopped(struct run *r, uint64_t at, int known)
{
	if (r->ticking == TICKS_WANTED)
		start_ticking(r);
	else if (known || lock_stopped(r, at))
		return;
	else if (device_irq(r) < 0 || !(cpu_reg(&r->cpu, UC_X86_REG_RFLAGS) & FLAG_IF))
		halted(r);
}

/* At the end of a run Unicorn fetches from the pages of its exits.  Whether the guest wanted this
 * page. */
static int is_wanted(uint64_t at, uint64_t page, uint64_t lifted)
{
	if (lifted != NO_STOP && lifted != at)
		return 0; /* the guest has got to the next exit */
	return page == PAGE_OF(at) || page == PAGE_OF(at) + VMMU_PAGE_SIZE ||
	       page == (uint32_t)(PAGE_OF(at) + VMMU_PAGE_SIZE);
}

static void after_stop(struct run *r, uc_err err)
{
	struct exception e = r->pending;
	int again = r->stops.changed || r->mmu.block_stale;
	int renewed = renew_code(r);
	uint64_t lifted = lock_restore(r);
	uint64_t at = insn_address(r, cpu_reg(&r->cpu, UC_X86_REG_RIP));
	enum entering entering = r->entering;
	int moves_dr = r->moves_dr;

	if (e.vector >= 0 && is_fetch(r) && !is_wanted(at, e.cr2, lifted)) {
		e.vector = -1;
		err = UC_ERR_OK;
	}
	r->pending.vector = -1;
	r->entering = BY_NOTHING;
	r->moves_dr = 0;
	if (debug_trap(r, e.vector < 0 || is_fetch(r))) {
		/* any other exception will be raised again */
	} else if (moves_dr) {
		debug_move(r);
	} else if (entering != BY_NOTHING) {
		enter_kernel(r, entering); /* handles TF as well */
	} else if (e.vector >= 0 && r->fault_access != NO_FAULT) {
		faulted(r, &e, lifted);
	} else if (e.vector == 6 && e.kind == EXC_FAULT && is_int1(r, at)) {
		/* is_int1() has delivered it */
	} else if (e.vector >= 0) {
		deliver(r, &e);
	} else if (err != UC_ERR_OK && (renewed || again)) {
		/* the fill failed on purpose: start again */
	} else if (err != UC_ERR_OK) {
		run_end(r, END_UNSUPPORTED, "Unicorn: %s", uc_strerror(err));
	} else {
		stopped(r, at, lifted != NO_STOP && lifted != at);
	}
	if (e.vector >= 0 && r->most_instructions)
		r->instructions++; /* or endless faults would never reach the limit */
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

/* Outside 64-bit code, Unicorn does not truncate RIP to 32 bits. */
static uint64_t next_rip(struct run *r)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);

	if (!(rip >> 32))
		return rip;
	cpu_get(&r->cpu);
	return cpu_is_code64(&r->cpu) ? rip : (uint32_t)rip;
}

void run_loop(struct run *r)
{
	if (!r->attached && attach(r) < 0)
		run_end(r, END_INPUT, "Unicorn does not take the hooks");
	while (r->end == GOING) {
		uc_err err;

		interrupt(r);
		if (r->end != GOING)
			break;
		r->fault_access = NO_FAULT;
		err = uc_emu_start(r->uc, next_rip(r), 0, 0, 0);
		mmu_finish_store(r);
		if (r->end == GOING)
			after_stop(r, err);
	}
	if (r->end == END_UNSUPPORTED)
		name_instruction(r);
}
