/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading every leaf, and comparing the results with native's.
 * Native's own results are compared with the list of leaves: reading one must succeed or fault.
 * Invariant: see leaf_check.h.
 */
#include "leaf_check.h"

#include <stdlib.h>
#include <string.h>

#define STEP 4096u

static struct leaf_answer ask(struct machine *m, uint64_t va)
{
	struct leaf_answer a = { 0 };
	struct vmmu_xlat x;
	int status = vmmu_translate(m->cpu, vmmu_gva(va), 1, VMMU_READ | VMMU_AC, &x);

	a.status = (uint8_t)status;
	if (status == VMMU_OK || status == VMMU_MMIO)
		a.gpa = x.gpa.v;
	if (status == VMMU_OK) {
		a.shift = x.guest_shift;
		a.rights = x.guest_rights;
	}
	if (status == VMMU_FAULT) {
		a.vector = x.fault.vector;
		a.code = x.fault.code;
	}
	return a;
}

static int same(const struct leaf_answer *a, const struct leaf_answer *b)
{
	return a->gpa == b->gpa && a->code == b->code && a->status == b->status &&
	       a->shift == b->shift && a->rights == b->rights && a->vector == b->vector;
}

static int ask_native(struct state_check *c, struct machine *m, struct err *err)
{
	if (leaves_find(&c->leaves, m, err) < 0)
		return -1;
	c->answer = calloc(c->leaves.nr ? c->leaves.nr : 1, sizeof(*c->answer));
	if (!c->answer)
		return err_input(err, "%s: out of memory", c->name);
	for (size_t i = 0; i < c->leaves.nr; i++)
		c->answer[i] = ask(m, c->leaves.va[i]);
	return 0;
}

static void compare(struct result *res, uint64_t va, const struct leaf_answer *want,
		    const struct leaf_answer *got)
{
	if (want->status == VMMU_FAULT)
		res->faults++;
	else
		res->accesses++;
	if (!same(want, got) || got->status > VMMU_MMIO) /* or the library failed */
		result_mismatch(res,
				"0x%llx: native status %u gpa 0x%llx code %04x, here status %u "
				"gpa 0x%llx code %04x",
				(unsigned long long)va, want->status, (unsigned long long)want->gpa,
				want->code, got->status, (unsigned long long)got->gpa, got->code);
}

int leaf_check(struct state_check *c, struct machine *m, struct result *res, struct err *err)
{
	int first = !c->answer;

	if (first && ask_native(c, m, err) < 0)
		return -1;
	for (size_t i = 0; i < c->leaves.nr; i++) {
		struct leaf_answer got = first ? c->answer[i] : ask(m, c->leaves.va[i]);

		compare(res, c->leaves.va[i], &c->answer[i], &got);
		if (c->progress && i % STEP == 0)
			progress_at(c->progress, (double)i / (double)c->leaves.nr);
	}
	return 0;
}
