/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload build (kernbench): make compiles files one after the other.  For each it runs a
 * driver, which runs a compiler and an assembler.
 * Invariant: between two files make is the only process.
 */
#include "run.h"

enum { P_N, P_MINSTR, P_HEAP };

#define CHUNK 40000u /* instructions of a step */
#define SOURCES 16u
#define SOURCE_PAGES 24u
#define PAGE ((uint64_t)FRAME_BYTES)

enum stage { STAGE_DRIVER, STAGE_COMPILE, STAGE_ASSEMBLE, STAGE_END };

struct build {
	struct program make, driver, compiler, assembler;
	struct task *first, *driver_task, *worker;
	const struct file *source[SOURCES];
	enum stage stage;
	uint64_t left;			  /* instructions of the stage */
	uint64_t heap, heap_at, heap_end; /* how much the heap has grown, and will grow */
	uint64_t sources[4];		  /* mapped by the compiler */
	struct rng rng;
};

static uint64_t build_memory(const struct run *r)
{
	return (128ull << 20) + (r->value[P_HEAP] << 20) * 2;
}

static void begin(struct run *r, struct build *b)
{
	struct guest *g = &r->g;
	struct program *all[4] = { &b->make, &b->driver, &b->compiler, &b->assembler };

	b->make = (struct program){
		.text = 60, .data = 4, .bss = 30, .libs = 2, .hot_text = 12, .hot_data = 16
	};
	b->driver = (struct program){
		.text = 250, .data = 8, .bss = 20, .libs = 1, .hot_text = 20, .hot_data = 12
	};
	b->compiler = (struct program){
		.text = 6000, .data = 300, .bss = 300, .libs = 5, .hot_text = 900, .hot_data = 300
	};
	b->assembler = (struct program){
		.text = 170, .data = 30, .bss = 60, .libs = 3, .hot_text = 70, .hot_data = 50
	};
	for (unsigned i = 0; i < 4; i++)
		if (program_make(g, all[i]) < 0)
			return;
	for (unsigned i = 0; i < SOURCES; i++)
		b->source[i] = file_make(g, SOURCE_PAGES);
	b->rng.state = rng_mix(g->config.seed + 2);
	b->first = process_first(g, &b->make);
}

/* Forks and executes a program; the parent waits. */
static struct task *spawn(struct guest *g, const struct program *p)
{
	struct task *child;

	kernel_syscall(g);
	child = process_fork(g);
	if (!child)
		return NULL;
	kernel_return(g);
	program_run(g, 600);
	kernel_syscall(g);
	kernel_work(g, PATH_WAIT, 2500);
	process_switch(g, child);
	kernel_return(g);
	program_run(g, 2500);
	kernel_syscall(g);
	process_exec(g, p);
	kernel_return(g);
	program_start(g);
	return child;
}

static void finish(struct guest *g, struct task *child, struct task *parent)
{
	kernel_syscall(g);
	process_exit(g, parent);
	process_reap(g, child);
	kernel_return(g);
}

/* Maps a source and reads it.  Up to four are mapped; a new one takes the place of one of them. */
static void read_source(struct guest *g, struct build *b)
{
	unsigned slot = (unsigned)rng_below(&b->rng, 4);
	struct area a = { .end = SOURCE_PAGES * PAGE, .flags = AREA_READ };
	struct space *s = g->cur->space;

	kernel_syscall(g);
	if (b->sources[slot]) {
		kernel_work(g, PATH_UNMAP, 2000);
		space_unmap(g, s, b->sources[slot], b->sources[slot] + a.end);
	}
	a.file = b->source[rng_below(&b->rng, SOURCES)];
	kernel_work(g, PATH_MMAP, 2200);
	b->sources[slot] = space_map(g, s, 0, &a);
	kernel_return(g);
	for (unsigned i = 0; i < SOURCE_PAGES && !g->failed; i++)
		program_touch(g, b->sources[slot] + i * PAGE, VMMU_READ | VMMU_USER);
}

