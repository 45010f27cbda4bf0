/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs: areas and working sets.
 * Invariant: see program.h.
 */
#include "program.h"

#define LIB_TEXT_PAGES 400u
#define LIB_DATA_PAGES 8u
#define LIB_GAP (8ull << 20)
#define LIB_BASE 0x7ffff0000000ull
#define INSTRUCTIONS_PER_RECORD 16u
#define PAGE ((uint64_t)FRAME_BYTES)

const struct file *file_make(struct guest *g, uint64_t pages)
{
	struct file *f = &g->file[g->nr_files];

	if (g->nr_files == FILES_MOST) {
		guest_fail(g, "more than %u files", FILES_MOST);
		return NULL;
	}
	f->pages = pages;
	f->pa = phys_get_run(&g->phys, pages, ORDER_4K);
	if (!f->pa) {
		guest_fail(g, "its memory has no room for files: it needs more than ram=%lluM",
			   (unsigned long long)(g->config.ram >> 20));
		return NULL;
	}
	g->nr_files++;
	return f;
}

int program_make(struct guest *g, struct program *p)
{
	p->text_file = file_make(g, p->text);
	p->data_file = file_make(g, p->data);
	for (unsigned i = 0; i < 2 && p->libs; i++)
		p->lib_file[i] = file_make(g, i ? LIB_DATA_PAGES : LIB_TEXT_PAGES);
	p->lib = LIB_BASE;
	return g->failed ? -1 : 0;
}

static uint64_t data_start(const struct program *p)
{
	return PROGRAM_TEXT + (p->text + 1) * PAGE;
}

uint64_t program_data(const struct program *p)
{
	return data_start(p);
}

static void map(struct guest *g, struct space *s, uint64_t at, uint64_t pages, uint32_t flags,
		const struct file *f)
{
	struct area a = { .end = pages * PAGE, .flags = flags, .file = f };

	space_map(g, s, at, &a);
}

void program_map(struct guest *g, struct space *s, const struct program *p)
{
	uint64_t data = data_start(p), rw = AREA_READ | AREA_WRITE;

	map(g, s, PROGRAM_TEXT, p->text, AREA_READ | AREA_EXEC, p->text_file);
	map(g, s, data, p->data, (uint32_t)rw, p->data_file);
	if (p->bss)
		map(g, s, data + p->data * PAGE, p->bss, (uint32_t)rw, NULL);
	for (unsigned i = 0; i < p->libs; i++) {
		uint64_t at = p->lib + i * LIB_GAP;

		map(g, s, at, LIB_TEXT_PAGES, AREA_READ | AREA_EXEC, p->lib_file[0]);
		map(g, s, at + LIB_TEXT_PAGES * PAGE, LIB_DATA_PAGES, (uint32_t)rw, p->lib_file[1]);
	}
	map(g, s, STACK_TOP - STACK_BYTES, STACK_BYTES / PAGE, (uint32_t)rw, NULL);
	s->brk = (data + (p->data + p->bss + 16ull) * PAGE) & ~(PAGE - 1);
	s->map_top = LIB_BASE - LIB_GAP;
}

void program_touch(struct guest *g, uint64_t gva, uint32_t access)
{
	if (guest_touch(g, gva, access) < 0)
		guest_fail(g, "a process has touched 0x%llx, which it may not",
			   (unsigned long long)gva);
}

/* Returns a page below n; low ones come far more often. */
static uint64_t skewed(uint64_t r, uint64_t n)
{
	uint64_t a = (r & 0xffff) * n >> 16, b = (r >> 16 & 0xffff) * n >> 16;

	return a < b ? a : b;
}

static void run_access(struct guest *g, const struct program *p, uint64_t r)
{
	uint64_t line = (r >> 58) * 64, kind = r & 7, sel = r >> 3;
	uint32_t rw = r >> 57 & 1 ? VMMU_WRITE : VMMU_READ;

	if (kind < 4 && p->libs && (r >> 50 & 3) == 0)
		program_touch(g,
			      p->lib + (sel % p->libs) * LIB_GAP +
				      skewed(sel >> 8, LIB_TEXT_PAGES / 8) * PAGE + line,
			      VMMU_FETCH | VMMU_USER);
	else if (kind < 4)
		program_touch(g, PROGRAM_TEXT + skewed(sel, p->hot_text) * PAGE + line,
			      VMMU_FETCH | VMMU_USER);
	else if (kind < 6)
		program_touch(g, STACK_TOP - (sel & 15 ? PAGE : 2 * PAGE) + line, rw | VMMU_USER);
	else
		program_touch(g, data_start(p) + skewed(sel, p->hot_data) * PAGE + line,
			      rw | VMMU_USER);
}

void program_run(struct guest *g, unsigned instructions)
{
	const struct program *p = g->cur->program;

	for (unsigned i = 0; i < instructions && !g->failed; i += INSTRUCTIONS_PER_RECORD)
		run_access(g, p, rng_next(&g->rng));
	g->instructions += instructions;
	g->accesses += (uint64_t)instructions * 14 / 10;
}

/* The dynamic linker relocates each library's data, then the program sets up its own. */
void program_start(struct guest *g)
{
	const struct program *p = g->cur->program;

	for (unsigned i = 0; i < p->libs; i++)
		for (unsigned k = 0; k < LIB_DATA_PAGES / 2; k++)
			program_touch(g, p->lib + i * LIB_GAP + (LIB_TEXT_PAGES + k) * PAGE,
				      VMMU_WRITE | VMMU_USER);
	program_touch(g, data_start(p), VMMU_WRITE | VMMU_USER);
	program_run(g, 4000 + 12000 * p->libs);
}
