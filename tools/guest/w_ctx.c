/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload ctx: processes in a ring of pipes pass a token (lat_ctx).
 * Invariant: the processes are tasks 1 to procs; one runs, the others wait.
 */
#include "run.h"

enum { P_N, P_PROCS, P_KIB };

#define LINE 64u
/* Adding up 16 numbers of 4 bytes. */
#define LINE_INSTRUCTIONS 49u
#define PIPE_PAGES 2u

struct ring {
	struct program program;
	struct task *first;
	uint64_t array;	 /* at the same address in each process */
	uint64_t pipes;	 /* buffers, by pipe */
	unsigned made;	 /* processes */
	unsigned warmed; /* rounds */
};

static uint64_t ctx_memory(const struct run *r)
{
	return (32ull << 20) + r->value[P_PROCS] * (r->value[P_KIB] * 1024 + (1 << 20));
}

static void sum_array(struct run *r, const struct ring *s)
{
	struct guest *g = &r->g;
	uint64_t bytes = r->value[P_KIB] * 1024;

	for (uint64_t at = 0; at < bytes && !g->failed; at += LINE)
		program_touch(g, s->array + at, VMMU_READ | VMMU_USER);
	g->instructions += bytes / LINE * LINE_INSTRUCTIONS;
	g->accesses += bytes / LINE * (LINE_INSTRUCTIONS + 16);
}

static void write_array(struct run *r, const struct ring *s)
{
	for (uint64_t at = 0; at < r->value[P_KIB] * 1024 && !r->g.failed; at += FRAME_BYTES)
		program_touch(&r->g, s->array + at, VMMU_WRITE | VMMU_USER);
}

static void begin(struct run *r, struct ring *s)
{
	struct guest *g = &r->g;
	struct area a = { .end = r->value[P_KIB] * 1024, .flags = AREA_READ | AREA_WRITE };

	s->program =
		(struct program){ .text = 180, .data = 12, .bss = 8, .hot_text = 3, .hot_data = 2 };
	if (program_make(g, &s->program) < 0)
		return;
	s->pipes = phys_get_run(&g->phys, r->value[P_PROCS] * PIPE_PAGES, ORDER_4K);
	s->first = process_first(g, &s->program);
	if (!s->first)
		return;
	a.flags |= g->config.thp ? AREA_HUGE : 0;
	if (a.end)
		s->array = space_map(g, g->cur->space, 0, &a);
	write_array(r, s);
	s->made = 1;
}

/* Makes a child, which writes to its copy of the array and waits.  The first process goes on. */
static void add_process(struct run *r, struct ring *s)
{
	struct guest *g = &r->g;
	struct task *child;

	kernel_syscall(g);
	child = process_fork(g);
	if (!child)
		return;
	process_switch(g, child);
	kernel_return(g);
	program_run(g, 400);
	write_array(r, s);
	kernel_syscall(g);
	kernel_work(g, PATH_PIPE, 600);
	process_switch(g, s->first);
	kernel_return(g);
	s->made++;
}

/* The token is a word that is copied to the pipe's page and from it. */
static void copy_token(struct guest *g, const struct ring *s, unsigned pipe, uint32_t to_user)
{
	uint64_t page = s->pipes + (uint64_t)pipe * PIPE_PAGES * FRAME_BYTES;

	program_touch(g, STACK_TOP - 0x400, (to_user ? VMMU_WRITE : VMMU_READ) | VMMU_AC);
	kernel_touch(g, page, to_user ? VMMU_READ : VMMU_WRITE);
}

/* A process works, writes to the next one's pipe, and reads its own; then the next one runs. */
static void ctx_step(struct run *r)
{
	struct ring *s = r->state;
	struct guest *g = &r->g;
	unsigned self = g->cur->nr - s->first->nr;
	unsigned next = (self + 1) % (unsigned)r->value[P_PROCS];

	sum_array(r, s);
	program_run(g, 160);
	kernel_syscall(g);
	copy_token(g, s, next, 0);
	kernel_work(g, PATH_PIPE, 900);
	kernel_return(g);
	program_run(g, 64);
	kernel_syscall(g);
	kernel_work(g, PATH_PIPE, 700);
	process_switch(g, &g->task[s->first->nr + next]);
	copy_token(g, s, next, 1);
	kernel_return(g);
	r->done++;
}

static int ctx_prepare(struct run *r)
{
	struct ring *s = r->state;

	if (!s->first) {
		begin(r, s);
		return 1;
	}
	if (s->made < r->value[P_PROCS]) {
		add_process(r, s);
		return 1;
	}
	if (s->warmed == 2 * r->value[P_PROCS])
		return 0;
	s->warmed++;
	ctx_step(r);
	r->done = 0;
	return 1;
}

static const struct param ctx_params[] = {
	PARAM_OPS(1000),
	{ "procs", PARAM_NUMBER, 2, 2, TASKS_MOST - 2, "processes in the ring" },
	{ "kib", PARAM_NUMBER, 0, 0, 1 << 14, "KiB that each adds up before it passes the token" },
};

const struct workload workload_ctx = {
	.name = "ctx",
	.summary = "processes pass a token through pipes (lat_ctx)",
	.unit = "switch",
	.text = "Each process adds up its array, writes the token to the next one's pipe and\n"
		"reads its own, so the next one runs.  Two rounds come before the window.\n"
		"Left out: timer interrupts, the idle task, other processes.\n",
	.param = ctx_params,
	.nr_params = NR_PARAMS(ctx_params),
	.state_bytes = sizeof(struct ring),
	.memory = ctx_memory,
	.prepare = ctx_prepare,
	.step = ctx_step,
};
