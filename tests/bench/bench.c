/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing for benchmarks.
 * Keeps: what is compared runs in one process, round by round in turn, so that
 * load on the machine meets both sides alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define MAX_ROUNDS 64

static volatile uint64_t sink;

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void bench_run(struct bench *b, unsigned nr, unsigned rounds)
{
	double(*t)[MAX_ROUNDS] = calloc(nr, sizeof(*t));
	unsigned i, r;

	if (!t)
		abort();
	if (rounds > MAX_ROUNDS)
		rounds = MAX_ROUNDS;
	for (i = 0; i < nr; i++)
		sink += b[i].run(b[i].arg, b[i].n / 4 + 1); /* warm */
	for (r = 0; r < rounds; r++) {
		for (i = 0; i < nr; i++) {
			double start = now_ns();

			sink += b[i].run(b[i].arg, b[i].n);
			t[i][r] = (now_ns() - start) / (double)b[i].n;
		}
	}
	for (i = 0; i < nr; i++) {
		qsort(t[i], rounds, sizeof(double), compare);
		b[i].ns = t[i][rounds / 2];
	}
	free(t);
}

void bench_ratio(const struct bench *b, const struct bench *peer, double goal)
{
	double ratio = b->ns / peer->ns;

	printf("%-44s %9.2f ns\n%-44s %9.2f ns  ratio %5.2f", peer->name, peer->ns, b->name, b->ns,
	       ratio);
	if (goal > 0)
		printf(", goal %.2f: %s", goal, ratio <= goal ? "met" : "MISSED");
	putchar('\n');
}
