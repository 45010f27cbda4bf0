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

/* Of a trace that is being read: where PDPTEs lie. */
struct tcg {
	int on;		  /* QEMU recorded the trace */
	int pae;	  /* the registers as they are have PDPTEs */
	uint64_t cr3;	  /* as it is */
	uint8_t *pdpt;	  /* a bit for each 32 bytes below `end`: they are PDPTEs */
	uint64_t end;	  /* of RAM, 4G at most: CR3 has 32 bits there */
	uint64_t group;	  /* PTE records of a PDPT that are still to come */
	uint64_t cleared; /* entries, so far */
};

/* Zero, or -1: out of memory.  Close it in both cases. */
int tcg_open(struct tcg *t, uint64_t ram_end);
void tcg_close(struct tcg *t);
/* The registers are these from now on. */
void tcg_regs(struct tcg *t, const struct vmmu_regs *regs);
/* The next record, in the trace's order. */
void tcg_record(struct tcg *t, struct vmmu_trace_record *rec);

/* Do these registers have PDPTEs, if paging is on? */
int tcg_has_pdptes(const struct vmmu_regs *regs);
/* Of a dump: the PDPTEs in these bytes, TCG_PDPT_BYTES at most.  How many were cleared. */
unsigned tcg_clear(uint8_t *bytes, size_t len);

/* A sentence for the user. */
void tcg_words(char *buf, size_t len, uint64_t cleared);

#endif
