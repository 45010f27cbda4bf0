/* SPDX-License-Identifier: BSD-2-Clause */
/* The runtime of programs in ring 3: the entry, output by system calls, children. */
#include "user.h"

static char text[256];
static unsigned length;

void put(char c)
{
	text[length++] = c;
	if (c != '\n' && length < sizeof(text))
		return;
	call3(SYS_WRITE, (uint64_t)text, length, 0);
	length = 0;
}

void finish(unsigned status)
{
	for (;;)
		call(SYS_EXIT, status);
}

int64_t spawn(int (*work)(int argument), int argument)
{
	int64_t pid = call(SYS_FORK, 0);

	if (pid < 0)
		panic("no more processes");
	if (!pid)
		finish((unsigned)work(argument));
	return pid;
}

_Noreturn void user_start(void);
_Noreturn void user_start(void)
{
	finish((unsigned)main());
}
