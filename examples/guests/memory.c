/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's memory: pages with reference counts, and address spaces; see kernel.h. */
#include "kernel.h"

#define POOL_BEGIN 0x400000ull /* above the kernel's image */
#define POOL_END 0x4000000ull
#define NR_FRAMES (POOL_END / PAGE)

extern uint8_t image_end[];

uint64_t counts[NR_COUNTS];
uint8_t zero_page[4096] __attribute__((aligned(4096)));

static uint16_t users[NR_FRAMES]; /* reference count of each page of the pool; 0: free */
static uint16_t free_next[NR_FRAMES];
static uint16_t free_first; /* 0: none */

/* ---- pages --------------------------------------------------------------- */

void memory_setup(void)
{
	uint64_t n;

	if ((uint64_t)image_end > POOL_BEGIN)
		panic("the image ends at %lx", (uint64_t)image_end);
	for (n = NR_FRAMES - 1; n >= POOL_BEGIN / PAGE; n--) {
		free_next[n] = free_first;
		free_first = (uint16_t)n;
	}
}

static uint64_t frame_new(void)
{
	uint16_t n = free_first;

	if (!n)
		panic("out of memory");
	free_first = free_next[n];
	users[n] = 1;
	counts[COUNT_FRAMES]++;
	return n * PAGE;
}

static uint64_t frame_new_zero(void)
{
	uint64_t f = frame_new();

	memset((void *)f, 0, PAGE);
	return f;
}

/* Pages of the kernel's image have no count, and no process owns one. */
static int is_counted(uint64_t f)
{
	return f >= POOL_BEGIN && f < POOL_END;
}

static void frame_get(uint64_t f)
{
	if (is_counted(f))
		users[f / PAGE]++;
}

static void frame_put(uint64_t f)
{
	if (!is_counted(f) || --users[f / PAGE])
		return;
	free_next[f / PAGE] = free_first;
	free_first = (uint16_t)(f / PAGE);
	counts[COUNT_FRAMES]--;
}

/* ---- tables: four levels, of which a process owns one entry of the second --- */

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(entry & FRAME);
}

static uint64_t *directory_of(uint64_t root)
{
	return table_of(table_of(table_of(root)[0])[USER_BEGIN >> 30]);
}

/* The leaf entry of va; NULL: there is no table for it, and `make` is 0. */
static uint64_t *leaf_of(uint64_t root, uint64_t va, int make)
{
	uint64_t *link = &directory_of(root)[va >> 21 & 511];

	if (!*link) {
		if (!make)
			return NULL;
		*link = frame_new_zero() | P | W | U;
	}
	return &table_of(*link)[va >> 12 & 511];
}

uint64_t space_new(void)
{
	uint64_t root = frame_new_zero(), pdpt = frame_new_zero();

	table_of(root)[0] = pdpt | P | W | U;
	table_of(pdpt)[0] = (uint64_t)boot_pd | P | W;
	table_of(pdpt)[USER_BEGIN >> 30] = frame_new_zero() | P | W | U;
	return root;
}

static void leaf_clear(uint64_t *leaf)
{
	uint64_t old = *leaf;

	*leaf = 0;
	if (old)
		frame_put(old & FRAME);
}

void space_free(uint64_t root)
{
	uint64_t *directory = directory_of(root);
	unsigned i, j;

	for (i = 0; i < 512; i++) {
		if (!directory[i])
			continue;
		for (j = 0; j < 512; j++)
			leaf_clear(&table_of(directory[i])[j]);
		frame_put(directory[i] & FRAME);
	}
	frame_put((uint64_t)directory);
	frame_put(table_of(root)[0] & FRAME);
	frame_put(root);
}

static void fork_table(uint64_t *from, uint64_t *to)
{
	unsigned i;

	for (i = 0; i < 512; i++) {
		if (!from[i])
			continue;
		if (!(from[i] & SHARED))
			from[i] &= ~W;
		frame_get(from[i] & FRAME);
		to[i] = from[i] & ~(A | D);
	}
}

/* The caller runs on `root`, some of whose pages became read-only, so the TLB has to be flushed. */
uint64_t space_fork(uint64_t root)
{
	uint64_t child = space_new(), *from = directory_of(root), *to = directory_of(child);
	unsigned i;

	for (i = 0; i < 512; i++)
		if (from[i]) {
			to[i] = frame_new_zero() | P | W | U;
			fork_table(table_of(from[i]), table_of(to[i]));
		}
	set_cr3(root);
	return child;
}

void space_map(uint64_t root, uint64_t va, uint64_t len, uint64_t source, uint64_t flags)
{
	uint64_t i;

	for (i = 0; i < len; i += PAGE) {
		*leaf_of(root, va + i, 1) = source | flags | LAZY | U;
		if (source != (uint64_t)zero_page)
			source += PAGE;
	}
}

void space_map_zero(uint64_t root, uint64_t va, uint64_t len, uint64_t flags)
{
	uint64_t i;

	for (i = 0; i < len; i += PAGE)
		*leaf_of(root, va + i, 1) = frame_new_zero() | flags | W | U | P;
}

void space_unmap(uint64_t root, uint64_t va, uint64_t len)
{
	uint64_t end = va + len, *leaf;

	for (; va < end; va += PAGE) {
		leaf = leaf_of(root, va, 0);
		if (!leaf || !*leaf)
			continue;
		leaf_clear(leaf);
		invlpg(va);
	}
}

void space_protect(uint64_t root, uint64_t va, uint64_t len, int writable)
{
	uint64_t end = va + len, *leaf;

	for (; va < end; va += PAGE) {
		leaf = leaf_of(root, va, 0);
		if (!leaf || !*leaf)
			continue;
		if (writable) {
			*leaf |= WRITABLE; /* the fault sets W */
		} else {
			*leaf &= ~(WRITABLE | W);
			invlpg(va);
		}
	}
}

/* ---- page faults ----------------------------------------------------------- */

/* Handles a store to a page that is not present, or that others share. */
static void make_own(uint64_t *leaf, uint64_t va)
{
	uint64_t old = *leaf & FRAME, flags = (*leaf & ~(FRAME | LAZY)) | P | W;

	if (is_counted(old) && users[old / PAGE] == 1) {
		*leaf = old | flags;
	} else {
		uint64_t own = frame_new();

		memcpy((void *)own, (void *)old, PAGE);
		*leaf = own | flags;
		frame_put(old);
	}
	invlpg(va);
}

static void count_fault(uint64_t va, enum count which)
{
	if (va >= USER_MAPS && va < USER_MAPS_END)
		counts[which]++;
}

int space_fault(uint64_t root, uint64_t va, unsigned error)
{
	uint64_t *leaf;

	if (va < USER_BEGIN || va >= USER_END || (error & PF_RSVD))
		return 0;
	leaf = leaf_of(root, va, 0);
	if (!leaf || !*leaf || ((error & PF_I) && (*leaf & NX)))
		return 0;
	if (error & PF_W) {
		if (!(*leaf & WRITABLE))
			return 0;
		count_fault(va, *leaf & P ? COUNT_COW_FAULT : COUNT_WRITE_FAULT);
		make_own(leaf, va);
	} else if (*leaf & LAZY) {
		count_fault(va, COUNT_READ_FAULT);
		*leaf = (*leaf & ~LAZY) | P;
	}
	return 1;
}
