/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What backs a page: the slot's memory, or what the host answered; and which leaf may map it.
 * Not here: tables that map it (backends), when the host takes it away (notify.c).
 * Keeps: a page that is tracked, read-only or clean in a running dirty log is never returned as
 * writable.
 */
#include <string.h>

#include "slot.h"

/*
 * A host word: pointer of the page, the level of its size, and whether it is writable.
 */
#define HOST_THERE 1ull
#define HOST_WRITABLE 2ull
#define HOST_LEVEL_SHIFT 2
#define HOST_LEVEL(w) ((unsigned)((w) >> HOST_LEVEL_SHIFT & 3))

static uint64_t pointer_word(const struct slot *s, uint64_t gpa)
{
	return ((uint64_t)(uintptr_t)s->info.pointer + ((gpa - s->info.gpa.v) & PAGE_MASK)) |
	       HOST_THERE | HOST_WRITABLE |
	       (uint64_t)host_page_level(s->info.page_size) << HOST_LEVEL_SHIFT;
}

/* What the host has given for gpa; 0: nothing yet. */
static uint64_t host_word(struct slot *s, uint64_t gpa)
{
	struct block *b;

	if (s->info.pointer)
		return pointer_word(s, gpa);
	b = block_of(s, gpa);
	return b->host ? b->host[page_in_block(gpa)] : 0;
}

uint8_t *host_word_pointer(uint64_t word, uint64_t gpa)
{
	return (uint8_t *)(uintptr_t)((word & PAGE_MASK) | (gpa & ~PAGE_MASK));
}

int host_put_page(struct vmmu *vm, struct slot *s, uint64_t gpa, const struct vmmu_host_page *page)
{
	unsigned level = host_page_level(page->size);
	uint64_t first, last, at;

	if (!vmmu_be_is_zero(page->reserved, sizeof(page->reserved)))
		return core_fail(vm, VMMU_EINVAL, "host page for 0x%llx: reserved room is not 0",
				 (unsigned long long)gpa);
	if (!level || ((uintptr_t)page->pointer & ~PAGE_MASK) || !page->pointer ||
	    !host_pointer_fits(vm, page->pointer, VMMU_PAGE_SIZE))
		return core_fail(vm, VMMU_EINVAL, "host page for 0x%llx: bad pointer or size",
				 (unsigned long long)gpa);
	/* The part of a large page that lies in the slot and in this block. */
	first = max64(gpa & ~(host_page_size[level] - 1), gpa & ~((1ull << BLOCK_SHIFT) - 1));
	first = max64(first, s->info.gpa.v);
	last = min64((gpa & ~(host_page_size[level] - 1)) + host_page_size[level],
		     (gpa | ((1ull << BLOCK_SHIFT) - 1)) + 1);
	last = min64(last, slot_end(s));
	if (!block_of(s, gpa)->host) {
		uint64_t *host = core_alloc(core_of(vm), BLOCK_PAGES * sizeof(*host), 0);

		if (!host)
			return core_fail(vm, VMMU_ENOMEM, "no memory for what the host answered");
		block_of(s, gpa)->host = host;
	}
	for (at = first; at < last; at += VMMU_PAGE_SIZE)
		block_of(s, gpa)->host[page_in_block(at)] =
			((uint64_t)(uintptr_t)page->pointer + at - (gpa & PAGE_MASK)) | HOST_THERE |
			(page->writable ? HOST_WRITABLE : 0) | (uint64_t)level << HOST_LEVEL_SHIFT;
	return VMMU_OK;
}

/* An access whose answers are dropped so often gives the host time. */
#define MOST_DROPPED 64u

/* Asks the host for a page; VMMU_OK: try again. */
static int ask_host(struct vmmu *vm, uint64_t gpa, int write, unsigned *dropped)
{
	struct vmmu_host_page page = { 0 };
	uint64_t seq = host_of(vm)->notify_seq, slots = core_of(vm)->slot_changes;
	struct slot *s;
	int st, had;

	event(vm, NULL, VMMU_EV_HOST_ASK, gpa, (uint64_t)write);
	if (core_of(vm)->cfg.cb.host_page(core_of(vm)->cfg.cb.ctx, vmmu_gpa(gpa & PAGE_MASK), write,
					  &page))
		return core_fail(vm, VMMU_EHOST, "the host has no page for 0x%llx",
				 (unsigned long long)gpa);
	/*
	 * The numbers were read before the host was asked.  If an invalidation ended, a page was
	 * changed or a slot moved since, the host's answer may name memory that is no longer the
	 * guest's: it is dropped, and the access tries again.
	 */
	if (seq != host_of(vm)->notify_seq || slots != core_of(vm)->slot_changes ||
	    host_is_invalidating(vm, gpa, 1)) {
		if (++*dropped < MOST_DROPPED)
			return VMMU_OK;
		return core_fail(vm, VMMU_AGAIN,
				 "the host invalidated memory each of the %u times that it was "
				 "asked for 0x%llx",
				 *dropped, (unsigned long long)gpa);
	}
	if (write && !page.writable)
		return core_fail(vm, VMMU_EHOST, "the host's page for 0x%llx is not writable",
				 (unsigned long long)gpa);
	s = slot_at(vm, gpa);
	had = host_word(s, gpa) != 0;
	st = host_put_page(vm, s, gpa, &page);
	/* The page that was there before, a shared one for instance, may be mapped in many places.
	 */
	if (!st && had)
		host_change(vm, gpa & ~(page.size - 1), page.size, VMMU_CHANGE_ZAP);
	return st;
}

