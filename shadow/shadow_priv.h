/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of shadow/ share: a shadow page, where it is kept, who maps what.
 *
 *	frame (gfn) ---< shadow page (gfn, role) --- table ---> entries
 *	                     ^ parents: links that lead here      |
 *	                     +------------------------------------+ links
 *	rmap (gpa, level) ---< leaves that map it <---------------+ leaves
 *
 * In words: a guest's frame that serves as a table has one shadow page for each role it plays;
 * a shadow page knows every link to it, and every page of guest memory
 * knows every leaf that maps it, so both can be taken away.
 */
#ifndef VMMU_SHADOW_PRIV_H
#define VMMU_SHADOW_PRIV_H

#include <bsd/sys/queue.h>

#include <vmmu/backend.h>
#include <vmmu/shadow.h>

#include "realmode.h"

#include "hash.h"

#define PAGE_MASK (~(uint64_t)(VMMU_PAGE_SIZE - 1))
#define TABLE_ENTRIES 512u /* of every format that shadows ... */
#define TABLE_SHIFT 9	   /* ... log2 of it */
#define NR_FORMATS 3	   /* that shadow: PAE, 4-level, 5-level */
#define NR_MODES 8	   /* of the guest's: five formats, three of them with NX or without */
#define MAX_ROOTS 16
#define ROOT_PAGES 4
#define WARMEST 7

/* What the guest's silicon enforces and the real one can enforce for it. */
#define GUEST_CTL (VMMU_PG_SMEP | VMMU_PG_SMAP | VMMU_PG_PKE | VMMU_PG_PKS)
#define HOST_CTL (VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE)

/* Where an entry lies: the hpa of its table, and 8 times its index; never 0. */
typedef uint64_t where_t;

/* A set of places; one is kept without memory of its own.  See chain.c. */
struct chain {
	uintptr_t head;
};

/*
 * What a guest's table is used as.  Two uses that differ in anything that decides
 * what a shadow entry may be have two shadow pages; what the real CPU enforces
 * itself (SMEP, SMAP and keys with CR0.WP=1, PKRU) is not in it.  Bytes without
 * padding: it is hashed and compared as a whole.
 */
struct role {
	uint8_t level;	  /* of the shadow table: 1 to 5 */
	uint8_t mode;	  /* of the guest: its format (so PSE, PAE, LMA, LA57) and EFER.NXE */
	uint8_t quadrant; /* which part of a guest's table of 1024 entries */
	uint8_t wp0;	  /* enum wp0 */
	uint8_t rights;	  /* granted above this table; of a direct page: in all */
	uint8_t large;	  /* log2 of the guest's large page that this is a part of: a direct
			     page, which shadows no table; else 0 */
	uint8_t granted;  /* direct: as the guest's tables grant it, D and WP apart */
	uint8_t pkey;	  /* direct */
};

struct key {
	uint64_t gfn; /* of the guest's table; direct: of the first page mapped */
	struct role role;
};

_Static_assert(sizeof(struct key) == 16, "hashed as two words");

/* May a leaf let the supervisor's store to a user's read-only page through? */
enum wp0 {
	WP0_NEVER,     /* CR0.WP=1 */
	WP0_SUPER,     /* no: the U bit decides about more; to one of the supervisor's, yes */
	WP0_MAPS,      /* yes, as a page of the supervisor's */
	WP0_MAPS_SMEP, /* the same, never to be executed */
};

struct spage {
	struct key key;
	UT_hash_handle hh;
	struct frame *frame; /* NULL: direct */
	struct vmmu_table *table;
	struct chain parents;
	TAILQ_ENTRY(spage) use; /* the one used last is the last; or zapped, to be freed */
	LIST_ENTRY(spage) role; /* in its frame */
	LIST_ENTRY(spage) out;	/* of sync */
	LIST_ENTRY(spage) lost; /* the orphans */
	uint64_t access;	/* the last fault that went through it */
	uint64_t filled;	/* shadow_vm.clock when a leaf was last put here */
	uint64_t linked;	/* ... and when a new link last led here */
	uint64_t looked;	/* the last search that came here, and ... */
	uint8_t found;		/* ... what it found: FOUND_* */
	uint8_t unsync;		/* level 1: the guest stores to its table untold */
	uint8_t orphan;		/* its last link went, in this operation */
	uint8_t rom;		/* the guest's table cannot take A and D bits */
	uint8_t warm;		/* how often silicon was seen to use it, up to WARMEST */
	uint8_t marks;		/* some entries may say that nothing is there */
	uint16_t roots;		/* how many roots of vCPUs this is */
};

