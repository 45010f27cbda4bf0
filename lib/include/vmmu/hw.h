/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The silicon's side: addresses, table formats, what a CPU is programmed with,
 * and the page walk itself, in one or two dimensions.  No slots, no backend,
 * no allocation: an emulator of SVM or VMX, whose guest owns the nested
 * tables, and a dump analyser use this header alone.
 *
 * Levels are the manuals': 1 holds 4K leaves, and a level-n table of the
 * 9-bit formats is indexed by address bits 3+9*n upwards.
 * "SDM" is Intel's manual volume 3, "APM" is AMD's volume 2.
 */
#ifndef VMMU_HW_H
#define VMMU_HW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VMMU_API __attribute__((visibility("default")))
#else
#define VMMU_API
#endif

/* ---- addresses: mixing two kinds is a compile error ------------------ */

typedef struct {
	uint64_t v;
} vmmu_gva_t; /* guest virtual (linear) */
typedef struct {
	uint64_t v;
} vmmu_gpa_t; /* guest physical */
typedef struct {
	uint64_t v;
} vmmu_hpa_t; /* host physical: pointer - base */

static inline vmmu_gva_t vmmu_gva(uint64_t v)
{
	vmmu_gva_t a;
	a.v = v;
	return a;
}

static inline vmmu_gpa_t vmmu_gpa(uint64_t v)
{
	vmmu_gpa_t a;
	a.v = v;
	return a;
}

static inline vmmu_hpa_t vmmu_hpa(uint64_t v)
{
	vmmu_hpa_t a;
	a.v = v;
	return a;
}

#define VMMU_PAGE_SHIFT 12
#define VMMU_PAGE_SIZE 4096u

/* ---- rights and accesses --------------------------------------------- */

/* Rights of a mapping.  U: user mode may use it. */
#define VMMU_R 1u
#define VMMU_W 2u
#define VMMU_X 4u
#define VMMU_U 8u
#define VMMU_RWX (VMMU_R | VMMU_W | VMMU_X)
#define VMMU_RWXU (VMMU_RWX | VMMU_U)

/* An access: one of the first three, or'ed with what follows. */
#define VMMU_READ 0u
#define VMMU_WRITE 1u
#define VMMU_FETCH 2u
#define VMMU_TYPE_MASK 3u
#define VMMU_USER 4u	  /* CPL = 3 */
#define VMMU_AC 8u	  /* EFLAGS.AC = 1; matters to SMAP only */
#define VMMU_IMPLICIT 16u /* descriptor tables, TSS: supervisor at any CPL */
#define VMMU_STACK 32u	  /* a non-canonical address is #SS, not #GP */
#define VMMU_PROBE 64u	  /* asks only: see vmmu_translate() */
#define VMMU_NO_AD 128u	  /* a debugger's access: see vmmu_translate() */
/* Nested dimension only: the access is the CPU's own, to a guest table. */
#define VMMU_TABLE 256u
/* Nested dimension only: PDPTEs being loaded by a MOV to a control register. */
#define VMMU_PDPTE_LOAD 512u

/*
 * What judges an access is its kind: type and one of three modes, for an
 * implicit access is exactly a supervisor one with AC = 0.
 */
#define VMMU_MODE_SUPER 0u
#define VMMU_MODE_USER 1u
#define VMMU_MODE_SUPER_AC 2u
#define VMMU_KINDS 12u /* type * 4 + mode; mode 3 is unused */

/* Two bits for each of the 8 combinations of USER, AC and IMPLICIT, no branch. */
static inline unsigned vmmu_mode(uint32_t access)
{
	return (VMMU_MODE_USER << 2 | VMMU_MODE_SUPER_AC << 4 | VMMU_MODE_USER << 6) >>
		       (access >> 1 & 14) &
	       3;
}

static inline unsigned vmmu_kind(uint32_t access)
{
	return (access & VMMU_TYPE_MASK) * 4 + vmmu_mode(access);
}

/* ---- table formats as data ------------------------------------------- */

#define VMMU_LEVELS 5

enum vmmu_leaf_rule {
	VMMU_LEAF_NEVER,  /* only links at this level */
	VMMU_LEAF_BIT,	  /* a leaf when the format's leaf_bit is set */
	VMMU_LEAF_ALWAYS, /* only leaves */
};

