/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of shadow/ share: shadow pages, where they are kept, and what leads to them.
 *
 *	frame (gfn) ---< shadow page (gfn, role) --- table ---> entries
 *	                     ^ parents: links that lead here      |
 *	                     +------------------------------------+ links
 *	rmap (gpa, level) ---< leaves that map it <---------------+ leaves
 *
 * In words: a frame of the guest's that serves as a table has one shadow page for each role that it
 * plays.  A shadow page knows every link that leads to it, and every page of guest memory knows
 * every leaf that maps it, so all of these can be removed.
 */
#ifndef VMMU_SHADOW_PRIV_H
#define VMMU_SHADOW_PRIV_H

#include <bsd/sys/queue.h>

#include <vmmu/backend.h>
#include <vmmu/shadow.h>

#include "realmode.h"

#include "hash.h"

#define PAGE_MASK (~(uint64_t)(VMMU_PAGE_SIZE - 1))
#define TABLE_ENTRIES 512u /* entries of a shadow table, in every format */
#define TABLE_SHIFT 9	   /* log2 of TABLE_ENTRIES */
#define NR_FORMATS 3	   /* formats of shadow tables: PAE, 4-level, 5-level */
#define NR_MODES 8	   /* modes of the guest: five formats, three of them with NX or without */
#define MAX_ROOTS 16
#define ROOT_PAGES 4
#define WARMEST 7

/* What the real CPU enforces if the guest has turned it on, and what it enforces in any case. */
#define GUEST_CTL (VMMU_PG_SMEP | VMMU_PG_SMAP | VMMU_PG_PKE | VMMU_PG_PKS)
#define HOST_CTL (VMMU_PG_AD | VMMU_PG_WP | VMMU_PG_NXE)

/* The place of an entry: the hpa of its table plus 8 times its index.  It is never 0. */
typedef uint64_t where_t;

/* A set of places.  A set with one place needs no memory of its own; see chain.c. */
struct chain {
	uintptr_t head;
};

/*
 * What a guest's table is used as.  A role has everything that decides what a shadow entry may be,
 * so a table that is used in two ways has two shadow pages.  A role does not have what the real CPU
 * enforces itself: SMEP, SMAP and protection keys with CR0.WP=1, and PKRU.  There is no padding,
 * because a role is hashed and compared as a whole.
 */
struct role {
	uint8_t level; /* level of the shadow table: 1 to 5 */
	uint8_t mode;  /* index of the guest's mode: its format (PSE, PAE, LMA, LA57), EFER.NXE */
	uint8_t quadrant; /* which part of a guest's table of 1024 entries is shadowed */
	uint8_t wp0;	  /* enum wp0 */
	uint8_t rights;	  /* rights that the tables above grant; of a direct page, all of them do */
	/*
	 * 0, or: this is a direct page.  It shadows no table, but maps a part of a large page of
	 * the guest's of 1 << large bytes.  Only a direct page has `granted` and `pkey`.
	 */
	uint8_t large;
	uint8_t granted; /* rights as the guest's tables grant them, without regard to D and WP */
	uint8_t pkey;	 /* the large page's protection key */
};

struct key {
	uint64_t gfn; /* of the guest's table; of a direct page, of the first page that it maps */
	struct role role;
};

_Static_assert(sizeof(struct key) == 16, "hashed as two words");

/* What leaves do under CR0.WP=0, where the supervisor may store to a read-only page. */
enum wp0 {
	WP0_NEVER, /* CR0.WP=1, or wp0 is off: no leaf lets such a store through */
	WP0_SUPER, /* those of supervisor pages do; SMAP and keys need the U bit of the others */
	WP0_MAPS,  /* all do; a user page is mapped as a supervisor page for that */
	WP0_MAPS_SMEP, /* the same, and a user page so mapped cannot be executed */
};

