/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The glue: libvmmu fills Unicorn's TLB and is told what the guest does.
 * To embed the library in another emulator, read fill() first, then mmu_window_write() in window.c,
 * then mmu_flush().
 *
 *	Unicorn                                     libvmmu
 *	  TLB miss, or store without the right ---> fill() ---> vmmu_translate()
 *	      entry: gpa, rights for this privilege <--- VMMU_OK
 *	      entry: WINDOW + gpa                   <--- VMMU_OK, and stores trap; VMMU_MMIO
 *	      the instruction stops, #PF delivered  <--- VMMU_FAULT
 *	  store to WINDOW + gpa -------------------> vmmu_write_begin(), vmmu_write_end()
 *	  TLB emptied <----------------------------- the flush callback
 *	  MOV CR, INVLPG, WRMSR (sense.c) ---------> vmmu_set_cr3(), vmmu_invlpg(), ...
 *
 * Guest-physical addresses are Unicorn's physical addresses, and both use the same memory as RAM.
 * At WINDOW the guest-physical addresses appear a second time, as a device: accesses that must not
 * go directly to memory are sent there.
 *
 * Invariants:
 * - Unicorn's TLB grants nothing that the library has not granted since the last flush.
 * - A frame whose stores must all be seen is written to through the window only.
 * - A frame that Unicorn may fetch from is not writable; it becomes writable after its translated
 *   code has been dropped (become_data()).
 * - Unicorn checks each store to a frame that it has fetched from (watch_fetched()).
 */
#include "run.h"

#include <string.h>

static uint8_t *frame_of(struct run *r, uint64_t gpa)
{
	return &r->mmu.frame[gpa >> 12];
}

/* ---- accesses ---- */

uint32_t mmu_privilege(struct run *r)
{
	uint64_t cs, flags;

	if (!r->mmu.protected_mode)
		return 0;
	cs = cpu_reg(&r->cpu, UC_X86_REG_CS);
	if (r->mmu.long_mode) {
		if ((cs & 3) == 3)
			return VMMU_USER;
		if (!r->mmu.smap)
			return 0;
	}
	flags = cpu_reg(&r->cpu, UC_X86_REG_RFLAGS);
	if ((cs & 3) == 3 || (flags & 1u << 17)) /* virtual-8086 mode is CPL 3 */
		return VMMU_USER;
	return flags & 1u << 18 ? VMMU_AC : 0;
}

int mmu_translate(struct run *r, uint64_t gva, uint32_t access, struct vmmu_xlat *x)
{
	int st = vmmu_translate(r->mmu.view[0].cpu, vmmu_gva(gva), 1, access, x);

	if (st < 0 || st == VMMU_AGAIN)
		run_end(r, END_DIFFERENT, "%s: gva 0x%llx, access 0x%x: %s: %s",
			r->mmu.view[0].name, (unsigned long long)gva, access, vmmu_strerror(st),
			vmmu_reason(r->mmu.view[0].vm));
	else if (r->check)
		st = check_access(r, gva, access, st, x);
	if (r->trace && (st == VMMU_OK || (st == VMMU_MMIO && x->stage == VMMU_STAGE_GPA)))
		trace_access(r, gva, access, x, st);
	return st;
}

/* A guest table lies where there is no memory.  The bus reads ones, which set reserved bits. */
static uint32_t table_fault(const struct run *r, uint32_t access)
{
	uint32_t code = VMMU_PF_P | VMMU_PF_RSVD;
	uint32_t type = access & VMMU_TYPE_MASK;
	struct vmmu_regs regs;

	vmmu_get_regs(r->mmu.view[0].cpu, &regs);
	code |= type == VMMU_WRITE ? VMMU_PF_W : 0;
	code |= (access & (VMMU_USER | VMMU_IMPLICIT)) == VMMU_USER ? VMMU_PF_U : 0;
	if (type == VMMU_FETCH && ((regs.efer & VMMU_EFER_NXE) || (regs.cr4 & VMMU_CR4_SMEP)))
		code |= VMMU_PF_I;
	return code;
}

struct exception mmu_exception(struct run *r, uint64_t gva, uint32_t access, int status,
			       const struct vmmu_xlat *x)
{
	struct exception e = { .vector = 14, .kind = EXC_FAULT, .cr2 = gva };

	if (status == VMMU_MMIO) {
		e.code = table_fault(r, access);
	} else {
		e.vector = x->fault.vector;
		e.code = x->fault.code;
	}
	return e;
}

/* ---- the fill ---- */

static uint32_t type_of(uc_mem_type type)
{
	return type == UC_MEM_WRITE ? VMMU_WRITE : type == UC_MEM_FETCH ? VMMU_FETCH : VMMU_READ;
}

/* Called before Unicorn may fetch from the frame.  From now on no store to it goes unseen. */
static void become_code(struct run *r, uint64_t page, uint64_t gpa)
{
	uint8_t *frame = frame_of(r, gpa);

	if (!(*frame & FRAME_MIXED) && r->mmu.written[gpa >> 12] == r->mmu.epoch)
		mmu_flush_tlb(r);
	sense_page(r, page, PAGE_OF(gpa), *frame & FRAME_MIXED);
	*frame |= FRAME_CODE | FRAME_FETCHED;
}

