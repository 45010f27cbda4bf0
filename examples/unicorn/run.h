/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu-run: a PC of one CPU.  Unicorn executes the guest's instructions; whatever is an address, a
 * page fault or a store to a page table goes through libvmmu.
 *
 *	main.c     options, the result
 *	load.c     kernel images
 *	machine.c  RAM, VMs
 *	loop.c     run, see why it stopped, deliver, run on
 *	mmu.c      the glue between Unicorn's TLB and libvmmu: what an emulator's author reads first
 *	window.c   stores that the library wants to see, and devices
 *	sense.c    finding MOV CR, INVLPG, WRMSR, WRPKRU before they execute
 *	guest.c    what the guest does to its MMU; the CPU's own accesses
 *	debug.c    debug registers, breakpoints
 *	lock.c     instructions that Unicorn's translator does not survive
 *	insn.c     decoding as much of an instruction as a fault or INVLPG needs
 *	address.c  the exact address of a fault
 *	deliver.c  exceptions and interrupts through the guest's IDT and TSS
 *	entry.c    SYSCALL and SYSENTER
 *	task.c     task gates
 *	cpu.c      the registers that Unicorn does not give
 *	device.c   serial port, timer, interrupt controller, exit port
 *	trace.c    VMTRACE1 of what the guest does
 *	check.c    other backends and an oracle in lock step
 *
 * Limits: one CPU; no task switch by JMP or CALL, no virtual-8086 interrupts, no LDT gates' code
 * segments beyond what the tables say; XRSTOR that changes PKRU is not noticed; TSC is the host's.
 * Whatever the guest does, the process survives: what is not here ends the run and is named.
 */
#ifndef RUN_H
#define RUN_H

#include "cpu.h"

#include <vmmu/vmmu.h>

#include <stdio.h>

#define PAGE_OF(a) ((a) & ~0xfffull)

/* How it ended; the command's exit status, even where the guest did not choose it. */
enum ending {
	GOING = -1,
	END_HALTED = 0, /* HLT that nothing can end */
	END_USAGE = 2,
	END_INPUT = 4,
	END_DEAD = 6,	     /* triple fault */
	END_UNSUPPORTED = 8, /* the guest wants what is not here */
	END_DIFFERENT = 10,  /* --check found a difference, or the library failed */
	END_LIMIT = 12,	     /* --max-instructions */
	END_EXIT = 256,	     /* port 0xf4: run.exit_status */
};

enum entering { BY_NOTHING, BY_SYSCALL, BY_SYSENTER };
enum exception_kind { EXC_FAULT, EXC_INT, EXC_IRQ };

struct exception {
	int vector; /* -1: none */
	enum exception_kind kind;
	unsigned length; /* of the INT that it is */
	uint32_t code;
	uint64_t cr2;
};

/* One VM on one backend; all of them look at the same RAM. */
struct view {
	const char *name;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
};
#define MOST_VIEWS 4
#define MOST_PATCHED 128u
#define NO_FAULT (~0u)
#define HALF_NONE (~0ull)

struct ram {
	void *map;
	size_t map_bytes;
	uint8_t *base; /* 1G aligned; gpa 0 */
	uint64_t bytes;
	struct vmmu_range range[2]; /* all but the VGA hole */
};

/* mmu.c's */
struct mmu {
	struct view view[MOST_VIEWS];
	unsigned nr_views;
	int protected_mode, long_mode, smap, wide; /* of the registers; wide: 8-byte entries */
	uint8_t *frame;				   /* FRAME_*, by gpa >> 12 */
	uint32_t *written;	       /* by gpa >> 12: `epoch` if Unicorn may have it writable */
	uint32_t epoch;		       /* of Unicorn's TLB */
	uint64_t half;		       /* gpa of a store of which one half has come, or HALF_NONE */
	uint64_t implicit;	       /* page that CPL 3 may use as the CPU itself, or 1 */
	int flush_late;		       /* an entry was good for one access only */
	uint16_t task;		       /* TR, once there has been a task gate; else 0 */
	int code_stale;		       /* code was stored to that Unicorn may have translated */
	int block_stale;	       /* what Unicorn is about to translate has a hook by now */
	uint64_t run_page, run_stores; /* trapped stores in a row to one page */
	uint64_t fills, stores, flushes;
	uint64_t patched[MOST_PATCHED]; /* frames that were code, and pages by which they are stored
					   to */
	unsigned nr_patched;
};

