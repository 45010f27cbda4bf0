/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures what libvmmu costs an emulator: a TLB fill compared with Unicorn's own page walk, a
 * trapped store to a table, a delivered page fault.  The same loops run in 64-bit mode with 4K
 * pages on each backend.  The time of the same loop without misses is subtracted.  Figures are
 * medians of the rounds of one run.  Compare the ratios to Unicorn's own walker.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RAM (128ull << 20)
#define CODE 0x100000u
#define STACK 0x1ff000u
#define IDT 0x180000u
#define GDT 0x181000u
#define PML4 0x200000u
#define PDPT 0x201000u
#define PD 0x202000u
#define PTS 0x210000u
#define MAPPED (64ull << 20)
#define DATA (32u << 20)
#define PAGES 4096u
#define ROUNDS 9

/*
 * bench_fills: RBX rounds of a load of CR3 and RCX loads that are RDI bytes apart.  With RDI = 0
 * all but the first hit.  bench_stores: RCX stores to (RSI).  bench_faults: RCX loads from a page
 * that is not mapped.
 */
__asm__(".pushsection .rodata\n"
	"bench_fills: mov %cr3, %rax\n mov %rax, %cr3\n mov $0x2000000, %esi\n mov $4096, %ecx\n"
	"1: mov (%rsi), %rdx\n add %rdi, %rsi\n dec %ecx\n jnz 1b\n dec %ebx\n jnz bench_fills\n "
	"hlt\n"
	"bench_stores: mov %rax, (%rsi)\n dec %ecx\n jnz bench_stores\n hlt\n"
	"bench_faults: mov (%rsi), %rdx\n dec %ecx\n jnz bench_faults\n hlt\n"
	"bench_handler: add $8, %rsp\n addq $3, (%rsp)\n iretq\n"
	"bench_end: .popsection\n");
extern const char bench_fills[], bench_stores[], bench_faults[], bench_handler[], bench_end[];

static double now(void)
{
	struct timespec t;

	/* CPU time does not include other programs. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t code_at(const char *label)
{
	return CODE + (uint64_t)(label - bench_fills);
}

static void put64(uint8_t *ram, uint64_t at, uint64_t v)
{
	memcpy(ram + at, &v, 8);
}

/* Identity mapping by 4K pages, a 64-bit code segment, a gate for #PF. */
static void make_guest(uint8_t *ram)
{
	uint64_t handler = code_at(bench_handler);

	memcpy(ram + CODE, bench_fills, (size_t)(bench_end - bench_fills));
	put64(ram, PML4, PDPT | 3);
	put64(ram, PDPT, PD | 3);
	for (uint64_t i = 0; i < MAPPED >> 21; i++)
		put64(ram, PD + 8 * i, (PTS + (i << 12)) | 3);
	for (uint64_t i = 0; i < MAPPED >> 12; i++)
		put64(ram, PTS + 8 * i, i << 12 | 3);
	put64(ram, GDT + 8, 0x00af9a000000ffff);
	put64(ram, GDT + 16, 0x00cf92000000ffff);
	put64(ram, IDT + 14 * 16,
	      (handler & 0xffff) | 8u << 16 | 0x8e00ull << 32 | (handler >> 16) << 48);
}

/* Puts the engine into 64-bit mode with paging, and tells the library. */
static void enter(struct run *r)
{
	const uint32_t flags = DESC_P | DESC_S | DESC_RW | DESC_A | DESC_G;
	const struct seg code = { 8, 0, UINT32_MAX, flags | DESC_CODE | DESC_L };
	const struct seg stack = { 16, 0, UINT32_MAX, flags | DESC_B };
	uc_x86_mmr idt = { .base = IDT, .limit = 0xfff }, gdt = { .base = GDT, .limit = 23 };
	uc_x86_msr efer = { .rid = 0xc0000080, .value = VMMU_EFER_LME };

	uc_reg_write(r->uc, UC_X86_REG_MSR, &efer);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR4, VMMU_CR4_PAE);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR3, PML4);
	cpu_set_reg(&r->cpu, UC_X86_REG_CR0, VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP);
	uc_reg_write(r->uc, UC_X86_REG_IDTR, &idt);
	uc_reg_write(r->uc, UC_X86_REG_GDTR, &gdt);
	if (!r->mmu.nr_views)
		return;
	cpu_get(&r->cpu);
	cpu_set_seg(&r->cpu, SEG_CS, &code);
	cpu_set_seg(&r->cpu, SEG_SS, &stack);
	cpu_set_mode(&r->cpu, 0);
	cpu_put(&r->cpu);
	mmu_set_register(r, 4, VMMU_CR4_PAE);
	mmu_set_register(r, 8, VMMU_EFER_LME);
	mmu_set_register(r, 3, PML4);
	mmu_set_register(r, 0, VMMU_CR0_PE | VMMU_CR0_PG | VMMU_CR0_WP);
}

struct loop {
	const char *label;
	uint64_t rbx, rcx, rsi, rdi, rax;
	double count; /* how many of the measured events one run has */
};

