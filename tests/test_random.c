/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random guests on every backend and the oracle in lock step.
 * Not here: what they do (gen.c), comparing (world.c).
 * Keeps: a run is a function of its seed, so VMMU_SEED=n VMMU_OPS=m repeats a failure; it is
 * printed shrunk, and VMMU_REPLAY=FILE does what was printed.
 */
#include <stdlib.h>
#include <string.h>

#include "gen.h"
#include "ops.h"
#include "t.h"
#include "world.h"

#define WORLD_OPS 4000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_OPS 24000
#elif defined(__OPTIMIZE__)
#define DEFAULT_OPS 120000
#else
#define DEFAULT_OPS 40000
#endif

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

/* ---- worlds -------------------------------------------------------------------------- */

struct tally {
	uint64_t worlds, ops, ok, fault, mmio, stale;
};

/* What the failure needs, as text for VMMU_REPLAY and as C. */
static void tell_shrunk(const struct world_cfg *cfg, struct ops *ops)
{
	if (ops_run(cfg, ops, false) < 0) {
		fprintf(stderr, "the same operations do not fail again\n");
		return;
	}
	ops_shrink(cfg, ops);
	fprintf(stderr, "shrunk to %zu operations:\n", ops->nr);
	ops_write(stderr, cfg, ops);
	ops_write_c(stderr, cfg, ops);
	ops_run(cfg, ops, true);
}

/* 0, or -1 with the world's report printed unless it is meant to fail. */
static int run_world(const struct world_cfg *cfg, uint64_t nr, struct tally *t)
{
	struct world *w = world_new(cfg);
	struct ops done = { 0 };
	struct gen g;
	int bad;

	w->record = &done;
	gen_begin(&g, w, NULL);
	while (w->seq < nr && !w->failed[0]) {
		gen_one(&g);
		world_check(w, !(w->seq % 97));
	}
	world_check(w, true);
	bad = w->failed[0];
	if (bad && !cfg->sabotage)
		world_report(w);
	t->worlds++;
	t->ops += w->seq;
	t->ok += w->count_ok;
	t->fault += w->count_fault;
	t->mmio += w->count_mmio;
	t->stale += w->legal[LEGAL_STALE];
	world_free(w);
	if (bad && !cfg->sabotage)
		tell_shrunk(cfg, &done);
	ops_free(&done);
	return bad ? -1 : 0;
}

static struct world_cfg config_for(uint64_t seed)
{
	return world_cfg_of(seed, 0, -1);
}

/* VMMU_REPLAY: a file of operations, as a failure prints them. */
static void replay(const char *path)
{
	struct ops ops = { 0 };
	struct world_cfg cfg;
	FILE *f = fopen(path, "r");
	unsigned line;

	t_check(f != NULL, "%s cannot be read", path);
	line = ops_read(f, &cfg, &ops);
	fclose(f);
	t_check(!line, "%s:%u: not an operation", path, line);
	t_check(ops_run(&cfg, &ops, true) < 0, "%s fails", path);
	ops_free(&ops);
}

Test(random, every_backend_answers_as_the_oracle)
{
	uint64_t seed = number_from("VMMU_SEED", 1), left = number_from("VMMU_OPS", DEFAULT_OPS);
	struct tally t = { 0 };

	if (getenv("VMMU_REPLAY")) {
		replay(getenv("VMMU_REPLAY"));
		return;
	}
	for (; left; seed++) {
		uint64_t n = left < WORLD_OPS ? left : WORLD_OPS;
		struct world_cfg cfg = config_for(seed);

		t_check(!run_world(&cfg, n, &t), "VMMU_SEED=%" PRIu64 " VMMU_OPS=%" PRIu64, seed,
			n);
		left -= n;
	}
	fprintf(stderr,
		"random: %" PRIu64 " worlds, %" PRIu64 " operations, accesses: %" PRIu64
		" ok, %" PRIu64 " faults, %" PRIu64 " mmio; %" PRIu64 " stale answers\n",
		t.worlds, t.ops, t.ok, t.fault, t.mmio, t.stale);
	/* A test in which nothing succeeds, or nothing is ever stale, shows nothing. */
	t_true(t.ops < 20000 || (t.ok > t.ops / 10 && t.fault > t.ops / 50 && t.mmio && t.stale));
}

/* ---- negative controls: a VM that is wrong on purpose is found ---------------------------- */

