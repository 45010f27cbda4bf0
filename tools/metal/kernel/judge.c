/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses: each is tried on this CPU, and everything that it left is compared: the answer, error
 * code, CR2 and RIP of a fault, which page was read or written, A and D bits, all of memory.
 * Not here: what an access may answer (check/oracle).
 *
 * Which page it was is found from the bytes that were read, or that have changed.  A and D bits may
 * be missing where the CPU may have used what it had cached (or_held()), and more may be set where
 * a walk may have gone by a table of before, and in links on the way to a fault.  What differs
 * legally is made the same then, the union of both.
 */
#include <inttypes.h>
#include <stdio.h>

#include "kernel.h"
#include "check/world_priv.h"

#define AD_BITS 0x60ull
#define ENTRY_A 0x20ull

struct
try {
	uint64_t gva, value;
	unsigned size;
	uint32_t access;
	struct or_access acc;
	bool xchg; /* a write that reads, too */
	struct or_result fresh, seen;
};

static unsigned log2_of(unsigned size)
{
	return (unsigned)__builtin_ctz(size);
}

/* ---- trying it ---------------------------------------------------------------------------- */

static void do_access(struct try *t)
{
	unsigned which = log2_of(t->size);
	uint8_t *code = t->acc.user ? user_tried - (uintptr_t)user_code + USER_AT : kernel_tried;
	struct exec e = {
		.address = t->gva,
		.value = t->value,
		.flags = 2 | (t->acc.ac ? FLAGS_AC : 0),
		.user = t->acc.user,
	};

	if (t->acc.op == OR_FETCH)
		which = TRY_FETCH;
	else if (t->acc.op == OR_READ)
		which += t->acc.stack ? TRY_READ_STACK : TRY_READ;
	else if (t->acc.stack)
		which += TRY_WRITE_STACK;
	else
		which += t->xchg ? TRY_XCHG : TRY_WRITE;
	e.rip = (uintptr_t)code + 16 * which;
	exec(&e);
	if (metal.sabotage == SABOTAGE_ERROR && got.vector == 14 && (got.error & OR_PF_W))
		got.error ^= OR_PF_U;
	if (metal.sabotage == SABOTAGE_CR2 && got.vector == 14 && t->acc.user)
		got.cr2 ^= 1;
	if (metal.sabotage == SABOTAGE_VALUE && t->acc.ac)
		got.rax ^= 2;
	/* A fault is of the instruction, or of the one that was to be fetched. */
	if (got.vector == 14 && t->acc.op == OR_FETCH)
		e.rip = t->gva;
	t->seen.level = got.vector >= 12 && got.vector <= 14 && got.rip != e.rip;
}

/* ---- which page it was -------------------------------------------------------------------------
 */

static bool is_ok(struct world *w, const struct try *t, int page, struct or_result *seen)
{
	seen->gpa = page_address((unsigned)page) + (t->gva & 0xfff);
	return or_legal(w->or, 0, &t->acc, seen) != 0;
}

