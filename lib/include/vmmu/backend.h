/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libvmmu for the author of a backend: what a backend supplies, and what the
 * library offers it.  A backend is one struct vmmu_backend; nothing in lib/
 * knows any by name.
 *
 * Only the backend writes the vCPU's struct vmmu_hw, in load() and where the tables
 * under it change.  Silicon obeys nothing else, so exits follow from the intercept bits there.
 */
#ifndef VMMU_BACKEND_H
#define VMMU_BACKEND_H

#include <vmmu/vmmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a backend supplies ------------------------------------------- */

/* Why load() is called: what about the guest has changed. */
enum vmmu_load {
	VMMU_LOAD_ALL,	    /* reset, restore, a change of mode: drop everything */
	VMMU_LOAD_CR3,	    /* MOV to CR3 */
	VMMU_LOAD_CR3_KEEP, /* the same with bit 63: old translations stay */
	VMMU_LOAD_CONTROLS, /* other bits of CR0, CR4, EFER */
	VMMU_LOAD_KEYS,	    /* PKRU or PKRS; never an exit */
};

/* What the silicon could not do. */
struct vmmu_exit {
	vmmu_gva_t gva;
	uint32_t access;
	const struct vmmu_walk *walk;
};

/* What became of it: the result of fault().  No value is one of another layer's. */
enum vmmu_fix_kind {
	VMMU_FIX_RETRY = 0x100, /* repaired: walk again */
	VMMU_FIX_FAULT,		/* the guest's own fault: fix->code, fix->level */
	VMMU_FIX_MMIO,		/* fix->gpa is not memory, or not writable memory */
	VMMU_FIX_SOFT,		/* tables cannot express it: finish in software */
	VMMU_FIX_NEED_PAGE,	/* ask the host for fix->gpa, then call me again */
	VMMU_FIX_BUSY,		/* fix->gpa is being invalidated */
	VMMU_FIX_NO_TABLES,	/* no table page left: reclaim, then walk again */
	VMMU_FIX_ERROR,		/* the call fails with fix->status */
};

struct vmmu_fix {
	vmmu_gpa_t gpa;
	uint32_t code;
	uint8_t level;
	uint8_t table;	       /* gpa is of a guest table's entry */
	uint8_t write;	       /* NEED_PAGE: to be written */
	enum vmmu_event event; /* the exit to count */
	int status;	       /* ERROR: a negative enum vmmu_status */
};

#define VMMU_ALL (~0ull) /* as a length: to the end */

/* What protect() is to do to every mapping of a range of GPAs. */
enum vmmu_change {
	VMMU_CHANGE_ZAP,    /* remove */
	VMMU_CHANGE_WRPROT, /* take the right to write; of a larger leaf as a whole */
	VMMU_CHANGE_AGE,    /* clear the accessed bits */
	VMMU_CHANGE_YOUNG,  /* change nothing, count what was accessed */
	VMMU_CHANGE_FLUSH,  /* the library's: never passed to protect() */
};

struct vmmu_cursor {
	uint64_t tree, ia;
};

struct vmmu_backend {
	const char *name;
	/* Private state of a VM and of a vCPU: zeroed, freed by the library. */
	size_t vm_size, cpu_size;
	/* The least table pages with which any one access can be completed. */
	uint64_t (*min_tables)(const struct vmmu_config *config);
	/*
	 * init may fail with a negative status, having undone everything;
	 * fini is called only after an init that succeeded, and its tables
	 * must all have gone back with it.
	 */
	int (*init)(struct vmmu *vm, const struct vmmu_config *config);
	void (*fini)(struct vmmu *vm);
	/*
	 * Registers have changed (vmmu_be_regs(), vmmu_be_guest()): fill
	 * vmmu_be_hw().  VMMU_OK, or VMMU_ENOMEM with nothing changed: then room is made, and
	 * it is called once more.
	 */
	int (*load)(struct vmmu_cpu *cpu, enum vmmu_load why);
	/* With *fix, which is zeroed before, filled. */
	enum vmmu_fix_kind (*fault)(struct vmmu_cpu *cpu, const struct vmmu_exit *exit,
				    struct vmmu_fix *fix);
	/*
	 * Applies to all mappings of [gpa, gpa + len); flushing is the
	 * library's.  Returns how many mappings were changed (AGE, YOUNG: were
	 * young).  NULL: the memory is fixed at init, and every operation that
	 * would change a mapping returns VMMU_ENOTSUP.
	 */
	uint64_t (*protect)(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, enum vmmu_change how);
	/*
	 * The same as VMMU_CHANGE_WRPROT for 4K pages, by a bitmap: page n of those that begin at
	 * gpa if bit n & 63 of pages[n / 64] is set.  A page that lies in a larger leaf takes the
	 * right from the whole leaf.  NULL: the library calls protect() for each run of pages.
	 */
	uint64_t (*protect_pages)(struct vmmu *vm, vmmu_gpa_t gpa, const uint64_t *pages,
				  uint64_t nr);
	/* A store hit a tracked frame.  NULL: it tracks none. */
	void (*pt_write)(struct vmmu *vm, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, uint64_t len);
	/*
	 * INVLPG or INVPCID was intercepted.  INVLPG is type -1; else enum
	 * vmmu_invpcid.  The silicon's caches are the backend's to flush.
	 * NULL: never intercepted.
	 */
	void (*invlpg)(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva);
	/*
	 * Table pages have run out: frees the one of least use, and those that are useless
	 * without it.  Returns how many tables went.  If it returns 0 or is NULL, the
	 * library frees the oldest table of a tree.
	 */
	uint64_t (*reclaim)(struct vmmu *vm);
	/*
	 * Checks its invariants for about `budget` entries from *at.  *at is all zero at first; on
	 * return it says where to go on, and is all zero at the end.
	 */
	int (*check)(struct vmmu *vm, struct vmmu_cursor *at, unsigned budget);
	uint64_t reserved_flags;   /* 0 */
	void (*reserved[8])(void); /* NULL */
};

