/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command's reader of traces on bad input, what an emulator leaves in captures, and the replay
 * engine on answers that were changed: what is wrong must be found, and named with its place.
 * Not here: states (test_readers.c).
 * Invariant: every negative control has its positive beside it.
 */
#include "readers_rig.h"

/* ---- traces -------------------------------------------------------------- */

struct tape {
	uint8_t bytes[8192];
	size_t size;
};

#define RAM_BYTES 0x200000ull
#define VA 0x400000ull	   /* user, writable, at 0x10000 */
#define VA_RO 0x401000ull  /* supervisor, read-only, at 0x11000 */
#define VA_VGA 0x402000ull /* supervisor, at 0xa0000: no RAM */
#define VA_NONE 0x403000ull

static void rec(struct tape *t, unsigned type, uint64_t arg, uint64_t b)
{
	struct vmmu_trace_record r = { (uint8_t)type, arg, b };

	vmmu_trace_put(t->bytes + t->size, &r);
	t->size += VMMU_TRACE_RECORD_BYTES;
}

static void table(struct tape *t, uint64_t gpa, unsigned level, unsigned index, uint64_t entry)
{
	rec(t, VMMU_TRACE_PTPAGE, gpa, level | 1 << 8);
	rec(t, VMMU_TRACE_PTE, index, entry);
}

static void acc(struct tape *t, uint64_t va, unsigned type, uint64_t gpa, unsigned flags)
{
	rec(t, VMMU_TRACE_ACC, va >> 8 | type, gpa | flags);
}

/* The first 13 records: a 4-level guest with three pages. */
static void begin(struct tape *t)
{
	t->size = VMMU_TRACE_HEADER_BYTES;
	vmmu_trace_put_header(t->bytes, RAM_BYTES);
	rec(t, VMMU_TRACE_CR, 0, 0x80050033);
	rec(t, VMMU_TRACE_CR, 4, 0x20);
	rec(t, VMMU_TRACE_CR, 8, 0xd01);
	table(t, 0x1000, 4, 0, 0x2007);
	table(t, 0x2000, 3, 0, 0x3007);
	table(t, 0x3000, 2, 2, 0x4007);
	rec(t, VMMU_TRACE_PTPAGE, 0x4000, 1 | 2 << 8);
	rec(t, VMMU_TRACE_PTE, 0, 0x10007);
	rec(t, VMMU_TRACE_PTE, 1, 0x11001);
	rec(t, VMMU_TRACE_CR, 3, 0x1000);
}

static void end_with_an_access(struct tape *t)
{
	acc(t, VA, 0, 0x10000, 0);
}

static int replay_on(const struct tape *t, const char *backend, struct result *res, struct err *err)
{
	struct machine_options opt = { .backend = backend_find(backend), .host_page = 4096 };
	struct replay_options ro = { .check = 1000 };
	struct trace trace;
	struct machine m;
	int ret;

	memset(res, 0, sizeof(*res));
	if (trace_open(&trace, input_open_memory("tape", t->bytes, t->size, err), err) < 0)
		return -1;
	ret = replay_machine(&trace, &opt, &m, err);
	if (ret == 0) {
		ret = replay_run(&trace, &m, &ro, res, err);
		machine_close(&m);
	}
	trace_close(&trace);
	return ret;
}

static void breaks(const struct tape *t, const char *what)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct result res;
		struct err err = { 0 };

		t_check(replay_on(t, backends[i].name, &res, &err) == -1, "%s takes it: %s",
			backends[i].name, what);
		t_says(err, what);
		t_eq(err.status, STATUS_INPUT);
		t_check(err.hint[0], "how to go on is not said: %s", err.text);
	}
}

/* The same, and how to go on. */
static void breaks_with_hint(const struct tape *t, const char *what, const char *hint)
{
	struct result res;
	struct err err = { 0 };

	breaks(t, what);
	t_eq(replay_on(t, "native", &res, &err), -1);
	t_hints(err, hint);
}

