/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator that has a TLB of its own, as QEMU's TCG has: what it may cache, and what it has to
 * drop and when.  It also shows what else an embedder needs: memory that is supplied on demand, ROM
 * and devices, stores to page tables, debuggers, migration.  docs/embedding.md explains it.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define RAM_BYTES (8u << 20)
#define ROM_AT 0x800000u
#define ROM_BYTES 0x1000u
#define LAZY_AT 0x900000u /* memory that is supplied page by page */
#define LAZY_PAGES 4u

/* ---- the emulator's own TLB ----------------------------------------------------------------- */

/* doc: tlb */
#define TLB_ENTRIES 64u
#define MODES 3u /* vmmu_mode(): supervisor, user, supervisor with EFLAGS.AC */

struct tlb_entry {
	uint64_t page; /* gva >> 12; NO_PAGE: empty */
	uint64_t gpa;
	uint8_t *host;
	uint8_t rights; /* VMMU_R, VMMU_W and VMMU_X for this mode */
};
#define NO_PAGE (~0ull)

struct emulator {
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	struct tlb_entry tlb[MODES][TLB_ENTRIES];
	int large; /* the TLB has parts of pages larger than 4K */
	unsigned fills, traps, flushes;
	uint8_t *ram, *lazy[LAZY_PAGES];
	uint64_t wanted; /* the missing page that ended the instruction */
	jmp_buf instruction;
};
/* end */

static void die(struct emulator *e, const char *what, int status)
{
	fprintf(stderr, "%s: %s %s\n", what, vmmu_strerror(status),
		e->vm ? vmmu_reason(e->vm) : "");
	exit(1);
}

static void check(struct emulator *e, const char *what, int status)
{
	if (status)
		die(e, what, status);
}

/* doc: flush */
static void drop_all(struct emulator *e)
{
	unsigned mode, i;

	for (mode = 0; mode < MODES; mode++)
		for (i = 0; i < TLB_ENTRIES; i++)
			e->tlb[mode][i].page = NO_PAGE;
	e->large = 0;
}

/* The library calls this in the middle of an operation, so it must not call the library. */
static void on_flush(void *ctx, const struct vmmu_flush *what)
{
	struct emulator *e = ctx;
	unsigned mode, i;

	e->flushes++;
	if (what->scope != VMMU_FLUSH_GPA) {
		drop_all(e);
		return;
	}
	for (mode = 0; mode < MODES; mode++)
		for (i = 0; i < TLB_ENTRIES; i++) {
			struct tlb_entry *t = &e->tlb[mode][i];

			if (t->gpa - what->start < what->len)
				t->page = NO_PAGE;
		}
}
/* end */

/* doc: instructions */
/* The guest's own instructions drop translations as well.  No callback tells of them. */
static int do_mov_cr3(struct emulator *e, uint64_t value)
{
	int st = vmmu_set_cr3(e->cpu, value);

	if (st == VMMU_OK)
		drop_all(e);
	return st; /* VMMU_GP: the guest gets #GP(0), and nothing has changed */
}

static void do_invlpg(struct emulator *e, uint64_t gva)
{
	unsigned mode;

	vmmu_invlpg(e->cpu, vmmu_gva(gva));
	if (e->large) {
		drop_all(e); /* drops all parts of a large page, wherever they are */
		return;
	}
	for (mode = 0; mode < MODES; mode++) {
		struct tlb_entry *t = &e->tlb[mode][gva >> 12 & (TLB_ENTRIES - 1)];

		if (t->page == gva >> 12)
			t->page = NO_PAGE;
	}
}
/* end */

/* doc: fill */
static struct tlb_entry *find(struct emulator *e, uint64_t gva, uint32_t access)
{
	return &e->tlb[vmmu_mode(access)][gva >> 12 & (TLB_ENTRIES - 1)];
}

/* A TLB miss.  With VMMU_OK, *x is the translation. */
static int fill(struct emulator *e, uint64_t gva, uint32_t access, struct vmmu_xlat *x)
{
	int st = vmmu_translate(e->cpu, vmmu_gva(gva), 1, access, x);
	struct tlb_entry *t = find(e, gva, access);

	e->fills++;
	if (st != VMMU_OK || x->once)
		return st;
	t->page = gva >> 12;
	t->gpa = x->gpa.v & ~0xfffull;
	t->host = (uint8_t *)x->host - (x->gpa.v & 0xfff);
	t->rights = x->rights; /* without VMMU_W as long as stores have to come here */
	e->large |= x->guest_shift > 12;
	return st;
}
/* end */

/* doc: store */
/* Stores within one page.  With VMMU_FAULT or VMMU_MMIO nothing was stored, and *x has the details.
 */
