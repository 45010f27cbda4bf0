/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu-run emulates a PC with one CPU.  Unicorn executes the guest's instructions.  libvmmu
 * translates addresses, decides page faults and follows stores to page tables.
 *
 *	main.c     options and the exit status
 *	load.c     loads kernel images
 *	machine.c  RAM, the VMs and the engine
 *	loop.c     starts the engine and handles each stop
 *	mmu.c      the glue between Unicorn's TLB and libvmmu: what an emulator's author reads first
 *	window.c   trapped stores to RAM, and accesses to devices
 *	sense.c    notices MOV CR, INVLPG, WRMSR and WRPKRU before they execute
 *	guest.c    tells the library what the guest does to its MMU; the CPU's own accesses
 *	debug.c    debug registers, breakpoints
 *	lock.c     instructions that Unicorn's translator does not survive
 *	insn.c     decodes as much of an instruction as faults and INVLPG need
 *	address.c  finds the exact address of a fault
 *	deliver.c  delivers exceptions and interrupts through the guest's IDT and TSS
 *	entry.c    SYSCALL and SYSENTER
 *	task.c     task gates
 *	cpu.c      registers that Unicorn's interface does not give
 *	device.c   serial port, timer, interrupt controller, exit port
 *	trace.c    writes a VMTRACE1 of what the guest does
 *	check.c    compares the other backends and an oracle in lock step
 *
 * Limits: one CPU; no task switch by JMP or CALL, no virtual-8086 interrupts, no LDT gates' code
 * segments beyond what the tables say; XRSTOR that changes PKRU is not noticed; TSC is the host's.
 * Invariant: no guest ends the process in another way than by run_end().  What is not emulated ends
 * the run, and the message names it.
 */
#ifndef RUN_H
#define RUN_H

#include "cpu.h"

#include <vmmu/vmmu.h>

#include <stdio.h>

#define PAGE_OF(a) ((a) & ~0xfffull)

/* How the run ended.  Even values are the exit status of the command. */
enum ending {
	GOING = -1,
	END_HALTED = 0, /* HLT that nothing can end */
	END_USAGE = 2,
	END_INPUT = 4,
	END_DEAD = 6,	     /* triple fault */
	END_UNSUPPORTED = 8, /* the guest wants what is not emulated */
	END_DIFFERENT = 10,  /* --check found a difference, or the library failed */
	END_LIMIT = 12,	     /* --max-instructions */
	END_EXIT = 256,	     /* port 0xf4: run.exit_status */
};

enum entering { BY_NOTHING, BY_SYSCALL, BY_SYSENTER };
enum exception_kind { EXC_FAULT, EXC_INT, EXC_IRQ };

struct exception {
	int vector; /* -1: none */
	enum exception_kind kind;
	unsigned length; /* bytes of the INT instruction, for EXC_INT */
	uint32_t code;
	uint64_t cr2;
};

/* One VM on one backend.  All views share the same RAM. */
struct view {
	const char *name;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
};
#define MOST_VIEWS 4
#define MOST_WATCHED 128u
#define NO_FAULT (~0u)
#define HALF_NONE (~0ull)

struct ram {
	void *map;
	size_t map_bytes;
	uint8_t *base; /* 1G aligned; gpa 0 */
	uint64_t bytes;
	struct vmmu_range range[2]; /* all but the VGA hole */
};

/* State of mmu.c and window.c. */
struct mmu {
	struct view view[MOST_VIEWS];
	unsigned nr_views;
	int protected_mode, long_mode, smap, wide; /* from the registers; wide: 8-byte entries */
	uint8_t *frame;				   /* FRAME_*, by gpa >> 12 */
	uint32_t *written; /* by gpa >> 12: equal to `epoch` if Unicorn may have it writable */
	uint32_t epoch;	   /* advances with each flush of Unicorn's TLB */
	uint64_t half;	   /* gpa of an 8-byte store whose first half has arrived, or HALF_NONE */
	uint64_t implicit; /* page that the next access at CPL 3 reads as an implicit supervisor
			      access, or 1 */
	int flush_late;	   /* an entry of Unicorn's TLB was valid for one access only */
	uint16_t task;	   /* TR after the first task gate; 0 before */
	int code_stale;	   /* a store changed code that Unicorn may have translated */
	int block_stale;   /* a hook was added for code that Unicorn is translating now */
	uint64_t run_page, run_stores; /* how many trapped stores in a row went to which page */
	uint64_t fills, stores, flushes;
	uint64_t watched[MOST_WATCHED]; /* frames that were code, and pages by which they are stored
					   to */
	unsigned nr_watched;
};

