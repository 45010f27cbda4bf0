/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu run: executes vmmu-run, the program that links Unicorn.  This program does not link it,
 * because Unicorn has another licence.
 * Invariant: the function returns only with an error.
 */
#include "cmd.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where vmmu-run is looked for: beside this program, where it is installed, where it is built. */
static const char *const places[] = { "vmmu-run", "../libexec/vmmu-run",
				      "../examples/unicorn/vmmu-run" };

static int run(int argc, char **argv, struct err *err)
{
	char directory[PATH_BYTES], path[PATH_BYTES + 64];

	(void)argc;
	argv[0] = (char *)(uintptr_t) "vmmu-run";
	for (unsigned i = 0; program_directory(directory) == 0 && i < sizeof(places) / sizeof(*places);
	     i++) {
		snprintf(path, sizeof(path), "%s%s", directory, places[i]);
		execv(path, argv);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_set(err, STATUS_MISMATCH, "%s: %s", path, strerror(errno));
	}
	execvp(argv[0], argv);
	return err_set(err, STATUS_MISMATCH,
		       "vmmu-run is missing: it is built where Unicorn 2.1 or newer is found "
		       "(Debian: libunicorn-dev)");
}

const struct command command_run = {
	"run",
	"a bare-metal kernel on Unicorn, its MMU by any backend",
	"[OPTION]... KERNEL [ARGUMENT]...\n\n"
	"Starts vmmu-run, a separate program, which is built where Unicorn 2.1 or newer is\n"
	"found.  `vmmu run --help` shows its help.\n",
	run,
};
