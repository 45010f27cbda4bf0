/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out of memory at every allocation of a run, on every backend: an error, nothing lost, nothing
 * leaked.  Not here: caps on tables (test_events.c).
 * Keeps: the allocator knows every byte that is out, and fills what it gives with rubbish.
 */
#include <stdlib.h>
#include <string.h>

#include "t.h"
#include "world.h"

static const struct vmmu_backend *const backends[] = {
	&vmmu_native,
	&vmmu_shadow,
	&vmmu_nested_npt,
	&vmmu_nested_ept,
};

static struct {
	uint64_t calls, fail_at; /* fail_at 0: never; else that call and, if `on`, all later ones */
	bool on;
	uint64_t out, bytes;
	unsigned failed;
} heap;

static void *counted_alloc(void *ctx, size_t size, size_t align)
{
	void *p;

	(void)ctx;
	heap.calls++;
	if (heap.fail_at &&
	    (heap.calls == heap.fail_at || (heap.on && heap.calls > heap.fail_at))) {
		heap.failed++;
		return NULL;
	}
	if (align < sizeof(void *))
		align = sizeof(void *);
	p = aligned_alloc(align, (size + align - 1) & ~(align - 1));
	if (!p)
		abort();
	memset(p, 0xa5, size);
	heap.out++;
	heap.bytes += size;
	return p;
}

static void counted_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	if (!p)
		return;
	memset(p, 0x5a, size);
	heap.out--;
	heap.bytes -= size;
	free(p);
}

static uint8_t *mem;
static struct vmmu *vm;
static const struct vmmu_backend *backend;

/* Out of memory as it may be told: not a fault, not a wrong answer. */
static bool is_oom(int st)
{
	return st == VMMU_ENOMEM;
}