int host_resolve(struct vmmu *vm, enum vmmu_page_kind kind, uint64_t gpa, int write,
		 unsigned *dropped)
{
	if (kind == VMMU_PAGE_WANTED && !host_is_invalidating(vm, gpa, 1))
		return ask_host(vm, gpa, write, dropped);
	return core_fail(vm, VMMU_AGAIN, "gpa 0x%llx is being invalidated",
			 (unsigned long long)gpa);
}

void host_forget(struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	uint64_t at, end = gpa + len;
	struct slot *s;

	for (s = slot_from(vm, gpa); s && s->info.gpa.v < end; s = slot_next(s)) {
		uint64_t last = min64(end, slot_end(s));

		if (s->info.pointer)
			continue;
		for (at = max64(gpa, s->info.gpa.v) & PAGE_MASK; at < last;) {
			struct block *b = block_of(s, at);

			if (b->host)
				b->host[page_in_block(at)] = 0;
			/* A block for which the host was never asked is skipped. */
			at = b->host ? at + VMMU_PAGE_SIZE : (at | ((1ull << BLOCK_SHIFT) - 1)) + 1;
		}
	}
}

enum vmmu_page_kind host_page(struct vmmu *vm, struct slot *s, uint64_t gpa, int write,
			      uint64_t *word)
{
	if (unlikely(host_of(vm)->nr_notify) && host_is_invalidating(vm, gpa, 1))
		return VMMU_PAGE_BUSY;
	*word = host_word(s, gpa);
	if (!*word || (write && !(*word & HOST_WRITABLE)))
		return VMMU_PAGE_WANTED;
	return VMMU_PAGE_THERE;
}

/* ---- what a leaf may be --------------------------------------------------------- */

/* Whether one leaf of this level may map gpa: paging-rules "large host pages". */
static int level_fits(struct vmmu *vm, struct slot *s, uint64_t gpa, uint64_t word, unsigned level)
{
	uint64_t size = host_page_size[level], low = gpa & ~(size - 1), at;
	uint64_t hpa = vm_hpa(vm, host_word_pointer(word, gpa));

	if (((hpa ^ gpa) & (size - 1)) || low < s->info.gpa.v || low + size > slot_end(s))
		return 0;
	if (s->dirty || (host_of(vm)->nr_notify && host_is_invalidating(vm, low, size)))
		return 0;
	for (at = low; at < low + size; at += 1ull << BLOCK_SHIFT)
		if (block_of(s, at)->nr_tracked)
			return 0;
	/* A single page of it may have been replaced since, by copy on write for instance. */
	for (at = low; !s->info.pointer && at < low + size; at += VMMU_PAGE_SIZE)
		if (host_word(s, at) != word - (gpa & PAGE_MASK) + at)
			return 0;
	return 1;
}

static unsigned best_level(struct vmmu *vm, struct slot *s, uint64_t gpa, uint64_t word)
{
	unsigned level = HOST_LEVEL(word);

	while (level > 1 && !level_fits(vm, s, gpa, word, level))
		level--;
	return level;
}

uint64_t vmmu_slot_leaf(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word = s ? host_word(s, gpa.v) : 0;

	if (!s)
		return 0;
	return word ? host_page_size[best_level(vm, s, gpa.v, word)] : VMMU_PAGE_SIZE;
}

/* Fills *fix when vmmu_be_page() has no page to offer. */
static enum vmmu_page_kind page_missed(struct vmmu_fix *fix, uint64_t gpa, int write,
				       enum vmmu_page_kind kind)
{
	fix->gpa = vmmu_gpa(gpa);
	fix->write = (uint8_t)write;
	if (kind == VMMU_PAGE_NONE)
		fix->event = VMMU_EV_EXIT_MMIO;
	return kind;
}

/* Fills all of *page but its level. */
static void fill_page(struct vmmu *vm, struct slot *s, uint64_t gpa, uint64_t word,
		      struct vmmu_page *page)
{
	page->hpa = vmmu_hpa(vm_hpa(vm, host_word_pointer(word, gpa)));
	page->logged = s->dirty && !slot_is_dirty(s, gpa);
	page->writable =
		(word & HOST_WRITABLE) && !page->readonly && !page->tracked && !page->logged;
}

static void begin_page(struct slot *s, uint64_t gpa, struct vmmu_page *page)
{
	page->readonly = (s->info.flags & VMMU_SLOT_READONLY) != 0;
	page->tracked = (uint8_t)slot_is_tracked(s, gpa);
}

