/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles instructions that crash Unicorn's translator: BT, BTS, BTR and BTC of a register with a
 * LOCK prefix.  A CPU raises #UD.  Unicorn 2.1.1 calls abort() while it translates the block,
 * which is before any hook could be called.  But its translator stops at *exits*, addresses that
 * its user sets.  So a page is searched before Unicorn translates it, and each address at which
 * such an instruction may begin becomes an exit, called a stop here.  When the guest gets to a
 * stop, the engine stops, and the instruction is decoded.  It raises #UD; or it is harmless, and
 * the stop is lifted for one run of the engine, which executes this instruction alone.
 *
 * Lifting also helps where a fetch from a second page fails: Unicorn blames the first instruction
 * of the block, although those before the one that lies across the boundary have to be executed
 * first.
 *
 * Invariant: while Unicorn translates code of a page, all addresses in that page at which such an
 * instruction may begin are exits, except the one that is lifted.
 */
#include "run.h"

#include <string.h>

#define LONGEST 15u

static int is_fatal(unsigned second, unsigned modrm)
{
	if (second == 0xba)
		return modrm >= 0xe0;
	return (second & 0xe7) == 0xa3 && modrm >= 0xc0;
}

/* ---- which addresses ------------------------------------------------------------------------- */

/*
 * Whether bytes[0], a LOCK prefix, may belong to a fatal instruction.  `left` is the number of
 * bytes up to the end of the page.  What follows in the next page is not known.
 */
static int may_be_fatal(const uint8_t *bytes, unsigned left)
{
	unsigned i = 1;

	while (i < left && i < LONGEST && sense_is_prefix(bytes[i]))
		i++;
	if (i >= LONGEST)
		return 0;
	if (i >= left)
		return 1;
	if (bytes[i] != 0x0f)
		return 0;
	if (i + 1 >= left)
		return 1;
	if (i + 2 >= left)
		return is_fatal(bytes[i + 1], 0xff);
	return is_fatal(bytes[i + 1], bytes[i + 2]);
}

static int is_begun(const struct stops *s, uint64_t page)
{
	for (unsigned i = 0; i < s->nr_begun; i++)
		if (s->begun[i] == page)
			return 1;
	return s->nr_begun == MOST_BEGUN;
}

/*
 * The page begins with a fatal instruction, and some of its prefixes may lie in the page before.
 * That page has been searched without this knowledge, and Unicorn may be translating it now.  So
 * all pages are searched again.
 */
static void note_begun(struct run *r, uint64_t page)
{
	struct stops *s = &r->stops;

	if (is_begun(s, page))
		return;
	s->begun[s->nr_begun++] = page;
	r->mmu.code_stale = 1;
}

/* Finds the offsets of all stops of the page, in ascending order.  Returns how many. */
static unsigned find(struct run *r, uint64_t page, const uint8_t *bytes, uint16_t *found)
{
	const uint8_t *end = bytes + VMMU_PAGE_SIZE, *p = bytes;
	unsigned nr = 0, next = 0, at, i;

	for (; (p = memchr(p, 0xf0, (size_t)(end - p))); p++) {
		at = (unsigned)(p - bytes);
		i = sense_first_prefix(bytes, at);
		if (!may_be_fatal(p, (unsigned)(end - p)))
			continue;
		if (!i)
			note_begun(r, page);
		for (i = i > next ? i : next; i <= at; i++)
			found[nr++] = (uint16_t)i;
		next = at + 1;
	}
	if (!is_begun(&r->stops, page + VMMU_PAGE_SIZE) &&
	    !is_begun(&r->stops, (uint32_t)(page + VMMU_PAGE_SIZE)))
		return nr;
	i = sense_first_prefix(bytes, VMMU_PAGE_SIZE);
	for (i = i > next ? i : next; i < VMMU_PAGE_SIZE; i++)
		found[nr++] = (uint16_t)i;
	return nr;
}

