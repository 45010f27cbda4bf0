/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes snapshots of Unicorn's CPU and finds where fields lie in them.  Unicorn documents no
 * layout.  So each field is found by changing it and looking which bytes differ.  If two places
 * fit, the calibration fails.
 * Invariant: see cpu.h.
 */
#include "cpu.h"

#include <string.h>

#define NOWHERE ((size_t)-1)
#define MAGIC 0x5a17c0de9b3d6e21ull
#define SCRATCH_NEXT 0x800u

/* Bits of the word that holds the mode of the translator. */
#define MODE_CPL 3u
#define MODE_IRQ_SHADOW (1u << 3)
#define MODE_CS32 (1u << 4)
#define MODE_SS32 (1u << 5)
#define MODE_ADDSEG (1u << 6)
#define MODE_PE (1u << 7)
#define MODE_LMA (1u << 14)
#define MODE_CS64 (1u << 15)
#define MODE_OSFXSR (1u << 22)

/* A descriptor cache: selector, base, limit, flags. */
#define SEG_BYTES 24u
#define SEG_BASE 8u
#define SEG_LIMIT 16u
#define SEG_FLAGS 20u
/* Offset from the error code: whether the exception was an INT instruction. */
#define WAS_INT 4u

static uint8_t *at(const struct cpu *c, size_t offset)
{
	return (uint8_t *)c->now + offset;
}

static uint32_t get32(const struct cpu *c, size_t offset)
{
	uint32_t v;

	memcpy(&v, at(c, offset), sizeof(v));
	return v;
}

static void put32(struct cpu *c, size_t offset, uint32_t v)
{
	memcpy(at(c, offset), &v, sizeof(v));
}

static void put64(struct cpu *c, size_t offset, uint64_t v)
{
	memcpy(at(c, offset), &v, sizeof(v));
}

void cpu_get(struct cpu *c)
{
	uc_context_save(c->uc, c->now);
}

void cpu_put(struct cpu *c)
{
	uc_context_restore(c->uc, c->now);
}

uint64_t cpu_reg(const struct cpu *c, int reg)
{
	uint64_t v = 0;

	uc_reg_read(c->uc, reg, &v);
	return v;
}

void cpu_set_reg(const struct cpu *c, int reg, uint64_t value)
{
	uc_reg_write(c->uc, reg, &value);
}

void cpu_table(const struct cpu *c, int reg, uc_x86_mmr *out)
{
	memset(out, 0, sizeof(*out));
	uc_reg_read(c->uc, reg, out);
}

/* ---- calibration -------------------------------------------------------------------- */

/* The only offset at which this value lies, or NOWHERE. */
static size_t find64(const struct cpu *c, uint64_t value)
{
	size_t found = NOWHERE;

	for (size_t i = 0; i + 8 <= c->bytes; i += 4) {
		if (memcmp(at(c, i), &value, 8) != 0)
			continue;
		if (found != NOWHERE)
			return NOWHERE;
		found = i;
	}
	return found;
}

static size_t find_base(struct cpu *c, int reg)
{
	uint64_t old = cpu_reg(c, reg);
	size_t found;

	cpu_set_reg(c, reg, MAGIC);
	cpu_get(c);
	found = find64(c, MAGIC);
	cpu_set_reg(c, reg, old);
	return found;
}

/* FS and GS are the last of six descriptor caches.  The selector of CS confirms the offset. */
static int find_segs(struct cpu *c)
{
	size_t fs = find_base(c, UC_X86_REG_FS_BASE), gs = find_base(c, UC_X86_REG_GS_BASE);
	uint64_t cs = cpu_reg(c, UC_X86_REG_CS);
	int ok;

	if (fs == NOWHERE || gs != fs + SEG_BYTES || fs < SEG_BASE + 4 * SEG_BYTES)
		return -1;
	c->segs = fs - SEG_BASE - SEG_FS * SEG_BYTES;
	cpu_set_reg(c, UC_X86_REG_CS, 0x5ac8);
	cpu_get(c);
	ok = get32(c, c->segs + SEG_CS * SEG_BYTES) == 0x5ac8;
	cpu_set_reg(c, UC_X86_REG_CS, cs);
	return ok ? 0 : -1;
}

