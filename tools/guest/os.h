/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of a small operating system.  Its memory manager edits page tables, its kernel and its
 * processes touch memory, and everything that the MMU of its CPU sees becomes a VMTRACE1 record,
 * together with the right answer.
 * Only page tables have contents; the data in pages is not modelled.
 *
 * os.c       making and ending one
 * fail.c     stopping it
 * touch.c    the memory that running kernel code touches
 * kernel.c   boot, registers, flushing
 * tables.c   page tables
 * space.c    address spaces: areas, mapping, unmapping, protecting, copying
 * fault.c    the page-fault handler
 * process.c  tasks: fork, exec, exit, switching
 * program.c  what user code touches
 *
 * Invariant: a reader of the records knows every entry of the tables.  No access depends on an
 * entry that was changed and is not flushed.
 */
#ifndef TOOLS_GUEST_OS_H
#define TOOLS_GUEST_OS_H

#include "base/base.h"
#include "phys.h"
#include "rng.h"
#include "sink.h"

#include <vmmu/vmmu.h>

#define TASKS_MOST 64u
#define AREAS_MOST 48u
#define FILES_MOST 64u
#define PCIDS 6u
#define GATHER_MOST 4096u

#define SIZE_2M (2ull << 20)
#define SIZE_1G (1ull << 30)

/* Bits of page-table entries. */
#define PTE_P 0x1ull
#define PTE_W 0x2ull
#define PTE_U 0x4ull
#define PTE_A 0x20ull
#define PTE_D 0x40ull
#define PTE_PS 0x80ull
#define PTE_G 0x100ull
#define PTE_NX (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

/* The kernel's half of the address space, as Linux has it. */
#define KVA_DIRECT 0xffff888000000000ull /* all memory */
#define KVA_STACKS 0xffffc90000000000ull /* of tasks, 4K pages */
#define KVA_FRAMES 0xffffea0000000000ull /* the kernel's data about frames, 64 bytes for each */
#define KVA_TEXT 0xffffffff81000000ull
#define KERNEL_PA (16ull << 20)
#define KERNEL_BYTES (32ull << 20)
#define SLAB_PA (KERNEL_PA + KERNEL_BYTES)
#define SLAB_BYTES (16ull << 20)
#define FRAMES_PA (SLAB_PA + SLAB_BYTES)
#define STACK_PAGES 4u

/* Areas of a space */
#define AREA_READ 1u
#define AREA_WRITE 2u
#define AREA_EXEC 4u
#define AREA_SHARED 8u
#define AREA_COPIED 16u /* has pages of its own: fork copies its entries */
#define AREA_HUGE 32u	/* 2M leaves where they fit */
#define AREA_GIANT 64u	/* 1G leaves, reserved */

struct program;

struct file {
	uint64_t pa; /* its pages lie in memory, one after the other */
	uint64_t pages;
};

struct area {
	uint64_t start, end;
	uint32_t flags;
	const struct file *file; /* NULL: anonymous */
	uint64_t first;		 /* the file's page that is at `start` */
};

struct space {
	uint64_t root;
	uint64_t id;	  /* never used again */
	uint64_t flushes; /* how often it was to be flushed while another space was loaded */
	struct area area[AREAS_MOST];
	unsigned nr;
	uint64_t brk, map_top;
};

struct task {
	unsigned nr;
	int used;
	struct space *space; /* NULL: the kernel's own */
	const struct program *program;
	uint64_t stack_pa;
};

/* Which space a PCID stands for, and its `flushes` when it was loaded. */
struct pcid {
	uint64_t id, flushes;
};

struct guest_config {
	uint64_t ram;
	uint64_t seed;
	int pcid; /* the CPU and the kernel use PCIDs, and INVPCID */
	int thp;  /* anonymous areas get 2M leaves where they fit */
};

struct guest {
	struct sink out;
	struct guest_config config;
	const char *name;
	struct err *err;
	int failed; /* *err is filled, and the records are of no use */
	int booted; /* set after boot; before, changes of tables are not recorded */

