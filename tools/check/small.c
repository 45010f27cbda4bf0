/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every sequence in a small world.
 * Not here: what is compared (judge.c, compare.c).
 *
 * L4 -> L3 -> L2 -> the table A or B -> the data D, or the table A itself.  A sequence that does
 * not end with an access shows nothing that a shorter one does not; the vCPUs are alike, so the
 * first operation of a vCPU's is vCPU 0's.  Stores are a device's: whose they are makes no
 * difference to what the others see.  Where the library lets go in the middle of an operation,
 * each sequence comes again with every two neighbours at once that can be.
 */
#include "race.h"
#include "small.h"
#include "world_priv.h"
#include "yield.h"

#define L4 0x1000ull
#define L3 0x2000ull
#define L2 0x3000ull
#define A (8 * MIB)
#define B (8 * MIB + PAGE)
#define D (10 * MIB)
#define OPEN 0x67ull /* present, writable, user, A, D */
#define SHUT 0x65ull /* not writable */
#define CLEAN 0x7ull /* neither A nor D */

#define CPUS 2u

static const struct world_op alphabet[] = {
	/* of each vCPU; accesses first */
	{ .what = OP_ACCESS, .at = 0, .size = 8, .access = VMMU_READ },
	{ .what = OP_ACCESS, .at = 0, .size = 8, .access = VMMU_WRITE },
	{ .what = OP_ACCESS, .at = PAGE, .size = 8, .access = VMMU_READ },
	{ .what = OP_ACCESS, .at = PAGE, .size = 8, .access = VMMU_WRITE },
	{ .what = OP_INVLPG, .at = 0 },
	{ .what = OP_INVLPG, .at = PAGE },
	{ .what = OP_SET, .how = SET_CR3, .value = L4 },
	/* of nobody's */
	{ .what = OP_STORE, .how = STORE_DEVICE, .size = 8, .at = L2, .value = B | OPEN },
	{ .what = OP_STORE, .how = STORE_DEVICE, .size = 8, .at = A, .value = D | SHUT },
	{ .what = OP_STORE, .how = STORE_DEVICE, .size = 8, .at = A, .value = D | CLEAN },
	{ .what = OP_STORE, .how = STORE_DEVICE, .size = 8, .at = A, .value = 0 },
	{ .what = OP_STORE, .how = STORE_DEVICE, .size = 8, .at = A + 8, .value = A | OPEN },
};
#define NR_ACCESSES 4u
#define NR_OF_CPU 7u
#define NR_ALPHABET ((unsigned)(sizeof(alphabet) / sizeof(alphabet[0])))
#define NR_LETTERS (CPUS * NR_OF_CPU + NR_ALPHABET - NR_OF_CPU)

/* Letters: vCPU 0's, vCPU 1's, nobody's. */
static struct world_op letter(unsigned n)
{
	struct world_op op;
	unsigned cpu = n / NR_OF_CPU;

	if (cpu >= CPUS)
		return alphabet[n - (CPUS - 1) * NR_OF_CPU];
	op = alphabet[n % NR_OF_CPU];
	op.cpu = (uint8_t)cpu;
	return op;
}

static void add(struct ops *ops, uint64_t gpa, uint64_t value)
{
	ops_add(ops, &(struct world_op){ .what = OP_POKE, .at = gpa, .value = value });
}

/* What is there before the sequence. */
static void begin(struct ops *ops)
{
	unsigned i;

	add(ops, L4, L3 | OPEN);
	add(ops, L3, L2 | OPEN);
	add(ops, L2, A | OPEN);
	add(ops, A, D | OPEN);
	add(ops, A + 8, B | OPEN);
	add(ops, B, A | SHUT);
	for (i = 0; i < CPUS; i++)
		ops_add(ops, &(struct world_op){
				     .what = OP_ALL,
				     .cpu = (uint8_t)i,
				     .regs = { .cr0 = OR_CR0_PE | OR_CR0_ET | OR_CR0_WP | OR_CR0_PG,
					       .cr3 = L4,
					       .cr4 = OR_CR4_PAE,
					       .efer = OR_EFER_LME | OR_EFER_LMA } });
}

