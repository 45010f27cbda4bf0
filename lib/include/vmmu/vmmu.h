/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libvmmu for an embedder: create a VM, give it memory, set the vCPUs'
 * registers, translate.  A backend decides how that is done.
 *
 * Threads: this version is correct in one thread at a time per VM, with any
 * number of vCPUs and VMs.  No globals, no thread-local data, no signal
 * handlers; nothing prints, aborts or exits.
 *
 * Callbacks (struct vmmu_config) run in the thread of the call that makes them.
 * host_page() is called while no change is half made: it may longjmp out, and may call
 * the library for any VM.  flush(), event(), alloc() and free() are called while
 * a change is being made: they must return, and must not use the VM that they are
 * called for.
 *
 * Lifetime: a host pointer that a translation returned is valid until flush()
 * names its page.  Without that callback it is valid until the next call for
 * this VM that is not vmmu_host().
 *
 * Growth: structs get fields in later versions, and a program need not be built again for that.
 * - A struct that begins with `size`: the caller sets it to sizeof.  A smaller one than this
 * version knows has 0, the default, in the rest.  Of a larger one that the caller fills, the rest
 * must be 0, for this version does not know what it asks for; else the call fails with VMMU_EINVAL.
 *   A larger one that the library fills is filled as far as this version knows it, and `size` then
 *   tells how far that is.
 * - A struct that ends with `reserved`: whoever fills it sets that to 0, as an initializer with
 * named fields does by itself.  What is not 0 fails with VMMU_EINVAL.  In struct vmmu_xlat and
 * struct vmmu_fault, which the library fills, what it leaves there has no meaning yet.
 * - Any other struct that the library makes and only lends to a callback (struct vmmu_flush,
 *   vmmu_step, vmmu_cached, ...) may get fields at its end.
 *
 * docs/embedding.md goes through all of this step by step.
 */
#ifndef VMMU_VMMU_H
#define VMMU_VMMU_H

#include <vmmu/event.h>
#include <vmmu/hw.h>
#include <vmmu/silicon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMMU_VERSION "0.1.0"

struct vmmu;	     /* a virtual machine's MMU */
struct vmmu_cpu;     /* one of its vCPUs */
struct vmmu_backend; /* <vmmu/backend.h> */

/* Negative: the call failed and, unless said otherwise, changed nothing. */
enum vmmu_status {
	VMMU_OK = 0,
	VMMU_FAULT = 1,	   /* the guest takes the exception in `fault` */
	VMMU_MMIO = 2,	   /* no memory there, or a write to a read-only slot */
	VMMU_AGAIN = 3,	   /* the host is invalidating this page, or invalidated memory each time
			      that it was asked for one; call again after vmmu_notify_end() */
	VMMU_GP = 4,	   /* a register write that raises #GP(0) */
	VMMU_EINVAL = -1,  /* a bad argument; vmmu_reason() says which */
	VMMU_ENOMEM = -2,  /* the allocator failed */
	VMMU_ENOTSUP = -3, /* this backend cannot do that */
	VMMU_EEXIST = -4,  /* memory slots would overlap */
	VMMU_ENOENT = -5,  /* no such slot */
	VMMU_EHOST = -6,   /* the host callback failed */
	VMMU_ELOOP = -7,   /* an access faulted again and again: a backend's bug */
	VMMU_EBROKEN = -8, /* an invariant does not hold: vmmu_reason() */
};

/* A status in a few words; never NULL. */
VMMU_API const char *vmmu_strerror(int status);

/* ---- callbacks and configuration ------------------------------------- */

/* The host's answer for a page of guest memory. */
struct vmmu_host_page {
	void *pointer; /* of the 4K page that contains the gpa asked for */
	uint64_t size; /* 4096, 2M or 1G: size of the contiguous memory around it,
			  which has the alignment of the gpa */
	uint32_t writable;
	uint32_t reserved[5]; /* 0, which it is when host_page() is called */
};

enum vmmu_flush_scope { VMMU_FLUSH_ALL, VMMU_FLUSH_GVA, VMMU_FLUSH_GPA };