TAILQ_HEAD(spage_queue, spage);
LIST_HEAD(spage_list, spage);

/* A guest's frame with shadow pages. */
struct frame {
	uint64_t gfn;
	UT_hash_handle hh;
	struct spage_list pages;
	unsigned stores; /* trapped since it was last used */
};

/* Chains for 512 pages of one size. */
struct rmap_block {
	uint64_t key; /* level, and the address over the level's shift and 9 */
	UT_hash_handle hh;
	struct chain chain[TABLE_ENTRIES];
};

/* A way that guest entries can be read; `pg` was a vCPU's guest dimension. */
struct mode {
	const struct vmmu_pt *space; /* what its shadow tables look like */
	struct vmmu_paging pg;
};

/* What CR3 stands for: the shadow pages that the CPU is pointed at. */
struct root {
	struct spage *page[ROOT_PAGES]; /* PAE format: by address bits 31:30; NULL: none yet */
	uint64_t base;			/* the guest's */
	uint64_t pdpte[ROOT_PAGES];
	uint64_t kept_at; /* shadow_vm.clock when it was put aside */
	uint16_t pcid;
	uint8_t mode, wp0;
	uint8_t used; /* 0: this is none */
};

struct shadow_vm;

/* What both ways of shadowing do in their own manner: the operations of struct vmmu_backend. */
struct shadow_way {
	int (*init)(struct shadow_vm *s);  /* may leave things half made: fini() follows */
	void (*fini)(struct shadow_vm *s); /* also after an init that failed */
	void (*load)(struct vmmu_cpu *cpu, enum vmmu_load why);
	enum vmmu_fix_kind (*fault)(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				    struct vmmu_fix *fix);
	uint64_t (*protect)(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how);
	uint64_t (*protect_pages)(struct shadow_vm *s, uint64_t gpa, const uint64_t *pages,
				  uint64_t nr);
	void (*invlpg)(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva);
	int (*check)(struct shadow_vm *s, struct vmmu_cursor *at, unsigned budget);
};

struct shadow_vm {
	struct vmmu *vm;
	const struct shadow_way *way; /* shadow pages that are kept, or the virtual TLB */
	struct realmode real;	      /* for guests without paging */
	uint32_t on;		      /* VMMU_SHADOW_* */
	unsigned prefetch, flood, roots, nr_cpus, host_maxphyaddr;

	struct vmmu_pt space[NR_FORMATS];
	struct vmmu_table *empty; /* what hw points at while a root has no page */
	struct mode mode[NR_MODES];
	struct spage *pages;  /* by key */
	struct frame *frames; /* by gfn */
	struct rmap_block *rmaps, *last_rmap;
	struct spage_queue use;
	struct spage_queue zapped; /* nothing leads there but what caches hold */
	struct spage_list unsync, orphans;
	uint64_t access; /* the number of the access in progress: its pages stay */
	uint64_t search;
	uint64_t clock; /* goes on when a root is put aside */
	uint64_t
		large_gone; /* how often pieces of a large guest page may have lost their mapping */
};

struct shadow_cpu {
	struct vmmu_paging guest; /* what hw was filled from */
	uint64_t cr4;
	/* the virtual TLB */
	struct vmmu_pt tree[NR_FORMATS];
	struct vmmu_pt *now; /* the one in use; NULL: the guest has no paging */
	/* cached shadow pages */
	struct root root;	     /* used: the guest has paging */
	struct root kept[MAX_ROOTS]; /* the last ones, the youngest first */
	uint64_t large_seen;	     /* large_gone at the last flush of everything */
};

