/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A world so small that every sequence of operations can be tried: two vCPUs, two addresses of
 * one page table, three frames that they reach.
 */
#ifndef SMALL_H
#define SMALL_H

#include "ops.h"

#define SMALL_DEEPEST 8u

struct small {
	uint64_t sequences, ops; /* done so far */
	uint64_t races;		 /* sequences with one operation inside another, besides */
	unsigned nr_vms;
	struct world_cfg cfg;
	struct ops failed;			  /* the sequence that failed; else empty */
	void (*progress)(void *ctx, double done); /* or NULL */
	void *ctx;
};

/* Every sequence of `depth` operations that ends with an access, one for each symmetric pair; and
 * those with two at once. */
void small_run(struct small *s, unsigned depth);

#endif