/* A shadow page: a table for the real CPU, and what is known about it. */
struct spage {
	struct key key;
	UT_hash_handle hh;
	struct frame *frame; /* the guest's table; NULL for a direct page */
	struct vmmu_table *table;
	struct chain parents;	/* the links that lead here */
	TAILQ_ENTRY(spage) use; /* in shadow_vm.use, the last used at the end; or in .zapped */
	LIST_ENTRY(spage) role; /* in frame->pages */
	LIST_ENTRY(spage) out;	/* in shadow_vm.unsync */
	LIST_ENTRY(spage) lost; /* in shadow_vm.orphans */
	uint64_t access;	/* shadow_vm.access of the last fault that went through this page */
	uint64_t filled;	/* shadow_vm.clock when a leaf was last put here */
	uint64_t linked;	/* shadow_vm.clock when a new link last led here */
	uint64_t looked;	/* shadow_vm.search of the last search that came here */
	uint8_t found;		/* what that search found: FOUND_* */
	uint8_t unsync;		/* level 1: stores to the guest's table do not trap now */
	uint8_t orphan;		/* the last link was removed in this operation */
	uint8_t rom;		/* the guest's table is read-only: it cannot take A and D bits */
	uint8_t warm;		/* how often silicon was seen to use this page, up to WARMEST */
	uint8_t marks;		/* some entries may be marks: there is no memory */
	uint16_t roots;		/* how many roots have this page */
};

TAILQ_HEAD(spage_queue, spage);
LIST_HEAD(spage_list, spage);

/* A frame of the guest's that has shadow pages. */
struct frame {
	uint64_t gfn;
	UT_hash_handle hh;
	struct spage_list pages;
	unsigned stores; /* stores that trapped since the table was last used */
};

/* For 512 pages of one size, the leaves that map each. */
struct rmap_block {
	uint64_t key; /* rmap_key(): the level, and the address without the lowest bits */
	UT_hash_handle hh;
	struct chain chain[TABLE_ENTRIES];
};

/* How the entries of a guest's table are to be read. */
struct mode {
	const struct vmmu_pt *space; /* the format of its shadow tables */
	struct vmmu_paging pg;	     /* the guest dimension of some vCPU in this mode */
};

/* The shadow pages that the CPU is pointed at for a value of the guest's CR3. */
struct root {
	/* In the PAE format there is one for each value of address bits 31:30.  NULL: none yet. */
	struct spage *page[ROOT_PAGES];
	uint64_t base; /* the guest's root: the address in CR3 */
	uint64_t pdpte[ROOT_PAGES];
	uint64_t kept_at; /* shadow_vm.clock when this root was put into shadow_cpu.kept */
	uint16_t pcid;
	uint8_t mode, wp0;
	uint8_t used; /* 0: there is no root here */
};

struct shadow_vm;

/*
 * The operations of struct vmmu_backend in which kept shadow pages and the virtual TLB differ.
 * After an init() that failed, fini() is called, too, and frees what was made.
 */
struct shadow_way {
	int (*init)(struct shadow_vm *s);
	void (*fini)(struct shadow_vm *s);
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
	const struct shadow_way *way; /* kept shadow pages, or the virtual TLB */
	struct realmode real;	      /* for vCPUs whose guest has paging turned off */
	uint32_t on;		      /* VMMU_SHADOW_*: the techniques that are used */
	unsigned prefetch, flood, roots, nr_cpus, host_maxphyaddr;

	struct vmmu_pt space[NR_FORMATS];
	struct vmmu_table *empty; /* an empty table, for a root that has no page yet */
	struct mode mode[NR_MODES];
	struct spage *pages;  /* by key */
	struct frame *frames; /* by gfn */
	struct rmap_block *rmaps, *last_rmap;
	struct spage_queue use;	   /* all pages, to choose those that are reclaimed */
	struct spage_queue zapped; /* only caches still lead to these */
	struct spage_list unsync, orphans;
	uint64_t access; /* the number of the access in progress; its pages are not reclaimed */
	uint64_t search; /* the number of the last search for pages out of step */
	uint64_t clock;	 /* is counted up whenever a root is kept */
	/* How often a part of a large page of the guest's may have lost its mapping. */
	uint64_t large_gone;
};

struct shadow_cpu {
	struct vmmu_paging guest; /* the guest dimension that hw was filled from */
	uint64_t cr4;
	/* Only the virtual TLB has these. */
	struct vmmu_pt tree[NR_FORMATS];
	struct vmmu_pt *now; /* the tree in use; NULL: the guest has paging turned off */
	/* Only kept shadow pages have these. */
	struct root root;	     /* .used: the guest has paging turned on */
	struct root kept[MAX_ROOTS]; /* earlier roots, the youngest first */
	uint64_t large_seen;	     /* shadow_vm.large_gone at the last flush of everything */
};

static inline struct shadow_cpu *shadow_cpu(struct shadow_vm *s, unsigned n)
{
	return vmmu_be_cpu(vmmu_cpu(s->vm, n));
}

