/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a machine against QEMU's recorded answers, context by context.
 * Not here: dumps without recorded answers (leaf_check.c).
 * Invariant: the page of every golden line is read three ways: with AC=1, as user, and with AC=0.
 */
#include "state_check.h"
#include "base/base.h"
#include "leaf_check.h"

#include <stdio.h>
#include <stdlib.h>

#define VECTOR_PF 14
#define STEP 1024u /* lines between two updates of the progress */

struct asked {
	int status;
	struct vmmu_xlat x;
};

struct walker {
	struct state_check *c;
	struct machine *m;
	struct result *res;
	size_t context;
	int smap;
};

static int load_context(struct golden *g, const struct sidecar_context *ctx, const char *json,
			struct err *err)
{
	char *tlb, *mem = NULL;
	int ret = 0;

	if (!ctx->golden)
		return 0;
	tlb = path_existing(path_beside(json, ctx->golden));
	if (ctx->infomem)
		mem = path_existing(path_beside(json, ctx->infomem));
	if (!tlb || (ctx->infomem && !mem))
		ret = err_input(err, "%s: out of memory", json);
	else
		ret = golden_load(g, tlb, mem, err);
	free(tlb);
	free(mem);
	return ret;
}

int state_check_open(struct state_check *c, const struct state *s, const char *json,
		     struct err *err)
{
	size_t nr = json ? s->side.nr_contexts : 0;

	*c = (struct state_check){ .state = s };
	if (!nr)
		return 0;
	c->golden = calloc(nr, sizeof(*c->golden));
	if (!c->golden)
		return err_input(err, "%s: out of memory", json);
	for (size_t i = 0; i < nr; i++)
		if (load_context(&c->golden[i], &s->side.context[i], json, err) < 0) {
			state_check_close(c);
			return -1;
		}
	return 0;
}

void state_check_close(struct state_check *c)
{
	for (size_t i = 0; c->golden && i < c->state->side.nr_contexts; i++)
		golden_free(&c->golden[i]);
	free(c->golden);
	leaves_free(&c->leaves);
	free(c->answer);
	*c = (struct state_check){ 0 };
}

static struct asked ask(struct walker *w, uint64_t va, uint32_t mode)
{
	struct asked a;

	a.status = vmmu_translate(w->m->cpu, vmmu_gva(va), 1, VMMU_READ | mode, &a.x);
	return a;
}

static void say_asked(char *buf, size_t len, const struct asked *a)
{
	if (a->status == VMMU_OK)
		snprintf(buf, len, "ok 0x%llx %s", (unsigned long long)a->x.gpa.v,
			 page_size_name(1ull << a->x.guest_shift));
	else if (a->status == VMMU_MMIO)
		snprintf(buf, len, "mmio 0x%llx", (unsigned long long)a->x.gpa.v);
	else if (a->status == VMMU_FAULT)
		snprintf(buf, len, "exception %u code %04x", a->x.fault.vector, a->x.fault.code);
	else
		snprintf(buf, len, "%s", vmmu_strerror(a->status));
}

static void wrong(struct walker *w, uint64_t va, const char *want, const struct asked *a)
{
	char got[64];

	say_asked(got, sizeof(got), a);
	result_mismatch(w->res, "context %zu: 0x%llx: want %s, got %s", w->context,
			(unsigned long long)va, want, got);
}

static int faulted(const struct asked *a, uint32_t code)
{
	return a->status == VMMU_FAULT && a->x.fault.vector == VECTOR_PF && a->x.fault.code == code;
}

static int in_ram(const struct walker *w, uint64_t gpa)
{
	return ranges_have(&w->m->ram, gpa, 1);
}

/* Judges the result of a read with AC=1.  Returns what would have been right, or NULL if it is. */
static const char *judge_read(const struct walker *w, const struct golden_line *g,
			      const struct golden_span *span, const struct asked *a)
{
	uint64_t size = 1ull << a->x.guest_shift, pa = g->pa & ~(size - 1);
	unsigned r = a->x.guest_rights;

	if (a->status == VMMU_MMIO) {
		pa = g->flags & GOLDEN_LARGE ? g->pa & ~0x1fffffull : g->pa;
		return in_ram(w, g->pa) ? "RAM" : a->x.gpa.v != pa ? "another GPA" : NULL;
	}
	if (a->status != VMMU_OK)
		return "a mapping";
	if (!in_ram(w, pa) && !in_ram(w, g->pa))
		return "MMIO";
	if (a->x.gpa.v != pa)
		return "another GPA";
	if ((size > VMMU_PAGE_SIZE) != !!(g->flags & GOLDEN_LARGE))
		return "another page size";
	if (span && (!(r & VMMU_U) != !span->user || !(r & VMMU_W) != !span->write))
		return "other rights";
	return (g->flags & GOLDEN_NX) && (r & VMMU_X) ? "no execution" : NULL;
}

