/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unnamed file and the judgement of errors.
 * No format is known here.
 * Invariant: see fuzz.h.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_holds(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

const char *fuzz_file(const void *bytes, size_t size)
{
	static char path[32];
	static int fd = -1; /* one for all, until exit */

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_holds(fd >= 0 && ftruncate(fd, 0) == 0 &&
			   (!size || pwrite(fd, bytes, size, 0) == (ssize_t)size),
		   "the file can be written");
	return path;
}

void fuzz_refused(const struct err *err, const char *path)
{
	size_t len = strlen(path);

	fuzz_holds(err->status == STATUS_INPUT, "the status of bad input");
	if (!err->hint[0]) {
		fprintf(stderr, "how to go on is not said after \"%s\"\n", err->text);
		abort();
	}
	if (strncmp(err->text, path, len) == 0 && err->text[len] == ':' && err->text[len + 1])
		return;
	fprintf(stderr, "\"%s\" does not begin with \"%s: \"\n", err->text, path);
	abort();
}