/* ---- guest.c: what the guest's tables say ---- */
extern const struct vmmu_fmt *const shadow_formats[NR_FORMATS];
/* Index of the format that shadows a guest's format: the same in long mode, else PAE. */
unsigned shadow_format(const struct vmmu_fmt *guest);
enum wp0 wp0_of(const struct shadow_vm *s, const struct vmmu_paging *guest);
/*
 * The rights that a leaf has as far as the guest decides: those of the guest's tables, without W
 * while D is clear, and changed as CR0.WP=0 needs it for this access.  Host memory may take more.
 */
unsigned guest_grants(enum wp0 wp0, const struct vmmu_walk *w, uint32_t access);
/* Log2 of the bytes that an entry of a shadow table of that level maps. */
unsigned level_shift(unsigned level);
/* The highest level of a leaf that maps no more than a guest's page of this size. */
unsigned level_of(unsigned guest_shift);
/* Whether the real CPU allows the access with a leaf that has these rights and this key. */
int cpu_allows(struct vmmu_cpu *cpu, unsigned rights, unsigned pkey, uint32_t access);
const struct mode *mode_of(const struct shadow_vm *s, const struct spage *sp);
/* How many entries of the guest's table a shadow page of this level shadows. */
unsigned guest_entries(const struct mode *m, unsigned level);
unsigned quadrant_of(const struct mode *m, unsigned level, uint64_t gva);
/* Log2 of the number of shadow entries that one entry of the guest's at this level has. */
unsigned ratio_shift(const struct mode *m, unsigned level);
/* Reads the guest's entry that a shadow entry stands for; `table` is the guest's frame. */
void guest_says(const struct shadow_vm *s, const struct spage *sp, unsigned index,
		const void *table, struct vmmu_entry *g);
/* Fills *leaf with what the entry at `index` of a level-1 page may map now.  0: nothing. */
int derive_leaf(struct shadow_vm *s, const struct spage *sp, unsigned index, const void *table,
		struct vmmu_leaf *leaf);
/* The index of gva's entry in a shadow page, and of its page in a root. */
unsigned shadow_index(const struct spage *sp, uint64_t gva);
unsigned root_slot(const struct mode *m, uint64_t gva);

/* ---- chain.c ---- */
/* Returns 0, or -1 if there is no memory. */
int chain_add(struct shadow_vm *s, struct chain *c, where_t where);
void chain_remove(struct shadow_vm *s, struct chain *c, where_t where);
void chain_clear(struct shadow_vm *s, struct chain *c);
where_t chain_first(const struct chain *c); /* 0: the chain is empty */
/* Calls fn for each place, and returns the sum of its results.  fn must not change the chain. */
typedef uint64_t place_fn(struct shadow_vm *s, where_t where, const void *arg);
uint64_t chain_each(const struct chain *c, place_fn *fn, struct shadow_vm *s, const void *arg);

/* ---- rmap.c: for each page of guest memory, the leaves that map it ---- */
/* The key of the block that has the chain of gpa. */
uint64_t rmap_key(uint64_t gpa, unsigned level);
/* The block with this key, or NULL. */
struct rmap_block *rmap_block(struct shadow_vm *s, uint64_t key);
/* The chain of gpa in its block. */
struct chain *rmap_chain(struct rmap_block *b, uint64_t gpa, unsigned level);
/* The chain of gpa, or NULL. */
struct chain *rmap_of(struct shadow_vm *s, uint64_t gpa, unsigned level);
int rmap_add(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where);
void rmap_remove(struct shadow_vm *s, uint64_t gpa, unsigned level, where_t where);
/* Forgets all leaves, because all are about to be removed; rmap_remove() then has nothing to do. */
void rmap_forget(struct shadow_vm *s);
void rmap_fini(struct shadow_vm *s);

/* ---- root.c: the shadow pages that a CPU is pointed at ---- */
/* Fills *key for the page that belongs at `slot`; `pdpte` is for PAE.  Returns 0 if none does. */
int root_key(const struct shadow_vm *s, const struct root *r, uint64_t pdpte, unsigned slot,
	     struct key *key);
/* Points the CPU at the pages of its root. */
void root_point(struct vmmu_cpu *cpu);
/* Puts a page, or NULL, into a root; the CPU is not told. */
void root_page(struct root *r, unsigned slot, struct spage *sp);
/* Puts a page into the CPU's root, and points the CPU at it. */
void root_set(struct vmmu_cpu *cpu, unsigned slot, struct spage *sp);
void root_release(struct root *r);
/* Removes a page from all roots. */
void root_forget(struct shadow_vm *s, struct spage *sp);