/* With how many of so many seeds and victims this sabotage is seen; `enough` ends it. */
static unsigned found(enum sabotage what, unsigned tries, unsigned enough)
{
	struct tally t = { 0 };
	unsigned i, n = 0;

	for (i = 0; i < tries && n < enough; i++) {
		struct world_cfg cfg = config_for(1000 + i);

		cfg.sabotage = what;
		cfg.victim = i % WORLD_VMS;
		n += run_world(&cfg, WORLD_OPS, &t) != 0;
	}
	return n;
}

/* A store across a frame's end is in memory that is nobody's, and the next world's. */
Test(random, a_world_begins_with_nothing_in_memory)
{
	static const uint64_t ones = ~0ull;
	struct world_cfg cfg = config_for(3);
	struct world *w = world_new(&cfg);
	unsigned i;

	world_store(w, 0, 0xaffc, &ones, 8, STORE_DEVICE);
	t_eq(world_read(w, 0xb000, 4), UINT32_MAX);
	world_free(w);
	w = world_new(&cfg);
	t_eq(world_read(w, 0xaff8, 8), 0);
	t_eq(world_read(w, 0xb000, 4), 0);
	for (i = 0; i < w->nr_vms; i++)
		t_eq(w->vm[i].mem[0xb000], 0);
	world_free(w);
}

Test(random, finds_lost_invlpg)
{
	/* A VM without a TLB cannot be wrong so. */
	t_true(found(SABOTAGE_INVLPG, 8, 8) >= 3);
}

Test(random, finds_cr3_load_that_keeps_translations)
{
	/* It takes PCIDs, and a CR3 load after which something stale is used. */
	t_true(found(SABOTAGE_CR3, 64, 1) == 1);
}

Test(random, finds_lost_dirty_bits)
{
	/* A walk from a cached link is not held to the bit. */
	t_true(found(SABOTAGE_DIRTY, 8, 8) >= 5);
}

Test(random, finds_lost_stores)
{
	t_true(found(SABOTAGE_STORE, 8, 8) == 8);
}

Test(random, finds_wrong_host_pointer)
{
	t_true(found(SABOTAGE_HOST_POINTER, 8, 8) == 8);
}

/* ---- operations as data ----------------------------------------------------------------- */

/* Everything that a run of this seed does, up to where it fails if it is made to. */
static long record(const struct world_cfg *cfg, uint64_t nr, struct ops *done)
{
	struct world *w = world_new(cfg);
	struct gen g;
	long failed;

	w->record = done;
	gen_begin(&g, w, NULL);
	while (w->seq < nr && !w->failed[0]) {
		gen_one(&g);
		world_check(w, false);
	}
	failed = w->failed[0] ? (long)done->nr : -1;
	world_free(w);
	return failed;
}

/* A world's operations, by way of text. */
static void write_and_read(unsigned seed, bool seen[NR_OP_KINDS])
{
	struct world_cfg cfg = config_for(seed), again;
	struct ops done = { 0 }, read = { 0 };
	FILE *f = tmpfile();
	size_t i;

	t_true(f != NULL);
	record(&cfg, 9000, &done);
	ops_write(f, &cfg, &done);
	rewind(f);
	t_eq(ops_read(f, &again, &read), 0);
	fclose(f);
	t_eq(again.seed, cfg.seed);
	t_eq(again.nr_cpus, cfg.nr_cpus);
	t_eq(again.kind, cfg.kind);
	t_eq(again.profile, cfg.profile);
	t_eq(read.nr, done.nr);
	for (i = 0; i < done.nr; i++) {
		const struct world_op *a = &done.op[i], *b = &read.op[i];

		seen[a->what] = true;
		t_check(a->what == b->what && a->at == b->at && a->size == b->size &&
				a->access == b->access && a->how == b->how && a->cpu == b->cpu &&
				(a->what == OP_STORE ? !memcmp(a->bytes, b->bytes, a->size)
						     : a->value == b->value),
			"operation %zu", i);
	}
	ops_free(&done);
	ops_free(&read);
}

Test(ops, what_is_written_is_read_again)
{
	bool seen[NR_OP_KINDS] = { false };
	unsigned seed, i;

	for (seed = 11; seed < 15; seed++)
		write_and_read(seed, seen);
	for (i = 0; i < NR_OP_KINDS; i++)
		t_check(seen[i], "no operation of kind %u", i);
}

