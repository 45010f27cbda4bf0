/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: areas, and what mapping, unmapping, protecting and copying them does to page
 * tables.
 * Not here: mapping pages at faults (fault.c).
 * Invariant: a frame or table is freed only after it was taken out and flushed.
 */
#include "os.h"

#include <stdlib.h>
#include <string.h>

#define USER_TOP 0x7ffffffff000ull
#define MAP_TOP 0x7ffff7fff000ull
#define PTE_NONE PTE_G /* mapped, but the area allows no access, so P=0 */

/* ---- areas ----------------------------------------------------------------- */

struct area *space_find(struct space *s, uint64_t gva)
{
	for (unsigned i = 0; i < s->nr; i++)
		if (gva >= s->area[i].start && gva < s->area[i].end)
			return &s->area[i];
	return NULL;
}

static int is_used(const struct space *s, uint64_t lo, uint64_t hi)
{
	for (unsigned i = 0; i < s->nr; i++)
		if (lo < s->area[i].end && hi > s->area[i].start)
			return 1;
	return 0;
}

/* Returns the highest free place below map_top, or 0. */
static uint64_t find_room(const struct space *s, uint64_t bytes, uint64_t align)
{
	uint64_t at = (s->map_top - bytes) & ~(align - 1);

	for (unsigned i = s->nr; i-- > 0 && at;) {
		const struct area *a = &s->area[i];

		if (at < a->end && at + bytes > a->start)
			at = a->start < bytes ? 0 : (a->start - bytes) & ~(align - 1);
	}
	return at;
}

static int insert(struct guest *g, struct space *s, const struct area *a)
{
	unsigned i = s->nr;

	if (s->nr == AREAS_MOST) {
		guest_fail(g, "a process has more than %u areas of memory", AREAS_MOST);
		return -1;
	}
	for (; i > 0 && s->area[i - 1].start > a->start; i--)
		s->area[i] = s->area[i - 1];
	s->area[i] = *a;
	s->nr++;
	return 0;
}

/* Splits the area at `at`, if there is one, so that an area begins there. */
static int split_area(struct guest *g, struct space *s, uint64_t at)
{
	for (unsigned i = 0; i < s->nr; i++) {
		struct area *a = &s->area[i], tail = *a;

		if (at <= a->start || at >= a->end)
			continue;
		tail.first += (at - a->start) / FRAME_BYTES;
		tail.start = at;
		a->end = at;
		return insert(g, s, &tail);
	}
	return 0;
}

uint64_t space_map(struct guest *g, struct space *s, uint64_t at, const struct area *want)
{
	uint64_t align = want->flags & AREA_GIANT  ? SIZE_1G
			 : want->flags & AREA_HUGE ? SIZE_2M
						   : FRAME_BYTES;
	struct area a = *want;
	uint64_t bytes = want->end - want->start;

	a.start = at ? at : find_room(s, bytes, bytes >= align ? align : FRAME_BYTES);
	a.end = a.start + bytes;
	if (!a.start || a.end > USER_TOP || is_used(s, a.start, a.end)) {
		guest_fail(g, "no room for 0x%llx bytes in a process", (unsigned long long)bytes);
		return 0;
	}
	return insert(g, s, &a) < 0 ? 0 : a.start;
}

uint64_t space_grow(struct guest *g, struct space *s, uint64_t bytes)
{
	struct area *heap = space_find(s, s->brk),
		    a = { .end = bytes, .flags = AREA_READ | AREA_WRITE };

	if (!heap) {
		a.flags |= g->config.thp ? AREA_HUGE : 0;
		return space_map(g, s, s->brk, &a);
	}
	if (is_used(s, heap->end, heap->end + bytes)) {
		guest_fail(g, "no room for a larger heap in a process");
		return 0;
	}
	heap->end += bytes;
	return heap->start;
}

uint64_t area_bits(const struct area *a)
{
	uint64_t bits = PTE_U | PTE_A | (a->flags & AREA_EXEC ? 0 : PTE_NX);

	return bits | (a->flags & (AREA_READ | AREA_WRITE | AREA_EXEC) ? PTE_P : PTE_NONE);
}

