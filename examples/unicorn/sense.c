/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notices the instructions that change the MMU: MOV to CR0, CR3 and CR4, LMSW, INVLPG, WRMSR and
 * WRPKRU.  It also notices MOV to and from debug registers, which debug.c carries out.
 * Unicorn has no hook for these instructions, but it has hooks for addresses.  So a page is
 * searched for their opcodes before it is executed, and each address at which one may begin gets a
 * hook.  The hook decodes the instruction that is really there.  The library is told first and may
 * refuse it
 * (#GP).  Then Unicorn executes it as well, and drops from its own TLB what the instruction drops.
 *
 * Invariant: none of these instructions executes unnoticed.  A page is searched when Unicorn fills
 * its TLB to fetch from it, and it is not writable as long as Unicorn may fetch from it
 * (FRAME_CODE, mmu.c).  Where code and data share a frame (FRAME_MIXED), all instructions in it
 * have the hook.
 */
#include "run.h"

#include <string.h>

#define EFER 0xc0000080u
#define LONGEST 15u

/* ---- what they do --------------------------------------------------------------------------- */

static int is_privileged(struct run *r)
{
	return !(mmu_privilege(r) & VMMU_USER);
}

static void do_register(struct run *r, unsigned number, uint64_t value)
{
	r->sense.registers++;
	if (mmu_set_register(r, number, value) == VMMU_GP)
		run_raise(r, 13, 0);
}

static void do_mov_cr(struct run *r, const struct insn *i)
{
	unsigned number = (i->modrm >> 3 & 7) | (i->rex & 4 ? 8u : 0);
	uint64_t value = insn_gpr(r, (i->modrm & 7) | (i->rex & 1 ? 8u : 0));

	if (number == 0 || number == 3 || number == 4)
		do_register(r, number, cpu_is_code64(&r->cpu) ? value : (uint32_t)value);
}

/* LMSW sets PE, MP, EM and TS, and clears all but PE. */
static void do_lmsw(struct run *r, const struct insn *i)
{
	uint64_t cr0 = cpu_reg(&r->cpu, UC_X86_REG_CR0), msw;
	struct exception e;
	uint16_t word = 0;

	msw = insn_gpr(r, (i->modrm & 7) | (i->rex & 1 ? 8u : 0));
	if (i->has_memory) {
		/* If this cannot be read, the instruction itself faults. */
		if (mmu_read(r, i->ea, &word, sizeof(word), VMMU_READ | mmu_privilege(r), &e) < 0)
			return;
		msw = word;
	}
	do_register(r, 0, (cr0 & ~0xeull) | (msw & 0xf));
}

/*
 * The instruction is not left to Unicorn.  Unicorn drops all translated code when a breakpoint
 * changes, also the code that is being executed.
 */
static void do_mov_dr(struct run *r)
{
	r->moves_dr = 1;
	uc_emu_stop(r->uc);
}

static void do_wrmsr(struct run *r)
{
	uint64_t low = (uint32_t)insn_gpr(r, 0), high = (uint32_t)insn_gpr(r, 2);

	if ((uint32_t)insn_gpr(r, 1) == EFER)
		do_register(r, 8, high << 32 | low);
}

/* Opcode 0F 01: the ModRM byte selects the instruction. */
static void do_group7(struct run *r, const struct insn *i)
{
	unsigned reg = i->modrm >> 3 & 7;

	if (i->modrm == 0xef) { /* WRPKRU, at any privilege */
		if (cpu_reg(&r->cpu, UC_X86_REG_CR4) & VMMU_CR4_PKE && !(uint32_t)insn_gpr(r, 1) &&
		    !(uint32_t)insn_gpr(r, 2))
			mmu_set_pkru(r, (uint32_t)insn_gpr(r, 0));
	} else if (!is_privileged(r)) {
		return; /* Unicorn raises #GP */
	} else if (reg == 7 && i->has_memory) {
		r->sense.invlpgs++;
		mmu_invlpg(r, i->ea);
	} else if (reg == 6) {
		do_lmsw(r, i);
	}
}

/* The bytes at this address as Unicorn last fetched the page, or NULL if that is not known. */
static const uint8_t *bytes_at(const struct run *r, uint64_t at)
{
	const struct sense_page *p = &r->sense.fetched[(at >> 12) % FETCHED];

	return p->page == PAGE_OF(at) && p->age ? r->ram.base + p->frame + (at & 0xfff) : NULL;
}

size_t sense_bytes(struct run *r, uint64_t at, uint8_t *buf, size_t n)
{
	uint64_t last = cpu_is_code64(&r->cpu) ? ~0ull : UINT32_MAX;
	size_t done = 0;

	while (done < n) {
		uint64_t from = (at + done) & last;
		size_t piece = VMMU_PAGE_SIZE - (from & 0xfff), got = 0;
		const uint8_t *p = bytes_at(r, from);
		struct vmmu_xlat x;

		piece = piece < n - done ? piece : n - done;
		if (p) {
			memcpy(buf + done, p, piece);
			got = piece;
		} else {
			(void)vmmu_read_gva(r->mmu.view[0].cpu, vmmu_gva(from), buf + done, piece,
					    VMMU_FETCH | VMMU_NO_AD | mmu_privilege(r), &x, &got);
		}
		done += got;
		if (got < piece)
			break;
	}
	return done;
}

/* Whether the first byte shows that it is none of these instructions.  This saves decoding where
 * all instructions have the hook. */
static int is_other(const struct run *r, uint64_t at)
{
	const uint8_t *p = bytes_at(r, at);

	return p && (at & 0xfff) <= VMMU_PAGE_SIZE - LONGEST && *p != 0x0f && *p != 0x66 &&
	       *p != 0x67 && *p >> 4 != 4 && *p < 0xf0 && (*p & 0xe7) != 0x26 &&
	       (*p & 0xfe) != 0x64;
}

/* Ranges of hooks may overlap, and Unicorn calls each hook.  Only the first one does the work. */
static int is_first(const struct sense_hook *h, uint64_t at)
{
	for (const struct sense_hook *i = h->run->sense.hook; i < h; i++)
		if (i->first > i->last || (at >= i->first && at <= i->last))
			return 0;
	return 1;
}

static void before_sensed(uc_engine *uc, uint64_t at, uint32_t size, void *ctx)
{
	const struct sense_hook *h = ctx;
	struct run *r = h->run;
	struct insn i;

	(void)uc;
	(void)size;
	if ((!r->debug.armed && is_other(r, at)) || !is_first(h, at))
		return;
	if (r->debug.armed && (debug_before(r, at) || is_other(r, at)))
		return;
	mmu_finish_store(r);
	if (r->end != GOING || insn_decode(r, at, &i) < 0)
		return;
	if (i.opcode == 0x0f01)
		do_group7(r, &i);
	else if (!is_privileged(r))
		return; /* Unicorn raises #GP */
	else if (i.opcode == 0x0f22)
		do_mov_cr(r, &i);
	else if (i.opcode == 0x0f30)
		do_wrmsr(r);
	else if (i.opcode == 0x0f21 || i.opcode == 0x0f23)
		do_mov_dr(r);
}

/* ---- where they are ---- */

/* Whether the bytes after 0F may make one of these instructions.  0F 01 needs /6, /7 or EF. */
static int is_sensed(const uint8_t *after, size_t n)
{
	unsigned reg;

	if (n == 0)
		return 1; /* on the next page */
	if ((after[0] >= 0x21 && after[0] <= 0x23) || after[0] == 0x30)
		return 1;
	if (after[0] != 0x01)
		return 0;
	if (n == 1)
		return 1;
	reg = after[1] >> 3 & 7;
	return reg == 6 || after[1] == 0xef || (reg == 7 && after[1] >> 6 != 3);
}

static void hook_range(struct run *r, uint64_t first, uint64_t last)
{
	struct sense *s = &r->sense;
	struct sense_hook *h = &s->hook[s->nr];
	uc_hook hook;

	for (unsigned i = 0; i < s->nr; i++)
		if (s->hook[i].first > s->hook[i].last ||
		    (s->hook[i].first <= first && s->hook[i].last >= last))
			return;
	if (s->nr == MOST_SENSED - 1) {
		/* The guest executes garbage.  From now on every instruction has the hook. */
		first = 1;
		last = 0;
	}
	*h = (struct sense_hook){ r, first, last };
	s->nr++;
	/* Unicorn may be in the middle of a block that has just reached the first instruction of
	 * this page.  It has looked for a hook there already, so the block has to begin anew. */
	r->mmu.block_stale |= (first & 0xfff) == 0 || first > last;
	if (uc_hook_add(r->uc, &hook, UC_HOOK_CODE, (void *)before_sensed, h, first, last) !=
	    UC_ERR_OK)
		run_end(r, END_DIFFERENT, "out of memory for hooks of Unicorn's");
}

void sense_everything(struct run *r)
{
	hook_range(r, 1, 0);
}

/* 40 to 4F are prefixes in 64-bit code only.  A prefix too many does no harm. */
int sense_is_prefix(uint8_t b)
{
	return b == 0xf0 || b == 0xf2 || b == 0xf3 || b == 0x66 || b == 0x67 || b >> 4 == 4 ||
	       (b & 0xe7) == 0x26 || (b & 0xfe) == 0x64;
}

unsigned sense_first_prefix(const uint8_t *bytes, unsigned at)
{
	unsigned first = at;

	while (first > 0 && at - first < LONGEST && sense_is_prefix(bytes[first - 1]))
		first--;
	return first;
}

/* Hooks the instruction whose 0F lies at bytes[at].  `at` may be the first byte of the next page.
 */
static void hook_at(struct run *r, uint64_t page, const uint8_t *bytes, unsigned at)
{
	hook_range(r, page + sense_first_prefix(bytes, at), page + at);
}

static void search(struct run *r, uint64_t page, const uint8_t *bytes)
{
	const uint8_t *end = bytes + VMMU_PAGE_SIZE, *p = bytes;

	while (p < end && (p = memchr(p, 0x0f, (size_t)(end - p)))) {
		if (is_sensed(p + 1, (size_t)(end - p) - 1))
			hook_at(r, page, bytes, (unsigned)(p - bytes));
		p++;
	}
	/* The 0F may be the first byte of the next page, behind prefixes at the end of this page.
	 */
	if (sense_is_prefix(end[-1]))
		hook_at(r, page, bytes, VMMU_PAGE_SIZE);
}

void sense_page(struct run *r, uint64_t page, uint64_t frame, int all)
{
	struct sense_page *p = &r->sense.fetched[(page >> 12) % FETCHED];
	int known = p->page == page && p->frame == frame && p->age == r->sense.age;

	/* lock_store() has to find all pages that a mixed frame is fetched through. */
	if (p->age && p->page != page && (r->mmu.frame[p->frame >> 12] & FRAME_MIXED))
		mmu_flush_tlb(r);
	*p = (struct sense_page){ page, frame, r->sense.age };
	if (all || !known)
		lock_page(r, page, r->ram.base + frame);
	if (all) {
		hook_range(r, page, page + VMMU_PAGE_SIZE - 1);
	} else if (!known) {
		r->sense.searched++;
		search(r, page, r->ram.base + frame);
	}
}
