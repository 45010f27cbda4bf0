/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is compared: memory, and the VMs with themselves.
 * Not here: answers (judge.c).
 * Keeps: or_note_store() follows every change of the oracle's memory, A and D bits included.
 *
 * What a VM may do with A and D bits depends on whether it walked (event WALK, SW_WALK):
 *	walked from the root	exactly what the oracle's walk does
 *	walked from a link it	more or less: it may have been in a table that
 *	had cached		is in use no longer
 *	did not walk		nothing; and that only if the guest stored to its
 *				tables since the vCPU's last invalidation, or
 *				there was nothing to set
 * After each access the VMs and the oracle get the union, so a difference never grows.
 */
#include <inttypes.h>
#include <string.h>

#include "world_priv.h"

#define AD_BITS 0x60ull
/* In 4-byte tables the upper half of a word is an entry too. */
#define AD_WORD (AD_BITS | AD_BITS << 32)

static void put_word(struct world *w, struct world_vm *v, unsigned f, unsigned at, uint64_t value)
{
	uint64_t gpa = world_frame(w, f) + at;

	if (world_is_rom(w, gpa) || !world_is_ram(w, gpa))
		world_fail(w, v, "A or D was stored at 0x%" PRIx64 ", which is no RAM", gpa);
	else if (vmmu_write(v->vm, NULL, vmmu_gpa(gpa), &value, 8, NULL))
		world_fail(w, v, "vmmu_write(0x%" PRIx64 "): %s", gpa, vmmu_reason(v->vm));
}

static void judge_word(struct world *w, const struct world_vm *v, unsigned f, unsigned at,
		       enum ad_rule rule)
{
	uint64_t ours = load(w->mem + w->frame[f] + at, 8), its = load(v->at[f] + at, 8);
	const char *why = NULL;

	if ((ours ^ its) & ~AD_WORD)
		why = "memory differs";
	else if (rule == AD_EXACT)
		why = "A or D bits differ after a walk";
	else if (rule == AD_MISSING && (its & ~ours))
		why = "A or D bits were set without a walk";
	else if (rule == AD_NOTHING_SET)
		why = "A or D was not set, and nothing that is cached can know it to be set";
	if (why)
		world_fail(w, v, "%s: at 0x%" PRIx64 " 0x%" PRIx64 ", the oracle has 0x%" PRIx64,
			   why, w->frame[f] + at, its, ours);
}

/* The union of what all have, in all. */
static void level_word(struct world *w, unsigned f, unsigned at)
{
	uint8_t *ours = w->mem + w->frame[f] + at;
	uint64_t all = load(ours, 8);
	unsigned i;

	w->legal[LEGAL_AD]++;
	for (i = 0; i < w->nr_vms; i++)
		all |= load(w->vm[i].at[f] + at, 8) & AD_WORD;
	if (all != load(ours, 8)) {
		memcpy(ours, &all, 8);
		world_wrote(w, world_frame(w, f) + at, 8);
		or_note_store(w->or, world_frame(w, f) + at, 8);
	}
	for (i = 0; i < w->nr_vms; i++)
		if (load(w->vm[i].at[f] + at, 8) != all)
			put_word(w, &w->vm[i], f, at, all);
}

/* One word of one frame in these VMs. */
static void compare_word(struct world *w, unsigned f, unsigned at, unsigned vms,
			 const enum ad_rule rule[])
{
	uint64_t ours = load(w->mem + w->frame[f] + at, 8);
	bool differs = false;
	unsigned i;

	if (race_is_ahead(w, world_frame(w, f) + at, 8))
		return;
	for (i = 0; i < w->nr_vms; i++) {
		if (!(vms >> i & 1) || load(w->vm[i].at[f] + at, 8) == ours)
			continue;
		differs = true;
		judge_word(w, &w->vm[i], f, at, rule[i]);
	}
	if (differs && !w->failed[0])
		level_word(w, f, at);
}

