/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of lib/ share: the VM, its vCPUs, its slots.
 * Not for backends, examples or the command: they see <vmmu/...> alone.
 */
#ifndef VMMU_LIB_PRIV_H
#define VMMU_LIB_PRIV_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdarg.h>
#include <string.h>

#include <vmmu/backend.h>

#include "silicon/caches.h"
#include "util.h"

#define PAGE_MASK (~(uint64_t)(VMMU_PAGE_SIZE - 1))
#define BLOCK_SHIFT 21 /* slots keep their per-page state in blocks of 2M */
#define BLOCK_PAGES 512u
#define MAX_NOTIFY 32

/* ---- memory ------------------------------------------------------------ */

struct block {
	uint64_t *host;	     /* callback-backed: per page a host word; or NULL */
	uint16_t *track;     /* per page: how many tracks; or NULL */
	uint32_t nr_tracked; /* pages with a track */
};

/* A host word: pointer of the page, its size's level and whether writable. */
#define HOST_THERE 1ull
#define HOST_WRITABLE 2ull
#define HOST_LEVEL_SHIFT 2
#define HOST_LEVEL(w) ((unsigned)((w) >> HOST_LEVEL_SHIFT & 3))

struct slot {
	RB_ENTRY(slot) node;
	struct vmmu_slot_info info;
	struct block *block;
	uint64_t nr_blocks;
	uint64_t *dirty; /* the dirty log is on: a bit per page */
};

RB_HEAD(slot_tree, slot);

/* ---- tables -------------------------------------------------------------- */

struct vmmu_table {
	TAILQ_ENTRY(vmmu_table) link; /* in use, retired or free */
	const struct vmmu_pt *pt;     /* whose it is */
	union {
		struct vmmu_table *parent; /* NULL: a root, or not linked */
		void *owner;		   /* VMMU_PT_SHARED: the backend's */
	};
	uint64_t *gpas;	     /* VMMU_PT_GPAS, once a leaf is here: gpa | note */
	uint64_t generation; /* retired: the flush that took it away */
	uint64_t used;	     /* a bit for each TABLE_BLOCK bytes that may hold other than 0 */
	uint16_t index;	     /* in the parent */
	uint16_t live;	     /* entries that are present */
	uint8_t level;	     /* 0: free */
	uint8_t mark;	     /* the backend's */
} __attribute__((aligned(64)));

/* A table's bytes to a bit of `used`. */
#define TABLE_BLOCK (VMMU_PAGE_SIZE / 64)

/* Tables and descriptors lie in chunks, aligned to their size: tables/pool.c. */
#define CHUNK_PAGES 64u
#define CHUNK_BYTES (CHUNK_PAGES * VMMU_PAGE_SIZE)

TAILQ_HEAD(table_list, vmmu_table);
struct chunk;

struct pool {
	SLIST_HEAD(, chunk) chunks;
	struct table_list free, used, retired;
	uint64_t nr, peak, max; /* table pages used and retired */
};

/* ---- the VM ---------------------------------------------------------------- */

struct vmmu {
	const struct vmmu_backend *be;
	const struct vmmu_profile *prof;
	struct vmmu_config cfg;
	struct vmmu_silicon silicon;
	uint8_t *base;
	void *be_priv;
	struct vmmu_cpu **cpu;

	struct slot_tree slots;
	struct slot *last; /* the slot of the last lookup */

	/* Notifier protocol: paging-rules "host events"; see notify.c. */
	uint64_t notify_seq;
	struct vmmu_range notify[MAX_NOTIFY];
	unsigned nr_notify;

	struct pool pool;
	uint64_t generation;   /* of flushes; see tables/pool.c */
	uint64_t slot_changes; /* odd: the slots are just being changed */
	int flush_owed;	       /* entries went that caches may hold still */

	uint64_t event[VMMU_NR_EVENTS];
	uint64_t walk_refs, sw_refs;
	uint64_t meta, meta_peak;
	int ready; /* the backend's init is done */

	struct vmmu_cursor check_at;
	unsigned check_round; /* of all that check_at goes through */
	char reason[192];
};

/*
 * Where a first-level TLB has a page: a short cut to its entry, good while the
 * entry is still this page's and the front's generation is the same.
 */
#define HITS 256u