/* CR2 lies before CR3, and CR3 takes any value. */
static int find_cr2(struct cpu *c)
{
	size_t cr3 = find_base(c, UC_X86_REG_CR3);

	if (cr3 == NOWHERE || cr3 < 8)
		return -1;
	c->cr2 = cr3 - 8;
	return 0;
}

/* CR4.OSFXSR changes one bit of the mode word, and no other word in the same way. */
static int find_mode(struct cpu *c)
{
	uint64_t cr4 = cpu_reg(c, UC_X86_REG_CR4);
	uint8_t before[1 << 14];
	size_t found = NOWHERE;

	if (c->bytes > sizeof(before))
		return -1;
	cpu_set_reg(c, UC_X86_REG_CR4, cr4 & ~(1ull << 9));
	cpu_get(c);
	memcpy(before, c->now, c->bytes);
	cpu_set_reg(c, UC_X86_REG_CR4, cr4 | 1ull << 9);
	cpu_get(c);
	cpu_set_reg(c, UC_X86_REG_CR4, cr4);
	for (size_t i = 0; i + 4 <= c->bytes; i += 4) {
		uint32_t old, now = get32(c, i);

		memcpy(&old, before + i, 4);
		if ((old ^ now) != MODE_OSFXSR || !(now & MODE_PE) || !(now & MODE_CS64))
			continue;
		if (found != NOWHERE)
			return -1;
		found = i;
	}
	c->hflags = found;
	return found == NOWHERE ? -1 : 0;
}

static void run_bytes(struct cpu *c, uint64_t where, const void *code, size_t n)
{
	uc_mem_write(c->uc, where, code, n);
	cpu_set_reg(c, UC_X86_REG_RSP, where);
	uc_emu_start(c->uc, where, 0, 0, 0);
}

/*
 * MOV AX to DS with a selector beyond the GDT's limit raises #GP(selector).  The error code appears
 * in the snapshot, and the word that is -1 while no exception is in flight becomes 13.  Then INT
 * 21h sets the word beside the error code.
 */
static int find_exception(struct cpu *c, uint64_t where)
{
	static const uint8_t load_ds[] = { 0xb8, 0xf3, 0x5a, 0, 0, 0x8e, 0xd8, 0xf4 };
	static const uint8_t int21[] = { 0xcd, 0x21, 0xf4 };
	uint8_t before[1 << 14];
	uint32_t old;

	c->error = c->old_exception = NOWHERE;
	cpu_get(c);
	memcpy(before, c->now, c->bytes);
	run_bytes(c, where, load_ds, sizeof(load_ds));
	cpu_get(c);
	for (size_t i = 0; i + 4 <= c->bytes; i += 4) {
		memcpy(&old, before + i, 4);
		if (get32(c, i) == 0x5af0 && old != 0x5af0) {
			if (c->error != NOWHERE)
				return -1;
			c->error = i;
		} else if (old == UINT32_MAX && get32(c, i) == 13) {
			if (c->old_exception != NOWHERE)
				return -1;
			c->old_exception = i;
		}
	}
	if (c->error == NOWHERE || c->old_exception == NOWHERE || cpu_was_int(c))
		return -1;
	memcpy(c->now, before, c->bytes);
	cpu_put(c);
	run_bytes(c, where + SCRATCH_NEXT, int21, sizeof(int21));
	cpu_get(c);
	return cpu_was_int(c) ? 0 : -1;
}

static void stop(uc_engine *uc, uint32_t vector, void *ctx)
{
	(void)vector;
	(void)ctx;
	uc_emu_stop(uc);
}

static int calibrate(struct cpu *c, uint64_t scratch)
{
	uc_context *start = c->now;
	uc_hook hook;
	int ret = -1;

	if (find_segs(c) < 0 || find_cr2(c) < 0 || find_mode(c) < 0)
		return -1;
	if (uc_context_alloc(c->uc, &start) != UC_ERR_OK)
		return -1;
	uc_context_save(c->uc, start);
	if (uc_hook_add(c->uc, &hook, UC_HOOK_INTR, (void *)stop, NULL, 1, 0) == UC_ERR_OK) {
		ret = find_exception(c, scratch);
		uc_hook_del(c->uc, hook);
	}
	uc_context_restore(c->uc, start);
	uc_context_free(start);
	return ret;
}

