/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and sets what Unicorn's register calls do not give: privilege level, descriptor caches,
 * error codes.  They lie in the snapshots that uc_context_save() makes.  cpu_open() finds their
 * offsets by changing each and comparing snapshots, and fails if the result is not unique.
 * Not here: what they mean to an exception (deliver.c).
 * Invariant: cpu_put() changes nothing but what was set since cpu_get().
 */
#ifndef RUN_CPU_H
#define RUN_CPU_H

#include <stddef.h>
#include <stdint.h>
#include <unicorn/unicorn.h>

/* In the order of the encoding of instructions. */
enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, NR_SEGMENTS };

/* Attributes as in the high half of a descriptor. */
#define DESC_A (1u << 8)
#define DESC_RW (1u << 9) /* code: readable; data: writable */
#define DESC_C (1u << 10) /* code: conforming */
#define DESC_CODE (1u << 11)
#define DESC_S (1u << 12)
#define DESC_DPL(flags) ((flags) >> 13 & 3)
#define DESC_P (1u << 15)
#define DESC_L (1u << 21)
#define DESC_B (1u << 22)
#define DESC_G (1u << 23)

struct seg {
	uint16_t selector;
	uint64_t base;
	uint32_t limit, flags;
};

struct cpu {
	uc_engine *uc;
	uc_context *now; /* the last snapshot */
	size_t bytes;
	/* offsets in a snapshot */
	size_t segs, hflags, cr2, error, old_exception;
};

/*
 * Needs an engine in 64-bit mode that has run nothing, and a page of RAM at `scratch` in which the
 * calibration may execute code.  0; or -1, and *why is a constant string.
 */
int cpu_open(struct cpu *c, uc_engine *uc, uint64_t scratch, const char **why);
void cpu_close(struct cpu *c);

/* Takes a snapshot; restores it.  cpu_put() must not be called while the engine runs. */
void cpu_get(struct cpu *c);
void cpu_put(struct cpu *c);

/* These read the snapshot. */
unsigned cpu_cpl(const struct cpu *c);
int cpu_is_code64(const struct cpu *c);
int cpu_is_code32(const struct cpu *c);
int cpu_is_stack32(const struct cpu *c);
int cpu_irq_shadow(const struct cpu *c); /* after STI, MOV SS */
uint32_t cpu_error_code(const struct cpu *c);
int cpu_was_int(const struct cpu *c); /* the last exception was an INT n */
void cpu_seg(const struct cpu *c, enum segment which, struct seg *out);

void cpu_set_seg(struct cpu *c, enum segment which, const struct seg *seg);
void cpu_set_cr2(struct cpu *c, uint64_t value);
/* Sets the privilege level, and the bits of the mode that follow from CS and SS in the snapshot. */
void cpu_set_mode(struct cpu *c, unsigned cpl);
/* Forgets the exception that Unicorn has raised, and the interrupt shadow of STI. */
void cpu_clear_exception(struct cpu *c);

/* These read and write the engine, by Unicorn's register numbers. */
uint64_t cpu_reg(const struct cpu *c, int reg);
void cpu_set_reg(const struct cpu *c, int reg, uint64_t value);
void cpu_table(const struct cpu *c, int reg, uc_x86_mmr *out);

#endif
