/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has of a C library's header of this name; see libc.c. */
#ifndef METAL_STRING_H
#define METAL_STRING_H
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strcspn(const char *s, const char *any);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

#endif
