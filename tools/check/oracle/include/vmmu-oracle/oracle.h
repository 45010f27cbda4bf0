/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The architectural oracle: what an x86 MMU must answer, straight from the manuals, one walk at a
 * time.  Not a model of speed: no cache, no concurrency, no code or type of the library it judges.
 * Invariant: every answer depends only on the arguments and on the memory behind the callbacks.
 *
 * How a backend's author uses it, with pkg-config vmmu-oracle and without libvmmu: put memory behind
 * a struct or_mem, do each thing to the backend and to this, and ask of each answer or_legal().
 * examples/oracle.c does.  No call fails but for want of memory, and then the program ends.
 *
 * Levels are the manuals' (1 holds 4K leaves).  GPA: guest physical, HPA: host physical.
 */
#ifndef OR_ORACLE_H
#define OR_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OR_CR0_PE (UINT64_C(1) << 0)
#define OR_CR0_ET (UINT64_C(1) << 4)
#define OR_CR0_WP (UINT64_C(1) << 16)
#define OR_CR0_NW (UINT64_C(1) << 29)
#define OR_CR0_CD (UINT64_C(1) << 30)
#define OR_CR0_PG (UINT64_C(1) << 31)

#define OR_CR3_NOFLUSH (UINT64_C(1) << 63)

#define OR_CR4_PSE (UINT64_C(1) << 4)
#define OR_CR4_PAE (UINT64_C(1) << 5)
#define OR_CR4_PGE (UINT64_C(1) << 7)
#define OR_CR4_LA57 (UINT64_C(1) << 12)
#define OR_CR4_PCIDE (UINT64_C(1) << 17)
#define OR_CR4_SMEP (UINT64_C(1) << 20)
#define OR_CR4_SMAP (UINT64_C(1) << 21)
#define OR_CR4_PKE (UINT64_C(1) << 22)
#define OR_CR4_CET (UINT64_C(1) << 23)
#define OR_CR4_PKS (UINT64_C(1) << 24)

#define OR_EFER_LME (UINT64_C(1) << 8)
#define OR_EFER_LMA (UINT64_C(1) << 10)
#define OR_EFER_NXE (UINT64_C(1) << 11)
#define OR_EFER_TCE (UINT64_C(1) << 15)

/* #PF error code, SDM 4.7. */
#define OR_PF_P (1u << 0)
#define OR_PF_W (1u << 1)
#define OR_PF_U (1u << 2)
#define OR_PF_RSVD (1u << 3)
#define OR_PF_I (1u << 4)
#define OR_PF_PK (1u << 5)

#define OR_R 1u
#define OR_W 2u
#define OR_X 4u
#define OR_U 8u

/* What differs between processors; the vendor itself is never asked for. */
struct or_profile {
	unsigned maxphyaddr; /* 32..52 */
	bool has_1g;         /* 1G leaves exist; otherwise bit 7 of a PDPTE is reserved */
	bool has_pse36;      /* 4M leaves carry address bits 39:32 */
	bool g_reserved;     /* AMD: bit 8 of a PML4E and of a PML5E must be zero */
	bool pdpte_walk;     /* AMD with nested paging: PDPTEs are read on every walk */
	bool tce;            /* EFER.TCE has an effect on INVLPG */
	bool pse_flushes;    /* AMD: a change of CR4.PSE drops this PCID's translations */
	uint64_t cr4_valid;  /* the bits MOV to CR4 accepts */
	uint64_t efer_valid; /* the bits WRMSR accepts; LMA is always accepted and ignored */
};

struct or_regs {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t pdpte[4]; /* as last loaded; in use only under PAE paging without pdpte_walk */
	uint32_t pkru, pkrs;
};

/*
 * Physical memory.  Addresses are GPAs, or HPAs where a struct or_ncfg holds the pointer.  bytes is
 * 4 or 8 and the address is a multiple of it.  read and write return 0; anything else is a bug of
 * the test, and reads as zero.  is_readonly may be NULL: nothing is.
 */
struct or_mem {
	void *ctx;
	int (*is_ram)(void *ctx, uint64_t pa);
	int (*is_readonly)(void *ctx, uint64_t pa);
	int (*read)(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val);
	int (*write)(void *ctx, uint64_t pa, unsigned bytes, uint64_t val);
};

enum or_op { OR_READ, OR_WRITE, OR_FETCH };