/*
 * What an embedder that caches translations itself must drop.  It is called when pages lose the
 * right to write (a page becomes a guest table, the dirty log is harvested), and when memory goes
 * or changes.  The library has dropped its own entries by then, and uses nothing that depends on
 * the flush before flush() returns: after that no access may use an old entry. The embedder
 * executes the guest's instructions, so it knows itself what those drop (MOV to a control register,
 * INVLPG, ...); they are not reported here. This version names guest-physical pages only, and for
 * all vCPUs.  An embedder that cannot find entries by guest-physical page drops everything.
 */
struct vmmu_flush {
	uint64_t cpus;	/* mask of vCPU numbers; vCPU n >= 63 is bit 63 */
	uint32_t scope; /* enum vmmu_flush_scope */
	uint64_t start; /* gva or gpa, first byte */
	uint64_t len;
};

struct vmmu_callbacks {
	/*
	 * A page of a slot without pointer is wanted.  Return 0 with *page
	 * filled; any other value makes the call fail with VMMU_EHOST.  If `write` is
	 * set the page will be written, and one that is not writable is VMMU_EHOST as
	 * well.  The callback may longjmp() out; the embedder then makes the interrupted
	 * call again later.
	 */
	int (*host_page)(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page);
	void (*flush)(void *ctx, const struct vmmu_flush *what);
	/* cpu is NULL for an event that belongs to no vCPU. */
	void (*event)(void *ctx, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a, uint64_t b);
	/* alloc returns NULL, or `size` bytes that are aligned to `align`, a power of two. */
	void *(*alloc)(void *ctx, size_t size, size_t align);
	void (*free)(void *ctx, void *p, size_t size);
	void *ctx;
	void (*reserved[8])(void); /* NULL */
};

/* A TLB model: sets * ways entries, at most 65,535; sets a power of two; 0: none. */
struct vmmu_tlb_geometry {
	uint16_t sets, ways;
};

struct vmmu_config {
	size_t size; /* sizeof(struct vmmu_config) */
	const struct vmmu_backend *backend;
	const void *backend_config;	    /* the backend's header says what; or NULL */
	const struct vmmu_profile *profile; /* NULL: vmmu_profile_max */
	struct vmmu_callbacks cb;	    /* each may be NULL */
	unsigned nr_cpus;		    /* 0 means 1 */
	/*
	 * HPA = pointer - base.  The beginning of a page, or NULL for 0.  Memory and
	 * tables whose HPA needs more than host_maxphyaddr bits are refused.
	 */
	void *base;
	unsigned host_maxphyaddr; /* 32..52; 0 means 52 */
	/* Cap on table pages; 0: none.  Less than vmmu_min_tables(): refused. */
	uint64_t max_tables;
	/*
	 * Entries of the library's own direct-mapped lookup, which serves
	 * hits in vmmu_host() and vmmu_translate(): a power of two; 0 means
	 * 1024, 1 counts as 2.  It stays empty where a TLB is modelled (l1, l2,
	 * silicon), for the model must see every access, and has 2 entries there.
	 */
	unsigned front_entries;
	struct vmmu_tlb_geometry l1, l2; /* modelled TLB */
	uint16_t pwc_entries;		 /* page-walk cache, first dimension; 0: none */
	uint16_t nested_entries;	 /* nested TLB, gpa -> hpa; 0: none */
	/*
	 * A whole model of silicon by <vmmu/silicon.h>, in the place of the four fields above,
	 * which are then 0; it is copied.  NULL: there is none, and silicon's statistics stay 0.
	 */
	const struct vmmu_silicon *silicon;
};

/*
 * Makes a VM with no memory and vCPUs in reset state.  On success *vmp is
 * the caller's until vmmu_destroy().  The config may go away after the call;
 * backend and profile must stay.
 * VMMU_EINVAL (a field out of range), VMMU_ENOMEM, or what the backend's
 * init returns; then *vmp is NULL.
 */
VMMU_API int vmmu_create(const struct vmmu_config *config, struct vmmu **vmp);
VMMU_API void vmmu_destroy(struct vmmu *vm); /* NULL is fine */

/* The smallest cap on table pages that `config` accepts; 0 for a bad one. */
VMMU_API uint64_t vmmu_min_tables(const struct vmmu_config *config);

/* Why the last call for this VM failed: a sentence, or "" if it did not fail. */
VMMU_API const char *vmmu_reason(const struct vmmu *vm);