struct space *space_new(struct guest *g)
{
	struct space *s = calloc(1, sizeof(*s));
	uint64_t root = s ? phys_get(&g->phys, ORDER_4K) : 0;

	if (!root) {
		guest_fail(g, s ? "its memory is full" : "out of memory");
		free(s);
		return NULL;
	}
	*s = (struct space){ .root = root, .id = ++g->spaces, .map_top = MAP_TOP };
	memset(pt_slot(g, root), 0, FRAME_BYTES / 2);
	memcpy(pt_slot(g, root) + 256, pt_slot(g, g->init_root) + 256, FRAME_BYTES / 2);
	kernel_clear_page(g, root);
	kernel_touch(g, g->init_root + FRAME_BYTES / 2, VMMU_READ);
	kernel_touch_frame(g, root, VMMU_WRITE);
	pt_tell(g, root, 4);
	return s;
}

void space_free(struct guest *g, struct space *s)
{
	if (s && !g->failed && s->root)
		pt_free(g, s->root, 4);
	free(s);
}

/* ---- taking out -------------------------------------------------------------- */

static void gather_end(struct guest *g, struct space *s)
{
	if (g->gather_hi > g->gather_lo)
		kernel_flush(g, s, g->gather_lo, g->gather_hi);
	for (unsigned i = 0; i < g->nr_gathered; i++) {
		const struct gathered *e = &g->gather[i];

		if (e->level) {
			pt_free(g, e->pa, e->level);
		} else {
			kernel_touch_frame(g, e->pa, VMMU_WRITE);
			phys_put(&g->phys, e->pa, e->order);
		}
	}
	g->nr_gathered = 0;
	g->gather_lo = g->gather_hi = 0;
}

static void gather(struct guest *g, struct space *s, const struct gathered *what, uint64_t gva,
		   uint64_t bytes)
{
	if (g->gather_hi == 0) {
		g->gather_lo = gva;
		g->gather_hi = gva + bytes;
	}
	if (gva < g->gather_lo)
		g->gather_lo = gva;
	if (gva + bytes > g->gather_hi)
		g->gather_hi = gva + bytes;
	g->gather[g->nr_gathered++] = *what;
	if (g->nr_gathered == GATHER_MOST)
		gather_end(g, s);
}

/* Replaces a 2M leaf by a table of 4K leaves with the same rights. */
static int split_leaf(struct guest *g, struct space *s, uint64_t gva, const struct pt_found *f)
{
	uint64_t table = pt_new(g, 1), bits = f->entry & ~(PTE_ADDR | PTE_PS);

	if (!table)
		return -1;
	for (unsigned i = 0; i < 512; i++)
		pt_slot(g, table)[i] = ((f->entry & PTE_ADDR) + i * FRAME_BYTES) | bits;
	pt_tell(g, table, 1);
	pt_set(g, f->at, table | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D);
	gva &= ~(SIZE_2M - 1);
	kernel_flush(g, s, gva, gva + FRAME_BYTES);
	return 0;
}

void space_split(struct guest *g, struct space *s, uint64_t gva)
{
	struct pt_found f;

	pt_find(g, s->root, gva, &f);
	if (f.level == 2 && (f.entry & PTE_P))
		(void)split_leaf(g, s, gva, &f);
}

/*
 * Finds what maps gva.  A 2M leaf of which only a part lies in [gva, hi) is split first.  Returns
 * where the next step begins.
 */
static uint64_t step(struct guest *g, struct space *s, uint64_t gva, uint64_t hi,
		     struct pt_found *f)
{
	uint64_t size;

	pt_find(g, s->root, gva, f);
	size = 1ull << pt_shift(f->level);
	if (f->level == 2 && (f->entry & PTE_P) && ((gva & (size - 1)) || hi - gva < size)) {
		if (split_leaf(g, s, gva, f) < 0)
			return hi;
		pt_find(g, s->root, gva, f);
		size = FRAME_BYTES;
	}
	return (gva & ~(size - 1)) + size;
}

static unsigned order_of(unsigned level)
{
	return (level - 1) * ORDER_2M;
}