int cpu_open(struct cpu *c, uc_engine *uc, uint64_t scratch, const char **why)
{
	*c = (struct cpu){ .uc = uc, .bytes = uc_context_size(uc) };
	*why = "out of memory";
	if (uc_context_alloc(uc, &c->now) != UC_ERR_OK)
		return -1;
	if (calibrate(c, scratch) == 0)
		return 0;
	*why = "this version of Unicorn keeps its registers in a way that is not known";
	cpu_close(c);
	return -1;
}

void cpu_close(struct cpu *c)
{
	if (c->now)
		uc_context_free(c->now);
	c->now = NULL;
}

/* ---- the snapshot ------------------------------------------------------------------- */

static uint32_t mode(const struct cpu *c)
{
	return get32(c, c->hflags);
}

unsigned cpu_cpl(const struct cpu *c)
{
	return mode(c) & MODE_CPL;
}

int cpu_is_code64(const struct cpu *c)
{
	return (mode(c) & MODE_CS64) != 0;
}

int cpu_is_code32(const struct cpu *c)
{
	return (mode(c) & MODE_CS32) != 0;
}

int cpu_is_stack32(const struct cpu *c)
{
	return (mode(c) & MODE_SS32) != 0;
}

int cpu_irq_shadow(const struct cpu *c)
{
	return (mode(c) & MODE_IRQ_SHADOW) != 0;
}

uint32_t cpu_error_code(const struct cpu *c)
{
	return get32(c, c->error);
}

int cpu_was_int(const struct cpu *c)
{
	return get32(c, c->error + WAS_INT) == 1;
}

void cpu_seg(const struct cpu *c, enum segment which, struct seg *out)
{
	size_t s = c->segs + which * SEG_BYTES;

	out->selector = (uint16_t)get32(c, s);
	memcpy(&out->base, at(c, s + SEG_BASE), 8);
	out->limit = get32(c, s + SEG_LIMIT);
	out->flags = get32(c, s + SEG_FLAGS);
}

void cpu_set_seg(struct cpu *c, enum segment which, const struct seg *seg)
{
	size_t s = c->segs + which * SEG_BYTES;

	put32(c, s, seg->selector);
	put64(c, s + SEG_BASE, seg->base);
	put32(c, s + SEG_LIMIT, seg->limit);
	put32(c, s + SEG_FLAGS, seg->flags);
}

void cpu_set_cr2(struct cpu *c, uint64_t value)
{
	put64(c, c->cr2, value);
}

/* Whether DS, ES or SS has a base other than zero. */
static int has_base(const struct cpu *c)
{
	struct seg ds, es, ss;

	cpu_seg(c, SEG_DS, &ds);
	cpu_seg(c, SEG_ES, &es);
	cpu_seg(c, SEG_SS, &ss);
	return (ds.base | es.base | ss.base) != 0;
}

void cpu_set_mode(struct cpu *c, unsigned cpl)
{
	uint32_t m = mode(c) & ~(MODE_CPL | MODE_CS32 | MODE_SS32 | MODE_ADDSEG | MODE_CS64);
	struct seg cs, ss;

	cpu_seg(c, SEG_CS, &cs);
	cpu_seg(c, SEG_SS, &ss);
	m |= cpl;
	if ((m & MODE_LMA) && (cs.flags & DESC_L)) {
		m |= MODE_CS32 | MODE_SS32 | MODE_CS64;
	} else {
		m |= cs.flags & DESC_B ? MODE_CS32 : 0;
		m |= ss.flags & DESC_B ? MODE_SS32 : 0;
		if (!(m & MODE_PE) || !(m & MODE_CS32) || has_base(c))
			m |= MODE_ADDSEG;
	}
	put32(c, c->hflags, m);
}

void cpu_clear_exception(struct cpu *c)
{
	put32(c, c->old_exception, UINT32_MAX);
	put32(c, c->hflags, mode(c) & ~MODE_IRQ_SHADOW);
}
