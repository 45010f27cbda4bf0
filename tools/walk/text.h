/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page walks as lines of text, for people.
 * Not here: making the walk; the caller gives the steps.
 * Invariant: references are numbered in the order in which they happened.
 */
#ifndef TOOLS_WALK_TEXT_H
#define TOOLS_WALK_TEXT_H

#include <stdio.h>
#include <vmmu/explain.h>

#define WALK_STEPS 64 /* the longest walk has 35: five levels over five */

struct walk_record {
	struct vmmu_step step[WALK_STEPS];
	unsigned nr;
	struct vmmu_walk walk; /* the outcome */
	const char *space;     /* the address space of the first dimension's entries: "gpa" */
	const char *target;    /* the address space of the addresses in its leaves */
};

struct walk_style {
	FILE *out;
	int colour;
	unsigned width; /* columns of the terminal */
};

/* A callback for vmmu_explain(); ctx is the record. */
void walk_collect(void *ctx, const struct vmmu_step *step);

/* Writes a step's name, as in "PML4E[273]". */
void walk_step_name(char *buf, size_t len, const struct vmmu_step *s);
/* Whether step i read the entry because of which the walk failed. */
int walk_is_culprit(const struct walk_record *w, unsigned i);

/* Prints a line for each reference, those of the nested dimension indented. */
void walk_print(const struct walk_style *style, const struct walk_record *w);
/* Prints two walks of one dimension, side by side if there is room, else one after the other. */
void walk_print_both(const struct walk_style *style, const struct walk_record *left,
		     const char *left_head, const struct walk_record *right,
		     const char *right_head);

#endif
