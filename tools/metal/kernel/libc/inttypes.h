/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has of a C library's header of this name; see libc.c. */
#ifndef METAL_INTTYPES_H
#define METAL_INTTYPES_H
#include <stdint.h>

/* The compiler's own words for its 64-bit type. */
#ifdef __LP64__
#define PRIu64 "lu"
#define PRIx64 "lx"
#else
#define PRIu64 "llu"
#define PRIx64 "llx"
#endif

#endif