static int store(struct emulator *e, uint64_t gva, const void *data, unsigned n, uint32_t mode,
		 struct vmmu_xlat *x)
{
	uint32_t access = VMMU_WRITE | mode;
	struct tlb_entry *t = find(e, gva, access);
	int st;

	if (t->page == gva >> 12 && (t->rights & VMMU_W)) {
		memcpy(t->host + (gva & 0xfff), data, n);
		return VMMU_OK;
	}
	st = fill(e, gva, access, x);
	if (st != VMMU_OK)
		return st;
	if (x->trap) {
		e->traps++;
		return vmmu_write(e->vm, e->cpu, x->gpa, data, n, NULL);
	}
	memcpy(x->host, data, n);
	return VMMU_OK;
}
/* end */

static int load(struct emulator *e, uint64_t gva, void *data, unsigned n, uint32_t mode,
		struct vmmu_xlat *x)
{
	struct tlb_entry *t = find(e, gva, VMMU_READ | mode);
	int st;

	if (t->page == gva >> 12 && (t->rights & VMMU_R)) {
		memcpy(data, t->host + (gva & 0xfff), n);
		return VMMU_OK;
	}
	st = fill(e, gva, VMMU_READ | mode, x);
	if (st == VMMU_OK)
		memcpy(data, x->host, n);
	return st;
}

/* doc: halves */
/* The emulator makes a store of 8 bytes as two of 4.  For the MMU it is one store. */
static void store_halves(struct emulator *e, uint64_t gpa, uint64_t value)
{
	const uint32_t half[2] = { (uint32_t)value, (uint32_t)(value >> 32) };
	void *p;

	check(e, "begin", vmmu_write_begin(e->vm, vmmu_gpa(gpa), 8, &p));
	memcpy(p, &half[0], 4);
	memcpy((uint8_t *)p + 4, &half[1], 4);
	check(e, "end", vmmu_write_end(e->vm, e->cpu, vmmu_gpa(gpa), 8));
}
/* end */

/* doc: host */
/* Only this callback may leave by longjmp(): no operation is half done when it is called. */
static int on_host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	struct emulator *e = ctx;
	uint64_t n = (gpa.v - LAZY_AT) >> 12;

	(void)write;
	if (!e->lazy[n]) {
		e->wanted = n;
		longjmp(e->instruction, 1);
	}
	page->pointer = e->lazy[n];
	page->size = 4096;
	page->writable = 1;
	return 0;
}

/* Executes one store of the guest.  If a page is missing, it is supplied, and the store starts
 * again. */
static int store_patiently(struct emulator *e, uint64_t gva, const void *data, unsigned n)
{
	struct vmmu_xlat x;

	if (setjmp(e->instruction)) {
		printf("  page %u of the slot was fetched\n", (unsigned)e->wanted);
		e->lazy[e->wanted] = aligned_alloc(4096, 4096);
		if (!e->lazy[e->wanted])
			exit(1);
		memset(e->lazy[e->wanted], 0, 4096);
	}
	return store(e, gva, data, n, 0, &x);
}
/* end */

/* ---- a machine and a guest in it ----------------------------------------------------------------
 */

#define ROOT 0x1000u
/* The table of level 1 for gva 0 to 2 MiB.  At 4 MiB is a 2M page, then ROM, lazy memory, nothing.
 */
#define LEAVES 0x4000u
#define PRESENT 3ull
#define LARGE 0x80ull
#define BIT_A 0x20ull

static void entry(struct emulator *e, uint32_t table, unsigned index, uint64_t value)
{
	memcpy(e->ram + table + 8 * index, &value, 8);
}

static uint64_t leaf(struct emulator *e, unsigned index)
{
	uint64_t value;

	memcpy(&value, e->ram + LEAVES + 8 * index, 8);
	return value;
}

static void make_tables(struct emulator *e)
{
	unsigned i;

	memset(e->ram, 0, RAM_BYTES);
	entry(e, ROOT, 0, 0x2000 | PRESENT);
	entry(e, 0x2000, 0, 0x3000 | PRESENT);
	entry(e, 0x3000, 0, LEAVES | PRESENT);
	entry(e, 0x3000, 2, 0x400000 | LARGE | PRESENT);
	entry(e, 0x3000, 4, ROM_AT | LARGE | PRESENT);
	for (i = 0; i < 256; i++)
		entry(e, LEAVES, i, i << 12 | PRESENT);
}