static uint64_t low_bytes(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

/* Has this page what was read, or has it what was written and the mirror has not? */
static bool is_candidate(const struct try *t, unsigned page)
{
	unsigned at = t->gva & 0xfff;

	if (t->acc.op == OR_WRITE)
		return low_bytes(page_real(page) + at, t->size) !=
		       low_bytes(&mirror[page][at], t->size);
	/* What it read may be an entry in which it had just set A. */
	return low_bytes(&mirror[page][at], t->size) == low_bytes((void *)&got.rax, t->size) ||
	       low_bytes(page_real(page) + at, t->size) == low_bytes((void *)&got.rax, t->size);
}

/* The page that makes it legal, or else any.  False: there is none. */
static bool find_page(struct world *w, struct try *t)
{
	int fresh = t->fresh.kind == OR_OK ? page_at(t->fresh.gpa) : -1, page;
	bool any = false;
	struct or_result seen = { .kind = OR_OK };

	if (t->acc.op == OR_FETCH) {
		page = (int)(got.vector - PAGE_VECTOR);
		return got.vector >= PAGE_VECTOR && got.vector < PAGE_VECTOR + NR_PAGES &&
		       (is_ok(w, t, page, &t->seen), true);
	}
	if (fresh >= 0 && is_candidate(t, (unsigned)fresh)) {
		t->seen.gpa = t->fresh.gpa;
		return true;
	}
	for (page = 0; page < (int)NR_PAGES; page++) {
		if (!is_candidate(t, (unsigned)page))
			continue;
		if (is_ok(w, t, page, &seen)) {
			t->seen.gpa = seen.gpa;
			return true;
		}
		if (!any)
			t->seen.gpa = seen.gpa;
		any = true;
	}
	return any;
}

static const char *op_name(const struct try *t)
{
	static const char *const op[] = { "read", "write", "fetch", "xchg" };

	return op[t->xchg ? 3 : t->acc.op];
}

/* Something that is nowhere at this offset of a page. */
static uint64_t unlike_all(const struct try *t)
{
	uint64_t last = t->gva;
	unsigned page, at = t->gva & 0xfff;
	uint64_t v, mask = t->size == 8 ? ~0ull : (1ull << 8 * t->size) - 1;

	/* Even bytes: no entry that is made of them is present. */
	do {
		last = last * 0x5851f42d4c957f2dull + 0x14057b7ef767814full;
		v = (last >> 16 | last << 48) & 0xfefefefefefefefeull & mask;
		for (page = 0; page < NR_PAGES; page++)
			if (low_bytes(&mirror[page][at], t->size) == v)
				break;
	} while (page < NR_PAGES);
	return v;
}

/* The CPU's answer, in the oracle's words.  False: no CPU answers so. */
static bool understand(struct world *w, struct try *t)
{
	unsigned wrong_rip = t->seen.level;

	t->seen = (struct or_result){ .kind = OR_OK };
	switch (got.vector) {
	case 14:
		t->seen.kind = OR_PF;
		t->seen.error = (unsigned)got.error;
		t->seen.cr2 = got.cr2;
		break;
	case 13:
		t->seen.kind = OR_GP;
		break;
	case 12:
		t->seen.kind = OR_SS;
		break;
	default:
		if (find_page(w, t))
			return true;
		if (got.vector == DONE_VECTOR || got.vector >= PAGE_VECTOR)
			differs(w, "access done, in no page: 0x%" PRIx64, got.rax);
		else
			differs(w, "access ends with vector %u", (unsigned)got.vector);
		return false;
	}
	if (wrong_rip)
		differs(w, "%s: exception %u, and RIP is not the instruction's", op_name(t),
			(unsigned)got.vector);
	if ((t->seen.kind == OR_GP || t->seen.kind == OR_SS) && got.error)
		differs(w, "%s: exception %u, error code 0x%" PRIx64, op_name(t),
			(unsigned)got.vector, got.error);
	return true;
}

static const char *words(const struct or_result *r, char buf[64])
{
	static const char *const name[] = { "done", "#PF", "#GP", "#SS", "outside memory", "" };

	if (r->kind == OR_PF)
		snprintf(buf, 64, "#PF(0x%x)", r->error);
	else
		snprintf(buf, 64, "%s", name[r->kind]);
	return buf;
}

static void judge_answer_of(struct world *w, struct try *t)
{
	char a[64], b[64];
	const char *what = "";

	if (or_legal(w->or, 0, &t->acc, &t->seen))
		return;
	if (t->seen.kind == t->fresh.kind && t->seen.kind == OR_PF && t->seen.cr2 != t->fresh.cr2)
		what = ", CR2 differs";
	else if (t->seen.kind == t->fresh.kind && t->seen.kind == OR_OK)
		what = ", another page";
	differs(w, "%s: %s for %s%s", op_name(t), words(&t->seen, a), words(&t->fresh, b), what);
}

/* ---- A and D bits
 * ---------------------------------------------------------------------------------- */

struct path {
	unsigned n, top;
	uint64_t pa[5]; /* of each level's entry, from the top down */
	bool link[5];
	bool whole; /* it ends with a leaf */
};

static void find_path(const struct or_regs *r, uint64_t gva, struct path *p)
{
	enum world_mode mode = world_mode_of(r);
	unsigned level = mode == MODE_LONG5 ? 5 : 4;
	uint64_t table = r->cr3 & 0xffffffffff000ull, e;

	*p = (struct path){ .top = level };
	for (; level; level--) {
		uint64_t at = gva >> (3 + 9 * level) & 511;

		p->pa[p->n] = table + at * 8;
		if (page_at(p->pa[p->n]) < 0)
			return;
		e = mirror_read(p->pa[p->n], 8);
		p->link[p->n++] = level > 1 && !((e & 0x80) && level <= 3);
		if (!(e & 1))
			return;
		if (level == 1 || (e & 0x80)) {
			p->whole = true;
			return;
		}
		table = e & 0xffffffffff000ull;
	}
}

static int level_on(const struct path *p, uint64_t pa)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (p->pa[i] == pa)
			return (int)(p->top - i);
	return -1;
}

