/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: handles their traps and chooses which one runs next; see kernel.h.  The kernel never
 * waits: a trap changes the frames of processes and returns to one of them.
 */
#include "kernel.h"

#define NR_PROCESSES 64
#define INTERRUPTS_ON 0x202
#define PIC1 0x20
#define PIC2 0xa0
#define PIT 0x40
#define PIT_100_HZ 11932

enum state { FREE, READY, WAITING, DEAD };

struct process {
	enum state state;
	unsigned parent, wait_for;
	int64_t status;
	uint64_t root, maps; /* maps: the address for the next SYS_MAP */
	struct frame f;
};

/* The program image, and the header at its beginning (user.ld). */
extern uint8_t user_image[];
struct program {
	uint64_t entry, text_end, data_end, bss_end;
};

static struct process processes[NR_PROCESSES];
static struct process *current;
static char line[4096] __attribute__((aligned(4096)));

/* ---- who runs --------------------------------------------------------------- */

static void pick(void)
{
	unsigned n = (unsigned)(current - processes), i;

	for (i = 1; i <= NR_PROCESSES; i++) {
		struct process *p = &processes[(n + i) % NR_PROCESSES];

		if (p->state != READY)
			continue;
		if (p->root != get_cr3())
			set_cr3(p->root);
		current = p;
		return;
	}
	panic("everyone waits");
}

static void reap(struct process *parent, struct process *child)
{
	parent->f.rax = (uint64_t)child->status;
	parent->state = READY;
	child->state = FREE;
}

static void die(int64_t status)
{
	struct process *p = current, *parent = &processes[p->parent];

	if (p == processes)
		finish(status != 0);
	p->state = DEAD;
	p->status = status;
	set_cr3((unsigned long)boot_pml4);
	space_free(p->root);
	if (parent->state == WAITING && &processes[parent->wait_for] == p)
		reap(parent, p);
	pick();
}

/* ---- system calls ------------------------------------------------------------- */

static uint64_t do_fork(void)
{
	unsigned n;

	for (n = 0; n < NR_PROCESSES && processes[n].state != FREE; n++)
		;
	if (n == NR_PROCESSES)
		return (uint64_t)-1;
	counts[COUNT_FORK]++;
	processes[n] = *current;
	processes[n].parent = (unsigned)(current - processes);
	processes[n].root = space_fork(current->root);
	processes[n].f.rax = 0;
	return n;
}

static uint64_t do_wait(uint64_t n)
{
	struct process *child = &processes[n];

	if (n >= NR_PROCESSES || child->state == FREE || &processes[child->parent] != current)
		return (uint64_t)-1;
	current->wait_for = (unsigned)n;
	current->state = WAITING;
	if (child->state == DEAD)
		reap(current, child);
	else
		pick();
	return current->f.rax;
}

/* Whether the range is made of whole pages of the process. */
static int is_range(uint64_t va, uint64_t len)
{
	return !((va | len) % PAGE) && va >= USER_BEGIN && va <= USER_END && len <= USER_END - va;
}

static uint64_t do_write(uint64_t va, uint64_t len)
{
	const char *text = (const char *)va;
	uint64_t i;

	if (va < USER_BEGIN || va > USER_END || len > USER_END - va)
		return (uint64_t)-1;
	/* The first access may raise a page fault, which is handled like one of the process. */
	for (i = 0; i < len; i++)
		put(text[i]);
	return len;
}

static uint64_t do_map(uint64_t len, uint64_t shared)
{
	uint64_t va = current->maps;

	if (!is_range(va, len) || len > USER_MAPS_END - va)
		return (uint64_t)-1;
	if (shared)
		space_map_zero(current->root, va, len, WRITABLE | SHARED | NX);
	else
		space_map(current->root, va, len, (uint64_t)zero_page, WRITABLE | NX);
	current->maps += len;
	return va;
}

/* Sets the vectors from 32 on and masks all: the firmware may have left them set up for real mode.
 */
static void set_interrupts(void)
{
	static const uint8_t pic1[] = { 0x11, VECTOR_TIMER, 4, 1, 0xff };
	static const uint8_t pic2[] = { 0x11, VECTOR_TIMER + 8, 2, 1, 0xff };
	unsigned i;

	for (i = 0; i < sizeof(pic1); i++) {
		out8((uint16_t)(PIC1 + !!i), pic1[i]);
		out8((uint16_t)(PIC2 + !!i), pic2[i]);
	}
}

