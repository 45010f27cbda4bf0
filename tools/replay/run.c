/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of a replay: the initial state, then record after record; and the windows.
 * Not here: what a record does (apply.c, verify.c).
 * Invariant: records before the first ACC or FAULT are applied together.
 */
#include "priv.h"
#include "base/base.h"

#include <stdlib.h>

/*
 * Finds the registers after the initial records, because PTE records depend on them, and the
 * origin.
 */
static int initial_regs(struct replay *r, struct vmmu_regs *regs)
{
	*regs = (struct vmmu_regs){ 0 };
	for (size_t i = 0; i < r->initial.nr; i++) {
		const struct vmmu_trace_record *rec = &r->initial.record[i];
		uint64_t b = rec->b;

		r->record = i;
		if (rec->type == VMMU_TRACE_ORIGIN)
			r->tcg.on = rec->b == VMMU_TRACE_BY_QEMU;
		if (rec->type != VMMU_TRACE_CR)
			continue;
		if (rec->arg == 0)
			regs->cr0 = b;
		else if (rec->arg == 3)
			regs->cr3 = b;
		else if (rec->arg == 4)
			regs->cr4 = b;
		else if (rec->arg == 8)
			regs->efer = b;
		else
			return replay_bad_register(r, rec->arg);
	}
	(void)regs_settle_lma(regs);
	apply_mode(r, regs);
	return 0;
}

static void mark(struct replay *r, uint64_t what)
{
	if (what == 1 && !r->window) {
		if (!r->res->windowed)
			r->res->instructions = r->res->guest_accesses = 0;
		r->window = r->res->windowed = 1;
		vmmu_clear_stats(r->m->vm);
	} else if (what == 2 && r->window) {
		r->window = 0;
		result_add_stats(r->res, r->m->vm);
	}
}

static void count(struct replay *r, const struct vmmu_trace_record *rec)
{
	if (!r->window && r->res->windowed)
		return;
	r->res->instructions += rec->arg;
	r->res->guest_accesses += rec->b;
}

static int play(struct replay *r, const struct vmmu_trace_record *rec)
{
	switch (rec->type) {
	case VMMU_TRACE_ACC:
		return verify_access(r, rec);
	case VMMU_TRACE_FAULT:
		return verify_fault(r, rec);
	case VMMU_TRACE_CR:
		return apply_cr(r, rec);
	case VMMU_TRACE_INVLPG:
		return apply_invlpg(r, rec);
	case VMMU_TRACE_INVPCID:
		return apply_invpcid(r, rec);
	case VMMU_TRACE_FLUSH:
		vmmu_hw_flush(r->m->cpu);
		return 0;
	case VMMU_TRACE_PTPAGE:
		return apply_ptpage(r, rec);
	case VMMU_TRACE_PTE:
		replay_bad(r, "PTE outside a PTPAGE group");
		return err_hint(r->err,
				"b >> 8 of the PTPAGE says how many PTE records follow it.");
	case VMMU_TRACE_PTDROP:
		return apply_ptdrop(r, rec);
	case VMMU_TRACE_PTW:
		return apply_ptw(r, rec);
	case VMMU_TRACE_MARK:
		mark(r, rec->b);
		return 0;
	case VMMU_TRACE_COUNT:
		count(r, rec);
		return 0;
	default: /* an unknown type, which is skipped */
		return 0;
	}
}

/*
 * Applies the initial records: memory first, then all registers at once.  There is nothing to
 * flush yet.
 */
static int start(struct replay *r)
{
	struct vmmu_regs regs;
	struct vmmu_trace_record rec;
	struct err why;

	if (replay_collect(r) < 0 || initial_regs(r, &regs) < 0)
		return -1;
	while (r->replayed + 1 < r->initial.nr) {
		if (replay_next(r, &rec) <= 0)
			return -1;
		if (rec.type == VMMU_TRACE_CR || rec.type == VMMU_TRACE_INVLPG ||
		    rec.type == VMMU_TRACE_INVPCID || rec.type == VMMU_TRACE_FLUSH)
			continue;
		if (play(r, &rec) < 0)
			return -1;
	}
	r->record = r->initial.first + r->replayed;
	if (machine_set_regs(r->m, &regs, &why) < 0) {
		replay_bad(r, "%s", why.text);
		return err_hint(r->err, "CR records before that one set these: correct their b.%s",
				r->tcg.on ? ""
					  : "  If QEMU recorded the trace, no ORIGIN record may "
					    "name somebody else.");
	}
	vmmu_clear_stats(r->m->vm);
	return 0;
}