static void grow_heap(struct guest *g, struct build *b)
{
	uint64_t more = 33 * PAGE;

	kernel_syscall(g);
	kernel_work(g, PATH_BRK, 1500);
	b->heap = space_grow(g, g->cur->space, more);
	b->heap_at += more;
	kernel_return(g);
	for (uint64_t at = b->heap_at - more; at < b->heap_at && !g->failed; at += PAGE)
		program_touch(g, b->heap + at, VMMU_WRITE | VMMU_USER);
}

/* New parts of the heap are used more than old ones. */
static void use_heap(struct guest *g, struct build *b, unsigned nr)
{
	for (unsigned i = 0; i < nr && b->heap_at && !g->failed; i++) {
		uint64_t x = rng_below(&b->rng, b->heap_at), y = rng_below(&b->rng, b->heap_at);

		program_touch(g, b->heap + (x > y ? x : y),
			      (i & 3 ? VMMU_READ : VMMU_WRITE) | VMMU_USER);
	}
	g->instructions += nr * 6ull;
	g->accesses += nr * 9ull;
}

static void start_stage(struct run *r, struct build *b, const struct program *p,
			uint64_t instructions, uint64_t heap)
{
	b->worker = spawn(&r->g, p);
	b->left = instructions;
	b->heap = b->heap_at = 0;
	b->heap_end = heap;
	for (unsigned i = 0; i < 4; i++)
		b->sources[i] = 0;
}

/* Runs the worker for one step.  Returns 0 if it is done. */
static int work(struct run *r, struct build *b)
{
	struct guest *g = &r->g;
	uint64_t chunk = b->left < CHUNK ? b->left : CHUNK;

	program_run(g, (unsigned)chunk);
	use_heap(g, b, (unsigned)(chunk / 64));
	if (b->heap_at < b->heap_end)
		grow_heap(g, b);
	if (rng_below(&b->rng, 8) == 0)
		read_source(g, b);
	b->left -= chunk;
	return b->left && !g->failed;
}

static void compile(struct run *r, struct build *b)
{
	program_run(&r->g, 20000);
	b->driver_task = spawn(&r->g, &b->driver);
	program_run(&r->g, 60000);
	start_stage(r, b, &b->compiler, r->value[P_MINSTR] * 1000000, r->value[P_HEAP] << 20);
	b->stage = STAGE_COMPILE;
}

static void build_step(struct run *r)
{
	struct build *b = r->state;
	struct guest *g = &r->g;

	if (b->stage == STAGE_DRIVER) {
		compile(r, b);
	} else if (work(r, b)) {
		return;
	} else if (b->stage == STAGE_COMPILE && !g->failed) {
		finish(g, b->worker, b->driver_task);
		start_stage(r, b, &b->assembler, r->value[P_MINSTR] * 100000, SIZE_2M);
		b->stage = STAGE_ASSEMBLE;
	} else if (!g->failed) {
		finish(g, b->worker, b->driver_task);
		program_run(g, 10000);
		finish(g, b->driver_task, b->first);
		b->stage = STAGE_DRIVER;
		r->done++;
	}
}

static int build_prepare(struct run *r)
{
	struct build *b = r->state;

	if (b->first)
		return 0;
	begin(r, b);
	return 1;
}

static const struct param build_params[] = {
	PARAM_OPS(2),
	{ "minstr", PARAM_NUMBER, 20, 1, 1 << 20,
	  "million instructions that compiling a file takes" },
	{ "heap", PARAM_NUMBER, 12, 1, 1 << 14, "MiB that the compiler's heap grows to" },
};

const struct workload workload_build = {
	.name = "build",
	.summary = "make compiles files: processes, exec, sources, heaps (kernbench)",
	.unit = "file",
	.text = "make runs a driver for each file, which runs a compiler and an assembler.  They\n"
		"map sources and read them, grow a heap, and use it, their code and their data,\n"
		"what is new or hot more than the rest.\n"
		"Left out: the shell, linking, writing files, timer interrupts, parallel jobs.\n",
	.param = build_params,
	.nr_params = NR_PARAMS(build_params),
	.state_bytes = sizeof(struct build),
	.memory = build_memory,
	.prepare = build_prepare,
	.step = build_step,
};