int vmmu_be_small_page(struct vmmu *vm, vmmu_gpa_t gpa, struct vmmu_page *page)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word;

	if (!s || host_page(vm, s, gpa.v, 0, &word) != VMMU_PAGE_THERE)
		return 0;
	memset(page, 0, sizeof(*page));
	page->level = 1;
	begin_page(s, gpa.v, page);
	fill_page(vm, s, gpa.v, word, page);
	return 1;
}

enum vmmu_page_kind vmmu_be_page(struct vmmu *vm, vmmu_gpa_t gpa, int write, struct vmmu_page *page,
				 struct vmmu_fix *fix)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word;
	enum vmmu_page_kind kind;

	memset(page, 0, sizeof(*page));
	fix->gpa = gpa;
	if (!s)
		return page_missed(fix, gpa.v, write, VMMU_PAGE_NONE);
	begin_page(s, gpa.v, page);
	kind = host_page(vm, s, gpa.v, write && !page->readonly, &word);
	if (kind != VMMU_PAGE_THERE)
		return page_missed(fix, gpa.v, write, kind);
	if (write && !page->readonly && !page->tracked) {
		page->armed = s->dirty && !slot_is_dirty(s, gpa.v);
		slot_mark_dirty(s, gpa.v);
	}
	page->level = (uint8_t)best_level(vm, s, gpa.v, word);
	fill_page(vm, s, gpa.v, word, page);
	if (page->level < HOST_LEVEL(word))
		event(vm, NULL, VMMU_EV_SMALL_PAGE, gpa.v, page->level);
	return write && page->readonly ? page_missed(fix, gpa.v, write, VMMU_PAGE_NONE) : kind;
}

int vmmu_be_check_leaf(void *ctx, const struct vmmu_pt *pt, const struct vmmu_leaf *leaf)
{
	struct vmmu *vm = ctx;
	uint64_t size = 1ull << pt->fmt->lv[leaf->level].shift;
	uint64_t low = leaf->gpa & ~(size - 1), word;
	struct slot *s = slot_at(vm, leaf->gpa);

	if (!s)
		return vmmu_be_broken(vm, "%s: 0x%llx maps gpa 0x%llx, which is in no slot",
				      pt->fmt->name, (unsigned long long)leaf->ia,
				      (unsigned long long)leaf->gpa);
	word = host_word(s, leaf->gpa);
	if (!word || vm_pointer(vm, leaf->oa) != host_word_pointer(word, leaf->gpa))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx is mapped to hpa 0x%llx, not its memory",
				      pt->fmt->name, (unsigned long long)leaf->gpa,
				      (unsigned long long)leaf->oa);
	if (host_is_invalidating(vm, low, size))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx is mapped while being invalidated",
				      pt->fmt->name, (unsigned long long)leaf->gpa);
	if (!(leaf->rights & VMMU_W))
		return VMMU_OK;
	if (leaf->level > 1 &&
	    (leaf->level > HOST_LEVEL(word) || !level_fits(vm, s, leaf->gpa, word, leaf->level)))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx: no writable leaf of level %u fits",
				      pt->fmt->name, (unsigned long long)leaf->gpa, leaf->level);
	if (!(word & HOST_WRITABLE) || (s->info.flags & VMMU_SLOT_READONLY) ||
	    slot_is_tracked(s, leaf->gpa) || (s->dirty && !slot_is_dirty(s, leaf->gpa)))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx is writable and should not be",
				      pt->fmt->name, (unsigned long long)leaf->gpa);
	return VMMU_OK;
}

/* ---- memory callbacks for walks in software ------------------------------------- */

static int slots_read(void *ctx, uint64_t pa, unsigned size, uint64_t *value)
{
	struct vmmu *vm = ctx;
	struct slot *s = slot_at(vm, pa);
	uint64_t word;

	if (!s)
		return VMMU_MEM_NONE;
	if (host_page(vm, s, pa, 0, &word) != VMMU_PAGE_THERE)
		return VMMU_MEM_ABSENT;
	*value = entry_load(host_word_pointer(word, pa), size);
	return VMMU_MEM_OK;
}

static int slots_cmpxchg(void *ctx, uint64_t pa, unsigned size, uint64_t old, uint64_t new_value)
{
	struct vmmu *vm = ctx;
	struct slot *s = slot_at(vm, pa);
	uint64_t word;

	if (!s)
		return VMMU_MEM_NONE;
	if (s->info.flags & VMMU_SLOT_READONLY)
		return VMMU_MEM_READONLY;
	if (host_page(vm, s, pa, 1, &word) != VMMU_PAGE_THERE)
		return VMMU_MEM_ABSENT;
	slot_mark_dirty(s, pa);
	return entry_cmpxchg(host_word_pointer(word, pa), size, old, new_value) ? VMMU_MEM_OK
										: VMMU_MEM_CHANGED;
}

const void *vmmu_be_frame(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word;

	if (!s || host_page(vm, s, gpa.v, 0, &word) != VMMU_PAGE_THERE)
		return NULL;
	return host_word_pointer(word, gpa.v & PAGE_MASK);
}

uint64_t vmmu_be_load(const void *entry, unsigned bytes)
{
	return entry_load(entry, bytes);
}

const struct vmmu_mem_ops slot_mem_ops = { slots_read, slots_cmpxchg, NULL };