static int play_all(struct replay *r, const struct replay_options *opt)
{
	struct vmmu_trace_record rec;
	uint64_t played = 0;
	int got;

	while ((got = replay_next(r, &rec)) > 0) {
		if (play(r, &rec) < 0)
			return -1;
		if (played < opt->check)
			verify_invariants(r);
		played++;
	}
	return got;
}

/* Bytes of the frames for which a word of a bitmap stands. */
#define WORD_BYTES (64ull * VMMU_PAGE_SIZE)

/* Counts the memory that the guest used, and the memory that the host needs for it. */
static void count_touched(struct replay *r, const struct replay_options *opt)
{
	uint64_t words = r->nr_frames / 64 + 1;
	uint64_t region = (opt->large ? opt->large : WORD_BYTES) / WORD_BYTES;

	for (uint64_t at = 0; at < words; at += region) {
		uint64_t end = at + region < words ? at + region : words, used = 0;

		for (uint64_t i = at; i < end; i++)
			used += (uint64_t)__builtin_popcountll(r->touched[i]);
		r->res->touched_bytes += used * VMMU_PAGE_SIZE;
		if (used && opt->large && machine_on_2m(at * WORD_BYTES, opt->share_large))
			used = (end - at) * 64;
		r->res->backed_bytes += used * VMMU_PAGE_SIZE;
	}
}

static int run(struct replay *r, const struct replay_options *opt)
{
	double begin = clock_now(), reading = r->trace->reading;

	if (start(r) < 0 || play_all(r, opt) < 0)
		return -1;
	verify_invariants(r);
	if (r->window || !r->res->windowed)
		result_add_stats(r->res, r->m->vm);
	count_touched(r, opt);
	r->res->records = r->trace->next;
	r->res->tcg_cleared = r->tcg.cleared;
	r->res->seconds = clock_now() - begin - (r->trace->reading - reading);
	return 0;
}

/* Gives a hint for a bad record, unless it has a better one already. */
static void how_to_go_on(struct replay *r)
{
	if (r->record > r->initial.nr)
		(void)err_hint(r->err,
			       "What is before that record replays: `head -c %llu` of the unpacked "
			       "trace.  Record the rest again.",
			       (unsigned long long)trace_offset(r->record));
	else
		(void)err_hint(r->err,
			       "The records before the first access are the guest's state when "
			       "recording began: record the trace again.");
}

int replay_run(struct trace *trace, struct machine *m, const struct replay_options *opt,
	       struct result *result, struct err *err)
{
	struct replay r = { .trace = trace, .m = m, .res = result, .err = err };
	int ret = -1;

	r.nr_frames = ranges_end(&m->ram) >> VMMU_PAGE_SHIFT;
	r.tracked = calloc((size_t)(r.nr_frames / 64 + 1), sizeof(*r.tracked));
	r.touched = calloc((size_t)(r.nr_frames / 64 + 1), sizeof(*r.touched));
	if (tcg_open(&r.tcg, ranges_end(&m->ram)) < 0 || !r.tracked || !r.touched)
		err_input(err, "%s: out of memory", input_name(trace->in));
	else
		ret = run(&r, opt);
	if (ret < 0)
		how_to_go_on(&r);
	tcg_close(&r.tcg);
	free(r.tracked);
	free(r.touched);
	free(r.initial.record);
	return ret;
}

int replay_machine(const struct trace *trace, const struct machine_options *opt, struct machine *m,
		   struct err *err)
{
	struct ranges ram = { 0 };

	if (ranges_pc(&ram, trace->ram_bytes, input_name(trace->in), err) < 0) {
		ranges_free(&ram);
		return -1;
	}
	return machine_open(m, opt, &ram, err);
}
