/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes streams of random instruction bytes with the parts of vmmu-run.  The process has to
 * survive all of them, and it has to name what it does not emulate.
 *
 *	fuzz.c        runs batches of streams in child processes, and reports deaths and hangs
 *	fuzz_mode.c   sets up mode, privilege, tables and descriptors for a stream
 *	fuzz_bytes.c  makes the bytes and the registers of a stream
 *
 * Seed and number determine a stream, so each can be executed again by itself.
 */
#ifndef RUN_FUZZ_H
#define RUN_FUZZ_H

#include "run.h"

enum fuzz_mode {
	FUZZ_REAL,
	FUZZ_VM86,
	FUZZ_CODE16, /* protected mode, 16-bit code, no paging */
	FUZZ_CODE32, /* the same with 32-bit code */
	FUZZ_LEGACY, /* 2-level paging */
	FUZZ_PAE,
	FUZZ_COMPAT16, /* long mode, 16-bit code */
	FUZZ_COMPAT32,
	FUZZ_CODE64,
	FUZZ_MODES
};

/* Addresses in guest-physical memory.  Linear addresses are the same. */
#define FUZZ_RAM (8ull << 20)
#define FUZZ_CODE 0x20000u  /* two pages for the stream */
#define FUZZ_TOP 0x22000u   /* mapped a second time as the last page of all linear addresses */
#define FUZZ_DATA 0x30000u  /* 32 pages with different rights */
#define FUZZ_STACK 0x5f000u /* the stack lies below */
#define FUZZ_GDT 0x2000u
#define FUZZ_TSS 0x3000u
#define FUZZ_IDT 0x5000u /* 8-byte gates; those of 16 bytes are behind it */
#define FUZZ_TABLES 0x10000u
#define FUZZ_HANDLER 0x600u

#define FUZZ_BYTES 96u
#define FUZZ_REGS 16u

struct fuzz_stream {
	enum fuzz_mode mode;
	unsigned cpl, nr;
	int idt;     /* without one, an exception is a triple fault */
	uint64_t at; /* linear address of the first byte */
	uint8_t bytes[FUZZ_BYTES];
	uint64_t reg[FUZZ_REGS]; /* in the order of the encoding of instructions */
	uint32_t flags;
	uint32_t cr4; /* bits beside those that the mode needs */
};

/* xorshift.  The state must not be zero. */
static inline uint64_t fuzz_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dull;
}

static inline unsigned fuzz_below(uint64_t *state, unsigned n)
{
	return (unsigned)((fuzz_random(state) >> 33) % n);
}

const char *fuzz_mode_name(enum fuzz_mode mode);
/* Makes stream `number` of a seed. */
void fuzz_make(struct fuzz_stream *s, uint64_t seed, uint64_t number);
/* 1: the library has another value of a control register than the CPU; *name says which. */
int fuzz_registers_differ(struct run *r, const char **name);
/* Puts the machine into the state in which the stream begins. */
void fuzz_enter(struct run *r, const struct fuzz_stream *s);

#endif