/* Whether these are already the stops of the page.  The stops of a page are consecutive in `at`. */
static int is_known(const struct stops *s, uint64_t page, const uint16_t *found, unsigned nr)
{
	unsigned first = 0, last;

	while (first < s->nr && s->at[first] - page >= VMMU_PAGE_SIZE)
		first++;
	for (last = first; last < s->nr && s->at[last] - page < VMMU_PAGE_SIZE; last++)
		if (last - first >= nr || s->at[last] != page + found[last - first])
			return 0;
	return last - first == nr;
}

static void drop_page(struct stops *s, uint64_t page)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->nr; i++)
		if (s->at[i] - page >= VMMU_PAGE_SIZE)
			s->at[kept++] = s->at[i];
	s->nr = kept;
}

/* Replaces the stops of the page.  0: there are too many, so all others were dropped. */
static int replace(struct stops *s, uint64_t page, const uint16_t *found, unsigned nr)
{
	int room;

	drop_page(s, page);
	room = s->nr + nr <= MOST_STOPS;
	if (!room)
		s->nr = s->nr_begun = 0;
	for (unsigned i = 0; i < nr; i++)
		s->at[s->nr++] = page + found[i];
	s->changed = 1;
	return room;
}

void lock_page(struct run *r, uint64_t page, const uint8_t *bytes)
{
	uint16_t found[VMMU_PAGE_SIZE];
	struct stops *s = &r->stops;
	unsigned nr = find(r, page, bytes, found);

	if (!is_known(s, page, found, nr) && !replace(s, page, found, nr))
		r->mmu.code_stale = 1; /* all pages are searched again */
}

/* Must not be called by a fill: at the end of a run Unicorn iterates over its exits and fills. */
static void tell_unicorn(struct run *r, const uint64_t *at, unsigned nr)
{
	if (uc_ctl_set_exits(r->uc, at, nr) != UC_ERR_OK)
		run_end(r, END_DIFFERENT, "Unicorn does not take %u exits", nr);
}

/* ---- stores to where code changes without a new search -------------------------------------- */

/* The page is about to have these bytes.  Its stops have to be right before Unicorn translates
 * them. */
static void change_page(struct run *r, uint64_t page, const uint8_t *bytes)
{
	uint16_t found[VMMU_PAGE_SIZE];
	struct stops *s = &r->stops;
	int was_begun = is_begun(s, page);
	unsigned nr = find(r, page, bytes, found);

	if (is_known(s, page, found, nr) && is_begun(s, page) == was_begun)
		return;
	if (!replace(s, page, found, nr) || s->nr + LONGEST > MOST_STOPS) {
		run_end(r, END_UNSUPPORTED, "more than %u places with LOCK BT or the like",
			MOST_STOPS);
		return;
	}
	/* The bytes of the page before are not examined.  Stops there that are not needed are
	 * dropped when the guest gets to them. */
	for (unsigned i = 1; is_begun(s, page) != was_begun && i < LONGEST; i++)
		s->at[s->nr++] = page - i;
	s->changed = 0;
	tell_unicorn(r, s->at, s->nr);
}

void lock_store(struct run *r, uint64_t gpa, unsigned n, uint64_t value)
{
	const struct sense *s = &r->sense;
	uint64_t frame = PAGE_OF(gpa);
	uint8_t bytes[VMMU_PAGE_SIZE];

	if (!is_ram(r, gpa, n) || !(r->mmu.frame[frame >> 12] & FRAME_MIXED))
		return;
	memcpy(bytes, r->ram.base + frame, sizeof(bytes));
	memcpy(bytes + (gpa & 0xfff), &value, n);
	for (unsigned i = 0; i < FETCHED; i++)
		if (s->fetched[i].age && s->fetched[i].frame == frame)
			change_page(r, s->fetched[i].page, bytes);
}

/* ---- at one of them -------------------------------------------------------------------------- */

