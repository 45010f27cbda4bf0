/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of the model: what an exec maps, and what running their code
 * touches.  Nothing is computed: a program is a working set.
 * Invariant: a program's addresses depend on the program alone.
 */
#ifndef TOOLS_GUEST_PROGRAM_H
#define TOOLS_GUEST_PROGRAM_H

#include "os.h"

#define PROGRAM_TEXT 0x400000ull
#define STACK_TOP 0x7ffffffff000ull
#define STACK_BYTES (132ull << 10)

struct program {
	unsigned text, data, bss;    /* pages */
	unsigned libs;		     /* libraries of 400 pages of text and 8 of data */
	unsigned hot_text, hot_data; /* pages that a running program keeps using */
	const struct file *text_file, *data_file;
	const struct file *lib_file[2]; /* text, data; shared by all programs */
	uint64_t lib;			/* where the first one lies */
};

/* Its files come into memory.  0, or -1 with the guest failed. */
int program_make(struct guest *g, struct program *p);
/* A file of that many pages, in memory; NULL: failed. */
const struct file *file_make(struct guest *g, uint64_t pages);
/* The areas of an empty space. */
void program_map(struct guest *g, struct space *s, const struct program *p);
/* The current task, whose program it is, runs that many instructions. */
void program_run(struct guest *g, unsigned instructions);
/* guest_touch() where a signal would be a mistake of the workload. */
void program_touch(struct guest *g, uint64_t gva, uint32_t access);
/* Relocations and first steps after an exec. */
void program_start(struct guest *g);
/* Where its data and its stack are written first. */
uint64_t program_data(const struct program *p);

#endif