struct hit {
	uint64_t tag; /* page | generation */
	struct cache_entry *entry;
	struct cache_set *set; /* to become the newest of; NULL: there is more to do */
	uint64_t gpa_minus_gva, host_minus_gva;
	uint32_t written; /* how often the entry was, then */
	uint32_t rights;  /* that let an access pass as it is: four bits for each of HIT_BY */
	uint8_t pad, guest_rights, guest_shift, shift; /* as in struct vmmu_xlat */
	uint8_t tlb, way;
	uint8_t fill[10]; /* to a line of the host's */
};

/* What of an access, beside its type, decides on rights. */
#define HIT_BY (VMMU_USER | VMMU_AC | VMMU_IMPLICIT)

/* Which TLBs get a page, those of level 1 first, and the log2 of the pieces there; 0: whole. */
struct keep {
	uint8_t nr, nr_first, shift;
	uint8_t tlb[VMMU_TLBS];
};

struct vmmu_cpu {
	struct vmmu_front front; /* first: vmmu_host() */
	struct vmmu *vm;
	unsigned number;
	uint8_t in_walk;   /* between the first and last load of a walk */
	uint8_t modelled;  /* has a TLB, walk cache or nested TLB to look at */
	uint8_t unfronted; /* the front stays empty: the model sees every access */
	uint64_t seen;	   /* the flush generation acknowledged */
	struct vmmu_regs regs;
	struct vmmu_hw soft;	/* the guest's own dimension, for walks in software */
	struct vmmu_hw hw;	/* what its silicon is programmed with */
	walk_fn *walk;		/* the instance for hw ... */
	walk_fn *modelled_walk; /* ... and that with walk caches ... */
	struct walk_opts with_caches;
	const struct walk_opts *modelled_opts; /* ... and these; NULL: there are none */
	struct cache tlb[VMMU_TLBS];
	uint8_t look[2][VMMU_TLBS]; /* by code: the numbers of those that serve it, level 1 first */
	uint8_t nr_look[2];
	uint8_t absent;		/* those in which the access in progress found nothing: a bitmap */
	struct hit *hit;	/* HITS of them, if there are TLBs */
	const struct hit *last; /* the last access was this hit, and nothing aged since; or NULL */
	struct keep keep[2][3]; /* by code, and size of the page */
	struct caches caches;
	void *be_priv;
};

