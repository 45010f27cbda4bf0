/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a guest's state of files and options, and machines of the state.
 * Not here: checking answers (replay/state_check.c).
 * Invariant: see state.h.
 */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds a sentence to what the user is told. */
__attribute__((format(printf, 2, 3))) static void note(struct state *s, const char *fmt, ...)
{
	size_t n = strlen(s->note);
	va_list args;

	if (n && n + 2 < sizeof(s->note))
		n += (size_t)snprintf(s->note + n, sizeof(s->note) - n, "; ");
	va_start(args, fmt);
	(void)vsnprintf(s->note + n, sizeof(s->note) - n, fmt, args);
	va_end(args);
}

static int find_ram(struct state *s, const struct state_options *o, struct err *err)
{
	if (core_ranges(&s->core, &s->ram, o->core, err) < 0)
		return -1;
	if (o->ram && ranges_add(&s->ram, 0, o->ram, "--ram", err) < 0)
		return -1;
	for (unsigned i = 0; !o->ram && i < s->side.ram.nr; i++) {
		const struct vmmu_range *r = &s->side.ram.range[i];

		if (ranges_add(&s->ram, r->lo, r->hi - r->lo, o->regs, err) < 0)
			return -1;
	}
	ranges_finish(&s->ram);
	if (s->ram.nr)
		return 0;
	err_input(err, "%s: no memory in it", o->core);
	return err_hint(err, "Give --ram SIZE, or --regs with a JSON that has ram[].");
}

/* Writes the names of the known registers as a list. */
static void list_regs(char *buf, size_t len, unsigned known)
{
	static const struct {
		unsigned reg;
		const char *name;
	} names[] = { { KNOWN_CR0, "CR0" },
		      { KNOWN_CR3, "CR3" },
		      { KNOWN_CR4, "CR4" },
		      { KNOWN_EFER, "EFER" } };

	buf[0] = 0;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(buf);

		if (known & names[i].reg)
			snprintf(buf + n, len - n, "%s%s", n ? ", " : "", names[i].name);
	}
}

static int no_registers(const struct state_options *o, unsigned missing, struct err *err)
{
	char list[32];

	list_regs(list, sizeof(list), missing);
	err_input(err, "%s: nothing says the registers: %s", o->core, list);
	return err_hint(
		err, "Give --cr0, --cr3, --cr4 and, for a 64-bit guest, --efer; or --regs with a "
		     "JSON that has them.  QEMU's `info registers` prints them; its own dumps "
		     "have a note of them.");
}

/* Writes for each register which source it is from; the first of them wins. */
static void tell_sources(struct state *s, const struct state_options *o, unsigned known)
{
	unsigned side = o->cpu < s->side.nr_cpus ? s->side.cpu[o->cpu].known : 0;
	unsigned core = o->cpu < s->core.nr_cpus ? s->core.cpu[o->cpu].known : 0;
	const struct {
		unsigned known;
		const char *where;
	} from[] = { { o->forced.known, "options" },
		     { side, "the JSON" },
		     { core, "the dump's note" },
		     { known, "a guess" } };
	unsigned told = 0;

	for (unsigned i = 0; i < sizeof(from) / sizeof(*from); i++) {
		size_t n = strlen(s->sources);
		char list[32];

		list_regs(list, sizeof(list), from[i].known & ~told);
		told |= from[i].known;
		if (*list)
			snprintf(s->sources + n, sizeof(s->sources) - n, "%s%s from %s",
				 n ? "; " : "", list, from[i].where);
	}
}

static int find_regs(struct state *s, const struct state_options *o, struct err *err)
{
	struct known_regs r = { 0 };
	const char *guess;
	unsigned need = KNOWN_CR0;

	if (o->cpu && o->cpu >= s->core.nr_cpus && o->cpu >= s->side.nr_cpus)
		return err_set(err, STATUS_USAGE, "--cpu %llu: %s has %zu vCPUs, the first is 0",
			       (unsigned long long)o->cpu, o->core, s->core.nr_cpus);
	if (o->cpu < s->core.nr_cpus)
		regs_merge(&r, &s->core.cpu[o->cpu]);
	if (o->cpu < s->side.nr_cpus)
		regs_merge(&r, &s->side.cpu[o->cpu]);
	regs_merge(&r, &o->forced);
	if (r.regs.cr0 & VMMU_CR0_PG)
		need |= KNOWN_CR3 | KNOWN_CR4;
	if ((r.known & need) != need)
		return no_registers(o, need & ~r.known, err);
	guess = regs_guess_efer(&r, s->core.long_mode);
	if (guess)
		note(s, "%s", guess);
	if (!(o->forced.known & KNOWN_EFER) && regs_settle_lma(&r.regs))
		note(s, "EFER.LMA follows CR0.PG: taking EFER 0x%llx",
		     (unsigned long long)r.regs.efer);
	tell_sources(s, o, r.known);
	s->regs = r.regs;
	return 0;
}