/* sense.c's */
#define FETCHED 1024u
#define MOST_SENSED 512u
struct sense_page {
	uint64_t page, frame, age;
};
struct sense_hook {
	struct run *run;
	uint64_t first, last; /* first > last: everywhere */
};
struct sense {
	struct sense_page fetched[FETCHED]; /* by page: what Unicorn fetches from there */
	uint64_t age;			    /* of what was searched; from 1 */
	struct sense_hook hook[MOST_SENSED];
	unsigned nr;
	uint64_t registers, invlpgs, searched;
};

/* debug.c's */
struct debug {
	uint64_t dr[8]; /* 4 and 5 are other names of 6 and 7 */
	unsigned hit;	/* data and I/O breakpoints of the instruction that is being executed, a bit
			   each */
	int armed;	/* the hooks are there: from the first breakpoint on */
	int after_iret; /* the instruction before this one was an IRET, which may have set RF */
};

/* lock.c's */
#define MOST_STOPS 16384u /* of three pages at least: one instruction may lie in two */
#define MOST_BEGUN 64u
struct stops {
	uint64_t at[MOST_STOPS];    /* linear addresses at which the translator stops */
	uint64_t begun[MOST_BEGUN]; /* pages that begin with what may have begun in the page before
				     */
	unsigned nr, nr_begun;	    /* nr_begun == MOST_BEGUN: all pages */
	uint64_t lifted;	    /* see lock.c; NO_STOP: all of `at` hold */
	int changed;		    /* Unicorn does not know them all */
};
#define NO_STOP (1ull << 63) /* no canonical address */

struct device;
struct trace;
struct check;

struct run {
	uc_engine *uc;
	struct cpu cpu;
	struct ram ram;
	struct mmu mmu;
	struct sense sense;
	struct debug debug;
	struct stops stops;
	struct device *device;
	struct trace *trace; /* NULL: none */
	struct check *check; /* NULL: none */
	struct exception pending;
	uint32_t fault_access; /* what the fill that gave `pending` was asked; NO_FAULT */
	enum entering entering;
	int moves_dr; /* the instruction at RIP is a MOV to or from a debug register */
	enum ending end;
	unsigned exit_status;
	char why[400];
	int attached; /* the loop's hooks */
	enum { TICKS_OFF, TICKS_WANTED, TICKS_ON } ticking;
	uint64_t instructions, most_instructions; /* counted only with a limit */
	uint64_t delivered[256];
};

