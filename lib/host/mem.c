/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory slots: what backs a GPA, which frames are tracked, which are dirty.
 * Not here: tables that map it (backends), invalidation by the host (notify.c).
 * Keeps: slots do not overlap; a page that is tracked, read-only or clean in a
 * running dirty log is never answered as writable.
 */
#include <string.h>

#include <vmmu/yield.h>

#include "../priv.h"

static const uint64_t level_size[] = { 0, 4096, 2ull << 20, 1ull << 30 };

static int slot_cmp(struct slot *a, struct slot *b)
{
	return a->info.gpa.v < b->info.gpa.v ? -1 : a->info.gpa.v > b->info.gpa.v;
}

RB_GENERATE_INTERNAL(slot_tree, slot, node, slot_cmp, static __attribute__((__unused__)))

static uint64_t slot_end(const struct slot *s)
{
	return s->info.gpa.v + s->info.size;
}

static int slot_has(const struct slot *s, uint64_t gpa)
{
	return gpa - s->info.gpa.v < s->info.size;
}

struct slot *slot_at(struct vmmu *vm, uint64_t gpa)
{
	struct slot *s = vm->last;

	if (s && slot_has(s, gpa))
		return s;
	for (s = RB_ROOT(&vm->slots); s;
	     s = gpa < s->info.gpa.v ? RB_LEFT(s, node) : RB_RIGHT(s, node)) {
		if (slot_has(s, gpa)) {
			vm->last = s;
			return s;
		}
	}
	return NULL;
}

static struct slot *slot_overlapping(struct vmmu *vm, uint64_t gpa, uint64_t size,
				     const struct slot *but)
{
	struct slot *s;

	RB_FOREACH (s, slot_tree, &vm->slots)
		if (s != but && gpa < slot_end(s) && s->info.gpa.v < gpa + size)
			return s;
	return NULL;
}

static struct block *block_of(struct slot *s, uint64_t gpa)
{
	return &s->block[(gpa >> BLOCK_SHIFT) - (s->info.gpa.v >> BLOCK_SHIFT)];
}

static unsigned page_in_block(uint64_t gpa)
{
	return (unsigned)(gpa >> VMMU_PAGE_SHIFT) & (BLOCK_PAGES - 1);
}

/* ---- adding, removing, moving ------------------------------------------------ */

static unsigned page_level(uint64_t size)
{
	unsigned level;

	for (level = 1; level < ARRAY_SIZE(level_size); level++)
		if (size == level_size[level])
			return level;
	return 0;
}

static int check_place(struct vmmu *vm, uint64_t gpa, uint64_t size, const struct slot *but)
{
	struct slot *s;

	if ((gpa | size) & ~PAGE_MASK)
		return fail(vm, VMMU_EINVAL, "slot 0x%llx+0x%llx is not aligned to 4096",
			    (unsigned long long)gpa, (unsigned long long)size);
	if (!size || (gpa + size - 1) >> vm->prof->maxphyaddr || gpa + size < gpa)
		return fail(vm, VMMU_EINVAL, "slot 0x%llx+0x%llx is empty or beyond %u bits",
			    (unsigned long long)gpa, (unsigned long long)size,
			    vm->prof->maxphyaddr);
	s = slot_overlapping(vm, gpa, size, but);
	if (s)
		return fail(vm, VMMU_EEXIST, "slot 0x%llx+0x%llx overlaps that at 0x%llx",
			    (unsigned long long)gpa, (unsigned long long)size,
			    (unsigned long long)s->info.gpa.v);
	return VMMU_OK;
}

static int pointer_fits(struct vmmu *vm, const void *p, uint64_t size)
{
	uint64_t first = hpa_of(vm->base, p), last = first + size - 1;

	return (const uint8_t *)p >= vm->base && last >= first &&
	       !(last >> vm->cfg.host_maxphyaddr);
}