/* Clears the accessed bit in the PDPTEs of one address space.  Returns in how many. */
static unsigned clear_at(struct state *s, uint64_t cr3)
{
	uint64_t gpa = cr3 & 0xffffffe0;
	uint8_t *bytes;
	size_t n = core_bytes(&s->core, gpa, TCG_PDPT_BYTES, &bytes);

	return n ? tcg_clear(bytes, n) : 0;
}

/* Clears it in all address spaces that are known, if QEMU made the capture. */
static void clear_tcg(struct state *s)
{
	char words[200];
	unsigned cleared;

	if ((!s->core.nr_cpus && !s->side.qemu) || !(s->regs.cr0 & VMMU_CR0_PG) ||
	    !tcg_has_pdptes(&s->regs))
		return;
	cleared = clear_at(s, s->regs.cr3);
	for (size_t i = 0; i < s->side.nr_contexts; i++)
		cleared += clear_at(s, s->side.context[i].cr3);
	if (!cleared)
		return;
	tcg_words(words, sizeof(words), cleared);
	note(s, "%s", words);
}

int state_open(struct state *s, const struct state_options *o, struct err *err)
{
	*s = (struct state){ 0 };
	if (!o->core)
		return err_set(err, STATUS_USAGE, "--core is missing");
	if (core_open(&s->core, o->core, err) < 0)
		return -1;
	if ((o->regs && sidecar_open(&s->side, o->regs, err) < 0) || find_ram(s, o, err) < 0 ||
	    find_regs(s, o, err) < 0) {
		state_close(s);
		return -1;
	}
	clear_tcg(s);
	return 0;
}

void state_close(struct state *s)
{
	core_close(&s->core);
	sidecar_close(&s->side);
	ranges_free(&s->ram);
	*s = (struct state){ 0 };
}

/* Pages of zeros are not written, so they take no memory. */
static void load_segment(struct machine *m, const struct core_segment *seg)
{
	static const uint8_t zero[VMMU_PAGE_SIZE];

	for (uint64_t at = 0; at < seg->data_bytes; at += VMMU_PAGE_SIZE) {
		uint64_t left = seg->data_bytes - at;
		size_t n = left < VMMU_PAGE_SIZE ? (size_t)left : VMMU_PAGE_SIZE;

		if (memcmp(seg->data + at, zero, n) != 0)
			memcpy(machine_ram(m, seg->gpa + at), seg->data + at, n);
	}
}

/* Whether PDPTEs have the accessed bit set still, because nothing says that QEMU made the dump. */
static int has_marked_pdptes(const struct state *s)
{
	uint8_t *bytes, copy[TCG_PDPT_BYTES];
	size_t n = core_bytes(&s->core, s->regs.cr3 & 0xffffffe0, sizeof(copy), &bytes);

	if (!(s->regs.cr0 & VMMU_CR0_PG) || !tcg_has_pdptes(&s->regs) || !n)
		return 0;
	memcpy(copy, bytes, n);
	return tcg_clear(copy, n) != 0;
}

int state_machine(const struct state *s, const struct machine_options *opt, struct machine *m,
		  struct err *err)
{
	struct ranges ram = { 0 };

	ram.range = malloc(s->ram.nr * sizeof(*ram.range));
	if (!ram.range)
		return err_input(err, "out of memory");
	memcpy(ram.range, s->ram.range, s->ram.nr * sizeof(*ram.range));
	ram.nr = ram.cap = s->ram.nr;
	if (machine_open(m, opt, &ram, err) < 0)
		return -1;
	for (size_t i = 0; i < s->core.nr_segments; i++)
		load_segment(m, &s->core.segment[i]);
	if (machine_set_regs(m, &s->regs, err) == 0)
		return 0;
	machine_close(m);
	if (has_marked_pdptes(s))
		return err_hint(err,
				"If QEMU made the dump, it marked them as accessed: give --regs "
				"with a JSON that has a field \"qemu\", and they are cleared.");
	return err_hint(err, "%s.  Give what is wrong with --cr0, --cr3, --cr4 or --efer.",
			s->sources);
}
