/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has of a C library's header of this name; see libc.c. */
#ifndef METAL_STDIO_H
#define METAL_STDIO_H
#include <stdarg.h>
#include <stddef.h>

/* Only named: there are no files. */
typedef struct metal_no_file FILE;

/* %s %c %d %u %x with a width, a 0 in front, a precision of %s, and ll, l or z. */
__attribute__((format(printf, 3, 4))) int snprintf(char *to, size_t size, const char *fmt, ...);
int vsnprintf(char *to, size_t size, const char *fmt, va_list ap);

#endif