/* Did it, or says that it could not for want of memory and then, with memory, does it. */
#define MUST(call)                                                                                 \
	do {                                                                                       \
		int st_ = (call);                                                                  \
		unsigned failed_ = heap.failed;                                                    \
                                                                                                   \
		t_check(!st_ || (is_oom(st_) && failed_), "%s, allocation %" PRIu64 ": %s: %s",    \
			backend->name, heap.fail_at, #call, vmmu_strerror(st_));                   \
		t_check(!vmmu_check(vm), "%s, allocation %" PRIu64 ": after %s: %s",               \
			backend->name, heap.fail_at, #call, vmmu_reason(vm));                      \
		if (st_) {                                                                         \
			heap.fail_at = 0;                                                          \
			st_ = (call);                                                              \
			t_check(!st_, "%s: again %s: %s: %s", backend->name, #call,                \
				vmmu_strerror(st_), vmmu_reason(vm));                              \
			t_true(!vmmu_check(vm));                                                   \
		}                                                                                  \
	} while (0)

static int host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	(void)ctx;
	(void)write;
	page->pointer = mem + GIB + (gpa.v & 0xfffff);
	page->size = 4096;
	page->writable = 1;
	return 0;
}

static void put(uint64_t gpa, uint64_t e)
{
	memcpy(mem + gpa, &e, 8);
}

/* Tables for each mode at 0x1000 to 0x5000: GVA 0 to 8M. */
static void fill_tables(void)
{
	unsigned i;

	memset(mem + 0x1000, 0, 0x5000);
	put(0x1000, 0x2000 | 0x27);
	put(0x2000, 0x3000 | 0x27);
	put(0x3000, 0x4000 | 0x27);
	put(0x3008, (8 * MIB) | 0xa7);
	put(0x3010, 0xa7);
	put(0x5000, 0x3000 | 1); /* a PDPTE */
	for (i = 0; i < 512; i++)
		put(0x4000 + 8 * i, (8 * MIB + ((uint64_t)i << 12)) | 0x27);
}

static int translate(unsigned cpu, uint64_t gva, uint32_t access)
{
	struct vmmu_xlat x;

	return vmmu_translate(vmmu_cpu(vm, cpu), vmmu_gva(gva), 1, access, &x);
}

static int regs(unsigned cpu, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
	struct vmmu_regs r = { .cr0 = cr0, .cr3 = cr3, .cr4 = cr4, .efer = efer };

	return vmmu_set_regs(vmmu_cpu(vm, cpu), &r, 1);
}

#define PG (VMMU_CR0_PE | VMMU_CR0_PG)
#define LONG (VMMU_EFER_LME | VMMU_EFER_LMA)

static int add(uint64_t gpa, uint64_t size, void *pointer)
{
	struct vmmu_slot_info s = {
		.gpa = vmmu_gpa(gpa), .size = size, .pointer = pointer, .page_size = 2 * MIB
	};

	return vmmu_slot_add(vm, &s);
}

static void run_guest(void)
{
	unsigned c;

	for (c = 0; c < 2; c++) {
		MUST(translate(c, 8 * MIB, VMMU_WRITE));
		MUST(translate(c, GIB, VMMU_READ));
		MUST(regs(c, PG, 0x1000, VMMU_CR4_PAE, LONG));
		MUST(translate(c, 0x5000, VMMU_WRITE));
		MUST(translate(c, 2 * MIB, VMMU_FETCH));
		MUST(vmmu_set_cr3(vmmu_cpu(vm, c), 0x1000));
		MUST(translate(c, 0x6000, VMMU_READ));
		MUST(regs(c, PG, 0x5000, VMMU_CR4_PAE, 0));
		MUST(translate(c, 0x7000, VMMU_WRITE));
		MUST(vmmu_set_cr0(vmmu_cpu(vm, c), VMMU_CR0_PE));
		MUST(translate(c, 8 * MIB + 0x1000, VMMU_READ));
		MUST(vmmu_invlpg(vmmu_cpu(vm, c), vmmu_gva(0)));
		MUST(vmmu_reset(vmmu_cpu(vm, c)));
	}
}

static void run_host(void)
{
	static uint64_t bits[1024];
	struct vmmu_host_page page = { .pointer = mem + GIB, .size = 4096, .writable = 1 };
	uint64_t v = 0;

	MUST(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1));
	MUST(translate(0, 8 * MIB + 0x3000, VMMU_WRITE));
	MUST(vmmu_dirty_harvest(vm, vmmu_gpa(8 * MIB), 0, 1024, bits));
	MUST(translate(1, 8 * MIB + 0x3000, VMMU_WRITE));
	MUST(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 0));
	MUST(add(64 * MIB, 4 * MIB, NULL));
	MUST(translate(0, 65 * MIB, VMMU_WRITE));
	MUST(vmmu_write(vm, NULL, vmmu_gpa(67 * MIB), &v, 8, NULL));
	MUST(vmmu_change_pte(vm, vmmu_gpa(66 * MIB), &page));
	/* Over one block more than before. */
	MUST(vmmu_slot_move(vm, vmmu_gpa(64 * MIB), vmmu_gpa(95 * MIB)));
	MUST(translate(0, 97 * MIB, VMMU_WRITE));
	MUST(vmmu_slot_move(vm, vmmu_gpa(8 * MIB), vmmu_gpa(128 * MIB)));
	MUST(translate(1, 128 * MIB, VMMU_WRITE));
	MUST(vmmu_slot_flags(vm, vmmu_gpa(128 * MIB), VMMU_SLOT_READONLY));
	MUST(translate(1, 128 * MIB, VMMU_READ));
	MUST(vmmu_notify_begin(vm, vmmu_gpa(0), 0x10000));
	MUST(vmmu_notify_end(vm, vmmu_gpa(0), 0x10000));
	MUST(vmmu_slot_remove(vm, vmmu_gpa(95 * MIB)));
	MUST(translate(0, 0x1000, VMMU_READ));
}

/* A VM ends with its guest in the middle of something. */
static void run_on(void)
{
	unsigned c;

	for (c = 0; c < 2; c++) {
		MUST(regs(c, PG, 0x1000, VMMU_CR4_PAE, LONG));
		MUST(translate(c, 4 * MIB + 0x1000, VMMU_READ));
	}
}

static int create(const struct guest_cfg *g)
{
	struct guest_keep keep;
	struct vmmu_config cfg;
	int st;

	guest_config(g, mem, &keep, &cfg);
	st = vmmu_create(&cfg, &vm);
	t_check(!st == !!vm, "%s: vmmu_create: %s, and a VM or none", backend->name,
		vmmu_strerror(st));
	return st;
}

/* One run in which the allocation number n fails; false: there is none. */
static bool run(const struct guest_cfg *g, uint64_t n, bool on)
{
	unsigned i;
	int st;

	memset(&heap, 0, sizeof(heap));
	heap.fail_at = n;
	heap.on = on;
	fill_tables();
	st = create(g);
	if (st) {
		t_check(is_oom(st) && heap.failed, "%s, allocation %" PRIu64 ": vmmu_create: %s",
			backend->name, n, vmmu_strerror(st));
		t_check(!heap.out, "%s, allocation %" PRIu64 ": create leaks %" PRIu64 " blocks",
			backend->name, n, heap.out);
		return true;
	}
	if (backend != &vmmu_native)
		for (i = 0; i < NR_REGIONS; i++)
			MUST(add(region[i].gpa, region[i].size, mem + region[i].gpa));
	run_guest();
	if (backend != &vmmu_native)
		run_host();
	run_on();
	vmmu_destroy(vm);
	t_check(!heap.out && !heap.bytes,
		"%s, allocation %" PRIu64 ": %" PRIu64 " blocks, %" PRIu64 " bytes leaked",
		backend->name, n, heap.out, heap.bytes);
	return heap.failed;
}

