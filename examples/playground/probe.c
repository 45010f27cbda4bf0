/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a compiler has what a program for WebAssembly needs. */
#include <stdlib.h>

void *probe(void);

void *probe(void)
{
	return malloc(1);
}