static int check_info(struct vmmu *vm, const struct vmmu_slot_info *i)
{
	int st = check_place(vm, i->gpa.v, i->size, NULL);

	if (st)
		return st;
	if (i->flags & ~VMMU_SLOT_READONLY)
		return fail(vm, VMMU_EINVAL, "unknown slot flags 0x%x", i->flags);
	if (!i->pointer)
		return vm->cfg.cb.host_page
			       ? VMMU_OK
			       : fail(vm, VMMU_EINVAL, "a slot needs a pointer or the callback");
	if (!page_level(i->page_size))
		return fail(vm, VMMU_EINVAL, "page size 0x%llx is not 4K, 2M or 1G",
			    (unsigned long long)i->page_size);
	if (hpa_of(vm->base, i->pointer) & ~PAGE_MASK)
		return fail(vm, VMMU_EINVAL, "the slot's pointer is not page-aligned");
	if (!pointer_fits(vm, i->pointer, i->size))
		return fail(vm, VMMU_EINVAL, "the slot's memory is outside %u bits from the base",
			    vm->cfg.host_maxphyaddr);
	return VMMU_OK;
}

static uint64_t blocks_for(uint64_t gpa, uint64_t size)
{
	return ((gpa + size - 1) >> BLOCK_SHIFT) - (gpa >> BLOCK_SHIFT) + 1;
}

static size_t dirty_bytes(const struct slot *s)
{
	return (size_t)((s->info.size >> VMMU_PAGE_SHIFT) + 63) / 64 * 8;
}

static void free_block(struct vmmu *vm, struct block *b)
{
	vm_free(vm, b->host, BLOCK_PAGES * sizeof(*b->host));
	vm_free(vm, b->track, BLOCK_PAGES * sizeof(*b->track));
}

static void free_slot(struct vmmu *vm, struct slot *s)
{
	uint64_t i;

	for (i = 0; i < s->nr_blocks; i++)
		free_block(vm, &s->block[i]);
	vm_free(vm, s->block, (size_t)s->nr_blocks * sizeof(*s->block));
	vm_free(vm, s->dirty, dirty_bytes(s));
	vm_free(vm, s, sizeof(*s));
}

static void slots_begin(struct vmmu *vm)
{
	vm->slot_changes++;
	VMMU_YIELD(vm, SLOTS);
	vm->last = NULL;
}