static void mismatches(const struct tape *t, unsigned nr, const char *what)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct result res;
		struct err err = { 0 };

		t_check(replay_on(t, backends[i].name, &res, &err) == 0, "%s: %s", backends[i].name,
			err.text);
		t_check(res.mismatches == nr, "%s: %u mismatches, not %u: %s", backends[i].name,
			(unsigned)res.mismatches, nr, res.first[0].text);
		if (nr)
			t_check(strstr(res.first[0].text, what), "%s: \"%s\" does not say \"%s\"",
				backends[i].name, res.first[0].text, what);
	}
}

Test(trace, cut_header_is_told)
{
	struct tape t;

	begin(&t);
	t.size = 9;
	breaks(&t, "tape: truncated: 9 bytes, a trace's header has 16");
}

Test(trace, wrong_magic_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	t.bytes[7] = '2';
	breaks(&t, "tape: wrong magic at byte 0");
}

Test(trace, impossible_ram_size_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	vmmu_trace_put_header(t.bytes, RAM_BYTES + 1);
	breaks(&t, "tape: byte 8: 0x200001 is no RAM size");
}

Test(trace, cut_record_is_told_with_number_and_byte)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	end_with_an_access(&t);
	t.size -= 5;
	breaks(&t, "tape: truncated: record 14 at byte 240 has 11 of 16 bytes");
}

Test(trace, cut_among_the_initial_records_is_told)
{
	struct tape t;

	begin(&t);
	t.size = 16 + 5 * 16 + 1;
	breaks(&t, "tape: truncated: record 5 at byte 96 has 1 of 16 bytes");
}

Test(trace, without_an_access_checks_nothing)
{
	struct tape t;

	begin(&t);
	breaks_with_hint(&t, "nothing to check",
			 "ACC records of accesses, FAULT records of page faults");
}

Test(trace, table_outside_ram_is_told_with_its_record)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	table(&t, RAM_BYTES, 1, 0, 0);
	breaks_with_hint(&t, "tape: record 14 at byte 240: PTPAGE at 0x200000 is outside RAM",
			 "correct the header if the guest had more");
}

Test(trace, table_in_the_vga_hole_is_outside_ram)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	table(&t, 0xa0000, 1, 0, 0);
	breaks(&t, "PTPAGE at 0xa0000 is outside RAM");
}

Test(trace, store_outside_ram_is_told_with_its_record)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTW, 0xfffffffffff8, 7);
	breaks(&t, "tape: record 14 at byte 240: PTW at 0xfffffffffff8 is outside RAM");
}

Test(trace, store_across_entries_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTW, 0x4004, 7);
	breaks(&t, "PTW at 0x4004 is not on a 8-byte entry");
}

Test(trace, entry_outside_a_group_is_told_with_its_record)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTE, 0, 7);
	breaks(&t, "tape: record 14 at byte 240: PTE outside a PTPAGE group");
}

Test(trace, group_cut_short_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTPAGE, 0x5000, 1 | 2 << 8);
	rec(&t, VMMU_TRACE_PTE, 0, 0);
	breaks_with_hint(&t, "record 16 at byte 272: the trace ends after 1 of 2 PTE records",
			 "b >> 8 of the PTPAGE");
	end_with_an_access(&t);
	breaks(&t, "record 16 at byte 272: another record after 1 of 2 PTE records");
}

Test(trace, index_beyond_a_table_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	table(&t, 0x5000, 1, 512, 7);
	breaks(&t, "PTE with index 512 in a table of 512");
}

Test(trace, unknown_register_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_CR, 2, 0);
	breaks_with_hint(&t, "record 14 at byte 240: CR record of unknown register 2",
			 "is 0, 3, 4 or, for EFER, 8");
}

Test(trace, unknown_types_are_skipped)
{
	struct tape t;

	begin(&t);
	rec(&t, 200, 1, 2);
	end_with_an_access(&t);
	rec(&t, 0, 1, 2);
	rec(&t, 12, 1, 2);
	mismatches(&t, 0, "");
}