/* Of a bitmap of nr pages, the first from n on whose bit is set; nr: there is none. */
static inline uint64_t vmmu_be_next_page(const uint64_t *pages, uint64_t n, uint64_t nr)
{
	uint64_t left;

	for (; n < nr; n = (n | 63) + 1) {
		left = pages[n / 64] >> (n & 63);
		if (left)
			break;
	}
	for (; n < nr && !(left & 1); left >>= 1)
		n++;
	return n < nr ? n : nr;
}

/*
 * Reads a struct that begins with its size, as the rule in <vmmu/vmmu.h> says: *out, `known` bytes,
 * gets what *in has and 0 for the rest.  VMMU_EINVAL: it has less than `least` bytes, or more than
 * are known, and those are not 0; or its size is no size of a struct (above 64 KiB).
 */
VMMU_API int vmmu_be_sized(void *out, size_t known, const void *in, size_t least);
/* Whether `len` bytes, reserved room for instance, are all 0. */
VMMU_API int vmmu_be_is_zero(const void *p, size_t len);

/* ---- a VM and its vCPUs ------------------------------------------------- */

VMMU_API void *vmmu_be_vm(struct vmmu *vm);	  /* private state */
VMMU_API void *vmmu_be_cpu(struct vmmu_cpu *cpu); /* private state */
VMMU_API struct vmmu_hw *vmmu_be_hw(struct vmmu_cpu *cpu);
VMMU_API const struct vmmu_regs *vmmu_be_regs(const struct vmmu_cpu *cpu);
/* The guest's own dimension, as its registers say. */
VMMU_API const struct vmmu_paging *vmmu_be_guest(const struct vmmu_cpu *cpu);
/* Its bookkeeping: zeroed memory, counted as meta_bytes; NULL: none left. */
VMMU_API void *vmmu_be_alloc(struct vmmu *vm, size_t size);
VMMU_API void vmmu_be_free(struct vmmu *vm, void *p, size_t size); /* NULL is fine */
/* Counts an event and tells the embedder; cpu may be NULL. */
VMMU_API void vmmu_be_event(struct vmmu *vm, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a,
			    uint64_t b);
/* A check has failed: records what is wrong for vmmu_reason(), and returns VMMU_EBROKEN. */
VMMU_API int vmmu_be_broken(struct vmmu *vm, const char *fmt, ...)
#ifdef __GNUC__
	__attribute__((format(printf, 2, 3)))
#endif
	;

/* The silicon's caches of one vCPU, or of all. */
VMMU_API void vmmu_be_flush_cpu(struct vmmu_cpu *cpu);
VMMU_API void vmmu_be_flush_page(struct vmmu_cpu *cpu, vmmu_gva_t gva);
VMMU_API void vmmu_be_flush_all(struct vmmu *vm);
/* One vCPU's, as far as they are tagged with the PCID in its hw. */
VMMU_API void vmmu_be_flush_space(struct vmmu_cpu *cpu);
/*
 * Entries were removed without a flush: the guest may use them until it flushes itself, but the
 * host may not rely on them.  The next change of a range flushes, even if it finds no mapping.
 */
