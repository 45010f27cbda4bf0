/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the place of kdump.c where libkdumpfile was not found at build time.
 * Invariant: see dump.h.
 */
#include "dump.h"

int kdump_read_dump(struct core *core, int fd, const char *path, struct err *err)
{
	(void)core;
	(void)fd;
	err_input(err, "%s: a compressed dump, and this vmmu was built without libkdumpfile", path);
	return err_hint(
		err,
		"Install libkdumpfile-dev (Debian) or libkdumpfile-devel (Fedora) and build vmmu "
		"again, or dump the guest without -z, -l and -s.");
}