Test(trace, initial_registers_that_no_cpu_has_are_told_with_their_record)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_CR, 0, 1ull << 40);
	end_with_an_access(&t);
	breaks_with_hint(&t, "tape: record 14 at byte 240: no CPU can have CR0=0x10000000000",
			 "correct their b");
}

/* ---- what QEMU's emulator leaves in captures ---------------------------------- */

/* A tape from a file of tests/data. */
static void tape_of(struct tape *t, const char *name)
{
	const char *data = getenv("VMMU_TESTDATA");
	char path[512];
	FILE *f;

	t_check(data, "VMMU_TESTDATA is not set");
	snprintf(path, sizeof(path), "%s/%s", data, name);
	f = fopen(path, "rb");
	t_check(f, "%s: no such file", path);
	t->size = fread(t->bytes, 1, sizeof(t->bytes), f);
	t_true(t->size > VMMU_TRACE_HEADER_BYTES && t->size < sizeof(t->bytes));
	fclose(f);
}

/* An ORIGIN record before all others. */
static void claim_origin(struct tape *t, uint64_t who)
{
	struct tape was = *t;

	t->size = VMMU_TRACE_HEADER_BYTES;
	rec(t, VMMU_TRACE_ORIGIN, 0, who);
	memcpy(t->bytes + t->size, was.bytes + VMMU_TRACE_HEADER_BYTES,
	       was.size - VMMU_TRACE_HEADER_BYTES);
	t->size += was.size - VMMU_TRACE_HEADER_BYTES;
}

/* Replays without a mismatch on every backend, and this many entries were cleared. */
static void cleared(const struct tape *t, unsigned nr, unsigned accesses)
{
	mismatches(t, 0, "");
	for (unsigned i = 0; i < nr_backends; i++) {
		struct result res;
		struct err err = { 0 };

		t_eq(replay_on(t, backends[i].name, &res, &err), 0);
		t_eq(res.tcg_cleared, nr);
		t_eq(res.accesses, accesses);
	}
}

/* A PAE guest: PDPT at 0x1040, one page at VA; `a` is in the PDPTEs. */
static void begin_pae(struct tape *t, uint64_t a)
{
	t->size = VMMU_TRACE_HEADER_BYTES;
	vmmu_trace_put_header(t->bytes, RAM_BYTES);
	table(t, 0x1040, 3, 0, 0x2001 | a);
	table(t, 0x2000, 2, 2, 0x3067);
	table(t, 0x3000, 1, 0, 0x10067);
	rec(t, VMMU_TRACE_CR, 3, 0x1040);
	rec(t, VMMU_TRACE_CR, 8, 0x800);
	rec(t, VMMU_TRACE_CR, 4, 0x20);
	rec(t, VMMU_TRACE_CR, 0, 0x80050033);
	acc(t, VA, 0, 0x10000, 1);
}

Test(tcg, a_pae_guest_as_qemu_records_it_replays)
{
	struct tape t;

	tape_of(&t, "found/pae-pdpte-accessed.vmt");
	cleared(&t, 3, 5);
	claim_origin(&t, VMMU_TRACE_BY_QEMU);
	cleared(&t, 3, 5);
}

Test(tcg, the_same_by_somebody_else_is_refused)
{
	struct tape t;

	tape_of(&t, "found/pae-pdpte-accessed.vmt");
	claim_origin(&t, VMMU_TRACE_BY_VMMU);
	breaks_with_hint(&t, "no CPU can have CR0=0x80050033 CR3=0x1000",
			 "no ORIGIN record may name somebody else");
	begin_pae(&t, 0);
	claim_origin(&t, VMMU_TRACE_BY_VMMU);
	cleared(&t, 0, 1);
	rec(&t, VMMU_TRACE_PTW, 0x1048, 0x2021);
	rec(&t, VMMU_TRACE_CR, 3, 0x1040);
	breaks_with_hint(&t, "CR3 = 0x1040: ", "no ORIGIN record may name somebody else");
}