VMMU_API void vmmu_be_owe_flush(struct vmmu *vm);

/* ---- guest memory, as the hypervisor sees it ------------------------------ */

/*
 * The walk a CPU would make of the guest's tables, in software: judged and
 * A/D set as for the guest; counted as sw_refs.  VMMU_WALK_OK, or why it stopped, which
 * vmmu_be_walk_stop() turns into the result of fault().  `trail` is NULL, or gets the
 * entries that were read, as they were before A and D.
 */
struct vmmu_trail {
	uint64_t entry[VMMU_LEVELS + 1]; /* by level, from the top to walk->level */
	vmmu_gpa_t at[VMMU_LEVELS + 1];	 /* where it lies; not set of a PDPTE in a register */
};
VMMU_API enum vmmu_walk_status vmmu_be_walk_guest(struct vmmu_cpu *cpu, vmmu_gva_t gva,
						  uint32_t access, struct vmmu_walk *out,
						  struct vmmu_trail *trail);
VMMU_API enum vmmu_fix_kind vmmu_be_walk_stop(struct vmmu_cpu *cpu, const struct vmmu_walk *walk,
					      struct vmmu_fix *fix);

/* What there is of a page of guest memory. */
enum vmmu_page_kind {
	VMMU_PAGE_THERE = 0x200, /* and may be used as was asked */
	VMMU_PAGE_NONE,		 /* no memory, or a store to memory that is read-only */
	VMMU_PAGE_WANTED,	 /* the host has not given it yet, or not to be written */
	VMMU_PAGE_BUSY,		 /* it is being invalidated */
};

struct vmmu_page {
	vmmu_hpa_t hpa;	  /* of the byte asked for */
	uint8_t level;	  /* largest leaf that may map it: 1, 2, 3 */
	uint8_t writable; /* a leaf may say so now */
	uint8_t readonly; /* the slot is: a store is MMIO */
	uint8_t tracked;  /* the frame is: a store must trap */
	uint8_t logged;	  /* not writable because the dirty log is on */
	uint8_t armed;	  /* this store marked a page that the log had as clean */
};

/*
 * What backs gpa, for an access that writes or not.  A store that may go
 * through marks the page dirty.  VMMU_PAGE_THERE: *page is good, until any
 * callback.  Else *fix is filled for fault(), whose result vmmu_be_page_fix() tells; for
 * a store to a read-only slot *page is filled as well.
 */
VMMU_API enum vmmu_page_kind vmmu_be_page(struct vmmu *vm, vmmu_gpa_t gpa, int write,
					  struct vmmu_page *page, struct vmmu_fix *fix);

static inline enum vmmu_fix_kind vmmu_be_page_fix(enum vmmu_page_kind kind)
{
	switch (kind) {
	case VMMU_PAGE_NONE:
		return VMMU_FIX_MMIO;
	case VMMU_PAGE_WANTED:
		return VMMU_FIX_NEED_PAGE;
	case VMMU_PAGE_BUSY:
		return VMMU_FIX_BUSY;
	default:
		return VMMU_FIX_RETRY;
	}
}

/*
 * The same for a leaf of level 1 that no access has asked for (prefetch): 1 with *page filled, or
 * 0.  It does not ask the host, and marks nothing dirty.
 */
VMMU_API int vmmu_be_small_page(struct vmmu *vm, vmmu_gpa_t gpa, struct vmmu_page *page);

/*
 * The 4K frame that contains gpa, to be read, until any callback or change of slots;
 * NULL: no memory, not there yet, or being invalidated.
 */
VMMU_API const void *vmmu_be_frame(struct vmmu *vm, vmmu_gpa_t gpa);
/* An entry in it, little-endian, loaded whole: 4 or 8 bytes. */
VMMU_API uint64_t vmmu_be_load(const void *entry, unsigned bytes);

/*
 * Write-tracking of a guest frame, counted.  The first track takes the
 * right to write from every mapping and flushes; VMMU_ENOMEM, VMMU_ENOENT.
 */
VMMU_API int vmmu_be_track(struct vmmu *vm, vmmu_gpa_t gpa);
VMMU_API void vmmu_be_untrack(struct vmmu *vm, vmmu_gpa_t gpa);

/*
 * The note that a shadow leaf has beside its gpa: rights and size of the guest's leaf,
 * which cannot be read off the shadow entry.  0: the guest has no paging.
 */
VMMU_API uint16_t vmmu_be_note(unsigned rights, unsigned shift); /* 6 bits */
VMMU_API unsigned vmmu_be_note_rights(uint16_t note);