/* doc: machine */
static void build(struct emulator *e, const struct vmmu_backend *backend, uint8_t *rom,
		  const struct vmmu_regs *regs)
{
	const struct vmmu_config config = {
		.size = sizeof(config),
		.backend = backend,
		.cb = { .host_page = on_host_page, .flush = on_flush, .ctx = e },
	};
	const struct vmmu_slot_info slots[] = {
		{ .gpa = { 0 }, .size = RAM_BYTES, .pointer = e->ram, .page_size = 4096 },
		{ .gpa = { ROM_AT },
		  .size = ROM_BYTES,
		  .pointer = rom,
		  .page_size = 4096,
		  .flags = VMMU_SLOT_READONLY },
		{ .gpa = { LAZY_AT }, .size = LAZY_PAGES * 4096, .page_size = 4096 },
	};
	unsigned i;

	drop_all(e);
	check(e, "create", vmmu_create(&config, &e->vm));
	for (i = 0; i < 3; i++)
		check(e, "memory", vmmu_slot_add(e->vm, &slots[i]));
	e->cpu = vmmu_cpu(e->vm, 0);
	check(e, "registers", vmmu_set_regs(e->cpu, regs, 0));
}
/* end */

/* ---- the tour ---- */

static uint64_t read8(struct emulator *e, uint64_t gva)
{
	struct vmmu_xlat x;
	uint64_t value = 0;

	check(e, "load", load(e, gva, &value, 8, 0, &x));
	return value;
}

static void write8(struct emulator *e, uint64_t gva, uint64_t value)
{
	struct vmmu_xlat x;

	check(e, "store", store(e, gva, &value, 8, 0, &x));
}

/* A page that the emulator's TLB has writable becomes a table.  The library makes it drop the
 * entry. */
static void tour_tables(struct emulator *e)
{
	unsigned i;

	for (i = 0; i < 512; i++)
		write8(e, 0x10000 + 8 * i, (0x20000 + (i << 12)) | PRESENT);
	write8(e, 0x20000, 0x1111);
	write8(e, 0x21000, 0x2222);
	write8(e, 0x3000 + 8 * 1, 0x10000 | PRESENT);
	printf("  new table: reads %llx", (unsigned long long)read8(e, 0x200000));
	write8(e, 0x10000, 0x21000 | PRESENT);
	do_invlpg(e, 0x200000);
	printf(", changed: %llx", (unsigned long long)read8(e, 0x200000));
	store_halves(e, 0x10000, 0x20000 | PRESENT);
	do_invlpg(e, 0x200000);
	printf(", in halves: %llx\n", (unsigned long long)read8(e, 0x200000));
}

static void tour_large(struct emulator *e)
{
	struct vmmu_xlat x;

	check(e, "large", fill(e, 0x400000 + 0x12345, VMMU_READ, &x));
	printf("  large page: guest's 2^%u, rights %x\n", x.guest_shift, x.guest_rights);
	write8(e, 0x400000, 0x3333);
	write8(e, 0x3000 + 8 * 2, 0x600000 | LARGE | PRESENT);
	do_invlpg(e, 0x5ff000); /* any address in it */
	printf("  moved: reads %llx\n", (unsigned long long)read8(e, 0x400000));
}

static void tour_devices(struct emulator *e)
{
	struct vmmu_xlat x;
	uint64_t value = 0x4444;
	int st;

	printf("  ROM: reads %llx,", (unsigned long long)read8(e, ROM_AT));
	st = store(e, ROM_AT, &value, 8, 0, &x);
	printf(" a store: %s at gpa %llx\n", vmmu_strerror(st), (unsigned long long)x.gpa.v);
	st = load(e, ROM_AT + 0x1008, &value, 8, 0, &x);
	printf("  no memory: %s at gpa %llx\n", vmmu_strerror(st), (unsigned long long)x.gpa.v);
	check(e, "lazy", store_patiently(e, LAZY_AT + 0x2000, &value, 8));
	printf("  lazy: reads %llx\n", (unsigned long long)read8(e, LAZY_AT + 0x2000));
}

/* doc: probe */
/* A probe and the read of a debugger.  The guest sees neither. */
static void tour_probe(struct emulator *e)
{
	struct vmmu_xlat x;
	int user, absent, debugger;

	user = vmmu_translate(e->cpu, vmmu_gva(0x30000), 1, VMMU_READ | VMMU_USER | VMMU_PROBE, &x);
	absent = vmmu_translate(e->cpu, vmmu_gva(0x100000), 1, VMMU_READ | VMMU_PROBE, &x);
	debugger = vmmu_translate(e->cpu, vmmu_gva(0x30000), 1, VMMU_READ | VMMU_NO_AD, &x);
	printf("  probe: user %d, absent %d, debugger %d, accessed %d;", user, absent, debugger,
	       !!(leaf(e, 0x30) & BIT_A));
	read8(e, 0x30000);
	printf(" a read: accessed %d\n", !!(leaf(e, 0x30) & BIT_A));
}
/* end */

/* doc: dirty */
/* The first pages of RAM that were written since the last harvest.  The TLB drops its write rights.
 */
