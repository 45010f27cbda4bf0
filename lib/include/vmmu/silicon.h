/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU has to make walks cheap, and what they cost with it: TLBs,
 * page-walk caches, nested TLB, data caches.  A model of these, described by
 * data; real CPUs are described by the command's profiles.
 *
 * TLBs, links by address (Intel's page-walk caches) and the nested TLB hold
 * translations.  An access uses what they hold, stale translations too, as silicon may.
 * Entries by physical address (AMD's page-walk cache) and data caches hold
 * tags: they decide what a reference costs, never what it reads.
 *
 * Latencies are cycles.  SDM 4.10, 28.4; APM 5.5, 15.16.
 */
#ifndef VMMU_SILICON_H
#define VMMU_SILICON_H

#include <vmmu/hw.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMMU_TLBS 8	   /* structures */
#define VMMU_DATA_CACHES 3 /* levels */

/* Which entry of a set makes room for a new one. */
enum vmmu_replace { VMMU_REPLACE_LRU, VMMU_REPLACE_FIFO, VMMU_REPLACE_RANDOM };

/* sets * ways entries, at most 65,535; sets a power of two; 0 of either: none. */
struct vmmu_cache_shape {
	uint16_t sets, ways;
};

/* For what a TLB is looked at. */
#define VMMU_TLB_DATA 1u
#define VMMU_TLB_CODE 2u
/* Page sizes that a TLB holds. */
#define VMMU_TLB_4K 1u
#define VMMU_TLB_2M 2u /* and 4M */
#define VMMU_TLB_1G 4u

/*
 * A page of a size that no first-level TLB for this kind of access holds is
 * kept there in pieces of the largest that one does; a second-level TLB that
 * does not hold its size does not get it.
 */
struct vmmu_tlb_model {
	struct vmmu_cache_shape shape;
	uint8_t level;	  /* 1, or 2: looked at after all of level 1 */
	uint8_t serves;	  /* VMMU_TLB_DATA, VMMU_TLB_CODE */
	uint8_t sizes;	  /* VMMU_TLB_4K ... */
	uint8_t replace;  /* enum vmmu_replace */
	uint16_t latency; /* of a hit, beside that of the access */
};

/*
 * Entries of tables by the physical address they lie at: a hit costs
 * `latency` instead of a reference to memory, and the walk reads them all the
 * same.  Emptied by whatever drops from the TLB, INVLPG too.
 */
struct vmmu_entry_cache {
	struct vmmu_cache_shape shape;
	uint8_t guest, nested; /* the lowest level kept of each dimension; 0: none of it */
	uint8_t line;	       /* bytes that an entry holds: 8 to 64, a power of two */
	uint8_t replace;
	uint16_t latency;
};

struct vmmu_data_cache {
	uint32_t sets; /* a power of two */
	uint16_t ways, latency;
};

struct vmmu_silicon {
	size_t size; /* sizeof(struct vmmu_silicon) */
	struct vmmu_tlb_model tlb[VMMU_TLBS];
	unsigned nr_tlbs;
	/*
	 * Links by input address: [n] of those that lead to tables of level n
	 * (1: a PDE cache, 2: PDPTE, 3: PML4E, 4: PML5E), of the guest's
	 * dimension (in two, combined: SDM 28.4.1) and of the nested one.
	 * [0], if it is there, holds links of all levels, instead.
	 */
	struct vmmu_cache_shape links[VMMU_LEVELS], nested_links[VMMU_LEVELS];
	struct vmmu_entry_cache entries;
	struct vmmu_cache_shape nested_tlb; /* gpa -> hpa, of tables and of the final address */
	uint8_t nested_tlb_final;	    /* 0: of guest tables alone */
	uint8_t nested_tlb_replace;
	uint16_t nested_tlb_latency;
	/* Nothing is tagged with an ASID or VPID: each exit empties all of it. */
	uint8_t exits_flush;
	/* The ASIDs that share the TLBs, each with its part of the ways; 0 means 1. */
	uint8_t partitions;
	/* Data caches from the nearest; a reference of a walk begins at walk_from. */
	unsigned nr_caches, walk_from;
	struct vmmu_data_cache cache[VMMU_DATA_CACHES]; /* lines of 64 bytes */
	uint16_t memory; /* cycles of a reference that no cache holds */
	/* The guest's own accesses go through the data caches, too. */
	uint8_t data_accesses;
};

/*
 * Where a reference of a walk belongs: [g][n], g the guest's level whose table
 * or entry it is for, 0 the final address; n the nested level, 0 the guest's
 * entry itself.  In one dimension [g][0].
 */
struct vmmu_walk_cell {
	uint64_t refs;	 /* entries read */
	uint64_t near;	 /* of these, found in the entry cache */
	uint64_t cycles; /* all of them took */
};

/* Since the vCPU was made, or vmmu_clear_stats(). */
struct vmmu_silicon_stats {
	size_t size;			 /* set by the caller: sizeof */
	uint64_t tlb_hits[VMMU_TLBS];	 /* by structure */
	uint64_t tlb_misses;		 /* accesses that no TLB could serve */
	uint64_t walks[2];		 /* in one dimension, in two */
	uint64_t walk_cycles;		 /* of walks that ended with an exit, too */
	uint64_t tlb_cycles;		 /* latencies of TLB hits */
	uint64_t link_hits[VMMU_LEVELS]; /* walks that began at a table of level n */
	uint64_t nested_link_hits[VMMU_LEVELS];
	uint64_t nested_looks[VMMU_LEVELS +
			      1]; /* translations of gpas: of level g's table, 0 final */
	uint64_t nested_hits[VMMU_LEVELS + 1]; /* of these, served by the nested TLB */
	struct vmmu_walk_cell cell[VMMU_LEVELS + 1][VMMU_LEVELS + 1];
	uint64_t cache_hits[VMMU_DATA_CACHES]; /* references of walks, by level ... */
	uint64_t memory;		       /* ... and those that no cache held */
	uint64_t data_refs, data_cycles;       /* the guest's accesses, with data_accesses */
	uint64_t flushes;		       /* full ones: an instruction's, or an exit's */
};

/* ---- the library's own lookup, which is no model ------------------------ */

/*
 * The front: a direct-mapped table of pages that were translated before.  Every struct
 * vmmu_cpu begins with it, and only vmmu_host() in <vmmu/vmmu.h> may look at it.  A tag holds page
 * number and generation; a write kind is set in `kinds` only when D is, so a hit has nothing left
 * to do.
 */
struct vmmu_front_entry {
	uint64_t tag;
	uint64_t host_minus_gva; /* modulo the width of a pointer */
	uint64_t gpa_minus_gva;
	uint32_t kinds;					    /* bitmap over vmmu_kind() */
	uint8_t reserved, guest_rights, guest_shift, shift; /* as in struct vmmu_xlat */
};

struct vmmu_front {
	struct vmmu_front_entry *entry;
	uint64_t mask;
	uint64_t generation; /* < 4096 */
};

struct vmmu_cpu;

/* ---- what is cached now --------------------------------------------------- */

enum vmmu_cached_in {
	VMMU_IN_TLB,	      /* gva -> hpa */
	VMMU_IN_LINKS,	      /* a page-walk cache of the first dimension: gva -> a table */
	VMMU_IN_NESTED_LINKS, /* the same of the nested one: gpa -> a table */
	VMMU_IN_NESTED_TLB,   /* gpa -> hpa */
};

/* One entry of a modelled structure that is found by input address. */
struct vmmu_cached {
	uint8_t in;	/* enum vmmu_cached_in */
	uint8_t number; /* IN_TLB: which TLB of the model */
	uint8_t level;	/* of links: of the table that it leads to */
	uint8_t shift;	/* log2 of the input addresses that it serves */
	uint8_t rights; /* VMMU_RWXU; of the dimension that it caches */
	uint8_t global;
	uint16_t asid, pcid;
	uint64_t ia;  /* the first address that it serves, less its sign extension */
	uint64_t oa;  /* hpa of the page, or of the table */
	uint64_t gpa; /* of the page, or of the guest's table; of a nested structure: ia */
};

/*
 * Calls fn for every entry that a vCPU's modelled structures hold, those of one structure
 * together, in no order within it.  Changes nothing and ages nothing; fn must not use the VM.
 * Entries by physical address and data caches hold tags and are not among them.
 */
typedef void vmmu_cached_fn(void *ctx, const struct vmmu_cached *entry);
VMMU_API void vmmu_each_cached(const struct vmmu_cpu *cpu, vmmu_cached_fn *fn, void *ctx);

/* A vCPU's; zeros where nothing is modelled. */
VMMU_API void vmmu_get_silicon(const struct vmmu_cpu *cpu, struct vmmu_silicon_stats *stats);
/* Why no CPU can be as the model says, in a sentence; NULL: the model is good. */
VMMU_API const char *vmmu_silicon_wrong(const struct vmmu_silicon *s);

#ifdef __cplusplus
}
#endif
#endif
