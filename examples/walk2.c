/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The silicon alone, as an emulator of SVM or VMX uses it.  The guest's hypervisor owns the tables
 * of both dimensions, memory is behind callbacks, and no VM is created. The program prints the
 * references of a walk, and then makes the walk fail.
 */
#include <stdio.h>
#include <string.h>

#include <vmmu/explain.h>
#include <vmmu/hw.h>

/* Physical memory of the emulated machine.  The tables of both dimensions are in it. */
static uint64_t memory[0x20000 / 8];

static int read_memory(void *ctx, uint64_t pa, unsigned size, uint64_t *value)
{
	(void)ctx;
	if (pa + size > sizeof(memory))
		return VMMU_MEM_NONE;
	*value = memory[pa / 8] >> (pa & 4) * 8;
	return VMMU_MEM_OK;
}

static int cmpxchg_memory(void *ctx, uint64_t pa, unsigned size, uint64_t old, uint64_t new_value)
{
	(void)ctx;
	(void)size; /* always 8: entries of both formats here have 8 bytes */
	if (pa + 8 > sizeof(memory))
		return VMMU_MEM_NONE;
	if (memory[pa / 8] != old)
		return VMMU_MEM_CHANGED;
	memory[pa / 8] = new_value;
	return VMMU_MEM_OK;
}

static void print_step(void *ctx, const struct vmmu_step *s)
{
	int *nr = ctx;
	char text[96];

	vmmu_explain_entry(s->fmt, s->level, s->entry, text, sizeof(text));
	printf("%2d %s%-9s at 0x%05llx: %s\n", ++*nr, s->dim == 2 ? "    " : "",
	       vmmu_explain_level(s->fmt, s->level), (unsigned long long)s->pa, text);
}

static void walk(const struct vmmu_hw *hw, uint64_t gva, uint32_t access)
{
	const struct vmmu_mem_ops ops = { read_memory, cmpxchg_memory, NULL };
	struct vmmu_walk w;
	char text[160];
	int nr = 0;

	vmmu_walk2(hw, &ops, vmmu_gva(gva), access, print_step, &nr, &w);
	vmmu_explain_walk(&w, text, sizeof(text));
	printf("%s\n\n", text);
}

int main(void)
{
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011,
		.cr3 = 0x1000,
		.cr4 = 0x20,
		.efer = 0x500,
	};
	struct vmmu_hw hw;
	unsigned page;

	memset(&hw, 0, sizeof(hw));
	vmmu_paging_guest(&hw.g, &regs, &vmmu_profile_amd);
	vmmu_paging_host(&hw.n, &vmmu_fmt_npt, 0x10000, 48, VMMU_PG_NXE);

	/* The guest's tables, at guest-physical 0x1000..0x4000. */
	memory[0x1000 / 8] = 0x2007;
	memory[0x2000 / 8] = 0x3007;
	memory[0x3000 / 8] = 0x4007;
	memory[0x4000 / 8 + 5] = 0x5007;
	/* The nested tables at 0x10000 map guest-physical 0 to 0x7fff one to one. */
	memory[0x10000 / 8] = 0x11007;
	memory[0x11000 / 8] = 0x12007;
	memory[0x12000 / 8] = 0x13007;
	for (page = 0; page < 8; page++)
		memory[0x13000 / 8 + page] = (uint64_t)page << 12 | 7;

	printf("At most %u references.\n\n", vmmu_walk_max_refs(&hw));
	walk(&hw, 0x5678, VMMU_WRITE | VMMU_USER);
	/* The hypervisor unmaps the frame of the page, which causes a nested page fault. */
	memory[0x13000 / 8 + 5] = 0;
	walk(&hw, 0x5678, VMMU_READ | VMMU_USER);
	return 0;
}