static bool is_canonical(const struct or_regs *r, uint64_t gva)
{
	unsigned bits = r->cr4 & OR_CR4_LA57 ? 57 : 48;

	return !(r->efer & OR_EFER_LMA) || (gva + (1ull << (bits - 1))) >> bits == 0;
}

Test(ops, a_preset_maps_every_address_for_everybody)
{
	unsigned which, seed, i;

	for (which = 0; which < NR_PRESETS; which++) {
		for (seed = 1; seed < 20; seed++) {
			struct world_cfg cfg = config_for(seed);
			struct world *w = world_new(&cfg);

			world_preset(w, which);
			for (i = 0; i < w->nr_gvas; i++)
				if (is_canonical(world_regs(w, 0), w->gva[i]))
					world_access(w, i % cfg.nr_cpus, w->gva[i], 8,
						     VMMU_USER | VMMU_WRITE, NULL);
			t_check(!w->failed[0], "%s, seed %u: %s", world_preset_name(which), seed,
				w->failed);
			t_check(w->count_ok && !w->count_fault, "%s, seed %u: %u faults",
				world_preset_name(which), seed, (unsigned)w->count_fault);
			world_free(w);
		}
	}
}

Test(ops, a_bad_line_is_named)
{
	static const char *const bad[] = {
		"poke 0 0\n",	     /* no world */
		"world 1 9 0 0 0\n", /* too many vCPUs */
		"world 1 1 0 99 0\n",
		"world 1 1 0 0 0\nstore 0 0x1000 0 1\n",
		"world 1 1 0 0 0\nset 0 9 0\n",
		"world 1 1 0 0 0\nwhat 1\n",
		"world 1 1 0 0 0\nstore 0 0x1000 7 00\n",
		"world 1 1 0 0 0\npreset longer\n",
	};
	static const unsigned line[] = { 1, 1, 1, 2, 2, 2, 2, 2 };
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct ops ops = { 0 };
		struct world_cfg cfg;
		FILE *f = tmpfile();

		fputs(bad[i], f);
		rewind(f);
		t_check(ops_read(f, &cfg, &ops) == line[i], "'%s'", bad[i]);
		fclose(f);
		ops_free(&ops);
	}
}

/* What a difference prints has comments in C, and one about a store of 128 bytes is long. */
Test(ops, a_line_may_have_any_length)
{
	struct ops ops = { 0 };
	struct world_cfg cfg;
	FILE *f = tmpfile();

	fprintf(f, "world 1 1 0 0 0\n#%2000s\nreset 0\n", "store");
	rewind(f);
	t_eq(ops_read(f, &cfg, &ops), 0);
	t_eq(ops.nr, 1);
	fprintf(f, "preset %2000s\n", "longer");
	rewind(f);
	t_eq(ops_read(f, &cfg, &ops), 4);
	fclose(f);
	ops_free(&ops);
}

/*
 * The mapping that a read returns is not for stores.  A shorter sequence had a read where there had
 * been a store, which went to a table that nobody protected from it: a difference of the tester's.
 */
Test(ops, a_read_stores_nothing)
{
	static const char text[] =
		"world 40 4 1 3 2\n"
		"store 0 0x800000 0 6730000000000000\n"
		"store 0 0x800ff8 0 6f05000001000000\n"
		"store 0 0x100000018 0 c500000001000000\n"
		"store 0 0x3000 0 2500000001000000\n"
		"all 1 1 0x80000011 0x0 0x2000 0x100020 0xd00 0x0 0x0 0x0 0x0 0x0 0x0\n"
		"store 0 0x2008 0 4500200000000000\n"
		"store 0 0x200ff8 0 2700800000000000\n"
		"access 1 0xffffe03000 8 0x0 0x200026\n"
		"access 1 0xffc0000018 8 0x0 0xa067\n";
	struct ops ops = { 0 };
	struct world_cfg cfg;
	FILE *f = tmpfile();

	fputs(text, f);
	rewind(f);
	t_eq(ops_read(f, &cfg, &ops), 0);
	fclose(f);
	t_check(ops_run(&cfg, &ops, true) < 0, "a read stored");
	ops_free(&ops);
}