/* How a walk that stops in a table of this format is reported. */
enum vmmu_style {
	VMMU_STYLE_X86, /* #PF error code; SDM 4.7, APM 8.4.2 */
	VMMU_STYLE_NPT, /* EXITINFO1; APM 15.25.6 */
	VMMU_STYLE_EPT, /* exit qualification, misconfiguration; SDM 28.3.3 */
};

struct vmmu_fmt_level {
	uint8_t shift;	/* log2 of the bytes that one entry maps */
	uint8_t bits;	/* log2 of the entries of a table */
	uint8_t leaf;	/* enum vmmu_leaf_rule */
	uint8_t cached; /* 1: the CPU holds this level in registers (PDPTEs) */
	uint64_t link;	/* what software sets in a link, address apart */
	/* [leaf]: of links, and of leaves */
	uint64_t absent[2]; /* right, A and D bits that do not exist here */
	uint64_t rsvd[2];   /* must be zero on every CPU */
};

/*
 * One table format.  In every mask 0 means "this format has none", and a
 * right that the format cannot express is granted.
 */
struct vmmu_fmt {
	const char *name;
	uint8_t top;	     /* level of the root table */
	uint8_t entry_bytes; /* 4 or 8, little-endian */
	uint8_t style;	     /* enum vmmu_style */
	uint8_t canonical;   /* linear-address bits that are sign-extended, or 0 */
	uint8_t pkey_shift;  /* protection key of a leaf, 4 bits; 0: none */
	uint8_t memtype_shift;
	uint8_t bad_memtype; /* bitmap over 3 bits: misconfigured */
	uint8_t bad_rwx;     /* bitmap over bits 2:0 of an entry: the same */
	uint8_t xonly_rwx;   /* those of them that execute-only support makes good */
	uint64_t addr;	     /* physical address */
	uint64_t present;    /* any of these set: the entry is present */
	uint64_t r, w, x, u; /* bits that grant (or, in invert, forbid) */
	uint64_t invert;     /* those of them that forbid when set: NX */
	uint64_t accessed, dirty;
	uint64_t leaf_bit; /* PS */
	uint64_t global;
	uint64_t leaf_set; /* what software sets in every leaf (memory type) */
	uint64_t pse36;	   /* large leaf: field that holds address 32 and up */
	/*
	 * Set, with nothing else of `present`, in an entry of ours that
	 * remembers "no memory here": silicon stops at it.
	 */
	uint64_t mmio;
	struct vmmu_fmt_level lv[VMMU_LEVELS + 1]; /* [1] to [top] are used */
};

extern VMMU_API const struct vmmu_fmt vmmu_fmt_legacy32;       /* SDM 4.3, CR4.PSE=1 */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_legacy32_nopse; /* CR4.PSE=0 */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_pae;	       /* SDM 4.4 */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_x64;	       /* SDM 4.5, 4-level */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_x64_la57;       /* SDM 4.5, 5-level */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_npt;	       /* APM 15.25, 4-level */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_npt5;	       /* the same, 5-level */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_ept;	       /* SDM 28.3, 4-level */
extern VMMU_API const struct vmmu_fmt vmmu_fmt_ept5;	       /* the same, 5-level */

/* ---- the guest's registers and what its CPU can do ------------------- */

#define VMMU_CR0_PE (1ull << 0)
#define VMMU_CR0_ET (1ull << 4)
#define VMMU_CR0_WP (1ull << 16)
#define VMMU_CR0_NW (1ull << 29)
#define VMMU_CR0_CD (1ull << 30)
#define VMMU_CR0_PG (1ull << 31)
#define VMMU_CR4_PSE (1ull << 4)
#define VMMU_CR4_PAE (1ull << 5)
#define VMMU_CR4_PGE (1ull << 7)
#define VMMU_CR4_LA57 (1ull << 12)
#define VMMU_CR4_PCIDE (1ull << 17)
#define VMMU_CR4_SMEP (1ull << 20)
#define VMMU_CR4_SMAP (1ull << 21)
#define VMMU_CR4_PKE (1ull << 22)
#define VMMU_CR4_PKS (1ull << 24)
#define VMMU_EFER_LME (1ull << 8)
#define VMMU_EFER_LMA (1ull << 10)
#define VMMU_EFER_NXE (1ull << 11)
#define VMMU_EFER_TCE (1ull << 15)

