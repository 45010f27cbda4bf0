/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "How far, how long still" on standard error, if that is a terminal.
 * Nothing else is ever printed there by this.
 * Invariant: after progress_end() the line is empty again.
 */
#ifndef TOOLS_BASE_PROGRESS_H
#define TOOLS_BASE_PROGRESS_H

struct progress {
	int on, shown;
	double start, last;
	/* Of several equal pieces of work, which one runs: its share of the bar. */
	unsigned step, steps;
	char what[64];
};

void progress_begin(struct progress *p, unsigned steps);
/* The next piece begins. */
void progress_step(struct progress *p, unsigned step, const char *what);
/* 0..1 of this piece; negative: unknown. */
void progress_at(struct progress *p, double fraction);
void progress_end(struct progress *p);

#endif