/* A lost INVLPG: some tables, an access, a change, the INVLPG, the access again. */
Test(ops, a_failing_sequence_shrinks_to_what_it_needs)
{
	unsigned seed;

	for (seed = 1000; seed < 1040; seed++) {
		struct world_cfg cfg = config_for(seed);
		struct ops done = { 0 };

		cfg.sabotage = SABOTAGE_INVLPG;
		cfg.victim = seed % 4;
		if (record(&cfg, 1500, &done) >= 0 && ops_run(&cfg, &done, false) >= 0) {
			ops_shrink(&cfg, &done);
			t_true(ops_run(&cfg, &done, false) >= 0);
			t_check(done.nr <= 16, "%zu operations", done.nr);
			ops_free(&done);
			return;
		}
		ops_free(&done);
	}
	t_check(false, "none of the seeds has failed");
}

/* ---- what random sequences have found, reduced ------------------------------------------------
 */

#define L4 0x1000ull
#define L3 0x2000ull
#define L2 0x3000ull
#define L1 0xa000ull
#define P_ALL 0x67ull /* present, writable, user, A, D */

#define RO_L1 (ROM_GPA + 0x1000)

static struct vmmu *vm;
static struct vmmu_cpu *cpu0;
static uint8_t *mem;

/* A device's store: who shadows the table hears of it. */
static void put(uint64_t gpa, uint64_t e)
{
	if (!vm || vmmu_write(vm, NULL, vmmu_gpa(gpa), &e, 8, NULL))
		memcpy(mem + gpa, &e, 8);
}

static uint64_t get(uint64_t gpa)
{
	uint64_t e;

	memcpy(&e, mem + gpa, 8);
	return e;
}

/* A guest whose four tables map nothing below L1. */
static void open_guest(struct guest_cfg g)
{
	static const uint64_t table[] = { L4, L3, L2, L1, ROM_GPA, RO_L1 };
	unsigned i;

	mem = mem_arena(1);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		memset(mem + table[i], 0, 4096);
	put(L4, L3 | P_ALL);
	put(L3, L2 | P_ALL);
	put(L2, L1 | P_ALL);
	if (!g.page_size)
		g.page_size = 4096;
	t_eq(guest_open(&g, mem, &vm), VMMU_OK);
	cpu0 = vmmu_cpu(vm, 0);
}

static void long_mode(uint64_t cr0, uint64_t cr4, uint64_t cr3)
{
	struct vmmu_regs r = {
		.cr0 = VMMU_CR0_PE | VMMU_CR0_PG | cr0,
		.cr3 = cr3,
		.cr4 = VMMU_CR4_PAE | cr4,
		.efer = VMMU_EFER_LME | VMMU_EFER_LMA | VMMU_EFER_NXE,
	};

	t_eq(vmmu_set_regs(cpu0, &r, 1), VMMU_OK);
}

static int touch(uint64_t gva, uint32_t access, struct vmmu_xlat *x)
{
	struct vmmu_xlat none;

	return vmmu_translate(cpu0, vmmu_gva(gva), 1, access, x ? x : &none);
}

static void close_guest(void)
{
	t_eq(vmmu_check(vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

Test(found, fetch_through_a_table_that_is_logged)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt });
	put(L1, 0x7000 | P_ALL);
	long_mode(0, 0, L4);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	t_eq(vmmu_dirty_log(vm, vmmu_gpa(0), 1), VMMU_OK);
	t_eq(touch(0, VMMU_FETCH, NULL), VMMU_OK);
	close_guest();
}

/* The tables' A bits cannot be set, and the access goes on. */
static void read_through_rom(const struct vmmu_backend *be)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = be, .rom = true });
	put(L2, RO_L1 | P_ALL);
	put(RO_L1, 0x7000 | 7);
	long_mode(0, 0, L4);
	t_eq(touch(0x123, VMMU_WRITE, &x), VMMU_OK);
	t_eq(x.gpa.v, 0x7123);
	t_eq(get(RO_L1), 0x7000 | 7);
	close_guest();
}

Test(found, table_in_rom_npt)
{
	read_through_rom(&vmmu_nested_npt);
}

Test(found, table_in_rom_ept)
{
	read_through_rom(&vmmu_nested_ept);
}

Test(found, table_in_rom_shadow)
{
	read_through_rom(&vmmu_shadow);
}

Test(found, store_without_wp_that_a_shadow_cannot_express)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_shadow });
	put(L1, 0x7000 | 5);
	long_mode(0, VMMU_CR4_SMAP, L4);
	t_eq(touch(0x10, VMMU_WRITE | VMMU_AC, &x), VMMU_OK);
	t_eq(x.gpa.v, 0x7010);
	t_eq(get(L1), 0x7000 | 0x65);
	close_guest();
}

