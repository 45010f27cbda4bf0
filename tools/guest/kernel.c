/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's side of the model: what is mapped from the start, registers, flushing.
 * Not here: the memory that running kernel code touches (touch.c), and what the
 * code does to page tables.
 * Invariant: all kernel mappings are global and made at boot.
 */
#include "os.h"

/* Of the bits with which an x86-64 kernel runs, those that are not about paging (without AM). */
#define CR0_NE (1ull << 5)
#define CR0_MP (1ull << 1)
#define CR4_COMMON (VMMU_CR4_PAE | VMMU_CR4_PGE | VMMU_CR4_SMEP | VMMU_CR4_SMAP)
#define EFER_SCE 1ull
#define CR3_KEEP (1ull << 63)

/* Linux flushes more pages than this all at once, fewer one by one. */
#define FLUSH_PAGES_MOST 33u

#define KERNEL_DATA (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX)
#define KERNEL_CODE (PTE_P | PTE_A | PTE_D | PTE_G)

static void boot_map(struct guest *g, uint64_t gva, uint64_t pa, unsigned level, uint64_t bits)
{
	uint64_t at = pt_make(g, g->init_root, gva, level);

	if (at)
		pt_set(g, at, pa | bits | (level > 1 ? PTE_PS : 0));
}

/* Maps a range with the largest leaves that fit. */
static void boot_map_range(struct guest *g, uint64_t gva, uint64_t pa, uint64_t bytes)
{
	while (bytes) {
		unsigned level = bytes >= SIZE_1G && !((gva | pa) & (SIZE_1G - 1)) ? 3 : 2;
		uint64_t size = 1ull << pt_shift(level);

		boot_map(g, gva, pa, level, KERNEL_DATA);
		gva += size;
		pa += size;
		bytes -= size < bytes ? size : bytes;
	}
}

static void boot_stacks(struct guest *g)
{
	g->stacks_pa = phys_get_run(&g->phys, TASKS_MOST * STACK_PAGES, ORDER_4K);
	for (unsigned i = 0; i < TASKS_MOST; i++) {
		struct task *t = &g->task[i];

		t->nr = i;
		t->stack_pa = g->stacks_pa + i * STACK_PAGES * FRAME_BYTES;
		for (unsigned k = 0; k < STACK_PAGES; k++)
			boot_map(g, KVA_STACKS + (i * 2ull * STACK_PAGES + k) * FRAME_BYTES,
				 t->stack_pa + k * FRAME_BYTES, 1, KERNEL_DATA);
	}
}

/* Tells the tables that were built before the records began, from the top down. */
static void tell_all(struct guest *g, uint64_t table, unsigned level)
{
	pt_tell(g, table, level);
	for (unsigned i = 0; level > 1 && i < 512; i++) {
		uint64_t entry = *pt_slot(g, table + i * 8);

		if ((entry & PTE_P) && !(entry & PTE_PS))
			tell_all(g, entry & PTE_ADDR, level - 1);
	}
}

static void set_registers(struct guest *g)
{
	guest_record(g, VMMU_TRACE_ORIGIN, 0, VMMU_TRACE_BY_VMMU);
	guest_record(g, VMMU_TRACE_CR, 8, EFER_SCE | VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE);
	guest_record(g, VMMU_TRACE_CR, 4, CR4_COMMON | (g->config.pcid ? VMMU_CR4_PCIDE : 0));
	guest_record(g, VMMU_TRACE_CR, 3, g->init_root);
	guest_record(g, VMMU_TRACE_CR, 0,
		     VMMU_CR0_PG | VMMU_CR0_WP | CR0_NE | VMMU_CR0_ET | CR0_MP | VMMU_CR0_PE);
	g->cr3 = g->init_root;
}

void kernel_boot(struct guest *g)
{
	g->init_root = pt_new(g, 4);
	boot_map_range(g, KVA_DIRECT, 0, g->config.ram);
	boot_map_range(g, KVA_FRAMES, FRAMES_PA, g->config.ram / 64);
	for (uint64_t at = 0; at < KERNEL_BYTES; at += SIZE_2M)
		boot_map(g, KVA_TEXT + at, KERNEL_PA + at, 2,
			 at < KERNEL_BYTES / 2 ? KERNEL_CODE : KERNEL_DATA);
	boot_stacks(g);
	g->zero_pa = phys_get(&g->phys, ORDER_4K);
	if (g->failed)
		return;
	tell_all(g, g->init_root, 4);
	set_registers(g);
	g->booted = 1;
	g->cur = &g->task[0];
	g->cur->used = 1;
	kernel_work(g, PATH_SCHED, 64);
}

void kernel_count(struct guest *g)
{
	if (g->instructions || g->accesses)
		guest_record(g, VMMU_TRACE_COUNT, g->instructions, g->accesses);
	g->instructions = g->accesses = 0;
}

void kernel_mark(struct guest *g, unsigned what)
{
	kernel_count(g);
	guest_record(g, VMMU_TRACE_MARK, 0, what);
}

/* ---- CR3 and flushing ------------------------------------------------------ */

static void set_cr3(struct guest *g, uint64_t value)
{
	kernel_count(g);
	guest_record(g, VMMU_TRACE_CR, 3, value);
	g->cr3 = value & ~CR3_KEEP;
	g->instructions++;
}

/*
 * Returns the slot whose PCID the space has, or else the next slot, which is taken from another
 * space.
 */
static unsigned find_pcid(struct guest *g, const struct space *s)
{
	for (unsigned i = 0; i < PCIDS; i++)
		if (g->pcid[i].id == s->id)
			return i;
	g->pcid_next = (g->pcid_next + 1) % PCIDS;
	return g->pcid_next;
}

void kernel_load_space(struct guest *g, struct space *s)
{
	uint64_t root = s ? s->root : g->init_root, keep = 0;
	struct pcid *slot;

	g->loaded = s;
	if (!g->config.pcid || !s) {
		set_cr3(g, root);
		return;
	}
	slot = &g->pcid[find_pcid(g, s)];
	if (slot->id == s->id && slot->flushes == s->flushes)
		keep = CR3_KEEP;
	*slot = (struct pcid){ s->id, s->flushes };
	set_cr3(g, root | (uint64_t)(slot - g->pcid + 1) | keep);
}

static void flush_all(struct guest *g)
{
	g->instructions++;
	if (g->config.pcid)
		guest_record(g, VMMU_TRACE_INVPCID, VMMU_INVPCID_SINGLE | (g->cr3 & 0xfff) << 8, 0);
	else
		set_cr3(g, g->cr3);
}

void kernel_flush(struct guest *g, struct space *s, uint64_t lo, uint64_t hi)
{
	if (g->loaded != s) {
		s->flushes++;
		return;
	}
	if (hi - lo > FLUSH_PAGES_MOST * FRAME_BYTES) {
		flush_all(g);
		return;
	}
	for (uint64_t at = lo; at < hi; at += FRAME_BYTES)
		guest_record(g, VMMU_TRACE_INVLPG, 0, at);
	g->instructions += (hi - lo) / FRAME_BYTES;
}
