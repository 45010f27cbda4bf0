/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of metal/: the kernel that tests an MMU, started on a target, and what it says.
 *
 *	kernel/    the kernel itself, a program of its own
 *	target.c   how each target is started
 *	session.c  reads what the kernel prints
 *	known.c    files of known deviations
 */
#ifndef TOOLS_METAL_METAL_H
#define TOOLS_METAL_METAL_H

#include "base/base.h"

#include <stdint.h>
#include <sys/types.h>

#define METAL_ARGS 512
#define METAL_WORDS 48

/* ---- known.c ------------------------------------------------------------------------------- */

struct metal_known {
	char *text; /* the whole file */
	size_t bytes;
};
/* 0, or -1 and *err. */
int metal_known_read(struct metal_known *k, const char *path, struct err *err);
void metal_known_free(struct metal_known *k);
/* What the manual says, and the file, of a deviation of that name; "" if the file does not. */
const char *metal_known_see(const struct metal_known *k, const char *name, char *buf, size_t size);

/* ---- target.c ------------------------------------------------------------------------------- */

struct metal_target {
	const char *on, *cpu, *backend;
	char args[METAL_ARGS];	    /* the kernel's command line */
	char kernel[PATH_BYTES];    /* found by metal_target_find() */
	char module[64];	    /* a temporary file, or "" */
	char text[PATH_BYTES + 64]; /* room for words */
	const char *word[METAL_WORDS];
	int quiet_seconds; /* after so long without a word the target counts as hung */
};

int metal_target_find(struct metal_target *t, struct err *err);
/* The module: known deviations and, if it is not NULL, the sequences of a file. */
int metal_target_module(struct metal_target *t, const struct metal_known *k, const char *replay,
			struct err *err);
/* Starts it; its output comes out of *fd.  The process, or -1 and *err. */
pid_t metal_target_start(struct metal_target *t, int *fd, struct err *err);
void metal_target_end(struct metal_target *t);

/* ---- session.c ------------------------------------------------------------------------------- */

struct metal_session {
	/* Each line, as it comes. */
	void (*line)(void *ctx, const char *line);
	void *ctx;
	uint64_t ops;	  /* as the last line that told it said */
	int begun, ended; /* it said what it is; it said the end */
	int hung;
};

/* Until the target's output ends or it is hung; then the process is gone. */
void metal_session_run(struct metal_session *s, const struct metal_target *t, pid_t pid, int fd);
/* The number behind " key=" of a line, or 0. */
uint64_t metal_number(const char *line, const char *key);

#endif