/* ---- event.c ---- */
static inline void event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
			 uint64_t b)
{
	vm->event[ev]++;
	if (unlikely(vm->cfg.cb.event != NULL))
		vm->cfg.cb.event(vm->cfg.cb.ctx, cpu, ev, a, b);
}
/* Records why a call fails and answers `status`. */
int fail(struct vmmu *vm, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- alloc.c: everything the library allocates; zeroed ---- */
void *vm_alloc(struct vmmu *vm, size_t size, size_t align);
void vm_free(struct vmmu *vm, void *p, size_t size);
/* The same, uncounted; for table pages. */
void *raw_alloc(struct vmmu *vm, size_t size, size_t align);
void raw_free(struct vmmu *vm, void *p, size_t size);
void meta_add(struct vmmu *vm, size_t size);

/* ---- tables/pool.c ---- */
void pool_init(struct vmmu *vm);
void pool_fini(struct vmmu *vm);
struct vmmu_table *table_new(const struct vmmu_pt *pt, unsigned level); /* NULL: none left */
void table_retire(struct vmmu *vm, struct vmmu_table *t);
void table_reap(struct vmmu *vm); /* frees what no walk can be in */
static inline void *table_entries(struct vmmu_table *t)
{
	char *chunk = (char *)((uintptr_t)t & ~(uintptr_t)(CHUNK_BYTES - 1));

	return chunk + (size_t)((char *)t - chunk) / sizeof(*t) * VMMU_PAGE_SIZE;
}

uint64_t table_hpa(const struct vmmu *vm, struct vmmu_table *t);
/* The table that contains this hpa.  Only for an hpa that a table of ours holds. */
struct vmmu_table *table_at(const struct vmmu *vm, uint64_t hpa);
int table_gpas(struct vmmu *vm, struct vmmu_table *t); /* makes t->gpas; 0 or -1 */
int pool_check(struct vmmu *vm);

/* ---- tables/pt.c ---- */
/* Takes the table of leaves that was made first, and what it leaves empty; how many. */
uint64_t pt_evict(struct vmmu *vm);
/* What each table in use tells of its entries is so. */
int pt_check_tables(struct vmmu *vm);

/* ---- host/mem.c ---- */
struct slot *slot_at(struct vmmu *vm, uint64_t gpa);
/*
 * The host pointer of gpa, of a page that is there (and writable, if asked);
 * what else as vmmu_be_page().  Marks nothing dirty.
 */
int mem_page(struct vmmu *vm, struct slot *s, uint64_t gpa, int write, uint64_t *word);
/* Asks the host for a page; VMMU_OK: there now, try again. */
int mem_ask(struct vmmu *vm, uint64_t gpa, int write);
void mem_mark_dirty(struct slot *s, uint64_t gpa);
int mem_tracked(struct slot *s, uint64_t gpa);
/* Forgets what the host said of [gpa, gpa + len). */
void mem_forget(struct vmmu *vm, uint64_t gpa, uint64_t len);
/* Puts the host's answer for a page; VMMU_EINVAL, VMMU_ENOMEM. */
int mem_put_host(struct vmmu *vm, struct slot *s, uint64_t gpa, const struct vmmu_host_page *page);
void mem_fini(struct vmmu *vm);
int mem_check(struct vmmu *vm);
/* Memory callbacks over slots, for walks in software; ctx is the VM. */
extern const struct vmmu_mem_ops mem_slot_ops;

/*
 * The generation that a remembered "no memory here" is good for: nothing made while
 * slots change is, and when the generations have come round, nothing is left.
 */
#define GENERATION_BITS 16
#define NO_GENERATION (~0ull)
uint64_t slot_generation(const struct vmmu *vm);

/* ---- notify.c ---- */
int notify_covers(const struct vmmu *vm, uint64_t gpa, uint64_t len);
/* protect() and the flushes it makes necessary, outgoing ones too. */
uint64_t change_range(struct vmmu *vm, uint64_t gpa, uint64_t len, enum vmmu_change how);

/* ---- silicon.c: one vCPU's caches ---- */
/* The model that a config asks for; VMMU_OK or VMMU_EINVAL. */
int silicon_read(const struct vmmu_config *cfg, struct vmmu_silicon *s);
int cpu_caches_init(struct vmmu_cpu *cpu);
void cpu_caches_fini(struct vmmu_cpu *cpu);
void front_wipe(struct vmmu_cpu *cpu);
static inline uint32_t cpu_tag(const struct vmmu_cpu *cpu)
{
	return cache_tag(cpu->hw.asid, cpu->hw.pcid);
}
/* Drops translations and walk-cache entries; `what` as in tlb.h, 0: all. */
void cpu_drop(struct vmmu_cpu *cpu, unsigned what, uint64_t ia, uint32_t tag);
void cpu_drop_nested(struct vmmu_cpu *cpu);
/* After a fault: what was cached for this address may be the reason. */
void cpu_drop_faulting(struct vmmu_cpu *cpu, uint64_t gva, const struct vmmu_walk *w);
/* A hit that lets the access pass with nothing left to set, and all that would; or NULL. */
struct cache_entry *cpu_find(struct vmmu_cpu *cpu, uint64_t gva, unsigned kind, unsigned *kinds);

/* Half of them are for code. */
static inline struct hit *hit_of(const struct vmmu_cpu *cpu, uint64_t gva, uint32_t access)
{
	return &cpu->hit[(gva >> VMMU_PAGE_SHIFT & (HITS / 2 - 1)) | (access & 2) * (HITS / 4)];
}

/* What it lets such an access do, from the lowest bit: VMMU_RWX. */
static inline unsigned hit_rights(const struct hit *h, uint32_t access)
{
	return h->rights >> (access & HIT_BY);
}

/* Whether it is what an access of so many bytes in one page asks for. */
static inline int hit_serves(const struct vmmu_cpu *cpu, const struct hit *h, uint64_t gva,
			     unsigned size, uint32_t access)
{
	return h->tag == (((gva + size - 1) & PAGE_MASK) | cpu->front.generation) &&
	       (hit_rights(h, access) >> (access & VMMU_TYPE_MASK) & 1) &&
	       h->entry->written == h->written;
}

/* What a walk found, for TLBs: the fields of an entry that they fill. */
struct kept {
	uint64_t key; /* of the whole */
	uint64_t info, out, gpa;
};

/*
 * Keeps what a walk for this kind of access found: in the TLBs of cpu->absent there
 * is no entry for it.
 */
void cpu_keep(struct vmmu_cpu *cpu, uint64_t gva, unsigned kind, const struct kept *k);
/* The hypervisor ran: what that costs silicon without tags. */
void cpu_exited(struct vmmu_cpu *cpu);
static inline void front_fill(struct vmmu_cpu *cpu, uint64_t gva, unsigned kinds,
			      const struct vmmu_xlat *x)
{
	struct vmmu_front_entry *f = &cpu->front.entry[(gva >> VMMU_PAGE_SHIFT) & cpu->front.mask];

	f->tag = (gva & PAGE_MASK) | cpu->front.generation;
	f->host_minus_gva = (uint64_t)(uintptr_t)x->host - gva;
	f->gpa_minus_gva = x->gpa.v - gva;
	f->kinds = kinds;
	f->shift = x->shift;
	f->guest_rights = x->guest_rights;
	f->guest_shift = x->guest_shift;
}

#define WRITE_KINDS 0xf0u

/* What the kinds of one mode come to, as rights. */
static inline uint8_t rights_in_mode(unsigned kinds, uint32_t access)
{
	kinds >>= vmmu_mode(access);
	return (uint8_t)((kinds & 1) | (kinds >> 3 & 2) | (kinds >> 6 & 4));
}

/* The kinds that a nested mapping lets pass, by its rights. */
static inline unsigned nested_kinds(unsigned nrights)
{
	return (nrights & VMMU_R ? 0x00f : 0) | (nrights & VMMU_W ? 0x0f0 : 0) |
	       (nrights & VMMU_X ? 0xf00 : 0);
}

/* An exit of this vCPU, or a device's store (NULL): counted and told. */
static inline void exit_event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
			      uint64_t b)
{
	if (cpu)
		cpu_exited(cpu);
	event(vm, cpu, ev, a, b);
}