	struct phys phys;
	uint8_t *memory;	     /* [0, ram); only tables have contents */
	uint64_t init_root, zero_pa; /* zero_pa: the frame that maps memory which was only read */
	uint64_t stacks_pa;
	struct file file[FILES_MOST];
	unsigned nr_files;

	struct task task[TASKS_MOST];
	struct task *cur;
	const struct space *loaded; /* the space in CR3; NULL: the kernel's own */
	struct pcid pcid[PCIDS];
	unsigned pcid_next;
	uint64_t cr3;
	uint64_t spaces; /* made so far */

	/* Frames to be freed after the next flush. */
	struct gathered {
		uint64_t pa;
		uint8_t order, level; /* level: of a table; 0: data */
	} gather[GATHER_MOST];
	unsigned nr_gathered;
	uint64_t gather_lo, gather_hi; /* the range to flush for them */

	struct rng rng;
	uint64_t instructions, accesses; /* since the last COUNT */
};

/* ---- os.c ---------------------------------------------------------------- */

/* Returns zero, or -1: *err.  guest_end() is to be called after a failure, too. */
int guest_make(struct guest *g, const struct guest_config *config, const char *name,
	       struct err *err);
void guest_end(struct guest *g);
/* How much RAM a guest needs that hands out `bytes` to its processes. */
uint64_t guest_ram(uint64_t bytes);

/* ---- records ------------------------------------------------------------- */

/* One access that is known to succeed. */
static inline void guest_access(struct guest *g, uint64_t gva, uint64_t pa, uint32_t access)
{
	struct vmmu_trace_access a = { .gva = gva, .gpa = pa, .access = access };

	vmmu_trace_put_access(sink_room(&g->out), &a);
}

static inline void guest_record(struct guest *g, uint8_t type, uint64_t arg, uint64_t b)
{
	struct vmmu_trace_record rec = { type, arg, b };

	vmmu_trace_put(sink_room(&g->out), &rec);
}

/* ---- touch.c ------------------------------------------------------------- */

/* Paths through the kernel; each has its own code and data. */
enum path {
	PATH_ENTRY,
	PATH_FAULT,
	PATH_FORK,
	PATH_EXEC,
	PATH_EXIT,
	PATH_MMAP,
	PATH_UNMAP,
	PATH_PROTECT,
	PATH_SCHED,
	PATH_PIPE,
	PATH_FILE,
	PATH_SIGNAL,
	PATH_WAIT,
	PATH_BRK,
	PATH_TICK,
};

/* The kernel runs so many instructions of a path. */
void kernel_work(struct guest *g, enum path path, unsigned instructions);
void kernel_syscall(struct guest *g);
void kernel_return(struct guest *g);
/* The kernel touches memory through its map of all memory. */
void kernel_touch(struct guest *g, uint64_t pa, uint32_t access);
void kernel_clear_page(struct guest *g, uint64_t pa);
void kernel_copy_page(struct guest *g, uint64_t to, uint64_t from);
/* The kernel touches its data about a frame. */
void kernel_touch_frame(struct guest *g, uint64_t pa, uint32_t access);

/* ---- fail.c -------------------------------------------------------------- */

