/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that running kernel code touches: its text, stacks, objects, and all of memory
 * through the direct map.
 * Changes no table.
 * Invariant: every address is one that kernel.c mapped at boot, so no access faults.
 */
#include "os.h"

/*
 * How many instructions of a kernel path there are to each recorded access; see docs/workloads.md.
 */
#define INSTRUCTIONS_PER_RECORD 16u
/* 10 instructions make 16 accesses, fetches and data, as in the recorded guests. */
#define ACCESSES_PER_10 16u

void kernel_touch(struct guest *g, uint64_t pa, uint32_t access)
{
	guest_access(g, KVA_DIRECT + pa, pa, access);
}

void kernel_touch_frame(struct guest *g, uint64_t pa, uint32_t access)
{
	uint64_t at = (pa >> FRAME_SHIFT) * 64;

	guest_access(g, KVA_FRAMES + at, FRAMES_PA + at, access);
	g->accesses++;
}

void kernel_clear_page(struct guest *g, uint64_t pa)
{
	kernel_touch(g, pa, VMMU_WRITE);
	g->instructions += 4;
	g->accesses += 4 + FRAME_BYTES / 8;
}

void kernel_copy_page(struct guest *g, uint64_t to, uint64_t from)
{
	kernel_touch(g, from, VMMU_READ);
	kernel_touch(g, to, VMMU_WRITE);
	g->instructions += 4;
	g->accesses += 4 + 2 * FRAME_BYTES / 8;
}

static void fetch(struct guest *g, uint64_t offset)
{
	guest_access(g, KVA_TEXT + offset, KERNEL_PA + offset, VMMU_FETCH);
}

/* Touches the task's kernel stack, mostly its top page. */
static void touch_stack(struct guest *g, uint64_t r, uint32_t access)
{
	uint64_t page = STACK_PAGES - 1 - ((r & 31) == 0);
	uint64_t at = page * FRAME_BYTES + (r >> 5 & 63) * 64;

	guest_access(g, KVA_STACKS + g->cur->nr * 2ull * STACK_PAGES * FRAME_BYTES + at,
		     g->cur->stack_pa + at, access);
}

static void touch_slab(struct guest *g, uint64_t page, uint64_t r, uint32_t access)
{
	kernel_touch(g, SLAB_PA + page % (SLAB_BYTES / FRAME_BYTES) * FRAME_BYTES + (r & 63) * 64,
		     access);
}

/*
 * One access of a path: to its code, the stack, the task's data, the CPU's data or the path's own
 * objects.
 */
static void work_access(struct guest *g, enum path path, uint64_t r)
{
	uint64_t common = (r >> 3 & 7) == 0, kind = r & 7;

	if (kind < 3)
		fetch(g, ((common ? 0 : (uint64_t)path * 16 + 16) + (r >> 8 & 15)) * FRAME_BYTES +
				 (r >> 16 & 63) * 64);
	else if (kind < 5)
		touch_stack(g, r >> 8, kind == 3 ? VMMU_WRITE : VMMU_READ);
	else if (kind == 5)
		touch_slab(g, g->cur->nr, r >> 8, r & 8 ? VMMU_WRITE : VMMU_READ);
	else if (kind == 6)
		touch_slab(g, TASKS_MOST + (r >> 20 & 3), r >> 8, VMMU_READ);
	else
		touch_slab(g, TASKS_MOST + 8 + (uint64_t)path * 64 + (r >> 20 & 63), r >> 8,
			   r & 8 ? VMMU_WRITE : VMMU_READ);
}

void kernel_work(struct guest *g, enum path path, unsigned instructions)
{
	for (unsigned i = 0; i < instructions; i += INSTRUCTIONS_PER_RECORD)
		work_access(g, path, rng_next(&g->rng));
	g->instructions += instructions;
	g->accesses += (uint64_t)instructions * ACCESSES_PER_10 / 10;
}

void kernel_syscall(struct guest *g)
{
	kernel_work(g, PATH_ENTRY, 96);
}

void kernel_return(struct guest *g)
{
	kernel_work(g, PATH_ENTRY, 64);
}