struct or_access {
	uint64_t gva; /* outside long mode only bits 31:0 count */
	enum or_op op;
	unsigned size; /* bytes, or_translate_span only; 1..4096, 0 counts as 1 */
	bool user;     /* CPL 3 */
	bool implicit; /* by the processor itself (descriptor table, TSS): supervisor at any CPL */
	bool ac;       /* EFLAGS.AC */
	bool stack;    /* a non-canonical address is #SS, not #GP */
	bool no_ad;    /* a probe: memory stays as it is, in both dimensions */
};

enum or_kind {
	OR_OK,
	OR_PF,
	OR_GP,
	OR_SS,
	OR_MMIO,   /* no RAM at .gpa; .stage says whether a table or the data was to be there */
	OR_NFAULT, /* or_walk2d only: the nested dimension faulted, see its or_nres */
};

enum or_stage { OR_FINAL, OR_TABLE };

/*
 * OK, and MMIO at the final stage: gpa (with the offset), shift, rights, readonly.  MMIO at the
 * table stage: gpa of the entry, level.  PF: error, cr2, level.  GP, SS: error is 0.
 */
struct or_result {
	enum or_kind kind;
	enum or_stage stage;
	uint64_t gpa;
	unsigned shift;  /* of the guest's leaf: 12, 21, 22, 30; 12 with CR0.PG=0 */
	unsigned rights; /* OR_R.. accumulated over all levels, before WP, SMEP, SMAP, keys and D */
	bool readonly;   /* a write whose final GPA is_readonly: what it does is the embedder's */
	unsigned error;
	uint64_t cr2;
	unsigned level; /* of the entry that stopped the walk, the leaf's if permission did */
	unsigned refs;  /* entries read so far, both dimensions */
};

void or_translate(const struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                  const struct or_access *acc, struct or_result *res);

/*
 * An access of acc->size bytes.  Returns how many of res[2] are filled.  1: the access lies in one
 * page, or the first page stops it.  2: otherwise; the second may be the fault, with cr2 = its base
 * (SDM 4.7).  If either page stops the access, no A or D bit of either is touched (a real CPU may
 * have touched the first page's: compare them only after masking).  A final MMIO does not stop.
 */
unsigned or_translate_span(const struct or_regs *r, const struct or_profile *p,
                           const struct or_mem *m, const struct or_access *acc,
                           struct or_result res[2]);

/*
 * MOV to CRn and WRMSR EFER.  OR_OK, or OR_GP and nothing has changed.  Checks on CS.L, TSS and CPL
 * are not made: segmentation is not here.  A PDPTE table outside RAM is OR_GP.
 */
enum or_kind or_set_cr0(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                        uint64_t value);
enum or_kind or_set_cr3(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                        uint64_t value);
enum or_kind or_set_cr4(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                        uint64_t value);
enum or_kind or_set_efer(struct or_regs *r, const struct or_profile *p, const struct or_mem *m,
                         uint64_t value);

/* The nested dimension. */

enum or_nkind { OR_NPT, OR_EPT };

struct or_ncfg {
	enum or_nkind kind;
	unsigned levels; /* 4 or 5 */
	uint64_t root;   /* HPA of the top table */
	unsigned maxphyaddr;
	bool ad_enabled;          /* EPTP[6]; NPT always has A/D */
	bool exec_only;           /* EPT: X without R is supported */
	bool nxe;                 /* NPT: the host's EFER.NXE */
	bool has_1g;              /* 1G leaves exist */
	const struct or_mem *mem; /* host physical */
};

struct or_nacc {
	uint64_t gpa;
	enum or_op op;      /* of the guest's access; ignored for a table access */
	bool is_table;      /* reads a guest paging-structure entry */
	bool ad_update;     /* with is_table: sets A or D in that entry */
	bool is_pdpte_load; /* MOV CR reads the four PDPTEs */
	bool gva_valid;     /* the access comes from a linear address */
	bool no_ad;
};

enum or_nfault { OR_N_OK, OR_N_VIOLATION, OR_N_MISCONFIG, OR_N_NPF };

struct or_nres {
	enum or_nfault fault;
	uint64_t hpa;
	uint64_t gpa; /* the address that was to be translated */
	unsigned shift;
	unsigned rights;     /* OR_R.., ANDed over the entries; NPT always has OR_R and OR_U */
	uint64_t info;       /* exit qualification, or EXITINFO1; 0 for a misconfiguration */
	uint64_t info_valid; /* the bits of info an implementation has no choice about */
	unsigned level;      /* of the entry at fault */
	unsigned refs;       /* entries read */
};