/* Stops the guest and says why; only the first call counts. */
void guest_fail(struct guest *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- kernel.c ------------------------------------------------------------ */

void kernel_boot(struct guest *g);
void kernel_mark(struct guest *g, unsigned what);
void kernel_count(struct guest *g);

void kernel_load_space(struct guest *g, struct space *s);
/* After this the TLB has no translation of [lo, hi) of the space. */
void kernel_flush(struct guest *g, struct space *s, uint64_t lo, uint64_t hi);

/* ---- tables.c ------------------------------------------------------------ */

struct pt_found {
	unsigned level; /* the level at which the walk ended */
	uint64_t at;	/* the entry's address */
	uint64_t entry; /* the entry itself: a leaf, or not present */
};

static inline uint64_t *pt_slot(struct guest *g, uint64_t pa)
{
	return (uint64_t *)(void *)(g->memory + pa);
}

static inline unsigned pt_shift(unsigned level)
{
	return 3 + 9 * level;
}

void pt_find(struct guest *g, uint64_t root, uint64_t gva, struct pt_found *f);
/*
 * Returns the address of the entry at that level, and makes the tables above it.  Returns 0 if
 * there is no memory.
 */
uint64_t pt_make(struct guest *g, uint64_t root, uint64_t gva, unsigned level);
/* Stores to an entry, and records the store. */
void pt_set(struct guest *g, uint64_t at, uint64_t entry);
/* Makes a cleared table.  Returns its address, or 0. */
uint64_t pt_new(struct guest *g, unsigned level);
/* Frees a table that was taken out and flushed. */
void pt_free(struct guest *g, uint64_t pa, unsigned level);
/* Records the whole table as it is in memory: one store of the page. */
void pt_tell(struct guest *g, uint64_t pa, unsigned level);

/* ---- space.c ------------------------------------------------------------- */

/* Returns NULL with the guest failed. */
struct space *space_new(struct guest *g);
/* Frees a space that maps nothing, with its root. */
void space_free(struct guest *g, struct space *s);
struct area *space_find(struct space *s, uint64_t gva);
/* Replaces the 2M leaf that maps gva by a table of 4K leaves. */
void space_split(struct guest *g, struct space *s, uint64_t gva);
/*
 * Makes a new area at `at` or, if that is 0, in the highest free place.  Returns its start, or 0.
 */
uint64_t space_map(struct guest *g, struct space *s, uint64_t at, const struct area *want);
void space_unmap(struct guest *g, struct space *s, uint64_t lo, uint64_t hi);
void space_unmap_all(struct guest *g, struct space *s);
void space_protect(struct guest *g, struct space *s, uint64_t lo, uint64_t hi, uint32_t rights);
/* fork: `to` gets everything of `from`; a page is copied when one of them writes to it. */
void space_copy(struct guest *g, struct space *to, struct space *from);
/*
 * Takes contiguous memory for [lo, hi), which consists of whole leaves of one area.  Returns where
 * it begins, or 0 with the guest failed.
 */
uint64_t space_reserve(struct guest *g, struct space *s, uint64_t lo, uint64_t hi);
/*
 * Maps the first pages of [gva, hi) to pa and up, as MAP_POPULATE does: up to 512 small pages or
 * one large one.  Returns where the next call has to begin.
 */
uint64_t space_fill(struct guest *g, struct space *s, uint64_t gva, uint64_t hi, uint64_t pa);
/*
 * brk: the heap grows by whole pages.  Returns where the new part begins, or 0 with the guest
 * failed.
 */
uint64_t space_grow(struct guest *g, struct space *s, uint64_t bytes);
/* The bits of a leaf that follow from the area's rights. */
uint64_t area_bits(const struct area *a);

/* ---- fault.c ------------------------------------------------------------- */

enum fault_result {
	FAULT_DONE,
	FAULT_SIGNAL, /* the area does not allow it */
};

/* Runs the page-fault handler; the FAULT record was written before. */
enum fault_result fault_handle(struct guest *g, uint64_t gva, uint32_t access);
/*
 * Makes an access to the current space, with all the faults that it takes.  Returns 0, or -1 if it
 * ends in a signal.
 */
int guest_touch(struct guest *g, uint64_t gva, uint32_t access);

/* ---- process.c ----------------------------------------------------------- */

/* Makes the first process, which the kernel loads, and runs it. */
struct task *process_first(struct guest *g, const struct program *p);
/*
 * Makes a child of the current task, which does not run yet.  Returns NULL with the guest failed.
 */
struct task *process_fork(struct guest *g);
/* The current task starts another program. */
void process_exec(struct guest *g, const struct program *p);
/* Ends the current task and runs `next`. */
void process_exit(struct guest *g, struct task *next);
void process_switch(struct guest *g, struct task *next);
/* The parent waits for a child that has ended. */
void process_reap(struct guest *g, struct task *child);

#endif
