/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls: INT 0x80 with the number in rax and arguments in rdi, rsi, rdx. */
#ifndef SYSCALL_H
#define SYSCALL_H

#define USER_BEGIN 0x40000000ull
#define USER_MAPS 0x50000000ull /* the first address that SYS_MAP returns */
#define USER_MAPS_END 0x7f000000ull
#define USER_LINE 0x7ff00000ull	 /* the command line, a page */
#define USER_STACK 0x7fff0000ull /* 15 pages */
#define USER_END 0x7ffff000ull

enum syscall {
	SYS_EXIT,    /* status */
	SYS_FORK,    /* pid, in the child 0; -1: no more */
	SYS_WAIT,    /* pid of a child: its status, or -vector of the trap that ended it */
	SYS_YIELD,   /* lets others run */
	SYS_WRITE,   /* text, length: to the console */
	SYS_MAP,     /* bytes, shared: the address of new memory */
	SYS_UNMAP,   /* address, bytes */
	SYS_PROTECT, /* address, bytes, writable */
	SYS_COUNT,   /* enum count: how many */
	SYS_PREEMPT, /* from now on a timer preempts processes */
};

enum count {
	/* These count in memory of SYS_MAP only: elsewhere the number depends on the compiler. */
	COUNT_READ_FAULT,  /* pages that a read mapped */
	COUNT_WRITE_FAULT, /* pages that a store mapped */
	COUNT_COW_FAULT,   /* stores that copied a page */
	COUNT_FORK,
	COUNT_KILLED,
	COUNT_FRAMES, /* pages of memory in use */
	NR_COUNTS
};

#endif
