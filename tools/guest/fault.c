/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-fault handler: anonymous pages, pages of files, copies at the first write, 2M pages
 * where an area has them.
 * Invariant: after a handled fault the access succeeds with the entry that is there, or the guest
 * has failed.
 */
#include "os.h"

/* Pages of a file that one fault maps, where they are in memory. */
#define AROUND 16u
#define FAULT_INSTRUCTIONS 900u
#define NEW_PAGE_INSTRUCTIONS 2300u
#define TRIES_MOST 4u

struct fault {
	struct space *s;
	struct area *a;
	uint64_t gva;
	uint32_t access;
	struct pt_found f;
};

static int is_write(const struct fault *x)
{
	return (x->access & VMMU_TYPE_MASK) == VMMU_WRITE;
}

static uint64_t page_of(uint64_t gva)
{
	return gva & ~(uint64_t)(FRAME_BYTES - 1);
}

/* Returns a frame for the area, or 0 with the guest failed. */
static uint64_t new_page(struct guest *g, struct fault *x)
{
	uint64_t pa = phys_get(&g->phys, ORDER_4K);

	if (!pa)
		guest_fail(g, "its memory is full: it needs more than ram=%lluM",
			   (unsigned long long)(g->config.ram >> 20));
	kernel_work(g, PATH_FAULT, NEW_PAGE_INSTRUCTIONS);
	x->a->flags |= AREA_COPIED;
	return pa;
}

static void set_leaf(struct guest *g, const struct fault *x, uint64_t gva, uint64_t entry)
{
	uint64_t at = pt_make(g, x->s->root, gva, 1);

	if (at)
		pt_set(g, at, entry);
}

static uint64_t written(const struct fault *x)
{
	return area_bits(x->a) | PTE_W | PTE_D;
}

static int wants_2m(const struct fault *x)
{
	uint64_t lo = x->gva & ~(SIZE_2M - 1);

	return (x->a->flags & AREA_HUGE) && x->f.level >= 2 && lo >= x->a->start &&
	       lo + SIZE_2M <= x->a->end;
}

/* Returns 0 if no such block is free. */
static int map_2m(struct guest *g, struct fault *x)
{
	uint64_t pa = phys_get(&g->phys, ORDER_2M), at;

	if (!pa)
		return 0;
	for (uint64_t i = 0; i < SIZE_2M; i += FRAME_BYTES)
		kernel_clear_page(g, pa + i);
	kernel_work(g, PATH_FAULT, NEW_PAGE_INSTRUCTIONS);
	at = pt_make(g, x->s->root, x->gva, 2);
	if (at)
		pt_set(g, at, pa | written(x) | PTE_PS);
	x->a->flags |= AREA_COPIED;
	return 1;
}

static void map_anonymous(struct guest *g, struct fault *x)
{
	uint64_t pa;

	if (wants_2m(x) && map_2m(g, x))
		return;
	if (!is_write(x)) {
		phys_share(&g->phys, g->zero_pa, ORDER_4K);
		x->a->flags |= AREA_COPIED;
		set_leaf(g, x, x->gva, g->zero_pa | area_bits(x->a));
		return;
	}
	pa = new_page(g, x);
	if (!pa)
		return;
	kernel_clear_page(g, pa);
	kernel_touch_frame(g, pa, VMMU_WRITE);
	set_leaf(g, x, x->gva, pa | written(x));
}

static uint64_t file_page(const struct area *a, uint64_t gva)
{
	return a->file->pa + (a->first * FRAME_BYTES + page_of(gva) - a->start);
}

static void map_cached(struct guest *g, struct fault *x, uint64_t gva)
{
	uint64_t pa = file_page(x->a, gva);
	uint64_t writable = is_write(x) && (x->a->flags & AREA_SHARED) ? PTE_W | PTE_D : 0;

	phys_share(&g->phys, pa, ORDER_4K);
	kernel_touch_frame(g, pa, VMMU_WRITE);
	set_leaf(g, x, gva, pa | area_bits(x->a) | writable);
	g->instructions += 600;
	g->accesses += 960;
}

/* Maps the pages of the file around the fault that are in memory and not mapped yet. */
static void map_around(struct guest *g, struct fault *x)
{
	uint64_t lo = x->gva & ~(uint64_t)(AROUND * FRAME_BYTES - 1);
	uint64_t hi = lo + AROUND * FRAME_BYTES;
	struct pt_found f;

	lo = lo < x->a->start ? x->a->start : lo;
	hi = hi > x->a->end ? x->a->end : hi;
	for (uint64_t gva = lo; gva < hi && !g->failed; gva += FRAME_BYTES) {
		pt_find(g, x->s->root, gva, &f);
		if (!f.entry)
			map_cached(g, x, gva);
	}
}

