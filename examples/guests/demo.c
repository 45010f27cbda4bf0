/* SPDX-License-Identifier: BSD-2-Clause */
/* The program of the guest `kernel`: it uses everything that a process can ask of an MMU. */
#include "user.h"

#define NR_NUMBERS 8192

static uint32_t *numbers;
static uint32_t started = 0x12345; /* in a page of the program image */
static volatile uint32_t *board;   /* a page that all processes share */

static uint32_t mix(uint32_t sum, uint32_t value)
{
	return (sum << 5 | sum >> 27) ^ value;
}

static uint32_t checksum(void)
{
	uint32_t sum = 0;
	unsigned i;

	for (i = 0; i < NR_NUMBERS; i++)
		sum = mix(sum, numbers[i]);
	return sum;
}

static void fill(uint32_t seed)
{
	unsigned i;

	for (i = 0; i < NR_NUMBERS; i++)
		numbers[i] = seed = seed * 1664525 + 1013904223;
}

/* The sieve of Eratosthenes in memory that is mapped on demand. */
static void primes(void)
{
	enum { LIMIT = 1 << 18 };
	uint8_t *composite = map(LIMIT, 0);
	uint32_t i, j, sum = 0, n = 0;

	for (i = 2; i < LIMIT; i++) {
		if (composite[i])
			continue;
		sum = mix(sum, i);
		n++;
		for (j = 2 * i; j < LIMIT; j += i)
			composite[j] = 1;
	}
	print("primes: %u below %u, checksum %x\n", n, LIMIT, sum);
	call3(SYS_UNMAP, (uint64_t)composite, LIMIT, 0);
}

static int sort_child(int which)
{
	unsigned gap, i, j;

	numbers[which] ^= 0x5a5a5a5a;
	for (gap = NR_NUMBERS / 2; gap; gap /= 2)
		for (i = gap; i < NR_NUMBERS; i++) {
			uint32_t value = numbers[i];

			for (j = i; j >= gap && numbers[j - gap] > value; j -= gap)
				numbers[j] = numbers[j - gap];
			numbers[j] = value;
		}
	board[which] = checksum();
	return which;
}

/* Each child sorts its own copy.  The parent's copy must not change. */
static void sorting(void)
{
	int64_t pid[4];
	uint32_t before;
	int i;

	fill(started);
	started++;
	before = checksum();
	for (i = 0; i < 4; i++)
		pid[i] = spawn(sort_child, i);
	print("sorting:");
	for (i = 0; i < 4; i++) {
		call(SYS_WAIT, (uint64_t)pid[i]);
		print(" %x", board[i]);
	}
	print(" parent %s\n", checksum() == before ? "unchanged" : "changed");
}

static int tree(int depth)
{
	int64_t left, right;
	int sum = 1;

	started++; /* each process has its own copy */
	if (!depth)
		return sum;
	left = spawn(tree, depth - 1);
	right = spawn(tree, depth - 1);
	sum += (int)call(SYS_WAIT, (uint64_t)left);
	return sum + (int)call(SYS_WAIT, (uint64_t)right);
}

/* ---- what is not allowed -------------------------------------------------------- */

static uint8_t *page;

static int store_to_page(int value)
{
	*page = (uint8_t)value;
	return *page;
}

static int store_to_program(int value)
{
	*(volatile uint8_t *)USER_BEGIN = (uint8_t)value;
	return 0;
}

static int read_kernel(int address)
{
	return *(volatile uint8_t *)(uint64_t)address;
}

static int run_data(int value)
{
	((void (*)(void))(uint64_t)page)();
	return value;
}

static int write_hole(int length)
{
	call3(SYS_WRITE, (uint64_t)page, (uint64_t)length, 0);
	return 1;
}

static int halt(int value)
{
	__asm__ volatile("hlt");
	return value;
}

static void tell(const char *what, int (*work)(int), int argument)
{
	int64_t status = call(SYS_WAIT, (uint64_t)spawn(work, argument));

	if (status < 0)
		print(" %s trap %u,", what, (unsigned)-status);
	else
		print(" %s %x,", what, (unsigned)status);
}

static void rights(void)
{
	page = map(PAGE, 0);
	print("rights:");
	*page = 0xc3; /* ret */
	tell("store", store_to_page, 0x21);
	call3(SYS_PROTECT, (uint64_t)page, PAGE, 0);
	tell("protected", store_to_page, 0x22);
	call3(SYS_PROTECT, (uint64_t)page, PAGE, 1);
	tell("again", store_to_page, 0x23);
	tell("run data", run_data, 0);
	tell("program", store_to_program, 0);
	tell("kernel", read_kernel, 0x100000);
	tell("hlt", halt, 0);
	print(" parent %x,", *page);
	call3(SYS_UNMAP, (uint64_t)page, PAGE, 0);
	tell("unmapped", store_to_page, 0x24);
	tell("system call", write_hole, 1);
	print("\n");
}

/* ---- turns ------------------------------------------------------------------------ */

static int player(int me)
{
	uint32_t n;

	for (n = 0; n < 100; n++) {
		while (board[0] % 3 != (uint32_t)me)
			call(SYS_YIELD, 0);
		board[1] = mix(board[1], (uint32_t)me + board[0]);
		board[0]++;
	}
	return 0;
}

static void turns(void)
{
	int64_t pid[3];
	int i;

	board[0] = board[1] = 0;
	for (i = 0; i < 3; i++)
		pid[i] = spawn(player, i);
	for (i = 0; i < 3; i++)
		call(SYS_WAIT, (uint64_t)pid[i]);
	print("turns: %u, checksum %x\n", board[0], board[1]);
}

/* It never yields.  Both processes can end only because the timer preempts them. */
static int spinner(int me)
{
	uint32_t n;

	for (n = 0; n < 300000000; n++) {
		board[me] = n;
		if (n > 1000 && board[!me] > 1000)
			return 1;
	}
	return 0;
}

static void preemption(void)
{
	int64_t one, other;
	int both;

	board[0] = board[1] = 0;
	call(SYS_PREEMPT, 0);
	one = spawn(spinner, 0);
	other = spawn(spinner, 1);
	both = (int)call(SYS_WAIT, (uint64_t)one);
	both += (int)call(SYS_WAIT, (uint64_t)other);
	print("preemption: %s\n", both == 2 ? "both ran" : "skipped: no timer");
}

static unsigned count(enum count which)
{
	return (unsigned)call(SYS_COUNT, which);
}

int main(void)
{
	unsigned pages;

	board = map(PAGE, 1);
	numbers = map(NR_NUMBERS * sizeof(*numbers), 0);
	primes();
	sorting();
	pages = count(COUNT_FRAMES);
	print("tree: %u processes\n", (unsigned)tree(5));
	rights();
	turns();
	print("faults: %u read, %u write, %u copy on write\n", count(COUNT_READ_FAULT),
	      count(COUNT_WRITE_FAULT), count(COUNT_COW_FAULT));
	print("processes: %u forked, %u killed\n", count(COUNT_FORK), count(COUNT_KILLED));
	preemption();
	print("pages lost: %u\n", count(COUNT_FRAMES) - pages);
	return 0;
}