VMMU_API struct vmmu_cpu *vmmu_cpu(struct vmmu *vm, unsigned n); /* NULL: none */
VMMU_API unsigned vmmu_cpu_number(const struct vmmu_cpu *cpu);
VMMU_API struct vmmu *vmmu_cpu_vm(struct vmmu_cpu *cpu);

/* ---- memory slots ----------------------------------------------------- */

#define VMMU_SLOT_READONLY 1u /* reads as memory, writes are MMIO (ROM) */

struct vmmu_slot_info {
	vmmu_gpa_t gpa;
	uint64_t size; /* bytes; both multiples of 4096 */
	/* NULL: pages come from the host_page callback, one by one. */
	void *pointer;
	/*
	 * The page size of the memory behind `pointer`: 4096, 2M or 1G.
	 * Large host leaves are used where (pointer - base) is congruent to
	 * the gpa and the whole page lies in the slot; else smaller ones, and
	 * vmmu_slot_leaf() and the event SMALL_PAGE tell.
	 */
	uint64_t page_size;
	uint32_t flags;	      /* VMMU_SLOT_* */
	uint32_t reserved[7]; /* 0 */
};

/*
 * Adds memory.  The memory stays the caller's and must outlive the slot.
 * VMMU_EINVAL misaligned, empty, beyond MAXPHYADDR, page size unknown, HPA out
 * of range, neither pointer nor callback, reserved room that is not 0; VMMU_EEXIST overlap;
 * VMMU_ENOMEM; VMMU_ENOTSUP a backend with fixed memory.
 */
VMMU_API int vmmu_slot_add(struct vmmu *vm, const struct vmmu_slot_info *info);
/* Takes away the slot that begins at gpa.  VMMU_ENOENT, VMMU_ENOTSUP. */
VMMU_API int vmmu_slot_remove(struct vmmu *vm, vmmu_gpa_t gpa);
/* The slot appears at `to` instead, its memory unchanged.  Dirty bits move too. */
VMMU_API int vmmu_slot_move(struct vmmu *vm, vmmu_gpa_t from, vmmu_gpa_t to);
/* Replaces the flags of a slot. */
VMMU_API int vmmu_slot_flags(struct vmmu *vm, vmmu_gpa_t gpa, uint32_t flags);
/* The slot that contains gpa; VMMU_ENOENT. */
VMMU_API int vmmu_slot_find(struct vmmu *vm, vmmu_gpa_t gpa, struct vmmu_slot_info *info);
/* Size of the largest host leaf that can map gpa now; 0: no slot. */
VMMU_API uint64_t vmmu_slot_leaf(struct vmmu *vm, vmmu_gpa_t gpa);

/* ---- guest-physical accesses: the embedder's, the devices' ------------ */

/*
 * Copies.  Crossing pages and slots is fine.  Stores mark dirty pages, and a
 * store to a tracked guest table is the trapped write of a shadow pager:
 * `cpu` is the vCPU that stores, or NULL for a device.  Aligned 4 and 8 bytes are
 * stored in one piece, as an entry has to be.
 * VMMU_MMIO: some byte is not memory, or read-only for a write; *done
 * (may be NULL) tells how many bytes before it were copied.
 */
VMMU_API int vmmu_read(struct vmmu *vm, vmmu_gpa_t gpa, void *buf, size_t len, size_t *done);
VMMU_API int vmmu_write(struct vmmu *vm, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, const void *buf,
			size_t len, size_t *done);

/*
 * The same for a store that the caller performs itself (a locked
 * instruction, a vector store, DMA): begin returns the host pointer for
 * [gpa, gpa + len) in one page; after the store, end makes the MMU read the new
 * bytes.  Every successful begin needs its end, with the same
 * arguments and no other call for this VM between.  An entry that is stored in
 * several pieces is stored between one begin and one end; else the MMU reads an entry that
 * is half old and half new.
 */
VMMU_API int vmmu_write_begin(struct vmmu *vm, vmmu_gpa_t gpa, size_t len, void **pointer);
VMMU_API int vmmu_write_end(struct vmmu *vm, struct vmmu_cpu *cpu, vmmu_gpa_t gpa, size_t len);

/* ---- a vCPU's registers ------------------------------------------------ */