static void level_word(struct world *w, unsigned page, unsigned at)
{
	uint64_t *real = (void *)(page_real(page) + at), *ours = (void *)&mirror[page][at];
	uint64_t all = *ours | (*(volatile uint64_t *)real & AD_BITS);

	w->legal[LEGAL_AD]++;
	if (all != *ours) {
		*ours = all;
		or_note_store(w->or, page_address(page) + at, 8);
	}
	*(volatile uint64_t *)real = all;
}

/* May it have read another page, cached, in which the same bytes lie? */
static bool other_page(struct world *w, const struct try *t)
{
	struct or_result seen = { .kind = OR_OK };
	struct or_held held;
	unsigned page;

	for (page = 0; page < NR_PAGES; page++) {
		if (t->acc.op != OR_READ || t->seen.kind != OR_OK || !is_candidate(t, page))
			continue;
		seen.gpa = page_address(page) + (t->gva & 0xfff);
		or_held(w->or, 0, &t->acc, &seen, &held);
		if (held.from == 0)
			return true;
	}
	return false;
}

static void judge_word(struct world *w, const struct try *t, const struct path *p,
		       const struct or_held *held, unsigned page, unsigned at)
{
	uint64_t real = low_bytes(page_real(page) + at, 8), ours = low_bytes(&mirror[page][at], 8);
	uint64_t missing = ours & ~real, more = real & ~ours;
	uint64_t pa = page_address(page) + at;
	int level = level_on(p, pa);
	bool fault = t->fresh.kind != OR_OK, known = true;
	const char *bit = (missing | more) == ENTRY_A  ? "A"
			  : (missing | more) & ENTRY_A ? "A and D"
						       : "D";

	if ((missing | more) & ~AD_BITS)
		known = differs(w, "memory of an entry differs: 0x%" PRIx64, missing | more);
	else if (missing && (held->from == 0 ||
			     (level >= 0 && (unsigned)level > held->from && missing == ENTRY_A)))
		;
	else if (missing && other_page(w, t))
		;
	else if (missing)
		known = differs(w, "%s: %s is not set at level %d, and nothing cached knows it",
				op_name(t), bit, level);
	else if (more && held->stale)
		;
	else if (more == ENTRY_A && fault && level > 0 && p->link[p->top - (unsigned)level])
		;
	else if (more)
		known = differs(w, "%s: %s is set at level %d of %s", op_name(t), bit, level,
				fault ? "a walk that faults" : "a walk that does not");
	if (known)
		level_word(w, page, at);
}

static void judge_ad(struct world *w, const struct try *t, const struct path *p,
		     const struct or_held *held)
{
	unsigned page, i, n = p->top;
	unsigned word[5];

	for (i = 0; i < n; i++)
		word[i] = (unsigned)(t->gva >> (12 + 9 * i) & 511) * 8;
	for (page = 0; page < NR_PAGES; page++) {
		const uint8_t *real = page_real(page);

		for (i = 0; i < n; i++)
			if (load(real + word[i], 8) != load(&mirror[page][word[i]], 8))
				judge_word(w, t, p, held, page, word[i]);
	}
}

static void sabotage_ad(const struct world *w, const struct try *t)
{
	uint64_t bit = metal.sabotage == SABOTAGE_A ? 0x20 : 0x40;
	unsigned i;

	(void)t;
	if (metal.sabotage != SABOTAGE_A && metal.sabotage != SABOTAGE_D)
		return;
	for (i = 0; i < w->nr_ad; i++) {
		uint64_t *e = (void *)(page_real((unsigned)page_at(w->ad[i])) + (w->ad[i] & 0xff8));

		*(volatile uint64_t *)e &= ~bit;
	}
}

