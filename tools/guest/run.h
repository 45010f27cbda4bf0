/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What workload.c and the workloads share: a description of a workload, and a workload that runs.
 * Invariant: a step makes a bounded number of records, whatever the length of the workload.
 */
#ifndef TOOLS_GUEST_RUN_H
#define TOOLS_GUEST_RUN_H

#include "input/input.h"
#include "program.h"

#define PARAMS_MOST 10u

enum param_kind {
	PARAM_NUMBER,
	PARAM_SIZE, /* bytes */
	PARAM_PAGE, /* 4K, 2M or 1G */
	PARAM_FILE,
};

struct param {
	const char *name;
	enum param_kind kind;
	uint64_t usual, least, most;
	const char *text;
};

struct run {
	struct guest g;
	const struct workload *w;
	uint64_t value[PARAMS_MOST]; /* of w->param[] */
	const char *file;	     /* of PARAM_FILE, or NULL */
	struct input *in; /* the file if it was open already, until the workload takes it */
	uint64_t ops;	  /* operations of the window */
	uint64_t done;	  /* how many of them are done */
	void *state;	  /* w->state_bytes, zero at first */
};

struct workload {
	const char *name, *summary;
	const char *unit;	   /* what an operation is called */
	const char *text;	   /* what the workload does, and what it leaves out */
	const struct param *param; /* the first is "n", the operations of the window */
	unsigned nr_params;
	size_t state_bytes;
	/* How much memory the workload uses, without tables and the kernel's. */
	uint64_t (*memory)(const struct run *r);
	/* Says what is wrong with a combination of values, or returns NULL. */
	const char *(*check)(const struct run *r);
	/* Makes one step before the window.  Returns 1 if there are more. */
	int (*prepare)(struct run *r);
	/* Makes one operation or more, or a part of one, and counts r->done. */
	void (*step)(struct run *r);
	/* How much is done, from 0 to 1; NULL: r->done of r->ops. */
	double (*fraction)(const struct run *r);
	void (*close)(struct run *r);
};

#define PARAM_OPS(usual)                                                                           \
	{                                                                                          \
		"n", PARAM_NUMBER, usual, 1, 1ull << 48, "operations"                              \
	}
#define NR_PARAMS(table) ((unsigned)(sizeof(table) / sizeof(*(table))))

extern const struct workload workload_fork, workload_exec, workload_sh, workload_pagefault,
	workload_protfault, workload_mmap, workload_ctx, workload_build, workload_chase,
	workload_random, workload_seq, workload_lackey, workload_champsim;

#endif
