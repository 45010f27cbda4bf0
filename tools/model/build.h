/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that make a modelled CPU of a profile share: build.c goes through the keys,
 * values.c reads their values, keys.c knows what they mean, finish.c checks all of them together.
 */
#ifndef TOOLS_MODEL_BUILD_H
#define TOOLS_MODEL_BUILD_H

#include "profile.h"

struct build {
	const struct cpu_profile *p;
	const struct cpu_param *at;
	struct cpu_model *m;
	struct err *err;
	char tlb[VMMU_TLBS][16]; /* their names */
	unsigned tlb_entries[VMMU_TLBS], tlb_ways[VMMU_TLBS];
	unsigned kib[VMMU_DATA_CACHES];
};

extern const char *const build_link_names[VMMU_LEVELS];

/*
 * These read the value of the parameter b->at, or report what is wrong with it.  They return -1 on
 * failure: *err, with the parameter's line.
 */
int build_bad(const struct build *b, const char *why);
int build_unknown(const struct build *b);
int build_number(const struct build *b, double most, double *out);
int build_whole(const struct build *b, unsigned most, unsigned *out);
int build_u16(const struct build *b, uint16_t *to);
int build_u8(const struct build *b, unsigned most, uint8_t *to);
int build_yes_no(const struct build *b, uint8_t *to);
/* Returns which of the words the value is; -1 if none of them. */
int build_word(const struct build *b, const char *const *words);
int build_replace(const struct build *b, uint8_t *to);

/* Applies the parameter b->at. */
int build_take(struct build *b);
/* Checks the CPU as a whole, after all parameters were applied. */
int build_finish(struct build *b);

#endif
