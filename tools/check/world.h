/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One small guest on several VMs and in the oracle's memory, operated in lock step.
 * Not here: which operations, in which order (the tests).
 * Keeps: between two operations the memory of every VM equals the oracle's, byte for byte.
 *
 *	GPA 0      low, 2M + 64K      1G  gib, 1G (sparse)
 *	    8M     mid, 4M            4G  high, 4M
 *	    12M    rom, 2M: read-only where the world has a ROM, else RAM
 *
 * These are the regions' homes.  In a world with a host at work (WORLD_HOST) slots come, go, move
 * and change, and the pages of some VMs come from a callback, are shared and replaced.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>
#include <vmmu/silicon.h>
#include <vmmu/vmmu.h>

#include "native.h"
#include <vmmu-oracle/oracle.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* ---- random numbers ----------------------------------------------------- */

struct rng {
	uint64_t s;
	/* While there are any, numbers are made of these bytes: a fuzzer's. */
	const uint8_t *bytes;
	size_t left;
};

uint64_t rng_next(struct rng *r);
/* 0 .. n-1 */
static inline unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_percent(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

/* ---- one VM with the guest's memory --------------------------------------- */

struct region {
	const char *name;
	uint64_t gpa, size;
};

enum { REGION_LOW, REGION_MID, REGION_ROM, REGION_GIB, REGION_HIGH, NR_REGIONS };
extern const struct region region[NR_REGIONS];

#define ROM_GPA (12 * MIB)
#define MEM_END (4 * GIB + 4 * MIB)

/* Memory for the regions at mem + gpa, 1G-aligned; number n of the program's.  Zeroed by tests. */
uint8_t *mem_arena(unsigned n);
/* As it was at first: zeros. */
void mem_clear(uint8_t *arena);
/* Second places for the frames' pages. */
uint8_t *mem_spare(unsigned n);

enum caches { CACHES_NONE, CACHES_FRONT, CACHES_TLB, CACHES_ALL };

struct guest_cfg {
	const struct vmmu_backend *backend;
	const struct vmmu_profile *profile; /* NULL: max */
	uint64_t page_size;		    /* of the host */
	unsigned nr_cpus;
	enum caches caches;
	uint64_t model; /* CACHES_ALL: which random model of silicon; 0: a plain one */
	bool cap;	/* max_tables = vmmu_min_tables() */
	bool rom;
	bool no_slots;
	bool ask;			  /* pages come from cb.host_page */
	struct vmmu_nested_config nested; /* nested backends only */
	struct vmmu_shadow_config shadow; /* shadow only; size 0: none is given */
	struct vmmu_callbacks cb;
};

/* Fills a library config from *g; `keep` is what the config points to. */
struct guest_keep {
	struct vmmu_native_config native;
	struct vmmu_nested_config nested;
	struct vmmu_shadow_config shadow;
	struct vmmu_silicon silicon;
};
void guest_config(const struct guest_cfg *g, uint8_t *mem, struct guest_keep *keep,
		  struct vmmu_config *cfg);
/* Region i as a slot at home. */
struct vmmu_slot_info guest_slot(const struct guest_cfg *g, uint8_t *mem, unsigned i);
/* Adds the regions as slots.  A status. */
int guest_slots(struct vmmu *vm, const struct guest_cfg *g, uint8_t *mem);
/* Both.  On failure *vmp is NULL. */
int guest_open(const struct guest_cfg *g, uint8_t *mem, struct vmmu **vmp);

/* ---- the world ------------------------------------------------------------- */

#define WORLD_VMS 10
#define WORLD_CPUS 4
#define WORLD_FRAMES 18
#define WORLD_GVAS 40
#define WORLD_LOG 24

struct world_vm {
	char name[64];
	struct vmmu *vm;
	struct guest_cfg cfg;
	uint8_t *mem;
	bool always_walks; /* it holds no translation from one access to the next */
	bool walk_cached;  /* a walk may begin at a cached link */
	bool walked;	   /* since world_walked() was asked */
	bool hw_walked;	   /* its silicon walked since this was cleared */
	enum vmmu_event walk_event;
	uint64_t cr2[WORLD_CPUS];
	struct world *w;
	unsigned number;	   /* among all, with those that are left out */
	uint8_t *at[WORLD_FRAMES]; /* where each frame's page is now */
	uint8_t *spare;		   /* a second place for each */
	bool shared[WORLD_FRAMES]; /* the host lets nobody write to it */
	bool again;		   /* its last answer was VMMU_AGAIN */
};

/* A slot as it is now. */
struct place {
	uint64_t gpa; /* of where it begins */
	bool there, readonly, logged;
};
#define HIGH_ELSE (6 * GIB) /* where REGION_HIGH moves to */

/* What the guest may find different and no backend is wrong: paging-rules "may legally differ". */
enum legal {
	LEGAL_STALE, /* an older translation that no invalidation has covered */
	LEGAL_AD,    /* A of a table after a stale walk or a fault, D of a crossing's first page */
	LEGAL_DIRTY, /* a table that was walked, or a store that began, counts as written */
	LEGAL_SIZE,  /* what may be cached in one piece */
	NR_LEGAL
};
const char *legal_name(unsigned what);

enum world_mode { MODE_OFF, MODE_32, MODE_PAE, MODE_LONG, MODE_LONG5, NR_MODES };
const char *mode_name(unsigned mode);

/* Ways to be wrong on purpose, in one VM: the test must see each of them. */
enum sabotage {
	SABOTAGE_NONE,
	SABOTAGE_INVLPG,      /* INVLPG and INVPCID are lost */
	SABOTAGE_CR3,	      /* MOV CR3 keeps what it should drop */
	SABOTAGE_DIRTY,	      /* D bits the VM sets are lost */
	SABOTAGE_STORE,	      /* a store to a table does not reach the guest's memory */
	SABOTAGE_HOST_POINTER /* the answer is of the page next to it */
};

enum world_kind {
	WORLD_PLAIN,
	WORLD_ROM,  /* with a read-only slot; then without native */
	WORLD_HOST, /* the host changes memory; without native, too */
	WORLD_SMALL /* six frames and two addresses, for small.c */
};

struct world_cfg {
	uint64_t seed;
	unsigned nr_cpus;
	unsigned kind;	   /* enum world_kind */
	unsigned profile;  /* index below world_profiles() */
	unsigned backends; /* WORLD_*; 0: all */
	enum sabotage sabotage;
	unsigned victim; /* the VM it is done to */
};

#define WORLD_NATIVE 1u
#define WORLD_SHADOW 2u
#define WORLD_NPT 4u
#define WORLD_EPT 8u

unsigned world_profiles(void);
const char *world_profile_name(unsigned n); /* NULL: none */
/* What a seed makes of it, but for what is given: vcpus 0 and profile -1 are by chance. */
struct world_cfg world_cfg_of(uint64_t seed, unsigned vcpus, int profile);

#define NR_MAYBE 512u
/* Points at which a race can be; the last: while the host is asked for a page. */
#define WORLD_POINTS 17u

/* A list of operations; ops.h. */
struct ops {
	struct world_op *op;
	size_t nr, room;
};

struct world {
	struct world_cfg cfg;
	const struct vmmu_profile *profile;
	struct or_profile orp;
	struct or_mem ormem;
	struct or_world * or ;
	uint8_t *mem; /* the oracle's */
	unsigned nr_vms, nr_tried, nr_shadows;
	struct world_vm vm[WORLD_VMS];
	uint64_t frame[WORLD_FRAMES]; /* where tables and data live */
	unsigned nr_frames;
	uint64_t gva[WORLD_GVAS]; /* where accesses go */
	unsigned nr_gvas;
	const uint64_t *large; /* what large leaves point to; some only in part to memory */
	const uint64_t *hole;  /* what other entries point to that is no frame */
	unsigned nr_large, nr_holes;
	uint16_t word[512]; /* offsets in a frame at which walks of these read, by 8 */
	unsigned nr_words;
	uint64_t ad[16]; /* entries whose A or D the oracle has just set */
	unsigned nr_ad;
	uint64_t dirtied;			  /* the last of them */
	bool dirtied_now;			  /* it is a leaf whose D was clear */
	bool dry;				  /* a trial: nothing is stored ... */
	bool dry_stores;			  /* ... but would be ... */
	uint64_t dry_lo, dry_len;		  /* ... here */
	uint64_t seq;				  /* of operations */
	uint64_t swept;				  /* seq of the last look at all memory */
	uint64_t checks;			  /* world_check()s */
	uint64_t stored;			  /* seq of the last store by the guest */
	uint64_t flushed[WORLD_CPUS];		  /* ... of the last that dropped everything */
	uint64_t dropped[WORLD_CPUS][WORLD_GVAS]; /* ... or this page */
	uint64_t count_ok, count_fault, count_mmio;
	uint64_t legal[NR_LEGAL];
	uint64_t seen[VMMU_NR_EVENTS][NR_MODES]; /* events of all VMs, by the guest's mode */
	enum world_mode mode;			 /* of the vCPU that does something now */
	struct place place[NR_REGIONS];
	uint32_t wrote;		  /* frames that changed since their slot's last harvest */
	uint64_t maybe[NR_MAYBE]; /* pages that may count as written: some access was for writing */
	unsigned nr_maybe;
	char log[WORLD_LOG][120];
	unsigned nr_log;
	struct ops *record;	      /* or NULL: where operations are put down as they are done */
	struct ops *instead;	      /* or NULL: where they are put down and not done */
	struct race *race;	      /* or NULL: two operations at once; race.h */
	uint32_t skip;		      /* VMs that do not take part now */
	struct ops pair;	      /* a race, as far as it is known */
	uint64_t raced[WORLD_POINTS]; /* operations done inside another, by point */
	bool quiet;		      /* no log: the operations are recorded */
	bool all;		      /* VMMU_FULL is set: vmmu_check() after each operation */
	bool trace;		      /* VMMU_TRACE is set: the log goes to stderr as it grows */
	char failed[1024];	      /* "": not yet */
	unsigned failed_backend;      /* WORLD_*; 0: no one VM */
};

/* Never NULL: what goes wrong is in ->failed. */
struct world *world_new(const struct world_cfg *cfg);
void world_free(struct world *w);
/* Notes an operation for the report. */
void world_log(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The first failure is kept. */
void world_fail(struct world *w, const struct world_vm *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Failure and log to stderr. */
void world_report(const struct world *w);

struct or_regs *world_regs(struct world *w, unsigned cpu);
bool world_is_ram(const struct world *w, uint64_t gpa);
bool world_is_rom(const struct world *w, uint64_t gpa);
bool world_is_frame(const struct world *w, uint64_t gpa);
/* Where the frame is now; its home if nowhere. */
uint64_t world_frame(const struct world *w, unsigned f);
enum world_mode world_mode_of(const struct or_regs *r);
uint64_t world_read(const struct world *w, uint64_t gpa, unsigned bytes);
/* Puts every VM's and the oracle's memory; only before the first operation. */
void world_poke(struct world *w, uint64_t gpa, uint64_t value);
/* Tables for every address and all vCPUs' registers, in memory that is still as it was poked. */
enum world_preset { PRESET_32, PRESET_PAE, PRESET_LONG, PRESET_LONG5, NR_PRESETS };
void world_preset(struct world *w, unsigned which);
const char *world_preset_name(unsigned which); /* NULL: none */

/* How a store gets to the memory. */
enum world_store { STORE_CPU, STORE_DEVICE, STORE_BEGIN_END };
void world_store(struct world *w, unsigned cpu, uint64_t gpa, const void *buf, unsigned len,
		 enum world_store how);
/*
 * One access within a page on every VM.  With `value`, a write is done if every VM would do it to
 * the same byte of a frame.
 */
void world_access(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access,
		  const uint64_t *value);
/* One that may cross a page. */
void world_span(struct world *w, unsigned cpu, uint64_t gva, unsigned size, uint32_t access);

enum world_reg { SET_CR0, SET_CR3, SET_CR4, SET_EFER, SET_PKRU, SET_PKRS };
/* True: the CPU took it. */
bool world_set(struct world *w, unsigned cpu, enum world_reg reg, uint64_t value);
/* All at once.  PDPTEs are read from memory, by the library or by the caller. */
void world_set_all(struct world *w, unsigned cpu, const struct or_regs *regs, bool lib_reads);
void world_reset(struct world *w, unsigned cpu);
void world_invlpg(struct world *w, unsigned cpu, uint64_t gva);
void world_invpcid(struct world *w, unsigned cpu, unsigned type, unsigned pcid, uint64_t gva);
/* The host's TLB instructions; which: 0 all, 1 INVLPGA, 2 INVVPID, 3 INVEPT. */
void world_hw_flush(struct world *w, unsigned cpu, unsigned which, uint64_t gva);
/* Something the host does; `where` is a region or a frame. */
enum world_host {
	HOST_NOTIFY, /* takes a region's pages and gives them back */
	HOST_LOG,
	HOST_HARVEST,
	HOST_LOG_OFF,
	HOST_AGE,
	HOST_REMOVE,
	HOST_ADD,
	HOST_READONLY, /* or writable again */
	HOST_MOVE,
	HOST_WINDOW,  /* a region is being invalidated while the guest runs on */
	HOST_REPLACE, /* a frame's page moves; by notifier */
	HOST_CHANGE,  /* ... by change-pte */
	HOST_SHARE,   /* a frame's page becomes read-only, until it is written to */
	NR_HOST
};
void world_host(struct world *w, unsigned which, unsigned where);
/* Memory byte for byte and, if `full`, vmmu_check() of every VM. */
void world_check(struct world *w, bool full);

#endif
