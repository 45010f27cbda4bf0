/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random guest: accesses, table edits, registers, TLB instructions, several vCPUs, and what a
 * host does beside it.
 * Not here: the operations (gen_ops.c, gen_race.c).
 * Keeps: a run is a function of the world's seed, with any compiler: no expression asks for two
 * random numbers whose order is the compiler's.
 */
#include "gen_priv.h"

/* ---- how often which ---------------------------------------------------------------- */

#define ALL (1u << MIX_ALL)
#define TABLES (1u << MIX_TABLES)
#define MODES (1u << MIX_MODES)
#define TLB (1u << MIX_TLB)
#define HOST (1u << MIX_HOST)
#define SMP (1u << MIX_SMP)

struct op {
	gen_op *run;
	unsigned weight, mixes; /* those that have more of it */
};

static const struct op ops[] = {
	{ op_access, 300, ALL },       { op_access_again, 120, ALL },
	{ op_span, 50, ALL },	       { op_guest_store, 60, TABLES | SMP },
	{ op_map, 150, TABLES },       { op_tweak, 110, TABLES | TLB | SMP },
	{ op_torn, 20, TABLES | SMP }, { op_scribble, 40, TABLES },
	{ op_cr3, 40, TLB },	       { op_cr0, 20, MODES },
	{ op_cr4, 25, MODES },	       { op_efer, 10, MODES },
	{ op_keys, 15, MODES },	       { op_invlpg, 45, TLB },
	{ op_invpcid, 30, TLB },       { op_hw_flush, 8, TLB },
	{ op_switch_mode, 6, MODES },  { op_set_all, 4, MODES },
	{ op_restore, 3, MODES },      { op_host, 4, HOST },
	{ op_memory, 30, HOST },       { op_race, 60, SMP },
	{ op_wide, 40, TABLES },
};
#define NR_OPS (sizeof(ops) / sizeof(ops[0]))
/* So many times as often as else. */
#define MORE 6u

const char *gen_mix_name(unsigned mix)
{
	static const char *const name[NR_MIXES] = {
		"all", "tables", "modes", "tlb", "host", "smp", "rare",
	};

	return mix < NR_MIXES ? name[mix] : NULL;
}

static unsigned weight_of(const struct gen *g, const struct op *op)
{
	return g->mix.mix != MIX_ALL && (op->mixes >> g->mix.mix & 1) ? op->weight * MORE
								      : op->weight;
}

void gen_one(struct gen *g)
{
	unsigned i, pick, total = 0;

	for (i = 0; i < NR_OPS; i++)
		total += weight_of(g, &ops[i]);
	pick = below(g, total);
	for (i = 0; pick >= weight_of(g, &ops[i]); i++)
		pick -= weight_of(g, &ops[i]);
	ops[i].run(g);
}

/* Which operations bring an event about. */
static unsigned mix_for(unsigned event)
{
	switch (event) {
	case VMMU_EV_EXIT_NPF:
	case VMMU_EV_EXIT_EPT_VIOLATION:
	case VMMU_EV_EXIT_EPT_MISCONFIG:
	case VMMU_EV_EXIT_DIRTY_LOG:
	case VMMU_EV_SMALL_PAGE:
	case VMMU_EV_SPLIT:
	case VMMU_EV_HOST_ASK:
		return MIX_HOST;
	case VMMU_EV_EXIT_CR_WRITE:
		return MIX_MODES;
	case VMMU_EV_EXIT_INVLPG:
	case VMMU_EV_SYNC:
	case VMMU_EV_UNSYNC:
		return MIX_TLB;
	default:
		return MIX_TABLES;
	}
}

void gen_rare(struct gen_mix *mix, uint64_t seen[VMMU_NR_EVENTS][NR_MODES], uint64_t seed)
{
	struct rng r = { .s = seed ^ 0x7a7e };
	unsigned i, tries;

	mix->mix = MIX_ALL;
	mix->mode = -1;
	/* The rarest of some, each of which can be: two with nothing in common are not always hit.
	 */
	for (tries = 0; tries < 12; tries++) {
		unsigned ev = rng_below(&r, VMMU_NR_EVENTS), m = rng_below(&r, NR_MODES);

		for (i = 0; i < NR_MODES && !seen[ev][i];)
			i++;
		if (i == NR_MODES || (mix->mode >= 0 && seen[ev][m] >= seen[mix->event][mix->mode]))
			continue;
		mix->event = ev;
		mix->mode = (int)m;
		mix->mix = mix_for(ev);
	}
}

static void fill_memory(struct gen *g)
{
	unsigned f, k;

	for (f = 0; f < g->w->nr_frames; f++)
		for (k = 0; k < g->w->nr_words; k++)
			world_poke(g->w, g->w->frame[f] + g->w->word[k],
				   random_entry(g, 8, 1 + below(g, 3)));
}

/* Some worlds are tidy at first; by numbers of their own, the others are as they were. */
static bool begins_with(const struct world *w, const struct gen_mix *mix, unsigned *preset)
{
	struct rng r = { .s = w->cfg.seed ^ 0x9e5e7 };

	*preset = rng_below(&r, NR_PRESETS);
	if (mix && mix->mode > 0)
		*preset = (unsigned)mix->mode - 1;
	return rng_percent(&r, 50);
}

void gen_begin(struct gen *g, struct world *w, const struct gen_mix *mix)
{
	unsigned i, preset;

	*g = (struct gen){ .w = w, .r = { .s = w->cfg.seed ^ 0x5eed }, .mix = { .mode = -1 } };
	if (mix)
		g->mix = *mix;
	if (begins_with(w, mix, &preset)) {
		world_preset(w, preset);
		return;
	}
	fill_memory(g);
	for (i = 0; i < w->cfg.nr_cpus; i++) {
		struct or_regs r = mode_regs(g, any_mode(g));

		world_set_all(w, i, &r, true);
	}
}