/*
 * MOV to a control register or WRMSR EFER.  VMMU_GP: this CPU in this state
 * refuses it (SDM 2.5, 4.10.1; APM 3.1); nothing changed.  VMMU_AGAIN,
 * VMMU_ENOMEM, VMMU_EHOST: as for a translation; nothing changed.
 * CR3 bit 63 means "do not flush" under CR4.PCIDE; outside long mode CR3's
 * operand has 32 bits.
 */
VMMU_API int vmmu_set_cr0(struct vmmu_cpu *cpu, uint64_t value);
VMMU_API int vmmu_set_cr3(struct vmmu_cpu *cpu, uint64_t value);
VMMU_API int vmmu_set_cr4(struct vmmu_cpu *cpu, uint64_t value);
VMMU_API int vmmu_set_efer(struct vmmu_cpu *cpu, uint64_t value);
VMMU_API void vmmu_set_pkru(struct vmmu_cpu *cpu, uint32_t value);
VMMU_API void vmmu_set_pkrs(struct vmmu_cpu *cpu, uint32_t value);

/*
 * All of it at once (restore, initial state): checked for consistency, not
 * for transitions, and everything cached is dropped.  `load_pdptes`: read
 * them from memory at CR3 if the state uses PAE paging; else regs->pdpte is
 * taken.  VMMU_EINVAL: no CPU can be in that state; vmmu_reason() says why.
 *
 * To save a vCPU, save these registers; all else of it is memory, or a
 * cache of memory.  Restore memory first, by vmmu_write(), or by pointer between
 * vmmu_notify_begin() and vmmu_notify_end(), then the registers with the PDPTEs
 * that were saved.  The library sets cr2 when an access faults, and never reads it.
 */
VMMU_API int vmmu_set_regs(struct vmmu_cpu *cpu, const struct vmmu_regs *regs, int load_pdptes);
VMMU_API void vmmu_get_regs(const struct vmmu_cpu *cpu, struct vmmu_regs *regs);
/* INIT/RESET: real mode, caches empty. */
VMMU_API int vmmu_reset(struct vmmu_cpu *cpu);

/* ---- a vCPU's TLB instructions ---------------------------------------- */

/* VMMU_OK.  In long mode, of an address that is not canonical: a NOP (SDM, INVLPG). */
VMMU_API int vmmu_invlpg(struct vmmu_cpu *cpu, vmmu_gva_t gva);

enum vmmu_invpcid { /* SDM, INVPCID */
		    VMMU_INVPCID_ADDRESS,
		    VMMU_INVPCID_SINGLE,
		    VMMU_INVPCID_ALL_GLOBAL,
		    VMMU_INVPCID_ALL,
};
/* VMMU_GP: bad type, PCID > 4095 or != 0 without PCIDE, non-canonical address. */
VMMU_API int vmmu_invpcid(struct vmmu_cpu *cpu, unsigned type, unsigned pcid, vmmu_gva_t gva);

/* Empties the silicon's TLB as a CPU may do at any time; this is no exit. */
VMMU_API void vmmu_hw_flush(struct vmmu_cpu *cpu);
/* Host instructions, by the hypervisor or a test: APM INVLPGA, SDM INVVPID/INVEPT. */
VMMU_API void vmmu_hw_invlpga(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned asid);
enum vmmu_invvpid {
	VMMU_INVVPID_ADDRESS,
	VMMU_INVVPID_SINGLE,
	VMMU_INVVPID_ALL,
	VMMU_INVVPID_SINGLE_KEEP_GLOBAL
};
VMMU_API void vmmu_hw_invvpid(struct vmmu_cpu *cpu, unsigned type, unsigned vpid, vmmu_gva_t gva);
enum vmmu_invept { VMMU_INVEPT_SINGLE = 1, VMMU_INVEPT_ALL = 2 };
VMMU_API void vmmu_hw_invept(struct vmmu_cpu *cpu, unsigned type, uint64_t root);

/* ---- translation ------------------------------------------------------- */

enum vmmu_stage { VMMU_STAGE_NONE, VMMU_STAGE_GPA, VMMU_STAGE_TABLE };

struct vmmu_fault {
	uint8_t vector; /* 14 #PF, 13 #GP, 12 #SS */
	uint8_t level;	/* of the guest's entry that faulted; 0: none */
	uint32_t code;	/* error code to push */
	uint64_t cr2;	/* #PF: the address; the library stored it in CR2 too */
	uint64_t reserved;
};

