/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks: fork, exec, exit, switching between them.
 * Each function is the kernel's part of a system call, without its entry and its return.
 * Invariant: g->cur runs, and CR3 has its space.  While g->cur has no space, CR3 has that of the
 * task before.
 */
#include "program.h"

static struct task *find_task(struct guest *g)
{
	for (unsigned i = 1; i < TASKS_MOST; i++)
		if (!g->task[i].used)
			return &g->task[i];
	guest_fail(g, "more than %u processes", TASKS_MOST - 1);
	return NULL;
}

static struct task *new_task(struct guest *g)
{
	struct task *t = find_task(g);

	if (!t)
		return NULL;
	t->space = space_new(g);
	t->used = t->space != NULL;
	return t->space ? t : NULL;
}

void process_switch(struct guest *g, struct task *next)
{
	kernel_work(g, PATH_SCHED, 2500);
	if (next->space && next->space != g->loaded)
		kernel_load_space(g, next->space);
	g->cur = next;
	kernel_work(g, PATH_SCHED, 600);
}

/*
 * exec writes argv and envp to the top of the stack, and clears the rest of the data's last page.
 */
static void put_arguments(struct guest *g, const struct program *p)
{
	for (unsigned i = 0; i < 8; i++)
		program_touch(g, STACK_TOP - 64 * (i + 1), VMMU_WRITE | VMMU_AC);
	program_touch(g, program_data(p) + (p->data - 1ull) * FRAME_BYTES, VMMU_WRITE | VMMU_AC);
}

struct task *process_first(struct guest *g, const struct program *p)
{
	struct task *t = new_task(g);

	if (!t)
		return NULL;
	t->program = p;
	program_map(g, t->space, p);
	process_switch(g, t);
	put_arguments(g, p);
	kernel_return(g);
	program_start(g);
	return t;
}

struct task *process_fork(struct guest *g)
{
	struct task *child;

	kernel_work(g, PATH_FORK, 36000);
	child = new_task(g);
	if (!child)
		return NULL;
	child->program = g->cur->program;
	space_copy(g, child->space, g->cur->space);
	kernel_work(g, PATH_FORK, 18000);
	return child;
}

void process_exec(struct guest *g, const struct program *p)
{
	struct space *old = g->cur->space, *s;

	kernel_work(g, PATH_EXEC, 110000);
	s = space_new(g);
	if (!s)
		return;
	g->cur->space = s;
	g->cur->program = p;
	kernel_load_space(g, s);
	space_unmap_all(g, old);
	space_free(g, old);
	program_map(g, s, p);
	kernel_work(g, PATH_EXEC, 70000);
	put_arguments(g, p);
}

void process_exit(struct guest *g, struct task *next)
{
	struct task *t = g->cur;
	struct space *old = t->space;

	kernel_work(g, PATH_EXIT, 14000);
	space_unmap_all(g, old);
	kernel_work(g, PATH_EXIT, 8000);
	process_switch(g, next);
	if (g->loaded == old)
		kernel_load_space(g, NULL);
	t->space = NULL;
	space_free(g, old);
}

void process_reap(struct guest *g, struct task *child)
{
	kernel_work(g, PATH_WAIT, 3000);
	child->used = 0;
}