static inline struct shadow_cpu *shadow_cpu(struct shadow_vm *s, unsigned n)
{
	return vmmu_be_cpu(vmmu_cpu(s->vm, n));
}

/* ---- guest.c: what the guest's tables say ---- */
extern const struct vmmu_fmt *const shadow_formats[NR_FORMATS];
/* The format that shadows a guest's: its own in long mode, else PAE. */
unsigned shadow_format(const struct vmmu_fmt *guest);
enum wp0 wp0_of(const struct shadow_vm *s, const struct vmmu_paging *guest);
/*
 * What a leaf grants before host memory has its say: the guest's rights, W only with D,
 * and what CR0.WP=0 makes of them for this access.
 */
unsigned guest_grants(enum wp0 wp0, const struct vmmu_walk *w, uint32_t access);
/* log2 of what an entry of a shadow table of that level maps. */
unsigned level_shift(unsigned level);
/* The level of leaf that a guest's page of this size could have. */
unsigned level_of(unsigned guest_shift);
/* Whether the real CPU lets such an access pass by such a leaf. */
int cpu_allows(struct vmmu_cpu *cpu, unsigned rights, unsigned pkey, uint32_t access);
const struct mode *mode_of(const struct shadow_vm *s, const struct spage *sp);
/* How many guest entries one shadow page of this level covers. */
unsigned guest_entries(const struct mode *m, unsigned level);
unsigned quadrant_of(const struct mode *m, unsigned level, uint64_t gva);
/* log2 of how many shadow entries a guest's entry of this level has */
unsigned ratio_shift(const struct mode *m, unsigned level);
/* The guest's entry behind one of ours, `table` being the guest's frame. */
void guest_says(const struct shadow_vm *s, const struct spage *sp, unsigned index,
		const void *table, struct vmmu_entry *g);
/* What the entry at `index` of a level-1 page may map now; 0: nothing. */
int derive_leaf(struct shadow_vm *s, const struct spage *sp, unsigned index, const void *table,
		struct vmmu_leaf *leaf);
/* Which entry of a shadow page is gva's; which page of a root. */
unsigned shadow_index(const struct spage *sp, uint64_t gva);
unsigned root_slot(const struct mode *m, uint64_t gva);

/* ---- chain.c ---- */
int chain_add(struct shadow_vm *s, struct chain *c, where_t where); /* 0, or -1: no memory */
void chain_remove(struct shadow_vm *s, struct chain *c, where_t where);
void chain_clear(struct shadow_vm *s, struct chain *c);
where_t chain_first(const struct chain *c); /* 0: empty */
/* Calls fn for each place; fn leaves the chain as it is.  The sum of what it returns. */
typedef uint64_t place_fn(struct shadow_vm *s, where_t where, const void *arg);
uint64_t chain_each(const struct chain *c, place_fn *fn, struct shadow_vm *s, const void *arg);

/* ---- rmap.c: of each page of guest memory, the leaves that map it ---- */
/* Which block has the chain of gpa; the block, or NULL; the chain in it. */
uint64_t rmap_key(uint64_t gpa, unsigned level);
struct rmap_block *rmap_block(struct shadow_vm *s, uint64_t key);
struct chain *rmap_chain(struct rmap_block *b, uint64_t gpa, unsigned level);
struct chain *rmap_of(struct shadow_vm *s, uint64_t gpa, unsigned level); /* NULL: none */
int rmap_add(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where);
void rmap_remove(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where);
/* Every leaf is about to go: rmap_remove() finds none, in no time. */
void rmap_forget(struct shadow_vm *s);
void rmap_fini(struct shadow_vm *s);

/* ---- root.c: what a CPU is pointed at ---- */
/* What page a root has there; `pdpte` is PAE's.  0: none. */
int root_key(const struct shadow_vm *s, const struct root *r, uint64_t pdpte, unsigned slot,
	     struct key *key);
/* Tells the CPU of its root's pages. */
void root_point(struct vmmu_cpu *cpu);
void root_page(struct root *r, unsigned slot, struct spage *sp);
/* Puts a page under the CPU's root, and tells it. */
void root_set(struct vmmu_cpu *cpu, unsigned slot, struct spage *sp);
void root_release(struct root *r);
/* No root has it any more. */
void root_forget(struct shadow_vm *s, struct spage *sp);

