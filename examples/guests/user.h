/* SPDX-License-Identifier: BSD-2-Clause */
/* Declarations for programs in ring 3: system calls, and main(). */
#ifndef USER_H
#define USER_H

#include "guest.h"
#include "syscall.h"

static inline int64_t call3(enum syscall number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"((uint64_t)number), "D"(a), "S"(b), "d"(c)
			 : "memory");
	return result;
}

static inline int64_t call(enum syscall number, uint64_t a)
{
	return call3(number, a, 0, 0);
}

/* Maps memory of zeros.  `shared`: later children share it. */
static inline void *map(uint64_t bytes, int shared)
{
	return (void *)call3(SYS_MAP, bytes, (uint64_t)shared, 0);
}

static inline const char *command_line(void)
{
	return (const char *)USER_LINE;
}

/* Starts a child that calls `work` and ends with the status that it returns.  Returns the pid. */
int64_t spawn(int (*work)(int argument), int argument);

int main(void);

#endif
