/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests a backend of your own against one of the library's.  The same guest runs on both, and each
 * result is compared.  The guest flushes after each edit, so every difference is a bug.  Here
 * "mine" is shadow paging whose author forgot INVLPG.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmmu/backend.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#define RAM_BYTES (1u << 20)
#define LEAF_TABLE 0x4000
#define PAGES 16u

struct side {
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	uint8_t *ram;
};

static void entry(struct side *s, uint64_t table, unsigned index, uint64_t e)
{
	if (vmmu_write(s->vm, s->cpu, vmmu_gpa(table + 8 * index), &e, 8, NULL))
		exit(1);
}

static void open_side(struct side *s, const struct vmmu_backend *backend)
{
	const struct vmmu_config config = { .size = sizeof(config), .backend = backend };
	struct vmmu_slot_info slot = { .gpa = { 0 }, .size = RAM_BYTES, .page_size = 4096 };
	/* Long mode: CR0.PE, WP and PG, CR4.PAE, EFER.LME and LMA. */
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011, .cr3 = 0x1000, .cr4 = 0x20, .efer = 0x500
	};

	s->ram = slot.pointer = aligned_alloc(4096, RAM_BYTES);
	if (!s->ram)
		exit(1);
	memset(s->ram, 0, RAM_BYTES);
	if (vmmu_create(&config, &s->vm) || vmmu_slot_add(s->vm, &slot))
		exit(1);
	s->cpu = vmmu_cpu(s->vm, 0);
	entry(s, 0x1000, 0, 0x2007);
	entry(s, 0x2000, 0, 0x3007);
	entry(s, 0x3000, 0, LEAF_TABLE | 7);
	if (vmmu_set_regs(s->cpu, &regs, 0))
		exit(1);
}

static int same(const struct side *a, const struct side *b, uint64_t gva, uint32_t access)
{
	struct vmmu_xlat x, y;
	int st = vmmu_translate(a->cpu, vmmu_gva(gva), 1, access, &x);
	int its = vmmu_translate(b->cpu, vmmu_gva(gva), 1, access, &y);

	if (st != its)
		return 0;
	if (st == VMMU_FAULT)
		return x.fault.code == y.fault.code && x.fault.cr2 == y.fault.cr2;
	/* Memory has to be equal as well, A and D bits included: only edits of the tables store to
	 * it. */
	return x.gpa.v == y.gpa.v && !memcmp(a->ram, b->ram, RAM_BYTES);
}

static void compare(const char *name, const struct vmmu_backend *mine)
{
	struct side a, b;
	unsigned i;

	srand(1);
	open_side(&a, &vmmu_nested_npt);
	open_side(&b, mine);
	for (i = 0; i < 20000; i++) {
		/* Each number comes from a statement of its own, so that every compiler draws them
		 * in the same order. */
		unsigned r = (unsigned)rand(), page = r % PAGES, kind = r / PAGES % 8;
		uint64_t gva = page * 4096ull;

		if (kind < 2) { /* edits a random entry, with any of P, W and U */
			uint64_t e = (r >> 8 & 0xf) << 16 | (r >> 12 & 7);

			entry(&a, LEAF_TABLE, page, e);
			entry(&b, LEAF_TABLE, page, e);
			vmmu_invlpg(a.cpu, vmmu_gva(gva));
			vmmu_invlpg(b.cpu, vmmu_gva(gva));
		} else if (!same(&a, &b, gva, kind < 5 ? VMMU_READ : VMMU_WRITE | VMMU_USER)) {
			break;
		}
	}
	printf("%s: %s\n", name, i == 20000 ? "no difference" : "differs");
	vmmu_destroy(a.vm);
	vmmu_destroy(b.vm);
	free(a.ram);
	free(b.ram);
}

static void forget_invlpg(struct vmmu_cpu *cpu, int type, unsigned pcid, vmmu_gva_t gva)
{
	(void)cpu;
	(void)type;
	(void)pcid;
	(void)gva;
}

int main(void)
{
	struct vmmu_backend mine = vmmu_shadow;

	compare("shadow", &vmmu_shadow);
	mine.invlpg = forget_invlpg;
	compare("mine", &mine);
	return 0;
}
