/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page walks as lines of text, for people.
 * Makes no walk: it is told the steps.
 * Invariant: references are numbered in the order in which they happened.
 */
#ifndef TOOLS_WALK_TEXT_H
#define TOOLS_WALK_TEXT_H

#include <stdio.h>
#include <vmmu/explain.h>

#define WALK_STEPS 64 /* 35 is the longest: five levels over five */

struct walk_record {
	struct vmmu_step step[WALK_STEPS];
	unsigned nr;
	struct vmmu_walk walk; /* the outcome */
	const char *space;     /* where entries of the first dimension lie: "gpa" */
	const char *target;    /* what its leaves hold */
};

struct walk_style {
	FILE *out;
	int colour;
	unsigned width; /* columns */
};

/* For vmmu_explain(); ctx is the record. */
void walk_collect(void *ctx, const struct vmmu_step *step);

/* "PML4E[273]" */
void walk_step_name(char *buf, size_t len, const struct vmmu_step *s);
/* The last entry of a walk that failed on an entry. */
int walk_is_culprit(const struct walk_record *w, unsigned i);

/* Reference after reference, the nested dimension indented. */
void walk_print(const struct walk_style *style, const struct walk_record *w);
/* Two walks of one dimension: side by side if they fit, else one after the other. */
void walk_print_both(const struct walk_style *style, const struct walk_record *left,
		     const char *left_head, const struct walk_record *right,
		     const char *right_head);

#endif
