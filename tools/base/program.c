/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where this program lies.
 * Invariant: what is answered ends with '/', and there is room for a '\0'.
 */
#include "program.h"

#include <string.h>
#include <unistd.h>

int program_directory(char buf[PATH_BYTES])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_BYTES - 1);
	char *slash;

	if (n <= 0)
		return -1;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash)
		return -1;
	slash[1] = '\0';
	return 0;
}