/* Called before Unicorn may write to the frame.  Its code has to be searched again afterwards. */
static void become_data(struct run *r, uint64_t gpa)
{
	uint8_t *frame = frame_of(r, gpa);

	*frame = (uint8_t)((*frame & ~FRAME_CODE) + FRAME_TURN);
	if (*frame / FRAME_TURN == MOST_TURNS)
		*frame |= FRAME_MIXED;
	r->sense.age++;
	mmu_flush_tlb(r);
}

static int is_code(struct run *r, uint64_t gpa)
{
	return (*frame_of(r, gpa) & (FRAME_CODE | FRAME_MIXED)) == FRAME_CODE;
}

static void note_store(uc_engine *uc, uc_mem_type type, uint64_t at, int n, int64_t value,
		       void *ctx)
{
	(void)uc;
	(void)type;
	lock_store(ctx, at, (unsigned)n, (uint64_t)value);
}

static void hook_stores(struct run *r, uint64_t page)
{
	uint64_t first = page, last = page + VMMU_PAGE_SIZE - 1;
	struct mmu *m = &r->mmu;
	uc_hook hook;

	for (unsigned i = 0; i < m->nr_watched; i++)
		if (m->watched[i] == page || m->nr_watched == MOST_WATCHED)
			return;
	m->watched[m->nr_watched++] = page;
	if (m->nr_watched == MOST_WATCHED) { /* one hook for all addresses instead */
		first = 1;
		last = 0;
	}
	if (uc_hook_add(r->uc, &hook, UC_HOOK_MEM_WRITE, (void *)note_store, r, first, last))
		run_end(r, END_DIFFERENT, "out of memory for a hook of Unicorn's");
	if (m->nr_watched == MOST_WATCHED)
		mmu_flush_tlb(r);
}

/*
 * After the first store through a TLB entry, Unicorn no longer checks whether stores hit
 * translated code.  It checks again once it translates code of the same linear page, but not for
 * older code in the frame, and not if another page maps the frame.  It always checks in a page
 * with a hook.  Hooks are called by physical address, so the frame gets one as well.
 */
static void watch_fetched(struct run *r, uint64_t page, uint64_t gpa)
{
	hook_stores(r, page);
	hook_stores(r, PAGE_OF(gpa));
}

/* The rights of an entry that leads directly to RAM. */
static uint8_t rights_of(struct run *r, uint64_t page, uint32_t type, const struct vmmu_xlat *x)
{
	uint8_t rights = x->rights;

	/* A right that the access does not need is granted only where nothing depends on it. */
	if (type != VMMU_FETCH)
		rights &= (uint8_t)~VMMU_X;
	if (*frame_of(r, x->gpa.v) & (FRAME_TABLE | FRAME_WALKED))
		rights &= (uint8_t)~VMMU_W;
	if (type == VMMU_FETCH)
		become_code(r, page, x->gpa.v);
	if (*frame_of(r, x->gpa.v) & FRAME_FETCHED) {
		if (type == VMMU_WRITE)
			watch_fetched(r, page, x->gpa.v);
		else
			rights &= (uint8_t)~VMMU_W;
	}
	if (type == VMMU_WRITE && is_code(r, x->gpa.v))
		become_data(r, x->gpa.v);
	if (rights & VMMU_W)
		r->mmu.written[x->gpa.v >> 12] = r->mmu.epoch;
	return rights;
}

static void grant(struct run *r, uint64_t page, uint32_t type, const struct vmmu_xlat *x,
		  uc_tlb_entry *e)
{
	int table = *frame_of(r, x->gpa.v) & (FRAME_TABLE | FRAME_WALKED);
	uint8_t rights;

	if (type == VMMU_WRITE && (x->trap || x->once || table)) {
		e->paddr = WINDOW + PAGE_OF(x->gpa.v);
		e->perms = (x->rights & VMMU_R ? UC_PROT_READ : 0) | UC_PROT_WRITE;
		/* An entry that only traps may stay: the library decides at each store. */
		r->mmu.flush_late |= x->once && !x->trap;
		return;
	}
	rights = rights_of(r, page, type, x);
	e->paddr = PAGE_OF(x->gpa.v);
	e->perms = (rights & VMMU_R ? UC_PROT_READ : 0) | (rights & VMMU_W ? UC_PROT_WRITE : 0) |
		   (rights & VMMU_X ? UC_PROT_EXEC : 0);
}

