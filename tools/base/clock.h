/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seconds of a clock that only goes forward.
 * Not the time of day.
 * Invariant: none.
 */
#ifndef TOOLS_BASE_CLOCK_H
#define TOOLS_BASE_CLOCK_H

#include <time.h>

static inline double clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

#endif
