/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What QEMU's emulator (TCG) leaves in a capture and no CPU would: the accessed bit in PAE's
 * page-directory-pointer entries (PDPTEs).  TCG walks those as entries like others and stores A in
 * memory; for a CPU the bit is reserved there, and a load of CR3 faults on it (SDM 4.4.1).
 * The bit is cleared where a capture is read, in dumps and in every record of a trace, and only
 * if QEMU made the capture.
 * Not here: who made it; that is what core.h, sidecar.h and a trace's ORIGIN record say.
 * Invariant: nothing but bit 5 of present PDPTEs changes.
 */
#ifndef TOOLS_INPUT_TCG_H
#define TOOLS_INPUT_TCG_H

#include <stddef.h>
#include <vmmu/trace.h>
#include <vmmu/vmmu.h>

#define TCG_PDPT_BYTES 32u

/* Where PDPTEs lie, at a point of a trace that is being read. */
struct tcg {
	int on;		  /* QEMU recorded the trace */
	int pae;	  /* the registers have PDPTEs now */
	uint8_t *pdpt;	  /* a bit for each 32 bytes below `end`, set if they are a PDPT */
	uint64_t end;	  /* the end of RAM or 4G: CR3 has 32 bits with PAE paging */
	uint64_t group;	  /* PTE records of a PDPT that are still to come */
	uint64_t cleared; /* how many entries were cleared */
};

/* Returns zero, or -1 if out of memory.  tcg_close() is to be called in both cases. */
int tcg_open(struct tcg *t, uint64_t ram_end);
void tcg_close(struct tcg *t);
/* From the next record on the registers are these. */
void tcg_regs(struct tcg *t, const struct vmmu_regs *regs);
/* Clears the bit in the next record, if that is a PDPTE.  Records come in the trace's order. */
void tcg_record(struct tcg *t, struct vmmu_trace_record *rec);

/* Whether there are PDPTEs under these registers if paging is on. */
int tcg_has_pdptes(const struct vmmu_regs *regs);
/*
 * Clears the bit in the PDPTEs of a dump, which are these bytes (TCG_PDPT_BYTES at most).  Returns
 * in how many.
 */
unsigned tcg_clear(uint8_t *bytes, size_t len);

/* Writes a sentence for the user. */
void tcg_words(char *buf, size_t len, uint64_t cleared);

#endif
