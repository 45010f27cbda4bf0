/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between kdump.c and the process that reads a dump with libkdumpfile (kdump_child.c): messages
 * through a pipe.
 */
#ifndef TOOLS_INPUT_KDUMP_H
#define TOOLS_INPUT_KDUMP_H

#include <stdint.h>

/* Pages that follow each other come in pieces of this size at most. */
#define KDUMP_PIECE_BYTES (1u << 20)
#define KDUMP_NOTES_MOST (64u << 20)
#define KDUMP_ERROR_MOST 320u

enum kdump_kind {
	KDUMP_LONG_MODE, /* the guest is a 64-bit one */
	KDUMP_NOTES,	 /* ELF notes, which lie at byte gpa of the file */
	KDUMP_RAM,	 /* [gpa, gpa + bytes) is RAM */
	KDUMP_PAGES,	 /* and these are its contents */
	KDUMP_ERROR,	 /* a text, and nothing follows */
	KDUMP_END,
};

struct kdump_message {
	uint32_t kind, payload; /* bytes that follow */
	uint64_t gpa, bytes;
};

/* Reads the dump that is open as fd and writes messages to out. */
void kdump_child(int fd, int out);

#endif