/* `off`: techniques of shadow paging; without any it is the virtual TLB. */
static void every_allocation_without(const struct vmmu_backend *be, uint32_t off, bool on, bool cap)
{
	struct guest_cfg g = {
		.backend = be,
		.page_size = 2 * MIB,
		.nr_cpus = 2,
		.caches = CACHES_ALL,
		.cap = cap,
		.no_slots = true,
		.shadow = { .size = sizeof(g.shadow), .off = off },
		.cb = { .host_page = host_page, .alloc = counted_alloc, .free = counted_free },
	};
	uint64_t n;

	backend = be;
	mem = mem_arena(1);
	t_true(!run(&g, 0, false));
	for (n = 1; run(&g, n, on); n++)
		t_true(n < 100000);
	t_true(n > 5);
}

static void every_allocation(const struct vmmu_backend *be, bool on, bool cap)
{
	every_allocation_without(be, 0, on, cap);
	if (be == &vmmu_shadow)
		every_allocation_without(be, VMMU_SHADOW_ALL, on, cap);
}

Test(oom, one_allocation_fails)
{
	unsigned i;

	for (i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		every_allocation(backends[i], false, false);
}

Test(oom, one_allocation_fails_at_the_cap)
{
	unsigned i;

	for (i = 1; i < sizeof(backends) / sizeof(backends[0]); i++)
		every_allocation(backends[i], false, true);
}

Test(oom, all_later_allocations_fail)
{
	unsigned i;

	for (i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		every_allocation(backends[i], true, false);
}

/* TLBs, walk caches and data caches of several models. */
Test(oom, no_memory_for_silicon)
{
	struct guest_cfg g = {
		.page_size = 4096,
		.nr_cpus = 2,
		.caches = CACHES_ALL,
		.no_slots = true,
		.cb = { .host_page = host_page, .alloc = counted_alloc, .free = counted_free },
	};
	uint64_t n;

	mem = mem_arena(1);
	g.backend = backend = &vmmu_nested_npt;
	for (g.model = 1; g.model <= 8; g.model++) {
		t_true(!run(&g, 0, false));
		for (n = 1; run(&g, n, false); n++)
			t_true(n < 1000);
		t_true(n > 5);
	}
}

/* Out of memory is what a backend is told, too. */
Test(oom, a_page_is_not_tracked_without_memory)
{
	struct guest_cfg g = {
		.backend = &vmmu_shadow,
		.page_size = 4096,
		.nr_cpus = 1,
		.no_slots = true,
		.cb = { .host_page = host_page, .alloc = counted_alloc, .free = counted_free },
	};

	backend = g.backend;
	mem = mem_arena(1);
	memset(&heap, 0, sizeof(heap));
	t_eq(create(&g), VMMU_OK);
	t_eq(add(region[0].gpa, region[0].size, mem + region[0].gpa), VMMU_OK);
	heap.fail_at = heap.calls + 1;
	heap.on = true;
	t_eq(vmmu_be_track(vm, vmmu_gpa(region[0].gpa + 0x5000)), VMMU_ENOMEM);
	heap.on = false;
	heap.fail_at = 0;
	t_eq(vmmu_be_track(vm, vmmu_gpa(region[0].gpa + 0x5000)), VMMU_OK);
	t_eq(vmmu_be_track(vm, vmmu_gpa(0x700000000000)), VMMU_ENOENT);
	vmmu_be_untrack(vm, vmmu_gpa(region[0].gpa + 0x5000));
	vmmu_destroy(vm);
	t_eq(heap.out, 0);
}

/* Backends by turns, and worlds without end: what a VM leaves behind would add up. */
Test(oom, what_is_given_back_is_all)
{
	struct guest_cfg g = {
		.page_size = 4096,
		.nr_cpus = 3,
		.caches = CACHES_ALL,
		.no_slots = true,
		.cb = { .host_page = host_page, .alloc = counted_alloc, .free = counted_free },
	};
	unsigned n;

	mem = mem_arena(1);
	for (n = 0; n < 40; n++) {
		backend = backends[n & 3];
		g.backend = backend;
		g.shadow = (struct vmmu_shadow_config){ .size = sizeof(g.shadow),
							.off = n & 4 ? VMMU_SHADOW_ALL : 0 };
		run(&g, 0, false);
	}
}