Test(found, cr3_keeps_its_upper_half_outside_long_mode)
{
	struct vmmu_regs r;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt });
	long_mode(0, 0, 4 * GIB);
	t_eq(vmmu_set_cr0(cpu0, VMMU_CR0_PE), VMMU_OK);
	vmmu_get_regs(cpu0, &r);
	t_eq(r.cr3, 4 * GIB);
	t_eq(vmmu_set_cr3(cpu0, 5 * GIB + 0x1000), VMMU_OK);
	vmmu_get_regs(cpu0, &r);
	t_eq(r.cr3, GIB + 0x1000);
	close_guest();
}

Test(found, mov_to_cr3_does_not_read_pdptes_that_are_walked)
{
	static struct vmmu_profile p;
	struct vmmu_regs r = { .cr0 = VMMU_CR0_PE | VMMU_CR0_PG, .cr4 = VMMU_CR4_PAE, .cr3 = L4 };
	struct vmmu_xlat x;

	p = vmmu_profile_amd;
	p.features |= VMMU_CPU_PDPTE_WALK;
	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt, .profile = &p });
	put(L4, L2 | 1);
	t_eq(vmmu_set_regs(cpu0, &r, 1), VMMU_OK);
	put(L4, L2 | 0x1e7);
	t_eq(vmmu_set_cr3(cpu0, L4), VMMU_OK);
	t_eq(touch(0, VMMU_READ, &x), VMMU_FAULT);
	t_eq(x.fault.code, VMMU_PF_P | VMMU_PF_RSVD);
	close_guest();
}

Test(found, no_paging_over_host_pages_of_1g)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_shadow, .page_size = GIB });
	t_eq(touch(GIB + 0x12345, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + GIB + 0x12345);
	close_guest();
}

Test(found, no_paging_native)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_native });
	t_eq(touch(0x1234, VMMU_READ, &x), VMMU_OK);
	t_true(x.host == mem + 0x1234);
	close_guest();
}

Test(found, crossing_into_a_hole_of_the_address_space)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_ept });
	long_mode(0, 0, L4);
	/* The first page is not mapped: a #PF if it were walked. */
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(0x7ffffffffffcull), 8, VMMU_READ, x, &first),
	     VMMU_FAULT);
	t_eq(x[0].fault.vector, 13);
	close_guest();
}

Test(found, probe_across_memory_and_a_device)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_ept });
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(8 * MIB - 4), 8, VMMU_READ | VMMU_PROBE, x, &first),
	     VMMU_MMIO);
	close_guest();
}

Test(found, crossing_whose_first_page_is_stale)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_TLB });
	put(L1, 0x7000 | P_ALL);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	put(L1, 0);
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(0xffc), 8, VMMU_READ, x, &first), VMMU_FAULT);
	/* Of either page, and told in the first answer. */
	t_eq(x[0].fault.vector, 14);
	close_guest();
}

Test(found, crossing_whose_second_page_is_a_stale_device)
{
	struct vmmu_xlat x[2];
	unsigned first;

	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_ALL });
	put(L1 + 511 * 8, 0x7000 | P_ALL);
	put(L2 + 8, (4 * MIB) | P_ALL);
	long_mode(0, 0, L4);
	/* The link is cached when a walk through it succeeds, so L1 lies in memory first. */
	put(L2 + 8, RO_L1 | P_ALL);
	put(RO_L1 + 8, 0x7000 | P_ALL);
	t_eq(touch(2 * MIB + 0x1000, VMMU_READ, NULL), VMMU_OK);
	put(RO_L1, (6 * MIB) | P_ALL);
	put(L2 + 8, 0);
	t_eq(vmmu_translate_span(cpu0, vmmu_gva(2 * MIB - 4), 8, VMMU_READ, x, &first), VMMU_MMIO);
	t_true(x[0].host == mem + 0x7ffc);
	t_eq(x[1].gpa.v, 6 * MIB);
	close_guest();
}

Test(found, d_is_not_set_beside_a_cached_link)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_ALL });
	put(L1, 0x7000 | P_ALL);
	put(L1 + 8, 0x7000 | 7);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	/* Another table takes its place; the link to L1 may be cached still. */
	put(RO_L1 + 8, 0x2000 | 7);
	put(L2, RO_L1 | P_ALL);
	t_eq(touch(0x1000, VMMU_WRITE, &x), VMMU_OK);
	if (x.gpa.v == 0x7000)
		t_eq(get(RO_L1 + 8), 0x2000 | 7);
	else
		t_eq(get(RO_L1 + 8), 0x2000 | 0x67);
	close_guest();
}

