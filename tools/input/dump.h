/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between core.c and the readers of dumps: elf.c, kdump.c (kdump_none.c where libkdumpfile was
 * not), flat.c, notes.c.
 */
#ifndef TOOLS_INPUT_DUMP_H
#define TOOLS_INPUT_DUMP_H

#include "core.h"

#include <stdio.h>

#define DUMP_MOST ((size_t)64 << 30)

/* Fill *core, which is zero; -1: *err, and core_close() by the caller. */
int elf_read(struct core *core, struct input *in, const char *path, struct err *err);
int kdump_read_dump(struct core *core, int fd, const char *path, struct err *err);

/* An unnamed file with all that the input gives; its place is undefined.  NULL: *err. */
FILE *flat_spool(struct input *in, struct err *err);
/* The same of a flattened file, put in order. */
FILE *flat_order(struct input *in, struct err *err);

/*
 * Takes the registers from QEMU's notes among these, one vCPU each.  `at`: where they lie in the
 * file.
 */
int notes_take(struct core *core, const uint8_t *notes, size_t size, uint64_t at, const char *path,
	       struct err *err);

#endif