static int device_entry(struct run *r, uint64_t page, uint32_t type, const struct vmmu_xlat *x,
			uc_tlb_entry *e)
{
	if (type == VMMU_FETCH) {
		run_end(r, END_UNSUPPORTED,
			"instruction fetch at 0x%llx from gpa 0x%llx, where "
			"there is no memory",
			(unsigned long long)page, (unsigned long long)PAGE_OF(x->gpa.v));
		return 0;
	}
	if (x->gpa.v >= WINDOW_BYTES) {
		run_end(r, END_UNSUPPORTED, "access to gpa 0x%llx, beyond the physical addresses",
			(unsigned long long)x->gpa.v);
		return 0;
	}
	e->paddr = WINDOW + PAGE_OF(x->gpa.v);
	/* For a device the library reports only what the access needed.  A later store has to come
	 * here again, for the right to write and for the D bit. */
	e->perms = type == VMMU_WRITE ? UC_PROT_READ | UC_PROT_WRITE : UC_PROT_READ;
	return 1;
}

/*
 * At CPL 3 a load of a segment register reads the GDT as an implicit supervisor access.  Unicorn
 * does not say so, and RIP is known only after the fill has failed.  So the fill fails at first;
 * loop.c decodes the instruction, stores the page in `implicit`, and starts the instruction again.
 */
static uint32_t access_of(struct run *r, uint64_t page, uc_mem_type type)
{
	uint32_t access = type_of(type) | mmu_privilege(r);

	if (page == r->mmu.implicit && (access & VMMU_USER))
		access = (access & VMMU_TYPE_MASK) | VMMU_IMPLICIT;
	return access;
}

/* Whether loop.c has to do something before Unicorn may translate more code. */
static int is_stale(const struct run *r)
{
	return r->mmu.code_stale || r->mmu.block_stale || r->stops.changed;
}

/* Outside 64-bit code, Unicorn does not truncate addresses of code to 32 bits. */
static uint64_t code_address(struct run *r, uint64_t page)
{
	if (!(page >> 32))
		return page;
	cpu_get(&r->cpu);
	return cpu_is_code64(&r->cpu) ? page : (uint32_t)page;
}

/* Unicorn's callback.  true: it caches *e for this page.  false: it ends the instruction and stops.
 */
static bool fill(uc_engine *uc, uint64_t page, uc_mem_type type, uc_tlb_entry *e, void *ctx)
{
	struct run *r = ctx;
	uint32_t access = access_of(r, page, type);
	struct vmmu_xlat x;
	uint64_t gva;
	int st;

	(void)uc;
	mmu_finish_store(r);
	if (r->pending.vector >= 0)
		return false; /* the engine is about to stop for another exception */
	r->mmu.fills++;
	task_notice(r);
	if (is_stale(r) && type == UC_MEM_FETCH)
		return false;
	gva = type == UC_MEM_FETCH ? code_address(r, page) : page;
	st = mmu_translate(r, gva, access, &x);
	if (st == VMMU_OK) {
		grant(r, page, access & VMMU_TYPE_MASK, &x, e);
		return type != UC_MEM_FETCH || !is_stale(r);
	}
	if (st == VMMU_MMIO && x.stage == VMMU_STAGE_GPA)
		return device_entry(r, page, access & VMMU_TYPE_MASK, &x, e);
	if (st >= 0 && r->end == GOING) {
		r->pending = mmu_exception(r, gva, access, st, &x);
		r->fault_access = access;
	}
	return false;
}

/* ---- what empties Unicorn's TLB ---- */

void mmu_flush_tlb(struct run *r)
{
	uc_ctl_flush_tlb(r->uc);
	r->mmu.flushes++;
	r->mmu.flush_late = 0;
	r->mmu.epoch++;
}

void mmu_watch_table(struct run *r, uint64_t gpa, unsigned flag)
{
	*frame_of(r, gpa) |= (uint8_t)flag;
	if (r->mmu.written[gpa >> 12] == r->mmu.epoch)
		mmu_flush_tlb(r);
}

/* The library's callback.  Cached translations of this range must not be used any more. */
void mmu_flush(void *ctx, const struct vmmu_flush *what)
{
	struct run *r = ctx;
	uint64_t last = (what->start + what->len - 1) >> 12, frames = r->ram.bytes >> 12;

	if (what->scope == VMMU_FLUSH_GPA) {
		uint64_t i = what->start >> 12;

		while (i <= last && i < frames && r->mmu.written[i] != r->mmu.epoch)
			i++;
		if (i > last || i >= frames)
			return;
	}
	mmu_flush_tlb(r);
}

int mmu_attach(struct run *r)
{
	uc_hook hook;

	if (uc_ctl_tlb_mode(r->uc, UC_TLB_VIRTUAL) != UC_ERR_OK ||
	    uc_mem_map_ptr(r->uc, 0, r->ram.bytes, UC_PROT_ALL, r->ram.base) != UC_ERR_OK ||
	    uc_mmio_map(r->uc, WINDOW, WINDOW_BYTES, mmu_window_read, r, mmu_window_write, r) !=
		    UC_ERR_OK ||
	    uc_hook_add(r->uc, &hook, UC_HOOK_TLB_FILL, (void *)fill, r, 1, 0) != UC_ERR_OK)
		return -1;
	return 0;
}