/* ---- page.c: shadow pages and their entries ---- */
struct frame *frame_find(struct shadow_vm *s, uint64_t gfn);
void frame_zap(struct shadow_vm *s, struct frame *f);
/* The shadow page in that role, or NULL. */
struct spage *page_find(struct shadow_vm *s, const struct key *key);
/* One that does not exist yet, its guest's table protected; NULL: no memory. */
struct spage *page_new(struct shadow_vm *s, const struct key *key);
/* An orphan that was found again: it stays. */
void page_adopt(struct spage *sp);
void page_used(struct shadow_vm *s, struct spage *sp);
/* The table of that level on the way to gva, as the real CPU would find it; or NULL. */
struct spage *page_below(struct shadow_vm *s, const struct root *r, uint64_t gva, unsigned level);
/* Entries.  0, or -1: no memory; link_page() replaces what is there. */
int link_page(struct shadow_vm *s, struct spage *parent, unsigned index, struct spage *child);
int put_leaf(struct shadow_vm *s, struct spage *sp, unsigned index, const struct vmmu_leaf *leaf);
/* Empties an entry, whatever it is; 1 if it was a link or a leaf. */
int drop_entry(struct shadow_vm *s, struct spage *sp, unsigned index);
struct spage *page_at(struct shadow_vm *s, where_t where, unsigned *index);
where_t where_is(const struct spage *sp, unsigned index);
/* Takes it from all that leads to it; gone at the next page_commit(). */
void page_zap(struct shadow_vm *s, struct spage *sp);
/* The end of an operation: flushes, if anything was zapped, and only then frees it. */
uint64_t page_commit(struct shadow_vm *s);
uint64_t page_zap_all(struct shadow_vm *s);
uint64_t page_reclaim(struct shadow_vm *s);

/* ---- change.c: what the host changes; protect() and protect_pages() ---- */
uint64_t change_range(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how);
uint64_t change_protect_pages(struct shadow_vm *s, uint64_t gpa, const uint64_t *pages,
			      uint64_t nr);

/* ---- sync.c: guest tables and their shadows ---- */
/* Makes one entry agree with the guest's; 1 if it had to change. */
int sync_entry(struct shadow_vm *s, struct spage *sp, unsigned index, const void *table);
/*
 * The shadow page in that role, in step with its table, and all below it; made if it does not
 * exist.  *fresh is 1 if the guest's table was protected just now, so that what was read of it
 * before has to be read again.  NULL: no memory.
 */
struct spage *sync_get(struct shadow_vm *s, const struct key *key, int *fresh);
/* Those below a root in which something has been filled or linked since then. */
void sync_root(struct shadow_vm *s, const struct root *r, uint64_t since);
#define SINCE_EVER 0
#define SINCE_NOW (~0ull)
/* One address below a root. */
void sync_address(struct shadow_vm *s, const struct root *r, uint64_t gva);
/* Lets the guest store to a level-1 table untold; 0: it may not. */
int frame_unsync(struct shadow_vm *s, struct frame *f);
/* A store to a guest's table has happened. */
void table_stored(struct shadow_vm *s, struct vmmu_cpu *cpu, uint64_t gpa, uint64_t len);

/* ---- load.c: CR3 and TLB instructions ---- */
void load_root(struct vmmu_cpu *cpu, enum vmmu_load why);
void load_invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva);
/* The guest took a #PF at gva: nothing stale of it may stay. */
void load_faulted(struct vmmu_cpu *cpu, uint64_t gva);

/* ---- fault.c: misses ---- */
enum vmmu_fix_kind page_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
			      struct vmmu_fix *fix);

/* ---- check.c ---- */
int page_check(struct shadow_vm *s, struct vmmu_cursor *at, unsigned budget);

/* ---- vtlb.c: no cache, no traps ---- */
uint64_t vtlb_min_tables(const struct vmmu_config *config);
extern const struct shadow_way vtlb_way;

#endif