/* Reads the same page as user, and as supervisor with AC=0. */
static void check_modes(struct walker *w, const struct golden_line *g, int user)
{
	struct asked u = ask(w, g->va, VMMU_USER), s = ask(w, g->va, 0);
	int smap = w->smap && user;

	w->res->accesses += (unsigned)(user + !smap);
	w->res->faults += (unsigned)(!user + smap);
	if (user ? u.status != VMMU_OK : !faulted(&u, VMMU_PF_P | VMMU_PF_U))
		wrong(w, g->va, user ? "user access" : "#PF 0005 for a user", &u);
	if (smap ? !faulted(&s, VMMU_PF_P) : s.status != VMMU_OK)
		wrong(w, g->va, smap ? "#PF 0001 by SMAP" : "supervisor access", &s);
}

static void check_line(struct walker *w, const struct golden *g, const struct golden_line *line)
{
	const struct golden_span *span = golden_find(g, line->va);
	struct asked a = ask(w, line->va, VMMU_AC);
	const char *bad = judge_read(w, line, span, &a);
	char want[64];

	w->res->accesses++;
	if (bad) {
		snprintf(want, sizeof(want), "%s (0x%llx)", bad, (unsigned long long)line->pa);
		wrong(w, line->va, want, &a);
	} else if (a.status == VMMU_OK) {
		check_modes(w, line, span ? (int)span->user : !!(a.x.guest_rights & VMMU_U));
	}
}

static void check_sample(struct walker *w, const struct sidecar_sample *sample)
{
	struct asked a = ask(w, sample->va, VMMU_AC);
	char want[64];

	if (!sample->mapped) {
		w->res->faults++;
		if (a.status != VMMU_FAULT)
			wrong(w, sample->va, "a fault", &a);
		return;
	}
	w->res->accesses++;
	snprintf(want, sizeof(want), "0x%llx", (unsigned long long)sample->gpa);
	if ((a.status != VMMU_OK && a.status != VMMU_MMIO) || a.x.gpa.v != sample->gpa ||
	    (a.status == VMMU_OK) != in_ram(w, sample->gpa))
		wrong(w, sample->va, want, &a);
}

static int check_context(struct walker *w, struct err *err)
{
	const struct sidecar *side = &w->c->state->side;
	const struct sidecar_context *ctx = &side->context[w->context];
	const struct golden *g = &w->c->golden[w->context];
	struct vmmu_regs regs = w->c->state->regs;
	struct err why;

	regs.cr3 = ctx->cr3;
	if (machine_set_regs(w->m, &regs, &why) < 0) {
		err_input(err, "%s: contexts[%zu].cr3: %s", w->c->name, w->context, why.text);
		return err_hint(err,
				"Correct this field of the JSON, or leave the context out: the "
				"others are checked then.");
	}
	for (size_t i = 0; i < g->nr_lines; i++) {
		check_line(w, g, &g->line[i]);
		if (w->c->progress && i % STEP == 0)
			progress_at(w->c->progress,
				    ((double)w->context + (double)i / (double)g->nr_lines) /
					    (double)side->nr_contexts);
	}
	for (size_t i = 0; i < ctx->nr_samples; i++)
		check_sample(w, &ctx->sample[i]);
	return 0;
}

static int check_contexts(struct state_check *c, struct machine *m, struct result *res,
			  struct err *err)
{
	struct walker w = { .c = c, .m = m, .res = res };

	w.smap = (c->state->regs.cr4 & VMMU_CR4_SMAP) != 0;
	for (; w.context < c->state->side.nr_contexts; w.context++)
		if (check_context(&w, err) < 0)
			return -1;
	return 0;
}

static void check_invariants(struct machine *m, struct result *res)
{
	int status = vmmu_check(m->vm);

	res->checks++;
	if (status != VMMU_OK)
		result_mismatch(res, "vmmu_check(): %s: %s", vmmu_strerror(status),
				vmmu_reason(m->vm));
}

int state_check_run(struct state_check *c, struct machine *m, struct result *res, struct err *err)
{
	double begin = clock_now();
	int ret;

	vmmu_clear_stats(m->vm);
	ret = c->golden ? check_contexts(c, m, res, err) : leaf_check(c, m, res, err);
	if (ret < 0)
		return -1;
	res->seconds = clock_now() - begin;
	check_invariants(m, res);
	result_add_stats(res, m->vm);
	if (res->accesses + res->faults)
		return 0;
	err_input(err, "%s: nothing to check: no present leaf, no recorded answer", c->name);
	return err_hint(
		err,
		"CR3 is 0x%llx: if the guest's tables are elsewhere, give --regs with a JSON "
		"that has the registers.",
		(unsigned long long)c->state->regs.cr3);
}
