/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding PDPTEs in a capture, and clearing the accessed bit in them.
 * In a trace, 32 bytes are a PDPT if a PTPAGE record of level 3 is about them, or if CR3 points to
 * them, while the registers say PAE paging.  They are none any more when their frame becomes
 * another table or is dropped.
 * Invariant: see tcg.h.
 */
#include "tcg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESSED 0x20u
#define PRESENT 0x1u
#define FRAME_BITS (VMMU_PAGE_SIZE / TCG_PDPT_BYTES)

int tcg_open(struct tcg *t, uint64_t ram_end)
{
	*t = (struct tcg){ .on = 1, .end = ram_end < 1ull << 32 ? ram_end : 1ull << 32 };
	t->pdpt = calloc((size_t)(t->end / TCG_PDPT_BYTES / 8 + 1), 1);
	return t->pdpt ? 0 : -1;
}

void tcg_close(struct tcg *t)
{
	free(t->pdpt);
	*t = (struct tcg){ 0 };
}

static void mark(struct tcg *t, uint64_t gpa)
{
	uint64_t i = gpa / TCG_PDPT_BYTES;

	if (gpa < t->end)
		t->pdpt[i / 8] |= (uint8_t)(1u << i % 8);
}

static int is_marked(const struct tcg *t, uint64_t gpa)
{
	uint64_t i = gpa / TCG_PDPT_BYTES;

	return gpa < t->end && (t->pdpt[i / 8] >> i % 8 & 1);
}

static void unmark_frame(struct tcg *t, uint64_t gpa)
{
	if (gpa < t->end)
		memset(t->pdpt + gpa / VMMU_PAGE_SIZE * (FRAME_BITS / 8), 0, FRAME_BITS / 8);
}

int tcg_has_pdptes(const struct vmmu_regs *regs)
{
	return (regs->cr4 & VMMU_CR4_PAE) && !(regs->efer & VMMU_EFER_LMA);
}

void tcg_regs(struct tcg *t, const struct vmmu_regs *regs)
{
	t->pae = tcg_has_pdptes(regs);
	if (t->pae)
		mark(t, regs->cr3 & UINT32_MAX);
}

static int is_accessed(uint64_t entry)
{
	return (entry & (PRESENT | ACCESSED)) == (PRESENT | ACCESSED);
}

static void clear(struct tcg *t, uint64_t *entry)
{
	if (!is_accessed(*entry))
		return;
	*entry &= ~(uint64_t)ACCESSED;
	t->cleared++;
}

static void begin_group(struct tcg *t, uint64_t gpa, uint64_t b)
{
	t->group = 0;
	if (t->pae && (b & 0xff) == 3) {
		mark(t, gpa);
		t->group = b >> 8;
	} else {
		unmark_frame(t, gpa);
	}
}

void tcg_record(struct tcg *t, struct vmmu_trace_record *rec)
{
	if (!t->on)
		return;
	switch (rec->type) {
	case VMMU_TRACE_PTPAGE:
		begin_group(t, rec->arg, rec->b);
		break;
	case VMMU_TRACE_PTE:
		if (t->group) {
			t->group--;
			clear(t, &rec->b);
		}
		break;
	case VMMU_TRACE_PTDROP:
		unmark_frame(t, rec->arg);
		break;
	case VMMU_TRACE_PTW:
		if (t->pae && is_marked(t, rec->arg))
			clear(t, &rec->b);
		break;
	default:
		break;
	}
}

unsigned tcg_clear(uint8_t *bytes, size_t len)
{
	unsigned cleared = 0;

	/* The present and the accessed bit are in an entry's first byte. */
	for (size_t at = 0; at < len && at < TCG_PDPT_BYTES; at += 8) {
		if (is_accessed(bytes[at])) {
			bytes[at] &= (uint8_t)~ACCESSED;
			cleared++;
		}
	}
	return cleared;
}

void tcg_words(char *buf, size_t len, uint64_t cleared)
{
	snprintf(
		buf, len,
		"QEMU marked PAE's page-directory-pointer entries as accessed, which is a reserved "
		"bit for a CPU: cleared in %llu",
		(unsigned long long)cleared);
}