/* State of sense.c. */
#define FETCHED 1024u
#define MOST_SENSED 512u
struct sense_page {
	uint64_t page, frame, age;
};
struct sense_hook {
	struct run *run;
	uint64_t first, last; /* linear addresses; first > last: all of them */
};
struct sense {
	struct sense_page fetched[FETCHED]; /* by page: the frame that Unicorn fetches from */
	uint64_t age;			    /* of the last search of a page; begins with 1 */
	struct sense_hook hook[MOST_SENSED];
	unsigned nr;
	uint64_t registers, invlpgs, searched;
};

/* State of debug.c. */
struct debug {
	uint64_t dr[8]; /* dr[4] and dr[5] are not used: they are other names of 6 and 7 */
	unsigned hit;	/* data and I/O breakpoints of the instruction that is being executed, a bit
			   each */
	int armed;	/* the hooks are installed; they stay after the first breakpoint */
	int after_iret; /* the instruction before this one was an IRET, which may have set RF */
};

/* State of lock.c. */
#define MOST_STOPS 16384u /* enough for three pages: one instruction may lie in two */
#define MOST_BEGUN 64u
struct stops {
	uint64_t at[MOST_STOPS];    /* linear addresses at which the translator stops */
	uint64_t begun[MOST_BEGUN]; /* pages that begin with what may have begun in the page before
				     */
	unsigned nr, nr_begun;	    /* nr_begun == MOST_BEGUN: all pages */
	uint64_t lifted; /* the stop that is lifted for one run of the engine, or NO_STOP */
	int changed;	 /* Unicorn has not been told of the last change */
};
#define NO_STOP (1ull << 63) /* not a canonical address */

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
	uint32_t fault_access; /* the access whose failed fill set `pending`, or NO_FAULT */
	enum entering entering;
	int moves_dr; /* the instruction at RIP is a MOV to or from a debug register */
	enum ending end;
	unsigned exit_status;
	char why[400];
	int attached; /* the hooks of loop.c are installed */
	enum { TICKS_OFF, TICKS_WANTED, TICKS_ON } ticking;
	uint64_t instructions,
		most_instructions; /* instructions are counted only if there is a limit */
	uint64_t delivered[256];
};

