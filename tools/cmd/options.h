/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of every subcommand.  Each lists the options that it has; what their values
 * mean is here.
 * Invariant: an option that a subcommand does not list is refused.
 */
#ifndef TOOLS_CMD_OPTIONS_H
#define TOOLS_CMD_OPTIONS_H

#include "machine/machine.h"

#include <getopt.h>

enum option_id {
	OPT_HELP = 256,
	OPT_CORE,
	OPT_REGS,
	OPT_CR0,
	OPT_CR3,
	OPT_CR4,
	OPT_EFER,
	OPT_RAM,
	OPT_CPU,
	OPT_BACKEND,
	OPT_HOST_PAGE,
	OPT_TABLE_PAGES,
	OPT_PWC,
	OPT_NESTED_TLB,
	OPT_CHECK,
	OPT_JSON,
	OPT_CSV,
	OPT_SHADOW,
	OPT_FLOOD,
	OPT_PREFETCH,
	OPT_ROOTS,
	OPT_CACHE_MMIO,
	OPT_PER_OP,
	OPT_SEED,
	OPT_OPS,
	OPT_SECONDS,
	OPT_VCPUS,
	OPT_PROFILE,
	OPT_BACKENDS,
	OPT_MIX,
	OPT_EXHAUSTIVE,
	OPT_REPLAY,
	OPT_MODEL,
	OPT_SET,
	OPT_SENSITIVITY,
	OPT_HTML,
	OPT_HOST_2M,
	OPT_SVG,
	OPT_SWEEP,
	OPT_OUTPUT,
	OPT_ON,
	OPT_KNOWN,
	OPT_STOP,
	OPT_TARGET_CPU,
	OPT_SABOTAGE,
};

/* The most --set options. */
#define SETS_MOST 32u
/* The most numbers of --host-2m. */
#define SHARES_MOST 12u

#define OPTION(name, id)                                                                           \
	{                                                                                          \
		name, required_argument, NULL, id                                                  \
	}
#define FLAG(name, id)                                                                             \
	{                                                                                          \
		name, no_argument, NULL, id                                                        \
	}
#define OPTIONS_STATE                                                                              \
	OPTION("core", OPT_CORE), OPTION("regs", OPT_REGS), OPTION("cr0", OPT_CR0),                \
		OPTION("cr3", OPT_CR3), OPTION("cr4", OPT_CR4), OPTION("efer", OPT_EFER),          \
		OPTION("ram", OPT_RAM), OPTION("cpu", OPT_CPU)
#define OPTIONS_BACKEND OPTION("backend", OPT_BACKEND), OPTION("host-page", OPT_HOST_PAGE)
#define OPTIONS_MACHINE                                                                            \
	OPTION("table-pages", OPT_TABLE_PAGES), OPTION("pwc", OPT_PWC),                            \
		OPTION("nested-tlb", OPT_NESTED_TLB), OPTION("shadow", OPT_SHADOW),                \
		OPTION("flood", OPT_FLOOD), OPTION("prefetch", OPT_PREFETCH),                      \
		OPTION("roots", OPT_ROOTS), FLAG("cache-mmio", OPT_CACHE_MMIO)
#define OPTIONS_END                                                                                \
	{ "help", no_argument, NULL, OPT_HELP },                                                   \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}

/* Options of vmmu check alone. */
struct check_options {
	uint64_t seed, ops;
	uint64_t seconds;    /* 0: not given */
	unsigned vcpus;	     /* 0: by chance */
	int profile;	     /* -1: by chance */
	unsigned mix;	     /* enum gen_mix_of */
	unsigned backends;   /* WORLD_* of check/world.h; 0: all */
	unsigned exhaustive; /* operations of a sequence; 0: not given */
	const char *replay;
};

/* Of `metal` alone, beside those of `check`. */
struct metal_options {
	const char *on, *known, *cpu;
	uint64_t stop, sabotage;
};

struct options {
	int help;
	struct state_options state;
	struct machine_options machine;
	uint64_t check;
	const char *json, *csv, *html, *svg;
	const char *profile; /* the name of a CPU profile, changed by `set`; NULL: none */
	const char *set[SETS_MOST];
	unsigned nr_set;
	int sensitivity, sweep;
	unsigned share_2m[SHARES_MOST], nr_shares; /* percent */
	const char *output;
	struct metal_options metal;
	struct strategies strategies; /* empty if --shadow was not given */
	int per_op;
	struct check_options check_options;
};

/* Returns the index of the first operand; options come before it.  Returns -1 on failure: *err. */
int options_parse(int argc, char **argv, const struct option *table, struct options *out,
		  struct err *err);

/*
 * Checks that --backend was given and one strategy at most, and gives the strategy to the machine.
 * Returns -1 if not: *err.
 */
int options_one_machine(struct options *o, struct err *err);

#endif
