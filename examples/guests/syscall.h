/* SPDX-License-Identifier: BSD-2-Clause */
/* What ring 3 and the kernel agree on: int 0x80, number in rax, arguments in rdi, rsi, rdx. */
#ifndef SYSCALL_H
#define SYSCALL_H

#define USER_BEGIN 0x40000000ull
#define USER_MAPS 0x50000000ull /* what SYS_MAP answers from */
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
	SYS_PREEMPT, /* from now on a timer makes processes yield, too */
};

enum count {
	/* In memory of SYS_MAP; of program and stack it is the compiler's doing how many. */
	COUNT_READ_FAULT,  /* pages that came by being read */
	COUNT_WRITE_FAULT, /* ... or stored to */
	COUNT_COW_FAULT,   /* stores to pages that were to be copied */
	COUNT_FORK,
	COUNT_KILLED,
	COUNT_FRAMES, /* pages of memory in use */
	NR_COUNTS
};

#endif
