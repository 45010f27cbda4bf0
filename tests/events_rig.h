/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the host's side share: a VM on every backend that has one, and on shadow
 * paging with each technique off in turn.
 * Not here: tests (test_events.c, test_events_pages.c).
 * Keeps: each fact is shown on all of them; native refuses.
 */
#ifndef EVENTS_RIG_H
#define EVENTS_RIG_H

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "t.h"
#include "world.h"

static const struct vmmu_backend *const nested[] = {
	&vmmu_nested_npt,
	&vmmu_nested_ept,
};

#define TECHNIQUES 10
#define NR_VARIANTS (2 + 2 + TECHNIQUES)

/* The VM under test.  Without guest paging a GVA is a GPA. */
static struct vmmu *vm;
static struct vmmu_cpu *cpu[2];
static uint8_t *mem;
static const struct vmmu_backend *backend;
static uint32_t off; /* techniques of shadow paging */

/* Nested paging; shadow paging with everything, with nothing, without each technique. */
static inline void choose(unsigned n)
{
	backend = n < 2 ? nested[n] : &vmmu_shadow;
	off = n < 3 ? 0 : n < 4 ? VMMU_SHADOW_ALL : 1u << (n - 4);
}

static inline void open_with(struct guest_cfg g)
{
	mem = mem_arena(1);
	g.backend = backend;
	g.shadow = (struct vmmu_shadow_config){ .size = sizeof(g.shadow), .off = off };
	if (!g.nr_cpus)
		g.nr_cpus = 2;
	if (!g.page_size)
		g.page_size = 4096;
	t_eq(guest_open(&g, mem, &vm), VMMU_OK);
	cpu[0] = vmmu_cpu(vm, 0);
	cpu[1] = vmmu_cpu(vm, 1);
}

static inline void close_vm(void)
{
	t_check(!vmmu_check(vm), "%s: %s", backend->name, vmmu_reason(vm));
	vmmu_destroy(vm);
	vm = NULL;
}

static inline int touch(unsigned c, uint64_t gva, uint32_t access, struct vmmu_xlat *x)
{
	struct vmmu_xlat none;

	return vmmu_translate(cpu[c], vmmu_gva(gva), 1, access, x ? x : &none);
}

static inline void *front(unsigned c, uint64_t gva, uint32_t access)
{
	return vmmu_host(cpu[c], vmmu_gva(gva), 1, access);
}

static inline int add(uint64_t gpa, uint64_t size, void *pointer, uint64_t page_size)
{
	struct vmmu_slot_info s = {
		.gpa = vmmu_gpa(gpa), .size = size, .pointer = pointer, .page_size = page_size
	};

	return vmmu_slot_add(vm, &s);
}

/* One fact, on each backend. */
#define EACH(suite_, name_)                                                                        \
	static void each_##suite_##_##name_(void);                                                 \
	Test(suite_, name_)                                                                        \
	{                                                                                          \
		unsigned b_;                                                                       \
                                                                                                   \
		for (b_ = 0; b_ < NR_VARIANTS; b_++) {                                             \
			choose(b_);                                                                \
			each_##suite_##_##name_();                                                 \
		}                                                                                  \
	}                                                                                          \
	static void each_##suite_##_##name_(void)

#define t_is(a, b)                                                                                 \
	do {                                                                                       \
		uint64_t is_a = (uint64_t)(a), is_b = (uint64_t)(b);                               \
		t_check(is_a == is_b, "%s: %s is 0x%" PRIx64 ", not 0x%" PRIx64 ": %s",            \
			backend->name, #a, is_a, is_b, vmmu_reason(vm));                           \
	} while (0)

/* ---- guest tables for the tests that need them -------------------------------- */

#define L4 0x1000ull
#define L3 0x2000ull
#define L2 0x3000ull
#define L1 0x4000ull
#define P_ALL 0x67ull

static inline void put(uint64_t gpa, uint64_t e)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &e, 8, NULL))
		memcpy(mem + gpa, &e, 8);
}

/* GVA 0 to 2M is mapped to the same GPAs from 0x10000 on; A and D clear where `bits` says so. */
static inline void long_mode(uint64_t bits)
{
	struct vmmu_regs r = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP,
		.cr3 = L4,
		.cr4 = VMMU_CR4_PAE,
		.efer = VMMU_EFER_LME | VMMU_EFER_LMA,
	};
	unsigned i;

	memset(mem + L4, 0, 4 * 4096);
	put(L4, L3 | bits);
	put(L3, L2 | bits);
	put(L2, L1 | bits);
	for (i = 16; i < 512; i++)
		put(L1 + 8 * i, (uint64_t)i << 12 | bits);
	for (i = 0; i < 2; i++)
		t_is(vmmu_set_regs(cpu[i], &r, 1), VMMU_OK);
}

#define ASKED_GPA (64 * MIB) /* a slot without pointer */
#define POOL (GIB)	     /* host pages come from here, in mem */

static struct {
	unsigned asked, asked_to_write;
	int fail;
	bool readonly; /* answers to reads */
	unsigned page; /* of the pool: the next to give */
	uint64_t size;
	jmp_buf *jump;
	void (*within)(uint64_t gpa); /* what the host does before it answers */
} host;

static inline int host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	(void)ctx;
	host.asked++;
	host.asked_to_write += write != 0;
	page->pointer = mem + POOL + 4096ull * host.page;
	page->size = host.size;
	page->writable = write || !host.readonly;
	if (host.within)
		host.within(gpa.v);
	if (host.jump)
		longjmp(*host.jump, 1);
	return host.fail;
}

static inline void open_asking(enum caches caches)
{
	memset(&host, 0, sizeof(host));
	host.size = 4096;
	open_with((struct guest_cfg){ .caches = caches, .cb = { .host_page = host_page } });
	t_is(add(ASKED_GPA, 4 * MIB, NULL, 0), VMMU_OK);
}

#endif
