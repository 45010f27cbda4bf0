/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workloads of user memory alone: chase, random, seq.  One process has a heap that is mapped as a
 * whole and, unless the parameters say otherwise, touched before the window.
 * Invariant: the heap's memory is contiguous and stays mapped.
 */
#include "run.h"

enum { P_N, P_SIZE, P_PAGE, P_STRIDE, P_WARM, P_WRITES };

#define BATCH 4096u
/* The loop's code and its stack are touched once in so many accesses. */
#define CODE_EVERY 64u

struct heap {
	struct program program;
	uint64_t start, bytes, pa;
	uint64_t filled, warmed;
	uint64_t elements, at; /* at: the number of the next access */
	unsigned shift;	       /* log2 of the stride */
	unsigned bits;	       /* log2 of elements, rounded up */
	uint64_t key[2];
	unsigned code;
	struct rng rng;
};

static uint64_t heap_bytes(const struct run *r)
{
	uint64_t page = r->value[P_PAGE];

	return (r->value[P_SIZE] + page - 1) / page * page;
}

static uint64_t heap_memory(const struct run *r)
{
	/* Contiguous blocks may begin up to one block later. */
	return heap_bytes(r) + r->value[P_PAGE];
}

static const char *heap_check(const struct run *r)
{
	uint64_t stride = r->value[P_STRIDE];

	if (stride & (stride - 1))
		return "stride: not a power of two";
	if (r->value[P_SIZE] < stride * 2)
		return "size: less than two strides";
	return NULL;
}

static void heap_begin(struct run *r, struct heap *h)
{
	struct guest *g = &r->g;
	uint64_t page = r->value[P_PAGE];
	struct area a = { .end = heap_bytes(r), .flags = AREA_READ | AREA_WRITE };

	h->program =
		(struct program){ .text = 8, .data = 4, .bss = 4, .hot_text = 1, .hot_data = 2 };
	if (program_make(g, &h->program) < 0 || !process_first(g, &h->program))
		return;
	kernel_syscall(g);
	a.flags |= page == SIZE_1G ? AREA_GIANT : page == SIZE_2M ? AREA_HUGE : 0;
	h->bytes = a.end;
	h->start = space_map(g, g->cur->space, 0, &a);
	if (h->start)
		h->pa = space_reserve(g, g->cur->space, h->start, h->start + h->bytes);
	h->elements = r->value[P_SIZE] / r->value[P_STRIDE];
	while (r->value[P_STRIDE] >> h->shift > 1)
		h->shift++;
	while ((h->elements - 1) >> h->bits)
		h->bits++;
	h->rng.state = rng_mix(r->g.config.seed + 1);
	h->key[0] = rng_next(&h->rng) | 1;
	h->key[1] = rng_next(&h->rng) | 1;
}

static void touch_heap(struct guest *g, const struct heap *h, uint64_t offset, uint32_t access)
{
	guest_access(g, h->start + offset, h->pa + offset, access | VMMU_USER);
}

static void warm(struct guest *g, struct heap *h)
{
	for (unsigned i = 0; i < BATCH && h->warmed < h->bytes; i++, h->warmed += FRAME_BYTES)
		touch_heap(g, h, h->warmed, VMMU_WRITE);
	g->instructions += 4ull * BATCH;
	g->accesses += 5ull * BATCH;
	if (h->warmed >= h->bytes)
		kernel_count(g);
}

static int heap_prepare(struct run *r)
{
	struct heap *h = r->state;
	struct guest *g = &r->g;

	if (!h->start) {
		heap_begin(r, h);
		return 1;
	}
	if (h->filled < h->bytes) {
		h->filled = space_fill(g, g->cur->space, h->start + h->filled, h->start + h->bytes,
				       h->pa + h->filled) -
			    h->start;
		if (h->filled == h->bytes)
			kernel_return(g);
		return 1;
	}
	if (r->value[P_WARM] && h->warmed < h->bytes) {
		warm(g, h);
		return 1;
	}
	return 0;
}

/*
 * A bijection of [0, 2^bits): multiplications with odd factors and shifts to the right, modulo
 * 2^bits.
 */
static inline uint64_t permute(const struct heap *h, uint64_t x)
{
	uint64_t mask = h->bits ? ~0ull >> (64 - h->bits) : 0;
	unsigned half = h->bits / 2 + 1;

	x = (x * h->key[0] + h->key[1]) & mask;
	x = (x ^ x >> half) * h->key[1] & mask;
	x = (x ^ x >> half) * h->key[0] & mask;
	return x ^ x >> half;
}

/*
 * The order of the chase: numbers 0, 1, 2..., each permuted; a result that is not below the number
 * of elements is skipped.
 */
static inline uint64_t next_chase(struct heap *h)
{
	uint64_t element;

	do {
		element = permute(h, h->at++);
	} while (element >= h->elements);
	return element;
}

static inline uint64_t next_seq(struct heap *h)
{
	uint64_t element = h->at++;

	if (h->at == h->elements)
		h->at = 0;
	return element;
}

