/* SPDX-License-Identifier: BSD-2-Clause */
/* Where this program lies, and what was built or installed beside it. */
#ifndef TOOLS_BASE_PROGRAM_H
#define TOOLS_BASE_PROGRAM_H

#define PATH_BYTES 4096

/* The directory of this program with its '/'; 0, or -1 where /proc does not tell. */
int program_directory(char buf[PATH_BYTES]);

#endif
