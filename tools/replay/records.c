/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetching the next record of a trace, and reporting a bad one.
 * Not here: what records do (apply.c, verify.c).
 * Invariant: r->record is the number of the record that was given last.
 */
#include "priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The limit of initial records.  All tables of a guest with 5-level paging take far fewer. */
#define INITIAL_MOST (8u << 20)

int replay_bad(struct replay *r, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_input(r->err, "%s: record %llu at byte %llu: %s", input_name(r->trace->in),
			 (unsigned long long)r->record, (unsigned long long)trace_offset(r->record),
			 text);
}

int replay_bad_register(struct replay *r, uint64_t number)
{
	replay_bad(r, "CR record of unknown register %llu", (unsigned long long)number);
	return err_hint(r->err, "a >> 8 of a CR record is 0, 3, 4 or, for EFER, 8.");
}

int replay_next(struct replay *r, struct vmmu_trace_record *rec)
{
	if (r->replayed < r->initial.nr) {
		*rec = r->initial.record[r->replayed];
		r->record = r->initial.first + r->replayed++;
	} else {
		int got;

		r->record = r->trace->next;
		got = trace_next(r->trace, rec, r->err);
		if (got <= 0)
			return got;
	}
	tcg_record(&r->tcg, rec);
	return 1;
}

static int no_answers(struct replay *r)
{
	return err_hint(r->err,
			"A trace has what the CPU answered, too: ACC records of accesses, FAULT "
			"records of page faults.  Without any there is nothing to check.");
}

static int keep(struct replay *r, const struct vmmu_trace_record *rec)
{
	struct known_initial *i = &r->initial;

	if (i->nr == INITIAL_MOST) {
		replay_bad(r, "no ACC or FAULT in the first %u records", INITIAL_MOST);
		return no_answers(r);
	}
	if (i->nr == i->cap) {
		size_t cap = i->cap ? i->cap * 2 : 4096;
		struct vmmu_trace_record *p = realloc(i->record, cap * sizeof(*p));

		if (!p)
			return replay_bad(r, "out of memory");
		i->record = p;
		i->cap = cap;
	}
	i->record[i->nr++] = *rec;
	return 0;
}

int replay_collect(struct replay *r)
{
	struct vmmu_trace_record rec = { 0 };
	int got = 1;

	while (rec.type != VMMU_TRACE_ACC && rec.type != VMMU_TRACE_FAULT) {
		r->record = r->trace->next;
		got = trace_next(r->trace, &rec, r->err);
		if (got < 0 || (got > 0 && keep(r, &rec) < 0))
			return -1;
		if (got == 0) {
			replay_bad(r, "the trace ends with no ACC or FAULT: nothing to check");
			return no_answers(r);
		}
	}
	return 0;
}
