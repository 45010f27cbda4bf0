/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of interp.c: the instruction set, a user program, the handler of its page faults, and
 * the page tables.
 */
#ifndef INTERP_GUEST_H
#define INTERP_GUEST_H

#include <stdint.h>
#include <string.h>

/* ---- the instruction set: 8 bytes each, 8 registers for the user and 8 for the handler ---- */

enum op { LI, ADD, SHL, SHR, OR, LOAD, STORE, JNZ, FROM, CR2, INVLPG, TRAP, RET, HALT };

struct insn {
	uint8_t op, a, b, zero;
	int32_t imm; /* sign-extended; for JNZ, the index of the target */
};

/* Guest-physical memory: 1 MiB, all of which is mapped for the handler, and a device behind it. */
#define RAM_BYTES 0x100000u
#define ROOT 0x1000u
#define USER_LEAVES 0x6000u /* the table whose entries the handler writes */
#define NEXT_FREE 0x7000u   /* a variable of the handler: the next free page */
#define HANDLER 0x8000u
#define PROGRAM 0x9000u
#define DEVICE RAM_BYTES
#define HEAP 0x40000000 /* a guest-virtual address from which the handler maps pages on demand */
#define PAGES 24

/* User code: it stores to pages that are not present, adds up what it stored, and so on.  The
 * numbers in comments are indices.
 */
static const struct insn program[] = {
	{ LI, 1, 0, 0, HEAP },
	{ LI, 2, 0, 0, PAGES },
	{ STORE, 2, 1, 0, 0 }, /* 2: each page, with its countdown */
	{ ADD, 1, 7, 0, 4096 },
	{ ADD, 2, 7, 0, -1 },
	{ JNZ, 2, 0, 0, 2 },
	{ LI, 1, 0, 0, HEAP },
	{ LI, 2, 0, 0, PAGES },
	{ LOAD, 4, 1, 0, 0 }, /* 8: the sum */
	{ ADD, 3, 4, 0, 0 },
	{ ADD, 1, 7, 0, 4096 },
	{ ADD, 2, 7, 0, -1 },
	{ JNZ, 2, 0, 0, 8 },
	{ LI, 5, 0, 0, DEVICE },
	{ STORE, 3, 5, 0, 0 }, /* the device prints it */
	{ LI, 1, 0, 0, HEAP + 4092 },
	{ STORE, 3, 1, 0, 4096 * PAGES }, /* across two pages, neither of which is present */
	{ LOAD, 4, 1, 0, 4096 * PAGES },
	{ STORE, 4, 5, 0, 8 },
	{ LI, 1, 0, 0, HEAP },
	{ TRAP, 1, 0, 0, 0 }, /* gives the first page back ... */
	{ LOAD, 4, 1, 0, 0 }, /* ... and finds another one there */
	{ STORE, 4, 5, 0, 16 },
	{ LI, 1, 0, 0, ROOT },
	{ LOAD, 4, 1, 0, 0 }, /* a page of the supervisor: the handler ends the program */
};

/* Supervisor code.  r7 is always 0.  FROM reads a register of the user. */
static const struct insn handler[] = {
	{ CR2, 0, 0, 0, 0 }, /* 0: a page fault */
	{ ADD, 1, 0, 0, 0 },
	{ SHR, 1, 0, 0, 30 },
	{ JNZ, 1, 0, 0, 7 },
	{ LI, 5, 0, 0, DEVICE },
	{ STORE, 0, 5, 0, 24 },
	{ HALT, 0, 0, 0, 0 },
	{ SHR, 0, 0, 0, 12 }, /* 7: the entry of the page */
	{ ADD, 0, 7, 0, -(HEAP >> 12) },
	{ SHL, 0, 0, 0, 3 },
	{ LI, 2, 0, 0, NEXT_FREE },
	{ LOAD, 3, 2, 0, 0 },
	{ ADD, 4, 3, 0, 0 },
	{ ADD, 4, 7, 0, 4096 },
	{ STORE, 4, 2, 0, 0 },
	{ LI, 4, 0, 0, 7 }, /* present, writable, user */
	{ OR, 3, 4, 0, 0 },
	{ STORE, 3, 0, 0, USER_LEAVES },
	{ RET, 0, 0, 0, 0 },
	{ FROM, 0, 1, 0, 0 }, /* 19: TRAP */
	{ ADD, 6, 0, 0, 0 },
	{ SHR, 0, 0, 0, 12 },
	{ ADD, 0, 7, 0, -(HEAP >> 12) },
	{ SHL, 0, 0, 0, 3 },
	{ STORE, 7, 0, 0, USER_LEAVES },
	{ INVLPG, 6, 0, 0, 0 },
	{ RET, 0, 0, 0, 0 },
};
#define ON_TRAP (HANDLER + 19 * sizeof(struct insn))

/* ---- memory when the machine starts ------------------------------------------------------ */

static void entry(uint8_t *ram, uint32_t table, unsigned index, uint64_t value)
{
	memcpy(ram + table + 8 * index, &value, 8);
}

/* The first 2 MiB are mapped one to one, for the handler except the user program and the device.
 * The heap is empty. */
static void load_guest(uint8_t *ram)
{
	const uint64_t supervisor = 3, user = 7, first_free = 0x10000;
	unsigned i;

	memset(ram, 0, RAM_BYTES);
	entry(ram, ROOT, 0, 0x2000 | user);
	entry(ram, 0x2000, 0, 0x3000 | user);
	entry(ram, 0x3000, 0, 0x4000 | user);
	for (i = 0; i < 257; i++)
		entry(ram, 0x4000, i, i * 4096ull | supervisor);
	entry(ram, 0x4000, PROGRAM / 4096, PROGRAM | user);
	entry(ram, 0x4000, DEVICE / 4096, DEVICE | user);
	entry(ram, 0x2000, HEAP >> 30, 0x5000 | user);
	entry(ram, 0x5000, 0, USER_LEAVES | user);
	memcpy(ram + NEXT_FREE, &first_free, 8);
	memcpy(ram + HANDLER, handler, sizeof(handler));
	memcpy(ram + PROGRAM, program, sizeof(program));
}

#endif
