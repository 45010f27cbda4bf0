/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two operations at once, without threads: one begins, and at one of the points at which the
 * library lets go the other is done, on one VM.  All other VMs do one after the other.
 */
#ifndef RACE_H
#define RACE_H

#include "ops.h"

#define RACE_ASKED (WORLD_POINTS - 1)
#define RACE_ANSWERED                                                                              \
	(WORLD_POINTS - 2) /* the host has answered, and the library has not seen it */
#define RACE_ANY WORLD_POINTS
/* A walk writes to five tables and a page; one that begins again, to as many others. */
#define RACE_DIRTY 16u
/* Names of the points; NULL: there is none of that number. */
const char *race_point_name(unsigned point);

/* An answer on the raced VM that no order has made legal yet. */
struct claim {
	bool made;
	unsigned cpu, size;
	uint64_t gva;
	uint32_t access;
	int st;
	struct vmmu_xlat x;
	char why[256];
};

/* Does one operation; op_apply(). */
typedef void op_apply_fn(struct world *w, const struct world_op *op);

struct race {
	struct world *w;
	struct world_vm *v;
	const struct world_op *outer, *inner;
	unsigned where; /* at which kind of point; RACE_ANY */
	unsigned nth;	/* at which of the points; 0 is the first */
	bool inside;	/* the outer one is going on */
	bool ran;	/* the inner one is done on the raced VM */
	bool going;	/* the oracle does not know yet what the outer one has written */
	bool moved;	/* ... on which slots are now as `place` says; elsewhere not yet */
	struct place place[NR_REGIONS];
	bool starts_log;      /* the outer one begins a log */
	bool told;	      /* ... and a harvest has told of its store */
	int answer;	      /* what an inner access answered */
	bool walked;	      /* ... and for that its silicon walked */
	uint64_t stored, len; /* ... what it has stored, and the others have not yet */
	uint64_t value;
	struct claim claim[2];	    /* the outer one's, the inner one's */
	uint64_t dirty[RACE_DIRTY]; /* homes of pages that a harvest has told of, written by ... */
	unsigned nr_dirty;	    /* ... nobody who is known yet */
	void (*at_point)(struct race *r, unsigned where, bool open); /* the library lets go here */
	op_apply_fn *apply;
};

/* Is this the VM on which two things happen at once? */
bool race_is_on(const struct world *w, const struct world_vm *v);
/*
 * What the host has to answer that VM by: if the inner operation has changed its slots and the
 * world does not know of it yet, w->place becomes as it will be.  It was `before`.
 */
void race_places(struct world *w, const struct world_vm *v, struct place before[NR_REGIONS]);
/* Has that VM stored here, and the others not yet? */
bool race_is_ahead(const struct world *w, uint64_t gpa, uint64_t len);
/*
 * A harvest on that VM says that the page at `home` is dirty, and nobody is known to have written
 * it.  True: one of the two may have, which the oracle will know; the page is judged then.
 */
bool race_may_have_written(struct world *w, const struct world_vm *v, uint64_t home);
/*
 * The host is being asked for a page, and has not looked yet (RACE_ASKED) or has made up its answer
 * (RACE_ANSWERED), which is out of date if its page moves now: anything may come.
 */
void race_asked(struct world_vm *v, unsigned when);
/*
 * The two, at once as far as they and the library let them; else in turn.  `race` says on which VM
 * (its number) in .size, at which kind of point in .how, and which of those in .access.  Each of
 * the two is done by `apply`.
 */
void race_run(struct world *w, const struct world_op *race, const struct world_op *outer,
	      const struct world_op *inner, op_apply_fn *apply);

#endif