/* ---- regs.c ---- */
/* Anything is, outside long mode. */
int is_canonical(const struct vmmu_cpu *cpu, uint64_t gva);

/* ---- vm/translate.c ---- */
/* Every library call of a vCPU begins with it: earlier host pointers are done with. */
void cpu_enter(struct vmmu_cpu *cpu);
/* 32 bits outside long mode, as a CPU forms it. */
uint64_t linear(const struct vmmu_cpu *cpu, uint64_t gva);

/* ---- exit.c ---- */
struct attempt {
	uint64_t gva;
	uint32_t access;
	unsigned reclaims;
};
/* Between the statuses of a call: the cause is gone, walk again. */
#define WALK_AGAIN (-1000)
/* The silicon could not complete it: what that came to, or WALK_AGAIN. */
never_inline int handle_exit(struct vmmu_cpu *cpu, struct attempt *a, const struct vmmu_walk *w,
			     struct vmmu_xlat *out);
/* What silicon cannot do, or must not: a walk over the slots; a status. */
never_inline int translate_soft(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access,
				struct vmmu_xlat *out);
/* Fill *out; VMMU_MMIO, VMMU_FAULT. */
never_inline int answer_mmio(uint64_t gpa, int table, const struct vmmu_walk *w,
			     struct vmmu_xlat *out);
never_inline int answer_fault(struct vmmu_cpu *cpu, uint64_t gva, uint32_t access, unsigned status,
			      unsigned level, uint32_t code, struct vmmu_xlat *out);
/*
 * What fault() answered, as far as it is the library's: VMMU_OK to try again,
 * else what to return.  `reclaims` counts within one access.
 */
int settle(struct vmmu *vm, int kind, const struct vmmu_fix *fix, unsigned *reclaims);
void reclaim_all(struct vmmu *vm);
/* The four entries at cr3 as the CPU reads them; VMMU_GP: not memory. */
int cpu_read_pdptes(struct vmmu_cpu *cpu, uint64_t cr3, uint64_t pdpte[4]);

/* More tries than any access needs; see vmmu_translate(). */
#define MAX_TRIES 256

#endif
