/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workloads of one process and its memory calls: pagefault, protfault, mmap
 * (as in LMBench's lat_pagefault, lat_sig prot, lat_mmap).
 * Invariant: an operation begins and ends in user mode.
 */
#include "run.h"

enum { P_N, P_KIB, P_FILE };

#define PAGE ((uint64_t)FRAME_BYTES)

struct memory {
	struct program program;
	struct task *task;
	const struct file *file;
	uint64_t start, at; /* of the area; at: how many of them were touched */
	unsigned warmed;
};

static uint64_t area_bytes(const struct run *r)
{
	return r->value[P_KIB] * 1024 / PAGE * PAGE;
}

static uint64_t memory_memory(const struct run *r)
{
	return (32ull << 20) + r->value[P_KIB] * 1024 * 2;
}

static const char *memory_check(const struct run *r)
{
	return r->value[P_KIB] % 4 ? "kib: not a multiple of 4" : NULL;
}

static void begin(struct run *r, struct memory *m)
{
	struct guest *g = &r->g;

	m->program =
		(struct program){ .text = 180, .data = 12, .bss = 8, .hot_text = 4, .hot_data = 2 };
	if (program_make(g, &m->program) < 0)
		return;
	if (r->w->nr_params > P_FILE && r->value[P_FILE])
		m->file = file_make(g, area_bytes(r) / PAGE);
	m->task = process_first(g, &m->program);
}

static void do_mmap(struct run *r, struct memory *m)
{
	struct guest *g = &r->g;
	struct area a = { .end = area_bytes(r), .flags = AREA_READ | AREA_WRITE, .file = m->file };

	if (m->file)
		a.flags = AREA_READ | AREA_SHARED;
	else if (g->config.thp)
		a.flags |= AREA_HUGE;
	kernel_syscall(g);
	kernel_work(g, PATH_MMAP, 2200);
	m->start = space_map(g, g->cur->space, 0, &a);
	m->at = 0;
	kernel_return(g);
}

static void do_munmap(struct run *r, struct memory *m)
{
	struct guest *g = &r->g;

	kernel_syscall(g);
	kernel_work(g, PATH_UNMAP, 2500);
	space_unmap(g, g->cur->space, m->start, m->start + area_bytes(r));
	kernel_return(g);
	m->start = 0;
}

static void touch_next(struct run *r, struct memory *m)
{
	program_run(&r->g, 16);
	program_touch(&r->g, m->start + m->at, (m->file ? VMMU_READ : VMMU_WRITE) | VMMU_USER);
	m->at += PAGE;
}

/* Touches one page.  When all pages of the area were touched, it is unmapped and mapped again. */
static void pagefault_step(struct run *r)
{
	struct memory *m = r->state;

	if (m->start && m->at == area_bytes(r))
		do_munmap(r, m);
	if (!m->start)
		do_mmap(r, m);
	touch_next(r, m);
	r->done++;
}

/* An operation on a large area takes many steps. */
static void mmap_step(struct run *r)
{
	struct memory *m = r->state;

	if (!m->start)
		do_mmap(r, m);
	for (unsigned i = 0; i < 64 && m->at < area_bytes(r); i++)
		touch_next(r, m);
	if (m->at < area_bytes(r))
		return;
	do_munmap(r, m);
	r->done++;
}

/*
 * The kernel makes a frame on the user's stack, the handler runs, and the kernel removes the
 * frame.
 */
static void signal_user(struct guest *g)
{
	uint64_t frame = STACK_TOP - 0x800;

	kernel_work(g, PATH_SIGNAL, 1500);
	for (unsigned i = 0; i < 16; i++)
		program_touch(g, frame - i * 64, VMMU_WRITE | VMMU_AC);
	kernel_return(g);
	program_run(g, 48);
	kernel_syscall(g);
	kernel_work(g, PATH_SIGNAL, 650);
	for (unsigned i = 0; i < 16; i++)
		program_touch(g, frame - i * 64, VMMU_READ | VMMU_AC);
	kernel_return(g);
}

static void protect(struct run *r, struct memory *m)
{
	struct guest *g = &r->g;

	do_mmap(r, m);
	program_touch(g, m->start, VMMU_WRITE | VMMU_USER);
	kernel_syscall(g);
	kernel_work(g, PATH_PROTECT, 1800);
	space_protect(g, g->cur->space, m->start, m->start + PAGE, AREA_READ);
	kernel_return(g);
}

static void protfault_step(struct run *r)
{
	struct memory *m = r->state;
	struct guest *g = &r->g;

	if (!m->start)
		protect(r, m);
	program_run(g, 32);
	if (guest_touch(g, m->start, VMMU_WRITE | VMMU_USER) == 0)
		guest_fail(g, "a store to a page without the right to write went through");
	signal_user(g);
	r->done++;
}

static int memory_prepare(struct run *r)
{
	struct memory *m = r->state;

	if (!m->task) {
		begin(r, m);
		return 1;
	}
	/* Before the window, one area is gone through, or one signal is delivered. */
	if (m->warmed)
		return 0;
	r->w->step(r);
	m->warmed = m->at == 0 || m->at == area_bytes(r);
	m->warmed |= r->w->step == protfault_step;
	r->done = 0;
	return 1;
}

#define MEMORY_LEFT_OUT                                                                            \
	"What comes first is done once before the window.  Left out: timer interrupts,\n"          \
	"other processes, reclaim, reading files (all their pages are in memory).\n"

static const struct param pagefault_params[] = {
	PARAM_OPS(4096),
	{ "kib", PARAM_NUMBER, 4096, 4, 1 << 22, "KiB of the area" },
	{ "file", PARAM_NUMBER, 0, 0, 1, "1: of a file, shared, read" },
};
static const struct param protfault_params[] = {
	PARAM_OPS(500),
	{ "kib", PARAM_NUMBER, 4, 4, 1 << 22, "KiB of the area; its first page is protected" },
};
static const struct param mmap_params[] = {
	PARAM_OPS(8),
	{ "kib", PARAM_NUMBER, 4096, 4, 1 << 22, "KiB of the area" },
	{ "file", PARAM_NUMBER, 0, 0, 1, "1: of a file, shared, read" },
};

const struct workload workload_pagefault = {
	.name = "pagefault",
	.summary = "first touches of the pages of an area (lat_pagefault)",
	.unit = "page",
	.text = "A process writes the pages of an anonymous area in order, or reads those of a\n"
		"file (which come 16 at a fault); then the area is unmapped and mapped "
		"anew.\n" MEMORY_LEFT_OUT,
	.param = pagefault_params,
	.nr_params = NR_PARAMS(pagefault_params),
	.state_bytes = sizeof(struct memory),
	.memory = memory_memory,
	.check = memory_check,
	.prepare = memory_prepare,
	.step = pagefault_step,
};

const struct workload workload_protfault = {
	.name = "protfault",
	.summary = "stores to a page without the right to write, and the signal (lat_sig prot)",
	.unit = "fault",
	.text = "A process writes to a page that it has made read-only; the kernel delivers a\n"
		"signal, whose handler returns.  No page table changes.\n" MEMORY_LEFT_OUT,
	.param = protfault_params,
	.nr_params = NR_PARAMS(protfault_params),
	.state_bytes = sizeof(struct memory),
	.memory = memory_memory,
	.check = memory_check,
	.prepare = memory_prepare,
	.step = protfault_step,
};

const struct workload workload_mmap = {
	.name = "mmap",
	.summary = "mmap, a touch of every page, munmap (lat_mmap)",
	.unit = "mapping",
	.text = "A process maps an area, touches every page of it, and unmaps "
		"it.\n" MEMORY_LEFT_OUT,
	.param = mmap_params,
	.nr_params = NR_PARAMS(mmap_params),
	.state_bytes = sizeof(struct memory),
	.memory = memory_memory,
	.check = memory_check,
	.prepare = memory_prepare,
	.step = mmap_step,
};
