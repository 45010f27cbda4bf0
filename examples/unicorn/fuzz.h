/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams of random instruction bytes, executed by vmmu-run's own parts: the process has to survive
 * them all, and what is not emulated has to be named.
 *
 *	fuzz.c        batches of streams in child processes, their deaths and hangs, the totals
 *	fuzz_mode.c   the machine that a stream starts in: mode, privilege, tables, descriptors
 *	fuzz_bytes.c  the bytes and the registers of a stream
 *
 * A seed and the number of a stream say all about it, so each can be run again by itself.
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

/* Where things are in guest-physical memory; linear addresses are the same. */
#define FUZZ_RAM (8ull << 20)
#define FUZZ_CODE 0x20000u  /* two pages for the stream */
#define FUZZ_TOP 0x22000u   /* page that is also the last one of the linear addresses */
#define FUZZ_DATA 0x30000u  /* 32 pages, each with other rights */
#define FUZZ_STACK 0x5f000u /* below it */
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
	uint32_t cr4; /* beyond what the mode needs */
};

/* xorshift; the state is never zero. */
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
/* Stream `number` of a seed. */
void fuzz_make(struct fuzz_stream *s, uint64_t seed, uint64_t number);
/* Has the library other control registers than the CPU?  Then *name is one, and 1. */
int fuzz_registers_differ(struct run *r, const char **name);
/* Puts the machine where the stream begins, whatever the last one did to it. */
void fuzz_enter(struct run *r, const struct fuzz_stream *s);

#endif