/* Ends the run, the first time it is called; the engine stops at once. */
void run_end(struct run *r, enum ending how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An exception to be delivered when the engine has stopped, which it does now. */
void run_raise(struct run *r, int vector, uint32_t code);

/* loop.c: from where the registers are, to the end. */
void run_loop(struct run *r);

/* load.c: zero, or -1 after run_end(). */
int load_kernel(struct run *r, const char *path, const char *args);

/* deliver.c: through IDT or IVT; run_end() on a triple fault. */
void deliver(struct run *r, const struct exception *e);
/*
 * task.c: an exception's task gate leads to another task; `code`: its error code, or NULL.
 * -1: *nested is to be delivered.
 */
int task_switch(struct run *r, uint16_t selector, const uint32_t *code, struct exception *nested);
/* Has an IRET gone back to another task, with its CR3? */
void task_notice(struct run *r);
/* entry.c: what the instruction before RIP does. */
void enter_kernel(struct run *r, enum entering how);
/* Would the CPU take an interrupt now? */
int deliver_ready(struct run *r);

/* ---- mmu.c ---------------------------------------------------------------------------- */

/* Unicorn's physical addresses: guest-physical ones, and all of them again for what traps. */
#define WINDOW (1ull << 40)
#define WINDOW_BYTES (1ull << 40)

struct machine_options {
	const char *backend;
	uint64_t ram_bytes;
	uint64_t host_page;
	int all; /* the other backends, too */
	unsigned front_entries;
	unsigned flood; /* of shadow paging; 0: as the library has it */
};

#define FRAME_CODE 1u	  /* Unicorn may fetch from it, so it may not write to it */
#define FRAME_TABLE 2u	  /* the trace wants to see its stores */
#define FRAME_WALKED 4u	  /* the oracle does, until CR3 is loaded */
#define FRAME_MIXED 8u	  /* was code and data in turn, too often */
#define FRAME_FETCHED 16u /* was code, or is */
#define FRAME_TURN 32u	  /* from here up: how often */
#define MOST_TURNS 7u

/* machine.c: RAM and VMs; zero, or -1 after run_end(). */
int machine_open(struct run *r, const struct machine_options *o);
/* Unicorn's side of it, once the machine is open; zero, or -1 after run_end(). */
int machine_engine(struct run *r, uint32_t code_bytes);
void machine_close(struct run *r);
/* "native, shadow, ..." */
const char *machine_backends(void);
int machine_has_backend(const char *name);
const struct vmmu_profile *machine_profile(void);

/* Hooks Unicorn up; 0, or -1. */
int mmu_attach(struct run *r);
/* The library's flush callback; ctx is the run. */
void mmu_flush(void *ctx, const struct vmmu_flush *what);
/* What an access that got `status` raises. */
struct exception mmu_exception(struct run *r, uint64_t gva, uint32_t access, int status,
			       const struct vmmu_xlat *x);
/* A store to RAM that the caller does between the two, in one page.  -1: after run_end(). */
int mmu_begin_store(struct run *r, uint64_t gpa, size_t n);
void mmu_end_store(struct run *r, uint64_t gpa, size_t n);
/* One access of the guest's, on all backends; the answer of the first. */
int mmu_ask(struct run *r, uint64_t gva, uint32_t access, struct vmmu_xlat *x);
/* Who accesses: VMMU_USER, VMMU_AC. */
uint32_t mmu_privilege(struct run *r);
/* The CPU's own accesses; 0, or -1 with *e. */
int mmu_read(struct run *r, uint64_t gva, void *buf, size_t n, uint32_t access,
	     struct exception *e);
int mmu_write(struct run *r, uint64_t gva, const void *buf, size_t n, uint32_t access,
	      struct exception *e);
/* What the guest did to its MMU; VMMU_OK or VMMU_GP. */
int mmu_set_register(struct run *r, unsigned number, uint64_t value);
void mmu_invlpg(struct run *r, uint64_t gva);
void mmu_set_pkru(struct run *r, uint32_t value);
/* A store's second half will not come. */
void mmu_settle(struct run *r);
/* A guest frame of which every store must be seen from now on: FRAME_TABLE or _WALKED. */
void mmu_watch_table(struct run *r, uint64_t gpa, unsigned flag);
/* window.c: Unicorn's callbacks for the window; ctx is the run. */
uint64_t mmu_window_read(uc_engine *uc, uint64_t gpa, unsigned n, void *ctx);
void mmu_window_write(uc_engine *uc, uint64_t gpa, unsigned n, uint64_t value, void *ctx);
/* Unicorn's TLB goes, and what it allowed. */
void mmu_flush_tlb(struct run *r);

static inline int is_ram(const struct run *r, uint64_t gpa, uint64_t n)
{
	return (gpa < r->ram.range[0].hi && n <= r->ram.range[0].hi - gpa) ||
	       (gpa >= r->ram.range[1].lo && gpa < r->ram.bytes && n <= r->ram.bytes - gpa);
}

/* ---- sense.c -------------------------------------------------------------------------- */

/* Code at this page is about to be translated.  `all`: look at each of its instructions. */
void sense_page(struct run *r, uint64_t page, uint64_t frame, int all);
/* From now on each instruction is looked at, wherever it is. */
void sense_everything(struct run *r);
int sense_is_prefix(uint8_t b);
/* Of bytes[at], which may lie behind the page, the first prefix in this page; `at`: none. */
unsigned sense_first_prefix(const uint8_t *bytes, unsigned at);
/* Up to n bytes of code, as Unicorn fetches them; how many. */
size_t sense_bytes(struct run *r, uint64_t at, uint8_t *buf, size_t n);

/* ---- insn.c, address.c ---------------------------------------------------------------- */

struct insn {
	uint8_t bytes[15];
	unsigned n;	 /* bytes that could be read */
	unsigned opcode; /* 0x0fNN for two bytes, 0x38NN, 0x3aNN for three */
	unsigned length; /* without displacement and immediate */
	int lock;	 /* prefix F0 */
	unsigned modrm, rex;
	unsigned operand, address; /* bytes: 2, 4, 8 */
	int segment;		   /* override; -1: none */
	int has_memory;
	int by_stack; /* its base is SP or BP */
	uint64_t ea;  /* linear address of the memory operand */
};

/* Of the instruction at linear address `at`; the snapshot is taken.  -1: none that is readable. */
int insn_decode(struct run *r, uint64_t at, struct insn *i);
/* The linear address in `page` that the instruction at RIP meant to use. */
uint64_t insn_fault_address(struct run *r, uint64_t page, uint32_t access);
/* Has it an operand in that page? */
int insn_uses_page(struct run *r, uint64_t page, uint32_t access);
/* Does it use descriptor tables on its own behalf? */
/* Is the one at RIP an access to the stack by its nature? */
int insn_is_stack(struct run *r);
int insn_uses_descriptors(const struct insn *i);
uint64_t insn_gpr(const struct run *r, unsigned number);
/* As an instruction of 32 or 64 bits does. */
void insn_set_gpr(struct run *r, unsigned number, uint64_t value);
/* The linear address of the instruction at RIP. */
uint64_t insn_address(struct run *r, uint64_t rip);
/* RIP behind an instruction of so many bytes. */
uint64_t insn_next(struct run *r, uint64_t rip, unsigned length);

/* ---- debug.c -------------------------------------------------------------------------- */

void debug_open(struct run *r);
/* The MOV at RIP, which has been kept from Unicorn, and what it raises. */
void debug_move(struct run *r);
/* Before the instruction at linear address `at`, once there is a breakpoint.  1: it is not
 * executed. */
int debug_before(struct run *r, uint64_t at);
/* Delivers #DB if the last instruction has met a breakpoint; not if it has not been executed, as it
 * faulted.  1: it did. */
int debug_trap(struct run *r, int executed);
/* Unicorn says that TF traps: what DR6 says of it. */
void debug_single_step(struct run *r);
/* The handler of #DB is entered. */
void debug_entered(struct run *r);
/* An instruction uses a port. */
void debug_port(struct run *r, uint32_t port, unsigned n);

/* ---- lock.c --------------------------------------------------------------------------- */

/* The bytes of a page that is about to be translated. */
void lock_page(struct run *r, uint64_t page, const uint8_t *bytes);
/* A store that is about to be made to a guest frame; it may be one in which code changes without a
 * new search. */
void lock_store(struct run *r, uint64_t gpa, unsigned n, uint64_t value);
/* The engine has stopped.  What was lifted, and is an exit again; or NO_STOP. */
uint64_t lock_restore(struct run *r);
/* 1: it has stopped for one of them, and what is due has been done. */
int lock_stopped(struct run *r, uint64_t at);
/*
 * The fetch from `page` has failed in the block that begins at `at`.  1: it is the instruction at
 * `at` that lies across the boundary.  Else those before that one are executed first.  `lifted`: as
 * lock_restore() said.
 */
int lock_crosses(struct run *r, uint64_t at, uint64_t page, uint64_t lifted);

/* ---- device.c ------------------------------------------------------------------------- */

int device_open(struct run *r, FILE *serial);
void device_close(struct run *r);
uint32_t device_in(struct run *r, uint32_t port, unsigned n);
void device_out(struct run *r, uint32_t port, unsigned n, uint32_t value);
/* A block of code was executed.  1: an interrupt waits. */
int device_tick(struct run *r);
uint64_t device_read(struct run *r, uint64_t gpa, unsigned n);
void device_write(struct run *r, uint64_t gpa, unsigned n, uint64_t value);
/* The vector of an interrupt that waits, or -1. */
int device_irq(struct run *r);
void device_ack(struct run *r);
/* HLT: moves time to the next interrupt.  0: there is none. */
int device_wait(struct run *r);

/* ---- trace.c, check.c ----------------------------------------------------------------- */

int trace_open(struct run *r, const char *path);
/* Zero, or -1: a write failed. */
int trace_close(struct run *r);
void trace_register(struct run *r, unsigned number, uint64_t value);
void trace_invlpg(struct run *r, uint64_t gva);
void trace_access(struct run *r, uint64_t gva, uint32_t access, const struct vmmu_xlat *x,
		  int status);
void trace_fault(struct run *r, uint32_t code, uint64_t cr2);
void trace_store(struct run *r, uint64_t gpa, unsigned n);
/* PDPTEs that a load of CR3 or CR0 will read. */
void trace_pdptes(struct run *r, unsigned number, uint64_t value);

int check_open(struct run *r);
void check_close(struct run *r);
/* What the library answered; the others are asked and all are judged. */
int check_access(struct run *r, uint64_t gva, uint32_t access, int status, struct vmmu_xlat *x);
void check_store(struct run *r, uint64_t gpa, size_t n);
void check_register(struct run *r, unsigned number, uint64_t value, int status);
void check_invlpg(struct run *r, uint64_t gva);
/* vmmu_check() of every view. */
void check_invariants(struct run *r);
void check_pkru(struct run *r, uint32_t value);

#endif
