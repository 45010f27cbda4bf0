/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kdump-compressed dumps from a guest's memory, for tests: with every compression that QEMU of
 * today's Debian does not write (its zlib is in tests/data/dumps), both layouts of the headers, as
 * files or flattened.  A page that packing does not make smaller is stored, as everybody does.
 */
#ifndef KDUMP_MAKE_H
#define KDUMP_MAKE_H

#include "input/input.h"

enum kdump_packing { KDUMP_PLAIN, KDUMP_LZO, KDUMP_SNAPPY, KDUMP_ZSTD, KDUMP_PACKINGS };

struct kdump_how {
	enum kdump_packing packing;
	int narrow; /* the headers of a 32-bit dump */
	int flattened;
	const char *machine; /* `uname -m` */
	unsigned block;	     /* bytes of a page; 0: 4096 */
	uint32_t split;	     /* what the header says of it */
	/* QEMU's note about this vCPU; NULL: no notes. */
	const struct known_regs *cpu;
};

/* Of the pages that the core's segments have; free(data). */
struct bytes kdump_make(const struct core *core, const struct kdump_how *how);

#endif
