/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far some work is and how long it will take, on standard error if that is a terminal.
 * Invariant: after progress_end() the line is empty again.
 */
#ifndef TOOLS_BASE_PROGRESS_H
#define TOOLS_BASE_PROGRESS_H

struct progress {
	int on, shown;
	double start, last;
	/* The work has `steps` pieces of equal length; this one runs. */
	unsigned step, steps;
	char what[64];
};

void progress_begin(struct progress *p, unsigned steps);
/* The next piece begins. */
void progress_step(struct progress *p, unsigned step, const char *what);
/* How much of this piece is done, from 0 to 1; negative if that is unknown. */
void progress_at(struct progress *p, double fraction);
void progress_end(struct progress *p);

#endif