/* ---- the builder: one tree of tables -------------------------------------- */

struct vmmu_table; /* one table page */

#define VMMU_PT_GPAS 1u	  /* leaves remember their gpa and a note (a shadow) */
#define VMMU_PT_NO_AD 2u  /* silicon sets no A or D here: aging must zap */
#define VMMU_PT_SHARED 4u /* no tree: tables one by one, see vmmu_table_new() */

struct vmmu_pt {
	struct vmmu *vm;
	const struct vmmu_fmt *fmt;
	struct vmmu_table *root; /* NULL: not initialized */
	uint32_t flags;
};

/*
 * An empty tree: a root and, where the CPU caches the top level in registers,
 * all tables below it, for good.  VMMU_OK, or VMMU_ENOMEM with nothing kept.
 */
VMMU_API int vmmu_pt_init(struct vmmu_pt *pt, struct vmmu *vm, const struct vmmu_fmt *fmt,
			  uint32_t flags);
/* Frees all tables; the caller has flushed.  Nothing if not initialized. */
VMMU_API void vmmu_pt_fini(struct vmmu_pt *pt);
/* Programs a dimension with it: vmmu_paging_host() plus cached entries. */
VMMU_API void vmmu_pt_paging(const struct vmmu_pt *pt, struct vmmu_paging *pg, uint32_t ctl);

struct vmmu_leaf {
	uint64_t ia;   /* any address in the page */
	uint64_t oa;   /* hpa that ia maps to */
	uint64_t gpa;  /* of ia; with VMMU_PT_GPAS, and so: */
	uint16_t note; /* vmmu_be_note() */
	uint8_t level; /* 1, 2, 3 */
	uint8_t rights;
	uint8_t pkey;
	uint8_t dirty, accessed; /* A and D to be set already */
};

/* What vmmu_pt_map() returns, or'ed. */
#define VMMU_PT_CHANGED 1 /* the entry was another, or none */
#define VMMU_PT_FLUSH 2	  /* something that could be cached is gone */

/*
 * Maps one leaf: links what is missing, splits a larger leaf in the way,
 * replaces tables that a larger leaf covers.  Returns bits as above, or
 * VMMU_ENOMEM (which fault() reports as VMMU_FIX_NO_TABLES) with every
 * mapping as it was; empty tables may remain linked.
 */
VMMU_API int vmmu_pt_map(struct vmmu_pt *pt, const struct vmmu_leaf *leaf);
/*
 * Remembers that ia is no memory, until slots change: silicon will stop at the entry.
 * VMMU_PT_FLUSH, 0, or VMMU_ENOMEM; also 0 with nothing done where the format has no such
 * entry, something is mapped there, or slots are just changing.
 */
VMMU_API int vmmu_pt_mmio(struct vmmu_pt *pt, uint64_t ia);
/* Whether an entry is such a mark, and slots have not changed since it was made. */
VMMU_API int vmmu_pt_is_mmio(const struct vmmu_pt *pt, uint64_t entry);
/* What maps ia: 1 with *leaf filled, or 0. */
VMMU_API int vmmu_pt_lookup(const struct vmmu_pt *pt, uint64_t ia, struct vmmu_leaf *leaf);
/*
 * Changes every leaf that intersects [ia, ia + len), as a whole: a store to a large leaf that
 * lost the right to write faults, and vmmu_pt_map() splits it then.
 * Returns as protect().  Freed tables live until no walk can be in them.  The
 * range lies in one half of a sign-extended space, or is 0 and VMMU_ALL.
 */
VMMU_API uint64_t vmmu_pt_change(struct vmmu_pt *pt, uint64_t ia, uint64_t len,
				 enum vmmu_change how);
/* protect_pages() for a tree: `ia` is where its first page is mapped. */
VMMU_API uint64_t vmmu_pt_wrprot_pages(struct vmmu_pt *pt, uint64_t ia, const uint64_t *pages,
				       uint64_t nr);

/*
 * Visits entries in the order of their addresses without sign extension.  After each step the
 * fields describe the entry at (level, ia): whether it is present, and whether it is a leaf.
 *
 *	for (vmmu_pt_first(&it, pt, lo, hi); it.table; vmmu_pt_next(&it))
 *
 * Links are seen before what they link; it.descend = 0 skips that.
 */