/* PTPAGE before the registers are told, in a later group, and stores of any order. */
Test(tcg, every_record_of_a_pdpt_is_cleared)
{
	struct tape t;

	begin_pae(&t, 0x20);
	cleared(&t, 1, 1);
	rec(&t, VMMU_TRACE_PTW, 0x1048, 0x2021);
	rec(&t, VMMU_TRACE_CR, 3, 0x1040);
	acc(&t, VA + 0x40000000, 0, 0x10000, 1);
	table(&t, 0x1080, 3, 1, 0x2021); /* another space's, loaded later */
	rec(&t, VMMU_TRACE_PTW, 0x1080, 0x2021);
	rec(&t, VMMU_TRACE_CR, 3, 0x1080);
	acc(&t, VA, 0, 0x10000, 1);
	acc(&t, VA + 0x40000000, 0, 0x10000, 1);
	cleared(&t, 4, 4);
}

/* Bit 5 of what is not present is software's, and of other tables it is A. */
Test(tcg, nothing_else_is_cleared)
{
	struct tape t;

	begin_pae(&t, 0);
	rec(&t, VMMU_TRACE_PTW, 0x1048, 0x2020);
	rec(&t, VMMU_TRACE_PTW, 0x2010, 0x3067);
	rec(&t, VMMU_TRACE_PTDROP, 0x1040, 3);
	rec(&t, VMMU_TRACE_PTW, 0x10a0, 0x2021); /* its frame, never a PDPT */
	rec(&t, VMMU_TRACE_CR, 3, 0x1040);
	acc(&t, VA, 0, 0x10000, 1);
	cleared(&t, 0, 2);
	begin(&t); /* level 3 of a long-mode guest */
	rec(&t, VMMU_TRACE_PTW, 0x2000, 0x3027);
	end_with_an_access(&t);
	cleared(&t, 0, 1);
}

/* A recorder that saw EFER written and no more has LME without LMA. */
Test(tcg, lma_follows_paging)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_CR, 8, 0x901);
	end_with_an_access(&t);
	cleared(&t, 0, 1);
}

/* The same in a dump: a core with QEMU's note, or a JSON that names it. */
static int open_pae_dump(struct state *s, int note, const char *json, struct err *err)
{
	struct small_core c = small_core();
	struct state_options o = { 0 };
	char core[32], side[32];

	for (unsigned i = 0; i < 4; i++)
		c.page[8 * i] = 0x21, c.page[8 * i + 1] = 0x20; /* PDPTEs, to 0x2000 */
	if (!note)
		memcpy(c.name, "XXXX", 4);
	regs_set(&o.forced, KNOWN_CR0, 0x80050033);
	regs_set(&o.forced, KNOWN_CR3, 0x5000);
	regs_set(&o.forced, KNOWN_CR4, 0x20);
	regs_set(&o.forced, KNOWN_EFER, 0x800);
	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	return state_open(s, &o, err);
}

static void dump_is_cleared(int note, const char *json, int is)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct machine_options opt = { .backend = &backends[i], .host_page = 4096 };
		struct machine m;
		struct state s;
		struct err err = { 0 };
		int ret;

		t_check(open_pae_dump(&s, note, json, &err) == 0, "%s", err.text);
		t_check(!strstr(s.note, "cleared in 4") == !is, "note: %s", s.note);
		ret = state_machine(&s, &opt, &m, &err);
		t_eq(ret, is ? 0 : -1);
		if (is)
			machine_close(&m);
		else {
			t_says(err, "no CPU can have");
			t_hints(err, "a JSON that has a field \"qemu\"");
		}
		state_close(&s);
	}
}

Test(tcg, dump_is_cleared_if_qemu_made_it)
{
	dump_is_cleared(1, "{}", 1);
	dump_is_cleared(0, "{\"qemu\":\"QEMU emulator version 7.2\"}", 1);
	dump_is_cleared(0, "{}", 0);
}

/* ---- the replay engine's controls ----------------------------------------- */

