/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: CPU profiles, read and built; the first line once more as --set.
 * Invariant: a profile that is taken is a CPU that the library takes.
 */
#include "model/model.h"
#include "fuzz.h"

#include <string.h>

static void look_at(const struct cpu_model *model)
{
	const struct cpu_costs *c = &model->costs;

	fuzz_holds(!vmmu_silicon_wrong(&model->silicon), "a model that is built can be");
	fuzz_holds(c->mhz >= 0 && c->instruction >= 0 && c->fault >= 0 && c->exit >= 0 &&
			   c->sw_ref >= 0 && c->entry >= 0 && c->table >= 0,
		   "costs are numbers from 0");
	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		fuzz_holds(c->handler[i] >= 0 && c->handler[i] <= 1e9, "so are handlers'");
}

static void built(const struct cpu_profile *p, const char *path)
{
	struct err err = { 0 };
	struct cpu_model model;

	if (cpu_profile_build(p, &model, &err) == 0)
		look_at(&model);
	else
		fuzz_refused(&err, path);
}

/* The text until the first newline or zero as an assignment. */
static void set(struct cpu_profile *p, const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct cpu_model model;
	char text[160];
	size_t n = 0;

	while (n < size && n < sizeof(text) - 1 && data[n] != '\n') {
		text[n] = (char)data[n];
		n++;
	}
	text[n] = 0;
	if (cpu_profile_set(p, text, &err) < 0) {
		fuzz_holds(err.status == STATUS_USAGE && !strncmp(err.text, "--set ", 6),
			   "what is wrong with --set is told");
		return;
	}
	if (cpu_profile_build(p, &model, &err) == 0)
		look_at(&model);
	fuzz_holds(p->nr <= CPU_PARAMS_MOST, "there is a limit");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	struct err err = { 0 };
	struct cpu_profile p;

	if (cpu_profile_open(&p, path, &err) < 0) {
		fuzz_refused(&err, path);
		return 0;
	}
	built(&p, path);
	set(&p, data, size);
	cpu_profile_close(&p);
	return 0;
}
