/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to a world, as data: recorded, read and written as text, done again, made
 * shorter.  One line of text for each:
 *
 *	# anything
 *	world SEED CPUS KIND PROFILE BACKENDS the first; enum world_kind and WORLD_*
 *	poke GPA VALUE                       memory before the guest runs
 *	store CPU GPA HOW BYTES              HOW: 0 vCPU, 1 device, 2 begin and end; hexadecimal
 *	access CPU GVA SIZE ACCESS [VALUE]   a write with VALUE: a store through the mapping
 *	span CPU GVA SIZE ACCESS
 *	set CPU REGISTER VALUE               0 CR0, 1 CR3, 2 CR4, 3 EFER, 4 PKRU, 5 PKRS
 *	all CPU READS CR0 CR2 CR3 CR4 EFER PDPTE*4 PKRU PKRS
 *	reset CPU
 *	invlpg CPU GVA
 *	invpcid CPU TYPE PCID GVA
 *	flush CPU WHICH GVA
 *	host WHICH WHERE                     enum world_host; a region or a frame
 *	preset NAME                          tables and registers to begin with; preset.c
 *	race VM WHERE NTH                    the next operation, and in it, at the NTH point of a
 *	                                     kind at which VM lets go, the one after it; race.h
 */
#ifndef OPS_H
#define OPS_H

#include <stdio.h>

#include "world.h"

#define OP_BYTES 128

struct world_op {
	uint8_t what; /* enum in ops.c */
	uint8_t cpu, how, has_value;
	uint32_t size, access;
	uint64_t at;
	union {
		uint64_t value;
		uint8_t bytes[OP_BYTES];
		struct or_regs regs;
	};
};

enum {
	OP_POKE,
	OP_STORE,
	OP_ACCESS,
	OP_SPAN,
	OP_SET,
	OP_ALL,
	OP_RESET,
	OP_INVLPG,
	OP_INVPCID,
	OP_FLUSH,
	OP_HOST,
	OP_RACE,
	OP_PRESET,
	NR_OP_KINDS
};

void ops_add(struct ops *ops, const struct world_op *op);
void ops_free(struct ops *ops);
void op_apply(struct world *w, const struct world_op *op);

/*
 * A new world, and all of it done; how many were done before it failed, or -1: it did not.
 * Short lists are checked in full after each operation.  `report`: to stderr if it fails.
 */
long ops_run(const struct world_cfg *cfg, const struct ops *ops, bool report);
/* What all calls of it have cost so far, in operations: the same on every machine. */
uint64_t ops_effort(void);
/* Leaves out and simplifies what the failure does not need.  The list fails before and after. */
void ops_shrink(const struct world_cfg *cfg, struct ops *ops);

/* How many there are after the preset that it begins with, whose name it may be; else NULL. */
size_t ops_count(const struct ops *ops, const char **preset);
/* One line of text without its end, as snprintf() writes it. */
int op_format(char *to, size_t size, const struct world_op *op);
int world_format(char *to, size_t size, const struct world_cfg *cfg);
/* False: the line is no operation, or no world. */
bool op_parse(const char *line, struct world_op *op);
bool world_parse(const char *line, struct world_cfg *cfg);
void ops_write(FILE *to, const struct world_cfg *cfg, const struct ops *ops);
/* The same as C, to be pasted into a test, in comments of the text. */
void ops_write_c(FILE *to, const struct world_cfg *cfg, const struct ops *ops);
/* 0, or the number of the line that is wrong. */
unsigned ops_read(FILE *from, struct world_cfg *cfg, struct ops *ops);

#endif