Test(replay, right_answers_agree)
{
	struct tape t;

	begin(&t);
	acc(&t, VA, 0, 0x10000, 1);
	acc(&t, VA, 1, 0x10000, 1);
	acc(&t, VA, 2, 0x10000, 1);
	acc(&t, VA_RO, 0, 0x11000, 0);
	rec(&t, VMMU_TRACE_FAULT, 7, VA_RO + 0x123); /* a user's write */
	rec(&t, VMMU_TRACE_FAULT, 3, VA_RO);
	rec(&t, VMMU_TRACE_FAULT, 4, VA_NONE + 8);
	rec(&t, VMMU_TRACE_PTW, 0x4018, 0xa0003);
	acc(&t, VA_NONE, 1, 0xa0000, 0x10);
	acc(&t, VA_NONE, 0, ~0xfffull, 0);
	mismatches(&t, 0, "");
}

Test(replay, flipped_gpa_is_found)
{
	struct tape t;

	begin(&t);
	acc(&t, VA, 0, 0x12000, 0);
	mismatches(&t, 1, "record 13: supervisor read of 0x400000: want gpa 0x12000, got gpa");
}

Test(replay, flipped_right_is_found)
{
	struct tape t;

	begin(&t);
	acc(&t, VA_RO, 0, 0x11000, 1);
	mismatches(&t, 1, "record 13: user read of 0x401000: want gpa 0x11000, got #PF code 0005");
	begin(&t);
	acc(&t, VA_RO, 1, 0x11000, 0);
	mismatches(&t, 1, "got #PF code 0003");
}

Test(replay, flipped_mmio_flag_is_found)
{
	struct tape t;

	begin(&t);
	acc(&t, VA, 0, 0x10000, 0x10);
	mismatches(&t, 1, "want mmio 0x10000, got gpa 0x10000");
	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTW, 0x4018, 0xa0003);
	acc(&t, VA_NONE, 0, 0xa0000, 0);
	mismatches(&t, 1, "want gpa 0xa0000, got mmio 0xa0000");
}

Test(replay, flipped_fault_code_is_found)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_FAULT, 5, VA_NONE);
	mismatches(&t, 1, "want #PF code 0005 CR2 0x403000, got #PF code 0004");
}

Test(replay, fault_that_does_not_happen_is_found)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_FAULT, 4, VA);
	mismatches(&t, 1, "want #PF code 0004 CR2 0x400000, got gpa 0x10000");
}

Test(replay, window_bounds_statistics_and_not_checks)
{
	struct tape t;
	struct result res;
	struct err err = { 0 };

	begin(&t);
	acc(&t, VA, 0, 0x10000, 0);
	rec(&t, VMMU_TRACE_MARK, 0, 1);
	rec(&t, VMMU_TRACE_CR, 3, 0x1000);
	acc(&t, VA, 0, 0x10000, 0);
	rec(&t, VMMU_TRACE_COUNT, 40, 50);
	rec(&t, VMMU_TRACE_MARK, 0, 2);
	rec(&t, VMMU_TRACE_CR, 3, 0x1000);
	acc(&t, VA, 0, 0x12000, 0);
	t_check(replay_on(&t, "shadow", &res, &err) == 0, "%s", err.text);
	t_eq(res.accesses, 3);
	t_eq(res.mismatches, 1);
	t_eq(res.stats.event[VMMU_EV_EXIT_CR_WRITE], 1);
	t_eq(res.instructions, 40);
	t_eq(res.guest_accesses, 50);
}

/* ---- machines and states -------------------------------------------------- */

Test(machine, too_small_a_cap_is_refused_with_the_number)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct machine_options opt = { .backend = &backends[i],
					       .host_page = 4096,
					       .table_pages = 1 };
		struct ranges ram = { 0 };
		struct machine m;
		struct err err = { 0 };

		if (!backends[i].hypervisor)
			continue;
		t_eq(ranges_pc(&ram, 1 << 20, "", &err), 0);
		t_eq(machine_open(&m, &opt, &ram, &err), -1);
		t_says(err, "needs at least");
		t_eq(err.status, STATUS_USAGE);
	}
}