static void slots_end(struct vmmu *vm)
{
	VMMU_YIELD(vm, SLOTS);
	vm->last = NULL;
	vm->slot_changes++;
	/* Generations are used again from here: nothing may have one. */
	if (vm->be->protect && !slot_generation(vm))
		change_range(vm, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
}

uint64_t slot_generation(const struct vmmu *vm)
{
	if (vm->slot_changes & 1)
		return NO_GENERATION;
	return vm->slot_changes >> 1 & ((1u << GENERATION_BITS) - 1);
}

int vmmu_slot_add(struct vmmu *vm, const struct vmmu_slot_info *info)
{
	struct slot *s;
	int st;

	vm->reason[0] = 0;
	if (!vm->be->protect && vm->ready)
		return fail(vm, VMMU_ENOTSUP, "the memory of backend %s is fixed", vm->be->name);
	st = check_info(vm, info);
	if (st)
		return st;
	s = vm_alloc(vm, sizeof(*s), 0);
	if (!s)
		return fail(vm, VMMU_ENOMEM, "no memory for a slot");
	s->info = *info;
	s->nr_blocks = blocks_for(info->gpa.v, info->size);
	s->block = vm_alloc(vm, (size_t)s->nr_blocks * sizeof(*s->block), 0);
	if (!s->block) {
		vm_free(vm, s, sizeof(*s));
		return fail(vm, VMMU_ENOMEM, "no memory for the slot's bookkeeping");
	}
	slots_begin(vm);
	RB_INSERT(slot_tree, &vm->slots, s);
	slots_end(vm);
	return VMMU_OK;
}

static struct slot *slot_starting(struct vmmu *vm, uint64_t gpa, int *st)
{
	struct slot *s = slot_at(vm, gpa);

	vm->reason[0] = 0;
	*st = VMMU_OK;
	if (!vm->be->protect)
		*st = fail(vm, VMMU_ENOTSUP, "the memory of backend %s is fixed", vm->be->name);
	else if (!s || s->info.gpa.v != gpa)
		*st = fail(vm, VMMU_ENOENT, "no slot begins at 0x%llx", (unsigned long long)gpa);
	return *st ? NULL : s;
}

int vmmu_slot_remove(struct vmmu *vm, vmmu_gpa_t gpa)
{
	int st;
	struct slot *s = slot_starting(vm, gpa.v, &st);

	if (!s)
		return st;
	slots_begin(vm);
	RB_REMOVE(slot_tree, &vm->slots, s);
	change_range(vm, gpa.v, s->info.size, VMMU_CHANGE_ZAP);
	free_slot(vm, s);
	slots_end(vm);
	return VMMU_OK;
}

int vmmu_slot_move(struct vmmu *vm, vmmu_gpa_t from, vmmu_gpa_t to)
{
	struct block *block;
	uint64_t i, nr;
	int st;
	struct slot *s = slot_starting(vm, from.v, &st);

	if (!s)
		return st;
	st = check_place(vm, to.v, s->info.size, s);
	if (st)
		return st;
	/* What is known per page stays behind: tracks with the tables there. */
	nr = blocks_for(to.v, s->info.size);
	block = vm_alloc(vm, (size_t)nr * sizeof(*block), 0);
	if (!block)
		return fail(vm, VMMU_ENOMEM, "no memory to move a slot");
	slots_begin(vm);
	RB_REMOVE(slot_tree, &vm->slots, s);
	change_range(vm, from.v, s->info.size, VMMU_CHANGE_ZAP);
	for (i = 0; i < s->nr_blocks; i++)
		free_block(vm, &s->block[i]);
	vm_free(vm, s->block, (size_t)s->nr_blocks * sizeof(*s->block));
	s->block = block;
	s->nr_blocks = nr;
	s->info.gpa = to;
	RB_INSERT(slot_tree, &vm->slots, s);
	slots_end(vm);
	return VMMU_OK;
}

int vmmu_slot_flags(struct vmmu *vm, vmmu_gpa_t gpa, uint32_t flags)
{
	int st;
	struct slot *s = slot_starting(vm, gpa.v, &st);

	if (!s)
		return st;
	if (flags & ~VMMU_SLOT_READONLY)
		return fail(vm, VMMU_EINVAL, "unknown slot flags 0x%x", flags);
	slots_begin(vm);
	s->info.flags = flags;
	change_range(vm, gpa.v, s->info.size, VMMU_CHANGE_ZAP);
	slots_end(vm);
	return VMMU_OK;
}

int vmmu_slot_find(struct vmmu *vm, vmmu_gpa_t gpa, struct vmmu_slot_info *info)
{
	struct slot *s = slot_at(vm, gpa.v);

	if (!s)
		return VMMU_ENOENT;
	*info = s->info;
	return VMMU_OK;
}

/* ---- what backs a page ---------------------------------------------------------- */

static uint64_t pointer_word(const struct slot *s, uint64_t gpa)
{
	return ((uint64_t)(uintptr_t)s->info.pointer + ((gpa - s->info.gpa.v) & PAGE_MASK)) |
	       HOST_THERE | HOST_WRITABLE |
	       (uint64_t)page_level(s->info.page_size) << HOST_LEVEL_SHIFT;
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

static uint8_t *word_pointer(uint64_t word, uint64_t gpa)
{
	return (uint8_t *)(uintptr_t)((word & PAGE_MASK) | (gpa & ~PAGE_MASK));
}

int mem_put_host(struct vmmu *vm, struct slot *s, uint64_t gpa, const struct vmmu_host_page *page)
{
	unsigned level = page_level(page->size);
	uint64_t first, last, at;

	if (!level || ((uintptr_t)page->pointer & ~PAGE_MASK) || !page->pointer ||
	    !pointer_fits(vm, page->pointer, VMMU_PAGE_SIZE))
		return fail(vm, VMMU_EINVAL, "host page for 0x%llx: bad pointer or size",
			    (unsigned long long)gpa);
	/* All of a large page that lies in the slot and in this block. */
	first = max64(gpa & ~(level_size[level] - 1), gpa & ~((1ull << BLOCK_SHIFT) - 1));
	first = max64(first, s->info.gpa.v);
	last = min64((gpa & ~(level_size[level] - 1)) + level_size[level],
		     (gpa | ((1ull << BLOCK_SHIFT) - 1)) + 1);
	last = min64(last, slot_end(s));
	if (!block_of(s, gpa)->host) {
		uint64_t *host = vm_alloc(vm, BLOCK_PAGES * sizeof(*host), 0);

		if (!host)
			return fail(vm, VMMU_ENOMEM, "no memory for what the host answered");
		block_of(s, gpa)->host = host;
	}
	for (at = first; at < last; at += VMMU_PAGE_SIZE)
		block_of(s, gpa)->host[page_in_block(at)] =
			((uint64_t)(uintptr_t)page->pointer + at - (gpa & PAGE_MASK)) | HOST_THERE |
			(page->writable ? HOST_WRITABLE : 0) | (uint64_t)level << HOST_LEVEL_SHIFT;
	return VMMU_OK;
}

int mem_ask(struct vmmu *vm, uint64_t gpa, int write)
{
	struct vmmu_host_page page = { 0 };
	uint64_t seq = vm->notify_seq, slots = vm->slot_changes;
	struct slot *s;
	int st, had;

	event(vm, NULL, VMMU_EV_HOST_ASK, gpa, (uint64_t)write);
	if (vm->cfg.cb.host_page(vm->cfg.cb.ctx, vmmu_gpa(gpa & PAGE_MASK), write, &page))
		return fail(vm, VMMU_EHOST, "the host has no page for 0x%llx",
			    (unsigned long long)gpa);
	/*
	 * SEQ was sampled before the host was asked.  If the host began or
	 * ended an invalidation since, the answer may be of a page that is
	 * gone: drop it and look again.
	 */
	if (seq != vm->notify_seq || slots != vm->slot_changes || notify_covers(vm, gpa, 1))
		return VMMU_OK;
	if (write && !page.writable)
		return fail(vm, VMMU_EHOST, "the host's page for 0x%llx is not writable",
			    (unsigned long long)gpa);
	s = slot_at(vm, gpa);
	had = host_word(s, gpa) != 0;
	st = mem_put_host(vm, s, gpa, &page);
	/* What was there (a shared page, say) may be mapped: by others, too. */
	if (!st && had)
		change_range(vm, gpa & ~(page.size - 1), page.size, VMMU_CHANGE_ZAP);
	return st;
}

void mem_forget(struct vmmu *vm, uint64_t gpa, uint64_t len)
{
	uint64_t at, end = gpa + len;
	struct slot *s;

	RB_FOREACH (s, slot_tree, &vm->slots) {
		uint64_t last = min64(end, slot_end(s));

		if (s->info.pointer)
			continue;
		for (at = max64(gpa, s->info.gpa.v) & PAGE_MASK; at < last;) {
			struct block *b = block_of(s, at);

			if (b->host)
				b->host[page_in_block(at)] = 0;
			/* A block without answers is one step. */
			at = b->host ? at + VMMU_PAGE_SIZE : (at | ((1ull << BLOCK_SHIFT) - 1)) + 1;
		}
	}
}

int mem_page(struct vmmu *vm, struct slot *s, uint64_t gpa, int write, uint64_t *word)
{
	if (unlikely(vm->nr_notify) && notify_covers(vm, gpa, 1))
		return VMMU_FIX_BUSY;
	*word = host_word(s, gpa);
	if (!*word || (write && !(*word & HOST_WRITABLE)))
		return VMMU_FIX_NEED_PAGE;
	return VMMU_FIX_RETRY;
}

/* ---- tracking and the dirty log ---------------------------------------------- */

int mem_tracked(struct slot *s, uint64_t gpa)
{
	struct block *b = block_of(s, gpa);

	return b->nr_tracked && b->track[page_in_block(gpa)];
}

static int is_dirty(const struct slot *s, uint64_t gpa)
{
	uint64_t n = (gpa - s->info.gpa.v) >> VMMU_PAGE_SHIFT;

	return s->dirty[n / 64] >> (n & 63) & 1;
}

void mem_mark_dirty(struct slot *s, uint64_t gpa)
{
	uint64_t n = (gpa - s->info.gpa.v) >> VMMU_PAGE_SHIFT;

	if (s->dirty)
		s->dirty[n / 64] |= 1ull << (n & 63);
}

int vmmu_be_track(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	struct block *b;
	uint16_t *n;

	if (!s)
		return VMMU_ENOENT;
	b = block_of(s, gpa.v);
	if (!b->track) {
		b->track = vm_alloc(vm, BLOCK_PAGES * sizeof(*b->track), 0);
		if (!b->track)
			return VMMU_ENOMEM;
	}
	n = &b->track[page_in_block(gpa.v)];
	if (*n == UINT16_MAX)
		return VMMU_ENOMEM;
	if ((*n)++)
		return VMMU_OK;
	b->nr_tracked++;
	VMMU_YIELD(vm, TRACK);
	change_range(vm, gpa.v & PAGE_MASK, VMMU_PAGE_SIZE, VMMU_CHANGE_WRPROT);
	return VMMU_OK;
}

void vmmu_be_untrack(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	struct block *b = s ? block_of(s, gpa.v) : NULL;

	if (b && b->track && b->track[page_in_block(gpa.v)] && !--b->track[page_in_block(gpa.v)])
		b->nr_tracked--;
}

int vmmu_dirty_log(struct vmmu *vm, vmmu_gpa_t slot, int on)
{
	int st;
	struct slot *s = slot_starting(vm, slot.v, &st);

	if (!s)
		return st;
	if (!on) {
		vm_free(vm, s->dirty, dirty_bytes(s));
		s->dirty = NULL;
		return VMMU_OK;
	}
	if (s->dirty) {
		memset(s->dirty, 0, dirty_bytes(s));
	} else {
		s->dirty = vm_alloc(vm, dirty_bytes(s), 0);
		if (!s->dirty)
			return fail(vm, VMMU_ENOMEM, "no memory for a dirty bitmap");
	}
	VMMU_YIELD(vm, LOG);
	change_range(vm, slot.v, s->info.size, VMMU_CHANGE_WRPROT);
	return VMMU_OK;
}

int vmmu_dirty_harvest(struct vmmu *vm, vmmu_gpa_t slot, uint64_t first, uint64_t nr,
		       uint64_t *bitmap)
{
	int st;
	struct slot *s = slot_starting(vm, slot.v, &st);
	uint64_t pages, word, words;

	if (!s)
		return st;
	pages = s->info.size >> VMMU_PAGE_SHIFT;
	if (!s->dirty)
		return fail(vm, VMMU_EINVAL, "the dirty log of this slot is off");
	if ((first & 63) || first >= pages || nr > pages - first ||
	    ((nr & 63) && first + nr != pages))
		return fail(vm, VMMU_EINVAL, "pages %llu+%llu: not words of the slot's bitmap",
			    (unsigned long long)first, (unsigned long long)nr);
	/*
	 * Clear, then take the right to write and flush: a store between the
	 * two sets its bit again, or happened before and is in the answer.
	 */
	words = (nr + 63) / 64;
	for (word = 0; word < words; word++) {
		bitmap[word] = s->dirty[first / 64 + word];
		s->dirty[first / 64 + word] = 0;
	}
	VMMU_YIELD(vm, LOG);
	for (word = 0; word < words; word++) {
		uint64_t left = bitmap[word];

		for (; left; left &= left - 1) {
			uint64_t page = first + word * 64 + (uint64_t)__builtin_ctzll(left);

			vm->be->protect(vm, vmmu_gpa(slot.v + (page << VMMU_PAGE_SHIFT)),
					VMMU_PAGE_SIZE, VMMU_CHANGE_WRPROT);
		}
	}
	change_range(vm, slot.v + (first << VMMU_PAGE_SHIFT), nr << VMMU_PAGE_SHIFT,
		     VMMU_CHANGE_FLUSH);
	return VMMU_OK;
}

/* ---- what a leaf may be --------------------------------------------------------- */

/* Whether one leaf of this level may map gpa: paging-rules "large host pages". */
static int level_fits(struct vmmu *vm, struct slot *s, uint64_t gpa, uint64_t word, unsigned level)
{
	uint64_t size = level_size[level], low = gpa & ~(size - 1), at;
	uint64_t hpa = hpa_of(vm->base, word_pointer(word, gpa));

	if (((hpa ^ gpa) & (size - 1)) || low < s->info.gpa.v || low + size > slot_end(s))
		return 0;
	if (s->dirty || (vm->nr_notify && notify_covers(vm, low, size)))
		return 0;
	for (at = low; at < low + size; at += 1ull << BLOCK_SHIFT)
		if (block_of(s, at)->nr_tracked)
			return 0;
	/* One page of it may have been replaced since (copy on write). */
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
	return word ? level_size[best_level(vm, s, gpa.v, word)] : VMMU_PAGE_SIZE;
}

static int miss(struct vmmu_fix *fix, uint64_t gpa, int write, int kind)
{
	fix->gpa = vmmu_gpa(gpa);
	fix->write = (uint8_t)write;
	if (kind == VMMU_FIX_MMIO)
		fix->event = VMMU_EV_EXIT_MMIO;
	return kind;
}

/* What a page is, its size apart. */
static void fill_page(struct vmmu *vm, struct slot *s, uint64_t gpa, uint64_t word,
		      struct vmmu_page *page)
{
	page->hpa = vmmu_hpa(hpa_of(vm->base, word_pointer(word, gpa)));
	page->logged = s->dirty && !is_dirty(s, gpa);
	page->writable =
		(word & HOST_WRITABLE) && !page->readonly && !page->tracked && !page->logged;
}

static void begin_page(struct slot *s, uint64_t gpa, struct vmmu_page *page)
{
	page->readonly = (s->info.flags & VMMU_SLOT_READONLY) != 0;
	page->tracked = (uint8_t)mem_tracked(s, gpa);
}

int vmmu_be_small_page(struct vmmu *vm, vmmu_gpa_t gpa, struct vmmu_page *page)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word;

	if (!s || mem_page(vm, s, gpa.v, 0, &word) != VMMU_FIX_RETRY)
		return 0;
	memset(page, 0, sizeof(*page));
	page->level = 1;
	begin_page(s, gpa.v, page);
	fill_page(vm, s, gpa.v, word, page);
	return 1;
}

int vmmu_be_page(struct vmmu *vm, vmmu_gpa_t gpa, int write, struct vmmu_page *page,
		 struct vmmu_fix *fix)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word;
	int kind;

	memset(page, 0, sizeof(*page));
	fix->gpa = gpa;
	if (!s)
		return miss(fix, gpa.v, write, VMMU_FIX_MMIO);
	begin_page(s, gpa.v, page);
	kind = mem_page(vm, s, gpa.v, write && !page->readonly, &word);
	if (kind != VMMU_FIX_RETRY)
		return miss(fix, gpa.v, write, kind);
	if (write && !page->readonly && !page->tracked) {
		page->armed = s->dirty && !is_dirty(s, gpa.v);
		mem_mark_dirty(s, gpa.v);
	}
	page->level = (uint8_t)best_level(vm, s, gpa.v, word);
	fill_page(vm, s, gpa.v, word, page);
	if (page->level < HOST_LEVEL(word))
		event(vm, NULL, VMMU_EV_SMALL_PAGE, gpa.v, page->level);
	return write && page->readonly ? miss(fix, gpa.v, write, VMMU_FIX_MMIO) : kind;
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
	if (!word || at_hpa(vm->base, leaf->oa) != word_pointer(word, leaf->gpa))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx is mapped to hpa 0x%llx, not its memory",
				      pt->fmt->name, (unsigned long long)leaf->gpa,
				      (unsigned long long)leaf->oa);
	if (notify_covers(vm, low, size))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx is mapped while being invalidated",
				      pt->fmt->name, (unsigned long long)leaf->gpa);
	if (!(leaf->rights & VMMU_W))
		return VMMU_OK;
	if (leaf->level > 1 &&
	    (leaf->level > HOST_LEVEL(word) || !level_fits(vm, s, leaf->gpa, word, leaf->level)))
		return vmmu_be_broken(vm, "%s: gpa 0x%llx: no writable leaf of level %u fits",
				      pt->fmt->name, (unsigned long long)leaf->gpa, leaf->level);
	if (!(word & HOST_WRITABLE) || (s->info.flags & VMMU_SLOT_READONLY) ||
	    mem_tracked(s, leaf->gpa) || (s->dirty && !is_dirty(s, leaf->gpa)))
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
	if (mem_page(vm, s, pa, 0, &word) != VMMU_FIX_RETRY)
		return VMMU_MEM_ABSENT;
	*value = entry_load(word_pointer(word, pa), size);
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
	if (mem_page(vm, s, pa, 1, &word) != VMMU_FIX_RETRY)
		return VMMU_MEM_ABSENT;
	mem_mark_dirty(s, pa);
	return entry_cmpxchg(word_pointer(word, pa), size, old, new_value) ? VMMU_MEM_OK
									   : VMMU_MEM_CHANGED;
}

