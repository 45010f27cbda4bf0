/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and ending a model of a guest.
 * Not here: booting it (kernel.c).
 * Invariant: guest_end() also frees a guest that was only made in part.
 */
#include "os.h"

#include <string.h>
#include <sys/mman.h>

uint64_t guest_ram(uint64_t bytes)
{
	/* Tables for all of it in 4K pages, the kernel's data about each frame, and a reserve. */
	uint64_t all = bytes + bytes / 256 + (64ull << 20) + FRAMES_PA;

	all += all / 60;
	return (all + SIZE_2M - 1) & ~(SIZE_2M - 1);
}

int guest_make(struct guest *g, const struct guest_config *config, const char *name,
	       struct err *err)
{
	uint64_t frames = (config->ram / 64 + SIZE_2M - 1) & ~(SIZE_2M - 1);
	void *memory;

	*g = (struct guest){ .config = *config, .name = name, .err = err };
	g->rng.state = rng_mix(config->seed);
	if (config->ram < FRAMES_PA + frames + (16ull << 20)) {
		err_input(err, "%s: ram=%lluM: not enough for a kernel", name,
			  (unsigned long long)(config->ram >> 20));
		return err_hint(err, "Give ram=%lluM or more, or leave ram out.",
				(unsigned long long)((FRAMES_PA + frames + (16ull << 20)) >> 20) +
					2);
	}
	memory = mmap(NULL, (size_t)config->ram, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return err_input(err, "%s: cannot reserve %llu MiB of address space", name,
				 (unsigned long long)(config->ram >> 20));
	g->memory = memory;
	if (phys_open(&g->phys, FRAMES_PA + frames, config->ram) < 0)
		return err_input(err, "%s: out of memory", name);
	return 0;
}

void guest_end(struct guest *g)
{
	g->failed = 1; /* from here on no record is written */
	for (unsigned i = 0; i < TASKS_MOST; i++)
		space_free(g, g->task[i].space);
	if (g->memory)
		munmap(g->memory, (size_t)g->config.ram);
	phys_close(&g->phys);
	sink_close(&g->out);
	g->memory = NULL;
}