Test(state, options_win_over_json_and_json_over_the_note)
{
	struct small_core c = small_core();
	struct state_options o = { 0 };
	struct state s;
	struct err err = { 0 };
	char core[32], side[32];
	const char *json = "{\"cpus\":[{\"regs\":{\"cr3\":\"0x6000\",\"cr4\":\"0x30\"}}]}";

	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	regs_set(&o.forced, KNOWN_CR4, 0x60);
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(s.regs.cr0, 0x80050033);
	t_eq(s.regs.cr3, 0x6000);
	t_eq(s.regs.cr4, 0x60);
	t_eq(s.regs.efer, 0xd01); /* guessed, and said so */
	t_check(strstr(s.note, "0xd01"), "note: %s", s.note);
	state_close(&s);
}

/* Registers that cannot be: who said them, and which options say others. */
Test(state, registers_that_no_cpu_has_are_told_with_their_sources)
{
	struct small_core c = small_core();
	struct machine_options opt = { .backend = backend_find("native"), .host_page = 4096 };
	struct state_options o = { 0 };
	const char *json = "{\"cpus\":[{\"regs\":{\"cr3\":24576}}]}";
	struct machine m;
	struct state s;
	struct err err = { 0 };
	char core[32], side[32];

	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	regs_set(&o.forced, KNOWN_CR4, 1ull << 40);
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(state_machine(&s, &opt, &m, &err), -1);
	t_says(err, "no CPU can have CR0=0x80050033 CR3=0x6000 CR4=0x10000000000");
	t_hints(err, "CR4 from options; CR3 from the JSON; CR0 from the dump's note; EFER from a "
		     "guess.  Give what is wrong with --cr0, --cr3, --cr4 or --efer.");
	state_close(&s);
}

Test(state, registers_and_ram_that_nobody_tells_are_asked_for)
{
	struct small_core c = small_core();
	struct state_options o = { 0 };
	struct state s;
	struct err err = { 0 };
	char core[32];

	memcpy(c.name, "XXXX", 4);
	file_of(&c, sizeof(c), core);
	o.core = core;
	t_eq(state_open(&s, &o, &err), -1);
	t_says(err, "nothing says the registers: CR0");
	t_hints(err, "Give --cr0, --cr3, --cr4 and, for a 64-bit guest, --efer");
	regs_set(&o.forced, KNOWN_CR0, 0x80050033);
	t_eq(state_open(&s, &o, &err), -1);
	t_says(err, "nothing says the registers: CR3, CR4");
	c.eh.e_phnum = 1; /* the notes alone */
	file_of(&c, sizeof(c), core);
	t_eq(state_open(&s, &o, &err), -1);
	t_says(err, "no memory in it");
	t_hints(err, "--ram SIZE");
}

Test(state, ram_that_a_core_leaves_out_is_there)
{
	struct small_core c = small_core();
	struct state_options o = { .ram = 1 << 20 };
	struct state s;
	struct err err = { 0 };
	char core[32];

	file_of(&c, sizeof(c), core);
	o.core = core;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(ranges_bytes(&s.ram), 1 << 20);
	state_close(&s);
	o.ram = 0;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(ranges_bytes(&s.ram), 0x2000);
	state_close(&s);
}

/* How many answers of d5 are wrong; `flip`: after changing one golden line. */
static uint64_t check_d5(const struct backend *backend, int flip)
{
	const char *data = getenv("VMMU_TESTDATA");
	struct machine_options opt = { .backend = backend, .host_page = 4096 };
	struct state_options o = { 0 };
	struct state_check check;
	struct result res = { 0 };
	struct machine m;
	struct state s;
	struct err err = { 0 };
	char core[512], json[512];

	t_check(data, "VMMU_TESTDATA is not set");
	snprintf(core, sizeof(core), "%s/d5/d5-x64-early.ptcore.zst", data);
	snprintf(json, sizeof(json), "%s/d5/d5-x64-early.json.zst", data);
	o.core = core;
	o.regs = json;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_check(state_check_open(&check, &s, json, &err) == 0, "%s", err.text);
	if (flip)
		check.golden[0].line[6].pa ^= 0x1000;
	t_check(state_machine(&s, &opt, &m, &err) == 0, "%s", err.text);
	t_check(state_check_run(&check, &m, &res, &err) == 0, "%s", err.text);
	t_true(res.accesses > 5000);
	machine_close(&m);
	state_check_close(&check);
	state_close(&s);
	return res.mismatches;
}