struct vmmu_xlat {
	vmmu_gpa_t gpa;
	void *host; /* of the byte at gpa; NULL unless VMMU_OK */
	/*
	 * What this privilege (vmmu_mode() of the access) may do here without
	 * asking again: VMMU_RWX.  W is withheld while a store must set D, mark the
	 * page or be trapped.  Good until flush() names the page, or this vCPU writes a
	 * register above or executes a TLB instruction that covers it.
	 */
	uint8_t rights;
	uint8_t guest_rights; /* R, W, X, U as the guest's tables grant them */
	uint8_t guest_shift;  /* log2 page size of the guest's leaf; 12 without paging */
	/*
	 * log2 of what may be cached in one piece: the aligned block around gva goes to
	 * contiguous guest-physical and host memory with these rights.  INVLPG
	 * of any address in the guest's page covers all of it, cached in pieces or not.
	 */
	uint8_t shift;
	/* A store must go through vmmu_write() or vmmu_write_begin/end(). */
	uint8_t trap;
	/* Valid for this one access only: do not cache it at all. */
	uint8_t once;
	uint8_t stage; /* VMMU_MMIO: what was outside memory */
	uint8_t unused;
	uint64_t nested_info;	 /* VMMU_MMIO under nested paging: EXITINFO1 or
				    qualification of the exit that found it */
	struct vmmu_fault fault; /* VMMU_FAULT */
	uint64_t reserved[2];
};

/*
 * One access of `size` bytes that lies in one page (else VMMU_EINVAL; see
 * vmmu_translate_span()).  `access`: VMMU_READ, VMMU_WRITE or VMMU_FETCH with
 * the flags of <vmmu/hw.h>.
 *
 * - VMMU_PROBE: asks whether the access would succeed.  It sets no A, D or CR2, installs nothing
 * and does not ask the host (statistics count its walk in software).  host is NULL if the page is
 *   not there yet; VMMU_AGAIN is returned if a guest table's page is not.
 * - VMMU_NO_AD: makes the access and leaves A and D alone; caches nothing (debuggers).
 *
 * VMMU_MMIO: gpa and stage are set, shift and all rights are 0, so that each access is translated
 * again.  The guest's walk is complete and A and D are set: the device is accessed once.
 *
 * Returns VMMU_OK, VMMU_FAULT, VMMU_MMIO, VMMU_AGAIN, VMMU_EINVAL, VMMU_ENOMEM,
 * VMMU_EHOST, VMMU_ELOOP.  SDM 4.6, 4.7, 28.3.
 */
VMMU_API int vmmu_translate(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size, uint32_t access,
			    struct vmmu_xlat *out);

/*
 * An access that may cross one page boundary.  The second page is probed
 * before the first is touched, as a CPU faults before it stores.  out[0]
 * covers *first bytes, out[1] the rest; *first == size: no crossing.  Returns
 * as vmmu_translate().  VMMU_FAULT: the fault is in out[0], whichever page caused it.
 * VMMU_MMIO: one page or both are MMIO; a page that is has a stage other than
 * VMMU_STAGE_NONE, and one that is memory has a host pointer.
 */
VMMU_API int vmmu_translate_span(struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size,
				 uint32_t access, struct vmmu_xlat out[2], unsigned *first);

/*
 * Guest-virtual copies, with the rights of `access`: what an instruction
 * emulator needs.  Any length; stops at the first byte that fails, *fault
 * (may be NULL) then says how, *done (may be NULL) how many were copied.
 */
VMMU_API int vmmu_read_gva(struct vmmu_cpu *cpu, vmmu_gva_t gva, void *buf, size_t len,
			   uint32_t access, struct vmmu_xlat *fault, size_t *done);
VMMU_API int vmmu_write_gva(struct vmmu_cpu *cpu, vmmu_gva_t gva, const void *buf, size_t len,
			    uint32_t access, struct vmmu_xlat *fault, size_t *done);

/*
 * The host pointer of an access, or NULL when vmmu_translate() has to be
 * asked (a miss, MMIO, a fault, a trapped store, a page crossing).
 */
