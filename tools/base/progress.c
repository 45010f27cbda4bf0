/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line on the terminal, which is written anew a few times a second.
 * Work that is soon done shows nothing at all.
 * Invariant: see progress.h.
 */
#include "progress.h"
#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_AFTER 0.5
#define SHOW_EVERY 0.2

void progress_begin(struct progress *p, unsigned steps)
{
	*p = (struct progress){ .steps = steps ? steps : 1, .start = clock_now() };
	p->on = isatty(STDERR_FILENO);
}

void progress_step(struct progress *p, unsigned step, const char *what)
{
	p->step = step;
	snprintf(p->what, sizeof(p->what), "%s", what);
}

static void show(struct progress *p, double now, double fraction)
{
	double done = ((double)p->step + fraction) / (double)p->steps;
	double left = done > 0.001 ? (now - p->start) * (1 - done) / done : 0;

	if (fraction < 0 || left > 360000)
		fprintf(stderr, "\r%s ...\033[K", p->what);
	else
		fprintf(stderr, "\r%s  %3.0f%%  ETA %u:%02u\033[K", p->what, 100 * done,
			(unsigned)left / 60, (unsigned)left % 60);
	fflush(stderr);
	p->last = now;
	p->shown = 1;
}

void progress_at(struct progress *p, double fraction)
{
	double now;

	if (!p->on)
		return;
	now = clock_now();
	if (now - p->start >= SHOW_AFTER && now - p->last >= SHOW_EVERY)
		show(p, now, fraction);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = 0;
}