struct vmmu_regs {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t pdpte[4]; /* PAE paging: as cached by the CPU; else 0 */
	uint32_t pkru, pkrs;
	uint64_t reserved[4]; /* 0 */
};

/* What differs between CPU models, as data.  Bits of `features`: */
#define VMMU_CPU_PSE36 (1u << 0)
#define VMMU_CPU_1G (1u << 1)	       /* 1G leaves exist */
#define VMMU_CPU_G_RESERVED (1u << 2)  /* bit 8 of PML4E/PML5E: AMD */
#define VMMU_CPU_PDPTE_WALK (1u << 3)  /* PAE: PDPTEs are read on every walk */
#define VMMU_CPU_PSE_FLUSHES (1u << 4) /* a change of CR4.PSE flushes: AMD */

struct vmmu_profile {
	const char *name;
	uint32_t features;
	uint8_t maxphyaddr; /* the guest's: 32..52 */
	uint64_t cr4_valid; /* CR4 bits that may be set */
	uint64_t efer_valid;
	uint64_t reserved[2]; /* 0 */
};

extern VMMU_API const struct vmmu_profile vmmu_profile_max;   /* all that exists */
extern VMMU_API const struct vmmu_profile vmmu_profile_intel; /* client, 4-level */
extern VMMU_API const struct vmmu_profile vmmu_profile_amd;

/* ---- what a CPU is programmed with ----------------------------------- */

/* Bits of vmmu_paging.ctl */
#define VMMU_PG_AD (1u << 0)	 /* accessed and dirty bits are maintained */
#define VMMU_PG_PDPTES (1u << 1) /* the top level is in pdpte[], not memory */
#define VMMU_PG_PKE (1u << 2)	 /* keys of user pages, PKRU */
#define VMMU_PG_PKS (1u << 3)	 /* keys of supervisor pages, PKRS */
#define VMMU_PG_WP (1u << 4)
#define VMMU_PG_ID (1u << 5) /* a fetch is reported (NX or SMEP is on) */
#define VMMU_PG_NXE (1u << 6)
#define VMMU_PG_SMEP (1u << 7)
#define VMMU_PG_SMAP (1u << 8)
#define VMMU_PG_XONLY (1u << 9)	  /* EPT: execute-only is supported */
#define VMMU_PG_GLOBAL (1u << 10) /* CR4.PGE */

/* One dimension of a walk. */
struct vmmu_paging {
	const struct vmmu_fmt *fmt; /* NULL: off, input = output */
	uint64_t root;		    /* physical address of the top table */
	uint64_t pdpte[4];
	uint32_t ctl;
	uint32_t pkru, pkrs;
	uint8_t stop_rwx; /* EPT: bitmap over bits 2:0, absent or misconfigured */
	/*
	 * Is an access allowed?  Bit `kind` of kinds[rights].  So what the
	 * registers say about WP, SMEP, SMAP and NXE is judged at use, in
	 * one place, as the manuals ask for.
	 */
	uint16_t kinds[16];
	/* The same for a nested table: accumulated bits that a type needs. */
	uint64_t need[3];
	uint64_t ad[3]; /* by type: the bits that an access sets */
	/*
	 * [level-1][leaf]: the bits of entry ^ present that stop a walk: where
	 * `present` is one bit, that and the reserved ones.
	 */
	uint64_t wrong[VMMU_LEVELS][2];
};

/*
 * Fills the guest's own dimension from its registers (SDM 4.1.1).
 * Never fails: registers that no CPU accepts were refused before.
 */
VMMU_API void vmmu_paging_guest(struct vmmu_paging *pg, const struct vmmu_regs *regs,
				const struct vmmu_profile *prof);

/*
 * Fills a dimension that a hypervisor owns: a nested table, or a shadow table
 * in an x86 format.  `ctl` as above; NPT always has A/D.  `maxphyaddr` is the
 * host's.  VMMU_PG_WP, SMEP, SMAP, PKE, PKS and NXE mean something to the x86
 * formats; NXE to NPT too; AD and XONLY to EPT.
 */
VMMU_API void vmmu_paging_host(struct vmmu_paging *pg, const struct vmmu_fmt *fmt, uint64_t root,
			       unsigned maxphyaddr, uint32_t ctl);

/*
 * The kinds of access that accumulated rights and a protection key let pass
 * in this dimension: a bitmap over vmmu_kind().
 */