const void *vmmu_be_frame(struct vmmu *vm, vmmu_gpa_t gpa)
{
	struct slot *s = slot_at(vm, gpa.v);
	uint64_t word;

	if (!s || mem_page(vm, s, gpa.v, 0, &word) != VMMU_FIX_RETRY)
		return NULL;
	return word_pointer(word, gpa.v & PAGE_MASK);
}

uint64_t vmmu_be_load(const void *entry, unsigned bytes)
{
	return entry_load(entry, bytes);
}

const struct vmmu_mem_ops mem_slot_ops = { slots_read, slots_cmpxchg, NULL };

/* ---- the whole ------------------------------------------------------------------ */

int mem_check(struct vmmu *vm)
{
	struct slot *s, *before = NULL;
	uint64_t i;
	unsigned p, n;

	RB_FOREACH (s, slot_tree, &vm->slots) {
		if (before && slot_end(before) > s->info.gpa.v)
			return vmmu_be_broken(vm, "slots at 0x%llx and 0x%llx overlap",
					      (unsigned long long)before->info.gpa.v,
					      (unsigned long long)s->info.gpa.v);
		before = s;
		for (i = 0; i < s->nr_blocks; i++) {
			if (!s->block[i].track)
				continue;
			for (p = n = 0; p < BLOCK_PAGES; p++)
				n += s->block[i].track[p] != 0;
			if (n != s->block[i].nr_tracked)
				return vmmu_be_broken(vm, "block %llu: %u pages tracked, not %u",
						      (unsigned long long)i, n,
						      s->block[i].nr_tracked);
		}
	}
	return VMMU_OK;
}

void mem_fini(struct vmmu *vm)
{
	struct slot *s;

	while ((s = RB_MIN(slot_tree, &vm->slots))) {
		RB_REMOVE(slot_tree, &vm->slots, s);
		free_slot(vm, s);
	}
}