/* ---- an access
 * ---------------------------------------------------------------------------------------- */

/* What was written stays if all agree where, and is taken back else. */
static void settle_store(struct world *w, const struct try *t, bool keep)
{
	int page = page_at(t->seen.gpa);
	unsigned at = t->gva & 0xfff;

	if (t->acc.op != OR_WRITE || t->seen.kind != OR_OK || page < 0)
		return;
	if (keep && t->seen.gpa == t->fresh.gpa) {
		memcpy(&mirror[page][at], page_real((unsigned)page) + at, t->size);
		or_note_store(w->or, t->seen.gpa & ~7ull, 8);
	} else {
		memcpy(page_real((unsigned)page) + at, &mirror[page][at], t->size);
	}
}

void judge_access(struct world *w, uint64_t gva, unsigned size, uint32_t access,
		  const uint64_t *value)
{
	struct try t = { .gva = gva, .size = size, .access = access };
	const struct or_regs *r = world_regs(w, 0);
	struct or_access dry;
	struct or_result res;
	struct or_held held;
	struct path path;
	bool understood;

	t.acc = (struct or_access){
		.gva = gva,
		.op = (enum or_op)(access & VMMU_TYPE_MASK),
		.user = access & VMMU_USER,
		.ac = access & VMMU_AC,
		.stack = access & VMMU_STACK,
	};
	t.xchg = t.acc.op == OR_WRITE && !t.acc.stack && (gva & 0x10) && !metal.no_xchg;
	dry = t.acc;
	dry.no_ad = true;
	or_translate(r, &w->orp, &w->ormem, &dry, &t.fresh);
	t.value = value ? *value : t.acc.op == OR_WRITE ? unlike_all(&t) : 0;
	metal.accesses++;
	if (metal.sabotage == SABOTAGE_LOST_STORE && t.acc.op == OR_WRITE && t.acc.ac)
		t.acc.op = OR_READ;
	do_access(&t);
	t.acc.op = dry.op;
	/* A value that was there before tells nothing of where it went. */
	if (value && t.fresh.kind == OR_OK && got.vector == DONE_VECTOR &&
	    mirror_read(t.fresh.gpa & ~7ull, 8) ==
		    low_bytes(page_real((unsigned)page_at(t.fresh.gpa)) + (gva & 0xff8), 8) &&
	    low_bytes(&mirror[page_at(t.fresh.gpa)][gva & 0xfff], size) ==
		    (size == 8 ? t.value : t.value & UINT32_MAX)) {
		t.seen = (struct or_result){ .kind = OR_OK, .gpa = t.fresh.gpa };
		understood = true;
	} else {
		understood = understand(w, &t);
	}
	if (!understood)
		return;
	metal.faults += t.seen.kind == OR_PF;
	judge_answer_of(w, &t);
	find_path(r, gva, &path);
	or_held(w->or, 0, &t.acc, &t.seen, &held);
	w->nr_ad = 0;
	or_translate(r, &w->orp, &w->ormem, &t.acc, &res);
	settle_store(w, &t, false);
	sabotage_ad(w, &t);
	for (unsigned i = 0; i < w->nr_ad; i++)
		or_note_store(w->or, w->ad[i], 8);
	judge_ad(w, &t, &path, &held);
	if (value && t.seen.kind == OR_OK && t.seen.gpa == t.fresh.gpa) {
		memcpy(page_real((unsigned)page_at(t.seen.gpa)) + (gva & 0xfff), &t.value, size);
		settle_store(w, &t, true);
	}
	if (t.seen.kind == OR_PF && metal.faults_keep)
		++*metal.faults_keep;
	else if (t.seen.kind == OR_PF)
		or_note_fault(w->or, 0, gva);
}

void judge_memory(struct world *w)
{
	unsigned page, at;

	for (page = 0; page < NR_PAGES && !w->failed[0]; page++) {
		const uint8_t *real = page_real(page);

		if (!memcmp(real, mirror[page], 4096))
			continue;
		for (at = 0; load(real + at, 8) == load(&mirror[page][at], 8);)
			at += 8;
		differs(w, "memory differs at 0x%" PRIx64 ": 0x%" PRIx64 " for 0x%" PRIx64,
			page_address(page) + at, load(real + at, 8), load(&mirror[page][at], 8));
	}
}