static bool is_access(unsigned n)
{
	return n < CPUS * NR_OF_CPU && n % NR_OF_CPU < NR_ACCESSES;
}

static bool is_new(const unsigned *word, unsigned depth)
{
	unsigned i;

	if (!is_access(word[depth - 1]))
		return false;
	for (i = 0; i < depth; i++)
		if (word[i] < CPUS * NR_OF_CPU)
			return word[i] < NR_OF_CPU; /* its first vCPU is 0 */
	return false;
}

/* Two neighbours of a sequence, at once. */
struct at_once {
	unsigned first; /* the outer one */
	unsigned vm, nth;
};

static void spell(struct ops *ops, const unsigned *word, unsigned depth, const struct at_once *two)
{
	unsigned i;

	begin(ops);
	for (i = 0; i < depth; i++) {
		struct world_op op = letter(word[i]);

		if (two && two->first == i)
			ops_add(ops, &(struct world_op){ .what = OP_RACE,
							 .how = RACE_ANY,
							 .size = two->vm,
							 .access = two->nth });
		ops_add(ops, &op);
	}
}

static uint64_t times_inside(const struct world *w)
{
	uint64_t nr = 0;
	unsigned i;

	for (i = 0; i < WORLD_POINTS; i++)
		nr += w->raced[i];
	return nr;
}

/* Whether one operation was done inside another. */
static bool do_word(struct small *s, const unsigned *word, unsigned depth,
		    const struct at_once *two)
{
	struct world *w = world_new(&s->cfg);
	struct ops ops = { 0 };
	bool inside;
	unsigned i;

	spell(&ops, word, depth, two);
	w->quiet = true;
	for (i = 0; i < ops.nr && !w->failed[0]; i++)
		op_apply(w, &ops.op[i]);
	/* Sequences that end with another access have the same tables before it. */
	world_check(w, two || !word[depth - 1]);
	inside = times_inside(w) > 0;
	s->nr_vms = w->nr_vms;
	s->sequences += !two;
	s->races += two && inside;
	s->ops += !two || inside ? depth : 0;
	if (w->failed[0])
		s->failed = ops;
	else
		ops_free(&ops);
	world_free(w);
	return inside;
}

/* Whether a library that lets go may do the second inside the first. */
static bool can_be_at_once(unsigned outer, unsigned inner)
{
	bool same_cpu = outer / NR_OF_CPU == inner / NR_OF_CPU;

	return outer < CPUS * NR_OF_CPU && (!same_cpu || inner >= CPUS * NR_OF_CPU);
}

/* Every two neighbours, on every VM, at every point at which the first lets go. */
static void do_races(struct small *s, const unsigned *word, unsigned depth)
{
	struct at_once two;

	for (two.first = 0; two.first + 1 < depth; two.first++) {
		if (!can_be_at_once(word[two.first], word[two.first + 1]))
			continue;
		for (two.vm = 0; two.vm < s->nr_vms; two.vm++)
			for (two.nth = 0; !s->failed.nr && do_word(s, word, depth, &two); two.nth++)
				;
	}
}

void small_run(struct small *s, unsigned depth)
{
	unsigned word[SMALL_DEEPEST] = { 0 }, i;

	s->cfg = (struct world_cfg){ .seed = 1, .nr_cpus = CPUS, .kind = WORLD_SMALL };
	for (;;) {
		if (is_new(word, depth)) {
			do_word(s, word, depth, NULL);
			if (!s->failed.nr && yield_kinds())
				do_races(s, word, depth);
		}
		if (s->failed.nr)
			break;
		/* The next word, the last letter first. */
		for (i = depth; i && ++word[i - 1] == NR_LETTERS; i--)
			word[i - 1] = 0;
		if (!i)
			break;
		if (s->progress && i < depth - 1)
			s->progress(s->ctx,
				    (word[0] + (depth > 1 ? (double)word[1] / NR_LETTERS : 0)) /
					    NR_LETTERS);
	}
}