VMMU_API unsigned vmmu_paging_kinds(const struct vmmu_paging *pg, unsigned rights, unsigned pkey);

enum vmmu_entry_kind {
	VMMU_ENTRY_NONE, /* not present */
	VMMU_ENTRY_RSVD, /* reserved bits, or misconfigured */
	VMMU_ENTRY_LINK,
	VMMU_ENTRY_LEAF,
	VMMU_ENTRY_MMIO, /* vmmu_fmt.mmio; only in tables that software owns */
};

/* What one entry says by itself, whatever is above it. */
struct vmmu_entry {
	uint8_t kind;	/* enum vmmu_entry_kind; the rest is of a link or leaf */
	uint8_t rights; /* VMMU_RWXU; what the format cannot express is granted */
	uint8_t pkey;
	uint8_t accessed, dirty; /* 1 also where the format has no such bit here */
	uint64_t oa;		 /* of the table, or of the leaf's first byte */
};

/* Reads `entry` of a table of that level as a CPU with `pg` would; NONE to LEAF. */
VMMU_API void vmmu_paging_entry(const struct vmmu_paging *pg, unsigned level, uint64_t entry,
				struct vmmu_entry *out);

/* ---- memory behind physical addresses -------------------------------- */

struct vmmu_range {
	uint64_t lo, hi; /* [lo, hi) */
};

/* Memory that is reached by pointer: pointer = base + address; all in whole pages. */
struct vmmu_bus {
	uint8_t *base;
	uint64_t lo, size;	       /* [lo, lo + size) is memory ... */
	const struct vmmu_range *more; /* ... and this too */
	unsigned nr_more;
};

/* Answers of the callbacks below. */
enum vmmu_mem_answer {
	VMMU_MEM_OK,
	VMMU_MEM_NONE,	   /* nothing at this address */
	VMMU_MEM_ABSENT,   /* memory whose page the host has not given yet */
	VMMU_MEM_CHANGED,  /* cmpxchg: another value was there; walk again */
	VMMU_MEM_READONLY, /* cmpxchg: the store is dropped, as ROM does */
};

/* Memory that is reached by calls.  `size` is 4 or 8, `pa` aligned to it. */
struct vmmu_mem_ops {
	int (*read)(void *ctx, uint64_t pa, unsigned size, uint64_t *value);
	int (*cmpxchg)(void *ctx, uint64_t pa, unsigned size, uint64_t old, uint64_t new_value);
	void *ctx;
};

/* ---- the VMCB: all that silicon knows -------------------------------- */

#define VMMU_ICPT_CR0 (1u << 0)
#define VMMU_ICPT_CR3 (1u << 1)
#define VMMU_ICPT_CR4 (1u << 2)
#define VMMU_ICPT_INVLPG (1u << 3)
#define VMMU_ICPT_PF (1u << 4)

/* Where the GPA of a finished one-dimensional walk comes from. */
enum vmmu_gpa_from {
	VMMU_GPA_OUT,	/* it is what the walk found (native; two dimensions) */
	VMMU_GPA_IN,	/* it is the address that was walked (a direct map) */
	VMMU_GPA_TABLE, /* the leaf's table says (a shadow table) */
};

struct vmmu_hw {
	struct vmmu_paging g; /* from GVA: the guest's table, or a shadow of it */
	struct vmmu_paging n; /* from GPA: the nested table; fmt NULL: none */
	uint32_t intercept;   /* VMMU_ICPT_* */
	uint16_t asid;	      /* AMD's ASID, Intel's VPID */
	uint16_t pcid;
	uint8_t gpa_from; /* enum vmmu_gpa_from */
	struct vmmu_bus bus;
};

/* ---- the walk -------------------------------------------------------- */

enum vmmu_walk_status {
	VMMU_WALK_OK,
	VMMU_WALK_NONCANON,  /* before any reference; #GP or #SS */
	VMMU_WALK_NP,	     /* an entry is not present */
	VMMU_WALK_RSVD,	     /* an entry has reserved bits set */
	VMMU_WALK_MISCONFIG, /* EPT misconfiguration */
	VMMU_WALK_PERM,	     /* the accumulated rights forbid the access */
	VMMU_WALK_NOMEM,     /* `gpa` (one dimension: also hpa) is not memory */
	VMMU_WALK_ABSENT,    /* a callback answered VMMU_MEM_ABSENT for `gpa` */
	VMMU_WALK_RACE,	     /* tables kept changing under the walk: again */
};

