/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the parts that make a modelled CPU of a profile: build.c (the order), values.c (what a
 * value can be), keys.c (what a key means), finish.c (what the keys come to together).
 */
#ifndef TOOLS_MODEL_BUILD_H
#define TOOLS_MODEL_BUILD_H

#include "profile.h"

struct build {
	const struct cpu_profile *p;
	const struct cpu_param *at;
	struct cpu_model *m;
	struct err *err;
	char tlb[VMMU_TLBS][16]; /* names */
	unsigned tlb_entries[VMMU_TLBS], tlb_ways[VMMU_TLBS];
	unsigned kib[VMMU_DATA_CACHES];
};

extern const char *const build_link_names[VMMU_LEVELS];

/* Of the parameter b->at.  -1: *err, with its line. */
int build_bad(const struct build *b, const char *why);
int build_unknown(const struct build *b);
int build_number(const struct build *b, double most, double *out);
int build_whole(const struct build *b, unsigned most, unsigned *out);
int build_u16(const struct build *b, uint16_t *to);
int build_u8(const struct build *b, unsigned most, uint8_t *to);
int build_yes_no(const struct build *b, uint8_t *to);
/* The value as one of the words, by number; -1: none of them. */
int build_word(const struct build *b, const char *const *words);
int build_replace(const struct build *b, uint8_t *to);

/* Takes b->at. */
int build_take(struct build *b);
/* All parameters are taken. */
int build_finish(struct build *b);

#endif
