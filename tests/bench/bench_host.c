/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's side costs: first touches, the dirty log, and calls where there are many slots.
 * Each figure stands against a first touch of a 4K page under nested paging, or against
 * the same call with fewer slots.
 * Keeps: only the step that a row names is timed; what prepares it is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define M2 (2ull << 20)
#define RAM (256ull << 20)
#define PAGES (RAM >> 12)
#define ROUNDS 9
#define FEW 1024u
#define MANY 32768u
#define CALLS 512u /* of each kind, on slots that lie scattered */

struct vm {
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
};

static uint8_t *arena; /* RAM bytes, and a 2M page before them; aligned to 1G */
static uint64_t bitmap[PAGES / 64];

static void die(const char *what)
{
	fprintf(stderr, "bench_host: %s\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* A guest without paging: its addresses are guest-physical. */
static struct vm make(const struct vmmu_backend *be, uint64_t page_size)
{
	struct vmmu_config config = { .size = sizeof(config), .backend = be };
	struct vmmu_slot_info slot = {
		.gpa = vmmu_gpa(0), .size = RAM, .pointer = arena, .page_size = page_size
	};
	struct vm v = { NULL, NULL };

	if (vmmu_create(&config, &v.vm))
		die("no VM");
	v.cpu = vmmu_cpu(v.vm, 0);
	if (page_size && vmmu_slot_add(v.vm, &slot))
		die(vmmu_reason(v.vm));
	return v;
}

static void store(const struct vm *v, uint64_t gpa)
{
	struct vmmu_xlat x;

	if (vmmu_translate(v->cpu, vmmu_gva(gpa), 1, VMMU_WRITE, &x))
		die(vmmu_reason(v->vm));
}

/* One page in `every` is stored to; nanoseconds per page. */
static double touch(const struct vm *v, uint64_t every)
{
	double start = now_ns();
	uint64_t page;

	for (page = 0; page < PAGES; page += every)
		store(v, page << 12);
	return (now_ns() - start) / (double)(PAGES / every);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *t, unsigned nr)
{
	qsort(t, nr, sizeof(*t), compare);
	return t[nr / 2];
}

static void row(const char *what, const char *be, double ns, double peer, double goal)
{
	printf("%-44s %-11s %8.2f ns  ratio %6.3f", what, be, ns, ns / peer);
	if (goal > 0)
		printf(", goal %.2f: %s", goal, ns / peer <= goal ? "met" : "MISSED");
	putchar('\n');
}

/* ---- the dirty log ------------------------------------------------------------------ */

struct log_times {
	double first[ROUNDS], dense[ROUNDS], sparse[ROUNDS], again[ROUNDS];
	double start[ROUNDS], split[ROUNDS];
};

static double harvest(const struct vm *v, uint64_t dirty)
{
	double start = now_ns(), ns;
	uint64_t nr = 0, i;

	if (vmmu_dirty_harvest(v->vm, vmmu_gpa(0), 0, PAGES, bitmap))
		die(vmmu_reason(v->vm));
	ns = (now_ns() - start) / (double)dirty;
	for (i = 0; i < PAGES / 64; i++)
		nr += (uint64_t)__builtin_popcountll(bitmap[i]);
	if (nr != dirty)
		die("the log has other pages than were stored to");
	return ns;
}

static void log_small(const struct vmmu_backend *be, struct log_times *t, unsigned r)
{
	struct vm v = make(be, 4096);

	t->first[r] = touch(&v, 1);
	if (vmmu_dirty_log(v.vm, vmmu_gpa(0), 1))
		die(vmmu_reason(v.vm));
	touch(&v, 1);
	t->dense[r] = harvest(&v, PAGES);
	t->again[r] = touch(&v, 1);
	harvest(&v, PAGES);
	touch(&v, 64);
	t->sparse[r] = harvest(&v, PAGES / 64);
	vmmu_destroy(v.vm);
}

static void log_large(const struct vmmu_backend *be, struct log_times *t, unsigned r)
{
	struct vm v = make(be, M2);
	double start;

	touch(&v, M2 >> 12);
	start = now_ns();
	if (vmmu_dirty_log(v.vm, vmmu_gpa(0), 1))
		die(vmmu_reason(v.vm));
	t->start[r] = (now_ns() - start) / PAGES;
	t->split[r] = touch(&v, M2 >> 12);
	harvest(&v, PAGES / 512);
	vmmu_destroy(v.vm);
}

static double first_touch; /* nested NPT's, which all figures stand against */

static void bench_log(const struct vmmu_backend *be)
{
	struct log_times t;
	unsigned r;

	for (r = 0; r < ROUNDS; r++) {
		log_small(be, &t, r);
		log_large(be, &t, r);
	}
	if (first_touch == 0)
		first_touch = median(t.first, ROUNDS);
	row("first touch by a store, a 4K page", be->name, median(t.first, ROUNDS), first_touch, 0);
	row("harvest, per page, all dirty", be->name, median(t.dense, ROUNDS), first_touch, 0.05);
	row("harvest, per dirty page, one in 64", be->name, median(t.sparse, ROUNDS), first_touch,
	    0.1);
	row("store after a harvest", be->name, median(t.again, ROUNDS), first_touch, 1);
	row("log on, 2M pages, per 4K page", be->name, median(t.start, ROUNDS), first_touch, 0);
	row("first store to a 2M page in the log", be->name, median(t.split, ROUNDS), first_touch,
	    0);
}

/* ---- many slots ----------------------------------------------------------------------- */

enum call { COLD_ADD, ADD, REMOVE, MOVE, FAULT, NOTIFY, NR_CALLS };

/* Slot i has two pages; behind it there is room for one more. */
static uint64_t place(unsigned i)
{
	return (uint64_t)i << 14;
}

static void add(struct vmmu *vm, uint64_t gpa)
{
	struct vmmu_slot_info slot = {
		.gpa = vmmu_gpa(gpa), .size = 8192, .pointer = arena, .page_size = 4096
	};

	if (vmmu_slot_add(vm, &slot))
		die(vmmu_reason(vm));
}

/* One call of a kind on the i-th of the scattered slots. */
static void call(const struct vm *v, enum call kind, uint64_t gpa)
{
	int st = 0;

	switch (kind) {
	case COLD_ADD:
	case ADD:
		add(v->vm, gpa + 8192);
		break;
	case REMOVE:
		st = vmmu_slot_remove(v->vm, vmmu_gpa(gpa + 8192));
		break;
	case MOVE:
		st = vmmu_slot_move(v->vm, vmmu_gpa(gpa), vmmu_gpa(gpa + 8192));
		st |= vmmu_slot_move(v->vm, vmmu_gpa(gpa + 8192), vmmu_gpa(gpa));
		break;
	case FAULT:
		store(v, gpa);
		break;
	default:
		st = vmmu_notify_begin(v->vm, vmmu_gpa(gpa), 4096);
		st |= vmmu_notify_end(v->vm, vmmu_gpa(gpa), 4096);
		break;
	}
	if (st)
		die(vmmu_reason(v->vm));
}

/* Calls on slots that lie scattered among `nr`; nanoseconds for each call. */
static void time_calls(const struct vmmu_backend *be, unsigned nr, double ns[NR_CALLS])
{
	/*
	 * Moves take away what faults map again; what is added goes before it is added again.  The
	 * first of a kind finds nothing in the caches, and is no figure but of COLD_ADD.
	 */
	static const enum call order[] = { COLD_ADD, REMOVE, MOVE, FAULT, NOTIFY,
					   ADD,	     REMOVE, MOVE, FAULT, NOTIFY };
	struct vm v = make(be, 0);
	unsigned i, k, step = nr / CALLS;

	for (i = 0; i < nr; i++)
		add(v.vm, place(i));
	for (i = 0; i < nr; i++)
		store(&v, place(i));
	for (k = 0; k < sizeof(order) / sizeof(*order); k++) {
		double start = now_ns();

		for (i = 0; i < CALLS; i++)
			call(&v, order[k], place(i * step));
		ns[order[k]] = (now_ns() - start) / CALLS;
	}
	vmmu_destroy(v.vm);
}

static void bench_slots(const struct vmmu_backend *be)
{
	static const char *const name[NR_CALLS] = { "vmmu_slot_add(), nothing in the caches",
						    "vmmu_slot_add()",
						    "vmmu_slot_remove()",
						    "vmmu_slot_move(), there and back",
						    "fault",
						    "vmmu_notify_begin() and end()" };
	double few[NR_CALLS][ROUNDS], many[NR_CALLS][ROUNDS], ns[NR_CALLS];
	unsigned r, c;

	for (r = 0; r < ROUNDS; r++) {
		time_calls(be, FEW, ns);
		for (c = 0; c < NR_CALLS; c++)
			few[c][r] = ns[c];
		time_calls(be, MANY, ns);
		for (c = 0; c < NR_CALLS; c++)
			many[c][r] = ns[c];
	}
	for (c = 0; c < NR_CALLS; c++) {
		double peer = median(few[c], ROUNDS);

		printf("%-44s %-11s %8.2f ns with %u slots\n", name[c], be->name, peer, FEW);
		row("  the same with 32,768", be->name, median(many[c], ROUNDS), peer,
		    c == COLD_ADD ? 0 : 2);
	}
}

int main(void)
{
	static const struct vmmu_backend *const be[] = { &vmmu_nested_npt, &vmmu_nested_ept,
							 &vmmu_shadow };
	uint8_t *p = mmap(NULL, RAM + (1ull << 30), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned i;

	if (p == MAP_FAILED)
		die("no memory");
	arena = (uint8_t *)(((uintptr_t)p + (1u << 30) - 1) & ~(uintptr_t)((1u << 30) - 1));
	for (i = 0; i < 3; i++)
		bench_log(be[i]);
	for (i = 0; i < 3; i++)
		bench_slots(be[i]);
	return 0;
}
