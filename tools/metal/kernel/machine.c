/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check/world.h on this machine: making a world, stores, registers, TLB instructions.
 * Not here: accesses (judge.c).  There is no host, and of each pair of operations at once only the
 * parts.
 * Invariants: what would take the kernel's ground away is not done, and counted as skipped; memory
 * equals the mirror between two operations; or_note_store() follows every change of the mirror.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"
#include "check/gen_priv.h"
#include "check/world_priv.h"

struct metal metal;

/* ---- reporting -------------------------------------------------------------------------- */

void world_log(struct world *w, const char *fmt, ...)
{
	(void)fmt;
	w->seq++;
}

void world_fail(struct world *w, const struct world_vm *v, const char *fmt, ...)
{
	va_list ap;

	(void)v;
	if (w->failed[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->failed, sizeof(w->failed), fmt, ap);
	va_end(ap);
}

bool differs(struct world *w, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* What is being made shorter stays what it was. */
	if (metal.only ? strcmp(metal.only, what) != 0 : known_is(what))
		return true;
	world_fail(w, NULL, "%s", what);
	return false;
}

void world_report(const struct world *w)
{
	print("what %s\n", w->failed);
}

/* ---- memory -------------------------------------------------------------------------------- */

uint64_t mirror_read(uint64_t pa, unsigned bytes)
{
	int page = page_at(pa);

	return page < 0 ? 0 : load(&mirror[page][pa & 0xfff], bytes);
}

bool world_is_ram(const struct world *w, uint64_t gpa)
{
	(void)w;
	return page_at(gpa) >= 0;
}

bool world_is_rom(const struct world *w, uint64_t gpa)
{
	(void)w;
	(void)gpa;
	return false;
}

bool world_is_frame(const struct world *w, uint64_t gpa)
{
	unsigned i;

	for (i = 0; i < w->nr_frames; i++)
		if ((w->frame[i] ^ gpa) < PAGE)
			return true;
	return false;
}

uint64_t world_frame(const struct world *w, unsigned f)
{
	return w->frame[f];
}

uint64_t world_read(const struct world *w, uint64_t gpa, unsigned bytes)
{
	(void)w;
	return mirror_read(gpa, bytes);
}

static int cb_is_ram(void *ctx, uint64_t pa)
{
	return world_is_ram(ctx, pa);
}

static int cb_read(void *ctx, uint64_t pa, unsigned bytes, uint64_t *val)
{
	(void)ctx;
	*val = mirror_read(pa, bytes);
	return 0;
}

/* Only A and D bits are stored this way. */
static int cb_write(void *ctx, uint64_t pa, unsigned bytes, uint64_t val)
{
	struct world *w = ctx;
	int page = page_at(pa);

	memcpy(&mirror[page][pa & 0xfff], &val, bytes);
	if (w->nr_ad < sizeof(w->ad) / sizeof(w->ad[0]))
		w->ad[w->nr_ad++] = pa & ~7ull;
	return 0;
}

/* A word, to memory and to the mirror; tame, and nothing that is pinned. */
static void put_word(struct world *w, int page, unsigned offset, uint64_t value)
{
	if (layout_pinned(offset, 8))
		return;
	value = layout_tame(w, value);
	memcpy(&mirror[page][offset], &value, 8);
	*(volatile uint64_t *)(void *)(page_real((unsigned)page) + offset) = value;
}

void world_poke(struct world *w, uint64_t gpa, uint64_t value)
{
	int page = page_at(gpa);

	if (!note(w, &(struct world_op){ .what = OP_POKE, .at = gpa, .value = value }))
		return;
	if (page < 0) {
		metal.skipped++;
		return;
	}
	put_word(w, page, gpa & 0xff8, value);
	or_note_store(w->or, gpa & ~7ull, 8);
}

/* By words: the tables' invariants are those of words. */
static void store_bytes(struct world *w, int page, unsigned offset, const uint8_t *buf,
			unsigned len)
{
	unsigned at, i;

	for (at = offset & ~7u; at < offset + len; at += 8) {
		uint64_t word = load(&mirror[page][at], 8);

		for (i = 0; i < 8; i++)
			if (at + i - offset < len)
				((uint8_t *)&word)[i] = buf[at + i - offset];
		put_word(w, page, at, word);
	}
}

void world_store(struct world *w, unsigned cpu_nr, uint64_t gpa, const void *buf, unsigned len,
		 enum world_store how)
{
	struct world_op op = { .what = OP_STORE, .cpu = (uint8_t)cpu_nr, .at = gpa, .size = len };
	int page = page_at(gpa);

	(void)how;
	if (len > OP_BYTES || (gpa & 0xfff) + len > PAGE || page < 0) {
		metal.skipped++;
		return;
	}
	memcpy(op.bytes, buf, len);
	if (!note(w, &op))
		return;
	w->seq++;
	store_bytes(w, page, gpa & 0xfff, buf, len);
	or_note_store(w->or, gpa & ~7ull, ((gpa + len + 7) & ~7ull) - (gpa & ~7ull));
}

/* ---- registers ----------------------------------------------------------------------------- */

struct or_regs *world_regs(struct world *w, unsigned cpu_nr)
{
	return or_vcpu_regs(w->or, cpu_nr);
}

enum world_mode world_mode_of(const struct or_regs *r)
{
	if (!(r->cr0 & OR_CR0_PG))
		return MODE_OFF;
	if (r->efer & OR_EFER_LMA)
		return r->cr4 & OR_CR4_LA57 ? MODE_LONG5 : MODE_LONG;
	return r->cr4 & OR_CR4_PAE ? MODE_PAE : MODE_32;
}

static bool is_root(const struct world *w, uint64_t cr3)
{
	return world_is_frame(w, cr3 & ((1ull << cpu.profile.maxphyaddr) - 1) & ~0xfffull);
}

/* Would the kernel be lost, or is it what this CPU has not? */
static bool may_set(struct world *w, enum world_reg reg, uint64_t value)
{
	const struct or_regs *r = world_regs(w, 0);

	switch (reg) {
	case SET_CR0:
		/* In 64-bit code this is #GP, which segmentation decides. */
		return (value & OR_CR0_PG) && (value & OR_CR0_PE);
	case SET_CR3:
		return is_root(w, value);
	case SET_CR4:
		return !((value ^ r->cr4) & cpu.cr4_skip);
	case SET_EFER:
		return !((value ^ r->efer) & cpu.efer_skip);
	case SET_PKRU:
		return cpu.pku && (r->cr4 & OR_CR4_PKE);
	default:
		return cpu.pks && !(value & 3); /* key 0 is the kernel's */
	}
}

static enum or_kind set_oracle(struct world *w, enum world_reg reg, uint64_t value)
{
	switch (reg) {
	case SET_CR0:
		return or_note_cr0(w->or, 0, value);
	case SET_CR3:
		return or_note_cr3(w->or, 0, value);
	case SET_CR4:
		return or_note_cr4(w->or, 0, value);
	case SET_EFER:
		return or_note_efer(w->or, 0, value);
	case SET_PKRU:
		world_regs(w, 0)->pkru = (uint32_t)value;
		return OR_OK;
	default:
		world_regs(w, 0)->pkrs = (uint32_t)value;
		return OR_OK;
	}
}

bool world_set(struct world *w, unsigned cpu_nr, enum world_reg reg, uint64_t value)
{
	static const uint8_t what[] = { DO_CR0, DO_CR3, DO_CR4, DO_EFER, DO_PKRU, DO_PKRS };
	static const char *const name[] = { "CR0", "CR3", "CR4", "EFER", "PKRU", "PKRS" };
	struct or_regs was = *world_regs(w, 0);
	const struct world_op op = {
		.what = OP_SET, .cpu = (uint8_t)cpu_nr, .how = (uint8_t)reg, .value = value
	};
	const uint64_t before[] = { was.cr0,  was.cr3, was.cr4, was.efer & ~OR_EFER_LMA,
				    was.pkru, was.pkrs };
	const uint64_t reserved = ~0ull << cpu.profile.maxphyaddr;
	/* Bits that may be the reason for #GP; of others, and of LMA, nothing is told. */
	const uint64_t in_question[] = { ~0ull,
					 reserved,
					 ~cpu.profile.cr4_valid | OR_CR4_PAE | OR_CR4_PCIDE |
						 OR_CR4_LA57 | OR_CR4_CET,
					 ~(cpu.profile.efer_valid | OR_EFER_LMA) | OR_EFER_LME,
					 ~0ull,
					 ~0ull };
	enum or_kind want;
	unsigned vector;

	if (!may_set(w, reg, value) || known_avoids(reg, value, before[reg])) {
		metal.skipped++;
		return true;
	}
	if (!note(w, &op))
		return true;
	w->seq++;
	want = set_oracle(w, reg, value);
	vector = cpu_do(what[reg], 0, value);
	if (metal.sabotage == SABOTAGE_NO_GP && want == OR_GP)
		vector = DONE_VECTOR;
	if (vector == (want == OR_OK ? DONE_VECTOR : 13))
		return want == OR_OK;
	if (vector != 13 && vector != DONE_VECTOR)
		world_fail(w, NULL, "MOV to %s: exception %u", name[reg], vector);
	else if (differs(w, "%s %s bits 0x%" PRIx64, name[reg], want == OR_OK ? "refuses" : "takes",
			 (value ^ before[reg]) & in_question[reg]) &&
		 vector == DONE_VECTOR)
		cpu_do(what[reg], 0, before[reg]);
	return want == OR_OK;
}

/* Registers with which this kernel lives, as near to r as can be. */
static void fit(struct world *w, struct or_regs *r)
{
	r->cr0 |= OR_CR0_PE | OR_CR0_PG | OR_CR0_ET;
	r->cr4 = (r->cr4 & cpu.profile.cr4_valid & ~cpu.cr4_skip & ~(OR_CR4_LA57 | OR_CR4_CET)) |
		 OR_CR4_PAE;
	r->efer = (r->efer & cpu.profile.efer_valid & ~cpu.efer_skip) | OR_EFER_LME | OR_EFER_LMA;
	if (!is_root(w, r->cr3) || r->cr3 >> 32)
		r->cr3 = w->frame[(r->cr3 >> 12) % w->nr_frames] | (r->cr3 & 0xfff);
	r->cr3 &= r->cr4 & OR_CR4_PCIDE ? ~0ull : ~0xfffull;
	memset(r->pdpte, 0, sizeof(r->pdpte));
	r->pkru = cpu.pku ? r->pkru : 0;
	r->pkrs = cpu.pks ? r->pkrs & ~3u : 0;
	r->cr2 = 0;
}

static void must(struct world *w, unsigned what, uint64_t value)
{
	unsigned vector = cpu_do(what, 0, value);

	if (vector != DONE_VECTOR)
		world_fail(w, NULL, "setting all registers: exception %u, operation %u, 0x%" PRIx64,
			   vector, what, value);
}

void world_set_all(struct world *w, unsigned cpu_nr, const struct or_regs *regs, bool lib_reads)
{
	struct world_op op = { .what = OP_ALL, .cpu = (uint8_t)cpu_nr, .how = lib_reads };
	struct or_regs r = *regs;

	fit(w, &r);
	op.regs = r;
	if (!note(w, &op))
		return;
	w->seq++;
	cpu_reset();
	/* It can be set only while keys are on. */
	if (cpu.pku) {
		must(w, DO_CR4, OR_CR4_PAE | OR_CR4_PKE);
		must(w, DO_PKRU, r.pkru);
	}
	must(w, DO_EFER, r.efer & ~OR_EFER_LMA);
	must(w, DO_CR3, r.cr3 & ~0xfffull);
	must(w, DO_CR0, r.cr0);
	must(w, DO_CR4, r.cr4);
	if (r.cr3 & 0xfff)
		must(w, DO_CR3, r.cr3);
	if (cpu.pks)
		must(w, DO_PKRS, r.pkrs);
	/* Nothing survives. */
	if (cpu.profile.cr4_valid & OR_CR4_PGE) {
		must(w, DO_CR4, r.cr4 ^ OR_CR4_PGE);
		must(w, DO_CR4, r.cr4);
	}
	or_note_regs(w->or, 0, &r);
}

void world_reset(struct world *w, unsigned cpu_nr)
{
	struct or_regs r = { .cr3 = w->frame[0] };

	world_set_all(w, cpu_nr, &r, true);
}

/* ---- TLB instructions ------------------------------------------------------------------------ */

void world_invlpg(struct world *w, unsigned cpu_nr, uint64_t gva)
{
	if (!note(w, &(struct world_op){ .what = OP_INVLPG, .cpu = (uint8_t)cpu_nr, .at = gva }))
		return;
	w->seq++;
	if (metal.sabotage != SABOTAGE_LOST_INVLPG && cpu_do(DO_INVLPG, gva, 0) != DONE_VECTOR)
		world_fail(w, NULL, "INVLPG: exception %u", (unsigned)got.vector);
	or_note_invlpg(w->or, 0, gva);
}

void world_invpcid(struct world *w, unsigned cpu_nr, unsigned type, unsigned pcid, uint64_t gva)
{
	static uint64_t descriptor[2] __attribute__((aligned(16)));
	const struct or_regs *r = world_regs(w, 0);
	bool gp = type > 3 || pcid > 4095 || (type < 2 && pcid && !(r->cr4 & OR_CR4_PCIDE)) ||
		  (type == 0 && !is_canonical(gva, r->cr4 & OR_CR4_LA57 ? 57 : 48));
	unsigned vector;

	if (!cpu.invpcid) {
		metal.skipped++;
		return;
	}
	if (!note(w, &(struct world_op){ .what = OP_INVPCID,
					 .cpu = (uint8_t)cpu_nr,
					 .how = (uint8_t)type,
					 .size = pcid,
					 .at = gva }))
		return;
	w->seq++;
	descriptor[0] = pcid;
	descriptor[1] = gva;
	vector = cpu_do(DO_INVPCID, (uintptr_t)descriptor, type);
	if (vector != (gp ? 13 : DONE_VECTOR))
		differs(w, "INVPCID type %u ends with vector %u", type, vector);
	if (!gp)
		or_note_invpcid(w->or, 0, type, pcid, gva);
}

/* ---- what a machine alone has not --------------------------------------------------------------
 */

void world_hw_flush(struct world *w, unsigned cpu_nr, unsigned which, uint64_t gva)
{
	(void)w;
	(void)cpu_nr;
	(void)which;
	(void)gva;
}

void world_host(struct world *w, unsigned which, unsigned where)
{
	(void)w;
	(void)which;
	(void)where;
}

void race_run(struct world *w, const struct world_op *race, const struct world_op *outer,
	      const struct world_op *inner, op_apply_fn *apply)
{
	(void)race;
	apply(w, outer);
	apply(w, inner);
}

void op_race(struct gen *g)
{
	(void)g;
}

unsigned world_profiles(void)
{
	return UINT32_MAX; /* the CPU is what it is */
}

/* ---- accesses
 * ------------------------------------------------------------------------------------ */

static bool is_watched(const struct world *w, uint64_t gva)
{
	unsigned i;

	for (i = 0; i < w->nr_gvas; i++)
		if ((w->gva[i] ^ gva) < PAGE)
			return true;
	return false;
}

void world_access(struct world *w, unsigned cpu_nr, uint64_t gva, unsigned size, uint32_t access,
		  const uint64_t *value)
{
	struct world_op op = { .what = OP_ACCESS, .cpu = (uint8_t)cpu_nr };

	access &= ~(uint32_t)(VMMU_PROBE | VMMU_NO_AD | VMMU_IMPLICIT);
	while (size & (size - 1))
		size &= size - 1;
	if (size > 8)
		size = 8;
	gva &= ~(uint64_t)(size - 1);
	if ((access & VMMU_TYPE_MASK) == VMMU_FETCH) {
		gva = (gva & ~0xfffull) | FETCH_AT;
		size = 1;
		access &= ~(uint32_t)VMMU_STACK;
	} else if (layout_pinned(gva & 0xfff, size)) {
		gva ^= 0x200;
	}
	if (!is_watched(w, gva) || !size) {
		metal.skipped++;
		return;
	}
	op.at = gva;
	op.size = size;
	op.access = access;
	op.has_value = value && size >= 4 && (access & VMMU_TYPE_MASK) == VMMU_WRITE;
	/* A half by itself is tame, too: see layout.c. */
	if (op.has_value && (gva & 4))
		op.value = layout_tame(w, *value << 32) >> 32;
	else if (op.has_value)
		op.value = layout_tame(w, *value);
	if (op.has_value && size == 4)
		op.value = (uint32_t)op.value;
	if (!note(w, &op))
		return;
	w->seq++;
	judge_access(w, gva, size, access, op.has_value ? &op.value : NULL);
}

void world_span(struct world *w, unsigned cpu_nr, uint64_t gva, unsigned size, uint32_t access)
{
	if ((gva & (PAGE - 1)) + size <= PAGE)
		world_access(w, cpu_nr, gva, size, access, NULL);
	else
		metal.skipped++;
}

/* Between operations. */
#define SWEEP 256u

void world_check(struct world *w, bool full)
{
	if (!full && w->seq - w->swept < SWEEP)
		return;
	w->swept = w->seq;
	judge_memory(w);
}

/* ---- a world
 * --------------------------------------------------------------------------------------- */

struct world *world_new(const struct world_cfg *cfg)
{
	struct world *w = calloc(1, sizeof(*w));
	struct or_regs r = {
		.cr0 = OR_CR0_PE | OR_CR0_ET | OR_CR0_WP | OR_CR0_PG,
		.cr4 = OR_CR4_PAE,
		.efer = OR_EFER_LME | OR_EFER_LMA,
	};
	unsigned i;

	w->cfg = *cfg;
	w->cfg.nr_cpus = 1;
	w->orp = cpu.profile;
	w->ormem = (struct or_mem){ w, cb_is_ram, NULL, cb_read, cb_write };
	w->quiet = true;
	cpu_reset();
	layout_world(w);
	layout_fill();
	w->or = or_world_new(&w->orp, &w->ormem);
	or_world_ad_notified(w->or);
	for (i = 0; i < w->nr_gvas; i++)
		or_watch(w->or, w->gva[i]);
	r.cr3 = w->frame[0];
	or_vcpu_new(w->or, &r);
	world_set_all(w, 0, &r, true);
	return w;
}

void world_free(struct world *w)
{
	cpu_reset();
	metal.ops += w->seq;
	or_world_free(w->or);
	ops_free(&w->pair);
	free(w);
}
