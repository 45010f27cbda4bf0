/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program of the guest `bench`: loops of the operations that cost most when memory is
 * virtualized. The command line sets the rounds: fork=N switch=N fault=N chase=N.  The guest
 * measures no time, so its output is the same on every machine.
 */
#include "user.h"

#define SWITCHERS 4
#define SWITCH_PAGES 16
#define FAULT_PAGES 64
#define CHASE_PAGES 1024
#define CHASE_STEPS 4000 /* steps of one round */

static volatile uint32_t *board; /* a page that all processes share */
static uint8_t set[SWITCH_PAGES * PAGE] __attribute__((aligned(4096)));

static int touch(int value)
{
	set[0] = (uint8_t)value;
	return set[0];
}

static uint32_t forks(uint32_t rounds)
{
	uint32_t i, sum = 0;

	memset(set, 1, sizeof(set));
	for (i = 0; i < rounds; i++)
		sum += (uint32_t)call(SYS_WAIT, (uint64_t)spawn(touch, (int)(i & 0x7f)));
	return sum + set[0];
}

static int switcher(int rounds)
{
	uint32_t sum = 0;
	unsigned i;

	for (; rounds; rounds--) {
		for (i = 0; i < sizeof(set); i += PAGE)
			sum += ++set[i];
		call(SYS_YIELD, 0);
	}
	board[0] += sum;
	return 0;
}

static uint32_t switches(uint32_t rounds)
{
	int64_t pid[SWITCHERS];
	unsigned i;

	memset(set, 0, sizeof(set));
	board[0] = 0;
	for (i = 0; i < SWITCHERS; i++)
		pid[i] = spawn(switcher, (int)rounds);
	for (i = 0; i < SWITCHERS; i++)
		call(SYS_WAIT, (uint64_t)pid[i]);
	return board[0];
}

static uint32_t faults(uint32_t rounds)
{
	uint32_t i, j, sum = 0;

	for (i = 0; i < rounds; i++) {
		uint8_t *p = map(FAULT_PAGES * PAGE, 0);

		for (j = 0; j < FAULT_PAGES; j++)
			sum += p[j * PAGE] += (uint8_t)(i + j);
		call3(SYS_UNMAP, (uint64_t)p, FAULT_PAGES * PAGE, 0);
	}
	return sum;
}

/* Each page has one pointer.  The pointers form a circle through all pages. */
static uint32_t chase(uint32_t rounds)
{
	uint8_t *base = map(CHASE_PAGES * PAGE, 0);
	void **p = (void **)(void *)base;
	uint32_t i, at = 0;

	for (i = 0; i < CHASE_PAGES; i++) {
		uint32_t next = (at + 389) % CHASE_PAGES;

		*(void **)(void *)(base + at * PAGE) = base + next * PAGE;
		at = next;
	}
	for (i = 0; i < rounds * CHASE_STEPS; i++)
		p = *p;
	return (uint32_t)(((uint64_t)p - (uint64_t)base) / PAGE);
}

static void run(const char *name, uint32_t (*loop)(uint32_t rounds), uint32_t otherwise)
{
	uint32_t rounds = (uint32_t)option(command_line(), name, otherwise);

	print("%s: %u rounds, checksum %x\n", name, rounds, loop(rounds));
}

int main(void)
{
	board = map(PAGE, 1);
	run("fork", forks, 50);
	run("switch", switches, 100);
	run("fault", faults, 20);
	run("chase", chase, 100);
	return 0;
}