static uint64_t harvest(struct emulator *e)
{
	uint64_t bits;

	check(e, "harvest", vmmu_dirty_harvest(e->vm, vmmu_gpa(0), 0, 64, &bits));
	return bits;
}
/* end */

static void tour_dirty(struct emulator *e)
{
	uint64_t first, second;

	write8(e, 0x31000, 1);
	check(e, "log", vmmu_dirty_log(e->vm, vmmu_gpa(0), 1));
	write8(e, 0x31000, 2);
	write8(e, 0x32000, 2);
	first = harvest(e);
	write8(e, 0x32000, 3);
	second = harvest(e);
	/* Tables that the CPU walked may be reported as well, so only two pages are compared. */
	printf("  dirty: %llx, then %llx\n", (unsigned long long)(first >> 0x31 & 3),
	       (unsigned long long)(second >> 0x31 & 3));
	check(e, "log", vmmu_dirty_log(e->vm, vmmu_gpa(0), 0));
}

/* doc: snapshot */
/* The state of a vCPU's MMU is its registers.  Everything else is memory or a cache. */
static void restore(struct emulator *e, const struct vmmu_backend *backend, uint8_t *rom)
{
	struct vmmu_regs regs;

	vmmu_get_regs(e->cpu, &regs);
	vmmu_destroy(e->vm);
	build(e, backend, rom, &regs); /* sets the PDPTEs that were saved, not those in memory */
}

/* Changes all memory of the VM, as if the host replaced the pages. */
static void rewind_memory(struct emulator *e, const uint8_t *saved, const struct vmmu_regs *regs)
{
	check(e, "begin", vmmu_notify_begin(e->vm, vmmu_gpa(0), RAM_BYTES));
	memcpy(e->ram, saved, RAM_BYTES);
	check(e, "end", vmmu_notify_end(e->vm, vmmu_gpa(0), RAM_BYTES));
	check(e, "registers", vmmu_set_regs(e->cpu, regs, 0));
	drop_all(e);
}
/* end */

static void tour_snapshot(struct emulator *e, const struct vmmu_backend *other, uint8_t *rom)
{
	uint8_t *saved = malloc(RAM_BYTES);
	struct vmmu_regs regs;

	if (!saved)
		exit(1);
	memcpy(saved, e->ram, RAM_BYTES);
	vmmu_get_regs(e->cpu, &regs);
	write8(e, 0x10000, 0x21000 | PRESENT); /* a mapping that the rewind has to undo */
	do_invlpg(e, 0x200000);
	write8(e, 0x200000, 0x5555);
	printf("  before: reads %llx,", (unsigned long long)read8(e, 0x200000));
	rewind_memory(e, saved, &regs);
	printf(" rewound: %llx,", (unsigned long long)read8(e, 0x200000));
	restore(e, other, rom);
	printf(" on another backend: %llx\n", (unsigned long long)read8(e, 0x200000));
	check(e, "invariants", vmmu_check(e->vm));
	free(saved);
}

static void run(const struct vmmu_backend *backend, const struct vmmu_backend *other, uint8_t *ram,
		uint8_t *rom)
{
	/* Long mode: CR0.PE, WP and PG, CR4.PAE, EFER.LME and LMA. */
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x20, .efer = 0x500
	};
	static struct emulator e;
	unsigned i;

	printf("%s\n", backend->name);
	memset(&e, 0, sizeof(e));
	e.ram = ram;
	make_tables(&e);
	build(&e, backend, rom, &regs);
	tour_tables(&e);
	tour_large(&e);
	tour_devices(&e);
	tour_probe(&e);
	tour_dirty(&e);
	printf("  a bad CR3: %s\n", vmmu_strerror(do_mov_cr3(&e, 1ull << 60)));
	check(&e, "CR3", do_mov_cr3(&e, ROOT));
	printf("  %u fills, %u trapped stores, %u flushes by the library\n", e.fills, e.traps,
	       e.flushes);
	check(&e, "invariants", vmmu_check(e.vm));
	tour_snapshot(&e, other, rom);
	vmmu_destroy(e.vm);
	for (i = 0; i < LAZY_PAGES; i++)
		free(e.lazy[i]);
}

int main(void)
{
	static uint64_t rom[ROM_BYTES / 8] __attribute__((aligned(4096))) = { 0xfee1 };
	uint8_t *ram = aligned_alloc(4096, RAM_BYTES);

	if (!ram)
		return 1;
	run(&vmmu_shadow, &vmmu_nested_npt, ram, (uint8_t *)rom);
	run(&vmmu_nested_npt, &vmmu_nested_ept, ram, (uint8_t *)rom);
	run(&vmmu_nested_ept, &vmmu_shadow, ram, (uint8_t *)rom);
	free(ram);
	return 0;
}
