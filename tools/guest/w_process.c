/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workloads of processes: fork, exec, sh (as in LMBench's lat_proc).
 * Invariant: between two operations there is only the first process.
 */
#include "run.h"

enum { P_N, P_KIB };

#define WARM_OPS 3u

struct processes {
	struct program program, shell, tool;
	struct task *parent;
	uint64_t heap, heap_at; /* written so far */
	unsigned warmed;
};

static uint64_t processes_memory(const struct run *r)
{
	return (64ull << 20) + r->value[P_KIB] * 1024 * 2;
}

/* Makes a heap which the parent writes to and of which every child gets a copy. */
static void make_heap(struct run *r, struct processes *p)
{
	struct area a = { .end = r->value[P_KIB] * 1024, .flags = AREA_READ | AREA_WRITE };
	struct guest *g = &r->g;

	a.flags |= g->config.thp ? AREA_HUGE : 0;
	if (a.end)
		p->heap = space_map(g, g->cur->space, 0, &a);
}

/* Writes to a part of the heap.  Returns 1 if there is more. */
static int write_heap(struct run *r, struct processes *p)
{
	uint64_t bytes = r->value[P_KIB] * 1024;

	for (unsigned i = 0; i < 64 && p->heap_at < bytes; i++, p->heap_at += FRAME_BYTES)
		program_touch(&r->g, p->heap + p->heap_at, VMMU_WRITE | VMMU_USER);
	return p->heap_at < bytes;
}

static void processes_begin(struct run *r, struct processes *p)
{
	struct guest *g = &r->g;

	p->program = (struct program){
		.text = 180, .data = 12, .bss = 8, .hot_text = 12, .hot_data = 4
	};
	p->shell = (struct program){
		.text = 200, .data = 6, .bss = 16, .libs = 2, .hot_text = 30, .hot_data = 10
	};
	p->tool = (struct program){
		.text = 20, .data = 2, .bss = 2, .libs = 2, .hot_text = 4, .hot_data = 3
	};
	if (program_make(g, &p->program) == 0 && program_make(g, &p->shell) == 0 &&
	    program_make(g, &p->tool) == 0)
		p->parent = process_first(g, &p->program);
	if (p->parent)
		make_heap(r, p);
}

/* The child's first steps, in the kernel and in user mode. */
static void child_starts(struct guest *g, struct task *child)
{
	process_switch(g, child);
	program_touch(g, STACK_TOP - 0x1000 + 64, VMMU_WRITE | VMMU_AC); /* its own TID */
	kernel_return(g);
	program_run(g, 1200);
}

static struct task *fork_child(struct run *r, struct processes *p)
{
	struct guest *g = &r->g;
	struct task *child;

	program_run(g, 800);
	kernel_syscall(g);
	child = process_fork(g);
	if (!child)
		return NULL;
	kernel_return(g);
	program_run(g, 600);
	kernel_syscall(g);
	kernel_work(g, PATH_WAIT, 1500);
	child_starts(g, child);
	(void)p;
	return child;
}

static void child_ends(struct guest *g, struct task *child, struct task *parent)
{
	kernel_syscall(g);
	process_exit(g, parent);
	process_reap(g, child);
	kernel_return(g);
}

static void do_exec(struct guest *g, const struct program *program)
{
	kernel_syscall(g);
	process_exec(g, program);
	kernel_return(g);
	program_start(g);
}

static void fork_step(struct run *r)
{
	struct processes *p = r->state;
	struct task *child = fork_child(r, p);

	if (child)
		child_ends(&r->g, child, p->parent);
	program_run(&r->g, 800);
	r->done++;
}

static void exec_step(struct run *r)
{
	struct processes *p = r->state;
	struct task *child = fork_child(r, p);

	if (child) {
		do_exec(&r->g, &p->tool);
		program_run(&r->g, 50000);
		child_ends(&r->g, child, p->parent);
	}
	program_run(&r->g, 800);
	r->done++;
}

/* The child is a shell, which forks and executes the tool. */
static void sh_step(struct run *r)
{
	struct processes *p = r->state;
	struct task *shell = fork_child(r, p), *child;

	if (!shell)
		return;
	do_exec(&r->g, &p->shell);
	program_run(&r->g, 400000);
	child = fork_child(r, p);
	if (!child)
		return;
	do_exec(&r->g, &p->tool);
	program_run(&r->g, 20000);
	child_ends(&r->g, child, shell);
	program_run(&r->g, 120000);
	child_ends(&r->g, shell, p->parent);
	program_run(&r->g, 800);
	r->done++;
}

static int processes_prepare(struct run *r)
{
	struct processes *p = r->state;

	if (!p->parent) {
		processes_begin(r, p);
		return 1;
	}
	if (write_heap(r, p))
		return 1;
	if (p->warmed == WARM_OPS)
		return 0;
	p->warmed++;
	r->w->step(r);
	r->done = 0;
	return 1;
}

#define PROCESS_PARAMS(n)                                                                          \
	{                                                                                          \
		PARAM_OPS(n),                                                                      \
		{                                                                                  \
			"kib", PARAM_NUMBER, 0, 0, 1 << 20,                                        \
				"KiB of heap that the parent has written"                          \
		}                                                                                  \
	}

static const struct param fork_params[] = PROCESS_PARAMS(200);
static const struct param exec_params[] = PROCESS_PARAMS(50);
static const struct param sh_params[] = PROCESS_PARAMS(20);

#define PROCESS_LEFT_OUT                                                                           \
	"Three operations come before the window.  Left out: timer interrupts, other\n"            \
	"processes, reading files (all their pages are in memory), vfork.\n"

const struct workload workload_fork = {
	.name = "fork",
	.summary = "fork, exit of the child, wait (lat_proc fork)",
	.unit = "fork",
	.text = "A process forks; the child writes to its stack and data, which are copied then,\n"
		"and exits; the parent waits.\n" PROCESS_LEFT_OUT,
	.param = fork_params,
	.nr_params = NR_PARAMS(fork_params),
	.state_bytes = sizeof(struct processes),
	.memory = processes_memory,
	.prepare = processes_prepare,
	.step = fork_step,
};

const struct workload workload_exec = {
	.name = "exec",
	.summary = "fork, exec of a small program, exit, wait (lat_proc exec)",
	.unit = "exec",
	.text = "As fork, but the child becomes a small program with two shared libraries, which\n"
		"relocates itself, runs a little and exits.\n" PROCESS_LEFT_OUT,
	.param = exec_params,
	.nr_params = NR_PARAMS(exec_params),
	.state_bytes = sizeof(struct processes),
	.memory = processes_memory,
	.prepare = processes_prepare,
	.step = exec_step,
};

const struct workload workload_sh = {
	.name = "sh",
	.summary = "fork, exec of a shell that forks and executes a program (lat_proc shell)",
	.unit = "shell",
	.text = "As exec, but the child becomes a shell, which forks and executes the small\n"
		"program and waits for it.\n" PROCESS_LEFT_OUT,
	.param = sh_params,
	.nr_params = NR_PARAMS(sh_params),
	.state_bytes = sizeof(struct processes),
	.memory = processes_memory,
	.prepare = processes_prepare,
	.step = sh_step,
};