static void start_timer(void)
{
	out8(PIT + 3, 0x34);
	out8(PIT, PIT_100_HZ & 0xff);
	out8(PIT, PIT_100_HZ >> 8);
	out8(PIC1 + 1, 0xfe);
}

/* `current` may change during the call.  The result goes to the caller. */
static void system_call(struct process *p)
{
	uint64_t a = p->f.rdi, b = p->f.rsi;

	switch (p->f.rax) {
	case SYS_EXIT:
		die((int64_t)a & 0xffffffff);
		return;
	case SYS_WAIT:
		a = do_wait(a);
		if (p == current)
			p->f.rax = a;
		return;
	case SYS_YIELD:
		pick();
		return;
	case SYS_FORK:
		p->f.rax = do_fork();
		return;
	case SYS_WRITE:
		p->f.rax = do_write(a, b);
		return;
	case SYS_MAP:
		p->f.rax = do_map(a, b);
		return;
	case SYS_COUNT:
		p->f.rax = a < NR_COUNTS ? counts[a] : 0;
		return;
	case SYS_PREEMPT:
		start_timer();
		return;
	default:
		break;
	}
	if (p->f.rax > SYS_PREEMPT || !is_range(a, b))
		p->f.rax = (uint64_t)-1;
	else if (p->f.rax == SYS_UNMAP)
		space_unmap(p->root, a, b);
	else
		space_protect(p->root, a, b, (int)p->f.rdx);
}

static void kill(const struct frame *f, uint64_t address)
{
	if (current == processes)
		panic("first process: trap %u error %x at %lx, address %lx", (unsigned)f->vector,
		      (unsigned)f->error, f->rip, address);
	counts[COUNT_KILLED]++;
	die(-(int64_t)f->vector);
}

void trap(struct frame *f)
{
	int user = f->cs & 3;
	uint64_t address = get_cr2();

	if (f->vector == VECTOR_PF && space_fault(current->root, address, (unsigned)f->error))
		return;
	if (user)
		current->f = *f;
	if (user && f->vector == VECTOR_SYSCALL) {
		system_call(current);
	} else if (f->vector == VECTOR_TIMER) {
		out8(PIC1, 0x20);
		pick();
	} else if (user ||
		   (f->vector == VECTOR_PF && address >= USER_BEGIN && address < USER_END)) {
		/* In the second case the kernel accessed memory on behalf of the process. */
		kill(f, address);
	} else {
		panic("trap %u error %x at %lx, address %lx", (unsigned)f->vector,
		      (unsigned)f->error, f->rip, address);
	}
	*f = current->f;
}

/* ---- the first process ---------------------------------------------------------- */

static void load_program(uint64_t root)
{
	const struct program *p = (const struct program *)user_image;
	uint64_t image = (uint64_t)user_image, zero = (uint64_t)zero_page;

	space_map(root, USER_BEGIN, p->text_end - USER_BEGIN, image, 0);
	space_map(root, p->text_end, p->data_end - p->text_end, image + p->text_end - USER_BEGIN,
		  WRITABLE | NX);
	space_map(root, p->data_end, p->bss_end - p->data_end, zero, WRITABLE | NX);
	space_map(root, USER_STACK, USER_END - USER_STACK, zero, WRITABLE | NX);
	space_map(root, USER_LINE, PAGE, (uint64_t)line, NX);
}

static void copy_line(const struct multiboot *info)
{
	const char *from = (const char *)(uintptr_t)info->cmdline;
	unsigned i;

	if (info->flags & 4)
		for (i = 0; i < sizeof(line) - 1 && from[i]; i++)
			line[i] = from[i];
}

int main(const struct multiboot *info);
int main(const struct multiboot *info)
{
	if ((info->flags & 1) && info->mem_upper < 63 * 1024)
		panic("%u KiB of memory above 1 MiB are too few", info->mem_upper);
	copy_line(info);
	cpu_setup();
	set_interrupts();
	memory_setup();
	current = processes;
	current->state = READY;
	current->maps = USER_MAPS;
	current->root = space_new();
	load_program(current->root);
	current->f.rip = ((const struct program *)user_image)->entry;
	current->f.cs = USER_CS;
	current->f.ss = USER_SS;
	current->f.rflags = INTERRUPTS_ON;
	current->f.rsp = USER_END;
	set_cr3(current->root);
	go(&current->f);
}
