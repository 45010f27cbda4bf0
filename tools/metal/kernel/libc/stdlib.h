/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has of a C library's header of this name; see libc.c. */
#ifndef METAL_STDLIB_H
#define METAL_STDLIB_H
#include <stddef.h>

void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);
_Noreturn void abort(void);

#endif