Test(found, walk_from_a_cached_link_ends)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_native, .caches = CACHES_ALL });
	put(L1, 0x7000 | P_ALL);
	put(L1 + 8, 0x7000 | 7);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	put(L4, 0);
	/* By the cached link or not, but it ends. */
	t_true(touch(0x1000, VMMU_WRITE, NULL) >= 0);
	close_guest();
}

/* A page of 1G over host pages of 2M lies in the TLB in pieces. */
static void use_two_pieces(const struct vmmu_backend *be, bool rom)
{
	open_guest((struct guest_cfg){
		.backend = be, .page_size = 2 * MIB, .caches = CACHES_TLB, .rom = rom });
	put(L3, GIB | P_ALL | 0x80);
	long_mode(0, 0, L4);
	t_eq(touch(0x1000, VMMU_READ, NULL), VMMU_OK);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_OK);
}

Test(found, invlpg_drops_all_pieces_of_a_large_page)
{
	use_two_pieces(&vmmu_nested_npt, false);
	put(L3, 0);
	t_eq(vmmu_invlpg(cpu0, vmmu_gva(0x1000)), VMMU_OK);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, fault_drops_all_pieces_of_a_large_page)
{
	use_two_pieces(&vmmu_nested_npt, false);
	put(L3, 0);
	t_eq(touch(4 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, fault_found_in_software_drops_all_pieces_of_a_large_page)
{
	use_two_pieces(&vmmu_nested_npt, true);
	/* The table is in ROM, so the hypervisor ends the walk. */
	put(L3, RO_L1 | 7);
	t_eq(touch(4 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	t_eq(touch(2 * MIB, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, intercepted_cr4_write_flushes)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_nested_ept,
				       .caches = CACHES_TLB,
				       .nested = { .intercept = VMMU_ICPT_CR4 } });
	put(L1, 0x7000 | P_ALL);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	put(L1, 0);
	t_eq(vmmu_set_cr4(cpu0, VMMU_CR4_PAE | VMMU_CR4_PGE), VMMU_OK);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, gpa_beyond_four_levels_is_not_memory)
{
	struct vmmu_xlat x;

	open_guest((struct guest_cfg){ .backend = &vmmu_nested_npt });
	put(L1, 0x7000 | P_ALL);
	put(L1 + 8, 0x7000 | P_ALL | 1ull << 51);
	long_mode(0, 0, L4);
	t_eq(touch(0, VMMU_READ, NULL), VMMU_OK);
	t_eq(touch(0x1000, VMMU_READ, &x), VMMU_MMIO);
	t_eq(x.gpa.v, 1ull << 51 | 0x7000);
	close_guest();
}

/* A guest page of 2M that the shadow holds as one leaf, and then as 512. */
static void open_split(bool log)
{
	open_guest((struct guest_cfg){ .backend = &vmmu_shadow, .page_size = 2 * MIB });
	put(L2, (8 * MIB) | 0xe3); /* the supervisor's */
	long_mode(0, 0, L4);
	t_eq(touch(0x5000, VMMU_WRITE, NULL), VMMU_OK);
	if (log)
		t_eq(vmmu_dirty_log(vm, vmmu_gpa(8 * MIB), 1), VMMU_OK);
}

Test(found, invlpg_drops_all_pieces_of_a_leaf_that_the_dirty_log_split)
{
	open_split(true);
	put(L2, 0);
	t_eq(vmmu_invlpg(cpu0, vmmu_gva(0x5000)), VMMU_OK);
	t_eq(touch(0x6000, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}

Test(found, invlpg_drops_all_pieces_of_a_leaf_that_a_small_page_split)
{
	struct vmmu_xlat x;

	open_split(false);
	/* The guest puts a table in its place; one page of it is used. */
	put(L1 + 8 * 7, 0x7000 | P_ALL);
	put(L2, L1 | P_ALL);
	t_eq(touch(0x7000, VMMU_WRITE | VMMU_USER, &x), VMMU_OK);
	put(L2, 0);
	t_eq(vmmu_invlpg(cpu0, vmmu_gva(0x7000)), VMMU_OK);
	t_eq(touch(0x6000, VMMU_READ, NULL), VMMU_FAULT);
	close_guest();
}