/* Whether LOCK is allowed: a memory operand that is read and written (SDM vol. 2, LOCK). */
static int is_lockable(const struct insn *i)
{
	unsigned op = i->opcode, reg = i->modrm >> 3 & 7;

	if (!i->has_memory)
		return 0;
	if (op < 0x38) /* ADD to XOR, to memory */
		return (op & 7) < 2;
	switch (op) {
	case 0x80:
	case 0x81:
	case 0x83:
		return reg != 7;
	case 0x86:
	case 0x87:
	case 0x0fab:
	case 0x0fb0:
	case 0x0fb1:
	case 0x0fb3:
	case 0x0fbb:
	case 0x0fc0:
	case 0x0fc1:
		return 1;
	case 0xf6:
	case 0xf7:
		return reg == 2 || reg == 3;
	case 0xfe:
	case 0xff:
		return reg < 2;
	case 0x0fba:
		return reg > 4;
	case 0x0fc7:
		return reg == 1;
	default:
		return 0;
	}
}

/* Drops translations of the code at `at`.  Unicorn may call the fill, whose result is ignored. */
static void drop_code(struct run *r, uint64_t at)
{
	struct exception pending = r->pending;
	uint32_t access = r->fault_access;

	(void)uc_ctl_remove_cache(r->uc, at, at + LONGEST);
	r->pending = pending;
	r->fault_access = access;
}

/* Outside 64-bit code, Unicorn does not truncate addresses of code to 32 bits. */
static int is_at(const struct run *r, uint64_t stop, uint64_t at)
{
	return stop == at || (!cpu_is_code64(&r->cpu) && (uint32_t)stop == at);
}

/* Lets the next run execute code from `at` on.  It stops at the first instruction at or behind
 * `first`. */
static void lift(struct run *r, uint64_t at, uint64_t first)
{
	struct stops *s = &r->stops;
	uint64_t some[MOST_STOPS + LONGEST];
	unsigned nr = 0;

	for (unsigned i = 0; i < s->nr; i++)
		if (!is_at(r, s->at[i], at))
			some[nr++] = s->at[i];
	for (unsigned i = 0; i < LONGEST; i++)
		some[nr++] = cpu_is_code64(&r->cpu) ? first + i : (uint32_t)(first + i);
	s->lifted = at;
	tell_unicorn(r, some, nr);
	drop_code(r, at);
}

uint64_t lock_restore(struct run *r)
{
	struct stops *s = &r->stops;
	uint64_t lifted = s->lifted;

	if (lifted == NO_STOP && !s->changed)
		return NO_STOP;
	s->lifted = NO_STOP;
	s->changed = 0;
	tell_unicorn(r, s->at, s->nr);
	if (lifted != NO_STOP)
		drop_code(r, lifted);
	return lifted;
}

int lock_crosses(struct run *r, uint64_t at, uint64_t page, uint64_t lifted)
{
	uint64_t left = (page - at) % (1ull << 32);

	if (left > VMMU_PAGE_SIZE || (lifted == at && left <= LONGEST))
		return 1;
	lift(r, at, left > LONGEST ? page - LONGEST : at + 1);
	return 0;
}

/* Drops a stop at which there is another instruction by now. */
static void forget(struct run *r, unsigned which)
{
	struct stops *s = &r->stops;
	uint64_t at = s->at[which];

	memmove(s->at + which, s->at + which + 1, (--s->nr - which) * sizeof(*s->at));
	tell_unicorn(r, s->at, s->nr);
	drop_code(r, at);
}

int lock_stopped(struct run *r, uint64_t at)
{
	struct stops *s = &r->stops;
	const struct exception undefined = { .vector = 6 };
	struct insn i;
	unsigned which = 0;

	while (which < s->nr && !is_at(r, s->at[which], at))
		which++;
	if (which == s->nr)
		return 0;
	if (insn_decode(r, at, &i) == 0 && i.lock && !is_lockable(&i))
		deliver(r, &undefined);
	else if (i.lock || (i.bytes[0] >> 4 == 4 && !cpu_is_code64(&r->cpu)))
		lift(r, at, at + 1); /* a locked store to memory, or INC or DEC */
	else
		forget(r, which);
	return 1;
}