/* #PF error code, SDM 4.7 */
#define VMMU_PF_P 1u
#define VMMU_PF_W 2u
#define VMMU_PF_U 4u
#define VMMU_PF_RSVD 8u
#define VMMU_PF_I 16u
#define VMMU_PF_PK 32u
/* EXITINFO1 of a nested page fault, APM 15.25.6; the low bits as above */
#define VMMU_NPF_FINAL (1ull << 32)
#define VMMU_NPF_TABLE (1ull << 33)
/* Exit qualification of an EPT violation, SDM 28.2.1 table 28-7 */
#define VMMU_EPTQ_READ 1u
#define VMMU_EPTQ_WRITE 2u
#define VMMU_EPTQ_FETCH 4u
#define VMMU_EPTQ_RWX_SHIFT 3
#define VMMU_EPTQ_GVA_VALID (1u << 7)
#define VMMU_EPTQ_FINAL (1u << 8)

struct vmmu_walk {
	uint8_t status; /* enum vmmu_walk_status */
	uint8_t dim;	/* 1: stopped in the first dimension; 2: in the nested */
	uint8_t table;	/* level of the guest table being accessed when the
			   nested dimension or memory stopped; 0: final address */
	uint8_t nlevel; /* nested dimension: of the leaf, or where it stopped */
	uint8_t nshift; /* log2 page size of the nested leaf; 0: none */
	uint8_t nrights;
	uint8_t level;	/* first dimension: of the leaf, or where it stopped */
	uint8_t shift;	/* log2 page size of the first dimension's leaf; 0: off */
	uint8_t rights; /* first dimension, accumulated; RWXU when it is off */
	uint8_t pkey;
	uint8_t global;
	uint8_t dirty;	 /* writes need no more D bit set, in either dimension */
	uint16_t kinds;	 /* of access that the first dimension lets pass */
	uint16_t refs;	 /* entries read */
	uint32_t code;	 /* #PF error code when dim is 1 */
	uint32_t access; /* nested dimension: the access that it judged */
	uint64_t info;	 /* EXITINFO1 or exit qualification when dim is 2 */
	uint64_t entry;	 /* the last entry read */
	vmmu_gpa_t gpa;	 /* final; or the one that could not be resolved */
	vmmu_hpa_t hpa;	 /* final */
	vmmu_hpa_t leaf; /* where the first dimension's leaf entry lies */
};

/* Seen by a step hook: one entry read.  Valid during the call only. */
struct vmmu_step {
	const struct vmmu_fmt *fmt;
	uint8_t dim;   /* 1 or 2 */
	uint8_t level; /* of the entry */
	uint8_t table; /* dim 2: level of the guest table wanted; 0: final */
	uint8_t leaf;
	uint64_t ia; /* the address being translated */
	uint64_t pa; /* where the entry lies, in this dimension's output space */
	uint64_t entry;
};

typedef void vmmu_step_fn(void *ctx, const struct vmmu_step *step);

/*
 * The walk of a CPU programmed with `hw`: permission and reserved-bit checks,
 * A and D updates, all of paging-unit behaviour but its caches.
 *   ops  NULL: memory is hw->bus; else these callbacks, and hw->bus is unused
 *   step NULL, or called for each entry read, in order
 * VMMU_NO_AD or VMMU_PROBE in `access` leave A and D alone, in both dimensions.
 * Returns out->status; everything in *out is set.
 */
VMMU_API int vmmu_walk2(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops, vmmu_gva_t gva,
			uint32_t access, vmmu_step_fn *step, void *step_ctx, struct vmmu_walk *out);

/* The nested dimension alone: gpa -> hpa, as for a final access. */
VMMU_API int vmmu_walk_nested(const struct vmmu_hw *hw, const struct vmmu_mem_ops *ops,
			      vmmu_gpa_t gpa, uint32_t access, struct vmmu_walk *out);

/*
 * The most entries that one walk of `hw` can read: n*m + n + m (SDM 28.3.2;
 * Bhargava et al.), 24 for four levels over four.
 */
VMMU_API unsigned vmmu_walk_max_refs(const struct vmmu_hw *hw);

#ifdef __cplusplus
}
#endif
#endif