/* Offsets in a table at which this vCPU's walk of gva reads, but for PDPTEs, which have no A. */
static unsigned words_of(const struct or_regs *r, uint64_t gva, uint16_t word[5])
{
	unsigned n = 0, shift, top = r->efer & OR_EFER_LMA ? r->cr4 & OR_CR4_LA57 ? 48 : 39 : 21;

	if (!(r->cr0 & OR_CR0_PG))
		return 0;
	if (!(r->cr4 & OR_CR4_PAE)) {
		word[0] = (uint16_t)((gva >> 12 & 1023) * 4 & ~7u);
		word[1] = (uint16_t)((gva >> 22 & 1023) * 4 & ~7u);
		return 2;
	}
	for (shift = 12; shift <= top; shift += 9)
		word[n++] = (uint16_t)((gva >> shift & 511) * 8);
	return n;
}

#define ALL_VMS (~0u)

/* Those that may have stored A or D anywhere on the way. */
static unsigned any_of(const struct world *w, const enum ad_rule rule[])
{
	unsigned vms = 0, i;

	for (i = 0; i < WORLD_VMS; i++)
		if (i < w->nr_vms && rule[i] == AD_ANY)
			vms |= 1u << i;
	return vms;
}

/* These words of all frames, in these VMs; few differ. */
static void compare_words(struct world *w, const uint16_t *word, unsigned n, unsigned vms,
			  const enum ad_rule rule[])
{
	unsigned f, i, k, left;

	for (f = 0; f < w->nr_frames; f++) {
		const uint8_t *ours = w->mem + w->frame[f];

		for (left = vms & ((1u << w->nr_vms) - 1); left; left &= left - 1) {
			i = (unsigned)__builtin_ctz(left);
			for (k = 0; k < n; k++)
				if (load(ours + word[k], 8) != load(w->vm[i].at[f] + word[k], 8))
					compare_word(w, f, word[k], vms, rule);
		}
	}
}

/*
 * What walks of gva read, by the rules: where the oracle stored A or D, and where a VM may have
 * that began at a cached link.  What else a VM stored can wait for the next sweep.
 */
void compare_walk(struct world *w, unsigned cpu, uint64_t gva, const enum ad_rule rule[WORLD_VMS])
{
	unsigned vms = any_of(w, rule), i;
	uint16_t word[5];

	for (i = 0; i < w->nr_ad; i++) {
		int f = frame_of(w, w->ad[i]);

		if (f >= 0)
			compare_word(w, (unsigned)f, w->ad[i] & (PAGE - 1), ALL_VMS, rule);
	}
	if (vms)
		compare_words(w, word, words_of(world_regs(w, cpu), gva, word), vms, rule);
}

void level_walk(struct world *w, unsigned cpu, uint64_t gva)
{
	enum ad_rule any[WORLD_VMS];
	unsigned i;

	for (i = 0; i < WORLD_VMS; i++)
		any[i] = AD_ANY;
	compare_walk(w, cpu, gva, any);
}

/* Everything else is the same at any time; looked at now and then. */
#define SWEEP 32u

static void sweep(struct world *w)
{
	static const enum ad_rule exact[WORLD_VMS]; /* AD_EXACT */

	compare_words(w, w->word, w->nr_words, ALL_VMS, exact);
	w->swept = w->seq;
}

void note_ad(struct world *w)
{
	unsigned i;

	for (i = 0; i < w->nr_ad; i++)
		or_note_store(w->or, w->ad[i], 8);
}

/* Some of every VM's invariants, each in its turn. */
#define TURNS 8u
#define SOME 4u /* entries that hold anything */

void world_check(struct world *w, bool full)
{
	unsigned i, f;
	int st;

	if (full || w->seq - w->swept >= SWEEP)
		sweep(w);
	w->checks++;
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];

		st = full || w->all	       ? vmmu_check(v->vm)
		     : (w->checks + i) % TURNS ? VMMU_OK
					       : vmmu_check_some(v->vm, SOME);
		if (st)
			world_fail(w, v, "check: %s: %s", vmmu_strerror(st), vmmu_reason(v->vm));
		for (f = 0; full && f < w->nr_frames; f++)
			if (memcmp(v->at[f], w->mem + w->frame[f], PAGE))
				world_fail(w, v, "the frame at 0x%" PRIx64 " differs", w->frame[f]);
	}
}
