/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing for benchmarks: medians of interleaved runs, figures as ratios.
 * Not for unit tests: nothing here decides whether a build is good.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

struct bench {
	const char *name;
	/* Does `n` operations and answers something that depends on all of them. */
	uint64_t (*run)(void *arg, uint64_t n);
	void *arg;
	uint64_t n;
	double ns; /* out: median per operation */
};

/* Runs all of them `rounds` times in turn and fills in the medians. */
void bench_run(struct bench *b, unsigned nr, unsigned rounds);
/* Prints b against peer, and whether the ratio is within the goal (0: there is none). */
void bench_ratio(const struct bench *b, const struct bench *peer, double goal);

#endif