static void zap(struct guest *g, struct space *s, uint64_t lo, uint64_t hi)
{
	struct pt_found f;

	for (uint64_t gva = lo, next; gva < hi && !g->failed; gva = next) {
		next = step(g, s, gva, hi, &f);
		if (!f.entry)
			continue;
		pt_set(g, f.at, 0);
		g->instructions += 260;
		g->accesses += 400;
		gather(g, s,
		       &(struct gathered){ f.entry & PTE_ADDR, (uint8_t)order_of(f.level), 0 }, gva,
		       next - gva);
	}
}

/* Takes out tables of ranges in which there is no area any more. */
static void prune(struct guest *g, struct space *s, uint64_t table, unsigned level, uint64_t base,
		  const struct vmmu_range *r)
{
	uint64_t size = 1ull << pt_shift(level);

	for (unsigned i = 0; i < (level == 4 ? 256 : 512); i++) {
		uint64_t at = table + i * 8, gva = base + i * size, entry = *pt_slot(g, at);

		if (!(entry & PTE_P) || (entry & PTE_PS) || gva >= r->hi || gva + size <= r->lo)
			continue;
		if (level > 2)
			prune(g, s, entry & PTE_ADDR, level - 1, gva, r);
		if (is_used(s, gva, gva + size))
			continue;
		pt_set(g, at, 0);
		gather(g, s, &(struct gathered){ entry & PTE_ADDR, 0, (uint8_t)(level - 1) },
		       gva < r->lo ? r->lo : gva, FRAME_BYTES);
	}
}

void space_unmap(struct guest *g, struct space *s, uint64_t lo, uint64_t hi)
{
	struct vmmu_range r = { lo, hi };
	unsigned out = 0;

	if (split_area(g, s, lo) < 0 || split_area(g, s, hi) < 0)
		return;
	for (unsigned i = 0; i < s->nr; i++) {
		const struct area a = s->area[i];

		if (a.start >= lo && a.end <= hi)
			zap(g, s, a.start, a.end);
		else
			s->area[out++] = a;
	}
	s->nr = out;
	prune(g, s, s->root, 4, 0, &r);
	gather_end(g, s);
}

void space_unmap_all(struct guest *g, struct space *s)
{
	space_unmap(g, s, 0, USER_TOP);
}

/* ---- changing ------------------------------------------------------------------ */

/*
 * Whether the leaf may become writable at once: nobody else uses the page.  A 2M page that was not
 * writable stays so until the write.
 */
static int is_own(struct guest *g, const struct area *a, const struct pt_found *f)
{
	uint64_t pa = f->entry & PTE_ADDR;

	if (f->level > 1)
		return (f->entry & PTE_W) != 0;
	return !(a->flags & AREA_SHARED) && phys_users(&g->phys, pa) == 1 && pa != g->zero_pa;
}

static void protect_area(struct guest *g, struct space *s, const struct area *a)
{
	struct pt_found f;
	int changed = 0;

	for (uint64_t gva = a->start, next; gva < a->end && !g->failed; gva = next) {
		uint64_t entry;

		next = step(g, s, gva, a->end, &f);
		if (!f.entry)
			continue;
		entry = (f.entry & (PTE_ADDR | PTE_PS | PTE_D)) | area_bits(a);
		if ((a->flags & AREA_WRITE) && is_own(g, a, &f))
			entry |= PTE_W | PTE_D;
		if (entry == f.entry)
			continue;
		pt_set(g, f.at, entry);
		changed = 1;
	}
	if (changed)
		kernel_flush(g, s, a->start, a->end);
}

void space_protect(struct guest *g, struct space *s, uint64_t lo, uint64_t hi, uint32_t rights)
{
	if (split_area(g, s, lo) < 0 || split_area(g, s, hi) < 0)
		return;
	for (unsigned i = 0; i < s->nr; i++) {
		struct area *a = &s->area[i];

		if (a->start < lo || a->end > hi)
			continue;
		a->flags = (a->flags & ~(AREA_READ | AREA_WRITE | AREA_EXEC)) | rights;
		protect_area(g, s, a);
	}
}

/* ---- copying ------------------------------------------------------------------- */