/*
 * How many accesses this step makes; independent of the reader's buffer, so that the stream is the
 * same for every reader.
 */
static unsigned batch_of(const struct run *r)
{
	uint64_t nr = r->ops - r->done;

	return nr < BATCH ? (unsigned)nr : BATCH;
}

static void tell_code(struct guest *g, struct heap *h)
{
	if (h->code++ % CODE_EVERY == 0)
		program_touch(g, PROGRAM_TEXT, VMMU_FETCH | VMMU_USER);
}

static void billed(struct run *r, unsigned nr, unsigned instructions)
{
	r->g.instructions += (uint64_t)nr * instructions;
	r->g.accesses += (uint64_t)nr * (instructions + 1);
	r->done += nr;
	if (r->g.instructions >> 17)
		kernel_count(&r->g);
}

static uint32_t access_of(struct heap *h, uint64_t writes)
{
	if (writes == 0)
		return VMMU_READ;
	return rng_below(&h->rng, 100) < writes ? VMMU_WRITE : VMMU_READ;
}

static void chase_step(struct run *r)
{
	struct heap *h = r->state;
	unsigned nr = batch_of(r);

	for (unsigned i = 0; i < nr; i++) {
		tell_code(&r->g, h);
		touch_heap(&r->g, h, next_chase(h) << h->shift, VMMU_READ);
	}
	billed(r, nr, 4);
}

static void random_step(struct run *r)
{
	struct heap *h = r->state;
	unsigned nr = batch_of(r);

	for (unsigned i = 0; i < nr; i++) {
		tell_code(&r->g, h);
		touch_heap(&r->g, h, rng_below(&h->rng, h->elements) << h->shift,
			   access_of(h, r->value[P_WRITES]));
	}
	billed(r, nr, 8);
}

static void seq_step(struct run *r)
{
	struct heap *h = r->state;
	unsigned nr = batch_of(r);

	for (unsigned i = 0; i < nr; i++) {
		tell_code(&r->g, h);
		touch_heap(&r->g, h, next_seq(h) << h->shift, access_of(h, r->value[P_WRITES]));
	}
	billed(r, nr, 4);
}

#define HEAP_PARAMS(n)                                                                             \
	PARAM_OPS(n), { "size", PARAM_SIZE, 256ull << 20, 8192, 1ull << 38, "of the heap" },       \
		{ "page", PARAM_PAGE, 4096, 0, 0, "guest pages of the heap: 4K, 2M or 1G" },       \
		{ "stride", PARAM_SIZE, 64,                                                        \
		  8,	    1ull << 30, "bytes from one element to the next, a power of two" },    \
	{                                                                                          \
		"warm", PARAM_NUMBER, 1, 0, 1,                                                     \
			"1: each 4K of the heap is touched before the window"                      \
	}
#define HEAP_WRITES                                                                                \
	{                                                                                          \
		"writes", PARAM_NUMBER, 0, 0, 100, "of 100 accesses"                               \
	}

static const struct param chase_params[] = { HEAP_PARAMS(1000000) };
static const struct param access_params[] = { HEAP_PARAMS(1000000), HEAP_WRITES };

#define HEAP_LEFT_OUT                                                                              \
	"The heap lies in guest memory in a row.  One record in 64 is the loop's code.\n"          \
	"Left out: timer interrupts, other processes, the stack.\n"

const struct workload workload_chase = {
	.name = "chase",
	.summary = "loads that each depend on the one before, over a heap (lat_mem_rd -t)",
	.unit = "load",
	.text = "One process follows pointers through a heap.  The pointers are one random cycle:\n"
		"every element is read once before any is read again.\n" HEAP_LEFT_OUT,
	.param = chase_params,
	.nr_params = NR_PARAMS(chase_params),
	.state_bytes = sizeof(struct heap),
	.memory = heap_memory,
	.check = heap_check,
	.prepare = heap_prepare,
	.step = chase_step,
};

const struct workload workload_random = {
	.name = "random",
	.summary = "independent accesses at uniformly random places of a heap",
	.unit = "access",
	.text = "One process reads, or writes, elements of a heap, each drawn "
		"anew.\n" HEAP_LEFT_OUT,
	.param = access_params,
	.nr_params = NR_PARAMS(access_params),
	.state_bytes = sizeof(struct heap),
	.memory = heap_memory,
	.check = heap_check,
	.prepare = heap_prepare,
	.step = random_step,
};

const struct workload workload_seq = {
	.name = "seq",
	.summary = "accesses through a heap from its start to its end, again and again",
	.unit = "access",
	.text = "One process reads, or writes, the elements of a heap in order.\n" HEAP_LEFT_OUT,
	.param = access_params,
	.nr_params = NR_PARAMS(access_params),
	.state_bytes = sizeof(struct heap),
	.memory = heap_memory,
	.check = heap_check,
	.prepare = heap_prepare,
	.step = seq_step,
};