void or_nested(const struct or_ncfg *cfg, const struct or_nacc *acc, struct or_nres *res);

struct or_result2d {
	struct or_result guest; /* kind OR_NFAULT: level is the guest level being read, 0 = final */
	struct or_nres nested;  /* the last nested translation made, the faulting one if any */
	uint64_t hpa;           /* kind OR_OK only */
	unsigned refs;
};

/*
 * Both dimensions.  A and D of the guest are set top down after the guest dimension has permitted
 * the access and before the final GPA is translated; a guest #PF therefore wins over a violation
 * for setting A.  Never OR_MMIO: an unmapped GPA is OR_NFAULT.
 */
void or_walk2d(const struct or_regs *r, const struct or_profile *p, const struct or_ncfg *cfg,
               const struct or_access *acc, struct or_result2d *res);

/* The PDPTE load of MOV CR under EPT (SDM 28.2.1).  OK fills r->pdpte; GP; NFAULT fills *n. */
enum or_kind or_load_pdptes2d(struct or_regs *r, const struct or_profile *p,
                              const struct or_ncfg *cfg, uint64_t cr3, struct or_nres *n);

/* References of a full walk: n guest entries, m[i] nested ones for entry i, m[n] for the data. */
unsigned or_refs(unsigned n, const unsigned m[]);

/*
 * The legal set: what each vCPU may still use (SDM 4.10, APM 5.5).  The header of stale.c says how
 * it is kept and what it over-approximates.  Watch every address of interest before the first
 * access and report every event after it has happened to memory; addresses that are not watched can
 * only be judged by a fresh walk.
 */
struct or_world;

struct or_world *or_world_new(const struct or_profile *p, const struct or_mem *m);
void or_world_free(struct or_world *w);
/* From now on every A and D update is reported by or_note_store too; makes the set smaller. */
void or_world_ad_notified(struct or_world *w);
/* Returns the vCPU's number: 0, 1, ... It starts with nothing cached. */
unsigned or_vcpu_new(struct or_world *w, const struct or_regs *r);
/* The vCPU's registers as the notifications left them; pkru, pkrs and cr2 may be written. */
struct or_regs *or_vcpu_regs(struct or_world *w, unsigned vcpu);
void or_watch(struct or_world *w, uint64_t gva);

void or_note_store(struct or_world *w, uint64_t gpa, uint64_t len);
void or_note_slots(struct or_world *w); /* any change of what a GPA is or holds */
enum or_kind or_note_cr0(struct or_world *w, unsigned vcpu, uint64_t value);
enum or_kind or_note_cr3(struct or_world *w, unsigned vcpu, uint64_t value); /* with bit 63 */
enum or_kind or_note_cr4(struct or_world *w, unsigned vcpu, uint64_t value);
enum or_kind or_note_efer(struct or_world *w, unsigned vcpu, uint64_t value);
void or_note_invlpg(struct or_world *w, unsigned vcpu, uint64_t gva);
void or_note_invpcid(struct or_world *w, unsigned vcpu, unsigned type, unsigned pcid, uint64_t gva);
void or_note_fault(struct or_world *w, unsigned vcpu, uint64_t gva); /* #PF; EPT violation */
void or_note_flush(struct or_world *w, unsigned vcpu); /* the hypervisor dropped everything */
/* The registers were replaced (reset, restore): nothing survives. */
void or_note_regs(struct or_world *w, unsigned vcpu, const struct or_regs *r);

/*
 * Is this what acc may answer?  1: a fresh walk says so.  2: something this vCPU may still have
 * cached says so.  0: no.  Compared are kind, and gpa or error and cr2, and stage; not rights,
 * shift, level and refs.  One page only; call it before or_note_fault.  or_reason tells in words,
 * until the next call.
 */
int or_legal(struct or_world *w, unsigned vcpu, const struct or_access *acc,
             const struct or_result *seen);
const char *or_reason(const struct or_world *w);

/*
 * What this vCPU may still hold of acc->gva, for a judge of A and D bits.  Call it before the access
 * has changed them.  from: walks may begin at an entry of this level, those above stay unread; 0: a
 * leaf answers acc as seen, without a walk.  At least the top level otherwise.  stale: it may hold
 * something that a walk does not find now, so walks may set A elsewhere.
 */
struct or_held {
	unsigned from;
	bool stale;
};
void or_held(struct or_world *w, unsigned vcpu, const struct or_access *acc,
             const struct or_result *seen, struct or_held *held);

#ifdef __cplusplus
}
#endif
#endif
