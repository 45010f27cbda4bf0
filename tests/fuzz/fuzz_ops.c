/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a guest on every backend and the oracle in lock step.  The first two bytes choose
 * the world, the others are the random numbers of its generator, so whatever a fuzzer changes is
 * another guest; what it finds is printed for `vmmu check --replay`.
 * Invariant: no guest makes the backends differ.
 */
#include "fuzz.h"
#include "gen.h"
#include "ops.h"

#include <stdlib.h>

/* A fuzzer learns more from many short guests. */
#define MOST_OPS 400u

static void tell(const struct world_cfg *cfg, struct ops *done)
{
	ops_run(cfg, done, true);
	ops_shrink(cfg, done);
	ops_write(stderr, cfg, done);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ops done = { 0 };
	struct world_cfg cfg;
	struct world *w;
	struct gen g;

	if (size < 2)
		return 0;
	cfg = world_cfg_of((uint64_t)data[0] << 8 | data[1], 0, -1);
	/* Making native's tables takes longer than all the rest. */
	cfg.backends = WORLD_SHADOW | WORLD_NPT | WORLD_EPT;
	w = world_new(&cfg);
	w->record = &done;
	w->quiet = true;
	gen_begin(&g, w, NULL);
	g.r.bytes = data + 2;
	g.r.left = size - 2;
	while (g.r.left && w->seq < MOST_OPS && !w->failed[0]) {
		gen_one(&g);
		world_check(w, false);
	}
	world_check(w, true);
	if (w->failed[0])
		tell(&cfg, &done);
	world_free(w);
	ops_free(&done);
	return 0;
}
