/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory slots: added, removed, moved, found.
 * Not here: what backs their pages (page.c), who tracks and logs them (track.c, dirty.c).
 * Keeps: slots do not overlap; while they change, slot_changes is odd.
 */
#include "slot.h"

const uint64_t host_page_size[4] = { 0, 4096, 2ull << 20, 1ull << 30 };

void host_init(struct host *h)
{
	RB_INIT(&h->slots);
}

static int slot_cmp(struct slot *a, struct slot *b)
{
	return a->info.gpa.v < b->info.gpa.v ? -1 : a->info.gpa.v > b->info.gpa.v;
}

RB_GENERATE_INTERNAL(slot_tree, slot, node, slot_cmp, static __attribute__((__unused__)))

static int slot_has(const struct slot *s, uint64_t gpa)
{
	return gpa - s->info.gpa.v < s->info.size;
}

struct slot *slot_at(struct vmmu *vm, uint64_t gpa)
{
	struct slot *s = host_of(vm)->last;

	if (s && slot_has(s, gpa))
		return s;
	for (s = RB_ROOT(&host_of(vm)->slots); s;
	     s = gpa < s->info.gpa.v ? RB_LEFT(s, node) : RB_RIGHT(s, node)) {
		if (slot_has(s, gpa)) {
			host_of(vm)->last = s;
			return s;
		}
	}
	return NULL;
}

struct slot *slot_from(struct vmmu *vm, uint64_t gpa)
{
	struct slot *s = RB_ROOT(&host_of(vm)->slots), *found = NULL;

	while (s) {
		if (gpa < slot_end(s)) {
			found = s;
			s = RB_LEFT(s, node);
		} else {
			s = RB_RIGHT(s, node);
		}
	}
	return found;
}

struct slot *slot_next(struct slot *s)
{
	return RB_NEXT(slot_tree, NULL, s);
}

/* A slot other than `but` that has a byte of the range, or NULL. */
static struct slot *slot_overlapping(struct vmmu *vm, uint64_t gpa, uint64_t size,
				     const struct slot *but)
{
	struct slot *s = slot_from(vm, gpa);

	if (s && s == but)
		s = slot_next(s);
	return s && s->info.gpa.v < gpa + size ? s : NULL;
}

/* ---- adding, removing, moving ------------------------------------------------ */

unsigned host_page_level(uint64_t size)
{
	unsigned level;

	for (level = 1; level < ARRAY_SIZE(host_page_size); level++)
		if (size == host_page_size[level])
			return level;
	return 0;
}

static int check_place(struct vmmu *vm, uint64_t gpa, uint64_t size, const struct slot *but)
{
	struct slot *s;

	if ((gpa | size) & ~PAGE_MASK)
		return core_fail(vm, VMMU_EINVAL, "slot 0x%llx+0x%llx is not aligned to 4096",
				 (unsigned long long)gpa, (unsigned long long)size);
	if (!size || (gpa + size - 1) >> core_of(vm)->cfg.profile->maxphyaddr || gpa + size < gpa)
		return core_fail(vm, VMMU_EINVAL, "slot 0x%llx+0x%llx is empty or beyond %u bits",
				 (unsigned long long)gpa, (unsigned long long)size,
				 core_of(vm)->cfg.profile->maxphyaddr);
	s = slot_overlapping(vm, gpa, size, but);
	if (s)
		return core_fail(vm, VMMU_EEXIST, "slot 0x%llx+0x%llx overlaps that at 0x%llx",
				 (unsigned long long)gpa, (unsigned long long)size,
				 (unsigned long long)s->info.gpa.v);
	return VMMU_OK;
}

int host_pointer_fits(struct vmmu *vm, const void *p, uint64_t size)
{
	uint64_t first = vm_hpa(vm, p), last = first + size - 1;

	return (const uint8_t *)p >= core_of(vm)->base && last >= first &&
	       !(last >> core_of(vm)->cfg.host_maxphyaddr);
}

static int check_info(struct vmmu *vm, const struct vmmu_slot_info *i)
{
	int st = check_place(vm, i->gpa.v, i->size, NULL);

	if (st)
		return st;
	if (!vmmu_be_is_zero(i->reserved, sizeof(i->reserved)))
		return core_fail(vm, VMMU_EINVAL, "a slot's reserved room is not 0");
	if (i->flags & ~VMMU_SLOT_READONLY)
		return core_fail(vm, VMMU_EINVAL, "unknown slot flags 0x%x", i->flags);
	if (!i->pointer)
		return core_of(vm)->cfg.cb.host_page
			       ? VMMU_OK
			       : core_fail(vm, VMMU_EINVAL,
					   "a slot needs a pointer or the callback");
	if (!host_page_level(i->page_size))
		return core_fail(vm, VMMU_EINVAL, "page size 0x%llx is not 4K, 2M or 1G",
				 (unsigned long long)i->page_size);
	if (vm_hpa(vm, i->pointer) & ~PAGE_MASK)
		return core_fail(vm, VMMU_EINVAL, "the slot's pointer is not page-aligned");
	if (!host_pointer_fits(vm, i->pointer, i->size))
		return core_fail(vm, VMMU_EINVAL,
				 "the slot's memory is outside %u bits from the base",
				 core_of(vm)->cfg.host_maxphyaddr);
	return VMMU_OK;
}

