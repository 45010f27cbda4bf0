/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What core.c and the readers of dumps share.  The readers are elf.c, kdump.c (kdump_none.c where
 * libkdumpfile was not found at build time), flat.c and notes.c.
 */
#ifndef TOOLS_INPUT_DUMP_H
#define TOOLS_INPUT_DUMP_H

#include "core.h"

#include <stdio.h>

#define DUMP_MOST ((size_t)64 << 30)

/* They fill *core, which is zero at first.  After -1 (*err) the caller calls core_close(). */
int elf_read(struct core *core, struct input *in, const char *path, struct err *err);
int kdump_read_dump(struct core *core, int fd, const char *path, struct err *err);

/*
 * Copies the whole input to an unnamed file, whose position is undefined.  Returns NULL on
 * failure: *err.
 */
FILE *flat_spool(struct input *in, struct err *err);
/* The same for a flattened file, whose pieces are put where they belong. */
FILE *flat_order(struct input *in, struct err *err);

/*
 * Takes the registers from QEMU's notes, one for each vCPU; other notes are skipped.  The notes
 * lie at byte `at` of the file.
 */
int notes_take(struct core *core, const uint8_t *notes, size_t size, uint64_t at, const char *path,
	       struct err *err);

#endif