/* Runs the loop to its HLT with interrupts off.  Returns ns for the whole loop. */
static double once(struct run *r, const struct loop *l)
{
	double begin;

	r->end = GOING;
	cpu_set_reg(&r->cpu, UC_X86_REG_RBX, l->rbx);
	cpu_set_reg(&r->cpu, UC_X86_REG_RCX, l->rcx);
	cpu_set_reg(&r->cpu, UC_X86_REG_RSI, l->rsi);
	cpu_set_reg(&r->cpu, UC_X86_REG_RDI, l->rdi);
	cpu_set_reg(&r->cpu, UC_X86_REG_RAX, l->rax);
	cpu_set_reg(&r->cpu, UC_X86_REG_RSP, STACK);
	cpu_set_reg(&r->cpu, UC_X86_REG_RIP, code_at(l->label));
	begin = now();
	if (r->mmu.nr_views)
		run_loop(r);
	else
		uc_emu_start(r->uc, code_at(l->label), 0, 0, 0);
	if (r->mmu.nr_views && r->end != END_HALTED) {
		fprintf(stderr, "bench: %s\n", r->why);
		exit(1);
	}
	return now() - begin;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *t)
{
	qsort(t, ROUNDS, sizeof(*t), by_value);
	return t[ROUNDS / 2];
}

static double cost(struct run *r, const struct loop *l)
{
	double t[ROUNDS];

	once(r, l); /* warm */
	for (unsigned i = 0; i < ROUNDS; i++)
		t[i] = once(r, l) / l->count;
	return median(t);
}

static int open_engine(struct run *r, int vtlb)
{
	const char *why;

	if (uc_open(UC_ARCH_X86, UC_MODE_64, &r->uc) || uc_ctl_exits_enable(r->uc))
		return -1;
	if (!vtlb) {
		r->cpu.uc = r->uc;
		return uc_mem_map_ptr(r->uc, 0, RAM, UC_PROT_ALL, r->ram.base) ? -1 : 0;
	}
	return mmu_attach(r) < 0 || cpu_open(&r->cpu, r->uc, 0x1000, &why) < 0 ? -1 : 0;
}

static const struct loop fills = { bench_fills, 20, 0, 0, 4096, 0, 20.0 * PAGES };
static const struct loop hits = { bench_fills, 20, 0, 0, 0, 0, 20.0 * PAGES };

static struct run *open_run(const char *backend, unsigned front, unsigned flood)
{
	struct machine_options o = { backend, RAM, 4096, 0, front, flood };
	struct run *r = calloc(1, sizeof(*r));

	r->end = GOING;
	if (machine_open(r, &o) < 0 || open_engine(r, 1) < 0 || device_open(r, stdout) < 0) {
		fprintf(stderr, "bench: %s\n", r->why);
		exit(1);
	}
	make_guest(r->ram.base);
	enter(r);
	return r;
}

static void close_run(struct run *r)
{
	device_close(r);
	cpu_close(&r->cpu);
	uc_close(r->uc);
	machine_close(r);
	free(r);
}

struct fill_cost {
	double ns, own, ratio;
};

/* Measures fills by the library and by Unicorn's own walker in turn. */
static struct fill_cost fill_cost(struct run *r, struct run *walker)
{
	double ns[ROUNDS], own[ROUNDS], ratio[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		ns[i] = (once(r, &fills) - once(r, &hits)) / fills.count;
		own[i] = (once(walker, &fills) - once(walker, &hits)) / fills.count;
		ratio[i] = ns[i] / own[i];
	}
	return (struct fill_cost){ median(ns), median(own), median(ratio) };
}

static void bench_backend(const char *backend, unsigned front, struct run *walker)
{
	const struct loop faults = { bench_faults, 0, 20000, 0x7000000000, 0, 0, 20000 };
	struct run *r = open_run(backend, front, 0);
	struct fill_cost fill = fill_cost(r, walker);

	printf("%-11s %6u %9.1f %9.1f %7.2f %9.0f", backend, front, fill.ns, fill.own, fill.ratio,
	       cost(r, &faults));
	putchar('\n');
	close_run(r);
}

/* The table maps the code itself, and flood detection is off, so it stays a table. */
static void bench_stores_to_table(void)
{
	const struct loop stores = { bench_stores, 0, 100000, PD + 8 * 40, 0, 0, 100000 };
	const struct loop plain = { bench_stores, 0, 100000, DATA, 0, 0, 100000 };
	struct run *r = open_run("shadow", 1024, UINT32_MAX);
	double trapped = cost(r, &stores), free = cost(r, &plain);

	printf("a store of 8 bytes to a table under shadow paging %.1f, to other memory %.1f "
	       "(%llu traps)\n",
	       trapped, free, (unsigned long long)r->mmu.stores);
	close_run(r);
}

int main(void)
{
	static const char *const backends[] = { "native", "shadow", "nested-npt", "nested-ept" };
	struct run *walker = calloc(1, sizeof(*walker));

	walker->ram.base = aligned_alloc(4096, RAM);
	if (!walker->ram.base || open_engine(walker, 0) < 0)
		return 1;
	memset(walker->ram.base, 0, RAM);
	make_guest(walker->ram.base);
	enter(walker);
	puts("ns                     fill   Unicorn   ratio       #PF");
	puts("backend      front                              delivered");
	for (unsigned front = 1024; front >= 2; front /= 512)
		for (unsigned i = 0; i < 4; i++)
			bench_backend(backends[i], front, walker);
	bench_stores_to_table();
	uc_close(walker->uc);
	free(walker->ram.base);
	free(walker);
	return 0;
}