struct vmmu_pt_iter {
	const struct vmmu_pt *pt;
	uint64_t end; /* last address, included */
	uint64_t ia;
	uint64_t entry; /* as read */
	struct vmmu_table *table;
	struct vmmu_table *path[VMMU_LEVELS + 1]; /* by level, down to table */
	unsigned level, index;
	uint8_t present, leaf, descend;
};
VMMU_API void vmmu_pt_first(struct vmmu_pt_iter *it, const struct vmmu_pt *pt, uint64_t first,
			    uint64_t last);
VMMU_API void vmmu_pt_next(struct vmmu_pt_iter *it);
/* As vmmu_pt_next(), but skips entries that are 0: quick over a tree with few leaves. */
VMMU_API void vmmu_pt_next_used(struct vmmu_pt_iter *it);
/* The leaf an iterator stands on, decoded. */
VMMU_API void vmmu_pt_leaf(const struct vmmu_pt_iter *it, struct vmmu_leaf *leaf);

/*
 * A byte per table for the backend's own use: 0 in a new table, the parent's in
 * one that splits a leaf.
 */
VMMU_API uint8_t *vmmu_table_mark(struct vmmu_table *table);

/*
 * Tables one by one, in the format of a vmmu_pt that has VMMU_PT_SHARED, VMMU_PT_GPAS and
 * no root: several links may lead to one.  The backend keeps track of the links.
 */
/* A new empty table; NULL: none left.  vmmu_table_owner() will return `owner`. */
VMMU_API struct vmmu_table *vmmu_table_new(const struct vmmu_pt *pt, unsigned level, void *owner);
/* Frees a table that no link leads to, and that no cache has led to since the last flush. */
VMMU_API void vmmu_table_retire(struct vmmu_table *table);
VMMU_API void *vmmu_table_owner(const struct vmmu_table *table);
/* The table that contains this hpa; only for one that a table of the VM holds. */
VMMU_API struct vmmu_table *vmmu_table_at(struct vmmu *vm, vmmu_hpa_t hpa);
VMMU_API vmmu_hpa_t vmmu_table_hpa(struct vmmu_table *table);
/* How many entries are links or leaves. */
VMMU_API unsigned vmmu_table_live(const struct vmmu_table *table);
/* NONE, LINK, LEAF or MMIO */
VMMU_API enum vmmu_entry_kind vmmu_table_kind(struct vmmu_table *table, unsigned index);
/* The first entry from index on that is not 0, absent or not; past the last if there is none. */
VMMU_API unsigned vmmu_table_used(struct vmmu_table *table, unsigned index);
/* Of a leaf; leaf->ia is from the table's first address. */
VMMU_API void vmmu_table_leaf(struct vmmu_table *table, unsigned index, struct vmmu_leaf *leaf);
VMMU_API struct vmmu_table *vmmu_table_child(struct vmmu_table *table, unsigned index);
/* As vmmu_pt_map(); what is there is no link. */
VMMU_API int vmmu_table_put(struct vmmu_table *table, unsigned index, const struct vmmu_leaf *leaf);
VMMU_API void vmmu_table_link(struct vmmu_table *table, unsigned index, struct vmmu_table *child);
/* As vmmu_pt_mmio(), with the gpa and bits 11:0 to come back; nothing is mapped there. */
VMMU_API void vmmu_table_mmio(struct vmmu_table *table, unsigned index, uint64_t gpa,
			      uint16_t note);
VMMU_API int vmmu_table_is_mmio(struct vmmu_table *table, unsigned index, uint64_t *gpa,
				uint16_t *note);
VMMU_API void vmmu_table_clear(struct vmmu_table *table, unsigned index);
/* Takes W from a leaf; 1 if it had it. */
VMMU_API int vmmu_table_wrprot(struct vmmu_table *table, unsigned index);
/* Whether a leaf was used since it was made old; `clear` makes it old. */
VMMU_API int vmmu_table_age(struct vmmu_table *table, unsigned index, int clear);

/*
 * The tree's own invariants and, for each leaf, check_leaf(), from at->ia.  At
 * the tree's end at->tree is one more and at->ia 0.
 */
VMMU_API int vmmu_pt_check(const struct vmmu_pt *pt, struct vmmu_cursor *at, unsigned budget,
			   int (*check_leaf)(void *ctx, const struct vmmu_pt *pt,
					     const struct vmmu_leaf *leaf),
			   void *ctx);
/*
 * A check_leaf for any tree: gpa is memory at this oa, and writable only if a
 * store may go through untold.  `ctx` is the VM.
 */
VMMU_API int vmmu_be_check_leaf(void *vm, const struct vmmu_pt *pt, const struct vmmu_leaf *leaf);

#ifdef __cplusplus
}
#endif
#endif