static void copy_leaf(struct guest *g, struct space *to, uint64_t gva, const struct area *a,
		      const struct pt_found *f)
{
	uint64_t entry = f->entry, at;

	if ((entry & PTE_W) && !(a->flags & AREA_SHARED)) {
		entry &= ~PTE_W;
		pt_set(g, f->at, entry);
	}
	at = pt_make(g, to->root, gva, f->level);
	if (!at)
		return;
	phys_share(&g->phys, entry & PTE_ADDR, order_of(f->level));
	kernel_touch_frame(g, entry & PTE_ADDR, VMMU_WRITE);
	pt_set(g, at, entry);
	g->instructions += 70;
	g->accesses += 110;
}

static void copy_area(struct guest *g, struct space *to, struct space *from, const struct area *a)
{
	struct pt_found f;

	kernel_work(g, PATH_FORK, 1200);
	if (!(a->flags & AREA_COPIED))
		return; /* the child's own faults bring it in from the file */
	if (a->flags & AREA_GIANT) {
		guest_fail(g, "a process with 1G pages cannot fork");
		return;
	}
	for (uint64_t gva = a->start, next; gva < a->end && !g->failed; gva = next) {
		next = step(g, from, gva, a->end, &f);
		if (f.entry)
			copy_leaf(g, to, gva, a, &f);
	}
}

void space_copy(struct guest *g, struct space *to, struct space *from)
{
	memcpy(to->area, from->area, sizeof(to->area));
	to->nr = from->nr;
	to->brk = from->brk;
	to->map_top = from->map_top;
	for (unsigned i = 0; i < from->nr; i++)
		copy_area(g, to, from, &from->area[i]);
	kernel_flush(g, from, 0, USER_TOP);
}

/* ---- all at once ---------------------------------------------------------------- */

static void clear_leaf(struct guest *g, uint64_t pa, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += FRAME_BYTES)
		kernel_clear_page(g, pa + at);
}

/* Fills up to one table of 4K leaves, which is recorded as a whole. */
static uint64_t fill_table(struct guest *g, struct space *s, uint64_t gva, uint64_t hi, uint64_t pa,
			   uint64_t bits)
{
	uint64_t at = pt_make(g, s->root, gva, 1), table = at & ~(uint64_t)(FRAME_BYTES - 1);

	if (!at)
		return hi;
	do {
		kernel_clear_page(g, pa);
		*pt_slot(g, at) = pa | bits;
		gva += FRAME_BYTES;
		pa += FRAME_BYTES;
		at += 8;
	} while (gva < hi && (gva & (SIZE_2M - 1)));
	pt_tell(g, table, 1);
	return gva;
}

static uint64_t fill_large(struct guest *g, struct space *s, uint64_t gva, uint64_t pa,
			   uint64_t bits, unsigned level)
{
	uint64_t at = pt_make(g, s->root, gva, level), size = 1ull << pt_shift(level);

	clear_leaf(g, pa, size);
	if (at)
		pt_set(g, at, pa | bits | PTE_PS);
	return gva + size;
}

static unsigned leaf_level(const struct area *a)
{
	return a->flags & AREA_GIANT ? 3 : a->flags & AREA_HUGE ? 2 : 1;
}

uint64_t space_reserve(struct guest *g, struct space *s, uint64_t lo, uint64_t hi)
{
	unsigned level = leaf_level(space_find(s, lo));
	uint64_t pa = phys_get_run(&g->phys, (hi - lo) >> pt_shift(level), order_of(level));

	if (!pa)
		guest_fail(g, "its memory has no %llu MiB in a row: it needs more than ram=%lluM",
			   (unsigned long long)((hi - lo) >> 20),
			   (unsigned long long)(g->config.ram >> 20));
	return pa;
}

uint64_t space_fill(struct guest *g, struct space *s, uint64_t gva, uint64_t hi, uint64_t pa)
{
	struct area *a = space_find(s, gva);
	uint64_t bits = area_bits(a) | PTE_D | (a->flags & AREA_WRITE ? PTE_W : 0);
	unsigned level = leaf_level(a);

	a->flags |= AREA_COPIED;
	return level == 1 ? fill_table(g, s, gva, hi, pa, bits)
			  : fill_large(g, s, gva, pa, bits, level);
}