static void map_file(struct guest *g, struct fault *x)
{
	uint64_t pa;

	kernel_work(g, PATH_FILE, 600);
	if (!is_write(x)) {
		map_around(g, x);
		return;
	}
	if (x->a->flags & AREA_SHARED) {
		map_cached(g, x, page_of(x->gva));
		return;
	}
	pa = new_page(g, x);
	if (!pa)
		return;
	kernel_copy_page(g, pa, file_page(x->a, x->gva));
	set_leaf(g, x, x->gva, pa | written(x));
}

static int is_alone(struct guest *g, uint64_t pa, unsigned level)
{
	for (unsigned i = 0; i < (level == 2 ? 512u : 1u); i++)
		if (phys_users(&g->phys, pa + i * FRAME_BYTES) != 1)
			return 0;
	return pa != g->zero_pa;
}

/* A write to a present page: the page becomes writable, or is copied if others use it, too. */
static void write_present(struct guest *g, struct fault *x)
{
	uint64_t old = x->f.entry & PTE_ADDR, pa;

	kernel_touch_frame(g, old, VMMU_READ);
	if ((x->a->flags & AREA_SHARED) || is_alone(g, old, x->f.level)) {
		pt_set(g, x->f.at, x->f.entry | PTE_W | PTE_D | PTE_A);
		return;
	}
	if (x->f.level == 2) {
		space_split(g, x->s, x->gva);
		return; /* the next fault copies the small page */
	}
	pa = new_page(g, x);
	if (!pa)
		return;
	if (old == g->zero_pa)
		kernel_clear_page(g, pa);
	else
		kernel_copy_page(g, pa, old);
	pt_set(g, x->f.at, 0);
	kernel_flush(g, x->s, page_of(x->gva), page_of(x->gva) + FRAME_BYTES);
	pt_set(g, x->f.at, pa | written(x));
	kernel_touch_frame(g, old, VMMU_WRITE);
	phys_put(&g->phys, old, ORDER_4K);
}

static int allowed(const struct fault *x)
{
	static const uint32_t need[3] = { AREA_READ, AREA_WRITE, AREA_EXEC };

	return x->a && (x->a->flags & need[x->access & VMMU_TYPE_MASK]);
}

enum fault_result fault_handle(struct guest *g, uint64_t gva, uint32_t access)
{
	struct fault x = { .s = g->cur->space, .gva = gva, .access = access };

	kernel_work(g, PATH_ENTRY, FAULT_INSTRUCTIONS / 3);
	kernel_work(g, PATH_FAULT, FAULT_INSTRUCTIONS - FAULT_INSTRUCTIONS / 3);
	x.a = space_find(x.s, gva);
	if (!allowed(&x))
		return FAULT_SIGNAL;
	pt_find(g, x.s->root, gva, &x.f);
	kernel_touch(g, x.f.at, VMMU_READ);
	if (x.f.entry & PTE_P)
		write_present(g, &x);
	else if (x.a->file)
		map_file(g, &x);
	else
		map_anonymous(g, &x);
	kernel_return(g);
	return FAULT_DONE;
}

static int permits(uint64_t entry, uint32_t access)
{
	uint32_t type = access & VMMU_TYPE_MASK;

	return (entry & PTE_P) && (type != VMMU_WRITE || (entry & PTE_W)) &&
	       (type != VMMU_FETCH || !(entry & PTE_NX));
}

static void tell_fault(struct guest *g, uint64_t gva, uint32_t access, uint64_t entry)
{
	uint32_t type = access & VMMU_TYPE_MASK;
	uint64_t code = (entry & PTE_P ? VMMU_PF_P : 0) | (access & VMMU_USER ? VMMU_PF_U : 0) |
			(type == VMMU_WRITE ? VMMU_PF_W : 0) | (type == VMMU_FETCH ? VMMU_PF_I : 0);

	guest_record(g, VMMU_TRACE_FAULT, code, gva);
}

int guest_touch(struct guest *g, uint64_t gva, uint32_t access)
{
	struct space *s = g->cur->space;
	struct pt_found f;

	for (unsigned i = 0; i < TRIES_MOST && !g->failed; i++) {
		pt_find(g, s->root, gva, &f);
		if (permits(f.entry, access)) {
			uint64_t in = gva & ((1ull << pt_shift(f.level)) - 1);

			guest_access(g, gva, (f.entry & PTE_ADDR) + in, access);
			return 0;
		}
		tell_fault(g, gva, access, f.entry);
		if (fault_handle(g, gva, access) == FAULT_SIGNAL)
			return -1;
	}
	guest_fail(g, "a fault at 0x%llx repeats", (unsigned long long)gva);
	return -1;
}