/* ---- page.c: shadow pages and their entries ---- */
struct frame *frame_find(struct shadow_vm *s, uint64_t gfn);
void frame_zap(struct shadow_vm *s, struct frame *f);
/* The shadow page with this key, or NULL. */
struct spage *page_find(struct shadow_vm *s, const struct key *key);
/* Makes the page, which does not exist yet, and protects the guest's table.  NULL: no memory. */
struct spage *page_new(struct shadow_vm *s, const struct key *key);
/* The page is used again, so it is no orphan, and stays. */
void page_adopt(struct spage *sp);
/* The access in progress goes through this page. */
void page_used(struct shadow_vm *s, struct spage *sp);
/* The page of that level to which the links lead from the root for gva, or NULL. */
struct spage *page_below(struct shadow_vm *s, const struct root *r, uint64_t gva, unsigned level);
/* Both put an entry in place of what is there.  They return 0, or -1 if there is no memory. */
int link_page(struct shadow_vm *s, struct spage *parent, unsigned index, struct spage *child);
int put_leaf(struct shadow_vm *s, struct spage *sp, unsigned index, const struct vmmu_leaf *leaf);
/* Empties an entry of any kind.  Returns 1 if it was a link or a leaf. */
int drop_entry(struct shadow_vm *s, struct spage *sp, unsigned index);
/* The page and the index of a place, and the place of an index. */
struct spage *page_at(struct shadow_vm *s, where_t where, unsigned *index);
where_t where_is(const struct spage *sp, unsigned index);
/* Removes everything that leads to the page.  The next page_commit() frees it. */
void page_zap(struct shadow_vm *s, struct spage *sp);
/* Ends an operation: flushes if pages were zapped, and only then frees them. */
uint64_t page_commit(struct shadow_vm *s);
uint64_t page_zap_all(struct shadow_vm *s);
uint64_t page_reclaim(struct shadow_vm *s);

/* ---- change.c: what the host changes; protect() and protect_pages() ---- */
uint64_t change_range(struct shadow_vm *s, uint64_t gpa, uint64_t len, enum vmmu_change how);
uint64_t change_protect_pages(struct shadow_vm *s, uint64_t gpa, const uint64_t *pages,
			      uint64_t nr);

/* ---- sync.c: guest tables and their shadows ---- */
/* Compares one entry with the guest's, and corrects it.  Returns 1 if it had to change. */
int sync_entry(struct shadow_vm *s, struct spage *sp, unsigned index, const void *table);
/*
 * Finds or makes the shadow page with this key, and brings it and all pages below it in step with
 * the guest's tables.  *fresh is 1 if the guest's table was protected only now; what was read from
 * it before has to be read again.  NULL: no memory.
 */
struct spage *sync_get(struct shadow_vm *s, const struct key *key, int *fresh);
/* Brings those pages below a root in step in which an entry was filled or linked since then. */
void sync_root(struct shadow_vm *s, const struct root *r, uint64_t since);
#define SINCE_EVER 0
#define SINCE_NOW (~0ull)
/* Brings the entry of one address below a root in step. */
void sync_address(struct shadow_vm *s, const struct root *r, uint64_t gva);
/* Lets the guest store to a level-1 table without a trap.  0: that cannot be. */
int frame_unsync(struct shadow_vm *s, struct frame *f);
/* A store to a guest's table has happened. */
void table_stored(struct shadow_vm *s, struct vmmu_cpu *cpu, uint64_t gpa, uint64_t len);

/* ---- load.c: CR3 and TLB instructions ---- */
void load_root(struct vmmu_cpu *cpu, enum vmmu_load why);
void load_invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva);
/* The guest gets a #PF for gva, after which no stale translation of it may be left. */
void load_faulted(struct vmmu_cpu *cpu, uint64_t gva);

/* ---- fault.c: misses ---- */
enum vmmu_fix_kind page_fault(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
			      struct vmmu_fix *fix);

/* ---- check.c ---- */
int page_check(struct shadow_vm *s, struct vmmu_cursor *at, unsigned budget);

/* ---- vtlb.c: the virtual TLB, which keeps nothing across loads of CR3 and traps nothing ---- */
uint64_t vtlb_min_tables(const struct vmmu_config *config);
extern const struct shadow_way vtlb_way;

#endif