static uint64_t blocks_for(uint64_t gpa, uint64_t size)
{
	return ((gpa + size - 1) >> BLOCK_SHIFT) - (gpa >> BLOCK_SHIFT) + 1;
}

static void free_block(struct vmmu *vm, struct block *b)
{
	core_free(core_of(vm), b->host, BLOCK_PAGES * sizeof(*b->host));
	core_free(core_of(vm), b->track, BLOCK_PAGES * sizeof(*b->track));
}

static void free_slot(struct vmmu *vm, struct slot *s)
{
	uint64_t i;

	for (i = 0; i < s->nr_blocks; i++)
		free_block(vm, &s->block[i]);
	core_free(core_of(vm), s->block, (size_t)s->nr_blocks * sizeof(*s->block));
	slot_free_dirty(vm, s);
	core_free(core_of(vm), s, sizeof(*s));
}

static void slots_begin(struct vmmu *vm)
{
	core_of(vm)->slot_changes++;
	VMMU_YIELD(vm, SLOTS);
	host_of(vm)->last = NULL;
}

static void slots_end(struct vmmu *vm)
{
	VMMU_YIELD(vm, SLOTS);
	host_of(vm)->last = NULL;
	core_of(vm)->slot_changes++;
	/* The generations have come round, so no entry may be left that carries one. */
	if (core_of(vm)->be->protect && !slot_generation(vm))
		host_change(vm, 0, VMMU_ALL, VMMU_CHANGE_ZAP);
}

int vmmu_slot_add(struct vmmu *vm, const struct vmmu_slot_info *info)
{
	struct slot *s;
	int st;

	clear_reason(vm);
	if (!core_of(vm)->be->protect && core_of(vm)->ready)
		return core_fail(vm, VMMU_ENOTSUP, "the memory of backend %s is fixed",
				 core_of(vm)->be->name);
	st = check_info(vm, info);
	if (st)
		return st;
	s = core_alloc(core_of(vm), sizeof(*s), 64);
	if (!s)
		return core_fail(vm, VMMU_ENOMEM, "no memory for a slot");
	s->info = *info;
	s->nr_blocks = blocks_for(info->gpa.v, info->size);
	s->block = core_alloc(core_of(vm), (size_t)s->nr_blocks * sizeof(*s->block), 0);
	if (!s->block) {
		core_free(core_of(vm), s, sizeof(*s));
		return core_fail(vm, VMMU_ENOMEM, "no memory for the slot's bookkeeping");
	}
	slots_begin(vm);
	RB_INSERT(slot_tree, &host_of(vm)->slots, s);
	slots_end(vm);
	return VMMU_OK;
}

struct slot *slot_starting(struct vmmu *vm, uint64_t gpa, int *st)
{
	struct slot *s = slot_at(vm, gpa);

	clear_reason(vm);
	*st = VMMU_OK;
	if (!core_of(vm)->be->protect)
		*st = core_fail(vm, VMMU_ENOTSUP, "the memory of backend %s is fixed",
				core_of(vm)->be->name);
	else if (!s || s->info.gpa.v != gpa)
		*st = core_fail(vm, VMMU_ENOENT, "no slot begins at 0x%llx",
				(unsigned long long)gpa);
	return *st ? NULL : s;
}

int vmmu_slot_remove(struct vmmu *vm, vmmu_gpa_t gpa)
{
	int st;
	struct slot *s = slot_starting(vm, gpa.v, &st);

	if (!s)
		return st;
	slots_begin(vm);
	RB_REMOVE(slot_tree, &host_of(vm)->slots, s);
	host_change(vm, gpa.v, s->info.size, VMMU_CHANGE_ZAP);
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
	/* What is kept of each page does not move: tracks belong to tables at the old place. */
	nr = blocks_for(to.v, s->info.size);
	block = core_alloc(core_of(vm), (size_t)nr * sizeof(*block), 0);
	if (!block)
		return core_fail(vm, VMMU_ENOMEM, "no memory to move a slot");
	slots_begin(vm);
	RB_REMOVE(slot_tree, &host_of(vm)->slots, s);
	host_change(vm, from.v, s->info.size, VMMU_CHANGE_ZAP);
	for (i = 0; i < s->nr_blocks; i++)
		free_block(vm, &s->block[i]);
	core_free(core_of(vm), s->block, (size_t)s->nr_blocks * sizeof(*s->block));
	s->block = block;
	s->nr_blocks = nr;
	s->info.gpa = to;
	RB_INSERT(slot_tree, &host_of(vm)->slots, s);
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
		return core_fail(vm, VMMU_EINVAL, "unknown slot flags 0x%x", flags);
	slots_begin(vm);
	s->info.flags = flags;
	host_change(vm, gpa.v, s->info.size, VMMU_CHANGE_ZAP);
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

/* ---- the whole ------------------------------------------------------------------ */

int host_check(struct vmmu *vm)
{
	struct slot *s, *before = NULL;
	uint64_t i;
	unsigned p, n;

	RB_FOREACH (s, slot_tree, &host_of(vm)->slots) {
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

void host_fini(struct vmmu *vm)
{
	struct slot *s;

	while ((s = RB_MIN(slot_tree, &host_of(vm)->slots))) {
		RB_REMOVE(slot_tree, &host_of(vm)->slots, s);
		free_slot(vm, s);
	}
}

int slot_is_readonly(const struct slot *s)
{
	return (s->info.flags & VMMU_SLOT_READONLY) != 0;
}