Test(state_check, recorded_answers_agree_and_a_flipped_one_is_found)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		t_eq(check_d5(&backends[i], 0), 0);
		t_eq(check_d5(&backends[i], 1), 1);
	}
}

Test(state_check, context_that_no_cpu_has_is_named)
{
	struct small_core c = small_core();
	struct machine_options opt = { .backend = backend_find("native"), .host_page = 4096 };
	struct state_options o = { .ram = 1 << 20 };
	const char *json = "{\"contexts\":[{\"cr3\":20480},{\"cr3\":\"8000000000000000\"}]}";
	struct state_check check;
	struct result res = { 0 };
	struct machine m;
	struct state s;
	struct err err = { 0 };
	char core[32], side[32];

	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_check(state_check_open(&check, &s, side, &err) == 0, "%s", err.text);
	check.name = "guest";
	t_check(state_machine(&s, &opt, &m, &err) == 0, "%s", err.text);
	t_eq(state_check_run(&check, &m, &res, &err), -1);
	t_says(err, "guest: contexts[1].cr3: no CPU can have");
	machine_close(&m);
	state_check_close(&check);
	state_close(&s);
}

/* ---- strategies by name ------------------------------------------------------------------ */

static uint32_t off_of(const char *name)
{
	struct strategies s;
	struct err err = { 0 };

	t_check(strategies_parse(name, &s, &err) == 0, "%s: %s", name, err.text);
	t_eq(s.nr, 1);
	t_true(!strcmp(s.s[0].name, name));
	return s.s[0].off;
}

Test(strategy, names_say_what_is_off)
{
	t_eq(off_of("vtlb"), VMMU_SHADOW_ALL);
	t_eq(off_of("all"), 0);
	t_eq(off_of("trap"), VMMU_SHADOW_ALL & ~(VMMU_SHADOW_CACHE | VMMU_SHADOW_UPDATE));
	t_eq(off_of("no-unsync"), VMMU_SHADOW_UNSYNC);
	t_eq(off_of("cache+flood"), VMMU_SHADOW_ALL & ~(VMMU_SHADOW_CACHE | VMMU_SHADOW_FLOOD));
	t_eq(off_of("lru"), VMMU_SHADOW_ALL & ~VMMU_SHADOW_LRU);
}

Test(strategy, a_list_has_one_for_each_name)
{
	struct strategies s;
	struct err err = { 0 };
	unsigned i, k;

	t_eq(strategies_parse("all,vtlb,no-lru", &s, &err), 0);
	t_eq(s.nr, 3);
	t_eq(s.s[2].off, VMMU_SHADOW_LRU);
	t_eq(strategies_parse("all-strategies", &s, &err), 0);
	t_eq(s.nr, 12);
	for (i = 0; i < s.nr; i++)
		for (k = 0; k < i; k++)
			t_true(s.s[i].off != s.s[k].off && strcmp(s.s[i].name, s.s[k].name));
}

Test(strategy, what_is_none_is_refused_with_the_names)
{
	static const char *const bad[] = { "",	     "al",	 "no-",	      "no-such",  "cache+",
					   "+cache", "cache+no", "all,,vtlb", "all, vtlb" };
	struct strategies s;
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { 0 };

		t_check(strategies_parse(bad[i], &s, &err) < 0, "'%s' is taken", bad[i]);
		t_eq(err.status, STATUS_USAGE);
		t_true(strstr(err.text, "prefetch") != NULL);
	}
}
