/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of the model: what an exec maps, and which memory their code touches.  A program
 * computes nothing; it is a working set.
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

/* Loads the program's files.  Returns 0, or -1 with the guest failed. */
int program_make(struct guest *g, struct program *p);
/* Makes a file of so many pages, in memory.  Returns NULL with the guest failed. */
const struct file *file_make(struct guest *g, uint64_t pages);
/* Makes the program's areas in an empty space. */
void program_map(struct guest *g, struct space *s, const struct program *p);
/* The current task, which has this program, runs so many instructions. */
void program_run(struct guest *g, unsigned instructions);
/* guest_touch() for accesses that the workload makes sure are allowed. */
void program_touch(struct guest *g, uint64_t gva, uint32_t access);
/* The program's relocations and first steps after an exec. */
void program_start(struct guest *g);
/* The first places of the data and of the stack that the program writes to. */
uint64_t program_data(const struct program *p);

#endif