static inline void *vmmu_host(const struct vmmu_cpu *cpu, vmmu_gva_t gva, unsigned size,
			      uint32_t access)
{
	const struct vmmu_front *f = (const struct vmmu_front *)(const void *)cpu;
	const struct vmmu_front_entry *e = &f->entry[(gva.v >> VMMU_PAGE_SHIFT) & f->mask];
	/* A crossing changes the page number of the last byte: no match. */
	uint64_t last = gva.v + size - 1;
	uint64_t tag = (last & ~(uint64_t)(VMMU_PAGE_SIZE - 1)) | f->generation;

	if (size - 1u >= VMMU_PAGE_SIZE || e->tag != tag || !(e->kinds >> vmmu_kind(access) & 1))
		return NULL;
	return (void *)(uintptr_t)(e->host_minus_gva + gva.v);
}

/* This vCPU uses no host pointer that it got from the library any more. */
VMMU_API void vmmu_quiescent(struct vmmu_cpu *cpu);
/* This vCPU will not run for a while, so the library does not have to wait for it. */
VMMU_API void vmmu_halt(struct vmmu_cpu *cpu);

/* ---- host events ------------------------------------------------------- */

/*
 * The host is about to take pages [gpa, gpa + len) away or change them.  On
 * return nothing maps them, and nothing will before vmmu_notify_end() with
 * the same range.  If guest tables lie in the range, the library keeps no more of them than a
 * CPU's TLB may keep.  Ranges may nest and overlap.  VMMU_EINVAL, VMMU_ENOMEM (too many at once,
 * with nothing changed), VMMU_ENOTSUP.
 */
VMMU_API int vmmu_notify_begin(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len);
VMMU_API int vmmu_notify_end(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len);
/* One page of a callback-backed slot has new memory or rights (copy on write, KSM). */
VMMU_API int vmmu_change_pte(struct vmmu *vm, vmmu_gpa_t gpa, const struct vmmu_host_page *page);
/*
 * Was the range used since it was last aged?  1 or 0; `clear` makes it old.
 * A backend without accessed bits takes a page that is mapped for one that was used.
 */
VMMU_API int vmmu_age(struct vmmu *vm, vmmu_gpa_t gpa, uint64_t len, int clear);

/* ---- dirty log ---------------------------------------------------------- */

/* Starts (all pages clean) or stops logging for the slot that begins at gpa. */
VMMU_API int vmmu_dirty_log(struct vmmu *vm, vmmu_gpa_t slot, int on);
/*
 * Get and clear: writes one bit per page from `first`, `nr` pages (a
 * multiple of 64, or up to the slot's end), little-endian 64-bit words, and
 * returns VMMU_OK once every later store will be seen by the next harvest.
 */
VMMU_API int vmmu_dirty_harvest(struct vmmu *vm, vmmu_gpa_t slot, uint64_t first, uint64_t nr,
				uint64_t *bitmap);

/* ---- self-check and statistics ----------------------------------------- */

/*
 * Every invariant of tables, slots and caches, in time linear in the tables
 * and without allocating.  VMMU_OK, or VMMU_EBROKEN with vmmu_reason().
 */
VMMU_API int vmmu_check(struct vmmu *vm);
/*
 * The same for about `budget` entries, beginning where the last call stopped.  When all entries are
 * checked, the next call checks one of slots, table pages and caches.  Only vmmu_check() checks
 * what the library counts of each table.
 */
VMMU_API int vmmu_check_some(struct vmmu *vm, unsigned budget);

struct vmmu_stats {
	size_t size;			 /* set by the caller: sizeof; on return, what was filled */
	uint64_t event[VMMU_MAX_EVENTS]; /* how often; from VMMU_NR_EVENTS on 0 */
	uint64_t walk_refs;		 /* entries read by the silicon */
	uint64_t sw_refs;		 /* by the hypervisor's own walks */
	uint64_t tlb_hits;		 /* of the modelled TLB */
	uint64_t table_bytes, table_peak; /* hardware-format tables, now and most */
	uint64_t meta_bytes, meta_peak;	  /* everything else of the VM */
};

VMMU_API void vmmu_get_stats(const struct vmmu *vm, struct vmmu_stats *stats);
/* Counts start again from 0; peaks from what is there now. */
VMMU_API void vmmu_clear_stats(struct vmmu *vm);

#ifdef __cplusplus
}
#endif
#endif