/* Ends the run and stops the engine.  Only the first call has an effect. */
void run_end(struct run *r, enum ending how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Stops the engine; loop.c then delivers this exception. */
void run_raise(struct run *r, int vector, uint32_t code);

/* loop.c: runs the guest from its current registers until run_end() is called. */
void run_loop(struct run *r);

/* load.c: loads the image and sets the registers.  0, or -1 after run_end(). */
int load_kernel(struct run *r, const char *path, const char *args);

/* deliver.c: enters the handler that IDT or IVT name; calls run_end() on a triple fault. */
void deliver(struct run *r, const struct exception *e);
/*
 * task.c: switches to the task of a task gate.  `code` is the exception's error code, or NULL.
 * -1: the switch raised *nested, which the caller delivers.
 */
int task_switch(struct run *r, uint16_t selector, const uint32_t *code, struct exception *nested);
/* Tells the library of a CR3 that an IRET to another task has loaded. */
void task_notice(struct run *r);
/* entry.c: carries out the SYSCALL or SYSENTER before RIP. */
void enter_kernel(struct run *r, enum entering how);
/* Whether the CPU would take an interrupt now. */
int deliver_ready(struct run *r);

/* ---- mmu.c ---------------------------------------------------------------------------- */

/*
 * Unicorn's physical addresses below WINDOW are guest-physical ones.  WINDOW + gpa is the same
 * address, but each access to it calls back.
 */
#define WINDOW (1ull << 40)
#define WINDOW_BYTES (1ull << 40)

struct machine_options {
	const char *backend;
	uint64_t ram_bytes;
	uint64_t host_page;
	int all; /* open a VM on each other backend, too */
	unsigned front_entries;
	unsigned flood; /* of shadow paging; 0: the library's default */
};

#define FRAME_CODE 1u	  /* Unicorn may fetch from the frame and may not write to it */
#define FRAME_TABLE 2u	  /* the trace records stores to it */
#define FRAME_WALKED 4u	  /* the oracle follows stores to it until the next load of CR3 */
#define FRAME_MIXED 8u	  /* it has been code and data in turn more than MOST_TURNS times */
#define FRAME_FETCHED 16u /* Unicorn has fetched from it */
#define FRAME_TURN 32u	  /* the bits from here up count the turns */
#define MOST_TURNS 7u

/* machine.c: makes RAM and VMs.  0, or -1 after run_end(). */
int machine_open(struct run *r, const struct machine_options *o);
/* Opens the engine of an open machine; code_bytes: its translation buffer, 0: the default.  0, or
 * -1 after run_end(). */
int machine_engine(struct run *r, uint32_t code_bytes);
void machine_close(struct run *r);
/* The names of the backends, with commas. */
const char *machine_backends(void);
int machine_has_backend(const char *name);
const struct vmmu_profile *machine_profile(void);

/* Maps RAM and the window into the engine and installs the fill.  0, or -1. */
int mmu_attach(struct run *r);
/* The library's flush callback; ctx is the run. */
void mmu_flush(void *ctx, const struct vmmu_flush *what);
/* The exception that an access with this status raises. */
struct exception mmu_exception(struct run *r, uint64_t gva, uint32_t access, int status,
			       const struct vmmu_xlat *x);
/* The caller stores to RAM, within one page, between these two.  -1: run_end() has been called. */
int mmu_begin_store(struct run *r, uint64_t gpa, size_t n);
void mmu_end_store(struct run *r, uint64_t gpa, size_t n);
/* Translates one access on all backends.  The result is that of the first. */
int mmu_translate(struct run *r, uint64_t gva, uint32_t access, struct vmmu_xlat *x);
/* VMMU_USER and VMMU_AC as the current privilege level and EFLAGS.AC have them. */
uint32_t mmu_privilege(struct run *r);
/* Accesses of the CPU itself.  0; or -1, and *e is the exception. */
int mmu_read(struct run *r, uint64_t gva, void *buf, size_t n, uint32_t access,
	     struct exception *e);
int mmu_write(struct run *r, uint64_t gva, const void *buf, size_t n, uint32_t access,
	      struct exception *e);
/* Tells all views of a register write.  VMMU_OK or VMMU_GP. */
int mmu_set_register(struct run *r, unsigned number, uint64_t value);
void mmu_invlpg(struct run *r, uint64_t gva);
void mmu_set_pkru(struct run *r, uint32_t value);
/* Finishes an 8-byte store whose second half has not arrived. */
void mmu_finish_store(struct run *r);
/* From now on every store to this frame is seen.  `flag` is FRAME_TABLE or FRAME_WALKED. */
void mmu_watch_table(struct run *r, uint64_t gpa, unsigned flag);
/* window.c: Unicorn's callbacks for the window; ctx is the run. */
uint64_t mmu_window_read(uc_engine *uc, uint64_t gpa, unsigned n, void *ctx);
void mmu_window_write(uc_engine *uc, uint64_t gpa, unsigned n, uint64_t value, void *ctx);
/* Empties Unicorn's TLB. */
void mmu_flush_tlb(struct run *r);

static inline int is_ram(const struct run *r, uint64_t gpa, uint64_t n)
{
	return (gpa < r->ram.range[0].hi && n <= r->ram.range[0].hi - gpa) ||
	       (gpa >= r->ram.range[1].lo && gpa < r->ram.bytes && n <= r->ram.bytes - gpa);
}

/* ---- sense.c -------------------------------------------------------------------------- */

/* Searches a page that Unicorn is about to translate.  `all`: each instruction in it gets a hook.
 */
void sense_page(struct run *r, uint64_t page, uint64_t frame, int all);
/* From now on every instruction has the hook. */
void sense_everything(struct run *r);
int sense_is_prefix(uint8_t b);
/*
 * The offset of the first of the prefixes that directly precede bytes[at], or `at` if there is
 * none. `at` may be the size of a page: then the instruction goes on in the next page.
 */
unsigned sense_first_prefix(const uint8_t *bytes, unsigned at);
/* Reads up to n bytes of code as Unicorn fetches them.  Returns how many. */
size_t sense_bytes(struct run *r, uint64_t at, uint8_t *buf, size_t n);

/* ---- insn.c, address.c ---------------------------------------------------------------- */

struct insn {
	uint8_t bytes[15];
	unsigned n;	 /* how many bytes could be read */
	unsigned opcode; /* 0x0fNN for two bytes, 0x38NN, 0x3aNN for three */
	unsigned length; /* bytes up to ModRM: no SIB, displacement or immediate */
	int lock;	 /* has prefix F0 */
	unsigned modrm, rex;
	unsigned operand, address; /* bytes: 2, 4, 8 */
	int segment;		   /* override; -1: none */
	int has_memory;
	int by_stack; /* its base is SP or BP */
	uint64_t ea;  /* linear address of the memory operand */
};

/* Decodes the instruction at linear address `at`, and takes a snapshot.  -1: it cannot be read, or
 * is longer than 15 bytes. */
int insn_decode(struct run *r, uint64_t at, struct insn *i);
/* The linear address in `page` that the instruction at RIP accesses; the page itself if unknown. */
uint64_t insn_fault_address(struct run *r, uint64_t page, uint32_t access);
/* Whether the instruction at RIP has an operand in that page. */
int insn_uses_page(struct run *r, uint64_t page, uint32_t access);
/* Whether the instruction at RIP accesses the stack. */
int insn_is_stack(struct run *r);
/* Whether the CPU reads descriptor tables to execute it. */
int insn_uses_descriptors(const struct insn *i);
uint64_t insn_gpr(const struct run *r, unsigned number);
/* Sets all 64 bits of the register. */
void insn_set_gpr(struct run *r, unsigned number, uint64_t value);
/* The linear address of the instruction at RIP. */
uint64_t insn_address(struct run *r, uint64_t rip);
/* RIP behind an instruction of `length` bytes. */
uint64_t insn_next(struct run *r, uint64_t rip, unsigned length);

/* ---- debug.c -------------------------------------------------------------------------- */

void debug_open(struct run *r);
/* Carries out the MOV to or from a debug register at RIP, or delivers what it raises. */
void debug_move(struct run *r);
/* Called before each instruction once a breakpoint has been set.  1: the instruction is not
 * executed. */
int debug_before(struct run *r, uint64_t at);
/* Delivers #DB if the last instruction met a data or I/O breakpoint and was executed.  1: it did.
 */
int debug_trap(struct run *r, int executed);
/* Sets DR6 for a single step that Unicorn has reported. */
void debug_single_step(struct run *r);
/* Called when a handler of #DB is entered: clears DR7.GD. */
void debug_entered(struct run *r);
/* Notes which I/O breakpoints an access to a port meets. */
void debug_port(struct run *r, uint32_t port, unsigned n);

/* ---- lock.c --------------------------------------------------------------------------- */

/* Searches a page that Unicorn is about to translate. */
void lock_page(struct run *r, uint64_t page, const uint8_t *bytes);
/* Called before a store to a frame that Unicorn has fetched from: searches the page again where
 * nobody else does. */
void lock_store(struct run *r, uint64_t gpa, unsigned n, uint64_t value);
/* Called when the engine has stopped.  Restores the stop that was lifted and returns it, or
 * NO_STOP. */
uint64_t lock_restore(struct run *r);
/* 1: the engine stopped at one of the stops, which has been handled. */
int lock_stopped(struct run *r, uint64_t at);
/*
 * The fetch from `page` has failed in the block that begins at `at`.  1: the instruction at `at`
 * lies across the boundary.  0: another one does, and the next run of the engine executes those
 * before it. `lifted` is what lock_restore() returned.
 */
int lock_crosses(struct run *r, uint64_t at, uint64_t page, uint64_t lifted);

/* ---- device.c ------------------------------------------------------------------------- */

int device_open(struct run *r, FILE *serial);
void device_close(struct run *r);
uint32_t device_in(struct run *r, uint32_t port, unsigned n);
void device_out(struct run *r, uint32_t port, unsigned n, uint32_t value);
/* Advances time by one block of code.  1: an interrupt is pending. */
int device_tick(struct run *r);
uint64_t device_read(struct run *r, uint64_t gpa, unsigned n);
void device_write(struct run *r, uint64_t gpa, unsigned n, uint64_t value);
/* The vector of the pending interrupt, or -1. */
int device_irq(struct run *r);
void device_ack(struct run *r);
/* Advances time to the next interrupt, for HLT.  0: there is none. */
int device_wait(struct run *r);

/* ---- trace.c, check.c ----------------------------------------------------------------- */

int trace_open(struct run *r, const char *path);
/* 0, or -1: a write failed. */
int trace_close(struct run *r);
void trace_register(struct run *r, unsigned number, uint64_t value);
void trace_invlpg(struct run *r, uint64_t gva);
void trace_access(struct run *r, uint64_t gva, uint32_t access, const struct vmmu_xlat *x,
		  int status);
void trace_fault(struct run *r, uint32_t code, uint64_t cr2);
void trace_store(struct run *r, uint64_t gpa, unsigned n);
/* Records the PDPTEs that a register write is going to load. */
void trace_pdptes(struct run *r, unsigned number, uint64_t value);

int check_open(struct run *r);
void check_close(struct run *r);
/* Judges what the first backend returned, and translates on the others and judges them.  Returns
 * the status. */
int check_access(struct run *r, uint64_t gva, uint32_t access, int status, struct vmmu_xlat *x);
void check_store(struct run *r, uint64_t gpa, size_t n);
void check_register(struct run *r, unsigned number, uint64_t value, int status);
void check_invlpg(struct run *r, uint64_t gva);
/* Calls vmmu_check() for every view. */
void check_invariants(struct run *r);
void check_pkru(struct run *r, uint32_t value);

#endif
